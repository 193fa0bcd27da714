/**
 * A publisher that goes no faster than its one reader: what the bus adds to the channel that it is made of.
 *
 * @module
 */
import { Bus } from "../../bus/mod.ts";
import { Channel } from "../../channel/mod.ts";
import { type Order, orders } from "../bus/listeners.ts";
import { type Answer, type Case, mix, range } from "../case.ts";

const capacity = 1024;
const items = 40_960;

async function read(source: AsyncIterable<Order>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for await (const { id } of source) {
    count++;
    digest = mix(digest, id);
  }
  return { count, digest };
}

async function throughBus(subscribers: number): Promise<Answer> {
  const bus = new Bus<Order>();
  const all = range(subscribers).map(() =>
    bus.subscribe({ match: { type: "order" }, overflow: "wait", capacity })
  );
  const reading = Promise.all(all.map((queue) => read(queue)));
  for (let item = 0; item < items; item++) await bus.send(orders[item % orders.length]!);
  bus.close();
  const answers = await reading;
  if (all.some(({ lagged }) => lagged > 0)) return { lost: 1 };
  return answers.at(-1)!;
}

const channelAlone = "weir Channel alone, send";

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "bus/send",
    title: "send to one subscription that waits, read by for await, capacity 1024; per event",
    items,
    answer: {
      count: items,
      digest: range(items).reduce((digest, item) => mix(digest, orders[item % 256]!.id), 0),
    },
    references: [{ peer: channelAlone }],
    contestants: [
      { name: "weir, send", load: () => () => throughBus(1) },
      {
        name: channelAlone,
        load: () => async () => {
          const channel = new Channel<Order>({ capacity });
          const reading = read(channel);
          for (let item = 0; item < items; item++) await channel.send(orders[item % 256]!);
          channel.close();
          return await reading;
        },
      },
      {
        // Nobody waits for room, so the reader gets its turn after each half of it.
        name: "weir, publish in bursts of 512",
        load: () => async () => {
          const bus = new Bus<Order>();
          const queue = bus.subscribe({ match: { type: "order" }, overflow: "wait", capacity });
          const reading = read(queue);
          for (let item = 0; item < items; item++) {
            bus.publish(orders[item % 256]!);
            if (item % 512 === 511) { while (queue.size > 0) await undefined; }
          }
          bus.close();
          const answer = await reading;
          return queue.lagged === 0 ? answer : { lost: queue.lagged };
        },
      },
      { name: "weir, send to three", load: () => () => throughBus(3) },
    ],
  },
];
