import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  attachStorage,
  memoryStorage,
  Ring,
  RingFormatError,
  ringGeometry,
  type RingSpec,
  sharedStorage,
} from "../../ring/mod.ts";
import { markOf, turnOf, writeHeaders } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { interleave } from "./_interleave.ts";
import { bytes, STORAGES } from "./_ring.ts";

// Offsets are written out here: what is in memory, or in a file, is a contract with programs of other versions.

test("A new ring begins with a header that says what it is made of", () => {
  const { buffer } = memoryStorage({ capacity: 8, payloadCapacity: 100, nodes: 3 });
  const view = new DataView(buffer as ArrayBuffer);
  assertEquals(new TextDecoder().decode(new Uint8Array(buffer as ArrayBuffer, 0, 4)), "WEIR");
  const words = [4, 8, 12, 16, 20, 24, 28].map((at) => view.getUint32(at, true));
  assertEquals(words, [1, 8, 100, 192, 0, 3, 3]);
  assertEquals(view.getBigUint64(32, true), BigInt(buffer.byteLength));
  const rest = new Uint8Array(buffer as ArrayBuffer, 40);
  assert(rest.every((byte) => byte === 0));
});

test("The header of a shared ring has as many nodes as may write, and one lane", () => {
  const { buffer } = sharedStorage({
    capacity: 2,
    payloadCapacity: 0,
    nodes: 5,
    topology: "shared",
  });
  const view = new DataView(buffer);
  const words = [8, 12, 16, 20, 24, 28].map((at) => view.getUint32(at, true));
  assertEquals(words, [2, 0, 64, 1, 5, 1]);
  assertEquals(view.getBigUint64(32, true), 128n + 64n + 128n);
});

test("A frame of a lane stands in its slot as the layout says", () => {
  const storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 3 });
  using ring = new Ring(storage, { node: 1 });
  for (let count = 0; count < 6; count++) {
    ring.publish(bytes(1, 2, 3, 4, count), { kind: 200, version: 2 ** 40 + 3 });
  }
  const view = new DataView(storage.buffer);
  const lane = 128 + 64;
  // Claimed, head, base.
  assertEquals([0, 4, 8, 12].map((at) => view.getInt32(lane + at, true)), [6, 0, 6, 0]);
  assertEquals(view.getBigInt64(lane + 16, true), 0n);
  assert(view.getInt32(lane + 24, true) > 0);
  assertEquals(view.getInt32(lane + 32, true), 0);
  // The frame with counter 5 is in the second slot of the second lane.
  const slot = 128 + 3 * 64 + (4 + 1) * 64;
  const words = [0, 4, 8, 12, 16, 20, 24, 28].map((at) => view.getUint32(slot + at, true));
  assertEquals(words, [12, 1, 5, 200 | (1 << 8), 3, 2 ** 8, 0, 0]);
  assertEquals([...new Uint8Array(storage.buffer as ArrayBuffer, slot + 32, 5)], [1, 2, 3, 4, 5]);
  assertEquals(view.getUint32(slot - 64, true), 10);
});

test("A frame of a shared ring has a checksum, and its lane no claim", () => {
  const storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 3, topology: "shared" });
  using ring = new Ring(storage, { node: 2 });
  ring.publish(bytes(7), { kind: 1 });
  const view = new DataView(storage.buffer);
  assertEquals([0, 4, 8, 12, 24].map((at) => view.getInt32(128 + at, true)), [0, 0, 1, 0, 0]);
  const slot = 128 + 64;
  const words = [0, 4, 8, 12, 16, 20].map((at) => view.getUint32(slot + at, true));
  assertEquals(words, [2, 1, 1, 1 | (2 << 8), 0, 0]);
  assert(view.getUint32(slot + 24, true) !== 0);
});

