import { onAbort } from "../internal/mod.ts";

/** What wakes all that wait for another commit. Nothing of one that does not wait is in it. */
export class Bell {
  #waiters: Set<() => void> = new Set();

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Wakes all. */
  ring(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  /** Waits until it rings. Rejects with the reason of the signal. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = signal && onAbort(signal, (reason) => {
      this.#waiters.delete(wake);
      reject(reason);
    });
    const wake = (): void => {
      stop?.();
      resolve();
    };
    this.#waiters.add(wake);
    return promise;
  }
}
