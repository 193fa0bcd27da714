import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import {
  memoryStorage,
  Ring,
  RingCursor,
  type RingFrame,
  type RingPollOptions,
} from "../../ring/mod.ts";
import { MARK, TURN } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { bytes, Memory, numberOf, numbersOf, pollByLaw, STORAGES, TOPOLOGIES } from "./_ring.ts";

function* rings(capacity: number, payloadCapacity = 8): Generator<Ring> {
  for (const [, make] of STORAGES) {
    for (const topology of TOPOLOGIES) {
      using ring = new Ring(make({ capacity, payloadCapacity, topology }));
      yield ring;
    }
  }
}

/** Who publishes into lanes of one ring, by node. */
function writersOf(nodes: number, capacity: number, firstCounter = 0): Ring[] {
  const storage = memoryStorage({ capacity, payloadCapacity: 8, nodes, firstCounter });
  return Array.from({ length: nodes }, (_, node) => new Ring(storage, { node }));
}

test("Ring.poll() takes at most as many frames as it is told, and the rest the next time", () => {
  for (const ring of rings(64)) {
    for (let value = 0; value < 64; value++) ring.publish(bytes(value));
    const cursor = RingCursor.fromStart(ring);
    const seen: RingFrame[] = [];
    for (const max of [1, 31, 32, 33, 5]) {
      const { frames, to } = pollByLaw(ring, cursor, { max });
      assertEquals(frames.length, Math.min(max, 64 - seen.length));
      seen.push(...frames);
      assertEquals(to, seen.length);
    }
    assertEquals(numbersOf(seen), Array.from({ length: 64 }, (_, value) => value));
  }
});

test("Ring.poll() takes 1024 frames where nothing else is said", () => {
  for (const ring of rings(2048, 0)) {
    for (let count = 0; count < 1500; count++) ring.publish(bytes());
    for (const options of [undefined, {}, { max: undefined }]) {
      const cursor = RingCursor.fromStart(ring);
      assertEquals(pollByLaw(ring, cursor, options).frames.length, 1024);
      assertEquals(pollByLaw(ring, cursor, options).frames.length, 476);
    }
    assertEquals(ring.visit(RingCursor.fromStart(ring), () => {}).delivered, 1024);
    const all = { max: Number.MAX_SAFE_INTEGER };
    assertEquals(pollByLaw(ring, RingCursor.fromStart(ring), all).frames.length, 1500);
  }
});

test("Ring.poll() takes 4 MiB where nothing else is said, or one frame that carries more", () => {
  for (
    const [payloadCapacity, expected] of [
      [4_096, 1_024],
      [4_097, 1_023],
      [8_192, 512],
      [2 ** 22 - 1, 1],
      [2 ** 22, 1],
      [2 ** 23, 1],
    ] as const
  ) {
    // Slots that are not looked at take no memory.
    const capacity = payloadCapacity > 10_000 ? 4 : 2_048;
    using ring = new Ring(memoryStorage({ capacity, payloadCapacity }));
    ring.publishBatch(Array.from({ length: capacity }, () => bytes(1)));
    for (const options of [undefined, { max: undefined }]) {
      const { frames, to } = ring.poll(RingCursor.fromStart(ring), options);
      assertEquals([frames.length, to], [expected, expected]);
      const { delivered } = ring.visit(RingCursor.fromStart(ring), () => {}, options);
      assertEquals(delivered, expected);
    }
    assertEquals(
      ring.poll(RingCursor.fromStart(ring), { max: 2_000 }).to,
      Math.min(capacity, 2_000),
    );
  }
});

test("Ring.poll() of nothing new is empty, again and again", () => {
  for (const ring of rings(4)) {
    const cursor = RingCursor.fromStart(ring);
    const nothing = { frames: [], lost: { overwritten: 0, unavailable: 0 } };
    for (let count = 0; count < 3; count++) {
      assertEquals(ring.poll(cursor), { ...nothing, from: 0, to: 0 });
    }
    ring.publish(bytes(1));
    const { frames } = ring.poll(cursor);
    for (let count = 0; count < 3; count++) {
      assertEquals(ring.poll(cursor), { ...nothing, from: 1, to: 1 });
    }
    // What was answered before stays as it was.
    assertEquals(numbersOf(frames), [1]);
  }
});

