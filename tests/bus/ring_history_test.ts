import { assert, assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bus, type BusErrorContext, ringHistory } from "../../bus/mod.ts";
import { mappedStorage } from "../../ring/mapped.ts";
import {
  type Codec,
  EventRing,
  FrameTooLargeError,
  memoryStorage,
  Ring,
  type RingSpec,
  type RingStorage,
  sharedStorage,
  textCodec,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { linuxTest } from "../ring/_linux.ts";

interface Order {
  readonly topic: string;
  readonly id: number;
}

const SPEC = { capacity: 8, payloadCapacity: 128 };
const topic = (event: Order): string => event.topic;
const order = (id: number): Order => ({ topic: id % 2 === 0 ? "orders.paid" : "orders.new", id });
const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i + 1);

const STORAGES: Record<string, (spec: RingSpec) => RingStorage> = {
  "memoryStorage": memoryStorage,
  "sharedStorage": sharedStorage,
};

for (const [name, storage] of Object.entries(STORAGES)) {
  for (const topology of ["per-node", "shared"] as const) {
    test(`ringHistory() over ${name}, ${topology}: replays what the ring keeps`, async () => {
      using ring = new Ring(storage({ ...SPEC, topology }));
      const history = ringHistory(new EventRing<Order>(ring), { topic });
      const bus = new Bus<Order>({ history });
      assertEquals(bus.subscribe({ replay: 9 }).size, 0);
      for (let last = 1; last <= 30; last++) {
        bus.publish(order(last));
        const kept = upTo(last).slice(-SPEC.capacity);
        const all = bus.subscribe({ replay: Infinity });
        assertEquals((await all.receiveBatch(99)).map(({ id }) => id), kept);
        all.close();
        const paid = bus.subscribe({ match: { topic: "orders.paid" }, replay: 2 });
        const expected = kept.filter((id) => id % 2 === 0).slice(-2);
        assertEquals(paid.size, expected.length);
        if (last > 1) assertEquals((await paid.receiveBatch(99)).map(({ id }) => id), expected);
        paid.close();
      }
    });

    test(`ringHistory() over ${name}, ${topology}: after goes on behind an event, across the end of the ring`, async () => {
      using ring = new Ring(storage({ ...SPEC, topology }));
      const history = ringHistory(new EventRing<Order>(ring), { topic });
      const bus = new Bus<Order>({ history });
      const reader = bus.subscribe();
      const ids: string[] = [];
      for (let last = 1; last <= 30; last++) {
        bus.publish(order(last));
        await reader.receive();
        ids.push(reader.lastEventId!);
        for (let known = Math.max(1, last - 12); known <= last; known++) {
          const queue = bus.subscribe({ after: ids[known - 1] });
          const missed = Math.max(0, last - known - SPEC.capacity);
          assertEquals([queue.missed, queue.size], [missed, last - known - missed]);
          if (queue.size > 0) {
            const [first, ...rest] = await queue.receiveBatch(99);
            assertEquals([first!.id, rest.length], [known + missed + 1, last - known - missed - 1]);
          }
          queue.close();
        }
      }
    });
  }
}

test("a replay and what comes behind it have no gap and nothing twice", async () => {
  using ring = new Ring(memoryStorage({ ...SPEC, capacity: 64 }));
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  const queues = [bus.subscribe({ replay: Infinity })];
  bus.on({}, ({ id }) => {
    queues.push(bus.subscribe({ replay: Infinity }));
    if (id % 3 !== 0) bus.publish(order(id + 1));
    queues.push(bus.subscribe({ replay: Infinity }));
  });
  for (const id of [1, 4, 7]) bus.publish(order(id));
  for (const queue of queues) {
    const seen: number[] = [];
    while (queue.size > 0) seen.push((await queue.receive()).id);
    assertEquals(seen, upTo(9));
  }
});

test("what is replayed is equal to what was published, not the same object", async () => {
  using ring = new Ring(memoryStorage(SPEC));
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  const event = order(1);
  bus.publish(event);
  const replayed = await bus.subscribe({ replay: 1 }).receive();
  assertEquals(replayed, event);
  assertNotStrictEquals(replayed, event);
});

