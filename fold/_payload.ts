import { refusal } from "../internal/mod.ts";
import { canonicalJson } from "./_canonical_json.ts";
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
  const payload: unknown = kind.codec === undefined
    ? JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
    : kind.codec.decode(bytes);
  return kind.parse === undefined ? payload as P : kind.parse(payload);
}
