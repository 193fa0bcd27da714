import { assert, assertEquals } from "@std/assert";
import {
  frameId,
  memoryStorage,
  Ring,
  RingCursor,
  type RingFrame,
  type RingStorage,
} from "../../ring/mod.ts";
import { BASE_64, laneOffset, OWNER } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { dieAt, everywhere, interleave, slowPayload } from "./_interleave.ts";
import {
  assertExact,
  bytes,
  Memory,
  numbersOf,
  payloadOf,
  pollByLaw,
  publishNext,
  STORAGES,
} from "./_ring.ts";

// One writer a lane: what its death leaves behind, and what readers find while it writes.

const FIRST = [0, 2 ** 31 - 3, 2 ** 32 - 5, 2 ** 40 - 2, 2 ** 52];
/** A payload that is copied word by word, and one that the engine copies. */
const SIZES = [24, 1_000];

test("Readers go on when a writer dies that had claimed a slot and half written it", () => {
  for (const [, make] of STORAGES) {
    for (const firstCounter of FIRST) {
      using storage = make({ capacity: 4, payloadCapacity: 24, firstCounter });
      const memory = new Memory(storage);
      const dead = new Ring(storage, { node: 0 });
      const cursor = RingCursor.fromStart(dead);
      for (let count = 0; count < 6; count++) publishNext(dead);
      const next = firstCounter + 6;
      memory.setClaimed(next + 1);
      memory.write(next, bytes(1, 2, 3));

      using ring = new Ring(storage, { node: 0, takeOver: true });
      const { frames, lost } = pollByLaw(ring, RingCursor.at(ring, cursor.counters));
      // The slot that was about to be written may be torn.
      assertEquals(frames.map(({ counter }) => counter), [next - 3, next - 2, next - 1]);
      for (const frame of frames) assertExact(ring, frame);
      assertEquals(lost, { overwritten: 3, unavailable: 0 });
      assertEquals(ring.read(frameId(0, next - 4)), undefined);
      assertEquals(ring.lane().retainedFrom, next - 3);
      assertEquals(ring.latest()?.counter, next - 1);

      // The next writer goes on at the same counter.
      assertEquals(publishNext(ring), frameId(0, next));
      assertEquals([memory.claimed(), memory.head()], [next + 1, next + 1]);
      assertExact(ring, ring.read(frameId(0, next))!);
      publishNext(ring);
      assertEquals([memory.claimed(), memory.head()], [next + 2, next + 2]);
    }
  }
});

test("A batch whose writer died takes its slots with it, and no more", () => {
  for (const firstCounter of FIRST) {
    for (const count of [1, 2, 3, 4]) {
      using storage = memoryStorage({ capacity: 4, payloadCapacity: 24, firstCounter });
      const memory = new Memory(storage);
      const dead = new Ring(storage, { node: 0 });
      for (let left = 0; left < 4; left++) publishNext(dead);
      const head = firstCounter + 4;
      memory.setClaimed(head + count);
      for (let index = 0; index < count; index++) {
        memory.write(head + index, bytes(99));
        memory.commit(head + index);
      }
      using ring = new Ring(storage, { node: 0, takeOver: true });
      const cursor = RingCursor.fromStart(ring);
      const { frames, lost } = pollByLaw(ring, cursor);
      assertEquals([frames.length, lost], [4 - count, { overwritten: count, unavailable: 0 }]);
      // It was whole, but it was not published.
      assertEquals(ring.read(frameId(0, head)), undefined);
      for (const frame of frames) assertExact(ring, frame);
      // The claim never goes back, but the counters are given anew.
      for (let index = 0; index < 6; index++) {
        publishNext(ring);
        assertEquals(memory.claimed(), head + Math.max(count, index + 1));
        const found = pollByLaw(ring, cursor);
        assertEquals(found.frames.map(({ counter }) => counter), [head + index]);
        assertExact(ring, found.frames[0]!);
      }
    }
  }
});