test("What Ring.poll() answers is not changed by what it answers later, or by whoever has it", () => {
  for (const ring of rings(4)) {
    const cursor = RingCursor.fromStart(ring);
    const empty = ring.poll(cursor);
    ring.publish(bytes(1));
    const first = ring.poll(cursor);
    ring.publish(bytes(2));
    const second = ring.poll(cursor);
    assertEquals([empty, first, second].map(({ frames }) => numbersOf(frames)), [[], [1], [2]]);
    try {
      (empty.frames as RingFrame[]).push(first.frames[0]!);
      (first.frames as RingFrame[]).length = 0;
    } catch {
      // A list that cannot be changed is as good.
    }
    assertEquals(ring.poll(cursor).frames.length, 0, "one list is given to several");
    assertEquals(ring.poll(RingCursor.fromStart(ring)).frames.length, 2);
  }
});

test("A new cursor does not see what another cursor's look that failed had found", () => {
  let isBroken = true;
  const storage = memoryStorage({ capacity: 8, payloadCapacity: 8, topology: "shared" });
  const memory = new Memory(storage);
  using ring = new Ring(storage, {
    now() {
      if (isBroken) throw new Error("no clock");
      return 0;
    },
  });
  ring.publish(bytes(1));
  // The next one was begun, and the clock says how long to wait for it.
  memory.setHead(2);
  const cursor = RingCursor.fromStart(ring);
  assertThrows(() => ring.poll(cursor), Error, "no clock");
  assertEquals(pollByLaw(ring, RingCursor.atHead(ring)).frames, []);
  isBroken = false;
  assertEquals(numbersOf(pollByLaw(ring, cursor).frames), [1]);
});

