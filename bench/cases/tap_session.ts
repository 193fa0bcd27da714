/**
 * Events for those who listen: turned away by a filter, or taken by one or two sessions, which read them in batches.
 *
 * Of the peers none has a bound, or counts what is lost, but the arrays by hand; and none hides anything.
 *
 * @module
 */
import { Tap, type TapOptions, type TapSession } from "../../tap/mod.ts";
import { type Answer, type Case, type Contestant, range, type Run } from "../case.ts";
import { BoundedArray } from "../peers/bounded_array.ts";
import { lines, lineUnits, type Row, rows } from "../tap/rows.ts";

const burst = rows.length;
const bursts = 40;
const items = burst * bursts;

type Options = TapOptions<"raw" | "decoded">;

function open(tap: Tap, where?: string): TapSession {
  return tap.open({ stage: "decoded", where })!;
}

const stringifyAlone = "JSON.stringify alone";

/** What filters turn away. */
const filters = ['level == "fatal"', 'status >= 600 and path ~ "/api/*"'] as const;

function isFatal({ level }: { readonly level: string }): boolean {
  return level === "fatal";
}

function isStrange({ status, path }: Row): boolean {
  return status >= 600 && path.startsWith("/api/");
}

const predicates = [isFatal, isStrange] as const;

function turnsAway(name: string, makes: boolean, wheres: readonly string[]): Contestant {
  return {
    name,
    load() {
      const tap = new Tap();
      const sessions = wheres.map((where) => open(tap, where));
      const seen = (): number => sessions.reduce((sum, one) => sum + one.stats().seen, 0);
      return () => {
        const before = seen();
        for (let count = 0; count < bursts; count++) {
          for (let at = 0; at < burst; at++) {
            const row = rows[at]!;
            if (makes) tap.offer("decoded", () => row);
            else tap.offer("decoded", row);
          }
        }
        const captured = sessions.reduce((sum, one) => sum + one.captured, 0);
        return { seen: seen() - before, captured };
      };
    },
  };
}

const filtersByHand = "two functions in an array, by hand";

const turnedAway: readonly Contestant[] = [
  turnsAway("weir, a value", false, filters),
  turnsAway("weir, a function that makes it", true, filters),
  turnsAway("weir, a value, twice the first filter", false, [filters[0], filters[0]]),
  {
    name: filtersByHand,
    load() {
      const readers = predicates.map((where) => ({ where, queue: new Array<string>() }));
      return () => {
        let seen = 0;
        for (let count = 0; count < bursts; count++) {
          for (let at = 0; at < burst; at++) {
            const row = rows[at]!;
            for (const { where, queue } of readers) {
              seen++;
              if (where(row)) queue.push(JSON.stringify(row));
            }
          }
        }
        return { seen, captured: readers.reduce((sum, { queue }) => sum + queue.length, 0) };
      };
    },
  },
  {
    name: stringifyAlone,
    load: () => () => {
      let seen = 0;
      for (let count = 0; count < bursts; count++) {
        for (let at = 0; at < burst; at++) {
          if (JSON.stringify(rows[at]).length === lines[at]!.length) seen += filters.length;
        }
      }
      return { seen, captured: 0 };
    },
  },
];

/** Counts what readers take. */
class Taken {
  events = 0;
  units = 0;

  take(lines: readonly string[]): void {
    this.events += lines.length;
    for (let at = 0; at < lines.length; at++) this.units += lines[at]!.length;
  }

  get answer(): Answer {
    return { events: this.events, units: this.units };
  }
}

interface Taking {
  readonly name: string;
  readonly load: (readers: number) => Run;
}

function weir(
  name: string,
  { makes = false, ...options }: Options & { readonly makes?: boolean } = {},
): Taking {
  return {
    name,
    load(readers) {
      const tap = new Tap(options);
      const sessions = range(readers).map(() => open(tap));
      return async () => {
        const taken = new Taken();
        for (let count = 0; count < bursts; count++) {
          for (let at = 0; at < burst; at++) {
            const row = rows[at]!;
            if (makes) tap.offer("decoded", () => row);
            else tap.offer("decoded", row);
          }
          for (const session of sessions) {
            const batch = await session.receiveBatch(burst);
            taken.events += batch.length;
            for (let at = 0; at < batch.length; at++) taken.units += batch[at]!.line.length;
          }
        }
        return taken.answer;
      };
    },
  };
}

