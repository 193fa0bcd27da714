import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  bytesCodec,
  EventRing,
  frameId,
  FrameTooLargeError,
  memoryStorage,
  readEventFrame,
  Ring,
  RingCursor,
  sharedStorage,
  textCodec,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { SPEC, textEvents } from "./_events.ts";

test("EventRing.poll() takes the events since the cursor's last look", () => {
  const { events } = textEvents();
  const cursor = events.cursorFromStart();
  events.publish("worker.booted", "w1");
  events.publish("cache.reset", "all");
  const poll = events.poll(cursor);
  assertEquals(poll.events.map(({ topic, value }) => [topic, value]), [
    ["worker.booted", "w1"],
    ["cache.reset", "all"],
  ]);
  assertEquals([poll.lagged, poll.from, poll.to], [0, 0, 2]);
  assertEquals(events.poll(cursor), {
    events: [],
    lost: { overwritten: 0, unavailable: 0, undecodable: 0 },
    lagged: 0,
    from: 2,
    to: 2,
  });
});

test("EventRing.cursorAtHead() reads future events only", () => {
  const { events } = textEvents();
  events.publish("old", "ignored");
  const cursor = events.cursorAtHead();
  events.publish("new", "seen");
  assertEquals(events.poll(cursor).events.map(({ topic }) => topic), ["new"]);
});

test("EventRing.pollTopic() moves the cursor behind events of other topics", () => {
  const { events } = textEvents();
  const cursor = events.cursorFromStart();
  events.publish("a", "1");
  events.publish("b", "2");
  const poll = events.pollTopic(cursor, "b");
  assertEquals(poll.events.map(({ value }) => value), ["2"]);
  assertEquals([poll.filtered, poll.lagged, poll.to - poll.from], [1, 0, 2]);
  assertEquals(events.poll(cursor).events, []);
});

test("EventRing.poll() reports the lag of a cursor that has fallen behind", () => {
  const { events } = textEvents({ capacity: 2 });
  const cursor = events.cursorFromStart();
  for (const value of ["1", "2", "3"]) events.publish("n", value);
  const poll = events.poll(cursor);
  assertEquals(poll.events.map(({ value }) => value), ["2", "3"]);
  assertEquals(poll.lost, { overwritten: 1, unavailable: 0, undecodable: 0 });
  assertEquals([poll.lagged, events.lagged], [1, 1]);
});

test("EventRing.publish() takes what fits in a frame exactly, and not a byte more", () => {
  const { ring, events } = textEvents({ payloadCapacity: 16 });
  const cursor = events.cursorFromStart();
  events.publish("topic", "123456789");
  events.publish("a.much.longer", "!");
  assertEquals(events.poll(cursor).events.map(({ topic, value }) => topic + value), [
    "topic123456789",
    "a.much.longer!",
  ]);
  const error = assertThrows(() => events.publish("topic", "1234567890"), FrameTooLargeError);
  assertEquals([error.byteLength, error.payloadCapacity], [17, 16]);
  assertEquals(
    error.message,
    "Cannot publish to EventRing: a frame must have at most 16 bytes, 2 of them for the length of the topic, " +
      "which may have 14, received a topic of 5 bytes and a payload of 10",
  );
  assertThrows(() => events.publish("tööpic", "12345678"), FrameTooLargeError, "topic of 8 bytes");
  const values = ["1", "1234567890", "2"];
  assertThrows(() => events.publishBatch("topic", values), FrameTooLargeError);
  assertEquals(ring.head, 2);
});

test("EventRing.publish() takes a topic of 65535 bytes, and not a byte more", () => {
  const { ring, events } = textEvents({ capacity: 2, payloadCapacity: 2 ** 18 });
  const cursor = events.cursorFromStart();
  const longest = "a".repeat(65_535);
  events.publish(longest, "x");
  const [event] = events.poll(cursor).events;
  assertStrictEquals(event?.topic, longest);
  assertEquals(event.value, "x");
  assertThrows(() => events.publish(longest + "a", "x"), FrameTooLargeError, "may have 65535");
  assertEquals(ring.head, 1);
});

