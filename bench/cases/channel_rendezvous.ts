/**
 * No buffer: each value waits for its reader.
 *
 * @module
 */
import { Channel } from "../../channel/mod.ts";
import { type Answer, type Case, inOrder, mix, range } from "../case.ts";
import { type CommonChannel, type CommonChannelClass, std } from "../peers.ts";
import { ShiftQueue } from "../peers/shift_queue.ts";

const values = range(51_200);

async function read(source: AsyncIterable<number>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for await (const value of source) {
    count++;
    digest = mix(digest, value);
  }
  return { count, digest };
}

async function receive(channel: CommonChannel<number>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  while (count < values.length) {
    digest = mix(digest, await channel.receive());
    count++;
  }
  return { count, digest };
}

async function sendAll(channel: CommonChannel<number>): Promise<void> {
  for (let index = 0; index < values.length; index++) await channel.send(values[index]!);
  channel.close();
}

async function both(
  Channel: CommonChannelClass,
  read: (channel: CommonChannel<number>) => Promise<Answer>,
): Promise<Answer> {
  const channel = new Channel<number>({ capacity: 0 });
  const sending = sendAll(channel);
  const answer = await read(channel);
  await sending;
  return answer;
}

/** The two ways to read. */
export const cases: readonly Case[] = [
  {
    id: "channel/rendezvous",
    title: "send and for await, capacity 0; per value",
    items: values.length,
    answer: inOrder(values),
    references: [{ peer: "@std/async Channel" }],
    contestants: [
      { name: "weir", load: () => () => both(Channel, read) },
      { name: "weir, receive", load: () => () => both(Channel, receive) },
      {
        name: "@std/async Channel",
        load: async () => {
          const { Channel } = await std();
          return () => both(Channel, read);
        },
      },
      {
        name: "@std/async Channel, receive",
        load: async () => {
          const { Channel } = await std();
          return () => both(Channel, receive);
        },
      },
      {
        // Its smallest: it cannot hand over without a buffer.
        name: "Array.shift queue, capacity 1",
        load: () => async () => {
          const queue = new ShiftQueue<number>(1);
          const reading = read(queue);
          for (let index = 0; index < values.length; index++) await queue.push(values[index]!);
          queue.close();
          return await reading;
        },
      },
    ],
  },
];
