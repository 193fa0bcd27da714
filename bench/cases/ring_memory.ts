/**
 * A ring within one thread: what a frame costs, put in and taken out. ringbuf.js knows bytes, not frames: all frames of a case have the
 * same length, so that it needs none.
 *
 * @module
 */
import {
  memoryStorage,
  Ring,
  RingCursor,
  type RingFrame,
  type RingStorage,
  sharedStorage,
} from "../../ring/mod.ts";
import { type Answer, type Case, type Contestant, inOrder, mix, range, type Run } from "../case.ts";
import { BoundedArray } from "../peers/bounded_array.ts";
import { npm } from "../peers.ts";

const capacity = 1024;
const batch = 256;
const items = 40 * batch;

/** As many payloads as a batch has, each with bytes of its own. */
function payloadsOf(size: number): Uint8Array<ArrayBuffer>[] {
  return range(batch).map((index) =>
    Uint8Array.from(range(size), (offset) => index * 7 + offset * 13)
  );
}

/** What is read of a payload: enough to tell one from another, little enough not to be what is measured. */
function look(payload: Uint8Array): number {
  return payload[0]! + payload[payload.length - 1]!;
}

function answerFor(size: number): Answer {
  const payloads = payloadsOf(size);
  const { count, digest } = inOrder(range(items).map((item) => look(payloads[item % batch]!)));
  return { count, digest, lost: 0 };
}

/** Counts and digests what a visitor is called with. */
class Seen {
  count = 0;
  digest = 0;
  readonly visitor = (frame: RingFrame): void => {
    this.count++;
    this.digest = mix(this.digest, look(frame.payload));
  };
}

type Contest = (size: number) => Contestant;
type MakeStorage = (size: number) => RingStorage;

const inMemory: MakeStorage = (payloadCapacity) => memoryStorage({ capacity, payloadCapacity });
const inSharedMemory: MakeStorage = (payloadCapacity) =>
  sharedStorage({ capacity, payloadCapacity });
const forMany: MakeStorage = (payloadCapacity) =>
  memoryStorage({ capacity, payloadCapacity, topology: "shared" });

function weir(
  name: string,
  make: MakeStorage,
  start: (ring: Ring, cursor: RingCursor, payloads: readonly Uint8Array[]) => Run,
): Contest {
  return (size) => ({
    name,
    load() {
      // One ring for all runs: to make it is not what is measured.
      const ring = new Ring(make(size));
      return start(ring, RingCursor.atHead(ring), payloadsOf(size));
    },
  });
}

const publishAndPoll = (name: string, make: MakeStorage): Contest =>
  weir(name, make, (ring, cursor, payloads) => () => {
    let count = 0;
    let digest = 0;
    let missed = 0;
    for (let item = 0; item < items; item++) {
      ring.publish(payloads[item % batch]!);
      const { frames, lost } = ring.poll(cursor);
      missed += lost.overwritten + lost.unavailable;
      for (let index = 0; index < frames.length; index++) {
        count++;
        digest = mix(digest, look(frames[index]!.payload));
      }
    }
    return { count, digest, lost: missed };
  });

const publishAndVisit = (name: string, make: MakeStorage): Contest =>
  weir(name, make, (ring, cursor, payloads) => () => {
    const seen = new Seen();
    let missed = 0;
    for (let item = 0; item < items; item++) {
      ring.publish(payloads[item % batch]!);
      const { lost } = ring.visit(cursor, seen.visitor);
      missed += lost.overwritten + lost.unavailable;
    }
    return { count: seen.count, digest: seen.digest, lost: missed };
  });

const publishBatchAndPoll = (name: string, make: MakeStorage): Contest =>
  weir(name, make, (ring, cursor, payloads) => () => {
    let count = 0;
    let digest = 0;
    let missed = 0;
    for (let item = 0; item < items; item += batch) {
      ring.publishBatch(payloads);
      const { frames, lost } = ring.poll(cursor, { max: batch });
      missed += lost.overwritten + lost.unavailable;
      for (let index = 0; index < frames.length; index++) {
        count++;
        digest = mix(digest, look(frames[index]!.payload));
      }
    }
    return { count, digest, lost: missed };
  });

const publishBatchAndVisit = (name: string, make: MakeStorage): Contest =>
  weir(name, make, (ring, cursor, payloads) => () => {
    const seen = new Seen();
    let missed = 0;
    for (let item = 0; item < items; item += batch) {
      ring.publishBatch(payloads);
      const { lost } = ring.visit(cursor, seen.visitor, { max: batch });
      missed += lost.overwritten + lost.unavailable;
    }
    return { count: seen.count, digest: seen.digest, lost: missed };
  });

const ringbuf = "ringbuf.js 0.4.0, push and pop";

const pushAndPop: Contest = (size) => ({
  name: ringbuf,
  async load() {
    const { RingBuffer } = await npm.ringbuf();
    const ring = new RingBuffer(
      RingBuffer.getStorageForCapacity(capacity * size, Uint8Array),
      Uint8Array,
    );
    const payloads = payloadsOf(size);
    const target = new Uint8Array(size);
    return () => {
      let count = 0;
      let digest = 0;
      let lost = 0;
      for (let item = 0; item < items; item++) {
        lost += size - ring.push(payloads[item % batch]!);
        if (ring.pop(target) !== size) continue;
        count++;
        digest = mix(digest, look(target));
      }
      return { count, digest, lost };
    };
  },
});

