import { assert, assertEquals } from "@std/assert";
import { frameId, memoryStorage, Ring, RingCursor, type RingStorage } from "../../ring/mod.ts";
import {
  CHECKSUM,
  LAPPED,
  LENGTH,
  MARK,
  markOf,
  PAYLOAD,
  TURN,
  VERSION,
} from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { dieAt, everywhere, interleave, slowPayload } from "./_interleave.ts";
import {
  assertExact,
  bytes,
  Memory,
  numberOf,
  numbersOf,
  payloadOf,
  pollByLaw,
  publishNext,
  STORAGES,
} from "./_ring.ts";

// Many writers, one lane: what those leave behind that die, are slow, or are stopped until others have gone round.

const FIRST = [0, 2 ** 31 - 3, 2 ** 32 - 5, 2 ** 52];
const SIZES = [24, 1_000];
const NO_LOSS = { overwritten: 0, unavailable: 0 };

/** A shared ring with a clock of the test's own, and its memory. */
class World implements Disposable {
  now = 1_000;
  readonly ring: Ring;
  readonly memory: Memory;
  readonly storage: RingStorage;

  constructor(capacity: number, firstCounter = 0, payloadCapacity = 24, make = memoryStorage) {
    const spec = { capacity, payloadCapacity, topology: "shared", nodes: 4, firstCounter } as const;
    this.storage = make(spec);
    this.memory = new Memory(this.storage);
    this.ring = this.open();
  }

  /** One more way to the same ring. */
  open(node?: number, stallMs = 100): Ring {
    return new Ring(this.storage, { node, stallMs, now: () => this.now });
  }

  /** Publishes the next frames. */
  publish(count = 1): void {
    for (let left = count; left > 0; left--) publishNext(this.ring);
  }

  [Symbol.dispose](): void {
    this.storage.close();
  }
}

/** Polls by the law; the counters of the frames, all of which must be whole, and how many were lost, by the reason. */
function look(ring: Ring, cursor: RingCursor, max = 1_000): [number[], number, number] {
  const { frames, lost } = pollByLaw(ring, cursor, { max });
  for (const frame of frames) assertExact(ring, frame);
  return [frames.map(({ counter }) => counter), lost.overwritten, lost.unavailable];
}

test("A claimed frame stops a reader, and is delivered once when it is committed", () => {
  for (const [, make] of STORAGES) {
    for (const firstCounter of FIRST) {
      for (const before of [0, 1, 2, 3]) {
        for (const hasBegun of [false, true]) {
          using world = new World(4, firstCounter, 24, make);
          const { ring, memory } = world;
          const cursor = RingCursor.fromStart(ring);
          world.publish(before);
          const slow = firstCounter + before;
          const counters = Array.from({ length: before }, (_, index) => firstCounter + index);
          memory.setHead(slow + 1);
          if (hasBegun) memory.begin(slow);
          if (before < 3) world.publish(1);
          for (let looks = 0; looks < 3; looks++) {
            assertEquals(look(ring, cursor)[0], looks === 0 ? counters : []);
            assertEquals([cursor.position, cursor.lost.unavailable], [slow, 0]);
            world.now += 33;
          }
          assertEquals(ring.read(frameId(0, slow)), undefined);
          memory.write(slow, payloadOf(ring, 0, slow));
          memory.commit(slow);
          assertEquals(look(ring, cursor), [before < 3 ? [slow, slow + 1] : [slow], 0, 0]);
          assertEquals(look(ring, cursor), [[], 0, 0]);
        }
      }
    }
  }
});

