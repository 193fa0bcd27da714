import { checkInteger, onAbort, refusal, reportUncaught } from "../internal/mod.ts";
import type { Bucket } from "./_bucket.ts";
import { conditionsOf, meets, SUBSCRIBE } from "./_filter.ts";
import { Hook } from "./_hook.ts";
import { Index, placementOf } from "./_index.ts";
import { accepts, type Host, type Outlet, type OutletSetup } from "./_outlet.ts";
import { Queue } from "./_queue.ts";
import type { Owner, Slots } from "./_slots.ts";
import { BusClosedError } from "./errors.ts";
import { type BusHistory, type BusRecord, MemoryHistory } from "./history.ts";
import { type Listener, listenerOf } from "./listener.ts";
import type { KnownFields, Match, Matched } from "./match.ts";
import type {
  BusBinding,
  BusErrorContext,
  BusErrorSource,
  BusOptions,
  BusOverflow,
  ListenOptions,
  NextOptions,
  PublishOptions,
  SendOptions,
  SubscribeOptions,
} from "./options.ts";
import type { BusStats, ListenerStats, SubscriptionStats, Totals } from "./stats.ts";
import { type Subscription, subscriptions } from "./subscription.ts";

const POLICIES: readonly BusOverflow[] = ["wait", "drop-newest", "drop-oldest", "disconnect"];

const PUBLISH = "publish to Bus";

// What a bus is in the middle of, whether it does something with every event before it is matched, and whether it left empty places.
const CLOSED = 1;
const MATCHING = 2;
const DELIVERING = 4;
const COMPLEX = 8;
const UNTIDY = 16;

/** What those who bring events from elsewhere need of a bus. */
export interface BusInternals {
  /** Reports what the code of a user has thrown. */
  report<E>(bus: Bus<E>, error: unknown, context: BusErrorContext<E>): void;
  /** Has `end` called when the bus is closed, unless what is answered is called before. */
  onClose<E>(bus: Bus<E>, end: () => void): () => void;
}

/** Set by the static block of {@linkcode Bus}. */
export let buses: BusInternals;

/** Handlers that are still to be called with an event. */
interface Delivery<E> {
  readonly event: E;
  readonly hooks: readonly Hook<E>[];
  /** How many events are each other's cause, up to this one. */
  readonly depth: number;
}

/**
 * Tells many subscribers what happens, each of them what it asked for, and lets none of them disturb another or the publisher.
 *
 * - **Cost**: an event costs what it delivers. Who asked for something else costs nothing, whether there are ten of them or a hundred thousand.
 * - **Order**: each subscriber gets its events in the order of the calls that published them. An event that a handler publishes goes into
 *   queues at once, and to handlers behind the event that is being handled.
 * - **Isolation**: a subscriber that is slow loses its own events, or waits for itself; what its predicate or handler throws goes to `onError`.
 * - **Accounting**: for each subscriber, what was offered was delivered, lost and counted, or still waits.
 * - **Subscribing** takes effect at once, and so does closing, in the middle of a delivery as well.
 *
 * All subscribers get the same object: who changes it changes it for all.
 *
 * | operation | cost |
 * | --- | --- |
 * | publish | O(different sets of fields that are matched + subscribers that match) |
 * | on, subscribe | O(alternatives of the match), and O(history) with a replay |
 * | close of a subscriber | O(alternatives of the match, log subscribers with the same match) |
 * | stats | O(subscribers) |
 *
 * @typeParam E The events: a union of objects that a field tells apart is what fits best.
 *
 * @example Handlers and queues
 * ```ts
 * import { Bus } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * type Event = { type: "order"; id: number } | { type: "user"; name: string };
 * const bus = new Bus<Event>();
 *
 * const names: string[] = [];
 * using _listener = bus.on({ type: "user" }, ({ name }) => names.push(name));
 * using orders = bus.subscribe({ match: { type: "order" }, capacity: 2 });
 *
 * bus.publish({ type: "user", name: "Ada" });
 * for (const id of [1, 2, 3]) bus.publish({ type: "order", id });
 *
 * assertEquals(names, ["Ada"]);
 * assertEquals((await orders.receiveBatch(9)).map(({ id }) => id), [1, 2]);
 * assertEquals(orders.lagged, 1);
 * ```
 */
