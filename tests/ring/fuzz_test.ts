import { assert, assertEquals } from "@std/assert";
import {
  attachStorage,
  frameId,
  memoryStorage,
  Ring,
  RingCursor,
  RingFormatError,
  type RingFrame,
  type RingTopology,
} from "../../ring/mod.ts";
import {
  BELL,
  BELL_WANTED,
  HEADER_BYTES,
  LANE_BYTES,
  RESETS,
  SLOT_HEADER_BYTES,
} from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { interleave } from "./_interleave.ts";
import { STORAGES, TOPOLOGIES } from "./_ring.ts";

// Nothing that is read from memory is trusted: whatever is in it, a ring ends what it does, keeps the law, and delivers no frame that nobody
// published. One exception: a lane with one writer has no checksum, so whoever writes into its payloads, or the words that say how long they
// are and of what kind and version, has what it wrote delivered.

const CAPACITY = 4;
const PAYLOAD = 12;
/** More atomic operations than all that is read of a ring of this size needs. */
const MANY = 20_000;

/** Fails if `body` goes on for ever. */
function bounded<T>(body: () => T): T {
  let places = 0;
  return interleave(body, () => ++places > MANY, () => {
    throw new Error("it does not come to an end");
  }).result;
}

/** What was published under each id, to tell a frame by. */
type Published = Map<bigint, Set<string>>;

function told({ node, counter, kind, version, payload }: RingFrame): string {
  return `${node} ${counter} ${kind} ${version} ${payload}`;
}

/** A ring with two lanes, or one that is shared, that has gone round once; and what was published in it. */
class World {
  readonly buffer: ArrayBufferLike;
  readonly published: Published = new Map();
  readonly #writers: readonly Ring[];
  readonly #clock = { now: 0 };
  #count = 0;

  constructor(topology: RingTopology, make = memoryStorage) {
    const storage = make({ capacity: CAPACITY, payloadCapacity: PAYLOAD, nodes: 2, topology });
    this.buffer = storage.buffer;
    this.#writers = [0, 1].map((node) => new Ring(storage, { node }));
    for (let count = 0; count < 12; count++) this.publish(count % 2);
  }

