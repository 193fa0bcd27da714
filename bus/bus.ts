import { checkFunction, checkInteger, onAbort, refusal } from "../internal/mod.ts";
import { Dispatcher } from "./_dispatcher.ts";
import { Faults } from "./_faults.ts";
import { conditionsOf, SUBSCRIBE } from "./_filter.ts";
import { Hook } from "./_hook.ts";
import { placementOf } from "./_index.ts";
import type { Host, Outlet, OutletSetup } from "./_outlet.ts";
import { Queue } from "./_queue.ts";
import { BusClosedError } from "./errors.ts";
import { type BusHistory, type BusRecord, MemoryHistory } from "./history.ts";
import { type Listener, listenerOf } from "./listener.ts";
import type { KnownFields, Match, Matched } from "./match.ts";
import type {
  BusErrorContext,
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

/** What those who bring events from elsewhere need of a bus. */
export interface BusInternals {
  /** Reports what the code of a user has thrown. */
  report<E>(bus: Bus<E>, error: unknown, context: BusErrorContext<E>): void;
  /** Has `end` called when the bus is closed, unless what is answered is called before. */
  onClose<E>(bus: Bus<E>, end: () => void): () => void;
}

/** Set by the static block of {@linkcode Bus}. */
export let buses: BusInternals;

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
      report: (bus, error, context) => bus.#faults.report(error, context),
      onClose(bus, end) {
        bus.#ends.add(end);
        return () => void bus.#ends.delete(end);
      },
    };
  }

  readonly #dispatcher: Dispatcher<E>;
  readonly #faults: Faults<E>;
  readonly #host: Host<E>;
  readonly #history: BusHistory<E> | undefined;
  readonly #fields: readonly string[] | undefined;
  readonly #totals: Totals = { offered: 0, delivered: 0, lagged: 0 };
  readonly #outlets: Map<number, Queue<E> | Hook<E>> = new Map();
  // To be called when the bus is closed.
  readonly #ends: Set<() => void> = new Set();
  // What a reader left behind whose subscription was collected as garbage. Made when the first comes.
  #forgotten: FinalizationRegistry<Queue<E>> | undefined;
  #epoch: string | undefined;
  #lastId = 0;
  #reaped = 0;
  #endReason: [reason: unknown] | [] = [];

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
    if (onError !== undefined) checkFunction(create, "onError", onError);
    if (bind !== undefined) {
      // Every function has an `apply`, too.
      if (typeof bind !== "object" || typeof bind?.apply !== "function") {
        throw new TypeError(refusal(create, "bind must be an object with a function apply", bind));
      }
    }
    if (fields !== undefined && !Array.isArray(fields)) {
      throw new TypeError(refusal(create, "fields must be an array of names", fields));
    }
    if (typeof history === "object" && history !== null) {
      checkFunction(create, "history.add", history.add);
      checkFunction(create, "history.read", history.read);
      if (history.id !== undefined && !/^[\x21-\x7e][\x20-\x7e]*$/.test(history.id)) {
        const requirement = "history.id must be made of visible ASCII characters";
        throw new TypeError(refusal(create, requirement, history.id));
      }
      this.#history = history;
    } else if (history !== undefined) this.#history = new MemoryHistory(history);
    this.#fields = fields;
    const faults = this.#faults = new Faults(onError);
    this.#dispatcher = new Dispatcher({
      bind,
      history: this.#history,
      maxNested,
      faults,
      closeQueues: () => this.#closeQueues(),
      closeHooks: () => this.#closeHooks(),
    });
    const dispatcher = this.#dispatcher;
    this.#host = {
      totals: this.#totals,
      get lastSeq() {
        return dispatcher.lastSeq;
      },
      idOf: (seq) => `${this.#epochId}-${seq}`,
      remove: (outlet) => this.#remove(outlet),
      report: (error, context) => faults.report(error, context),
    };
  }

  /** Whether the bus has been closed. */
  get closed(): boolean {
    return this.#dispatcher.isClosed;
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
    if (options === undefined) return this.#dispatcher.publishPlain(event);
    return this.#dispatcher.publish(event, options.origin, undefined);
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
    const waits: Promise<"taken" | "closed" | "aborted">[] = [];
    // In line at once, before any handler can publish something that would be there first.
    const count = this.#dispatcher.publish(event, origin, (queue, entry) => {
      waits.push(queue.wait(entry, signal));
    });
    if (waits.length === 0) return count;
    const ends = await Promise.all(waits);
    if (ends.includes("aborted")) throw signal!.reason;
    return count + ends.filter((end) => end === "taken").length;
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
    if (sizeOf !== undefined) checkFunction(SUBSCRIBE, "sizeOf", sizeOf);
    if (onLag !== undefined) checkFunction(SUBSCRIBE, "onLag", onLag);
    if (maxBytes !== undefined && !(maxBytes > 0)) {
      throw new RangeError(refusal(SUBSCRIBE, "maxBytes must be a positive number", maxBytes));
    }
    if ((sizeOf === undefined) !== (maxBytes === undefined || maxBytes === Infinity)) {
      const requirement = "maxBytes needs sizeOf and sizeOf needs maxBytes";
      throw new TypeError(refusal(SUBSCRIBE, requirement, sizeOf ?? maxBytes));
    }
    if (this.#dispatcher.isCompleting && (replay > 0 || after)) {
      const requirement = "a replay must not begin while an event is being completed";
      throw new TypeError(refusal(SUBSCRIBE, requirement, after || replay));
    }
    const queue = new Queue<E>({
      ...setup,
      capacity,
      overflow,
      maxBytes,
      sizeOf: sizeOf as ((event: E) => number) | undefined,
      onLag,
      signal,
    });
    // What is published until the end of this belongs to what comes later.
    const { records, missed, seq } = this.#replay(queue, replay, after || undefined);
    // The replay asks predicates, which may do anything.
    try {
      this.#checkOpen(signal);
    } catch (error) {
      this.#dispatcher.reportFaults();
      throw error;
    }
    this.#add(queue);
    queue.begin(records);
    if (signal !== undefined) {
      queue.unlisten = onAbort(signal, (reason) => queue.close(reason));
    }
    const subscription = subscriptions.create(queue, missed, seq);
    this.#forgotten ??= new FinalizationRegistry((forgotten) => {
      this.#reaped++;
      forgotten.abandon();
    });
    this.#forgotten.register(subscription, queue, queue);
    this.#dispatcher.reportFaults();
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
      published: this.#dispatcher.published,
      offered: offered + this.#dispatcher.handled,
      delivered: delivered + this.#dispatcher.handled,
      lagged,
      errors: this.#faults.count,
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
    this.#endReason = reason;
    this.#dispatcher.close();
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

  #hook(
    match: unknown,
    handler: (event: never) => unknown,
    options: ListenOptions<never>,
    isOnce: boolean,
  ): Hook<E> {
    const setup = this.#setup(match, options);
    checkFunction(SUBSCRIBE, "handler", handler);
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
    if (where !== undefined) checkFunction(SUBSCRIBE, "where", where);
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
    outlet.name ??= `${outlet instanceof Queue ? "subscription" : "listener"} ${id}`;
    this.#outlets.set(id, outlet);
    this.#dispatcher.add(outlet);
  }

  #remove({ id }: Outlet<E>): void {
    const outlet = this.#outlets.get(id);
    if (outlet === undefined) return;
    this.#outlets.delete(id);
    this.#dispatcher.remove(outlet);
    if (outlet instanceof Queue) this.#forgotten?.unregister(outlet);
  }

  #closeQueues(): void {
    for (const outlet of [...this.#outlets.values()]) {
      // A handler may still be called with what was published before.
      if (outlet instanceof Queue || outlet.onEnd !== undefined) outlet.close(...this.#endReason);
    }
  }

  #closeHooks(): void {
    for (const outlet of [...this.#outlets.values()]) outlet.close();
    for (const end of this.#ends) end();
  }

  /** What a subscription begins with, and the number of the event before that. */
  #replay(
    queue: Queue<E>,
    most: number,
    after: string | undefined,
  ): { records: readonly BusRecord<E>[]; missed: number | undefined; seq: number } {
    const last = this.#dispatcher.lastSeq;
    const from = after === undefined ? undefined : this.#seqOf(after, last);
    // From an id that nobody knows, nobody knows how many there were.
    const missed = after === undefined ? 0 : undefined;
    if (this.#history === undefined) {
      return { records: [], missed: from === undefined ? missed : last - from, seq: from ?? last };
    }
    if (from === undefined && most === 0) return { records: [], missed, seq: last };
    const read = this.#history.read(from ?? 0);
    const records = this.#dispatcher.filter(read.records, queue);
    if (from !== undefined) return { records, missed: read.missed, seq: from };
    const newest = most === 0 ? [] : records.slice(-most);
    return { records: newest, missed, seq: newest.length > 0 ? newest[0]!.seq - 1 : last };
  }

  /** The number of an event, by its id; undefined if there was none with it. */
  #seqOf(id: string, last: number): number | undefined {
    const [, epoch, digits] = /^(.*)-(\d{1,16})$/.exec(id) ?? [];
    return epoch === this.#epochId && Number(digits) <= last ? Number(digits) : undefined;
  }
}