test("A writer may die anywhere in a publish: nothing torn is delivered, and the next one goes on", () => {
  for (const firstCounter of [0, 2 ** 21 - 6, 2 ** 32 - 6]) {
    for (const payloadCapacity of SIZES) {
      for (const batch of [1, 3]) {
        const places = everywhere((at) => {
          using storage = memoryStorage({ capacity: 4, payloadCapacity, firstCounter });
          const dead = new Ring(storage, { node: 0 });
          for (let count = 0; count < 5; count++) publishNext(dead);
          const next = firstCounter + 5;
          const payloads = Array.from(
            { length: batch },
            (_, index) => slowPayload(payloadOf(dead, 0, next + index)),
          );
          if (
            !dieAt(() => batch > 1 ? dead.publishBatch(payloads) : dead.publish(payloads[0]!), at)
          ) {
            return false;
          }
          using ring = new Ring(storage, { node: 0, takeOver: true });
          const cursor = RingCursor.fromStart(ring);
          const { frames, lost, to } = pollByLaw(ring, cursor);
          for (const frame of frames) assertExact(ring, frame);
          assertEquals(lost.unavailable, 0);
          // All of it, or nothing.
          assert(to === next || to === next + batch, `at ${at}`);
          assert(frames.length >= 4 - batch);
          for (let count = 0; count < 6; count++) {
            assertEquals(publishNext(ring), frameId(0, to + count));
            const found = pollByLaw(ring, cursor);
            assertEquals([found.frames.length, found.lost.overwritten], [1, 0], `at ${at}`);
            assertExact(ring, found.frames[0]!);
          }
          return true;
        });
        assert(places >= 4, `${places} places`);
      }
    }
  }
});

test("A writer that takes over may die as well", () => {
  using storage = memoryStorage({ capacity: 4, payloadCapacity: 24, firstCounter: 2 ** 32 - 3 });
  using reader = new Ring(storage);
  const cursor = RingCursor.fromStart(reader);
  let delivered = 0;
  for (let round = 0; round < 60; round++) {
    const writer = new Ring(storage, { node: 0, takeOver: true });
    for (let count = round % 3; count > 0; count--) publishNext(writer);
    const { head } = writer.lane();
    dieAt(() => writer.publish(slowPayload(payloadOf(writer, 0, head))), round % 9);
    const { frames, lost } = pollByLaw(reader, cursor);
    for (const frame of frames) assertExact(reader, frame);
    delivered += frames.length;
    assertEquals(lost.unavailable, 0);
  }
  assertEquals(cursor.delivered, delivered);
  assert(delivered > 50);
});

test("A lane whose head and claim do not agree is taken up with the larger of them", () => {
  for (const [head, claimed] of [[10, 7], [7, 10], [2 ** 32 + 5, 7], [2 ** 40, 2 ** 31]]) {
    using storage = memoryStorage({ capacity: 4, payloadCapacity: 24 });
    const memory = new Memory(storage);
    memory.setHead(head!);
    memory.setClaimed(claimed!);
    using ring = new Ring(storage);
    assertEquals(publishNext(ring), BigInt(head!));
    assertEquals([memory.claimed(), memory.head()], [Math.max(head! + 1, claimed!), head! + 1]);
  }
});

