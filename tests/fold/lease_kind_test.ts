import { assertEquals } from "@std/assert";
import { type Lease, leaseKind } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock, START_MS } from "./_hand_clock.ts";

// The table of the merges of leaseKind, row by row.

const free = (fence: number): Lease => ({ resource: "db", fence, state: "free" });
const reserved = (holder: string, fence: number, untilMs: number = START_MS + 9_000): Lease => {
  return { resource: "db", fence, state: "reserved", holder, untilMs };
};
const active = (holder: string, fence: number): Lease => {
  return { resource: "db", fence, state: "active", holder };
};

/** What an entry of n1 with fence 5 and generation 10 is, before something is announced. */
const BEFORE: Record<string, Lease | undefined> = {
  nothing: undefined,
  free: free(5),
  reserved: reserved("n1", 5),
  "reserved, and over": reserved("n1", 5, START_MS),
  active: active("n1", 5),
};

/** What is there; what is announced, by whom, with which generation; and what becomes of it. */
const ROWS: [keyof typeof BEFORE, Lease, string, number, string][] = [
  // Not there.
  ["nothing", free(1), "n1", 1, "inserted"],
  ["nothing", reserved("n1", 1), "n1", 1, "inserted"],
  ["nothing", active("n2", 7), "n2", 9, "inserted"],
  ["nothing", reserved("n1", 0), "n1", 1, "fence"],
  ["nothing", reserved("n1", -1), "n1", 1, "fence"],
  // Free, of this node.
  ["free", reserved("n1", 6), "n1", 11, "replaced"],
  ["free", active("n1", 6), "n1", 11, "replaced"],
  ["free", reserved("n1", 5), "n1", 11, "fence"],
  ["free", active("n1", 4), "n1", 11, "fence"],
  ["free", free(6), "n1", 11, "transition"],
  // Reserved, of this node.
  ["reserved", reserved("n1", 5), "n1", 11, "replaced"],
  ["reserved", reserved("n1", 6, START_MS + 1), "n1", 11, "replaced"],
  ["reserved", active("n1", 5), "n1", 11, "replaced"],
  ["reserved", free(5), "n1", 11, "replaced"],
  ["reserved", reserved("n1", 4), "n1", 11, "fence"],
  ["reserved", free(4), "n1", 11, "fence"],
  ["reserved, and over", reserved("n1", 5), "n1", 11, "replaced"],
  ["reserved, and over", active("n1", 5), "n1", 11, "replaced"],
  // Active, of this node.
  ["active", active("n1", 5), "n1", 11, "replaced"],
  ["active", free(5), "n1", 11, "replaced"],
  ["active", active("n1", 4), "n1", 11, "fence"],
  ["active", reserved("n1", 5), "n1", 11, "transition"],
  ["active", reserved("n1", 9), "n1", 11, "transition"],
  // Free, of another node.
  ["free", reserved("n2", 6), "n2", 6, "replaced"],
  ["free", active("n2", 6), "n2", 6, "replaced"],
  ["free", reserved("n2", 5), "n2", 9, "fence"],
  ["free", active("n2", 4), "n2", 9, "fence"],
  ["free", free(6), "n2", 9, "transition"],
  // Reserved, of another node, and over.
  ["reserved, and over", reserved("n2", 6), "n2", 6, "replaced"],
  ["reserved, and over", reserved("n2", 5), "n2", 9, "fence"],
  ["reserved, and over", active("n2", 6), "n2", 9, "held"],
  ["reserved, and over", free(6), "n2", 9, "held"],
  // Reserved or active, of another node.
  ["reserved", reserved("n2", 6), "n2", 9, "held"],
  ["reserved", active("n2", 6), "n2", 9, "held"],
  ["reserved", free(6), "n2", 9, "held"],
  ["active", reserved("n2", 6), "n2", 9, "held"],
  ["active", active("n2", 6), "n2", 9, "held"],
  ["active", free(6), "n2", 9, "held"],
  // With a fence that is too high, or none.
  ["nothing", reserved("n1", 2), "n1", 1, "fence"],
  ["reserved", reserved("n1", 12), "n1", 11, "fence"],
  ["free", reserved("n2", 7), "n2", 6, "fence"],
  ["nothing", reserved("n1", 1.5), "n1", 9, "fence"],
  ["nothing", reserved("n1", NaN), "n1", 9, "fence"],
  // In the name of another node.
  ["nothing", reserved("n2", 1), "n1", 1, "not-holder"],
  ["nothing", active("n2", 1), "n1", 1, "not-holder"],
  ["reserved", reserved("n2", 6), "n1", 11, "not-holder"],
  ["free", active("n1", 6), "n2", 11, "not-holder"],
  // With the same or a lower generation.
  ["reserved", reserved("n1", 6), "n1", 10, "stale"],
  ["active", free(6), "n1", 9, "stale"],
];

for (const [before, lease, node, generation, expected] of ROWS) {
  const { state, fence } = lease;
  const said = `${state}, fence ${fence}, of ${"holder" in lease ? lease.holder : "nobody"}`;
  test(`lease: where it is ${before} of n1, ${node} announces ${said}: ${expected} (generation ${generation})`, () => {
    const fold = foldOf(leaseKind());
    const existing = BEFORE[before];
    if (existing !== undefined) fold.apply({ node: "n1", generation: 10, payload: existing });
    const had = fold.query();
    const { outcome, reason } = fold.apply({ node, generation, payload: lease });
    assertEquals(reason ?? outcome, expected);
    if (reason === undefined) assertEquals([fold.get("db")!.payload, fold.size], [lease, 1]);
    else assertEquals(fold.query(), had);
  });
}

test("lease: a deadline is over by the wall clock of the fold, and not before", () => {
  const clock = new HandClock();
  const fold = foldOf(leaseKind(), { clock });
  fold.apply({ node: "n1", generation: 5, payload: reserved("n1", 5, START_MS + 100) });
  const take = (generation: number) =>
    fold.apply({ node: "n2", generation, payload: reserved("n2", 6) }).reason;
  clock.wallMs += 99;
  assertEquals(take(6), "held");
  clock.wallMs += 1;
  assertEquals(take(7), undefined);
  assertEquals(fold.get("db")!.node, "n2");
});

test("lease: an active one that is not refreshed goes when its life ends, and its fence is remembered", () => {
  const clock = new HandClock();
  const fold = foldOf(leaseKind({ ttlMs: 1_000 }), { clock });
  fold.apply({ node: "n1", generation: 50, payload: active("n1", 5) });
  clock.pass(1_000);
  const take = (fence: number) =>
    fold.apply({ node: "n2", generation: 90 + fence, payload: reserved("n2", fence) });
  // Whatever had a fence below its generation is below this one.
  assertEquals([take(5).reason, take(50).reason], ["fence", "fence"]);
  assertEquals(take(51).outcome, "inserted");
});

test("lease: its indexes are the state and, where there is one, the holder", () => {
  const fold = foldOf(leaseKind());
  const say = (payload: Lease, node: string) => fold.apply({ node, generation: 9, payload });
  say({ ...free(1), resource: "a" }, "n1");
  say({ ...reserved("n1", 1), resource: "b" }, "n1");
  say({ ...active("n2", 1), resource: "c" }, "n2");
  assertEquals(fold.countBy("state"), new Map([["free", 1], ["reserved", 1], ["active", 1]]));
  assertEquals(fold.countBy("holder"), new Map([["n1", 1], ["n2", 1]]));
  assertEquals(fold.query({ by: { holder: "n1" } }).map(({ key }) => key), ["b"]);
});