test("EventRing.publish() keeps large and small events apart", () => {
  const { events } = textEvents({ capacity: 8, payloadCapacity: 4_000 });
  const cursor = events.cursorFromStart();
  const values = ["", "x".repeat(3_000), "y", "z".repeat(3_990), ""];
  for (const value of values) events.publish("abc", value);
  assertEquals(events.poll(cursor).events.map(({ value }) => value), values);
});

test("EventRing.publish() refuses topics that are no subjects, naming them", () => {
  const { ring, events } = textEvents();
  for (const topic of ["", ".", "a..b", "a.", "*", "a.*", "a.>", "\ud83d"]) {
    const { message } = assertThrows(() => events.publish(topic, "x"), TypeError);
    assertEquals(
      message,
      "Cannot publish to EventRing: topic must be tokens with dots between them, without wildcards, received " +
        JSON.stringify(topic),
    );
    assertThrows(() => events.publishBatch(topic, ["x"]), TypeError);
  }
  assertThrows(() => events.publish(undefined as unknown as string, "x"), TypeError, "undefined");
  assertEquals(ring.head, 0);
});

test("EventRing.publish() answers the id of the frame", () => {
  using ring = new Ring(sharedStorage({ ...SPEC, nodes: 3 }), { node: 2 });
  const events = new EventRing<number>(ring, { now: () => 1_234.9 });
  assertEquals(events.publish("a", 1), frameId(2, 0));
  const id = events.publish("a", 2);
  assertEquals(id, frameId(2, 1));
  assertEquals(events.poll(events.cursorFromStart()).events[1], {
    id,
    topic: "a",
    value: 2,
    timestampMs: 1_234,
    node: 2,
    counter: 1,
  });
  const frame = ring.read(id)!;
  assertEquals([frame.kind, frame.version], [1, 1_234]);
  assertEquals([...frame.payload], [1, 0, 97, 50]);
});

test("EventRing stamps events with the time of the day", () => {
  const { events } = textEvents();
  const before = Date.now();
  events.publish("a", "x");
  const [event] = events.poll(events.cursorFromStart()).events;
  assert(event!.timestampMs >= before && event!.timestampMs <= Date.now());
});

test("EventRing.publish() refuses a clock that says nothing sensible", () => {
  for (const time of [NaN, -1, Infinity]) {
    const { ring, events } = textEvents({}, { now: () => time });
    assertThrows(() => events.publish("a", "x"), RangeError, `received ${time}`);
    assertEquals(ring.head, 0);
  }
});

test("EventRing.publishBatch() publishes events in a row", () => {
  const { ring, events } = textEvents({ capacity: 4 });
  assertEquals(events.publishBatch("a.b", ["1", "2", "3"]), frameId(0, 0));
  assertEquals(events.publishBatch("a.b", []), undefined);
  const { events: found } = events.poll(events.cursorFromStart());
  assertEquals(found.map(({ topic, value, counter }) => [topic, value, counter]), [
    ["a.b", "1", 0],
    ["a.b", "2", 1],
    ["a.b", "3", 2],
  ]);
  const { message } = assertThrows(
    () => events.publishBatch("a", ["1", "2", "3", "4", "5"]),
    RangeError,
  );
  assertEquals(
    message,
    "Cannot publish to EventRing: a batch must have at most 4 values, received 5",
  );
  assertEquals(ring.head, 3);
});

test("EventRing writes JSON by default, and bytes that nobody else has", () => {
  using ring = new Ring(memoryStorage(SPEC));
  const json = new EventRing<{ a: number[] }>(ring);
  const bytes = new EventRing(ring, { codec: bytesCodec });
  const cursor = json.cursorFromStart();
  json.publish("a", { a: [1, 2] });
  assertEquals(json.poll(cursor).events[0]?.value, { a: [1, 2] });
  assertThrows(() => json.publish("a", undefined as unknown as { a: number[] }), TypeError);
  bytes.publish("b", new Uint8Array([1, 2]));
  bytes.publish("b", new Uint8Array([3, 4]));
  const { events } = bytes.poll(cursor);
  assertEquals(events.map(({ value }) => [...value]), [[1, 2], [3, 4]]);
  assertEquals(ring.head, 3);
});

