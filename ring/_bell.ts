import { BELL } from "./layout.ts";

/** How readers that wait are woken: by the word of the header that changes whenever somebody has something for them. */
export interface RingBell {
  /**
   * Whether to be woken takes longer than to look again in the next turns of the event loop, which is then done for a while first.
   *
   * @default {false}
   */
  readonly isSlow?: boolean;
  /** Wakes all who wait; the word has changed before. */
  wake(): void;
  /**
   * Waits until the bell is rung, unless the word differs from `expected` already.
   *
   * @param expected What the word was before the reader last looked for frames.
   * @param timeoutMs How long to wait at most.
   * @param done Called once, never at once: at the bell, at the end of the time, or at the word's difference.
   * @returns What ends the wait early, at once or when what it answers is fulfilled; `done` may still be called.
   */
  wait?(expected: number, timeoutMs: number, done: () => void): () => void | Promise<void>;
}

/** The longest a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

// Several storages may be made of one buffer.
const locals: WeakMap<ArrayBuffer, Set<() => void>> = new WeakMap();

/** A bell for the one thread that has the buffer. */
export function localBell(buffer: ArrayBuffer): RingBell {
  const waiting = locals.get(buffer) ?? new Set();
  locals.set(buffer, waiting);
  const word = new Int32Array(buffer, 4 * BELL, 1);
  return {
    wake() {
      for (const done of waiting) queueMicrotask(done);
      waiting.clear();
    },
    wait(expected, timeoutMs, done) {
      // It keeps the process alive: somebody awaits this.
      const timer = setTimeout(() => wake(), timeoutMs);
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        done();
      };
      if (word[0] === expected) waiting.add(wake);
      else queueMicrotask(wake);
      return () => {
        clearTimeout(timer);
        waiting.delete(wake);
      };
    },
  };
}

/** A bell for the threads that share the memory. */
export function sharedBell(words: Int32Array): RingBell {
  const wake = (): void => void Atomics.notify(words, BELL);
  // Older browsers have nothing of the kind; readers look again and again there.
  if (typeof Atomics.waitAsync !== "function") return { wake };
  return {
    wake,
    wait(expected, timeoutMs, done) {
      const { async, value } = Atomics.waitAsync(words, BELL, expected, timeoutMs);
      if (!async) {
        queueMicrotask(done);
        return () => {};
      }
      // Not every runtime stays alive for a wait of this kind.
      const timer = setTimeout(() => {}, LONGEST_MS);
      value.then(() => {
        clearTimeout(timer);
        done();
      });
      return () => {
        clearTimeout(timer);
        // There is no taking it back but this; others that wait look again, find nothing, and wait on.
        Atomics.notify(words, BELL);
      };
    },
  };
}
