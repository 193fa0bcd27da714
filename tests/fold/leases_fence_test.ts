import { assert, assertEquals, assertGreater, assertInstanceOf } from "@std/assert";
import {
  Fold,
  Generations,
  type HeldLease,
  type Lease,
  leaseKind,
  Leases,
} from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { START_MS } from "./_hand_clock.ts";
import { freeze, pair, TERM_MS } from "./_leases.ts";

test("fences grow over everything that ends a lease", () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const fences: number[] = [];
  const ends: Record<string, (lease: HeldLease) => void> = {
    release: (lease) => lease.release(),
    "the deadline": () => freeze(time, TERM_MS, fold),
    expiry: () => freeze(time, 2 * TERM_MS, fold),
    "expiry, and a sweep": () => {
      freeze(time, 2 * TERM_MS, fold);
      fold.sweep();
    },
    evict: () => fold.evict("db"),
    evictNode: (lease) => fold.evictNode(fold.get("db")!.node, `${lease.fence}`),
    leave: () => fold.leave(fold.get("db")!.node),
    "many renewals": (lease) => {
      for (let i = 0; i < 50; i++) {
        freeze(time, 5, fold);
        assert(lease.renew());
      }
      fold.evict("db");
    },
  };
  for (const [what, end] of Object.entries(ends)) {
    for (const leases of [one, other, one]) {
      const lease = leases.tryAcquire("db");
      assert(lease !== undefined, `after ${what}, or before it`);
      fences.push(lease.fence);
      end(lease);
      freeze(time, 1, fold);
    }
  }
  time.pass(TERM_MS);
  assertEquals(fences, [...new Set(fences)].sort((a, b) => a - b));
  assertEquals(time.armed, 0);
});

test("fences grow over a restart with generations that were saved, though the clock went back", async () => {
  using time = new FakeTime();
  let saved: number | undefined;
  const store = { load: () => saved, save: (generation: number) => void (saved = generation) };
  const fences: number[] = [];
  for (let life = 0; life < 4; life++) {
    // A machine that has lost everything but this number, a day before the last time.
    const wallNow = () => START_MS - life * 86_400_000;
    const generations = await Generations.open(store, { wallNow });
    const clock = { now: () => time.now, wallNow };
    const fold = new Fold(leaseKind(), { sweepIntervalMs: 0, clock });
    const leases = new Leases(fold, { node: "n1", generations });
    const lease = leases.tryAcquire("db")!;
    fences.push(lease.fence);
    for (let i = 0; i < 5; i++) lease.renew();
    fences.push(fold.get("db")!.generation);
    lease.release();
  }
  assertEquals(fences, [...new Set(fences)].sort((a, b) => a - b));
  assertEquals(time.armed, 0);
});

test("a resource that was taken away from a node whose clock is ahead can be taken by another", () => {
  using _time = new FakeTime();
  const { fold } = pair();
  const leasesOf = (node: string, aheadMs: number): Leases => {
    const generations = new Generations({ node, wallNow: () => Date.now() + aheadMs });
    return new Leases(fold, { node, termMs: TERM_MS, generations });
  };
  const [one, other] = [leasesOf("n1", 60_000), leasesOf("n2", 0)];
  const first = one.tryAcquire("db")!;
  fold.evictNode("n1", "connection lost");
  const second = other.tryAcquire("db");
  assert(second !== undefined);
  assertGreater(second.fence, first.fence);
  second.release();
  first.release();
  first.renew();
});

test("a fence that leaves no room above it keeps a node from nothing else", () => {
  using _time = new FakeTime();
  const { fold, one } = pair();
  const fence = Number.MAX_SAFE_INTEGER;
  const free: Lease = { resource: "db", fence, state: "free" };
  fold.apply({ node: "evil", generation: fence, payload: free });
  try {
    one.tryAcquire("db")?.release();
  } catch (error) {
    assertInstanceOf(error, RangeError);
  }
  const lease = one.tryAcquire("disk");
  assert(lease?.isHeld);
  lease.release();
});
