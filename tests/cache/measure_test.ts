import { assertEquals, assertThrows } from "@std/assert";
import { type MeasureLike, recordMeasure, SpanCache } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { clocked } from "./_clocked.ts";

/** A measure, and nothing of it left in the platform's own list. */
function measure(detail?: unknown, start = 1.5, end = 4): PerformanceMeasure {
  const made = performance.measure("weir test", { start, end, detail });
  performance.clearMeasures("weir test");
  return made;
}

test("recordMeasure() records what was measured, with its times", () => {
  const { cache } = clocked();
  assertEquals(recordMeasure(cache, measure()), true);
  const [span] = cache.page();
  assertEquals([span?.name, span?.durationMs, span?.status], ["weir test", 2.5, "unset"]);
  // A millisecond since 1970 has no more than a few digits behind the point.
  assertEquals(Math.round(span!.startMs * 1e3), Math.round((performance.timeOrigin + 1.5) * 1e3));
  assertEquals(span?.fields, {});
});

test("recordMeasure() takes the fields of a detail, and leaves out what is none", () => {
  const { cache } = clocked();
  const detail = { text: "a", whole: 7, yes: true, none: null, big: 7n, more: { a: 1 }, list: [1] };
  recordMeasure(cache, measure(detail));
  assertEquals(cache.page()[0]?.fields, { text: "a", whole: 7, yes: true, big: 7 });
  assertEquals(cache.stats().droppedFields.type, 2);
});

test("recordMeasure() takes a measure with any detail", () => {
  const { cache } = clocked();
  const details = [
    null,
    undefined,
    "text",
    7,
    NaN,
    true,
    7n,
    new Date(0),
    new Map([[1, 2]]),
    new Uint8Array(0),
    new Error("x"),
    /x/,
    Object.create(null),
  ];
  for (const detail of details) assertEquals(recordMeasure(cache, measure(detail)), true);
  assertEquals(cache.size, details.length);
  assertEquals(cache.page({ limit: Infinity }).filter(({ name }) => name !== "weir test"), []);
});

test("recordMeasure() takes a detail that cannot be read for none", () => {
  const { cache } = clocked();
  const fail = (): never => {
    throw new Error("unreadable");
  };
  const detail = Object.defineProperty({}, "bad", { get: fail, enumerable: true });
  const hidden = new Proxy({}, { ownKeys: fail, get: fail });
  for (const odd of [detail, hidden, () => 1]) {
    const like: MeasureLike = { name: "odd", startTime: 0, duration: 1, detail: odd };
    assertEquals(recordMeasure(cache, like), true);
  }
  assertEquals(cache.page().map(({ fields }) => fields), [{}, {}, {}]);
});

test("recordMeasure() records in the span around the call", async () => {
  const cache = new SpanCache();
  await cache.span("outer", async () => {
    await undefined;
    recordMeasure(cache, measure());
  });
  recordMeasure(cache, measure());
  const [inside, outer, outside] = cache.page();
  assertEquals([inside?.parentId, inside?.traceId], [outer?.id, outer?.traceId]);
  assertEquals(outside?.parentId, undefined);
});

test("recordMeasure() records a measure that ends before it begins, which took no time", () => {
  const { cache } = clocked();
  // The platform makes such measures of two marks in the wrong order.
  const backwards = measure(undefined, 20, 10);
  assertEquals(backwards.duration, -10);
  assertEquals(recordMeasure(cache, backwards), true);
  assertEquals(cache.page()[0]?.durationMs, 0);
});

test("recordMeasure() refuses what is no measure", () => {
  const { cache } = clocked();
  const like = { name: "a", startTime: 0, duration: 1 };
  const bad = (part: object): MeasureLike => ({ ...like, ...part }) as MeasureLike;
  assertThrows(() => recordMeasure(cache, bad({ name: 7 })), TypeError, "Cannot record span");
  for (const number of [NaN, Infinity, "1", undefined]) {
    assertThrows(() => recordMeasure(cache, bad({ startTime: number })), RangeError);
    assertThrows(() => recordMeasure(cache, bad({ duration: number })), RangeError);
  }
  assertThrows(() => recordMeasure(cache, undefined as never), TypeError);
  assertEquals(cache.size, 0);
});

test("Measures that an observer gets are recorded, whoever has made them", async () => {
  const { cache } = clocked();
  const got = Promise.withResolvers<void>();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByType("measure")) {
      recordMeasure(cache, entry as PerformanceMeasure);
    }
    if (cache.size >= 2) got.resolve();
  });
  observer.observe({ entryTypes: ["measure"] });
  try {
    measure({ rows: 3 });
    measure({ rows: 4 });
    await got.promise;
  } finally {
    observer.disconnect();
  }
  assertEquals(cache.page().map(({ fields }) => fields), [{ rows: 3 }, { rows: 4 }]);
});
