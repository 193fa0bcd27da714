import { assertEquals, assertThrows } from "@std/assert";
import {
  attachStorage,
  FrameTooLargeError,
  memoryStorage,
  Ring,
  RingCursor,
  type RingFollower,
  type RingFollowOptions,
  RingFormatError,
  type RingFrame,
  type RingGeometry,
  ringGeometry,
  RingLaneError,
  type RingLoss,
  type RingOptions,
  type RingPoll,
  type RingProgress,
  type RingSpec,
  type RingStorage,
  sharedStorage,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { bytes } from "./_ring.ts";

// What is here is checked by `deno check`; that it also runs shows that each example is one.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the same. */
function same<A, B>(isSame: Same<A, B>): void {
  assertEquals<boolean>(isSame, true);
}

const SPEC: RingSpec = { capacity: 4, payloadCapacity: 8 };

test("a specification has a capacity, a payload capacity, and numbers that are numbers", () => {
  // @ts-expect-error a payload capacity is needed
  assertThrows(() => memoryStorage({ capacity: 4 }), TypeError);
  // @ts-expect-error a capacity is needed
  assertThrows(() => sharedStorage({ payloadCapacity: 4 }), TypeError);
  // @ts-expect-error a capacity is a number
  assertThrows(() => ringGeometry({ capacity: "4", payloadCapacity: 4 }), TypeError);
  // @ts-expect-error there is no such topology
  assertThrows(() => ringGeometry({ ...SPEC, topology: "shared-ordered" }), TypeError);
  // @ts-expect-error a specification is read-only
  SPEC.capacity = 4;
  // Parts that are computed may be undefined.
  const none = undefined as number | undefined;
  const storage = memoryStorage({ ...SPEC, nodes: none, firstCounter: none, topology: undefined });
  same<typeof storage, RingStorage>(true);
  same<typeof storage.geometry, RingGeometry>(true);
  const topology: "per-node" | "shared" = storage.geometry.topology;
  assertEquals(topology, "per-node");
});

test("a ring is made of a storage, with options that are its own", () => {
  const storage = memoryStorage(SPEC);
  const options: RingOptions = { node: 0, takeOver: false, stallMs: 5, now: () => 0 };
  using ring = new Ring(storage, options);
  // @ts-expect-error a buffer is no storage
  assertThrows(() => new Ring(storage.buffer), Error);
  // @ts-expect-error a node is a number
  assertThrows(() => new Ring(storage, { node: "0" }), RangeError);
  // @ts-expect-error there is no such option
  new Ring(storage, { nodes: 4 });
  // @ts-expect-error options are read-only
  options.node = 1;
  new Ring(storage, { node: undefined, takeOver: undefined, stallMs: undefined, now: undefined });
  for (const name of ["node", "closed", "head", "geometry"] as const) {
    assertThrows(() => {
      // @ts-expect-error only the ring itself writes it
      ring[name] = 1;
    }, TypeError);
  }
  same<typeof ring.node, number | undefined>(true);
  same<typeof ring.head, number>(true);
});

test("publish() takes bytes and answers an id", () => {
  using ring = new Ring(memoryStorage(SPEC));
  same<ReturnType<typeof ring.publish>, bigint>(true);
  same<ReturnType<typeof ring.publishBatch>, bigint | undefined>(true);
  ring.publish(bytes(1), { kind: undefined, version: undefined });
  ring.publish(bytes(1), undefined);
  // @ts-expect-error a text is no payload
  assertThrows(() => ring.publish("text"), TypeError);
  // @ts-expect-error numbers are no payload
  assertThrows(() => ring.publish([1, 2]), TypeError);
  // @ts-expect-error a payload is needed
  assertThrows(() => ring.publish(), TypeError);
  // @ts-expect-error a kind is a number
  assertThrows(() => ring.publish(bytes(1), { kind: "put" }), RangeError);
  // @ts-expect-error a version is a number
  assertThrows(() => ring.publish(bytes(1), { version: 1n }), RangeError);
  // @ts-expect-error one payload is no list of them
  assertThrows(() => ring.publishBatch(bytes(1)), TypeError);
  ring.publishBatch([bytes(1)] as readonly Uint8Array[]);
  // @ts-expect-error an id is a bigint
  assertThrows(() => ring.read(0), RangeError);
  same<ReturnType<typeof ring.read>, RingFrame | undefined>(true);
  same<ReturnType<typeof ring.latest>, RingFrame | undefined>(true);
});

test("a frame is read-only, and its bytes are in a buffer of its own", () => {
  using ring = new Ring(sharedStorage(SPEC));
  ring.publish(bytes(1));
  const frame = ring.latest()!;
  same<typeof frame.id, bigint>(true);
  same<typeof frame.version, number>(true);
  same<typeof frame.payload, Uint8Array<ArrayBuffer>>(true);
  for (const name of ["id", "node", "counter", "kind", "version", "payload"] as const) {
    assertThrows(() => {
      // @ts-expect-error a frame is what was published
      frame[name] = 1;
    }, TypeError);
  }
  // @ts-expect-error a frame may be missing
  assertEquals(ring.read(0n).counter, 0);
});

test("a cursor comes from one of three ways, and only its ring moves it", () => {
  using ring = new Ring(memoryStorage({ ...SPEC, nodes: 2 }));
  // @ts-expect-error there is no other way to make one
  new RingCursor(ring, {}, () => 0);
  const cursor = RingCursor.fromStart(ring, { node: undefined });
  RingCursor.atHead(ring, { node: 1 });
  RingCursor.at(ring, [0, 0] as readonly number[]);
  RingCursor.at(ring, 0, { node: 1 });
  // @ts-expect-error a cursor is of a ring
  assertThrows(() => RingCursor.atHead());
  // @ts-expect-error a counter is a number
  assertThrows(() => RingCursor.at(ring, 0n, { node: 1 }), Error);
  same<typeof cursor.counters, number[]>(true);
  same<typeof cursor.lost, RingLoss>(true);
  same<typeof cursor.node, number | undefined>(true);
  for (const name of ["position", "counters", "delivered", "lost", "ring"] as const) {
    assertThrows(() => {
      // @ts-expect-error only its ring moves it
      cursor[name] = 1;
    }, TypeError);
  }
});

test("poll() and visit() answer what they found, read-only", () => {
  using ring = new Ring(memoryStorage(SPEC));
  ring.publish(bytes(1));
  const cursor = RingCursor.fromStart(ring);
  const poll = ring.poll(cursor, { max: undefined });
  same<typeof poll, RingPoll>(true);
  same<typeof poll.frames, readonly RingFrame[]>(true);
  // @ts-expect-error the list is read-only
  assertEquals(poll.frames.push === Array.prototype.push, true);
  // @ts-expect-error it has no count of its own
  assertEquals(poll.delivered, undefined);
  const progress = ring.visit(cursor, (frame) => same<typeof frame, RingFrame>(true));
  same<typeof progress, RingProgress>(true);
  // @ts-expect-error it has no frames
  assertEquals(progress.frames, undefined);
  // @ts-expect-error a visitor is needed
  assertThrows(() => ring.visit(cursor), TypeError);
  // @ts-expect-error a position is no cursor
  assertThrows(() => ring.poll(0), TypeError);
});

test("follow() iterates over polls", async () => {
  using ring = new Ring(memoryStorage(SPEC));
  const none = undefined;
  const options: RingFollowOptions = {
    from: "start",
    node: none,
    signal: none,
    max: none,
    maxSleepMs: none,
  };
  const follower = ring.follow(options);
  same<typeof follower, RingFollower<RingPoll>>(true);
  const iterable: AsyncIterable<RingPoll> = follower;
  // @ts-expect-error it gives polls
  const wrong: AsyncIterable<RingFrame> = follower;
  assertEquals(wrong === (iterable as unknown), true);
  // @ts-expect-error there is no such place
  assertThrows(() => ring.follow({ from: "end" }), TypeError);
  // @ts-expect-error a signal goes into an options object
  ring.follow(AbortSignal.abort());
  ring.publish(bytes(1));
  for await (const poll of follower) {
    same<typeof poll, RingPoll>(true);
    break;
  }
});

test("the errors say what was wrong, read-only", () => {
  const storage = memoryStorage(SPEC);
  using ring = new Ring(storage, { node: 0 });
  using other = new Ring(storage, { node: 0 });
  ring.publish(bytes(1));
  const large = assertThrows(() => ring.publish(new Uint8Array(9)), FrameTooLargeError);
  const taken = assertThrows(() => other.publish(bytes(1)), RingLaneError);
  const format = assertThrows(() => attachStorage(new ArrayBuffer(8)), RingFormatError);
  same<typeof large.byteLength, number>(true);
  same<typeof taken.node, number | undefined>(true);
  same<typeof format.field, string>(true);
  const range: RangeError = large;
  assertEquals(range instanceof RangeError, true);
  // @ts-expect-error what was wrong stays what it was
  format.field = "other";
  // @ts-expect-error a lane that is taken is not out of range
  const wrong: FrameTooLargeError = taken;
  assertEquals(wrong.byteLength, undefined);
});
