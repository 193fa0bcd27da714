import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { feedSpans, SpanDriver, type SpanDriverStats, type SpanRecord } from "../../cache/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { idOf, spanOf } from "./_origin_spans.ts";

// What no test of the original covers, and what we decided: when spans are seen, where they are lost, who counts it.

test("a span is seen at once when it has ended, however few there are", () => {
  const { cache } = clocked();
  const stream = cache.subscribe();
  const span = cache.start("only");
  span.end();
  assertEquals([cache.get(span.id)?.name, stream.size], ["only", 1]);
});

// A thread of the original that is quiet keeps up to seven spans for ever.
test("a feed sends what there is after a while, without another span", async () => {
  const { cache } = clocked();
  using time = new FakeTime();
  const sent: string[][] = [];
  const send = (spans: readonly SpanRecord[]) => void sent.push(spans.map(({ name }) => name));
  using feed = feedSpans(cache, send, { lingerMs: 50 });
  cache.start("a").end();
  await settle();
  time.pass(49);
  await settle();
  cache.start("b").end();
  assertEquals(sent, []);
  // Nobody is kept from ending by it.
  assertEquals([time.armed, time.referenced], [1, 0]);
  time.pass(1);
  await settle();
  assertEquals(sent, [["a", "b"]]);
  assertEquals([feed.stats().sent, time.armed], [2, 0]);
});

// A thread of the original that ends loses what it has not sent.
test("a feed that is closed sends what there is, at any moment", async () => {
  for (const ticks of [0, 1, 100]) {
    const { cache } = clocked();
    using time = new FakeTime();
    const sent: string[] = [];
    const feed = feedSpans(cache, (spans) => sent.push(...spans.map(({ name }) => name)));
    for (const name of ["a", "b", "c"]) cache.start(name).end();
    for (let tick = 0; tick < ticks; tick++) await undefined;
    feed.close();
    assertEquals(sent, ["a", "b", "c"]);
    cache.start("late").end();
    await settle();
    time.pass(1_000);
    await settle();
    assertEquals([sent.length, time.armed, feed.stats()], [3, 0, { sent: 3, failed: 0, lost: 0 }]);
  }
});

test("two caches feed one driver without getting in each other's way", () => {
  const { cache: all } = clocked();
  using driver = new SpanDriver(all);
  const sources = [clocked().cache, clocked().cache];
  const feeds = sources.map((source) =>
    feedSpans(source, (spans) => spans.forEach((span) => driver.spans.trySend(span)))
  );
  sources.forEach((source, index) => source.start(`of ${index}`).end());
  feeds[1]!.close();
  driver.drain();
  assertEquals(all.page().map(({ name }) => name), ["of 1"]);
  feeds[0]!.close();
  driver.drain();
  assertEquals(all.page().map(({ name }) => name), ["of 1", "of 0"]);
});

// A full channel of the original drops the whole batch, and says so in a log alone.
test("a driver that is overrun drops what does not fit, and counts each one", () => {
  const { cache } = clocked();
  using driver = new SpanDriver(cache, { channelCapacity: 10 });
  for (let number = 1; number <= 25; number++) {
    driver.events.trySend({ spanId: idOf(number), event: { name: "event", timeMs: START_MS } });
    driver.spans.trySend(spanOf(number));
  }
  driver.drain();
  const { recorded, attached, droppedSpanMessages, droppedEventMessages } = driver.stats();
  assertEquals([recorded, attached], [10, 10]);
  assertEquals([droppedSpanMessages, droppedEventMessages], [15, 15]);
  assertEquals(cache.page().map(({ events }) => events.length), Array(10).fill(1));
});

test("run takes in what comes, and ends when the driver is closed and everything is taken in", async () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const running = observe(driver.run());
  driver.spans.trySend(spanOf(1));
  await settle();
  assertEquals([cache.size, running.state], [1, "pending"]);
  driver.spans.trySend(spanOf(2));
  driver.events.trySend({ spanId: idOf(2), event: { name: "event", timeMs: START_MS } });
  driver.close();
  await settle();
  assertEquals([cache.size, running.state], [2, "fulfilled"]);
  assertEquals(cache.get(idOf(2))?.events.length, 1);
});

test("run ends with a signal, and another one goes on", async () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const controller = new AbortController();
  const running = driver.run({ signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await reasonOf(running), reason);
  driver.spans.trySend(spanOf(1));
  assertEquals(cache.size, 0);
  const again = driver.run();
  driver.close();
  await again;
  assertEquals(cache.size, 1);
});

// The original's run may see a span before events that were sent earlier.
test("events reach their span in whatever order both come, also while run takes them in", async () => {
  const random = new Random(51);
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const running = driver.run();
  for (let number = 1; number <= 300; number++) {
    const steps = [
      () => driver.spans.trySend(spanOf(number)),
      ...["a", "b"].map((name) => () =>
        driver.events.trySend({ spanId: idOf(number), event: { name, timeMs: START_MS } })
      ),
    ];
    while (steps.length > 0) {
      steps.splice(random.below(steps.length), 1)[0]!();
      for (let tick = random.below(6); tick > 0; tick--) await undefined;
    }
  }
  driver.close();
  await running;
  const spans = cache.page({ limit: Infinity });
  assertEquals(spans.map(({ events }) => events.map(({ name }) => name).sort().join()), [
    ...Array(300).fill("a,b"),
  ]);
  assertEquals([driver.stats().attached, driver.stats().parked], [600, 0]);
});

