import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FoldSnapshotError } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { cap, capKey, capKind, keysOf, manual, routingTestKind } from "./_origin_folds.ts";

// Cases of the original's framework, by their names: what an announcement does, who owns what, changes and snapshots.

test("apply_then_query_round_trips_a_single_announcement", () => {
  const { fold } = manual(capKind());
  assertEquals(fold.apply(cap("n1", 1, ["gpu"])), { outcome: "inserted" });
  assertEquals(keysOf(fold.query({ by: { tag: "gpu" } })), [capKey("n1")]);
  const { inserted, entries } = fold.stats();
  assertEquals([inserted, entries], [1, 1]);
});

test("stale_generation_is_rejected_by_default_merge, and is told why", () => {
  const { fold, clock } = manual(capKind());
  fold.apply(cap("n1", 5, ["first"]));
  const before = fold.get(capKey("n1"));
  clock.ms += 10;
  assertEquals(fold.apply(cap("n1", 5, ["equal"])), { outcome: "rejected", reason: "stale" });
  assertEquals(fold.apply(cap("n1", 4, ["lower"])), { outcome: "rejected", reason: "stale" });

  assertEquals(fold.get(capKey("n1")), before);
  assertEquals(before?.payload.tags, ["first"]);
  assertEquals(keysOf(fold.query({ by: { tag: ["equal", "lower"] } })), []);
  const { rejected, rejections } = fold.stats();
  assertEquals([rejected, rejections], [2, { stale: 2 }]);
});

test("subscribe_changes_fires_on_real_mutations_only: changed, version and watch", async () => {
  const { fold } = manual(capKind());
  fold.apply(cap("n0", 1));
  // Whoever begins now is not told of what was before.
  let changed = observe(fold.changed());
  using watch = fold.watch({ initial: false });
  const types: string[] = [];
  const step = async (act: () => unknown): Promise<boolean> => {
    const { version } = fold;
    act();
    await settle();
    const hasFired = changed.state === "fulfilled";
    assertEquals(hasFired ? changed.value : version, fold.version);
    assertEquals(fold.version - version, hasFired ? 1 : 0);
    if (hasFired) changed = observe(fold.changed());
    for (let result; (result = watch.tryReceive()).state === "ok";) types.push(result.value.type);
    return hasFired;
  };

  assertEquals(await step(() => {}), false);
  assertEquals(await step(() => fold.apply(cap("n1", 2))), true);
  assertEquals(await step(() => fold.apply(cap("n1", 3))), true);
  assertEquals(await step(() => fold.apply(cap("n1", 3))), false);
  assertEquals(await step(() => fold.evictNode("nobody")), false);
  assertEquals(await step(() => fold.evictNode("n1")), true);
  assertEquals(await step(() => fold.evictNode("n1")), false);
  assertEquals(types, ["created", "replaced", "evicted"]);

  fold.close();
  await settle();
  assertEquals(changed.state, "rejected");
});

test("subscribe_changes_fires_on_real_mutations_only: each entry of a node is a change of its own", () => {
  const { fold } = manual(capKind());
  for (const name of ["a", "b"]) {
    fold.apply({ node: "n1", generation: 1, payload: { class: name, tags: [] } });
  }
  const { version } = fold;
  fold.evictNode("n1");
  assertEquals(fold.version - version, 2);
});

test("higher_generation_replaces_existing_entry_and_index", () => {
  const { fold } = manual(capKind());
  fold.apply(cap("n1", 1, ["old", "kept"]));
  assertEquals(fold.apply(cap("n1", 2, ["new", "kept"])), { outcome: "replaced" });
  assertEquals(keysOf(fold.query({ by: { tag: "old" } })), []);
  assertEquals(keysOf(fold.query({ by: { tag: "new" } })), [capKey("n1")]);
  assertEquals(keysOf(fold.query({ by: { tag: "kept" } })), [capKey("n1")]);
  assertEquals(fold.size, 1);
});

