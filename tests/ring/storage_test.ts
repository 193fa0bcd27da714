import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  attachStorage,
  memoryStorage,
  Ring,
  RingCursor,
  type RingStorage,
  sharedStorage,
} from "../../ring/mod.ts";
import { BELL, OWNER } from "../../ring/layout.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { until } from "../tap/_wait.ts";
import { everywhere, interleave } from "./_interleave.ts";
import { bytes, Memory, numberOf, numbersOf, STORAGES } from "./_ring.ts";

const SPEC = { capacity: 4, payloadCapacity: 8, nodes: 3 };

test("memoryStorage() is for one thread, sharedStorage() for many", () => {
  using memory = memoryStorage(SPEC);
  using shared = sharedStorage(SPEC);
  assert(memory.buffer instanceof ArrayBuffer);
  assert(shared.buffer instanceof SharedArrayBuffer);
  for (const storage of [memory, shared]) {
    assertEquals(storage.buffer.byteLength, storage.geometry.byteLength);
    assertEquals([storage.readOnly, storage.closed], [false, false]);
  }
});

test("attachStorage() finds the ring that somebody else made", () => {
  for (const [, make] of STORAGES) {
    using storage = make(SPEC);
    using other = attachStorage(storage.buffer, SPEC);
    using third = attachStorage(storage.buffer);
    assertEquals([other.geometry, third.geometry], [storage.geometry, storage.geometry]);
    using one = new Ring(storage, { node: 0 });
    using two = new Ring(other, { node: 1 });
    const [first, second] = [one.publish(bytes(1)), two.publish(bytes(2))];
    assertEquals([numberOf(two.read(first)), numberOf(one.read(second))], [1, 2]);
    assertEquals([one.nextVersion(), two.nextVersion(), one.nextVersion()], [1, 2, 3]);
    assertEquals(one.stats(), two.stats());
  }
});

test("attachStorage() refuses what is no buffer", () => {
  for (
    const [value, type] of [
      [undefined, "undefined"],
      [null, "null"],
      [new Uint8Array(4096), "object"],
      [new DataView(new ArrayBuffer(4096)), "object"],
      ["bytes", "string"],
      [{ byteLength: 4096 }, "object"],
      [4096, "number"],
    ] as const
  ) {
    assertThrows(
      () => attachStorage(value as unknown as ArrayBuffer),
      TypeError,
      "Cannot attach to a ring: it must be an ArrayBuffer or a SharedArrayBuffer, received " + type,
    );
  }
});

test("Closing a storage closes its rings, once, and others on the same bytes go on", () => {
  for (const [, make] of STORAGES) {
    const storage = make(SPEC);
    const other = attachStorage(storage.buffer);
    const [one, two, theirs] = [new Ring(storage), new Ring(storage), new Ring(other)];
    one.publish(bytes(1));
    two.publish(bytes(2));
    let calls = 0;
    storage.onClose(() => calls++);
    const undo = storage.onClose(() => calls += 100);
    undo();
    storage.close();
    storage.close();
    storage[Symbol.dispose]();
    assertEquals(calls, 1);
    assertEquals([storage.closed, one.closed, two.closed], [true, true, true]);
    assertEquals([other.closed, theirs.closed], [false, false]);
    // Their lanes are free again.
    assertEquals(theirs.stats().lanes.map(({ hasWriter }) => hasWriter), [false, false, false]);
    assertEquals([theirs.publish(bytes(3)), theirs.node], [1n, 0]);
    assertThrows(() => new Ring(storage), TypeError, "Cannot create Ring: its storage is closed");
    theirs.close();
  }
});

test("Closing a ring leaves its storage open", () => {
  const storage = memoryStorage(SPEC);
  const ring = new Ring(storage);
  ring.publish(bytes(1));
  ring.close();
  ring.close();
  ring[Symbol.dispose]();
  assertEquals([ring.closed, storage.closed], [true, false]);
  using again = new Ring(storage);
  assertEquals(numbersOf(again.poll(RingCursor.fromStart(again)).frames), [1]);
});

test("A callback that throws when a storage is closed keeps no ring from being closed", () => {
  const storage = memoryStorage(SPEC);
  const before = new Ring(storage);
  storage.onClose(() => {
    throw new Error("refuses");
  });
  const after = new Ring(storage);
  try {
    storage.close();
  } catch {
    // Whether it comes out here is another matter.
  }
  assertEquals([storage.closed, before.closed, after.closed], [true, true, true]);
});

test("Lanes belong to one writer at a time, however they are asked for", () => {
  for (const [, make] of STORAGES) {
    using storage = make(SPEC);
    const { lanes } = storage;
    assert(lanes.claim(1, 7, false));
    assertEquals([lanes.claim(1, 8, false), lanes.claim(1, 7, false)], [false, false]);
    assertEquals([0, 1, 2].map((lane) => lanes.isClaimed(lane)), [false, true, false]);
    lanes.release(1, 8);
    assert(lanes.isClaimed(1));
    lanes.release(1, 7);
    assertEquals(lanes.isClaimed(1), false);
    assert(lanes.claim(1, 8, false));
    assert(lanes.claim(1, 9, true));
    lanes.release(1, 8);
    assert(lanes.isClaimed(1));
    const memory = new Memory(storage);
    assertEquals(memory.words[memory.laneWord(OWNER, 1)], 9);
  }
});

