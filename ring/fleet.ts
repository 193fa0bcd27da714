import { refusal } from "../internal/mod.ts";
import { checkSame, processHome } from "./_process_home.ts";
import { RingCursor } from "./cursor.ts";
import { RingLaneError } from "./errors.ts";
import { EventRing, type EventRingOptions } from "./events.ts";
import type { RingFrame } from "./frame.ts";
import { LatestMap, type LatestMapOptions } from "./latest_map.ts";
import { Ring } from "./ring.ts";
import { MAX_NODES, type RingSpec, type RingTopology } from "./spec.ts";
import type { RingStorage } from "./storage.ts";

/**
 * Where the rings of fleets are: makes the memory of a ring, or finds it. The same names and the same specification give the same memory;
 * another specification is an error. The fleet closes what it is given.
 *
 * @param fleet The name of the fleet.
 * @param ring The name of the ring in the fleet.
 * @param spec What the ring is made of.
 */
export type FleetHome = (fleet: string, ring: string, spec: RingSpec) => RingStorage;

/** Options of {@linkcode Fleet.join}. */
export interface FleetJoinOptions {
  /** How many members there are at most, from 1 to 2048. The same for all members. */
  readonly capacity: number;

  /** Which node to be, below `capacity`; without it, the first that is free. */
  readonly node?: number | undefined;

  /**
   * Takes `node` even if another member has it: for where it is known that the member is gone and could not give it back, as a worker that
   * was terminated. Nodes of processes need no such thing.
   *
   * @default {false}
   */
  readonly takeOver?: boolean | undefined;

  /** Where the rings are; without it, in the memory of this thread, as long as a member has them open. */
  readonly home?: FleetHome | undefined;
}

/** What a ring of a fleet is made of. */
export interface FleetRingSpec {
  /** How many frames each lane keeps: a power of two, at most 2^26. */
  readonly capacity: number;

  /** How many bytes a frame carries at most: an integer from 0 to 2^24. */
  readonly payloadCapacity: number;

  /**
   * Who writes where.
   *
   * @default {"per-node"}
   */
  readonly topology?: RingTopology | undefined;
}

/** What a ring of a fleet is made of, where it need not be said. */
export interface FleetRingDefaults {
  /**
   * How many frames each lane keeps: a power of two, at most 2^26.
   *
   * @default {1024}
   */
  readonly capacity?: number | undefined;

  /**
   * How many bytes a frame carries at most: an integer from 0 to 2^24.
   *
   * @default {512}
   */
  readonly payloadCapacity?: number | undefined;

  /**
   * Who writes where.
   *
   * @default {"per-node"}
   */
  readonly topology?: RingTopology | undefined;
}

/**
 * Options of {@linkcode Fleet.events}.
 *
 * @typeParam T The values of the events.
 */
export interface FleetEventsOptions<T> extends FleetRingDefaults, EventRingOptions<T> {}

/**
 * Options of {@linkcode Fleet.latest}.
 *
 * @typeParam V The values of the map.
 */
export interface FleetLatestOptions<V> extends FleetRingDefaults, LatestMapOptions<V> {}

/** Options of {@linkcode Fleet.heartbeats}. */
export interface FleetHeartbeatsOptions {
  /**
   * How old, in milliseconds, the heartbeat of a member may be that counts as alive, from 0.
   *
   * @default {3_000}
   */
  readonly maxAgeMs?: number | undefined;

  /**
   * The time by which that is measured, in milliseconds since 1970.
   *
   * @default {Date.now()}
   */
  readonly now?: number | undefined;
}

/** What the heartbeats of a fleet say: each node is in one of the three lists, which are in order. */
export interface FleetHeartbeats {
  /** The time by which they were judged, in milliseconds. */
  readonly nowMs: number;
  /** When each node was heard of last, in milliseconds; without nodes that never were. */
  readonly latest: ReadonlyMap<number, number>;
  /** Nodes whose last heartbeat is at most `maxAgeMs` old. One of the future is 0 old. */
  readonly alive: readonly number[];
  /** Nodes whose last heartbeat is older. */
  readonly stale: readonly number[];
  /** Nodes that were never heard of. */
  readonly missing: readonly number[];
}

const MEMBERS = "members";
const MEMBERS_SPEC = { capacity: 8, payloadCapacity: 0 };
const NAME = /^(?!\.\.?$)[A-Za-z0-9._-]{1,64}$/;
const DEFAULTS = { capacity: 1_024, payloadCapacity: 512 };

