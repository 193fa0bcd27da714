/**
 * A ring between two processes, of one runtime or of both. What is measured: `bench/ring/link.ts`. The process that reads, or that times, is
 * one of the runtime that the table is of.
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
import { overMappedRing, overPipes, overSocket } from "../ring/processes.ts";
import type { RingWay } from "../ring/ring_link.ts";
import { otherRuntime, runtime } from "../runtimes.ts";

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
  const batches: RingWay = { read: "visit", batch: 256 };
  return [
    flow("weir, publish and visit", overMappedRing(visit, capacity, runtime), size),
    flow("weir, publishBatch(256) and visit", overMappedRing(batches, capacity, runtime), size),
    flow("weir, publish and follow", overMappedRing(follow, capacity, runtime), size),
    flow(
      "weir, publish and visit, from the other runtime",
      overMappedRing(visit, capacity, otherRuntime),
      size,
    ),
    flow("Unix socket, a write a message", overSocket(1, runtime), size),
    flow("Unix socket, 256 messages a write", overSocket(256, runtime), size),
    flow("pipe, 256 messages a write", overPipes(256, runtime), size),
  ];
}

function latency(name: string, connect: Connect, size: number): FigureContestant {
  return { name, measure: (ms) => measureLatency(connect, size, ms) };
}

function latencies(size: Size): FigureContestant[] {
  const capacity = capacities[size];
  return [
    latency("weir, follow", overMappedRing(follow, capacity, runtime), size),
    latency("weir, visit in a loop", overMappedRing(visit, capacity, runtime), size),
    latency(
      "weir, follow, with the other runtime",
      overMappedRing(follow, capacity, otherRuntime),
      size,
    ),
    latency(
      "weir, visit in a loop, with the other runtime",
      overMappedRing(visit, capacity, otherRuntime),
      size,
    ),
    latency("Unix socket", overSocket(1, runtime), size),
    latency("pipes", overPipes(1, runtime), size),
  ];
}

/** Both questions, for small messages and for larger ones. */
export const cases: readonly FigureCase[] = [
  {
    id: "ring/processes-flow-64",
    title: "messages of 64 bytes from another process, as fast as it can, room for 16,384",
    figures: flowFigures.map((figure) =>
      figure.name === "M/s delivered" ? { ...figure, least: 5 } : figure
    ),
    contestants: flows(64),
  },
  {
    id: "ring/processes-flow-1k",
    title: "messages of 1024 bytes from another process, as fast as it can, room for 2048",
    figures: flowFigures,
    contestants: flows(1024),
  },
  {
    id: "ring/processes-latency-64",
    title: "a message of 64 bytes between two processes, one way",
    figures: latencyFigures,
    contestants: latencies(64),
  },
  {
    id: "ring/processes-latency-1k",
    title: "a message of 1024 bytes between two processes, one way",
    figures: latencyFigures,
    contestants: latencies(1024),
  },
];
