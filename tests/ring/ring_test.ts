import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  attachStorage,
  formatFrameId,
  frameId,
  FrameTooLargeError,
  memoryStorage,
  Ring,
  RingCursor,
  RingLaneError,
  type RingOptions,
  type RingPublishOptions,
  type RingStorage,
  sharedStorage,
} from "../../ring/mod.ts";
import { BELL_WANTED, VERSION_SEQUENCE_64 } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { everywhere, interleave } from "./_interleave.ts";
import {
  assertExact,
  bytes,
  Memory,
  numberOf,
  numbersOf,
  payloadOf,
  pollByLaw,
  publishNext,
  STORAGES,
  TOPOLOGIES,
} from "./_ring.ts";

/** A ring of each topology over each storage. */
function* rings(
  spec: { capacity: number; payloadCapacity?: number; nodes?: number },
  options?: RingOptions,
): Generator<Ring> {
  for (const [, make] of STORAGES) {
    for (const topology of TOPOLOGIES) {
      using ring = new Ring(make({ payloadCapacity: 8, ...spec, topology }), options);
      yield ring;
    }
  }
}

test("Ring.read() gives the frame that publish() named", () => {
  for (const ring of rings({ capacity: 4 })) {
    const ids = [1, 2, 3].map((value) => ring.publish(bytes(value), { kind: value, version: 10 }));
    assertEquals(ids, [0n, 1n, 2n]);
    for (const [index, id] of ids.entries()) {
      const { payload, kind, version } = ring.read(id)!;
      assertEquals([payload, kind, version], [bytes(index + 1), index + 1, 10]);
    }
  }
});

test("Ring.read() finds nothing that was not published, or by another node", () => {
  for (const ring of rings({ capacity: 4, nodes: 3 })) {
    ring.publish(bytes(1));
    assertEquals(ring.read(frameId(0, 1)), undefined);
    assertEquals(ring.read(frameId(0, 2 ** 31)), undefined);
    assertEquals(ring.read(frameId(0, 2 ** 32)), undefined);
    assertEquals(ring.read(frameId(0, 2 ** 53 - 1)), undefined);
    assertEquals(ring.read(frameId(1, 0)), undefined);
    assertEquals(ring.read(frameId(2, 0)), undefined);
    assertEquals(ring.read(frameId(3, 0)), undefined);
    assertEquals(ring.read(frameId(2047, 0)), undefined);
  }
});

test("Ring.publish() takes the place of the oldest frame, whose id then names nothing", () => {
  for (const ring of rings({ capacity: 4 })) {
    const ids = [1, 2, 3, 4, 5, 6].map((value) => ring.publish(bytes(value)));
    assertEquals(ids.map((id) => numberOf(ring.read(id))), [undefined, undefined, 3, 4, 5, 6]);
  }
});

test("A ring of one frame has the newest", () => {
  for (const ring of rings({ capacity: 1 })) {
    const cursor = RingCursor.fromStart(ring);
    assertEquals(ring.latest(), undefined);
    for (const value of [1, 2, 3]) {
      const id = ring.publish(bytes(value));
      assertEquals([numberOf(ring.latest()), numberOf(ring.read(id))], [value, value]);
      assertEquals(ring.read(id - 1n < 0n ? 5n : id - 1n), undefined);
    }
    const { frames, lost } = pollByLaw(ring, cursor);
    assertEquals([numbersOf(frames), lost], [[3], { overwritten: 2, unavailable: 0 }]);
    ring.publishBatch([bytes(4)]);
    assertEquals(numbersOf(pollByLaw(ring, cursor).frames), [4]);
  }
});

test("Ring.head counts what was published, and the lanes have theirs", () => {
  for (const [, make] of STORAGES) {
    using storage = make({ capacity: 2, payloadCapacity: 8, nodes: 3 });
    using one = new Ring(storage);
    using two = new Ring(storage);
    assertEquals([one.head, one.node], [0, undefined]);
    for (let count = 0; count < 5; count++) one.publish(bytes(count));
    for (let count = 0; count < 3; count++) two.publish(bytes(count));
    assertEquals([one.head, two.head, one.node, two.node], [8, 8, 0, 1]);
    assertEquals([0, 1, 2].map((node) => one.lane(node).head), [5, 3, 0]);
  }
});

