import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ChannelClosedError } from "../../channel/mod.ts";
import type { FoldChange } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, reasonOf, settle } from "../_settle.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { brief, drain, type Item, item, ITEMS } from "./_items.ts";

/** The colors of what a change is about: before and after. */
function colors(change: FoldChange<string | number | bigint, Item>): unknown[] {
  if (change.type === "snapshot" || change.type === "resync") {
    return change.entries.map(({ payload }) => payload.color);
  }
  const now = change.entry.payload.color;
  return change.type === "replaced" ? [change.previous.payload.color, now] : [now];
}

test("a watch begins with all entries, and then tells every change, in order", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  for (const id of ["a", "b", "c"]) fold.apply(item("n1", 1, id));
  using watch = fold.watch();
  fold.apply(item("n1", 2, "a"));
  fold.apply(item("n2", 9, "b"));
  fold.apply(item("n1", 1, "d", { ttlMs: 10 }));
  fold.evict("a");
  fold.apply(item("n2", 10, "b", { leave: true }));
  clock.pass(10);
  fold.sweep();
  fold.leave("n1");
  fold.apply(item("n1", 1, "e"));
  assertEquals(brief(drain(watch)), [
    "snapshot [a,b,c]",
    "replaced a",
    "replaced b",
    "created d",
    "evicted a",
    "left b",
    "expired d",
    "left c",
    "created e",
  ]);
});

test("a watch is told what an entry was and what it is, and for what it went", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  using watch = fold.watch();
  const steps: [() => unknown, FoldChange["type"]][] = [
    [() => fold.apply(item("n1", 1, "a", { n: 1 })), "created"],
    [() => fold.apply(item("n1", 2, "a", { n: 2 })), "replaced"],
    [() => fold.apply(item("n2", 2, "a", { n: 3 })), "replaced"],
    [() => fold.evict("a", "enough"), "evicted"],
    [() => fold.apply(item("n2", 4, "a", { n: 4 })), "created"],
    [() => fold.evictNode("n2", "connection lost"), "evicted"],
    [() => fold.apply(item("n2", 5, "a", { n: 5 })), "created"],
    [() => fold.leave("n2", "good night"), "left"],
    [() => fold.apply(item("n2", 6, "a", { n: 6, ttlMs: 5 })), "created"],
    [() => fold.apply(item("n2", 7, "a", { leave: true })), "left"],
    [() => fold.apply(item("n2", 8, "a", { n: 8, ttlMs: 5 })), "created"],
    [() => (clock.pass(5), fold.sweep()), "expired"],
  ];
  const reasons: string[] = [];
  assertEquals(drain(watch), [{ type: "snapshot", entries: [] }]);
  for (const [act, type] of steps) {
    const before = fold.get("a");
    act();
    const entry = fold.get("a");
    const [change, ...more] = drain(watch);
    assertEquals(more, []);
    if (type === "created") assertEquals(change, { type, key: "a", entry: entry! });
    else if (type === "replaced") {
      assertEquals(change, { type, key: "a", entry: entry!, previous: before! });
    } else {
      assert(change?.type === type && change.type !== "snapshot" && change.type !== "resync");
      assert("reason" in change);
      reasons.push(change.reason);
      assertEquals(change, { type, key: "a", entry: before!, reason: change.reason } as FoldChange);
    }
  }
  assertEquals(reasons, ["enough", "connection lost", "good night", "left", "expired"]);
});

test("a watch is not told of what had no effect", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 5, "a"));
  using watch = fold.watch({ initial: false });
  fold.apply(item("n1", 5, "a"));
  fold.apply(item("n2", 4, "a"));
  fold.apply(item("n2", 6, "a", { leave: true }));
  fold.evict("b");
  fold.evictNode("n2");
  fold.leave("n2");
  fold.sweep();
  assertEquals([watch.size, drain(watch).length], [0, 0]);
});

