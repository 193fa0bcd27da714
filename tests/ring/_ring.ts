import { assert, assertEquals } from "@std/assert";
import {
  memoryStorage,
  type Ring,
  type RingCursor,
  type RingFrame,
  type RingPoll,
  type RingPollOptions,
  type RingSpec,
  type RingStorage,
  type RingTopology,
  sharedStorage,
} from "../../ring/mod.ts";
import {
  CHECKSUM,
  CLAIMED,
  HEAD,
  KIND,
  laneOffset,
  LENGTH,
  MARK,
  markOf,
  PAYLOAD,
  slotsOffset,
  TURN,
  turnOf,
  VERSION,
} from "../../ring/layout.ts";
import { checksumOf } from "../../ring/_checksum.ts";
import { loadCounter, storeCounter } from "../../ring/_counter.ts";
import { fill, isFilled } from "./_frames.ts";

export const TOPOLOGIES: readonly RingTopology[] = ["per-node", "shared"];

/** The storages that a test can make anywhere, by name. */
export const STORAGES: readonly (readonly [string, (spec: RingSpec) => RingStorage])[] = [
  ["memory", memoryStorage],
  ["shared", sharedStorage],
];

/** Bytes, written out. */
export function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values);
}

/** The bytes that a payload begins with, as a number: for tests that tell frames by one. */
export function numberOf(frame: RingFrame | undefined): number | undefined {
  return frame?.payload[0];
}

/** The first bytes of frames. */
export function numbersOf(frames: readonly RingFrame[]): (number | undefined)[] {
  return frames.map(numberOf);
}

/** How many bytes the frame with a counter has, where the tests say so: now few, now many. */
export function lengthOf(counter: number, payloadCapacity: number): number {
  return Math.round(((((counter % 1009) * 73 + 41) % 101) / 100) * payloadCapacity);
}

/** The payload of the frame with a counter, where the tests say so. */
export function payloadOf(ring: Ring, node: number, counter: number): Uint8Array {
  return fill(new Uint8Array(lengthOf(counter, ring.geometry.payloadCapacity)), node, counter);
}

/** Publishes the next frame of a lane that only one writes to, as {@linkcode payloadOf} says. */
export function publishNext(ring: Ring, node = 0): bigint {
  const { head } = ring.lane(ring.geometry.topology === "shared" ? 0 : node);
  return ring.publish(payloadOf(ring, node, head));
}

/** Fails unless a frame is, byte for byte, what {@linkcode publishNext} published. */
export function assertExact(ring: Ring, { node, counter, payload }: RingFrame): void {
  assertEquals(payload.length, lengthOf(counter, ring.geometry.payloadCapacity));
  assert(isFilled(payload, node, counter), `frame ${counter} of node ${node} is not what it was`);
}

/** Fails unless the frames of each lane are in the order of their counters. */
export function assertInOrder(frames: readonly RingFrame[]): void {
  const last = new Map<bigint, number>();
  for (const { id, counter } of frames) {
    const lane = id >> 53n;
    assert(counter > (last.get(lane) ?? -1), `frame ${counter} comes after ${last.get(lane)}`);
    last.set(lane, counter);
  }
}

/** Polls, and fails unless the law holds, of this look and of the cursor's whole way. */
export function pollByLaw(ring: Ring, cursor: RingCursor, options?: RingPollOptions): RingPoll {
  const before = { delivered: cursor.delivered, lost: cursor.lost };
  const poll = ring.poll(cursor, options);
  const { frames, lost, from, to } = poll;
  assertEquals(to - from, frames.length + lost.overwritten + lost.unavailable);
  assertEquals(cursor.position, to);
  assertEquals(cursor.delivered, before.delivered + frames.length);
  assertEquals(cursor.lost, {
    overwritten: before.lost.overwritten + lost.overwritten,
    unavailable: before.lost.unavailable + lost.unavailable,
  });
  assertInOrder(frames);
  return poll;
}

/** What {@linkcode Memory.write} says of a frame. */
export interface WrittenFrame {
  readonly node?: number;
  readonly kind?: number;
  readonly version?: number;
  readonly lane?: number;
}

/** The memory of a ring, by its layout: to write what a writer would have written that never came to its end. */
export class Memory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly #storage: RingStorage;

  constructor(storage: RingStorage) {
    this.#storage = storage;
    this.words = new Int32Array(storage.buffer, 0, storage.geometry.byteLength / 4);
    this.bytes = new Uint8Array(storage.buffer, 0, storage.geometry.byteLength);
  }

  /** The index of a word of a lane's header. */
  laneWord(word: number, lane = 0): number {
    return laneOffset(lane) / 4 + word;
  }

  /** The index of a word of the slot for a counter. */
  slotWord(counter: number, word: number, lane = 0): number {
    const { geometry } = this.#storage;
    const slot = counter % geometry.capacity;
    return (slotsOffset(geometry, lane) + slot * geometry.slotStride) / 4 + word;
  }

  head(lane = 0): number {
    return loadCounter(this.words, this.laneWord(HEAD, lane), false);
  }

  setHead(counter: number, lane = 0): void {
    storeCounter(this.words, this.laneWord(HEAD, lane), counter);
  }

  claimed(lane = 0): number {
    return loadCounter(this.words, this.laneWord(CLAIMED, lane), false);
  }

  setClaimed(counter: number, lane = 0): void {
    storeCounter(this.words, this.laneWord(CLAIMED, lane), counter);
  }

  mark(counter: number, lane = 0): number {
    return this.words[this.slotWord(counter, MARK, lane)]!;
  }

  /** Marks the slot for a counter as one that its frame is being written to; answers what was there. */
  begin(counter: number): number {
    const before = this.mark(counter);
    this.words[this.slotWord(counter, MARK)] = markOf(counter) - 1;
    return before;
  }

  /** Marks the slot for a counter as one that has its frame. */
  commit(counter: number, lane = 0): void {
    this.words[this.slotWord(counter, MARK, lane)] = markOf(counter);
  }

  /** Writes all of a frame but its mark. */
  write(
    counter: number,
    payload: Uint8Array,
    { node = 0, kind = 0, version = 0, lane = 0 }: WrittenFrame = {},
  ): void {
    const at = (word: number): number => this.slotWord(counter, word, lane);
    const kindAndNode = kind | (node << 8);
    this.words[at(TURN)] = turnOf(counter);
    this.words[at(LENGTH)] = payload.length;
    this.words[at(KIND)] = kindAndNode;
    this.words[at(VERSION)] = version;
    this.words[at(VERSION) + 1] = version / 2 ** 32;
    this.bytes.set(payload, 4 * at(PAYLOAD));
    if (this.#storage.geometry.topology === "shared") {
      this.words[at(CHECKSUM)] = checksumOf(payload, counter, kindAndNode, version);
    }
  }
}