test("Ring.latest() reads the newest frame of a lane", () => {
  using storage = memoryStorage({ capacity: 2, payloadCapacity: 8, nodes: 2 });
  using one = new Ring(storage, { node: 0 });
  using two = new Ring(storage, { node: 1 });
  assertEquals(one.latest(), undefined);
  for (const value of [1, 2, 3]) {
    one.publish(bytes(value));
    two.publish(bytes(10 * value));
    assertEquals([one.latest(), one.latest(0), one.latest(1)].map(numberOf), [
      value,
      value,
      10 * value,
    ]);
  }
  one.reset();
  assertEquals([one.latest(0), one.latest(1)], [undefined, undefined]);
  two.publish(bytes(40));
  assertEquals([numberOf(one.latest(0)), numberOf(one.latest(1))], [undefined, 40]);
});

test("Two rings over one storage share everything", () => {
  for (const [, make] of STORAGES) {
    for (const topology of TOPOLOGIES) {
      using storage = make({ capacity: 4, payloadCapacity: 8, topology, nodes: 2 });
      using one = new Ring(storage, { node: 0 });
      using two = new Ring(attachStorage(storage.buffer), { node: 1 });
      const [first, second] = [one.publish(bytes(1)), two.publish(bytes(2))];
      assertEquals([numberOf(two.read(first)), numberOf(one.read(second))], [1, 2]);
      assertEquals(second, topology === "shared" ? 1n : frameId(1, 0));
      assertEquals([one.read(second)?.node, two.read(first)?.node], [1, 0]);
    }
  }
});

test("Ring.publish() refuses a payload that is too long, and publishes nothing", () => {
  for (const ring of rings({ capacity: 4, payloadCapacity: 8 })) {
    const before = ring.stats();
    const error = assertThrows(() => ring.publish(new Uint8Array(9)), FrameTooLargeError);
    assertEquals(
      error.message,
      "Cannot publish to Ring: payload must have at most 8 bytes, received 9",
    );
    assertEquals([error.name, error.byteLength, error.payloadCapacity], [
      "FrameTooLargeError",
      9,
      8,
    ]);
    assertThrows(() => ring.publishBatch([bytes(1), new Uint8Array(99)]), FrameTooLargeError, "99");
    assertEquals(ring.stats(), before);
    ring.publish(new Uint8Array(8));
    assertEquals(ring.latest()?.byteLength, 8);
  }
});

test("A ring without payloads takes empty frames only", () => {
  for (const ring of rings({ capacity: 4, payloadCapacity: 0 })) {
    ring.publish(new Uint8Array(0), { kind: 3 });
    ring.publishBatch([bytes(), bytes()]);
    assertThrows(() => ring.publish(bytes(1)), FrameTooLargeError, "at most 0 bytes, received 1");
    const { frames } = ring.poll(RingCursor.fromStart(ring));
    assertEquals(frames.map(({ kind, byteLength }) => [kind, byteLength]), [[3, 0], [0, 0], [
      0,
      0,
    ]]);
  }
});

test("Ring.publish() copies the bytes that are seen through the array, from any buffer", () => {
  for (const ring of rings({ capacity: 4 })) {
    const whole = Uint8Array.from({ length: 100 }, (_, index) => index);
    ring.publish(whole.subarray(13, 18));
    whole.fill(0);
    assertEquals(ring.latest()?.payload, bytes(13, 14, 15, 16, 17));
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set([7, 8, 9]);
    ring.publish(shared);
    assertEquals(ring.latest()?.payload, bytes(7, 8, 9));
    // What a ring gives can be published again.
    ring.publish(ring.latest()!.payload);
    assertEquals(ring.latest()?.payload, bytes(7, 8, 9));
  }
});

