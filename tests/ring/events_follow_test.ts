import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  EventRing,
  memoryStorage,
  Ring,
  RingCursor,
  type RingEventLoss,
  sharedStorage,
  textCodec,
} from "../../ring/mod.ts";
import { MARK } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { END, observe, settle } from "../_settle.ts";
import { textEvents } from "./_events.ts";
import { Memory } from "./_ring.ts";

test("EventRing.follow() hands out what is there and what comes, in order", async () => {
  const { events } = textEvents();
  events.publishBatch("a", ["1", "2"]);
  const seen: string[] = [];
  for await (const { topic, value } of events.follow({ from: "start" })) {
    seen.push(topic + value);
    if (seen.length === 2) setTimeout(() => events.publishBatch("b", ["3", "4"]), 1);
    if (seen.length === 4) break;
  }
  assertEquals(seen, ["a1", "a2", "b3", "b4"]);
});

test("EventRing.follow() begins with what comes from now on, and passes other topics", async () => {
  const { events } = textEvents();
  events.publish("a.b", "old");
  const following = events.follow({ topic: "a.*" });
  for (const topic of ["a.b", "b", "a.c", "a", "a.d"]) events.publish(topic, "new");
  const seen: string[] = [];
  for await (const { topic } of following) {
    seen.push(topic);
    if (seen.length === 3) break;
  }
  assertEquals(seen, ["a.b", "a.c", "a.d"]);
  assertEquals(following.cursor.position, 6);
});

