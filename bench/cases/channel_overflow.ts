/**
 * A writer that never waits and a reader that is away: `trySend` into a full channel, under both dropping policies.
 *
 * @module
 */
import { Channel, type ChannelOverflow } from "../../channel/mod.ts";
import { type Answer, type Case, inOrder, mix, range } from "../case.ts";
import { npm } from "../peers.ts";
import { ArrayRing } from "../peers/array_ring.ts";

const capacity = 1024;
const values = range(102_400);
const dropped = values.length - capacity;

function weir(overflow: ChannelOverflow): Answer {
  const channel = new Channel<number>({ capacity, overflow });
  for (let index = 0; index < values.length; index++) channel.trySend(values[index]!);
  let count = 0;
  let digest = 0;
  for (;;) {
    const received = channel.tryReceive();
    if (received.state !== "ok") break;
    count++;
    digest = mix(digest, received.value);
  }
  return { count, digest, dropped: channel.dropped };
}

function drain(ring: ArrayRing<number>): Answer {
  let count = 0;
  let digest = 0;
  for (let value; (value = ring.shift()) !== undefined; count++) digest = mix(digest, value);
  return { count, digest, dropped: ring.dropped };
}

async function effectQueue(policy: "sliding" | "dropping"): Promise<() => Promise<Answer>> {
  const [Effect, Queue] = await Promise.all([npm.effect(), npm.effectQueue()]);
  return () =>
    Effect.runPromise(Effect.gen(function* () {
      const queue = yield* Queue[policy]<number, never>(capacity);
      for (let index = 0; index < values.length; index++) Queue.offerUnsafe(queue, values[index]!);
      const kept = yield* Queue.takeAll(queue);
      // It counts no drops, so what is missing counts as dropped.
      return {
        count: kept.length,
        digest: kept.reduce(mix, 0),
        dropped: values.length - kept.length,
      };
    }));
}

/** Both policies. */
export const cases: readonly Case[] = [
  {
    id: "channel/drop-oldest",
    title: "trySend into a full channel that drops the oldest, capacity 1024; per value",
    items: values.length,
    answer: { ...inOrder(values.slice(-capacity)), dropped },
    references: [{ peer: "array ring" }],
    contestants: [
      { name: "weir", load: () => () => weir("drop-oldest") },
      {
        name: "array ring",
        load: () => () => {
          const ring = new ArrayRing<number>(capacity);
          for (let index = 0; index < values.length; index++) ring.pushNewest(values[index]!);
          return drain(ring);
        },
      },
      {
        name: "array, push and shift",
        load: () => () => {
          const kept: number[] = [];
          let dropped = 0;
          for (let index = 0; index < values.length; index++) {
            if (kept.length === capacity) {
              kept.shift();
              dropped++;
            }
            kept.push(values[index]!);
          }
          return { count: kept.length, digest: kept.reduce(mix, 0), dropped };
        },
      },
      { name: "effect Queue.sliding 4.1.0", load: () => effectQueue("sliding") },
    ],
  },
  {
    id: "channel/drop-newest",
    title: "trySend into a full channel that drops the newest, capacity 1024; per value",
    items: values.length,
    answer: { ...inOrder(values.slice(0, capacity)), dropped },
    references: [{ peer: "array ring" }],
    contestants: [
      { name: "weir", load: () => () => weir("drop-newest") },
      {
        name: "array ring",
        load: () => () => {
          const ring = new ArrayRing<number>(capacity);
          for (let index = 0; index < values.length; index++) ring.pushIfRoom(values[index]!);
          return drain(ring);
        },
      },
      { name: "effect Queue.dropping 4.1.0", load: () => effectQueue("dropping") },
    ],
  },
];
