import { assert, assertEquals, assertThrows } from "@std/assert";
import { SpanCache, SpanDriver, type SpanEventMessage, type SpanInput } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { clocked } from "./_clocked.ts";

const idOf = (number: number): string => `f0f0${`${number}`.padStart(12, "0")}`;

function spanOf(number: number, changes: Partial<SpanInput> = {}): SpanInput {
  return { name: "span", id: idOf(number), startMs: START_MS, durationMs: 1, ...changes };
}

function eventOf(number: number, name: string): SpanEventMessage {
  return { spanId: idOf(number), event: { name, timeMs: START_MS } };
}

const eventsOf = (cache: SpanCache, number: number): string[] | undefined =>
  cache.get(idOf(number))?.events.map(({ name }) => name);

test("SpanDriver that runs takes in what comes, until it is closed and everything is taken in", async () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const running = observe(driver.run());
  driver.events.trySend(eventOf(1, "early"));
  await settle();
  assertEquals([driver.stats().parked, cache.size], [1, 0]);
  driver.spans.trySend(spanOf(1));
  await settle();
  driver.events.trySend(eventOf(1, "late"));
  driver.spans.trySend(spanOf(2));
  driver.close();
  assertEquals([driver.closed, running.state], [true, "pending"]);
  assertEquals(driver.events.trySend(eventOf(2, "too late")), false);
  await settle();
  assertEquals(running.state, "fulfilled");
  assertEquals(eventsOf(cache, 1), ["early", "late"]);
  assertEquals(cache.size, 2);
});

test("A span that is read as soon as it comes has the events that were sent before it", async () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const running = driver.run();
  await settle();
  const received = cache.subscribe().receive();
  driver.events.trySend(eventOf(1, "a"));
  driver.events.trySend(eventOf(1, "b"));
  driver.spans.trySend(spanOf(1));
  assertEquals((await received).events.map(({ name }) => name), ["a", "b"]);
  driver.close();
  await running;
});

test("Events that a running driver takes in keep the order in which they were sent", async () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const running = driver.run();
  await settle();
  driver.spans.trySend(spanOf(1));
  await undefined;
  // The first one is on its way to whoever waits for events when the span is taken in.
  driver.events.trySend(eventOf(1, "a"));
  driver.events.trySend(eventOf(1, "b"));
  driver.close();
  await running;
  assertEquals(eventsOf(cache, 1), ["a", "b"]);
});

test("An event that is changed while it waits for its span is still taken in", () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const event = { name: "a", timeMs: START_MS };
  driver.events.trySend({ spanId: idOf(1), event });
  driver.drain();
  Object.assign(event, { name: 7 });
  driver.spans.trySend(spanOf(1));
  driver.spans.trySend(spanOf(2));
  assertEquals(driver.drain(), 2);
  assertEquals([eventsOf(cache, 1), eventsOf(cache, 2)], [["a"], []]);
});

test("A run that is aborted rejects with the reason, leaves no listener, and what has come can still be taken in", async () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  const signal = countedSignal();
  const reason = reasonOf(driver.run(signal));
  await settle();
  signal.abort("enough");
  assertEquals(await reason, "enough");
  await settle();
  assertEquals(signal.listening, 0);
  assertEquals(driver.closed, false);

  driver.events.trySend(eventOf(1, "a"));
  driver.spans.trySend(spanOf(1));
  assertEquals(driver.drain(), 2);
  assertEquals(eventsOf(cache, 1), ["a"]);

  const again = driver.run();
  driver.spans.trySend(spanOf(2));
  driver.close();
  await again;
  assertEquals(cache.size, 2);
});

test("A run that ends leaves no listener", async () => {
  const driver = new SpanDriver(clocked().cache);
  const signal = countedSignal();
  const running = driver.run(signal);
  await settle();
  driver[Symbol.dispose]();
  await running;
  assertEquals(signal.listening, 0);
});

test("What is no span and no event is refused, counted and told of", () => {
  const { cache } = clocked();
  const refused: unknown[][] = [];
  const driver = new SpanDriver(cache, {
    onRefuse: (error, input) => refused.push([(error as Error).name, input]),
  });
  const bad = [spanOf(1, { durationMs: -1 }), { spanId: "x" }, null];
  driver.spans.trySend(bad[0] as SpanInput);
  driver.events.trySend(bad[1] as SpanEventMessage);
  driver.events.trySend(bad[2] as unknown as SpanEventMessage);
  driver.spans.trySend(spanOf(2));
  assertEquals(driver.drain(), 4);
  assertEquals(refused, [["TypeError", bad[1]], ["TypeError", bad[2]], ["RangeError", bad[0]]]);
  assertEquals([driver.stats().refused, driver.stats().recorded], [3, 1]);
});

test("A span that is held already is left out, and its events are added all the same", () => {
  const { cache } = clocked();
  const driver = new SpanDriver(cache);
  driver.spans.trySend(spanOf(1));
  driver.spans.trySend(spanOf(1, { name: "again" }));
  driver.drain();
  driver.events.trySend(eventOf(1, "a"));
  driver.drain();
  const { recorded, skipped, attached } = driver.stats();
  assertEquals([recorded, skipped, attached], [1, 1, 1]);
  assertEquals(cache.page().map(({ name }) => name), ["span"]);
});

test("Events for one span more than may be waited for drop all that wait for the first one", () => {
  const driver = new SpanDriver(clocked().cache, { capacity: 2, maxEvents: 2 });
  for (const number of [30, 10, 30, 30, 20]) driver.events.trySend(eventOf(number, "event"));
  driver.drain();
  // One was too many for the first, the other two of it have waited longest.
  const { parents, parked, droppedEvents } = driver.stats();
  assertEquals([parents, parked, droppedEvents], [2, 2, 3]);
});

test("Channels that are full drop what comes, and count it", () => {
  const driver = new SpanDriver(clocked().cache, { channelCapacity: 2 });
  for (let i = 1; i <= 5; i++) {
    assertEquals(driver.spans.trySend(spanOf(i)), i <= 2);
    assertEquals(driver.events.trySend(eventOf(i, "event")), i <= 2);
  }
  assertEquals(driver.drain(), 4);
  const { droppedSpanMessages, droppedEventMessages, attached } = driver.stats();
  assertEquals([droppedSpanMessages, droppedEventMessages, attached], [3, 3, 2]);
});

test("Each event is accounted for when the ones before it have cost their span its place", () => {
  const cache = new SpanCache({ capacity: 4, maxOpen: 4, maxBytes: 4_096 });
  const driver = new SpanDriver(cache, { maxEvents: 1_000 });
  for (let i = 0; i < 100; i++) {
    driver.events.trySend(eventOf(1, `event ${i} `.padEnd(200, "of a long name ")));
  }
  driver.spans.trySend(spanOf(1));
  driver.drain();
  const { attached, parked, droppedEvents, refused } = driver.stats();
  assertEquals([attached + droppedEvents, parked, refused], [100, 0, 0]);
  // There is nothing else that could have made room.
  assertEquals(cache.size, 0);
  assert(attached > 0 && droppedEvents > 0);
});

test("SpanDriver takes positive bounds only", () => {
  const { cache } = clocked();
  for (const name of ["capacity", "maxEvents", "channelCapacity"]) {
    for (const value of [0, -1, 1.5, NaN]) {
      assertThrows(() => new SpanDriver(cache, { [name]: value }), RangeError, name);
    }
  }
});
