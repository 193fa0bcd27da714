import { assertEquals } from "@std/assert";
import type { Fold, FoldKey } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { type Item, item, ITEMS } from "./_items.ts";

type ItemFold = Fold<FoldKey, Item, "tag" | "color">;

/** Every way for an entry of n1 with generation 5 to go. */
const GOINGS: Record<string, (fold: ItemFold, clock: HandClock) => unknown> = {
  "was evicted": (fold) => fold.evict("a"),
  "was evicted with its node": (fold) => fold.evictNode("n1"),
  "was left by its node": (fold) => fold.leave("n1"),
  "was swept": (fold, clock) => (clock.pass(1_000), fold.sweep()),
  "has expired, and was not swept": (_fold, clock) => clock.pass(1_000),
  "was taken over, and left": (fold) => {
    fold.apply(item("n2", 6, "a"));
    fold.apply(item("n2", 7, "a", { leave: true }));
  },
  "gave way to a snapshot": (fold) => fold.restore(foldOf(ITEMS).snapshot(), { over: "replace" }),
};

for (const [name, go] of Object.entries(GOINGS)) {
  test(`an entry that ${name} comes back with a later generation only`, () => {
    const clock = new HandClock();
    const fold = foldOf(ITEMS, { clock });
    fold.apply(item("n1", 5, "a", { ttlMs: 1_000 }));
    go(fold, clock);
    assertEquals(fold.has("a"), false);
    for (const generation of [1, 4, 5]) {
      assertEquals(fold.apply(item("n1", generation, "a")).reason, "replayed");
    }
    // It is of this key and this node only.
    assertEquals(fold.apply(item("n1", 1, "b")).outcome, "inserted");
    assertEquals(fold.apply(item("n1", 6, "a")).outcome, "inserted");
    fold.evict("a");
    assertEquals(fold.apply(item("n3", 1, "a")).outcome, "inserted");
  });
}

test("a leave with a generation of its own keeps out what was said before, come what may first", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 5, "a"));
  assertEquals(fold.apply(item("n1", 5, "a", { leave: true })).reason, "stale");
  assertEquals(fold.apply(item("n1", 9, "a", { leave: true })).outcome, "left");
  assertEquals(fold.apply(item("n1", 8, "a")).reason, "replayed");
  assertEquals(fold.apply(item("n1", 9, "a", { leave: true })).reason, "replayed");
  // One that comes before there is an entry, and one of whoever does not own it.
  assertEquals(fold.apply(item("n2", 3, "b", { leave: true })).outcome, "left");
  assertEquals(fold.apply(item("n2", 2, "b")).reason, "replayed");
  fold.apply(item("n3", 1, "b"));
  assertEquals(fold.apply(item("n2", 4, "b", { leave: true })).outcome, "left");
  assertEquals([fold.get("b")?.node, fold.apply(item("n2", 4, "b")).reason], ["n3", "replayed"]);
  assertEquals(fold.stats().left, 3);
});

test("a generation is remembered for as long as was said, and not at the end of it", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, rememberMs: 1_000 });
  fold.apply(item("n1", 5, "a"));
  fold.evict("a");
  clock.pass(999);
  assertEquals(fold.apply(item("n1", 5, "a")).reason, "replayed");
  clock.pass(1);
  assertEquals(fold.snapshot().remembered, []);
  assertEquals(fold.apply(item("n1", 5, "a")).outcome, "inserted");
});

test("a fold that remembers for no time, or nothing, takes everything back", () => {
  for (const options of [{ rememberMs: 0 }, { maxRemembered: 0 }]) {
    const fold = foldOf(ITEMS, options);
    fold.apply(item("n1", 5, "a"));
    fold.evict("a");
    assertEquals([fold.stats().remembered, fold.snapshot().remembered], [0, []]);
    assertEquals(fold.apply(item("n1", 1, "a")).outcome, "inserted");
    assertEquals(fold.stats().forgotten, 0);
  }
});

