import { refusal } from "../internal/mod.ts";
import {
  CLEAR,
  DELETE,
  deletePayload,
  keyBytes,
  LEAST_PUT_BYTES,
  PUT,
  putPayload,
  readKey,
  readPut,
} from "./_latest_frame.ts";
import { type Entry, Newest, type Order } from "./_newest.ts";
import { type Codec, encoded, jsonCodec } from "./codec.ts";
import { RingCursor, stateOf } from "./cursor.ts";
import { frames, parseFrameId, type RingFrame } from "./frame.ts";
import { type Ring, rings } from "./ring.ts";

/** How often more to look where frames were lost and others are still there. */
const MORE_LOOKS = 8;

/**
 * Options of the {@linkcode LatestMap} constructor.
 *
 * @typeParam V The values.
 */
export interface LatestMapOptions<V> {
  /**
   * Turns values into bytes and back.
   *
   * @default {jsonCodec}
   */
  readonly codec?: Codec<V> | undefined;

  /**
   * How many keys are held at most, the oldest out first: a positive integer. As many that were deleted or have expired are remembered beside
   * them.
   *
   * @default {10_000}
   */
  readonly maxKeys?: number | undefined;

  /**
   * The clock that values expire by, in milliseconds: one that all who share the ring have in common.
   *
   * @default {Date.now}
   */
  readonly now?: (() => number) | undefined;
}

/** Options of {@linkcode LatestMap.set}. */
export interface LatestMapSetOptions {
  /**
   * After how many milliseconds the value is gone, from 1.
   *
   * @default {Infinity}
   */
  readonly ttlMs?: number | undefined;
}

/**
 * The newest value of a key.
 *
 * @typeParam V The value.
 */
export interface LatestValue<V> {
  /** The value. */
  readonly value: V;
  /** Its place among all changes of the map: the greater, the newer. */
  readonly version: number;
  /** Which node set it. */
  readonly node: number;
  /** When it expires, in milliseconds; undefined if never. */
  readonly expiresAt: number | undefined;
}

/**
 * The newest value of each key, over a {@linkcode Ring}: a cache that all who share the ring have in common. Whoever sets, deletes or clears
 * publishes that as a frame; every read takes in what is new, and is answered from what is held.
 *
 * Changes are ordered by {@linkcode Ring.nextVersion}, which comes with each frame, so that the greater version wins, in whatever order
 * they are read; equal ones by node, then counter. In a ring with a single lane, the order is that of the lane.
 *
 * **It is a cache, bounded by the ring and by `maxKeys`.** A value whose frame was overwritten before it was read is a miss, and so is every
 * value that a lost frame may have replaced: after a loss, what is older than the oldest frame that is left of the lane is dropped. A miss
 * may have a value elsewhere; a hit is never older than what was lost. So what must not be forgotten is kept somewhere else as well, and set
 * again now and then, or after a miss.
 *
 * Frames of other kinds are counted as undecodable, so a map wants a ring of its own.
 *
 * | operation | cost |
 * |---|---|
 * | `set`, `delete` | O(bytes + log keys) |
 * | `clear` | O(keys log keys), for each reader |
 * | `get`, `has`, `newest`, `size` | O(lanes + new frames log keys + what has expired) |
 * | `keys`, `entries` | that and O(keys) |
 *
 * @typeParam V The values. That all who set them agree on it is theirs to see to.
 *
 * @example Sharing the newest state of jobs
 * ```ts
 * import { LatestMap, Ring, sharedStorage } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * const storage = sharedStorage({ capacity: 1024, payloadCapacity: 256, nodes: 2 });
 * using one = new Ring(storage, { node: 0 });
 * using other = new Ring(storage, { node: 1 });
 * const writer = new LatestMap<string>(one);
 * const reader = new LatestMap<string>(other);
 *
 * writer.set("job/7", "running", { ttlMs: 60_000 });
 * assertEquals(reader.get("job/7"), "running");
 * reader.delete("job/7");
 * assertEquals(writer.has("job/7"), false);
 * ```
 */
