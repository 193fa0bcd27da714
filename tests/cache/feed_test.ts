import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  feedPort,
  feedSpans,
  receivePort,
  type SpanCache,
  SpanDriver,
  type SpanFeedMessage,
  type SpanRecord,
} from "../../cache/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { observe, settle } from "../_settle.ts";
import { until } from "../tap/_wait.ts";
import { clocked } from "./_clocked.ts";

const names = (spans: readonly SpanRecord[]): string[] => spans.map(({ name }) => name);

function end(cache: SpanCache, ...given: readonly (string | number)[]): void {
  for (const name of given) cache.start(`${name}`).end();
}

test("feedSpans() lets spans wait for others, up to its time, by a timer that keeps nothing alive", async () => {
  using time = new FakeTime();
  const { cache } = clocked();
  end(cache, "before");
  const batches: string[][] = [];
  using feed = feedSpans(cache, (spans) => void batches.push(names(spans)), { lingerMs: 50 });
  await settle();
  assertEquals([batches.length, time.armed], [0, 0]);
  end(cache, "a");
  await settle();
  end(cache, "b");
  await settle();
  assertEquals([batches.length, time.armed, time.referenced], [0, 1, 0]);
  time.pass(49);
  await settle();
  assertEquals(batches.length, 0);
  time.pass(1);
  await settle();
  assertEquals([batches, feed.stats().sent], [[["a", "b"]], 2]);
  end(cache, "c");
  await settle();
  time.pass(50);
  await settle();
  assertEquals([batches.at(-1), time.armed], [["c"], 0]);
});

test("feedSpans() sends at once what fills a batch, and never more at a time", async () => {
  using time = new FakeTime();
  const { cache } = clocked();
  const batches: string[][] = [];
  using _feed = feedSpans(cache, (spans) => void batches.push(names(spans)), { maxBatch: 3 });
  end(cache, 1, 2, 3, 4, 5, 6);
  await settle();
  assertEquals([batches, time.armed], [[["1", "2", "3"], ["4", "5", "6"]], 0]);
});

test("feedSpans() sends everything that there is when it is flushed or closed, and nothing after its end", async () => {
  using time = new FakeTime();
  const { cache } = clocked();
  const batches: string[][] = [];
  const feed = feedSpans(cache, (spans) => void batches.push(names(spans)), { maxBatch: 2 });
  feed.flush();
  end(cache, "a");
  await settle();
  end(cache, "b", "c");
  feed.flush();
  assertEquals(batches, [["a", "b"], ["c"]]);
  end(cache, "d", "e", "f");
  assertEquals(feed.closed, false);
  feed.close();
  feed.close();
  assertEquals([feed.closed, batches.slice(2)], [true, [["d", "e"], ["f"]]]);
  end(cache, "g");
  feed.flush();
  await settle();
  time.pass(1_000);
  await settle();
  assertEquals([batches.flat().join(""), time.armed], ["abcdef", 0]);
  assertEquals(feed.stats(), { sent: 6, failed: 0, lost: 0 });
});

test("feedSpans() ends with its scope, with its signal, and with the cache", async () => {
  using time = new FakeTime();
  const { cache } = clocked();
  const sent: string[] = [];
  const send = (spans: readonly SpanRecord[]): void => void sent.push(...names(spans));
  {
    using _feed = feedSpans(cache, send);
    end(cache, "a");
  }
  {
    await using _feed = feedSpans(cache, send);
    end(cache, "b");
  }
  const controller = new AbortController();
  const signalled = feedSpans(cache, send, { signal: controller.signal });
  end(cache, "c");
  controller.abort();
  end(cache, "x");
  await settle();
  assertEquals([sent.join(""), signalled.closed], ["abc", true]);
  const last = feedSpans(cache, send);
  end(cache, "d");
  cache.close();
  await settle();
  assertEquals([sent.join(""), last.closed, time.armed], ["abcd", true, 0]);
});

