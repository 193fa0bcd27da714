import { checkFunction, checkInteger } from "../internal/mod.ts";
import { checkMs, checkObject, checkText } from "./_check.ts";
import type { FoldKey, FoldKind } from "./kind.ts";

/** Throws unless an object is a kind. */
export function checkKind<K extends FoldKey, P, I extends string>(
  action: string,
  kind: FoldKind<K, P, I>,
): void {
  checkObject(action, "kind", kind);
  checkInteger(action, "kind.id", kind.id, 0, 0xffff);
  checkText(action, "kind.name", kind.name);
  checkMs(action, "kind.defaultTtlMs", kind.defaultTtlMs, 0);
  checkFunction(action, "kind.key", kind.key);
  for (const name of ["merge", "parse", "audit"] as const) {
    if (kind[name] !== undefined) checkFunction(action, `kind.${name}`, kind[name]);
  }
  if (kind.codec !== undefined) {
    checkObject(action, "kind.codec", kind.codec);
    checkFunction(action, "kind.codec.encode", kind.codec.encode);
    checkFunction(action, "kind.codec.decode", kind.codec.decode);
  }
  for (const [name, index] of Object.entries(kind.indexes ?? {})) {
    checkFunction(action, `kind.indexes.${name}`, index as unknown);
  }
}
