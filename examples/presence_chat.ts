// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * A chat that knows who is there: a fold holds an entry for each connection, and its changes are what rooms are told. A user with several tabs
 * comes once and goes once; a tab may be closed, lose its connection, or just fall silent.
 *
 * Run it with `deno run --allow-net examples/presence_chat.ts` or `bun examples/presence_chat.ts`; it plays a scene with visitors of its own, and
 * prints what one of them hears. They are in `_presence_chat_visitor.ts`, and what they connect to is in `_presence_chat_server.ts`.
 *
 * @module
 */
import { Bus } from "../bus/mod.ts";
import { Fold, type FoldEntry, type Presence, presenceKind, usersIn } from "../fold/mod.ts";
import { type Connection, type Listener, serveSockets } from "./_presence_chat_server.ts";
import { openAndLose, Visitor } from "./_presence_chat_visitor.ts";

type Status = "here" | "away";
type Entry = FoldEntry<string, Presence<Status>>;

/** A visitor says that it is there every 0.3 s, and is gone after 1.5 s. In life these would be 10 s and 30 s. */
const EVERY_MS = 300;
const TTL_MS = 1_500;

// Who is there: what is true as long as somebody says so.
const fold = new Fold(presenceKind<Status>({ ttlMs: TTL_MS }), { maxEntries: 10_000 });
// What is said: heard by whoever is in the room, and then over.
const bus = new Bus<{ room: string; text: string }>();
// To end the connection of a node that is silent.
const connections = new Map<string, Connection>();

/** Somebody connects. Each connection is a node of its own, so two tabs of a user are two entries. */
function open(url: URL, connection: Connection): Listener {
  const room = readName(url, "room");
  const user = readName(url, "user");
  const node = crypto.randomUUID();
  let generation = 0;
  let status: Status = "here";

  /** Says that it is still there; false if that was too many. */
  function announce(): boolean {
    const payload = { room, user, meta: status };
    return fold.apply({ node, generation: ++generation, payload }).outcome !== "rejected";
  }

  const hearing = bus.on({ room }, ({ text }) => connection.send(text));
  connections.set(node, connection);
  if (announce()) connection.send(`here: ${describe(room)}`);
  else connection.close(4_001, "there are too many");

  return {
    onText(text) {
      const message = parse(text);
      if (message === undefined) return connection.close(4_002, "that is no message");
      if (message.type === "status") status = message.status;
      // Whatever comes says that somebody is there.
      announce();
      if (message.type === "text") bus.publish({ room, text: `${user}: ${message.text}` });
    },
    onEnd(isClean) {
      hearing[Symbol.dispose]();
      connections.delete(node);
      if (isClean) fold.leave(node);
      else fold.evictNode(node, "connection lost");
    },
  };
}

/** Reads the name of a room or a user, which anybody may have made up. */
function readName(url: URL, name: string): string {
  return (url.searchParams.get(name) || "nobody").slice(0, 64);
}

type Message = { type: "status"; status: Status } | { type: "text"; text: string };

/** Reads what a visitor says, who may say anything. */
function parse(json: string): Message | undefined {
  try {
    const { type, status, text } = JSON.parse(json);
    if (type === "status" && (status === "here" || status === "away")) return { type, status };
    if (type === "text" && typeof text === "string") return { type, text: text.slice(0, 1_000) };
  } catch {
    // It is none.
  }
  return undefined;
}

/** Who is in a room, each user once. */
function describe(room: string): string {
  return [...usersIn(fold, room)].sort().map(([user, tabs]) => {
    const notes = tabs.length > 1 ? [`${tabs.length} tabs`] : [];
    if (statusOf(tabs) === "away") notes.push("away");
    return notes.length > 0 ? `${user} (${notes.join(", ")})` : user;
  }).join(", ");
}

/** The status of a user with these tabs: away if all of them are, and undefined if there are none. */
function statusOf(tabs: Iterable<Entry>): Status | undefined {
  let status: Status | undefined;
  for (const { payload } of tabs) status = payload.meta === "here" ? "here" : status ?? "away";
  return status;
}

