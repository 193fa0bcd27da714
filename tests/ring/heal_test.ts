import { assertEquals } from "@std/assert";
import { BASE_64, CLAIMED, laneOffset } from "../../ring/layout.ts";
import { memoryStorage, Ring, RingCursor } from "../../ring/mod.ts";
import { test } from "../_harness.ts";

const spec = { capacity: 8, payloadCapacity: 8 };

function valuesOf(ring: Ring, cursor: RingCursor): (number | undefined)[] {
  const { frames, lost, from, to } = ring.poll(cursor);
  assertEquals(to - from, frames.length + lost.overwritten + lost.unavailable);
  return frames.map(({ payload }) => payload[0]);
}

test("A claim that is garbage costs frames at most until the next writer of the lane", () => {
  for (const garbage of [0x7fffffff, -1, 1, 0x00200000]) {
    using storage = memoryStorage(spec);
    {
      using ring = new Ring(storage);
      for (const value of [1, 2, 3]) ring.publish(new Uint8Array([value]));
    }
    const words = new Int32Array(storage.buffer);
    words[laneOffset(0) / 4 + CLAIMED + 1] = garbage;
    using ring = new Ring(storage);
    const cursor = RingCursor.fromStart(ring);
    for (let value = 4; value <= 30; value++) ring.publish(new Uint8Array([value]));
    assertEquals(valuesOf(ring, cursor), [23, 24, 25, 26, 27, 28, 29, 30], `${garbage}`);
    assertEquals(cursor.position, 30);
  }
});

test("A base that is garbage counts as what was emptied, and a reset puts it right", () => {
  using storage = memoryStorage(spec);
  using ring = new Ring(storage);
  const cursor = RingCursor.fromStart(ring);
  for (const value of [1, 2, 3]) ring.publish(new Uint8Array([value]));
  new BigInt64Array(storage.buffer)[laneOffset(0) / 8 + BASE_64] = 2n ** 52n;
  assertEquals(ring.lane().base, 3);
  assertEquals(RingCursor.fromStart(ring).position, 3);
  ring.reset();
  ring.publish(new Uint8Array([4]));
  assertEquals(valuesOf(ring, cursor), [4]);
  assertEquals(ring.lane().base, 3);
  assertEquals(RingCursor.fromStart(ring).position, 3);
});

test("Ring.poll() takes at most 4 MiB where nothing else is said, and one frame always", () => {
  for (const [payloadCapacity, most] of [[2 ** 20, 4], [2 ** 23, 1], [4_096, 1_024]] as const) {
    using ring = new Ring(
      memoryStorage({ capacity: 2_048 / (most === 1_024 ? 1 : 256), payloadCapacity }),
    );
    const cursor = RingCursor.fromStart(ring);
    const { capacity } = ring.geometry;
    for (let count = 0; count < capacity; count++) ring.publish(new Uint8Array(1));
    assertEquals(ring.poll(cursor).frames.length, most);
    assertEquals(ring.visit(cursor, () => {}, { max: capacity }).delivered, capacity - most);
  }
});
