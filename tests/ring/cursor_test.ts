import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { memoryStorage, Ring, RingCursor } from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { bytes, Memory, numbersOf, pollByLaw, STORAGES, TOPOLOGIES } from "./_ring.ts";

/** A ring of each topology over each storage, and what writes its lanes; node 0 is the ring itself. */
function* rings(capacity: number, nodes = 1, firstCounter = 0): Generator<[Ring, ...Ring[]]> {
  for (const [, make] of STORAGES) {
    for (const topology of TOPOLOGIES) {
      using storage = make({ capacity, payloadCapacity: 8, nodes, topology, firstCounter });
      const all = Array.from({ length: nodes }, (_, node) => new Ring(storage, { node }));
      yield all as [Ring];
    }
  }
}

test("RingCursor.fromStart() reads what the ring has", () => {
  for (const [ring] of rings(4)) {
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    const cursor = RingCursor.fromStart(ring);
    const { frames, lost, from, to } = pollByLaw(ring, cursor);
    assertEquals([numbersOf(frames), from, to], [[1, 2, 3], 0, 3]);
    assertEquals(lost, { overwritten: 0, unavailable: 0 });
    ring.publish(bytes(4));
    assertEquals(numbersOf(pollByLaw(ring, cursor).frames), [4]);
    assertEquals(numbersOf(pollByLaw(ring, cursor).frames), []);
  }
});

test("RingCursor.atHead() reads only what comes", () => {
  for (const [ring] of rings(4)) {
    ring.publish(bytes(1));
    const cursor = RingCursor.atHead(ring);
    assertEquals([cursor.position, pollByLaw(ring, cursor).frames], [1, []]);
    ring.publish(bytes(2));
    const { frames, from, to } = pollByLaw(ring, cursor);
    assertEquals([numbersOf(frames), from, to], [[2], 1, 2]);
  }
});

test("A cursor that lags is told how many frames it lost", () => {
  for (const [ring] of rings(2)) {
    const cursor = RingCursor.fromStart(ring);
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    const { frames, lost, from, to } = pollByLaw(ring, cursor);
    assertEquals([numbersOf(frames), lost], [[2, 3], { overwritten: 1, unavailable: 0 }]);
    assertEquals([from, to], [0, 3]);
    for (let count = 0; count < 100; count++) ring.publish(bytes(count));
    assertEquals(pollByLaw(ring, cursor).lost, { overwritten: 98, unavailable: 0 });
    assertEquals([cursor.delivered, cursor.lost], [4, { overwritten: 99, unavailable: 0 }]);
  }
});

test("RingCursor.fromStart() of a ring that has gone round begins with a loss", () => {
  for (const [ring] of rings(2)) {
    for (const value of [1, 2, 3, 4, 5]) ring.publish(bytes(value));
    const { frames, lost } = pollByLaw(ring, RingCursor.fromStart(ring));
    assertEquals([numbersOf(frames), lost], [[4, 5], { overwritten: 3, unavailable: 0 }]);
  }
});

test("RingCursor.at() goes on where another cursor was", () => {
  for (const all of rings(8, 3)) {
    for (const [node, ring] of all.entries()) {
      for (let count = 0; count <= node; count++) ring.publish(bytes(10 * node + count));
    }
    const [ring] = all;
    const first = RingCursor.fromStart(ring);
    pollByLaw(ring, first, { max: 2 });
    const saved = JSON.parse(JSON.stringify(first.counters));
    const second = RingCursor.at(ring, saved);
    assertEquals([second.counters, second.position], [first.counters, 2]);
    assertEquals(saved.length, ring.geometry.lanes);
    const rest = new Set(numbersOf(pollByLaw(ring, second).frames));
    assertEquals(rest, new Set(numbersOf(pollByLaw(ring, first).frames)));
    assertEquals([rest.size, second.delivered, first.delivered], [4, 4, 6]);
  }
});