test("the codec of the ring writes and reads what is kept, and each reader gets its own", async () => {
  using ring = new Ring(memoryStorage(SPEC));
  const codec: Codec<Map<string, number>> = {
    encode: (map) => textCodec.encode(JSON.stringify([...map])),
    decode: (bytes) => new Map(JSON.parse(textCodec.decode(bytes))),
  };
  const events = new EventRing<Map<string, number>>(ring, { codec });
  const bus = new Bus<Map<string, number>>({
    history: ringHistory(events, { topic: () => "maps" }),
  });
  bus.publish(new Map([["a", 1]]));
  const [one, other] = [bus.subscribe({ replay: 1 }), bus.subscribe({ replay: 1 })];
  const map = await one.receive();
  map.clear();
  assertEquals(await other.receive(), new Map([["a", 1]]));
});

test("what the codec cannot read back is passed over, and counts as missed", async () => {
  using ring = new Ring(memoryStorage(SPEC));
  const codec: Codec<string> = {
    encode: textCodec.encode,
    decode(bytes) {
      const text = textCodec.decode(bytes);
      if (text === "2") throw new Error("unreadable");
      return text;
    },
  };
  const history = ringHistory(new EventRing<string>(ring, { codec }), { topic: () => "texts" });
  const bus = new Bus<string>({ history });
  const reader = bus.subscribe();
  for (const text of ["1", "2", "3"]) bus.publish(text);
  await reader.receive();
  const queue = bus.subscribe({ after: reader.lastEventId });
  assertEquals([queue.missed, await queue.receiveBatch(9)], [1, ["3"]]);
});

test("an event that is too large for a frame, or has no topic, is reported and delivered", async () => {
  const reports: [unknown, BusErrorContext<Order>][] = [];
  using ring = new Ring(memoryStorage(SPEC));
  const bus = new Bus<Order>({
    history: ringHistory(new EventRing<Order>(ring), { topic }),
    onError: (error, context) => reports.push([error, context]),
  });
  const handled: number[] = [];
  bus.on({}, ({ id }) => handled.push(id));
  const queue = bus.subscribe();
  const large = { ...order(2), text: "x".repeat(200) };
  const events = [order(1), large, { topic: "no..topic", id: 3 }, order(4)];
  for (const event of events) assertEquals(bus.publish(event), 2);
  assertEquals(handled, [1, 2, 3, 4]);
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [1, 2, 3, 4]);
  assertEquals(reports.map(([, { source, event }]) => [source, event?.id]), [
    ["history", 2],
    ["history", 3],
  ]);
  assert(reports[0]![0] instanceof FrameTooLargeError);
  assert(reports[1]![0] instanceof TypeError);
  const replayed = bus.subscribe({ replay: 9 });
  assertEquals((await replayed.receiveBatch(9)).map(({ id }) => id), [1, 4]);
});

for (const topology of ["per-node", "shared"] as const) {
  test(`a second bus over the same ring (${topology}) goes on where a reader of the first one was`, async () => {
    const storage = memoryStorage({ ...SPEC, topology });
    let after: string | undefined;
    {
      using ring = new Ring(storage);
      const history = ringHistory(new EventRing<Order>(ring), { topic, id: "orders" });
      using bus = new Bus<Order>({ history });
      const reader = bus.subscribe();
      for (const id of upTo(4)) bus.publish(order(id));
      await reader.receiveBatch(2);
      after = reader.lastEventId;
    }
    using ring = new Ring(storage);
    const restart = (id?: string): Bus<Order> =>
      new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic, id }) });
    const bus = restart("orders");
    bus.publish(order(5));
    const queue = bus.subscribe({ after });
    assertEquals(queue.missed, 0);
    assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [3, 4, 5]);
    // Under another name, or none, nobody knows what the id says.
    for (const id of ["others", undefined]) {
      assertEquals(restart(id).subscribe({ after }).missed, undefined);
    }
  });
}

test("a bus that has published nothing yet does not read what others wrote in lanes of theirs", async () => {
  const storage = sharedStorage({ ...SPEC, nodes: 2 });
  using other = new Ring(storage, { node: 0 });
  // It has no lane before it writes.
  using ring = new Ring(storage);
  const others = new EventRing<Order>(other);
  for (const id of [10, 20]) others.publish("orders.new", order(id));
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  assertEquals(bus.subscribe({ replay: 9 }).size, 0);
  bus.publish(order(1));
  others.publish("orders.new", order(30));
  bus.publish(order(2));
  const queue = bus.subscribe({ replay: 9 });
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [1, 2]);
  const after = queue.lastEventId;
  others.publish("orders.new", order(40));
  bus.publish(order(3));
  const next = bus.subscribe({ after });
  assertEquals([next.missed, (await next.receiveBatch(9)).map(({ id }) => id)], [0, [3]]);
});

