import { refusal } from "../internal/mod.ts";
import { canonicalJson, checkJson } from "./_canonical_json.ts";
import { bytesOfBase64, decodeText, encodeText } from "./_text.ts";
import type { FoldKey, FoldKind } from "./kind.ts";

/** Writes a payload as the bytes of its kind. */
export function encodePayload<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  payload: P,
): Uint8Array {
  if (kind.codec === undefined) return encodeText(canonicalJson(payload));
  const bytes = kind.codec.encode(payload);
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(refusal("encode a payload", "codec must answer a Uint8Array", bytes));
}

/** Reads a payload of a kind, and throws for one that is none. */
export function decodePayload<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  bytes: Uint8Array,
): P {
  return parsed(
    kind,
    kind.codec === undefined ? readJson(decodeText(bytes)) : kind.codec.decode(bytes),
  );
}

/** Writes a payload as a text: JSON, or its bytes in base64 if the kind has a codec. */
export function payloadToText<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  payload: P,
): string {
  if (kind.codec === undefined) return canonicalJson(payload);
  const digits = Array.from(encodePayload(kind, payload), (byte) => String.fromCharCode(byte));
  return btoa(digits.join(""));
}

/** Reads a payload of a kind from a text, and throws for one that is none. */
export function payloadFromText<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  text: string,
): P {
  if (kind.codec === undefined) return parsed(kind, readJson(text));
  return decodePayload(kind, bytesOfBase64(text));
}

function parsed<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  payload: unknown,
): P {
  return kind.parse === undefined ? payload as P : kind.parse(payload);
}

/** Reads JSON, and throws for what could not be written again: `1e999` is infinite, and what is too deep ends the stack. */
function readJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  checkJson(value);
  return value;
}
