import { onAbort } from "../internal/mod.ts";

/** What wakes those that wait for a commit. Nothing of one that does not wait is in it. */
export class Bell {
  /** What wakes each, and from which commit on. */
  readonly #waiters: Map<() => void, number> = new Map();
  // The first commit that somebody waits for.
  #first: number = Infinity;

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Wakes those that wait for a commit that there is now, the last one being this. */
  ring(seq: number): void {
    if (seq < this.#first) return;
    this.#first = Infinity;
    for (const [wake, first] of [...this.#waiters]) {
      if (first <= seq) wake();
      else this.#first = Math.min(this.#first, first);
    }
  }

  /** Wakes all. */
  ringAll(): void {
    this.ring(Infinity);
  }

  /** Waits for a commit, or until all are woken. Rejects with the reason of the signal. */
  wait(first: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = signal && onAbort(signal, (reason) => {
      this.#waiters.delete(wake);
      reject(reason);
    });
    const wake = (): void => {
      this.#waiters.delete(wake);
      stop?.();
      resolve();
    };
    this.#waiters.set(wake, first);
    this.#first = Math.min(this.#first, first);
    return promise;
  }
}
