/**
 * For how long nothing else happens while spans come and go: the loop is turned, and in each turn some end, as when requests are answered.
 *
 * @module
 */
import { SpanCache, type SpanCacheOptions } from "../../cache/mod.ts";
import { type FigureCase, type FigureContestant, WrongAnswerError } from "../case.ts";
import { idOf } from "../cache/spans.ts";
import { watchLoop } from "../fold/loop.ts";
import { npm } from "../peers.ts";

const million = 1_000_000;
/** How many end in a turn: few enough for a turn to take less than a tenth of a millisecond. */
const perTurn = 100;

const fillLongest = "filling, longest ms";
const fillP99 = "filling, p99 ms";
const evictLongest = "full, longest ms";
const evictP99 = "full, p99 ms";

const name = "load user";
const route = "/users/:id";
const event = "cache miss";

/** Holds up to a million spans. */
interface Holder {
  readonly add: (index: number) => void;
  readonly size: () => number;
  /** The number of the span that is held longest. */
  readonly oldest: () => number;
}

interface Holding {
  readonly name: string;
  readonly make: () => Holder | Promise<Holder>;
}

function weir(label: string, options: SpanCacheOptions): Holding {
  return {
    name: label,
    make() {
      const cache = new SpanCache({ capacity: million, ...options });
      return {
        add(index) {
          const span = cache.start(name, { route, index });
          span.event(event);
          span.end();
        },
        size: () => cache.size,
        oldest: () => Number(cache.page({ limit: 1 })[0]!.fields["index"]),
      };
    },
  };
}

/** What people write. */
const objects: Holding = {
  name: "objects in an array",
  make() {
    const rows: { readonly fields: { readonly route: string; readonly index: number } }[] = [];
    let next = 0;
    return {
      add(index) {
        const startMs = performance.now();
        const row = {
          id: idOf(index),
          traceId: `${idOf(index)}${idOf(index + 1)}`,
          name,
          startMs,
          durationMs: 0,
          fields: { route, index },
          events: [{ name: event, timeMs: performance.now(), fields: {} }],
        };
        row.durationMs = performance.now() - startMs;
        rows[next++ % million] = row;
      },
      size: () => rows.length,
      oldest: () => rows[next % million]!.fields.index,
    };
  },
};

/** Spans of the SDK in an array of the same size: its own exporter for memory has no bound. */
const otel: Holding = {
  name: "spans of OpenTelemetry 2.12.1 in an array",
  async make() {
    const { BasicTracerProvider, SimpleSpanProcessor } = await npm.otelSdk();
    const rows: { readonly attributes: Readonly<Record<string, unknown>> }[] = [];
    let next = 0;
    const provider = new BasicTracerProvider({
      spanProcessors: [
        new SimpleSpanProcessor({
          export(spans, done) {
            for (const span of spans) rows[next++ % million] = span;
            done({ code: 0 });
          },
          shutdown: () => Promise.resolve(),
        }),
      ],
    });
    const tracer = provider.getTracer("bench");
    return {
      add(index) {
        const span = tracer.startSpan(name, { attributes: { route, index } });
        span.addEvent(event);
        span.end();
      },
      size: () => rows.length,
      oldest: () => Number(rows[next % million]!.attributes["index"]),
    };
  },
};

/** For how long nothing happens on this machine anyway. Nothing is held but how many there would be. */
const clock: Holding = {
  name: "performance.now() 3 times alone",
  make() {
    let count = 0;
    let backwards = 0;
    return {
      add() {
        const [one, two, three] = [performance.now(), performance.now(), performance.now()];
        if (one > two || two > three) backwards++;
        count++;
      },
      size: () => backwards === 0 ? Math.min(count, million) : NaN,
      oldest: () => Math.max(0, count - million),
    };
  },
};

function pauses({ name, make }: Holding): FigureContestant {
  return {
    name,
    async measure() {
      const warmUp = await make();
      for (let index = 0; index < 50_000; index++) warmUp.add(index);
      const holder = await make();
      let next = 0;
      const until = (end: number) => (): boolean => {
        for (let count = 0; count < perTurn; count++) holder.add(next++);
        return next >= end;
      };
      const filling = await watchLoop(until(million));
      if (holder.size() !== million) throw new WrongAnswerError(`it holds ${holder.size()} spans`);
      const full = await watchLoop(until(2 * million));
      if (holder.size() !== million || holder.oldest() !== million) {
        throw new WrongAnswerError(`the oldest of ${holder.size()} spans is ${holder.oldest()}`);
      }
      return {
        [fillLongest]: filling.longestMs,
        [fillP99]: filling.p99Ms,
        [evictLongest]: full.longestMs,
        [evictP99]: full.p99Ms,
      };
    },
  };
}

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "cache/pause",
    title:
      "1,000,000 spans with 2 fields and 1 event, and a million more for which the oldest go; 100 a turn of the loop",
    figures: [fillLongest, fillP99, evictLongest, evictP99].map((name) => ({ name, digits: 1 })),
    contestants: [
      weir("weir", {}),
      weir("weir, oldest-closed", { evict: "oldest-closed" }),
      objects,
      otel,
      clock,
    ].map(pauses),
  },
];
