import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { FoldChange } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { brief, drain, item, ITEMS } from "./_items.ts";

test("a watch keeps as many changes as its capacity says; one more, and all give way to a resync", () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ initial: false, capacity: 3 });
  for (const id of ["a", "b", "c"]) fold.apply(item("n1", 1, id));
  assertEquals([watch.size, watch.missed], [3, 0]);
  fold.evict("b");
  assertEquals([watch.size, watch.missed, fold.stats().missed], [1, 4, 4]);
  fold.evict("c");
  assertEquals([watch.size, watch.missed, fold.stats().missed], [1, 5, 5]);
  assertEquals(brief(drain(watch)), ["resync [a], missed 5"]);
});

test("a watch that has read its resync goes on with every change", () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ initial: false, capacity: 2 });
  for (let id = 0; id < 5; id++) fold.apply(item("n1", 1, id));
  assertEquals(
    brief([watch.tryReceive()].map((result) => {
      assert(result.state === "ok");
      return result.value;
    })),
    ["resync [0,1,2,3,4], missed 5"],
  );
  fold.evict(0);
  fold.evict(1);
  assertEquals([watch.missed, brief(drain(watch))], [5, ["evicted 0", "evicted 1"]]);
  for (let id = 2; id < 5; id++) fold.evict(id);
  // Each resync says what was missed since the one before.
  assertEquals([watch.missed, brief(drain(watch))], [8, ["resync [], missed 3"]]);
});

test("a watch with an unread snapshot has room for its capacity besides, and a resync stands for that, too", () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ capacity: 2 });
  fold.apply(item("n1", 1, "a"));
  fold.apply(item("n1", 1, "b"));
  assertEquals([watch.size, watch.missed], [3, 0]);
  fold.apply(item("n1", 1, "c"));
  assertEquals([watch.size, watch.missed], [1, 3]);
  assertEquals(brief(drain(watch)), ["resync [a,b,c], missed 3"]);
});

test("a watch whose snapshot was read keeps no more changes than its capacity says", () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ capacity: 2 });
  assertEquals(brief(drain(watch)), ["snapshot []"]);
  for (const id of ["a", "b"]) fold.apply(item("n1", 1, id));
  assertEquals([watch.size, watch.missed], [2, 0]);
  fold.apply(item("n1", 1, "c"));
  assertEquals([watch.size, watch.missed], [1, 3]);
  assertEquals(brief(drain(watch)), ["resync [a,b,c], missed 3"]);
});

test("a resync says what there is when it is read", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  using watch = fold.watch({ initial: false, capacity: 1 });
  fold.apply(item("n1", 1, "a", { ttlMs: 10 }));
  fold.apply(item("n1", 1, "b"));
  fold.apply(item("n1", 2, "b", { n: 2 }));
  clock.pass(10);
  const [change] = drain(watch);
  assert(change?.type === "resync");
  assertEquals(change.entries, [fold.get("b")!]);
});

test("a resync has only entries that fit in where, and counts only changes that do", () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({
    initial: false,
    capacity: 1,
    where: ({ payload }) => payload.color === "red",
  });
  for (let id = 0; id < 6; id++) {
    fold.apply(item("n1", 1, id, { color: id % 2 === 0 ? "red" : "blue" }));
  }
  fold.evict(1);
  assertEquals([watch.size, watch.missed], [1, 3]);
  assertEquals(brief(drain(watch)), ["resync [0,2,4], missed 3"]);
});

test("a slow watch does not slow another one, nor lose anything of it", () => {
  const fold = foldOf(ITEMS);
  using slow = fold.watch({ initial: false, capacity: 1 });
  using other = fold.watch({ initial: false, capacity: 100 });
  for (let id = 0; id < 50; id++) fold.apply(item("n1", 1, id));
  assertEquals([slow.size, slow.missed, other.size, other.missed], [1, 50, 50, 0]);
  assertEquals(brief(drain(other)), Array.from({ length: 50 }, (_, id) => `created ${id}`));
  assertEquals(fold.stats().missed, 50);
});

