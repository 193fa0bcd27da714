/**
 * Spans that have ended elsewhere: taken in one by one, and sent from one cache to another.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import {
  feedPort,
  otelSpanProcessor,
  receivePort,
  SpanCache,
  SpanDriver,
  type SpanFeedMessage,
  type SpanInput,
} from "../../cache/mod.ts";
import { batchSize } from "../cache/telemetry.ts";
import { type Case, type Contestant, prepared, range } from "../case.ts";
import { npm } from "../peers.ts";

const items = 8_192;

/** In whose span those are of which that is said: in the last one of eight, which comes behind them, or in one that never comes. */
type Parents = "come" | "never come" | "none";

/** Spans of which no two have the same id, ever. */
function makeInputs(parents: Parents): () => SpanInput[] {
  let made = 0;
  const identify = (): Pick<SpanInput, "id" | "traceId" | "parentId"> => {
    const own = made++;
    const parent = parents === "come" ? own | 7 : own + 2 ** 32;
    return {
      id: hex(own, 16),
      traceId: hex(own >>> 3, 32),
      ...(parent === own ? {} : { parentId: hex(parent, 16) }),
    };
  };
  return () =>
    range(items).map((index): SpanInput => ({
      ...(parents === "none" ? {} : identify()),
      name: "load user",
      startMs: 1_750_000_000_000 + index,
      durationMs: 1,
      fields: { route: "/users/:id", index },
      events: [{ name: "cache miss", timeMs: 1_750_000_000_000 + index }],
    }));
}

function hex(number: number, digits: number): string {
  return `1${number.toString(16).padStart(digits - 1, "0")}`;
}

function records(label: string, parents: Parents): Contestant {
  return {
    name: label,
    load() {
      const cache = new SpanCache();
      const make = makeInputs(parents);
      return prepared(make, (inputs) => {
        const before = cache.stats().recorded;
        for (let at = 0; at < inputs.length; at++) cache.record(inputs[at]!);
        const { recorded } = cache.stats();
        const [newest] = cache.find({ limit: 1 });
        return {
          spans: recorded - before,
          newest: Number(newest!.fields["index"]),
          events: newest!.events.length,
        };
      });
    },
  };
}

/** Spans of the SDK, which are begun and ended there as well. */
const otelProcessor: Contestant = {
  name: "weir, otelSpanProcessor, with the span of the SDK",
  async load() {
    const { BasicTracerProvider } = await npm.otelSdk();
    const cache = new SpanCache();
    const processor = otelSpanProcessor(cache);
    const provider = new BasicTracerProvider({ spanProcessors: [processor as never] });
    const tracer = provider.getTracer("bench");
    return () => {
      const before = cache.stats().recorded;
      for (let index = 0; index < items; index++) {
        const span = tracer.startSpan("load user", { attributes: { route: "/users/:id", index } });
        span.addEvent("cache miss");
        span.end();
      }
      const [newest] = cache.find({ limit: 1 });
      return {
        spans: cache.stats().recorded - before,
        newest: Number(newest!.fields["index"]),
        events: newest!.events.length,
      };
    };
  },
};

/** Begun and ended here, and read by a feed as they end. */
const feedAndReceive: Contestant = {
  name: "weir, feedPort and receivePort, with the span",
  async load() {
    const { port1, port2 } = new MessageChannel();
    const main = new SpanCache();
    const driver = new SpanDriver(main);
    const receiver = receivePort(driver, port1);
    const cache = new SpanCache();
    const feed = feedPort(cache, port2);
    await Promise.resolve();
    return async () => {
      const before = main.stats().recorded;
      for (let first = 0; first < items; first += batchSize) {
        for (let index = first; index < first + batchSize; index++) {
          const span = cache.start("load user", { route: "/users/:id", index });
          span.event("cache miss");
          span.end();
        }
        feed.flush();
        // One side must not be ahead of the other by more than a main thread would let it.
        await arrived(() => main.stats().recorded - before + receiver.lost >= first + batchSize);
      }
      const [newest] = main.find({ limit: 1 });
      return {
        spans: main.stats().recorded - before,
        newest: Number(newest!.fields["index"]),
        events: newest!.events.length,
      };
    };
  },
};

/** What people write: the last objects, by their ids. */
const objects: Contestant = {
  name: "objects in a Map by id, the oldest go",
  load() {
    const rows = new Map<string, SpanInput>();
    return prepared(makeInputs("come"), (inputs) => {
      let added = 0;
      for (let at = 0; at < inputs.length; at++) {
        const input = inputs[at]!;
        if (rows.has(input.id!)) continue;
        if (rows.size >= 16_384) rows.delete(rows.keys().next().value!);
        rows.set(input.id!, input);
        added++;
      }
      const newest = rows.get(inputs.at(-1)!.id!)!;
      return {
        spans: added,
        newest: Number(newest.fields!["index"]),
        events: newest.events!.length,
      };
    });
  },
};

/** The messages alone, of spans that are there. */
const messages: Contestant = {
  name: "the same messages, and an array",
  load() {
    const { port1, port2 } = new MessageChannel();
    const rows: SpanInput[] = [];
    port1.addEventListener("message", ({ data }: MessageEvent<SpanFeedMessage>) => {
      rows.push(...data.spans);
    });
    port1.start();
    return prepared(makeInputs("come"), async (spans) => {
      rows.length = 0;
      for (let first = 0; first < items; first += 256) {
        const message: SpanFeedMessage = {
          type: "weir.spans",
          spans: spans.slice(first, first + 256),
          lost: 0,
        };
        port2.postMessage(message);
        if (first % batchSize > 0) await arrived(() => rows.length >= first + 256);
      }
      const newest = rows.at(-1)!;
      return {
        spans: rows.length,
        newest: Number(newest.fields!["index"]),
        events: newest.events!.length,
      };
    });
  },
};

async function arrived(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "cache/feed",
    title: "a span with 2 fields and 1 event comes from elsewhere; per span",
    items,
    answer: { spans: items, newest: items - 1, events: 1 },
    references: [{ peer: messages.name }],
    contestants: [
      records("weir, record", "come"),
      records("weir, record, in spans that never come", "never come"),
      records("weir, record, without ids", "none"),
      otelProcessor,
      feedAndReceive,
      objects,
      messages,
    ],
  },
];
