import { assert, assertEquals, assertLess } from "@std/assert";
import { Channel, type ChannelOptions, merge, pipe } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { heapUsed } from "../_heap.ts";
import { randomFrom } from "./_play.ts";
import { settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

const MB = 2 ** 20;

test("1,000,000 values with 1,000 aborts of waiting receivers: none lost, none doubled, heap flat", async () => {
  const TOTAL = 1_000_000;
  const random = randomFrom(20_260_101);
  const channel = new Channel<number>({ capacity: 64 });
  const seen = new Uint8Array(TOTAL);
  const heap: number[] = [];
  let [looped, byOthers, aborted, last] = [0, 0, 0, -1];

  const receivers = async (): Promise<void> => {
    // All that was sent is read, so whoever asks now has to wait, behind the loop below.
    await settle();
    assertEquals(channel.size, 0);
    const controllers = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      const controller = new AbortController();
      channel.receive({ signal: controller.signal }).then((value) => {
        seen[value]!++;
        byOthers++;
      }, (reason) => {
        assertEquals(reason, "left");
        aborted++;
      });
      return controller;
    });
    controllers[Math.floor(random() * controllers.length)]!.abort("left");
  };
  const produced = (async () => {
    for (let i = 0; i < TOTAL; i++) {
      if (i % 1000 === 500) await receivers();
      if (i % 100_000 === 50_000) heap.push(heapUsed());
      await channel.send(i);
    }
    channel.close();
  })();
  for await (const value of channel) {
    assert(value > last, "out of order");
    last = value;
    seen[value]!++;
    looped++;
  }
  await produced;
  heap.push(heapUsed());

  assertEquals(seen.findIndex((count) => count !== 1), -1, "lost or doubled");
  assertEquals(looped + byOthers, TOTAL);
  assertEquals(aborted, 1000);
  assert(byOthers > 1000, "the other receivers took part");
  assertEquals([channel.size, channel.dropped], [0, 0]);
  // Less than three bytes a value: nothing is kept.
  assertLess(heap.at(-1)! - heap[0]!, 2 * MB, `heap in use: ${heap}`);
});

test("200,000 waits on one signal that lives on leave nothing on it and nothing in the heap", async () => {
  const counted = countedSignal();
  const options = { signal: counted.signal };
  const channel = new Channel<number>();
  const merged = merge([channel], options);
  let before = 0;
  for (let i = 0; i < 100_000; i++) {
    if (i === 10_000) before = heapUsed();
    const received = channel.receive(options);
    await channel.send(i);
    assertEquals(await received, i);
    const next = merged.next();
    await channel.send(i);
    await next;
  }
  assertEquals(counted.listening, 0);
  assertLess(heapUsed() - before, 2 * MB);
});

test("100,000 waits that are aborted leave nothing in the heap of a channel that lives on", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(0);
  const other = new Channel<number>();
  let [before, aborted] = [0, 0];
  const count = (): unknown => aborted++;
  for (let i = 0; i < 50_000; i++) {
    if (i === 5_000) before = heapUsed();
    const controller = new AbortController();
    channel.send(i, controller).catch(count);
    other.receive(controller).catch(count);
    controller.abort();
    if (i % 100 === 0) await settle();
  }
  await settle();
  assertEquals(aborted, 100_000);
  assertLess(heapUsed() - before, 2 * MB);
  assertEquals([channel.size, other.trySend(1)], [1, false]);
});

test("100,000 values through one pipe leave nothing in the heap of what lives on", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>({ capacity: 4 });
  let before = 0;
  async function* source(): AsyncGenerator<number> {
    for (let i = 0; i < 100_000; i++) {
      if (i === 10_000) before = heapUsed();
      yield i;
    }
  }
  const piped = pipe(source(), channel, { signal: counted.signal, preventClose: true });
  for (let i = 0; i < 100_000; i++) assertEquals(await channel.receive(), i);
  await piped;
  assertLess(heapUsed() - before, 2 * MB);
  assertEquals([counted.listening, channel.closed], [0, false]);
});

/** A value of some 400 kB, of its own. */
const large = (): number[] => Array.from({ length: 50_000 }, (_, i) => i);

const RELEASES: [string, ChannelOptions<number[]>, (channel: Channel<number[]>) => unknown][] = [
  ["received", { capacity: 40 }, async (channel) => {
    for (let i = 0; i < 40; i++) channel.trySend(large());
    for (let i = 0; i < 40; i++) await channel.receive();
  }],
  ["iterated over", { capacity: 40 }, async (channel) => {
    for (let i = 0; i < 40; i++) channel.trySend(large());
    const iterator = channel[Symbol.asyncIterator]();
    for (let i = 0; i < 40; i++) await iterator.next();
  }],
  ["dropped", { capacity: 1, overflow: "drop-oldest" }, (channel) => {
    for (let i = 0; i < 40; i++) channel.trySend(large());
    channel.tryReceive();
  }],
  ["taken from waiting senders", { capacity: 2 }, async (channel) => {
    channel.sendBatch(Array.from({ length: 20 }, large));
    for (let i = 0; i < 20; i++) channel.send(large());
    assertEquals((await channel.receiveBatch(Infinity)).length, 40);
  }],
  ["given back by an abort", { capacity: 0 }, async (channel) => {
    const controller = new AbortController();
    for (let i = 0; i < 40; i++) channel.send(large(), controller).catch(() => {});
    controller.abort();
    await settle();
  }],
  ["given back by a close", { capacity: 0 }, async (channel) => {
    for (let i = 0; i < 40; i++) channel.send(large()).catch(() => {});
    channel.close();
    await settle();
  }],
];

for (const [name, options, use] of RELEASES) {
  test(`Channel lets go of values that were ${name}`, async () => {
    const channel = new Channel<number[]>(options);
    const before = heapUsed();
    // Forty values are 16 MB or more: keeping a fifth of them is seen.
    await use(channel);
    await settle();
    assertLess(heapUsed() - before, 3 * MB);
    assertEquals(channel.size, 0);
  });
}
