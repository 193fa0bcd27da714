import { assert, assertEquals, assertExists, assertNotEquals } from "@std/assert";
import {
  chromeTrace,
  extractContext,
  feedSpans,
  foldedStacks,
  formatTraceparent,
  injectContext,
  otelSpanProcessor,
  otlpJson,
  parseTraceparent,
  recordMeasure,
  Span,
  SpanCache,
  SpanDriver,
  type SpanRecord,
  SpanSubscription,
  traceHandler,
} from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { namesOf } from "./_origin_spans.ts";

// Cases of the original's cache, by their names.

test("basic_span_creation_and_retrieval", () => {
  const { cache } = clocked();
  const stream = cache.subscribe();
  const span = cache.start("root", { user: "ada" });
  span.end();
  const next = stream.tryReceive();
  assert(next.state === "ok");
  for (const record of [next.value, cache.get(span.id)]) {
    assertEquals([record?.id, record?.name, record?.fields], [span.id, "root", { user: "ada" }]);
    assertEquals(record?.parentId, undefined);
  }
});

test("closed_at_set_after_drop", () => {
  const { cache, clock } = clocked();
  let id: string;
  {
    using span = cache.start("scoped");
    id = span.id;
    clock.pass(3);
    assertEquals(cache.get(id), undefined);
  }
  clock.pass(100);
  const record = cache.get(id);
  assertEquals([record?.startMs, record?.durationMs], [START_MS, 3]);
});

test("child_of_disabled_is_disabled: one that chance has refused, with all that is in it", () => {
  const { cache } = clocked({ chance: 0 });
  const root = cache.start("root");
  const child = root.run(() => cache.start("child"));
  const grandchild = child.start("grandchild");
  assertEquals([root, child, grandchild].map(({ recording }) => recording), [false, false, false]);
  cache.chance = 1;
  root.run(() => cache.start("later").event("event").end());
  for (const span of [grandchild, child, root]) span.set("n", 1).end();
  assertEquals([cache.size, cache.stats().stale], [0, 0]);
  assertEquals(cache.stats().refused, { level: 0, chance: 1, full: 0, suppressed: 3, invalid: 0 });
});

test("contextual_span_with_empty_stack_is_disabled: it begins a trace", () => {
  const { cache } = clocked();
  assertEquals(cache.current, undefined);
  const [first, second] = [cache.start("first"), cache.start("second")];
  assert(first.recording && second.recording);
  assertNotEquals(first.traceId, second.traceId);
  first.end();
  second.end();
  assertEquals(cache.page().map(({ parentId }) => parentId), [undefined, undefined]);
});

test("root_span_with_active_stack_is_disabled: it begins a trace of its own", () => {
  const { cache } = clocked();
  cache.spanSync("outer", (outer) => {
    const root = cache.start("root", undefined, { parent: null });
    assert(root.recording);
    assertNotEquals(root.traceId, outer.traceId);
    root.run(() => cache.start("in root").end());
    cache.start("in outer").end();
    root.end();
  });
  const byName = new Map(cache.page().map((span) => [span.name, span]));
  const parentOf = (name: string): string | undefined => {
    const { parentId } = byName.get(name)!;
    return cache.page().find(({ id }) => id === parentId)?.name;
  };
  assertEquals(["root", "in root", "in outer"].map(parentOf), [undefined, "root", "outer"]);
});

// The original refuses a root inside of one that was not sampled as well.
test("root_span_with_active_stack_is_disabled: nor is one inside of what chance has refused", () => {
  const rolls = [0.9, 0.1];
  const { cache } = clocked({ chance: 0.5, random: () => rolls.shift()! });
  cache.spanSync("refused", () => cache.start("root", undefined, { parent: null }).end());
  assertEquals(namesOf(cache), ["root"]);
});

test("eviction_full_of_open_spans_returns_disabled", () => {
  const { cache } = clocked({ capacity: 8, maxOpen: 2 });
  const [first, second, third] = ["first", "second", "third"].map((name) => cache.start(name));
  assertEquals([first, second, third].map((span) => span!.recording), [true, true, false]);
  third!.run(() => cache.start("in third").end());
  assertEquals(cache.open().map(({ name }) => name), ["first", "second"]);
  first!.end();
  cache.start("fourth").end();
  assertEquals(namesOf(cache), ["first", "fourth"]);
  const { full, suppressed } = cache.stats().refused;
  assertEquals([full, suppressed], [1, 1]);
});

// A thread of the original has a part of the capacity, by default a sixteenth.
test("custom_lane_count_is_respected: there are no lanes, and a thread has all the room there is", () => {
  const { cache } = clocked({ capacity: 64, maxOpen: 64 });
  const spans = Array.from({ length: 65 }, (_, number) => cache.start(`${number}`));
  assertEquals(spans.filter(({ recording }) => recording).length, 64);
});

