import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  attachStorage,
  Fleet,
  type FleetHome,
  type FleetJoinOptions,
  memoryStorage,
  Ring,
  RingFormatError,
  RingLaneError,
  type RingStorage,
  sharedStorage,
  textCodec,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import type { PeerBuffers } from "./_fleet_peer.ts";
import { bytes, numberOf } from "./_ring.ts";

/** Joins a fleet that is closed with the test. */
function join(name: string, options: Partial<FleetJoinOptions> = {}): Fleet {
  return Fleet.join(name, { capacity: 4, ...options });
}

test("Fleet.join() refuses a fleet for nobody, or for more than a ring has nodes", () => {
  for (const capacity of [0, -1, 1.5, NaN, 2049, "4" as unknown as number]) {
    const { message } = assertThrows(() => join("a", { capacity }), RangeError);
    const shown = JSON.stringify(capacity) === "null" ? "NaN" : JSON.stringify(capacity);
    assertEquals(
      message,
      `Cannot join Fleet: capacity must be an integer from 1 to 2048, received ${shown}`,
    );
  }
  using fleet = join("a", { capacity: 2048 });
  assertEquals(fleet.capacity, 2048);
});

test("Fleet.join() makes a member of a fleet of one", () => {
  using fleet = join("alone", { capacity: 1 });
  assertEquals([fleet.name, fleet.capacity, fleet.node, fleet.closed], ["alone", 1, 0, false]);
  assertEquals(fleet.members(), [0]);
});

test("Fleet.join() refuses a node outside the fleet", () => {
  for (const node of [4, -1, 0.5, NaN]) {
    const { message } = assertThrows(() => join("a", { node }), RangeError);
    assertEquals(
      message,
      `Cannot join Fleet: node must be an integer from 0 to 3, received ${node}`,
    );
  }
  using fleet = join("a", { node: 3 });
  assertEquals(fleet.node, 3);
});

test("Fleet.join() refuses names that would not do for files", () => {
  const names = ["", ".", "..", "a/b", "a b", "a\u0000", "é", "a".repeat(65), "a\n", "../a"];
  for (const name of [...names, undefined as unknown as string]) {
    const { message } = assertThrows(() => join(name), TypeError);
    assert(message.startsWith("Cannot join Fleet: a name must be 1 to 64 letters"), message);
    assert(message.endsWith(`, received ${JSON.stringify(name)}`), message);
  }
  for (const name of ["a", "...", ".a", "A-z_0.9", "a".repeat(64)]) {
    using fleet = join(name);
    assertEquals(fleet.name, name);
  }
});

test("Fleet.join() gives each live member a node of its own", () => {
  using first = join("nodes", { capacity: 3 });
  using third = join("nodes", { capacity: 3, node: 2 });
  using second = join("nodes", { capacity: 3 });
  assertEquals([first.node, second.node, third.node], [0, 1, 2]);
  assertEquals(second.members(), [0, 1, 2]);
  const error = assertThrows(() => join("nodes", { capacity: 3, node: 1 }), RingLaneError);
  assertEquals(
    [error.node, error.message],
    [1, 'Cannot join Fleet "nodes": node 1 has a live member already'],
  );
  const none = assertThrows(() => join("nodes", { capacity: 3 }), RingLaneError);
  assertEquals(
    [none.node, none.message],
    [undefined, 'Cannot join Fleet "nodes": all of its 3 nodes have a live member already'],
  );
});

test("Fleet.close() gives the node to whoever joins next", () => {
  using other = join("leave");
  const fleet = join("leave");
  fleet.close();
  fleet.close();
  assertEquals([fleet.closed, fleet.node, other.members()], [true, 1, [0]]);
  using next = join("leave");
  assertEquals([next.node, other.members()], [1, [0, 1]]);
});