test("A frame whose writer died is waited for, counted once as unavailable, and passed", () => {
  for (const firstCounter of FIRST) {
    for (const hasBegun of [false, true]) {
      for (const isVisit of [false, true]) {
        using world = new World(4, firstCounter);
        const { ring, memory } = world;
        const cursor = RingCursor.fromStart(ring);
        const find = (): [number[], number, number] => {
          if (!isVisit) return look(ring, cursor);
          const seen: number[] = [];
          const { lost, delivered } = ring.visit(cursor, ({ counter }) => seen.push(counter));
          assertEquals(delivered, seen.length);
          return [seen, lost.overwritten, lost.unavailable];
        };
        world.publish(1);
        const dead = firstCounter + 1;
        memory.setHead(dead + 1);
        if (hasBegun) memory.begin(dead);
        world.publish(1);
        assertEquals(find(), [[firstCounter], 0, 0]);
        world.now += 99.9;
        assertEquals(find(), [[], 0, 0]);
        world.now += 0.1;
        assertEquals(find(), [[dead + 1], 0, 1]);
        world.now += 1_000;
        assertEquals(find(), [[], 0, 0]);
        assertEquals(cursor.lost, { overwritten: 0, unavailable: 1 });
        // Other readers wait as well: they cannot know.
        const late = RingCursor.fromStart(ring);
        assertEquals(look(ring, late), [[firstCounter], 0, 0]);
        world.now += 100;
        assertEquals(look(ring, late), [[dead + 1], 0, 1]);
      }
    }
  }
});

test("All frames that were begun when a wait began are waited for together", () => {
  using world = new World(16);
  const { ring, memory } = world;
  const cursor = RingCursor.fromStart(ring);
  // 0, 2 and 3 never come.
  memory.setHead(1);
  world.publish(1);
  memory.setHead(4);
  world.publish(1);
  assertEquals(look(ring, cursor), [[], 0, 0]);
  world.now += 60;
  // Neither does 5, which is begun later.
  memory.setHead(6);
  world.publish(1);
  world.now += 40;
  assertEquals(look(ring, cursor), [[1, 4], 0, 3]);
  world.now += 99;
  assertEquals(look(ring, cursor), [[], 0, 0]);
  world.now += 1;
  assertEquals(look(ring, cursor), [[6], 0, 1]);
});

test("A wait that has ended well is not held against the next one", () => {
  using world = new World(16);
  const { ring, memory } = world;
  const cursor = RingCursor.fromStart(ring);
  memory.setHead(1);
  assertEquals(look(ring, cursor), [[], 0, 0]);
  world.now += 99;
  memory.write(0, payloadOf(ring, 0, 0));
  memory.commit(0);
  assertEquals(look(ring, cursor), [[0], 0, 0]);
  memory.setHead(2);
  world.now += 99;
  assertEquals(look(ring, cursor), [[], 0, 0]);
  world.now += 99;
  assertEquals(look(ring, cursor), [[], 0, 0]);
  world.now += 1;
  assertEquals(look(ring, cursor), [[], 0, 1]);
});

test("Looking for one frame at a time waits no longer", () => {
  using world = new World(16);
  const { ring, memory } = world;
  const cursor = RingCursor.fromStart(ring);
  memory.setHead(3);
  world.publish(2);
  assertEquals(look(ring, cursor, 1), [[], 0, 0]);
  world.now += 100;
  assertEquals([look(ring, cursor, 1), look(ring, cursor, 1)], [[[3], 0, 3], [[4], 0, 0]]);
});

test("A wait is as long as the ring says, and never where it says so", () => {
  for (const stallMs of [0, 1, 250, 1e9]) {
    using world = new World(4);
    const ring = world.open(0, stallMs);
    const cursor = RingCursor.fromStart(ring);
    world.memory.setHead(1);
    look(ring, cursor);
    if (stallMs > 0) {
      world.now += stallMs - 0.5;
      assertEquals(look(ring, cursor), [[], 0, 0]);
      world.now += 0.5;
    }
    assertEquals(look(ring, cursor), [[], 0, 1]);
  }
  using world = new World(4);
  const ring = world.open(0, Infinity);
  const cursor = RingCursor.fromStart(ring);
  world.memory.setHead(1);
  for (let looks = 0; looks < 5; looks++) {
    assertEquals(look(ring, cursor), [[], 0, 0]);
    world.now *= 1e6;
  }
});