test("separate_threads_get_distinct_keys: caches have ids of their own, as each thread has its cache", () => {
  const caches = Array.from({ length: 8 }, () => clocked().cache);
  const spans = Array.from({ length: 40 }, (_, number) => caches[number % 8]!.start(`${number}`));
  assertEquals(new Set(spans.map(({ id }) => id)).size, 40);
  assertEquals(new Set(spans.map(({ traceId }) => traceId)).size, 40);
  for (const span of spans) span.end();
  const { cache: all } = clocked();
  for (const cache of caches) for (const span of cache.page()) assert(all.record(span));
  assertEquals([all.size, all.stats().duplicates], [40, 0]);
});

test("subscribe_yields_closed_spans_in_commit_order", async () => {
  const { cache } = clocked();
  const stream = cache.subscribe();
  const ids: string[] = [];
  for (let number = 0; number < 5; number++) {
    const span = cache.start(`${number}`);
    ids.push(span.id);
    span.end();
  }
  const received = await stream.receiveBatch(Infinity);
  assertEquals(received.map(({ id }) => id), ids);
  assertEquals(received.map(({ name }) => name), ["0", "1", "2", "3", "4"]);
  assertEquals(received.map(({ seq }) => seq), [1, 2, 3, 4, 5]);
});

test("subscribe_yields_closed_spans_in_commit_order: that is by when they ended", () => {
  const { cache } = clocked();
  const spans = ["a", "b", "c"].map((name) => cache.start(name));
  const stream = cache.subscribe();
  for (const span of spans.reverse()) span.end();
  const names = [stream.tryReceive(), stream.tryReceive(), stream.tryReceive()];
  assertEquals(names.map((next) => next.state === "ok" && next.value.name), ["c", "b", "a"]);
});

test("event_attached_to_current_span", () => {
  const { cache, clock } = clocked();
  cache.spanSync("span", () => {
    clock.pass(2);
    cache.current?.event("cache miss", { key: "k" }, { level: "warn" });
  });
  assertEquals(cache.page()[0]?.events, [
    { name: "cache miss", timeMs: START_MS + 2, level: "warn", fields: { key: "k" } },
  ]);
});

test("event_dropped_with_no_active_span", () => {
  const { cache } = clocked();
  cache.current?.event("nobody's");
  const event = { name: "nobody's", timeMs: START_MS };
  assertEquals(cache.addEvent("00f067aa0ba902b7", event), "unknown");
  assertEquals([cache.size, cache.lastSeq, cache.stats().events, cache.stats().bytes], [
    0,
    0,
    0,
    0,
  ]);
});

test("field_capture", () => {
  const { cache } = clocked();
  cache.start("span", { text: "hello", number: 42, flag: true }).end();
  const { fields } = cache.page()[0]!;
  assertEquals(fields, { text: "hello", number: 42, flag: true });
  assertEquals(Object.values(fields).map(String), ["hello", "42", "true"]);
});

test("record_updates_span_fields_after_creation", () => {
  const { cache } = clocked();
  const span = cache.start("span", { status: undefined, method: "GET", path: "/" });
  assertEquals(cache.open()[0]?.fields, { method: "GET", path: "/" });
  span.set("status", 200);
  // A field that is there keeps its place.
  span.set({ method: "HEAD" });
  span.end();
  span.set("status", 500);
  assertEquals(Object.entries(cache.page()[0]!.fields), [
    ["method", "HEAD"],
    ["path", "/"],
    ["status", 200],
  ]);
  assertEquals(cache.stats().stale, 1);
});

test("multiple_events_recorded_in_order", () => {
  const { cache, clock } = clocked();
  const span = cache.start("span");
  for (const name of ["one", "two", "three"]) {
    span.event(name, name === "two" ? { extra: 7 } : undefined);
    if (name === "one") clock.pass(1);
  }
  span.end();
  const { events } = cache.page()[0]!;
  assertEquals(events.map(({ name, timeMs, fields }) => [name, timeMs - START_MS, fields]), [
    ["one", 0, {}],
    ["two", 1, { extra: 7 }],
    ["three", 1, {}],
  ]);
});

test("sibling_spans_share_parent_actual_id", () => {
  const { cache } = clocked();
  const root = cache.start("root");
  root.run(() => {
    for (const name of ["a", "b", "c"]) cache.spanSync(name, () => {});
  });
  root.end();
  const children = cache.find({ name: ["a", "b", "c"] });
  assertEquals(children.map(({ parentId }) => parentId), [root.id, root.id, root.id]);
  assertEquals(new Set(children.map(({ id }) => id)).size, 3);
});