test("RingCursor.at() beyond the head goes back to it with its first look", () => {
  for (const counter of [3, 4, 2 ** 31, 2 ** 32 - 3, 2 ** 32 + 3, 2 ** 53 - 1]) {
    for (const [ring] of rings(4)) {
      for (const value of [1, 2, 3]) ring.publish(bytes(value));
      const cursor = RingCursor.at(ring, counter);
      assertEquals([cursor.position, cursor.counters], [counter, [counter]]);
      const { frames, lost, from, to } = pollByLaw(ring, cursor);
      assertEquals([frames, lost, from, to], [[], { overwritten: 0, unavailable: 0 }, 3, 3]);
      ring.publish(bytes(4));
      assertEquals(numbersOf(pollByLaw(ring, cursor).frames), [4]);
      const visited = RingCursor.at(ring, counter + (counter === 3 ? 1 : 0));
      assertEquals(ring.visit(visited, () => {}), {
        delivered: 0,
        lost: { overwritten: 0, unavailable: 0 },
        from: 4,
        to: 4,
      });
    }
  }
});

test("The law holds for a cursor far beyond the heads of several lanes", () => {
  const far = Number.MAX_SAFE_INTEGER;
  for (const counters of [[far, far, far], [far - 1, far, 2 ** 52 + 1], [0, far, far]]) {
    for (const way of ["poll", "visit"] as const) {
      using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 3 });
      using ring = new Ring(storage, { node: 0 });
      ring.publish(bytes(1));
      const cursor = RingCursor.at(ring, counters);
      const { from, to } = way === "poll" ? ring.poll(cursor) : ring.visit(cursor, () => {});
      assertEquals([from, to], [counters[0] === 0 ? 0 : 1, 1]);
      assertEquals(cursor.counters, [1, 0, 0]);
    }
  }
});

test("RingCursor.at() before the first counter counts what was never there as overwritten", () => {
  for (const [ring] of rings(4, 1, 10)) {
    ring.publish(bytes(1));
    for (const counter of [0, 5, 9]) {
      const { frames, lost } = pollByLaw(ring, RingCursor.at(ring, counter));
      assertEquals(lost, { overwritten: 10 - counter, unavailable: 0 });
      assertEquals(numbersOf(frames), [1]);
    }
  }
});

test("A cursor of one node reads its lane only", () => {
  for (const [, make] of STORAGES) {
    using storage = make({ capacity: 4, payloadCapacity: 8, nodes: 3 });
    const all = [0, 1, 2].map((node) => new Ring(storage, { node }));
    const [ring] = all as [Ring];
    for (const [node, writer] of all.entries()) writer.publish(bytes(10 * node));
    const cursors = [0, 1, 2].map((node) => RingCursor.fromStart(ring, { node }));
    assertEquals(cursors.map(({ node }) => node), [0, 1, 2]);
    assertEquals(cursors.map((one) => numbersOf(pollByLaw(ring, one).frames)), [[0], [10], [20]]);
    for (let count = 0; count < 6; count++) all[2]!.publish(bytes(count));
    assertEquals(cursors.map((one) => pollByLaw(ring, one).lost.overwritten), [0, 0, 2]);
    const later = RingCursor.at(ring, 5, { node: 2 });
    assertEquals([later.counters, later.node, later.position], [[5], 2, 5]);
    assertEquals(numbersOf(pollByLaw(ring, later).frames), [4, 5]);
    assertEquals(RingCursor.atHead(ring, { node: 1 }).counters, [1]);
    assertEquals(RingCursor.fromStart(ring).node, undefined);
  }
});

