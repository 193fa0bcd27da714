import type { Fifo } from "./_fifo.ts";
import type { Waiter } from "./_waiters.ts";

/** What an iterator needs of the channel it reads. */
export interface Iterated<T> {
  readonly buffer: Fifo<T>;
  readonly senders: { readonly first: unknown };
  /** Whether a buffered value leaves by nothing more than a shift while no sender waits. */
  readonly isPlain: boolean;
  /** Adds the values that are there to `batch`, until it holds `max`. */
  drain(batch: T[], max: number): T[];
  /**
   * Waits for one value, alone in an array so that it is not unwrapped; an empty array is the end.
   * Tells `onWaiting` by what the wait can be settled.
   */
  wait(
    signal: AbortSignal | undefined,
    onWaiting: (receiver: Waiter<T>) => void,
  ): Promise<T[]>;
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
  const isPlain = source.isPlain && max === 0;
  let done = false;
  let waiting: Waiter<T> | undefined;
  // Calls to next() that have not settled, and the last of them, behind which the next lines up.
  let unsettled = 0;
  let last: Promise<Result>;

  const settled = (): void => {
    unsettled--;
  };
  const track = (promise: Promise<Result>): Promise<Result> => {
    unsettled++;
    last = promise;
    promise.then(settled, settled);
    return promise;
  };
  const step = async (): Promise<Result> => {
    try {
      if (!done) {
        signal?.throwIfAborted();
        let values = source.drain([], max || 1);
        if (values.length === 0) {
          values = await source.wait(signal, (receiver) => {
            waiting = receiver;
          });
        }
        if (values.length > 0) {
          // A value that is a promise is unwrapped, as it is wherever values are awaited.
          const value = max > 0 ? source.drain(values, max) : await values[0] as T;
          return { value, done: false };
        }
      }
      done = true;
      return { value: undefined, done };
    } catch (error) {
      done = true;
      throw error;
    }
  };

  const iterator: AsyncIterableIterator<T | T[]> = {
    next() {
      if (unsettled > 0) return track(last.then(step, step));
      // The path of a busy channel: no more than one promise and one result a value.
      if (isPlain && !done && buffer.length > 0 && senders.first === undefined) {
        const value = buffer.peek();
        if (typeof value !== "object" || !(value instanceof Promise)) {
          return Promise.resolve({ value: buffer.shift(), done: false });
        }
      }
      return track(step());
    },
    return(value) {
      done = true;
      if (waiting?.settle()) waiting.end?.();
      return Promise.resolve({ value, done });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
