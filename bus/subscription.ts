import type { ChannelReceiveResult, ChannelWaitOptions } from "../channel/mod.ts";
import { checkInteger } from "../internal/mod.ts";
import type { Entry, Queue } from "./_queue.ts";
import type { SubscriptionStats } from "./stats.ts";

/** What is beside the public face of a subscription. */
export interface SubscriptionInternals {
  /** Makes one, whose reader has read up to the event with the number `seq` before. */
  create<E>(
    queue: Queue<E>,
    missed: number | undefined,
    seq: number | undefined,
  ): Subscription<E>;
  /** The queue behind one. */
  queueOf(subscription: Subscription<unknown>): Queue<unknown>;
  /** Takes out what is read next, waiting for it; undefined at an orderly end. Rejects with any other. */
  next(subscription: Subscription<unknown>): Promise<Entry<unknown> | undefined>;
  /** Gives its reader what was taken out. */
  take(subscription: Subscription<unknown>, entry: Entry<unknown>): unknown;
  /** Whether it is one. */
  isOne(value: unknown): value is Subscription<unknown>;
}

/** Set by the static block of {@linkcode Subscription}. */
export let subscriptions: SubscriptionInternals;

/**
 * The events of a {@linkcode Bus} that one reader has asked for, in the order in which they were published, in a bounded queue of its own.
 *
 * It is made by {@linkcode Bus.subscribe}, and gets every event that is published from then on until it is closed. The bus never waits for its
 * reader, unless a `send` does so. Whatever happens, `offered = delivered + lagged + size`.
 *
 * Leaving a loop over it closes it. One that is simply forgotten is found out when it has been collected as garbage, and closed then.
 *
 * | operation | cost |
 * | --- | --- |
 * | receive, tryReceive | O(1) |
 * | receiveBatch | O(events) |
 * | close | O(alternatives of its match, log subscribers with the same match) |
 *
 * @typeParam E The events.
 *
 * @example Reading events until a program ends
 * ```ts
 * import { Bus } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * type Event = { type: "order"; id: number } | { type: "user"; name: string };
 * const bus = new Bus<Event>();
 * const orders = bus.subscribe({ match: { type: "order" } });
 * bus.publish({ type: "order", id: 1 });
 * bus.publish({ type: "user", name: "Ada" });
 * bus.publish({ type: "order", id: 2 });
 * bus.close();
 *
 * const ids: number[] = [];
 * for await (const order of orders) ids.push(order.id);
 * assertEquals(ids, [1, 2]);
 * ```
 */
export class Subscription<out E> implements AsyncIterable<E>, Disposable, AsyncDisposable {
  static {
    subscriptions = {
      create: (queue, missed, seq) => new Subscription(queue, missed, seq),
      queueOf: (subscription) => subscription.#queue,
      next: (subscription) => subscription.#next(),
      take: (subscription, entry) => subscription.#take(entry),
      isOne: (value): value is Subscription<unknown> =>
        typeof value === "object" && value !== null && #queue in value,
    };
  }

  /**
   * How many events behind the one that it was to go on from are not kept any more, whether they would have matched or not: 0 unless it was
   * made with `after`, undefined if the bus does not know that id.
   */
  readonly missed: number | undefined;

  // Nothing is put into it here: a subscription to some events is one to more.
  readonly #queue: Queue<unknown>;
  #lastSeq: number | undefined;

  private constructor(queue: Queue<E>, missed: number | undefined, seq: number | undefined) {
    this.#queue = queue as Queue<unknown>;
    this.missed = missed;
    this.#lastSeq = seq;
  }

  /** Its number among all subscribers of the bus: what {@linkcode Bus.unsubscribe} takes. */
  get id(): number {
    return this.#queue.id;
  }

  /** Its name. */
  get name(): string {
    return this.#queue.name;
  }

  /** How many events may wait, beside those of the replay. */
  get capacity(): number {
    return this.#queue.capacity;
  }

  /** How many events wait to be read. */
  get size(): number {
    return this.#queue.size;
  }

  /** How many events were for it. */
  get offered(): number {
    return this.#queue.offered;
  }

  /** How many events its reader has taken. */
  get delivered(): number {
    return this.#queue.delivered;
  }

  /** How many events it has lost. */
  get lagged(): number {
    return this.#queue.lagged;
  }

  /** Whether it gets no more events; some may still wait to be read. */
  get closed(): boolean {
    return this.#queue.isClosed;
  }

  /**
   * Names the event that was read last, for `after` of another subscription, or for a client that may come back. Before the first, it is what
   * the subscription goes on from; undefined if it began anew.
   */
  get lastEventId(): string | undefined {
    return this.#lastSeq === undefined ? undefined : this.#queue.host.idOf(this.#lastSeq);
  }

  /** How it is doing. */
  stats(): SubscriptionStats {
    return this.#queue.stats();
  }

  /**
   * Takes the next event, waiting until there is one.
   *
   * @param options Cancellation of the wait. An event that is there is received even if the signal has aborted.
   * @returns A promise of the event.
   * @throws {ChannelClosedError} Rejects with it once the subscription is closed and everything is read.
   * @throws {LaggedError} Rejects with it instead if it was too slow, and was to be disconnected then.
   * @throws Rejects with the reason given to `close` of the bus, or with that of a signal.
   */
  receive(options?: ChannelWaitOptions): Promise<E> {
    const entry = this.#queue.shift();
    if (entry !== undefined) return Promise.resolve(this.#take(entry));
    // That this is held until then keeps the subscription from being taken for a forgotten one.
    return this.#queue.channel.receive(options).then(
      (entry) => this.#take(entry),
      (error) => {
        this.#tellLast();
        throw error;
      },
    );
  }

