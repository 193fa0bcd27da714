/**
 * A span from its beginning to its end, while the cache is full, so that for each one that ends another one goes.
 *
 * The batch processor of OpenTelemetry drops what it has no room for, and makes room only when somebody waits. So all who take part stop for a
 * moment after as many spans as it sends at a time, in which it sends them; what its exporter has got is counted, and nothing may be missing.
 *
 * @module
 */
import { SpanCache, type SpanCacheOptions } from "../../cache/mod.ts";
import { batchSize, otelBatch, otelNone, otelSimple, telemetry } from "../cache/telemetry.ts";
import type { Processing } from "../cache/telemetry.ts";
import type { Answer, Case, Contestant } from "../case.ts";

const items = 16_384;

const name = "load user";
const route = "/users/:id";
const event = "cache miss";

/** Whether a span has two fields and an event, or nothing but a name. */
type Load = "full" | "bare";

/** Records some spans, of which the first one has this number. */
type Record = (first: number, count: number) => void;

async function recordAll(record: Record, flush?: () => Promise<void>): Promise<void> {
  for (let first = 0; first < items; first += batchSize) {
    record(first, batchSize);
    await (flush === undefined ? undefined : flush());
  }
}

/** How many have ended, and which field and how many events the last one had. */
function answer(spans: number, newest: unknown, events: number): Answer {
  return { spans, newest: Number(newest ?? -1), events };
}

function weir(label: string, load: Load, options: SpanCacheOptions): Contestant {
  return {
    name: label,
    load() {
      const cache = new SpanCache({ capacity: items, ...options });
      const record: Record = load === "full"
        ? (first, count) => {
          for (let index = first; index < first + count; index++) {
            const span = cache.start(name, { route, index });
            span.event(event);
            span.end();
          }
        }
        : (first, count) => {
          for (let index = first; index < first + count; index++) cache.start(name).end();
        };
      return async () => {
        const { closed, evicted } = cache.stats();
        await recordAll(record);
        const after = cache.stats();
        const [newest] = cache.find({ limit: 1 });
        // The first run has nothing to throw out.
        const isFull = after.held === items && (closed === 0 || after.evicted === evicted + items);
        return answer(
          isFull ? after.closed - closed : NaN,
          newest!.fields["index"],
          newest!.events.length,
        );
      };
    },
  };
}

function otel(label: string, load: Load, processing: Processing): Contestant {
  return {
    name: label,
    async load() {
      const { tracer, exporter, flush } = await telemetry(processing);
      const wanted = load === "full" ? items - 1 : undefined;
      const events = load === "full" ? 1 : 0;
      const record: Record = load === "full"
        ? (first, count) => {
          for (let index = first; index < first + count; index++) {
            const span = tracer.startSpan(name, { attributes: { route, index } });
            span.addEvent(event);
            span.end();
          }
        }
        : (first, count) => {
          for (let index = first; index < first + count; index++) tracer.startSpan(name).end();
        };
      return async () => {
        exporter.count = 0;
        await recordAll(record, flush);
        // Without a processor, nobody gets them.
        if (processing === "none") return answer(items, wanted, events);
        const { newest } = exporter;
        return answer(exporter.count, newest!.attributes["index"], newest!.events.length);
      };
    },
  };
}

/** What people write: the last spans as objects in an array. It has no ids, no parents and no sums. */
function objects(load: Load): Contestant {
  interface Row {
    readonly name: string;
    readonly fields: { readonly route: string; readonly index: number } | undefined;
    readonly events: { readonly name: string; readonly time: number }[];
    readonly start: number;
    end: number;
  }
  return {
    name: "objects in an array",
    load() {
      const rows: Row[] = new Array(items);
      let next = 0;
      const record: Record = load === "full"
        ? (first, count) => {
          for (let index = first; index < first + count; index++) {
            const start = performance.now();
            const row: Row = { name, fields: { route, index }, events: [], start, end: 0 };
            row.events.push({ name: event, time: performance.now() });
            row.end = performance.now();
            rows[next++ % items] = row;
          }
        }
        : (first, count) => {
          for (let index = first; index < first + count; index++) {
            const start = performance.now();
            const row: Row = { name, fields: undefined, events: [], start, end: 0 };
            row.end = performance.now();
            rows[next++ % items] = row;
          }
        };
      return async () => {
        const before = next;
        await recordAll(record);
        const { fields, events } = rows[(next - 1) % items]!;
        return answer(next - before, fields?.index, events.length);
      };
    },
  };
}

/** What the platform takes to say when something was, as often as it is asked for a span: nothing can be faster that has such times. */
function clock(load: Load): Contestant {
  const times = load === "full" ? 3 : 2;
  return {
    name: `performance.now() ${times} times`,
    load() {
      let backwards = 0;
      const record: Record = (_first, count) => {
        let wrong = 0;
        let last = 0;
        for (let call = 0; call < count * times; call++) {
          const now = performance.now();
          if (now < last) wrong++;
          last = now;
        }
        backwards += wrong;
      };
      return async () => {
        await recordAll(record);
        return load === "full"
          ? answer(items - backwards, items - 1, 1)
          : answer(items - backwards, undefined, 0);
      };
    },
  };
}

function contestants(load: Load): Contestant[] {
  return [
    weir("weir", load, {}),
    weir("weir, oldest-closed", load, { evict: "oldest-closed" }),
    otel(otelBatch, load, "batch"),
    otel(otelSimple, load, "simple"),
    otel(otelNone, load, "none"),
    objects(load),
    clock(load),
  ];
}

/** Two questions. */
export const cases: readonly Case[] = [
  {
    id: "cache/span",
    title: "a span with 2 fields and 1 event, the cache being full; per span",
    items,
    answer: answer(items, items - 1, 1),
    references: [
      { peer: otelBatch, limit: { deno: 0.15, bun: 0.3 } },
      { peer: otelSimple },
      { peer: otelNone },
    ],
    contestants: contestants("full"),
  },
  {
    id: "cache/span-bare",
    title: "a span without fields and events, the cache being full; per span",
    items,
    answer: answer(items, undefined, 0),
    references: [{ peer: otelBatch }, { peer: otelSimple }, { peer: otelNone }],
    contestants: contestants("bare"),
  },
];