/** Tells each room what has become of its users, from the changes of the fold. */
async function tellRooms(): Promise<void> {
  // The tabs of each user in each room, as of the change that was read last: the fold itself may be ahead of it.
  const users = new Map<string, Map<string, Entry>>();

  for await (const change of fold.watch()) {
    if (change.type === "snapshot" || change.type === "resync") {
      // Nobody is told of what was missed; what comes next is right again.
      users.clear();
      for (const entry of change.entries) tabsOf(entry).set(entry.key, entry);
      continue;
    }
    const { entry, key } = change;
    const { room, user } = entry.payload;
    const tabs = tabsOf(entry);
    const before = statusOf(tabs.values());
    if (change.type === "created" || change.type === "replaced") tabs.set(key, entry);
    else tabs.delete(key);
    const after = statusOf(tabs.values());

    // Most changes are that somebody is still there, of which nobody needs to hear.
    if (before !== after) {
      const reason = "reason" in change ? change.reason : undefined;
      bus.publish({ room, text: `${user} ${wordsFor(before, after, reason)}` });
    }
    if (change.type === "expired") {
      // Its connection may well be open: nobody knows that the machine at its other end was closed.
      connections.get(entry.node)?.close(4_000, "silent for too long");
    }
    if (tabs.size === 0) users.delete(userOf(entry));
  }

  function tabsOf(entry: Entry): Map<string, Entry> {
    const user = userOf(entry);
    const tabs = users.get(user) ?? new Map<string, Entry>();
    users.set(user, tabs);
    return tabs;
  }

  function userOf({ payload: { room, user } }: Entry): string {
    return JSON.stringify([room, user]);
  }
}

function wordsFor(
  before: Status | undefined,
  after: Status | undefined,
  reason: string | undefined,
): string {
  if (before === undefined) return "came";
  if (after === undefined) return reason === "left" ? "went" : `is gone: ${reason}`;
  return after === "away" ? "is away" : "is back";
}

// From here on, it is a scene.
const telling = tellRooms();
const server = serveSockets(0, open);
const address = (user: string) => `ws://127.0.0.1:${server.port}/?room=lobby&user=${user}`;
const enter = (user: string) => Visitor.enter(address(user), EVERY_MS);

/** Prints what a visitor hears up to a text. */
async function print(name: string, visitor: Visitor, text: string): Promise<void> {
  for (const heard of await visitor.hear(text)) console.log(`${name} hears  ${heard}`);
}

const eve = await enter("eve");
await print("eve", eve, "eve came");

// Two tabs of a user are one who came, and one who is there.
const first = await enter("ada");
await print("eve", eve, "ada came");
const second = await enter("ada");
await second.hear("here: ada (2 tabs), eve");
second.say("hello");
await print("eve", eve, "ada: hello");

// Somebody new is told who is there already.
const bob = await enter("bob");
await print("bob", bob, "here: ada (2 tabs), bob, eve");
await print("eve", eve, "bob came");
bob.turn("away");
await print("eve", eve, "bob is away");

// A user goes with the last tab.
await first.close();
second.say("I am still here");
await print("eve", eve, "ada: I am still here");
await second.close();
await print("eve", eve, "ada went");

// A connection that is lost is noticed by the server, at once.
const lose = await openAndLose(address("cy"));
await print("eve", eve, "cy came");
lose();
await print("eve", eve, "cy is gone: connection lost");

// A machine that was closed says nothing, and its connection stays open: time tells.
const dan = await enter("dan");
await print("eve", eve, "dan came");
dan.silence();
await print("eve", eve, "dan is gone: expired");
await dan.closed();

// Who says that it is there has not gone meanwhile.
bob.turn("here");
await print("eve", eve, "bob is back");

await bob.close();
await eve.close();
// The server hears of a goodbye a little after who said it.
while (fold.size > 0) await fold.changed();
await server.stop();
const { inserted, evicted, expired } = fold.stats();
const closed = inserted - evicted - expired;
console.log(`${inserted} connections: ${closed} closed, ${evicted} lost, ${expired} fell silent`);
fold.close();
await telling;
