/**
 * Finding entries by what they say: by an index, or by looking at all of them.
 *
 * @module
 */
import { Fold } from "../../fold/mod.ts";
import { timeInTurn, type Work } from "../bus/timing.ts";
import {
  type FigureCase,
  type FigureContestant,
  type Figures,
  range,
  WrongAnswerError,
} from "../case.ts";
import {
  type Client,
  idOf,
  indexedClients,
  longMs,
  nodeOf,
  roomOf,
  stateOf,
} from "../fold/announcements.ts";
import { npm } from "../peers.ts";

/** Which clients to find. */
interface Question {
  readonly room?: string;
  readonly state?: Client["state"];
  readonly limit?: number;
}

interface Row {
  readonly payload: Client;
}

type Find = (question: Question) => readonly Row[];

interface Finder {
  readonly name: string;
  /** Holds the clients, and answers what finds them. */
  readonly make: (clients: readonly Client[]) => Find | Promise<Find>;
  /** The most that it can find something among in time; without it, all. */
  readonly largest?: number;
}

/** Clients of which a hundred are in the room that is asked for. */
function clientsOf(count: number): Client[] {
  return range(count).map((index) => ({
    id: idOf(index),
    room: roomOf(index, count),
    state: stateOf(index),
    load: index % 100,
  }));
}

const room = roomOf(7, 1_000);
const inRoom: Question = { room };
const busyInRoom: Question = { room, state: "busy" };
const tenBusy: Question = { state: "busy", limit: 10 };

const questions: readonly (readonly [name: string, count: number, question: Question])[] = [
  ["100 of 1k", 1_000, inRoom],
  ["100 of 100k", 100_000, inRoom],
  ["100 of 1M", 1_000_000, inRoom],
  ["67 of 1M by both", 1_000_000, busyInRoom],
  ["10 of 667k", 1_000_000, tenBusy],
];

/** Looks at one after the other. */
function scan(rows: Iterable<Row>, { room, state, limit = Infinity }: Question): readonly Row[] {
  const found: Row[] = [];
  for (const row of rows) {
    const { payload } = row;
    if (room !== undefined && payload.room !== room) continue;
    if (state !== undefined && payload.state !== state) continue;
    if (found.push(row) >= limit) break;
  }
  return found;
}

const finders: readonly Finder[] = [
  {
    name: "weir, indexes",
    make(clients) {
      const fold = new Fold(indexedClients, { maxEntries: clients.length });
      for (const [index, payload] of clients.entries()) {
        fold.apply({ node: nodeOf(index, clients.length), generation: 1, payload });
      }
      return ({ room, state, limit }) => fold.query({ by: { room, state }, limit });
    },
  },
  {
    name: "weir, where",
    largest: 100_000,
    make(clients) {
      const fold = new Fold(indexedClients, { maxEntries: clients.length });
      for (const [index, payload] of clients.entries()) {
        fold.apply({ node: nodeOf(index, clients.length), generation: 1, payload });
      }
      return ({ room, state, limit }) =>
        fold.query({
          where: ({ payload }) =>
            (room === undefined || payload.room === room) &&
            (state === undefined || payload.state === state),
          limit,
        });
    },
  },
  {
    name: "a Map of objects, a scan",
    make(clients) {
      const expiresAt = performance.now() + longMs;
      const rows = new Map(clients.map((payload) => [payload.id, { payload, expiresAt }]));
      return (question) => scan(rows.values(), question);
    },
  },
  {
    name: "lru-cache 11.3.6, a scan of values()",
    largest: 100_000,
    async make(clients) {
      const { LRUCache } = await npm.lruCache();
      const cache = new LRUCache<string, Row>({ max: clients.length, ttl: longMs });
      for (const payload of clients) cache.set(payload.id, { payload });
      return (question) => scan(cache.values(), question);
    },
  },
];

/** Throws unless what is found is what there is. */
function check(find: Find, clients: readonly Client[], question: Question): number {
  const { room, state, limit = Infinity } = question;
  const right = new Set(
    clients.filter((client) =>
      (room === undefined || client.room === room) &&
      (state === undefined || client.state === state)
    ),
  );
  const found = new Set(find(question).map(({ payload }) => payload));
  const size = Math.min(right.size, limit);
  if (found.size !== size || !found.isSubsetOf(right)) {
    throw new WrongAnswerError(`found ${found.size} clients instead of ${size}`);
  }
  return size;
}

/** Asks as often as it takes for the clock to cost little. */
function workOf(find: Find, right: number, question: Question): Work {
  const start = performance.now();
  find(question);
  const items = Math.ceil(0.2 / (performance.now() - start));
  let found = 0;
  return {
    items,
    run() {
      for (let item = 0; item < items; item++) found += find(question).length;
    },
    reset() {
      if (found !== items * right) throw new WrongAnswerError(`found ${found} clients`);
      found = 0;
    },
  };
}

async function ask({ make, largest = Infinity }: Finder, ms: number): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const count of new Set(questions.map(([, count]) => count))) {
    if (count > largest) break;
    const clients = clientsOf(count);
    const find = await make(clients);
    const asked = questions.filter(([, size]) => size === count);
    const works = asked.map(([, , question]) =>
      workOf(find, check(find, clients, question), question)
    );
    const times = timeInTurn(ms, works);
    for (const [at, [name]] of asked.entries()) figures[name] = times[at]! / 1e3;
  }
  return figures;
}

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/query",
    title: "so many entries are found among so many; µs for each query",
    figures: questions.map(([name]) => ({ name, digits: 2 })),
    contestants: finders.map((finder): FigureContestant => ({
      name: finder.name,
      measure: (ms) => ask(finder, ms / 5),
    })),
  },
];