test("no more generations are remembered than was said: the oldest is forgotten, and counted", () => {
  const fold = foldOf(ITEMS, { maxRemembered: 3 });
  for (const id of ["a", "b", "c", "d", "e"]) {
    fold.apply(item("n1", 5, id));
    fold.evict(id);
  }
  assertEquals([fold.stats().remembered, fold.stats().forgotten], [3, 2]);
  assertEquals(fold.snapshot().remembered.map(({ key }) => key), ["c", "d", "e"]);
  const results = ["a", "b", "c", "d", "e"].map((id) => fold.apply(item("n1", 5, id)));
  assertEquals(results.map(({ reason }) => reason), [
    undefined,
    undefined,
    "replayed",
    "replayed",
    "replayed",
  ]);
  // What comes back is not remembered beside being there, and is the newest when it goes again.
  fold.apply(item("n1", 6, "c"));
  assertEquals(fold.stats().remembered, 2);
  fold.evict("c");
  assertEquals(fold.snapshot().remembered.map(({ key }) => key), ["d", "e", "c"]);
  assertEquals(fold.stats().forgotten, 2);
});

test("a generation that is over makes room, and is not counted as forgotten", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, rememberMs: 1_000, maxRemembered: 2 });
  for (let id = 0; id < 100; id++) {
    fold.apply(item("n1", 1, id));
    fold.evict(id);
    clock.pass(500);
  }
  assertEquals(fold.stats().forgotten, 0);
  clock.pass(1_000);
  fold.sweep();
  assertEquals(fold.stats().remembered, 0);
});

test("of two generations of a node that are to be remembered the later one is", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  fold.apply(item("n1", 3, "a"));
  fold.evict("a");
  const snapshot = fold.snapshot();
  fold.apply(item("n1", 5, "a"));
  fold.evict("a");
  for (const over of ["merge", "replace"] as const) {
    fold.restore(snapshot, { over });
    assertEquals(fold.apply(item("n1", 5, "a")).reason, "replayed");
    const [remembered, ...more] = fold.snapshot().remembered;
    assertEquals([remembered?.generation, more], [5, []]);
  }
  // And the other way round.
  const later = fold.snapshot();
  const other = foldOf(ITEMS, { clock });
  other.apply(item("n1", 3, "a"));
  other.evict("a");
  other.restore(later, { over: "merge" });
  assertEquals(other.apply(item("n1", 4, "a")).reason, "replayed");
});

test("generations of several nodes that had a key are remembered side by side", () => {
  const remembered: number[] = [];
  const fold = foldOf({
    ...ITEMS,
    merge: (existing, _incoming, context) => {
      remembered.push(context.remembered);
      return existing === undefined ? "insert" : "replace";
    },
  });
  fold.apply(item("n1", 7, "a"));
  fold.apply(item("n2", 3, "a"));
  fold.apply(item("n3", 5, "a"));
  fold.evict("a");
  fold.apply(item("n4", 1, "a"));
  fold.apply(item("n4", 1, "b"));
  // The highest of those that are gone, whoever had it, and of this key.
  assertEquals(remembered, [0, 0, 7, 7, 0]);
  const reasons = [["n1", 7], ["n2", 3], ["n3", 5], ["n3", 6]].map(([node, generation]) =>
    fold.apply(item(node as string, generation as number, "a")).reason
  );
  assertEquals(reasons, ["replayed", "replayed", "replayed", undefined]);
});

test("the highest generation that is known of a key is that of its entry, or of entries that are gone", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, rememberMs: 1_000 });
  assertEquals(fold.generationOf("a"), 0);
  fold.apply(item("n1", 7, "a", { ttlMs: 100 }));
  assertEquals([fold.generationOf("a"), fold.generationOf("b")], [7, 0]);
  fold.apply(item("n2", 9, "a", { ttlMs: 100 }));
  assertEquals(fold.generationOf("a"), 9);
  fold.evict("a");
  fold.apply(item("n3", 2, "a"));
  // Whoever it was of.
  assertEquals(fold.generationOf("a"), 9);
  clock.pass(1_000);
  assertEquals(fold.generationOf("a"), 2);
});
