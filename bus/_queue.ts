import { Channel } from "../channel/mod.ts";
import { AbortGroup, type AbortMember, refusal } from "../internal/mod.ts";
import type { Placement } from "./_index.ts";
import { type Host, isPlain, type Outlet, type OutletSetup } from "./_outlet.ts";
import { LaggedError } from "./errors.ts";
import type { BusRecord } from "./history.ts";
import type { BusOverflow } from "./options.ts";
import type { SubscriptionStats } from "./stats.ts";

/** An event on its way to readers. */
export interface Entry<E> extends BusRecord<E> {
  /** Counts what the bus has published: larger than that of every entry before. 0 if it comes from the history. */
  readonly at: number;
}

/** What a queue is made of. */
export interface QueueSetup<E> extends OutletSetup<E> {
  readonly capacity: number;
  readonly overflow: BusOverflow;
  readonly maxBytes: number | undefined;
  readonly sizeOf: ((event: E) => number) | undefined;
  readonly onLag: ((lost: number) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** An entry that a `send` waits with. */
interface Sender<E> extends AbortMember {
  readonly entry: Entry<E>;
  readonly size: number;
  /** Ends the wait. */
  settle(end: "taken" | "closed" | "aborted"): void;
}

/** Shared by all that have none. */
export const NONE: readonly never[] = [];

/**
 * The events that wait for one reader: what a bus knows of a {@linkcode Subscription}. It must not know the subscription itself, so that one
 * that nobody can read any more can be found out.
 */
export class Queue<E> implements Outlet<E> {
  id = 0;
  // Given by the bus if it is not given by the user.
  name!: string;
  readonly placement: Placement;
  readonly where: ((event: E) => boolean) | undefined;
  readonly origin: unknown;
  readonly host: Host<E>;
  readonly isPlain: boolean;
  readonly capacity: number;
  readonly overflow: BusOverflow;
  readonly signal: AbortSignal | undefined;
  readonly channel: Channel<Entry<E>>;
  found = -1;
  offered = 0;
  delivered = 0;
  lagged = 0;
  highWater = 0;
  /** Whom to tell of losses, each before the first event behind the gap is read. */
  onLag: readonly ((lost: number) => void)[] = NONE;
  /** What the reader finds at the end, if it is more than an end. */
  reason: { readonly value: unknown } | undefined;
  unlisten: (() => void) | undefined;
  readonly #maxBytes: number;
  readonly #sizeOf: ((event: E) => number) | undefined;
  // What is read before all that is in the channel: a replay, or what is behind a gap in a batch; and how much of it was read.
  #front: readonly Entry<E>[] = NONE;
  #read = 0;
  // In line behind a full channel. Made when there is the first.
  #senders: Set<Sender<E>> | undefined;
  // What was measured last; channels measure what they take.
  #measured: Entry<E> | undefined;
  #size = 0;
  // Losses that were not told yet. Those that were pushed out lie before what is read next that is younger. Those that were turned away lie
  // behind all that is there, and so before the next that is taken in. Those that were given up lie before whatever is read next.
  #pushedOut = 0;
  #lastPushedOut = 0;
  #turnedAway = 0;
  #givenUp = 0;
  #before: Map<Entry<E>, number> | undefined;
  // How many events have come into the channel, and gone, and which of those that came have a gap before them.
  #come = 0;
  #gone = 0;
  #gaps: Set<number> | undefined;
  // What the channel was offered, until it is known what became of it.
  #offering: Entry<E> | undefined;
  readonly #isQuick: boolean;

  constructor(setup: QueueSetup<E>) {
    const { capacity, overflow, sizeOf, maxBytes } = setup;
    if (setup.name !== undefined) this.name = setup.name;
    this.placement = setup.placement;
    this.where = setup.where;
    this.origin = setup.origin;
    this.host = setup.host;
    this.isPlain = isPlain(setup);
    this.capacity = capacity;
    this.overflow = overflow;
    this.signal = setup.signal;
    if (setup.onLag !== undefined) this.onLag = [setup.onLag];
    this.#maxBytes = maxBytes ?? Infinity;
    this.#sizeOf = sizeOf;
    this.#isQuick = sizeOf === undefined && overflow !== "drop-oldest";
    this.channel = new Channel({
      capacity,
      // It is only to refuse; what is done then, is done here.
      overflow: overflow === "drop-oldest" ? "drop-oldest" : "fail",
      maxBytes,
      sizeOf: sizeOf && ((entry) => this.#measure(entry)),
      onDrop: overflow === "drop-oldest" ? (entry) => this.#pushOut(entry) : undefined,
    });
  }

  /** How many events wait to be read, those included that a `send` waits with. */
  get size(): number {
    return this.offered - this.delivered - this.lagged;
  }

  get isClosed(): boolean {
    return this.channel.closed;
  }

  /** How it is doing. */
  stats(): SubscriptionStats {
    const { id, name, size, highWater, capacity, overflow, offered, delivered, lagged } = this;
    return { id, name, size, highWater, capacity, overflow, offered, delivered, lagged };
  }

  /** Begins with events that were published before. Nothing must have been offered. */
  begin(records: readonly BusRecord<E>[]): void {
    if (records.length === 0) return;
    this.#front = records.map(({ seq, event }) => ({ seq, event, at: 0 }));
    this.#count(records.length);
    this.highWater = records.length;
  }

  /**
   * Takes an event if there is room; else deals with it, or leaves it to `onFull`, where it may wait for room. Throws what `sizeOf` throws,
   * after the loss was counted.
   */
  offer(entry: Entry<E>, onFull?: (queue: Queue<E>, entry: Entry<E>) => void): boolean {
    // Its own predicate may have closed it.
    if (this.channel.closed) return false;
    this.#count(1);
    // Nobody's code is called here, so nothing can throw; and nothing lies before the event that it would have to be told of.
    if (this.#isQuick && this.#turnedAway === 0 && !this.#senders?.size && this.#put(entry)) {
      return true;
    }
    this.#offering = entry;
    try {
      // Those who wait were here before.
      if (!this.#senders?.size) {
        if (this.#turnedAway > 0) this.#setBefore(entry);
        if (this.#put(entry)) return true;
        this.#takeBackBefore(entry);
      }
    } catch (error) {
      this.#takeBackBefore(entry);
      this.#turnAway();
      if (this.overflow === "disconnect") this.#disconnect();
      throw error;
    } finally {
      this.#offering = undefined;
    }
    if (this.channel.closed) this.#turnAway();
    else if (this.overflow === "wait" && onFull !== undefined) onFull(this, entry);
    else if (this.overflow !== "drop-oldest") this.#turnAway();
    if (this.overflow === "disconnect") this.#disconnect();
    return false;
  }

  /**
   * Gets in line with an event that was offered and left to the caller.
   *
   * @returns A promise of how that ends. It never rejects.
   * @throws What `sizeOf` throws, or that there will never be room; the loss was counted then.
   */
  wait(
    entry: Entry<E>,
    signal: AbortSignal | undefined,
  ): Promise<"taken" | "closed" | "aborted"> {
    let size = 0;
    try {
      if (this.#sizeOf !== undefined) size = this.#measure(entry);
      if (size > this.#maxBytes) {
        const requirement = `an event must have at most ${this.#maxBytes} bytes`;
        throw new RangeError(refusal(`send to subscription ${this.name}`, requirement, size));
      }
    } catch (error) {
      this.#turnAway();
      throw error;
    }
    if (this.#turnedAway > 0) this.#setBefore(entry);
    return new Promise((resolve) => {
      const senders = this.#senders ??= new Set();
      const sender: Sender<E> = {
        entry,
        size,
        settle(end) {
          senders.delete(sender);
          group?.leave(sender);
          resolve(end);
        },
        handleAbort: () => this.#giveUpSender(sender, "aborted"),
      };
      senders.add(sender);
      this.#rise();
      const group = signal && AbortGroup.join(signal, sender);
      // A handler may have aborted it since.
      if (signal?.aborted) this.#giveUpSender(sender, "aborted");
    });
  }

  /** Takes out what is read next; undefined if nothing is there. It must be taken or given up. */
  shift(): Entry<E> | undefined {
    const first = this.#front[this.#read];
    if (first !== undefined) {
      if (++this.#read === this.#front.length) {
        this.#front = NONE;
        this.#read = 0;
      }
      return first;
    }
    const result = this.channel.tryReceive();
    if (result.state !== "ok") return undefined;
    this.#go();
    const entry = result.value;
    if (this.#pushedOut > 0) {
      // It is taken a little later, when more may have been pushed out.
      const before = this.#before ??= new Map();
      before.set(entry, (before.get(entry) ?? 0) + this.#pushedOut);
      this.#pushedOut = 0;
    }
    if (this.#senders !== undefined) this.#refill();
    return entry;
  }

  /** Whether somebody is to be told of events that were lost just before the one that is read next. */
  get isGapNext(): boolean {
    if (this.onLag.length === 0) return false;
    if (this.#givenUp > 0) return true;
    return this.#front === NONE && (this.#pushedOut > 0 || !!this.#gaps?.has(this.#gone + 1));
  }

  /** Counts an event that its reader gets now, after telling what was lost before it. */
  take(entry: Entry<E>): E {
    const lost = this.#collect(entry);
    this.delivered++;
    this.host.totals.delivered++;
    if (lost > 0) this.#tell(lost);
    return entry.event;
  }

  /** Counts what nobody can read any more as lost. */
  abandon(): void {
    this.close();
    while (this.shift() !== undefined) this.#lose();
  }

  /** Counts an event as lost that was taken out for a reader who does not get it. */
  giveUp(entry: Entry<E>): void {
    this.#givenUp = this.#collect(entry) + 1;
    this.#lose();
  }

  /** Tells of what was lost behind the last event, once everything is read. */
  tellLast(): void {
    if (this.size > 0) return;
    const lost = this.#pushedOut + this.#turnedAway + this.#givenUp;
    this.#pushedOut = this.#turnedAway = this.#givenUp = 0;
    if (lost > 0) this.#tell(lost);
  }

  close(...reason: [reason: unknown] | []): void {
    if (this.channel.closed) return;
    if (reason.length > 0) {
      this.reason = { value: reason[0] };
      this.channel.close(reason[0]);
    } else this.channel.close();
    for (const sender of this.#senders ?? NONE) this.#giveUpSender(sender, "closed");
    this.unlisten?.();
    this.host.remove(this);
  }

  #disconnect(): void {
    this.close(new LaggedError(this.id, this.name, this.capacity));
  }

  #count(offered: number): void {
    this.offered += offered;
    this.host.totals.offered += offered;
  }

  /** Gives an event to the channel; false if it has no room. */
  #put(entry: Entry<E>): boolean {
    const { channel } = this;
    const before = channel.size;
    if (!channel.trySend(entry)) return false;
    this.#rise();
    this.#come++;
    if (this.#before?.has(entry)) (this.#gaps ??= new Set()).add(this.#come);
    // It went to somebody who was waiting for it.
    if (before === 0 && channel.size === 0) this.#go();
    return true;
  }

  #rise(): void {
    const { size } = this;
    if (size > this.highWater) this.highWater = size;
  }

  #go(): void {
    this.#gone++;
    this.#gaps?.delete(this.#gone);
  }

  #measure(entry: Entry<E>): number {
    if (this.#measured !== entry) {
      const size = this.#sizeOf!(entry.event);
      if (!Number.isFinite(size) || size < 0) {
        const action = `measure an event for subscription ${this.name}`;
        throw new RangeError(refusal(action, "sizeOf must return a non-negative number", size));
      }
      this.#size = size;
      this.#measured = entry;
    }
    return this.#size;
  }

  /** Lets those in who wait, as far as there is room. */
  #refill(): void {
    for (const sender of this.#senders ?? NONE) {
      this.#measured = sender.entry;
      this.#size = sender.size;
      if (!this.#put(sender.entry)) break;
      sender.settle("taken");
    }
  }

  /** Counts as lost what somebody waited with, and leaves the gap to who stands behind. */
  #giveUpSender(sender: Sender<E>, end: "closed" | "aborted"): void {
    const lost = (this.#before?.get(sender.entry) ?? 0) + 1;
    this.#before?.delete(sender.entry);
    this.#lose();
    let next: Sender<E> | undefined;
    let isBehind = false;
    for (const other of this.#senders!) {
      if (isBehind) {
        next = other;
        break;
      }
      isBehind = other === sender;
    }
    sender.settle(end);
    if (next === undefined) this.#turnedAway += lost;
    else {
      const before = this.#before ??= new Map();
      before.set(next.entry, (before.get(next.entry) ?? 0) + lost);
      // There may be room for a smaller one.
      if (!this.channel.closed) this.#refill();
    }
  }

  #setBefore(entry: Entry<E>): void {
    (this.#before ??= new Map()).set(entry, this.#turnedAway);
    this.#turnedAway = 0;
  }

  /** What would have been lost before an event that is not taken in is lost before the next. */
  #takeBackBefore(entry: Entry<E>): void {
    this.#turnedAway += this.#before?.get(entry) ?? 0;
    this.#before?.delete(entry);
  }

  #turnAway(): void {
    this.#lose();
    this.#turnedAway++;
  }

  /** The channel has given up an event: one that was in it, or the new one, which is larger than all of it. */
  #pushOut(entry: Entry<E>): void {
    if (entry === this.#offering) return this.#turnAway();
    this.#lose();
    this.#go();
    this.#pushedOut += 1 + (this.#before?.get(entry) ?? 0);
    this.#lastPushedOut = entry.at;
    this.#before?.delete(entry);
  }

  #lose(): void {
    this.lagged++;
    this.host.totals.lagged++;
  }

  /** Takes what was lost before an event from where it is remembered. */
  #collect(entry: Entry<E>): number {
    let lost = this.#givenUp;
    this.#givenUp = 0;
    if (this.#pushedOut > 0 && entry.at > this.#lastPushedOut) {
      lost += this.#pushedOut;
      this.#pushedOut = 0;
    }
    if (this.#before !== undefined && this.#before.size > 0) {
      lost += this.#before.get(entry) ?? 0;
      this.#before.delete(entry);
    }
    return lost;
  }

  #tell(lost: number): void {
    for (const onLag of this.onLag) {
      try {
        onLag(lost);
      } catch (error) {
        this.host.report(error, { source: "onLag", id: this.id, name: this.name });
      }
    }
  }
}
