import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { Fold, type FoldClock, type FoldKey } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { brief, drain, type Item, item, ITEMS } from "./_items.ts";

/** The clock of timers, for a fold whose `performance.now` is none. */
function clockOf(time: FakeTime): FoldClock {
  return { now: () => time.now, wallNow: () => time.now };
}

/** As many entries as need many slices, and a clock that says after each look that a slice is over. */
function manyDue(time: FakeTime): { fold: Fold<FoldKey, Item, "tag" | "color">; due: number } {
  const due = 3_000;
  let looks = 0;
  const fold = new Fold(ITEMS, { clock: clockOf(time) });
  for (let id = 0; id < due; id++) fold.apply(item(`n${id % 9}`, 1, id, { ttlMs: 70_000 }));
  time.pass(69_999);
  Object.defineProperty(performance, "now", { value: () => ++looks, configurable: true });
  return { fold, due };
}

/** Calls something between the slices of whatever has a timer, until it answers false. */
function between(act: () => boolean): void {
  setTimeout(() => {
    if (act()) between(act);
  }, 0);
}

test("entries that expire at once are removed in slices, between which other timers have their turn", () => {
  using time = new FakeTime();
  const { fold, due } = manyDue(time);
  fold.apply(item("n1", 1, "stays"));
  const sizes: number[] = [];
  const armed: number[] = [];
  setTimeout(() => {
    between(() => {
      sizes.push(fold.size);
      armed.push(time.armed);
      // Nobody sees any of them, removed or not.
      assertEquals([fold.count(), fold.has(due - 1)], [1, false]);
      return fold.size > 1;
    });
  }, 1);
  time.pass(1);
  assertEquals([sizes[0]! > due / 2, sizes.at(-1)], [true, 1]);
  // Some slices only bring entries nearer that are in a wide bucket of deadlines.
  const removed = sizes.map((size, i) => (sizes[i - 1] ?? due + 1) - size);
  assert(removed.every((count) => count >= 0 && count <= 100), `removed ${removed}`);
  assertGreater(sizes.length, due / 100);
  assertLessOrEqual(Math.max(...armed), 1);
  assertEquals([fold.stats().expired, time.armed], [due, 1]);
});

test("an entry that is announced again between two slices is told as expired, and stays", () => {
  using time = new FakeTime();
  const { fold, due } = manyDue(time);
  using watch = fold.watch({ initial: false, capacity: 100_000 });
  const again: number[] = [];
  setTimeout(() => {
    between(() => {
      // The last ones are the last to go.
      const id = due - 1 - again.length;
      again.push(id);
      assertEquals(fold.apply(item(`n${id % 9}`, 2, id)).outcome, "inserted");
      return again.length < 20;
    });
  }, 1);
  time.pass(1);
  assertEquals([fold.size, fold.count(), fold.stats().expired], [20, 20, due]);
  assertEquals(again.every((id) => fold.has(id)), true);
  const told = brief(drain(watch));
  assertEquals(told.length, due + 20);
  assertEquals(new Set(told).size, due + 20);
  for (const id of again) {
    assertEquals(told.indexOf(`created ${id}`), told.indexOf(`expired ${id}`) + 1);
  }
  assertEquals(time.armed, 1);
});

test("a fold that is emptied, or closed, between two slices has no timer any more", () => {
  for (const end of ["evict", "close"] as const) {
    using time = new FakeTime();
    const { fold, due } = manyDue(time);
    setTimeout(() => {
      between(() => {
        if (end === "close") fold.close();
        else for (let n = 0; n < 9; n++) fold.evictNode(`n${n}`);
        return false;
      });
    }, 1);
    time.pass(1);
    assertEquals(time.armed, 0);
    assertEquals(fold.size === 0, end === "evict");
    if (end === "close") assertGreater(fold.size, due / 2);
  }
});

test("a fold that an audit sink closes while entries are removed has no timer any more", () => {
  using time = new FakeTime();
  const { fold, due } = manyDue(time);
  fold.setAuditSink({ record: () => fold.close() });
  time.pass(1);
  // Nothing is removed any more.
  assertEquals([fold.closed, time.armed, fold.size], [true, 0, due - 1]);
});
