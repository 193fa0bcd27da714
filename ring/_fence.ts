/**
 * Keeps the copying of payloads on its side of the words that say whether they are whole.
 *
 * `Atomics` order themselves, but on processors that reorder (ARM) a plain access may still pass an atomic load behind it, or an atomic store
 * before it. A read-modify-write between the two cannot be passed in either direction. On x64 plain loads stay in order among
 * themselves, and so do stores behind an atomic one, so there is nothing to do.
 *
 * @module
 */

type WithProcess = { readonly process?: { readonly arch?: unknown } };

const word = new Int32Array(1);
let isNeeded: boolean | undefined;

/** No memory access moves from one side of a call to the other. */
export function fence(): void {
  isNeeded ??= (globalThis as WithProcess).process?.arch !== "x64";
  if (isNeeded) Atomics.add(word, 0, 0);
}