test("Fleet.join() with takeOver takes the node of a member that is gone", () => {
  // Nothing says that it is gone.
  const gone = join("over", { node: 2 });
  assertThrows(() => join("over", { node: 2 }), RingLaneError);
  using fleet = join("over", { node: 2, takeOver: true });
  assertEquals([fleet.node, fleet.members()], [2, [2]]);
  gone.close();
  assertEquals(fleet.members(), [2]);
});

test("Fleet.join() refuses to take a fleet for another one", () => {
  using fleet = join("size");
  const error = assertThrows(() => join("size", { capacity: 8 }), RingFormatError);
  assertEquals(
    [error.field, error.message],
    ["nodes", 'Cannot open ring "members" of fleet "size": nodes must be 4, received 8'],
  );
  assertEquals(fleet.members(), [0]);
});

test("Fleet.join() forgets a fleet when its last member has left", () => {
  const first = join("forgotten");
  const second = join("forgotten");
  first.ring("x", { capacity: 2, payloadCapacity: 4 }).publish(bytes(1));
  first.close();
  assertEquals(second.ring("x", { capacity: 2, payloadCapacity: 4 }).head, 0);
  second.close();
  // With another capacity: nothing of it is left.
  using third = join("forgotten", { capacity: 8 });
  assertEquals([third.node, third.heartbeats().missing.length], [0, 7]);
});

test("Fleets of different names have nothing in common", () => {
  using one = join("one");
  using other = join("other");
  assertEquals([one.node, other.node], [0, 0]);
  one.events<number>().publish("a", 1);
  assertEquals(other.events<number>().ring.head, 0);
});

test("Fleet.ring() opens a ring that publishes as the member", () => {
  using one = join("rings");
  using other = join("rings");
  const spec = { capacity: 8, payloadCapacity: 16 };
  const ring = one.ring("x", spec);
  assertStrictEquals(one.ring("x", { ...spec, topology: "per-node" }), ring);
  assertNotStrictEquals(other.ring("x", spec), ring);
  const { geometry } = ring;
  assertEquals(
    [geometry.nodes, geometry.capacity, geometry.payloadCapacity, geometry.topology],
    [4, 8, 16, "per-node"],
  );
  other.ring("x", spec).publish(bytes(7));
  assertEquals([ring.latest(1)?.node, numberOf(ring.latest(1))], [1, 7]);
  const shared = other.ring("y", { ...spec, topology: "shared" });
  shared.publish(bytes(8));
  assertEquals(one.ring("y", { ...spec, topology: "shared" }).latest()?.node, 1);
});

test("Fleet.ring() refuses to take a ring for another one, opened here or elsewhere", () => {
  using one = join("specs");
  using other = join("specs");
  const spec = { capacity: 8, payloadCapacity: 16 };
  one.ring("x", spec);
  const wrong: readonly (readonly [object, string])[] = [
    [{ capacity: 16 }, "capacity must be 8, received 16"],
    [{ payloadCapacity: 17 }, "payloadCapacity must be 16, received 17"],
    [{ topology: "shared" }, 'topology must be "per-node", received "shared"'],
  ];
  for (const fleet of [one, other]) {
    for (const [change, text] of wrong) {
      const { message } = assertThrows(() => fleet.ring("x", { ...spec, ...change }), Error);
      assertEquals(message, `Cannot open ring "x" of fleet "specs": ${text}`);
    }
  }
  assertThrows(() => other.ring("y", { ...spec, capacity: 3 }), RangeError, "power of two");
  assertThrows(() => other.ring("a/b", spec), TypeError, 'received "a/b"');
  assertThrows(() => other.ring("members", spec), TypeError, 'received "members"');
  // What was refused is not kept.
  assertEquals(other.ring("y", spec).geometry.capacity, 8);
});

