import { assert, assertEquals } from "@std/assert";
import {
  feedRing,
  receiveRing,
  SPAN_TOPIC,
  SpanDriver,
  type SpanInput,
  type SpanRecord,
} from "../../cache/mod.ts";
import { EventRing, memoryStorage, Ring } from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf } from "../_settle.ts";
import { until } from "../tap/_wait.ts";
import { clocked } from "./_clocked.ts";

/** Two caches with a ring between them. Leaving its scope ends what is received. */
function ringed(spec: { capacity?: number; payloadCapacity?: number } = {}, held = 100) {
  const ring = new Ring(memoryStorage({ capacity: 64, payloadCapacity: 4_096, ...spec }));
  const events = new EventRing<SpanInput>(ring);
  const { cache, clock } = clocked({ capacity: held });
  const { cache: main } = clocked();
  const driver = new SpanDriver(main);
  const receiver = receiveRing(driver, events);
  return {
    ring,
    events,
    cache,
    clock,
    main,
    driver,
    receiver,
    [Symbol.asyncDispose]: async () => {
      receiver.close();
      await receiver.finished.catch(() => {});
      ring.close();
    },
  };
}

const plain = (spans: readonly SpanRecord[]): unknown[] =>
  spans.map((span) => ({ ...span, seq: 0 }));

test("feedRing() and receiveRing() make of a span here the same one there", async () => {
  await using site = ringed();
  const { cache, clock, main, receiver } = site;
  const feed = feedRing(cache, site.events);
  const parent = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true };
  const outer = cache.start("outer", { user: 7, ok: true, text: "é\ud800" }, {
    parent,
    kind: "client",
    level: "warn",
  });
  const inner = outer.start("inner").link(parent);
  clock.pass(2.5);
  inner.event("half", { of: 1.5 }, { level: "debug" }).fail(new Error("no")).end();
  outer.succeed().end();
  feed.close();
  await until("they have come", () => main.size === 2);
  assertEquals(plain(main.page()), plain(cache.page()));
  assertEquals(main.trace(parent.traceId).roots[0]?.children.length, 1);
  assertEquals([receiver.received, receiver.lost], [2, 0]);
});

test("feedRing() sends a span that is too large without its events, or without its fields, or not at all", async () => {
  await using site = ringed({ payloadCapacity: 700 });
  const { cache, main } = site;
  const feed = feedRing(cache, site.events);
  const long = "x".repeat(600);
  cache.start("whole", { user: 7 }).event("a").end();
  const full = cache.start("no events", { user: 7 });
  for (let event = 0; event < 20; event++) full.event("a long name of an event");
  full.end();
  cache.start("no fields", { long }).event("a").fail("why").end();
  // Why it failed is not left out.
  cache.start("too large").fail(long).end();
  cache.start("next").end();
  feed.close();
  assertEquals(feed.stats(), { sent: 4, failed: 1, lost: 0 });
  await until("they have come", () => main.size === 4);
  const seen = main.page().map(({ name, fields, events, droppedEvents, status, message }) => [
    name,
    fields,
    events.length,
    droppedEvents ?? 0,
    status,
    message,
  ]);
  assertEquals(seen, [
    ["whole", { user: 7 }, 1, 0, "unset", undefined],
    ["no events", { user: 7 }, 0, 20, "unset", undefined],
    ["no fields", {}, 0, 1, "error", "why"],
    ["next", {}, 0, 0, "unset", undefined],
  ]);
});

test("receiveRing() counts what was overwritten before it came to read it", async () => {
  await using site = ringed({ capacity: 8 });
  const { cache, main, receiver } = site;
  const feed = feedRing(cache, site.events);
  for (let number = 0; number < 50; number++) cache.start("a", { number }).end();
  feed.close();
  assertEquals(feed.stats(), { sent: 50, failed: 0, lost: 0 });
  await until("all are accounted for", () => receiver.received + receiver.lost === 50);
  assert(receiver.lost >= 42, `${receiver.lost} were lost`);
  assertEquals(main.size, receiver.received);
  assertEquals(main.find({ limit: 1 })[0]!.fields, { number: 49 });
});

test("receiveRing() is told of what was gone before it could be sent", async () => {
  await using site = ringed({}, 5);
  const { cache, receiver } = site;
  const feed = feedRing(cache, site.events);
  for (let number = 0; number < 12; number++) cache.start("a").end();
  feed.close();
  assertEquals(feed.stats(), { sent: 5, failed: 0, lost: 7 });
  await until("they have come", () => receiver.received === 5);
  assertEquals(receiver.lost, 7);
});

