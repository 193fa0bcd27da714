import { assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { Fold, type FoldKey, type FoldKind, type FoldOptions } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { brief, drain, item, ITEMS } from "./_items.ts";

const DAY_MS = 86_400_000;

/** What has become of announcements, in a word each. */
function fates(results: readonly { outcome: string; reason?: string | undefined }[]): string[] {
  return results.map(({ outcome, reason }) => reason ?? outcome);
}

test("a fold that is full takes no other entry, and what it has can change", () => {
  const fold = foldOf(ITEMS, { maxEntries: 2 });
  const results = [
    fold.apply(item("n1", 1, "a")),
    fold.apply(item("n2", 1, "b")),
    fold.apply(item("n1", 1, "c")),
    fold.apply(item("n3", 1, "d")),
    fold.apply(item("n1", 2, "a")),
    fold.apply(item("n3", 3, "a")),
    fold.apply(item("n3", 4, "c", { leave: true })),
  ];
  assertEquals(fates(results), [
    "inserted",
    "inserted",
    "full",
    "full",
    "replaced",
    "replaced",
    "left",
  ]);
  assertEquals([fold.size, fold.stats().rejections], [2, { full: 2 }]);
  fold.evict("b");
  // Nothing was remembered of what had no place.
  assertEquals(fold.apply(item("n1", 1, "c")).outcome, "inserted");
});

test("entries that have expired make room, those first that expired first, and no more than it takes", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { maxEntries: 4, clock });
  using watch = fold.watch({ initial: false });
  for (const [id, ttlMs] of [["a", 70_000], ["b", 20], ["c", 1_500], ["d", 100_000]] as const) {
    fold.apply(item("n1", 1, id, { ttlMs }));
  }
  drain(watch);
  assertEquals(fold.apply(item("n1", 1, "e")).reason, "full");
  clock.pass(80_000);
  const results = ["e", "f", "g", "h"].map((id) => fold.apply(item("n1", 1, id)));
  assertEquals(fates(results), ["inserted", "inserted", "inserted", "full"]);
  assertEquals(brief(drain(watch)), [
    "expired b",
    "created e",
    "expired c",
    "created f",
    "expired a",
    "created g",
  ]);
  assertEquals([fold.size, fold.stats().expired], [4, 3]);
});

test("a node that has as many entries as it may takes no other, also where nobody else has any", () => {
  const fold = foldOf(ITEMS, { maxEntriesPerNode: 2 });
  const results = ["a", "b", "c", "d"].map((id) => fold.apply(item("n1", 1, id)));
  assertEquals(fates(results), ["inserted", "inserted", "node-full", "node-full"]);
  assertEquals(fold.count({ node: "n1" }), 2);
});

test("a node that has as many entries as it may takes none over, and what it has can change", () => {
  const fold = foldOf(ITEMS, { maxEntriesPerNode: 2 });
  fold.apply(item("other", 1, "x"));
  fold.apply(item("third", 1, "y"));
  const results = [
    fold.apply(item("n1", 1, "a")),
    fold.apply(item("n1", 5, "x")),
    fold.apply(item("n1", 5, "y")),
    fold.apply(item("n1", 1, "b")),
    fold.apply(item("n1", 2, "a")),
    fold.apply(item("other", 9, "a")),
    fold.apply(item("n1", 6, "y")),
  ];
  assertEquals(fates(results), [
    "inserted",
    "replaced",
    "node-full",
    "node-full",
    "replaced",
    "replaced",
    "replaced",
  ]);
  assertEquals([fold.count({ node: "n1" }), fold.count({ node: "other" })], [2, 1]);
  assertEquals(fold.stats().rejections, { "node-full": 2 });
});

test("entries of a node that have expired make room for it", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { maxEntriesPerNode: 2, clock });
  fold.apply(item("other", 1, "o", { ttlMs: 10 }));
  fold.apply(item("other", 1, "p"));
  fold.apply(item("n1", 1, "a"));
  fold.apply(item("n1", 1, "b", { ttlMs: 10 }));
  using watch = fold.watch({ initial: false });
  assertEquals(fold.apply(item("n1", 1, "c")).reason, "node-full");
  clock.pass(10);
  assertEquals(fold.apply(item("n1", 1, "c")).outcome, "inserted");
  assertEquals(fold.apply(item("n1", 1, "d")).reason, "node-full");
  // In order of deadlines, as everywhere.
  assertEquals(brief(drain(watch)), ["expired o", "expired b", "created c"]);
});