test("EventRing counts frames that are no events, and reads the others", () => {
  const { ring, events } = textEvents();
  const cursor = events.cursorFromStart();
  const frames: readonly (readonly [kind: number, bytes: number[]])[] = [
    // Of another kind.
    [0, [1, 0, 97, 98]],
    [2, [1, 0, 97, 98]],
    // Too short for a topic.
    [1, []],
    [1, [1]],
    [1, [1, 0]],
    // With a topic that ends behind the payload.
    [1, [3, 0, 97, 98]],
    [1, [255, 255, 97, 98]],
    // With a topic that is none.
    [1, [0, 0, 98]],
    [1, [1, 0, 255, 98]],
    [1, [1, 0, 42, 98]],
    [1, [2, 0, 97, 46, 98]],
    // With a value that is none.
    [1, [1, 0, 97, 255]],
  ];
  for (const [kind, bytes] of frames) ring.publish(new Uint8Array(bytes), { kind });
  events.publish("a", "b");
  const poll = events.poll(cursor);
  assertEquals(poll.events.map(({ topic, value }) => [topic, value]), [["a", "b"]]);
  assertEquals(poll.lost, { overwritten: 0, unavailable: 0, undecodable: frames.length });
  assertEquals(poll.lagged, frames.length);
  assertEquals(poll.to - poll.from, frames.length + 1);
  // A value that does not have to be decoded is not.
  const { filtered, lost } = events.pollTopic(events.cursorFromStart(), "b");
  assertEquals([filtered, lost.undecodable], [2, frames.length - 1]);
  assertEquals(events.lagged, 2 * frames.length - 1);
});

test("EventRing goes on reading when the codec throws whatever it likes", () => {
  let reads = 0;
  const codec = {
    encode: textCodec.encode,
    decode(bytes: Uint8Array): string {
      const text = textCodec.decode(bytes);
      if (reads++ % 2 === 0) throw text === "0" ? undefined : new Error(text);
      return text;
    },
  };
  const { events } = textEvents({}, { codec });
  events.publishBatch("a", ["0", "1", "2", "3", "4"]);
  const cursor = events.cursorFromStart();
  const { events: found, lost } = events.poll(cursor);
  assertEquals(found.map(({ value }) => value), ["1", "3"]);
  assertEquals(lost.undecodable, 3);
  assertEquals(cursor.position, 5);
});

test("EventRing.pollTopic() decodes the values of matching events only", () => {
  const decoded: string[] = [];
  const codec = {
    encode: textCodec.encode,
    decode(bytes: Uint8Array): string {
      decoded.push(textCodec.decode(bytes));
      return decoded.at(-1)!;
    },
  };
  const { events } = textEvents({}, { codec });
  const cursor = events.cursorFromStart();
  for (const topic of ["a.b", "b.a", "a.b", "a.c", "a"]) events.publish(topic, `of ${topic}`);
  const poll = events.pollTopic(cursor, "a.*");
  assertEquals(poll.events.map(({ topic }) => topic), ["a.b", "a.b", "a.c"]);
  assertEquals(decoded, ["of a.b", "of a.b", "of a.c"]);
  assertEquals([poll.filtered, poll.lagged], [2, 0]);
});

test("EventRing.pollTopic() refuses what is no pattern and leaves the cursor", () => {
  const { events } = textEvents();
  const cursor = events.cursorFromStart();
  events.publish("a", "1");
  for (const pattern of ["", "a..b", ">.a"]) {
    for (let time = 0; time < 2; time++) {
      assertThrows(() => events.pollTopic(cursor, pattern), TypeError, JSON.stringify(pattern));
      assertThrows(() => events.follow({ from: cursor, topic: pattern }), TypeError, pattern);
    }
  }
  assertEquals(events.pollTopic(cursor, ">").events.length, 1);
});

test("EventRing.poll() takes at most max frames and then goes on", () => {
  const { events } = textEvents();
  events.publishBatch("a", ["1", "2"]);
  events.publishBatch("b", ["3", "4"]);
  const cursor = events.cursorFromStart();
  assertEquals(events.poll(cursor, { max: 1 }).events.map(({ value }) => value), ["1"]);
  const { events: none, filtered } = events.pollTopic(cursor, "c", { max: 2 });
  assertEquals([none.length, filtered], [0, 2]);
  assertEquals(events.poll(cursor, { max: 9 }).events.map(({ value }) => value), ["4"]);
  for (const max of [0, -1, 1.5, NaN]) {
    assertThrows(() => events.poll(cursor, { max }), RangeError, "max");
    assertThrows(() => events.pollTopic(cursor, "a", { max }), RangeError, "max");
    assertThrows(() => events.follow({ max }), RangeError, "max");
  }
});

