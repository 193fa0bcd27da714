/**
 * Events with a topic, of which the reader wants half: published and read in bursts of 16, within one thread. Who writes JSON by hand has no
 * ring, so what it keeps is an array with a bound; it is as far from other threads as it was before.
 *
 * @module
 */
import { EventRing, memoryStorage, Ring } from "../../ring/mod.ts";
import { type Case, inOrder, mix, range, type Run } from "../case.ts";
import { BoundedArray } from "../peers/bounded_array.ts";

const capacity = 1024;
const burst = 16;
const items = 640 * burst;

interface Order {
  readonly id: number;
  readonly customer: string;
  readonly total: number;
  readonly open: boolean;
  readonly items: readonly string[];
}

const events = range(256).map((id) => ({
  topic: id % 2 === 0 ? `orders.${id % 8}.created` : `users.${id % 8}.seen`,
  value: {
    id,
    customer: `customer-${id}`,
    total: id * 1.25,
    open: id % 3 === 0,
    items: ["anchor", "buoy"],
  },
}));
const wanted = range(items).filter((item) => item % 2 === 0).map((item) => item % events.length);

/** Events in a ring. */
function inRing(): Run {
  const ring = new EventRing<Order>(new Ring(memoryStorage({ capacity, payloadCapacity: 192 })));
  const cursor = ring.cursorAtHead();
  return () => {
    let count = 0;
    let digest = 0;
    let passed = 0;
    let lost = 0;
    for (let from = 0; from < items; from += burst) {
      for (let item = from; item < from + burst; item++) {
        const { topic, value } = events[item % events.length]!;
        ring.publish(topic, value);
      }
      const found = ring.pollTopic(cursor, "orders.>");
      passed += found.filtered;
      lost += found.lagged;
      for (let index = 0; index < found.events.length; index++) {
        count++;
        digest = mix(digest, found.events[index]!.value.id);
      }
    }
    return { count, digest, passed, lost };
  };
}

/** Events in an array: what is kept of each is what `keep` answers, and `take` makes a value of that. */
function inArray<T>(keep: (value: Order) => T, take: (kept: T) => Order): Run {
  return () => {
    const array = new BoundedArray<{ topic: string; kept: T }>(capacity);
    let count = 0;
    let digest = 0;
    let passed = 0;
    for (let from = 0; from < items; from += burst) {
      for (let item = from; item < from + burst; item++) {
        const { topic, value } = events[item % events.length]!;
        array.push({ topic, kept: keep(value) });
      }
      for (let one = array.shift(); one !== undefined; one = array.shift()) {
        if (!one.topic.startsWith("orders.")) {
          passed++;
          continue;
        }
        count++;
        digest = mix(digest, take(one.kept).id);
      }
    }
    return { count, digest, passed, lost: array.lost };
  };
}

const byHand = "JSON by hand, and an array";

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "ring/events",
    title: "events of about 80 bytes of JSON, in bursts of 16, of which half are wanted; per event",
    items,
    answer: { ...inOrder(wanted), passed: items - wanted.length, lost: 0 },
    references: [{ peer: byHand }],
    contestants: [
      { name: "weir EventRing, publish and pollTopic", load: () => inRing() },
      { name: byHand, load: () => inArray<string>(JSON.stringify, JSON.parse) },
      {
        name: "structuredClone, and an array",
        load: () => inArray<Order>(structuredClone, (value) => value),
      },
    ],
  },
];
