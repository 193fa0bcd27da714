/**
 * How much memory a span takes that is held.
 *
 * What a cache may take is asked of the system when it is made, and given by it as it is used: `B used` has what it may take, `B resident` what it has got.
 *
 * @module
 */
import { SpanCache, type SpanCacheOptions } from "../../cache/mod.ts";
import { type FigureCase, type FigureContestant, WrongAnswerError } from "../case.ts";
import { idOf } from "../cache/spans.ts";
import { memoryInUse } from "../fold/heap.ts";
import { npm } from "../peers.ts";

const million = 1_000_000;
/** Of what would take too long, or too much, with a million. It grows by the same for each. */
const some = 100_000;

const resident = "B resident";
const used = "B used";
const said = "B as it says";

const name = "load user";
const route = "/users/:id";

/** Holds spans. */
interface Holder {
  readonly add: (index: number) => void;
  /** How many are held, and the sum of the numbers that were a field of each. */
  readonly count: () => number;
  readonly sum: () => number;
  readonly bytes?: () => number;
}

interface Holding {
  readonly name: string;
  readonly make: (count: number) => Holder | Promise<Holder>;
  readonly most?: number;
}

function weir(label: string, options: (count: number) => SpanCacheOptions): Holding {
  return {
    name: label,
    make(count) {
      const cache = new SpanCache({ capacity: count, ...options(count) });
      return {
        add: (index) => cache.start(name, { route, index }).end(),
        count: () => cache.size,
        sum() {
          let sum = 0;
          let after = 0;
          for (let page; (page = cache.page({ after, limit: 1_000 })).length > 0;) {
            for (const { fields } of page) sum += Number(fields["index"]);
            after = page.at(-1)!.seq;
          }
          return sum;
        },
        bytes: () => cache.stats().bytes,
      };
    },
  };
}

const otel: Holding = {
  name: "OpenTelemetry 2.12.1, InMemorySpanExporter",
  most: some,
  async make() {
    const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = await npm.otelSdk();
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const tracer = provider.getTracer("bench");
    return {
      add: (index) => tracer.startSpan(name, { attributes: { route, index } }).end(),
      count: () => exporter.getFinishedSpans().length,
      sum: () =>
        exporter.getFinishedSpans().reduce(
          (sum, { attributes }) => sum + Number(attributes["index"]),
          0,
        ),
    };
  },
};

/** What people write. */
const objects: Holding = {
  name: "objects in an array",
  make() {
    interface Row {
      readonly id: string;
      readonly traceId: string;
      readonly parentId: string | undefined;
      readonly name: string;
      readonly startMs: number;
      readonly durationMs: number;
      readonly fields: { readonly route: string; readonly index: number };
      readonly events: readonly unknown[];
    }
    const rows: Row[] = [];
    return {
      add(index) {
        const startMs = performance.now();
        rows.push({
          id: idOf(index),
          traceId: `${idOf(index)}${idOf(index + 1)}`,
          parentId: undefined,
          name,
          startMs,
          durationMs: performance.now() - startMs,
          fields: { route, index },
          events: [],
        });
      },
      count: () => rows.length,
      sum: () => rows.reduce((sum, { fields }) => sum + fields.index, 0),
    };
  },
};

function weighs({ name, make, most = million }: Holding, count: number): FigureContestant {
  return {
    name: count === million ? name : `${name}, only 100k`,
    async measure() {
      // For the engine to compile it, and to have what it needs for that.
      const warmUp = await make(1_000);
      for (let index = 0; index < 10_000; index++) warmUp.add(index);
      const before = memoryInUse();
      const holder = await make(Math.min(count, most));
      for (let index = 0; index < count; index++) holder.add(index);
      const after = memoryInUse();
      const figures = {
        [resident]: (after.resident - before.resident) / count,
        [used]: (after.used - before.used) / count,
        ...(holder.bytes === undefined ? {} : { [said]: holder.bytes() / count }),
      };
      const sum = count * (count - 1) / 2;
      if (holder.count() !== count || holder.sum() !== sum) {
        throw new WrongAnswerError(`it holds ${holder.count()} spans of which the sum is wrong`);
      }
      return figures;
    },
  };
}

const plain = weir("weir", () => ({}));
/** Told that there are two fields, and no long texts. */
const told = weir("weir, maxBytes 64 a span", (count) => ({ maxBytes: 64 * (count + 4_096) }));

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "cache/memory",
    title: "what 1,000,000 spans with 2 fields take; per span",
    figures: [
      { name: resident, digits: 0, most: 200 },
      { name: used, digits: 0 },
      { name: said, digits: 0 },
    ],
    contestants: [
      weighs(plain, million),
      weighs(told, million),
      weighs(objects, million),
      weighs(plain, some),
      weighs(objects, some),
      weighs(otel, some),
    ],
  },
];