test("Of two who claim a lane at the same time one gets it", () => {
  for (const takeOver of [false, true]) {
    for (const had of [0, 5]) {
      if (had !== 0 && !takeOver) continue;
      const places = everywhere((at) => {
        using storage = memoryStorage(SPEC);
        if (had !== 0) storage.lanes.claim(1, had, false);
        let theirs = false;
        const { result: mine, reached } = interleave(
          () => storage.lanes.claim(1, 7, takeOver),
          at,
          () => theirs = storage.lanes.claim(1, 8, takeOver),
        );
        if (!reached) return false;
        const memory = new Memory(storage);
        const owner = memory.words[memory.laneWord(OWNER, 1)];
        // Who takes over may take over from the other, too.
        if (takeOver && at === 0) assertEquals([mine, theirs, owner], [true, true, 7]);
        else assertEquals([mine, theirs, owner], [false, true, 8]);
        return true;
      });
      assertEquals(places, 2);
    }
  }
});

test("A ring runs on a storage of another kind", () => {
  const inner = memoryStorage(SPEC);
  const log: string[] = [];
  const storage: RingStorage = {
    buffer: inner.buffer,
    geometry: inner.geometry,
    readOnly: false,
    bell: undefined,
    closed: false,
    lanes: {
      claim: (lane, owner, takeOver) => {
        log.push(`claim ${lane} ${takeOver}`);
        return inner.lanes.claim(lane, owner, takeOver);
      },
      release: (lane, owner) => {
        log.push(`release ${lane}`);
        inner.lanes.release(lane, owner);
      },
      isClaimed: (lane) => inner.lanes.isClaimed(lane),
    },
    onClose: () => () => {
      log.push("forget");
    },
    close() {},
    [Symbol.dispose]() {},
  };
  const ring = new Ring(storage, { node: 2, takeOver: true });
  ring.publish(bytes(1));
  ring.reset();
  ring.publish(bytes(2));
  assertEquals(numbersOf(ring.poll(RingCursor.fromStart(ring)).frames), [2]);
  ring.close();
  assertEquals(log, ["claim 2 true", "forget", "release 2"]);
});

test("A ring that can only be read is read, and refuses the rest", () => {
  for (const topology of ["per-node", "shared"] as const) {
    using inner = memoryStorage({ ...SPEC, topology });
    using writer = new Ring(inner, { node: 1 });
    for (const value of [1, 2, 3, 4, 5]) writer.publish(bytes(value));
    const before = new Uint8Array(inner.buffer).slice();
    const storage: RingStorage = Object.create(inner, {
      readOnly: { value: true },
      bell: { value: undefined },
      buffer: { value: inner.buffer },
      geometry: { value: inner.geometry },
      closed: { value: false },
      lanes: { value: inner.lanes },
      onClose: { value: () => () => {} },
    });
    using ring = new Ring(storage);
    for (
      const [action, refused] of [
        ["publish to", () => ring.publish(bytes(9))],
        ["publish to", () => ring.publishBatch([bytes(9)])],
        ["reset", () => ring.reset()],
        ["count versions in", () => ring.nextVersion()],
      ] as const
    ) {
      assertThrows(refused, TypeError, `Cannot ${action} Ring: its storage can only be read`);
    }
    const lane = topology === "shared" ? 0 : 1;
    const cursor = RingCursor.fromStart(ring, { node: lane });
    const { frames, lost } = ring.poll(cursor);
    assertEquals([numbersOf(frames), lost.overwritten], [[2, 3, 4, 5], 1]);
    assertEquals(numberOf(ring.latest(lane)), 5);
    assertEquals(numberOf(ring.read(frames[1]!.id)), 3);
    assertEquals(ring.stats(), writer.stats());
    assertEquals(new Uint8Array(inner.buffer), before);
  }
});

test("A bell calls who waits once, and never at once", async () => {
  for (const [name, make] of STORAGES) {
    using storage = make(SPEC);
    const bell = storage.bell!;
    const { words } = new Memory(storage);
    const called: string[] = [];
    // The word has changed already.
    bell.wait!(words[BELL]! + 1, 60_000, () => called.push("changed"));
    assertEquals(called, [], name);
    await until("the bell notices the change", () => called.length === 1);
    // Two wait, and it is rung.
    bell.wait!(words[BELL]!, 60_000, () => called.push("first"));
    bell.wait!(words[BELL]!, 60_000, () => called.push("second"));
    Atomics.add(words, BELL, 1);
    bell.wake();
    assertEquals(called.length, 1);
    await until("the bell wakes both", () => called.length === 3);
    assertEquals(called, ["changed", "first", "second"]);
    // Nobody rings, and then somebody does.
    bell.wait!(words[BELL]!, 1, () => called.push("time"));
    await until("the time is over", () => called.length === 4);
    Atomics.add(words, BELL, 1);
    bell.wake();
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(called.length, 4, `${name} calls again who has waited`);
  }
});

test("A wait for a bell that is taken back leaves no timer", async () => {
  for (const [, make] of STORAGES) {
    using storage = make(SPEC);
    using time = new FakeTime();
    for (const expected of [0, 1]) {
      const cancel = storage.bell!.wait!(expected, 60_000, () => {});
      await cancel();
      await settle();
      assertEquals(time.armed, 0);
    }
  }
});
