import { Waiter, WaiterList } from "./_waiters.ts";
import { Channel, internals } from "./channel.ts";
import type { ChannelWaitOptions } from "./options.ts";

/**
 * The element type of an async iterable.
 *
 * @typeParam S The async iterable.
 */
export type ElementOf<S> = S extends AsyncIterable<infer T> ? T : never;

/** One source: a channel, which is asked only while somebody waits, or an iterator, of which one value may be held. */
interface Source<T> {
  readonly iterable: AsyncIterable<T>;
  /** The iterable, when it is a channel. */
  readonly channel: Channel<T> | undefined;
  /** The receive that waits in the channel. */
  receiver?: Waiter<T>;
  iterator?: AsyncIterator<T>;
  isPulling?: boolean;
  held?: { readonly value: T };
}

/**
 * Reads several sources as one.
 *
 * Each value comes from the source that has one; of several that have, they take turns. Values of one source keep their order. A
 * source is asked for its next value only after the one before was taken. The result ends when every source has ended; the first
 * source that fails ends it with that error.
 *
 * Channels among the sources are read only while a `next()` waits, so nothing is ever read ahead of them, and leaving the loop
 * loses nothing and closes none of them. Of any other source, one value may have been read ahead when the loop is left: it is
 * gone, and the source's `return()` is called.
 *
 * Nothing happens before the first `next()`. A `next()` costs O(sources).
 *
 * @typeParam S The type of the sources.
 * @param sources What to read; each must be an async iterable.
 * @param options Cancellation of the whole; the pending `next()` rejects with the signal's reason.
 * @returns One iterator over the values of all sources.
 * @throws {TypeError} If a source is not an async iterable.
 *
 * @example Reading two channels in turn
 * ```ts
 * import { Channel, merge } from "@weir/weir/channel";
 * import { assertEquals } from "@std/assert";
 *
 * const left = new Channel<string>({ capacity: 2 });
 * const right = new Channel<string>({ capacity: 2 });
 * await left.sendBatch(["l1", "l2"]);
 * await right.sendBatch(["r1", "r2"]);
 * left.close();
 * right.close();
 * assertEquals(await Array.fromAsync(merge([left, right])), ["l1", "r1", "l2", "r2"]);
 * ```
 */
export function merge<S extends AsyncIterable<unknown>>(
  sources: Iterable<S>,
  options: ChannelWaitOptions = {},
): AsyncIterableIterator<ElementOf<S>> {
  type T = ElementOf<S>;
  const { signal } = options;
  // In the order in which they take turns: whichever gave a value goes to the end.
  const active: Source<T>[] = [];
  const pending: WaiterList<Waiter<IteratorResult<T>>> = new WaiterList();
  // Set by a failure that came while nobody waited; the next next() rejects with it.
  let failure: { readonly reason: unknown } | undefined;

  for (const iterable of sources as Iterable<AsyncIterable<T>>) {
    if (typeof iterable?.[Symbol.asyncIterator] !== "function") {
      throw new TypeError(`Cannot merge: a source must be an async iterable, received ${iterable}`);
    }
    const channel = iterable instanceof Channel ? iterable : undefined;
    active.push({ iterable, channel });
  }

  /** Leaves every source and ends every pending next(); answers when the sources have closed. */
  const stop = (): Promise<unknown> => {
    const closings: Promise<unknown>[] = [];
    failure = undefined;
    for (const { receiver, iterator, isPulling } of active.splice(0)) {
      receiver?.settle();
      const closing = (async () => await iterator?.return?.())();
      // Behind a pull that never settles, return() does not either; and nobody is left to hear of it.
      if (isPulling) closing.catch(() => {});
      else closings.push(closing);
    }
    for (let next; (next = pending.shift()) !== undefined;) {
      next.resolve({ value: undefined, done: true });
    }
    return Promise.all(closings);
  };
  const fail = (reason: unknown): void => {
    const next = pending.shift();
    next?.reject(reason);
    stop().catch(() => {});
    if (next === undefined) failure = { reason };
  };
  const remove = (source: Source<T>): void => {
    active.splice(active.indexOf(source), 1);
    if (active.length === 0) stop();
  };
  const give = (source: Source<T>, value: T): void => {
    active.push(...active.splice(active.indexOf(source), 1));
    pending.shift()!.resolve({ value, done: false });
    if (pending.first !== undefined) {
      ask(source);
      pull(source);
    } else for (const other of active) other.receiver?.settle();
  };
  /** Waits in a channel, which must have nothing, for the first pending next(). */
  const ask = (source: Source<T>): void => {
    if (source.channel === undefined) return;
    const onValue = (value: T): void => give(source, value);
    source.receiver = internals.wait(source.channel, onValue, fail, () => remove(source));
  };
  /** Asks an iterator for its next value, unless it is busy or its last value has not been taken. */
  const pull = async (source: Source<T>): Promise<void> => {
    if (source.channel !== undefined || source.isPulling || source.held !== undefined) return;
    source.isPulling = true;
    try {
      source.iterator ??= source.iterable[Symbol.asyncIterator]();
      const { done, value } = await source.iterator.next();
      source.isPulling = false;
      if (!active.includes(source)) return;
      if (done) remove(source);
      else if (pending.first === undefined) source.held = { value };
      else give(source, value);
    } catch (error) {
      source.isPulling = false;
      // It has ended by itself: there is nothing to return().
      delete source.iterator;
      if (active.includes(source)) fail(error);
    }
  };
  /** The value of the first source that has one. */
  const find = (): IteratorResult<T> | undefined => {
    for (const source of active.slice()) {
      const received = source.channel?.tryReceive();
      // Ends it, or fails, and then the failure is what comes next.
      if (received?.state === "closed") ask(source);
      if (failure !== undefined) return undefined;
      const found = received?.state === "ok" ? received : source.held;
      if (found === undefined) continue;
      delete source.held;
      active.push(...active.splice(active.indexOf(source), 1));
      return { value: found.value, done: false };
    }
    return undefined;
  };

  const iterator: AsyncIterableIterator<T> = {
    next() {
      if (signal?.aborted && active.length > 0) fail(signal.reason);
      const isFirst = pending.first === undefined;
      // Before anything is looked at: a busy channel must not starve them, and they may send to a channel here.
      if (isFirst) {
        // One that fails ends all.
        for (const source of active.slice()) if (active.includes(source)) pull(source);
      }
      const found = isFirst ? find() : undefined;
      if (found !== undefined) return Promise.resolve(found);
      if (failure !== undefined) {
        const { reason } = failure;
        failure = undefined;
        return Promise.reject(reason);
      }
      if (active.length === 0) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => {
        const onError = (reason: unknown): void => {
          reject(reason);
          stop().catch(() => {});
        };
        new Waiter(pending, resolve, onError, signal);
        if (isFirst) active.forEach(ask);
      });
    },
    async return(value) {
      await stop();
      return { value: await value, done: true };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