test("A claim that nobody can have made costs one round at most", () => {
  for (const isTakenOver of [false, true]) {
    for (const claimed of [2 ** 20, 2 ** 32 + 8, 2 ** 50, 2 ** 53 - 1]) {
      // A writer that goes on writes the first word of its claim each time, the second rarely.
      if (!isTakenOver && claimed > 2 ** 20) continue;
      using storage = memoryStorage({ capacity: 4, payloadCapacity: 24 });
      const memory = new Memory(storage);
      const first = new Ring(storage, { node: 0 });
      for (let count = 0; count < 6; count++) publishNext(first);
      memory.setClaimed(claimed);
      assertEquals([first.lane().retainedFrom, first.latest()], [6, undefined]);
      using next = new Ring(storage, { node: 0, takeOver: true });
      const writer = isTakenOver ? next : first;
      const cursor = RingCursor.fromStart(writer);
      for (let count = 0; count < 8; count++) {
        publishNext(writer);
        const { frames, lost } = pollByLaw(writer, cursor);
        const first = isTakenOver ? [1, 6] : [4, 3];
        assertEquals([frames.length, lost.overwritten], count === 0 ? first : [1, 0]);
        for (const frame of frames) assertExact(writer, frame);
      }
      if (isTakenOver) assertEquals(memory.claimed(), 14);
    }
  }
});

test("A base behind the head of its lane is that head, until the lane is emptied again", () => {
  for (const topology of ["per-node", "shared"] as const) {
    for (const base of [7n, 2n ** 40n, 2n ** 53n - 1n, 2n ** 63n - 1n, -1n]) {
      using storage = memoryStorage({ capacity: 4, payloadCapacity: 24, topology });
      using ring = new Ring(storage, { node: 0 });
      for (let count = 0; count < 6; count++) publishNext(ring);
      new BigInt64Array(storage.buffer)[laneOffset(0) / 8 + BASE_64] = base;
      assertEquals([ring.lane().base, ring.lane().retainedFrom], [6, 6]);
      assertEquals(RingCursor.fromStart(ring).counters, [6]);
      ring.reset();
      const cursor = RingCursor.fromStart(ring);
      assertEquals(cursor.position, 6);
      for (let count = 0; count < 3; count++) publishNext(ring);
      // Who comes later finds them as well.
      for (const reader of [cursor, RingCursor.fromStart(ring)]) {
        const { frames, lost } = pollByLaw(ring, reader);
        assertEquals([frames.length, lost], [3, { overwritten: 0, unavailable: 0 }]);
      }
    }
  }
});

/** A look that fails unless all that it finds is as it must be. */
type Read = (ring: Ring, cursor: RingCursor) => void;

const READS: readonly (readonly [string, Read])[] = [
  ["poll", (ring, cursor) => {
    for (const frame of pollByLaw(ring, cursor).frames) assertExact(ring, frame);
  }],
  ["poll one", (ring, cursor) => {
    for (const frame of pollByLaw(ring, cursor, { max: 1 }).frames) assertExact(ring, frame);
  }],
  ["visit", (ring, cursor) => {
    const seen: number[] = [];
    const { delivered, lost, from, to } = ring.visit(cursor, (frame) => {
      assertExact(ring, frame);
      assert(frame.counter > (seen.at(-1) ?? -1), "a frame comes late");
      seen.push(frame.counter);
    });
    assertEquals([seen.length, to - from], [
      delivered,
      delivered + lost.overwritten + lost.unavailable,
    ]);
  }],
];

/** Looks until there is nothing more to see. */
function catchUp(read: Read, ring: Ring, cursor: RingCursor): void {
  for (let looks = 0; cursor.position < ring.head; looks++) {
    assert(looks < 100, "the reader does not get on");
    read(ring, cursor);
  }
}

function readOnly(storage: RingStorage): RingStorage {
  const { buffer, geometry } = storage;
  const own = { buffer, geometry, readOnly: true, bell: undefined, closed: false };
  return {
    ...own,
    lanes: storage.lanes,
    onClose: () => () => {},
    close() {},
    [Symbol.dispose]() {},
  };
}

