import { refusal } from "../internal/mod.ts";
import { type CursorState, positionOf, RingCursor, type RingLoss, stateOf } from "./cursor.ts";
import { FrameTooLargeError, RingLaneError } from "./errors.ts";
import { idOf, parseFrameId, type RingFrame } from "./frame.ts";
import {
  BELL,
  BELL_WANTED,
  laneOffset,
  LAPPED,
  OWNER_PROCESS,
  RESETS,
  VERSION_SEQUENCE_64,
} from "./layout.ts";
import { Follower, type RingFollower } from "./follower.ts";
import type { Lane } from "./_lane.ts";
import { LaneMemory } from "./_memory.ts";
import { PerNodeLane } from "./_per_node.ts";
import { FramePool } from "./_pool.ts";
import { Reading } from "./_reading.ts";
import { SharedLane } from "./_shared.ts";
import { Slab } from "./_slab.ts";
import { Watch } from "./_watch.ts";
import { loadWide, loadWord } from "./_words.ts";
import type {
  RingFollowOptions,
  RingLaneStats,
  RingOptions,
  RingPoll,
  RingPollOptions,
  RingProgress,
  RingPublishOptions,
  RingStats,
} from "./options.ts";
import type { RingGeometry } from "./spec.ts";
import type { RingStorage } from "./storage.ts";

const NO_FRAMES = Object.freeze([]) as unknown as RingFrame[];
const NO_LOSS: RingLoss = Object.freeze({ overwritten: 0, unavailable: 0 });
const MAX_VERSION = Number.MAX_SAFE_INTEGER;
/** How many frames a look takes where nothing else is said, and how many bytes they have together at most, unless one alone has more. */
const DEFAULT_MAX = 1_024;
const DEFAULT_MAX_BYTES = 4_194_304;
const DEFAULT_STALL_MS = 100;

/** What the ring's own files may do with a ring. */
interface RingInternals {
  /** Follows with another way to take what is there; what `take` answers is iterated over. */
  follow<T>(
    ring: Ring,
    cursor: RingCursor,
    options: RingFollowOptions,
    take: () => T | undefined,
  ): RingFollower<T>;
  /** The cursor that a follower is to begin with. */
  cursorFrom(ring: Ring, options: RingFollowOptions): RingCursor;
  /** The last number that `nextVersion` gave, to anybody. */
  lastVersion(ring: Ring): number;
  /** How many times the ring was emptied, modulo 2^32. */
  resets(ring: Ring): number;
}

/** What the ring's own files may do with a ring. */
export let rings: RingInternals;

/**
 * A bounded, append-only stream of frames in memory that one thread, many workers or many processes share.
 *
 * Writers never wait: a new frame takes the place of the oldest. No reader changes what another one sees: each has a {@linkcode RingCursor} of
 * its own, and is told exactly how many frames it lost.
 *
 * | operation | cost |
 * |---|---|
 * | `publish` | O(bytes) |
 * | `publishBatch` | O(bytes); the head moves once |
 * | `poll`, `visit` | O(lanes + frames + bytes); `poll` makes an object a frame, `visit` none |
 * | `read`, `latest` | O(bytes) |
 * | `reset` | O(capacity x lanes) |
 *
 * @example Publishing, and reading what was lost
 * ```ts
 * import { memoryStorage, Ring, RingCursor } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 2, payloadCapacity: 16 }));
 * const cursor = RingCursor.fromStart(ring);
 * for (const value of [1, 2, 3]) ring.publish(new Uint8Array([value]));
 *
 * const { frames, lost, from, to } = ring.poll(cursor);
 * assertEquals(frames.map(({ payload }) => payload[0]), [2, 3]);
 * assertEquals(lost, { overwritten: 1, unavailable: 0 });
 * assertEquals(to - from, 3);
 * ```
 */
export class Ring {
  readonly #storage: RingStorage;
  readonly #lanes: readonly Lane[];
  readonly #words: Int32Array;
  readonly #wide: BigInt64Array;
  readonly #payloadCapacity: number;
  readonly #defaultMax: number;
  readonly #reading: Reading = new Reading();
  readonly #takeOver: boolean;
  readonly #stallMs: number;
  /** Tells this writer from all others that may want a lane. */
  readonly #owner: number = 1 + Math.floor(Math.random() * (2 ** 31 - 1));
  /** Followers that wait; those that do not find out by themselves that the ring is closed. */
  readonly #waiting: Set<{ end(): Promise<void> }> = new Set();
  readonly #forget: () => void;
  #node: number | undefined;
  /** The lane that this ring writes, once it has one. */
  #own: Lane | undefined = undefined;
  #ownLane = 0;
  #pool: FramePool | undefined = undefined;
  #closed = false;

