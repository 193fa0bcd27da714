import { assertEquals, assertGreater, assertLess } from "@std/assert";
import process from "node:process";
import type { Fold, FoldKey, FoldOptions } from "../../fold/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { collectGarbage, heapUsed } from "../_heap.ts";
import { settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { drain, type Item, item, ITEMS } from "./_items.ts";

const MB = 2 ** 20;

/** What is in use after a collection: objects, and the arrays of numbers that are beside the heap. */
function memoryUsed(): number {
  const heap = heapUsed();
  return heap + process.memoryUsage().external;
}

test("100,000 entries come, are refreshed, expire and go with their nodes: exact counts, and the memory comes back", () => {
  const COUNT = 100_000;
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  using watch = fold.watch({ initial: false, capacity: 10 });
  fold.apply(item("warm", 1, "up"));
  fold.evict("up");
  const before = memoryUsed();
  for (let generation = 1; generation <= 3; generation++) {
    for (let id = 0; id < COUNT; id++) {
      const outcome = generation === 1 ? "inserted" : "replaced";
      const ttlMs = id % 2 === 0 ? 1_000 + id : 10_000_000;
      const announcement = item(`n${id % 100}`, generation, id, { tags: [id % 7], ttlMs });
      assertEquals(fold.apply(announcement).outcome, outcome);
    }
    clock.pass(500);
  }
  assertEquals([fold.size, fold.count(), fold.nodes().length], [COUNT, COUNT, 100]);
  assertEquals(fold.count({ by: { tag: 3 } }), Math.ceil((COUNT - 3) / 7));
  assertEquals(fold.byNode("n17").length, COUNT / 100);
  assertGreater(memoryUsed() - before, 10 * MB, "what is held is not measured");

  // Half of them expire, each in a millisecond of its own.
  clock.pass(50_000);
  const gone = fold.sweep();
  assertEquals(fold.size, COUNT - gone);
  clock.pass(51_000);
  assertEquals([gone + fold.sweep(), fold.size, fold.count()], [COUNT / 2, COUNT / 2, COUNT / 2]);
  assertEquals(fold.count({ node: "n2" }), 0);
  assertEquals(fold.nodes().length, 50);

  let evicted = 0;
  for (let n = 0; n < 100; n++) evicted += fold.evictNode(`n${n}`);
  assertEquals([evicted, fold.size, fold.nodes(), fold.countBy("tag").size], [COUNT / 2, 0, [], 0]);
  const stats = fold.stats();
  assertEquals([stats.inserted, stats.replaced], [COUNT + 1, 2 * COUNT]);
  assertEquals([stats.expired, stats.evicted], [COUNT / 2, COUNT / 2 + 1]);
  assertEquals([stats.remembered, stats.forgotten, stats.missed], [COUNT, 1, fold.version]);

  // What is remembered goes when its time is over.
  clock.pass(600_000);
  fold.sweep();
  assertEquals(fold.stats().remembered, 0);
  assertEquals(watch.size, 1);
  assertLess(memoryUsed() - before, 3 * MB);
});

test("1,000,000 announcements of ever other keys, nodes and values leave the memory flat", () => {
  const random = new Random(20_260_501);
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, maxRemembered: 2_000 });
  const memory: number[] = [];
  let inserted = 0;
  for (let id = 0; id < 1_000_000; id++) {
    const ttlMs = 1 + random.below(2_000);
    const { outcome } = fold.apply(
      item(`node ${id >>> 4}`, 1, `key ${id}`, { tags: [`tag ${id >>> 3}`], ttlMs }),
    );
    if (outcome === "inserted") inserted++;
    if (id % 16 === 0) clock.pass(16);
    if (id % 64 === 0) fold.sweep();
    if (id % 8 === 0) fold.evictNode(`node ${(id >>> 4) - random.below(100)}`);
    if (id % 250_000 === 125_000) memory.push(memoryUsed());
  }
  const { expired, evicted, remembered } = fold.stats();
  assertEquals([inserted, expired + evicted + fold.size], [1_000_000, 1_000_000]);
  assertLess(fold.size, 2_001);
  assertEquals(remembered <= 2_000, true);
  // A few bytes for a thousand announcements: nothing is kept.
  assertLess(memory.at(-1)! - memory[0]!, MB, `memory in use: ${memory}`);
});

test("entries that are refreshed for ever, each time for another life, leave the memory flat", () => {
  const random = new Random(20_260_502);
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  const memory: number[] = [];
  for (let i = 0; i < 600_000; i++) {
    // Deadlines far away, in ever other buckets, and now and then one behind the old one.
    const ttlMs = 100_000 + random.below(80_000_000);
    fold.apply(item(`n${i % 5}`, i + 1, i % 500, { ttlMs }));
    if (i % 10 === 0) clock.pass(1 + random.below(20));
    if (i % 150_000 === 75_000) memory.push(memoryUsed());
  }
  // The same while no time passes, and something else is the first to expire.
  fold.apply(item("first", 1, "first", { ttlMs: 100 }));
  for (let i = 0; i < 400_000; i++) {
    fold.apply(item("n1", 1_000_000 + i, "to and fro", { ttlMs: 200 + i % 700 }));
  }
  memory.push(memoryUsed());
  assertEquals([fold.count(), fold.sweep()], [502, 0]);
  assertLess(memory.at(-1)! - memory[0]!, MB, `memory in use: ${memory}`);
});