test("A ring that goes on where another ended begins with its first counter", () => {
  for (const firstCounter of [1, 3, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 51]) {
    for (const topology of ["per-node", "shared"] as const) {
      const spec = { capacity: 4, payloadCapacity: 8, nodes: 2, topology, firstCounter };
      const storage = memoryStorage(spec);
      using ring = new Ring(storage);
      for (let lane = 0; lane < storage.geometry.lanes; lane++) {
        const { head, base, retainedFrom } = ring.lane(lane);
        assertEquals([head, base, retainedFrom], [firstCounter, firstCounter, firstCounter]);
        const view = new DataView(storage.buffer, 128 + 64 * lane);
        assertEquals(view.getBigInt64(16, true), BigInt(firstCounter));
        // Claimed, and head.
        for (const at of [0, 8]) {
          assertEquals(view.getUint32(at, true), firstCounter % 2 ** 32);
          assertEquals(view.getUint32(at + 4, true), Math.floor(firstCounter / 2 ** 21));
        }
      }
      // It is not part of what a ring is.
      assertEquals(attachStorage(storage.buffer, { ...spec, firstCounter: 0 }).geometry.nodes, 2);
    }
  }
});

test("The header has the sequence of versions, and how many times the ring was emptied", () => {
  const storage = memoryStorage({ capacity: 2, payloadCapacity: 8, nodes: 2 });
  using ring = new Ring(storage, { node: 1 });
  ring.publish(bytes(1));
  for (let count = 0; count < 3; count++) ring.nextVersion();
  for (let count = 0; count < 2; count++) ring.reset();
  const view = new DataView(storage.buffer);
  assertEquals(view.getBigInt64(64, true), 3n);
  assertEquals([72, 76, 80, 84].map((at) => view.getInt32(at, true)), [0, 0, 2, 0]);
  assertEquals(view.getBigInt64(128 + 64 + 16, true), 1n);
});

test("The mark and the turn of a slot tell a counter from those near it and those far from it", () => {
  assertEquals([0, 1, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1, 2 ** 31].map(markOf), [
    2,
    4,
    -(2 ** 31),
    -(2 ** 31) + 2,
    0,
    2,
  ]);
  assertEquals([0, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1].map(turnOf), [1, 1, 2, 3, 2 ** 22]);
});

test("A new ring has its magic last, so that nobody takes half of one for a ring", () => {
  const spec = { capacity: 2, payloadCapacity: 8, nodes: 2, firstCounter: 5 };
  const geometry = ringGeometry(spec);
  const buffer = new ArrayBuffer(geometry.byteLength);
  let atomics = 0;
  while (
    interleave(() => writeHeaders(buffer, geometry, spec.firstCounter), atomics, () => {
      assertThrows(() => attachStorage(buffer), RingFormatError, "magic");
    }).reached
  ) {
    new Uint8Array(buffer).fill(0);
    atomics++;
  }
  assert(atomics > 0);
  assertEquals(attachStorage(buffer, spec).geometry, geometry);
});

test("attachStorage() refuses bytes that are cut off anywhere", () => {
  for (const [, make] of STORAGES) {
    const { buffer } = make({ capacity: 2, payloadCapacity: 8 });
    for (let size = 0; size < buffer.byteLength; size += size < 132 ? 1 : 31) {
      const error = assertThrows(() => attachStorage(buffer.slice(0, size)), RingFormatError);
      assertEquals(error.field, "size");
      assertEquals(
        error.message,
        size < 128
          ? `Cannot attach to a ring: size must be at least 128 bytes, received ${size}`
          : "Cannot attach to a ring: size must be at least the 320 bytes that its header says, " +
            `received ${size}`,
      );
    }
    assertEquals(attachStorage(buffer).geometry.byteLength, 320);
  }
});

test("attachStorage() takes bytes that are more than the ring", () => {
  const { buffer } = memoryStorage({ capacity: 2, payloadCapacity: 8 });
  for (const more of [1, 2, 3, 4, 5, 64]) {
    const larger = new ArrayBuffer(buffer.byteLength + more);
    new Uint8Array(larger).set(new Uint8Array(buffer as ArrayBuffer));
    using ring = new Ring(attachStorage(larger));
    ring.publish(bytes(1));
    assertEquals(ring.latest()?.payload, bytes(1));
    assertEquals(new Uint8Array(larger, 320), new Uint8Array(more));
  }
});

