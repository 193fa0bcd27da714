/**
 * The path that everybody uses: one `send` and one turn of `for await` a value, through a buffer of 1024.
 *
 * @module
 */
import { EventEmitter, on } from "node:events";
import { Channel } from "../../channel/mod.ts";
import { type Answer, type Case, type Contestant, inOrder, mix, range } from "../case.ts";
import { type CommonChannel, type CommonChannelClass, npm, std } from "../peers.ts";
import { ShiftQueue } from "../peers/shift_queue.ts";

const capacity = 1024;
const values = range(102_400);
const settled = Promise.resolve();

async function read(source: AsyncIterable<number>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for await (const value of source) {
    count++;
    digest = mix(digest, value);
  }
  return { count, digest };
}

async function sendAll(channel: CommonChannel<number>): Promise<void> {
  for (let index = 0; index < values.length; index++) await channel.send(values[index]!);
  channel.close();
}

async function senderFirst(Channel: CommonChannelClass): Promise<Answer> {
  const channel = new Channel<number>({ capacity });
  const sending = sendAll(channel);
  const answer = await read(channel);
  await sending;
  return answer;
}

async function readerFirst(Channel: CommonChannelClass): Promise<Answer> {
  const channel = new Channel<number>({ capacity });
  const reading = read(channel);
  await sendAll(channel);
  return await reading;
}

async function bareAwaits(): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for (let index = 0; index < values.length; index++) {
    await settled;
    await settled;
    count++;
    digest = mix(digest, values[index]!);
  }
  return { count, digest };
}

async function pushAll(queue: ShiftQueue<number>): Promise<void> {
  for (let index = 0; index < values.length; index++) await queue.push(values[index]!);
  queue.close();
}

const twoAwaits: Contestant = { name: "two bare awaits", load: () => bareAwaits };

/** They wait in one way only, so the order of the start makes no difference to them, or they allow one order only. */
const others: readonly Contestant[] = [
  {
    name: "TransformStream",
    load: () => async () => {
      const { readable, writable } = new TransformStream<number, number>(
        undefined,
        { highWaterMark: capacity },
      );
      const reading = read(readable);
      const writer = writable.getWriter();
      for (let index = 0; index < values.length; index++) {
        await writer.ready;
        writer.write(values[index]!);
      }
      await writer.close();
      return await reading;
    },
  },
  {
    name: "effect Queue.bounded 4.1.0",
    load: async () => {
      const [Effect, Queue] = await Promise.all([npm.effect(), npm.effectQueue()]);
      const program = Effect.gen(function* () {
        const queue = yield* Queue.bounded<number, never>(capacity);
        yield* Effect.forkChild(Effect.gen(function* () {
          for (let index = 0; index < values.length; index++) {
            yield* Queue.offer(queue, values[index]!);
          }
        }));
        let count = 0;
        let digest = 0;
        while (count < values.length) {
          digest = mix(digest, yield* Queue.take(queue));
          count++;
        }
        return { count, digest };
      });
      return () => Effect.runPromise(program);
    },
  },
  {
    name: "@repeaterjs/repeater 3.1.0, buffer",
    load: async () => {
      const { FixedBuffer, Repeater } = await npm.repeater();
      return () =>
        read(
          new Repeater<number>(async (push, stop) => {
            for (let index = 0; index < values.length; index++) await push(values[index]!);
            stop();
          }, new FixedBuffer(capacity)),
        );
    },
  },
  {
    // It has no bound, so it is given one: a burst, then a wait until the reader has it all.
    name: "it-pushable 3.2.4, bursts",
    load: async () => {
      const { pushable } = await npm.itPushable();
      return async () => {
        const queue = pushable<number>({ objectMode: true });
        const reading = read(queue);
        for (let start = 0; start < values.length; start += capacity) {
          for (let index = start; index < start + capacity; index++) queue.push(values[index]!);
          await queue.onEmpty();
        }
        queue.end();
        return await reading;
      };
    },
  },
  {
    // It has no bound either, and cannot say when the reader is done: one await a value keeps the two in step.
    name: "node:events on()",
    load: () => async () => {
      const emitter = new EventEmitter();
      const reading = readEvents(on(emitter, "value", { close: ["end"] }));
      for (let index = 0; index < values.length; index++) {
        emitter.emit("value", values[index]!);
        await settled;
      }
      emitter.emit("end");
      return await reading;
    },
  },
];

async function readEvents(events: AsyncIterable<number[]>): Promise<Answer> {
  let count = 0;
  let digest = 0;
  for await (const event of events) {
    count++;
    digest = mix(digest, event[0]!);
  }
  return { count, digest };
}

const references = [
  { peer: "@std/async Channel", limit: 0.4 },
  { peer: "two bare awaits", limit: 1.4 },
];

/** Both orders of the start, since each leaves the two tasks in a rhythm of its own. */
export const cases: readonly Case[] = [
  {
    id: "channel/send-sender-first",
    title: "send and for await, capacity 1024, the sender starts first; per value",
    items: values.length,
    answer: inOrder(values),
    references,
    contestants: [
      { name: "weir", load: () => () => senderFirst(Channel) },
      {
        name: "@std/async Channel",
        load: async () => {
          const { Channel } = await std();
          return () => senderFirst(Channel);
        },
      },
      twoAwaits,
      {
        name: "Array.shift queue",
        load: () => async () => {
          const queue = new ShiftQueue<number>(capacity);
          const pushing = pushAll(queue);
          const answer = await read(queue);
          await pushing;
          return answer;
        },
      },
    ],
  },
  {
    id: "channel/send-reader-first",
    title: "send and for await, capacity 1024, the reader starts first; per value",
    items: values.length,
    answer: inOrder(values),
    references,
    contestants: [
      { name: "weir", load: () => () => readerFirst(Channel) },
      {
        name: "@std/async Channel",
        load: async () => {
          const { Channel } = await std();
          return () => readerFirst(Channel);
        },
      },
      twoAwaits,
      {
        name: "Array.shift queue",
        load: () => async () => {
          const queue = new ShiftQueue<number>(capacity);
          const reading = read(queue);
          await pushAll(queue);
          return await reading;
        },
      },
      ...others,
    ],
  },
];
