/**
 * What a publish costs more with something that is done to every event before it is matched.
 *
 * @module
 */
import { Bus, type BusOptions, lateBind, ringHistory } from "../../bus/mod.ts";
import { EventRing, memoryStorage, Ring } from "../../ring/mod.ts";
import { timeInTurn } from "../bus/timing.ts";
import { type FigureCase, type FigureContestant, range, WrongAnswerError } from "../case.ts";

/** An event of a session, whose user is known once one event has said it. */
interface Click {
  readonly type: "login" | "click";
  readonly tenant: string;
  readonly session: string;
  readonly user?: string;
  readonly id: number;
}

const sessions = 1_000;
const burst = 1_000;

function userOf(session: number): string {
  return `user-${session % 50}`;
}

function clickOf(index: number): Click {
  return { type: "click", tenant: "t1", session: `session-${(index * 7) % sessions}`, id: index };
}

/** Events that lack their user. */
const bare: readonly Click[] = JSON.parse(JSON.stringify(range(burst).map(clickOf)));
/** Events that have it already. */
const full: readonly Click[] = JSON.parse(
  JSON.stringify(range(burst).map((index) => ({ ...clickOf(index), user: userOf(index) }))),
);
const logins: readonly Click[] = range(sessions).map((session) => ({
  type: "login",
  tenant: "t1",
  session: `session-${session}`,
  user: userOf(session),
  id: -1,
}));

const added = "ns added";
const withIt = "ns with";
const without = "ns without";
const figures = [added, withIt, without].map((name) => ({ name, digits: 1 }));

interface Added {
  readonly options: BusOptions<Click>;
  readonly events: readonly Click[];
  /** What is published before. */
  readonly before?: readonly Click[];
  /** Whether every event has its user when it arrives. */
  readonly hasUsers?: boolean;
}

/** What a publish to one listener costs with options, and without. */
function compare(name: string, start: () => Added): FigureContestant {
  return {
    name,
    measure(ms) {
      const { options, events, before = [], hasUsers = false } = start();
      const seen = new Int32Array(2);
      const listen = (options: BusOptions<Click>): Bus<Click> => {
        const bus = new Bus<Click>({
          ...options,
          onError(error) {
            throw error;
          },
        });
        for (const event of before) bus.publish(event);
        bus.on({ type: events[0]!.type }, ({ user }) => {
          seen[0]!++;
          if (user !== undefined) seen[1]!++;
        });
        return bus;
      };
      const work = (bus: Bus<Click>, users: number) => ({
        items: events.length,
        run() {
          for (let at = 0; at < events.length; at++) bus.publish(events[at]!);
        },
        reset() {
          const [count, known] = seen;
          seen.fill(0);
          if (count === events.length && known === users) return;
          throw new WrongAnswerError(`${count} events arrived, of which ${known} had a user`);
        },
      });
      const known = events.filter(({ user }) => user !== undefined).length;
      const [more, less] = timeInTurn(ms, [
        work(listen(options), hasUsers ? events.length : known),
        work(listen({}), known),
      ]);
      return Promise.resolve({ [added]: more! - less!, [withIt]: more!, [without]: less! });
    },
  };
}

function bindBy(keyOf: (event: Click) => string | readonly string[]): BusOptions<Click> {
  return {
    bind: lateBind<Click, string>({
      capacity: 2 * sessions,
      teach: (event) =>
        event.type === "login" && event.user !== undefined
          ? { key: keyOf(event), value: event.user }
          : undefined,
      lacks: (event) => event.user === undefined ? keyOf(event) : undefined,
      fill: (event, user) => ({ ...event, user }),
    }),
  };
}

const bySession = ({ session }: Click): string => session;

/** What people write instead: a table without a bound. */
function tableByHand(): BusOptions<Click> {
  const users = new Map<string, string>();
  return {
    bind: {
      apply(event) {
        if (event.type === "login" && event.user !== undefined) {
          users.set(event.session, event.user);
          return event;
        }
        if (event.user !== undefined) return event;
        const user = users.get(event.session);
        return user === undefined ? event : { ...event, user };
      },
    },
  };
}

/** What people write instead: an array whose oldest goes. */
function arrayByHand(capacity: number): BusOptions<Click> {
  const kept: Click[] = [];
  let last = 0;
  return {
    history: {
      add(event) {
        if (kept.length === capacity) kept.shift();
        kept.push(event);
        return ++last;
      },
      read: () => ({ records: [], missed: 0 }),
    },
  };
}

/** Late binding, and history. */
export const cases: readonly FigureCase[] = [
  {
    id: "bus/late-bind",
    title: "publishing to one listener, with late binding of 1,000 keys",
    figures,
    contestants: [
      compare("weir, fills", () => ({
        options: bindBy(bySession),
        events: bare,
        before: logins,
        hasUsers: true,
      })),
      compare("weir, fills, a key of two parts", () => ({
        options: bindBy(({ tenant, session }) => [tenant, session]),
        events: bare,
        before: logins,
        hasUsers: true,
      })),
      compare("weir, nothing lacks", () => ({ options: bindBy(bySession), events: full })),
      compare("weir, nothing known", () => ({ options: bindBy(bySession), events: bare })),
      compare("weir, teaches", () => ({ options: bindBy(bySession), events: logins })),
      compare("a Map without a bound, by hand", () => ({
        options: tableByHand(),
        events: bare,
        before: logins,
        hasUsers: true,
      })),
    ],
  },
  {
    id: "bus/history",
    title: "publishing to one listener, while the last 1,000 events are kept",
    figures,
    contestants: [
      compare("weir, history: 1000", () => ({ options: { history: 1_000 }, events: full })),
      compare("weir, ringHistory in memory", () => ({
        options: {
          history: ringHistory<Click>(
            new EventRing(new Ring(memoryStorage({ capacity: 1_024, payloadCapacity: 192 }))),
            { topic: ({ type }) => type },
          ),
        },
        events: full,
      })),
      compare("an array with shift, by hand", () => ({
        options: arrayByHand(1_000),
        events: full,
      })),
    ],
  },
];