test("A writer that commits after a reader has stopped waiting is not delivered to that one", () => {
  for (const firstCounter of FIRST) {
    using world = new World(4, firstCounter);
    const { ring, memory } = world;
    const cursor = RingCursor.fromStart(ring);
    memory.setHead(firstCounter + 1);
    memory.begin(firstCounter);
    look(ring, cursor);
    world.now += 100;
    assertEquals(look(ring, cursor), [[], 0, 1]);
    memory.write(firstCounter, payloadOf(ring, 0, firstCounter));
    memory.commit(firstCounter);
    assertEquals(look(ring, cursor), [[], 0, 0]);
    // It is there, for those who come later.
    assertExact(ring, ring.read(frameId(0, firstCounter))!);
    assertEquals(look(ring, RingCursor.fromStart(ring)), [[firstCounter], 0, 0]);
    world.publish(5);
    assertEquals(look(ring, cursor), [[2, 3, 4, 5].map((more) => firstCounter + more), 1, 0]);
  }
});

test("A slot that a dead writer has begun is taken by the writer of a round later", () => {
  for (const capacity of [1, 2, 4]) {
    for (const firstCounter of FIRST) {
      using world = new World(capacity, firstCounter);
      const { ring, memory } = world;
      const cursor = RingCursor.fromStart(ring);
      memory.setHead(firstCounter + 1);
      memory.begin(firstCounter);
      memory.words[memory.slotWord(firstCounter, LENGTH)] = -1;
      world.publish(capacity);
      const counters = Array.from({ length: capacity }, (_, index) => firstCounter + 1 + index);
      assertEquals(look(ring, cursor), [counters, 1, 0]);
      assertEquals(ring.lane().lapped, 0);
    }
  }
});

/** What a publish has done when something comes between. */
function stateOf(
  { memory }: World,
  counter: number,
): "not taken" | "taken" | "begun" | "committed" {
  if (memory.head() <= counter) return "not taken";
  if (memory.mark(counter) === markOf(counter)) return "committed";
  return memory.mark(counter) === markOf(counter) - 1 ? "begun" : "taken";
}

test("A writer that is stopped anywhere while others go round is lapped, and mixes with nobody", () => {
  let [lapped, mixed] = [0, 0];
  for (const firstCounter of FIRST) {
    for (const capacity of [1, 2, 4]) {
      for (const payloadCapacity of SIZES) {
        for (const others of [1, capacity - 1, capacity, capacity + 1, 2 * capacity + 1]) {
          everywhere((at) => {
            using world = new World(capacity, firstCounter, payloadCapacity);
            const { ring, memory } = world;
            const slow = world.open(1);
            const cursor = RingCursor.fromStart(ring);
            world.publish(capacity);
            const counter = firstCounter + capacity;
            const payload = new Uint8Array(payloadCapacity).fill(77);
            let state = "";
            const { result, reached } = interleave(
              () => slow.publish(slowPayload(payload)),
              at,
              () => {
                state = stateOf(world, counter);
                world.publish(others);
              },
            );
            if (!reached) return false;
            const isFirst = state === "not taken";
            assertEquals(result, frameId(0, isFirst ? counter + others : counter));
            const isLapped = others >= capacity && (state === "taken" || state === "begun");
            assertEquals(ring.lane().lapped, isLapped ? 1 : 0, `${state} at ${at}`);
            lapped += ring.lane().lapped;

            const { frames, lost } = pollByLaw(ring, cursor);
            for (const frame of frames) {
              if (frame.node === 0) assertExact(ring, frame);
              else assertEquals([frame.id, [...frame.payload]], [result, [...payload]]);
            }
            assertEquals(cursor.position, counter + others + 1);
            assertEquals(lost.overwritten, others + 1);
            // What it went on to write is in the way of the one that has its slot.
            if (state !== "begun" || !isLapped) {
              assertEquals(lost.unavailable, 0, `${state} at ${at}`);
            }
            assert(lost.unavailable <= 1);
            mixed += lost.unavailable;
            // A round later nothing of it is left.
            world.publish(capacity);
            assertEquals(look(ring, cursor).slice(1), [0, 0]);
            assertEquals(cursor.position, memory.head());
            return true;
          });
        }
      }
    }
  }
  assert(lapped > 100 && mixed > 50, `${lapped} lapped, ${mixed} mixed`);
});