test("level_predicate_filters_below_threshold", () => {
  const { cache } = clocked({ level: "info" });
  const levels = ["info", "error", "debug"] as const;
  const spans = levels.map((level) => cache.start(level, undefined, { level }));
  assertEquals(spans.map(({ recording }) => recording), [true, true, false]);
  assertEquals(levels.map((level) => cache.enabled(level)), [true, true, false]);
  for (const span of spans) span.end();
  assertEquals([namesOf(cache), cache.stats().refused.level], [["info", "error"], 1]);
});

test("api_handler_lifecycle", async () => {
  const { cache, clock } = clocked();
  await cache.span("request", { path: "/users/7", status: undefined }, async (request) => {
    await cache.span("authorize", async (span) => {
      await undefined;
      clock.pass(1);
      span.event("token ok");
    });
    await cache.span("load", { id: 7 }, async () => {
      cache.current?.event("cache miss", { key: "user:7" });
      await undefined;
      clock.pass(4);
      cache.current?.event("row read");
    });
    request.set("status", 200);
  });

  const [authorize, load, request, ...rest] = cache.page();
  assertEquals(rest, []);
  const named = (span: SpanRecord | undefined) => [span?.name, span?.fields, span?.durationMs];
  assertEquals(named(request), ["request", { path: "/users/7", status: 200 }, 5]);
  assertEquals(named(authorize), ["authorize", {}, 1]);
  assertEquals(named(load), ["load", { id: 7 }, 4]);
  assertEquals([request?.parentId, authorize?.parentId, load?.parentId], [
    undefined,
    request?.id,
    request?.id,
  ]);
  assertEquals([request, authorize, load].map((span) => span?.events.map(({ name }) => name)), [
    [],
    ["token ok"],
    ["cache miss", "row read"],
  ]);
  assertEquals(request?.selfMs, 0);
});

// Types are held to the list of public names by the test of the surface; this uses what is there.
test("public_api_reexports_are_reachable", async () => {
  const cache = new SpanCache();
  const handler = traceHandler(cache, (request) => {
    const headers = new Headers();
    injectContext(headers, cache.current);
    const context = extractContext(headers)!;
    assertEquals(formatTraceparent(context), cache.current?.traceparent);
    assertEquals(parseTraceparent(formatTraceparent(context))?.spanId, cache.current?.id);
    assert(cache.current instanceof Span);
    return new Response(request.url);
  });
  const stream = cache.subscribe();
  assert(stream instanceof SpanSubscription);
  await handler(new Request("http://localhost/a"));
  recordMeasure(cache, { name: "measure", startTime: 1, duration: 2 });
  using driver = new SpanDriver(cache);
  assertEquals(driver.drain(), 0);
  using feed = feedSpans(cache, () => {});
  assertEquals(feed.stats().sent, 0);
  assertExists(otelSpanProcessor(cache).onEnd);
  const spans = cache.page();
  assertEquals(chromeTrace(spans).traceEvents.filter(({ ph }) => ph === "X").length, 2);
  assert(foldedStacks(spans).includes("measure"));
  assertEquals(otlpJson(spans).resourceSpans.length, 1);
});

test("async_instrumented_tasks_with_overlapping_spans", async () => {
  const { cache, clock } = clocked();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const work = (task: number): Promise<void> =>
    cache.span(`task ${task}`, async () => {
      await cache.span(`child of ${task}`, () => gates[task]!.promise);
      await undefined;
    });
  const first = work(0);
  clock.pass(1);
  const second = work(1);
  clock.pass(1);
  await settle();
  assertEquals(cache.open().length, 4);
  // The one that began first ends first, while the other one is under way.
  gates[0]!.resolve();
  await first;
  clock.pass(1);
  gates[1]!.resolve();
  await second;

  const byName = new Map(cache.page().map((span) => [span.name, span]));
  assertEquals([...byName.keys()], ["child of 0", "task 0", "child of 1", "task 1"]);
  for (const task of [0, 1]) {
    const [root, child] = [byName.get(`task ${task}`)!, byName.get(`child of ${task}`)!];
    assertEquals([child.parentId, child.traceId], [root.id, root.traceId]);
  }
  const times = ["task 0", "task 1"].map((name) => {
    const { startMs, durationMs } = byName.get(name)!;
    return [startMs - START_MS, startMs - START_MS + durationMs];
  });
  assertEquals(times, [[0, 2], [1, 3]]);
  assertEquals([cache.stats().open, cache.current], [0, undefined]);
});
