import { refusal } from "../internal/mod.ts";
import { Slab } from "./_slab.ts";

/**
 * Turns values into bytes and back.
 *
 * @typeParam T The values.
 */
export interface Codec<T> {
  /**
   * Writes a value as bytes, which are copied before anything else is done with them. It throws if it cannot.
   *
   * @param value The value.
   */
  encode(value: T): Uint8Array;

  /**
   * Reads a value from bytes. It throws if they are not those of a value: anybody may have written them.
   *
   * @param bytes The bytes. They are other ones as soon as this returns: what is kept of them must be copied.
   */
  decode(bytes: Uint8Array): T;
}

/** A {@linkcode Codec} for whatever JSON can say; that what it reads is a `T` is for the caller to know. */
export interface JsonCodec {
  /**
   * Writes a value as JSON.
   *
   * @param value The value.
   * @throws {TypeError} If JSON cannot say it, such as `undefined`, a function, a `bigint`, or an object that holds itself.
   */
  encode(value: unknown): Uint8Array;

  /**
   * Reads a value from JSON.
   *
   * @typeParam T What the value is taken for.
   * @param bytes UTF-8.
   * @throws {SyntaxError} If they are not JSON.
   * @throws {TypeError} If they are not UTF-8.
   */
  decode<T>(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
const slab = new Slab();
/** Up to how many bytes a text may have to share a buffer with others. */
const SHARED_BYTES = 1_024;

/** Writes a text as UTF-8. */
export function encodeText(text: string): Uint8Array {
  // Each of its units has at most three bytes.
  const most = 3 * text.length;
  if (most > SHARED_BYTES) return encoder.encode(text);
  // A buffer of its own would cost several times as much as all the rest.
  const start = slab.take(most);
  const { written } = encoder.encodeInto(text, slab.bytes.subarray(start, start + most));
  return slab.bytes.subarray(start, start + written);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads UTF-8, throws at what is none, and takes nothing away. */
export function decodeText(bytes: Uint8Array): string {
  // A decoder that throws costs three times as much in Deno. What is not UTF-8 has U+FFFD in its place.
  const text = decoder.decode(bytes);
  return text.includes("\ufffd") ? strictDecoder.decode(bytes) : text;
}

/**
 * Values as JSON, in UTF-8. It says what JSON says: a date comes back as a string, and what an object holds that JSON cannot say is left out.
 *
 * @example Writing and reading a value
 * ```ts
 * import { jsonCodec } from "@weir/weir/ring";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const bytes = jsonCodec.encode({ id: 1 });
 * assertEquals(jsonCodec.decode<{ id: number }>(bytes), { id: 1 });
 * assertThrows(() => jsonCodec.encode(undefined), TypeError, "undefined");
 * ```
 */
export const jsonCodec: JsonCodec = {
  encode(value) {
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return encodeText(text);
    throw new TypeError(refusal("encode a value", "it must be one that JSON can say", value));
  },
  decode: (bytes) => JSON.parse(decodeText(bytes)),
};

/** Bytes as they are. What is read is a copy, and shares its memory with nothing. */
export const bytesCodec: Codec<Uint8Array> = {
  encode(value) {
    if (value instanceof Uint8Array) return value;
    throw new TypeError(refusal("encode a value", "it must be a Uint8Array", value));
  },
  decode: (bytes) => Uint8Array.from(bytes),
};

/** Strings, in UTF-8. Half a surrogate pair comes back as U+FFFD, as everywhere on the platform. */
export const textCodec: Codec<string> = {
  encode(value) {
    if (typeof value === "string") return encodeText(value);
    throw new TypeError(refusal("encode a value", "it must be a string", value));
  },
  decode: decodeText,
};

/** What a codec made of a value; a codec is written by others, and checked. */
export function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes = codec.encode(value);
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(refusal("encode a value", "a codec must answer a Uint8Array", bytes));
}
