import { assert, assertEquals } from "@std/assert";
import { EventRing, type EventRingTopicPoll, Ring, sharedStorage } from "../../ring/mod.ts";
import { MARK } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { Memory } from "./_ring.ts";

/** Fails unless a look keeps to the law. */
function assertLaw<T>(poll: EventRingTopicPoll<T>): void {
  const { overwritten, unavailable, undecodable } = poll.lost;
  assertEquals(poll.lagged, overwritten + unavailable + undecodable);
  assertEquals(poll.to - poll.from, poll.events.length + poll.filtered + poll.lagged);
}

for (const topology of ["per-node", "shared"] as const) {
  test(`EventRing accounts for every frame of a ${topology} ring, whatever happens`, () => {
    for (let seed = 1; seed <= 60; seed++) playByLaw(new Random(seed), seed, topology);
  });
}

function playByLaw(random: Random, seed: number, topology: "per-node" | "shared"): void {
  const nodes = 1 + random.below(4);
  const capacity = 2 ** random.below(6);
  const storage = sharedStorage({ capacity, payloadCapacity: 24, nodes, topology });
  // A frame that is not finished is waited for no longer than it takes to look twice.
  const rings = Array.from({ length: nodes }, (_, node) => new Ring(storage, { node, stallMs: 0 }));
  const writers = rings.map((ring) => new EventRing<number>(ring));
  const memory = new Memory(storage);
  const topics = ["a", "a.b", "a.c", "b", "b.c.d"];
  const matching: Readonly<Record<string, readonly string[]>> = {
    "a": ["a"],
    "a.*": ["a.b", "a.c"],
    "*.c.>": ["b.c.d"],
    ">": topics,
    "nothing": [],
  };
  const readers = Array.from({ length: 3 }, () => {
    const events = new EventRing<number>(random.pick(rings));
    return { events, cursor: events.cursorFromStart(), begun: 0, taken: 0, lagged: 0 };
  });
  const published = new Map<bigint, { topic: string; value: number }>();
  const last = readers.map(() => new Map<bigint, number>());
  const look = (index: number, max: number): void => {
    const { events, cursor } = readers[index]!;
    const reader = readers[index]!;
    const pattern = random.pick([undefined, ...Object.keys(matching)]);
    const poll: EventRingTopicPoll<number> = pattern === undefined
      ? { ...events.poll(cursor, { max }), filtered: 0 }
      : events.pollTopic(cursor, pattern, { max });
    assertLaw(poll);
    assert(poll.events.length + poll.filtered + poll.lost.undecodable <= max, `seed ${seed}`);
    for (const { id, topic, value, counter } of poll.events) {
      assertEquals({ topic, value }, published.get(id), `seed ${seed}`);
      assert(pattern === undefined || matching[pattern]!.includes(topic), `${pattern} ${topic}`);
      const lane = id >> 53n;
      assert(counter > (last[index]!.get(lane) ?? -1), `seed ${seed}: ${counter} is out of order`);
      last[index]!.set(lane, counter);
    }
    reader.taken += poll.events.length + poll.filtered;
    reader.lagged += poll.lagged;
    assertEquals(poll.to - reader.begun, reader.taken + reader.lagged, `seed ${seed}`);
    assertEquals(events.lagged, reader.lagged);
  };
  for (let step = 0; step < 300; step++) {
    const node = random.below(nodes);
    const act = random.below(20);
    if (act < 10) {
      const [topic, value] = [random.pick(topics), random.below(1_000)];
      published.set(writers[node]!.publish(topic, value), { topic, value });
    } else if (act < 12) {
      const payload = Uint8Array.from({ length: random.below(9) }, () => random.below(256));
      rings[node]!.publish(payload, { kind: random.pick([0, 1, 1, 1, 255]) });
    } else if (act < 13) {
      const topic = random.pick(topics);
      const values = Array.from({ length: random.below(capacity + 1) }, () => random.below(9));
      const first = writers[node]!.publishBatch(topic, values);
      values.forEach((value, index) => published.set(first! + BigInt(index), { topic, value }));
    } else if (act < 14) {
      const lane = topology === "shared" ? 0 : node;
      const head = memory.head(lane);
      // A slot that something wrote over.
      if (head > 0) memory.words[memory.slotWord(head - 1, MARK, lane)] = 0;
    } else if (act < 15 && random.below(5) === 0) {
      rings[node]!.reset();
    } else {
      look(random.below(readers.length), 1 + random.below(random.pick([3, 2 * capacity])));
    }
  }
  readers.forEach(({ cursor }, index) => {
    for (let looks = 0; cursor.position < rings[0]!.head; looks++) {
      assert(looks < 1_000, `seed ${seed}: never at the end`);
      look(index, 1_000);
    }
    assertEquals(cursor.position, rings[0]!.head, `seed ${seed}`);
  });
  for (const ring of rings) ring.close();
}
