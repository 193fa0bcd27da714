import { assertEquals, assertFalse } from "@std/assert";
import { Fold, type FoldAuditEvent, FoldRegistry, RingAuditSink } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import {
  auditingKind,
  cap,
  capKey,
  capKind,
  keysOf,
  manual,
  routingTestKind,
} from "./_origin_folds.ts";

// Cases of the original's framework, by their names: what goes by itself, what an audit is told, and what is counted.

test("sweep_expired_removes_entries_past_ttl, which nobody has seen before either", () => {
  const { fold } = manual(capKind());
  fold.apply(cap("n1", 1, ["gpu", "short"], 0));
  fold.apply(cap("n2", 1, ["gpu", "short"], 0));
  fold.apply(cap("n3", 1, ["gpu"], 300_000));
  // The original would serve them until the sweep.
  assertEquals([fold.size, fold.count(), fold.has(capKey("n1"))], [3, 1, false]);
  assertEquals(keysOf(fold.query({ by: { tag: "gpu" } })), [capKey("n3")]);

  assertEquals(fold.sweep(), 2);
  assertEquals([fold.size, fold.nodes()], [1, ["n3"]]);
  assertEquals(fold.countBy("tag"), new Map([["gpu", 1]]));
  const { expired, entries, nodes } = fold.stats();
  assertEquals([expired, entries, nodes], [2, 1, 1]);
});

test("sweep_with_no_expired_entries_is_a_no_op", () => {
  const { fold } = manual(capKind());
  fold.apply(cap("n1", 1));
  const before = [fold.stats(), fold.version];
  assertEquals(fold.sweep(), 0);
  assertEquals([fold.stats(), fold.version], before);
});

test("sweep_evicts_across_multiple_chunks_when_count_exceeds_chunk_size", () => {
  const { fold } = manual(capKind());
  for (let i = 0; i < 1_500; i++) fold.apply(cap(`n${i}`, 1, ["gpu"], 0));
  fold.apply(cap("stays", 1, ["gpu"]));
  assertEquals(fold.size, 1_501);
  assertEquals(fold.sweep(), 1_500);
  assertEquals([fold.size, fold.stats().expired], [1, 1_500]);
});

test("audit_sink_receives_create_replace_evict_and_expire_transitions, though the kind asks for nothing", () => {
  const audit = new RingAuditSink(16);
  const { fold, clock } = manual(capKind(), { audit });
  fold.apply(cap("n1", 1));
  fold.apply(cap("n1", 2));
  fold.apply(cap("n1", 2));
  fold.evictNode("n1", "failure detector");
  fold.apply(cap("n2", 1, [], 10));
  clock.ms += 10;
  fold.sweep();

  const [n1, n2] = ["n1", "n2"].map(capKey) as [string, string];
  assertEquals(audit.events(), [
    { type: "created", key: n1, node: "n1", detail: "generation 1" },
    { type: "replaced", key: n1, node: "n1", detail: "generation 1 to 2" },
    { type: "rejected", key: n1, node: "n1", detail: "stale, generation 2" },
    { type: "evicted", key: n1, node: "n1", detail: "failure detector" },
    { type: "created", key: n2, node: "n2", detail: "generation 1" },
    { type: "expired", key: n2, node: "n2", detail: "expired" },
  ]);
});

test("audit_sink_can_be_uninstalled", () => {
  const audit = new RingAuditSink(16);
  const { fold } = manual(capKind(), { audit });
  fold.apply(cap("n1", 1));
  assertEquals([fold.hasAuditSink, audit.events().length], [true, 1]);

  fold.setAuditSink(undefined);
  fold.apply(cap("n1", 2));
  fold.evictNode("n1");
  assertEquals([fold.hasAuditSink, fold.stats().hasAuditSink], [false, false]);
  assertEquals(audit.events().length, 1);

  fold.setAuditSink(audit);
  fold.apply(cap("n1", 3));
  assertEquals(audit.events().map(({ type }) => type), ["created", "created"]);
});

test("noop_sink_swallows_events_without_storing: a function that does nothing is enough", () => {
  const { fold } = manual(capKind(), { audit: { record: () => {} } });
  for (let i = 1; i <= 16; i++) fold.apply(cap("n1", i));
  const { inserted, replaced, auditErrors, hasAuditSink } = fold.stats();
  assertEquals([inserted, replaced, auditErrors, hasAuditSink], [1, 15, 0, true]);
});

