import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type Fold,
  type FoldAuditEvent,
  type FoldKind,
  type FoldOptions,
  type FoldTransition,
  RingAuditSink,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";

interface Seat {
  readonly row: number;
}

/** A seat has one entry, whoever announced it; the higher generation wins. */
function seatKind(parts: Partial<FoldKind<number, Seat>> = {}): FoldKind<number, Seat> {
  return { id: 0x0100, name: "seat", defaultTtlMs: 1_000, key: (_, { row }) => row, ...parts };
}

/** A fold of seats, and what its sink was told. */
function audited(
  parts: Partial<FoldKind<number, Seat>> = {},
  options: FoldOptions = {},
): { fold: Fold<number, Seat>; events: FoldAuditEvent[]; clock: HandClock } {
  const events: FoldAuditEvent[] = [];
  const clock = new HandClock();
  const audit = { record: (event: FoldAuditEvent) => void events.push(event) };
  return { fold: foldOf(seatKind(parts), { audit, clock, ...options }), events, clock };
}

const say = (fold: Fold<number, Seat>, node: string, generation: number, leave = false) =>
  fold.apply({ node, generation, payload: { row: 7 }, leave });

test("a sink is told of everything that happens to an entry, with its key as a text", () => {
  const { fold, events, clock } = audited();
  say(fold, "n1", 1);
  say(fold, "n1", 2);
  say(fold, "n2", 5);
  say(fold, "n2", 5);
  fold.evict(7, "maintenance");
  say(fold, "n2", 6);
  fold.leave("n2");
  say(fold, "n2", 7);
  fold.evictNode("n2");
  say(fold, "n2", 8);
  say(fold, "n2", 9, true);
  say(fold, "n2", 10);
  clock.pass(1_000);
  fold.sweep();
  say(fold, "n2", 9);
  const key = "7";
  const expected: FoldAuditEvent[] = [
    { type: "created", key, node: "n1", detail: "generation 1" },
    { type: "replaced", key, node: "n1", detail: "generation 1 to 2" },
    { type: "replaced", key, node: "n2", detail: "generation 2 to 5, from n1" },
    { type: "rejected", key, node: "n2", detail: "stale, generation 5" },
    { type: "evicted", key, node: "n2", detail: "maintenance" },
    { type: "created", key, node: "n2", detail: "generation 6" },
    { type: "left", key, node: "n2", detail: "left" },
    { type: "created", key, node: "n2", detail: "generation 7" },
    { type: "evicted", key, node: "n2", detail: "evicted" },
    { type: "created", key, node: "n2", detail: "generation 8" },
    { type: "left", key, node: "n2", detail: "left" },
    { type: "created", key, node: "n2", detail: "generation 10" },
    { type: "expired", key, node: "n2", detail: "expired" },
    { type: "rejected", key, node: "n2", detail: "replayed, generation 9" },
  ];
  assertEquals(events, expected);
});

test("a sink is told at once, when the fold already says the same", () => {
  const seen: [string, number, number][] = [];
  const { fold } = audited({}, {
    audit: { record: ({ type }) => void seen.push([type, fold.count(), fold.version]) },
  });
  say(fold, "n1", 1);
  say(fold, "n1", 1);
  say(fold, "n1", 2);
  fold.evict(7);
  assertEquals(seen, [["created", 1, 1], ["rejected", 1, 1], ["replaced", 1, 2], [
    "evicted",
    0,
    3,
  ]]);
});

test("what changes nothing is not told, and neither is what was said in a wrong way", () => {
  const { fold, events } = audited();
  fold.evict(7);
  fold.evictNode("n1");
  fold.leave("n1");
  fold.sweep();
  fold.query();
  assertThrows(() => say(fold, "", 1), TypeError);
  assertThrows(() => say(fold, "n1", 0), RangeError);
  assertEquals(events, []);
  // A leave of nothing is remembered, and nothing has happened to an entry.
  assertEquals([say(fold, "n1", 1, true).outcome, events], ["left", []]);
});

test("every entry of a node, and everyone that expires, is told one by one", () => {
  const { fold, events, clock } = audited();
  for (const row of [1, 2, 3, 4]) {
    fold.apply({ node: row < 3 ? "n1" : "n2", generation: 1, payload: { row } });
  }
  events.length = 0;
  fold.evictNode("n1", "banned");
  clock.pass(1_000);
  fold.sweep();
  const told = events.map(({ type, key, node }) => `${type} ${key} of ${node}`).sort();
  assertEquals(told, ["evicted 1 of n1", "evicted 2 of n1", "expired 3 of n2", "expired 4 of n2"]);
});

test("a sink that throws is counted and told of, and nothing else is disturbed", () => {
  const errors: unknown[] = [];
  const reason = new Error("disk full");
  const { fold } = audited({}, {
    audit: {
      record() {
        throw reason;
      },
    },
    onError: (error) => errors.push(error),
  });
  using watch = fold.watch({ initial: false });
  assertEquals(say(fold, "n1", 1), { outcome: "inserted" });
  assertEquals(say(fold, "n1", 1).reason, "stale");
  assert(fold.evict(7));
  assertEquals([errors, fold.stats().auditErrors], [[reason, reason, reason], 3]);
  assertEquals([watch.size, fold.stats().inserted, fold.stats().evicted], [2, 1, 1]);
});

test("what onError throws is reported as uncaught, and nothing else is disturbed", () => {
  const { reportError } = globalThis;
  const reported: unknown[] = [];
  globalThis.reportError = (error) => void reported.push(error);
  try {
    const second = new Error("second");
    const { fold } = audited({}, {
      audit: {
        record() {
          throw new Error("first");
        },
      },
      onError() {
        throw second;
      },
    });
    assertEquals(say(fold, "n1", 1), { outcome: "inserted" });
    assertEquals([reported, fold.stats().auditErrors], [[second], 1]);
  } finally {
    globalThis.reportError = reportError;
  }
});

