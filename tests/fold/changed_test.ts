import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { Fold, FoldClosedError } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, type Outcome, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { item, ITEMS } from "./_items.ts";

function states(outcomes: readonly Outcome<unknown>[]): string[] {
  return outcomes.map(({ state }) => state);
}

test("the version rises by one with every change, and by none with anything else", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  const versions: number[] = [];
  const acts = [
    () => fold.apply(item("n1", 1, "a", { ttlMs: 10 })),
    () => fold.apply(item("n1", 2, "a", { ttlMs: 10 })),
    () => fold.apply(item("n1", 2, "a")),
    () => fold.apply(item("n1", 9, "b", { leave: true })),
    () => fold.query(),
    () => fold.snapshot(),
    () => fold.watch().close(),
    () => (clock.pass(10), fold.get("a")),
    () => fold.sweep(),
    () => fold.sweep(),
    () => fold.apply(item("n1", 3, "a")),
    () => fold.evict("a"),
    () => fold.evict("a"),
    () => fold.close(),
  ];
  for (const act of acts) {
    act();
    versions.push(fold.version);
  }
  assertEquals(versions, [1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 5, 5]);
});

test("changed waits for the next change, whatever it is, and answers its version", async () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  const snapshot = fold.snapshot();
  const changes = [
    () => fold.apply(item("n1", 1, "a")),
    () => fold.apply(item("n1", 2, "a")),
    () => fold.apply(item("n2", 3, "a")),
    () => fold.evict("a"),
    () => fold.apply(item("n2", 4, "b", { ttlMs: 5 })),
    () => (clock.pass(5), fold.sweep()),
    () => fold.apply(item("n2", 5, "c")),
    () => fold.leave("n2"),
    () => fold.restore(snapshot, { over: "replace" }),
  ];
  for (const change of changes) {
    const outcome = observe(fold.changed());
    fold.query();
    await settle();
    assertEquals(outcome.state, "pending");
    change();
    await settle();
    assertEquals([outcome.state, outcome.value], ["fulfilled", fold.version]);
  }
});

test("changed answers at once if there was a change since", async () => {
  const fold = foldOf(ITEMS);
  const { version } = fold;
  fold.apply(item("n1", 1, "a"));
  fold.apply(item("n1", 2, "a"));
  assertEquals(await fold.changed({ since: version }), version + 2);
  assertEquals(await fold.changed({ since: version + 1 }), version + 2);
  const outcome = observe(fold.changed({ since: version + 2 }));
  await settle();
  assertEquals(outcome.state, "pending");
  fold.evict("a");
  await settle();
  assertEquals(outcome.value, version + 3);
});

test("a loop over changed sees the last of everything, and wakes once for many changes", async () => {
  const fold = foldOf(ITEMS);
  const controller = new AbortController();
  const { signal } = controller;
  const drawn: [number, number][] = [];
  const loop = observe((async () => {
    for (let version = -1;;) {
      version = await fold.changed({ since: version, signal });
      drawn.push([version, fold.count()]);
    }
  })());
  await settle();
  for (let id = 0; id < 5; id++) fold.apply(item("n1", 1, id));
  await settle();
  fold.evict(0);
  await settle();
  assertEquals(drawn, [[0, 0], [1, 5], [5, 5], [6, 4]]);
  controller.abort();
  await settle();
  assertEquals([loop.state, loop.reason], ["rejected", signal.reason]);
});

test("changed goes on waiting for a version that is not there yet", async () => {
  const fold = foldOf(ITEMS);
  const outcome = observe(fold.changed({ since: 2 }));
  fold.apply(item("n1", 1, "a"));
  await settle();
  assertEquals(outcome.state, "pending");
  fold.apply(item("n1", 2, "a"));
  await settle();
  assertEquals(outcome.state, "pending");
  fold.apply(item("n1", 3, "a"));
  await settle();
  assertEquals([outcome.state, outcome.value], ["fulfilled", 3]);
});

test("changed wakes all who wait", async () => {
  const fold = foldOf(ITEMS);
  const counted = countedSignal();
  const outcomes = [observe(fold.changed()), observe(fold.changed(counted))];
  for (let n = 0; n < 50; n++) outcomes.push(observe(fold.changed(counted)));
  await settle();
  assertEquals(counted.listening, 1);
  fold.apply(item("n1", 1, "a"));
  await settle();
  assertEquals([...new Set(states(outcomes))], ["fulfilled"]);
  assertEquals(counted.listening, 0);
});

test("changed whose signal aborts rejects with its reason, and leaves no listener", async () => {
  for (const reason of [new Error("stop"), "text", null, 0]) {
    const fold = foldOf(ITEMS);
    const counted = countedSignal();
    const [given, other] = [observe(fold.changed(counted)), observe(fold.changed())];
    await settle();
    assertEquals([given.state, counted.listening], ["pending", 1]);
    counted.abort(reason);
    await settle();
    assertEquals(states([given, other]), ["rejected", "pending"]);
    assertStrictEquals(given.reason, reason);
    assertEquals(counted.listening, 0);
    fold.apply(item("n1", 1, "a"));
    await settle();
    assertEquals(states([given, other]), ["rejected", "fulfilled"]);
  }
});

test("changed with a signal that has aborted rejects with its reason, whatever has changed", async () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  for (const since of [0, undefined]) {
    assertStrictEquals(await reasonOf(fold.changed({ signal: counted.signal, since })), reason);
  }
  assertEquals(counted.listening, 0);
});

test("changed rejects when the fold is closed, and leaves no listener", async () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  const counted = countedSignal();
  const outcomes = [observe(fold.changed(counted)), observe(fold.changed({ since: 7 }))];
  await settle();
  fold.close();
  await settle();
  for (const { reason } of outcomes) {
    assertInstanceOf(reason, FoldClosedError);
    assertEquals(reason.message, "Cannot wait for Fold: fold of item is closed");
  }
  assertEquals(counted.listening, 0);
  assertInstanceOf(await reasonOf(fold.changed()), FoldClosedError);
  // What has changed before can still be told.
  assertEquals(await fold.changed({ since: 0 }), 1);
});

test("changed wakes when an entry expires by itself", async () => {
  using time = new FakeTime();
  using fold = new Fold(ITEMS);
  fold.apply(item("n1", 1, "a", { ttlMs: 100 }));
  const outcome = observe(fold.changed());
  time.pass(99);
  await settle();
  assertEquals(outcome.state, "pending");
  time.pass(1);
  await settle();
  assertEquals([outcome.value, fold.has("a")], [2, false]);
});
