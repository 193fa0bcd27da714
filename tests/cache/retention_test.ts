import { assertEquals } from "@std/assert";
import type { SpanCache } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";

const names = (cache: SpanCache): string[] => cache.page({ limit: Infinity }).map((s) => s.name);

test("SpanCache throws out the one that was opened first, though it ended last", () => {
  const { cache, clock } = clocked({ capacity: 2 });
  const spans = ["first", "second", "third"].map((name) => {
    clock.pass(1);
    return cache.start(name);
  });
  spans[1]!.end();
  spans[0]!.end();
  assertEquals(names(cache), ["second", "first"]);
  spans[2]!.end();
  assertEquals(names(cache), ["second", "third"]);
});

test("SpanCache throws out the one that ended first, though it was opened last, if it is told to", () => {
  const { cache, clock } = clocked({ capacity: 2, evict: "oldest-closed" });
  const spans = ["first", "second", "third"].map((name) => {
    clock.pass(1);
    return cache.start(name);
  });
  spans[2]!.end();
  spans[0]!.end();
  spans[1]!.end();
  assertEquals(names(cache), ["first", "second"]);
});

test("Of spans that began at the same time, the one that was opened first goes first", () => {
  const { cache } = clocked({ capacity: 2 });
  const spans = ["a", "b", "c", "d"].map((name) => cache.start(name));
  for (const span of spans.toReversed()) span.end();
  // "d" and "c" are older commits than "b", but were opened later.
  assertEquals(names(cache), ["d", "a"]);
});

test("A span that ends stays until another one ends, however old it is", () => {
  const { cache, clock } = clocked({ capacity: 2 });
  const old = cache.start("old");
  for (const name of ["a", "b", "c"]) {
    clock.pass(1);
    cache.start(name).end();
  }
  old.end();
  assertEquals(names(cache), ["c", "old"]);
  clock.pass(1);
  cache.start("d").end();
  assertEquals(names(cache), ["c", "d"]);
});

test("Spans from elsewhere go in the order of their own times", () => {
  const { cache, clock } = clocked({ capacity: 3 });
  clock.pass(100);
  for (const at of [30, 10, 50, 20, 40]) {
    cache.record({ name: `at ${at}`, startMs: START_MS + at, durationMs: 1 });
  }
  // First "at 10" went, and then "at 20", which came later and was older than all that stayed.
  assertEquals(names(cache), ["at 30", "at 50", "at 40"]);
  cache.start("now").end();
  cache.start("now").end();
  assertEquals(names(cache), ["at 50", "now", "now"]);
});

test("A span from elsewhere whose clock is ahead does not stay for that", () => {
  const { cache, clock } = clocked({ capacity: 3 });
  cache.record({ name: "ahead", startMs: START_MS + 1e9, durationMs: 1 });
  for (let i = 0; i < 3; i++) {
    clock.pass(1);
    cache.start("here").end();
  }
  assertEquals(names(cache), ["here", "here", "here"]);
});

test("The reserve keeps what failed or was slow, and the one of them goes that has stayed longest", () => {
  const { cache, clock } = clocked({ capacity: 4, reserve: 2, slowMs: 10 });
  const run = (name: string, ms: number, hasFailed = false): void => {
    const span = cache.start(name);
    if (hasFailed) span.fail();
    clock.pass(ms);
    span.end();
  };
  run("failed", 1, true);
  run("slow", 10);
  run("not quite", 9);
  for (let i = 0; i < 4; i++) run("good", 1);
  assertEquals(names(cache), ["failed", "slow", "good", "good"]);
  assertEquals(cache.stats().reserved, 2);
  run("failed again", 1, true);
  for (let i = 0; i < 4; i++) run("good", 1);
  assertEquals(names(cache), ["slow", "failed again", "good", "good"]);
  assertEquals(cache.stats().reserved, 2);
});

test("A reserve as large as the cache lets the oldest of it go when there is nothing else", () => {
  const { cache, clock } = clocked({ capacity: 3, reserve: 3 });
  for (let i = 1; i <= 10; i++) {
    clock.pass(1);
    cache.start(`failed ${i}`).fail().end();
  }
  assertEquals(names(cache), ["failed 8", "failed 9", "failed 10"]);
  assertEquals(cache.size, 3);
});

