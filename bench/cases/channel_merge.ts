/**
 * Four channels read as one, each with a sender of its own.
 *
 * @module
 */
import { Channel, merge } from "../../channel/mod.ts";
import { type Answer, type Case, range } from "../case.ts";
import { type CommonChannel, type CommonChannelClass, npm, std } from "../peers.ts";

const capacity = 256;
const sources = 4;
const values = range(51_200);
const share = values.length / sources;

/** The value's place among those of its source; its source is the remainder. */
async function read(merged: AsyncIterable<number>): Promise<Answer> {
  const places = new Array<number>(sources).fill(0);
  let count = 0;
  let sum = 0;
  let disorder = 0;
  for await (const value of merged) {
    const source = value % sources;
    if (value !== places[source]! * sources + source) disorder++;
    places[source]!++;
    count++;
    sum += value;
  }
  return { count, sum, disorder };
}

async function sendShare(channel: CommonChannel<number>, source: number): Promise<void> {
  for (let index = source; index < values.length; index += sources) {
    await channel.send(values[index]!);
  }
  channel.close();
}

async function both(
  Channel: CommonChannelClass,
  merge: (channels: CommonChannel<number>[]) => AsyncIterable<number>,
): Promise<Answer> {
  const channels = Array.from({ length: sources }, () => new Channel<number>({ capacity }));
  const reading = read(merge(channels));
  await Promise.all(channels.map(sendShare));
  return await reading;
}

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "channel/merge",
    title: "merge of 4 channels of capacity 256, a sender each; per value",
    items: share * sources,
    answer: {
      count: values.length,
      sum: values.reduce((sum, value) => sum + value, 0),
      disorder: 0,
    },
    references: [{ peer: "@std/async MuxAsyncIterator, its channels" }],
    contestants: [
      { name: "weir", load: () => () => both(Channel, merge) },
      {
        name: "@std/async MuxAsyncIterator, its channels",
        load: async () => {
          const { Channel, MuxAsyncIterator } = await std();
          return () =>
            both(Channel, (channels) => {
              const mux = new MuxAsyncIterator<number>();
              for (const channel of channels) mux.add(channel);
              return mux;
            });
        },
      },
      {
        name: "@std/async MuxAsyncIterator, weir channels",
        load: async () => {
          const { MuxAsyncIterator } = await std();
          return () =>
            both(Channel, (channels) => {
              const mux = new MuxAsyncIterator<number>();
              for (const channel of channels) mux.add(channel);
              return mux;
            });
        },
      },
      {
        name: "@repeaterjs/repeater 3.1.0 merge, weir channels",
        load: async () => {
          const { Repeater } = await npm.repeater();
          return () => both(Channel, (channels) => Repeater.merge(channels));
        },
      },
    ],
  },
];
