// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * Events that say less than their listeners need: a login says which user a session is of, and all that comes later says only the session.
 * The bus remembers, in a bounded table, and fills in what is missing before it looks who asked for what.
 *
 * Run it with `deno run examples/bus_late_bind.ts` or `bun examples/bus_late_bind.ts`.
 *
 * @module
 */
import { Bus, lateBind } from "../bus/mod.ts";

interface Action {
  readonly type: "login" | "view" | "buy" | "logout";
  readonly session: string;
  readonly user?: string;
}

const sessions = lateBind<Action, string>({
  // The session that nobody has heard of for the longest time goes first.
  capacity: 2,
  teach: ({ type, session, user }) => {
    if (type !== "login") return undefined;
    if (user === undefined) throw new Error(`a login of session ${session} without a user`);
    return { key: session, value: user };
  },
  lacks: ({ session, user }) => user === undefined ? session : undefined,
  // Another object: the first is its publisher's.
  fill: (action, user) => ({ ...action, user }),
});

const bus = new Bus<Action>({
  bind: sessions,
  onError: (error) => console.log(`unusable: ${(error as Error).message}`),
});

// By user, though hardly any event says one.
bus.on({ user: "ada" }, ({ type, session }) => console.log(`ada: ${type} (${session})`));
bus.on({ type: "buy" }, ({ user }) => console.log(`sold to ${user ?? "somebody"}`));
bus.on({ type: "logout" }, ({ session }) => sessions.forget(session));

const actions: readonly Action[] = [
  { type: "login", session: "s1", user: "ada" },
  { type: "login", session: "s2", user: "grace" },
  { type: "view", session: "s1" },
  { type: "buy", session: "s2" },
  { type: "login", session: "s3" },
  // There is room for two: s1 was heard of before s2, and goes.
  { type: "login", session: "s4", user: "alan" },
  { type: "buy", session: "s1" },
  { type: "logout", session: "s2" },
  { type: "buy", session: "s2" },
];
for (const action of actions) bus.publish(action);

const { size, taught, filled, unknown, evicted, unusable } = sessions.stats();
console.log(`${taught} taught, ${filled} filled in, ${unknown} unknown`);
console.log(`${size} remembered, ${evicted} evicted, ${unusable} unusable`);