test("generation_zero_is_refused_with_invalid_generation_error", () => {
  const { fold } = manual(capKind());
  const error = assertThrows(() => fold.apply(cap("node 7", 0, ["gpu"])), RangeError);
  assertStringIncludes(error.message, '"node 7"');
  const { rejected, rejections, entries, applied } = fold.stats();
  assertEquals([rejected, entries, applied], [1, 0, 1]);
  assertEquals(rejections, { invalid: 1 });
});

test("evict_node_drops_every_entry_and_index_attachment_for_that_node, and remembers generations", () => {
  const { fold } = manual(capKind());
  const announce = (node: string, name: string, generation: number) =>
    fold.apply({ node, generation, payload: { class: name, tags: ["gpu", name] } });
  announce("n1", "a", 4);
  announce("n1", "b", 4);
  announce("n2", "a", 1);

  assertEquals(fold.evictNode("n1", "connection lost"), 2);
  assertEquals(fold.query().map(({ node }) => node), ["n2"]);
  assertEquals(fold.byNode("n1"), []);
  assertEquals(fold.nodes(), ["n2"]);
  assertEquals(fold.query({ by: { tag: "gpu" } }).map(({ node }) => node), ["n2"]);
  assertEquals(fold.countBy("tag"), new Map([["gpu", 1], ["a", 1]]));
  assertEquals(fold.stats().evicted, 2);

  // The original would take it back.
  assertEquals(announce("n1", "a", 4), { outcome: "rejected", reason: "replayed" });
  assertEquals(announce("n1", "a", 5), { outcome: "inserted" });
});

test("snapshot_round_trips_via_restore", () => {
  const { fold: before, clock } = manual(capKind());
  for (const node of ["n1", "n2", "n3"]) before.apply(cap(node, 3, ["gpu", node]));
  const snapshot = before.snapshot();
  assertEquals(snapshot.entries.length, 3);
  assertEquals(before.stats().snapshots, 1);

  const { fold: after } = manual(capKind(), {}, clock);
  assertEquals(after.restore(snapshot), 3);
  assertEquals(keysOf(after.query({ by: { tag: "gpu" } })), ["n1", "n2", "n3"].map(capKey));
  assertEquals(keysOf(after.query({ by: { tag: "n2" } })), [capKey("n2")]);
  assertEquals(after.nodes().sort(), ["n1", "n2", "n3"]);
  const { restores, entries, inserted } = after.stats();
  assertEquals([restores, entries, inserted], [1, 3, 0]);

  assertEquals(after.apply(cap("n1", 3)).reason, "stale");
  assertEquals(after.apply(cap("n1", 4)), { outcome: "replaced" });
});

test("restore_drops_entries_whose_ttl_lapsed_during_downtime", () => {
  const { fold: before, clock } = manual(capKind());
  before.apply(cap("n1", 1, ["gpu"], 10_000));
  before.apply(cap("n2", 1, ["gpu"], 20_000));
  const snapshot = before.snapshot();

  const { fold: after } = manual(capKind(), {}, { ms: 0, wallMs: clock.wallMs + 20_000 });
  assertEquals(after.restore(snapshot), 0);
  assertEquals([after.size, after.nodes(), after.countBy("tag")], [0, [], new Map()]);
});

test("restore_consumes_elapsed_downtime_out_of_remaining_ttl", () => {
  const { fold: before, clock } = manual(capKind());
  before.apply(cap("n1", 1, [], 60_000));
  clock.ms += 5_000;
  clock.wallMs += 5_000;
  const snapshot = before.snapshot();

  const later = { ms: 70, wallMs: clock.wallMs + 30_000 };
  const { fold: after } = manual(capKind(), {}, later);
  after.restore(snapshot);
  const { receivedAt, expiresAt } = after.get(capKey("n1"))!;
  assertEquals(expiresAt - later.ms, 25_000);
  assertEquals(later.ms - receivedAt, 35_000);
  later.ms += 24_999;
  assertEquals(after.has(capKey("n1")), true);
  later.ms += 1;
  assertEquals(after.has(capKey("n1")), false);
});

