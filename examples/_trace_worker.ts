/**
 * A worker of `trace_workers.ts`: does what it is told in the span of whoever tells it, and sends all spans of that.
 *
 * @module
 */
import { feedPort, type MessagePortLike, SpanCache, type TraceContext } from "../cache/mod.ts";

declare const self: MessagePortLike;

const cache = new SpanCache({ capacity: 1_000 });
const feed = feedPort(cache, self);

self.addEventListener(
  "message",
  async ({ data }: MessageEvent<{ picture: string; context: TraceContext }>) => {
    const { picture, context } = data;
    await cache.span("resize", { picture }, async (span) => {
      for (const step of ["decode", "scale", "encode"]) {
        await cache.span(step, () => new Promise((resolve) => setTimeout(resolve, 5)));
      }
      span.set("bytes", 70_000);
    }, { parent: context });
    // What there is goes at once, before the worker is ended.
    feed.close();
    self.postMessage("done");
  },
);
self.postMessage("ready");
