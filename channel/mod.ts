/**
 * A bounded hand-off of values between tasks: async iteration, `AbortSignal`, and a choice of what happens when there is no room.
 *
 * Use {@linkcode Channel} wherever one task produces what another consumes. It is a superset of `Channel` from `@std/async`, so
 * knowing one is knowing the other; beyond it there are overflow policies with exact counts of what was lost, batches, a bound in
 * bytes, {@linkcode merge} and {@linkcode pipe}.
 *
 * Do not use it to tell several readers the same thing: each value goes to one of them. And it lives in one thread.
 *
 * ```ts
 * import { Channel } from "@weir/weir/channel";
 * import { assertEquals } from "@std/assert";
 *
 * // Never more than two values in memory, whatever the producer does; the oldest go first.
 * const channel = new Channel<string>({ capacity: 2, overflow: "drop-oldest" });
 * for (const event of ["a", "b", "c"]) channel.trySend(event);
 * channel.close();
 * assertEquals(await Array.fromAsync(channel), ["b", "c"]);
 * assertEquals(channel.dropped, 1);
 * ```
 *
 * @module channel
 */
export { Channel } from "./channel.ts";
export { ChannelClosedError, ChannelFullError } from "./errors.ts";
export { type ElementOf, merge } from "./merge.ts";
export type {
  ChannelOptions,
  ChannelOverflow,
  ChannelReceiveOptions,
  ChannelReceiveResult,
  ChannelSendBatchOptions,
  ChannelSendOptions,
  ChannelWaitOptions,
} from "./options.ts";
export { pipe, type PipeOptions } from "./pipe.ts";
export type { Receiver, Sender } from "./views.ts";