/**
 * A named set of rings that siblings have in common: tasks of one thread, workers, or processes. Each member is a node of its own, which no
 * other live member is, and so has a lane of its own in each of the rings.
 *
 * A member has its node until it closes; one of another process also until that dies. A fleet sets no timers: who wants heartbeats says
 * `setInterval(() => fleet.beat(), 1000)`.
 *
 * | operation | cost |
 * |---|---|
 * | `join` | O(capacity), and the memory of a small ring |
 * | `beat` | O(1) |
 * | `heartbeats`, `members`, `newestByNode` | O(capacity) |
 *
 * @example Sharing events with siblings, and seeing who lives
 * ```ts
 * import { Fleet } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using one = Fleet.join("orders", { capacity: 4 });
 * using other = Fleet.join("orders", { capacity: 4 });
 * assertEquals([one.node, other.node], [0, 1]);
 *
 * const events = one.events<{ id: number }>();
 * const cursor = events.cursorAtHead();
 * other.events<{ id: number }>().publish("orders.created", { id: 7 });
 * const [event] = events.poll(cursor).events;
 * assertEquals([event?.node, event?.value], [1, { id: 7 }]);
 *
 * const { alive, missing } = one.heartbeats();
 * assertEquals([alive, missing], [[0, 1], [2, 3]]);
 * ```
 */
export class Fleet {
  readonly #name: string;
  readonly #capacity: number;
  readonly #home: FleetHome;
  readonly #members: Ring;
  readonly #rings: Map<string, Ring> = new Map();
  /** The memory of the rings by name, beginning with that of the members. */
  readonly #storages: Map<string, RingStorage>;
  #closed = false;

  private constructor(
    name: string,
    capacity: number,
    home: FleetHome,
    members: Ring,
    storage: RingStorage,
  ) {
    this.#name = name;
    this.#capacity = capacity;
    this.#home = home;
    this.#members = members;
    this.#storages = new Map([[MEMBERS, storage]]);
  }

