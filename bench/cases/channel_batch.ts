/**
 * Values that come in bursts: 256 at a time. What is compared with is the same values sent one by one, since that is what a channel
 * without batches makes its user do.
 *
 * @module
 */
import { Channel } from "../../channel/mod.ts";
import { type Answer, type Case, inOrder, mix, range } from "../case.ts";
import { type CommonChannel, npm, std } from "../peers.ts";

const capacity = 1024;
const size = 256;
const values = range(102_400);
const batches = Array.from(
  { length: values.length / size },
  (_, index) => values.slice(index * size, (index + 1) * size),
);
const settled = Promise.resolve();

async function receiveBatches(channel: Channel<number>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for (;;) {
    const batch = await channel.receiveBatch(size);
    if (batch.length === 0) return { count, digest };
    count += batch.length;
    for (let index = 0; index < batch.length; index++) digest = mix(digest, batch[index]!);
  }
}

async function readBatches(source: AsyncIterable<readonly number[]>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for await (const batch of source) {
    count += batch.length;
    for (let index = 0; index < batch.length; index++) digest = mix(digest, batch[index]!);
  }
  return { count, digest };
}

async function sendBatches(channel: Channel<number>): Promise<void> {
  for (let index = 0; index < batches.length; index++) await channel.sendBatch(batches[index]!);
  channel.close();
}

async function sendSingly(channel: CommonChannel<number>): Promise<void> {
  for (let index = 0; index < values.length; index++) await channel.send(values[index]!);
  channel.close();
}

/** Never waits for room by itself; after each burst the reader gets its turn. */
async function trySendBursts(channel: Channel<number>): Promise<void> {
  for (let start = 0; start < values.length; start += size) {
    for (let index = start; index < start + size; index++) {
      while (!channel.trySend(values[index]!)) await settled;
    }
    await settled;
  }
  channel.close();
}

async function both(
  send: (channel: Channel<number>) => Promise<void>,
  receive: (channel: Channel<number>) => Promise<Answer>,
): Promise<Answer> {
  const channel = new Channel<number>({ capacity });
  const sending = send(channel);
  const answer = await receive(channel);
  await sending;
  return answer;
}

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "channel/batch",
    title: "batches of 256, capacity 1024; per value",
    items: values.length,
    answer: inOrder(values),
    references: [{ peer: "@std/async Channel, send and for await", limit: 0.1 }],
    contestants: [
      {
        name: "weir, sendBatch and receiveBatch",
        load: () => () => both(sendBatches, receiveBatches),
      },
      {
        name: "weir, sendBatch and batches()",
        load: () => () => both(sendBatches, (channel) => readBatches(channel.batches(size))),
      },
      {
        name: "weir, trySend and receiveBatch",
        load: () => () => both(trySendBursts, receiveBatches),
      },
      { name: "weir, send and receiveBatch", load: () => () => both(sendSingly, receiveBatches) },
      {
        name: "@std/async Channel, send and for await",
        load: async () => {
          const { Channel } = await std();
          return async () => {
            const channel = new Channel<number>({ capacity });
            const sending = sendSingly(channel);
            let count = 0;
            let digest = 0;
            for await (const value of channel) {
              count++;
              digest = mix(digest, value);
            }
            await sending;
            return { count, digest };
          };
        },
      },
      {
        // The way around: the batches themselves are the values. Its bound counts batches.
        name: "@std/async Channel of arrays",
        load: async () => {
          const { Channel } = await std();
          return async () => {
            const channel = new Channel<number[]>({ capacity: capacity / size });
            const reading = readBatches(channel);
            for (let index = 0; index < batches.length; index++) {
              await channel.send(batches[index]!);
            }
            channel.close();
            return await reading;
          };
        },
      },
      {
        name: "effect Queue 4.1.0, offerAll and takeBetween",
        load: async () => {
          const [Effect, Queue] = await Promise.all([npm.effect(), npm.effectQueue()]);
          const program = Effect.gen(function* () {
            const queue = yield* Queue.bounded<number, never>(capacity);
            yield* Effect.forkChild(Effect.gen(function* () {
              for (let index = 0; index < batches.length; index++) {
                yield* Queue.offerAll(queue, batches[index]!);
              }
            }));
            let count = 0;
            let digest = 0;
            while (count < values.length) {
              const batch = yield* Queue.takeBetween(queue, 1, size);
              count += batch.length;
              for (let index = 0; index < batch.length; index++) {
                digest = mix(digest, batch[index]!);
              }
            }
            return { count, digest };
          });
          return () => Effect.runPromise(program);
        },
      },
    ],
  },
];