test("Fleet.ring() opens a ring again that somebody has closed", () => {
  using fleet = join("again");
  const spec = { capacity: 8, payloadCapacity: 16 };
  const ring = fleet.ring("x", spec);
  ring.publish(bytes(1));
  ring.close();
  const again = fleet.ring("x", spec);
  assertNotStrictEquals(again, ring);
  again.publish(bytes(2));
  assertEquals([numberOf(again.latest()), again.head], [2, 2]);
});

test("Fleet.ring() takes its lane from whoever was this node before", () => {
  const storages = new Map<string, RingStorage>();
  const home: FleetHome = (_, ring, spec) => {
    const storage = storages.get(ring) ?? sharedStorage(spec);
    storages.set(ring, storage);
    return storage;
  };
  const spec = { capacity: 8, payloadCapacity: 16 };
  using fleet = join("before", { home });
  // Somebody that did not give its lane back.
  using gone = new Ring(home("before", "x", { ...spec, nodes: 4 }), { node: 0 });
  gone.publish(bytes(1));
  fleet.ring("x", spec).publish(bytes(2));
  assertEquals(numberOf(fleet.ring("x", spec).latest()), 2);
});

test("Fleet.events() shares events with siblings", () => {
  using one = join("events");
  using other = join("events");
  const events = one.events<{ id: number }>();
  const { capacity, payloadCapacity } = events.ring.geometry;
  assertEquals([capacity, payloadCapacity], [1024, 512]);
  assertStrictEquals(events.ring, one.ring("events", { capacity: 1024, payloadCapacity: 512 }));
  const cursor = events.cursorAtHead();
  other.events<{ id: number }>().publish("a.b", { id: 1 });
  one.events<{ id: number }>().publish("a.c", { id: 2 });
  assertEquals(events.poll(cursor).events.map(({ topic, value, node }) => [topic, value, node]), [
    ["a.c", { id: 2 }, 0],
    ["a.b", { id: 1 }, 1],
  ]);
  const small = other.events("small", { capacity: 2, payloadCapacity: 8, codec: textCodec });
  small.publish("a", "text");
  assertEquals([small.ring.geometry.capacity, small.ring.geometry.payloadCapacity], [2, 8]);
});

test("Fleet.latest() shares the newest values with siblings", () => {
  let now = 0;
  using one = join("latest");
  using other = join("latest");
  const map = one.latest<number>("state", { now: () => now });
  const others = other.latest<number>("state", { now: () => now });
  assertEquals(map.ring.geometry.payloadCapacity, 512);
  others.set("key", 1);
  map.set("key", 2, { ttlMs: 5 });
  assertEquals([map.get("key"), others.get("key")], [2, 2]);
  now = 5;
  assertEquals([map.get("key"), others.get("key")], [undefined, undefined]);
  assertEquals(one.latest("small", { capacity: 2, payloadCapacity: 16, maxKeys: 1 }).size, 0);
});

test("Fleet.beat() keeps the latest heartbeat of each node", () => {
  using one = join("beats");
  using other = join("beats");
  one.beat(10);
  other.beat(15);
  one.beat(20);
  const { latest, nowMs } = other.heartbeats({ now: 25 });
  assertEquals([[...latest], nowMs], [[[0, 20], [1, 15]], 25]);
  // More than the ring has.
  for (let time = 30; time < 60; time++) one.beat(time);
  assertEquals(other.heartbeats().latest.get(0), 59);
});

test("Fleet.join() is a heartbeat, and so is beat() without a time", () => {
  const before = Date.now();
  using fleet = join("first");
  const joined = fleet.heartbeats().latest.get(0)!;
  fleet.beat();
  const beaten = fleet.heartbeats().latest.get(0)!;
  assert(before <= joined && joined <= beaten && beaten <= Date.now());
  assertEquals(fleet.heartbeats({ maxAgeMs: 60_000 }).alive, [0]);
});

