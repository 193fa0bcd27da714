import {
  assert,
  assertEquals,
  assertGreater,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Generations, type GenerationStore } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { reasonOf, settle } from "../_settle.ts";

/** A store in memory, as it is found after a crash. */
class MemoryStore implements GenerationStore {
  saved: number | undefined;
  saves = 0;

  load(): number | undefined {
    return this.saved;
  }

  save(generation: number): void {
    this.saved = generation;
    this.saves++;
  }
}

test("generations rise by one at least, however many are given out in a millisecond", () => {
  const generations = new Generations({ wallNow: () => 100.9 });
  assertEquals([1, 2, 3].map(() => generations.next()), [100, 101, 102]);
  assertEquals(generations.last, 102);
});

test("generations follow the clock as soon as it is ahead, and do not follow it back", () => {
  let now = 1_000;
  const generations = new Generations({ wallNow: () => now });
  assertEquals(generations.next(), 1_000);
  now = 5_000;
  assertEquals(generations.next(), 5_000);
  now = 10;
  assertEquals([generations.next(), generations.next()], [5_001, 5_002]);
  now = 5_002;
  assertEquals(generations.next(), 5_003);
  now = 6_000;
  assertEquals(generations.next(), 6_000);
});

test("generations begin at 1 where the clock is before that", () => {
  for (const now of [0, 0.5, -5_000]) {
    const generations = new Generations({ wallNow: () => now });
    assertEquals([generations.last, generations.next(), generations.next()], [0, 1, 2]);
  }
});

test("without a clock they follow that of the platform", () => {
  using time = new FakeTime();
  const generations = new Generations();
  assertEquals(generations.next(), 1_000_000);
  time.now = 50;
  assertEquals(generations.next(), 1_000_050);
});

test("those of a node are other ones than those of another, in the same millisecond", () => {
  const now = 1_700_000_000_000;
  const firstOf = (node: string) => new Generations({ node, wallNow: () => now }).next();
  const firsts = Array.from({ length: 20 }, (_, i) => firstOf(`n${i}`));
  assert(new Set(firsts).size > 15, `${firsts}`);
  for (const first of firsts) {
    assert(Number.isSafeInteger(first) && first >= now * 1_024 && first < (now + 1) * 1_024);
  }
  assertEquals(firstOf("n1"), firsts[1]!);
});

test("those of a node rise and follow the clock as others do", async () => {
  let now = 5_000;
  const generations = new Generations({ node: "n1", wallNow: () => now });
  const first = generations.next();
  assertEquals([generations.next(), generations.next()], [first + 1, first + 2]);
  now += 10;
  assertEquals(generations.next(), first + 10 * 1_024);
  now -= 9;
  assertEquals(generations.next(), first + 10 * 1_024 + 1);

  const store = new MemoryStore();
  const opened = await Generations.open(store, { node: "n1", wallNow: () => now });
  const last = opened.next();
  assertGreater(store.saved!, last + 30_000 * 1_024);
  now = 0;
  assertGreater((await Generations.open(store, { node: "n1", wallNow: () => now })).next(), last);
});

test("the next generation is above what it must be above, and so are all that follow", () => {
  const generations = new Generations({ wallNow: () => 100 });
  assertEquals(generations.next(99), 100);
  assertEquals(generations.next(500), 501);
  assertEquals([generations.next(7), generations.next()], [502, 503]);
});

test("what nothing can be above is refused, and those that follow are as they were", () => {
  for (const above of [NaN, Infinity, Number.MAX_SAFE_INTEGER, 2 ** 60, "7", null]) {
    const generations = new Generations({ wallNow: () => 100 });
    generations.next();
    assertThrows(() => generations.next(above as number), RangeError, undefined, `${above}`);
    assertEquals(generations.next(), 101, `${above}`);
  }
});

test("a store has the next generations before the first is given out", async () => {
  const store = new MemoryStore();
  const saving = Promise.withResolvers<void>();
  let generations: Generations | undefined;
  const slow: GenerationStore = {
    load: () => Promise.resolve(store.load()),
    async save(generation) {
      await saving.promise;
      store.save(generation);
    },
  };
  const opening = Generations.open(slow, { wallNow: () => 1_000 });
  void opening.then((opened) => generations = opened);
  await settle();
  assertStrictEquals(generations, undefined);
  saving.resolve();
  const first = (await opening).next();
  assertEquals(first, 1_000);
  assertGreater(store.saved!, first);
});

