import { assert, assertEquals } from "@std/assert";
import { test } from "../_harness.ts";
import { START_MS } from "../_hand_clock.ts";
import { clocked } from "./_clocked.ts";
import { idOf, namesOf, rowOf, selvesOf, spanOf } from "./_origin_spans.ts";

// Cases of the original's console that are about what is held rather than how it is shown, by their names.

test("span_received_appears_as_root_row", () => {
  const { cache } = clocked();
  const span = cache.start("root");
  span.end();
  const { roots, size } = cache.trace(span.traceId);
  assertEquals(size, 1);
  assertEquals(
    roots.map((node) => [node.span.name, node.isOpen, node.isOrphan, node.children.length]),
    [["root", false, false, 0]],
  );
});

// The original does not show the child, but sums it up; here it is held, and found everywhere.
test("span_with_evicted_parent_is_dropped: it is held, and known to lack its parent", () => {
  const { cache } = clocked({ capacity: 1, evict: "oldest-closed" });
  cache.record(spanOf(1, { name: "root", ms: 10 }));
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 4 }));
  assertEquals([namesOf(cache), selvesOf(cache)], [["child"], { child: 4 }]);
  const child = cache.get(idOf(2))!;
  assertEquals(child.parentId, idOf(1));
  const { roots } = cache.trace(child.id);
  assertEquals(roots.map(({ span, isOrphan }) => [span.name, isOrphan]), [["child", true]]);
  assertEquals(cache.get(idOf(1)), undefined);
});

test("splits_separate_buckets", () => {
  const { cache } = clocked();
  for (const status of [200, 500]) cache.start("request", { status }).end();
  assertEquals(cache.aggregate().map(({ count }) => count), [2]);
  const rows = cache.aggregate({ by: "status" }).map(({ group, count }) => [group, count]);
  assertEquals(rows.sort(), [["200", 1], ["500", 1]]);
});

test("split_inherits_from_ancestor: from the nearest one that has it", () => {
  const { cache } = clocked();
  cache.spanSync("request", { tenant: "a" }, () => {
    cache.spanSync("load", () => {
      cache.start("query").end();
      cache.start("query", { tenant: "b" }).end();
    });
  });
  cache.start("query").end();
  const rows = cache.aggregate({ by: "tenant" }).map(({ name, group }) => `${name} ${group}`);
  assertEquals(rows.sort(), [
    "load a",
    "query a",
    "query b",
    "query undefined",
    "request a",
  ]);
});

test("updates_round_trip_through_json: what was read can be recorded elsewhere, and reads the same", () => {
  const { cache, clock } = clocked();
  const root = cache.start("root", { n: 1, text: "ü", flag: false }, { kind: "server" });
  clock.pass(1);
  root.run(() => cache.start("child", undefined, { level: "warn", links: [root] })).end();
  root.event("event", { n: 2 }, { level: "error" }).fail("why");
  clock.pass(2);
  root.end();
  const { cache: other } = clocked();
  for (const span of cache.page()) assert(other.record(JSON.parse(JSON.stringify(span))));
  assertEquals(other.page(), cache.page());
});

test("graph_series_summary_aggregates_per_series", () => {
  const { cache } = clocked();
  for (const ms of [100, 500]) {
    cache.record(spanOf(ms, { name: "request", ms, fields: { route: "a" } }));
  }
  cache.record(spanOf(7, { name: "request", ms: 7, fields: { route: "b" } }));
  const rows = cache.aggregate({ by: "route" });
  assertEquals(
    rows.map(({ group, count, minMs, maxMs, meanMs }) => [group, count, minMs, maxMs, meanMs]),
    [["a", 2, 100, 500, 300], ["b", 1, 7, 7, 7]],
  );
});

// The original takes the first 4,096 samples of a bin for all of them.
test("graph_percentile_via_series_summary_last: of all that are held, within 1 in 64", () => {
  const { cache } = clocked({ capacity: 6_000 });
  for (let number = 1; number <= 6_000; number++) {
    // Those that come first are short.
    cache.record(spanOf(number, { name: "request", ms: number }));
  }
  const { p50Ms, p95Ms, p99Ms, maxMs } = rowOf(cache, "request")!;
  for (const [found, exact] of [[p50Ms, 3_000], [p95Ms, 5_700], [p99Ms, 5_940]] as const) {
    assert(Math.abs(found - exact) <= exact / 64, `${found}, not ${exact}`);
  }
  assertEquals(maxMs, 6_000);
});

