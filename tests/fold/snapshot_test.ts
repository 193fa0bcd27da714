import { assert, assertEquals } from "@std/assert";
import { leaseKind } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock, START_MS } from "./_hand_clock.ts";
import { held, KIND, say, snapshotOf } from "./_presences.ts";

test("a snapshot says what there is, how old it is, and how long it has yet to live", () => {
  const clock = new HandClock();
  const fold = foldOf(KIND, { clock });
  say(fold, "ada", 1);
  clock.pass(10_000.5);
  say(fold, "bob", 2, 1_000);
  say(fold, "gone", 3, 500);
  say(fold, "left", 4);
  fold.leave("left");
  clock.pass(500);
  fold.evict('["lobby","bob","","bob"]');
  say(fold, "bob", 5, 1_000);
  clock.pass(500);
  const { entries, ...rest } = fold.snapshot();
  const sorted = [...entries].sort((a, b) => a.generation - b.generation);
  assertEquals(sorted, [
    {
      node: "ada",
      generation: 1,
      payload: { room: "lobby", user: "ada" },
      ageMs: 11_000.5,
      remainingMs: 18_999.5,
    },
    {
      node: "bob",
      generation: 5,
      payload: { room: "lobby", user: "bob" },
      ageMs: 500,
      remainingMs: 500.5,
    },
  ]);
  assertEquals(rest, {
    kind: 5,
    takenAtMs: START_MS + 11_000.5,
    // The one that has expired is not remembered before it is removed.
    remembered: [
      { key: '["lobby","left","","left"]', node: "left", generation: 4, remainingMs: 599_000 },
    ],
  });
  assertEquals(fold.stats().snapshots, 1);
});

test("what is restored has aged by the time in between, on a clock of its own", () => {
  const clock = new HandClock();
  const before = foldOf(KIND, { clock });
  say(before, "ada", 1);
  say(before, "bob", 2, 60_000);
  clock.pass(5_000);
  const snapshot = before.snapshot();

  // Another process, ten seconds later, whose clock begins anew.
  const later = new HandClock();
  later.ms = 100;
  later.wallMs = clock.wallMs + 10_000;
  const fold = foldOf(KIND, { clock: later });
  assertEquals(fold.restore(snapshot), 2);
  assertEquals(
    fold.query().map(({ receivedAt, expiresAt }) => [receivedAt, expiresAt])
      .sort((a, b) => a[1]! - b[1]!),
    [[100 - 15_000, 100 + 15_000], [100 - 15_000, 100 + 45_000]],
  );
  later.pass(14_999);
  assertEquals(held(fold), ["ada 1", "bob 2"]);
  later.pass(1);
  assertEquals(held(fold), ["bob 2"]);
  assertEquals(fold.sweep(), 1);
});

test("what has expired in between is left out, and so is what was to be remembered until then", () => {
  for (
    const [downMs, expected, remembered] of [
      [29_999, ["ada 5", "bob 5"], 2],
      [30_000, [], 2],
      [599_999, [], 2],
      [600_000, [], 0],
    ] as const
  ) {
    const clock = new HandClock();
    clock.wallMs += downMs;
    const fold = foldOf(KIND, { clock });
    assertEquals(fold.restore(snapshotOf()), expected.length);
    assertEquals([held(fold), fold.stats().remembered], [[...expected], remembered]);
  }
});

test("if the clock has gone backwards in between, no time has passed", () => {
  const clock = new HandClock();
  clock.wallMs -= 86_400_000;
  const fold = foldOf(KIND, { clock });
  assertEquals(fold.restore(snapshotOf()), 2);
  assertEquals(fold.query().map(({ expiresAt }) => expiresAt), [35_000, 35_000]);
});

test("nobody lives longer than the fold lets him, because he was restored", () => {
  const fold = foldOf(KIND, { maxTtlMs: 1_000 });
  fold.restore(snapshotOf());
  assertEquals(fold.query().map(({ expiresAt }) => expiresAt), [6_000, 6_000]);
});

test("what was restored is found in every way, and loses against what is announced later", () => {
  const fold = foldOf(KIND);
  assertEquals(fold.restore(snapshotOf()), 2);
  assertEquals(fold.count({ by: { room: "lobby", user: ["ada", "cleo"] } }), 1);
  assertEquals([fold.nodes().sort(), fold.byNode("bob").length], [["ada", "bob"], 1]);
  assertEquals(say(fold, "ada", 5), { outcome: "rejected", reason: "stale" });
  assertEquals(say(fold, "ada", 6), { outcome: "replaced" });
  assertEquals([fold.stats().restores, fold.stats().inserted], [1, 0]);
});