test("after a restart they go on above all that were given out, though the clock went back", async () => {
  const store = new MemoryStore();
  let now = 1_000_000;
  const before = await Generations.open(store, { wallNow: () => now });
  const last = [1, 2, 3].map(() => before.next()).at(-1)!;
  now = 5;
  const after = await Generations.open(store, { wallNow: () => now });
  assertGreater(after.next(), last);
  assertGreater(after.last, last);
});

for (const seed of [1, 2, 3]) {
  test(`no crash, at whatever time, and no clock makes them go back (${seed})`, async () => {
    const random = new Random(seed);
    const store = new MemoryStore();
    let now = 1_000_000;
    let last = 0;
    for (let life = 0; life < 60; life++) {
      const generations = await Generations.open(store, { wallNow: () => now });
      for (let i = random.below(80); i > 0; i--) {
        const generation = generations.next(random.below(9) === 0 ? last + random.below(99) : 0);
        assertGreater(generation, last, `seed ${seed}, life ${life}`);
        last = generation;
        const ms = random.pick([0, 1, 20, 900, 40_000, 3_600_000]);
        now += ms;
        // Time does not pass without a turn of the loop, in which a save is found done.
        if (ms > 0) await settle();
      }
      // A crash: what was not saved is gone, and the clock is anywhere.
      now = Math.max(0, now - random.pick([0, 500, 100_000, 10_000_000]));
    }
  });
}

test("a store is told about once in half a minute, whether many are given out or a few", async () => {
  for (const everyMs of [10, 1_000, 20_000]) {
    const store = new MemoryStore();
    let now = 1_000_000;
    const generations = await Generations.open(store, { wallNow: () => now });
    for (const end = now + 600_000; now < end; now += everyMs) {
      assertLessOrEqual(generations.next(), store.saved!);
      await undefined;
      await undefined;
    }
    assert(store.saves > 5 && store.saves < 25, `${store.saves} saves, every ${everyMs} ms`);
  }
});

test("a store that is slow is told one thing at a time", async () => {
  const saves: { generation: number; end: () => void }[] = [];
  let now = 1_000_000;
  const opening = Generations.open({
    load: () => undefined,
    save: (generation) => new Promise((end) => void saves.push({ generation, end })),
  }, { wallNow: () => now });
  await settle();
  saves[0]!.end();
  const generations = await opening;
  now += 45_000;
  for (let i = 0; i < 10; i++) generations.next();
  await settle();
  assertEquals(saves.length, 2);
  saves[1]!.end();
  await settle();
  generations.next();
  assertEquals(saves.length, 2);
  assertGreater(saves[1]!.generation, generations.last);
});

test("a store that cannot load or save at first makes nothing", async () => {
  const reason = new Error("disk");
  const fail = () => {
    throw reason;
  };
  const save = () => {};
  assertStrictEquals(await reasonOf(Generations.open({ load: fail, save })), reason);
  const load = () => undefined;
  assertStrictEquals(await reasonOf(Generations.open({ load, save: fail })), reason);
  const rejecting = { load: () => Promise.reject(reason), save };
  assertStrictEquals(await reasonOf(Generations.open(rejecting)), reason);
});

test("a store that cannot save any more is told again with the next one, and holds up nothing", async () => {
  const store = new MemoryStore();
  const errors: unknown[] = [];
  let now = 1_000_000;
  let isBroken = false;
  const reason = new Error("disk full");
  const generations = await Generations.open({
    load: () => store.load(),
    save(generation) {
      if (isBroken) throw reason;
      store.save(generation);
    },
  }, { wallNow: () => now, onError: (error) => errors.push(error) });
  isBroken = true;
  for (let i = 1; i <= 3; i++) {
    now += 40_000;
    assertEquals(generations.next(), now);
    await settle();
    assertEquals(errors.length, i);
  }
  assertStrictEquals(errors[0], reason);
  isBroken = false;
  generations.next();
  await settle();
  assertGreater(store.saved!, generations.last);
  assertEquals(errors.length, 3);
});

test("a store that has something that is no generation is not written over", async () => {
  for (const loaded of [NaN, -1, 1.5, Infinity, 2 ** 53, "7", {}, true]) {
    let saves = 0;
    const opening = () =>
      Generations.open({ load: () => loaded as number, save: () => void saves++ });
    await assertRejects(opening, RangeError, "Cannot open Generations: store.load must answer");
    assertEquals(saves, 0);
  }
});