test("restore_clock_skew_backwards_treats_as_fresh_snapshot", () => {
  const { fold: before, clock } = manual(capKind());
  before.apply(cap("n1", 1, [], 60_000));
  const snapshot = before.snapshot();

  const { fold: after } = manual(capKind(), {}, { ms: 0, wallMs: clock.wallMs - 3_600_000 });
  assertEquals(after.restore(snapshot), 1);
  assertEquals(after.get(capKey("n1"))!.expiresAt, 60_000);
});

test("restore_over_live_state_without_force_is_refused", () => {
  const { fold: source } = manual(capKind());
  source.apply(cap("n2", 1));
  const snapshot = source.snapshot();
  const { fold } = manual(capKind());
  fold.apply(cap("n1", 1));
  const { version } = fold;

  const error = assertThrows(() => fold.restore(snapshot));
  assertInstanceOf(error, FoldSnapshotError);
  assertStringIncludes(error.message, "1 entries already");
  assertEquals([keysOf(fold.query()), fold.version], [[capKey("n1")], version]);
  assertEquals(fold.stats().restores, 0);

  // What was a flag is a word, and there is a third one.
  fold.restore(snapshot, { over: "merge" });
  assertEquals(keysOf(fold.query()), ["n1", "n2"].map(capKey));
  fold.restore(snapshot, { over: "replace" });
  assertEquals(keysOf(fold.query()), [capKey("n2")]);
});

test("routing_merge_override_picks_lower_metric_across_publishers", () => {
  const { fold } = manual(routingTestKind());
  const announce = (node: string, generation: number, metric: number) =>
    fold.apply({ node, generation, payload: { to: "db", metric } });
  assertEquals(announce("n1", 1, 10), { outcome: "inserted" });
  assertEquals(announce("n2", 1, 5), { outcome: "replaced" });
  assertEquals(announce("n3", 100, 7), { outcome: "rejected", reason: "worse" });
  assertEquals(fold.query().map(({ node, payload }) => [node, payload.metric]), [["n2", 5]]);
  assertEquals([fold.byNode("n1"), fold.nodes()], [[], ["n2"]]);
});

test("metrics_counts_track_apply_outcomes_and_query_count", () => {
  const { fold } = manual(capKind());
  for (const node of ["n1", "n2", "n3"]) fold.apply(cap(node, 1));
  fold.apply(cap("n1", 2));
  fold.apply(cap("n1", 2));
  const { inserted, replaced, rejected, applied, entries, queries } = fold.stats();
  assertEquals([inserted, replaced, rejected, applied, entries, queries], [3, 1, 1, 5, 3, 0]);

  fold.query({ by: { tag: "gpu" } });
  assertEquals(fold.stats().queries, 1);
  fold.count();
  assertEquals(fold.stats().queries, 2);
});

test("apply_moves_the_payload_instead_of_cloning_it: it is the very object everywhere", () => {
  const { fold } = manual(capKind());
  using watch = fold.watch({ initial: false });
  const first = cap("n1", 1, ["gpu"]);
  const second = cap("n1", 2, ["gpu", "cuda"]);
  const stale = cap("n1", 1, ["late"]);
  for (const announcement of [first, second, stale]) fold.apply(announcement);

  assertStrictEquals(fold.get(capKey("n1"))!.payload, second.payload);
  assertStrictEquals(fold.query({ by: { tag: "cuda" } })[0]!.payload, second.payload);
  assertStrictEquals(fold.snapshot().entries[0]!.payload, second.payload);
  const told = [watch.tryReceive(), watch.tryReceive(), watch.tryReceive()].flatMap((result) =>
    result.state === "ok" ? [result.value] : []
  );
  const [created, replaced] = told;
  assertEquals(told.length, 2);
  if (created?.type !== "created" || replaced?.type !== "replaced") throw new Error("another type");
  assertStrictEquals(created.entry.payload, first.payload);
  assertStrictEquals(replaced.previous.payload, first.payload);
  assertStrictEquals(replaced.entry.payload, second.payload);
  assertEquals(second, cap("n1", 2, ["gpu", "cuda"]));
});