  /**
   * Joins a fleet, which is made with its first member, and says so by a first heartbeat.
   *
   * @param name The name of the fleet: 1 to 64 letters, digits, dots, underscores and dashes.
   * @param options How large it is, and where.
   * @throws {RangeError} If `capacity` is out of its range, or the fleet has no such node.
   * @throws {RingLaneError} If another member has the node, or others have all of them.
   * @throws {RingFormatError} If the fleet has another capacity.
   * @throws {TypeError} If the name is none.
   */
  static join(name: string, options: FleetJoinOptions): Fleet {
    const { capacity, node, takeOver, home = processHome } = options;
    checkName("join Fleet", name);
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_NODES) {
      const requirement = `capacity must be an integer from 1 to ${MAX_NODES}`;
      throw new RangeError(refusal("join Fleet", requirement, capacity));
    }
    if (node !== undefined && !(Number.isInteger(node) && node >= 0 && node < capacity)) {
      const requirement = `node must be an integer from 0 to ${capacity - 1}`;
      throw new RangeError(refusal("join Fleet", requirement, node));
    }
    const storage = home(name, MEMBERS, { ...MEMBERS_SPEC, nodes: capacity });
    try {
      const members = new Ring(storage, { node, takeOver });
      const fleet = new Fleet(name, capacity, home, members, storage);
      // The lane of the node is what a member has of it.
      fleet.beat();
      return fleet;
    } catch (error) {
      storage.close();
      if (!(error instanceof RingLaneError)) throw error;
      const taken = node === undefined ? `all of its ${capacity} nodes have` : `node ${node} has`;
      throw new RingLaneError(node, `Cannot join Fleet "${name}": ${taken} a live member already`);
    }
  }

  /** The name of the fleet. */
  get name(): string {
    return this.#name;
  }

  /** How many members there are at most. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Which node this member is. */
  get node(): number {
    return this.#members.node!;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Opens a ring of the fleet, which is made with its first use. The same name gives the same ring each time.
   *
   * @param name The name of the ring: 1 to 64 letters, digits, dots, underscores and dashes, and not `members`.
   * @param spec What it is made of.
   * @returns A ring that publishes as this member. The fleet closes it.
   * @throws {RangeError} If a number of the specification is out of its range.
   * @throws {RingFormatError} If there is a ring of this name that is made otherwise.
   * @throws {TypeError} If the name is none, or the fleet is closed.
   */
  ring(name: string, spec: FleetRingSpec): Ring {
    this.#check("open a ring of");
    checkName("open a ring of Fleet", name);
    if (name === MEMBERS) {
      throw new TypeError(refusal("open a ring of Fleet", "its name is taken by the fleet", name));
    }
    const { capacity, payloadCapacity, topology = "per-node" } = spec;
    const whole = { capacity, payloadCapacity, topology, nodes: this.#capacity };
    const known = this.#storages.get(name);
    if (known !== undefined) checkSame(this.#name, name, whole, known.geometry);
    const open = this.#rings.get(name);
    if (open !== undefined && !open.closed) return open;
    const storage = known === undefined || known.closed
      ? this.#home(this.#name, name, whole)
      : known;
    this.#storages.set(name, storage);
    // Whoever had the lane was this node before, and is gone.
    const ring = new Ring(storage, { node: this.node, takeOver: true });
    this.#rings.set(name, ring);
    return ring;
  }

  /**
   * Opens a ring of events.
   *
   * @typeParam T The values of the events.
   * @param name The name of the ring, as for {@linkcode Fleet.ring}.
   * @param options What the ring is made of, and how values are written.
   * @throws {RangeError} If a number of the options is out of its range.
   * @throws {RingFormatError} If there is a ring of this name that is made otherwise.
   * @throws {TypeError} If the name is none, or the fleet is closed.
   */
  events<T = unknown>(name = "events", options: FleetEventsOptions<T> = {}): EventRing<T> {
    return new EventRing<T>(this.ring(name, specOf(options)), options);
  }

  /**
   * Opens a map of the newest values. Each call makes one that holds what it has read: keep it.
   *
   * @typeParam V The values of the map.
   * @param name The name of the ring, as for {@linkcode Fleet.ring}.
   * @param options What the ring is made of, how values are written, and how many are held.
   * @throws {RangeError} If a number of the options is out of its range.
   * @throws {RingFormatError} If there is a ring of this name that is made otherwise.
   * @throws {TypeError} If the name is none, or the fleet is closed.
   */
  latest<V = unknown>(name: string, options: FleetLatestOptions<V> = {}): LatestMap<V> {
    return new LatestMap<V>(this.ring(name, specOf(options)), options);
  }

  /**
   * Says that this member is alive.
   *
   * @param now The time, in milliseconds since 1970.
   * @throws {RangeError} If it is not an integer from 0 to 2^53 - 1.
   * @throws {TypeError} If the fleet is closed.
   */
  beat(now: number = Date.now()): void {
    this.#check("beat for");
    if (!Number.isSafeInteger(now) || now < 0) {
      const requirement = "now must be an integer from 0 to 2^53 - 1";
      throw new RangeError(refusal("beat for Fleet", requirement, now));
    }
    this.#members.publish(new Uint8Array(0), { version: now });
  }

  /**
   * Finds out which members were heard of lately. It goes by their heartbeats alone: a member that has left is alive until its last one is
   * old, and one that is busy is stale. Who has a node is what {@linkcode Fleet.members} says.
   *
   * @param options How old a heartbeat may be.
   * @throws {RangeError} If `maxAgeMs` is not a number from 0.
   * @throws {TypeError} If the fleet is closed.
   */
  heartbeats(options: FleetHeartbeatsOptions = {}): FleetHeartbeats {
    this.#check("read");
    const { maxAgeMs = 3_000, now: nowMs = Date.now() } = options;
    if (typeof maxAgeMs !== "number" || !(maxAgeMs >= 0)) {
      throw new RangeError(refusal("read Fleet", "maxAgeMs must be a number from 0", maxAgeMs));
    }
    const latest = new Map<number, number>();
    const alive: number[] = [];
    const stale: number[] = [];
    const missing: number[] = [];
    for (let node = 0; node < this.#capacity; node++) {
      const frame = this.#members.latest(node);
      if (frame === undefined) {
        missing.push(node);
        continue;
      }
      latest.set(node, frame.version);
      (nowMs - frame.version <= maxAgeMs ? alive : stale).push(node);
    }
    return { nowMs, latest, alive, stale, missing };
  }

  /**
   * Lists the nodes that members have now, in order.
   *
   * @throws {TypeError} If the fleet is closed.
   */
  members(): number[] {
    this.#check("read");
    const nodes = Array.from({ length: this.#capacity }, (_, node) => node);
    return nodes.filter((node) => this.#members.lane(node).hasWriter);
  }

  /**
   * Finds the newest frame that each node has published to a ring, as far as the ring still has one.
   *
   * @param ring A ring of the fleet, or the name of one that this member has opened.
   * @throws {TypeError} If this member has opened no ring of this name, or the fleet or the ring is closed.
   */
  newestByNode(ring: Ring | string): Map<number, RingFrame> {
    this.#check("read");
    const found = typeof ring === "string" ? this.#rings.get(ring) : ring;
    if (found === undefined) {
      throw new TypeError(refusal("read Fleet", "it must have opened the ring", ring));
    }
    const newest = new Map<number, RingFrame>();
    const { topology, lanes, capacity } = found.geometry;
    if (topology === "shared") {
      // All are in one lane, and the later one wins.
      const { frames } = found.poll(RingCursor.fromStart(found), { max: capacity });
      for (const frame of frames) newest.set(frame.node, frame);
      return newest;
    }
    for (let node = 0; node < lanes; node++) {
      const frame = found.latest(node);
      if (frame !== undefined) newest.set(node, frame);
    }
    return newest;
  }

  /** Gives the node back, and closes all rings of the fleet that this member has opened. Does nothing the second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The node last: until then nobody else may write to its lanes.
    for (const storage of [...this.#storages.values()].reverse()) storage.close();
  }

  /** Closes the fleet. */
  [Symbol.dispose](): void {
    this.close();
  }

  #check(action: string): void {
    if (this.#closed) throw new TypeError(`Cannot ${action} Fleet: fleet is closed`);
  }
}

function specOf({ capacity, payloadCapacity, topology }: FleetRingDefaults): FleetRingSpec {
  return {
    capacity: capacity ?? DEFAULTS.capacity,
    payloadCapacity: payloadCapacity ?? DEFAULTS.payloadCapacity,
    topology,
  };
}

function checkName(action: string, name: string): void {
  if (typeof name === "string" && NAME.test(name)) return;
  const requirement = 'a name must be 1 to 64 letters, digits, ".", "_" and "-"';
  throw new TypeError(refusal(action, requirement, name));
}
