/**
 * Reading words that others write.
 *
 * Memory that can only be read must not be read by `Atomics` in Bun: its compiler makes an addition of 0 of a load, and the system ends the
 * process for it. A plain load behind an atomic operation on another word does the same there: neither the compiler nor the processor
 * moves it before that operation, and it is behind whatever was read before.
 *
 * @module
 */

const own = new Int32Array(1);

/** Reads a word. */
export function loadWord(words: Int32Array, at: number, isReadOnly: boolean): number {
  if (!isReadOnly) return Atomics.load(words, at);
  Atomics.add(own, 0, 0);
  return words[at]!;
}

/** Reads a 64-bit word as a number, as far as a number holds it exactly. */
export function loadWide(wide: BigInt64Array, at: number, isReadOnly: boolean): number {
  if (!isReadOnly) return Number(BigInt.asUintN(53, Atomics.load(wide, at)));
  Atomics.add(own, 0, 0);
  return Number(BigInt.asUintN(53, wide[at]!));
}
