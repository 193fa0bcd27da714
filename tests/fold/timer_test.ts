import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { Fold, type FoldKey } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { item, ITEMS } from "./_items.ts";

const DAY_MS = 86_400_000;

/** Remembers for how long each timer was to wait. */
function watchTimers(): number[] {
  const asked: number[] = [];
  const set = globalThis.setTimeout as (callback: () => void, ms: number) => unknown;
  // The fake time takes this away, too, when it ends.
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    asked.push(ms);
    return set(callback, ms);
  }) as typeof setTimeout;
  return asked;
}

test("a fold has one timer while it has entries, which keeps nothing alive, and none otherwise", () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS);
  const timers = (): number[] => [time.armed, time.referenced];
  const fill = (generation: number): void => {
    // From far to near, so that each of them is the first to expire.
    for (let id = 0; id < 5; id++) {
      fold.apply(item("n1", generation, id, { ttlMs: 10_000 - 1_000 * id }));
      assertEquals(timers(), [1, 0]);
    }
  };
  assertEquals(timers(), [0, 0]);
  fill(1);
  for (let id = 0; id < 5; id++) {
    assertEquals(timers(), [1, 0]);
    fold.evict(id);
  }
  assertEquals(timers(), [0, 0]);
  fill(2);
  fold.evictNode("n1");
  assertEquals(timers(), [0, 0]);
  fill(3);
  fold.leave("n1");
  assertEquals(timers(), [0, 0]);
  fill(4);
  for (let id = 0; id < 5; id++) fold.apply(item("n1", 5, id, { leave: true }));
  assertEquals(timers(), [0, 0]);
  fill(6);
  fold.sweep(Infinity);
  assertEquals(timers(), [0, 0]);
  fill(7);
  const snapshot = fold.snapshot();
  time.pass(10_000);
  assertEquals([fold.size, ...timers()], [0, 0, 0]);
  fold.restore(snapshot, { over: "merge" });
  assertEquals([fold.size, ...timers()], [0, 0, 0]);
});

test("a fold that has restored a snapshot has a timer", () => {
  using time = new FakeTime();
  using before = new Fold(ITEMS, { sweepIntervalMs: 0 });
  before.apply(item("n1", 1, "a", { ttlMs: 1_000 }));
  for (const over of ["refuse", "replace", "merge"] as const) {
    using fold = new Fold(ITEMS);
    fold.restore(before.snapshot(), { over });
    assertEquals([time.armed, time.referenced], [1, 0]);
  }
  assertEquals(time.armed, 0);
});

test("a fold that is not to sweep by itself has no timer, and nothing goes", () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS, { sweepIntervalMs: 0 });
  for (let id = 0; id < 5; id++) fold.apply(item("n1", 1, id, { ttlMs: 100 * id }));
  fold.evict(4);
  fold.restore(fold.snapshot(), { over: "replace" });
  assertEquals(time.armed, 0);
  time.pass(DAY_MS);
  assertEquals([fold.size, fold.count(), fold.sweep(), time.armed], [3, 0, 3, 0]);
});

test("the first entry to expire is removed on time, and those behind it within the interval", () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS, { sweepIntervalMs: 50 });
  const told: number[] = [];
  fold.setAuditSink({
    record: ({ type, key }) => {
      if (type !== "expired") return;
      assertLessOrEqual(Number(key), time.now);
      assertLess(time.now - Number(key), 50);
      told.push(time.now);
    },
  });
  // The keys say when they expire. Those at 2,000 begin anew.
  for (let at = 1_000; at < 1_200; at++) fold.apply(item("n1", 1, at, { ttlMs: at }));
  for (let at = 2_000; at < 2_003; at++) fold.apply(item("n1", 1, at, { ttlMs: at }));
  time.pass(999);
  assertEquals(told, []);
  time.pass(1);
  assertEquals(told, [1_000]);
  time.pass(3_000);
  assertEquals([...new Set(told)], [1_000, 1_050, 1_100, 1_150, 1_200, 2_000, 2_050]);
  assertEquals([told.length, fold.size, time.armed], [203, 0, 0]);
});

test("an entry that expires before all others is removed on time, though it came last", () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS);
  fold.apply(item("n1", 1, "late", { ttlMs: DAY_MS }));
  time.pass(500);
  fold.apply(item("n1", 1, "early", { ttlMs: 200 }));
  time.pass(199);
  assertEquals(fold.size, 2);
  time.pass(1);
  assertEquals([fold.size, fold.has("late"), time.armed], [1, true, 1]);
  // An entry whose life is made shorter, too.
  fold.apply(item("n1", 2, "late", { ttlMs: 300 }));
  time.pass(299);
  assertEquals(fold.size, 1);
  time.pass(1);
  assertEquals(fold.size, 0);
});

test("an entry that is restored is removed on time, whatever was there before", () => {
  for (const over of ["replace", "merge"] as const) {
    using time = new FakeTime();
    using before = new Fold(ITEMS, { sweepIntervalMs: 0 });
    before.apply(item("n1", 1, "early", { ttlMs: 200 }));
    using fold = new Fold(ITEMS);
    fold.apply(item("n1", 1, "late", { ttlMs: DAY_MS }));
    fold.restore(before.snapshot(), { over });
    time.pass(199);
    assertEquals([over, fold.has("early"), fold.stats().expired], [over, true, 0]);
    time.pass(1);
    assertEquals([over, fold.has("early"), fold.stats().expired], [over, false, 1]);
  }
});