test("a sink that would change the fold cannot, and is counted for it", () => {
  const changes: ((fold: Fold<number, Seat>) => unknown)[] = [
    (fold) => say(fold, "n9", 1),
    (fold) => fold.evict(7),
    (fold) => fold.evictNode("n1"),
    (fold) => fold.leave("n1"),
    (fold) => fold.sweep(),
    (fold) => fold.restore({ kind: 0x0100, takenAtMs: 0, entries: [], remembered: [] }),
  ];
  for (const change of changes) {
    const errors: unknown[] = [];
    const { fold } = audited({}, {
      audit: { record: () => void change(fold) },
      onError: (error) => errors.push(error),
    });
    assertEquals(say(fold, "n1", 1).outcome, "inserted");
    assert(errors.length === 1 && errors[0] instanceof TypeError);
    assert(errors[0].message.includes("the fold is in the middle of something"));
    assertEquals([fold.size, fold.stats().applied, fold.stats().auditErrors], [1, 1, 1]);
  }
});

test("a kind says what is told, in words of its own, or that nothing is", () => {
  const seen: FoldTransition<number, Seat>[] = [];
  const { fold, events } = audited({
    audit(transition) {
      seen.push(transition);
      if (transition.type === "rejected") return undefined;
      return { type: "seat", key: `row ${transition.entry.payload.row}`, detail: transition.type };
    },
  });
  say(fold, "n1", 3);
  say(fold, "n2", 2);
  say(fold, "n1", 4);
  fold.evict(7, "why");
  assertEquals(events, [
    { type: "seat", key: "row 7", detail: "created" },
    { type: "seat", key: "row 7", detail: "replaced" },
    { type: "seat", key: "row 7", detail: "evicted" },
  ]);
  const [created, rejected, replaced, evicted] = seen;
  assert(created?.type === "created" && rejected?.type === "rejected");
  assert(replaced?.type === "replaced" && evicted?.type === "evicted");
  assertEquals([created.key, created.entry.generation], [7, 3]);
  assertEquals([rejected.existing?.node, rejected.incoming.node, rejected.reason], [
    "n1",
    "n2",
    "stale",
  ]);
  assertEquals([replaced.previous.generation, replaced.entry.generation], [3, 4]);
  assertEquals([evicted.entry.generation, evicted.reason], [4, "why"]);
});

test("a rejection of what nobody has says that nothing is there", () => {
  const seen: unknown[] = [];
  const { fold } = audited({
    merge: () => ({ reject: "closed" }),
    audit(transition) {
      if (transition.type === "rejected") seen.push([transition.existing, transition.reason]);
      return undefined;
    },
  });
  say(fold, "n1", 1);
  assertEquals(seen, [[undefined, "closed"]]);
});

test("what the kind says of a transition is counted if it throws, as what a sink throws", () => {
  const errors: unknown[] = [];
  const reason = new Error("no words");
  const { fold, events } = audited({
    audit() {
      throw reason;
    },
  }, { onError: (error) => errors.push(error) });
  assertEquals(say(fold, "n1", 1).outcome, "inserted");
  assertEquals([errors, events, fold.stats().auditErrors], [[reason], [], 1]);
});

test("a sink can be set, replaced and taken away while entries come and go", () => {
  const { fold, events } = audited();
  assertEquals([fold.hasAuditSink, fold.stats().hasAuditSink], [true, true]);
  say(fold, "n1", 1);
  const other = new RingAuditSink(9);
  fold.setAuditSink(other);
  say(fold, "n1", 2);
  fold.setAuditSink(undefined);
  say(fold, "n1", 3);
  assertEquals([fold.hasAuditSink, fold.stats().hasAuditSink], [false, false]);
  const types = [events, other.events()].map((list) => list.map(({ type }) => type));
  assertEquals(types, [["created"], ["replaced"]]);
});

test("a ring keeps the newest events, and counts those that it forgot", () => {
  const event = (detail: number): FoldAuditEvent => ({ type: "t", key: "k", detail: `${detail}` });
  for (const capacity of [1, 2, 3, 7]) {
    const ring = new RingAuditSink(capacity);
    assertEquals([ring.capacity, ring.dropped, ring.events()], [capacity, 0, []]);
    for (let count = 1; count <= 20; count++) {
      ring.record(event(count));
      const kept = Math.min(count, capacity);
      const newest = Array.from({ length: kept }, (_, i) => `${count - kept + i + 1}`);
      assertEquals(ring.events().map(({ detail }) => detail), newest);
      assertEquals(ring.dropped, count - kept);
    }
    // What was read is a copy, of the very events.
    assertStrictEquals(ring.events()[0], ring.events()[0]);
    ring.events().length = 0;
    assertEquals(ring.events().length, capacity);
  }
});

test("a ring without room only counts", () => {
  const ring = new RingAuditSink(0);
  for (let i = 0; i < 5; i++) ring.record({ type: "t", key: "k" });
  assertEquals([ring.events(), ring.dropped], [[], 5]);
});

test("a restore is told to nobody, for nothing has happened to what was restored", () => {
  const { fold, events } = audited();
  say(fold, "n1", 1);
  const snapshot = fold.snapshot();
  events.length = 0;
  fold.restore(snapshot, { over: "replace" });
  assertEquals(events, []);
  // Merged, each is announced as ever.
  fold.restore(snapshot, { over: "merge" });
  assertEquals(events.map(({ type }) => type), ["rejected"]);
});
