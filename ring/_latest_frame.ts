/**
 * The changes of a {@linkcode LatestMap} in payloads of frames. All integers are little-endian.
 *
 * | kind | change | payload |
 * |---|---|---|
 * | 2 | a key gets a value | when it expires, in milliseconds since 1970, a 64-bit float, infinite if never; 2 bytes, the length n of the key; n bytes, the key in UTF-8; the value |
 * | 3 | a key is deleted | the key in UTF-8 |
 * | 4 | all keys are deleted | none |
 *
 * @module
 */
import { refusal } from "../internal/mod.ts";
import { decodeText, encodeText } from "./codec.ts";
import { FrameTooLargeError } from "./errors.ts";

// The kinds of frames; that of events is 1.
export const PUT = 2;
export const DELETE = 3;
export const CLEAR = 4;

/** The bytes before the key. */
const PUT_BYTES = 10;
/** The bytes of the smallest change that gives a key a value: a key of one letter, and a value of none. */
export const LEAST_PUT_BYTES: number = PUT_BYTES + 1;
const MAX_KEY_BYTES = 0xffff;

/** A key as bytes. */
export function keyBytes(action: string, key: string): Uint8Array {
  // Two halves of surrogate pairs would become one key.
  if (typeof key !== "string" || key === "" || !key.isWellFormed()) {
    const requirement = "key must be a string that is not empty, in well-formed Unicode";
    throw new TypeError(refusal(action, requirement, key));
  }
  return encodeText(key);
}

/** What is too large for a frame. */
function tooLarge(action: string, what: string, length: number, capacity: number): Error {
  const message = `Cannot ${action}: a frame must have at most ${capacity} bytes, received ${what}`;
  return new FrameTooLargeError(message, length, capacity);
}

/** The payload that gives a key a value. */
export function putPayload(
  key: Uint8Array,
  value: Uint8Array,
  expiresAt: number,
  capacity: number,
): Uint8Array {
  const length = PUT_BYTES + key.length + value.length;
  if (length > capacity || key.length > MAX_KEY_BYTES) {
    const what =
      `${PUT_BYTES} bytes of its own, a key of ${key.length} and a value of ${value.length}`;
    throw tooLarge("set a key of LatestMap", what, length, capacity);
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, expiresAt, true);
  view.setUint16(8, key.length, true);
  bytes.set(key, PUT_BYTES);
  bytes.set(value, PUT_BYTES + key.length);
  return bytes;
}

/** The payload that deletes a key. */
export function deletePayload(key: Uint8Array, capacity: number): Uint8Array {
  if (key.length <= capacity) return key;
  throw tooLarge("delete a key of LatestMap", `a key of ${key.length}`, key.length, capacity);
}

/** A change that gives a key a value, as it was read. */
export interface Put {
  readonly key: string;
  readonly value: Uint8Array;
  readonly expiresAt: number;
}

/** Reads the payload of a change that gives a key a value; undefined if it is none. */
export function readPut(payload: Uint8Array): Put | undefined {
  if (payload.length < LEAST_PUT_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const expiresAt = view.getFloat64(0, true);
  const end = PUT_BYTES + view.getUint16(8, true);
  if (!(expiresAt > 0) || end > payload.length) return undefined;
  const key = readKey(payload.subarray(PUT_BYTES, end));
  return key === undefined ? undefined : { key, value: payload.subarray(end), expiresAt };
}

/** Reads a key; undefined if it is none. */
export function readKey(bytes: Uint8Array): string | undefined {
  try {
    return decodeText(bytes) || undefined;
  } catch {
    return undefined;
  }
}
