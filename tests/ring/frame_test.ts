import {
  assert,
  assertEquals,
  assertMatch,
  assertNotStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  formatFrameId,
  frameId,
  parseFrameId,
  Ring,
  RingCursor,
  type RingFrame,
} from "../../ring/mod.ts";
import { idOf } from "../../ring/frame.ts";
import { test } from "../_harness.ts";
import { bytes, numbersOf, STORAGES, TOPOLOGIES } from "./_ring.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const PARTS: readonly (readonly [node: number, counter: number])[] = [0, 1, 2, 1023, 1024, 2047]
  .flatMap((node) =>
    [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 - 1, 2 ** 40, 2 ** 52, MAX]
      .map((counter) => [node, counter] as const)
  );

test("frameId() and parseFrameId() keep every node and counter, past 2^40 as well", () => {
  for (const [node, counter] of PARTS) {
    const id = frameId(node, counter);
    assertEquals(id, (BigInt(node) << 53n) + BigInt(counter));
    assertEquals(idOf(node, counter), id);
    assertEquals(parseFrameId(id), { node, counter });
    assertEquals(BigInt.asUintN(64, id), id);
  }
});

test("Ids are in the order of node and counter", () => {
  const ids = PARTS.map(([node, counter]) => frameId(node, counter));
  assertEquals([...ids].reverse().sort((a, b) => (a < b ? -1 : 1)), ids);
});

test("An id of zero is the first frame of the first node", () => {
  assertEquals(frameId(0, 0), 0n);
  assertEquals(parseFrameId(0n), { node: 0, counter: 0 });
  assertEquals(formatFrameId(0n), "0:0");
});

test("formatFrameId() and parseFrameId() keep an id as text", () => {
  for (const [node, counter] of PARTS) {
    const text = formatFrameId(frameId(node, counter));
    assertEquals(text, `${node}:${counter}`);
    assertEquals(parseFrameId(text), { node, counter });
  }
  assertEquals(parseFrameId("0003:0000000000000017"), { node: 3, counter: 17 });
});

test("An id keeps its value as eight bytes", () => {
  for (const [node, counter] of PARTS) {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, frameId(node, counter));
    assertEquals(parseFrameId(view.getBigUint64(0)), { node, counter });
  }
});

test("frameId() refuses what is no node or no counter, and cuts nothing off", () => {
  for (const node of [-1, 1.5, NaN, 2048, Infinity, "1", null, undefined]) {
    const error = assertThrows(() => frameId(node as number, 0), RangeError);
    assertMatch(error.message, /^Cannot make an id: node must be from 0 to 2047, received /);
  }
  for (const counter of [-1, 1.5, NaN, MAX + 1, 2 ** 60, Infinity, "1", null, 1n]) {
    const error = assertThrows(() => frameId(0, counter as number), RangeError);
    assertMatch(error.message, /^Cannot make an id: counter must be from 0 to 9007199254740991, r/);
  }
});

test("parseFrameId() and formatFrameId() refuse what is no id", () => {
  for (const id of [-1n, 2n ** 64n, 1, NaN, null, undefined, {}]) {
    for (const take of [parseFrameId, formatFrameId]) {
      const error = assertThrows(() => take(id as bigint), RangeError);
      assertMatch(
        error.message,
        /^Cannot read an id: it must be a bigint from 0 to 2\^64 - 1, rec/,
      );
    }
  }
  const texts = [
    "",
    "1",
    "1:",
    ":1",
    "1:2:3",
    "0:1:2",
    "a:1",
    "1:b",
    " 1:2",
    "1:2 ",
    "1: 2",
    "-1:2",
  ];
  for (
    const text of [...texts, "1:2\n", "0x1:2", "1.0:2", "1e3:2", "12345:1", "1:12345678901234567"]
  ) {
    const error = assertThrows(() => parseFrameId(text), SyntaxError);
    assertEquals(
      error.message,
      `Cannot read an id: it must look like "node:counter", received ${JSON.stringify(text)}`,
    );
  }
  assertThrows(
    () => parseFrameId("2048:0"),
    RangeError,
    "node must be from 0 to 2047, received 2048",
  );
  assertThrows(() => parseFrameId("0:9007199254740992"), RangeError, "counter must be from 0");
});

