import { Channel, ChannelClosedError } from "../channel/mod.ts";
import type { Placement } from "./_index.ts";
import { type Host, isPlain, type Outlet, type OutletSetup } from "./_outlet.ts";
import { LaggedError } from "./errors.ts";
import type { BusRecord } from "./history.ts";
import type { BusOverflow } from "./options.ts";
import type { SubscriptionStats } from "./stats.ts";

/** What a queue is made of. */
export interface QueueSetup<E> extends OutletSetup<E> {
  readonly capacity: number;
  readonly overflow: BusOverflow;
  readonly maxBytes: number | undefined;
  readonly sizeOf: ((event: E) => number) | undefined;
  readonly onLag: ((lost: number) => void) | undefined;
}

/** Shared by all that have none. */
export const NONE: readonly never[] = [];

/**
 * The events that wait for one reader: what a bus knows of a {@linkcode Subscription}. It must not know the subscription itself, so that one
 * that nobody can read any more can be found out.
 */
export class Queue<E> implements Outlet<E> {
  id = 0;
  name: string;
  readonly placement: Placement;
  readonly where: ((event: E) => boolean) | undefined;
  readonly origin: unknown;
  readonly host: Host<E>;
  readonly isPlain: boolean;
  readonly capacity: number;
  readonly overflow: BusOverflow;
  readonly channel: Channel<BusRecord<E>>;
  found = -1;
  offered = 0;
  delivered = 0;
  lagged = 0;
  highWater = 0;
  /** Whom to tell of losses, each before the first event behind the gap is read. */
  onLag: readonly ((lost: number) => void)[] = NONE;
  /** What comes before all that is in the channel: a replay, or what is behind a gap in a batch. */
  front: readonly BusRecord<E>[] = NONE;
  frontTaken = 0;
  /** What the reader finds at the end, if it is more than an end. */
  reason: { readonly value: unknown } | undefined;
  /** Whether to read nothing more, even if there is something. */
  isAborted = false;
  unlisten: (() => void) | undefined;
  // Losses that were not told yet. Those that gave way lie before what is read next, since they were the oldest. Those that found no room
  // lie behind all that is there, and before the next that does.
  #displaced = 0;
  #lastDisplaced = -1;
  #turnedAway = 0;
  // By the event that each of them lies before. Made when there is the first.
  #before: Map<BusRecord<E>, number> | undefined;
  #offering: BusRecord<E> | undefined;

  constructor(setup: QueueSetup<E>) {
    const { overflow, sizeOf, maxBytes } = setup;
    this.name = setup.name ?? "";
    this.placement = setup.placement;
    this.where = setup.where;
    this.origin = setup.origin;
    this.host = setup.host;
    this.isPlain = isPlain(setup);
    this.capacity = setup.capacity;
    this.overflow = overflow;
    if (setup.onLag !== undefined) this.onLag = [setup.onLag];
    this.channel = new Channel({
      capacity: setup.capacity,
      // Where the channel only refuses, the rest is done here.
      overflow: overflow === "drop-newest" || overflow === "disconnect" ? "fail" : overflow,
      maxBytes,
      sizeOf: sizeOf && ((record) => sizeOf(record.event)),
      onDrop: overflow === "drop-oldest" ? (record) => this.#displace(record) : undefined,
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
    return {
      id,
      name,
      size,
      highWater,
      capacity,
      overflow,
      offered,
      delivered,
      lagged,
    };
  }

  /** Begins with events that were published before. Nothing must have been offered. */
  begin(records: readonly BusRecord<E>[]): void {
    this.front = records;
    this.highWater = records.length;
    this.#count(records.length);
  }

  /**
   * Takes an event if there is room; else deals with it, or leaves it to `onFull`, where it would wait for room. Throws what `sizeOf` throws,
   * after the loss was counted.
   */
  offer(record: BusRecord<E>, onFull?: (queue: Queue<E>, record: BusRecord<E>) => void): boolean {
    this.#count(1);
    this.#offering = record;
    try {
      if (this.channel.trySend(record)) {
        this.#accept(record);
        return true;
      }
    } catch (error) {
      this.#turnAway();
      throw error;
    } finally {
      this.#offering = undefined;
    }
    if (this.overflow === "wait" && onFull !== undefined) {
      onFull(this, record);
      return false;
    }
    // Where the oldest give way, what is turned away was counted by then.
    if (this.overflow !== "drop-oldest") this.#turnAway();
    if (this.overflow === "disconnect") {
      this.close(new LaggedError(this.id, this.name, this.capacity));
    }
    return false;
  }

  /**
   * Takes an event that was offered and left to the caller, waiting for room.
   *
   * @returns Whether it was taken: not if the subscription is closed first. Rejects with the reason of the signal.
   */
  async wait(record: BusRecord<E>, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.channel.send(record, { signal });
    } catch (error) {
      this.#turnAway();
      if (error instanceof ChannelClosedError) return false;
      throw error;
    }
    return true;
  }

  /** How many events were lost just before one that comes out of the channel, and were not told. */
  lostBefore(record: BusRecord<E>): number {
    const displaced = record.seq > this.#lastDisplaced ? this.#displaced : 0;
    return displaced + (this.#before?.get(record) ?? 0);
  }

  /** Remembers what was lost before an event that its reader does not get yet, though it is out of the channel. */
  hold(record: BusRecord<E>): void {
    (this.#before ??= new Map()).set(record, this.#collect(record));
  }

  /** Counts an event that its reader gets now, after telling what was lost before it. */
  take(record: BusRecord<E>): E {
    const lost = this.#collect(record);
    this.delivered++;
    this.host.totals.delivered++;
    if (lost > 0) this.#tell(lost);
    return record.event;
  }

  /** Counts an event as lost that was taken for a reader who was gone by then. */
  untake(): void {
    this.delivered--;
    this.host.totals.delivered--;
    this.#lose();
  }

  /** Tells of what was lost behind the last event, once there will be no more. */
  finish(): void {
    const lost = this.#displaced + this.#turnedAway;
    this.#displaced = this.#turnedAway = 0;
    if (lost > 0) this.#tell(lost);
  }

  close(...reason: [reason: unknown] | []): void {
    if (this.channel.closed) return;
    if (reason.length > 0) {
      this.reason = { value: reason[0] };
      this.channel.close(reason[0]);
    } else this.channel.close();
    this.unlisten?.();
    this.host.remove(this);
  }

  #count(offered: number): void {
    this.offered += offered;
    this.host.totals.offered += offered;
  }

  #accept(record: BusRecord<E>): void {
    if (this.#turnedAway > 0) {
      (this.#before ??= new Map()).set(record, this.#turnedAway);
      this.#turnedAway = 0;
    }
    const { size } = this.channel;
    if (size > this.highWater) this.highWater = size;
  }

  #turnAway(): void {
    this.#lose();
    this.#turnedAway++;
  }

  /** The channel has given up an event: one that was in it, or the new one, which is larger than all of it. */
  #displace(record: BusRecord<E>): void {
    if (record === this.#offering) return this.#turnAway();
    this.#lose();
    this.#displaced += 1 + (this.#before?.get(record) ?? 0);
    this.#lastDisplaced = record.seq;
    this.#before?.delete(record);
  }

  #lose(): void {
    this.lagged++;
    this.host.totals.lagged++;
  }

  #collect(record: BusRecord<E>): number {
    const lost = this.lostBefore(record);
    if (lost === 0) return 0;
    if (record.seq > this.#lastDisplaced) this.#displaced = 0;
    this.#before?.delete(record);
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
