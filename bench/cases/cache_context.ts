/**
 * A call in a span: what is called sees the span around it, also behind an `await`.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { SpanCache } from "../../cache/mod.ts";
import {
  keepContexts,
  otelBatch,
  otelNone,
  type Processing,
  telemetry,
} from "../cache/telemetry.ts";
import type { Answer, Case, Contestant } from "../case.ts";
import { npm } from "../peers.ts";

const items = 4_096;
/** The batch processor gets time to send what it has before it has to drop anything. */
const pause = 512;

const name = "load user";

/** Calls one function in a span. Answers whether that saw the span around it. */
type Call = () => boolean;
type AsyncCall = () => Promise<boolean>;

/** How many calls there were, by what counts spans, and how many of them saw their span. */
function answer(spans: number, seen: number): Answer {
  return { spans, seen };
}

async function callAll(call: Call, flush?: () => Promise<void>): Promise<number> {
  let seen = 0;
  for (let done = 0; done < items; done += pause) {
    seen += callSome(call);
    await (flush === undefined ? undefined : flush());
  }
  return seen;
}

function callSome(call: Call): number {
  let seen = 0;
  for (let index = 0; index < pause; index++) if (call()) seen++;
  return seen;
}

async function callAllAsync(call: AsyncCall, flush?: () => Promise<void>): Promise<number> {
  let seen = 0;
  for (let done = 0; done < items; done += pause) {
    for (let index = 0; index < pause; index++) if (await call()) seen++;
    await (flush === undefined ? undefined : flush());
  }
  return seen;
}

/** Calls in spans of a cache, whose calls are made by what is passed. */
function weir(
  label: string,
  make: (cache: SpanCache) => { readonly call: Call } | { readonly callAsync: AsyncCall },
): Contestant {
  return {
    name: label,
    load() {
      const cache = new SpanCache();
      const made = make(cache);
      return async () => {
        const before = cache.stats().closed;
        const seen = await ("call" in made ? callAll(made.call) : callAllAsync(made.callAsync));
        return answer(cache.stats().closed - before, seen);
      };
    },
  };
}

function otel(label: string, processing: Processing, isAsync: boolean): Contestant {
  return {
    name: label,
    async load() {
      await keepContexts();
      const { trace } = await npm.otelApi();
      const { tracer, exporter, flush } = await telemetry(processing);
      const call: Call = () =>
        tracer.startActiveSpan(name, (span) => {
          const isSeen = trace.getActiveSpan() === span;
          span.end();
          return isSeen;
        });
      const callAsync: AsyncCall = () =>
        tracer.startActiveSpan(name, async (span) => {
          await null;
          const isSeen = trace.getActiveSpan() === span;
          span.end();
          return isSeen;
        });
      return async () => {
        exporter.count = 0;
        const seen = await (isAsync ? callAllAsync(callAsync, flush) : callAll(call, flush));
        return answer(processing === "none" ? items : exporter.count, seen);
      };
    },
  };
}

/** What the platform takes for the context alone. */
function storage(label: string, isAsync: boolean): Contestant {
  return {
    name: label,
    load() {
      const storage = new AsyncLocalStorage<object>();
      const call: Call = () => {
        const value = {};
        return storage.run(value, () => storage.getStore() === value);
      };
      const callAsync: AsyncCall = () => {
        const value = {};
        return storage.run(value, async () => {
          await null;
          return storage.getStore() === value;
        });
      };
      return async () => answer(items, await (isAsync ? callAllAsync(callAsync) : callAll(call)));
    },
  };
}

const active = (label: string): string => `${label}, startActiveSpan`;
const bare = "AsyncLocalStorage.run alone";

/** Two questions. */
export const cases: readonly Case[] = [
  {
    id: "cache/context",
    title: "a function is called in a span, and sees it; per call",
    items,
    answer: answer(items, items),
    references: [{ peer: active(otelBatch) }, { peer: bare }],
    contestants: [
      weir("weir, span", (cache) => ({
        call: () => cache.span(name, (span) => cache.current === span),
      })),
      weir("weir, spanSync", (cache) => ({
        call: () => cache.spanSync(name, (span) => cache.current === span),
      })),
      otel(active(otelBatch), "batch", false),
      otel(active(otelNone), "none", false),
      storage(bare, false),
    ],
  },
  {
    id: "cache/context-async",
    title:
      "a function that waits is called in a span, sees it when it goes on, and is waited for; per call",
    items,
    answer: answer(items, items),
    references: [{ peer: active(otelBatch) }, { peer: bare }],
    contestants: [
      weir("weir, span", (cache) => ({
        callAsync: () =>
          cache.span(name, async (span) => {
            await null;
            return cache.current === span;
          }),
      })),
      otel(active(otelBatch), "batch", true),
      otel(active(otelNone), "none", true),
      storage(bare, true),
    ],
  },
];
