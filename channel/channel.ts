import { refusal, reportUncaught } from "../internal/mod.ts";
import { Fifo } from "./_fifo.ts";
import { iterate, type Iterated } from "./_iterate.ts";
import { PendingSend } from "./_pending.ts";
import { Waiter, WaiterList } from "./_waiters.ts";
import { ChannelClosedError, ChannelFullError } from "./errors.ts";
import type {
  ChannelOptions,
  ChannelOverflow,
  ChannelReceiveOptions,
  ChannelReceiveResult,
  ChannelSendBatchOptions,
  ChannelSendOptions,
  ChannelWaitOptions,
} from "./options.ts";

const ACCEPTED: Promise<void> = Promise.resolve();
const EMPTY: { readonly state: "empty" } = Object.freeze({ state: "empty" });
const CLOSED: { readonly state: "closed" } = Object.freeze({ state: "closed" });
const POLICIES: readonly ChannelOverflow[] = ["wait", "drop-newest", "drop-oldest", "fail"];

/** What merge and pipe need of a channel beyond its public face. */
export interface ChannelInternals {
  /** Gives the next value to `resolve`, in the very call that sends it. Nothing must be ready. */
  wait<T>(
    channel: Channel<T>,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
    end: () => void,
  ): Waiter<T>;
  /** Calls `reject` when the channel closes, or the signal aborts, whichever is first. */
  watch<T>(
    channel: Channel<T>,
    reject: (reason: unknown) => void,
    signal?: AbortSignal,
  ): Waiter<void>;
  /** Counts a value that was meant for the channel and cannot reach it any more. */
  discard<T>(channel: Channel<T>, value: T): void;
}

/** Set by the static block of {@linkcode Channel}, which alone can reach the private fields. */
export let internals: ChannelInternals;

/**
 * A bounded hand-off of values between tasks: a first-in, first-out queue with a place to wait at each end.
 *
 * It is a superset of `Channel` from `@std/async` 1.5, with overflow policies, batches and a second bound in bytes.
 *
 * - **Order**: values leave in the order they were accepted, and waiting senders and receivers are served in the order they came.
 * - **Delivery**: each value goes to exactly one receiver, however many there are and however they read.
 * - **Accounting**: every value offered was delivered, is still queued, was given back to its sender, or counts in `dropped`.
 * - **Closing**: no value is accepted afterwards; those in the buffer can still be received, then receivers end.
 * - **`undefined`** is a value like any other.
 *
 * | operation | cost |
 * | --- | --- |
 * | send, receive, trySend, tryReceive | O(1) |
 * | sendBatch, receiveBatch | O(values) |
 * | abort of one wait | O(1) |
 * | close | O(waiting operations) |
 *
 * **Gotchas.** Calls of `send` that nobody awaits wait without a bound, each holding its value. A reader that leaves a loop, by
 * `break` or by `return()`, closes nothing; only `close` and the dispose methods do.
 *
 * @typeParam T The type of the values.
 *
 * @example A producer and a consumer
 * ```ts
 * import { Channel } from "@weir/weir/channel";
 * import { assertEquals } from "@std/assert";
 *
 * const channel = new Channel<number>({ capacity: 2 });
 * const produced = (async () => {
 *   for (const value of [1, 2, 3, 4]) await channel.send(value);
 *   channel.close();
 * })();
 * assertEquals(await Array.fromAsync(channel), [1, 2, 3, 4]);
 * await produced;
 * ```
 *
 * @example Keeping the newest values for a slow reader
 * ```ts
 * import { Channel } from "@weir/weir/channel";
 * import { assertEquals } from "@std/assert";
 *
 * const latest = new Channel<number>({ capacity: 2, overflow: "drop-oldest" });
 * for (const value of [1, 2, 3, 4, 5]) latest.trySend(value);
 * assertEquals(latest.dropped, 3);
 * assertEquals(await latest.receiveBatch(10), [4, 5]);
 * ```
 */
