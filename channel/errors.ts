/**
 * Thrown by an operation that a closed channel can no longer serve.
 *
 * From {@linkcode Channel.send} it carries the unsent value in `value`, from {@linkcode Channel.sendBatch} the array of the
 * values that were not accepted; from a receive it has no `value` property at all.
 *
 * @example Recovering the unsent value
 * ```ts
 * import { Channel, ChannelClosedError } from "@weir/weir/channel";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const channel = new Channel<number>();
 * channel.close();
 * const error = await assertRejects(() => channel.send(42), ChannelClosedError);
 * assertEquals(error.value, 42);
 * ```
 */
export class ChannelClosedError extends Error {
  /** The unsent value, or values; the property exists only when the error comes from a send. */
  declare readonly value?: unknown;

  /**
   * Creates the error.
   *
   * @param message What could not be done.
   * @param rest At most one element: the unsent value.
   */
  constructor(message: string, ...rest: [value: unknown] | []) {
    super(message);
    this.name = "ChannelClosedError";
    if (rest.length > 0) {
      Object.defineProperty(this, "value", { value: rest[0], enumerable: true });
    }
  }
}

/**
 * Thrown by {@linkcode Channel.send} and {@linkcode Channel.sendBatch} when a channel with `overflow: "fail"` has no room.
 *
 * @example Catching a full channel
 * ```ts
 * import { Channel, ChannelFullError } from "@weir/weir/channel";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const channel = new Channel<string>({ capacity: 1, overflow: "fail" });
 * await channel.send("first");
 * const error = await assertRejects(() => channel.send("second"), ChannelFullError);
 * assertEquals(error.value, "second");
 * ```
 */
export class ChannelFullError extends Error {
  /** The capacity of the channel, in values. */
  readonly capacity: number;
  /** The unsent value; from `sendBatch`, the array of the values that were not accepted. */
  readonly value: unknown;

  /**
   * Creates the error.
   *
   * @param capacity The capacity of the channel, in values.
   * @param value The unsent value, or values.
   */
  constructor(capacity: number, value: unknown) {
    super(`Cannot send to Channel: channel is full, capacity ${capacity}`);
    this.name = "ChannelFullError";
    this.capacity = capacity;
    this.value = value;
  }
}
