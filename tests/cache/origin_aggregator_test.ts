import { assert, assertEquals } from "@std/assert";
import type { SpanAggregate } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";
import { Reference, type ReferenceRow, shuffled, workload } from "./_origin_reference.ts";
import { idOf, namesOf, rowOf, selvesOf, spanOf } from "./_origin_spans.ts";

// Cases of the original's aggregator, by their names. It sums up by the stack of names, this by the name.

test("single_root_then_child_self_ns_decreases_on_child_arrival", () => {
  const { cache } = clocked();
  cache.record(spanOf(1, { name: "root", ms: 100 }));
  assertEquals(selvesOf(cache), { root: 100 });
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 30 }));
  assertEquals(selvesOf(cache), { root: 70, child: 30 });
  assertEquals([rowOf(cache, "root")?.totalMs, cache.get(idOf(1))?.selfMs], [100, 70]);
});

test("child_before_parent_pending_drained: it is held at once, and what it took waits for the parent", () => {
  const { cache } = clocked();
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 30 }));
  assertEquals(selvesOf(cache), { child: 30 });
  cache.record(spanOf(1, { name: "root", ms: 100 }));
  assertEquals(selvesOf(cache), { root: 70, child: 30 });
});

test("deep_chain_arrives_leaf_first", () => {
  const { cache } = clocked();
  cache.record(spanOf(3, { name: "grandchild", parent: 2, ms: 10 }));
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 40 }));
  cache.record(spanOf(1, { name: "root", ms: 100 }));
  assertEquals(selvesOf(cache), { grandchild: 10, child: 30, root: 60 });
});

test("pending_overflow_evicts_lowest_parent_id: who waits longest is forgotten, and no span is", () => {
  const { cache } = clocked({ capacity: 16 });
  // A quarter of the capacity may wait.
  const parents = [104, 103, 102, 101, 100];
  parents.forEach((parent, index) => cache.record(spanOf(index + 1, { name: "child", parent })));
  for (const parent of parents) cache.record(spanOf(parent, { name: `${parent}`, ms: 10 }));
  assertEquals(selvesOf(cache), { child: 5, 104: 10, 103: 9, 102: 9, 101: 9, 100: 9 });
  assertEquals([cache.size, cache.stats().evicted], [10, 0]);
});

// The original gives the time back, though its test does not say so.
test("eviction_restores_parent_self_ns: what a child took stays taken when the child goes", () => {
  const { cache } = clocked({ capacity: 3, evict: "oldest-closed" });
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 50 }));
  cache.record(spanOf(1, { name: "root", ms: 100 }));
  assertEquals(selvesOf(cache), { child: 50, root: 50 });
  cache.record(spanOf(3, { name: "filler" }));
  cache.record(spanOf(4, { name: "filler" }));
  assertEquals(selvesOf(cache), { root: 50, filler: 2 });
  assertEquals(cache.get(idOf(1))?.selfMs, 50);
  cache.record(spanOf(5, { name: "filler" }));
  assertEquals(selvesOf(cache), { filler: 3 });
  // It is the time in which no child was running, whoever holds the child.
  assertEquals(rowOf(cache, "root")?.count ?? 0, 0);
});

test("eviction_restores_parent_self_under_explicit_eviction: what goes takes its own time from the sums", () => {
  const { cache } = clocked({ capacity: 3, evict: "oldest-closed" });
  cache.record(spanOf(1, { name: "root", ms: 100 }));
  cache.record(spanOf(2, { name: "child", parent: 1, ms: 30 }));
  cache.record(spanOf(3, { name: "root", ms: 40 }));
  assertEquals(selvesOf(cache), { root: 110, child: 30 });
  cache.record(spanOf(4, { name: "root", ms: 5 }));
  assertEquals(selvesOf(cache), { root: 45, child: 30 });
  const { count, totalMs, maxMs, seen } = rowOf(cache, "root")!;
  assertEquals([count, totalMs, maxMs, seen], [2, 45, 40, 3]);
});

test("eviction_removes_empty_bucket: of what is not held, only that it was is known", () => {
  const { cache } = clocked({ capacity: 1 });
  for (const [index, name] of ["a", "b", "c"].entries()) {
    cache.record(spanOf(index + 1, { name, at: index, ms: 7 }));
  }
  const rows = cache.aggregate().filter(({ count }) => count > 0);
  assertEquals(rows.map(({ name, totalMs }) => [name, totalMs]), [["c", 7]]);
});

test("eviction_orphans_pending_children: they are held, and in their trace they are without a parent", () => {
  const { cache } = clocked({ capacity: 4, evict: "oldest-closed" });
  const traceId = "a".repeat(32);
  cache.record(spanOf(1, { name: "root", traceId, ms: 100 }));
  cache.record(spanOf(2, { name: "child", traceId, parent: 1, ms: 30 }));
  // These wait for somebody else, who comes after the root has gone.
  cache.record(spanOf(3, { name: "waiting", parent: 9, ms: 10 }));
  cache.record(spanOf(4, { name: "filler" }));
  cache.record(spanOf(5, { name: "filler" }));
  assertEquals(cache.get(idOf(1)), undefined);
  const { size, roots } = cache.trace(traceId);
  assertEquals(size, 1);
  assertEquals(roots.map(({ span, isOrphan }) => [span.name, isOrphan]), [["child", true]]);
  cache.record(spanOf(9, { name: "somebody", ms: 25 }));
  assertEquals(selvesOf(cache), { waiting: 10, filler: 2, somebody: 15 });
});

