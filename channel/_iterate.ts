import type { Fifo } from "./_fifo.ts";
import type { Waiter } from "./_waiters.ts";

/** What a waiting iterator is given at the end of the channel. */
const END: unique symbol = Symbol();

/** What an iterator needs of the channel it reads. */
export interface Iterated<T> {
  readonly buffer: Fifo<T>;
  readonly senders: { readonly first: unknown };
  /** Whether a buffered value leaves by nothing more than a shift while no sender waits. */
  readonly isPlain: boolean;
  /** Adds the values that are there to `batch`, until it holds `max`. */
  drain(batch: T[], max: number): T[];
  /** Waits for one value, or for the end. Nothing must be there. */
  enqueue(
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
    end: () => void,
  ): Waiter<T>;
}

/**
 * Iterates over single values, or over batches of at most `max` where `max` is not 0.
 *
 * Not an async generator: its return() would stand behind a next() that may never settle.
 */
export function iterate<T>(
  source: Iterated<T>,
  max: number,
  signal?: AbortSignal,
): AsyncIterableIterator<T | T[]> {
  type Result = IteratorResult<T | T[]>;
  const { buffer, senders } = source;
  let done = false;
  // Whether next() may take a buffered value by a mere shift: there is nothing to measure, to collect or to refuse.
  let isQuick = source.isPlain && max === 0;
  let waiting: Waiter<T> | undefined;
  // Calls to next() that have not settled, and the last of them, behind which the next lines up.
  let unsettled = 0;
  let last: Promise<Result>;

  const finish = (): void => {
    done = true;
    isQuick = false;
  };
  const leave = (): void => {
    finish();
    if (waiting?.settle()) waiting.end?.();
  };
  const result = (value: T | T[] | typeof END): Result => {
    unsettled--;
    if (value !== END) return { value, done: false };
    finish();
    return { value: undefined, done: true };
  };
  const batch = (values: T[] | typeof END): Result =>
    result(values === END ? END : source.drain(values, max));
  const fail = (reason: unknown): never => {
    unsettled--;
    finish();
    throw reason;
  };

  const give = (value: T | T[]): Promise<Result> =>
    isThenable(value)
      ? track(Promise.resolve(value).then(result, fail))
      : Promise.resolve({ value, done: false });
  const step = (): Promise<Result> => {
    if (done) return Promise.resolve({ value: undefined, done });
    if (signal?.aborted) {
      finish();
      return Promise.reject(signal.reason);
    }
    const there = source.drain([], max || 1);
    if (there.length > 0) return give(max > 0 ? there : there[0] as T);
    // Settles one turn after the value came: a sender that goes on at once stays ahead of the reader, and neither waits again.
    return track(
      max > 0
        ? new Promise<T[] | typeof END>((resolve, reject) => {
          const end = (): void => resolve(END);
          waiting = source.enqueue((value) => resolve([value]), reject, signal, end);
        }).then(batch, fail)
        : new Promise<T | typeof END>((resolve, reject) => {
          waiting = source.enqueue(resolve, reject, signal, () => resolve(END));
        }).then(result, fail),
    );
  };
  const track = (promise: Promise<Result>): Promise<Result> => {
    unsettled++;
    return promise;
  };
  const settled = (): void => {
    unsettled--;
  };

  const iterator: AsyncIterableIterator<T | T[]> & AsyncDisposable = {
    next() {
      let next: Promise<Result>;
      if (unsettled === 0) {
        // The path of a busy channel: no more than one promise and one result a value.
        if (isQuick && buffer.length > 0 && senders.first === undefined) {
          const value = buffer.shift();
          if (!isThenable(value)) return Promise.resolve({ value, done: false });
          return last = give(value);
        }
        next = step();
        // A result that is there already is not kept from being collected.
        if (unsettled === 0) return next;
      } else {
        next = track(last.then(step, step));
        next.then(settled, settled);
      }
      return last = next;
    },
    async return(value) {
      leave();
      return { value: await value, done: true };
    },
    throw(reason) {
      leave();
      return Promise.reject(reason);
    },
    [Symbol.asyncDispose]() {
      leave();
      return Promise.resolve();
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

/** Whether `await` would unwrap the value; an iterator does it as well, wherever the value came from. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === "object" || typeof value === "function") && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