test("EventRing reads the lanes of all nodes, or of one", () => {
  const storage = sharedStorage({ ...SPEC, nodes: 3 });
  using one = new Ring(storage, { node: 0 });
  using other = new Ring(storage, { node: 2 });
  const [from, to] = [new EventRing<number>(one), new EventRing<number>(other)];
  const [all, second] = [from.cursorFromStart(), from.cursorFromStart({ node: 2 })];
  from.publish("a", 1);
  to.publish("a", 2);
  assertEquals(from.poll(all).events.map(({ node, value }) => [node, value]), [[0, 1], [2, 2]]);
  assertEquals(from.poll(second).events.map(({ node, value }) => [node, value]), [[2, 2]]);
  assertEquals(from.poll(from.cursorAtHead({ node: 0 })).events, []);
});

test("EventRing.reset() empties the ring for all who share it", () => {
  const { ring, events } = textEvents();
  assertStrictEquals(events.ring, ring);
  const cursor = events.cursorFromStart();
  events.publishBatch("a", ["1", "2"]);
  events.reset();
  events.publish("a", "3");
  const { events: found, lost } = events.poll(cursor);
  assertEquals(found.map(({ value }) => value), ["3"]);
  assertEquals(lost, { overwritten: 2, unavailable: 0, undecodable: 0 });
  assertEquals(events.poll(events.cursorFromStart()).lagged, 0);
});

test("EventRing refuses a ring whose frames are too small for any event", () => {
  for (const payloadCapacity of [0, 2]) {
    const { message } = assertThrows(() => textEvents({ payloadCapacity }), RangeError);
    assertEquals(
      message,
      `Cannot create EventRing: frames must carry at least 3 bytes, received ${payloadCapacity}`,
    );
  }
  const { events } = textEvents({ payloadCapacity: 3 });
  events.publish("a", "");
  assertThrows(() => events.publish("a", "b"), FrameTooLargeError);
  assertEquals(events.poll(events.cursorFromStart()).events[0]?.value, "");
});

test("EventRing refuses a cursor of another ring, and all that needs a ring that is closed", () => {
  const { ring, events } = textEvents();
  const cursor = events.cursorFromStart();
  const { events: others } = textEvents();
  assertThrows(() => others.poll(cursor), TypeError, "another ring");
  assertThrows(() => others.follow({ from: cursor }), TypeError, "another ring");
  ring.close();
  assertThrows(() => events.publish("a", "b"), TypeError, "closed");
  assertThrows(() => events.publishBatch("a", ["b"]), TypeError, "closed");
  assertThrows(() => events.poll(cursor), TypeError, "closed");
  assertThrows(() => events.pollTopic(cursor, "a"), TypeError, "closed");
  assertThrows(() => events.follow(), TypeError, "closed");
  assertThrows(() => events.reset(), TypeError, "closed");
});

test("readEventFrame() finds the topic and the bytes of an event, whatever codec wrote it", () => {
  using ring = new Ring(memoryStorage({ capacity: 16, payloadCapacity: 64 }));
  const text = new EventRing<string>(ring, { codec: textCodec });
  text.publish("orders.paid", "¡sí!");
  text.publish("orders.paid", "");
  for (const bytes of [[], [0], [0, 0], [0, 0, 97], [2, 0, 97], [1, 0, 255], [1, 0, 42]]) {
    ring.publish(new Uint8Array(bytes), { kind: 1 });
  }
  const { frames } = ring.poll(RingCursor.fromStart(ring));
  const [full, empty, ...others] = frames.map((frame) => readEventFrame(frame));
  assertEquals(full, { topic: "orders.paid", bytes: new TextEncoder().encode("¡sí!") });
  assertEquals(empty, { topic: "orders.paid", bytes: new Uint8Array(0) });
  assertEquals(others, Array.from({ length: 7 }, () => undefined));
});