test("Fleet.heartbeats() tells nodes that are alive, stale and missing apart", () => {
  using one = join("apart");
  using other = join("apart", { node: 2 });
  one.beat(1_000);
  other.beat(900);
  const told = (maxAgeMs: number, now: number): unknown => {
    const { alive, stale, missing } = one.heartbeats({ maxAgeMs, now });
    return [alive, stale, missing];
  };
  // Old enough to the millisecond is not too old.
  assertEquals(told(100, 1_000), [[0, 2], [], [1, 3]]);
  assertEquals(told(99, 1_000), [[0], [2], [1, 3]]);
  assertEquals(told(100, 1_101), [[], [0, 2], [1, 3]]);
  assertEquals(told(Infinity, 2 ** 50), [[0, 2], [], [1, 3]]);
  assertEquals(one.heartbeats({ now: 3_900 }).alive, [0, 2]);
  assertEquals(one.heartbeats({ now: 3_901 }).alive, [0]);
});

test("Fleet.heartbeats() takes a heartbeat of the future for one of now", () => {
  using fleet = join("future");
  fleet.beat(5_000);
  const { alive, stale } = fleet.heartbeats({ maxAgeMs: 0, now: 1_000 });
  assertEquals([alive, stale], [[0], []]);
});

test("Fleet.heartbeats() still knows who has left, and members() does not", () => {
  using one = join("left");
  const other = join("left");
  other.beat(1_000);
  other.close();
  assertEquals(one.heartbeats({ now: 1_000, maxAgeMs: 10 }).alive.includes(1), true);
  assertEquals(one.heartbeats({ now: 1_011, maxAgeMs: 10 }).stale, [1]);
  assertEquals(one.members(), [0]);
});

test("Fleet.beat() and heartbeats() refuse times that are none", () => {
  using fleet = join("times");
  for (const now of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => fleet.beat(now), RangeError, `received ${now}`);
  }
  for (const maxAgeMs of [-1, NaN, "1" as unknown as number]) {
    assertThrows(() => fleet.heartbeats({ maxAgeMs }), RangeError, "maxAgeMs");
  }
});

test("Fleet.newestByNode() finds the newest frame of each node", () => {
  using one = join("newest");
  using other = join("newest");
  for (const topology of ["per-node", "shared"] as const) {
    const spec = { capacity: 4, payloadCapacity: 8, topology };
    const [ring, others] = [one.ring(topology, spec), other.ring(topology, spec)];
    const found = (): unknown[] =>
      [...one.newestByNode(topology)].map(([node, frame]) => [node, numberOf(frame)]).sort();
    assertEquals(found(), []);
    ring.publish(bytes(1));
    others.publish(bytes(2));
    ring.publish(bytes(3));
    assertEquals(found(), [[0, 3], [1, 2]]);
    others.publish(bytes(4));
    assertEquals(found(), [[0, 3], [1, 4]]);
    assertEquals([...one.newestByNode(ring).keys()].sort(), [0, 1]);
    for (let count = 5; count < 9; count++) ring.publish(bytes(count));
    // Where all share a lane, a busy node takes the others' places.
    assertEquals(found(), topology === "shared" ? [[0, 8]] : [[0, 8], [1, 4]]);
  }
  assertThrows(() => one.newestByNode("nothing"), TypeError, 'received "nothing"');
  assertThrows(() => one.newestByNode("members"), TypeError, 'received "members"');
});

test("Fleet.close() closes what it has opened, and nothing of its siblings", () => {
  const one = join("closing");
  using other = join("closing");
  const events = one.events<number>();
  const others = other.events<number>();
  const cursor = others.cursorFromStart();
  events.publish("a", 1);
  one.close();
  assertEquals(events.ring.closed, true);
  assertEquals(others.poll(cursor).events.map(({ value }) => value), [1]);
  const uses: (() => unknown)[] = [
    () => one.ring("x", { capacity: 2, payloadCapacity: 4 }),
    () => one.events(),
    () => one.latest("x"),
    () => one.beat(),
    () => one.heartbeats(),
    () => one.members(),
    () => one.newestByNode("events"),
  ];
  for (const use of uses) assertThrows(use, TypeError, "Fleet: fleet is closed");
});