test("A frame says what its publisher said, and its id names it", () => {
  for (const topology of TOPOLOGIES) {
    for (const [, make] of STORAGES) {
      using ring = new Ring(make({ capacity: 4, payloadCapacity: 16, nodes: 2048, topology }), {
        node: 2047,
      });
      ring.publish(bytes(0));
      const id = ring.publish(bytes(1, 2, 3), { kind: 255, version: MAX });
      const frame = ring.read(id)!;
      const lane = topology === "shared" ? 0 : 2047;
      assertEquals(parseFrameId(id), { node: lane, counter: 1 });
      assertEquals(
        [frame.id, frame.node, frame.counter, frame.kind, frame.version, frame.byteLength],
        [id, 2047, 1, 255, MAX, 3],
      );
      assertEquals(frame.payload, bytes(1, 2, 3));
      // The bytes are the reader's own, whatever the ring is in.
      assert(frame.payload.buffer instanceof ArrayBuffer);
    }
  }
});

test("A frame is never changed by what is published, or written into it, later", () => {
  for (const size of [1, 8, 128, 129, 1_000, 1_025, 5_000]) {
    using ring = new Ring(STORAGES[0]![1]({ capacity: 4, payloadCapacity: 5_000 }));
    const cursor = RingCursor.fromStart(ring);
    const kept: RingFrame[] = [];
    for (let round = 0; round < 20; round++) {
      ring.publish(new Uint8Array(size).fill(round));
      kept.push(...ring.poll(cursor).frames);
      kept.push(ring.latest()!, ring.read(BigInt(round))!);
    }
    assertEquals(numbersOf(kept), kept.map((_, index) => Math.floor(index / 3)));
    for (const [index, { payload }] of kept.entries()) {
      assert(payload.every((byte) => byte === Math.floor(index / 3)), `${size} bytes, ${index}`);
      // Each has bytes of its own.
      payload.fill(255);
    }
    assertEquals(numbersOf(ring.poll(RingCursor.fromStart(ring)).frames), [16, 17, 18, 19]);
  }
});

test("The payload of a frame is the same array each time, and that of another read is not", () => {
  using ring = new Ring(STORAGES[0]![1]({ capacity: 4, payloadCapacity: 8 }));
  const id = ring.publish(bytes(1));
  const frame = ring.read(id)!;
  assertEquals(frame.payload === frame.payload, true);
  assertNotStrictEquals(frame.payload, ring.read(id)!.payload);
});

test("Frames of every length come out as they went in, at the edges of words and of slots", () => {
  for (const topology of TOPOLOGIES) {
    for (const payloadCapacity of [0, 1, 3, 4, 31, 32, 33, 127, 128, 129, 131, 1_024, 1_025]) {
      using ring = new Ring(STORAGES[0]![1]({ capacity: 2, payloadCapacity, topology }));
      const cursor = RingCursor.fromStart(ring);
      const visited = RingCursor.fromStart(ring);
      const last = payloadCapacity - 5;
      for (
        let length = 0;
        length <= payloadCapacity;
        length += length > 140 && length < last ? 61 : 1
      ) {
        // Behind a frame of all ones, so that what is left of it would show.
        ring.publish(new Uint8Array(payloadCapacity).fill(255));
        const payload = Uint8Array.from({ length }, (_, index) => 1 + (index + length) % 200);
        const id = ring.publish(payload);
        assertEquals(ring.read(id)?.payload, payload);
        assertEquals(ring.latest()?.payload, payload);
        assertEquals(ring.poll(cursor).frames.at(-1)?.payload, payload);
        const seen: Uint8Array[] = [];
        ring.visit(visited, (frame) => seen.push(frame.payload.slice()));
        assertEquals(seen[1], payload);
      }
    }
  }
});
