import { refusal } from "../internal/mod.ts";
import type { FoldKey } from "./kind.ts";

/**
 * Hashes a key to 32 bits, so that keys that differ in anything differ in the lowest bits as well.
 *
 * @param key The key.
 * @param seed What nobody outside knows, so that nobody can send keys that all fall into one bucket.
 */
export function hashKey(key: FoldKey | boolean, seed: number): number {
  if (typeof key === "string") return hashText(key, seed);
  if (typeof key === "bigint") return hashText(key.toString(36), seed ^ 1);
  if (typeof key === "boolean") return finish(seed ^ (key ? 2 : 3));
  if (key === (key | 0)) return finish(key ^ seed);
  // By its digits: in two steps of 32 bits, the second could cancel what the first has done, whatever the seed is.
  return hashText(String(key), seed ^ 4);
}

/**
 * Hashes a text to 32 bits.
 *
 * One code unit at a time: with two, whoever sends a text would choose the highest bit of a step, and could cancel in the next one what that does
 * to the hash, whatever the seed is.
 */
export function hashText(text: string, seed: number): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return finish(hash);
}

/** Throws unless `key` can be one. */
export function checkKey(action: string, key: unknown): asserts key is FoldKey {
  if (typeof key === "string" || typeof key === "bigint") return;
  if (typeof key === "number" && key === key) return;
  throw new TypeError(refusal(action, "key must answer a string, a number or a bigint", key));
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