test("A batch that is stopped anywhere while others go round is lapped frame by frame", () => {
  for (const capacity of [2, 4]) {
    for (const others of [1, capacity, 2 * capacity + 1]) {
      everywhere((at) => {
        using world = new World(capacity);
        const { ring } = world;
        const slow = world.open(1);
        const cursor = RingCursor.fromStart(ring);
        const payloads = [1, 2].map((value) => slowPayload(new Uint8Array(20).fill(value)));
        const { result, reached } = interleave(
          () => slow.publishBatch(payloads),
          at,
          () => world.publish(others),
        );
        if (!reached) return false;
        const first = Number(result);
        const { frames, lost } = pollByLaw(ring, cursor);
        for (const frame of frames) {
          if (frame.node === 0) assertExact(ring, frame);
          else assert(frame.payload.every((byte) => byte === frame.counter - first + 1));
        }
        const { lapped } = ring.lane();
        assert(lapped <= 2 && lost.unavailable <= 1);
        if (lapped === 0) assertEquals(lost.unavailable, 0);
        assertEquals(cursor.position, others + 2);
        return true;
      });
    }
  }
});

test("A writer may die anywhere in a publish: readers miss what it had begun, and nothing else", () => {
  let missed = 0;
  for (const firstCounter of FIRST) {
    for (const payloadCapacity of SIZES) {
      for (const batch of [1, 3]) {
        const places = everywhere((at) => {
          using world = new World(4, firstCounter, payloadCapacity);
          const { ring } = world;
          const dead = world.open();
          const cursor = RingCursor.fromStart(ring);
          world.publish(5);
          const next = firstCounter + 5;
          const payloads = Array.from(
            { length: batch },
            (_, index) => slowPayload(payloadOf(ring, 0, next + index)),
          );
          if (
            !dieAt(() => batch > 1 ? dead.publishBatch(payloads) : dead.publish(payloads[0]!), at)
          ) {
            return false;
          }
          const { head } = ring;
          assert(head === next || head === next + batch);
          const before = look(ring, cursor);
          assertEquals(before[2], 0);
          world.now += 100;
          const [counters, overwritten, unavailable] = look(ring, cursor);
          assertEquals(overwritten, 0);
          assertEquals(cursor.position, head);
          assertEquals(cursor.delivered + unavailable, head - firstCounter - before[1]);
          missed += unavailable;
          // What it had committed is there.
          assert(counters.every((counter) => counter >= next));
          world.now += 100;
          // The others go round, over what it has left, and nobody waits again.
          for (let count = 0; count < 6; count++) {
            world.publish();
            assertEquals(look(ring, cursor), [[head + count], 0, 0], `at ${at}`);
          }
          assertEquals(ring.lane().lapped, 0);
          return true;
        });
        assert(places >= 4, `${places} places`);
      }
    }
  }
  assert(missed > 50, `${missed} missed`);
});

test("A frame that was scribbled over by a lapped writer is unavailable, whatever part of it", () => {
  // The turns of the two differ as well.
  const firstCounter = 2 ** 31 - 1;
  const parts = ["turn", "length", "kind", "version", "payload", "checksum"] as const;
  for (let chosen = 0; chosen < 2 ** parts.length; chosen++) {
    using world = new World(2, firstCounter, 16);
    const { ring, memory } = world;
    const cursor = RingCursor.fromStart(ring);
    const counter = firstCounter + 2;
    // What the writer of a round before would have written.
    memory.write(firstCounter, new Uint8Array(13).fill(9), {
      node: 3,
      kind: 5,
      version: 2 ** 33 + 7,
    });
    const at = (word: number): number => memory.slotWord(counter, word);
    const old = memory.words.slice(at(MARK), at(PAYLOAD) + 4);
    memory.setHead(firstCounter);
    for (let count = 0; count < 3; count++) {
      ring.publish(new Uint8Array(16).fill(count), { kind: 1, version: 6 });
    }
    const words: Record<typeof parts[number], readonly number[]> = {
      turn: [TURN],
      length: [LENGTH],
      kind: [LENGTH + 1],
      version: [VERSION, VERSION + 1],
      // In the middle of it.
      payload: [PAYLOAD + 1],
      checksum: [CHECKSUM],
    };
    for (const [index, part] of parts.entries()) {
      if ((chosen & (1 << index)) === 0) continue;
      for (const word of words[part]) memory.words[at(word)] = old[word]!;
    }
    const { frames, lost } = pollByLaw(ring, cursor);
    const unavailable = chosen === 0 ? 0 : 1;
    assertEquals(lost, { overwritten: 1, unavailable }, `parts ${chosen.toString(2)}`);
    assertEquals(numbersOf(frames), chosen === 0 ? [1, 2] : [1]);
    assertEquals(numberOf(ring.read(frameId(0, counter))), chosen === 0 ? 2 : undefined);
    assertEquals(numberOf(ring.latest()), chosen === 0 ? 2 : 1);
  }
});

