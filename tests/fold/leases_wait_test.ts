import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Fold, FoldClosedError, type HeldLease, leaseKind, Leases } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, type Outcome, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { freeze, pair, TERM_MS } from "./_leases.ts";

/** Gives back what was waited for. */
function release(outcome: Outcome<HeldLease>): void {
  assertEquals(outcome.state, "fulfilled");
  outcome.value!.release();
}

test("acquire() has a resource that is free at once, and leaves nothing behind", async () => {
  using time = new FakeTime();
  const { one } = pair();
  const counted = countedSignal();
  const lease = await one.acquire("db", { signal: counted.signal });
  assertEquals([lease.isHeld, counted.listening], [true, 0]);
  lease.release();
  assertEquals(time.armed, 0);
});

test("acquire() waits until it is given back", async () => {
  using time = new FakeTime();
  const { one, other } = pair();
  const first = one.tryAcquire("db")!;
  const counted = countedSignal();
  const waiting = observe(other.acquire("db", { signal: counted.signal }));
  for (let i = 0; i < 30; i++) {
    time.pass(1_000);
    await settle();
    assertEquals([waiting.state, counted.listening], ["pending", 1]);
  }
  first.release();
  await settle();
  assertEquals([waiting.state, counted.listening, time.armed], ["fulfilled", 0, 1]);
  assertGreater(waiting.value!.fence, first.fence);
  release(waiting);
});

test("acquire() of a node waits for another lease of the same node, too", async () => {
  using _time = new FakeTime();
  const { one } = pair();
  const first = one.tryAcquire("db")!;
  const waiting = observe(one.acquire("db"));
  await settle();
  assertEquals(waiting.state, "pending");
  first.release();
  await settle();
  release(waiting);
});

test("acquire() takes over at the deadline of whoever does not renew", async () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const first = one.tryAcquire("db")!;
  const waiting = observe(other.acquire("db"));
  await settle();
  freeze(time, TERM_MS, fold);
  // Both are due; who has stood still for too long has lost it, whoever comes first.
  time.pass(0);
  await settle();
  assertEquals([waiting.state, first.isHeld, first.signal.aborted], ["fulfilled", false, true]);
  assertGreater(waiting.value!.fence, first.fence);
  release(waiting);
  assertEquals(time.armed, 0);
});

test("acquire() waits for the deadline itself, and not for a look now and then", async () => {
  using time = new FakeTime();
  const { fold, other } = pair();
  const untilMs = 1_000_000 + 5_000;
  const payload = { resource: "db", fence: 1, state: "reserved", holder: "gone", untilMs } as const;
  fold.apply({ node: "gone", generation: 1, payload, ttlMs: 60_000 });
  const waiting = observe(other.acquire("db"));
  await settle();
  assertEquals(time.armed, 1);
  time.pass(4_999);
  await settle();
  assertEquals(waiting.state, "pending");
  time.pass(1);
  await settle();
  release(waiting);
});

test("acquire() waits until what is in use expires, which has no deadline", async () => {
  using time = new FakeTime();
  const { fold, other } = pair();
  const payload = { resource: "db", fence: 1, state: "active", holder: "gone" } as const;
  fold.apply({ node: "gone", generation: 1, payload, ttlMs: 200_000 });
  const waiting = observe(other.acquire("db"));
  for (
    const [ms, state] of [[60_000, "pending"], [139_999, "pending"], [1, "fulfilled"]] as const
  ) {
    await settle();
    time.pass(ms);
    await settle();
    assertEquals(waiting.state, state);
  }
  release(waiting);
  assertEquals(time.armed, 0);
});

test("of several that wait one has it, and the others wait on", async () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const first = one.tryAcquire("db")!;
  const all = ["n2", "n3", "n4"].map((node) =>
    observe(new Leases(fold, { node, termMs: TERM_MS }).acquire("db"))
  );
  await settle();
  first.release();
  const fences: number[] = [first.fence];
  for (let left = all.length; left > 0; left--) {
    await settle();
    const had = all.filter(({ state }) => state === "fulfilled");
    assertEquals([had.length, had.filter(({ value }) => value!.isHeld).length], [4 - left, 1]);
    const held = had.find(({ value }) => value!.isHeld)!.value!;
    fences.push(held.fence);
    held.release();
  }
  assertEquals(fences, [...fences].sort((a, b) => a - b));
  assertEquals(time.armed, 0);
});

