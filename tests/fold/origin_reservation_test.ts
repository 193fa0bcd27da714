import { assertEquals } from "@std/assert";
import {
  createIdentity,
  type Fold,
  type FoldResult,
  type Lease,
  leaseKind,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { keysOf, manual, type ManualClock } from "./_origin_folds.ts";
import { dispatchSigned } from "./_origin_signed.ts";

// The cases of the original's reservation fold, by their names. Here it is the lease, which has a fence besides.

const RESOURCE = "gpu 0";

interface Reservations {
  readonly fold: Fold<string, Lease, "state" | "holder">;
  readonly clock: ManualClock;
  /** Announces that a node has the resource for some milliseconds, or that another has. */
  reserve(by: Said, fence: number, forMs: number, holder?: string): FoldResult;
  /** Announces that a node uses the resource, or that another does. */
  activate(by: Said, fence: number, job: string, holder?: string): FoldResult;
  /** Announces that nobody has the resource. */
  release(by: Said, fence: number): FoldResult;
  /** Who has the resource, and how. */
  held(): readonly [state: string, holder: string | undefined];
}

/** Who says it, and in which generation. */
type Said = readonly [node: string, generation: number];

function reservations(): Reservations {
  const { fold, clock } = manual(leaseKind());
  // A fence is at most a generation, so these go by hundreds.
  const apply = ([node, generation]: Said, payload: Lease): FoldResult =>
    fold.apply({ node, generation: 100 * generation, payload });
  return {
    fold,
    clock,
    reserve: (by, fence, forMs, holder = by[0]) => {
      const untilMs = clock.wallMs + forMs;
      return apply(by, { resource: RESOURCE, fence, state: "reserved", holder, untilMs });
    },
    activate: (by, fence, job, holder = by[0]) =>
      apply(by, { resource: RESOURCE, fence, state: "active", holder, job }),
    release: (by, fence) => apply(by, { resource: RESOURCE, fence, state: "free" }),
    held: () => {
      const lease = fold.get(RESOURCE)!.payload;
      return [lease.state, lease.state === "free" ? undefined : lease.holder];
    },
  };
}

const rejected = (reason: string): FoldResult => ({ outcome: "rejected", reason });
const REPLACED: FoldResult = { outcome: "replaced" };
const INSERTED: FoldResult = { outcome: "inserted" };

/** Four resources: the first and the last are free, n1 has reserved the second, n2 uses the third. */
function fourResources(): Reservations["fold"] {
  const { fold, clock } = manual(leaseKind());
  const untilMs = clock.wallMs + 10_000;
  const leases: readonly (readonly [string, Lease])[] = [
    ["n1", { resource: "1", fence: 1, state: "free" }],
    ["n1", { resource: "2", fence: 1, state: "reserved", holder: "n1", untilMs }],
    ["n2", { resource: "3", fence: 1, state: "active", holder: "n2", job: "j" }],
    ["n2", { resource: "4", fence: 1, state: "free" }],
  ];
  for (const [node, payload] of leases) {
    assertEquals(fold.apply({ node, generation: 1, payload }), INSERTED);
  }
  return fold;
}

test("first_announcement_installs_regardless_of_state", () => {
  assertEquals(reservations().release(["n1", 1], 1), INSERTED);
  assertEquals(reservations().reserve(["n1", 1], 1, 10_000), INSERTED);
  assertEquals(reservations().activate(["n1", 1], 1, "j"), INSERTED);
});

test("holder_can_reserve_then_activate_then_release", () => {
  const { reserve, activate, release, held, fold, clock } = reservations();
  assertEquals(release(["n1", 1], 1), INSERTED);
  assertEquals(reserve(["n1", 2], 2, 10_000), REPLACED);
  assertEquals(reserve(["n1", 3], 2, 20_000), REPLACED);
  const extended = fold.get(RESOURCE)!.payload;
  assertEquals(extended.state === "reserved" && extended.untilMs - clock.wallMs, 20_000);
  assertEquals(activate(["n1", 4], 2, "one"), REPLACED);
  assertEquals(activate(["n1", 5], 2, "two"), REPLACED);
  const active = fold.get(RESOURCE)!.payload;
  assertEquals(active.state === "active" && active.job, "two");
  assertEquals(release(["n1", 6], 2), REPLACED);
  assertEquals(held(), ["free", undefined]);
  // There is nothing to say of what is free already.
  assertEquals(release(["n1", 7], 2), rejected("transition"));
});

test("holder_can_reserve_then_activate_then_release: whoever has it keeps its fence, or raises it", () => {
  const { reserve, activate } = reservations();
  reserve(["n1", 1], 5, 10_000);
  assertEquals(activate(["n1", 2], 4, "j"), rejected("fence"));
  assertEquals(activate(["n1", 3], 5, "j"), REPLACED);
  assertEquals(activate(["n1", 4], 6, "j"), REPLACED);
  assertEquals(activate(["n1", 5], 5, "j"), rejected("fence"));
});

test("holder_cannot_transition_active_back_to_reserved", () => {
  const { reserve, activate, held } = reservations();
  activate(["n1", 1], 1, "j");
  assertEquals(reserve(["n1", 2], 2, 10_000), rejected("transition"));
  assertEquals(held(), ["active", "n1"]);
});

test("publisher_cannot_install_state_naming_a_different_holder, nor begin with it", () => {
  const { fold, reserve, activate, held } = reservations();
  // The original takes the first announcement, whomever it names.
  assertEquals(reserve(["n1", 1], 1, 10_000, "n2"), rejected("not-holder"));
  assertEquals(fold.size, 0);

  reserve(["n1", 2], 2, 10_000);
  assertEquals(reserve(["n1", 3], 3, 10_000, "n3"), rejected("not-holder"));
  assertEquals(activate(["n1", 4], 3, "j", "n3"), rejected("not-holder"));
  assertEquals(held(), ["reserved", "n1"]);
});

test("publisher_cannot_install_state_naming_a_different_holder: nor by claiming what is free", () => {
  const { reserve, release, held } = reservations();
  release(["n1", 1], 1);
  // The original does not look at the holder there.
  assertEquals(reserve(["n2", 1], 2, 10_000, "n3"), rejected("not-holder"));
  assertEquals(held(), ["free", undefined]);
});

test("stale_generation_from_same_publisher_is_rejected", () => {
  const { reserve, activate, held } = reservations();
  reserve(["n1", 5], 5, 10_000);
  assertEquals(activate(["n1", 5], 5, "equal"), rejected("stale"));
  assertEquals(activate(["n1", 4], 5, "lower"), rejected("stale"));
  assertEquals(held(), ["reserved", "n1"]);
});

test("a fence is at most the generation that it comes with", () => {
  const { fold } = manual(leaseKind());
  const payload: Lease = { resource: RESOURCE, fence: 8, state: "active", holder: "n1" };
  assertEquals(fold.apply({ node: "n1", generation: 7, payload }), rejected("fence"));
  assertEquals(fold.apply({ node: "n1", generation: 8, payload }), INSERTED);
});

test("foreign_publisher_can_claim_a_free_resource, with a higher fence", () => {
  const { fold, clock, reserve, release, held } = reservations();
  release(["n1", 9], 9);
  assertEquals(reserve(["n2", 1], 9, 10_000), rejected("fence"));
  assertEquals(reserve(["n2", 1], 10, 10_000), REPLACED);
  assertEquals(held(), ["reserved", "n2"]);
  const lease = fold.get(RESOURCE)!;
  assertEquals(lease.payload.state === "reserved" && lease.payload.untilMs, clock.wallMs + 10_000);
  assertEquals([lease.node, fold.byNode("n1")], ["n2", []]);
});

test("foreign_publisher_cannot_steal_a_fresh_reservation", () => {
  const { clock, reserve, activate, held } = reservations();
  reserve(["n1", 1], 1, 10_000);
  clock.wallMs += 9_999;
  assertEquals(reserve(["n2", 9], 9, 10_000), rejected("held"));
  assertEquals(activate(["n2", 10], 10, "j"), rejected("held"));
  assertEquals(held(), ["reserved", "n1"]);
});

test("foreign_publisher_can_take_over_an_expired_reservation", () => {
  const { clock, reserve, activate, held } = reservations();
  reserve(["n1", 1], 1, 10_000);
  clock.wallMs += 10_000;
  assertEquals(activate(["n2", 1], 2, "j"), rejected("held"));
  assertEquals(reserve(["n2", 2], 1, 10_000), rejected("fence"));
  assertEquals(reserve(["n2", 3], 2, 10_000), REPLACED);
  assertEquals(held(), ["reserved", "n2"]);
  // It is that node's now, and its deadline is ahead.
  assertEquals(reserve(["n1", 2], 3, 10_000), rejected("held"));
});

test("foreign_publisher_cannot_release_someone_elses_reservation, not even when it is over", () => {
  const { clock, reserve, release, held } = reservations();
  reserve(["n1", 1], 1, 10_000);
  assertEquals(release(["n2", 1], 2), rejected("held"));
  clock.wallMs += 10_000;
  assertEquals(release(["n2", 2], 2), rejected("held"));
  assertEquals(held(), ["reserved", "n1"]);
});

test("foreign_publisher_cannot_change_active_state", () => {
  const { clock, reserve, activate, release, held } = reservations();
  activate(["n1", 1], 1, "j");
  clock.wallMs += 3_600_000;
  assertEquals(release(["n2", 1], 2), rejected("held"));
  assertEquals(reserve(["n2", 2], 2, 10_000), rejected("held"));
  assertEquals(activate(["n2", 3], 2, "j"), rejected("held"));
  assertEquals(held(), ["active", "n1"]);
});

test("first_claim_wins_on_concurrent_reservation", () => {
  const { reserve, release, held, fold } = reservations();
  release(["n0", 1], 1);
  assertEquals(reserve(["n1", 1], 2, 10_000), REPLACED);
  assertEquals(reserve(["n2", 1], 2, 10_000), rejected("held"));
  assertEquals(held(), ["reserved", "n1"]);
  assertEquals(fold.stats().rejections, { held: 1 });
});

test("runtime_ttl_sweeps_stale_reservation_entries, and the next fence must be above what was", () => {
  const { fold, clock, reserve } = reservations();
  reserve(["n1", 7], 7, 3_600_000);
  clock.ms += 30_000;
  assertEquals(fold.get(RESOURCE), undefined);
  assertEquals(fold.sweep(), 1);
  assertEquals([fold.size, fold.stats().expired], [0, 1]);
  // The original begins anew.
  assertEquals(reserve(["n2", 1], 7, 10_000), rejected("fence"));
  assertEquals(reserve(["n2", 8], 700, 10_000), rejected("fence"));
  assertEquals(reserve(["n2", 9], 701, 10_000), INSERTED);
});

test("query_returns_only_free_resources_for_all_free", () => {
  const fold = fourResources();
  assertEquals(keysOf(fold.query({ by: { state: "free" } })), ["1", "4"]);
});

test("query_returns_only_active_resources_for_all_active", () => {
  const fold = fourResources();
  assertEquals(keysOf(fold.query({ by: { state: "active" } })), ["3"]);
  const payload: Lease = { resource: "2", fence: 1, state: "active", holder: "n1" };
  fold.apply({ node: "n1", generation: 2, payload });
  assertEquals(keysOf(fold.query({ by: { state: "active" } })), ["2", "3"]);
});

test("query_held_by_finds_reserved_and_active_resources", () => {
  const fold = fourResources();
  const payload: Lease = { resource: "4", fence: 2, state: "active", holder: "n1" };
  assertEquals(fold.apply({ node: "n1", generation: 2, payload }), REPLACED);
  assertEquals(keysOf(fold.query({ by: { holder: "n1" } })), ["2", "4"]);
  assertEquals(keysOf(fold.query({ by: { holder: "n2" } })), ["3"]);
  assertEquals(keysOf(fold.query({ by: { holder: "n3" } })), []);
  // Whose entry it is, is another question: n1 has said of the first that it is free.
  assertEquals(keysOf(fold.byNode("n1")), ["1", "2", "4"]);
});

test("reservation_fold_plugs_into_registry_and_dispatches_signed_envelopes", async () => {
  const identity = await createIdentity();
  const { fold, clock } = manual(leaseKind());
  const untilMs = clock.wallMs + 10_000;
  const holder = identity.node;
  const payload: Lease = { resource: RESOURCE, fence: 1, state: "reserved", holder, untilMs };
  assertEquals(await dispatchSigned(fold, identity, payload), INSERTED);
  assertEquals(fold.get(RESOURCE)?.payload, payload);

  const other: Lease = { ...payload, resource: "gpu 1", holder: "somebody else" };
  assertEquals(await dispatchSigned(fold, identity, other), rejected("not-holder"));
});
