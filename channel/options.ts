/**
 * What a {@linkcode Channel} does with a value for which it has no room.
 *
 * - `"wait"`: the sender waits for room; nothing is lost.
 * - `"drop-newest"`: the value being sent is discarded; what is buffered stays.
 * - `"drop-oldest"`: the oldest buffered values are discarded to make room.
 * - `"fail"`: the send is refused with a {@linkcode ChannelFullError}; the sender keeps the value.
 */
export type ChannelOverflow = "wait" | "drop-newest" | "drop-oldest" | "fail";

/**
 * Options of the {@linkcode Channel} constructor.
 *
 * @typeParam T The type of the values.
 */
export interface ChannelOptions<T = unknown> {
  /**
   * How many values the buffer holds: a non-negative integer. `0` makes a rendezvous channel, in
   * which a value goes straight from a sender to a receiver. Memory is taken as the buffer fills,
   * not in advance.
   *
   * @default {0}
   */
  readonly capacity?: number | undefined;

  /**
   * What happens to a value for which there is no room.
   *
   * @default {"wait"}
   */
  readonly overflow?: ChannelOverflow | undefined;

  /**
   * A second bound: how many bytes the buffered values may have together, as measured by `sizeOf`.
   * A positive number.
   *
   * A value larger than this can never be buffered: `"wait"` and `"fail"` refuse it with a
   * `RangeError`, the dropping policies drop it, and `trySend` answers false.
   *
   * @default {Infinity}
   */
  readonly maxBytes?: number | undefined;

  /**
   * Measures one value in bytes: a finite, non-negative number, read once when the value is sent.
   * Required with `maxBytes`, and allowed only with it.
   */
  readonly sizeOf?: ((value: T) => number) | undefined;

  /**
   * Called with each value that the channel discards, after the channel is consistent again, so it
   * may use the channel. What it throws goes to `reportError`, which ends the process unless somebody
   * listens to its `error` events; the channel itself goes on.
   */
  readonly onDrop?: ((value: T) => void) | undefined;
}

/** Options of every operation of a {@linkcode Channel} that can wait. */
export interface ChannelWaitOptions {
  /**
   * Ends the wait: the operation rejects with the signal's reason, and nothing of it stays behind in
   * the channel or on the signal. An operation that need not wait does not look at it.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@linkcode Channel.send}. */
export type ChannelSendOptions = ChannelWaitOptions;

/** Options of {@linkcode Channel.receive}. */
export type ChannelReceiveOptions = ChannelWaitOptions;

/**
 * Options of {@linkcode Channel.sendBatch}.
 *
 * @typeParam T The type of the values.
 */
export interface ChannelSendBatchOptions<T> extends ChannelWaitOptions {
  /**
   * Called with the values that were not accepted, in order, just before the promise rejects. An
   * abort rejects with the signal's reason, which cannot carry them.
   */
  readonly onUnsent?: ((values: T[]) => void) | undefined;
}

/**
 * What {@linkcode Channel.tryReceive} found.
 *
 * - `"ok"`: a value, in `value`.
 * - `"empty"`: nothing is there now.
 * - `"closed"`: nothing is there, and nothing will come.
 *
 * @typeParam T The type of the values.
 */
export type ChannelReceiveResult<T> =
  | {
    /** There was a value. */
    state: "ok";
    /** The value. */
    value: T;
  }
  | {
    /** Nothing is there now. */
    state: "empty";
  }
  | {
    /** Nothing is there, and nothing will come. */
    state: "closed";
  };