test("what a watch has told does not change with the fold", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a", { n: 1 }));
  using watch = fold.watch();
  fold.apply(item("n1", 2, "a", { n: 2 }));
  fold.evict("a");
  fold.apply(item("n2", 1, "b", { n: 3 }));
  const [snapshot, replaced, evicted] = drain(watch);
  assert(snapshot?.type === "snapshot" && replaced?.type === "replaced");
  assert(evicted?.type === "evicted");
  const told = [snapshot.entries[0]!, replaced.previous, replaced.entry, evicted.entry];
  assertEquals(told.map(({ payload, generation }) => [payload.n, generation]), [
    [1, 1],
    [1, 1],
    [2, 2],
    [2, 2],
  ]);
});

test("a change is told after it has happened", () => {
  const fold = foldOf(ITEMS);
  const found: unknown[] = [];
  using _watch = fold.watch({
    where: ({ key }) => {
      found.push([fold.has(key), fold.size, fold.count({ by: { tag: "x" } })]);
      return true;
    },
  });
  fold.apply(item("n1", 1, "a", { tags: ["x"] }));
  fold.evict("a");
  assertEquals(found, [[true, 1, 1], [false, 0, 0]]);
});

test("a watch without a snapshot begins with the first change", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  using watch = fold.watch({ initial: false });
  assertEquals([watch.size, watch.tryReceive()], [0, { state: "empty" }]);
  fold.apply(item("n1", 1, "b"));
  assertEquals(brief(drain(watch)), ["created b"]);
});

test("where chooses entries of the snapshot and changes, whether they fit before or after", () => {
  const fold = foldOf(ITEMS);
  const color = (generation: number, id: string, color: string): unknown =>
    fold.apply(item("n1", generation, id, { color }));
  color(1, "a", "red");
  color(1, "b", "blue");
  using watch = fold.watch({ where: ({ payload }) => payload.color === "red" });
  color(2, "a", "blue");
  color(3, "a", "blue");
  color(4, "a", "red");
  color(5, "a", "red");
  color(2, "b", "green");
  color(1, "c", "green");
  color(1, "d", "red");
  fold.evict("b");
  fold.evict("d");
  assertEquals(watch.size, 6);
  assertEquals(drain(watch).map((change) => [change.type, ...colors(change)]), [
    ["snapshot", "red"],
    ["replaced", "red", "blue"],
    ["replaced", "blue", "red"],
    ["replaced", "red", "red"],
    ["created", "red"],
    ["evicted", "red"],
  ]);
});

test("watches are told the same, each at its own pace", async () => {
  const fold = foldOf(ITEMS);
  using quick = fold.watch({ initial: false });
  using slow = fold.watch({ initial: false });
  using narrow = fold.watch({ initial: false, where: ({ key }) => key === 1 });
  const seen: FoldChange[] = [];
  for (let id = 0; id < 3; id++) {
    fold.apply(item("n1", 1, id));
    seen.push(await quick.receive());
  }
  const late = drain(slow);
  assertEquals(late, seen as typeof late);
  assertEquals([quick.size, brief(drain(narrow))], [0, ["created 1"]]);
  assertEquals(fold.stats().watches, 3);
});

test("a watch that begins between two changes misses nothing, and hears nothing twice", () => {
  const fold = foldOf(ITEMS);
  const watches = Array.from({ length: 10 }, (_, id) => {
    const watch = fold.watch();
    fold.apply(item("n1", 1, id));
    return watch;
  });
  for (const [id, watch] of watches.entries()) {
    const [snapshot, ...created] = drain(watch);
    assert(snapshot?.type === "snapshot");
    assertEquals(
      snapshot.entries.map(({ key }) => key).sort(),
      Array.from({ length: id }, (_, i) => i),
    );
    assertEquals(brief(created), Array.from({ length: 10 - id }, (_, i) => `created ${id + i}`));
  }
});