test("Clearing lets all go that have ended, the reserve as well, and no others", () => {
  const { cache, clock } = clocked({ capacity: 4, reserve: 2 });
  const running = cache.start("running");
  for (let i = 0; i < 8; i++) {
    clock.pass(1);
    cache.start("failed").fail().end();
  }
  assertEquals(cache.clear(), 4);
  assertEquals([cache.size, cache.stats().reserved, cache.stats().cleared], [0, 0, 4]);
  assertEquals(cache.open().map(({ name }) => name), ["running"]);
  running.end();
  assertEquals(names(cache), ["running"]);
  assertEquals(cache.clear(), 1);
  assertEquals(cache.stats().bytes, 0);
});

test("A span that is not recorded since too many run costs nothing of what is held", () => {
  const { cache } = clocked({ capacity: 10, maxOpen: 1, maxBytes: 4_096, maxNames: 2 });
  for (let i = 0; i < 3; i++) cache.start("held", { text: "a".repeat(900) }).end();
  cache.start("running", { one: 1 });
  const before = cache.stats();
  assertEquals(before.held, 3);
  // There would be no room for the text, and none for the name.
  assertEquals(cache.start("refused", { text: "b".repeat(900), two: 2 }).recording, false);
  const refused = { ...before.refused, full: 1 };
  assertEquals(cache.stats(), { ...before, refused });
});

/** Compares all ways to read by commits with what was seen to be there. */
function compareReads(cache: SpanCache, random: Random): void {
  const seqs = cache.page({ limit: Infinity }).map(({ seq }) => seq);
  assertEquals(seqs.length, cache.size);
  assertEquals(seqs, [...new Set(seqs)].sort((a, b) => a - b));
  // Before the first, between two, at one, behind the last.
  for (const after of [0, 1, ...seqs, ...seqs.map((seq) => seq - 1), random.below(cache.lastSeq)]) {
    const limit = 1 + random.below(4);
    const expected = seqs.filter((seq) => seq > after).slice(0, limit);
    assertEquals(cache.page({ after, limit }).map(({ seq }) => seq), expected, `after ${after}`);
    const subscription = cache.subscribe({ after });
    const read: number[] = [];
    for (let next; (next = subscription.tryReceive()).state === "ok";) read.push(next.value.seq);
    assertEquals(read, seqs.filter((seq) => seq > after), `subscribed after ${after}`);
    const { delivered, lagged, offered, size } = subscription;
    assertEquals([delivered, size, lagged], [read.length, 0, offered - read.length]);
  }
  const newest = cache.find({ limit: 3 }).map(({ seq }) => seq);
  assertEquals(newest, seqs.toReversed().slice(0, 3));
  assertEquals(cache.find({ limit: Infinity }).map(({ seq }) => seq), seqs.toReversed());
}

test("Pages, searches and readers find what a reserve has kept for a thousand times the capacity", () => {
  const random = new Random(1);
  for (const [capacity, reserve, every] of [[8, 4, 9], [5, 4, 97], [16, 15, 3], [3, 1, 400]]) {
    const { cache, clock } = clocked({ capacity, reserve });
    for (let i = 1; i <= 1_000 * capacity!; i++) {
      clock.pass(1);
      const span = cache.start("span");
      if (i % every! === 0 || i === 2) span.fail();
      span.end();
      if (i % 499 === 0) compareReads(cache, random);
    }
    assertEquals(cache.stats().reserved > 0, true);
    compareReads(cache, random);
    cache.clear();
    compareReads(cache, random);
  }
});

test("Pages, searches and readers find what is kept since everything else is older", () => {
  const random = new Random(2);
  const { cache, clock } = clocked({ capacity: 8 });
  clock.pass(1_000);
  // Those that come from now on have begun long before these.
  for (let i = 0; i < 5; i++) cache.start("new").end();
  for (let i = 1; i <= 4_000; i++) {
    const startMs = START_MS + random.below(900);
    cache.record({ name: "old", startMs, durationMs: 1 });
    if (i % 333 === 0) compareReads(cache, random);
  }
  assertEquals(names(cache).filter((name) => name === "new").length, 5);
  assertEquals(cache.page()[4]!.seq, 5);
});

test("A reader that stood still finds what was kept, and is told how much was not", () => {
  const { cache, clock } = clocked({ capacity: 4, reserve: 2 });
  const subscription = cache.subscribe();
  for (let i = 1; i <= 1_000; i++) {
    clock.pass(1);
    const span = cache.start("span", { i });
    if (i === 100 || i === 200) span.fail();
    span.end();
  }
  const read: unknown[] = [];
  for (let next; (next = subscription.tryReceive()).state === "ok";) {
    read.push([next.value.fields.i, subscription.lagged, subscription.size]);
  }
  assertEquals(read, [[100, 99, 900], [200, 198, 800], [999, 996, 1], [1_000, 996, 0]]);
});