test("The position of a cursor is the sum of its counters", () => {
  using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 3, firstCounter: 100 });
  const all = [0, 1, 2].map((node) => new Ring(storage, { node }));
  const [ring] = all as [Ring];
  const cursor = RingCursor.fromStart(ring);
  assertEquals([cursor.position, cursor.counters], [300, [100, 100, 100]]);
  all[1]!.publish(bytes(1));
  all[1]!.publish(bytes(2));
  all[2]!.publish(bytes(3));
  assertEquals([cursor.position, cursor.ring === ring], [300, true]);
  pollByLaw(ring, cursor);
  assertEquals([cursor.position, cursor.counters], [303, [100, 102, 101]]);
  // They are the cursor's own.
  cursor.counters[0] = 7;
  assertEquals(cursor.counters, [100, 102, 101]);
});

test("The position of a cursor is exact however far the lanes have come", () => {
  using storage = memoryStorage({
    capacity: 4,
    payloadCapacity: 8,
    nodes: 4,
    firstCounter: 2 ** 50,
  });
  using ring = new Ring(storage, { node: 1 });
  const cursor = RingCursor.fromStart(ring);
  for (const value of [1, 2, 3]) {
    ring.publish(bytes(value));
    assertEquals(numbersOf(pollByLaw(ring, cursor).frames), [value]);
  }
});

test("Cursors do not disturb each other, and leave nothing in the ring", () => {
  for (const [ring] of rings(4)) {
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    const cursors = Array.from({ length: 20 }, () => RingCursor.fromStart(ring));
    const before = ring.stats();
    for (const [index, cursor] of cursors.entries()) {
      const max = 1 + index % 3;
      assertEquals(pollByLaw(ring, cursor, { max }).frames.length, max);
      assertEquals(cursor.delivered, max);
    }
    assertEquals(ring.stats(), before);
  }
});

test("A cursor reads nothing from memory that readers may not read, and writes none", () => {
  for (const topology of TOPOLOGIES) {
    using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, topology });
    using ring = new Ring(storage);
    for (const value of [1, 2, 3, 4, 5]) ring.publish(bytes(value));
    const before = new Memory(storage).bytes.slice();
    const cursor = RingCursor.fromStart(ring);
    ring.poll(cursor, { max: 1 });
    ring.visit(cursor, () => {}, { max: 1 });
    ring.read(3n);
    ring.latest();
    ring.stats();
    assertEquals(new Memory(storage).bytes, before);
  }
});

test("RingCursor refuses a node that the ring does not have", () => {
  for (const [ring] of rings(4, 2)) {
    const { lanes } = ring.geometry;
    for (const node of [-1, lanes, 1.5, NaN, "0", null]) {
      for (
        const make of [
          () => RingCursor.fromStart(ring, { node: node as number }),
          () => RingCursor.atHead(ring, { node: node as number }),
          () => RingCursor.at(ring, 0, { node: node as number }),
        ]
      ) {
        const error = assertThrows(make, RangeError);
        assertMatch(error.message, /^Cannot make a cursor: .*, received \S/);
        assert(error.message.includes(`node must be an integer from 0 to ${lanes - 1}`));
      }
    }
  }
});

test("RingCursor.at() refuses what is no counter, and too few or too many", () => {
  using ring = new Ring(memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 2 }));
  for (const counter of [-1, 1.5, NaN, Infinity, 2 ** 53, "1", null, 1n]) {
    for (const counters of [[counter, 0], [0, counter]]) {
      const error = assertThrows(() => RingCursor.at(ring, counters as number[]), RangeError);
      assertMatch(
        error.message,
        /^Cannot make a cursor: counter must be an integer from 0 to 2\^53 - 1, received \S/,
      );
    }
  }
  for (
    const [counters, count] of [[5, 1], [[5], 1], [[], 0], [[1, 2, 3], 3]] as const
  ) {
    assertThrows(
      () => RingCursor.at(ring, counters),
      RangeError,
      `Cannot make a cursor: counters must be as many as lanes, 2, received ${count}`,
    );
  }
  assertThrows(
    () => RingCursor.at(ring, [1, 2], { node: 1 }),
    RangeError,
    "as lanes, 1, received 2",
  );
  // A counter of one lane needs no list.
  assertEquals(RingCursor.at(ring, 5, { node: 1 }).counters, [5]);
});
