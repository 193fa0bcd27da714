import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  memoryStorage,
  Ring,
  RingCursor,
  type RingFrame,
  type RingProgress,
} from "../../ring/mod.ts";
import { MARK } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import {
  assertExact,
  bytes,
  Memory,
  numberOf,
  numbersOf,
  publishNext,
  STORAGES,
  TOPOLOGIES,
} from "./_ring.ts";

function* rings(capacity: number, payloadCapacity = 8): Generator<Ring> {
  for (const [, make] of STORAGES) {
    for (const topology of TOPOLOGIES) {
      using ring = new Ring(make({ capacity, payloadCapacity, topology }));
      yield ring;
    }
  }
}

const NO_LOSS = { overwritten: 0, unavailable: 0 };

test("Ring.visit() calls its visitor with each frame, as poll() finds them", () => {
  for (const payloadCapacity of [0, 8, 100, 300, 5_000, 70_000]) {
    for (const ring of rings(128, payloadCapacity)) {
      const [visited, polled] = [RingCursor.fromStart(ring), RingCursor.fromStart(ring)];
      for (const count of [1, 2, 33, 100, 150]) {
        for (let left = count; left > 0; left--) publishNext(ring);
        const seen: unknown[] = [];
        const progress = ring.visit(visited, (frame) => {
          assertExact(ring, frame);
          seen.push([frame.id, frame.counter, frame.byteLength]);
        });
        const { frames, ...rest } = ring.poll(polled);
        assertEquals<RingProgress>(progress, { ...rest, delivered: frames.length });
        assertEquals(seen, frames.map(({ id, counter, byteLength }) => [id, counter, byteLength]));
        assertEquals(visited.counters, polled.counters);
        assertEquals([visited.delivered, visited.lost], [polled.delivered, polled.lost]);
      }
      if (payloadCapacity > 1_000) break;
    }
  }
});

test("Ring.visit() takes at most as many frames as it is told", () => {
  for (const ring of rings(64)) {
    for (let value = 0; value < 64; value++) ring.publish(bytes(value));
    const cursor = RingCursor.fromStart(ring);
    const seen: (number | undefined)[] = [];
    for (const max of [1, 5, 32, 40]) {
      const before = seen.length;
      const { delivered, from, to } = ring.visit(cursor, (frame) => seen.push(numberOf(frame)), {
        max,
      });
      assertEquals([delivered, from, to], [seen.length - before, before, seen.length]);
      assertEquals(delivered, Math.min(max, 64 - before));
    }
    assertEquals(seen, Array.from({ length: 64 }, (_, value) => value));
  }
});

test("Ring.visit() uses its frames again: what is kept of one is that of a later one", () => {
  for (const ring of rings(8)) {
    const cursor = RingCursor.fromStart(ring);
    const kept: RingFrame[] = [];
    for (const value of [1, 2]) {
      ring.publish(bytes(value));
      ring.visit(cursor, (frame) => kept.push(frame));
    }
    assert(kept[0] === kept[1]);
    assertEquals(numbersOf(kept), [2, 2]);
    // Frames of other lengths come with payloads of their own length.
    for (const length of [3, 0, 8, 3]) {
      ring.publish(new Uint8Array(length).fill(length));
      ring.visit(cursor, ({ payload, byteLength }) => {
        assertEquals(payload, new Uint8Array(length).fill(length));
        assertEquals(byteLength, length);
      });
    }
  }
});

test("A visitor that writes into a payload changes nothing for others", () => {
  for (const ring of rings(8)) {
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    ring.visit(RingCursor.fromStart(ring), ({ payload }) => payload.fill(99));
    assertEquals(numbersOf(ring.poll(RingCursor.fromStart(ring)).frames), [1, 2, 3]);
  }
});

test("Ring.visit() leaves its cursor behind the frame whose visitor throws", () => {
  for (const ring of rings(64)) {
    for (let value = 0; value < 70; value++) ring.publish(bytes(value));
    for (const stop of [0, 1, 31, 32, 33, 63]) {
      const cursor = RingCursor.fromStart(ring);
      const seen: (number | undefined)[] = [];
      const failing = (frame: RingFrame): void => {
        if (seen.push(numberOf(frame)) > stop) throw new Error(`after ${stop}`);
      };
      assertThrows(() => ring.visit(cursor, failing), Error, `after ${stop}`);
      assertEquals(seen.length, stop + 1);
      assertEquals(cursor.position, 6 + stop + 1);
      assertEquals([cursor.delivered, cursor.lost], [stop + 1, { ...NO_LOSS, overwritten: 6 }]);
      const { delivered } = ring.visit(cursor, (frame) => seen.push(numberOf(frame)));
      assertEquals(delivered, 63 - stop);
      assertEquals(seen, Array.from({ length: 64 }, (_, index) => 6 + index));
      assertEquals([cursor.delivered, cursor.lost.overwritten], [64, 6]);
    }
  }
});