export class Channel<T> implements AsyncIterable<T>, Disposable, AsyncDisposable {
  static {
    internals = {
      wait: (channel, resolve, reject, end) => channel.#enqueue(resolve, reject, undefined, end),
      watch: (channel, reject, signal) => {
        const watcher = new Waiter<void>(channel.#watchers, () => {}, reject, signal);
        if (channel.#closed) channel.#endWatchers();
        return watcher;
      },
      discard: (channel, value) => channel.#discard(value),
    };
  }

  // Invariants between calls: receivers wait only while the buffer is empty and no sender waits; the
  // first sender waits only while its next value does not fit; nobody waits once the channel is closed.
  readonly #capacity: number;
  readonly #overflow: ChannelOverflow;
  readonly #maxBytes: number;
  readonly #sizeOf: ((value: T) => number) | undefined;
  readonly #onDrop: ((value: T) => void) | undefined;
  readonly #buffer: Fifo<T> = new Fifo();
  // The sizes of the buffered values, in a channel that measures.
  readonly #sizes: Fifo<number> | undefined;
  readonly #receivers: WaiterList<Waiter<T>> = new WaiterList();
  readonly #senders: WaiterList<PendingSend<T>> = new WaiterList();
  readonly #watchers: WaiterList<Waiter<void>> = new WaiterList();
  // Whoever stood behind the sender that left may fit.
  readonly #onSendAbort = (): void => this.#refill();
  // The capacity while nothing but the count decides whether a value has room: no sizes, and not closed. Else 0.
  #plainRoom: number;
  #bytes = 0;
  #dropped = 0;
  #closed = false;
  #hasReason = false;
  #endReason: unknown;

  /**
   * Creates a channel.
   *
   * @param options The bounds of the buffer, and what happens at them.
   * @throws {RangeError} If `capacity` is not a non-negative integer, or `maxBytes` not a positive number.
   * @throws {TypeError} If `overflow` is not a policy, or only one of `maxBytes` and `sizeOf` is given.
   */
  constructor(options: ChannelOptions<T> = {}) {
    const { capacity = 0, overflow = "wait", maxBytes = Infinity, sizeOf, onDrop } = options;
    if (!Number.isInteger(capacity) || capacity < 0) {
      throw new RangeError(
        refusal("create Channel", "capacity must be a non-negative integer", capacity),
      );
    }
    if (!POLICIES.includes(overflow)) {
      throw new TypeError(
        refusal("create Channel", `overflow must be one of ${POLICIES.join(", ")}`, overflow),
      );
    }
    if (!(maxBytes > 0)) {
      throw new RangeError(
        refusal("create Channel", "maxBytes must be a positive number", maxBytes),
      );
    }
    if ((sizeOf === undefined) !== (maxBytes === Infinity)) {
      throw new TypeError(
        refusal(
          "create Channel",
          "maxBytes needs sizeOf and sizeOf needs maxBytes",
          sizeOf ?? maxBytes,
        ),
      );
    }
    this.#capacity = capacity;
    this.#overflow = overflow;
    this.#plainRoom = sizeOf === undefined ? capacity : 0;
    this.#maxBytes = maxBytes;
    this.#sizeOf = sizeOf;
    this.#sizes = sizeOf && new Fifo();
    this.#onDrop = onDrop;
  }

  /**
   * Hands one value to the channel, waiting for room where the policy is `"wait"`.
   *
   * @param value The value; `undefined` is allowed.
   * @param options Cancellation of the wait. A value that can go at once is sent even if the signal has aborted.
   * @returns A promise fulfilled once a receiver or the buffer has the value, or a dropping policy has dealt with it.
   * @throws {ChannelClosedError} Rejects with it, carrying the value, once the channel is closed.
   * @throws {ChannelFullError} Rejects with it, carrying the value, under `"fail"` when there is no room.
   * @throws {RangeError} Rejects with it if `sizeOf` answers no size, or the value alone exceeds `maxBytes`.
   *
   * @example Giving up a send
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertRejects } from "@std/assert";
   *
   * const channel = new Channel<string>();
   * const giveUp = new AbortController();
   * const sent = channel.send("nobody reads", { signal: giveUp.signal });
   * giveUp.abort(new Error("too late"));
   * await assertRejects(() => sent, Error, "too late");
   * ```
   */
  send(value: T, options?: ChannelSendOptions): Promise<void> {
    if (this.#receivers.first === undefined && this.#buffer.length < this.#plainRoom) {
      this.#buffer.push(value);
      return ACCEPTED;
    }
    return this.#sendAll([value], options?.signal, single);
  }

  /**
   * Hands several values to the channel, in order and with none of another waiting sender between them.
   *
   * The array is read at the call; later changes to it mean nothing. Values accepted before an abort, a close or a full channel
   * stay accepted.
   *
   * @param values The values.
   * @param options Cancellation, and who gets back what was not accepted.
   * @returns A promise fulfilled once every value is accepted or dealt with by a dropping policy.
   * @throws {ChannelClosedError} Rejects with it once the channel is closed; `value` is the array of unsent values.
   * @throws {ChannelFullError} Rejects with it under `"fail"` when room runs out; `value` is the array of unsent values.
   * @throws {RangeError} Rejects with it, before any value is accepted, for a value that `send` would refuse so.
   *
   * @example Keeping what an abort left unsent
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * const channel = new Channel<number>({ capacity: 2 });
   * let unsent: number[] = [];
   * const signal = AbortSignal.abort(new Error("stop"));
   * const onUnsent = (values: number[]) => unsent = values;
   * await assertRejects(() => channel.sendBatch([1, 2, 3], { signal, onUnsent }), Error, "stop");
   * assertEquals(await channel.receiveBatch(9), [1, 2]);
   * assertEquals(unsent, [3]);
   * ```
   */
  sendBatch(values: readonly T[], options?: ChannelSendBatchOptions<T>): Promise<void> {
    const onUnsent = options?.onUnsent;
    return this.#sendAll(values.slice(), options?.signal, (unsent) => {
      call(onUnsent, unsent);
      return unsent;
    });
  }

