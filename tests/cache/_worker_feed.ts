/**
 * A worker with a cache of its own that is fed to whoever started it: it makes spans when it is told to, and says how its feed is doing.
 *
 * @module
 */
import {
  feedPort,
  type MessagePortLike,
  SpanCache,
  type SpanFeed,
  type SpanFeedStats,
  type TraceContext,
} from "../../cache/mod.ts";

/** What the worker is told: to make a span with some in it, and whether its feed ends with that. */
export interface WorkerTask {
  readonly name: string;
  /** The span in which it is, in the thread that asks. */
  readonly parent: TraceContext | null;
  readonly steps: number;
  /** Whether the steps wait for each other, so that the feed has its turn in between. */
  readonly isPatient: boolean;
  readonly closes: boolean;
  /** Of the cache and the feed, which are made by the first task. */
  readonly capacity: number;
  readonly lingerMs: number;
}

/** What it says when it is done; nothing but a sign of life at the beginning. */
export interface WorkerReport {
  readonly type: "report";
  readonly stats?: SpanFeedStats;
}

declare const self: MessagePortLike;

let made: { cache: SpanCache; feed: SpanFeed } | undefined;

async function work(task: WorkerTask): Promise<void> {
  const { name, parent, steps, isPatient, closes, capacity, lingerMs } = task;
  const { cache, feed } = made ??= make(capacity, lingerMs);
  await cache.span(name, { steps }, async () => {
    for (let step = 0; step < steps; step++) {
      cache.spanSync("step", { of: name, step }, (span) => span.event("half"));
      if (isPatient && step % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }, { parent });
  if (closes) feed.close();
  report(feed.stats());
}

function make(capacity: number, lingerMs: number): { cache: SpanCache; feed: SpanFeed } {
  const cache = new SpanCache({ capacity });
  return { cache, feed: feedPort(cache, self, { lingerMs, maxBatch: 64 }) };
}

function report(stats?: SpanFeedStats): void {
  self.postMessage({ type: "report", ...(stats && { stats }) } satisfies WorkerReport);
}

self.addEventListener("message", ({ data }: MessageEvent<WorkerTask>) => void work(data));
// Whoever sends before somebody listens loses it.
report();