test("entries that stay among many that go do not hold the places of these", () => {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock, rememberMs: 0 });
  const before = memoryUsed();
  for (let id = 0; id < 300_000; id++) {
    fold.apply(item("n1", 1, id, { ttlMs: id % 500 === 0 ? 80_000_000 : 1_000 }));
    if (id % 1_000 === 999) {
      clock.pass(1_000);
      fold.sweep();
    }
  }
  assertEquals(fold.size, 600);
  assertLess(memoryUsed() - before, 2 * MB);
});

test("100,000 watches and waits that come and go on one signal leave nothing on it, nor in the memory", async () => {
  const fold = foldOf(ITEMS);
  const counted = countedSignal();
  const { signal } = counted;
  let [before, aborted, served] = [0, 0, 0];
  const giveUp = (): unknown => aborted++;
  const serve = (): unknown => served++;
  for (let n = 0; n < 25_000; n++) {
    if (n === 2_500) before = memoryUsed();
    const own = new AbortController();
    const watch = fold.watch({ signal, capacity: 1 });
    watch.tryReceive();
    watch.receive(own).catch(giveUp);
    fold.changed(own).catch(giveUp);
    own.abort();
    watch.receive().then(serve);
    fold.changed({ signal }).then(serve);
    fold.apply(item("n1", 2 * n + 1, "a"));
    fold.apply(item("n1", 2 * n + 2, "a"));
    if (n % 2 === 0) watch.close();
    else for await (const change of watch) if (change.type === "replaced") break;
    if (n % 100 === 0) await settle();
  }
  await settle();
  assertEquals([aborted, served], [50_000, 50_000]);
  assertEquals([counted.listening, fold.stats().watches], [0, 0]);
  assertLess(memoryUsed() - before, 2 * MB);
});

/** An announcement of some 400 kB. */
function large(node: string, generation: number, id: FoldKey): ReturnType<typeof item> {
  const tags = Array.from({ length: 50_000 }, (_, i) => i + generation);
  return { node, generation, payload: { id, n: generation, large: tags } as Item };
}

type ItemFold = Fold<FoldKey, Item, "tag" | "color">;

/** What becomes of forty large payloads, none of which is to be held then. */
const RELEASES: Record<string, (fold: ItemFold, clock: HandClock) => unknown> = {
  "evicted": (fold) => {
    for (let id = 0; id < 40; id++) fold.apply(large("n1", 1, id));
    for (let id = 0; id < 40; id++) fold.evict(id);
  },
  "left": (fold) => {
    for (let id = 0; id < 40; id++) fold.apply(large("n1", 1, id));
    fold.leave("n1");
  },
  "expired": (fold, clock) => {
    for (let id = 0; id < 40; id++) fold.apply(large("n1", 1, id));
    clock.pass(60_000);
    fold.sweep();
  },
  "replaced": (fold) => {
    for (let n = 1; n <= 40; n++) fold.apply(large(`n${n % 2}`, n, "a"));
    fold.apply(item("n1", 41, "a"));
  },
  "rejected": (fold) => {
    fold.apply(item("n1", 41, "a"));
    for (let n = 1; n <= 40; n++) fold.apply(large("n1", n, "a"));
  },
  "said goodbye with": (fold) => {
    for (let n = 1; n <= 40; n++) fold.apply({ ...large("n1", n, n), leave: true });
  },
  "missed by a slow watch": (fold) => {
    fold.watch({ capacity: 50 });
    for (let n = 1; n <= 40; n++) fold.apply(large("n1", n, "a"));
    for (let n = 41; n <= 80; n++) fold.apply(item("n1", n, "a"));
  },
  "read by a watch": (fold) => {
    const watch = fold.watch({ capacity: 100 });
    for (let n = 1; n <= 40; n++) fold.apply(large("n1", n, "a"));
    fold.apply(item("n1", 41, "a"));
    drain(watch);
  },
  "in a watch that has aborted": (fold) => {
    const controller = new AbortController();
    fold.watch({ signal: controller.signal });
    for (let n = 1; n <= 40; n++) fold.apply(large("n1", n, "a"));
    fold.apply(item("n1", 41, "a"));
    controller.abort();
  },
  "in the way of a snapshot": (fold) => {
    const snapshot = fold.snapshot();
    for (let id = 0; id < 40; id++) fold.apply(large("n1", 1, id));
    fold.restore(snapshot, { over: "replace" });
  },
};

for (const [name, use] of Object.entries(RELEASES)) {
  test(`Fold lets go of payloads that were ${name}`, async () => {
    const clock = new HandClock();
    const options: FoldOptions = { clock, audit: { record() {} } };
    const fold = foldOf(ITEMS, options);
    fold.apply(item("warm", 1, "up"));
    const before = heapUsed();
    // Forty payloads are 16 MB or more: keeping a fifth of them is seen.
    use(fold, clock);
    await settle();
    collectGarbage();
    assertLess(heapUsed() - before, 3 * MB);
    assertLess(fold.size, 3);
  });
}
