import { assertEquals, assertThrows } from "@std/assert";
import type { SpanAggregate, SpanCache } from "../../cache/mod.ts";
import type { HandClock } from "../_hand_clock.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";
import { compareQuantiles, compareRow } from "./_games_compare.ts";

/** Runs a span for some milliseconds. */
function run(cache: SpanCache, clock: HandClock, name: string, ms: number): void {
  const span = cache.start(name);
  clock.pass(ms);
  span.end();
}

const rowOf = (cache: SpanCache, name: string): SpanAggregate =>
  cache.aggregate().find((row) => row.name === name)!;

test("A sum says how many, how long, and how many failed, those first that took most time", () => {
  const { cache, clock } = clocked();
  run(cache, clock, "short", 1);
  for (const ms of [10, 20, 30]) run(cache, clock, "long", ms);
  cache.start("long").fail().end();
  const running = cache.start("long");
  const [first, second, ...rest] = cache.aggregate();
  const { p50Ms: _, p95Ms: _1, p99Ms: _2, ...exact } = first!;
  assertEquals(exact, {
    name: "long",
    count: 4,
    failed: 1,
    errorRate: 0.25,
    open: 1,
    minMs: 0,
    meanMs: 15,
    maxMs: 30,
    totalMs: 60,
    selfMs: 60,
    seen: 4,
    seenFailed: 1,
  });
  assertEquals([second!.name, second!.totalMs, rest.length], ["short", 1, 0]);

  cache.clear();
  // What has been seen outlives what was held, as long as something has the name.
  const { count, failed, errorRate, open, minMs, maxMs, meanMs, p50Ms, totalMs, seen } = rowOf(
    cache,
    "long",
  );
  assertEquals([count, failed, errorRate, open, seen], [0, 0, 0, 1, 4]);
  assertEquals([minMs, maxMs, meanMs, p50Ms, totalMs], [0, 0, 0, 0, 0]);
  assertEquals(cache.aggregate().length, 1);
  running.end();
  assertEquals(rowOf(cache, "long").seen, 5);
});

/** Durations in nanoseconds, of all kinds that are hard to sum up. */
const SPREADS: readonly [string, (random: Random) => number][] = [
  ["that are all the same", () => 12_345_678],
  ["of a few nanoseconds", (random) => random.below(70)],
  ["around a power of two", (random) => 2 ** 20 - 5 + random.below(10)],
  ["from a nanosecond to hours", (random) => Math.floor(2 ** (43 * random.next()))],
  [
    "of two kinds",
    (random) => random.below(20) === 0 ? 9e9 + random.below(1e9) : random.below(1e6),
  ],
  ["of hours and nothing", (random) => random.below(2) * 36e11],
];

for (const [what, spread] of SPREADS) {
  test(`Sums are exact, and quantiles within a 64th, for durations ${what}`, () => {
    const random = new Random(7);
    for (const capacity of [1, 2, 20, 100, 700]) {
      const { cache } = clocked({ capacity });
      for (let i = 1; i <= 3 * capacity; i++) {
        const durationMs = spread(random) / 1e6;
        cache.record({ name: "span", startMs: START_MS - 1, durationMs });
        if (i % Math.ceil(capacity / 5) !== 0) continue;
        compareRow(rowOf(cache, "span"), cache.page({ limit: Infinity }));
      }
    }
  });
}

test("Quantiles are within a 64th up to the longest durations there are", () => {
  const random = new Random(8);
  const { cache } = clocked({ capacity: 300 });
  for (let i = 1; i <= 900; i++) {
    const durationMs = 2 ** (40 + 13 * random.next()) / 1e6;
    cache.record({ name: "span", startMs: START_MS, durationMs });
    if (i % 60 === 0) compareQuantiles(rowOf(cache, "span"), cache.page({ limit: Infinity }));
  }
});

test("The shortest and the longest are known again when the ones that were are gone", () => {
  const { cache, clock } = clocked({ capacity: 3 });
  const bounds: number[][] = [];
  for (const ms of [5, 1, 9, 4, 3, 2, 7]) {
    run(cache, clock, "span", ms);
    const { minMs, maxMs } = rowOf(cache, "span");
    bounds.push([minMs, maxMs]);
  }
  assertEquals(bounds, [[5, 5], [1, 5], [1, 9], [1, 9], [3, 9], [2, 4], [2, 7]]);
});

test("Sums of very many spans that came and went are those of the ones that are held", () => {
  const { cache, clock } = clocked({ capacity: 10 });
  const random = new Random(3);
  for (let i = 0; i < 100_000; i++) run(cache, clock, "span", random.below(1_000) / 7);
  compareRow(rowOf(cache, "span"), cache.page());
  assertEquals(rowOf(cache, "span").seen, 100_000);
});

test("Spans of names for which there is no room are summed up as one, and keep their names", () => {
  const { cache, clock } = clocked({ maxNames: 2 });
  for (const name of ["a", "b", "c", "d", "a"]) run(cache, clock, name, 1);
  const counts = cache.aggregate().map(({ name, count }) => `${name}: ${count}`);
  assertEquals(counts.sort(), ["(other): 2", "a: 2", "b: 1"]);
  assertEquals(cache.page().map(({ name }) => name), ["a", "b", "c", "d", "a"]);
  assertEquals(cache.stats().otherNames, 2);

  cache.clear();
  run(cache, clock, "c", 1);
  assertEquals(cache.aggregate().map(({ name, count }) => `${name}: ${count}`), ["c: 1"]);
});

test("A span that gets another name while it runs counts for that one", () => {
  const { cache, clock } = clocked();
  const span = cache.start("GET");
  assertEquals(cache.aggregate().map(({ name, open }) => [name, open]), [["GET", 1]]);
  span.rename("GET /users");
  assertEquals(cache.aggregate().map(({ name, open }) => [name, open]), [["GET /users", 1]]);
  clock.pass(2);
  span.end();
  assertEquals(cache.aggregate().map(({ name, totalMs }) => [name, totalMs]), [["GET /users", 2]]);
});

test("By a field, spans are told apart by the value that is nearest to them", () => {
  const { cache } = clocked();
  const outer = cache.start("request", { tenant: "blue", retry: 1 });
  outer.start("query").end();
  const inner = outer.start("call", { tenant: 7 });
  inner.start("query").end();
  inner.end();
  cache.start("query").end();
  const groups = (by: string): string[] =>
    cache.aggregate({ by }).map(({ name, group, count }) => `${name} ${group} ${count}`).sort();
  // The one around them runs, and gives its value all the same.
  assertEquals(groups("tenant"), ["call 7 1", "query 7 1", "query blue 1", "query undefined 1"]);
  assertEquals(groups("retry"), ["call 1 1", "query 1 2", "query undefined 1"]);
  outer.end();
  assertEquals(groups("tenant").includes("request blue 1"), true);
});

test("Only spans for which a predicate is true are summed up, and what it throws is thrown", () => {
  const { cache, clock } = clocked();
  for (const ms of [1, 2, 3, 4]) run(cache, clock, "span", ms);
  const [row] = cache.aggregate({ where: ({ durationMs }) => durationMs > 2 });
  assertEquals([row?.count, row?.totalMs, row?.minMs, row?.maxMs], [2, 7, 3, 4]);
  assertEquals(cache.aggregate({ where: () => false }), []);
  const where = (): boolean => {
    throw new Error("no predicate");
  };
  assertThrows(() => cache.aggregate({ where }), Error, "no predicate");
  // It stays what it was.
  assertEquals(rowOf(cache, "span").count, 4);
});