test("Every bit of a frame of a shared ring is under its checksum", () => {
  for (const length of [0, 1, 2, 3, 4, 5, 20]) {
    using world = new World(1, 0, 20);
    const { ring, memory } = world;
    ring.publish(Uint8Array.from({ length }, (_, index) => index), { kind: 3, version: 2 ** 40 });
    const first = 4 * memory.slotWord(0, LENGTH);
    const last = 4 * memory.slotWord(0, PAYLOAD) + length;
    for (let byte = first; byte < last; byte++) {
      // The word between the checksum and the payload means nothing.
      if (byte >= first + 20 && byte < first + 24) continue;
      for (let bit = 0; bit < 8; bit++) {
        memory.bytes[byte]! ^= 1 << bit;
        assertEquals(ring.read(0n), undefined, `bit ${bit} of byte ${byte - first}`);
        assertEquals(look(ring, RingCursor.fromStart(ring)), [[], 0, 1]);
        memory.bytes[byte]! ^= 1 << bit;
      }
    }
    assertEquals(ring.read(0n)?.byteLength, length);
    // What is behind a payload is not part of the frame.
    memory.bytes.fill(255, last, 4 * memory.slotWord(0, PAYLOAD) + 20);
    assertEquals(ring.read(0n)?.payload, Uint8Array.from({ length }, (_, index) => index));
  }
});

test("Frames that are the same but for their counters have other checksums", () => {
  using world = new World(2, 0, 8);
  const { ring, memory } = world;
  for (const value of [1, 1, 1]) ring.publish(bytes(value));
  // The slot has the frame of a round before, with the mark of this one.
  memory.write(0, bytes(1));
  assertEquals(look(ring, RingCursor.at(ring, 2)), [[], 0, 1]);
});

test("A reader in the middle of a publish waits for the frame, and gets it once", () => {
  for (const isLate of [false, true]) {
    for (const payloadCapacity of SIZES) {
      for (const batch of [1, 2]) {
        everywhere((at) => {
          using world = new World(2, 2 ** 32 - 2, payloadCapacity);
          const { ring, memory } = world;
          const slow = world.open();
          const cursor = RingCursor.fromStart(ring);
          world.publish(2);
          const next = 2 ** 32;
          const seen: number[] = [];
          const payloads = Array.from(
            { length: batch },
            (_, index) => slowPayload(payloadOf(ring, 0, next + index)),
          );
          let begun = 0;
          const { reached } = interleave(() => slow.publishBatch(payloads), at, () => {
            for (let index = 0; index < batch; index++) {
              const state = stateOf(world, next + index);
              if (state === "taken" || state === "begun") begun++;
            }
            for (let looks = 0; looks < 3; looks++) {
              seen.push(...look(ring, cursor)[0]);
              if (isLate) world.now += 100;
            }
            const newest = ring.latest();
            if (newest !== undefined) assertExact(ring, newest);
          });
          seen.push(...look(ring, cursor)[0]);
          assertEquals(cursor.position, memory.head());
          assertEquals(new Set(seen).size, seen.length);
          assertEquals(cursor.lost.unavailable, isLate && reached ? begun : 0, `at ${at}`);
          assertEquals(cursor.lost.overwritten + seen.length, 2 + batch - cursor.lost.unavailable);
          return reached;
        });
      }
    }
  }
});

