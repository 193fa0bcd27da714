import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { chromeTrace, SpanCache, type SpanRecord } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { START_MS } from "../_hand_clock.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";
import {
  around,
  type Arrow,
  arrowsOf,
  asWritten,
  eventsOf,
  inNanoseconds,
  type Slice,
  slicesOf,
  type TraceEvent,
} from "./_trace_format.ts";

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

const idOf = (number: number): string => number.toString(16).padStart(16, "0");

interface Forest {
  /** How many spans. */
  readonly size: number;
  /** Times are whole multiples of this, in milliseconds: the larger, the more of them are the same. */
  readonly grainMs: number;
  /** When the first one begins, at the earliest, in milliseconds since 1970. */
  readonly firstMs: number;
  /** The most that a span may begin after its parent, and last, in milliseconds. */
  readonly withinMs: number;
}

/** Spans in and beside each other, with some that outlive their parents, or begin before them, or have none here. */
function forest(random: Random, { size, grainMs, firstMs, withinMs }: Forest): SpanRecord[] {
  const grain = (ms: number): number => Math.round(ms / grainMs) * grainMs;
  const starts = [0];
  const ends = [0];
  const clock = { now: () => 0, wallNow: () => firstMs };
  const cache = new SpanCache({ capacity: size, clock });
  for (let i = 1; i <= size; i++) {
    const parent = random.pick([0, random.below(i), random.below(i), i - 1]);
    // Rarely before its parent, as when clocks differ.
    const afterMs = random.next() * withinMs - (random.below(10) === 0 ? withinMs / 2 : 0);
    const startMs = starts[i] = Math.max(0, grain(starts[parent]! + afterMs));
    // Often it ends when its parent does, if that is later.
    const durationMs = random.pick([
      0,
      grain(random.next() * withinMs),
      Math.max(0, ends[parent]! - startMs),
    ]);
    ends[i] = startMs + durationMs;
    cache.record({
      id: idOf(i),
      traceId: idOf(1).padStart(32, "0"),
      ...(parent === 0 ? {} : { parentId: random.below(20) === 0 ? idOf(999_999) : idOf(parent) }),
      name: `span ${i % 7}`,
      startMs: firstMs + startMs,
      durationMs,
      fields: { i },
      events: Array.from({ length: random.below(3) }, (_, event) => ({
        name: `event ${event}`,
        timeMs: firstMs + startMs + random.next() - 0.5,
        fields: { i },
      })),
    });
  }
  const spans = cache.page({ limit: Infinity });
  return spans.map((span) => ({ span, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ span }) => span);
}

/** Forests of every sort, one by one. */
function* forests(): Generator<{ seed: number; spans: SpanRecord[] }> {
  for (const seed of SEEDS) {
    const random = new Random(seed);
    // Whole milliseconds, whole microseconds, whole nanoseconds, and as a clock says it.
    for (const grainMs of [1, 1e-3, 1e-6, 2 ** -30]) {
      // Close to 1970 numbers have more digits behind the point.
      for (const [firstMs, withinMs] of [[START_MS, 2], [START_MS, 50], [0, 2]] as const) {
        const size = 1 + random.below(40);
        yield { seed, spans: forest(random, { size, grainMs, firstMs, withinMs }) };
      }
    }
  }
}

interface Drawn {
  readonly events: readonly TraceEvent[];
  readonly slices: readonly Slice[];
  readonly arrows: readonly Arrow[];
  readonly sliceOf: ReadonlyMap<string, Slice>;
}

/** Draws spans, and reads that as a viewer does, from its text. */
function draw(spans: readonly SpanRecord[], reading = asWritten): Drawn {
  const events = eventsOf(JSON.parse(JSON.stringify(chromeTrace(spans))));
  const slices = slicesOf(events, reading);
  const sliceOf = new Map(slices.map((slice) => [slice.event.args!.id as string, slice]));
  return { events, slices, arrows: arrowsOf(events), sliceOf };
}

function isWithin(inner: Slice, outer: Slice): boolean {
  for (let at = inner.around; at !== undefined; at = at.around) if (at === outer) return true;
  return false;
}

/** Spans whose parents are there, each with its parent. */
function pairs(spans: readonly SpanRecord[]): [SpanRecord, SpanRecord][] {
  const known = new Map(spans.map((span) => [span.id, span]));
  return spans.flatMap((span) => {
    const parent = known.get(span.parentId ?? "");
    return parent === undefined ? [] : [[span, parent]];
  });
}

