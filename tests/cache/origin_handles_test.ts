import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Fields, Span } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { START_MS } from "../_hand_clock.ts";
import { settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { namesOf } from "./_origin_spans.ts";

// What no test of the original covers, and what we decided: handles, contexts, fields that trace themselves.

/** Everything that can be done with a handle. */
function useAll(span: Span): void {
  span.set("n", 2).event("late").fail("late").rename("late").succeed();
  span.link({ traceId: "1".repeat(32), spanId: "2".repeat(16) }).end();
}

test("cloned handles: the first end ends the span, and what comes later is counted and does nothing", () => {
  const { cache, clock } = clocked();
  const span = cache.start("span", { n: 1 });
  const clone = span;
  clock.pass(1);
  span.end();
  const before = cache.get(span.id);
  clock.pass(1);
  useAll(clone);
  assertEquals(cache.get(span.id), before);
  assertEquals([cache.stats().closed, cache.stats().stale, cache.stats().events], [1, 7, 0]);
});

// In the original, the handle is that of whichever span has the place now.
test("stale handles do nothing to the span that has their place now", () => {
  const { cache, clock } = clocked({ capacity: 1, maxOpen: 1, maxBytes: 4_096 });
  const stale: Span[] = [];
  for (let round = 0; round < 20; round++) {
    const span = cache.start(`round ${round}`, { n: 1 });
    for (const old of stale) useAll(old);
    assert(span.recording);
    clock.pass(1);
    span.end();
    stale.push(span);
  }
  const [last] = cache.page();
  assertEquals([last?.name, last?.fields, last?.status, last?.events], [
    "round 19",
    { n: 1 },
    "unset",
    [],
  ]);
  assertEquals(cache.stats().stale, 7 * 190);
  assertEquals(new Set(stale.map(({ id }) => id)).size, 20);
});

test("a parent that has ended is the parent, also when another span has its place", () => {
  const { cache } = clocked({ capacity: 1, maxOpen: 2, maxBytes: 4_096 });
  const parent = cache.start("parent");
  const { id, traceId } = parent;
  parent.end();
  const read = (): (string | undefined)[] => [cache.page()[0]?.parentId, cache.page()[0]?.traceId];
  cache.start("of one that is held", undefined, { parent }).end();
  assertEquals(read(), [id, traceId]);
  for (const name of ["a", "b", "c"]) cache.start(name).end();
  cache.start("of one that has gone", undefined, { parent }).end();
  assertEquals(read(), [id, traceId]);
  assertEquals([parent.id, parent.traceId], [id, traceId]);
});

test("handles of another cache have no place here, but their span is known", () => {
  const [one, other] = [clocked().cache, clocked().cache];
  const outer = one.start("outer");
  const inner = other.start("inner", undefined, { parent: outer });
  outer.end();
  assert(inner.recording);
  inner.end();
  assertEquals([other.page()[0]?.parentId, other.page()[0]?.traceId], [outer.id, outer.traceId]);
});

// In the original, a thread that goes from one cache to another hands out ids of the first in the second.
test("caches that are used in turn have ids of their own", () => {
  const caches = [clocked().cache, clocked().cache];
  const ids: string[] = [];
  for (let turn = 0; turn < 5_000; turn++) {
    const span = caches[turn % 2]!.start("span");
    ids.push(span.id);
    span.end();
  }
  assertEquals(new Set(ids).size, 5_000);
});

test("what the level leaves out is transparent: what is in it is in what is around it", () => {
  const { cache } = clocked({ level: "info" });
  const outer = cache.start("outer");
  outer.run(() => {
    cache.spanSync("detail", undefined, (detail) => {
      assertEquals([detail.recording, cache.current?.id, detail.traceId], [
        false,
        outer.id,
        outer.traceId,
      ]);
      cache.start("contextual").end();
      cache.start("explicit", undefined, { parent: detail }).end();
      detail.start("method").end();
    }, { level: "debug" });
  });
  outer.end();
  assertEquals(cache.page().map(({ name, parentId }) => [name, parentId]), [
    ["contextual", outer.id],
    ["explicit", outer.id],
    ["method", outer.id],
    ["outer", undefined],
  ]);
  assertEquals(cache.stats().refused, { level: 1, chance: 0, full: 0, suppressed: 0, invalid: 0 });
});

test("what the level leaves out is transparent: without anything around, what is in it begins a trace", () => {
  const { cache } = clocked({ level: "info" });
  cache.spanSync("detail", undefined, () => void cache.start("root").end(), { level: "trace" });
  assertEquals(cache.page().map(({ name, parentId }) => [name, parentId]), [["root", undefined]]);
});

test("the level can be changed while spans run: they go on, their events and children go by the new one", () => {
  const { cache } = clocked({ level: "debug" });
  const site = (level: "info" | "debug"): void => void cache.start(level, {}, { level }).end();
  const span = cache.start("span", undefined, { level: "debug" });
  span.event("before", {}, { level: "debug" });
  cache.level = "info";
  span.event("debug", {}, { level: "debug" }).event("info");
  span.run(() => {
    site("debug");
    site("info");
  });
  cache.level = "off";
  span.event("off", {}, { level: "error" });
  site("info");
  span.set("n", 1).end();
  cache.level = "debug";
  site("debug");
  assertEquals(namesOf(cache), ["info", "span", "debug"]);
  const record = cache.get(span.id)!;
  assertEquals([record.fields, record.events.map(({ name }) => name)], [{ n: 1 }, [
    "before",
    "info",
  ]]);
});

// The original keeps what is told to new consoles apart from what is in force.
test("the level and the chance that are read are those that are in force", () => {
  const { cache } = clocked({ level: "info", chance: 0.5, random: () => 0.3 });
  for (const level of ["off", "warn", "trace"] as const) {
    cache.level = level;
    assertEquals(cache.level, level);
  }
  cache.chance = 0.25;
  assertEquals([cache.chance, cache.start("span").recording], [0.25, false]);
  cache.chance = 0.75;
  assertEquals([cache.chance, cache.start("span").recording], [0.75, true]);
  assertThrows(() => cache.level = "loud" as "info", TypeError, "level must be one of");
  assertEquals(cache.level, "trace");
});

test("the chance concerns traces that begin, at any level, and nothing in one that has begun", () => {
  const { cache } = clocked({ chance: 1, random: () => 0.5 });
  const root = cache.start("root");
  cache.chance = 0;
  root.start("child").event("event").end();
  root.run(() => cache.start("contextual").end());
  assert(!cache.start("refused", undefined, { level: "error" }).recording);
  root.end();
  assertEquals(namesOf(cache), ["child", "contextual", "root"]);
  assertEquals(cache.stats().refused, { level: 0, chance: 1, full: 0, suppressed: 0, invalid: 0 });
});

// In the original, one exit too early takes the parent of whatever comes next.
test("contexts end with their call, so that no order of ends mixes up parents", async () => {
  const { cache } = clocked();
  const gates = ["a", "b", "c"].map(() => Promise.withResolvers<void>());
  const tasks = gates.map(({ promise }, index) => {
    const span = cache.start(`task ${index}`);
    return span.run(async () => {
      // What is around the call stays so after the end of the span.
      if (index === 1) span.end();
      await promise;
      cache.start(`in ${index}`).end();
      span.end();
    });
  });
  assertEquals(cache.current, undefined);
  for (const index of [1, 0, 2]) {
    gates[index]!.resolve();
    await settle();
  }
  await Promise.all(tasks);
  const byName = new Map(cache.page().map((span) => [span.name, span]));
  for (const index of [0, 1, 2]) {
    assertEquals(byName.get(`in ${index}`)?.parentId, byName.get(`task ${index}`)?.id);
  }
  assertEquals(cache.stats().stale, 1);
});

test("contexts end with their call: also with one that throws", async () => {
  const { cache } = clocked();
  const outer = cache.start("outer");
  outer.run(() => {
    const fail = (): never => {
      throw new Error("no");
    };
    for (const call of [() => cache.span("throws", fail), () => cache.spanSync("throws", fail)]) {
      assertThrows(call, Error, "no");
      assertEquals(cache.current?.id, outer.id);
    }
  });
  assertEquals(cache.current, undefined);
  await cache.span("rejects", () => Promise.reject(new Error("no"))).catch(() => {});
  assertEquals(cache.find({ failed: true }).map(({ name, message }) => [name, message]), [
    ["rejects", "no"],
    ["throws", "no"],
    ["throws", "no"],
  ]);
});

/** Fields with one that is made when it is asked for. */
function lazy(key: string, make: () => number): Fields {
  return Object.defineProperty({}, key, { get: make, enumerable: true });
}

// In the original, code that formats a field and traces stands still for ever.
test("fields that trace when they are read may do so", () => {
  const { cache } = clocked();
  const traced = (name: string) =>
    lazy("n", () => {
      cache.start(name).end();
      return 1;
    });
  const span = cache.start("span", traced("in start"));
  span.set(traced("in set")).event("event", traced("in event"));
  span.end();
  cache.record({ name: "record", startMs: START_MS, durationMs: 1, fields: traced("in record") });
  assertEquals(namesOf(cache), ["in start", "in set", "in event", "span", "in record", "record"]);
  const record = cache.get(span.id)!;
  assertEquals([record.fields, record.events[0]?.fields], [{ n: 1 }, { n: 1 }]);
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
});

test("fields that trace when they are read may do so: on the very span that gets them", () => {
  const { cache } = clocked();
  const span = cache.start("span");
  span.set(lazy("outer", () => {
    span.set("inner", 2).event("event");
    return 1;
  }));
  span.end();
  const { fields, events } = cache.get(span.id)!;
  assertEquals([fields.outer, fields.inner, events.length], [1, 2, 1]);
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
});

test("fields that trace when they are read may do so: even if they end the span that gets them", () => {
  const { cache } = clocked({ capacity: 1, maxOpen: 2, maxBytes: 4_096 });
  const span = cache.start("span", { a: "a text that needs more than one cell to stand in" });
  span.set(lazy("late", () => {
    span.end();
    cache.start("other", { own: 1 }).end();
    return 1;
  }));
  assertEquals(cache.page().map(({ name, fields }) => [name, fields]), [["other", { own: 1 }]]);
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
});

test("fields that trace when they are read may do so: no bound is passed while a span is recorded", () => {
  const { cache } = clocked({ capacity: 2, maxOpen: 1, maxBytes: 4_096 });
  const running = cache.start("running");
  cache.record({ name: "first", startMs: START_MS, durationMs: 1 });
  const fields = lazy("n", () => {
    running.end();
    cache.start("next");
    return 1;
  });
  cache.record({ name: "second", startMs: START_MS, durationMs: 1, fields });
  assertEquals(cache.open().map(({ name }) => name), ["next"]);
  assert(cache.size <= 2, `${cache.size} are held`);
  const { closed, recorded, held, evicted, cleared, opened, open } = cache.stats();
  assertEquals([closed + recorded, opened], [held + evicted + cleared, open + closed]);
});