  /**
   * Takes the next event if there is one.
   *
   * @returns The event, or whether there is none now or will be none any more.
   */
  tryReceive(): ChannelReceiveResult<E> {
    const entry = this.#queue.shift();
    if (entry !== undefined) return { state: "ok", value: this.#take(entry) };
    this.#tellLast();
    return { state: this.closed ? "closed" : "empty" };
  }

  /**
   * Takes all events that are there, up to `max`, waiting until there is at least one. Events before and behind a gap are never in one batch if
   * there is somebody to be told of it.
   *
   * @param max The most events to take: a positive integer, or `Infinity`.
   * @param options Cancellation of the wait.
   * @returns A promise of one event or more, in order; of an empty array once the subscription is closed and everything is read.
   * @throws {RangeError} Rejects with it if `max` is neither.
   * @throws {LaggedError} Rejects with it at the end if it was too slow, and was to be disconnected then.
   * @throws Rejects with the reason given to `close` of the bus, or with that of a signal.
   *
   * @example Writing what has come
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<number>();
   * const rows = bus.subscribe();
   * for (const row of [1, 2, 3]) bus.publish(row);
   * assertEquals(await rows.receiveBatch(2), [1, 2]);
   * assertEquals(await rows.receiveBatch(2), [3]);
   * ```
   */
  async receiveBatch(max: number, options?: ChannelWaitOptions): Promise<E[]> {
    if (max !== Infinity) checkInteger("receive from Subscription", "max", max, 1);
    const queue = this.#queue;
    const batch: E[] = [];
    let entry = queue.shift();
    if (entry === undefined) {
      const [first] = await queue.channel.receiveBatch(1, options).finally(() => this.#tellLast());
      if (first === undefined) return batch;
      entry = first;
    }
    while (entry !== undefined) {
      batch.push(this.#take(entry));
      entry = batch.length < max && !queue.isGapNext ? queue.shift() : undefined;
    }
    return batch;
  }

  /**
   * Reads the subscription as a web stream. Nothing is taken before somebody reads.
   *
   * @returns The stream. Cancelling it closes the subscription.
   *
   * @example Piping events to where bytes go
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<string>();
   * const stream = bus.subscribe().toReadableStream();
   * bus.publish("hello ");
   * bus.publish("world");
   * bus.close();
   * assertEquals(await new Response(stream.pipeThrough(new TextEncoderStream())).text(), "hello world");
   * ```
   */
  toReadableStream(): ReadableStream<E> {
    let isCancelled = false;
    return new ReadableStream<E>({
      pull: async (controller) => {
        const entry = await this.#next();
        if (entry === undefined) {
          if (!isCancelled) controller.close();
        } else if (isCancelled) this.#queue.giveUp(entry);
        else controller.enqueue(this.#take(entry));
      },
      cancel: () => {
        isCancelled = true;
        this.close();
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Iterates over the events until the subscription is closed and everything is read. An abort of its signal ends the iteration even if
   * there are events still, and rejects with the reason, as other ends that have a reason do.
   *
   * Leaving the iterator closes the subscription, and ends a pending `next()` at once.
   *
   * @returns The iterator. It takes nothing before its first `next()`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<E> {
    let isDone = false;
    const next = async (): Promise<IteratorResult<E>> => {
      let entry: Entry<unknown> | undefined;
      try {
        entry = await this.#next();
      } catch (error) {
        if (!isDone) {
          isDone = true;
          throw error;
        }
      }
      if (entry !== undefined) return { value: this.#take(entry), done: false };
      isDone = true;
      return { value: undefined, done: true };
    };
    const iterator: AsyncIterableIterator<E> & AsyncDisposable = {
      next: () => {
        if (isDone) return Promise.resolve({ value: undefined, done: true });
        if (this.#queue.signal?.aborted) return next();
        const entry = this.#queue.shift();
        if (entry === undefined) return next();
        return Promise.resolve({ value: this.#take(entry), done: false });
      },
      return: async (value) => {
        isDone = true;
        this.close();
        return { value: await value, done: true };
      },
      throw: (reason) => {
        isDone = true;
        this.close();
        return Promise.reject(reason);
      },
      [Symbol.asyncDispose]: () => {
        isDone = true;
        this.close();
        return Promise.resolve();
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Ends the subscription: it gets nothing more, and what it has can still be read. Closing again does nothing. */
  close(): void {
    this.#queue.close();
  }

  /** Closes the subscription. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the subscription. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #take(entry: Entry<unknown>): E {
    this.#lastSeq = entry.seq;
    return this.#queue.take(entry) as E;
  }

  #tellLast(): void {
    if (this.closed) this.#queue.tellLast();
  }

  async #next(): Promise<Entry<unknown> | undefined> {
    const queue = this.#queue;
    // What has aborted is not read to the end.
    if (queue.signal?.aborted) throw queue.signal.reason;
    const entry = queue.shift();
    if (entry !== undefined) return entry;
    const [first] = await queue.channel.receiveBatch(1).finally(() => this.#tellLast());
    return first;
  }
}