for (const topology of ["per-node", "shared"] as const) {
  test(`A reader of a ${topology} ring is told exactly what a writer took from it while it read`, () => {
    let places = 0;
    for (const [name, read] of READS) {
      for (const capacity of [1, 2, 4]) {
        for (const payloadCapacity of SIZES) {
          for (const isReadOnly of [false, true]) {
            for (const behind of [1, capacity, capacity + 1]) {
              for (const more of [1, capacity, 2 * capacity + 1]) {
                const what = `${name}, ${capacity}, ${payloadCapacity}, ${behind}, ${more}`;
                const firstCounter = capacity === 2 ? 2 ** 32 - 4 : 0;
                places += everywhere((at) => {
                  using storage = memoryStorage({
                    capacity,
                    payloadCapacity,
                    topology,
                    firstCounter,
                  });
                  using writer = new Ring(storage, { node: 0 });
                  using reader = new Ring(isReadOnly ? readOnly(storage) : storage);
                  for (let count = 0; count < 3; count++) publishNext(writer);
                  const cursor = RingCursor.atHead(reader);
                  const start = cursor.position;
                  for (let count = 0; count < behind; count++) publishNext(writer);
                  const { reached } = interleave(() => read(reader, cursor), at, () => {
                    for (let count = 0; count < more; count++) publishNext(writer);
                  });
                  catchUp(read, reader, cursor);
                  const { overwritten, unavailable } = cursor.lost;
                  assertEquals(cursor.delivered + overwritten, cursor.position - start, what);
                  assertEquals(unavailable, 0, what);
                  const least = Math.min(capacity, reached ? more : behind);
                  assert(cursor.delivered >= least, `${what}, ${at}`);
                  return reached;
                });
              }
            }
          }
        }
      }
    }
    assert(places > 500, `${places} places`);
  });

  test(`A reader of a ${topology} ring comes to an end though a writer never lets it be`, () => {
    for (const [name, read] of READS) {
      for (const capacity of [1, 2, 8]) {
        for (const more of [1, 3, capacity, 3 * capacity]) {
          for (const every of [1, 2, 3, 5]) {
            using storage = memoryStorage({ capacity, payloadCapacity: 24, topology });
            using writer = new Ring(storage, { node: 0 });
            using reader = new Ring(storage);
            const cursor = RingCursor.fromStart(reader);
            for (let count = 0; count < capacity; count++) publishNext(writer);
            let steps = 0;
            for (let looks = 0; looks < 5; looks++) {
              interleave(() => read(reader, cursor), (place) => place % every === 0, () => {
                for (let count = 0; count < more; count++) publishNext(writer);
                steps++;
              });
            }
            assert(steps < 20_000, `${name}: ${steps} steps`);
            catchUp(read, reader, cursor);
            assertEquals(cursor.lost.unavailable, 0);
            assertEquals(cursor.delivered + cursor.lost.overwritten, cursor.position);
          }
        }
      }
    }
  });

  test(`Ring.read() and latest() of a ${topology} ring give whole frames while a writer goes round`, () => {
    for (const capacity of [1, 2, 4]) {
      for (const payloadCapacity of SIZES) {
        for (const more of [1, capacity - 1, capacity, 2 * capacity + 1]) {
          for (const isLatest of [false, true]) {
            everywhere((at) => {
              using storage = memoryStorage({ capacity, payloadCapacity, topology });
              using writer = new Ring(storage, { node: 0 });
              using reader = new Ring(storage);
              for (let count = 0; count < capacity + 1; count++) publishNext(writer);
              const { head } = writer;
              const oldest = frameId(0, head - capacity);
              const { result, reached } = interleave<RingFrame | undefined>(
                () => isLatest ? reader.latest() : reader.read(oldest),
                at,
                () => {
                  for (let count = 0; count < more; count++) publishNext(writer);
                },
              );
              if (result !== undefined) assertExact(reader, result);
              if (isLatest) assert(result !== undefined && result.counter >= head - 1, `at ${at}`);
              else if (result !== undefined) assertEquals(result.id, oldest);
              else assert(reached && more > 0);
              return reached;
            });
          }
        }
      }
    }
  });

  test(`Ring.latest() of a ${topology} ring that is never still comes to an end`, () => {
    for (const capacity of [1, 2, 8]) {
      for (const more of [1, capacity]) {
        using storage = memoryStorage({ capacity, payloadCapacity: 24, topology });
        using writer = new Ring(storage, { node: 0 });
        using reader = new Ring(storage);
        publishNext(writer);
        let steps = 0;
        const { result } = interleave(() => reader.latest(), () => true, () => {
          for (let count = 0; count < more; count++) publishNext(writer);
          steps++;
        });
        assert(steps < 1_000, `${steps} steps`);
        if (result !== undefined) assertExact(reader, result);
        else assertExact(reader, reader.latest()!);
      }
    }
  });

  test(`A reset of a ${topology} ring in the middle of a look loses nothing that comes after it`, () => {
    for (const [name, read] of READS) {
      for (const capacity of [1, 2, 4]) {
        for (const more of [0, 1, capacity]) {
          everywhere((at) => {
            using storage = memoryStorage({ capacity, payloadCapacity: 24, topology });
            using writer = new Ring(storage, { node: 0 });
            using reader = new Ring(storage);
            const cursor = RingCursor.fromStart(reader);
            for (let count = 0; count < capacity + 1; count++) publishNext(writer);
            let before = 0;
            const { reached } = interleave(() => read(reader, cursor), at, () => {
              writer.reset();
              before = writer.head;
              for (let count = 0; count < more; count++) publishNext(writer);
            });
            if (!reached) return false;
            const { delivered } = cursor;
            const isPast = cursor.position > before;
            catchUp(read, reader, cursor);
            assertEquals(cursor.position, before + more);
            assertEquals(cursor.lost.unavailable, 0, `${name}, ${capacity}, ${more}, ${at}`);
            if (!isPast && name !== "poll one") assertEquals(cursor.delivered - delivered, more);
            assertEquals(cursor.delivered + cursor.lost.overwritten, cursor.position);
            return true;
          });
        }
      }
    }
  });

  test(`A publish in the middle of a reset of a ${topology} ring is before it or after it`, () => {
    for (const capacity of [1, 2, 4]) {
      for (const more of [1, capacity, capacity + 1]) {
        const places = everywhere((at) => {
          using storage = memoryStorage({ capacity, payloadCapacity: 24, topology });
          using ring = new Ring(storage, { node: 0 });
          using other = new Ring(storage);
          const cursor = RingCursor.fromStart(ring);
          for (let count = 0; count < capacity; count++) publishNext(ring);
          const { reached } = interleave(() => other.reset(), at, () => {
            for (let count = 0; count < more; count++) publishNext(ring);
          });
          if (!reached) return false;
          const { base, head } = ring.lane();
          assert(base === capacity || base === capacity + more);
          const { frames, lost } = pollByLaw(ring, cursor);
          for (const frame of frames) assertExact(ring, frame);
          assertEquals(lost.unavailable, 0);
          assertEquals(frames.length, Math.min(capacity, head - base), `at ${at}`);
          for (let counter = 0; counter < head; counter++) {
            const isThere = counter >= Math.max(base, head - capacity);
            assertEquals(ring.read(frameId(0, counter)) !== undefined, isThere);
          }
          return true;
        });
        assert(places >= 2);
      }
    }
  });

  test(`A reset of a ${topology} ring in the middle of a publish breaks nothing`, () => {
    for (const capacity of [1, 2, 4]) {
      for (const batch of [1, capacity]) {
        everywhere((at) => {
          using storage = memoryStorage({ capacity, payloadCapacity: 24, topology });
          using ring = new Ring(storage, { node: 0 });
          using other = new Ring(storage);
          const cursor = RingCursor.fromStart(ring);
          for (let count = 0; count < capacity; count++) publishNext(ring);
          const payloads = Array.from(
            { length: batch },
            (_, index) => slowPayload(payloadOf(ring, 0, capacity + index)),
          );
          const { reached } = interleave(
            () => ring.publishBatch(payloads),
            at,
            () => other.reset(),
          );
          if (!reached) return false;
          const seen: number[] = [];
          for (let count = 0; count < 3; count++) {
            const { frames, lost } = pollByLaw(ring, cursor);
            for (const frame of frames) assertExact(ring, frame);
            seen.push(...frames.map(({ counter }) => counter));
            assertEquals(lost.unavailable, 0, `${capacity}, ${batch}, ${at}`);
            assertEquals(cursor.position, capacity + batch + count);
            publishNext(ring);
          }
          // What was published before is gone, what comes after is there.
          assert(seen.every((counter) => counter >= capacity), `${seen}`);
          assertEquals(seen.slice(-2), [capacity + batch, capacity + batch + 1]);
          const { base } = ring.lane();
          for (let counter = 0; counter < base; counter++) {
            assertEquals(ring.read(frameId(0, counter)), undefined);
          }
          assertEquals(ring.lane().lapped, 0);
          return true;
        });
      }
    }
  });
}

