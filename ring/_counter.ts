/**
 * Counters of 53 bits in memory that others read and write meanwhile, by 32-bit operations only: 64-bit ones would make a `BigInt` each
 * time, which costs several times as much.
 *
 * The first word has bits 0 to 31 of the counter, the second bits 21 to 52. The second changes once in 2^21 times, and the 11 bits that
 * both have tell how far it is behind, or ahead: whoever reads the one before and the other after a change, or finds that a writer died
 * between the two, still computes the number that the first word belongs to, as long as the second is less than 2^31 away from it.
 *
 * @module
 */
import { loadWord } from "./_words.ts";

/** From which bit on a counter is in its second word. */
const SHIFT = 21;
const UNIT = 2 ** SHIFT;

/** The largest counter. */
export const MAX_COUNTER: number = Number.MAX_SAFE_INTEGER;

/** The counter whose first word is `low` and whose second word is about `high`. */
function combine(low: number, high: number): number {
  // How far the second word must be moved for the common bits to agree: from -1024 to 1023.
  const behind = (((low >>> SHIFT) - high) << SHIFT) >> SHIFT;
  const top = (high >>> 0) + behind;
  // Memory that others write may hold anything.
  if (top < 0 || top > 0xffffffff) return 0;
  return top * UNIT + (low & (UNIT - 1));
}

/** Reads the counter at a word. */
export function loadCounter(words: Int32Array, at: number, isReadOnly: boolean): number {
  return combine(loadWord(words, at, isReadOnly), loadWord(words, at + 1, isReadOnly));
}

/** Writes a counter at a word; only one may write it at a time. */
export function storeCounter(words: Int32Array, at: number, counter: number): void {
  Atomics.store(words, at + 1, Math.floor(counter / UNIT) | 0);
  Atomics.store(words, at, counter | 0);
}

/** Writes a counter that is `by` more than what stands there; only one may write it at a time. */
export function advanceCounter(words: Int32Array, at: number, counter: number, by: number): void {
  if ((counter & (UNIT - 1)) < by) Atomics.store(words, at + 1, Math.floor(counter / UNIT) | 0);
  Atomics.store(words, at, counter | 0);
}

/** Adds to a counter that many may add to at once, and answers what it was before. */
export function addToCounter(words: Int32Array, at: number, by: number): number {
  const counter = combine(Atomics.add(words, at, by), Atomics.load(words, at + 1));
  const top = Math.floor((counter + by) / UNIT);
  if (Math.floor(counter / UNIT) !== top) {
    // Whoever crosses later may be here sooner: the word never goes back.
    for (;;) {
      const high = Atomics.load(words, at + 1);
      if (((top | 0) - high | 0) <= 0) break;
      if (Atomics.compareExchange(words, at + 1, high, top | 0) === high) break;
    }
  }
  return counter;
}