test("A visitor that throws leaves the losses behind its frame for the next look", () => {
  using storage = memoryStorage({ capacity: 8, payloadCapacity: 8 });
  using ring = new Ring(storage);
  const memory = new Memory(storage);
  for (let value = 0; value < 10; value++) ring.publish(bytes(value));
  // Overwritten: 0 and 1. Not whole: 3 and 6.
  memory.words[memory.slotWord(3, MARK)] = 99;
  memory.words[memory.slotWord(6, MARK)] = 99;
  const expected: readonly (readonly [number, number, number])[] = [
    [2, 2, 0],
    [4, 2, 1],
    [5, 2, 1],
    [7, 2, 2],
    [8, 2, 2],
    [9, 2, 2],
  ];
  const cursor = RingCursor.at(ring, 0);
  for (const [index, [value, overwritten, unavailable]] of expected.entries()) {
    assertThrows(
      () =>
        ring.visit(cursor, (frame) => {
          assertEquals(numberOf(frame), value);
          throw new Error("enough");
        }),
      Error,
      "enough",
    );
    assertEquals([cursor.position, cursor.delivered], [value + 1, index + 1]);
    assertEquals(cursor.lost, { overwritten, unavailable });
  }
});

test("A visitor that throws at the lane of one node leaves those of the others alone", () => {
  using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 3 });
  const all = [0, 1, 2].map((node) => new Ring(storage, { node }));
  const [ring] = all as [Ring];
  for (const [node, writer] of all.entries()) {
    for (const value of [1, 2]) writer.publish(bytes(10 * node + value));
  }
  const cursor = RingCursor.fromStart(ring);
  assertThrows(() =>
    ring.visit(cursor, (frame) => {
      if (numberOf(frame) === 11) throw new Error("enough");
    })
  );
  assertEquals(cursor.counters, [2, 1, 0]);
  assertEquals(numbersOf(ring.poll(cursor).frames), [12, 21, 22]);
});

test("A visitor may read the ring, by other cursors, and publish", () => {
  for (const ring of rings(64)) {
    for (let value = 0; value < 40; value++) ring.publish(bytes(value));
    const seen: (number | undefined)[] = [];
    const inner = RingCursor.fromStart(ring);
    // What it uses again is there from now on.
    ring.visit(RingCursor.fromStart(ring), () => {}, { max: 1 });
    const { delivered } = ring.visit(RingCursor.fromStart(ring), (frame) => {
      const value = numberOf(frame)!;
      const polled = ring.poll(inner, { max: 1 }).frames;
      assertEquals(numbersOf(polled), [value]);
      let nested = 0;
      ring.visit(RingCursor.fromStart(ring), (one) => {
        assertEquals(numberOf(one), nested++);
      });
      assertEquals(numberOf(ring.read(BigInt(value))), value);
      // It is still the same one.
      assertEquals(numberOf(frame), value);
      seen.push(value);
      if (value < 20) ring.publish(bytes(40 + value));
    });
    assertEquals(delivered, seen.length);
    assertEquals(seen, Array.from({ length: 60 }, (_, value) => value));
  }
});

test("A visitor that always publishes does not keep visit() for ever", () => {
  for (const ring of rings(4)) {
    ring.publish(bytes(1));
    const cursor = RingCursor.fromStart(ring);
    const { delivered } = ring.visit(cursor, () => void ring.publish(bytes(1)), { max: 500 });
    assertEquals([delivered <= 500, cursor.delivered], [true, delivered]);
  }
});

test("A visitor may move the very cursor that it is called for", () => {
  for (const ring of rings(64)) {
    for (let value = 0; value < 60; value++) ring.publish(bytes(value));
    const cursor = RingCursor.fromStart(ring);
    let others = 0;
    const { delivered, lost, from, to } = ring.visit(cursor, () => {
      others += ring.poll(cursor, { max: 1 }).frames.length;
    });
    assert(others > 0);
    assertEquals([cursor.delivered, cursor.position], [60, 60]);
    assertEquals(to - from, delivered + lost.overwritten + lost.unavailable);
  }
});

test("Ring.visit() reads no more once its visitor has closed the ring", () => {
  for (const topology of TOPOLOGIES) {
    using storage = memoryStorage({ capacity: 128, payloadCapacity: 8, nodes: 2, topology });
    const [ring, other] = [new Ring(storage, { node: 0 }), new Ring(storage, { node: 1 })];
    for (let value = 0; value < 60; value++) ring.publish(bytes(value));
    for (let value = 0; value < 60; value++) other.publish(bytes(value));
    const cursor = RingCursor.fromStart(ring);
    let seen = 0;
    try {
      ring.visit(cursor, () => {
        if (++seen === 1) storage.close();
      });
    } catch (error) {
      assert(error instanceof TypeError && error.message.includes("closed"), String(error));
    }
    assert(seen <= 32, `${seen} frames`);
  }
});

test("A visitor that is no function takes no frame", () => {
  for (const ring of rings(4)) {
    for (const value of [1, 2]) ring.publish(bytes(value));
    const cursor = RingCursor.fromStart(ring);
    assertThrows(() => ring.visit(cursor, undefined as unknown as () => void), TypeError);
    assertEquals([cursor.position, cursor.delivered], [0, 0]);
  }
});
