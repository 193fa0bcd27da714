import { assert, assertEquals } from "@std/assert";
import {
  addToCounter,
  advanceCounter,
  loadCounter,
  MAX_COUNTER,
  storeCounter,
} from "../../ring/_counter.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { dieAt, interleave } from "./_interleave.ts";

/** Counters at which something carries over, and their neighbours. */
const EDGES = [20, 21, 22, 31, 32, 33, 40, 42, 52, 53]
  .flatMap((bits) => [-3, -2, -1, 0, 1, 2].map((more) => 2 ** bits + more))
  .concat(0, 1, 2)
  .filter((counter) => counter <= MAX_COUNTER);

function words(counter = 0): Int32Array {
  const memory = new Int32Array(4);
  storeCounter(memory, 1, counter);
  return memory;
}

test("storeCounter() and loadCounter() keep every counter of 53 bits", () => {
  for (const counter of EDGES) assertEquals(loadCounter(words(counter), 1, false), counter);
  const random = new Random(1);
  for (let count = 0; count < 2_000; count++) {
    const counter = Math.floor(random.next() * 2 ** random.below(54));
    for (const isReadOnly of [false, true]) {
      const memory = words(counter);
      assertEquals(loadCounter(memory, 1, isReadOnly), counter);
      assertEquals([memory[0], memory[3]], [0, 0]);
    }
  }
});

test("A counter has its lower 32 bits in its first word, and bits 21 to 52 in its second", () => {
  const memory = words(2 ** 52 + 2 ** 32 + 2 ** 31 + 2 ** 21 + 5);
  assertEquals(memory[1]! >>> 0, 2 ** 31 + 2 ** 21 + 5);
  assertEquals(memory[2]! >>> 0, 2 ** 31 + 2 ** 11 + 2 ** 10 + 1);
});

test("advanceCounter() and addToCounter() agree with addition", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const start = random.pick(EDGES.filter((counter) => counter < 2 ** 52));
    const [advanced, added] = [words(start), words(start)];
    let counter = start;
    for (let step = 0; step < 200; step++) {
      const by = random.pick([1, 1, 2, 7, 1 + random.below(2 ** random.below(27))]);
      assertEquals(addToCounter(added, 1, by), counter, `seed ${seed}`);
      counter += by;
      advanceCounter(advanced, 1, counter, by);
      assertEquals(loadCounter(advanced, 1, false), counter, `seed ${seed}`);
      assertEquals(loadCounter(added, 1, true), counter, `seed ${seed}`);
      assertEquals(advanced, added, `seed ${seed}`);
    }
  }
});

test("loadCounter() is right while the counter is moved under it", () => {
  for (const isReadOnly of [false, true]) {
    for (const start of EDGES.filter((counter) => counter < 2 ** 53 - 2 ** 31)) {
      for (const by of [1, 2, 3, 2 ** 20, 2 ** 21, 2 ** 26, 2 ** 31 - 2 ** 22]) {
        for (const move of [addToCounter, advance]) {
          // In front of the first word, in front of the second, and in the middle of the move.
          for (let at = 0;; at++) {
            const memory = words(start);
            const { result, reached } = interleave(
              () => loadCounter(memory, 1, isReadOnly),
              at,
              () => void move(memory, 1, by),
            );
            if (!reached) break;
            assertEquals(result, at === 0 ? start + by : start, `${start} + ${by}, ${at}`);
          }
          for (let at = 0;; at++) {
            const memory = words(start);
            let seen = 0;
            const { reached } = interleave(() => move(memory, 1, by), at, () => {
              seen = loadCounter(memory, 1, isReadOnly);
            });
            if (!reached) break;
            assert(seen === start || seen === start + by, `${seen} of ${start} + ${by}, ${at}`);
          }
        }
      }
    }
  }
});

function advance(memory: Int32Array, at: number, by: number): void {
  advanceCounter(memory, at, loadCounter(memory, at, false) + by, by);
}

test("A counter is whole although the one who moved it died between its words", () => {
  for (const start of EDGES.filter((counter) => counter < 2 ** 52)) {
    for (const by of [1, 3, 2 ** 21]) {
      for (const move of [addToCounter, advance]) {
        for (let at = 0;; at++) {
          const memory = words(start);
          if (!dieAt(() => move(memory, 1, by), at)) break;
          const left = loadCounter(memory, 1, false);
          assert(left === start || left === start + by);
          // Whoever goes on needs not to know.
          assertEquals(addToCounter(memory, 1, 1), left);
          assertEquals(loadCounter(memory, 1, false), left + 1);
          storeCounter(memory, 1, left + 2);
          assertEquals(memory, words(left + 2));
        }
      }
    }
  }
});

test("addToCounter() gives every counter once to those who add at the same time", () => {
  for (const start of EDGES.filter((counter) => counter < 2 ** 52)) {
    for (
      const [mine, others] of [[1, 1], [1, 3], [3, 1], [2 ** 21, 1], [1, 2 ** 21], [2, 2 ** 26]]
    ) {
      for (let at = 0;; at++) {
        const memory = words(start);
        let theirs = 0;
        const { result, reached } = interleave(() => addToCounter(memory, 1, mine!), at, () => {
          theirs = addToCounter(memory, 1, others!);
        });
        if (!reached) break;
        const inOrder = [[result, mine!], [theirs, others!]].sort(([a], [b]) => a! - b!);
        assertEquals(inOrder[0]![0], start);
        assertEquals(inOrder[1]![0], start + inOrder[0]![1]!);
        // The second word never goes back.
        assertEquals(memory, words(start + mine! + others!));
      }
    }
  }
});

test("loadCounter() makes an integer that is a counter of whatever is there", () => {
  const random = new Random(7);
  const memory = new Int32Array(2);
  const word = (): number =>
    random.pick([0, -1, 1, 2 ** 31 - 1, -(2 ** 31), Math.floor(random.next() * 2 ** 32) | 0]);
  for (let count = 0; count < 20_000; count++) {
    memory.set([word(), word()]);
    const counter = loadCounter(memory, 0, false);
    assert(Number.isSafeInteger(counter) && counter >= 0, `${counter} of ${memory}`);
  }
});