test("Ring.publishBatch() gives its frames counters in a row, and moves the head once", () => {
  for (const ring of rings({ capacity: 8, nodes: 2 })) {
    ring.publish(bytes(0));
    const options = { kind: 5, version: 6 };
    const first = ring.publishBatch([bytes(1), bytes(2), bytes(3)], options);
    assertEquals(first, 1n);
    assertEquals(ring.head, 4);
    const frames = [1n, 2n, 3n].map((id) => ring.read(id)!);
    assertEquals(frames.map(({ counter }) => counter), [1, 2, 3]);
    assertEquals(numbersOf(frames), [1, 2, 3]);
    assertEquals(frames.map(({ kind, version }) => [kind, version]), [[5, 6], [5, 6], [5, 6]]);
  }
});

test("Readers of a lane see all of a batch, or nothing of it", () => {
  using storage = memoryStorage({ capacity: 8, payloadCapacity: 8 });
  const places = everywhere((at) => {
    using ring = new Ring(storage, { node: 0 });
    using reader = new Ring(storage);
    const cursor = RingCursor.atHead(reader);
    let seen = -1;
    const batch = [bytes(1), bytes(2), bytes(3)];
    const { reached } = interleave(() => ring.publishBatch(batch), at, () => {
      seen = reader.poll(cursor).frames.length;
    });
    if (!reached) return false;
    assert(seen === 0 || seen === 3, `${seen} at ${at}`);
    return true;
  });
  assert(places > 3);
});

test("Ring.publishBatch() takes as many frames as the ring keeps, and no more", () => {
  for (const ring of rings({ capacity: 4 })) {
    const payloads = [1, 2, 3, 4].map((value) => bytes(value));
    assertEquals(ring.publishBatch(payloads), 0n);
    const before = ring.stats();
    assertThrows(
      () => ring.publishBatch([...payloads, bytes(5)]),
      RangeError,
      "Cannot publish to Ring: a batch must have at most 4 frames, received 5",
    );
    assertEquals(ring.stats(), before);
    assertEquals(ring.publishBatch(payloads), 4n);
    assertEquals(numbersOf(ring.poll(RingCursor.fromStart(ring)).frames), [1, 2, 3, 4]);
  }
});

test("Ring.publishBatch() of nothing publishes nothing", () => {
  for (const ring of rings({ capacity: 4 })) {
    assertEquals(ring.publishBatch([]), undefined);
    assertEquals(ring.head, 0);
    ring.publish(bytes(1));
    assertEquals(ring.publishBatch([]), undefined);
    assertEquals(ring.head, 1);
  }
});

/** Options of a publish that are refused, and how. */
const BAD_OPTIONS: readonly (readonly [RingPublishOptions, string])[] = [
  ...[-1, 256, 1.5, NaN, Infinity, "1", {}].map((kind) =>
    [{ kind: kind as number }, "kind must be an integer from 0 to 255"] as const
  ),
  ...[-1, 1.5, NaN, Infinity, 2 ** 53, "1", 1n, {}].map((version) =>
    [
      { version: version as number },
      "version must be an integer from 0 to 9007199254740991",
    ] as const
  ),
];

test("Ring.publish() and publishBatch() refuse bad arguments, and change nothing", () => {
  for (const ring of rings({ capacity: 4, nodes: 2 })) {
    const before = ring.stats();
    for (const [options, requirement] of BAD_OPTIONS) {
      for (
        const call of [
          () => ring.publish(bytes(1), options),
          () => ring.publishBatch([bytes(1)], options),
        ]
      ) {
        const error = assertThrows(call, RangeError);
        assertMatch(error.message, /^Cannot publish to Ring: .*, received \S/);
        assert(error.message.includes(requirement), error.message);
      }
    }
    const noPayloads = [
      null,
      undefined,
      "text",
      5,
      [1, 2],
      {},
      new ArrayBuffer(4),
      new Int8Array(4),
    ];
    for (
      const payload of [...noPayloads, new Uint8ClampedArray(1), new DataView(new ArrayBuffer(1))]
    ) {
      for (
        const call of [
          () => ring.publish(payload as Uint8Array),
          () => ring.publishBatch([bytes(1), payload as Uint8Array]),
        ]
      ) {
        assertThrows(
          call,
          TypeError,
          "Cannot publish to Ring: payload must be a Uint8Array, received",
        );
      }
    }
    assertEquals(ring.stats(), before);
    assertEquals(ring.node, undefined);
    assertEquals(before.lanes[0]?.hasWriter, false);
  }
});