export class Bus<E = unknown> implements Disposable, AsyncDisposable {
  static {
    buses = {
      report: (bus, error, context) => bus.#report(error, context),
      onClose(bus, end) {
        bus.#ends.add(end);
        return () => void bus.#ends.delete(end);
      },
    };
  }

  readonly #bind: BusBinding<E> | undefined;
  readonly #history: BusHistory<E> | undefined;
  readonly #fields: readonly string[] | undefined;
  readonly #maxNested: number;
  readonly #onError: BusOptions<E>["onError"];
  readonly #index: Index<E> = new Index();
  readonly #outlets: Map<number, Queue<E> | Hook<E>> = new Map();
  // To be called when the bus is closed.
  readonly #ends: Set<() => void> = new Set();
  readonly #totals: Totals = { offered: 0, delivered: 0, lagged: 0 };
  readonly #host: Host<E>;
  // What a reader left behind whose subscription was collected as garbage. Made when the first comes.
  #forgotten: FinalizationRegistry<Queue<E>> | undefined;
  #epoch: string | undefined;
  #lastId = 0;
  #lastSeq = -1;
  #published = 0;
  // How many times a handler was called.
  #handled = 0;
  #errors = 0;
  #reaped = 0;
  // CLOSED, MATCHING and so on, as far as they hold.
  #state = 0;
  // Where somebody was taken out while somebody else may have been going through.
  readonly #untidy: Set<Slots<unknown>> = new Set();
  // What the code of a user has thrown while it was asked about an event: to be reported once all queues have it.
  #faults: [error: unknown, context: BusErrorContext<E>][] = [];
  // What handlers are to be called with, how much of it they were, and in what depth the one is that they are being called with.
  #waiting: Delivery<E>[] = [];
  #called = 0;
  #depth = 0;

