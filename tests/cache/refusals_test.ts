import { assertEquals, assertThrows } from "@std/assert";
import { SpanCache } from "../../cache/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";
import { assertRefused, cache, TAKERS } from "./_refusals.ts";

/** What a value is called in the name of a test. */
function named(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : `{ ${Object.keys(value).join(", ")} }`;
}

for (const [who, { action, take, wrong }] of Object.entries(TAKERS)) {
  for (const [option, Class, values] of wrong) {
    const list = values.map(named).join(", ");
    test(`${who} refuses what its ${option} cannot be, before anything else: ${list}`, async () => {
      using time = new FakeTime();
      for (const value of values) {
        const what = `${option} ${named(value)} (${typeof value})`;
        await assertRefused(what, action, option, () => take({ [option]: value }), Class);
        assertEquals(time.armed, 0, what);
      }
    });
  }
}

test("a cache that is refused has asked no clock", () => {
  let asked = 0;
  const clock = { now: () => ++asked, wallNow: () => ++asked };
  assertThrows(() => new SpanCache({ clock, chance: 2 }), RangeError);
  assertThrows(() => new SpanCache({ clock, level: "none" as never }), TypeError);
  assertEquals(asked, 0);
  new SpanCache({ clock });
  assertEquals(asked, 2);
});

test("a reserve that is larger than the capacity is refused, and one that is as large is not", async () => {
  const make = (reserve: number) => new SpanCache({ capacity: 10, reserve });
  await assertRefused("reserve 11", "create SpanCache", "reserve", () => make(11), RangeError);
  assertEquals(make(10).stats().reserved, 0);
});

test("the smallest capacities need no other option, and all options can be at their ends", () => {
  for (const capacity of [1, 2, 3]) {
    for (const maxOpen of [1, 2, 3]) {
      const cache = new SpanCache({ capacity, maxOpen });
      for (let i = 0; i < 9; i++) cache.start(`n${i}`).end();
      assertEquals([cache.size, cache.lastSeq], [capacity, 9]);
    }
  }
  const least = new SpanCache({
    capacity: 1,
    maxOpen: 1,
    maxBytes: 4_096,
    maxNames: 1,
    maxFields: 0,
    maxEvents: 0,
    maxTextLength: 1,
    slowMs: 0,
    chance: 0,
    level: "off",
  });
  assertEquals(least.stats().maxBytes > 4_096, true);
  const most = { maxNames: 65_536, maxEvents: 65_535, maxTextLength: 2 ** 24, slowMs: Infinity };
  assertEquals(new SpanCache({ ...most, capacity: 1, maxFields: 2 ** 53 - 1 }).size, 0);
});

test("options that are undefined are as if they were not there", () => {
  const names = [
    ...["capacity", "maxOpen", "maxBytes", "maxNames", "maxFields", "maxEvents", "maxTextLength"],
    ...["evict", "reserve", "slowMs", "level", "chance", "clock", "random"],
  ];
  const cache = new SpanCache(Object.fromEntries(names.map((name) => [name, undefined])));
  assertEquals([cache.capacity, cache.level, cache.chance], [16_384, "trace", 1]);
  assertEquals(cache.find({ name: undefined, where: undefined, limit: undefined }), []);
  assertEquals(cache.page({ after: undefined, limit: undefined }), []);
  assertEquals(cache.open({ minMs: undefined }), []);
});

test("a level that is none is refused while the cache runs, and the one before stays", async () => {
  cache.level = "warn";
  for (const level of ["", "INFO", null, undefined, 3] as never[]) {
    const set = () => void (cache.level = level);
    await assertRefused(named(level), "set level", "level", set, TypeError);
  }
  assertEquals(cache.level, "warn");
  cache.level = "trace";
});

test("a chance that is none is refused while the cache runs, and the one before stays", async () => {
  cache.chance = 0.5;
  for (const chance of [-0.1, 1.1, NaN, Infinity, undefined, null, "0.5", true] as never[]) {
    const set = () => void (cache.chance = chance);
    await assertRefused(named(chance), "set chance", "chance", set, RangeError);
  }
  assertEquals(cache.chance, 0.5);
  cache.chance = 1;
});

test("a subscription that is refused listens to no signal", () => {
  const counted = countedSignal();
  const { signal } = counted;
  assertThrows(() => cache.subscribe({ signal, after: -1 }), RangeError);
  assertThrows(() => cache.subscribe({ signal, level: "none" as never }), TypeError);
  assertThrows(() => cache.subscribe({ signal, minMs: NaN }), RangeError);
  assertEquals([counted.added, counted.listening], [0, 0]);
});

test("what can be no id is not found, whatever it is, and nothing is thrown", () => {
  for (const id of ["", "x", "0".repeat(16), "F".repeat(16), null, undefined, 7, {}] as never[]) {
    assertEquals([cache.get(id), cache.trace(id).size, cache.find({ traceId: id ?? "" })], [
      undefined,
      0,
      [],
    ]);
  }
});
