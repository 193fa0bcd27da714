/**
 * A ring between the main thread of a process and a worker. What is measured: `bench/ring/link.ts`.
 *
 * @module
 */
import type { FigureCase, FigureContestant } from "../case.ts";
import {
  type Connect,
  flowFigures,
  latencyFigures,
  measureFlow,
  measureLatency,
} from "../ring/link.ts";
import type { RingWay } from "../ring/ring_link.ts";
import {
  overBroadcastChannel,
  overPostMessage,
  overRingbuf,
  overSharedRing,
  overWords,
} from "../ring/threads.ts";

/** How many messages there is room for each way: about 2 MiB of them. */
const capacities = { 64: 16_384, 1024: 2048 } as const;
type Size = keyof typeof capacities;

const visit: RingWay = { read: "visit", batch: 1 };
const follow: RingWay = { read: "follow", batch: 1 };

function flow(name: string, connect: Connect, size: number): FigureContestant {
  return { name, measure: (ms) => measureFlow(connect, size, ms) };
}

function flows(size: Size): FigureContestant[] {
  const capacity = capacities[size];
  const poll: RingWay = { read: "poll", batch: 1 };
  const batches: RingWay = { read: "visit", batch: 256 };
  return [
    flow("weir, publish and visit", overSharedRing(visit, capacity), size),
    flow("weir, publish and poll", overSharedRing(poll, capacity), size),
    flow("weir, publish and follow", overSharedRing(follow, capacity), size),
    flow("weir, publishBatch(256) and visit", overSharedRing(batches, capacity), size),
    flow("ringbuf.js 0.4.0, spinning", overRingbuf("spin", capacity), size),
    flow("ringbuf.js 0.4.0, waitAsync by hand", overRingbuf("waitAsync", capacity), size),
    flow("postMessage", overPostMessage(), size),
    flow("BroadcastChannel", overBroadcastChannel(), size),
  ];
}

function latency(name: string, connect: Connect, size: number): FigureContestant {
  return { name, measure: (ms) => measureLatency(connect, size, ms) };
}

function latencies(size: Size): FigureContestant[] {
  const capacity = capacities[size];
  return [
    latency("weir, follow", overSharedRing(follow, capacity), size),
    latency("weir, visit in a loop", overSharedRing(visit, capacity), size),
    latency("ringbuf.js 0.4.0, spinning", overRingbuf("spin", capacity), size),
    latency("ringbuf.js 0.4.0, waitAsync by hand", overRingbuf("waitAsync", capacity), size),
    latency("postMessage", overPostMessage(), size),
    latency("BroadcastChannel", overBroadcastChannel(), size),
  ];
}

/** Both questions, for small messages and for larger ones. */
export const cases: readonly FigureCase[] = [
  {
    id: "ring/workers-flow-64",
    title: "messages of 64 bytes from a worker, as fast as it can, room for 16,384",
    figures: flowFigures,
    contestants: flows(64),
  },
  {
    id: "ring/workers-flow-1k",
    title: "messages of 1024 bytes from a worker, as fast as it can, room for 2048",
    figures: flowFigures,
    contestants: flows(1024),
  },
  {
    id: "ring/workers-latency-64",
    title: "a message of 64 bytes between a thread and its worker, one way",
    figures: latencyFigures,
    contestants: [...latencies(64), latency("two bare words, spinning", overWords(), 64)],
  },
  {
    id: "ring/workers-latency-1k",
    title: "a message of 1024 bytes between a thread and its worker, one way",
    figures: latencyFigures,
    contestants: latencies(1024),
  },
];