test("graph_self_time_metric_subtracts_child_total", () => {
  const { cache } = clocked();
  cache.record(spanOf(1, { name: "root", ms: 1_000 }));
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 300 }));
  assertEquals([cache.get(idOf(1))?.selfMs, rowOf(cache, "root")?.selfMs], [700, 700]);
});

// The original subtracts both, down to nothing.
test("graph_self_time_metric_subtracts_child_total: children that run at once are counted once", () => {
  const { cache, clock } = clocked();
  const root = cache.start("root");
  clock.pass(10);
  const [first, second] = [root.start("child"), root.start("child")];
  clock.pass(30);
  first.end();
  clock.pass(20);
  second.end();
  clock.pass(5);
  root.end();
  assertEquals([cache.get(root.id)?.durationMs, cache.get(root.id)?.selfMs], [65, 15]);
  assertEquals(rowOf(cache, "child")?.totalMs, 80);
});

test("explore_search_filters_by_field_value", () => {
  const { cache } = clocked();
  for (const user of ["ada", "bob", "eve"]) cache.start("request", { user }).end();
  assertEquals(cache.find({ fields: { user: "bob" } }).length, 1);
  const query = "b".toLowerCase();
  const found = cache.find({
    where: ({ fields }) =>
      Object.values(fields).some((value) => String(value).toLowerCase().includes(query)),
  });
  assertEquals(found.map(({ fields }) => fields.user), ["bob"]);
});

test("explore_open_trace_swaps_to_trace_detail_keeping_explore_state: a trace is found by any span of it", () => {
  const { cache } = clocked();
  const ids: string[] = [];
  cache.spanSync("root", (root) => {
    ids.push(root.id);
    cache.spanSync("child", () => {
      const leaf = cache.start("leaf");
      ids.push(leaf.id);
      leaf.end();
    });
  });
  cache.start("another trace").end();
  for (const id of ids) {
    const { roots, size } = cache.trace(id);
    assertEquals([size, roots.length], [3, 1]);
    const [root] = roots;
    assertEquals([
      root?.span.name,
      root?.children[0]?.span.name,
      root?.children[0]?.children[0]?.span.name,
    ], ["root", "child", "leaf"]);
  }
});

test("explore_default_sort_orders_newest_span_first", () => {
  const { cache } = clocked();
  for (const number of [10, 11, 12]) cache.record(spanOf(number));
  assertEquals(cache.find().map(({ id }) => id), [12, 11, 10].map(idOf));
});

test("explore_sort_cycle_walks_time_latency_then_field_columns: by time or by how long they took", () => {
  const { cache } = clocked();
  for (const [number, ms] of [[10, 5], [11, 9], [12, 1]] as const) {
    cache.record(spanOf(number, { ms }));
  }
  assertEquals(cache.find({ order: "slowest" }).map(({ id }) => id), [11, 10, 12].map(idOf));
  assertEquals(cache.find({ order: "slowest", limit: 1 }).map(({ id }) => id), [idOf(11)]);
  assertEquals(cache.find({ order: "newest", limit: 1 }).map(({ id }) => id), [idOf(12)]);
});

test("graph_records_sub_span_when_parent_arrives_after_child", () => {
  const { cache } = clocked();
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 4 }));
  cache.record(spanOf(1, { name: "root", ms: 10 }));
  assertEquals(rowOf(cache, "child")?.count, 1);
  assertEquals(selvesOf(cache), { child: 4, root: 6 });
});

// In the original, a sample that is older than the first bin makes the arithmetic of bins go below zero.
test("a sample that comes late is summed up like any other, and found by its time", () => {
  const { cache } = clocked();
  cache.record(spanOf(1, { name: "request", at: 60_000, ms: 10 }));
  cache.record(spanOf(2, { name: "request", at: 0, ms: 20 }));
  cache.record(spanOf(3, { name: "request", at: -86_400_000, ms: 30 }));
  const { count, totalMs, minMs, maxMs } = rowOf(cache, "request")!;
  assertEquals([count, totalMs, minMs, maxMs], [3, 60, 10, 30]);
  const early = cache.find({ until: START_MS + 1_000 });
  assertEquals(early.map(({ id }) => id), [3, 2].map(idOf));
});