test("Ring.publishBatch() refuses what is no list, and changes nothing", () => {
  for (const ring of rings({ capacity: 4 })) {
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    const before = ring.stats();
    for (const payloads of [new Set([bytes(9)]), [bytes(9)].values(), { length: 1 }, 5, {}]) {
      // A set, or an iterator, has no length to move a head by.
      assertThrows(() => ring.publishBatch(payloads as unknown as Uint8Array[]), TypeError);
      assertEquals(ring.stats(), before);
    }
    for (const payloads of [null, undefined]) {
      assertThrows(() => ring.publishBatch(payloads as unknown as Uint8Array[]), TypeError);
    }
    assertEquals(ring.stats(), before);
  }
});

test("Ring.publish() takes the first lane that is free, and gives it back when it is closed", () => {
  for (const [, make] of STORAGES) {
    using storage = make({ capacity: 2, payloadCapacity: 8, nodes: 3 });
    const all = [0, 1, 2].map(() => new Ring(storage));
    for (const ring of all) ring.publish(bytes(1));
    assertEquals(all.map(({ node }) => node), [0, 1, 2]);
    using late = new Ring(storage);
    const error = assertThrows(() => late.publish(bytes(1)), RingLaneError);
    assertEquals(error.message, "Cannot publish to Ring: all of its 3 lanes have writers already");
    assertEquals([error.name, error.node, late.node, late.head], [
      "RingLaneError",
      undefined,
      undefined,
      3,
    ]);
    all[1]!.close();
    assertEquals(late.stats().lanes.map(({ hasWriter }) => hasWriter), [true, false, true]);
    assertEquals(late.publish(bytes(2)), frameId(1, 1));
    assertEquals(late.node, 1);
    // It is another's now.
    all[1]!.close();
    assertEquals(late.lane(1).hasWriter, true);
  }
});

test("Ring.publish() refuses the lane of another writer, unless that is known to be gone", () => {
  for (const [, make] of STORAGES) {
    using storage = make({ capacity: 4, payloadCapacity: 8, nodes: 3 });
    const gone = new Ring(storage, { node: 1 });
    gone.publish(bytes(1));
    using refused = new Ring(storage, { node: 1 });
    for (const call of [() => refused.publish(bytes(9)), () => refused.publishBatch([bytes(9)])]) {
      const error = assertThrows(call, RingLaneError);
      assertEquals(error.message, "Cannot publish to Ring: node 1 has a writer already");
      assertEquals(error.node, 1);
    }
    assertEquals(refused.head, 1);
    using next = new Ring(storage, { node: 1, takeOver: true });
    assertEquals(next.publish(bytes(2)), frameId(1, 1));
    // It gives nothing back that is another's.
    gone.close();
    assertEquals(next.lane(1).hasWriter, true);
    assertEquals(numbersOf(next.poll(RingCursor.fromStart(next)).frames), [1, 2]);
  }
});

test("The writers of a shared ring need no lane", () => {
  using storage = memoryStorage({ capacity: 8, payloadCapacity: 8, nodes: 2, topology: "shared" });
  const all = [undefined, 0, 1, 1].map((node) => new Ring(storage, { node }));
  const ids = all.map((ring) => ring.publish(bytes(1)));
  assertEquals(ids, [0n, 1n, 2n, 3n]);
  assertEquals(ids.map((id) => all[0]!.read(id)?.node), [0, 0, 1, 1]);
  assertEquals(all[0]!.lane().hasWriter, false);
  assertEquals(all[0]!.lane().process, undefined);
  for (const ring of all) ring.close();
});

test("Ring.lane() says which process took it", () => {
  using storage = memoryStorage({ capacity: 8, payloadCapacity: 8, nodes: 2 });
  using ring = new Ring(storage);
  assertEquals(ring.lane(0).process, undefined);
  ring.publish(bytes(1));
  const { process } = globalThis as unknown as { process: { pid: number } };
  assertEquals([ring.lane(0).process, ring.lane(1).process], [process.pid, undefined]);
});