test("Ring.poll() reads the lanes one after the other, each in its order", () => {
  const all = writersOf(3, 4);
  const [ring] = all as [Ring];
  for (const value of [1, 2, 3]) {
    for (const [node, writer] of all.entries()) writer.publish(bytes(10 * node + value));
  }
  const { frames, from, to } = pollByLaw(ring, RingCursor.fromStart(ring));
  assertEquals(numbersOf(frames), [1, 2, 3, 11, 12, 13, 21, 22, 23]);
  assertEquals([from, to], [0, 9]);
  assertEquals(frames.map(({ node }) => node), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
});

test("Ring.poll() and visit() begin with the next lane where a full one has stopped them", () => {
  for (const way of ["poll", "visit"] as const) {
    const all = writersOf(3, 64);
    const [ring] = all as [Ring];
    const cursor = RingCursor.fromStart(ring);
    const take = (max: number): number[] => {
      if (way === "poll") return ring.poll(cursor, { max }).frames.map(({ node }) => node);
      const nodes: number[] = [];
      ring.visit(cursor, ({ node }) => nodes.push(node), { max });
      return nodes;
    };
    for (let count = 0; count < 40; count++) all[0]!.publish(bytes(count));
    all[1]!.publish(bytes(1));
    all[2]!.publish(bytes(2));
    assertEquals(take(2), [0, 0]);
    assertEquals(take(2), [1, 2]);
    // The last one has filled it, so the first is next.
    assertEquals(take(3), [0, 0, 0]);
    assertEquals(take(36), Array.from({ length: 35 }, () => 0));
    // A busy lane does not keep the others from being read.
    const counts = [0, 0, 0];
    for (let round = 0; round < 30; round++) {
      for (let count = 0; count < 10; count++) all[0]!.publish(bytes(count));
      all[1]!.publish(bytes(1));
      all[2]!.publish(bytes(1));
      for (const node of take(4)) counts[node]!++;
    }
    assert(counts[1]! >= 20 && counts[2]! >= 20, `${way}: ${counts}`);
  }
});

test("Ring.poll() counts the losses of all lanes together", () => {
  const all = writersOf(3, 4);
  const [ring] = all as [Ring];
  const cursor = RingCursor.fromStart(ring);
  for (let count = 0; count < 6; count++) all[0]!.publish(bytes(count));
  for (let count = 0; count < 9; count++) all[2]!.publish(bytes(count));
  const { frames, lost } = pollByLaw(ring, cursor);
  assertEquals([frames.length, lost], [8, { overwritten: 7, unavailable: 0 }]);
  assertEquals(cursor.counters, [6, 0, 9]);
});

test("Frames that are not what they should be are counted as unavailable, and passed", () => {
  for (const word of [MARK, TURN]) {
    using storage = memoryStorage({ capacity: 8, payloadCapacity: 8 });
    using ring = new Ring(storage);
    const memory = new Memory(storage);
    const cursor = RingCursor.fromStart(ring);
    const visited = RingCursor.fromStart(ring);
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    memory.words[memory.slotWord(0, word)]! ^= 1 << 10;
    memory.words[memory.slotWord(2, word)]! ^= 1 << 10;
    const { frames, lost, to } = pollByLaw(ring, cursor);
    assertEquals([numbersOf(frames), lost, to], [[2], { overwritten: 0, unavailable: 2 }, 3]);
    const seen: (number | undefined)[] = [];
    const progress = ring.visit(visited, (frame) => seen.push(numberOf(frame)));
    assertEquals([seen, progress], [[2], { delivered: 1, lost, from: 0, to: 3 }]);
    assertEquals([ring.read(0n), numberOf(ring.read(1n)), ring.read(2n)], [
      undefined,
      2,
      undefined,
    ]);
    assertEquals(numberOf(ring.latest()), 2);
  }
});

test("A loss behind the last frame that was asked for waits for the next look", () => {
  using storage = memoryStorage({ capacity: 8, payloadCapacity: 8 });
  using ring = new Ring(storage);
  const memory = new Memory(storage);
  for (const value of [1, 2, 3]) ring.publish(bytes(value));
  memory.words[memory.slotWord(1, MARK)] = 99;
  const cursor = RingCursor.fromStart(ring);
  const looks = [0, 1, 2].map(() => pollByLaw(ring, cursor, { max: 1 }));
  assertEquals(looks.map(({ frames }) => frames.length).reduce((sum, count) => sum + count), 2);
  assertEquals(cursor.lost, { overwritten: 0, unavailable: 1 });
  assertEquals(cursor.position, 3);
});

test("Ring.poll() and visit() refuse a number of frames that is none", () => {
  for (const ring of rings(4)) {
    ring.publish(bytes(1));
    const cursor = RingCursor.fromStart(ring);
    for (const max of [0, -1, 1.5, NaN, Infinity, "1", 1n]) {
      const options = { max } as RingPollOptions;
      for (
        const call of [
          () => ring.poll(cursor, options),
          () => ring.visit(cursor, () => {}, options),
          () => ring.follow({ from: cursor, ...options }),
        ]
      ) {
        const error = assertThrows(call, RangeError);
        assertMatch(
          error.message,
          /^Cannot read Ring: max must be a positive integer, received \S/,
        );
      }
    }
    assertEquals([cursor.position, cursor.delivered], [0, 0]);
  }
});

test("Ring.poll(), visit() and follow() refuse what is no cursor of theirs", () => {
  for (const ring of rings(4)) {
    using other = new Ring(memoryStorage({ capacity: 4, payloadCapacity: 8 }));
    const foreign = RingCursor.atHead(other);
    for (
      const [cursor, received] of [
        [foreign, "that of another ring"],
        [undefined, "undefined"],
        [null, "null"],
        [5, "5"],
        ["start", "start"],
      ] as const
    ) {
      for (
        const call of [
          () => ring.poll(cursor as RingCursor),
          () => ring.visit(cursor as RingCursor, () => {}),
        ]
      ) {
        assertEquals(
          assertThrows(call, TypeError).message,
          `Cannot read Ring: cursor must be one of this ring, received ${received}`,
        );
      }
    }
    assertThrows(() => ring.follow({ from: foreign }), TypeError, "one of this ring");
  }
});

test("Ring.poll() says no loss by a value that nobody can change", () => {
  for (const ring of rings(4)) {
    const { lost } = ring.poll(RingCursor.fromStart(ring));
    assertThrows(() => Object.assign(lost, { overwritten: 5 }), TypeError);
    assertStrictEquals(ring.poll(RingCursor.fromStart(ring)).lost.overwritten, 0);
  }
});