test("generations that were remembered are remembered on, and hold", () => {
  const fold = foldOf(KIND);
  fold.restore(snapshotOf());
  for (const user of ["cleo", "dan"]) {
    assertEquals(say(fold, user, 5), { outcome: "rejected", reason: "replayed" });
    assertEquals(say(fold, user, 6), { outcome: "inserted" });
  }
  // Not more than there is room for; the newest stay.
  const small = foldOf(KIND, { maxRemembered: 1 });
  small.restore(snapshotOf());
  assertEquals(say(small, "cleo", 5), { outcome: "inserted" });
  assertEquals(small.stats().forgotten, 1);
  const forgetful = foldOf(KIND, { rememberMs: 0 });
  forgetful.restore(snapshotOf());
  assertEquals(forgetful.stats().remembered, 0);
});

test("entries that have expired, removed or not, do not stand in the way", () => {
  const clock = new HandClock();
  const fold = foldOf(KIND, { clock });
  say(fold, "eve", 1, 1_000);
  clock.ms += 1_000;
  assertEquals(fold.size, 1);
  assertEquals(fold.restore(snapshotOf()), 2);
  assertEquals([fold.size, held(fold)], [2, ["ada 5", "bob 5"]]);
});

test('with over: "replace" nothing is left of what was there, and watches begin anew', () => {
  const fold = foldOf(KIND);
  say(fold, "ada", 9);
  say(fold, "eve", 1);
  using watch = fold.watch();
  assertEquals(fold.restore(snapshotOf(), { over: "replace" }), 2);
  assertEquals(held(fold), ["ada 5", "bob 5"]);
  assertEquals([fold.byNode("eve"), fold.count({ by: { user: "eve" } })], [[], 0]);
  const result = watch.tryReceive();
  assert(result.state === "ok" && result.value.type === "resync");
  assertEquals(result.value.entries.map(({ node }) => node).sort(), ["ada", "bob"]);
  assertEquals(watch.size, 0);
});

test('with over: "merge" each entry is as good as its generation, and watches are told of each', () => {
  const fold = foldOf(KIND);
  say(fold, "ada", 9);
  say(fold, "bob", 4);
  say(fold, "cleo", 4); // the snapshot remembers that 5 is over, and that is older than what is here
  say(fold, "eve", 1);
  using watch = fold.watch({ initial: false });
  assertEquals(fold.restore(snapshotOf(), { over: "merge" }), 1);
  assertEquals(held(fold), ["ada 9", "bob 5", "cleo 4", "eve 1"]);
  const change = watch.tryReceive();
  assert(change.state === "ok" && change.value.type === "replaced");
  assertEquals([change.value.entry.node, watch.size], ["bob", 0]);
  assertEquals(fold.stats().rejections, { stale: 1 });
});

test('with over: "merge" the kind decides, as it does otherwise', () => {
  const clock = new HandClock();
  const taken = foldOf(leaseKind(), { clock });
  const lease = (holder: string, fence: number, untilMs: number) =>
    ({ resource: "db", state: "reserved", holder, fence, untilMs }) as const;
  taken.apply({ node: "n1", generation: 9, payload: lease("n1", 9, START_MS + 9_000) });
  const snapshot = taken.snapshot();
  const fold = foldOf(leaseKind(), { clock });
  fold.apply({ node: "n2", generation: 3, payload: lease("n2", 3, START_MS + 9_000) });
  assertEquals(fold.restore(snapshot, { over: "merge" }), 0);
  assertEquals([fold.get("db")!.node, fold.stats().rejections], ["n2", { held: 1 }]);
});

test("a restore does not make a fold forget that something is over", () => {
  // What has said goodbye since the snapshot was taken does not come back by it.
  for (const over of ["refuse", "merge"] as const) {
    const fold = foldOf(KIND);
    say(fold, "ada", 6);
    fold.leave("ada");
    fold.restore(snapshotOf(), { over });
    assertEquals([over, held(fold)], [over, ["bob 5"]]);
    assertEquals(say(fold, "ada", 6), { outcome: "rejected", reason: "replayed" });
  }
});

test("a restore does not make a fold remember less than it did", () => {
  const fold = foldOf(KIND);
  say(fold, "cleo", 9);
  fold.leave("cleo");
  fold.restore(snapshotOf(), { over: "merge" });
  assertEquals(say(fold, "cleo", 7), { outcome: "rejected", reason: "replayed" });
  assertEquals(say(fold, "cleo", 10), { outcome: "inserted" });
});

test("whoever waits for a change is told of a restore, even of one without entries", async () => {
  const fold = foldOf(KIND);
  const waiting = fold.changed();
  fold.restore({ ...snapshotOf(), entries: [], remembered: [] });
  assertEquals(await waiting, fold.version);
});