test("feedSpans() begins where it is told to, and sends only what fits", () => {
  const { cache } = clocked();
  end(cache, "a", "b");
  cache.start("c").fail().end();
  const sent: string[] = [];
  const send = (spans: readonly SpanRecord[]): void => void sent.push(...names(spans));
  feedSpans(cache, send, { after: 0 }).close();
  assertEquals(sent.splice(0), ["a", "b", "c"]);
  feedSpans(cache, send, { after: 1 }).close();
  assertEquals(sent.splice(0), ["b", "c"]);
  feedSpans(cache, send, { after: 0, failed: true }).close();
  assertEquals(sent.splice(0), ["c"]);
});

test("feedSpans() counts what cannot be sent, and goes on", () => {
  const { cache } = clocked();
  let isBroken = true;
  const sent: string[] = [];
  const feed = feedSpans(cache, (spans) => {
    if (isBroken) throw new Error("no line");
    sent.push(...names(spans));
  }, { maxBatch: 2 });
  end(cache, "a", "b", "c");
  feed.flush();
  assertEquals(feed.stats(), { sent: 0, failed: 3, lost: 0 });
  isBroken = false;
  end(cache, "d");
  feed.close();
  assertEquals([sent, feed.stats()], [["d"], { sent: 1, failed: 3, lost: 0 }]);
});

test("feedSpans() counts spans whose predicate throws, and goes on", async () => {
  using time = new FakeTime();
  const { cache } = clocked();
  const sent: string[] = [];
  const where = ({ name }: SpanRecord): boolean => {
    if (name === "bad") throw new Error("no");
    return true;
  };
  const send = (spans: readonly SpanRecord[]): void => void sent.push(...names(spans));
  const feed = feedSpans(cache, send, { where, maxBatch: 2 });
  end(cache, "bad", "a", "bad", "bad");
  await settle();
  time.pass(50);
  await settle();
  end(cache, "b", "bad");
  feed.close();
  assertEquals([sent, feed.stats()], [["a", "b"], { sent: 2, failed: 4, lost: 0 }]);
});

test("Every span that has ended is sent, failed or lost, whatever happens to a feed", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    using time = new FakeTime();
    const random = new Random(seed);
    const { cache } = clocked({ capacity: 1 + random.below(20) });
    let got = 0;
    const feed = feedSpans(cache, (spans) => {
      if (random.next() < 0.2) throw new Error("no line");
      got += spans.length;
    }, { maxBatch: 1 + random.below(5), lingerMs: random.below(3) });
    let ended = 0;
    for (let step = 0; step < 100; step++) {
      for (let left = random.below(10); left > 0; left--, ended++) end(cache, "a");
      if (random.next() < 0.3) await settle();
      if (random.next() < 0.3) time.pass(1);
      if (random.next() < 0.1) feed.flush();
    }
    feed.close();
    const { sent, failed, lost } = feed.stats();
    assertEquals([sent, sent + failed + lost], [got, ended], `seed ${seed}`);
    assert(lost > 0 || cache.capacity > 5, `seed ${seed} lost nothing`);
  }
});

test("feedSpans() refuses what it cannot use", () => {
  const { cache } = clocked();
  const send = (): void => {};
  assertThrows(() => feedSpans(cache, "junk" as unknown as () => void), TypeError, "send");
  for (const maxBatch of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => feedSpans(cache, send, { maxBatch }), RangeError, "maxBatch");
  }
  for (const lingerMs of [-1, NaN]) {
    assertThrows(() => feedSpans(cache, send, { lingerMs }), RangeError, "lingerMs");
  }
  assertThrows(() => feedSpans(cache, send, { after: -1 }), RangeError, "after");
  assertEquals(cache.stats().waiting, 0);
});

/** Two caches with a wire between them. Leaving its scope closes the wire. */
function wired(capacity = 100) {
  const { port1, port2 } = new MessageChannel();
  const { cache, clock } = clocked({ capacity });
  const { cache: main } = clocked();
  const driver = new SpanDriver(main);
  const receiver = receivePort(driver, port1);
  return {
    cache,
    clock,
    main,
    driver,
    receiver,
    port: port2,
    /** The end at which they are taken in. */
    end: port1,
    [Symbol.dispose]() {
      receiver.close();
      port1.close();
      port2.close();
    },
  };
}