test("A reader in the middle of a publish sees whole frames only", () => {
  for (const capacity of [1, 2, 4]) {
    for (const payloadCapacity of SIZES) {
      for (const batch of [1, capacity]) {
        everywhere((at) => {
          using storage = memoryStorage({ capacity, payloadCapacity, firstCounter: 2 ** 32 - 5 });
          using writer = new Ring(storage, { node: 0 });
          using reader = new Ring(storage);
          const cursors = [RingCursor.fromStart(reader), RingCursor.fromStart(reader)];
          for (let count = 0; count < 5; count++) publishNext(writer);
          const head = 2 ** 32;
          const payloads = Array.from(
            { length: batch },
            (_, index) => slowPayload(payloadOf(writer, 0, head + index)),
          );
          const { reached } = interleave(() => writer.publishBatch(payloads), at, () => {
            const { frames, lost, to } = pollByLaw(reader, cursors[0]!);
            for (const frame of frames) assertExact(reader, frame);
            assert(to === head || to === head + batch);
            assertEquals(lost.unavailable, 0);
            const newest = reader.latest();
            if (newest !== undefined) assertExact(reader, newest);
            else assertEquals(batch, capacity);
          });
          for (const cursor of cursors) {
            const { frames, lost } = pollByLaw(reader, cursor);
            for (const frame of frames) assertExact(reader, frame);
            assertEquals([cursor.position, lost.unavailable], [head + batch, 0]);
          }
          return reached;
        });
      }
    }
  }
});

