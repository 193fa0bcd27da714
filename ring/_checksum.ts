/**
 * The checksum of a frame on a ring that many write to: that of Murmur3, of 32 bits, over what its publisher said and the payload. It tells
 * a whole frame from two writers' halves of one, which marks cannot where one of them was stopped for a whole round. It is no
 * protection against somebody who means harm.
 *
 * @module
 */

let scratch = new Uint8Array(256);
let scratchWords = new Int32Array(scratch.buffer);

/** The checksum of a frame whose payload is anywhere. */
export function checksumOf(
  payload: Uint8Array,
  counter: number,
  kind: number,
  version: number,
): number {
  const { length } = payload;
  if (length > scratch.length) {
    scratch = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
    scratchWords = new Int32Array(scratch.buffer);
  }
  scratch.set(payload);
  return checksumOfWords(scratchWords, 0, length, counter, kind, version);
}

/** The checksum of a frame whose payload begins at a byte, a multiple of 4. */
export function checksumOfWords(
  words: Int32Array,
  start: number,
  length: number,
  counter: number,
  kind: number,
  version: number,
): number {
  let hash = mix(counter | 0, (counter / 2 ** 32) | 0);
  hash = mix(mix(hash, kind), length);
  hash = mix(mix(hash, version | 0), (version / 2 ** 32) | 0);
  const first = start >> 2;
  const end = first + (length >> 2);
  for (let at = first; at < end; at++) hash = mix(hash, words[at]!);
  const rest = length & 3;
  // What is behind the payload in its last word is not part of it.
  if (rest > 0) hash = mix(hash, words[end]! & ((1 << (8 * rest)) - 1));
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  mixed ^= hash;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
