import { assertEquals } from "@std/assert";
import {
  createIdentity,
  type Fold,
  type FoldResult,
  type Route,
  routeKind,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { keysOf, manual, type ManualClock } from "./_origin_folds.ts";
import { dispatchSigned } from "./_origin_signed.ts";

// The cases of the original's routing fold, by their names. It keeps one way to a destination, as `keep: "best"` does.

interface Routes {
  readonly fold: Fold<string, Route, "destination" | "nextHop">;
  readonly clock: ManualClock;
  /** Announces the way of a node to "db". */
  announce(node: string, generation: number, metric: number, nextHop?: string): FoldResult;
}

function routes(): Routes {
  const { fold, clock } = manual(routeKind());
  return {
    fold,
    clock,
    announce: (node, generation, metric, nextHop = `${node}:1`) =>
      fold.apply({ node, generation, payload: { destination: "db", nextHop, metric } }),
  };
}

/** Whose way there is to "db", and what it costs. */
function kept({ fold }: Routes): [node: string, metric: number] | undefined {
  const entry = fold.get("db");
  return entry && [entry.node, entry.payload.metric];
}

test("first_announcement_installs_the_route", () => {
  const { fold, announce } = routes();
  assertEquals(announce("n1", 1, 5), { outcome: "inserted" });
  const { nextHop, metric } = fold.get("db")!.payload;
  assertEquals([nextHop, metric], ["n1:1", 5]);
});

test("lower_metric_replaces_existing_route_regardless_of_publisher", () => {
  const all = routes();
  all.announce("n1", 9, 5);
  assertEquals(all.announce("n2", 1, 2), { outcome: "replaced" });
  assertEquals(kept(all), ["n2", 2]);
  assertEquals(all.fold.byNode("n1"), []);
});

test("equal_metric_replaces_to_refresh_expires_at", () => {
  const { fold, clock, announce } = routes();
  announce("n1", 1, 5);
  const { expiresAt } = fold.get("db")!;
  clock.ms += 1_000;
  assertEquals(announce("n2", 1, 5), { outcome: "replaced" });
  const entry = fold.get("db")!;
  assertEquals([entry.payload.nextHop, entry.expiresAt], ["n2:1", expiresAt + 1_000]);
});

test("higher_metric_does_not_overwrite_existing_route", () => {
  const all = routes();
  all.announce("n1", 1, 5);
  assertEquals(all.announce("n2", 1, 6), { outcome: "rejected", reason: "worse" });
  assertEquals(kept(all), ["n1", 5]);
});

test("same_publisher_stale_generation_is_rejected_even_with_lower_metric", () => {
  const all = routes();
  all.announce("n1", 5, 5);
  for (const generation of [4, 5]) {
    assertEquals(all.announce("n1", generation, 1), { outcome: "rejected", reason: "stale" });
  }
  assertEquals(kept(all), ["n1", 5]);
});

test("same_publisher_stale_generation_is_rejected_even_with_lower_metric: nor after another node had the entry", () => {
  const all = routes();
  all.announce("n1", 5, 5);
  all.announce("n2", 1, 3);
  // The original has forgotten by then what n1 had said.
  assertEquals(all.announce("n1", 5, 1), { outcome: "rejected", reason: "replayed" });
  assertEquals(all.announce("n1", 6, 1), { outcome: "replaced" });
  assertEquals(kept(all), ["n1", 1]);
});

test("same_publisher_higher_generation_lower_metric_replaces", () => {
  const all = routes();
  all.announce("n1", 1, 5);
  assertEquals(all.announce("n1", 2, 3), { outcome: "replaced" });
  assertEquals(kept(all), ["n1", 3]);
});

test("same_publisher_higher_generation_worse_metric_replaces", () => {
  const all = routes();
  all.announce("n1", 1, 5);
  assertEquals(all.announce("n1", 2, 50), { outcome: "replaced" });
  assertEquals(kept(all), ["n1", 50]);
});

test("cross_publisher_worse_metric_still_loses", () => {
  const all = routes();
  all.announce("n1", 1, 5);
  assertEquals(all.announce("n2", 99, 6), { outcome: "rejected", reason: "worse" });
  assertEquals(kept(all), ["n1", 5]);
});

test("query_all_destinations_returns_every_installed_route", () => {
  const { fold } = routes();
  for (const destination of ["a", "b", "c"]) {
    fold.apply({ node: "n1", generation: 1, payload: { destination, nextHop: "h", metric: 1 } });
  }
  assertEquals(keysOf(fold.query()), ["a", "b", "c"]);
  assertEquals(keysOf(fold.query({ by: { destination: "b" } })), ["b"]);
});

test("query_via_next_hop_finds_routes_through_a_specific_address", () => {
  const { fold } = routes();
  const ways = { a: "10.0.0.1:9", b: "10.0.0.1:9", c: "10.0.0.1:9", d: "10.0.0.2:9" };
  for (const [destination, nextHop] of Object.entries(ways)) {
    fold.apply({ node: "n1", generation: 1, payload: { destination, nextHop, metric: 1 } });
  }
  assertEquals(keysOf(fold.query({ by: { nextHop: "10.0.0.1:9" } })), ["a", "b", "c"]);
  assertEquals(keysOf(fold.query({ by: { nextHop: "10.0.0.2:9" } })), ["d"]);
  assertEquals(keysOf(fold.query({ by: { nextHop: "10.0.0.3:9" } })), []);
});

test("runtime_ttl_sweeps_stale_routes", () => {
  const { fold } = routes();
  const payload = { destination: "db", nextHop: "n1:1", metric: 1 };
  assertEquals(fold.apply({ node: "n1", generation: 1, payload, ttlMs: 0 }).outcome, "inserted");
  assertEquals(fold.size, 1);
  assertEquals(fold.sweep(), 1);
  assertEquals([fold.size, fold.get("db"), fold.nodes()], [0, undefined, []]);
});

test("runtime_ttl_sweeps_stale_routes: a better way that has expired wins against nothing", () => {
  const all = routes();
  all.announce("n1", 1, 1);
  all.clock.ms += 300_000;
  // The original would reject it until the sweep.
  assertEquals(all.announce("n2", 1, 9), { outcome: "inserted" });
  assertEquals(kept(all), ["n2", 9]);
});

test("routing_fold_plugs_into_registry_and_dispatches_signed_envelopes", async () => {
  const identity = await createIdentity();
  const { fold } = routes();
  const payload: Route = { destination: "db", nextHop: "n1:1", metric: 5, via: "n9" };
  assertEquals(await dispatchSigned(fold, identity, payload), { outcome: "inserted" });
  assertEquals(fold.get("db")?.payload, payload);
  assertEquals(fold.get("db")?.node, identity.node);
});