test("Ring.stats() says what is known of the ring", () => {
  using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 2 });
  using ring = new Ring(storage, { node: 1 });
  for (let count = 0; count < 6; count++) ring.publish(bytes(count));
  ring.nextVersion();
  const { lanes, ...rest } = ring.stats();
  assertEquals(rest, {
    topology: "per-node",
    capacity: 4,
    payloadCapacity: 8,
    nodes: 2,
    byteLength: 128 + 2 * 64 + 8 * 64,
    head: 6,
    lastVersion: 1,
  });
  const { process: _, ...lane } = lanes[1]!;
  assertEquals(lane, { head: 6, base: 0, retainedFrom: 2, hasWriter: true, lapped: 0 });
  ring.reset();
  assertEquals([ring.lane(1).base, ring.lane(1).retainedFrom, ring.lane(1).head], [6, 6, 6]);
  ring.publish(bytes(1));
  assertEquals([ring.lane(1).base, ring.lane(1).retainedFrom, ring.lane(1).head], [6, 6, 7]);
  assertEquals(ring.geometry, storage.geometry);
});

test("Ring.nextVersion() is one sequence for all who share the ring", () => {
  for (const [, make] of STORAGES) {
    using storage = make({ capacity: 4, payloadCapacity: 8, nodes: 2 });
    using one = new Ring(storage, { node: 0 });
    using two = new Ring(attachStorage(storage.buffer), { node: 1 });
    assertEquals(one.stats().lastVersion, 0);
    assertEquals([one.nextVersion(), two.nextVersion(), one.nextVersion()], [1, 2, 3]);
    one.reset();
    assertEquals([two.nextVersion(), one.stats().lastVersion], [4, 4]);
    new BigInt64Array(storage.buffer)[VERSION_SEQUENCE_64] = 2n ** 40n - 1n;
    assertEquals([one.nextVersion(), two.nextVersion()], [2 ** 40, 2 ** 40 + 1]);
  }
});

test("Ring.reset() empties the ring for all, and counters go on", () => {
  for (const ring of rings({ capacity: 4, nodes: 1 })) {
    const cursors = [RingCursor.fromStart(ring), RingCursor.at(ring, 2), RingCursor.atHead(ring)];
    const ids = [1, 2, 3].map((value) => ring.publish(bytes(value)));
    ring.reset();
    assertEquals(ids.map((id) => ring.read(id)), [undefined, undefined, undefined]);
    assertEquals([ring.latest(), ring.head, ring.lane().base], [undefined, 3, 3]);
    assertEquals(ring.publish(bytes(4)), 3n);
    const losses = cursors.map((cursor) => {
      const { frames, lost } = pollByLaw(ring, cursor);
      assertEquals(numbersOf(frames), [4]);
      assertEquals(lost.unavailable, 0);
      return lost.overwritten;
    });
    assertEquals(losses, [3, 1, 3]);
    // Who begins now does not even know of it.
    const { frames, lost } = pollByLaw(ring, RingCursor.fromStart(ring));
    assertEquals([numbersOf(frames), lost.overwritten], [[4], 0]);
    ring.reset();
    ring.reset();
    assertEquals(pollByLaw(ring, cursors[0]!).frames, []);
    assertEquals(ring.latest(), undefined);
  }
});

test("Ring.reset() needs no lane, and empties the lanes of others", () => {
  using storage = sharedStorage({ capacity: 4, payloadCapacity: 8, nodes: 3 });
  using one = new Ring(storage);
  using two = new Ring(storage);
  using reader = new Ring(storage);
  one.publish(bytes(1));
  two.publish(bytes(2));
  reader.reset();
  assertEquals(reader.node, undefined);
  assertEquals(pollByLaw(reader, RingCursor.at(reader, [0, 0, 0])).lost.overwritten, 2);
  two.publish(bytes(3));
  assertEquals(numbersOf(reader.poll(RingCursor.fromStart(reader)).frames), [3]);
});