test("receiveRing() begins where it is told to, and passes over other topics", async () => {
  const ring = new Ring(memoryStorage({ capacity: 64, payloadCapacity: 1_024 }));
  const events = new EventRing<SpanInput>(ring);
  const { cache } = clocked();
  const feed = feedRing(cache, events);
  cache.start("before").end();
  feed.flush();
  events.publish("other", { name: "other", startMs: 1, durationMs: 1 });
  const { cache: all } = clocked();
  const { cache: fresh } = clocked();
  const from = events.cursorFromStart();
  using first = receiveRing(new SpanDriver(all), events, { from });
  using second = receiveRing(new SpanDriver(fresh), events);
  cache.start("later").end();
  feed.close();
  await until("they have come", () => all.size === 2 && fresh.size === 1);
  assertEquals(all.page().map(({ name }) => name), ["before", "later"]);
  assertEquals(fresh.page().map(({ name }) => name), ["later"]);
  assertEquals([first.received, second.received, first.lost, second.lost], [2, 1, 0, 0]);
  for (const receiver of [first, second]) {
    receiver.close();
    await receiver.finished;
  }
});

test("receiveRing() refuses what is no span, counts what cannot be read, and goes on", async () => {
  await using site = ringed();
  const { ring, events, driver, main, receiver } = site;
  const good = { name: "good", startMs: 1, durationMs: 1 };
  for (const junk of [null, 7, "text", [], { ...good, durationMs: -1 }, { ...good, name: 7 }]) {
    events.publish(SPAN_TOPIC, junk as unknown as SpanInput);
  }
  // The frame of an event whose value is no JSON.
  const before = ring.poll(events.cursorFromStart()).frames[0]!;
  const broken = before.payload.slice();
  broken[broken.length - 1] = 0x7b;
  ring.publish(broken);
  events.publish(SPAN_TOPIC, good);
  await until("the good one has come", () => main.size === 1);
  const { recorded, refused } = driver.stats();
  assertEquals([recorded, refused, receiver.received, receiver.lost], [1, 6, 7, 1]);
});

test("receiveRing() ends by itself, by its signal and with its driver, and takes in nothing after that", async () => {
  const ring = new Ring(memoryStorage({ capacity: 64, payloadCapacity: 1_024 }));
  const events = new EventRing<SpanInput>(ring);
  const { cache: main } = clocked();
  const controller = new AbortController();
  const { signal } = controller;
  const closed = receiveRing(new SpanDriver(main), events);
  const aborted = receiveRing(new SpanDriver(main), events, { signal });
  const done = receiveRing(new SpanDriver(main), events, { signal: AbortSignal.abort("why") });
  const driver = new SpanDriver(main);
  const driverless = receiveRing(driver, events);
  const states = [closed, aborted, driverless].map(({ finished }) => observe(finished));
  await done.finished;
  assertEquals(states.map(({ state }) => state), ["pending", "pending", "pending"]);
  closed.close();
  closed.close();
  controller.abort(new Error("enough"));
  driver.close();
  events.publish(SPAN_TOPIC, { name: "late", startMs: 1, durationMs: 1 });
  for (const { finished } of [closed, aborted, driverless]) await finished;
  assertEquals(main.size, 0);
});

test("feedRing() counts spans that a closed ring does not take, and receiveRing() ends with the ring", async () => {
  const { cache } = clocked();
  const ring = new Ring(memoryStorage({ capacity: 64, payloadCapacity: 1_024 }));
  const events = new EventRing<SpanInput>(ring);
  const { cache: main } = clocked();
  const receiver = receiveRing(new SpanDriver(main), events);
  const feed = feedRing(cache, events);
  cache.start("a").end();
  ring.close();
  feed.close();
  assertEquals(feed.stats(), { sent: 0, failed: 1, lost: 0 });
  const outcome = observe(receiver.finished);
  await until("it has ended", () => outcome.state !== "pending");
});

test("receiveRing() says what has broken it", async () => {
  await using site = ringed();
  const { events, receiver, driver } = site;
  const error = new Error("full");
  driver.drain = () => {
    throw error;
  };
  events.publish(SPAN_TOPIC, { name: "a", startMs: 1, durationMs: 1 });
  assertEquals(await reasonOf(receiver.finished), error);
});