  /**
   * Makes a way to write and read a ring. It takes no lane until the first publish.
   *
   * @param storage The memory of the ring. Closing it closes the ring; closing the ring leaves it as it is.
   * @param options Who this is.
   * @throws {RangeError} If the ring has no such node, or a number is out of its range.
   */
  constructor(storage: RingStorage, options: RingOptions = {}) {
    const { geometry, buffer } = storage;
    const { node, takeOver = false, stallMs = DEFAULT_STALL_MS } = options;
    const now = options.now ?? (() => performance.now());
    if (storage.closed) throw new TypeError("Cannot create Ring: its storage is closed");
    if (node !== undefined && !(Number.isInteger(node) && node >= 0 && node < geometry.nodes)) {
      const requirement = `node must be an integer from 0 to ${geometry.nodes - 1}`;
      throw new RangeError(refusal("create Ring", requirement, node));
    }
    if (typeof stallMs !== "number" || !(stallMs >= 0)) {
      throw new RangeError(refusal("create Ring", "stallMs must be a number from 0", stallMs));
    }
    this.#storage = storage;
    this.#node = node;
    this.#takeOver = takeOver;
    this.#stallMs = stallMs;
    this.#words = new Int32Array(buffer, 0, laneOffset(geometry.lanes) / 4);
    this.#wide = new BigInt64Array(buffer, 0, laneOffset(geometry.lanes) / 8);
    this.#payloadCapacity = geometry.payloadCapacity;
    const fit = Math.floor(DEFAULT_MAX_BYTES / Math.max(1, geometry.payloadCapacity));
    this.#defaultMax = Math.max(1, Math.min(DEFAULT_MAX, fit));
    const slab = new Slab();
    this.#lanes = Array.from({ length: geometry.lanes }, (_, lane) => {
      const memory = new LaneMemory(storage, lane, slab);
      return geometry.topology === "shared"
        ? new SharedLane(memory, stallMs, now)
        : new PerNodeLane(memory);
    });
    this.#forget = storage.onClose(() => this.close());
  }

  /** What the ring is made of. */
  get geometry(): RingGeometry {
    return this.#storage.geometry;
  }

  /** Which node this is; undefined until it has a lane, unless it was given. */
  get node(): number | undefined {
    return this.#node;
  }

  /** Whether it was closed, or its storage. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many frames there were, in all lanes together, by their counters. */
  get head(): number {
    this.#check("read");
    return this.#lanes.reduce((sum, lane) => sum + lane.head(), 0);
  }

  /**
   * Publishes one frame. Never waits: if the ring is full, the oldest frame goes.
   *
   * @param payload The bytes, which are copied.
   * @param options What else to say of the frame.
   * @returns The id of the frame, for {@linkcode Ring.read}.
   * @throws {FrameTooLargeError} If the payload is longer than a frame carries.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {RangeError} If the kind or the version is out of its range.
   * @throws {TypeError} If the payload is no `Uint8Array`, or the ring is closed or can only be read.
   */
  publish(payload: Uint8Array, options?: RingPublishOptions): bigint {
    let kind = 0;
    let version = 0;
    this.#checkPayload(payload);
    if (options !== undefined) {
      ({ kind = 0, version = 0 } = options);
      checkKind(kind);
      checkVersion(version);
    }
    const lane = this.#own ?? this.#open();
    const counter = lane.publish(payload, kind, this.#node ?? 0, version);
    if (Atomics.load(this.#words, BELL_WANTED) !== 0) this.#wake();
    return idOf(this.#ownLane, counter);
  }

  /**
   * Publishes frames whose counters follow each other. Per node, readers see all of them at once.
   *
   * @param payloads Their bytes, which are copied; at most as many as the ring keeps.
   * @param options What else to say of each of them.
   * @returns The id of the first; the others follow it by one each. Undefined if there are none.
   * @throws {FrameTooLargeError} If a payload is longer than a frame carries; none is published then.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {RangeError} If there are more payloads than the ring keeps, or the kind or the version is out of its range.
   * @throws {TypeError} If a payload is no `Uint8Array`, or the ring is closed or can only be read.
   */
  publishBatch(
    payloads: readonly Uint8Array[],
    options?: RingPublishOptions,
  ): bigint | undefined {
    const kind = options?.kind ?? 0;
    const version = options?.version ?? 0;
    const { capacity } = this.geometry;
    if (!Array.isArray(payloads)) {
      throw new TypeError(refusal("publish to Ring", "payloads must be an array", payloads));
    }
    if (payloads.length > capacity) {
      const requirement = `a batch must have at most ${capacity} frames`;
      throw new RangeError(refusal("publish to Ring", requirement, payloads.length));
    }
    for (const payload of payloads) this.#checkPayload(payload);
    checkKind(kind);
    checkVersion(version);
    const lane = this.#own ?? this.#open();
    if (payloads.length === 0) return undefined;
    const counter = lane.publishBatch(payloads, kind, this.#node ?? 0, version);
    if (Atomics.load(this.#words, BELL_WANTED) !== 0) this.#wake();
    return idOf(this.#ownLane, counter);
  }

  /**
   * Reads one frame by its id.
   *
   * @param id What {@linkcode Ring.publish} answered.
   * @returns The frame; undefined if it was overwritten or emptied away, or is not there yet.
   * @throws {RangeError} If it is not an id.
   * @throws {TypeError} If the ring is closed.
   */
  read(id: bigint): RingFrame | undefined {
    this.#check("read");
    const { node, counter } = parseFrameId(id);
    return this.#lanes[node]?.get(counter);
  }

  /**
   * Reads the newest frame of a lane.
   *
   * @param node The node whose lane it is; where the ring is shared, 0.
   * @returns The frame; undefined if the lane has none.
   * @throws {RangeError} If the ring has no such lane.
   * @throws {TypeError} If the ring is closed.
   */
  latest(node = 0): RingFrame | undefined {
    this.#check("read");
    const lane = this.#laneOf(node);
    // Others may be writing the newest, or all, while this looks.
    for (let attempts = 0; attempts < 3; attempts++) {
      const head = lane.head();
      const floor = Math.max(lane.floor(), head - this.geometry.capacity);
      for (let counter = head - 1; counter >= floor; counter--) {
        const frame = lane.get(counter);
        if (frame !== undefined) return frame;
      }
      if (head === lane.head()) return undefined;
    }
    return undefined;
  }

  /**
   * Takes the frames that came since a cursor's last look, and moves the cursor behind them.
   *
   * Per node, the lanes come one after the other; where `max` stops it, the next look begins with the next lane, so that a busy lane
   * never keeps the others from being read.
   *
   * @param cursor Where the reader is.
   * @param options How many frames to take.
   * @returns The frames, and what was lost on the way to them.
   * @throws {RangeError} If `max` is not a positive integer.
   * @throws {TypeError} If the cursor is that of another ring, or the ring is closed.
   */
  poll(cursor: RingCursor, options?: RingPollOptions): RingPoll {
    const state = this.#stateOf(cursor);
    const { next } = state;
    const reading = this.#reading;
    reading.begin(readMax(options, this.#defaultMax));
    // What is left of a look that failed.
    reading.frames = NO_FRAMES;
    const distance = next.length === 1
      ? this.#readLane(state, 0, reading)
      : this.#readLanes(state, reading);
    const to = positionOf(state);
    const from = to - distance;
    const { frames, overwritten, unavailable } = reading;
    reading.frames = NO_FRAMES;
    state.delivered += reading.count;
    if (overwritten + unavailable === 0) return { frames, lost: NO_LOSS, from, to };
    state.overwritten += overwritten;
    state.unavailable += unavailable;
    return { frames, lost: { overwritten, unavailable }, from, to };
  }

  /**
   * Calls `visitor` with each of the frames that came since a cursor's last look, and moves the cursor behind them. It is
   * {@linkcode Ring.poll} without garbage: the frame, and its payload, are those of the next one as soon as `visitor` returns.
   *
   * @param cursor Where the reader is.
   * @param visitor Called with each frame. If it throws, the cursor is behind that frame, and the error goes on.
   * @param options How many frames to take.
   * @returns How many frames there were, and what was lost on the way to them.
   * @throws {RangeError} If `max` is not a positive integer.
   * @throws {TypeError} If the cursor is that of another ring, or the ring is closed.
   */
  visit(
    cursor: RingCursor,
    visitor: (frame: RingFrame) => void,
    options?: RingPollOptions,
  ): RingProgress {
    const state = this.#stateOf(cursor);
    const max = readMax(options, this.#defaultMax);
    if (typeof visitor !== "function") {
      throw new TypeError(refusal("read Ring", "visitor must be a function", visitor));
    }
    // Out of the way while it is in use: the visitor may read this ring as well. If it throws, there is another one the next time.
    const pool = this.#pool ?? new FramePool(this.#payloadCapacity);
    this.#pool = undefined;
    const { reading } = pool;
    const { next, turn } = state;
    let room = max;
    let distance = 0;
    let overwritten = 0;
    let unavailable = 0;
    for (let step = 0; step < next.length && room > 0 && !this.#closed;) {
      const index = turn + step < next.length ? turn + step : turn + step - next.length;
      const start = next[index]!;
      reading.begin(Math.min(pool.size, room));
      distance += this.#readLane(state, index, reading);
      const isDone = reading.room > 0 || reading.next === start;
      visitAll(state, index, start, reading, visitor);
      room -= reading.count;
      overwritten += reading.overwritten;
      unavailable += reading.unavailable;
      if (isDone) step++;
      if (room === 0) state.turn = index + 1 < next.length ? index + 1 : 0;
    }
    this.#pool = pool;
    const to = positionOf(state);
    return {
      delivered: max - room,
      lost: overwritten + unavailable === 0 ? NO_LOSS : { overwritten, unavailable },
      from: to - distance,
      to,
    };
  }

  /**
   * Iterates over what comes: each value is what {@linkcode Ring.poll} answers, and never empty.
   *
   * It waits without work where the writers can wake it, and looks again and again, less and less often, where they cannot. Only a pending
   * `next()` keeps the process alive. It ends when the ring is closed.
   *
   * @param options Where to begin, and when to stop.
   * @returns The iterator, with its cursor; leaving a loop over it ends it.
   * @throws {RangeError} If a number is out of its range, or the ring has no such node.
   * @throws {TypeError} If the cursor is that of another ring, or the ring is closed.
   *
   * @example Reading until there is nothing more to do
   * ```ts
   * import { memoryStorage, Ring } from "@weir/weir/ring";
   * import { assertEquals } from "@std/assert";
   *
   * using ring = new Ring(memoryStorage({ capacity: 8, payloadCapacity: 16 }));
   * ring.publish(new Uint8Array([1]));
   * setTimeout(() => ring.publish(new Uint8Array([2])), 5);
   *
   * const seen: (number | undefined)[] = [];
   * for await (const { frames, lost } of ring.follow({ from: "start" })) {
   *   seen.push(...frames.map(({ payload }) => payload[0]));
   *   assertEquals(lost.overwritten + lost.unavailable, 0);
   *   if (seen.length === 2) break;
   * }
   * assertEquals(seen, [1, 2]);
   * ```
   */
  follow(options: RingFollowOptions = {}): RingFollower<RingPoll> {
    const { from = "head", node, max } = options;
    const poll = max === undefined ? undefined : { max };
    const cursor = this.#cursorFrom(from, node);
    return this.#follow(cursor, options, () => {
      const found = this.poll(cursor, poll);
      return found.to === found.from ? undefined : found;
    });
  }

  /** Follows with another way to take what is there; what `take` answers is iterated over. */
  #follow<T>(
    cursor: RingCursor,
    options: RingFollowOptions,
    take: () => T | undefined,
  ): RingFollower<T> {
    const state = this.#stateOf(cursor);
    readMax(options, this.#defaultMax);
    const watch = new Watch(
      this.#storage,
      options.maxSleepMs,
      () => state.stall === undefined ? undefined : this.#stallMs,
    );
    return new Follower(take, watch, cursor, options.signal, this, this.#waiting);
  }

  #cursorFrom(from: unknown, node: number | undefined): RingCursor {
    const options = node === undefined ? {} : { node };
    if (from === "start") return RingCursor.fromStart(this, options);
    if (from === "head") return RingCursor.atHead(this, options);
    if (!(from instanceof RingCursor)) {
      throw new TypeError(
        refusal("follow Ring", 'from must be "start", "head" or a RingCursor', from),
      );
    }
    if (node !== undefined) {
      throw new TypeError(refusal("follow Ring", "node must not be given with a cursor", node));
    }
    return from;
  }

  /**
   * Takes the next number of a sequence that all who share the ring have in common, whichever lane they write: the first is 1. It orders
   * what different nodes publish, as {@linkcode LatestMap} does by it.
   *
   * @throws {TypeError} If the ring is closed or can only be read.
   */
  nextVersion(): number {
    this.#checkWritable("count versions in");
    return Number(BigInt.asUintN(53, Atomics.add(this.#wide, VERSION_SEQUENCE_64, 1n))) + 1;
  }

  /**
   * Empties the ring: every frame that was published before is gone, for all who share it. What readers had not read yet counts as
   * overwritten for them. Counters and ids go on, so that nothing old is ever taken for something new, and writers need not stop.
   *
   * @throws {TypeError} If the ring is closed or can only be read.
   */
  reset(): void {
    this.#checkWritable("reset");
    for (const lane of this.#lanes) lane.reset();
    // Last: whoever finds it changed finds all lanes empty.
    Atomics.add(this.#words, RESETS, 1);
    this.#wake();
  }

  /**
   * Says what is known of one lane.
   *
   * @param node The node whose lane it is; where the ring is shared, 0.
   * @throws {RangeError} If the ring has no such lane.
   * @throws {TypeError} If the ring is closed.
   */
  lane(node = 0): RingLaneStats {
    this.#check("read");
    const lane = this.#laneOf(node);
    const [head, base] = [lane.head(), lane.base()];
    const words = laneOffset(node) / 4;
    const { readOnly } = this.#storage;
    return {
      head,
      base,
      retainedFrom: Math.min(head, Math.max(lane.floor(), head - this.geometry.capacity)),
      hasWriter: this.geometry.topology === "per-node" && this.#storage.lanes.isClaimed(node),
      process: loadWord(this.#words, words + OWNER_PROCESS, readOnly) || undefined,
      lapped: loadWord(this.#words, words + LAPPED, readOnly) >>> 0,
    };
  }

  /**
   * Says what is known of the ring.
   *
   * @throws {TypeError} If the ring is closed.
   */
  stats(): RingStats {
    const { topology, capacity, payloadCapacity, nodes, byteLength } = this.geometry;
    const lanes = this.#lanes.map((_, node) => this.lane(node));
    return {
      topology,
      capacity,
      payloadCapacity,
      nodes,
      byteLength,
      head: this.head,
      lastVersion: this.#lastVersion(),
      lanes,
    };
  }

  #lastVersion(): number {
    return loadWide(this.#wide, VERSION_SEQUENCE_64, this.#storage.readOnly);
  }

  /** Gives the lane back, if it has one, and ends all who follow. The storage stays. Does nothing the second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    if (this.#own !== undefined && this.geometry.topology === "per-node") {
      this.#storage.lanes.release(this.#ownLane, this.#owner);
    }
    this.#own = undefined;
    for (const follower of [...this.#waiting]) follower.end();
  }

  /** Closes the ring. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Reads the lane that is the cursor's `index`th; answers how far it went. */
  #readLane(state: CursorState, index: number, reading: Reading): number {
    const { next } = state;
    const start = next[index]!;
    reading.next = start;
    reading.stall = state.stall;
    this.#lanes[state.firstLane + index]!.read(reading);
    state.stall = reading.stall;
    next[index] = reading.next;
    // Pulled back, it has gone no distance.
    return Math.max(0, reading.next - start);
  }

  /** Reads all lanes of a cursor while there is room; answers how far it went. */
  #readLanes(state: CursorState, reading: Reading): number {
    const { next, turn } = state;
    let distance = 0;
    for (let step = 0; step < next.length; step++) {
      const index = (turn + step) % next.length;
      distance += this.#readLane(state, index, reading);
      if (reading.room === 0) {
        state.turn = (index + 1) % next.length;
        break;
      }
    }
    return distance;
  }

  #laneOf(node: number): Lane {
    const lane = this.#lanes[node];
    if (lane !== undefined) return lane;
    const requirement = `node must be an integer from 0 to ${this.#lanes.length - 1}`;
    throw new RangeError(refusal("read Ring", requirement, node));
  }

  /** Takes the lane to write. */
  #open(): Lane {
    this.#checkWritable("publish to");
    if (this.geometry.topology === "shared") {
      this.#own = this.#lanes[0]!;
      return this.#own;
    }
    const node = this.#claim();
    this.#node = this.#ownLane = node;
    this.#own = this.#lanes[node]!;
    const words = laneOffset(node) / 4;
    const { process } = globalThis as { process?: { pid?: number } };
    Atomics.store(this.#words, words + OWNER_PROCESS, process?.pid ?? 0);
    return this.#own;
  }

  #claim(): number {
    const { lanes } = this.#storage;
    const wanted = this.#node;
    if (wanted !== undefined) {
      if (lanes.claim(wanted, this.#owner, this.#takeOver)) return wanted;
      throw new RingLaneError(
        wanted,
        `Cannot publish to Ring: node ${wanted} has a writer already`,
      );
    }
    for (let node = 0; node < this.#lanes.length; node++) {
      if (lanes.claim(node, this.#owner, false)) return node;
    }
    throw new RingLaneError(
      undefined,
      `Cannot publish to Ring: all of its ${this.#lanes.length} lanes have writers already`,
    );
  }

  #wake(): void {
    if (Atomics.exchange(this.#words, BELL_WANTED, 0) === 0) return;
    Atomics.add(this.#words, BELL, 1);
    this.#storage.bell?.wake();
  }

  #check(action: string): void {
    if (this.#closed) throw new TypeError(`Cannot ${action} Ring: ring is closed`);
  }

  #stateOf(cursor: RingCursor): CursorState {
    if (this.#closed) this.#check("read");
    const state = stateOf(cursor);
    if (state?.ring === this) return state;
    const received = state === undefined ? String(cursor) : "that of another ring";
    throw new TypeError(`Cannot read Ring: cursor must be one of this ring, received ${received}`);
  }

  #checkWritable(action: string): void {
    this.#check(action);
    if (this.#storage.readOnly) {
      throw new TypeError(`Cannot ${action} Ring: its storage can only be read`);
    }
  }

  #checkPayload(payload: Uint8Array): void {
    if (!(payload instanceof Uint8Array)) {
      throw new TypeError(refusal("publish to Ring", "payload must be a Uint8Array", payload));
    }
    if (payload.length > this.#payloadCapacity) {
      const requirement = `payload must have at most ${this.#payloadCapacity} bytes`;
      throw new FrameTooLargeError(
        refusal("publish to Ring", requirement, payload.length),
        payload.length,
        this.#payloadCapacity,
      );
    }
  }

  static {
    rings = {
      follow: (ring, cursor, options, take) => ring.#follow(cursor, options, take),
      cursorFrom: (ring, { from = "head", node }) => ring.#cursorFrom(from, node),
      lastVersion: (ring) => ring.#lastVersion(),
      resets(ring) {
        ring.#check("read");
        return loadWord(ring.#words, RESETS, ring.#storage.readOnly);
      },
    };
  }
}

function checkKind(kind: number): void {
  if ((kind & 0xff) === kind) return;
  throw new RangeError(refusal("publish to Ring", "kind must be an integer from 0 to 255", kind));
}

function checkVersion(version: number): void {
  if (Number.isSafeInteger(version) && version >= 0) return;
  throw new RangeError(
    refusal("publish to Ring", `version must be an integer from 0 to ${MAX_VERSION}`, version),
  );
}

function readMax(options: RingPollOptions | undefined, most: number): number {
  const max = options?.max ?? most;
  if (Number.isInteger(max) && max > 0) return max;
  throw new RangeError(refusal("read Ring", "max must be a positive integer", max));
}

/** Calls `visitor` with all frames of a look, which began at `start`, and counts what the look has found. */
function visitAll(
  state: CursorState,
  index: number,
  start: number,
  reading: Reading,
  visitor: (frame: RingFrame) => void,
): void {
  const { count, frames } = reading;
  let seen = 0;
  try {
    while (seen < count) visitor(frames[seen++]!);
  } catch (error) {
    // What is behind the frame that was too much for the visitor is still to come, with its losses.
    const next = frames[seen - 1]!.counter + 1;
    const lost = next - start - seen;
    state.next[index] = next;
    reading.overwritten = Math.min(reading.overwritten, lost);
    reading.unavailable = lost - reading.overwritten;
    throw error;
  } finally {
    state.delivered += seen;
    state.overwritten += reading.overwritten;
    state.unavailable += reading.unavailable;
  }
}
