import { assert, assertEquals, assertLess } from "@std/assert";
import { Bus, type BusOptions, lateBind, subject, type Subscription } from "../../bus/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { heapUsed } from "../_heap.ts";
import { settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

const MB = 2 ** 20;

interface Numbered {
  readonly topic: string;
  readonly id: number;
}

const TOPICS = ["a.0", "a.1", "a.2", "b.0", "b.1", "c"];

/** One of a hundred subscriptions, and what it is to have got so far. */
interface Reader {
  readonly queue: Subscription<Numbered>;
  readonly wants: (event: Numbered) => boolean;
  readonly from: number;
  expected: number;
  last: number;
}

test("1,000,000 events through 100 subscriptions that come and go: exact counts, heap flat", async () => {
  const TOTAL = 1_000_000;
  const random = new Random(20_260_101);
  const bus = new Bus<Numbered>();
  const heap: number[] = [];
  let [delivered, lagged, left, coming] = [0, 0, 0, 0];

  const come = (from: number): Reader => {
    const topic = TOPICS[random.below(TOPICS.length)]!;
    const prefix = random.pick(["a", "b"]);
    const [match, wants] = random.pick<[object, Reader["wants"]]>([
      [{ topic }, (event) => event.topic === topic],
      [{ topic: [topic, "c"] }, (event) => event.topic === topic || event.topic === "c"],
      [{ topic: subject(`${prefix}.*`) }, (event) => event.topic.startsWith(`${prefix}.`)],
      [{ topic: [subject(">"), subject("a.*"), "c"] }, () => true],
    ]);
    const overflow = random.pick(["drop-newest", "drop-oldest"] as const);
    coming++;
    const queue = bus.subscribe({ match, capacity: 1 + random.below(64), overflow });
    return { queue, wants, from, expected: 0, last: -1 };
  };
  const read = (reader: Reader, most: number): void => {
    for (let count = 0; count < most; count++) {
      const result = reader.queue.tryReceive();
      if (result.state !== "ok") return;
      const { id } = result.value;
      assert(id > reader.last && id >= reader.from, "out of order, or from before its time");
      assert(reader.wants(result.value), "not what was asked for");
      reader.last = id;
    }
  };
  const leave = (reader: Reader): void => {
    reader.queue.close();
    read(reader, Infinity);
    const { queue, expected } = reader;
    assertEquals([queue.offered, queue.delivered + queue.lagged], [expected, expected]);
    delivered += queue.delivered;
    lagged += queue.lagged;
    left++;
  };

  const readers = Array.from({ length: 100 }, () => come(0));
  for (let id = 0; id < TOTAL; id++) {
    const event = { topic: TOPICS[random.below(TOPICS.length)]!, id };
    bus.publish(event);
    for (const reader of readers) if (reader.wants(event)) reader.expected++;
    if (id % 8 === 0) read(readers[random.below(100)]!, 32);
    if (id % 500 === 250) {
      const at = random.below(100);
      leave(readers[at]!);
      readers[at] = come(id + 1);
    }
    if (id % 200_000 === 100_000) heap.push(heapUsed());
    // Garbage is found out between tasks only.
    if (id % 50_000 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  heap.push(heapUsed());
  for (const reader of readers) leave(reader);

  assertEquals([left, coming], [2_100, 2_100]);
  const stats = bus.stats();
  assertEquals(stats.published, TOTAL);
  assertEquals([stats.delivered, stats.lagged], [delivered, lagged]);
  assertEquals([stats.offered, stats.reaped], [delivered + lagged, 0]);
  assertEquals(stats.subscriptions, []);
  // Less than three bytes an event: nothing is kept.
  assertLess(heap.at(-1)! - heap[0]!, 2 * MB, `heap in use: ${heap}`);
});

test("100,000 subscribers that come and go on one signal leave nothing on it and nothing in the heap", () => {
  const counted = countedSignal();
  const options = { signal: counted.signal };
  const bus = new Bus<Numbered>();
  let [before, handled] = [0, 0];
  for (let n = 0; n < 100_000; n++) {
    if (n === 10_000) before = heapUsed();
    // Each asks for something of its own.
    const match = { topic: `topic.${n}`, id: n };
    if (n % 3 === 0) bus.on(match, () => handled++, options).close();
    else if (n % 3 === 1) bus.subscribe({ match, ...options, capacity: 1 }).close();
    else {
      bus.once({ topic: subject(`topic.${n}.*`) }, () => handled++, options);
      bus.publish({ topic: `topic.${n}.x`, id: n });
    }
  }
  assertEquals([handled, counted.listening], [33_333, 0]);
  assertLess(heapUsed() - before, 3 * MB);
  const { subscriptions, listeners } = bus.stats();
  assertEquals([subscriptions.length, listeners.length], [0, 0]);
});

test("100,000 waits that are served or given up leave nothing in the heap", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  let [before, aborted, served] = [0, 0, 0];
  const giveUp = (): unknown => aborted++;
  const serve = (): unknown => served++;
  for (let n = 0; n < 25_000; n++) {
    if (n === 2_500) before = heapUsed();
    const controller = new AbortController();
    queue.receive(controller).catch(giveUp);
    bus.next({}, controller).catch(giveUp);
    controller.abort();
    queue.receive().then(serve);
    bus.next({}).then(serve);
    bus.publish(n);
    if (n % 100 === 0) await settle();
  }
  await settle();
  assertEquals([aborted, served, queue.size], [50_000, 50_000, 0]);
  assertLess(heapUsed() - before, 2 * MB);
});

test("events published by handlers in long chains leave nothing in the heap", () => {
  const bus = new Bus<number>({ maxNested: 1_000 });
  let [before, handled] = [0, 0];
  bus.on({}, (left) => {
    handled++;
    if (left > 0) bus.publish(left - 1);
  });
  for (let round = 0; round < 2_000; round++) {
    if (round === 200) before = heapUsed();
    bus.publish(500);
  }
  assertEquals(handled, 2_000 * 501);
  assertLess(heapUsed() - before, 2 * MB);
});

/** A text of some 400 kB, of its own. */
const large = (n: number): { id: number; text: number[] } => ({
  id: n,
  text: Array.from({ length: 50_000 }, (_, i) => i + n),
});
type Large = ReturnType<typeof large>;

const RELEASES: [
  string,
  BusOptions<Large>,
  (bus: Bus<Large>, queue: Subscription<Large>) => unknown,
][] = [
  ["received", {}, async (bus, queue) => {
    for (let n = 0; n < 40; n++) bus.publish(large(n));
    for (let n = 0; n < 40; n++) await queue.receive();
  }],
  ["received in batches", {}, async (bus, queue) => {
    for (let n = 0; n < 40; n++) bus.publish(large(n));
    assertEquals((await queue.receiveBatch(99)).length, 40);
  }],
  ["iterated over", {}, async (bus, queue) => {
    for (let n = 0; n < 40; n++) bus.publish(large(n));
    const iterator = queue[Symbol.asyncIterator]();
    for (let n = 0; n < 40; n++) await iterator.next();
  }],
  ["lost", {}, (bus, queue) => {
    queue.close();
    const slow = bus.subscribe({ capacity: 1, overflow: "drop-oldest", onLag: () => {} });
    for (let n = 0; n < 40; n++) bus.publish(large(n));
    slow.tryReceive();
  }],
  ["kept by a history, and pushed out of it", { history: 1 }, async (bus, queue) => {
    for (let n = 0; n < 40; n++) bus.publish(large(n));
    await queue.receiveBatch(99);
  }],
  ["replayed", { history: 1 }, async (bus, queue) => {
    queue.close();
    for (let n = 0; n < 40; n++) {
      bus.publish(large(n));
      const late = bus.subscribe({ replay: 1 });
      assertEquals((await late.receive()).id, n);
      late.close();
    }
  }],
  ["bound late, and evicted", {
    bind: lateBind<Large, number[]>({
      capacity: 1,
      teach: ({ id, text }) => ({ key: id, value: text }),
      lacks: () => undefined,
      fill: (event) => event,
    }),
  }, async (bus, queue) => {
    for (let n = 0; n < 40; n++) bus.publish(large(n));
    await queue.receiveBatch(99);
  }],
  ["given up by a send", {}, async (bus, queue) => {
    queue.close();
    const full = bus.subscribe({ capacity: 1, overflow: "wait" });
    const controller = new AbortController();
    for (let n = 0; n < 40; n++) bus.send(large(n), controller).catch(() => {});
    controller.abort();
    await settle();
    full.tryReceive();
  }],
  ["handled", {}, (bus, queue) => {
    queue.close();
    bus.on({}, ({ id }) => id);
    bus.once({ id: 7 }, ({ id }) => id);
    for (let n = 0; n < 40; n++) bus.publish(large(n));
  }],
];

for (const [name, options, use] of RELEASES) {
  test(`Bus lets go of events that were ${name}`, async () => {
    const bus = new Bus<Large>(options);
    const queue = bus.subscribe();
    const before = heapUsed();
    // Forty events are 16 MB or more: keeping a fifth of them is seen.
    await use(bus, queue);
    await settle();
    assertLess(heapUsed() - before, 3 * MB);
    assertEquals(queue.size, 0);
  });
}