export class LatestMap<V = unknown> {
  readonly #ring: Ring;
  readonly #codec: Codec<V>;
  readonly #now: () => number;
  readonly #newest: Newest<V>;
  /** Whether the lane has the order. */
  readonly #isOneLane: boolean;
  #cursor: RingCursor;
  #resets = 0;
  /** In each lane, the counter behind the last frame that was taken in. */
  #next: Float64Array = new Float64Array(0);
  /** Lanes that have lost frames and have not shown yet, by their next, up to which version. */
  readonly #gaps: Set<number> = new Set();
  /** A version that was given to somebody. */
  #knownVersion = 0;
  // Its own changes need not be read: those from one counter of its lane up to another are known.
  #ownLane = -1;
  #ownFrom = 0;
  #ownNext = -1;
  #isTakingIn = false;
  #losses = 0;
  #undecodable = 0;

  /**
   * Makes a way to use a map; it takes in what the ring has with the first read.
   *
   * @param ring The ring that it is in. Closing it is its owner's.
   * @param options How values are written, and how many are held.
   * @throws {RangeError} If `maxKeys` is not a positive integer, or the frames of the ring are too small for any value.
   * @throws {TypeError} If the ring is closed.
   */
  constructor(ring: Ring, options: LatestMapOptions<V> = {}) {
    const { codec = jsonCodec, maxKeys = 10_000, now = Date.now } = options;
    const { payloadCapacity, lanes } = ring.geometry;
    if (!Number.isInteger(maxKeys) || maxKeys < 1) {
      const requirement = "maxKeys must be a positive integer";
      throw new RangeError(refusal("create LatestMap", requirement, maxKeys));
    }
    if (payloadCapacity < LEAST_PUT_BYTES) {
      const requirement = `frames must carry at least ${LEAST_PUT_BYTES} bytes`;
      throw new RangeError(refusal("create LatestMap", requirement, payloadCapacity));
    }
    this.#ring = ring;
    this.#codec = codec;
    this.#now = now;
    this.#newest = new Newest(maxKeys);
    this.#isOneLane = lanes === 1;
    this.#cursor = this.#begin(rings.resets(ring));
  }

  /** The ring that the map is in. */
  get ring(): Ring {
    return this.#ring;
  }

  /** How many frames this object has lost so far, with those that were overwritten before it was made. */
  get losses(): number {
    return this.#losses;
  }

  /** How many frames it has read so far that are none of a map, or whose value the codec refuses. */
  get undecodable(): number {
    return this.#undecodable;
  }

  /** How many values it has let go so far because it held too many. */
  get evicted(): number {
    return this.#newest.evicted;
  }

  /** How many values have expired so far while it held them, or before it read them. */
  get expired(): number {
    return this.#newest.expired;
  }

  /**
   * How many keys have a value.
   *
   * @throws {TypeError} If the ring is closed.
   */
  get size(): number {
    this.#takeIn();
    return this.#newest.size;
  }