test("a late event is added to the span that is held, and waits like any other if that has gone", () => {
  const { cache } = clocked({ capacity: 1 });
  using driver = new SpanDriver(cache);
  const late = (number: number, name: string): void => {
    driver.events.trySend({ spanId: idOf(number), event: { name, timeMs: START_MS } });
    driver.drain();
  };
  driver.spans.trySend(spanOf(1));
  driver.drain();
  late(1, "late");
  assertEquals(cache.get(idOf(1))?.events.map(({ name }) => name), ["late"]);
  driver.spans.trySend(spanOf(2));
  driver.drain();
  late(1, "too late");
  assertEquals([driver.stats().attached, driver.stats().parked], [1, 1]);
  // Its events went with it: what waits is what has come since.
  driver.spans.trySend(spanOf(1));
  driver.drain();
  assertEquals(cache.get(idOf(1))?.events.map(({ name }) => name), ["too late"]);
});

/** What became of the events that a driver has taken off its channel. */
function accountOf({ attached, parked, droppedEvents, refused }: SpanDriverStats): number {
  return attached + parked + droppedEvents + refused;
}

test("each event is attached, parked, dropped or refused, also if its span goes while it gets them", () => {
  const { cache } = clocked({ capacity: 4, maxOpen: 12, maxBytes: 4_096 });
  using driver = new SpanDriver(cache);
  // Together they do not fit into the cache, even if all else goes.
  for (let number = 0; number < 10; number++) {
    const event = { name: "x".repeat(1_000), timeMs: START_MS };
    driver.events.trySend({ spanId: idOf(1), event });
  }
  driver.drain();
  assertEquals(accountOf(driver.stats()), 10);
  driver.spans.trySend(spanOf(1));
  driver.drain();
  assertEquals(accountOf(driver.stats()), 10);
});

test("a span that was left out takes with it the events that waited for it", () => {
  const { cache } = clocked({ level: "info" });
  using driver = new SpanDriver(cache);
  driver.events.trySend({ spanId: idOf(1), event: { name: "event", timeMs: START_MS } });
  driver.drain();
  driver.spans.trySend(spanOf(1, { level: "debug" }));
  driver.drain();
  const { skipped, parents, parked, droppedEvents } = driver.stats();
  assertEquals([skipped, parents, parked, droppedEvents], [1, 0, 0, 1]);
});

// A subscriber of the original that is slow loses whole batches, and is not told.
test("a slow subscriber loses what has gone, knows how many, and slows down nobody", () => {
  const { cache } = clocked({ capacity: 10 });
  const [slow, quick] = [cache.subscribe(), cache.subscribe()];
  let read = 0;
  for (let number = 0; number < 35; number++) {
    cache.start(`${number}`).end();
    if (quick.tryReceive().state === "ok") read++;
  }
  assertEquals([read, quick.lagged], [35, 0]);
  const names: string[] = [];
  for (let next; (next = slow.tryReceive()).state === "ok";) names.push(next.value.name);
  assertEquals(names, Array.from({ length: 10 }, (_, index) => `${index + 25}`));
  assertEquals([slow.offered, slow.delivered, slow.lagged, slow.size], [35, 10, 25, 0]);
});

// One of the original is never given a batch that is larger than it.
test("no batch is too large for a subscriber: it takes as many as it wants at a time", async () => {
  const { cache } = clocked();
  using driver = new SpanDriver(cache);
  const stream = cache.subscribe();
  for (let number = 1; number <= 1_000; number++) driver.spans.trySend(spanOf(number));
  assertEquals(driver.drain(), 1_000);
  let read = 0;
  while (stream.size > 0) {
    const batch = await stream.receiveBatch(7);
    assert(batch.length <= 7);
    read += batch.length;
  }
  assertEquals([read, stream.lagged], [1_000, 0]);
});

test("every span is accounted for, whatever was lost", () => {
  const random = new Random(46);
  const rolls = () => random.next();
  const { cache } = clocked({
    capacity: 5,
    maxOpen: 3,
    maxBytes: 8_192,
    chance: 0.8,
    random: rolls,
  });
  const running: { end(): void }[] = [];
  const started = 500;
  for (let number = 0; number < started; number++) {
    running.push(cache.start("span", undefined, { level: random.pick(["info", "trace"]) }));
    if (random.next() < 0.8) running.splice(random.below(running.length), 1)[0]!.end();
    if (number === 250) cache.clear();
    cache.level = random.pick(["debug", "trace"]);
  }
  const { opened, open, closed, held, evicted, cleared, refused, recorded } = cache.stats();
  assertEquals(
    opened + refused.level + refused.chance + refused.full + refused.suppressed,
    started,
  );
  assertEquals([opened, closed + recorded], [open + closed, held + evicted + cleared]);
  assert(Math.min(refused.level, refused.chance, refused.full, evicted, cleared) > 0);
});
