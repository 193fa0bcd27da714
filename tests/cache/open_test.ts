import { assertEquals } from "@std/assert";
import { type OpenSpanRecord, SpanCache } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { clocked } from "./_clocked.ts";

function namesOf(spans: readonly OpenSpanRecord[]): string[] {
  return spans.map(({ name }) => name);
}

test("spans that run are listed with what is known so far, the oldest first", () => {
  const { cache, clock } = clocked();
  const a = cache.start("a", { user: 7 }, { kind: "server", level: "warn" });
  clock.pass(5);
  const b = a.start("b");
  clock.pass(2);
  a.set("rows", 1).event("miss").fail("slow");
  const [first, second, ...rest] = cache.open();
  assertEquals(first, {
    id: a.id,
    traceId: a.traceId,
    name: "a",
    level: "warn",
    kind: "server",
    status: "error",
    message: "slow",
    startMs: START_MS,
    durationMs: 7,
    selfMs: 5,
    openChildren: 1,
    fields: { user: 7, rows: 1 },
    events: [{ name: "miss", timeMs: START_MS + 7, level: "info", fields: {} }],
  });
  assertEquals([second!.name, second!.parentId, second!.durationMs, rest], ["b", a.id, 2, []]);
  b.end();
  clock.pass(1);
  const [left] = cache.open();
  assertEquals([left!.durationMs, left!.selfMs, left!.openChildren], [8, 6, 0]);
  a.end();
  assertEquals(cache.open(), []);
  assertEquals([cache.get(a.id)!.durationMs, cache.get(a.id)!.selfMs], [8, 6]);
});

test("only those are listed that have been running for so long, or just that long", () => {
  const { cache, clock } = clocked();
  for (const name of ["a", "b", "c"]) {
    cache.start(name);
    clock.pass(10);
  }
  assertEquals(namesOf(cache.open()), ["a", "b", "c"]);
  assertEquals(namesOf(cache.open({ minMs: 20 })), ["a", "b"]);
  assertEquals(namesOf(cache.open({ minMs: 30.1 })), []);
  assertEquals(namesOf(cache.open({ minMs: Infinity })), []);
});

test("what runs is neither found nor paged, and get() knows only what has ended", () => {
  const cache = new SpanCache();
  const span = cache.start("a");
  assertEquals([cache.get(span.id), cache.page(), cache.find(), cache.size], [
    undefined,
    [],
    [],
    0,
  ]);
  assertEquals(cache.trace(span.id).roots.map(({ isOpen }) => isOpen), [true]);
  span.end();
  assertEquals(cache.get(span.id)?.name, "a");
});

test("what runs is listed whatever is cleared, and goes on", () => {
  const cache = new SpanCache();
  const span = cache.start("a", { x: 1 });
  cache.start("b").end();
  assertEquals([cache.clear(), namesOf(cache.open())], [1, ["a"]]);
  span.set("y", 2).end();
  assertEquals(cache.page()[0]!.fields, { x: 1, y: 2 });
});

test("a span that nobody ends is given up: it ends, marked, and makes room for others", () => {
  const { cache, clock } = clocked({ maxOpen: 2 });
  cache.start("forgotten");
  clock.pass(60_000);
  const fresh = cache.start("fresh");
  clock.pass(10);
  assertEquals(cache.start("refused").recording, false);
  assertEquals(cache.abandon({ minMs: 60_000 }), 1);
  const [record] = cache.page();
  assertEquals([record!.name, record!.abandoned, record!.durationMs, record!.status], [
    "forgotten",
    true,
    60_010,
    "unset",
  ]);
  assertEquals([fresh.recording, cache.start("taken").recording], [true, true]);
  const { open, opened, closed, abandoned, refused } = cache.stats();
  assertEquals([open, opened, closed, abandoned, refused.full], [2, 3, 1, 1, 1]);
  fresh.end();
  assertEquals(cache.get(fresh.id)?.abandoned, undefined);
});

test("giving up what does not run does nothing", () => {
  const { cache } = clocked();
  cache.start("a").end();
  assertEquals([cache.abandon(), cache.abandon({ minMs: Infinity })], [0, 0]);
  assertEquals([cache.stats().abandoned, cache.page()[0]!.abandoned], [0, undefined]);
});

test("children of a span that is given up go on, and end in it", () => {
  const { cache, clock } = clocked();
  const parent = cache.start("parent");
  clock.pass(100);
  const child = parent.start("child");
  clock.pass(10);
  assertEquals(cache.abandon({ minMs: 50 }), 1);
  clock.pass(10);
  child.end();
  assertEquals(
    cache.page().map(({ name, parentId, durationMs, selfMs }) => [
      name,
      parentId,
      durationMs,
      selfMs,
    ]),
    [["parent", undefined, 110, 100], ["child", parent.id, 20, 20]],
  );
});

test("a reader that waits gets what is given up", async () => {
  const cache = new SpanCache();
  const spans = cache.subscribe();
  cache.start("a");
  const next = spans.receive();
  cache.abandon();
  const { name, abandoned } = await next;
  assertEquals([name, abandoned], ["a", true]);
});

test("all that are given up at once end in the order in which they began, and each once", () => {
  const { cache, clock } = clocked({ capacity: 3, maxOpen: 5, maxBytes: 4_096 });
  for (const name of ["a", "b", "c", "d", "e"]) {
    cache.start(name, { name });
    clock.pass(1);
  }
  assertEquals(cache.abandon(), 5);
  assertEquals(cache.page().map(({ name, fields }) => [name, fields.name]), [
    ["c", "c"],
    ["d", "d"],
    ["e", "e"],
  ]);
  const { evicted, closed, open } = cache.stats();
  assertEquals([evicted, closed, open], [2, 5, 0]);
});

test("levels and chance count for what starts, not for what runs", () => {
  const cache = new SpanCache({ random: () => 0.5 });
  const span = cache.start("a");
  cache.level = "error";
  cache.chance = 0;
  span.set("x", 1).event("left out").event("kept", {}, { level: "error" });
  const child = span.start("child");
  const inner = span.start("inner", {}, { level: "error" });
  assertEquals([child.recording, inner.recording, cache.start("b").recording], [
    false,
    true,
    false,
  ]);
  inner.end();
  span.end();
  const record = cache.get(span.id)!;
  assertEquals([record.fields, record.events.map(({ name }) => name)], [{ x: 1 }, ["kept"]]);
  assertEquals(cache.stats().refused, { level: 2, chance: 0, full: 0, suppressed: 0, invalid: 0 });
  cache.level = "trace";
  assertEquals(cache.start("unlucky").recording, false);
  cache.chance = 0.5;
  assertEquals(cache.start("just not").recording, false);
  cache.chance = 0.51;
  assertEquals(cache.start("lucky").recording, true);
  assertEquals(cache.stats().refused, { level: 2, chance: 2, full: 0, suppressed: 0, invalid: 0 });
});

test("a chance that comes out as no number records nothing", () => {
  const cache = new SpanCache({ chance: 0.5, random: () => NaN });
  assertEquals([cache.start("a").recording, cache.stats().refused.chance], [false, 1]);
});