  /**
   * Creates a bus.
   *
   * @param options What it does with events before they are matched, and what it keeps.
   * @throws {RangeError} If `history` or `maxNested` is a number that it may not be.
   * @throws {TypeError} If an option is not of its type.
   */
  constructor(options: BusOptions<E> = {}) {
    const { bind, history, fields, maxNested = 1_024, onError } = options;
    const create = "create Bus";
    checkInteger(create, "maxNested", maxNested, 1);
    checkFunction(create, "onError", onError);
    if (bind !== undefined) checkFunction(create, "bind.apply", bind?.apply ?? null);
    if (fields !== undefined && !Array.isArray(fields)) {
      throw new TypeError(refusal(create, "fields must be an array of names", fields));
    }
    if (typeof history === "object" && history !== null) {
      checkFunction(create, "history.add", history.add ?? null);
      checkFunction(create, "history.read", history.read ?? null);
      this.#history = history;
    } else if (history !== undefined) this.#history = new MemoryHistory(history);
    this.#bind = bind;
    this.#fields = fields;
    this.#maxNested = maxNested;
    this.#onError = onError;
    if (bind !== undefined || history !== undefined) this.#state = COMPLEX;
    this.#host = {
      totals: this.#totals,
      idOf: (seq) => `${this.#epochId}-${seq}`,
      remove: (outlet) => this.#remove(outlet),
      report: (error, context) => this.#report(error, context),
    };
  }

  /** Whether the bus has been closed. */
  get closed(): boolean {
    return (this.#state & CLOSED) !== 0;
  }

  /**
   * Tells everybody who asked for it of an event. Never waits.
   *
   * Queues have the event, and handlers were called with it, when this returns; inside of a handler, handlers are called with it later, behind
   * the event that is being handled.
   *
   * @param event The event.
   * @param options Who publishes.
   * @returns How many subscribers have it in their queue, or as an argument of their handler. Those that had no room are not among them.
   * @throws {BusClosedError} If the bus is closed.
   * @throws {RangeError} If handlers have published more than `maxNested` events that wait for the event that is being handled, or that are
   * the effect of one another. Nothing was published then.
   * @throws {TypeError} If it is called from inside of a predicate, or of anything else that is asked what to do with an event.
   * @throws What a getter of the event throws that is read to match it. Nothing was delivered then.
   *
   * @example Counting who was told
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<{ type: string }>();
   * bus.on({ type: "order" }, () => {});
   * bus.subscribe();
   * assertEquals(bus.publish({ type: "order" }), 2);
   * assertEquals(bus.publish({ type: "user" }), 1);
   * ```
   */
  publish(event: E, options?: PublishOptions): number {
    // With nothing that is particular, the rest comes to this; and this is what most events are.
    if (this.#state === 0 && options === undefined) {
      const bucket = this.#index.find(event);
      const isParticular = bucket !== undefined &&
        (this.#index.more !== undefined || bucket.particular.live > 0);
      if (!isParticular) {
        this.#published++;
        return bucket === undefined ? 0 : this.#deliver(bucket, event);
      }
    }
    return this.#publish(event, options?.origin, undefined);
  }

  /**
   * Publishes an event, and waits until those subscriptions have room for it that ask for it by `overflow: "wait"`. All others have it at once,
   * as with {@linkcode Bus.publish}.
   *
   * @param event The event.
   * @param options Who publishes, and cancellation of the wait.
   * @returns A promise of how many subscribers got it.
   * @throws {BusClosedError} Rejects with it if the bus is closed.
   * @throws Rejects with the reason of the signal, and with whatever `publish` throws.
   *
   * @example Going no faster than a reader
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<number>();
   * const rows = bus.subscribe({ capacity: 1, overflow: "wait" });
   * const sent = (async () => {
   *   for (const row of [1, 2, 3]) await bus.send(row);
   *   bus.close();
   * })();
   * assertEquals(await Array.fromAsync(rows), [1, 2, 3]);
   * assertEquals(rows.lagged, 0);
   * await sent;
   * ```
   */
  async send(event: E, options: SendOptions = {}): Promise<number> {
    const { signal, origin } = options;
    signal?.throwIfAborted();
    const waits: Promise<boolean>[] = [];
    let wasAborted = false;
    // In line at once, before any handler can publish something that would be there first.
    const count = this.#publish(event, origin, (queue, record) => {
      waits.push(
        queue.wait(record, signal).catch((error) => {
          if (signal?.aborted) wasAborted = true;
          else this.#reportOf(queue, error, "sizeOf", record.event);
          return false;
        }),
      );
    });
    if (waits.length === 0) return count;
    const taken = await Promise.all(waits);
    if (wasAborted) throw signal!.reason;
    return count + taken.filter((isTaken) => isTaken).length;
  }

  /**
   * Calls a handler with each event that matches, in the call that publishes it. Handlers are called in the order in which they were added,
   * once all queues have the event.
   *
   * What a handler throws, or its promise rejects with, goes to `onError`; nobody waits for that promise.
   *
   * @typeParam M What is asked of an event.
   * @param match What is asked of an event; `{}` for every one.
   * @param handler What to call.
   * @param options Which of the events that match it gets, and for how long.
   * @returns What it can be ended by.
   * @throws {BusClosedError} If the bus is closed.
   * @throws {TypeError} If the match asks for what cannot be compared or for a field that events do not have, or the handler is none.
   * @throws {RangeError} If the match can never be met.
   * @throws The reason of the signal, if that has aborted.
   *
   * @example Handling some events
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<{ type: string; ms: number }>();
   * const slow: number[] = [];
   * const where = ({ ms }: { ms: number }) => ms > 100;
   * using _listener = bus.on({ type: "request" }, ({ ms }) => slow.push(ms), { where });
   * bus.publish({ type: "request", ms: 20 });
   * bus.publish({ type: "request", ms: 200 });
   * assertEquals(slow, [200]);
   * ```
   */
  on<const M extends Match<E>>(
    match: M & KnownFields<E, M>,
    handler: (event: Matched<E, M>) => unknown,
    options: ListenOptions<Matched<E, M>> = {},
  ): Listener {
    return listenerOf(this.#hook(match, handler, options, false) as Hook<never>);
  }

  /**
   * Calls a handler with the next event that matches, and no other: not even if the handler publishes one.
   *
   * @typeParam M What is asked of the event.
   * @param match What is asked of the event; `{}` for any.
   * @param handler What to call.
   * @param options Which of the events that match it gets, and for how long it waits.
   * @returns What it can be ended by before.
   * @throws {BusClosedError} If the bus is closed.
   * @throws {TypeError} If the match asks for what cannot be compared or for a field that events do not have, or the handler is none.
   * @throws {RangeError} If the match can never be met.
   * @throws The reason of the signal, if that has aborted.
   *
   * @example Handling the first event
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<number>();
   * const seen: number[] = [];
   * bus.once({}, (event) => seen.push(event));
   * bus.publish(1);
   * bus.publish(2);
   * assertEquals(seen, [1]);
   * ```
   */
  once<const M extends Match<E>>(
    match: M & KnownFields<E, M>,
    handler: (event: Matched<E, M>) => unknown,
    options: ListenOptions<Matched<E, M>> = {},
  ): Listener {
    return listenerOf(this.#hook(match, handler, options, true) as Hook<never>);
  }

  /**
   * Waits for the next event that matches.
   *
   * @typeParam M What is asked of the event.
   * @param match What is asked of the event; `{}` for any.
   * @param options Which of the events that match it is, and cancellation of the wait.
   * @returns A promise of the event.
   * @throws {BusClosedError} Rejects with it if the bus is closed, or is closed before there is one.
   * @throws {TypeError} Rejects with it if the match asks for what cannot be compared or for a field that events do not have.
   * @throws {RangeError} Rejects with it if the match can never be met.
   * @throws Rejects with the reason of the signal, or with the one given to `close`.
   *
   * @example Asking and waiting for the answer
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * type Event = { type: "ask"; id: number } | { type: "answer"; id: number; text: string };
   * const bus = new Bus<Event>();
   * bus.on({ type: "ask" }, ({ id }) => bus.publish({ type: "answer", id, text: "yes" }));
   *
   * const signal = AbortSignal.timeout(1_000);
   * const answer = bus.next({ type: "answer", id: 7 }, { signal });
   * bus.publish({ type: "ask", id: 7 });
   * assertEquals((await answer).text, "yes");
   * ```
   */
  async next<const M extends Match<E>>(
    match: M & KnownFields<E, M>,
    options: NextOptions<Matched<E, M>> = {},
  ): Promise<Matched<E, M>> {
    const { where, signal } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Matched<E, M>>();
    const hook = this.#hook(match, resolve, { where, signal, name: "next" }, true);
    hook.onEnd = (...reason) => {
      const wait = "Cannot wait for an event of Bus";
      if (reason.length > 0) reject(reason[0]);
      else if (this.closed) reject(new BusClosedError(`${wait}: bus is closed`));
      else reject(new BusClosedError(`${wait}: listener ${hook.id} is closed`));
    };
    return await promise;
  }

  /**
   * Queues events for a reader, from now on.
   *
   * @typeParam M What is asked of an event.
   * @param options What is asked of events, the bounds of the queue, and what happens at them.
   * @returns The subscription, which is already subscribed.
   * @throws {BusClosedError} If the bus is closed.
   * @throws {TypeError} If the match asks for what cannot be compared or for a field that events do not have, or if an option is not of its type.
   * @throws {RangeError} If the match can never be met, or a number is not one that it may be.
   * @throws The reason of the signal, if that has aborted.
   *
   * @example Keeping the newest for a slow reader
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<number>({ history: 100 });
   * bus.publish(1);
   * const lost: number[] = [];
   * using slow = bus.subscribe({
   *   name: "chart",
   *   capacity: 2,
   *   overflow: "drop-oldest",
   *   onLag: (count) => lost.push(count),
   *   replay: 1,
   * });
   * for (const value of [2, 3, 4, 5]) bus.publish(value);
   * assertEquals(await slow.receiveBatch(9), [1]);
   * assertEquals(await slow.receiveBatch(9), [4, 5]);
   * assertEquals(lost, [2]);
   * ```
   */
  subscribe<const M extends Match<E> = Match<E>>(
    options: SubscribeOptions<E, M> = {},
  ): Subscription<Matched<E, M>> {
    const {
      match = {},
      capacity = 256,
      overflow = "drop-newest",
      maxBytes,
      sizeOf,
      onLag,
      signal,
      replay = 0,
      after,
    } = options;
    const setup = this.#setup(match, options);
    checkInteger(SUBSCRIBE, "capacity", capacity, 1);
    if (!POLICIES.includes(overflow)) {
      const requirement = `overflow must be one of ${POLICIES.join(", ")}`;
      throw new TypeError(refusal(SUBSCRIBE, requirement, overflow));
    }
    if (replay !== Infinity) checkInteger(SUBSCRIBE, "replay", replay, 0);
    if (after !== undefined && after !== null && typeof after !== "string") {
      throw new TypeError(refusal(SUBSCRIBE, "after must be the id of an event", after));
    }
    checkFunction(SUBSCRIBE, "sizeOf", sizeOf);
    checkFunction(SUBSCRIBE, "onLag", onLag);
    const queue = new Queue<E>({
      ...setup,
      capacity,
      overflow,
      maxBytes,
      sizeOf: sizeOf as ((event: E) => number) | undefined,
      onLag,
    });
    const { records, missed } = this.#replay(queue, replay, after ?? undefined);
    // The replay asks predicates, which may do anything.
    this.#checkOpen(signal);
    this.#add(queue);
    queue.begin(records);
    if (signal !== undefined) {
      queue.unlisten = onAbort(signal, (reason) => {
        queue.isAborted = true;
        queue.close(reason);
      });
    }
    const subscription = subscriptions.create(queue, missed);
    this.#forgotten ??= new FinalizationRegistry((forgotten) => {
      this.#reaped++;
      forgotten.close();
    });
    this.#forgotten.register(subscription, queue, queue);
    return subscription as Subscription<unknown> as Subscription<Matched<E, M>>;
  }

  /**
   * Closes a subscriber, by its number.
   *
   * @param id The number of a subscription or a listener.
   * @returns Whether there was one.
   */
  unsubscribe(id: number): boolean {
    const outlet = this.#outlets.get(id);
    outlet?.close();
    return outlet !== undefined;
  }

  /**
   * Says what the bus has done, and how its subscribers are doing.
   *
   * @returns Counts since the bus was made, and a row for each subscriber.
   *
   * @example Finding who lags
   * ```ts
   * import { Bus } from "@weir/weir/bus";
   * import { assertEquals } from "@std/assert";
   *
   * const bus = new Bus<number>();
   * bus.subscribe({ name: "stuck", capacity: 1 });
   * bus.on({}, () => {}, { name: "log" });
   * for (const event of [1, 2, 3]) bus.publish(event);
   * const lagging = bus.stats().subscriptions.filter(({ lagged }) => lagged > 0);
   * assertEquals(lagging.map(({ name, size, lagged }) => [name, size, lagged]), [["stuck", 1, 2]]);
   * ```
   */
  stats(): BusStats {
    const subscriptions: SubscriptionStats[] = [];
    const listeners: ListenerStats[] = [];
    for (const outlet of this.#outlets.values()) {
      if (outlet instanceof Queue) subscriptions.push(outlet.stats());
      else listeners.push({ id: outlet.id, name: outlet.name });
    }
    const { offered, delivered, lagged } = this.#totals;
    return {
      published: this.#published,
      offered: offered + this.#handled,
      delivered: delivered + this.#handled,
      lagged,
      errors: this.#errors,
      reaped: this.#reaped,
      subscriptions,
      listeners,
    };
  }

  /**
   * Closes the bus: nothing more can be published. Readers read what waits for them, then end; handlers get what was published before, and
   * those who wait for a next event are rejected with a {@linkcode BusClosedError}. Closing again does nothing.
   */
  close(): void;
  /**
   * Closes the bus because of something: readers read what waits for them, then reject with `reason`, as do those who wait for a next event.
   *
   * @param reason What they reject with; `undefined` is a reason too.
   */
  close(reason: unknown): void;
  close(...reason: [reason: unknown] | []): void {
    if (this.closed) return;
    this.#state |= CLOSED;
    for (const outlet of [...this.#outlets.values()]) {
      // A handler may still be called with what was published before.
      if (outlet instanceof Queue || outlet.onEnd !== undefined) outlet.close(...reason);
    }
    if (!(this.#state & DELIVERING)) this.#closeHooks();
    for (const end of this.#ends) end();
  }

  /** Closes the bus. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the bus. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  get #epochId(): string {
    return this.#epoch ??= this.#history?.id ?? Math.random().toString(36).slice(2, 10);
  }

  #publish(published: E, origin: unknown, onFull: OnFull<E> | undefined): number {
    this.#admit();
    const wasDelivering = this.#state & DELIVERING;
    let event = published;
    let hooks: readonly Hook<E>[] = [];
    let count = 0;
    this.#state |= MATCHING;
    try {
      if (this.#bind !== undefined) event = this.#complete(published);
      const first = this.#index.find(event);
      const { more } = this.#index;
      this.#published++;
      const record = { seq: this.#keep(event), event };
      if (first !== undefined) {
        const buckets = more === undefined ? [first] : [first, ...more];
        for (const { queues } of buckets) count += this.#queue(queues, record, origin, onFull);
        // Who is called is settled before anybody is.
        hooks = this.#collect(buckets, event, origin);
        count += hooks.length;
      }
    } finally {
      this.#state &= ~MATCHING;
      if (wasDelivering === 0) this.#state |= DELIVERING;
      const depth = wasDelivering === 0 ? 0 : this.#depth + 1;
      if (hooks.length > 0) this.#waiting.push({ event, hooks, depth });
      this.#reportFaults();
      if (wasDelivering === 0) this.#callWaiting();
    }
    return count;
  }

  /** Refuses what must not be published. */
  #admit(): void {
    if (this.#state & CLOSED) throw new BusClosedError(`Cannot ${PUBLISH}: bus is closed`);
    if (this.#state & MATCHING) {
      throw new TypeError(
        `Cannot ${PUBLISH}: not while it asks a predicate, or the like, about another event`,
      );
    }
    if (this.#state & DELIVERING) this.#checkNesting();
  }

  /** Refuses what a handler publishes if it can have no end. */
  #checkNesting(): void {
    const most = this.#maxNested;
    const waiting = this.#waiting.length - this.#called;
    if (waiting >= most) {
      const requirement = `handlers must not publish more than ${most} events while one is handled`;
      throw new RangeError(refusal(PUBLISH, requirement, waiting + 1));
    }
    if (this.#depth >= most) {
      const requirement = `handlers must not publish in a chain of more than ${most} events`;
      throw new RangeError(refusal(PUBLISH, requirement, this.#depth + 1));
    }
  }

  #complete(event: E): E {
    try {
      return this.#bind!.apply(event, (error) => this.#fault(error, "bind", event));
    } catch (error) {
      this.#fault(error, "bind", event);
      return event;
    }
  }

  /** Gives the event its number, and keeps it for those who come later. */
  #keep(event: E): number {
    if (this.#history === undefined) return this.#published;
    try {
      this.#lastSeq = this.#history.add(event);
    } catch (error) {
      this.#fault(error, "history", event);
    }
    return this.#lastSeq;
  }

  /** Delivers an event to the one bucket that it leads to, where nobody must be asked. */
  #deliver({ queues, handlers }: Bucket<E>, event: E): number {
    let count = 0;
    if (queues.live > 0) {
      this.#state = MATCHING;
      count = this.#queue(queues, { seq: this.#published, event }, undefined, undefined);
      this.#state &= ~MATCHING;
    }
    if (handlers.live === 0 && this.#faults.length === 0 && this.#state === 0) return count;
    this.#state |= DELIVERING;
    try {
      if (this.#faults.length > 0) this.#reportFaults();
      const handled = this.#callAll(handlers, event);
      this.#handled += handled;
      return count + handled;
    } finally {
      if (this.#waiting.length > 0 || this.#state !== DELIVERING) this.#callWaiting();
      else this.#state = 0;
    }
  }

  /** Calls handlers, whatever they throw; answers how many. */
  #callAll(handlers: Slots<(event: E) => unknown>, event: E): number {
    const { values } = handlers;
    const end = values.length;
    let empty = 0;
    for (let at = 0;; at++) {
      try {
        for (; at < end; at++) {
          const handler = values[at];
          if (handler === undefined) {
            empty++;
            continue;
          }
          const result = handler(event);
          if (result !== undefined) this.#attend(result, event, handlers.ownerOf(at));
        }
        return end - empty;
      } catch (error) {
        this.#reportOf(handlers.ownerOf(at), error, "handler", event);
      }
    }
  }

  /** Queues an event for readers; answers how many have it. */
  #queue(
    queues: Slots<Queue<E>>,
    record: BusRecord<E>,
    origin: unknown,
    onFull: OnFull<E> | undefined,
  ): number {
    const { values } = queues;
    const end = values.length;
    let count = 0;
    for (let at = 0; at < end; at++) {
      const queue = values[at];
      if (queue === undefined || (!queue.isPlain && !this.#accepts(queue, record.event, origin))) {
        continue;
      }
      try {
        if (queue.offer(record, onFull)) count++;
      } catch (error) {
        this.#fault(error, "sizeOf", record.event, queue);
      }
    }
    return count;
  }

  /** The hooks that an event is for, in the order in which they were added. */
  #collect(buckets: readonly Bucket<E>[], event: E, origin: unknown): Hook<E>[] {
    const collected: Hook<E>[] = [];
    let lists = 0;
    for (const { handlers, particular } of buckets) {
      if (handlers.live > 0) {
        lists++;
        handlers.values.forEach((handler, at) => {
          if (handler !== undefined) collected.push(handlers.ownerOf(at) as Hook<E>);
        });
      }
      if (particular.live === 0) continue;
      lists++;
      const { values } = particular;
      const end = values.length;
      for (let at = 0; at < end; at++) {
        const hook = values[at];
        if (hook === undefined || !this.#accepts(hook, event, origin)) continue;
        // Its one event has come; it stays open until it is called, so that it can still be closed.
        if (hook.isOnce) {
          hook.onEnd = undefined;
          this.#remove(hook);
        }
        collected.push(hook);
      }
    }
    return lists < 2 ? collected : collected.sort((one, other) => one.id - other.id);
  }

  #accepts(outlet: Outlet<E>, event: E, origin: unknown): boolean {
    try {
      return accepts(outlet, event, origin, this.#published);
    } catch (error) {
      this.#fault(error, "where", event, outlet);
      return false;
    }
  }

  /** Calls hooks that were collected, unless they were closed since. */
  #call(hooks: readonly Hook<E>[], event: E): void {
    for (const hook of hooks) {
      if (hook.isClosed) continue;
      if (hook.isOnce) hook.close();
      this.#handled++;
      try {
        const { handler } = hook;
        const result = handler(event);
        if (result !== undefined) this.#attend(result, event, hook);
      } catch (error) {
        this.#reportOf(hook, error, "handler", event);
      }
    }
  }

  /** Reports what the promise of a handler rejects with. */
  #attend(result: unknown, event: E, hook: Owner): void {
    if (typeof (result as PromiseLike<unknown> | null)?.then !== "function") return;
    (result as PromiseLike<unknown>).then(undefined, (error) => {
      this.#reportOf(hook, error, "handler", event);
    });
  }

  #fault(error: unknown, source: BusErrorSource, event: E, owner?: Owner): void {
    // One that is only just subscribing has no number yet.
    const [id, name] = [owner?.id || undefined, owner?.name || undefined];
    this.#faults.push([error, { source, event, id, name }]);
  }

  #reportFaults(): void {
    if (this.#faults.length === 0) return;
    const faults = this.#faults;
    this.#faults = [];
    for (const [error, context] of faults) this.#report(error, context);
  }

  #reportOf({ id, name }: Owner, error: unknown, source: BusErrorSource, event: E): void {
    this.#report(error, { source, event, id, name });
  }

  #report(error: unknown, context: BusErrorContext<E>): void {
    this.#errors++;
    try {
      if (this.#onError === undefined) reportUncaught(error);
      else this.#onError(error, context);
    } catch (second) {
      reportUncaught(second);
    }
  }

  /** Calls handlers with what handlers have published, in that order, until there is nothing more. */
  #callWaiting(): void {
    try {
      while (this.#called < this.#waiting.length) {
        const { event, hooks, depth } = this.#waiting[this.#called++]!;
        // What is done is not kept until all is done.
        if (this.#called > this.#maxNested) {
          this.#waiting = this.#waiting.slice(this.#called);
          this.#called = 0;
        }
        this.#depth = depth;
        this.#call(hooks, event);
      }
    } finally {
      this.#waiting = [];
      this.#called = this.#depth = 0;
      this.#state &= ~DELIVERING;
      if (this.#state & CLOSED) this.#closeHooks();
      if (this.#state & UNTIDY) this.#tidy();
    }
  }

  #tidy(): void {
    for (const slots of this.#untidy) slots.tidy();
    this.#untidy.clear();
    this.#state &= ~UNTIDY;
  }

  #hook(
    match: unknown,
    handler: (event: never) => unknown,
    options: ListenOptions<never>,
    isOnce: boolean,
  ): Hook<E> {
    const setup = this.#setup(match, options);
    checkFunction(SUBSCRIBE, "handler", handler ?? null);
    const hook = new Hook<E>({ ...setup, handler: handler as (event: E) => unknown, isOnce });
    this.#add(hook);
    const { signal } = options;
    if (signal !== undefined) hook.unlisten = onAbort(signal, (reason) => hook.close(reason));
    return hook;
  }

  /** Checks what both kinds of subscribers have, before any effect. */
  #setup(match: unknown, options: ListenOptions<never>): OutletSetup<E> {
    const { where, name, origin, signal } = options;
    const placement = placementOf(conditionsOf(match, this.#fields));
    checkFunction(SUBSCRIBE, "where", where);
    if (name !== undefined && typeof name !== "string") {
      throw new TypeError(refusal(SUBSCRIBE, "name must be a string", name));
    }
    this.#checkOpen(signal);
    return {
      name,
      placement,
      where: where as ((event: E) => boolean) | undefined,
      origin,
      host: this.#host,
    };
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.closed) throw new BusClosedError(`Cannot ${SUBSCRIBE}: bus is closed`);
    signal?.throwIfAborted();
  }

  #add(outlet: Queue<E> | Hook<E>): void {
    const id = outlet.id = ++this.#lastId;
    if (outlet.name === "") {
      outlet.name = `${outlet instanceof Queue ? "subscription" : "listener"} ${id}`;
    }
    this.#outlets.set(id, outlet);
    this.#index.place(outlet.placement, (bucket) => bucket.add(outlet));
  }

  #remove({ id }: Outlet<E>): void {
    const outlet = this.#outlets.get(id);
    if (outlet === undefined) return;
    this.#outlets.delete(id);
    this.#index.remove(outlet.placement, (bucket) => {
      const slots = bucket.delete(outlet);
      if (!(this.#state & (MATCHING | DELIVERING))) return slots.tidy();
      this.#untidy.add(slots);
      this.#state |= UNTIDY;
    });
    if (outlet instanceof Queue) this.#forgotten?.unregister(outlet);
  }

  #closeHooks(): void {
    for (const outlet of [...this.#outlets.values()]) outlet.close();
  }

  /** What a subscription begins with. */
  #replay(
    queue: Queue<E>,
    most: number,
    after: string | undefined,
  ): { records: readonly BusRecord<E>[]; missed: number | undefined } {
    const from = after === undefined ? undefined : this.#seqOf(after);
    // From an id that nobody knows, nobody knows how many there were.
    const missed = after === undefined ? 0 : undefined;
    if (this.#history === undefined) {
      const gone = from === undefined ? missed : Math.max(0, this.#published - from);
      return { records: [], missed: gone };
    }
    if (from === undefined && most === 0) return { records: [], missed };
    const read = this.#history.read(from ?? -1);
    const records = read.records.filter(({ event }) => this.#wouldAccept(queue, event));
    this.#reportFaults();
    if (from !== undefined) return { records, missed: read.missed };
    return { records: most === 0 ? [] : records.slice(-most), missed };
  }

  /** The number of an event, by its id; undefined if it has none here. */
  #seqOf(id: string): number | undefined {
    const [, epoch, digits] = /^(.*)-(\d{1,16})$/.exec(id) ?? [];
    return epoch === this.#epochId ? Number(digits) : undefined;
  }

  /** Whether a queue would have got an event of the history. */
  #wouldAccept(queue: Queue<E>, event: E): boolean {
    const { placement: { equal, subject, others }, where } = queue;
    const before = this.#state;
    this.#state |= MATCHING;
    try {
      return meets(equal, event) && (subject === undefined || meets([subject], event)) &&
        meets(others, event) && (where === undefined || where(event));
    } catch (error) {
      this.#fault(error, "where", event, queue);
      return false;
    } finally {
      if (!(before & MATCHING)) this.#state &= ~MATCHING;
    }
  }
}

/** What a `send` does with those who have no room. */
type OnFull<E> = (queue: Queue<E>, record: BusRecord<E>) => void;

function checkFunction(action: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(refusal(action, `${name} must be a function`, value));
}