  open(): Ring {
    // Time passes with every look at the clock.
    return new Ring(attachStorage(this.buffer), { now: () => this.#clock.now += 60 });
  }

  publish(node: number, ring: Ring = this.#writers[node]!): bigint {
    const value = ++this.#count;
    const payload = new Uint8Array(value % (PAYLOAD + 1)).fill(value);
    const [kind, version] = [value % 256, value * 2 ** 30];
    const id = ring.publish(payload, { kind, version });
    const counter = Number(id & (2n ** 53n - 1n));
    const known = this.published.get(id) ?? new Set();
    known.add(`${node} ${counter} ${kind} ${version} ${payload}`);
    this.published.set(id, known);
    return id;
  }
}

/** Reads all that a ring lets one read, by all its ways; fails unless the law holds, and answers the frames. */
function readAll(ring: Ring): RingFrame[] {
  return bounded(() => readAllOf(ring));
}

function readAllOf(ring: Ring): RingFrame[] {
  const { lanes, capacity } = ring.geometry;
  const found: RingFrame[] = [];
  const cursors = [
    RingCursor.fromStart(ring),
    RingCursor.atHead(ring),
    RingCursor.at(ring, Array.from({ length: lanes }, () => 0)),
    RingCursor.at(ring, Array.from({ length: lanes }, () => 3)),
    RingCursor.at(ring, Array.from({ length: lanes }, () => 2 ** 52)),
    RingCursor.fromStart(ring, { node: lanes - 1 }),
  ];
  for (const cursor of cursors) {
    for (let looks = 0; looks < 3; looks++) {
      const before = cursor.position;
      const { frames, lost, from, to } = ring.poll(cursor);
      const gone = frames.length + lost.overwritten + lost.unavailable;
      // Sums of counters that are nonsense are not exact.
      if (Math.max(before, to) < 2 ** 53) assertEquals(to - from, gone);
      assert(lost.overwritten >= 0 && lost.unavailable >= 0);
      assert(frames.length <= lanes * capacity);
      assertEquals(cursor.position, to);
      found.push(...frames);
    }
  }
  for (
    const cursor of [RingCursor.fromStart(ring), RingCursor.at(ring, lanes === 1 ? 2 : [2, 2])]
  ) {
    for (let looks = 0; looks < 3; looks++) {
      const seen: RingFrame[] = [];
      const before = cursor.position;
      const { delivered, lost, from, to } = ring.visit(
        cursor,
        (frame) => void seen.push(frame),
      );
      assertEquals(delivered, seen.length);
      const gone = delivered + lost.overwritten + lost.unavailable;
      if (Math.max(before, to) < 2 ** 53) assertEquals(to - from, gone);
    }
  }
  for (let lane = 0; lane < lanes; lane++) {
    const newest = ring.latest(lane);
    if (newest !== undefined) found.push(newest);
    const { head, base, retainedFrom } = ring.lane(lane);
    for (const counter of [head, base, retainedFrom]) {
      assert(Number.isSafeInteger(counter) && counter >= 0, `${counter}`);
    }
    assert(retainedFrom <= head);
    for (let counter = 0; counter < 12; counter++) {
      const frame = ring.read(frameId(lane, counter));
      if (frame === undefined) continue;
      assertEquals([frame.id >> 53n, frame.counter], [BigInt(lane), counter]);
      found.push(frame);
    }
  }
  // Whatever was in memory, a frame is one that could have been published.
  for (const { node, kind, version, byteLength, payload } of found) {
    assert(node < 2048 && kind < 256 && Number.isSafeInteger(version), `${node} ${version}`);
    assertEquals(payload.length, byteLength);
  }
  ring.stats();
  return found;
}

/** Values to put in the place of a byte. */
function others(byte: number, random: Random): Set<number> {
  const values = new Set([0, 255, byte ^ 1, byte ^ 128, random.below(256)]);
  values.delete(byte);
  return values;
}

for (const topology of TOPOLOGIES) {
  test(`Garbage in any byte of the header of a ${topology} ring is refused, or does no harm`, () => {
    const random = new Random(1);
    for (const [, make] of STORAGES) {
      for (let at = 0; at < HEADER_BYTES; at++) {
        const world = new World(topology, make as typeof memoryStorage);
        const bytes = new Uint8Array(world.buffer);
        const right = bytes[at]!;
        for (const value of others(right, random)) {
          bytes[at] = value;
          let ring: Ring;
          try {
            ring = world.open();
          } catch (error) {
            assert(error instanceof RingFormatError, `${error} at ${at}`);
            assert(error.message.startsWith("Cannot attach to a ring: "), error.message);
            assert(at < 64, `${error.message} at ${at}`);
            continue;
          }
          // What changes while a ring is used, how much a slot may carry of what it can, and who may write where all do.
          const isPayloadCapacity = at === 12 && value <= 32;
          const isNodes = topology === "shared" && (at === 24 || at === 25);
          assert(at >= 64 || isPayloadCapacity || isNodes, `${value} at ${at}`);
          for (const frame of readAll(ring)) {
            assert(world.published.get(frame.id)?.has(told(frame)), `${told(frame)} at ${at}`);
          }
          world.publish(0);
          ring.close();
        }
      }
    }
  });

  test(`Garbage in any byte of a lane or a slot of a ${topology} ring is a loss at worst`, () => {
    const random = new Random(2);
    const { byteLength, lanes, slotStride } = memoryStorage({
      capacity: CAPACITY,
      payloadCapacity: PAYLOAD,
      nodes: 2,
      topology,
    }).geometry;
    const slots = HEADER_BYTES + lanes * LANE_BYTES;
    for (let at = HEADER_BYTES; at < byteLength; at++) {
      const inSlot = at < slots ? -1 : (at - slots) % slotStride;
      // See above.
      const mayShow = topology === "per-node" && inSlot >= 8 &&
        !(inSlot >= 24 && inSlot < SLOT_HEADER_BYTES);
      for (const value of others(new Uint8Array(new World(topology).buffer)[at]!, random)) {
        const world = new World(topology);
        const bytes = new Uint8Array(world.buffer);
        const before = world.open();
        const cursor = RingCursor.fromStart(before);
        before.poll(cursor, { max: 3 });
        bytes[at] = value;

        const check = (frames: readonly RingFrame[]): void => {
          for (const frame of frames) {
            assert(frame.byteLength <= PAYLOAD);
            if (mayShow) continue;
            const isKnown = world.published.get(frame.id)?.has(told(frame));
            assert(isKnown, `${told(frame)}, ${value} at ${at}`);
          }
        };
        check(readAll(before));
        check(bounded(() => before.poll(cursor)).frames);
        // Writers go on, those that had the lane as well as one that takes it over.
        const ring = world.open();
        for (let count = 0; count < 3; count++) bounded(() => world.publish(count % 2));
        check(readAll(ring));
        const next = new Ring(attachStorage(world.buffer), { node: 1, takeOver: true });
        for (let count = 0; count < 2 * CAPACITY + 1; count++) {
          bounded(() => world.publish(1, next));
        }
        check(readAll(ring));
        bounded(() => ring.reset());
        check(readAll(ring));
        bounded(() => world.publish(1, next));
        check(readAll(ring));
      }
    }
  });

  test(`A ${topology} ring full of garbage ends what it does`, () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = new Random(seed);
      const world = new World(topology);
      const bytes = new Uint8Array(world.buffer);
      const density = random.pick([1, 0.3, 0.05]);
      for (let at = 64; at < bytes.length; at++) {
        if (random.next() < density) bytes[at] = random.pick([0, 255, random.below(256)]);
      }
      try {
        const ring = world.open();
        readAll(ring);
        const writer = new Ring(attachStorage(world.buffer), { node: 0, takeOver: true });
        for (let count = 0; count < 3; count++) {
          try {
            bounded(() => writer.publish(new Uint8Array(3)));
            bounded(() => writer.publishBatch([new Uint8Array(1), new Uint8Array(2)]));
          } catch (error) {
            // The one thing that cannot go on.
            if (!(error instanceof RangeError && error.message.includes("counters end"))) {
              throw error;
            }
          }
          readAll(ring);
        }
        bounded(() => writer.nextVersion());
        bounded(() => writer.reset());
        readAll(ring);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
}

test("A writer and its readers get over garbage within a round", () => {
  for (const topology of TOPOLOGIES) {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const world = new World(topology);
      const ring = world.open();
      const { lanes } = ring.geometry;
      const bytes = new Uint8Array(world.buffer, HEADER_BYTES + lanes * LANE_BYTES);
      for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256);
      const cursor = RingCursor.fromStart(ring);
      // A slot may seem to be that of the next frame: that one is given up, the one after is not.
      for (let count = 0; count < 6 * CAPACITY; count++) world.publish(count % 2);
      for (let looks = 0; looks < 10; looks++) ring.poll(cursor);
      for (let count = 0; count < CAPACITY; count++) {
        const id = world.publish(0);
        const { frames, lost } = ring.poll(cursor);
        assertEquals(frames.map(told), [...world.published.get(id)!], `seed ${seed}`);
        assertEquals(lost, { overwritten: 0, unavailable: 0 });
      }
    }
  }
});

test("Words that mean nothing to a ring yet are left alone", () => {
  for (const topology of TOPOLOGIES) {
    const world = new World(topology);
    const words = new Int32Array(world.buffer);
    const reserved = [...Array(11).keys()].map((index) => 21 + index);
    for (const at of [...reserved, RESETS]) words[at] = 0x5a5a5a5a;
    const ring = world.open();
    readAll(ring);
    world.publish(0);
    ring.nextVersion();
    for (const at of reserved) assertEquals(words[at], 0x5a5a5a5a);
    assertEquals([BELL, BELL_WANTED].every((at) => at < 21), true);
  }
});