test("a node may have as many entries as there may be, if nothing else is said", () => {
  const fold = foldOf(ITEMS, { maxEntries: 3 });
  const results = ["a", "b", "c", "d"].map((id) => fold.apply(item("n1", 1, id)));
  assertEquals(fates(results), ["inserted", "inserted", "inserted", "full"]);
});

test("lives that are too short or too long are made to fit, and counted", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { minTtlMs: 100, maxTtlMs: 1_000, clock });
  const lives = [[0, 100], [99.5, 100], [100, 100], [500, 500], [1_000, 1_000], [1e300, 1_000]];
  for (const [id, [ttlMs, expected]] of lives.entries()) {
    fold.apply(item("n1", 1, id, { ttlMs: ttlMs! }));
    assertEquals(fold.get(id)?.expiresAt, clock.ms + expected!);
  }
  assertEquals(fold.stats().clamped, 3);
  // The life that the kind says is held to it, too: that is a minute.
  fold.apply(item("n1", 1, "by the kind"));
  assertEquals([fold.get("by the kind")?.expiresAt, fold.stats().clamped], [clock.ms + 1_000, 4]);
});

test("a life is a day at most, and none at least, if nothing else is said", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  fold.apply(item("n1", 1, "a", { ttlMs: 2 * DAY_MS }));
  fold.apply(item("n1", 1, "b", { ttlMs: 0.25 }));
  assertEquals([fold.get("a")?.expiresAt, fold.get("b")?.expiresAt], [
    clock.ms + DAY_MS,
    clock.ms + 1,
  ]);
  assertEquals(fold.stats().clamped, 1);
});

test("rejections are counted by their reasons, and add up with all else that came", () => {
  const kind: FoldKind<FoldKey, string> = {
    id: 0x0f14,
    name: "opinionated",
    defaultTtlMs: 1_000,
    key: () => "key",
    merge: (existing, { payload }) => {
      if (payload === "insert" || payload === "replace") return payload;
      return existing === undefined ? "insert" : { reject: payload };
    },
  };
  const fold = foldOf(kind);
  const say = (generation: number, payload: string): string =>
    fates([fold.apply({ node: "n1", generation, payload })])[0]!;
  assertEquals(say(1, "replace"), "merge");
  assertEquals(say(1, "insert"), "inserted");
  assertEquals(say(2, "insert"), "merge");
  assertEquals(say(2, "ugly"), "ugly");
  assertEquals(say(2, ""), "");
  assertEquals(say(2, "ugly"), "ugly");
  assertEquals(say(2, "replace"), "replaced");
  assertEquals(say(2, "replace"), "stale");
  fold.evict("key");
  assertEquals(say(2, "insert"), "replayed");
  const { applied, inserted, replaced, left, rejected, rejections } = fold.stats();
  assertEquals(rejections, { merge: 2, ugly: 2, "": 1, stale: 1, replayed: 1 });
  assertEquals([inserted, replaced, left, rejected, applied], [1, 1, 0, 7, 9]);
});

test("a kind that makes up reasons without end has its first ones counted, and all others together", () => {
  const fold = foldOf({
    id: 0x0f15,
    name: "wordy",
    defaultTtlMs: 1_000,
    key: () => "key",
    merge: (_existing, { payload }: { payload: string }) => ({ reject: payload }),
  });
  const say = (payload: string): unknown => fold.apply({ node: "n1", generation: 1, payload });
  for (let n = 0; n < 1_000; n++) {
    assertEquals(say(`reason ${n}`), { outcome: "rejected", reason: `reason ${n}` });
  }
  say("reason 0");
  const { rejected, rejections } = fold.stats();
  const counts = Object.values(rejections);
  assertEquals([rejected, counts.reduce((sum, count) => sum + count, 0)], [1_001, 1_001]);
  assertEquals([counts.length <= 100, rejections["reason 0"]], [true, 2]);
});

test("an announcement that is none is refused before it has any effect, and counted", () => {
  const fold = foldOf(ITEMS);
  const wrong: [object, typeof Error, string][] = [
    [{ node: "" }, TypeError, "node must be a text that is not empty"],
    [{ node: 7 }, TypeError, "node must be a text that is not empty"],
    [{ generation: 0 }, RangeError, "generation of"],
    [{ generation: -1 }, RangeError, "must be an integer of at least 1, received -1"],
    [{ generation: 1.5 }, RangeError, "generation of"],
    [{ generation: 2 ** 53 }, RangeError, "generation of"],
    [{ generation: NaN }, RangeError, "generation of"],
    [{ generation: "1" }, RangeError, "generation of"],
    [{ ttlMs: -1 }, RangeError, "ttlMs of"],
    [{ ttlMs: NaN }, RangeError, "must be a number of at least 0, received NaN"],
    [{ ttlMs: Infinity }, RangeError, "ttlMs of"],
  ];
  for (const [change, type, message] of wrong) {
    const announcement = { ...item("n1", 1, "a"), ...change } as ReturnType<typeof item>;
    assertThrows(() => fold.apply(announcement), type, message);
  }
  const { applied, rejected, rejections } = fold.stats();
  assertEquals([applied, rejected, rejections], [11, 11, { invalid: 11 }]);
  assertEquals([fold.size, fold.version], [0, 0]);
});

