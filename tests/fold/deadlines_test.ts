import { assert, assertEquals } from "@std/assert";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { drain, item, ITEMS } from "./_items.ts";

const DAY_MS = 86_400_000;

test("lives of months end to the millisecond", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, maxTtlMs: 400 * DAY_MS });
  const begin = clock.ms;
  const lives = [
    30 * DAY_MS,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 1,
    90 * DAY_MS,
    2 ** 32,
    365 * DAY_MS,
  ];
  for (const [id, ttlMs] of lives.entries()) fold.apply(item("n1", 1, id, { ttlMs }));
  for (const [gone, ttlMs] of lives.toSorted((a, b) => a - b).entries()) {
    clock.ms = begin + ttlMs - 1;
    assertEquals([fold.sweep(), fold.count()], [0, lives.length - gone]);
    clock.ms = begin + ttlMs;
    assertEquals([fold.sweep(), fold.count()], [1, lives.length - gone - 1]);
  }
});

test("thousands of deadlines, near and far, are kept to the millisecond and in order", () => {
  const random = new Random(20_260_401);
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, maxTtlMs: 2 ** 40 });
  using watch = fold.watch({ initial: false, capacity: 100_000 });
  const deadlines = new Map<number, number>();
  const announce = (id: number, generation: number): void => {
    // From less than a millisecond to decades.
    const ttlMs = 2 ** (random.next() * 41 - 1);
    fold.apply(item(`n${id % 50}`, generation, id, { ttlMs }));
    deadlines.set(id, Math.ceil(clock.ms + Math.min(ttlMs, 2 ** 40)));
  };
  for (let id = 0; id < 6_000; id++) announce(id, 1);
  const times = Array.from({ length: 400 }, () => clock.ms + 2 ** (random.next() * 40));
  for (const [i, time] of times.toSorted((a, b) => a - b).entries()) {
    clock.ms = time;
    const due = [...deadlines].filter(([, deadline]) => deadline <= time);
    assertEquals(fold.count(), deadlines.size - due.length);
    drain(watch);
    assertEquals(fold.sweep(), due.length);
    const told = drain(watch).map((change) => {
      assert(change.type === "expired");
      return change.entry.expiresAt;
    });
    assertEquals(told, due.map(([, deadline]) => deadline).sort((a, b) => a - b));
    for (const [id] of due) deadlines.delete(id);
    // Some are refreshed, and some come back.
    for (let n = 0; n < 10; n++) announce(random.below(6_000), i + 2);
  }
  clock.ms = 2 ** 50;
  assertEquals(fold.sweep(), deadlines.size);
  assertEquals([fold.size, fold.nodes()], [0, []]);
});

test("a refresh that moves a deadline a little, near or far, is kept to the millisecond", () => {
  const random = new Random(20_260_402);
  for (let i = 0; i < 400; i++) {
    const clock = new HandClock();
    const fold = foldOf(ITEMS, { clock, maxTtlMs: 2 ** 40 });
    const begin = clock.ms;
    const far = Math.floor(2 ** (random.next() * 36));
    let life = 0;
    for (let generation = 1; generation <= 4; generation++) {
      life = Math.max(1, far + random.below(2 ** (1 + random.below(20))));
      fold.apply(item("n1", generation, "a", { ttlMs: life }));
    }
    clock.ms = begin + life - 1;
    assertEquals([fold.sweep(), fold.has("a")], [0, true]);
    clock.ms = begin + life;
    assertEquals([fold.sweep(), fold.size], [1, 0]);
  }
});

test("entries that were refreshed thousands of times, to and fro, expire on time and in order", () => {
  const random = new Random(20_260_403);
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, maxTtlMs: 2 ** 40 });
  const lives = new Map<number, number>();
  for (let generation = 1; generation <= 30_000; generation++) {
    const id = random.below(150);
    const ttlMs = Math.floor(2 ** (10 + random.next() * 22));
    fold.apply(item(`n${id % 7}`, generation, id, { ttlMs }));
    lives.set(id, ttlMs);
  }
  const begin = clock.ms;
  let left = lives.size;
  for (const [id, ttlMs] of [...lives].sort(([, a], [, b]) => a - b)) {
    clock.ms = begin + ttlMs - 1;
    left -= fold.sweep();
    assertEquals([fold.has(id), fold.size], [true, left]);
    clock.ms = begin + ttlMs;
    left -= fold.sweep();
    assertEquals([fold.has(id), fold.size, fold.count()], [false, left, left]);
  }
  assertEquals(left, 0);
});

test("a clock may begin anywhere", () => {
  for (const begin of [0, -5_000_000.5, Date.now(), 2 ** 45]) {
    const clock = new HandClock();
    clock.ms = begin;
    const fold = foldOf(ITEMS, { clock });
    const lives = [0, 1, 63, 64, 1_023, 1_024, 65_535, 65_536, 4_194_304, 3_600_000, DAY_MS];
    for (const [id, ttlMs] of lives.entries()) fold.apply(item("n1", 1, id, { ttlMs }));
    for (const [id, ttlMs] of lives.entries()) {
      const deadline = Math.ceil(begin + ttlMs);
      clock.ms = deadline - 1;
      fold.sweep();
      assertEquals(fold.has(id), fold.now < deadline);
      clock.ms = deadline;
      assertEquals(fold.has(id), false);
    }
    fold.sweep();
    assertEquals([fold.size, fold.stats().expired], [0, lives.length]);
  }
});
