/**
 * What is left of tracing where nothing is recorded.
 *
 * @module
 */
import { SpanCache, type SpanCacheOptions } from "../../cache/mod.ts";
import { telemetry } from "../cache/telemetry.ts";
import type { Answer, Case, Contestant, Run } from "../case.ts";
import { npm, type OtelTracer } from "../peers.ts";

const items = 65_536;

const name = "load user";
const route = "/users/:id";
const event = "cache miss";

/** How many spans were begun, and how many of them were recorded. */
function answer(begun: number, recorded: number): Answer {
  return { begun, recorded };
}

function weir(label: string, options: SpanCacheOptions): Contestant {
  return {
    name: label,
    load() {
      const cache = new SpanCache(options);
      return refusals(cache, () => {
        for (let index = 0; index < items; index++) {
          const span = cache.start(name, { route, index });
          span.event(event);
          span.end();
        }
      });
    },
  };
}

/** The same by a function that is called in the span. */
const inSpan: Contestant = {
  name: "weir, level off, span",
  load() {
    const cache = new SpanCache({ level: "off" });
    let sum = 0;
    const call = (): number => ++sum;
    return refusals(cache, () => {
      for (let index = 0; index < items; index++) cache.span(name, { route, index }, call);
    });
  },
};

/** Runs, and answers by what the cache counts that it did not record. */
function refusals(cache: SpanCache, run: () => void): Run {
  const count = (): number => {
    const { level, chance } = cache.stats().refused;
    return level + chance;
  };
  return () => {
    const before = count();
    run();
    return answer(count() - before, cache.stats().opened);
  };
}

function otel(label: string, make: () => Promise<OtelTracer>): Contestant {
  return {
    name: label,
    async load() {
      const tracer = await make();
      return () => {
        let recorded = 0;
        let begun = 0;
        for (let index = 0; index < items; index++) {
          const span = tracer.startSpan(name, { attributes: { route, index } });
          span.addEvent(event);
          span.end();
          begun++;
          if (span.isRecording()) recorded++;
        }
        return answer(begun, recorded);
      };
    },
  };
}

/** What does nothing. */
class Nothing {
  calls = 0;

  start(_name: string, _fields: { readonly route: string; readonly index: number }): this {
    this.calls++;
    return this;
  }

  event(_name: string): void {}

  end(): void {}
}

const empty: Contestant = {
  name: "three calls that do nothing",
  load() {
    const nothing = new Nothing();
    return () => {
      const before = nothing.calls;
      for (let index = 0; index < items; index++) {
        const span = nothing.start(name, { route, index });
        span.event(event);
        span.end();
      }
      return answer(nothing.calls - before, 0);
    };
  },
};

const proxy = "OpenTelemetry API 1.10.0, no SDK";

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "cache/off",
    title: "a span with 2 fields and 1 event that is not recorded; per span",
    items,
    answer: answer(items, 0),
    references: [{ peer: empty.name }, { peer: proxy }],
    contestants: [
      weir("weir, level off", { level: "off" }),
      weir("weir, chance 0", { chance: 0 }),
      inSpan,
      otel(proxy, async () => (await npm.otelApi()).trace.getTracer("bench")),
      otel("OpenTelemetry 2.12.1, AlwaysOffSampler", async () => {
        const { AlwaysOffSampler } = await npm.otelSdk();
        return (await telemetry("batch", new AlwaysOffSampler())).tracer;
      }),
      empty,
    ],
  },
];