test("a watch that begins while another one is asked hears nothing twice", () => {
  const fold = foldOf(ITEMS);
  let late: ReturnType<typeof fold.watch> | undefined;
  using _watch = fold.watch({
    where: () => {
      late ??= fold.watch();
      return true;
    },
  });
  fold.apply(item("n1", 1, "a"));
  fold.evict("a");
  assertEquals(brief(drain(late!)), ["snapshot [a]", "evicted a"]);
  late!.close();
});

test("receive waits for a change, and several that wait are served in turn", async () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ initial: false });
  const outcomes = [observe(watch.receive()), observe(watch.receive())];
  await settle();
  assertEquals(outcomes.map(({ state }) => state), ["pending", "pending"]);
  fold.apply(item("n1", 1, "a"));
  fold.apply(item("n1", 1, "b"));
  await settle();
  assertEquals(brief(outcomes.map(({ value }) => value!)), ["created a", "created b"]);
  assertEquals(watch.size, 0);
});

test("a loop takes nothing before it asks, and ends once the watch is closed and all is read", async () => {
  const fold = foldOf(ITEMS);
  const watch = fold.watch();
  fold.apply(item("n1", 1, "a"));
  const iterator = watch[Symbol.asyncIterator]();
  assertStrictEquals(iterator[Symbol.asyncIterator](), iterator);
  assertEquals(watch.size, 2);
  const first = await iterator.next();
  assertEquals([brief([first.value]), watch.size], [["snapshot []"], 1]);
  watch.close();
  const seen: FoldChange[] = [];
  for await (const change of iterator) seen.push(change);
  assertEquals(brief(seen), ["created a"]);
  assertEquals(await iterator.next(), END);
});

test("a watch that is closed tells what waits, and then that it is closed", async () => {
  const fold = foldOf(ITEMS);
  const watch = fold.watch();
  fold.apply(item("n1", 1, "a"));
  watch.close();
  watch.close();
  fold.apply(item("n1", 1, "b"));
  assertEquals([watch.closed, watch.size, fold.stats().watches], [true, 2, 0]);
  assertEquals(brief([await watch.receive(), await watch.receive()]), ["snapshot []", "created a"]);
  assertEquals(watch.tryReceive(), { state: "closed" });
  assert(await reasonOf(watch.receive()) instanceof ChannelClosedError);
});

test("watch refuses a capacity that is no positive integer, and a predicate that is none", () => {
  const fold = foldOf(ITEMS);
  for (const capacity of [0, -1, 1.5, NaN, Infinity, "2"]) {
    const options = { capacity: capacity as number };
    assertThrows(() => fold.watch(options), RangeError, "capacity must be an integer");
  }
  const where = "color" as unknown as () => boolean;
  assertThrows(() => fold.watch({ where }), TypeError, "where must be a function");
  assertEquals(fold.stats().watches, 0);
});

test("a watch is not told of what had expired before it began, nor before its resync", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  using early = fold.watch({ initial: false });
  fold.apply(item("n1", 1, "a", { ttlMs: 10 }));
  clock.pass(10);
  using late = fold.watch();
  using later = fold.watch({ initial: false, capacity: 1 });
  // A watch that begins removes nothing: that could take long.
  assertEquals([fold.size, brief(drain(early))], [1, ["created a"]]);
  assertEquals([fold.sweep(), brief(drain(early))], [1, ["expired a"]]);
  fold.apply(item("n1", 1, "b", { ttlMs: 10 }));
  fold.apply(item("n1", 1, "c"));
  clock.pass(10);
  assertEquals([brief(drain(later)), fold.size], [["resync [c], missed 2"], 2]);
  fold.sweep();
  // No more than the resync has told of it, and so it is missed.
  assertEquals([brief(drain(later)), later.missed, fold.stats().missed], [[], 3, 3]);
  assertEquals([late.missed, early.missed], [0, 0]);
  assertEquals(brief(drain(late)), ["snapshot []", "created b", "created c", "expired b"]);
});
