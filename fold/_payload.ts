import { refusal } from "../internal/mod.ts";
import { canonicalJson, checkJson } from "./_canonical_json.ts";
import type { FoldKey, FoldKind } from "./kind.ts";

/** Writes a payload as the bytes of its kind. */
export function encodePayload<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  payload: P,
): Uint8Array {
  if (kind.codec === undefined) return new TextEncoder().encode(canonicalJson(payload));
  const bytes = kind.codec.encode(payload);
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(refusal("encode a payload", "codec must answer a Uint8Array", bytes));
}

/** Reads a payload of a kind, and throws for one that is none. */
export function decodePayload<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  bytes: Uint8Array,
): P {
  const payload: unknown = kind.codec === undefined ? decodeJson(bytes) : kind.codec.decode(bytes);
  return kind.parse === undefined ? payload as P : kind.parse(payload);
}

/** Reads JSON, and throws for what could not be written again: `1e999` is infinite, and what is too deep ends the stack. */
function decodeJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const value: unknown = JSON.parse(text);
  checkJson(value);
  return value;
}
