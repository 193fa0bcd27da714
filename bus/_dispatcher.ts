import { refusal } from "../internal/mod.ts";
import type { Bucket } from "./_bucket.ts";
import type { Faults } from "./_faults.ts";
import { meets } from "./_filter.ts";
import type { Hook } from "./_hook.ts";
import { Index } from "./_index.ts";
import { accepts, type Outlet } from "./_outlet.ts";
import type { Entry, Queue } from "./_queue.ts";
import type { Owner, Slots } from "./_slots.ts";
import { BusClosedError } from "./errors.ts";
import type { BusHistory } from "./history.ts";
import type { BusBinding } from "./options.ts";

const PUBLISH = "publish to Bus";

// What it is in the middle of, whether it does something with every event before it is matched, whether it left empty places, and whether
// somebody waits for the middle to be over.
const CLOSED = 1;
const MATCHING = 2;
const DELIVERING = 4;
const COMPLEX = 8;
const UNTIDY = 16;
const JOINING = 32;

/** What a `send` does with those who have no room. */
export type OnFull<E> = (queue: Queue<E>, entry: Entry<E>) => void;

/** Handlers that are still to be called with an event. */
interface Delivery<E> {
  readonly event: E;
  readonly hooks: readonly Hook<E>[];
  /** How many events are each other's cause, up to this one. */
  readonly depth: number;
}

/** What a dispatcher is made of. */
export interface DispatcherSetup<E> {
  readonly bind: BusBinding<E> | undefined;
  readonly history: BusHistory<E> | undefined;
  readonly maxNested: number;
  readonly faults: Faults<E>;
  /** Called once it is closed and all queues have what was published before. */
  readonly closeQueues: () => void;
  /** Called once handlers were called with it, too. */
  readonly closeHooks: () => void;
}

/**
 * Brings an event to everybody that it is for: first into queues, then to handlers, and what those publish behind it. It is where the code of
 * users is called, and so where it may do the unexpected.
 */
export class Dispatcher<E> {
  /** How many events were published. */
  published = 0;
  /** How many times a handler was called. */
  handled = 0;
  /** Whether an event is being published that the history does not have yet. */
  isCompleting = false;
  readonly #index: Index<E> = new Index();
  readonly #bind: BusBinding<E> | undefined;
  readonly #history: BusHistory<E> | undefined;
  readonly #maxNested: number;
  readonly #faults: Faults<E>;
  readonly #closeQueues: () => void;
  readonly #closeHooks: () => void;
  // CLOSED, MATCHING and so on, as far as they hold.
  #state = 0;
  // What the history has answered last.
  #lastKept = 0;
  // Subscribed while an event was being matched, which is not for them.
  readonly #joining: Set<Queue<E> | Hook<E>> = new Set();
  // Where somebody was taken out while somebody else may have been going through.
  readonly #untidy: Set<Slots<unknown>> = new Set();
  // What handlers are to be called with, how much of it they were, and in what depth the one is that they are being called with.
  #waiting: Delivery<E>[] = [];
  #called = 0;
  #depth = 0;
  // How many promises of an event were fulfilled by the one that is being published.
  #settled = 0;

  constructor(setup: DispatcherSetup<E>) {
    this.#bind = setup.bind;
    this.#history = setup.history;
    this.#maxNested = setup.maxNested;
    this.#faults = setup.faults;
    this.#closeQueues = setup.closeQueues;
    this.#closeHooks = setup.closeHooks;
    if (setup.bind !== undefined || setup.history !== undefined) this.#state = COMPLEX;
  }