test("splits_change_rebuilds: sums can be told apart by any field at any time", () => {
  const { cache } = clocked();
  for (const [index, status] of [200, 500, 200].entries()) {
    cache.record(spanOf(index + 1, { name: "request", ms: 10, fields: { status } }));
  }
  assertEquals(cache.aggregate().map(({ name, count }) => [name, count]), [["request", 3]]);
  const split = cache.aggregate({ by: "status" });
  assertEquals(split.map(({ group, count, totalMs }) => [group, count, totalMs]), [
    ["200", 2, 20],
    ["500", 1, 10],
  ]);
  assertEquals(cache.aggregate().length, 1);
});

// The original's compares only while nothing waits for a parent.
for (const evict of ["oldest-opened", "oldest-closed"] as const) {
  test(`parity_with_reference_random_workload: always, orphans or not, ${evict} first`, () => {
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const { cache, clock } = clocked({ capacity: 600, evict });
      // All of it has been: what is said to be in the future goes by when it comes.
      clock.pass(1e12);
      const reference = new Reference(600, evict);
      let orphans = 0;
      shuffled(random, workload(random, 4_000)).forEach((span, index) => {
        assert(cache.record(span));
        reference.record(span);
        if (index % 97 !== 0) return;
        orphans += reference.orphans;
        assertParity(cache.aggregate(), reference.rows(), `seed ${seed}, span ${index}`);
      });
      assert(orphans > 200, `${orphans}`);
      assertEquals(cache.size, 600);
    }
  });
}

function assertParity(
  rows: readonly SpanAggregate[],
  expected: Readonly<Record<string, ReferenceRow>>,
  where: string,
): void {
  const found = rows.filter(({ count }) => count > 0);
  assertEquals(found.map(({ name }) => name).sort(), Object.keys(expected).sort(), where);
  for (const { name, group: _, ...row } of found) {
    const { p50Ms, ...exact } = expected[name]!;
    const { count, failed, minMs, maxMs, totalMs, selfMs, seen } = row;
    assertEquals({ count, failed, minMs, maxMs, totalMs, selfMs, seen }, exact, where);
    assert(Math.abs(row.p50Ms - p50Ms) <= p50Ms / 64, `${where}: ${row.p50Ms}, not ${p50Ms}`);
  }
}

test("aggregator_with_empty_ring_returns_no_rows", () => {
  const { cache } = clocked();
  assertEquals([cache.aggregate(), cache.aggregate({ by: "status" }), cache.size], [[], [], 0]);
});

test("aggregator_open_spans_are_ignored: they are counted beside those that have ended", () => {
  const { cache, clock } = clocked();
  const span = cache.start("request");
  clock.pass(5);
  const before = rowOf(cache, "request")!;
  assertEquals([before.count, before.open, before.totalMs, before.maxMs, before.p99Ms], [
    0,
    1,
    0,
    0,
    0,
  ]);
  span.end();
  const after = rowOf(cache, "request")!;
  assertEquals([after.count, after.open, after.totalMs], [1, 0, 5]);
});

test("pending_cascade_drains_deep_chain_arriving_in_reverse", () => {
  const { cache } = clocked({ capacity: 8 });
  const chain = [[4, 3, 10], [3, 2, 30], [2, 1, 60], [1, undefined, 100]] as const;
  for (const [number, parent, ms] of chain) {
    cache.record(spanOf(number, { ms, ...(parent === undefined ? {} : { parent }) }));
  }
  assertEquals(selvesOf(cache), { "span 4": 10, "span 3": 20, "span 2": 30, "span 1": 40 });
  // Nothing waits any more: as many as can may wait again, and none of them is forgotten.
  for (const parent of [11, 12]) cache.record(spanOf(parent + 10, { name: "late", parent }));
  for (const parent of [11, 12]) cache.record(spanOf(parent, { name: "parent", ms: 5 }));
  assertEquals(selvesOf(cache).parent, 8);
});

test("set_split_keys_after_ring_eviction_matches_reference", () => {
  for (const evict of ["oldest-opened", "oldest-closed"] as const) {
    const random = new Random(18);
    const { cache, clock } = clocked({ capacity: 300, evict });
    clock.pass(1e12);
    const reference = new Reference(300, evict);
    for (const span of shuffled(random, workload(random, 2_000))) {
      cache.record(span);
      reference.record(span);
    }
    const byId = new Map(reference.held.map((span) => [span.id, span]));
    const tenantOf = (span: typeof reference.held[number] | undefined): unknown =>
      span && (span.fields?.tenant ?? tenantOf(byId.get(span.parentId)));
    const groupOf = (span: typeof reference.held[number]): string =>
      JSON.stringify([span.name, tenantOf(span)]);
    const rows = cache.aggregate({ by: "tenant" }).map(({ name, group, ...row }) => ({
      ...row,
      name: JSON.stringify([name, group]),
    }));
    assert(rows.length > 10);
    assertParity(rows, reference.rows(groupOf), evict);
  }
});

test("bump_parent_self_preserves_min_max_under_uniform_children", () => {
  const { cache } = clocked();
  cache.record(spanOf(1, { name: "root", ms: 1_000 }));
  for (const [index, at] of [0, 100, 200].entries()) {
    cache.record(spanOf(index + 2, { name: "child", parent: 1, at, ms: 100 }));
  }
  const { count, selfMs, totalMs, minMs, maxMs } = rowOf(cache, "root")!;
  assertEquals([count, selfMs, totalMs, minMs, maxMs], [1, 700, 1_000, 1_000, 1_000]);
});

test("aggregator_accumulates_count_sum_min_max_in_one_bucket", () => {
  const { cache } = clocked();
  for (const ms of [100, 200, 300]) cache.record(spanOf(ms, { name: "request", ms }));
  const { count, totalMs, minMs, meanMs, maxMs } = rowOf(cache, "request")!;
  assertEquals([count, totalMs, minMs, meanMs, maxMs], [3, 600, 100, 200, 300]);
  assertEquals(namesOf(cache).length, 3);
});