test("Fleet closes every storage that its home gave it, also where it could not join", () => {
  const given: { name: string; storage: RingStorage }[] = [];
  const memories = new Map<string, RingStorage>();
  const home: FleetHome = (fleet, ring, spec) => {
    const memory = memories.get(ring) ?? memoryStorage(spec);
    memories.set(ring, memory);
    const { buffer, geometry, lanes, bell } = memory;
    let closed = false;
    const callbacks = new Set<() => void>();
    const storage: RingStorage = {
      buffer,
      geometry,
      lanes,
      bell,
      readOnly: false,
      get closed() {
        return closed;
      },
      onClose(callback) {
        callbacks.add(callback);
        return () => callbacks.delete(callback);
      },
      close() {
        closed = true;
        for (const callback of [...callbacks]) callback();
      },
      [Symbol.dispose]() {
        this.close();
      },
    };
    given.push({ name: `${fleet}/${ring}`, storage });
    return storage;
  };
  {
    using fleet = join("given", { capacity: 1, home });
    fleet.ring("x", { capacity: 2, payloadCapacity: 4 }).close();
    fleet.ring("x", { capacity: 2, payloadCapacity: 4 });
    assertThrows(() => join("given", { capacity: 1, home }), RingLaneError);
    assertEquals(given.map(({ name }) => name), ["given/members", "given/x", "given/members"]);
    assertEquals(given.map(({ storage }) => storage.closed), [false, false, true]);
  }
  assertEquals(given.map(({ storage }) => storage.closed), [true, true, true]);
  using next = join("given", { capacity: 1, home });
  assertEquals(next.node, 0);
});

test("Fleet has members in workers, and the node of one that was terminated can be taken", async () => {
  const capacity = 2;
  const memory: Record<string, RingStorage> = {
    members: sharedStorage({ capacity: 8, payloadCapacity: 0, nodes: capacity }),
    events: sharedStorage({ capacity: 1024, payloadCapacity: 512, nodes: capacity }),
    state: sharedStorage({ capacity: 1024, payloadCapacity: 512, nodes: capacity }),
  };
  const home: FleetHome = (_, ring) => attachStorage(memory[ring]!.buffer);
  using fleet = Fleet.join("workers", { capacity, home });
  const events = fleet.events<string>();
  const state = fleet.latest<number>("state");
  const cursor = events.cursorAtHead();
  const worker = new Worker(new URL("./_fleet_peer.ts", import.meta.url), { type: "module" });
  try {
    assertEquals(await answerOf(worker), "ready");
    const buffers: PeerBuffers = Object.fromEntries(
      Object.entries(memory).map(([name, { buffer }]) => [name, buffer as SharedArrayBuffer]),
    );
    const joined = answerOf(worker);
    worker.postMessage(buffers);
    assertEquals(await joined, 1);
  } finally {
    worker.terminate();
  }
  assertEquals(fleet.members(), [0, 1]);
  assertEquals(fleet.heartbeats({ maxAgeMs: Infinity }).alive, [0, 1]);
  const { events: [event] } = events.poll(cursor);
  assertEquals([event?.topic, event?.value, event?.node], ["peer.joined", "node 1", 1]);
  assertEquals(state.get("node 1"), 1);
  // Nothing told the memory that it is gone.
  assertThrows(() => Fleet.join("workers", { capacity, home }), RingLaneError, "all of its 2");
  using next = Fleet.join("workers", { capacity, home, node: 1, takeOver: true });
  next.events<string>().publish("peer.joined", "again");
  assertEquals(events.poll(cursor).events.map(({ value, node }) => [value, node]), [["again", 1]]);
});

function answerOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent) => resolve(data);
    worker.onerror = (event) => reject(event);
  });
}
