import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import {
  Fold,
  FoldClosedError,
  HeldLease,
  leaseKind,
  LeaseLostError,
  Leases,
} from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { HandClock, START_MS } from "./_hand_clock.ts";
import { freeze, pair, TERM_MS } from "./_leases.ts";

test("a resource that nobody has is taken, for a term and with a fence", () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const lease = one.tryAcquire("db");
  assert(lease instanceof HeldLease);
  assertEquals([lease.resource, lease.isHeld, lease.signal.aborted], ["db", true, false]);
  const { payload, node, generation, expiresAt } = fold.get("db")!;
  assertEquals(payload, {
    resource: "db",
    fence: lease.fence,
    state: "reserved",
    holder: "n1",
    untilMs: 1_000_000 + TERM_MS,
  });
  assertEquals([node, generation, expiresAt], ["n1", lease.fence, 2 * TERM_MS]);
  assertEquals(fold.query({ by: { holder: "n1", state: "reserved" } }).length, 1);
  assertEquals([time.armed, time.referenced], [1, 0]);
  lease.release();
  assertEquals(time.armed, 0);
});

test("a resource that somebody has is not to be had, not even by the same node", () => {
  using _time = new FakeTime();
  const { fold, one, other } = pair();
  using lease = one.tryAcquire("db")!;
  const again = new Leases(fold, { node: "n1", termMs: TERM_MS });
  const version = fold.version;
  for (const leases of [one, other, again]) assertEquals(leases.tryAcquire("db"), undefined);
  assertEquals([fold.version, lease.isHeld], [version, true]);
  using another = other.tryAcquire("disk")!;
  assert(another.isHeld);
});

test("a resource that was given back is had by whoever comes, with a higher fence", () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const first = one.tryAcquire("db")!;
  first.release();
  assertEquals(fold.get("db")!.payload, { resource: "db", fence: first.fence, state: "free" });
  assertEquals([first.isHeld, first.signal.aborted, time.armed], [false, false, 0]);
  const second = other.tryAcquire("db")!;
  // The first one has nothing to give back any more.
  first.release();
  assertEquals([first.renew(), first.signal.aborted, second.isHeld], [false, false, true]);
  assertGreater(second.fence, first.fence);
  second.release();
  const third = other.tryAcquire("db")!;
  assertGreater(third.fence, second.fence);
  third.release();
});

test("a lease is renewed three times a term, and stays the same one", () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const lease = one.tryAcquire("db")!;
  const generations = new Set<number>();
  for (let i = 0; i < 50; i++) {
    time.pass(1_000);
    assertEquals([lease.isHeld, other.tryAcquire("db")], [true, undefined]);
    generations.add(fold.get("db")!.generation);
  }
  assertEquals(generations.size, 17);
  assertEquals([fold.get("db")!.payload.fence, lease.signal.aborted], [lease.fence, false]);
  assertEquals(time.armed, 1);
  // Whenever it is renewed, it is for a whole term.
  time.pass(1_500);
  assert(lease.renew());
  freeze(time, TERM_MS - 1, fold);
  assert(lease.isHeld);
  lease.release();
});

test("whoever stood still for a term has lost it, before he notices and before another one comes", () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const lease = one.tryAcquire("db")!;
  freeze(time, TERM_MS - 1, fold);
  assert(lease.isHeld);
  freeze(time, 1, fold);
  assertEquals([lease.isHeld, lease.signal.aborted], [false, false]);
  let aborts = 0;
  lease.signal.addEventListener("abort", () => aborts++);
  // Now its timer comes to it.
  time.pass(0);
  assertEquals([lease.renew(), lease.isHeld, aborts, time.armed], [false, false, 1, 0]);
  assertInstanceOf(lease.signal.reason, LeaseLostError);
  assertEquals(lease.signal.reason.name, "LeaseLostError");
  assertMatch(
    lease.signal.reason.message,
    /^Lost lease of "db" with fence \d+: it was not renewed in time$/,
  );
  // It is not given back either: somebody might have it.
  lease.release();
  assertEquals(aborts, 1);
});

test("whoever comes after the deadline takes it over, and the first one has lost it at once", () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  const first = one.tryAcquire("db")!;
  freeze(time, TERM_MS - 1, fold);
  assertEquals(other.tryAcquire("db"), undefined);
  freeze(time, 1, fold);
  const second = other.tryAcquire("db")!;
  assertEquals([first.isHeld, second.isHeld], [false, true]);
  assertGreater(second.fence, first.fence);
  first.release();
  time.pass(0);
  assertEquals([second.isHeld, fold.get("db")!.node], [true, "n2"]);
  second.release();
});

test("a node whose lease is over takes it again, as another one", () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const first = one.tryAcquire("db")!;
  freeze(time, TERM_MS, fold);
  const second = one.tryAcquire("db")!;
  assertGreater(second.fence, first.fence);
  time.pass(0);
  assertEquals([first.isHeld, first.signal.aborted, second.isHeld], [false, true, true]);
  second.release();
});

