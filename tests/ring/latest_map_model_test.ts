import { assert, assertEquals } from "@std/assert";
import {
  LatestMap,
  parseFrameId,
  Ring,
  type RingTopology,
  sharedStorage,
  textCodec,
} from "../../ring/mod.ts";
import { MARK } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { type Change, History, NaiveMap } from "./_naive_map.ts";
import { Memory } from "./_ring.ts";

/** What a play may do, and how it is judged. */
interface Play {
  readonly topology: RingTopology;
  readonly nodes: number;
  readonly capacity: number;
  readonly maxKeys: number;
}

/** How often something happened that a play is about. */
interface Tally {
  hits: number;
  losses: number;
  evicted: number;
  expired: number;
  stragglers: number;
}

/** Lets several writers change a map at random, and compares what every reader finds with the naive one. */
function play(seed: number, { topology, nodes, capacity, maxKeys }: Play, tally: Tally): void {
  const random = new Random(seed);
  const storage = sharedStorage({ capacity, payloadCapacity: 48, nodes, topology });
  const memory = new Memory(storage);
  const rings = Array.from({ length: nodes }, (_, node) => new Ring(storage, { node }));
  const history = new History(rings[0]!);
  let now = 0;
  const isOneLane = rings[0]!.geometry.lanes === 1;
  const options = { codec: textCodec, maxKeys, now: () => now };
  const join = (node: number): { map: LatestMap<string>; naive: NaiveMap; node: number } => {
    const map = new LatestMap(rings[node]!, options);
    return { map, naive: new NaiveMap(history), node };
  };
  const readers = rings.map((_, node) => join(node));
  // Versions that a writer has taken and not published yet; it writes nothing else meanwhile.
  const pending: (number | undefined)[] = rings.map(() => undefined);
  const record = (node: number, change: Pick<Change, "version" | "action"> & Partial<Change>) => {
    const lane = isOneLane ? 0 : node;
    const { length: counter } = history.lanes[lane]!;
    const whole: Change = {
      lane,
      counter,
      key: "",
      value: "",
      expiresAt: Infinity,
      isTorn: false,
      ...change,
    };
    history.lanes[lane]!.push(whole);
    return whole;
  };
  const publish = (node: number, payload: Uint8Array, kind: number, version: number): number => {
    return parseFrameId(rings[node]!.publish(payload, { kind, version })).counter;
  };

  for (let step = 0; step < 400; step++) {
    const reader = random.pick(readers);
    const { map, naive, node } = reader;
    const key = `k${random.below(6)}`;
    const value = `${step}`;
    const act = random.below(40);
    const isFree = pending[node] === undefined;
    if (act < 14 && isFree) {
      const ttlMs = random.below(4) === 0 ? 1 + random.below(20) : Infinity;
      const version = map.set(key, value, { ttlMs });
      const expiresAt = now + ttlMs;
      naive.published(record(node, { version, action: "put", key, value, expiresAt }));
    } else if (act < 18 && isFree) {
      naive.published(record(node, { version: map.delete(key), action: "delete", key }));
    } else if (act < 19 && isFree) {
      naive.published(record(node, { version: map.clear(), action: "clear" }));
    } else if (act < 21 && isFree) {
      publish(node, new Uint8Array(3), 1, 2 ** 50);
      record(node, { version: 0, action: "none" });
    } else if (act < 23 && isFree) {
      pending[node] = rings[node]!.nextVersion();
    } else if (act < 26 && !isFree) {
      const payload = new Uint8Array(10 + key.length + value.length);
      const view = new DataView(payload.buffer);
      view.setFloat64(0, Infinity, true);
      view.setUint16(8, key.length, true);
      payload.set(new TextEncoder().encode(key + value), 10);
      const counter = publish(node, payload, 2, pending[node]!);
      const version = isOneLane ? counter + 1 : pending[node]!;
      record(node, { version, action: "put", key, value });
      pending[node] = undefined;
      tally.stragglers++;
    } else if (act < 27 && topology === "per-node") {
      const lane = isOneLane ? 0 : node;
      const retained = history.lanes[lane]!.slice(history.retainedFrom(lane));
      if (retained.length > 0) {
        const torn = random.pick(retained);
        torn.isTorn = true;
        memory.words[memory.slotWord(torn.counter, MARK, lane)] = 0;
      }
    } else if (act < 28 && random.below(6) === 0) {
      rings[node]!.reset();
      history.reset();
    } else if (act < 29 && random.below(4) === 0) {
      readers[readers.indexOf(reader)] = join(node);
    } else if (act < 33) {
      now += random.below(8);
    } else {
      check(reader, random.below(2) === 0);
    }
  }
  for (const reader of readers) check(reader, true);
  for (const { map } of readers) {
    tally.evicted += map.evicted;
    tally.expired += map.expired;
  }
  for (const ring of rings) ring.close();

  function check({ map, naive }: (typeof readers)[number], isWhole: boolean): void {
    const told = `seed ${seed}`;
    // A single read first: each of them takes in what is new.
    const some = `k${random.below(6)}`;
    const found = map.get(some);
    const content = naive.content(now);
    const truth = history.truth(now);
    const entries = new Map(map.entries());
    if (maxKeys > 6) {
      assertEquals(found, content.get(some), told);
      assertEquals(entries, content, told);
      assertEquals([map.losses, map.undecodable], [naive.losses, naive.undecodable], told);
    } else {
      for (const [key, value] of entries) assertEquals(content.get(key), value, told);
      assert(map.size <= maxKeys, told);
    }
    // Whatever was lost: what is found is the newest there is.
    for (const [key, value] of entries) assertEquals(value, truth.get(key), `${told}: ${key}`);
    assertEquals(map.size, entries.size);
    if (isWhole) {
      for (const [key, value] of entries) {
        assertEquals([map.has(key), map.newest(key)?.value], [true, value]);
      }
      assertEquals(map.keys().sort(), [...entries.keys()].sort());
    }
    tally.hits += entries.size;
    tally.losses += naive.losses;
  }
}

for (const topology of ["per-node", "shared"] as const) {
  for (const maxKeys of [100, 2]) {
    test(`LatestMap finds what a naive map finds in a ${topology} ring, with ${maxKeys} keys`, () => {
      const tally: Tally = { hits: 0, losses: 0, evicted: 0, expired: 0, stragglers: 0 };
      for (let seed = 1; seed <= 120; seed++) {
        const random = new Random(seed);
        const nodes = 1 + random.below(4);
        const capacity = 2 ** random.below(7);
        play(seed, { topology, nodes, capacity, maxKeys }, tally);
      }
      // The plays are worth something only if all of this has happened.
      assert(tally.hits > 5_000, JSON.stringify(tally));
      assert(tally.losses > 500, JSON.stringify(tally));
      assert(tally.expired > 200, JSON.stringify(tally));
      assert(tally.stragglers > 500, JSON.stringify(tally));
      assertEquals(tally.evicted > 100, maxKeys === 2, JSON.stringify(tally));
    });
  }
}
