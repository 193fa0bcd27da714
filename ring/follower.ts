import type { RingCursor } from "./cursor.ts";
import type { Watch } from "./_watch.ts";

/** How long, in milliseconds, an iteration that always finds something goes on before the rest of the program gets its turn. */
const TURN_MS = 8;

/**
 * An iteration over what comes in a ring. It ends with its signal, with `return()`, which leaving a loop calls, and with its ring.
 *
 * @typeParam T What it iterates over.
 */
export interface RingFollower<T> extends AsyncIterableIterator<T>, AsyncDisposable {
  /** Where it is. */
  readonly cursor: RingCursor;
  /** The iterator itself. */
  [Symbol.asyncIterator](): RingFollower<T>;
}

/** Not an async generator: its return() would stand behind a next() that may never settle. */
export class Follower<T> implements RingFollower<T> {
  readonly cursor: RingCursor;
  readonly #take: () => T | undefined;
  readonly #watch: Watch;
  readonly #signal: AbortSignal | undefined;
  readonly #ring: { readonly closed: boolean };
  readonly #waiting: Set<{ end(): Promise<void> }>;
  #done = false;
  /** Settles the `next()` that is pending. */
  #pending: { resolve(result: IteratorResult<T>): void; reject(reason: unknown): void } | undefined;
  #last: Promise<unknown> | undefined;
  #lastTurn = performance.now();

  constructor(
    take: () => T | undefined,
    watch: Watch,
    cursor: RingCursor,
    signal: AbortSignal | undefined,
    ring: { readonly closed: boolean },
    waiting: Set<{ end(): Promise<void> }>,
  ) {
    this.#take = take;
    this.#watch = watch;
    this.cursor = cursor;
    this.#signal = signal;
    this.#ring = ring;
    this.#waiting = waiting;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#last === undefined) return this.#step();
    // One at a time, in the order of the calls.
    return this.#track(this.#last.then(() => this.#step(), () => this.#step()));
  }

  #step(): Promise<IteratorResult<T>> {
    if (this.#ring.closed) this.#done = true;
    if (this.#done) return Promise.resolve({ value: undefined, done: true });
    if (this.#signal?.aborted) {
      this.end();
      return Promise.reject(this.#signal.reason);
    }
    const now = performance.now();
    const mustYield = now - this.#lastTurn > TURN_MS;
    if (mustYield) this.#lastTurn = now;
    else {
      try {
        const value = this.#take();
        if (value !== undefined) return Promise.resolve({ value, done: false });
      } catch (error) {
        this.end();
        return Promise.reject(error);
      }
    }
    return this.#track(this.#wait(mustYield));
  }

  #track(result: Promise<IteratorResult<T>>): Promise<IteratorResult<T>> {
    this.#last = result;
    const forget = (): void => {
      if (this.#last === result) this.#last = undefined;
    };
    result.then(forget, forget);
    return result;
  }

  #wait(mustYield: boolean): Promise<IteratorResult<T>> {
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#pending = undefined;
        this.#waiting.delete(this);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = async (): Promise<void> => {
        settle();
        await this.end();
        reject(signal!.reason);
      };
      this.#pending = {
        resolve(result) {
          settle();
          resolve(result);
        },
        reject(reason) {
          settle();
          reject(reason);
        },
      };
      this.#waiting.add(this);
      signal?.addEventListener("abort", onAbort);
      this.#watch.start(() => this.#look(), mustYield);
    });
  }

  /** Settles the pending `next()` if there is something for it. */
  #look(): boolean {
    const pending = this.#pending;
    if (pending === undefined) return true;
    try {
      const value = this.#take();
      if (value === undefined) return false;
      pending.resolve({ value, done: false });
    } catch (error) {
      // In this order: an end fulfils what is pending.
      pending.reject(error);
      this.end();
    }
    return true;
  }

  /** Ends the iteration; a pending `next()` finds it done. */
  async end(): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    const stopped = this.#watch.stop();
    this.#pending?.resolve({ value: undefined, done: true });
    await stopped;
  }

  async return(value?: unknown): Promise<IteratorResult<T>> {
    await this.end();
    return { value: await value, done: true };
  }

  async throw(reason?: unknown): Promise<IteratorResult<T>> {
    await this.end();
    throw reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
