/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
// deno-fmt-ignore
const ROUND = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** The first 32 bits of the fractional parts of the square roots of the first 8 primes. */
// deno-fmt-ignore
const START = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

const BLOCK = 64;

// Nothing runs between the beginning and the end of a call, so that all calls can share these.
const state = new Int32Array(8);
const words = new Int32Array(64);
const tail = new Uint8Array(2 * BLOCK);

/**
 * The SHA-256 of some bytes (FIPS 180-4), at once: what the platform has answers later, and events must stay in order.
 *
 * @returns 32 bytes of their own.
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  state.set(START);
  let at = 0;
  for (; at + BLOCK <= length; at += BLOCK) mix(bytes, at);
  // What is left, a bit that ends it, and how many bits there were, in one block or two.
  const left = length - at;
  const end = left + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
  for (let i = 0; i < left; i++) tail[i] = bytes[at + i]!;
  tail[left] = 0x80;
  tail.fill(0, left + 1, end);
  setWord(tail, end - 8, Math.floor(length / 2 ** 29));
  setWord(tail, end - 4, length << 3);
  for (at = 0; at < end; at += BLOCK) mix(tail, at);
  const digest = new Uint8Array(32);
  for (let i = 0; i < 8; i++) setWord(digest, 4 * i, state[i]!);
  return digest;
}

function setWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

/** Takes one block into the state. */
function mix(bytes: Uint8Array, start: number): void {
  for (let i = 0; i < 16; i++) {
    const at = start + 4 * i;
    words[i] = bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
  }
  for (let i = 16; i < 64; i++) {
    const near = words[i - 2]!;
    const far = words[i - 15]!;
    const mixedNear = (near >>> 17 | near << 15) ^ (near >>> 19 | near << 13) ^ near >>> 10;
    const mixedFar = (far >>> 7 | far << 25) ^ (far >>> 18 | far << 14) ^ far >>> 3;
    words[i] = words[i - 16]! + mixedFar + words[i - 7]! + mixedNear | 0;
  }
  // The letters are those of the standard.
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const sumE = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const first = h + sumE + (g ^ e & (f ^ g)) + ROUND[i]! + words[i]! | 0;
    const sumA = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const second = sumA + (a & b | c & (a | b)) | 0;
    h = g;
    g = f;
    f = e;
    e = d + first | 0;
    d = c;
    c = b;
    b = a;
    a = first + second | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}
