/**
 * What is kept of a stage for those who come later: to keep it, to look through it, and what it takes.
 *
 * @module
 */
import { Tap } from "../../tap/mod.ts";
import {
  type Answer,
  type Case,
  type Contestant,
  type FigureCase,
  type FigureContestant,
  range,
  WrongAnswerError,
} from "../case.ts";
import { memoryInUse } from "../fold/heap.ts";
import { failureEvery, lines, type Row, rowOf, rows } from "../tap/rows.ts";

const kept = 1_000;
const items = 8_192;

/** Says what the last line was, of those that are kept. */
function answerOf(line: string | undefined, count: number): Answer {
  return { units: line?.length ?? 0, count };
}

/** A place that keeps the last lines. */
interface Keeping {
  readonly add: (row: Row) => void;
  readonly last: () => Answer | Promise<Answer>;
}

function keeps(name: string, make: () => Keeping): Contestant {
  return {
    name,
    load() {
      const { add, last } = make();
      return () => {
        for (let at = 0; at < items; at++) add(rows[at % rows.length]!);
        return last();
      };
    },
  };
}

function tapKeeps(name: string, denyNames?: readonly string[]): Contestant {
  return keeps(name, () => {
    const tap = new Tap({ backlog: kept, denyNames });
    return {
      add: (row) => tap.offer("decoded", row),
      async last() {
        using session = tap.open({ stage: "decoded", backlog: 1 })!;
        const [event] = await session.receiveBatch(1);
        const { missed } = session;
        const total = event!.seq;
        // All but the one that it has got.
        return answerOf(event?.line, missed === total - 1 ? kept : 0);
      },
    };
  });
}

const ring = "JSON into an array used as a ring, by hand";
const stringifyAlone = "JSON.stringify alone";

const keepers: readonly Contestant[] = [
  tapKeeps("weir"),
  tapKeeps("weir, denyNames: []", []),
  keeps(ring, () => {
    const lines = new Array<string>(kept).fill("");
    let count = 0;
    return {
      add: (row) => void (lines[count++ % kept] = JSON.stringify(row)),
      last: () => answerOf(lines[(count - 1) % kept], lines.length),
    };
  }),
  keeps("JSON into an array with shift, by hand", () => {
    const lines: string[] = [];
    return {
      add(row) {
        if (lines.length === kept) lines.shift();
        lines.push(JSON.stringify(row));
      },
      last: () => answerOf(lines.at(-1), lines.length),
    };
  }),
  keeps(stringifyAlone, () => {
    let last = "";
    return {
      add: (row) => void (last = JSON.stringify(row)),
      last: () => answerOf(last, kept),
    };
  }),
];

/** As many as a session finds when it is opened. */
const many: readonly Row[] = range(items).map(rowOf);

/** What it is asked for, and by hand. */
interface Question {
  readonly where?: string;
  readonly test?: (row: Row) => boolean;
  readonly newest?: number;
}

const failed: Question = {
  where: 'level == "error" and path ~ "/api/*"',
  test: ({ level, path }) => level === "error" && path.startsWith("/api/"),
};

const newest: Question = { newest: 100 };

function opens(name: string, { where, newest }: Question): Contestant {
  return {
    name,
    load() {
      const tap = new Tap({ backlog: items });
      for (const row of many) tap.offer("decoded", row);
      return () => {
        using session = tap.open({ stage: "decoded", where, backlog: newest })!;
        return { captured: session.captured };
      };
    },
  };
}

function looks(name: string, isParsed: boolean, { test, newest = Infinity }: Question): Contestant {
  return {
    name,
    load() {
      const held: readonly (Row | string)[] = isParsed
        ? many
        : many.map((row) => JSON.stringify(row));
      return () => {
        const found: unknown[] = [];
        for (let at = held.length - 1; at >= 0 && found.length < newest; at--) {
          const row = held[at]!;
          if (test?.(typeof row === "string" ? JSON.parse(row) as Row : row) ?? true) {
            found.push(row);
          }
        }
        return { captured: found.reverse().length };
      };
    },
  };
}

const parsing = "JSON in an array, parsed, by hand";

/** So many stages of one tap, since one would be little beside what comes and goes meanwhile. */
const stages = range(8).map((index) => `stage ${index}`);
const events = stages.length * items;

const used = "B used";
const resident = "B resident";

interface Holding {
  readonly name: string;
  /** Adds everything, and answers what checks that it is there. */
  readonly fill: () => () => number;
}

const holdings: readonly Holding[] = [
  {
    name: "weir",
    fill() {
      const tap = new Tap<string>({
        stages: Object.fromEntries(stages.map((stage) => [stage, "json" as const])),
        backlog: items,
        bufferEvents: events,
      });
      for (const stage of stages) {
        for (let at = 0; at < items; at++) tap.offer(stage, rowOf(at));
      }
      return () => {
        using session = tap.open({ stage: stages })!;
        return session.captured;
      };
    },
  },
  {
    name: "JSON in arrays, by hand",
    fill() {
      const arrays = stages.map(() => range(items).map((at) => JSON.stringify(rowOf(at))));
      return () => arrays.flat().length;
    },
  },
  {
    name: "objects with JSON, time and number in arrays, by hand",
    fill() {
      let seq = 0;
      const arrays = stages.map(() =>
        range(items).map((at) => ({
          seq: ++seq,
          time: Date.now(),
          line: JSON.stringify(rowOf(at)),
        }))
      );
      return () => arrays.flat().length;
    },
  },
  {
    name: "the objects themselves in arrays, by hand",
    fill() {
      const arrays = stages.map(() => range(items).map(rowOf));
      return () => arrays.flat().length;
    },
  },
];

function weighs({ name, fill }: Holding): FigureContestant {
  return {
    name,
    measure() {
      // For the engine to compile it, and to have what it needs for that.
      const warmUp = fill();
      warmUp();
      const before = memoryInUse();
      const check = fill();
      const after = memoryInUse();
      const count = check();
      if (count !== events || warmUp() !== events) {
        throw new WrongAnswerError(`it holds ${count} events`);
      }
      return Promise.resolve({
        [used]: (after.used - before.used) / events,
        [resident]: (after.resident - before.resident) / events,
      });
    },
  };
}

/** To keep, to find, and to hold. */
export const cases: readonly (Case | FigureCase)[] = [
  {
    id: "tap/backlog-offer",
    title: "an event of 230 bytes while the last 1,000 are kept and nobody listens; per event",
    items,
    answer: answerOf(lines.at(-1), kept),
    references: [{ peer: ring }, { peer: stringifyAlone }],
    contestants: keepers,
  },
  {
    id: "tap/backlog-open",
    title: "opening a session whose filter looks through 8,192 kept events; per kept event",
    items,
    answer: { captured: items / failureEvery },
    references: [{ peer: parsing }],
    contestants: [
      opens("weir", failed),
      looks(parsing, false, failed),
      looks("objects in an array, by hand", true, failed),
    ],
  },
  {
    id: "tap/backlog-newest",
    title: "opening a session that gets the newest 100 of 8,192 kept events; per event it gets",
    items: newest.newest!,
    answer: { captured: newest.newest! },
    references: [{ peer: "JSON in an array, by hand" }],
    contestants: [opens("weir", newest), looks("JSON in an array, by hand", false, newest)],
  },
  {
    id: "tap/backlog-memory",
    title: "what 8,192 events of 230 bytes take, at each of 8 stages; per event",
    figures: [used, resident].map((name) => ({ name, digits: 0 })),
    contestants: holdings.map(weighs),
  },
];
