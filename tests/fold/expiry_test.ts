import { assert, assertEquals, assertThrows } from "@std/assert";
import type { FoldKind } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { brief, drain, item, ITEMS } from "./_items.ts";

const DAY_MS = 86_400_000;

test("an entry that has expired is seen by nobody, though nobody has swept it", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  fold.apply(item("n1", 1, "a", { tags: ["x"], color: "red", ttlMs: 100 }));
  fold.apply(item("n2", 1, "b", { tags: ["x"], color: "red", ttlMs: 1_000 }));
  clock.pass(100);

  assertEquals([fold.size, fold.stats().expired], [2, 0]);
  assertEquals([fold.get("a"), fold.has("a")], [undefined, false]);
  assertEquals([fold.count(), fold.count({ node: "n1" })], [1, 0]);
  const keys = [{}, { by: { tag: "x" } }, { by: { color: ["red", "blue"] } }, { where: () => true }]
    .map((query) => fold.query(query).map(({ key }) => key));
  assertEquals(keys, [["b"], ["b"], ["b"], ["b"]]);
  assertEquals(fold.query({ limit: 2 }).length, 1);
  assertEquals([fold.byNode("n1"), fold.nodes()], [[], ["n2"]]);
  assertEquals(fold.countBy("tag"), new Map([["x", 1]]));
  assertEquals([...fold.groupBy(({ node }) => node).keys()], ["n2"]);
  assertEquals(fold.snapshot().entries.map(({ node }) => node), ["n2"]);
  using watch = fold.watch();
  assertEquals(brief(drain(watch)), ["snapshot [b]"]);
  assertEquals([fold.evict("a"), fold.evictNode("n1"), fold.leave("n1")], [false, 0, 0]);
});

test("where of a query is not asked about an entry that has expired", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  fold.apply(item("n1", 1, "a", { tags: ["x"], ttlMs: 100 }));
  fold.apply(item("n1", 1, "b", { tags: ["x"] }));
  clock.pass(100);
  const asked: unknown[] = [];
  const where = ({ key }: { key: unknown }): boolean => asked.push(key) > 0;
  for (const query of [{}, { by: { tag: "x" } }, { node: "n1" }]) fold.query({ ...query, where });
  assertEquals(asked, ["b", "b", "b"]);
});

test("an entry that has expired wins against nothing, and a merge does not see it", () => {
  const seen: unknown[] = [];
  const kind: FoldKind<string, string> = {
    id: 0x0f11,
    name: "spy",
    defaultTtlMs: 100,
    key: () => "key",
    merge: (existing) => {
      seen.push(existing?.payload);
      return existing === undefined ? "insert" : "replace";
    },
  };
  const clock = new HandClock();
  const fold = foldOf(kind, { clock });
  fold.apply({ node: "n1", generation: 9, payload: "first" });
  clock.pass(99);
  fold.apply({ node: "n1", generation: 10, payload: "second" });
  clock.pass(100);
  assertEquals(fold.apply({ node: "n2", generation: 1, payload: "third" }).outcome, "inserted");
  assertEquals(seen, [undefined, "first", undefined]);

  const items = foldOf(ITEMS, { clock });
  items.apply(item("n1", 9, "a", { ttlMs: 100 }));
  clock.pass(100);
  assertEquals(items.apply(item("n2", 1, "a")), { outcome: "inserted" });
});

test("an entry ends with the announcement that finds it expired: it is told of before the new one", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  fold.apply(item("n1", 1, "a", { ttlMs: 100 }));
  fold.apply(item("n1", 1, "b", { ttlMs: 100 }));
  using watch = fold.watch({ initial: false });
  clock.pass(100);
  fold.apply(item("n1", 2, "a"));
  fold.apply(item("n1", 2, "b", { leave: true }));
  fold.sweep();
  assertEquals(brief(drain(watch)), ["expired a", "created a", "expired b"]);
  const { expired, inserted, replaced, left } = fold.stats();
  assertEquals([expired, inserted, replaced, left], [2, 3, 0, 1]);
});

test("an entry that has expired is told of once, after it was removed, in order of deadlines", () => {
  const clock = new HandClock();
  const at = new Map([["a", 300], ["b", 100], ["c", 70_000], ["d", 200], ["e", 5], ["f", 1_050]]);
  const found: unknown[] = [];
  const fold = foldOf({
    id: 0x0f12,
    name: "text",
    defaultTtlMs: 1,
    key: (_node: string, text: string) => text,
    audit: ({ type, key }) => {
      if (type === "expired") found.push([key, fold.size, fold.has(key)]);
      return undefined;
    },
  }, { clock, audit: { record() {} } });
  using watch = fold.watch({ initial: false });
  for (const [payload, ttlMs] of at) fold.apply({ node: "n", generation: 1, payload, ttlMs });
  drain(watch);

  clock.pass(80_000);
  assertEquals(fold.sweep(), 6);
  const order = ["e", "b", "d", "a", "f", "c"];
  assertEquals(brief(drain(watch)), order.map((key) => `expired ${key}`));
  assertEquals(found, order.map((key, i) => [key, 5 - i, false]));
  assertEquals([fold.sweep(), fold.stats().expired, fold.version], [0, 6, 12]);
  assertEquals(drain(watch), []);
});

