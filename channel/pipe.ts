import { type Channel, internals } from "./channel.ts";
import type { ChannelWaitOptions } from "./options.ts";

/** Options of {@linkcode pipe}. */
export interface PipeOptions extends ChannelWaitOptions {
  /**
   * Leaves the channel open when the source ends or fails, or the signal aborts: for several pipes into one channel.
   *
   * @default {false}
   */
  readonly preventClose?: boolean | undefined;
}

/**
 * Sends every value of a source to a channel, waiting for room where the channel's policy waits.
 *
 * When the source ends, the channel is closed; when it fails or the signal aborts, the channel is closed with that reason; when
 * the channel is closed by somebody else, the source is left at once, even in the middle of a wait. In each case the source's
 * `return()` is called, but not waited for while a pull is in progress.
 *
 * A value that was read from the source and can no longer be sent after an abort counts as `dropped` in the channel.
 *
 * @typeParam T The type of the values.
 * @param source Any async iterable: a `ReadableStream`, an async generator, another channel.
 * @param channel Where the values go.
 * @param options Cancellation, and whether to leave the channel open.
 * @returns A promise fulfilled once the source has ended and every value is accepted.
 * @throws {ChannelClosedError} Rejects with it when the channel closes first; it carries the value in hand, if there is one.
 * @throws {TypeError} Rejects with it, before any effect, if the source is not an async iterable.
 * @throws Rejects with the source's error, or with the signal's reason.
 *
 * @example Feeding a channel from a stream
 * ```ts
 * import { Channel, pipe } from "@weir/weir/channel";
 * import { assertEquals } from "@std/assert";
 *
 * const channel = new Channel<number>({ capacity: 1 });
 * const piped = pipe(ReadableStream.from([1, 2, 3]), channel);
 * assertEquals(await Array.fromAsync(channel), [1, 2, 3]);
 * await piped;
 * ```
 */
export async function pipe<T>(
  source: AsyncIterable<T>,
  channel: Channel<T>,
  options: PipeOptions = {},
): Promise<void> {
  const { signal, preventClose = false } = options;
  if (typeof source?.[Symbol.asyncIterator] !== "function") {
    throw new TypeError(`Cannot pipe: source must be an async iterable, received ${source}`);
  }
  let iterator: AsyncIterator<T> | undefined;
  let isPulling = false;

  /** The source's next result, unless the channel closes or the signal aborts first. */
  const pull = (from: AsyncIterator<T>): Promise<IteratorResult<T>> =>
    new Promise((resolve, reject) => {
      const watcher = internals.watch(channel, reject, signal);
      const next = async (): Promise<void> => {
        isPulling = true;
        try {
          const { done, value } = await from.next();
          isPulling = false;
          // What has ended or failed by itself is not left.
          if (done) iterator = undefined;
          if (watcher.settle()) resolve({ done: done === true, value });
          else if (!done) internals.discard(channel, value);
        } catch (error) {
          isPulling = false;
          iterator = undefined;
          if (watcher.settle()) reject(error);
        }
      };
      if (watcher.list !== undefined) next();
    });

  try {
    iterator = source[Symbol.asyncIterator]();
    for (;;) {
      signal?.throwIfAborted();
      const result = await pull(iterator);
      if (result.done) break;
      await channel.send(result.value, { signal }).catch((error) => {
        // The other rejections hand the value back in the error.
        if (signal?.aborted && error === signal.reason) internals.discard(channel, result.value);
        throw error;
      });
    }
    if (!preventClose) channel.close();
  } catch (error) {
    if (!preventClose) channel.close(error);
    const closing = (async () => await iterator?.return?.())().catch(() => {});
    // Behind a pull that never settles, return() does not either.
    if (!isPulling) await closing;
    throw error;
  }
}