test("a reader that waits for nothing but the next change misses none, whatever the capacity", async () => {
  const fold = foldOf(ITEMS);
  using watch = fold.watch({ initial: false, capacity: 1 });
  const seen: FoldChange[] = [];
  for (let id = 0; id < 20; id++) {
    const next = watch.receive();
    fold.apply(item("n1", 1, id));
    seen.push(await next);
  }
  assertEquals([watch.missed, seen.length, watch.size], [0, 20, 0]);
  assertEquals(brief(seen), Array.from({ length: 20 }, (_, id) => `created ${id}`));
});

test("changes between a resync that is given to who waits and his turn are in it, and counted", async () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  const snapshot = fold.snapshot();
  using watch = fold.watch({ initial: false, capacity: 1 });
  const outcome = observe(watch.receive());
  const iterating = observe(watch[Symbol.asyncIterator]().next());
  await settle();
  fold.restore(snapshot, { over: "replace" });
  for (const id of ["b", "c", "d"]) fold.apply(item("n1", 1, id));
  await settle();
  assertEquals(brief([outcome.value!]), ["resync [a,b,c,d], missed 4"]);
  assertEquals(iterating.state, "pending");
  fold.evict("a");
  await settle();
  assertEquals(brief([iterating.value!.value]), ["evicted a"]);
  assertEquals([watch.missed, watch.size], [4, 0]);
});

test("restoring over everything makes watches resync, and merging tells them of changes", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  const snapshot = fold.snapshot();
  fold.apply(item("n1", 1, "b"));
  using watch = fold.watch();
  using behind = fold.watch({ initial: false, capacity: 1 });
  fold.apply(item("n1", 1, "c"));
  fold.apply(item("n1", 2, "c"));
  fold.restore(snapshot, { over: "replace" });
  // Nothing that waited may be true any more.
  assertEquals(brief(drain(watch)), ["resync [a], missed 3"]);
  assertEquals(brief(drain(behind)), ["resync [a], missed 3"]);
  fold.evict("a");
  assertEquals(brief(drain(watch)), ["evicted a"]);

  const other = foldOf(ITEMS);
  using merging = other.watch();
  other.apply(item("n1", 1, "z"));
  other.restore(snapshot, { over: "merge" });
  assertEquals(brief(drain(merging)), ["snapshot []", "created z", "created a"]);
});

test("a watch that is closed with a resync unread still tells it", async () => {
  const fold = foldOf(ITEMS);
  const watch = fold.watch({ initial: false, capacity: 1 });
  for (const id of ["a", "b"]) fold.apply(item("n1", 1, id));
  watch.close();
  fold.apply(item("n1", 1, "c"));
  assertEquals([watch.size, watch.missed, watch.closed], [1, 2, true]);
  // Changes since are in what there is, though they were not for it any more.
  assertEquals(brief([await watch.receive()]), ["resync [a,b,c], missed 2"]);
  assertEquals(watch.tryReceive(), { state: "closed" });
});

test("what where throws while a resync is read ends the watch, and is thrown at who reads", async () => {
  const fold = foldOf(ITEMS);
  let isBroken = false;
  let generation = 0;
  const where = (): boolean => {
    if (isBroken) throw new TypeError("broken");
    return true;
  };
  const makeBehind = () => {
    isBroken = false;
    const watch = fold.watch({ initial: false, capacity: 1, where });
    for (let n = 0; n < 3; n++) fold.apply(item("n1", ++generation, "a"));
    isBroken = true;
    return watch;
  };
  const ways: ((watch: ReturnType<typeof makeBehind>) => unknown)[] = [
    (watch) => watch.receive(),
    (watch) => watch.tryReceive(),
    (watch) => watch[Symbol.asyncIterator]().next(),
  ];
  for (const read of ways) {
    const watch = makeBehind();
    const outcome = observe((async () => await read(watch))());
    await settle();
    assertInstanceOf(outcome.reason, TypeError);
    assertEquals([watch.closed, fold.stats().watches], [true, 0]);
  }
});