test("Of two resets at the same time the later one counts", () => {
  for (const topology of TOPOLOGIES) {
    everywhere((at) => {
      using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, topology });
      using ring = new Ring(storage);
      using other = new Ring(storage);
      for (const value of [1, 2]) ring.publish(bytes(value));
      const { reached } = interleave(() => other.reset(), at, () => {
        for (const value of [3, 4]) ring.publish(bytes(value));
        ring.reset();
      });
      if (!reached) return false;
      const { frames, lost } = pollByLaw(ring, RingCursor.fromStart(ring));
      assertEquals([frames.length, lost], [0, { overwritten: 0, unavailable: 0 }], `at ${at}`);
      assertEquals(ring.lane().base, 4);
      return true;
    });
  }
});

test("Counters go on past 2^32, and past 2^40", () => {
  for (const firstCounter of [2 ** 31 - 3, 2 ** 32 - 5, 2 ** 40 - 2, 2 ** 52]) {
    for (const topology of TOPOLOGIES) {
      for (const [, make] of STORAGES) {
        using storage = make({ capacity: 4, payloadCapacity: 40, topology, firstCounter });
        using ring = new Ring(storage);
        const cursor = RingCursor.fromStart(ring);
        for (let count = 0; count < 12; count++) {
          const id = publishNext(ring);
          assertEquals(formatFrameId(id), `0:${firstCounter + count}`);
          assertExact(ring, ring.read(id)!);
          assertExact(ring, ring.latest()!);
          assertEquals(ring.head, firstCounter + count + 1);
          if (count % 3 === 2) {
            const { frames, from } = pollByLaw(ring, cursor);
            assertEquals([frames.length, from], [3, firstCounter + count - 2]);
            for (const frame of frames) assertExact(ring, frame);
          }
        }
        assertEquals(ring.read(frameId(0, firstCounter + 7)), undefined);
        assertEquals(ring.read(frameId(0, firstCounter + 8))?.counter, firstCounter + 8);
      }
    }
  }
});

test("Ring.publish() ends where numbers end, and the head stays there", () => {
  const last = Number.MAX_SAFE_INTEGER;
  for (const topology of TOPOLOGIES) {
    using storage = memoryStorage({ capacity: 4, payloadCapacity: 40, topology });
    const memory = new Memory(storage);
    memory.setClaimed(last - 3);
    memory.setHead(last - 3);
    using ring = new Ring(storage);
    ring.publishBatch([payloadOf(ring, 0, last - 3), payloadOf(ring, 0, last - 2)]);
    const says = "Cannot publish to Ring: its counters end at 9007199254740991";
    assertThrows(() => ring.publishBatch([bytes(1), bytes(2)]), RangeError, says);
    assertEquals(ring.head, last - 1);
    publishNext(ring);
    for (let count = 0; count < 3; count++) {
      assertThrows(() => ring.publish(bytes(1)), RangeError, says);
      assertEquals(ring.head, last);
    }
    const { frames, lost } = pollByLaw(ring, RingCursor.at(ring, last - 3));
    assertEquals([frames.length, lost], [3, { overwritten: 0, unavailable: 0 }]);
    for (const frame of frames) assertExact(ring, frame);
  }
});

test("A ring of more than 2 GiB keeps the frames of its last lane", () => {
  let storage: RingStorage;
  try {
    storage = memoryStorage({ capacity: 1, payloadCapacity: 2 ** 24, nodes: 129 });
  } catch (error) {
    // The memory is never touched, but not every machine promises as much.
    if (error instanceof RangeError) return;
    throw error;
  }
  using ring = new Ring(storage, { node: 128 });
  for (const size of [3, 1_000]) {
    const payload = new Uint8Array(size).fill(7);
    const id = ring.publish(payload);
    assertEquals(ring.read(id)?.payload, payload);
  }
});

/** Options that a ring of three nodes refuses. */
const BAD_RINGS: readonly (readonly [unknown, string])[] = [
  ...[-1, 3, 1.5, NaN, Infinity, "1", null, 1n].map((node) =>
    [{ node }, "node must be an integer from 0 to 2"] as const
  ),
  ...[-1, NaN, -Infinity, "100", null, 100n].map((stallMs) =>
    [{ stallMs }, "stallMs must be a number from 0"] as const
  ),
];