test("EventRing.follow() waits while nothing but other topics comes", async () => {
  const { events } = textEvents();
  const following = events.follow({ topic: "b", max: 2 });
  const next = following.next();
  const outcome = observe(next);
  for (let round = 0; round < 5; round++) {
    events.publishBatch("a", ["1", "2", "3"]);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(outcome.state, "pending");
  events.publish("b", "4");
  assertEquals((await next).value.value, "4");
  assertEquals(following.cursor.position, 16);
  await following.return?.();
});

test("EventRing.follow() settles calls of next() in their order", async () => {
  const { events } = textEvents();
  const following = events.follow();
  const calls = Array.from({ length: 4 }, () => following.next());
  events.publishBatch("a", ["1", "2", "3"]);
  const values = (await Promise.all(calls.slice(0, 3))).map(({ value }) => value.value);
  assertEquals(values, ["1", "2", "3"]);
  const ended = following.return!();
  assertEquals(await calls[3], END);
  assertEquals(await ended, END);
  assertEquals(await following.next(), END);
});

test("EventRing.follow() hands out events of all lanes, each in its order", async () => {
  const storage = sharedStorage({ capacity: 16, payloadCapacity: 64, nodes: 3 });
  const rings = [0, 1, 2].map((node) => new Ring(storage, { node }));
  const writers = rings.map((ring) => new EventRing<number>(ring));
  for (let value = 0; value < 30; value++) writers[value % 3]!.publish("a", value);
  for (const max of [1, 2, 7, 100]) {
    const seen: number[][] = [[], [], []];
    let count = 0;
    for await (const { node, value } of writers[0]!.follow({ from: "start", max })) {
      seen[node]!.push(value);
      if (++count === 30) break;
    }
    assertEquals(seen.map((values) => values.map((value) => Math.floor(value / 3))), [
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    ]);
    const third: number[] = [];
    for await (const { value } of writers[0]!.follow({ from: "start", node: 2, max })) {
      third.push(value);
      if (third.length === 10) break;
    }
    assertEquals(third, seen[2]);
  }
  for (const ring of rings) ring.close();
});

test("EventRing.follow() tells onLag before the events behind the gap", async () => {
  const { ring, events } = textEvents({ capacity: 4 });
  const told: unknown[] = [];
  const following = events.follow({ from: "start", onLag: (lost) => told.push(lost) });
  for (let value = 0; value < 7; value++) events.publish("a", `${value}`);
  const take = async (): Promise<void> => {
    told.push((await following.next()).value.value);
  };
  await take();
  await take();
  assertEquals(told, [{ overwritten: 3, unavailable: 0, undecodable: 0 }, "3", "4"]);
  await take();
  await take();
  ring.publish(new Uint8Array(1), { kind: 9 });
  events.publish("a", "7");
  ring.publish(new Uint8Array(1), { kind: 9 });
  ring.publish(new Uint8Array(1), { kind: 9 });
  await take();
  assertEquals(told.slice(5), [{ overwritten: 0, unavailable: 0, undecodable: 1 }, "7"]);
  const next = following.next();
  await settle();
  // What comes before nothing is told at once as well.
  assertEquals(told.slice(7), [{ overwritten: 0, unavailable: 0, undecodable: 2 }]);
  assertEquals(events.lagged, 6);
  await following.return?.();
  assertEquals(await next, END);
});

test("EventRing.follow() tells onLag of frames that are not whole where they are", async () => {
  const storage = memoryStorage({ capacity: 16, payloadCapacity: 64 });
  using ring = new Ring(storage);
  const events = new EventRing(ring, { codec: textCodec });
  const memory = new Memory(storage);
  events.publishBatch("a", ["0", "1", "2", "3", "4"]);
  for (const counter of [1, 2, 4]) memory.words[memory.slotWord(counter, MARK)] = 0;
  const told: unknown[] = [];
  const cursor = events.cursorFromStart();
  const following = events.follow({
    from: cursor,
    onLag: (lost) => told.push(lost.unavailable, cursor.position),
  });
  told.push((await following.next()).value.value, cursor.position);
  told.push((await following.next()).value.value, cursor.position);
  // The cursor stands in front of the event when the gap is told.
  assertEquals(told, ["0", 1, 2, 3, "3", 4]);
  const next = following.next();
  await settle();
  assertEquals(told.slice(6), [1, 5]);
  assertEquals(cursor.lost, { overwritten: 0, unavailable: 3 });
  await following.return?.();
  await next;
});

test("EventRing.follow() tells what was overwritten from what is not whole", async () => {
  const storage = memoryStorage({ capacity: 4, payloadCapacity: 64 });
  using ring = new Ring(storage);
  const events = new EventRing(ring, { codec: textCodec });
  const memory = new Memory(storage);
  const told: unknown[] = [];
  const following = events.follow({ from: "start", onLag: (lost) => told.push(lost) });
  for (let value = 0; value < 6; value++) events.publish("a", `${value}`);
  memory.words[memory.slotWord(3, MARK)] = 0;
  for (let count = 0; count < 3; count++) told.push((await following.next()).value.value);
  assertEquals(told, [
    { overwritten: 2, unavailable: 0, undecodable: 0 },
    "2",
    { overwritten: 0, unavailable: 1, undecodable: 0 },
    "4",
    "5",
  ]);
  assertEquals(following.cursor.lost, { overwritten: 2, unavailable: 1 });
  await following.return?.();
});

test("EventRing.follow() lets no busy lane keep the others from being read", async () => {
  const storage = sharedStorage({ capacity: 4, payloadCapacity: 64, nodes: 3 });
  const rings = [0, 1, 2].map((node) => new Ring(storage, { node }));
  const writers = rings.map((ring) => new EventRing<number>(ring));
  const cursor = writers[0]!.cursorFromStart();
  const following = writers[0]!.follow({ from: cursor, max: 1 });
  const seen = new Set<number>();
  writers[1]!.publish("a", 1);
  writers[2]!.publish("a", 1);
  for (let count = 0; count < 6; count++) {
    writers[0]!.publishBatch("a", [1, 2]);
    seen.add((await following.next()).value.node);
  }
  assertEquals([...seen].sort(), [0, 1, 2]);
  await following.return?.();
  for (const ring of rings) ring.close();
});

test("EventRing.follow() waits for a frame that was begun, and then goes on without it", async () => {
  const storage = memoryStorage({ capacity: 8, payloadCapacity: 64, topology: "shared" });
  using ring = new Ring(storage, { stallMs: 20 });
  const events = new EventRing(ring, { codec: textCodec });
  const memory = new Memory(storage);
  const lost: RingEventLoss[] = [];
  const following = events.follow({ from: "start", onLag: (one) => lost.push(one) });
  events.publishBatch("a", ["0", "1", "2"]);
  // The writers of two of them are stopped in the middle; one of them comes back.
  memory.begin(0);
  memory.begin(1);
  const next = following.next();
  await settle();
  memory.commit(0);
  assertEquals((await next).value.value, "0");
  assertEquals((await following.next()).value.value, "2");
  assertEquals(lost, [{ overwritten: 0, unavailable: 1, undecodable: 0 }]);
  await following.return?.();
});

test("EventRing.follow() goes on when onLag throws, and reports it", async () => {
  const { events } = textEvents({ capacity: 2 });
  const error = new Error("of onLag");
  const seen: string[] = [];
  const reports = await reportsOf(async () => {
    const onLag = (): never => {
      throw error;
    };
    const following = events.follow({ from: "start", onLag });
    for (let value = 0; value < 5; value++) events.publish("a", `${value}`);
    for await (const { value } of following) {
      seen.push(value);
      if (seen.length === 2) break;
    }
  });
  assertEquals(seen, ["3", "4"]);
  assertEquals(reports.length, 1);
  assertStrictEquals(reports[0], error);
});

test("EventRing.follow() lets onLag call next(), and loses nothing", async () => {
  const { events } = textEvents({ capacity: 4 });
  const inner: Promise<IteratorResult<{ value: string }>>[] = [];
  const following = events.follow({
    from: "start",
    onLag: () => void inner.push(following.next()),
  });
  for (let value = 0; value < 6; value++) events.publish("a", `${value}`);
  const outer = (await following.next()).value.value;
  const [first] = await Promise.all(inner);
  const rest = [await following.next(), await following.next()];
  assertEquals(
    [first!.value.value, outer, ...rest.map(({ value }) => value.value)].sort(),
    ["2", "3", "4", "5"],
  );
  await following.return?.();
});

test("EventRing.follow() goes on where somebody else has moved its cursor to", async () => {
  const { events } = textEvents();
  const cursor = events.cursorFromStart();
  events.publishBatch("a", ["1", "2", "3", "4"]);
  const lost: RingEventLoss[] = [];
  const following = events.follow({ from: cursor, onLag: (one) => lost.push(one) });
  assertEquals((await following.next()).value.value, "1");
  assertEquals(events.poll(cursor, { max: 2 }).events.map(({ value }) => value), ["2", "3"]);
  assertEquals((await following.next()).value.value, "4");
  assertEquals([lost, cursor.position, cursor.delivered], [[], 4, 4]);
  await following.return?.();
});

test("EventRing.follow() goes back to the head with a cursor that is beyond it", async () => {
  const { ring, events } = textEvents();
  const cursor = events.cursorFromStart();
  events.publish("a", "1");
  const beyond = RingCursor.at(ring, 100);
  const following = events.follow({ from: beyond });
  const next = following.next();
  await settle();
  events.publish("a", "2");
  assertEquals((await next).value.value, "2");
  assertEquals(beyond.position, 2);
  assertEquals(cursor.position, 0);
  await following.return?.();
});

test("EventRing.follow() refuses what is no place to begin", () => {
  const { events } = textEvents();
  const from = "middle" as "start";
  assertThrows(() => events.follow({ from }), TypeError, 'received "middle"');
  assertThrows(() => events.follow({ node: 1 }), RangeError, "node");
  assertThrows(() => events.follow({ maxSleepMs: 0 }), RangeError, "maxSleepMs");
});