  /** Whether nothing can be published any more. */
  get isClosed(): boolean {
    return (this.#state & CLOSED) !== 0;
  }

  /** The number of the event that was published last; of the one that is being published, if there is one. */
  get lastSeq(): number {
    if (this.#history === undefined) return this.published;
    try {
      return this.#history.last ?? this.#lastKept;
    } catch {
      // Whoever keeps an event there, or reads it, is told.
      return this.#lastKept;
    }
  }

  /** Lets nothing more be published. */
  close(): void {
    this.#state |= CLOSED;
    if (!(this.#state & MATCHING)) this.#endMatching();
  }

  /** Lets a subscriber have what is published from now on. Its number is larger than those of the others. */
  add(outlet: Queue<E> | Hook<E>): void {
    if (this.#state & MATCHING) {
      this.#joining.add(outlet);
      this.#state |= JOINING;
    } else this.#index.place(outlet.placement, (bucket) => bucket.add(outlet));
  }

  /** Lets a subscriber have nothing more, at once. */
  remove(outlet: Queue<E> | Hook<E>): void {
    if (this.#joining.delete(outlet)) return;
    this.#index.remove(outlet.placement, (bucket) => {
      const slots = bucket.delete(outlet);
      if (!(this.#state & (MATCHING | DELIVERING))) return slots.tidy();
      this.#untidy.add(slots);
      this.#state |= UNTIDY;
    });
  }

  /** Which of the events of a history a queue would have got. */
  filter<R extends { readonly event: E }>(records: readonly R[], queue: Queue<E>): readonly R[] {
    const { placement: { equal, subject, others }, where } = queue;
    const conditions = [...equal, ...(subject === undefined ? [] : [subject]), ...others];
    const before = this.#state;
    this.#state |= MATCHING;
    try {
      return records.filter(({ event }) => {
        try {
          return meets(conditions, event) && (where === undefined || where(event));
        } catch (error) {
          this.#faults.defer(error, "where", event, queue);
          return false;
        }
      });
    } finally {
      if (!(before & MATCHING)) {
        this.#state &= ~MATCHING;
        if (this.#state & (CLOSED | JOINING)) this.#endMatching();
      }
    }
  }

  /** Reports what was thrown while something was matched, unless something is: that will do it. */
  reportFaults(): void {
    if (this.#faults.pending === 0 || this.#state & (MATCHING | DELIVERING)) return;
    this.#state |= DELIVERING;
    this.#callWaiting();
  }

  /** Publishes an event that nobody in particular has published; answers how many subscribers have it. */
  publishPlain(event: E): number {
    // With nothing that is particular, the rest comes to this; and this is what most events are.
    if (this.#state !== 0) return this.publish(event, undefined, undefined);
    let bucket: Bucket<E> | undefined;
    // A field may be a getter, which must not publish.
    this.#state = MATCHING;
    try {
      bucket = this.#index.find(event);
    } catch (error) {
      this.#endMatching();
      throw error;
    }
    this.#state &= ~MATCHING;
    const { more } = this.#index;
    if (bucket !== undefined && more === undefined && bucket.hasHandlersOnly && this.#state === 0) {
      this.published++;
      this.#state = DELIVERING;
      try {
        const handled = this.#callAll(bucket.handlers, event);
        this.handled += handled;
        return handled;
      } finally {
        const isDone = this.#waiting.length === 0 && this.#faults.pending === 0;
        if (isDone && this.#state === DELIVERING) this.#state = 0;
        else this.#callWaiting();
      }
    }
    const isParticularly = bucket !== undefined &&
      (bucket.particular.live > 0 || more?.some(isParticular));
    if (isParticularly || this.#state !== 0) {
      return this.#publishFound(event, bucket, more, undefined, undefined);
    }
    const seq = ++this.published;
    if (bucket === undefined) return 0;
    return this.#deliver(bucket, more, event, seq, undefined, undefined);
  }

  /** Publishes an event. */
  publish(published: E, origin: unknown, onFull: OnFull<E> | undefined): number {
    this.#admit();
    let event = published;
    let bucket: Bucket<E> | undefined;
    this.#faults.depth = this.#state & DELIVERING ? this.#depth + 1 : 0;
    this.#state |= MATCHING;
    this.isCompleting = this.#history !== undefined;
    try {
      if (this.#bind !== undefined) event = this.#complete(published);
      bucket = this.#index.find(event);
    } catch (error) {
      this.isCompleting = false;
      this.#endMatching();
      this.reportFaults();
      throw error;
    }
    return this.#publishFound(event, bucket, this.#index.more, origin, onFull);
  }

  /** Publishes an event to those whom it leads to. */
  #publishFound(
    event: E,
    bucket: Bucket<E> | undefined,
    more: readonly Bucket<E>[] | undefined,
    origin: unknown,
    onFull: OnFull<E> | undefined,
  ): number {
    const isNested = (this.#state & DELIVERING) !== 0;
    let hooks: readonly Hook<E>[] = NOBODY;
    let count = 0;
    this.#state |= MATCHING;
    try {
      this.published++;
      const seq = this.#keep(event);
      if (bucket !== undefined) {
        if (!isNested && bucket.particular.live === 0 && !more?.some(isParticular)) {
          return this.#deliver(bucket, more, event, seq, origin, onFull);
        }
        const entry = { seq, event, at: this.published };
        count = this.#queueAll(bucket, more, entry, origin, onFull);
        // Who is called is settled before anybody is.
        hooks = this.#collect(bucket, more, event, origin);
        count += this.#settled;
        this.#settled = 0;
      }
    } finally {
      // Nothing stands before this: where the stack has run out, a call would fail.
      this.#state &= ~MATCHING;
      const goesOn = hooks.length > 0 || this.#faults.pending > 0 ||
        (this.#state & (UNTIDY | CLOSED | JOINING)) !== 0;
      if (goesOn) this.#state |= DELIVERING;
      if (this.#state & (CLOSED | JOINING)) this.#endMatching();
      if (isNested) {
        count += hooks.length;
        if (hooks.length > 0) {
          this.#waiting.push({ event, hooks, depth: this.#faults.depth });
        }
      } else if (goesOn) {
        try {
          this.#reportPending();
          const called = this.#call(hooks, event);
          this.handled += called;
          count += called;
        } finally {
          this.#callWaiting();
        }
      }
    }
    return count;
  }

  /** Lets those in who came while an event was being matched, and ends readers if the bus was closed meanwhile. */
  #endMatching(): void {
    this.#state &= ~MATCHING;
    if (this.#state & JOINING) {
      this.#state &= ~JOINING;
      for (const outlet of this.#joining) {
        this.#index.place(outlet.placement, (bucket) => bucket.add(outlet));
      }
      this.#joining.clear();
    }
    if (!(this.#state & CLOSED)) return;
    this.#closeQueues();
    // Those who are called may not have been called yet with what was published before.
    if (!(this.#state & DELIVERING)) this.#closeHooks();
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
    const waiting = this.#waiting.length - this.#called + this.#faults.pending;
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
    let isOver = false;
    const onUnusable = (error: unknown): void => {
      if (isOver) this.#faults.report(error, { source: "bind", event });
      else this.#faults.defer(error, "bind", event);
    };
    try {
      return this.#bind!.apply(event, onUnusable);
    } catch (error) {
      onUnusable(error);
      return event;
    } finally {
      isOver = true;
    }
  }

  /** Keeps the event for those who come later; answers its number. */
  #keep(event: E): number {
    try {
      return this.#history === undefined
        ? this.published
        : this.#lastKept = this.#history.add(event);
    } catch (error) {
      this.#faults.defer(error, "history", event);
      // What comes behind it comes behind the one that was kept last.
      return this.lastSeq;
    } finally {
      this.isCompleting = false;
    }
  }

  /** Delivers an event where no handler must be asked, and what that brings about. */
  #deliver(
    bucket: Bucket<E>,
    more: readonly Bucket<E>[] | undefined,
    event: E,
    seq: number,
    origin: unknown,
    onFull: OnFull<E> | undefined,
  ): number {
    const { queues, handlers } = bucket;
    let count = 0;
    if (more !== undefined || queues.live > 0) {
      this.#state |= MATCHING;
      try {
        const entry = { seq, event, at: this.published };
        count = this.#queueAll(bucket, more, entry, origin, onFull);
      } finally {
        this.#state &= ~MATCHING;
      }
    } else this.#state &= ~MATCHING;
    let hooks: readonly Hook<E>[] | undefined;
    if (this.#faults.pending > 0 || this.#state & (CLOSED | JOINING)) {
      // Who is called is settled before anybody else comes: those who joined meanwhile, or whom somebody adds who is told of an error.
      hooks = this.#collect(bucket, more, event, origin);
      this.#state |= DELIVERING;
      this.#endMatching();
    } else if (more === undefined && handlers.live === 0 && !(this.#state & UNTIDY)) return count;
    this.#state |= DELIVERING;
    try {
      let handled = 0;
      if (hooks !== undefined) {
        this.#reportPending();
        handled = this.#call(hooks, event);
      } else if (more === undefined) handled = this.#callAll(handlers, event);
      else handled = this.#callSorted(bucket, more, event);
      this.handled += handled;
      return count + handled;
    } finally {
      if (
        this.#waiting.length > 0 || this.#faults.pending > 0 || this.#state & (CLOSED | UNTIDY)
      ) this.#callWaiting();
      else this.#state &= ~DELIVERING;
    }
  }

  /** Calls the handlers of several buckets in the order in which they were added; answers how many. */
  #callSorted(bucket: Bucket<E>, more: readonly Bucket<E>[], event: E): number {
    let [one, other]: (Bucket<E>["handlers"] | undefined)[] = [];
    if (bucket.handlers.live > 0) one = bucket.handlers;
    for (const { handlers } of more) {
      if (handlers.live === 0) continue;
      if (one === undefined) one = handlers;
      else if (other === undefined) other = handlers;
      else {
        const hooks = this.#collect(bucket, more, event, undefined);
        return this.#call(hooks, event);
      }
    }
    if (one === undefined) return 0;
    return other === undefined ? this.#callAll(one, event) : this.#callBoth(one, other, event);
  }

  /** Calls handlers, whatever they throw; answers how many. */
  #callAll(handlers: Bucket<E>["handlers"], event: E): number {
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
        this.#faults.reportOf(handlers.ownerOf(at), error, "handler", event);
      }
    }
  }

  /** The same for two lists, by turns: what most often comes together is what all asked for and what some did. */
  #callBoth(one: Bucket<E>["handlers"], other: Bucket<E>["handlers"], event: E): number {
    const [oneEnd, otherEnd] = [one.values.length, other.values.length];
    let [oneAt, otherAt, count] = [0, 0, 0];
    while (oneAt < oneEnd || otherAt < otherEnd) {
      const isOne = otherAt >= otherEnd ||
        (oneAt < oneEnd && one.ownerOf(oneAt).id < other.ownerOf(otherAt).id);
      const handlers = isOne ? one : other;
      const at = isOne ? oneAt++ : otherAt++;
      const handler = handlers.values[at];
      if (handler === undefined) continue;
      count++;
      try {
        const result = handler(event);
        if (result !== undefined) this.#attend(result, event, handlers.ownerOf(at));
      } catch (error) {
        this.#faults.reportOf(handlers.ownerOf(at), error, "handler", event);
      }
    }
    return count;
  }

  /** Queues an event for readers; answers how many have it. */
  #queue(
    queues: Slots<Queue<E>>,
    entry: Entry<E>,
    origin: unknown,
    onFull: OnFull<E> | undefined,
  ): number {
    const { values } = queues;
    const end = values.length;
    let count = 0;
    for (let at = 0; at < end; at++) {
      const queue = values[at];
      if (queue === undefined || (!queue.isPlain && !this.#accepts(queue, entry.event, origin))) {
        continue;
      }
      try {
        if (queue.offer(entry, onFull)) count++;
      } catch (error) {
        this.#faults.defer(error, "sizeOf", entry.event, queue);
      }
    }
    return count;
  }

  #queueAll(
    { queues }: Bucket<E>,
    more: readonly Bucket<E>[] | undefined,
    entry: Entry<E>,
    origin: unknown,
    onFull: OnFull<E> | undefined,
  ): number {
    let count = queues.live === 0 ? 0 : this.#queue(queues, entry, origin, onFull);
    for (let at = 0; more !== undefined && at < more.length; at++) {
      const { queues } = more[at]!;
      if (queues.live > 0) count += this.#queue(queues, entry, origin, onFull);
    }
    return count;
  }

  /** The hooks that an event is for, in the order in which they were added. */
  #collect(
    bucket: Bucket<E>,
    more: readonly Bucket<E>[] | undefined,
    event: E,
    origin: unknown,
  ): Hook<E>[] {
    const collected: Hook<E>[] = [];
    let isSorted = this.#collectFrom(bucket, collected, event, origin);
    for (let at = 0; more !== undefined && at < more.length; at++) {
      isSorted = this.#collectFrom(more[at]!, collected, event, origin) && isSorted;
    }
    return isSorted ? collected : collected.sort((one, other) => one.id - other.id);
  }

  /** Adds the hooks of a bucket; answers whether all are in the order in which they were added to the bus. */
  #collectFrom(
    { handlers, particular }: Bucket<E>,
    collected: Hook<E>[],
    event: E,
    origin: unknown,
  ): boolean {
    let isSorted = true;
    const add = (hook: Hook<E>): void => {
      if (collected.length > 0 && collected[collected.length - 1]!.id > hook.id) isSorted = false;
      collected.push(hook);
    };
    if (handlers.live > 0) {
      const { values } = handlers;
      for (let at = 0; at < values.length; at++) {
        if (values[at] !== undefined) add(handlers.ownerOf(at) as Hook<E>);
      }
    }
    if (particular.live === 0) return isSorted;
    const { values } = particular;
    const end = values.length;
    for (let at = 0; at < end; at++) {
      const hook = values[at];
      if (hook === undefined || !this.#accepts(hook, event, origin)) continue;
      // Its one event has come. It stays open until it is called, so that it can still be closed; a promise is fulfilled at once.
      if (hook.isOnce) this.remove(hook);
      if (hook.onEnd !== undefined) {
        hook.onEnd = undefined;
        hook.close();
        hook.handler(event);
        this.handled++;
        this.#settled++;
        continue;
      }
      add(hook);
    }
    return isSorted;
  }

  #accepts(outlet: Outlet<E>, event: E, origin: unknown): boolean {
    try {
      return accepts(outlet, event, origin, this.published);
    } catch (error) {
      this.#faults.defer(error, "where", event, outlet);
      return false;
    }
  }

  /** Calls hooks that were collected, unless they were closed since; answers how many. */
  #call(hooks: readonly Hook<E>[], event: E): number {
    let count = 0;
    for (const hook of hooks) {
      if (hook.isClosed) continue;
      if (hook.isOnce) hook.close();
      count++;
      try {
        const { handler } = hook;
        const result = handler(event);
        if (result !== undefined) this.#attend(result, event, hook);
      } catch (error) {
        this.#faults.reportOf(hook, error, "handler", event);
      }
    }
    return count;
  }

  /** Reports what the promise of a handler rejects with. */
  #attend(result: unknown, event: E, hook: Owner): void {
    if (typeof (result as PromiseLike<unknown> | null)?.then !== "function") return;
    (result as PromiseLike<unknown>).then(undefined, (error) => {
      this.#faults.reportOf(hook, error, "handler", event);
    });
  }

  /** Reports what was thrown, and calls handlers with what handlers have published, in that order, until there is nothing more. */
  #callWaiting(): void {
    try {
      for (;;) {
        this.#reportPending();
        const next = this.#waiting[this.#called];
        if (next === undefined) {
          if (this.#faults.pending === 0) break;
          continue;
        }
        // What is done is not kept until all is done.
        if (++this.#called > this.#maxNested) {
          this.#waiting = this.#waiting.slice(this.#called);
          this.#called = 0;
        }
        this.#depth = next.depth;
        // What they publish counts, too: not to be added to what was before.
        const called = this.#call(next.hooks, next.event);
        this.handled += called;
      }
    } finally {
      this.#waiting = [];
      this.#called = this.#depth = this.#faults.depth = 0;
      this.#state &= ~DELIVERING;
      if (this.#state & CLOSED) this.#endMatching();
      if (this.#state & UNTIDY) this.#tidy();
    }
  }

  /** Reports what was thrown. Who is told may publish, and so bring about more of it. */
  #reportPending(): void {
    if (this.#faults.pending === 0) return;
    for (const { error, context, depth } of this.#faults.take()) {
      this.#depth = depth;
      this.#faults.report(error, context);
    }
    this.#depth = 0;
  }

  #tidy(): void {
    for (const slots of this.#untidy) slots.tidy();
    this.#untidy.clear();
    this.#state &= ~UNTIDY;
  }
}

function isParticular<E>({ particular }: Bucket<E>): boolean {
  return particular.live > 0;
}

const NOBODY: readonly never[] = [];