test("an abort of the wait rejects with its reason itself, and leaves nothing behind", async () => {
  using time = new FakeTime();
  for (const reason of [new Error("stop"), "text", null, 0]) {
    const { fold, one, other } = pair();
    const first = one.tryAcquire("db")!;
    const counted = countedSignal();
    const waiting = observe(other.acquire("db", { signal: counted.signal }));
    await settle();
    assertEquals([counted.listening, time.armed], [1, 2]);
    counted.abort(reason);
    await settle();
    assertEquals([waiting.state, counted.listening, time.armed], ["rejected", 0, 1]);
    assertStrictEquals(waiting.reason, reason);
    // Nobody waits any more for what is given back.
    first.release();
    await settle();
    assertEquals(fold.get("db")!.payload.state, "free");
  }
  assertEquals(time.armed, 0);
});

test("a signal that has aborted rejects at once, even if the resource is free", async () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  assertStrictEquals(await reasonOf(one.acquire("db", { signal: counted.signal })), reason);
  assertEquals([fold.stats().applied, counted.added, time.armed], [0, 0, 0]);
});

test("a fold that is closed rejects whoever waits or comes, and leaves nothing behind", async () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const first = one.tryAcquire("db")!;
  const counted = countedSignal();
  const waiting = observe(other.acquire("db", { signal: counted.signal }));
  await settle();
  fold.close();
  await settle();
  assertInstanceOf(waiting.reason, FoldClosedError);
  assertEquals(counted.listening, 0);
  assertInstanceOf(await reasonOf(other.acquire("disk")), FoldClosedError);
  assertEquals(first.renew(), false);
  assertEquals(time.armed, 0);
});

test("acquire() waits for room where there is none, and asks no more often than it must", async () => {
  using time = new FakeTime();
  const { fold, one, other } = pair({}, { maxEntries: 1 });
  const first = one.tryAcquire("db")!;
  const controller = new AbortController();
  const waiting = observe(other.acquire("disk", { signal: controller.signal }));
  await settle();
  const { rejected } = fold.stats();
  if (rejected > 9) {
    // It asks in every turn of the loop, and nothing else would ever have one.
    controller.abort();
    await settle();
  }
  assertLess(rejected, 9);
  time.pass(TERM_MS / 3);
  await settle();
  assertEquals(waiting.state, "pending");
  first.release();
  fold.evict("db");
  await settle();
  time.pass(60_000);
  await settle();
  release(waiting);
});

test("acquire() waits where the kind refuses it though nobody has it, and asks no more often than it must", async () => {
  using time = new FakeTime();
  const kind = leaseKind();
  let isOpen = false;
  const fold = new Fold({
    ...kind,
    merge: (...args: Parameters<NonNullable<typeof kind.merge>>) =>
      isOpen ? kind.merge!(...args) : { reject: "maintenance" },
  }, { sweepIntervalMs: 0 });
  const controller = new AbortController();
  const leases = new Leases(fold, { node: "n1", termMs: TERM_MS });
  const waiting = observe(leases.acquire("db", { signal: controller.signal }));
  await settle();
  const { rejected } = fold.stats();
  if (rejected > 9) {
    controller.abort();
    await settle();
  }
  assertLess(rejected, 9);
  isOpen = true;
  time.pass(60_000);
  await settle();
  assert(waiting.state === "fulfilled");
  release(waiting);
});

test("close() releases what is held, ends who waits, and takes no more", async () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const lease = one.tryAcquire("db")!;
  const counted = countedSignal();
  const waiting = reasonOf(other.acquire("db", { signal: counted.signal }));
  await settle();
  other.close();
  other.close();
  assertInstanceOf(await waiting, FoldClosedError);
  assertEquals(counted.listening, 0);
  one.close();
  assertEquals([lease.isHeld, fold.get("db")?.payload.state, time.armed], [false, "free", 0]);
  assertThrows(() => other.tryAcquire("db"), FoldClosedError, 'leases of "n2" are closed');
  assertInstanceOf(await reasonOf(other.acquire("db")), FoldClosedError);
});