test("of a shared lane, what others have written is replayed as well", async () => {
  const storage = sharedStorage({ ...SPEC, topology: "shared", nodes: 2 });
  using ring = new Ring(storage);
  using other = new Ring(storage);
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  const others = new EventRing<Order>(other);
  others.publish("orders.new", order(1));
  const late = bus.subscribe({ replay: 9 });
  assertEquals((await late.receiveBatch(9)).map(({ id }) => id), [1]);
  bus.publish(order(2));
  others.publish("orders.new", order(3));
  const queue = bus.subscribe({ replay: 9 });
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [1, 2, 3]);
});

test("frames that are no events are passed over", async () => {
  using ring = new Ring(memoryStorage({ ...SPEC, topology: "shared" }));
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  bus.publish(order(1));
  ring.publish(new Uint8Array(3));
  bus.publish(order(2));
  const queue = bus.subscribe({ replay: 9 });
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [1, 2]);
});

test("a ring whose counters begin anywhere keeps its place", async () => {
  using ring = new Ring(memoryStorage({ ...SPEC, firstCounter: 2 ** 52 }));
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  const reader = bus.subscribe();
  for (const id of upTo(5)) bus.publish(order(id));
  await reader.receiveBatch(3);
  const queue = bus.subscribe({ after: reader.lastEventId });
  assertEquals([queue.missed, (await queue.receiveBatch(9)).map(({ id }) => id)], [0, [4, 5]]);
  const first = bus.subscribe({ replay: 9 });
  assertEquals((await first.receiveBatch(9)).map(({ id }) => id), upTo(5));
});

test("a ring that was closed is reported for each publish, and refuses a replay", () => {
  const errors: unknown[] = [];
  const ring = new Ring(memoryStorage(SPEC));
  const bus = new Bus<Order>({
    history: ringHistory(new EventRing<Order>(ring), { topic }),
    onError: (error) => errors.push(error),
  });
  bus.publish(order(1));
  ring.close();
  const queue = bus.subscribe();
  assertEquals([bus.publish(order(2)), queue.size], [1, 1]);
  assert(errors.length === 1 && errors[0] instanceof TypeError);
  assertThrows(() => bus.subscribe({ replay: 1 }), TypeError, "closed");
  assertEquals(bus.stats().subscriptions.length, 1);
});

test("onLag tells of gaps at their place in a bus that keeps events in a ring", async () => {
  using ring = new Ring(memoryStorage(SPEC));
  const bus = new Bus<Order>({ history: ringHistory(new EventRing<Order>(ring), { topic }) });
  const log: unknown[] = [];
  bus.publish(order(1));
  const queue = bus.subscribe({
    replay: 1,
    capacity: 2,
    overflow: "drop-oldest",
    onLag: (lost) => log.push(`-${lost}`),
  });
  for (const id of [2, 3, 4]) bus.publish(order(id));
  for (let at = 0; at < 3; at++) log.push((await queue.receive()).id);
  assertEquals(log, [1, "-1", 3, 4]);
});

test("a topic that is no function is refused", () => {
  using ring = new Ring(memoryStorage(SPEC));
  const events = new EventRing<Order>(ring);
  for (const wrong of [undefined, "orders", null, {}]) {
    assertThrows(
      () => ringHistory(events, { topic: wrong as never }),
      TypeError,
      "Cannot keep history in a ring: topic must be a function, received ",
    );
  }
});

linuxTest("a ring in a file outlives its bus, for whoever maps it next", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-bus-"));
  try {
    const path = join(directory, "ring");
    const spec = { ...SPEC, nodes: 1 };
    let after: string | undefined;
    for (const [first, replayed] of [[1, []], [4, [2, 3]], [7, [5, 6]]] as const) {
      using storage = mappedStorage(path, spec);
      using ring = new Ring(storage, { node: 0 });
      const history = ringHistory(new EventRing<Order>(ring), { topic, id: "orders" });
      using bus = new Bus<Order>({ history });
      using queue = bus.subscribe({ after });
      for (let id = first; id < first + 3; id++) bus.publish(order(id));
      const expected = [...replayed, first, first + 1, first + 2];
      const seen: number[] = [];
      while (queue.size > 0) seen.push((await queue.receive()).id);
      assertEquals(seen, expected);
      // It comes back for what is behind the first of this round.
      using again = bus.subscribe({ replay: 3 });
      await again.receive();
      after = again.lastEventId;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
