/**
 * Asking for spans: what was slow, what failed, what else was in its trace, and how it all sums up.
 *
 * @module
 */
import { SpanCache } from "../../cache/mod.ts";
import { timeInTurn, type Work } from "../bus/timing.ts";
import {
  fill,
  HandClock,
  hasFailed,
  names,
  perTrace,
  type Row,
  rowsOf,
  shardOf,
} from "../cache/spans.ts";
import {
  type FigureCase,
  type FigureContestant,
  type Figures,
  range,
  WrongAnswerError,
} from "../case.ts";

const limit = 100;
const pageSize = 1_000;

/** What is asked. All answer numbers that are the same for all who answer. */
interface Questions {
  /** The newest ones that failed: the numbers of the spans. */
  readonly failed: () => readonly number[];
  /** The ones that took longest: how long, in milliseconds. */
  readonly slowest: () => readonly number[];
  /** The newest ones with a field that has this value: the numbers of the spans. */
  readonly field: () => readonly number[];
  /** All in the trace of one span: how many are in how many. */
  readonly trace: () => readonly number[];
  /** By name: how many there are, how many of them failed, and the 99th percentile of how long they took, of the first name. */
  readonly aggregate: () => readonly number[];
  /** One by its id. */
  readonly get: () => readonly number[];
  /** All, a page at a time: how many. */
  readonly page: () => readonly number[];
}

type Question = keyof Questions;

const columns: Readonly<Record<Question, string>> = {
  failed: "100 failed",
  slowest: "100 slowest",
  field: "100 by field",
  trace: "trace",
  aggregate: "aggregate",
  get: "get",
  page: "page all",
};

const shard = shardOf(11);

interface Answerer {
  readonly name: string;
  readonly make: (count: number) => Questions;
}

const weir: Answerer = {
  name: "weir",
  make(count) {
    const clock = new HandClock();
    const cache = new SpanCache({ capacity: count, clock });
    fill(cache, clock, count);
    const [some] = cache.page({ after: count / 2, limit: 1 });
    const { id, traceId } = some!;
    return {
      failed: () =>
        cache.find({ failed: true, limit }).map(({ fields }) => Number(fields["index"])),
      slowest: () => cache.find({ order: "slowest", limit }).map(({ durationMs }) => durationMs),
      field: () =>
        cache.find({ fields: { shard }, limit }).map(({ fields }) => Number(fields["index"])),
      trace() {
        const { roots } = cache.trace(traceId);
        return [roots.length, roots[0]!.children.length];
      },
      aggregate() {
        const rows = cache.aggregate();
        const first = rows.find(({ name }) => name === "step 0")!;
        return [rows.length, first.count, first.failed];
      },
      get: () => [Number(cache.get(id)!.fields["index"])],
      page() {
        let after = 0;
        let found = 0;
        for (let page; (page = cache.page({ after, limit: pageSize })).length > 0;) {
          found += page.length;
          after = page.at(-1)!.seq;
        }
        return [found];
      },
    };
  },
};

/** What people write: an array that is looked through. */
const objects: Answerer = {
  name: "objects in an array, and a Map by id",
  make(count) {
    const rows = rowsOf(count);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const { id, traceId } = rows[count / 2]!;
    const newest = (fits: (row: Row) => boolean): number[] => {
      const found: number[] = [];
      for (let at = rows.length - 1; at >= 0 && found.length < limit; at--) {
        if (fits(rows[at]!)) found.push(rows[at]!.fields.index);
      }
      return found;
    };
    return {
      failed: () => newest(({ hasFailed }) => hasFailed),
      slowest: () =>
        rows.toSorted((one, other) => other.durationMs - one.durationMs).slice(0, limit)
          .map(({ durationMs }) => durationMs),
      field: () => newest(({ fields }) => fields.shard === shard),
      trace() {
        const nodes = new Map(
          rows.filter((row) => row.traceId === traceId)
            .map((row) => [row.id, { row, children: [] as Row[] }]),
        );
        const roots = [];
        for (const node of nodes.values()) {
          const parent = nodes.get(node.row.parentId ?? "");
          if (parent === undefined) roots.push(node);
          else parent.children.push(node.row);
        }
        return [roots.length, roots[0]!.children.length];
      },
      aggregate() {
        const groups = [...Map.groupBy(rows, ({ name }) => name)].map(([name, all]) => {
          const times = Float64Array.from(all, ({ durationMs }) => durationMs).sort();
          return {
            name,
            count: all.length,
            failed: all.filter(({ hasFailed }) => hasFailed).length,
            totalMs: times.reduce((sum, time) => sum + time, 0),
            p99Ms: times[Math.ceil(times.length * 0.99) - 1]!,
          };
        });
        groups.sort((one, other) => other.totalMs - one.totalMs);
        const first = groups.find(({ name }) => name === "step 0")!;
        return [groups.length, first.count, first.failed];
      },
      get: () => [byId.get(id)!.fields.index],
      page() {
        let found = 0;
        for (let at = 0; at < rows.length; at += pageSize) {
          found += rows.slice(at, at + pageSize).length;
        }
        return [found];
      },
    };
  },
};

/** What is right. */
function rightOf(count: number): Readonly<Record<Question, readonly number[]>> {
  const newest = (fits: (index: number) => boolean): number[] =>
    range(count).filter(fits).reverse().slice(0, limit);
  const first = range(count).filter((index) => index % names === 0);
  return {
    failed: newest(hasFailed),
    slowest: rowsOf(count).map(({ durationMs }) => durationMs)
      .sort((one, other) => other - one).slice(0, limit),
    field: newest((index) => shardOf(index) === shard),
    trace: [1, perTrace - 1],
    aggregate: [names, first.length, first.filter(hasFailed).length],
    get: [count / 2],
    page: [count],
  };
}

function check(name: string, found: readonly number[], right: readonly number[]): void {
  if (
    found.length === right.length && found.every((one, at) => Math.abs(one - right[at]!) < 1e-3)
  ) {
    return;
  }
  throw new WrongAnswerError(
    `${name}: answered ${found.slice(0, 5)}… instead of ${right.slice(0, 5)}…`,
  );
}

/** Asks as often as it takes for the clock to cost little. */
function workOf(name: Question, ask: () => readonly number[], right: readonly number[]): Work {
  const start = performance.now();
  check(name, ask(), right);
  const items = Math.ceil(0.2 / (performance.now() - start));
  let last = right;
  return {
    items,
    run() {
      for (let item = 0; item < items; item++) last = ask();
    },
    reset: () => check(name, last, right),
  };
}

function answers({ name, make }: Answerer, count: number): FigureContestant {
  return {
    name,
    measure(ms) {
      const right = rightOf(count);
      const questions = make(count);
      const asked = Object.keys(columns) as Question[];
      const works = asked.map((name) => workOf(name, questions[name], right[name]));
      const times = timeInTurn(ms / 5, works);
      const figures: Figures = Object.fromEntries(
        asked.map((name, at) => [columns[name], times[at]! / 1e3]),
      );
      return Promise.resolve(figures);
    },
  };
}

function caseOf(id: string, count: number): FigureCase {
  return {
    id,
    title: `what is asked of ${count.toLocaleString("en")} spans; µs for each question`,
    figures: Object.values(columns).map((name) => ({ name, digits: 1 })),
    contestants: [weir, objects].map((one) => answers(one, count)),
  };
}

/** The same questions of a full cache of the size that it has without being told, and of a large one. */
export const cases: readonly FigureCase[] = [
  caseOf("cache/read", 16_384),
  caseOf("cache/read-1m", 1_000_000),
];