test("a key is a string, a number or a bigint, and those of one type are told apart", () => {
  const fold = foldOf(ITEMS);
  for (const id of [NaN, undefined, null, true, {}, Symbol("key")]) {
    const announcement = item("n1", 1, id as never);
    assertThrows(() => fold.apply(announcement), TypeError, "key must answer a string, a number");
  }
  const keys = [
    1,
    "1",
    1n,
    0,
    "",
    0n,
    -1,
    1.5,
    2 ** 40,
    -(2 ** 40),
    1e300,
    Infinity,
    2n ** 99n,
    "ä",
  ];
  for (const [n, id] of keys.entries()) fold.apply(item("n1", 1, id, { n }));
  for (const [n, id] of keys.entries()) assertEquals(fold.get(id)?.payload.n, n);
  assertEquals([fold.size, fold.get(-0)?.payload.n, fold.has("0")], [keys.length, 3, false]);
});

test("a fold refuses options that are out of their range, and kinds that are none", () => {
  const wrong: [FoldOptions | object, typeof Error, string][] = [
    [{ maxEntries: 0 }, RangeError, "maxEntries must be an integer of at least 1"],
    [{ maxEntries: Infinity }, RangeError, "maxEntries must be an integer"],
    [{ maxEntriesPerNode: 1.5 }, RangeError, "maxEntriesPerNode must be an integer"],
    [{ maxRemembered: -1 }, RangeError, "maxRemembered must be an integer of at least 0"],
    [{ minTtlMs: -1 }, RangeError, "minTtlMs must be a number of at least 0"],
    [{ minTtlMs: 10, maxTtlMs: 9 }, RangeError, "maxTtlMs must be a number of at least 10"],
    [{ maxTtlMs: Infinity }, RangeError, "maxTtlMs must be a number"],
    [{ rememberMs: NaN }, RangeError, "rememberMs must be a number"],
    [{ sweepIntervalMs: -1 }, RangeError, "sweepIntervalMs must be a number"],
    [{ onError: 1 }, TypeError, "onError must be a function"],
    [{ clock: { now: 1, wallNow: Date.now } }, TypeError, "clock.now must be a function"],
    [{ clock: { now: Date.now } }, TypeError, "clock.wallNow must be a function"],
    [{ audit: {} }, TypeError, "audit.record must be a function"],
  ];
  for (const [options, type, message] of wrong) {
    assertThrows(() => new Fold(ITEMS, options as FoldOptions), type, message);
  }
  const kinds: [object | null, typeof Error, string][] = [
    [null, TypeError, "kind must be an object"],
    [{ id: -1 }, RangeError, "kind.id must be an integer from 0 to 65535"],
    [{ id: 65_536 }, RangeError, "kind.id must be an integer from 0 to 65535"],
    [{ name: "" }, TypeError, "kind.name must be a text that is not empty"],
    [{ defaultTtlMs: -1 }, RangeError, "kind.defaultTtlMs must be a number"],
    [{ key: "id" }, TypeError, "kind.key must be a function"],
    [{ merge: "higher" }, TypeError, "kind.merge must be a function"],
    [{ parse: {} }, TypeError, "kind.parse must be a function"],
    [{ audit: [] }, TypeError, "kind.audit must be a function"],
    [{ indexes: { tag: "tags" } }, TypeError, "kind.indexes.tag must be a function"],
  ];
  for (const [change, type, message] of kinds) {
    const kind = change && { ...ITEMS, ...change } as typeof ITEMS;
    assertThrows(() => new Fold(kind as typeof ITEMS), type, message);
  }
});

test("statistics are JSON, and those that were taken do not change", () => {
  const fold = foldOf(ITEMS);
  const before = fold.stats();
  fold.apply(item("n1", 1, "a"));
  fold.apply(item("n1", 1, "a"));
  const after = fold.stats();
  assertNotStrictEquals(before.rejections, after.rejections);
  assertEquals([before.applied, before.rejections], [0, {}]);
  assertEquals(JSON.parse(JSON.stringify(after)), after);
  assertEquals([after.kind, after.name], [ITEMS.id, "item"]);
});