/** Fields of the header: the offset, a value that it must not have, the field of the error, and what the message says. */
const WRONG: readonly (readonly [at: number, value: number, field: string, says: string])[] = [
  [0, 0, "magic", "magic must be 0x52494557, received 0x00000000"],
  [0, 0x57454952, "magic", "magic must be 0x52494557, received 0x57454952"],
  [0, 0xffffffff, "magic", "magic must be 0x52494557, received 0xffffffff"],
  [4, 0, "format version", "format version must be 1, received 0"],
  [4, 2, "format version", "format version must be 1, received 2"],
  [8, 0, "capacity", "capacity must be a power of two up to 67108864, received 0"],
  [8, 12, "capacity", "capacity must be a power of two up to 67108864, received 12"],
  [8, 2 ** 31, "capacity", "a power of two up to 67108864, received 2147483648"],
  [8, 2 ** 27, "capacity", "a power of two up to 67108864, received 134217728"],
  [8, 2 ** 26, "byte length", "it must take at most 4 GiB, received"],
  [8, 16, "byte length", "byte length must be 3392, received 1856"],
  [12, 2 ** 24 + 1, "payload capacity", "at most 16777216, received 16777217"],
  [12, 0xffffffff, "payload capacity", "at most 16777216, received 4294967295"],
  [12, 33, "slot stride", "slot stride must be 128, received 64"],
  [16, 0, "slot stride", "slot stride must be 64, received 0"],
  [16, 128, "slot stride", "slot stride must be 64, received 128"],
  [20, 2, "topology", "topology must be 0 or 1, received 2"],
  [20, 1, "lanes", "lanes must be 1, received 3"],
  [24, 0, "nodes", "nodes must be from 1 to 2048, received 0"],
  [24, 2049, "nodes", "nodes must be from 1 to 2048, received 2049"],
  [24, 2, "lanes", "lanes must be 2, received 3"],
  [28, 0, "lanes", "lanes must be 3, received 0"],
  [28, 4, "lanes", "lanes must be 3, received 4"],
  [32, 1855, "byte length", "byte length must be 1856, received 1855"],
  [36, 1, "byte length", "byte length must be 0, received 1"],
  ...[40, 44, 48, 52, 56, 60].map((at) =>
    [at, 7, "reserved word", "reserved word must be 0, received 7"] as const
  ),
];

test("attachStorage() refuses a header at the first field that is wrong, naming both values", () => {
  const spec = { capacity: 8, payloadCapacity: 32, nodes: 3 };
  for (const [, make] of STORAGES) {
    const { buffer } = make(spec);
    const view = new DataView(buffer);
    for (const [at, value, field, says] of WRONG) {
      const before = view.getUint32(at, true);
      view.setUint32(at, value, true);
      for (const wanted of [undefined, spec]) {
        const error = assertThrows(() => attachStorage(buffer, wanted), RingFormatError);
        assert(error.message.startsWith("Cannot attach to a ring: "), error.message);
        assert(error.message.includes(says), `${error.message} does not say ${says}`);
        assertEquals([error.name, error.field], ["RingFormatError", field]);
      }
      view.setUint32(at, before, true);
    }
    assertEquals(attachStorage(buffer, spec).geometry, ringGeometry(spec));
  }
});

test("attachStorage() refuses another ring than was asked for, naming both values", () => {
  const spec = { capacity: 8, payloadCapacity: 32, nodes: 3, topology: "per-node" } as const;
  const wanted: readonly (readonly [Partial<RingSpec>, string])[] = [
    [{ capacity: 4 }, "capacity must be 4, received 8"],
    [{ capacity: 16 }, "capacity must be 16, received 8"],
    [{ payloadCapacity: 31 }, "payloadCapacity must be 31, received 32"],
    [{ payloadCapacity: 33 }, "payloadCapacity must be 33, received 32"],
    [{ topology: "shared" }, 'topology must be "shared", received "per-node"'],
    [{ nodes: 4 }, "nodes must be 4, received 3"],
    [{ nodes: undefined }, "nodes must be 1, received 3"],
  ];
  const { buffer } = memoryStorage(spec);
  for (const [other, says] of wanted) {
    const error = assertThrows(
      () => attachStorage(buffer, { ...spec, ...other }),
      RingFormatError,
    );
    assertEquals(error.message, `Cannot attach to a ring: ${says}`);
    assertEquals(error.field, Object.keys(other)[0]!);
  }
  assertThrows(() => attachStorage(buffer, { ...spec, capacity: 3 }), RangeError, "power of two");
});

test("RingFormatError keeps the cause of a size that no ring can have", () => {
  const { buffer } = memoryStorage({ capacity: 1, payloadCapacity: 0 });
  new DataView(buffer).setUint32(8, 2 ** 26, true);
  const error = assertThrows(() => attachStorage(buffer), RingFormatError);
  assertEquals(error.cause instanceof RangeError, true);
});