test("Whatever is drawn is a trace by the description of its format, and each span is in it once", () => {
  for (const { seed, spans } of forests()) {
    const trace = chromeTrace(spans);
    const text = JSON.stringify(trace);
    const events = eventsOf(JSON.parse(text));
    const ids = events.filter(({ ph }) => ph === "X").map(({ args }) => args!.id as string);
    assertEquals(ids.toSorted(), spans.map(({ id }) => id).sort(), `seed ${seed}`);
    // What JSON does not have, it would have left out or made null of.
    assertEquals(JSON.stringify(JSON.parse(text)), text);
    const count = (phase: string): number => events.filter(({ ph }) => ph === phase).length;
    assertEquals(count("i"), spans.flatMap(({ events }) => events).length, `seed ${seed}`);
    const lines = new Set(events.filter(({ ph }) => ph === "X").map(({ tid }) => tid));
    const named = events.filter(({ name }) => name === "thread_name").map(({ tid }) => tid);
    assertEquals(named, [...lines].sort((a, b) => a - b), `seed ${seed}`);
  }
});

test("On each line slices are within each other or apart, by the very numbers that are written", () => {
  for (const { spans } of forests()) draw(spans, asWritten);
});

test("On each line slices are within each other or apart, in whole nanoseconds, as Perfetto reads them", () => {
  for (const { spans } of forests()) draw(spans, inNanoseconds);
});

test("Times are those of the spans, in microseconds since the trace begins", () => {
  for (const { seed, spans } of forests()) {
    const { startMs } = chromeTrace(spans).otherData;
    const events = eventsOf(chromeTrace(spans)).filter(({ ph }) => ph === "X");
    const known = new Map(spans.map((span) => [span.id, span]));
    for (const { ts, dur, args } of events) {
      const span = known.get(args!.id as string)!;
      // A millisecond since 1970 is known to a quarter of a microsecond, and some of these have to be made to fit.
      assertLess(Math.abs(ts - (span.startMs - startMs) * 1e3), 1.5, `seed ${seed}`);
      assertLess(Math.abs(dur! - span.durationMs * 1e3), 1.5, `seed ${seed}`);
    }
  }
});

test("An arrow leads from a line to another one, within the times of the parent, to the child", () => {
  let count = 0;
  for (const { seed, spans } of forests()) {
    const { arrows, slices, sliceOf } = draw(spans, () => ({ begin: 0, end: 0 }));
    const known = new Map(spans.map((span) => [span.id, span]));
    for (const { id, from, to } of arrows) {
      count++;
      const child = sliceOf.get(id)!.event;
      const parent = sliceOf.get(known.get(id)!.parentId!)!.event;
      assertEquals([to.tid, to.ts], [child.tid, child.ts], `seed ${seed}`);
      assertEquals(from.tid, parent.tid, `seed ${seed}`);
      assert(parent.ts <= from.ts && from.ts <= parent.ts + parent.dur! + 1e-3, `seed ${seed}`);
    }
    assertEquals(slices.length, spans.length);
  }
  assertLess(1_000, count);
});

test("A span is drawn within its parent, or an arrow leads to it, unless it began before that", () => {
  for (const { seed, spans } of forests()) {
    const { arrows, sliceOf } = draw(spans);
    const pointed = new Set(arrows.map(({ id }) => id));
    for (const [span, parent] of pairs(spans)) {
      if (span.startMs < parent.startMs) continue;
      const within = isWithin(sliceOf.get(span.id)!, sliceOf.get(parent.id)!);
      assert(within || pointed.has(span.id), `seed ${seed}: ${span.id} in ${parent.id}`);
    }
  }
});

test("An arrow begins at the parent and at nothing that is within it at that time", () => {
  for (const { seed, spans } of forests()) {
    const { events, arrows, slices, sliceOf } = draw(spans);
    const known = new Map(spans.map((span) => [span.id, span]));
    for (const { id, from } of arrows) {
      const parent = sliceOf.get(known.get(id)!.parentId!)!;
      const innermost = around(from, slices, events).at(-1)?.event.args;
      assertEquals(innermost?.id, parent.event.args!.id, `seed ${seed}: to ${id}`);
    }
  }
});

test("A span that has the very times of its parent is within it, whichever is given first", () => {
  const { cache, clock } = clocked();
  cache.spanSync("outer", () => cache.spanSync("middle", () => cache.spanSync("inner", () => {})));
  clock.pass(1);
  cache.spanSync("OUTER", () =>
    cache.spanSync("MIDDLE", () => {
      cache.spanSync("INNER", () => clock.pass(1));
    }));
  const spans = cache.page();
  for (const order of [spans, spans.toReversed()]) {
    const { slices, arrows } = draw(order);
    const stacks = slices.map((slice) => [slice.event.name, slice.around?.event.name]);
    assertEquals(stacks, [
      ["outer", undefined],
      ["middle", "outer"],
      ["inner", "middle"],
      ["OUTER", undefined],
      ["MIDDLE", "OUTER"],
      ["INNER", "MIDDLE"],
    ]);
    assertEquals(arrows, []);
  }
});