test("background_sweeper_evicts_expired_entries_on_tick: the first on time, those behind it together", () => {
  using time = new FakeTime();
  using fold = new Fold(capKind(), { sweepIntervalMs: 50 });
  using watch = fold.watch({ initial: false });
  fold.apply(cap("n1", 1, ["gpu"], 20));
  fold.apply(cap("n2", 1, ["gpu"], 30));
  fold.apply(cap("n3", 1, ["gpu"], 70));
  fold.apply(cap("n4", 1, ["gpu"], 1_000));
  assertEquals(time.referenced, 0);

  time.pass(19);
  assertEquals(fold.size, 4);
  time.pass(1);
  assertEquals([fold.size, fold.count()], [3, 3]);
  time.pass(49);
  assertEquals([fold.size, fold.count()], [3, 2]);
  time.pass(1);
  assertEquals([fold.size, fold.stats().expired], [1, 3]);
  assertEquals(watch.size, 4 + 3);

  time.pass(1_000 - 70);
  assertEquals([fold.size, fold.stats().expired, time.armed], [0, 4, 0]);
});

test("fold_stats_snapshot_reflects_live_counters", () => {
  const { fold, clock } = manual(capKind(), { audit: new RingAuditSink(1) });
  fold.apply(cap("n1", 1));
  fold.apply(cap("n2", 1));
  fold.apply(cap("n3", 1, [], 10));
  fold.apply(cap("n1", 2));
  fold.apply(cap("n1", 1));
  fold.apply({ ...cap("n4", 1), leave: true });
  fold.evictNode("n2");
  clock.ms += 10;
  fold.sweep();
  fold.apply(cap("n5", 1));
  fold.leave("n5");
  fold.query();
  fold.restore(fold.snapshot(), { over: "replace" });

  assertEquals(fold.stats(), {
    kind: 0x0f00,
    name: "cap",
    entries: 1,
    nodes: 1,
    // n2, n3 and n5 of what they said last, and n4 of its goodbye.
    remembered: 4,
    watches: 0,
    applied: 7,
    inserted: 4,
    replaced: 1,
    left: 1,
    rejected: 1,
    rejections: { stale: 1 },
    expired: 1,
    evicted: 1,
    departed: 1,
    clamped: 0,
    forgotten: 0,
    queries: 1,
    snapshots: 1,
    restores: 1,
    missed: 0,
    hasAuditSink: true,
    auditErrors: 0,
  });
  fold.setAuditSink(undefined);
  assertFalse(fold.stats().hasAuditSink);
});

test("fold_registry_stats_aggregates_across_kinds", () => {
  const registry = new FoldRegistry();
  const { fold: caps } = manual(capKind());
  const { fold: routes } = manual(routingTestKind());
  registry.register(caps);
  registry.register(routes);
  caps.apply(cap("n1", 1));
  caps.apply(cap("n2", 1));
  routes.apply({ node: "n1", generation: 1, payload: { to: "db", metric: 1 } });

  const { folds } = registry.stats();
  assertEquals(
    folds.map(({ kind, name, entries }) => ({ kind, name, entries })),
    [{ kind: 0x0f00, name: "cap", entries: 2 }, { kind: 0x0f01, name: "routing test", entries: 1 }],
  );
});

test("fold_stats_round_trips_through_serde_json", () => {
  const { fold } = manual(capKind());
  fold.apply(cap("n1", 1));
  fold.apply(cap("n1", 1));
  const stats = fold.stats();
  assertEquals(JSON.parse(JSON.stringify(stats)), stats);
});

/** An event whose order can be seen. */
const event = (i: number): FoldAuditEvent => ({ type: "created", key: `k${i}` });

test("ring_audit_sink_drops_oldest_when_capacity_exceeded", () => {
  const audit = new RingAuditSink(3);
  for (let i = 1; i <= 5; i++) audit.record(event(i));
  assertEquals(audit.events(), [event(3), event(4), event(5)]);
  assertEquals(audit.dropped, 2);
});

test("audit_kind_custom_variant_round_trips_through_sink: the type is any word", () => {
  const audit = new RingAuditSink(16);
  const { fold } = manual(auditingKind(), { audit });
  fold.apply(cap("n1", 1, ["a"]));
  fold.apply(cap("n1", 2, ["a"]));
  fold.apply(cap("n1", 3, ["b"]));
  fold.apply(cap("n1", 3, ["b"]));
  const types = audit.events().map(({ type }) => type);
  assertEquals(types, ["created", "replaced", "retagged"]);
});

test("ring_audit_sink_with_zero_capacity_stores_nothing, and counts", () => {
  const audit = new RingAuditSink(0);
  for (let i = 1; i <= 3; i++) audit.record(event(i));
  assertEquals([audit.events(), audit.dropped], [[], 3]);
});

test("ring_audit_sink_plugs_into_fold_and_captures_transitions", () => {
  const audit = new RingAuditSink(4);
  const { fold } = manual(capKind(), { audit });
  for (let i = 1; i <= 5; i++) fold.apply(cap(`n${i}`, 1));
  const seen = audit.events().map(({ type, node }) => [type, node]);
  assertEquals(seen, ["n2", "n3", "n4", "n5"].map((node) => ["created", node]));
  assertEquals(audit.dropped, 1);
});