test("A frame that is committed in the middle of a look is delivered by this one or the next", () => {
  for (const payloadCapacity of SIZES) {
    for (const isLate of [false, true]) {
      everywhere((at) => {
        using world = new World(4, 0, payloadCapacity);
        const { ring, memory } = world;
        const cursor = RingCursor.fromStart(ring);
        world.publish(1);
        memory.setHead(2);
        memory.begin(1);
        world.publish(1);
        const seen = look(ring, cursor)[0];
        if (isLate) world.now += 100;
        const { result, reached } = interleave(() => look(ring, cursor), at, () => {
          memory.write(1, payloadOf(ring, 0, 1));
          memory.commit(1);
        });
        seen.push(...result[0]);
        if (!reached) return false;
        seen.push(...look(ring, cursor)[0]);
        const { unavailable } = cursor.lost;
        assertEquals(seen, unavailable === 0 ? [0, 1, 2] : [0, 2]);
        if (!isLate) assertEquals(unavailable, 0);
        return true;
      });
    }
  }
});

test("A reader that waits for a dead writer is lapped like any other", () => {
  for (const capacity of [1, 2, 4]) {
    for (const more of [1, capacity, 2 * capacity + 1]) {
      for (const isLate of [false, true]) {
        everywhere((at) => {
          using world = new World(capacity);
          const { ring, memory } = world;
          const cursor = RingCursor.fromStart(ring);
          memory.setHead(1);
          memory.begin(0);
          look(ring, cursor);
          if (isLate) world.now += 100;
          const { reached } = interleave(() => look(ring, cursor), at, () => world.publish(more));
          look(ring, cursor);
          world.now += 100;
          look(ring, cursor);
          assertEquals(cursor.position, memory.head());
          const { overwritten, unavailable } = cursor.lost;
          assert(unavailable <= 1 && cursor.delivered >= (reached ? Math.min(more, capacity) : 0));
          assertEquals(cursor.delivered + overwritten + unavailable, memory.head());
          return reached;
        });
      }
    }
  }
});

test("Two writers never have the same counter, wherever one comes between the other's steps", () => {
  for (const firstCounter of [0, 2 ** 21 - 2, 2 ** 32 - 2, 2 ** 52]) {
    for (const [mine, others] of [[1, 1], [1, 3], [3, 1], [3, 3]] as const) {
      everywhere((at) => {
        using world = new World(8, firstCounter);
        const { ring } = world;
        const [one, two] = [world.open(1), world.open(2)];
        const batchOf = (count: number, value: number): Uint8Array[] =>
          Array.from({ length: count }, () => slowPayload(bytes(value)));
        let theirs: bigint | undefined;
        const { result, reached } = interleave(() => one.publishBatch(batchOf(mine, 1)), at, () => {
          theirs = two.publishBatch(batchOf(others, 2));
        });
        if (!reached) return false;
        const { frames, lost } = pollByLaw(ring, RingCursor.fromStart(ring));
        assertEquals(lost, NO_LOSS);
        const ids = (node: number): bigint[] =>
          frames.filter((frame) => frame.node === node).map(({ id }) => id);
        const inRow = (first: bigint, count: number): bigint[] =>
          Array.from({ length: count }, (_, index) => first + BigInt(index));
        assertEquals(ids(1), inRow(result!, mine));
        assertEquals(ids(2), inRow(theirs!, others));
        assert(frames.every((frame) => numberOf(frame) === frame.node));
        return true;
      });
    }
  }
});

test("The count of lapped frames goes round at 2^32", () => {
  using world = new World(1);
  const { ring, memory } = world;
  memory.words[memory.laneWord(LAPPED)] = -1;
  assertEquals(ring.lane().lapped, 2 ** 32 - 1);
});

test("A mark that no writer can have set keeps no writer from its slot", () => {
  for (const mark of [1, 2, -1, 2 ** 31 - 1, -(2 ** 31), 12345, 3, 4, 5, 6]) {
    using world = new World(2);
    const { ring, memory } = world;
    const cursor = RingCursor.fromStart(ring);
    memory.words[memory.slotWord(0, MARK)] = mark;
    world.publish(1);
    assertEquals(look(ring, cursor), [[0], 0, 0], `mark ${mark}`);
    world.publish(4);
    assertEquals(look(ring, cursor), [[3, 4], 2, 0]);
    assertEquals(ring.lane().lapped, 0);
  }
});
