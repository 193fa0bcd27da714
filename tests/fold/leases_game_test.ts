import { assert, assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import { Fold, type HeldLease, leaseKind, Leases } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { FencedResource, LeaseNodes } from "./_lease_nodes.ts";
import { freeze, TERM_MS } from "./_leases.ts";

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`over one fold, one at most has a resource, whatever happens (${seed})`, () => {
    using time = new FakeTime();
    const random = new Random(seed);
    const fold = new Fold(leaseKind(), { sweepIntervalMs: 0 });
    const takers = ["n1", "n2", "n3", "n3"].map((node) =>
      new Leases(fold, { node, termMs: TERM_MS })
    );
    const resources = ["db", "disk"];
    const taken: HeldLease[] = [];
    const highest = new Map<string, number>();
    let moves = 0;
    const moveOf: (() => void)[] = [
      () => {
        const lease = random.pick(takers).tryAcquire(random.pick(resources));
        if (lease === undefined) return;
        moves++;
        taken.push(lease);
        assertGreater(lease.fence, highest.get(lease.resource) ?? 0);
        highest.set(lease.resource, lease.fence);
        assert(lease.isHeld);
      },
      () => taken.length > 0 && random.pick(taken).release(),
      () => taken.length > 0 && random.pick(taken).renew(),
      () => time.pass(random.below(TERM_MS)),
      () => time.pass(random.below(10)),
      () => freeze(time, random.below(2 * TERM_MS), fold),
      () => freeze(time, random.pick([1, TERM_MS - 1, TERM_MS, 2 * TERM_MS]), fold),
      () => fold.sweep(),
      () => random.below(5) === 0 && fold.evict(random.pick(resources)),
      () => random.below(5) === 0 && fold.evictNode(random.pick(["n1", "n2", "n3"])),
    ];
    for (let step = 0; step < 1_500; step++) {
      random.pick(moveOf)();
      for (const resource of resources) {
        const held = taken.filter((lease) => lease.resource === resource && lease.isHeld);
        assert(held.length <= 1, `seed ${seed}, step ${step}: ${held.length} have ${resource}`);
        if (held.length === 1) assertEquals(held[0]!.fence, highest.get(resource));
        // What is lost does not come back.
        for (const lease of taken) assert(!lease.isHeld || !lease.signal.aborted);
      }
    }
    assertGreater(moves, 50);
    for (const lease of taken) lease.release();
    time.pass(TERM_MS);
    assertEquals(time.armed, 0);
  });
}

test("over folds of their own two can believe that they have it, and the resource takes one of them", () => {
  using time = new FakeTime();
  const cluster = new LeaseNodes(time, ["n1", "n2", "n3"], 500);
  const resource = new FencedResource();
  const [one, two, three] = cluster.nodes;
  one!.lease = one!.leases.tryAcquire("db");
  cluster.pass(100);
  two!.lease = two!.leases.tryAcquire("db");
  assertEquals([one!.lease?.isHeld, two!.lease?.isHeld], [true, true]);
  assert(resource.write(one!) && resource.write(two!));
  // From here on the first one is too late, though it has no way to know.
  cluster.pass(5_000);
  assertEquals([one!.lease?.isHeld, two!.lease?.isHeld], [true, true]);
  assertEquals([resource.write(one!), resource.write(two!)], [false, true]);
  assertEquals(resource.written.map(({ node }) => node), ["n1", "n2", "n2"]);
  // The third one has heard of the first one first, and does not take what either of them has.
  assertEquals([three!.fold.get("db")?.node, three!.leases.tryAcquire("db")], ["n1", undefined]);
  cluster.end();
  assertEquals(time.armed, 0);
});

test("nodes that hear of each other before they ask agree on who has it", () => {
  using time = new FakeTime();
  const cluster = new LeaseNodes(time, ["n1", "n2", "n3"], 5);
  const fences: number[] = [];
  for (let round = 0; round < 9; round++) {
    const node = cluster.nodes[round % 3]!;
    node.lease = node.leases.tryAcquire("db");
    cluster.pass(10);
    assertEquals(cluster.nodes.map(({ fold }) => fold.get("db")?.node), Array(3).fill(node.name));
    const others = cluster.nodes.filter((other) => other !== node);
    assertEquals(others.map(({ leases }) => leases.tryAcquire("db")), [undefined, undefined]);
    fences.push(node.lease!.fence);
    node.lease!.release();
    cluster.pass(10);
  }
  assertEquals(fences, [...new Set(fences)].sort((a, b) => a - b));
});

test("two nodes that take a resource in the same millisecond have other fences", () => {
  // Else a resource that refuses lower ones would take what both of them write, in turns.
  using time = new FakeTime();
  const cluster = new LeaseNodes(time, ["n1", "n2"], 500);
  const [one, two] = cluster.nodes;
  one!.lease = one!.leases.tryAcquire("db");
  two!.lease = two!.leases.tryAcquire("db");
  assert(one!.lease!.isHeld && two!.lease!.isHeld);
  const { fence } = one!.lease!;
  cluster.end();
  assertNotEquals(two!.lease!.fence, fence);
});

for (const seed of [1, 2, 3, 4]) {
  test(`over folds of their own the fence keeps a resource safe, whatever happens (${seed})`, () => {
    using time = new FakeTime();
    const random = new Random(seed);
    const cluster = new LeaseNodes(time, ["n1", "n2", "n3"], 0);
    cluster.delayMs = () => random.pick([1, 20, 500, TERM_MS, 3 * TERM_MS]);
    const resource = new FencedResource();
    let believers = 0;
    for (let step = 0; step < 600; step++) {
      const node = random.pick(cluster.nodes);
      const isHeld = node.lease?.isHeld ?? false;
      switch (random.below(6)) {
        case 0:
          if (!isHeld) node.lease = node.leases.tryAcquire("db") ?? node.lease;
          break;
        case 1:
          if (random.below(3) === 0) node.lease?.release();
          break;
        case 2:
          node.lease?.renew();
          break;
        case 3:
          cluster.pass(random.below(2_000));
          break;
        default:
          if (isHeld) resource.write(node);
      }
      // So that no two ask in the same millisecond: what then happens is another test's.
      cluster.pass(1);
      if (cluster.nodes.filter(({ lease }) => lease?.isHeld).length > 1) believers++;
    }
    const fences = resource.written.map(({ fence }) => fence);
    assertEquals(fences, [...fences].sort((a, b) => a - b));
    // With one fence there is one who writes.
    const writers = new Map(resource.written.map(({ node, fence }) => [fence, node]));
    for (const { node, fence } of resource.written) assertEquals(writers.get(fence), node);
    assertGreater(writers.size, 3);
    assertGreater(believers, 0);
    assertGreater(resource.refused, 0);
    cluster.end();
    cluster.pass(TERM_MS);
    assertEquals(time.armed, 0);
  });
}
