/**
 * What all of a soak share: the bus, who is there, what is published, and the counts that the bus is held to.
 *
 * All of it is as old as the process, which runs one soak.
 *
 * @module
 */
import process from "node:process";
import { Bus, lateBind, type LateBinding } from "../../../bus/mod.ts";
import { type Happening, Random, Recent, Sessions, topics, type Wish } from "./model.ts";

/** How many events the bus keeps. */
export const historyCapacity = 1_000;
/** How many sessions the bus knows the users of. */
export const bindCapacity = 1_000;

/** Decides who comes and goes, from the seed that the program was started with. */
export const random: Random = new Random(Number(process.argv[3]));

/** What was wrong, with the first example and how often it was. */
export const problems: Map<string, { readonly first: string; count: number }> = new Map();
/** How often something was wrong. */
export let problemCount = 0;

/** Notes a problem if something is not what it should be. */
export function expect(is: unknown, should: unknown, what: string): void {
  if (Object.is(is, should)) return;
  problemCount++;
  const known = problems.get(what);
  if (known !== undefined) known.count++;
  else problems.set(what, { first: `${is} instead of ${should}`, count: 1 });
}

/** Somebody who hears of events, and what was counted for them. */
export interface Member {
  readonly wish: Wish;
  /** Whether it still hears of events. */
  readonly hears: () => boolean;
  /** Called with each event that is wanted, before it is published, while it hears of them. */
  readonly expect: (id: number, isSent: boolean) => void;
  /** Reads, if it is time for it. */
  readonly step?: () => void;
  /** Ends it, and checks what can be checked at once. Who cannot be ended is there until it is over. */
  readonly end?: () => void | Promise<void>;
  /** Whether it has ended by itself. */
  readonly isOver: () => boolean;
}

/** The sessions that there should be. */
export const sessions: Sessions = new Sessions(300);
/** What the history of the bus should be. */
export const recent: Recent = new Recent(historyCapacity);
/** What the bus should have counted. */
export const totals = { published: 0, offered: 0, delivered: 0, lagged: 0, errors: 0 };
/** What its late binding should have counted. */
export const taught = { taught: 0, filled: 0, unknown: 0 };

/** Fills in users. */
export const binding: LateBinding<Happening> = lateBind<Happening, string>({
  capacity: bindCapacity,
  teach: ({ type, session, user }) =>
    type === "login" && user !== undefined ? { key: session, value: user } : undefined,
  lacks: ({ session, user }) => user === undefined ? session : undefined,
  fill: (event, user) => ({ ...event, user }),
});

/** How many errors the bus has told. */
export let reported = 0;
/** The bus that is held to all this. */
export const bus: Bus<Happening> = new Bus<Happening>({
  bind: binding,
  history: historyCapacity,
  fields: ["type", "topic", "session", "user", "detail", "id"],
  onError: () => {
    reported++;
  },
});

/** Who is there. */
export const members: Set<Member> = new Set();
/** What runs on behind the members: their readers. */
export const running: Set<Promise<void>> = new Set();

/** Lets something run on behind the members, which must not fail. */
export function run(what: string, body: () => Promise<void>): void {
  const promise = body().catch((error) => expect(String(error), "no error", what)).finally(() =>
    running.delete(promise)
  );
  running.add(promise);
}

/** Publishes, after everybody's expectations were counted. */
export function publish(type: string, isSent: boolean): void {
  const isStranger = random.below(50) === 0;
  const isLogin = type === "login";
  const { session, user } = isLogin ? sessions.begin(random) : sessions.any(random);
  const event: Happening = {
    type,
    topic: random.of(topics),
    session: isStranger && !isLogin ? `stranger-${random.below(1e9)}` : session,
    detail: { level: random.below(8) },
    id: ++totals.published,
    ...(isLogin ? { user } : {}),
  };
  const known = isStranger && !isLogin ? undefined : user;
  if (isLogin) taught.taught++;
  else if (known === undefined) taught.unknown++;
  else taught.filled++;
  recent.add(event, known);
  for (const { wish, hears, expect } of members) {
    if (!hears()) continue;
    if (wish.wants(event, known)) expect(event.id, isSent);
    else if (wish.throws(event, known)) totals.errors++;
  }
  if (isSent) run("send", async () => void await bus.send(event));
  else bus.publish(event);
}

/** Waits, while others have their turns. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