test("Lanes do not touch each other, whatever is in the one beside them", () => {
  for (const payloadCapacity of [0, 31, 32, 33]) {
    using storage = memoryStorage({ capacity: 2, payloadCapacity, nodes: 3 });
    const all = [0, 1, 2].map((node) => new Ring(storage, { node }));
    const cursors = [0, 1, 2].map((node) => RingCursor.fromStart(all[0]!, { node }));
    for (let round = 0; round < 20; round++) {
      for (const [node, ring] of all.entries()) {
        if ((round + node) % 3 > 0) publishNext(ring, node);
      }
      for (const [node, cursor] of cursors.entries()) {
        const { frames, lost } = pollByLaw(all[0]!, cursor);
        assertEquals([frames.length, lost.overwritten], [(round + node) % 3 > 0 ? 1 : 0, 0]);
        for (const frame of frames) {
          assertEquals(frame.node, node);
          assertExact(all[0]!, frame);
        }
      }
    }
  }
});

test("A lane whose owner is nonsense can be taken over, and no other way", () => {
  using storage = memoryStorage({ capacity: 2, payloadCapacity: 8, nodes: 2 });
  const memory = new Memory(storage);
  memory.words[memory.laneWord(OWNER, 0)] = -123;
  using first = new Ring(storage);
  first.publish(bytes(1));
  assertEquals(first.node, 1);
  using second = new Ring(storage, { node: 0, takeOver: true });
  second.publish(bytes(2));
  assertEquals(numbersOf(first.poll(RingCursor.fromStart(first)).frames), [2, 1]);
});
