import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  memoryStorage,
  type RingGeometry,
  ringGeometry,
  type RingSpec,
  sharedStorage,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";

test("ringGeometry() makes a lane for each node, and one where the ring is shared", () => {
  const spec = { capacity: 4, payloadCapacity: 16, nodes: 3 };
  assertEquals<RingGeometry>(ringGeometry(spec), {
    capacity: 4,
    payloadCapacity: 16,
    topology: "per-node",
    nodes: 3,
    lanes: 3,
    slotStride: 64,
    byteLength: 128 + 3 * 64 + 3 * 4 * 64,
  });
  assertEquals<RingGeometry>(ringGeometry({ ...spec, topology: "shared" }), {
    capacity: 4,
    payloadCapacity: 16,
    topology: "shared",
    nodes: 3,
    lanes: 1,
    slotStride: 64,
    byteLength: 128 + 64 + 4 * 64,
  });
});

test("ringGeometry() takes one node that writes its own lane where nothing else is said", () => {
  const { nodes, lanes, topology } = ringGeometry({ capacity: 1, payloadCapacity: 0 });
  assertEquals({ nodes, lanes, topology }, { nodes: 1, lanes: 1, topology: "per-node" });
  const none = { topology: undefined, nodes: undefined, firstCounter: undefined };
  assertEquals(
    ringGeometry({ capacity: 1, payloadCapacity: 0, ...none }),
    ringGeometry({ capacity: 1, payloadCapacity: 0 }),
  );
});

test("ringGeometry() rounds a slot up to whole cache lines", () => {
  const strides = [0, 1, 31, 32, 33, 96, 97, 2 ** 24].map((payloadCapacity) =>
    ringGeometry({ capacity: 1, payloadCapacity }).slotStride
  );
  assertEquals(strides, [64, 64, 64, 64, 128, 128, 192, 2 ** 24 + 64]);
});

test("ringGeometry() takes every number up to its limit", () => {
  assertEquals(ringGeometry({ capacity: 2 ** 25, payloadCapacity: 32 }).capacity, 2 ** 25);
  assertEquals(
    ringGeometry({ capacity: 1, payloadCapacity: 2 ** 24 }).payloadCapacity,
    2 ** 24,
  );
  assertEquals(ringGeometry({ capacity: 1, payloadCapacity: 0, nodes: 2048 }).lanes, 2048);
  ringGeometry({ capacity: 1, payloadCapacity: 0, firstCounter: 2 ** 52 });
});

const NOT_COUNTS = [0, -1, 1.5, NaN, Infinity, -Infinity];
const NOT_NUMBERS = ["4", null, true, 4n, {}, [4], () => 4];

/** What is refused: the field, a value of it, and what the message says of it. */
const REFUSALS: readonly (readonly [keyof RingSpec, unknown, string])[] = [
  ...[...NOT_COUNTS, ...NOT_NUMBERS, 2 ** 26 + 1, 2 ** 27].map((value) =>
    ["capacity", value, "an integer from 1 to 67108864 and be a power of two"] as const
  ),
  ...[3, 5, 6, 7, 12, 1000, 2 ** 25 - 1].map((value) =>
    ["capacity", value, "a power of two"] as const
  ),
  ...[-1, 1.5, NaN, Infinity, ...NOT_NUMBERS, 2 ** 24 + 1].map((value) =>
    ["payloadCapacity", value, "an integer from 0 to 16777216"] as const
  ),
  ...[...NOT_COUNTS, ...NOT_NUMBERS, 2049].map((value) =>
    ["nodes", value, "an integer from 1 to 2048"] as const
  ),
  ...[-1, 1.5, NaN, Infinity, ...NOT_NUMBERS, 2 ** 52 + 1].map((value) =>
    ["firstCounter", value, "an integer from 0 to 4503599627370496"] as const
  ),
  ...["Shared", "", "shared-ordered", null, 1, {}].map((value) =>
    ["topology", value, '"per-node" or "shared"'] as const
  ),
];

test("ringGeometry(), memoryStorage() and sharedStorage() refuse what no ring can be made of", () => {
  for (const [field, value, requirement] of REFUSALS) {
    const spec = { capacity: 4, payloadCapacity: 16, [field]: value } as RingSpec;
    for (const make of [ringGeometry, memoryStorage, sharedStorage]) {
      const error = assertThrows(() => make(spec), Error);
      const isRange = typeof value === "number" && field !== "topology";
      assertEquals(error.constructor, isRange ? RangeError : TypeError, `${field}: ${value}`);
      assertMatch(error.message, /^Cannot create Ring: .*, received \S.*[^.]$|received \S$/);
      assertEquals(error.message.includes(`${field} must be ${requirement}`), true, error.message);
    }
  }
});

test("ringGeometry() refuses first counters whose sum would not be exact", () => {
  for (
    const [nodes, most] of [[1, 2 ** 52], [2, 2 ** 51], [3, 1_501_199_875_790_165], [2048, 2 ** 41]]
  ) {
    const spec = { capacity: 1, payloadCapacity: 0, nodes: nodes! };
    ringGeometry({ ...spec, firstCounter: most! });
    ringGeometry({ ...spec, firstCounter: 2 ** 52, topology: "shared" });
    assertThrows(
      () => ringGeometry({ ...spec, firstCounter: most! + 1 }),
      RangeError,
      `Cannot create Ring: firstCounter must be an integer from 0 to ${most}, received ${
        most! + 1
      }`,
    );
  }
});

test("ringGeometry() names the value that it refuses", () => {
  const refusalOf = (capacity: unknown): string =>
    assertThrows(() => ringGeometry({ capacity: capacity as number, payloadCapacity: 1 }), Error)
      .message.replace(/^.*received /, "");
  assertEquals(refusalOf(6), "6");
  assertEquals(refusalOf("six"), '"six"');
  assertEquals(refusalOf(6n), "6n");
  assertEquals(refusalOf(undefined), "undefined");
  assertEquals(refusalOf(null), "null");
  assertEquals(refusalOf([6]), "object Array");
  assertEquals(refusalOf(function six() {}), "function six");
});

test("ringGeometry() refuses a ring of more than 4 GiB", () => {
  // As many bytes as 32 bits count, and the headers on top of that.
  const slots = { capacity: 2 ** 20, payloadCapacity: 4096 - 32 };
  for (
    const [spec, byteLength] of [
      [slots, 2 ** 32 + 192],
      [{ ...slots, nodes: 3 }, 3 * 2 ** 32 + 128 + 3 * 64],
      [{ capacity: 2 ** 26, payloadCapacity: 0 }, 2 ** 32 + 192],
      [{ capacity: 2 ** 25, payloadCapacity: 2 ** 24 }, 2 ** 25 * (2 ** 24 + 64) + 192],
    ] as const
  ) {
    assertThrows(
      () => ringGeometry(spec),
      RangeError,
      `Cannot create Ring: it must take at most 4 GiB, received ${byteLength}`,
    );
  }
  assertEquals(
    ringGeometry({ capacity: 2 ** 19, payloadCapacity: 4096 - 32, nodes: 1 }).byteLength,
    2 ** 31 + 192,
  );
});