test("what is left expires on time when what was first has been evicted or refreshed", () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS);
  for (const [id, ttlMs] of [100, 200, 5_000].entries()) {
    fold.apply(item("n1", 1, id, { ttlMs }));
  }
  fold.evict(0);
  fold.apply(item("n1", 2, 1, { ttlMs: 70_000 }));
  time.pass(4_999);
  assertEquals(fold.size, 2);
  time.pass(1);
  assertEquals([fold.size, fold.has(1), time.armed], [1, true, 1]);
  time.pass(65_000);
  assertEquals([fold.size, time.armed], [0, 0]);
});

test("entries that are refreshed in time need few timers", () => {
  using time = new FakeTime();
  const asked = watchTimers();
  using fold = new Fold(ITEMS);
  for (let generation = 1; generation <= 1_000; generation++) {
    for (let id = 0; id < 5; id++) fold.apply(item("n1", generation, id, { ttlMs: 1_000 }));
    time.pass(10);
  }
  // For 5,000 announcements: one in each life of ten seconds of them, and a few more.
  assertLess(asked.length, 100);
  assertEquals([fold.count(), fold.stats().expired], [5, 0]);
});

test("a life that is longer than any timer ends neither early nor late", () => {
  using time = new FakeTime();
  const asked = watchTimers();
  using fold = new Fold(ITEMS, { maxTtlMs: 400 * DAY_MS });
  const lives = [2 ** 31 - 1, 2 ** 31, 60 * DAY_MS, 365 * DAY_MS];
  for (const [id, ttlMs] of lives.entries()) fold.apply(item("n1", 1, id, { ttlMs }));
  for (const [i, ttlMs] of lives.entries()) {
    // The second is due a millisecond behind the first, and removed with the interval.
    time.pass(ttlMs - 1 - time.now);
    assertEquals(fold.has(i), true);
    time.pass(i === 0 ? 1 : 50);
    assertEquals([fold.has(i), fold.size >= lives.length - i - 1], [false, true]);
  }
  assertEquals([fold.size, fold.stats().expired, time.armed], [0, 4, 0]);
  assertLessOrEqual(Math.max(...asked), 2 ** 31 - 1);
  assertLess(asked.length, 40);
});

test("the wall clock may go anywhere: nothing lives longer or shorter for it", () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS);
  let wallMs = 1_700_000_000_000;
  Date.now = () => wallMs + time.now;
  for (const [generation, step] of [365 * DAY_MS, -700 * DAY_MS, 1, -1].entries()) {
    fold.apply(item("n1", generation + 1, "a", { ttlMs: 1_000 }));
    time.pass(500);
    wallMs += step;
    assertEquals(fold.has("a"), true);
    time.pass(499);
    assertEquals([fold.has("a"), fold.size], [true, 1]);
    time.pass(1);
    assertEquals([fold.has("a"), fold.size], [false, 0]);
  }
});

test("a timer that ends early, by the clock of the fold, is set again", () => {
  using time = new FakeTime();
  const clock = { now: () => time.now / 2, wallNow: () => 0 };
  using fold = new Fold(ITEMS, { clock });
  fold.apply(item("n1", 1, "a", { ttlMs: 1_000 }));
  time.pass(1_999);
  assertEquals([fold.has("a"), fold.size, time.armed], [true, 1, 1]);
  time.pass(1);
  assertEquals([fold.has("a"), fold.size, time.armed], [false, 0, 0]);
});

test("a fold that is closed has no timer, and gets none", () => {
  using time = new FakeTime();
  const fold = new Fold(ITEMS);
  fold.apply(item("n1", 1, "a", { ttlMs: 100 }));
  fold.apply(item("n1", 1, "b", { ttlMs: 200 }));
  fold.close();
  assertEquals(time.armed, 0);
  time.pass(100);
  assertEquals([fold.size, fold.count(), fold.sweep(), time.armed], [2, 1, 1, 0]);
});

test("whatever happens to entries, each expires once and in time, by one timer at most", () => {
  let expired = 0;
  for (let seed = 1; seed <= 30; seed++) {
    using time = new FakeTime();
    const random = new Random(seed);
    const sweepIntervalMs = random.pick([1, 50, 400]);
    using fold = new Fold(ITEMS, { sweepIntervalMs, rememberMs: 0 });
    const deadlines = new Map<FoldKey, number>();
    fold.setAuditSink({
      record: ({ type, key }) => {
        if (type !== "expired") return;
        const deadline = deadlines.get(Number(key));
        assert(deadline !== undefined, `seed ${seed}: ${key} has expired twice`);
        assert(time.now >= deadline, `seed ${seed}: ${key} has expired early`);
        deadlines.delete(Number(key));
        expired++;
      },
    });
    for (let step = 1; step <= 400; step++) {
      const id = random.below(30);
      const kind = random.below(20);
      if (kind < 10) {
        const ttlMs = 2 ** (random.next() * 20);
        // A deadline that is over ends the entry before another one takes its place.
        fold.apply(item(`n${id % 4}`, step, id, { ttlMs }));
        deadlines.set(id, Math.ceil(time.now + ttlMs));
      } else if (kind < 12) {
        fold.evict(id);
        if (!fold.has(id) && (deadlines.get(id) ?? 0) > time.now) deadlines.delete(id);
      } else if (kind === 12) {
        fold.restore(fold.snapshot(), { over: "replace" });
        for (const [id, deadline] of deadlines) if (deadline <= time.now) deadlines.delete(id);
      } else time.pass(Math.floor(2 ** (random.next() * 17)));
      const late = [...deadlines.values()].filter((at) => at <= time.now - sweepIntervalMs);
      assertEquals([late, fold.size], [[], deadlines.size], `seed ${seed}, step ${step}`);
      assertEquals([time.armed, time.referenced], [fold.size > 0 ? 1 : 0, 0]);
    }
    time.pass(2 ** 21);
    assertEquals([fold.size, time.armed], [0, 0]);
  }
  assertGreater(expired, 1_000);
});