test("what is told of an expired entry is what it was", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  using watch = fold.watch({ initial: false });
  const announcement = item("n1", 3, "a", { n: 1, ttlMs: 100 });
  fold.apply(announcement);
  const entry = fold.get("a")!;
  clock.pass(5_000);
  fold.sweep();
  const [, expired] = drain(watch);
  assertEquals(expired, { type: "expired", key: "a", entry, reason: "expired" });
  assert(expired?.type === "expired" && expired.entry.payload === announcement.payload);
});

test("an entry lives as long as it is refreshed, and no longer", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  using watch = fold.watch({ initial: false });
  for (let generation = 1; generation <= 1_000; generation++) {
    fold.apply(item("n1", generation, "a", { ttlMs: 100 }));
    clock.pass(99);
    assertEquals([fold.sweep(), fold.has("a")], [0, true]);
    drain(watch);
  }
  clock.pass(1);
  assertEquals([fold.has("a"), fold.sweep()], [false, 1]);
  assertEquals(brief(drain(watch)), ["expired a"]);
});

test("a refresh with another life makes the life longer or shorter", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  const begin = clock.ms;
  const lives = [100, 5, 70_000, 60_000, 60_010, 2 * DAY_MS, 0.5, 1];
  for (const [i, ttlMs] of lives.entries()) {
    fold.apply(item("n1", i + 1, "a", { ttlMs }));
    const expected = Math.ceil(begin + Math.min(ttlMs, DAY_MS));
    assertEquals(fold.get("a")?.expiresAt, expected);
  }
  assertEquals(fold.sweep(begin), 0);
  assertEquals(fold.sweep(begin + 1), 1);
});

test("an entry is there until its deadline, and is not there at it", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  // Lives and times in fractions: deadlines are whole milliseconds, and no life is cut short.
  for (
    const [now, ttlMs, deadline] of [[10, 5, 15], [20.25, 5, 26], [30.5, 0.5, 31], [40, 1e-6, 41]]
  ) {
    clock.ms = now!;
    const generation = Math.floor(now!);
    fold.apply(item("n1", generation, "a", { ttlMs: ttlMs! }));
    assertEquals(fold.get("a")?.expiresAt, deadline);
    clock.ms = deadline! - 0.001;
    assertEquals([fold.has("a"), fold.sweep()], [true, 0]);
    clock.ms = deadline!;
    assertEquals([fold.has("a"), fold.sweep()], [false, 1]);
  }
});

test("an entry without a life is inserted, told of, and seen by nobody", () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ initial: false });
  assertEquals(fold.apply(item("n1", 1, "a", { ttlMs: 0 })), { outcome: "inserted" });
  assertEquals([fold.has("a"), fold.count(), fold.size], [false, 0, 1]);
  // It cannot be refreshed any more, and its generation counts.
  assertEquals(fold.apply(item("n1", 1, "a", { ttlMs: 0 })).reason, "replayed");
  assertEquals(fold.apply(item("n1", 2, "a", { ttlMs: 0 })), { outcome: "inserted" });
  assertEquals(fold.sweep(), 1);
  assertEquals(brief(drain(watch)), ["created a", "expired a", "created a", "expired a"]);
});

test("sweep at a time removes what will have expired then, and moves no clock", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  const begin = clock.ms;
  for (const [id, ttlMs] of [100, 200, 300, 400].entries()) {
    fold.apply(item("n1", 1, id, { ttlMs }));
  }
  assertEquals([fold.sweep(begin + 99), fold.sweep(begin + 200)], [0, 2]);
  assertEquals([fold.now, fold.count(), fold.size], [begin, 2, 2]);
  clock.pass(350);
  // A time that is over counts as it was.
  assertEquals([fold.sweep(begin + 250), fold.size, fold.count()], [0, 2, 1]);
  assertEquals([fold.sweep(), fold.sweep(Infinity), fold.size], [1, 1, 0]);
  assertEquals([fold.sweep(-Infinity), fold.stats().expired], [0, 4]);
});

test("sweep refuses a time that is none", () => {
  const fold = foldOf(ITEMS);
  for (const now of [NaN, "5", null]) {
    assertThrows(() => fold.sweep(now as number), RangeError, "now must be a number");
  }
});

test("a clock that goes backwards stands still: what has expired stays so, and nothing lives longer", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  const begin = clock.ms;
  fold.apply(item("n1", 1, "a", { ttlMs: 100 }));
  fold.apply(item("n1", 1, "b", { ttlMs: 500 }));
  clock.pass(100);
  assertEquals(fold.has("a"), false);
  clock.pass(-90);
  assertEquals([fold.now, fold.has("a"), fold.has("b")], [begin + 100, false, true]);
  fold.apply(item("n1", 1, "c", { ttlMs: 50 }));
  assertEquals(fold.get("c")?.receivedAt, begin + 100);
  assertEquals(fold.sweep(), 1);
  clock.ms = begin + 149;
  assertEquals(fold.has("c"), true);
  clock.ms = begin + 150;
  assertEquals(fold.has("c"), false);
});

test("a fold that is closed can be read until its entries expire, and swept", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  fold.apply(item("n1", 1, "a", { ttlMs: 100 }));
  fold.close();
  assertEquals([fold.has("a"), fold.snapshot().entries.length], [true, 1]);
  clock.pass(100);
  assertEquals([fold.has("a"), fold.count(), fold.sweep(), fold.size], [false, 0, 1, 0]);
});