test("a lease is had as long as both clocks say so", () => {
  using time = new FakeTime();
  const clock = new HandClock();
  const fold = new Fold(leaseKind(), { clock, sweepIntervalMs: 0 });
  const one = new Leases(fold, { node: "n1", termMs: TERM_MS });
  const lease = one.tryAcquire("db")!;
  // A step back of the wall clock makes no lease longer.
  clock.wallMs = START_MS - 3_600_000;
  clock.ms += TERM_MS - 1;
  assert(lease.isHeld);
  clock.ms += 1;
  assertEquals([lease.isHeld, lease.renew()], [false, false]);

  // The monotonic clock may stand still while a machine is suspended.
  const second = one.tryAcquire("disk")!;
  clock.wallMs += TERM_MS - 1;
  assert(second.isHeld);
  clock.wallMs += 1;
  assertEquals([second.isHeld, second.renew()], [false, false]);
  assertEquals(time.armed, 0);
});

test("a lease is had from before it was asked for", () => {
  using _time = new FakeTime();
  const clock = new HandClock();
  const kind = leaseKind();
  // The kind takes a second to decide here.
  const slow: typeof kind = {
    ...kind,
    merge: (...args) => {
      clock.ms += 1_000;
      return kind.merge!(...args);
    },
  };
  const fold = new Fold(slow, { clock, sweepIntervalMs: 0 });
  const one = new Leases(fold, { node: "n1", termMs: TERM_MS });
  const start = clock.ms;
  const lease = one.tryAcquire("db")!;
  assertEquals([lease.isHeld, clock.ms], [true, start + 1_000]);
  clock.ms = start + TERM_MS - 1;
  assert(lease.isHeld);
  clock.ms++;
  assertEquals([lease.isHeld, lease.renew()], [false, false]);

  // And so it is when it is renewed.
  const second = one.tryAcquire("disk")!;
  const renewed = clock.ms += 1_000;
  assertEquals([second.renew(), clock.ms], [true, renewed + 1_000]);
  clock.ms = renewed + TERM_MS - 1;
  assert(second.isHeld);
  clock.ms++;
  assertEquals([second.isHeld, second.renew()], [false, false]);
});

test("a lease that was evicted is not held any more, and is found lost when it is renewed", () => {
  using time = new FakeTime();
  for (const evict of ["evict", "evictNode", "leave"] as const) {
    const { fold, one } = pair();
    const lease = one.tryAcquire("db")!;
    fold[evict](evict === "evict" ? "db" : "n1");
    assertEquals([lease.isHeld, lease.signal.aborted], [false, false]);
    time.pass(TERM_MS / 3);
    assertInstanceOf(lease.signal.reason, LeaseLostError);
    assertMatch(lease.signal.reason.message, /another node has it, or it was evicted$/);
    assertEquals([fold.size, time.armed], [0, 0]);
  }
});

test("a lease is lost with its fold, and what it was closed by is the cause", () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const lease = one.tryAcquire("db")!;
  fold.close();
  time.pass(TERM_MS / 3);
  assertInstanceOf(lease.signal.reason, LeaseLostError);
  assertInstanceOf(lease.signal.reason.cause, FoldClosedError);
  assertEquals([lease.isHeld, time.armed], [false, 0]);
});

test("a scope that ends gives it back", async () => {
  using time = new FakeTime();
  const { fold, one, other } = pair();
  {
    using lease = one.tryAcquire("db")!;
    assert(lease.isHeld);
  }
  {
    await using lease = other.tryAcquire("db")!;
    assert(lease.isHeld);
  }
  assertEquals([fold.get("db")!.payload.state, time.armed], ["free", 0]);
});

test("a lease whose fold was closed can be let go", () => {
  using time = new FakeTime();
  const { fold, one } = pair();
  const lease = one.tryAcquire("db")!;
  fold.close();
  lease[Symbol.dispose]();
  assertEquals([lease.isHeld, time.armed], [false, 0]);
});

test("others are told of what the fold has accepted, and of nothing else", async () => {
  using time = new FakeTime();
  const told: string[] = [];
  const errors: unknown[] = [];
  const reason = new Error("no connection");
  let fail: (() => never) | undefined;
  const { fold, one, other } = pair({
    send({ node, payload, ttlMs, generation }) {
      assertEquals([ttlMs, fold.get("db")!.generation], [2 * TERM_MS, generation]);
      told.push(`${node} ${payload.state}`);
      return fail?.();
    },
    onError: (error) => errors.push(error),
  });
  const lease = one.tryAcquire("db")!;
  assertEquals(other.tryAcquire("db"), undefined);
  time.pass(TERM_MS / 3);
  lease.release();
  lease.release();
  assertEquals(told, ["n1 reserved", "n1 reserved", "n1 free"]);
  // What others cannot be told is none the less so.
  fail = () => {
    throw reason;
  };
  const second = other.tryAcquire("db")!;
  await settle();
  assertStrictEquals(errors[0], reason);
  assert(second.isHeld);
  fail = undefined;
  second.release();
});

test("a term that no timer is long enough for is no reason to renew all the time", () => {
  using time = new FakeTime();
  const { setTimeout } = globalThis;
  const delays: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    delays.push(ms);
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  const fold = new Fold(leaseKind(), { sweepIntervalMs: 0, maxTtlMs: 2 ** 45 });
  const lease = new Leases(fold, { node: "n1", termMs: 2 ** 40 }).tryAcquire("db")!;
  globalThis.setTimeout = setTimeout;
  lease.release();
  assert(delays.length === 1 && delays[0]! < 2 ** 31, `${delays} ms`);
  assertEquals(time.armed, 0);
});