test("Ring refuses options out of their range, and takes no lane", () => {
  for (const topology of TOPOLOGIES) {
    using storage = memoryStorage({ capacity: 4, payloadCapacity: 8, nodes: 3, topology });
    for (const [options, requirement] of BAD_RINGS) {
      const error = assertThrows(() => new Ring(storage, options as RingOptions), RangeError);
      assertMatch(error.message, /^Cannot create Ring: .*, received \S/);
      assert(error.message.includes(requirement), error.message);
    }
    using ring = new Ring(storage, { node: undefined, stallMs: undefined, now: undefined });
    assertEquals(ring.stats().lanes.every(({ hasWriter }) => !hasWriter), true);
  }
});

test("Ring.lane() and latest() refuse a node that the ring does not have", () => {
  for (const ring of rings({ capacity: 2, nodes: 2 })) {
    const { lanes } = ring.geometry;
    for (const node of [-1, lanes, 1.5, NaN, 2047]) {
      const says = `Cannot read Ring: node must be an integer from 0 to ${
        lanes - 1
      }, received ${node}`;
      assertThrows(() => ring.lane(node), RangeError, says);
      assertThrows(() => ring.latest(node), RangeError, says);
    }
  }
});

test("Ring.read() refuses what is no id", () => {
  for (const ring of rings({ capacity: 2 })) {
    for (const id of [-1n, 2n ** 64n, 5, null, undefined]) {
      assertThrows(() => ring.read(id as bigint), RangeError, "Cannot read an id: ");
    }
  }
});

test("A closed ring refuses everything, and says that it is closed", () => {
  for (const ring of rings({ capacity: 2 })) {
    const cursor = RingCursor.atHead(ring);
    ring.publish(bytes(1));
    ring.close();
    const calls: readonly (readonly [string, () => unknown])[] = [
      ["publish to", () => ring.publish(bytes(1))],
      ["publish to", () => ring.publishBatch([bytes(1)])],
      ["publish to", () => ring.publishBatch([])],
      ["read", () => ring.read(0n)],
      ["read", () => ring.latest()],
      ["read", () => ring.lane()],
      ["read", () => ring.stats()],
      ["read", () => ring.head],
      ["read", () => ring.poll(cursor)],
      ["read", () => ring.visit(cursor, () => {})],
      ["read", () => ring.follow()],
      ["read", () => ring.follow({ from: cursor })],
      ["read", () => RingCursor.fromStart(ring)],
      ["read", () => RingCursor.atHead(ring)],
      ["reset", () => ring.reset()],
      ["count versions in", () => ring.nextVersion()],
    ];
    for (const [action, call] of calls) {
      assertEquals(assertThrows(call, TypeError).message, `Cannot ${action} Ring: ring is closed`);
    }
    assertEquals([ring.closed, cursor.position], [true, 0]);
    assertEquals(ring.geometry.capacity, 2);
  }
});

test("Ring.publish() rings no bell unless somebody waits", () => {
  using storage = memoryStorage({ capacity: 4, payloadCapacity: 8 });
  let rung = 0;
  using ring = new Ring(
    Object.create(storage, {
      buffer: { value: storage.buffer },
      geometry: { value: storage.geometry },
      readOnly: { value: false },
      closed: { value: false },
      lanes: { value: storage.lanes },
      bell: { value: { wake: () => rung++ } },
      onClose: { value: () => () => {} },
    }),
  );
  const { words } = new Memory(storage);
  ring.publish(bytes(1));
  ring.publishBatch([bytes(1)]);
  ring.reset();
  assertEquals([rung, words[BELL_WANTED]], [0, 0]);
  const calls = [() => ring.publish(bytes(1)), () => ring.publishBatch([bytes(1), bytes(2)])];
  for (const call of [...calls, () => ring.reset()]) {
    words[BELL_WANTED] = 1;
    call();
    call();
    assertEquals(words[BELL_WANTED], 0);
  }
  assertEquals(rung, 3);
});