test("Functions that call each other are drawn on one line, however short they are", () => {
  const { cache, clock } = clocked();
  const random = new Random(1);
  // A few hundred nanoseconds: about what a millisecond since 1970 is rounded to.
  const pass = (): void => clock.pass(random.below(400) * 1e-6);
  for (let i = 0; i < 1_000; i++) {
    cache.spanSync("outer", () => {
      pass();
      cache.spanSync("middle", () => {
        pass();
        cache.spanSync("inner", pass);
        pass();
      });
      pass();
    });
    pass();
  }
  const { slices } = draw(cache.page({ limit: Infinity }));
  assertEquals([...new Set(slices.map(({ event }) => event.tid))], [1]);
  assertEquals(slices.filter(({ around }) => around === undefined).length, 1_000);
});

test("What was going on at the same time stands on as many lines, what came after on one of them", () => {
  const { cache, clock } = clocked();
  const open = Array.from({ length: 3_000 }, (_, i) => cache.start(`at once ${i}`));
  clock.pass(1);
  for (const span of open) span.end();
  cache.start("after").end();
  const { slices } = draw(cache.page({ limit: Infinity }));
  assertEquals(new Set(slices.map(({ event }) => event.tid)).size, 3_000);
});

test("Children that run at the same time get lines of their own, and arrows from their parent", () => {
  const { cache, clock } = clocked();
  const parent = cache.start("parent");
  clock.pass(1);
  const [first, second] = [parent.start("first"), parent.start("second")];
  clock.pass(1);
  parent.end();
  clock.pass(1);
  for (const child of [first, second]) child.end();
  const { slices, arrows } = draw(cache.page());
  // Both outlive it, so that neither can stand within it.
  assertEquals(slices.map(({ event }) => [event.name, event.tid]), [
    ["parent", 1],
    ["first", 2],
    ["second", 3],
  ]);
  const ends = arrows.map(({ from, to }) => [from.tid, from.ts, to.tid, to.ts]);
  assertEquals(ends.sort(([, , a], [, , b]) => a! - b!), [
    [1, 1_000, 2, 1_000],
    [1, 1_000, 3, 1_000],
  ]);
});

test("A child that begins after its parent has ended gets an arrow, also on the same line", () => {
  const { cache, clock } = clocked();
  const parent = cache.start("parent");
  clock.pass(1);
  parent.end();
  clock.pass(1);
  const late = parent.start("late");
  clock.pass(1);
  late.end();
  const { arrows } = draw(cache.page());
  assertEquals(arrows.map(({ to }) => to.ts), [2_000]);
});

test("Fields are kept, whatever they are called", () => {
  const { cache } = clocked();
  const names = ["id", "traceId", "parentId", "level", "status", "message", "selfMs", "abandoned"];
  const fields = Object.fromEntries(names.map((name) => [name, `my ${name}`]));
  cache.start("span", fields).end();
  const { slices: [slice] } = draw(cache.page());
  const text = JSON.stringify(slice!.event.args);
  assertEquals(names.filter((name) => !text.includes(`"my ${name}"`)), []);
});

test("Numbers that JSON does not have are kept as texts", () => {
  const { cache } = clocked();
  const fields = { nan: NaN, more: Infinity, less: -Infinity };
  cache.start("span", fields).event("event", fields).end();
  const { events } = draw(cache.page());
  for (const { args } of events.filter(({ ph }) => ph !== "M")) {
    const text = JSON.stringify(args);
    for (const value of ["NaN", "Infinity", "-Infinity"]) assertStringIncludes(text, `"${value}"`);
  }
});

test("Spans with any times that a cache takes make a trace", () => {
  const { cache } = clocked();
  const times = [-1e15, -1, 0, 1.5, START_MS, 1e15, 1e300, Number.MAX_VALUE];
  for (const startMs of times) {
    for (const durationMs of [0, 1, 1e15, 1e300, Number.MAX_VALUE]) {
      try {
        cache.record({ name: "odd", startMs, durationMs });
      } catch (error) {
        // It may refuse those that it cannot keep.
        assert(error instanceof RangeError);
      }
    }
  }
  const spans = cache.page();
  assertLess(0, spans.length);
  for (const span of spans) draw([span]);
  draw(spans);
});

test("Spans that claim to be within each other, and twice the same one, are drawn once", () => {
  const { cache } = clocked();
  const of = (id: number, parentId: number): void => {
    const span = { name: `${id}`, startMs: START_MS, durationMs: 1 };
    cache.record({ ...span, id: idOf(id), parentId: idOf(parentId) });
  };
  of(1, 2);
  of(2, 1);
  const spans = cache.page();
  // A cache takes none that is in itself, but others may.
  spans.push({ ...spans[0]!, id: idOf(3), parentId: idOf(3) });
  assertEquals(draw(spans).slices.length, 3);
  assertEquals(draw([...spans, spans[0]!]).slices.length, 3);
});

test("Without spans a trace has the name of its process, and nothing else", () => {
  const [name, ...others] = eventsOf(chromeTrace([], { processName: "shop", pid: 7 }));
  assertEquals([name?.args, name?.pid, others], [{ name: "shop" }, 7, []]);
});
