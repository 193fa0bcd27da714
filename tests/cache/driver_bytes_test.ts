import { assert, assertEquals, assertThrows } from "@std/assert";
import { receivePort, SpanDriver, type SpanEventMessage, type SpanInput } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { until } from "../tap/_wait.ts";
import { clocked } from "./_clocked.ts";

const idOf = (number: number): string => number.toString(16).padStart(16, "0");
const text = "x".repeat(10_000);

/** An event with a text of 20 kB. */
function largeEvent(parent: number): SpanEventMessage {
  const event = { name: "upload", timeMs: START_MS, fields: { text } };
  return { spanId: idOf(parent), event };
}

/** A span with one. */
function largeSpan(id: number): SpanInput {
  return { id: idOf(id), name: "upload", startMs: START_MS, durationMs: 1, fields: { text } };
}

test("Events that wait for their spans take no more bytes than they may: the oldest go, and are counted", () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache, { maxBytes: 100_000 });
  for (let parent = 1; parent <= 50; parent++) {
    driver.events.trySend(largeEvent(parent));
    driver.drain();
  }
  const { parked, parents, droppedEvents } = driver.stats();
  assertEquals([parked, parents, droppedEvents], [4, 4, 46]);
  for (const id of [46, 47]) driver.spans.trySend({ ...largeSpan(id), fields: {} });
  driver.drain();
  assertEquals([cache.get(idOf(46))?.events.length, cache.get(idOf(47))?.events.length], [0, 1]);
  // The room of what is attached is free again.
  driver.events.trySend(largeEvent(99));
  driver.drain();
  assertEquals([driver.stats().parked, driver.stats().droppedEvents], [4, 46]);
});

test("An event that alone takes more bytes than may wait goes itself", () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache, { maxBytes: 30_000 });
  driver.events.trySend(largeEvent(1));
  driver.drain();
  driver.events.trySend({
    spanId: idOf(2),
    event: { name: "a", timeMs: START_MS, fields: { text: text.repeat(2) } },
  });
  assertEquals([driver.stats().parked, driver.stats().droppedEventMessages], [1, 1]);
});

test("What waits to be taken in takes no more bytes than it may, whatever it is", () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache, { maxBytes: 100_000 });
  for (let id = 1; id <= 50; id++) {
    driver.spans.trySend(largeSpan(id));
    driver.events.trySend(largeEvent(id));
  }
  const { droppedSpanMessages, droppedEventMessages } = driver.stats();
  assertEquals([droppedSpanMessages, droppedEventMessages], [46, 46]);
  driver.drain();
  assertEquals([cache.size, driver.stats().attached], [4, 4]);

  const circle: Record<string, unknown> = { name: "circle" };
  circle.self = circle;
  const thrower = {
    get name(): never {
      throw new Error("no name");
    },
  };
  for (const junk of [null, 7, circle, thrower, [[[[[[[[]]]]]]]]] as unknown[]) {
    assert(driver.spans.trySend(junk as SpanInput));
  }
  driver.drain();
  assertEquals(driver.stats().refused, 5);
});

test("What has the same part again and again, as a clone can, is dropped, and takes no time", () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  // Written out, it would have ten to the power of twelve parts.
  let part: unknown = { text: "x" };
  for (let depth = 0; depth < 4; depth++) part = Array.from({ length: 1_000 }, () => part);
  const events = part as SpanEventMessage["event"][];
  driver.spans.trySend({ ...largeSpan(1), events });
  driver.events.trySend({ spanId: idOf(1), event: part as SpanEventMessage["event"] });
  const { droppedSpanMessages, droppedEventMessages } = driver.stats();
  assertEquals([droppedSpanMessages, droppedEventMessages, driver.drain()], [1, 1, 0]);
});

test("An array of which only the length is large is not gone through", async () => {
  const { cache } = clocked();
  using driver = new SpanDriver(cache);
  const { port1, port2 } = new MessageChannel();
  using receiver = receivePort(driver, port1);
  const events = new Array<SpanEventMessage["event"]>(2 ** 22);
  // As a clone it arrives like this.
  port2.postMessage({ type: "weir.spans", spans: events, lost: 3 });
  port2.postMessage({ type: "weir.spans", spans: [{ ...largeSpan(1), events }], lost: 0 });
  await until("both have come", () => driver.stats().refused === 1);
  assertEquals([receiver.received, receiver.lost, cache.size], [1, 0, 0]);
  assertThrows(
    () => cache.record({ ...largeSpan(2), events }),
    TypeError,
    "Cannot record span: events must be an array of at most 65536, received object Array",
  );
  port1.close();
  port2.close();
});