  /**
   * Gives a key a value, for all who share the ring.
   *
   * @param key The key, which is not empty.
   * @param value The value.
   * @param options How long it lasts.
   * @returns The version of the change.
   * @throws {FrameTooLargeError} If the key and the value do not fit in a frame, or the key has more than 65535 bytes.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {RangeError} If `ttlMs` is less than 1.
   * @throws {TypeError} If the key is none, the codec refuses the value, or the ring is closed or can only be read.
   */
  set(key: string, value: V, options: LatestMapSetOptions = {}): number {
    const { ttlMs = Infinity } = options;
    if (typeof ttlMs !== "number" || !(ttlMs >= 1)) {
      throw new RangeError(
        refusal("set a key of LatestMap", "ttlMs must be a number from 1", ttlMs),
      );
    }
    const name = keyBytes("set a key of LatestMap", key);
    const bytes = encoded(this.#codec, value);
    const expiresAt = ttlMs === Infinity ? Infinity : this.#now() + ttlMs;
    const { payloadCapacity } = this.#ring.geometry;
    const change = this.#publish(PUT, putPayload(name, bytes, expiresAt, payloadCapacity));
    this.#put(key, change, bytes, expiresAt, -Infinity);
    return change.version;
  }

  /**
   * Takes the value of a key, for all who share the ring.
   *
   * @param key The key, which is not empty; it need not have a value.
   * @returns The version of the change.
   * @throws {FrameTooLargeError} If the key does not fit in a frame.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {TypeError} If the key is none, or the ring is closed or can only be read.
   */
  delete(key: string): number {
    const name = keyBytes("delete a key of LatestMap", key);
    const change = this.#publish(
      DELETE,
      deletePayload(name, this.#ring.geometry.payloadCapacity),
    );
    if (this.#newest.isNews(key, change)) this.#newest.remove(key, change);
    return change.version;
  }

  /**
   * Takes the values of all keys, for all who share the ring.
   *
   * @returns The version of the change.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {TypeError} If the ring is closed or can only be read.
   */
  clear(): number {
    const { version } = this.#publish(CLEAR, new Uint8Array(0));
    this.#newest.dropTo(version);
    return version;
  }

  /**
   * Finds the value of a key; the same object as long as nobody sets it, which is not to be changed.
   *
   * @param key The key.
   * @returns The value; undefined if it has none.
   * @throws {TypeError} If the ring is closed.
   */
  get(key: string): V | undefined {
    return this.#find(key)?.value;
  }

  /**
   * Tells whether a key has a value.
   *
   * @param key The key.
   * @throws {TypeError} If the ring is closed.
   */
  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /**
   * Finds the value of a key, with all that is known of it.
   *
   * @param key The key.
   * @returns What is known; undefined if it has no value.
   * @throws {TypeError} If the ring is closed.
   */
  newest(key: string): LatestValue<V> | undefined {
    const entry = this.#find(key);
    if (entry === undefined) return undefined;
    const { value, version, node, expiresAt } = entry;
    return { value, version, node, expiresAt: expiresAt === Infinity ? undefined : expiresAt };
  }

  /**
   * Lists the keys that have a value, in no order.
   *
   * @throws {TypeError} If the ring is closed.
   */
  keys(): string[] {
    this.#takeIn();
    return this.#newest.entries.map(({ key }) => key);
  }

  /**
   * Lists the keys that have a value, each with its value, in no order.
   *
   * @throws {TypeError} If the ring is closed.
   */
  entries(): [key: string, value: V][] {
    this.#takeIn();
    return this.#newest.entries.map(({ key, value }) => [key, value]);
  }

  #find(key: string): Entry<V> | undefined {
    this.#takeIn();
    return this.#newest.get(key);
  }

  #publish(kind: number, payload: Uint8Array): Order {
    const ring = this.#ring;
    const version = ring.nextVersion();
    const { node: lane, counter } = parseFrameId(ring.publish(payload, { kind, version }));
    if (lane !== this.#ownLane || counter !== this.#ownNext) {
      this.#ownLane = lane;
      this.#ownFrom = counter;
    }
    this.#ownNext = counter + 1;
    return { version: this.#isOneLane ? counter + 1 : version, node: ring.node ?? 0, counter };
  }

  /** Takes in what is new, so that everything published before is seen. */
  #takeIn(): void {
    // A codec may read the map it decodes for: it sees what is taken in already.
    if (this.#isTakingIn) return;
    this.#isTakingIn = true;
    try {
      const now = this.#now();
      const ring = this.#ring;
      const resets = rings.resets(ring);
      if (resets !== this.#resets) this.#cursor = this.#begin(resets);
      const { lanes, capacity: max } = ring.geometry;
      let isWhole = true;
      // A look that took all that it may has begun with another lane than the one before: after so many as there are, each was first.
      for (let looks = 0; looks <= lanes + MORE_LOOKS; looks++) {
        const { delivered, lost } = ring.visit(
          this.#cursor,
          (frame) => this.#apply(frame, now),
          { max },
        );
        if (lost.overwritten + lost.unavailable > 0) isWhole = false;
        // What comes behind a gap says how new the lost frames were at most; a writer that is faster may not let it be read.
        if (delivered < max && (isWhole || ring.head === this.#cursor.position)) break;
      }
      if (!isWhole) this.#missLast();
      this.#newest.expire(now);
    } finally {
      this.#isTakingIn = false;
    }
  }

  /** Forgets all, and begins with what the ring has. */
  #begin(resets: number): RingCursor {
    this.#newest.reset();
    this.#ownNext = -1;
    this.#resets = resets;
    const cursor = RingCursor.fromStart(this.#ring);
    this.#next = Float64Array.from(cursor.counters);
    return cursor;
  }

  #apply(frame: RingFrame, now: number): void {
    const lane = frames.lane(frame);
    const { counter, kind, node } = frame;
    this.#miss(lane, counter);
    this.#next[lane] = counter + 1;
    const version = this.#isOneLane ? counter + 1 : frame.version;
    if (kind < PUT || kind > CLEAR || !this.#isGiven(version)) {
      this.#undecodable++;
      return;
    }
    // A lane has its changes in order, so what it lost before is older.
    if (this.#gaps.size > 0 && this.#gaps.delete(lane)) this.#newest.dropTo(version - 1);
    const change = { version, node, counter };
    if (kind === CLEAR) return this.#newest.dropTo(version);
    const put = kind === PUT ? readPut(frame.payload) : undefined;
    const key = kind === DELETE ? readKey(frame.payload) : put?.key;
    if (key === undefined) {
      // A change of no one knows which key.
      this.#undecodable++;
      this.#newest.dropTo(version);
    } else if (put !== undefined) {
      this.#put(key, change, put.value, put.expiresAt, now);
    } else if (this.#newest.isNews(key, change)) {
      this.#newest.remove(key, change);
    }
  }

  #put(key: string, change: Order, bytes: Uint8Array, expiresAt: number, now: number): void {
    const newest = this.#newest;
    if (!newest.isNews(key, change)) return;
    if (expiresAt <= now) {
      newest.expired++;
      return newest.remove(key, change);
    }
    let value: V;
    try {
      value = this.#codec.decode(bytes);
    } catch {
      // There is a newer value than that which is held, whatever it is.
      this.#undecodable++;
      return newest.remove(key, change);
    }
    newest.put(key, change, value, expiresAt);
  }

  /** Whether a version was given to anybody: all that is kept would be older than one from somewhere else. */
  #isGiven(version: number): boolean {
    if (version <= this.#knownVersion || this.#isOneLane) return version > 0;
    this.#knownVersion = rings.lastVersion(this.#ring);
    return version <= this.#knownVersion;
  }

  /** Goes on at a counter of a lane; the frames before it were lost. */
  #miss(lane: number, counter: number): void {
    const next = this.#next[lane]!;
    if (counter <= next) return;
    this.#next[lane] = counter;
    const isOwn = lane === this.#ownLane && next >= this.#ownFrom && counter <= this.#ownNext;
    if (isOwn) return;
    this.#losses += counter - next;
    this.#gaps.add(lane);
  }

  /** Takes account of what was lost behind the last frame of each lane. */
  #missLast(): void {
    const { next } = stateOf(this.#cursor)!;
    next.forEach((counter, lane) => this.#miss(lane, counter));
    if (this.#gaps.size === 0) return;
    this.#gaps.clear();
    // How new it was is not known: anything may be older.
    this.#newest.dropTo(this.#isOneLane ? next[0]! : rings.lastVersion(this.#ring));
  }
}