test("feedPort() and receivePort() make of a span here the same one there", async () => {
  using wire = wired();
  const { cache, clock, main } = wire;
  const feed = feedPort(cache, wire.port);
  const parent = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true };
  const outer = cache.start("outer", { user: 7, ok: true, text: "é".repeat(50) }, {
    parent,
    kind: "server",
    level: "warn",
  });
  clock.pass(1);
  const inner = outer.start("inner").link(parent);
  clock.pass(2);
  inner.event("half", { of: 1.5 }, { level: "debug" }).fail(new Error("no")).end();
  outer.succeed().end();
  cache.start("forgotten");
  cache.abandon();
  feed.close();
  await until("they have come", () => main.size === 3);
  const plain = (spans: SpanRecord[]): unknown[] => spans.map((span) => ({ ...span, seq: 0 }));
  assertEquals(plain(main.page()), plain(cache.page()));
  assertEquals([wire.receiver.received, wire.receiver.lost], [3, 0]);
  assertEquals(wire.driver.stats().recorded, 3);
});

test("receivePort() passes over messages that are of others, and is told of what was lost", async () => {
  using wire = wired(5);
  const { cache, main, receiver, port } = wire;
  for (
    const junk of [
      null,
      undefined,
      7,
      "weir.spans",
      {},
      { type: "other", spans: [], lost: 0 },
      { type: "weir.spans", lost: 3 },
      { type: "weir.spans", spans: {}, lost: 0 },
      { type: "weir.spans", spans: [], lost: -1 },
      { type: "weir.spans", spans: [], lost: "1" },
    ]
  ) port.postMessage(junk);
  const feed = feedPort(cache, port);
  end(cache, ...Array.from({ length: 12 }, (_, i) => i));
  feed.close();
  await until("they have come", () => main.size === 5);
  assertEquals(names(main.page()), ["7", "8", "9", "10", "11"]);
  assertEquals([receiver.received, receiver.lost, feed.stats().lost], [5, 7, 7]);
});

test("receivePort() is told of what was lost behind the last span that was sent", async () => {
  using wire = wired();
  const { cache, main, receiver } = wire;
  const feed = feedPort(cache, wire.port);
  end(cache, "a");
  feed.flush();
  end(cache, "b", "c");
  cache.clear();
  feed.close();
  assertEquals(feed.stats(), { sent: 1, failed: 0, lost: 2 });
  // What comes behind it on the same wire says that everything is through.
  const last = feedPort(cache, wire.port);
  end(cache, "d");
  last.close();
  await until("the last one has come", () => main.size === 2);
  assertEquals([receiver.received, receiver.lost], [2, 2]);
});

test("receivePort() has a driver that counts what is no span, and what it has already", async () => {
  using wire = wired();
  const { main, driver, port } = wire;
  const span = { id: "00f067aa0ba902b7", name: "a", startMs: 1, durationMs: 1 };
  const spans = [span, { ...span, name: 7 }, span, { ...span, id: "00f067aa0ba902b8" }];
  port.postMessage({ type: "weir.spans", spans, lost: 0 } as unknown as SpanFeedMessage);
  await until("they have come", () => main.size === 2);
  const { recorded, refused, skipped } = driver.stats();
  assertEquals([recorded, refused, skipped, wire.receiver.received], [2, 1, 1, 4]);
});

test("receivePort() takes in nothing after its end, and says when it has ended", async () => {
  using wire = wired();
  const { cache, main, receiver } = wire;
  const finished = observe(receiver.finished);
  const feed = feedPort(cache, wire.port);
  end(cache, "a");
  feed.flush();
  await until("it has come", () => main.size === 1);
  assertEquals(finished.state, "pending");
  let isThrough = false;
  wire.end.addEventListener("message", ({ data }) => {
    if (data === "through") isThrough = true;
  });
  receiver.close();
  receiver.close();
  await settle();
  assertEquals(finished.state, "fulfilled");
  end(cache, "b");
  feed.close();
  wire.port.postMessage("through");
  await until("what comes behind it is through", () => isThrough);
  assertEquals([receiver.received, names(main.page())], [1, ["a"]]);
});