/** A quarter of the elements to copy, for those whose data are words. */
const pushAndPopWords: Contest = (size) => ({
  name: "ringbuf.js 0.4.0, of 32-bit words",
  async load() {
    const { RingBuffer } = await npm.ringbuf();
    const length = size / 4;
    const ring = new RingBuffer(
      RingBuffer.getStorageForCapacity(capacity * length, Int32Array),
      Int32Array,
    );
    const payloads = payloadsOf(size).map(({ buffer }) => new Int32Array(buffer));
    const target = new Int32Array(length);
    const bytes = new Uint8Array(target.buffer);
    return () => {
      let count = 0;
      let digest = 0;
      let lost = 0;
      for (let item = 0; item < items; item++) {
        lost += length - ring.push(payloads[item % batch]!);
        if (ring.pop(target) !== length) continue;
        count++;
        digest = mix(digest, look(bytes));
      }
      return { count, digest, lost };
    };
  },
});

const pushesAndPops: Contest = (size) => ({
  name: "ringbuf.js 0.4.0, pushes and pops",
  async load() {
    const { RingBuffer } = await npm.ringbuf();
    const ring = new RingBuffer(
      RingBuffer.getStorageForCapacity(capacity * size, Uint8Array),
      Uint8Array,
    );
    const payloads = payloadsOf(size);
    const target = new Uint8Array(size);
    return () => {
      let count = 0;
      let digest = 0;
      let lost = 0;
      for (let item = 0; item < items; item += batch) {
        for (let index = 0; index < batch; index++) lost += size - ring.push(payloads[index]!);
        while (ring.pop(target) === size) {
          count++;
          digest = mix(digest, look(target));
        }
      }
      return { count, digest, lost };
    };
  },
});

/** For those whose frames lie one behind the other already. */
const pushAndPopAtOnce: Contest = (size) => ({
  name: "ringbuf.js 0.4.0, one push and one pop",
  async load() {
    const { RingBuffer } = await npm.ringbuf();
    const ring = new RingBuffer(
      RingBuffer.getStorageForCapacity(capacity * size, Uint8Array),
      Uint8Array,
    );
    const joined = new Uint8Array(batch * size);
    for (const [index, payload] of payloadsOf(size).entries()) joined.set(payload, index * size);
    const target = new Uint8Array(batch * size);
    return () => {
      let count = 0;
      let digest = 0;
      let lost = 0;
      for (let item = 0; item < items; item += batch) {
        lost += joined.length - ring.push(joined);
        const end = ring.pop(target);
        for (let at = 0; at < end; at += size) {
          count++;
          digest = mix(digest, target[at]! + target[at + size - 1]!);
        }
      }
      return { count, digest, lost };
    };
  },
});

const arrayOf = (length: number): Contest => (size) => ({
  name: "array of copies, push and shift",
  load() {
    const payloads = payloadsOf(size);
    return () => {
      const array = new BoundedArray<Uint8Array>(capacity);
      let count = 0;
      let digest = 0;
      for (let item = 0; item < items; item += length) {
        for (let index = item; index < item + length; index++) {
          array.push(payloads[index % batch]!.slice());
        }
        for (let bytes = array.shift(); bytes !== undefined; bytes = array.shift()) {
          count++;
          digest = mix(digest, look(bytes));
        }
      }
      return { count, digest, lost: array.lost };
    };
  },
});

const single: readonly Contest[] = [
  publishAndPoll("weir, publish and poll", inMemory),
  publishAndVisit("weir, publish and visit", inMemory),
  publishAndPoll("weir, publish and poll, sharedStorage", inSharedMemory),
  pushAndPop,
  pushAndPopWords,
  arrayOf(1),
];

const larger: readonly Contest[] = [
  publishAndPoll("weir, publish and poll", inMemory),
  publishAndVisit("weir, publish and visit", inMemory),
  pushAndPop,
  arrayOf(1),
];

const batches: readonly Contest[] = [
  publishBatchAndPoll("weir, publishBatch and poll", inMemory),
  publishBatchAndVisit("weir, publishBatch and visit", inMemory),
  pushesAndPops,
  pushAndPopAtOnce,
  arrayOf(batch),
];

const perNode = "weir, per-node, publish and poll";

const shared: readonly Contest[] = [
  publishAndPoll("weir, shared, publish and poll", forMany),
  publishAndVisit("weir, shared, publish and visit", forMany),
  publishBatchAndVisit("weir, shared, publishBatch and visit", forMany),
  publishAndPoll(perNode, inMemory),
];

/** One question a size and a way. */
export const cases: readonly Case[] = [
  {
    id: "ring/frame-64",
    title: "one frame of 64 bytes in and out, one thread; per frame",
    items,
    answer: answerFor(64),
    references: [{ peer: ringbuf, limit: 0.8 }],
    contestants: single.map((contest) => contest(64)),
  },
  {
    id: "ring/frame-1k",
    title: "one frame of 1024 bytes in and out, one thread; per frame",
    items,
    answer: answerFor(1024),
    references: [{ peer: ringbuf }],
    contestants: larger.map((contest) => contest(1024)),
  },
  {
    id: "ring/batch-64",
    title: "256 frames of 64 bytes in, then out, one thread; per frame",
    items,
    answer: answerFor(64),
    references: [{ peer: "ringbuf.js 0.4.0, pushes and pops" }],
    contestants: batches.map((contest) => contest(64)),
  },
  {
    id: "ring/shared-64",
    title:
      "a ring for many writers, with one: frames of 64 bytes in and out, one thread; per frame",
    items,
    answer: answerFor(64),
    references: [{ peer: perNode }],
    contestants: shared.map((contest) => contest(64)),
  },
];