/** One event at a time, as a loop reads them. */
const inLoop: Taking = {
  name: "weir, for await",
  load(readers) {
    const tap = new Tap();
    const iterators = range(readers).map(() => open(tap)[Symbol.asyncIterator]());
    return async () => {
      const taken = new Taken();
      for (let count = 0; count < bursts; count++) {
        for (let at = 0; at < burst; at++) tap.offer("decoded", rows[at]);
        for (const iterator of iterators) {
          for (let at = 0; at < burst; at++) {
            taken.events++;
            taken.units += (await iterator.next()).value.line.length;
          }
        }
      }
      return taken.answer;
    };
  },
};

const arraysByHand: Taking = {
  name: "JSON into bounded arrays, by hand",
  load(readers) {
    const arrays = range(readers).map(() => new BoundedArray<string>(8_192));
    return async () => {
      const taken = new Taken();
      for (let count = 0; count < bursts; count++) {
        for (let at = 0; at < burst; at++) {
          const line = JSON.stringify(rows[at]);
          for (const array of arrays) array.push(line);
        }
        for (const array of arrays) {
          await null;
          const batch: string[] = [];
          for (let line; (line = array.shift()) !== undefined;) batch.push(line);
          taken.take(batch);
        }
      }
      return taken.answer;
    };
  },
};

/** What people write: everybody who reads has a stream, and its controller is in a set. */
const streamsByHand: Taking = {
  name: "JSON into a Set of stream controllers, by hand",
  load(readers) {
    const controllers = new Set<ReadableStreamDefaultController<string>>();
    const streams = range(readers).map(() =>
      new ReadableStream<string>({ start: (controller) => void controllers.add(controller) })
        .getReader()
    );
    return async () => {
      const taken = new Taken();
      for (let count = 0; count < bursts; count++) {
        for (let at = 0; at < burst; at++) {
          const line = JSON.stringify(rows[at]);
          for (const controller of controllers) controller.enqueue(line);
        }
        for (const stream of streams) {
          for (let at = 0; at < burst; at++) {
            taken.events++;
            taken.units += (await stream.read()).value!.length;
          }
        }
      }
      return taken.answer;
    };
  },
};

const alone: Taking = {
  name: stringifyAlone,
  load: (readers) => () => {
    const taken = new Taken();
    for (let count = 0; count < bursts; count++) {
      for (let at = 0; at < burst; at++) {
        taken.events += readers;
        taken.units += readers * JSON.stringify(rows[at]).length;
      }
    }
    return taken.answer;
  },
};

function takenBy(readers: number): Case {
  const takings = [
    weir("weir"),
    weir("weir, a function that makes it", { makes: true }),
    weir("weir, denyNames: []", { denyNames: [] }),
    inLoop,
    arraysByHand,
    streamsByHand,
    alone,
  ];
  return {
    id: `tap/sessions-${readers}`,
    title: `an event of 230 bytes that ${
      readers === 1 ? "a session takes and its reader reads" : `${readers} sessions take and read`
    }; per event`,
    items,
    answer: { events: readers * items, units: readers * bursts * lineUnits },
    references: [alone, arraysByHand, streamsByHand].map(({ name }) => ({ peer: name })),
    contestants: takings.map(({ name, load }) => ({
      name,
      load: () => load(readers),
    })),
  };
}

/** Events that nobody wants, and events for one and for two. */
export const cases: readonly Case[] = [
  {
    id: "tap/turned-away",
    title: "an event that two sessions turn away by their filters; per event",
    items,
    answer: { seen: filters.length * items, captured: 0 },
    references: [{ peer: filtersByHand }, { peer: stringifyAlone }],
    contestants: turnedAway,
  },
  takenBy(1),
  takenBy(2),
];