  /**
   * Hands one value to the channel without ever waiting.
   *
   * @param value The value.
   * @returns True if the channel took it. False if the channel is closed or has no room; under `"drop-newest"` the value was then
   * dropped and counted, under `"wait"` and `"fail"` it is still the caller's.
   * @throws {RangeError} If `sizeOf` answers no size.
   *
   * @example Meeting a full channel
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const channel = new Channel<number>({ capacity: 1 });
   * assert(channel.trySend(1));
   * assertFalse(channel.trySend(2));
   * ```
   */
  trySend(value: T): boolean {
    if (this.#receivers.first === undefined && this.#buffer.length < this.#plainRoom) {
      this.#buffer.push(value);
      return true;
    }
    const size = this.#closed ? 0 : this.#measure(value);
    // Measuring is the caller's code, which may close the channel.
    if (this.#closed) return false;
    return this.#put(value, size) || (this.#drops && this.#spill(value, size));
  }

  /**
   * Takes the next value, waiting until there is one.
   *
   * @param options Cancellation of the wait. A value that is there is received even if the signal has aborted.
   * @returns A promise of the value.
   * @throws {ChannelClosedError} Rejects with it, without a `value`, once the channel is closed and drained; after `close(reason)`
   * it rejects with the reason instead.
   *
   * @example Receiving one value
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertEquals } from "@std/assert";
   *
   * const channel = new Channel<string>({ capacity: 1 });
   * await channel.send("a");
   * assertEquals(await channel.receive(), "a");
   * ```
   */
  receive(options?: ChannelReceiveOptions): Promise<T> {
    if (this.#ready) return Promise.resolve(this.#take());
    const signal = options?.signal;
    return new Promise((resolve, reject) => this.#enqueue(resolve, reject, signal));
  }

  /**
   * Takes the next value if there is one.
   *
   * @returns The value, or whether the channel is empty or has ended. The results without a value are shared objects.
   *
   * @example Telling empty from closed
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertEquals } from "@std/assert";
   *
   * const channel = new Channel<undefined>({ capacity: 1 });
   * channel.trySend(undefined);
   * assertEquals(channel.tryReceive(), { state: "ok", value: undefined });
   * assertEquals(channel.tryReceive(), { state: "empty" });
   * channel.close();
   * assertEquals(channel.tryReceive(), { state: "closed" });
   * ```
   */
  tryReceive(): ChannelReceiveResult<T> {
    if (this.#ready) return { state: "ok", value: this.#take() };
    return this.#closed ? CLOSED : EMPTY;
  }

  /**
   * Takes all values that are there, up to `max`, waiting until there is at least one.
   *
   * @param max The most values to take: a positive integer, or `Infinity`.
   * @param options Cancellation of the wait.
   * @returns A promise of one value or more, in order; of an empty array once the channel is closed and drained.
   * @throws {RangeError} Rejects with it if `max` is neither.
   * @throws Rejects with the reason given to `close`, once the channel is drained.
   *
   * @example Taking a burst at once
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertEquals } from "@std/assert";
   *
   * const channel = new Channel<number>({ capacity: 8 });
   * const batch = channel.receiveBatch(3);
   * for (const value of [1, 2, 3, 4]) channel.trySend(value);
   * channel.close();
   * assertEquals(await batch, [1, 2, 3]);
   * assertEquals(await channel.receiveBatch(3), [4]);
   * assertEquals(await channel.receiveBatch(3), []);
   * ```
   */
  receiveBatch(max: number, options?: ChannelWaitOptions): Promise<T[]> {
    try {
      checkBatchSize(max);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#ready) return Promise.resolve(this.#drain([], max));
    const signal = options?.signal;
    // Others may have come by the time the first one arrives here: a burst is one batch.
    return new Promise<T[]>((resolve, reject) => {
      this.#enqueue((value) => resolve([value]), reject, signal, () => resolve([]));
    }).then((first) => first.length > 0 ? this.#drain(first, max) : first);
  }

  /**
   * Iterates over the values in batches of at most `max`, as {@linkcode Channel.receiveBatch} takes them.
   *
   * @param max The most values in one batch: a positive integer, or `Infinity`.
   * @param options Cancellation of the whole loop: an aborted signal ends it even when values are there.
   * @returns An iterator that ends when the channel has ended. Leaving it does not close the channel.
   * @throws {RangeError} If `max` is neither.
   *
   * @example Writing rows in batches
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertEquals } from "@std/assert";
   *
   * const rows = new Channel<number>({ capacity: 5 });
   * await rows.sendBatch([1, 2, 3, 4, 5]);
   * rows.close();
   * assertEquals(await Array.fromAsync(rows.batches(2)), [[1, 2], [3, 4], [5]]);
   * ```
   */
  batches(max: number, options?: ChannelWaitOptions): AsyncIterableIterator<T[]> {
    checkBatchSize(max);
    return this.#iterate(max, options?.signal) as AsyncIterableIterator<T[]>;
  }

  /**
   * Iterates over the values until the channel has ended; rejects with the reason given to `close`, if there was one.
   *
   * Leaving the iterator does not close the channel, and ends a pending `next()` at once. Several iterators share the values.
   *
   * @returns The iterator. It takes nothing before its first `next()`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.#iterate(0) as AsyncIterableIterator<T>;
  }

  /**
   * Reads the channel as a web stream. Nothing is taken from the channel before somebody reads.
   *
   * The stream closes when the channel has ended, and errors with the reason given to `close`. Cancelling it closes the channel,
   * for all its users, with the reason given to `cancel`; a value that was on its way to a cancelled read counts as `dropped`.
   *
   * @returns A new stream; several of one channel share its values.
   *
   * @example Answering with a stream
   * ```ts
   * import { Channel } from "@weir/weir/channel";
   * import { assertEquals } from "@std/assert";
   *
   * const lines = new Channel<Uint8Array>({ capacity: 4 });
   * await lines.send(new TextEncoder().encode("hello"));
   * lines.close();
   * assertEquals(await new Response(lines.toReadableStream()).text(), "hello");
   * ```
   */
  toReadableStream(): ReadableStream<T> {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream<T>({
      pull: async (controller) => {
        const { done, value } = await iterator.next();
        if (done) return controller.close();
        try {
          controller.enqueue(value);
        } catch {
          // Cancelled since the value was handed over.
          this.#discard(value);
        }
      },
      cancel: (reason) => {
        if (reason === undefined) this.close();
        else this.close(reason);
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Closes the channel. Waiting senders are rejected with a {@linkcode ChannelClosedError} that carries their unsent value; receivers
   * take what is buffered, then end. Closing again does nothing.
   */
  close(): void;
  /**
   * Closes the channel because of something: receivers take what is buffered, then reject with `reason`. Waiting senders get the same
   * {@linkcode ChannelClosedError} as without a reason, so that they can recover their value.
   *
   * @param reason What receivers reject with; `undefined` is a reason too.
   */
  close(reason: unknown): void;
  close(...args: [reason: unknown] | []): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#plainRoom = 0;
    this.#hasReason = args.length > 0;
    this.#endReason = this.#hasReason
      ? args[0]
      : new ChannelClosedError("Cannot receive from Channel: channel is closed");
    for (let sender; (sender = this.#senders.shift()) !== undefined;) {
      sender.reject(closedError(sender.giveBack()));
    }
    for (let receiver; (receiver = this.#receivers.shift()) !== undefined;) this.#end(receiver);
    this.#endWatchers();
  }

  /** Whether the channel has been closed; values may still be buffered. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many values the buffer can hold. */
  get capacity(): number {
    return this.#capacity;
  }

  /** How many values are buffered. Values of waiting senders do not count. */
  get size(): number {
    return this.#buffer.length;
  }

  /** How many bytes the buffered values have together; 0 in a channel without `sizeOf`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many values the channel has discarded since it was made. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Closes the channel. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the channel. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return ACCEPTED;
  }

  get #ready(): boolean {
    return this.#buffer.length > 0 || this.#senders.first !== undefined;
  }

  get #drops(): boolean {
    return this.#overflow === "drop-newest" || this.#overflow === "drop-oldest";
  }

  #measure(value: T): number {
    if (this.#sizeOf === undefined) return 0;
    const size = this.#sizeOf(value);
    if (!Number.isFinite(size) || size < 0) {
      throw new RangeError(
        refusal("send to Channel", "sizeOf must return a non-negative number", size),
      );
    }
    return size;
  }

  #fits(size: number): boolean {
    return this.#buffer.length < this.#capacity && this.#bytes + size <= this.#maxBytes;
  }

  /** Hands the value to a waiting receiver or buffers it; false when there is no room. */
  #put(value: T, size: number): boolean {
    const receiver = this.#receivers.first;
    if (receiver !== undefined && size <= this.#maxBytes) {
      receiver.settle();
      receiver.resolve(value);
      return true;
    }
    // A smaller value must not overtake a sender whose value is too large for the room there is.
    if (!this.#fits(size) || this.#senders.first !== undefined) return false;
    this.#push(value, size);
    return true;
  }

  #push(value: T, size: number): void {
    this.#buffer.push(value);
    if (this.#sizes === undefined) return;
    this.#sizes.push(size);
    this.#bytes += size;
  }

  #shift(): T {
    if (this.#sizes !== undefined) {
      this.#bytes -= this.#sizes.shift();
      // Sums of fractions drift; an empty buffer does not.
      if (this.#sizes.length === 0) this.#bytes = 0;
    }
    return this.#buffer.shift();
  }

  /** Takes the next value, which must be there, and lets senders fill the room. */
  #take(): T {
    if (this.#buffer.length === 0) return this.#senders.first!.take();
    const value = this.#shift();
    if (this.#senders.first !== undefined) this.#refill();
    return value;
  }

  #refill(): void {
    for (let sender; (sender = this.#senders.first) !== undefined && this.#fits(sender.size);) {
      const { size } = sender;
      this.#push(sender.take(), size);
    }
  }

  #drain(batch: T[], max: number): T[] {
    while (batch.length < max && this.#ready) {
      const count = Math.min(max - batch.length, this.#buffer.length);
      for (let taken = 0; taken < count; taken++) batch.push(this.#shift());
      if (count === 0) batch.push(this.#take());
      else this.#refill();
    }
    return batch;
  }

  /** Applies a dropping policy to a value for which there is no room; true when it was the value that stayed. */
  #spill(value: T, size: number): boolean {
    if (this.#overflow === "drop-newest" || this.#capacity === 0 || size > this.#maxBytes) {
      this.#discard(value);
      return false;
    }
    const oldest = this.#shift();
    // Several small values may have to go for a large one.
    const others: T[] | undefined = this.#fits(size) ? undefined : [];
    while (!this.#fits(size)) others!.push(this.#shift());
    this.#push(value, size);
    this.#discard(oldest, others);
    return true;
  }

  #discard(value: T, others?: readonly T[]): void {
    this.#dropped += 1 + (others === undefined ? 0 : others.length);
    if (this.#onDrop === undefined) return;
    call(this.#onDrop, value);
    others?.forEach((other) => call(this.#onDrop, other));
  }

  #sendAll(
    values: readonly T[],
    signal: AbortSignal | undefined,
    giveBack: (unsent: T[]) => unknown,
  ): Promise<void> {
    let index = 0;
    const refuse = (error: (unsent: unknown) => unknown): Promise<never> =>
      Promise.reject(error(giveBack(values.slice(index))));
    if (this.#closed) return refuse(closedError);
    let sizes: number[] | undefined;
    if (this.#sizeOf !== undefined) {
      try {
        sizes = values.map((value) => this.#measure(value));
        const tooLarge = sizes.find((size) => size > this.#maxBytes);
        if (tooLarge !== undefined && !this.#drops) {
          const requirement = `value must have at most ${this.#maxBytes} bytes`;
          throw new RangeError(refusal("send to Channel", requirement, tooLarge));
        }
      } catch (error) {
        return refuse(() => error);
      }
    }
    // Measuring and dropping are the caller's code, which may close the channel.
    for (; index < values.length && !this.#closed; index++) {
      const value = values[index] as T;
      const size = sizes === undefined ? 0 : sizes[index]!;
      if (this.#put(value, size)) continue;
      if (!this.#drops) break;
      this.#spill(value, size);
    }
    if (index === values.length) return ACCEPTED;
    if (this.#closed) return refuse(closedError);
    if (this.#overflow === "fail") {
      return refuse((unsent) => new ChannelFullError(this.#capacity, unsent));
    }
    if (signal?.aborted) return refuse(() => signal.reason);
    const rest = index === 0 ? values : values.slice(index);
    const restSizes = sizes?.slice(index);
    return new Promise((resolve, reject) => {
      const list = this.#senders;
      new PendingSend(list, resolve, reject, signal, rest, restSizes, giveBack, this.#onSendAbort);
    });
  }

  /** Adds a receiver; nothing must be ready. On a closed channel it ends at once. */
  #enqueue(
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
    signal?: AbortSignal,
    end?: () => void,
  ): Waiter<T> {
    const receiver = new Waiter(this.#receivers, resolve, reject, signal, end);
    if (this.#closed) this.#end(receiver);
    else if (signal?.aborted && receiver.settle()) receiver.abort(signal.reason);
    return receiver;
  }

  #endWatchers(): void {
    for (let watcher; (watcher = this.#watchers.shift()) !== undefined;) {
      watcher.reject(new ChannelClosedError(CANNOT_SEND));
    }
  }

  #end(receiver: Waiter<T>): void {
    receiver.settle();
    if (receiver.end !== undefined && !this.#hasReason) receiver.end();
    else receiver.reject(this.#endReason);
  }

  #iterate(max: number, signal?: AbortSignal): AsyncIterableIterator<T | T[]> {
    const source: Iterated<T> = {
      buffer: this.#buffer,
      senders: this.#senders,
      isPlain: this.#sizeOf === undefined,
      drain: (batch, max) => this.#drain(batch, max),
      enqueue: (resolve, reject, signal, end) => this.#enqueue(resolve, reject, signal, end),
    };
    return iterate(source, max, signal);
  }
}

const CANNOT_SEND = "Cannot send to Channel: channel is closed";

function closedError(unsent: unknown): ChannelClosedError {
  return new ChannelClosedError(CANNOT_SEND, unsent);
}

function single(unsent: readonly unknown[]): unknown {
  return unsent[0];
}

function checkBatchSize(max: number): void {
  if (max !== Infinity && !(Number.isInteger(max) && max > 0)) {
    throw new RangeError(
      refusal("receive from Channel", "max must be a positive integer or Infinity", max),
    );
  }
}

function call<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    reportUncaught(error);
  }
}
