import { assertEquals } from "@std/assert";
import {
  createIdentity,
  decodeAnnouncement,
  encodeAnnouncement,
  type Fold,
  type FoldResult,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { type Island, islandKind } from "./_island.ts";
import { keysOf, manual } from "./_origin_folds.ts";
import { dispatchSigned } from "./_origin_signed.ts";

// The cases of the original's island fold, by their names: a kind of one's own is enough for it.

const ISLAND: Island = {
  id: "i1",
  host: "n1",
  units: [0, 1, 2, 3],
  capabilities: ["llm"],
  load: 0.25,
  medianUs: 900,
};

interface Islands {
  readonly fold: Fold<string, Island, "host" | "capability" | "unit">;
  /** Announces the island of a node, which is its host unless something else is said. */
  announce(node: string, generation: number, island?: Partial<Island>): FoldResult;
}

function islands(): Islands {
  const { fold } = manual(islandKind());
  return {
    fold,
    announce: (node, generation, island) =>
      fold.apply({ node, generation, payload: { ...ISLAND, host: node, ...island } }),
  };
}

test("first_announcement_installs_the_island", () => {
  const { fold, announce } = islands();
  assertEquals(announce("n1", 1), { outcome: "inserted" });
  const { host, load } = fold.get("i1")!.payload;
  assertEquals([host, load], ["n1", 0.25]);
});

test("host_re_announce_replaces_live_axes", () => {
  const { fold, announce } = islands();
  announce("n1", 1);
  assertEquals(announce("n1", 2, { load: 0.75, medianUs: 2_000 }), { outcome: "replaced" });
  const { load, medianUs } = fold.get("i1")!.payload;
  assertEquals([load, medianUs, fold.size], [0.75, 2_000, 1]);
});

test("stale_generation_from_host_is_rejected", () => {
  const { fold, announce } = islands();
  announce("n1", 5);
  for (const generation of [5, 4]) {
    const result = announce("n1", generation, { load: 1 });
    assertEquals(result, { outcome: "rejected", reason: "stale" });
  }
  assertEquals(fold.get("i1")!.payload.load, 0.25);
});

test("announcement_for_a_non_self_host_is_rejected", () => {
  const { fold, announce } = islands();
  const result = announce("n2", 1, { host: "n1" });
  assertEquals(result, { outcome: "rejected", reason: "not-host" });
  assertEquals([fold.size, fold.has("i1")], [0, false]);
});

test("foreign_publisher_cannot_take_over_an_island_key", () => {
  const { fold, announce } = islands();
  announce("n1", 1);
  assertEquals(announce("n2", 99), { outcome: "rejected", reason: "pinned" });
  assertEquals(announce("n2", 99, { host: "n1" }), { outcome: "rejected", reason: "not-host" });
  assertEquals([fold.get("i1")!.node, fold.byNode("n2")], ["n1", []]);
  // It is pinned as long as it is there.
  fold.evictNode("n1");
  assertEquals(announce("n2", 99), { outcome: "inserted" });
});

test("query_all_and_hosted_by", () => {
  const { fold, announce } = islands();
  for (const [node, id] of [["n1", "a"], ["n1", "b"], ["n2", "c"], ["n3", "d"]] as const) {
    assertEquals(announce(node, 1, { id }), { outcome: "inserted" });
  }
  assertEquals(keysOf(fold.query()), ["a", "b", "c", "d"]);
  assertEquals(keysOf(fold.query({ by: { host: "n1" } })), ["a", "b"]);
  assertEquals(keysOf(fold.query({ by: { host: ["n1", "n3", "n9"] } })), ["a", "b", "d"]);
  assertEquals(keysOf(fold.query({ by: { host: [] } })), []);
  assertEquals(keysOf(fold.query({ by: { host: "n9" } })), []);
});

test("non_finite_load_is_rejected", () => {
  const { fold, announce } = islands();
  for (const load of [NaN, Infinity, -Infinity]) {
    assertEquals(announce("n1", 1, { load }), { outcome: "rejected", reason: "load" });
  }
  assertEquals(fold.size, 0);
  announce("n1", 1);
  assertEquals(announce("n1", 2, { load: NaN }), { outcome: "rejected", reason: "load" });
  assertEquals([fold.get("i1")!.payload.load, fold.stats().rejections], [0.25, { load: 4 }]);
});

test("runtime_ttl_sweeps_stale_islands", () => {
  const { fold } = islands();
  fold.apply({ node: "n1", generation: 1, payload: ISLAND, ttlMs: 0 });
  assertEquals([fold.size, fold.has("i1")], [1, false]);
  assertEquals(fold.sweep(), 1);
  assertEquals([fold.size, fold.countBy("unit")], [0, new Map()]);
});

test("unit_set_normalizes_and_intersects: an index answers what is had in common", () => {
  const { fold, announce } = islands();
  announce("n1", 1, { id: "a", units: [3, 1, 3, 2, 1] });
  announce("n2", 1, { id: "b", units: [4, 5] });
  announce("n3", 1, { id: "none", units: [] });
  const withAnyOf = (...units: number[]): string[] => keysOf(fold.query({ by: { unit: units } }));
  assertEquals(withAnyOf(3, 4), ["a", "b"]);
  assertEquals(withAnyOf(1, 2, 3), ["a"]);
  assertEquals(withAnyOf(6, 7), []);
  assertEquals(withAnyOf(), []);
  // What is there twice counts once.
  assertEquals(fold.countBy("unit"), new Map([[1, 1], [2, 1], [3, 1], [4, 1], [5, 1]]));

  // What comes from outside is put in order by the kind.
  const kind = islandKind();
  const payload = { ...ISLAND, units: [3, 1, 3, 2, 1] };
  const bytes = encodeAnnouncement(kind, { node: "n1", generation: 1, payload });
  assertEquals(decodeAnnouncement(kind, bytes).payload.units, [1, 2, 3]);
});

test("island_fold_plugs_into_registry_and_dispatches_signed_envelopes", async () => {
  const identity = await createIdentity();
  const { fold } = islands();
  const payload = { ...ISLAND, host: identity.node };
  assertEquals(await dispatchSigned(fold, identity, payload), { outcome: "inserted" });
  assertEquals(fold.get("i1")?.payload, payload);

  const noUnits = { ...payload, units: ["one"] as unknown as number[] };
  const refused = await dispatchSigned(fold, identity, noUnits);
  assertEquals(refused, { outcome: "refused", reason: "payload" });
});
