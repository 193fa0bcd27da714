/**
 * A process that says that somebody is there, and hears of others: `SETUP`, a {@linkcode MemberSetup} as JSON. Everything that it learns is a line of
 * JSON on standard output, a {@linkcode MemberLine}; what it is told is a line of JSON on standard input, a {@linkcode MemberCommand}. It ends
 * with its standard input.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import {
  announce,
  type Announcer,
  Fold,
  type FoldAnnouncement,
  type FoldChange,
  FoldRegistry,
  Generations,
  importIdentity,
  nodeIdOf,
  type Presence,
  presenceKind,
  signAnnouncement,
} from "../../fold/mod.ts";
import { mappedStorage } from "../../ring/mapped.ts";
import { bytesCodec, EventRing, Ring } from "../../ring/mod.ts";
import { type MemberCommand, type MemberLine, type MemberSetup, ringSpec } from "./_members.ts";

const setup: MemberSetup = JSON.parse(process.argv[2]!);
const { user, ttlMs, everyMs } = setup;
const kind = presenceKind<string>({ ttlMs });
const fold = new Fold(kind);
const own = await importIdentity(Uint8Array.from(setup.key));
// An impostor signs with its own key, and says that it is somebody else.
const identity = { ...own, node: setup.pretends ?? own.node };
const trusted = new Map<string, Uint8Array>();
for (const key of setup.trusted) {
  const publicKey = Uint8Array.from(key);
  trusted.set(await nodeIdOf(publicKey), publicKey);
}
const registry = new FoldRegistry({
  publicKeyOf: (node) => trusted.get(node),
  onRefused: (reason) => say({ type: "refused", reason }),
});
registry.register(fold);

function say(line: MemberLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function watch(changes: AsyncIterable<FoldChange<string, Presence<string>>>): Promise<void> {
  for await (const change of changes) {
    if (change.type === "snapshot" || change.type === "resync") continue;
    const { type, key, entry: { node, generation, payload, receivedAt, expiresAt } } = change;
    const reason = "reason" in change ? change.reason : undefined;
    const { user, meta } = payload;
    const now = fold.now;
    say({ type, key, node, generation, user, meta, receivedAt, expiresAt, now, reason });
  }
}

/** Takes what has come, from whom the connection says or, without one, from whom `publicKeyOf` says. */
async function take(bytes: Uint8Array, publicKey?: Uint8Array): Promise<void> {
  const { outcome, reason } = await registry.dispatch(bytes, publicKey);
  if (outcome === "rejected") say({ type: "rejected", reason: reason! });
}

/** How bytes go to the others. */
interface Link {
  send(bytes: Uint8Array): void;
  connect(port: number): void;
}

/** Everybody reads what everybody has written in a ring in a file. */
function overRing(path: string): Link {
  const ring = new Ring(mappedStorage(path, ringSpec), { node: setup.lane });
  const events = new EventRing(ring, { codec: bytesCodec });
  const follow = async (): Promise<void> => {
    // From now on: what is in the ring from before is no news.
    for await (const { node, value } of events.follow()) {
      if (node !== setup.lane) void take(value);
    }
  };
  void follow();
  return {
    send: (bytes) => void events.publish("presence", bytes),
    connect() {},
  };
}

/** Everybody has a connection to everybody else, on which its key comes first. */
async function overSockets(): Promise<Link> {
  const links = new Set<Socket>();
  const server = createServer((socket) => void receive(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  say({ type: "listening", port: (server.address() as AddressInfo).port });
  return {
    send(bytes) {
      for (const socket of links) socket.write(framed(bytes));
    },
    connect(port) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.on("close", () => links.delete(socket));
      socket.write(framed(identity.publicKey));
      links.add(socket);
    },
  };
}

async function receive(socket: Socket): Promise<void> {
  let publicKey: Uint8Array | undefined;
  try {
    for await (const frame of framesOf(socket)) {
      if (publicKey === undefined) publicKey = frame;
      else await take(frame, publicKey);
    }
  } catch {
    // It is lost, as it is when it ends.
  }
  if (publicKey === undefined || !setup.evictsLost) return;
  // Nothing of it is being checked any more: it would come after this, and bring the node back.
  fold.evictNode(await nodeIdOf(publicKey), "connection lost");
}

/** A frame is its length in four bytes, and then so many. */
function framed(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + bytes.length);
  new DataView(frame.buffer).setUint32(0, bytes.length);
  frame.set(bytes, 4);
  return frame;
}

async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  for await (const chunk of chunks) {
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    rest = bytes;
    while (rest.length >= 4) {
      const end = 4 + new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      if (rest.length < end) break;
      yield rest.slice(4, end);
      rest = rest.slice(end);
    }
  }
}

const link = setup.path === undefined ? await overSockets() : overRing(setup.path);
void watch(fold.watch());

const generations = new Generations();
function start(
  meta: string,
  ttlMs: number,
  everyMs: number,
  leave: boolean,
): Announcer<Presence<string>> {
  const send = async (announcement: FoldAnnouncement<Presence<string>>): Promise<void> => {
    const bytes = await signAnnouncement(kind, announcement, identity);
    await take(bytes, identity.publicKey);
    link.send(bytes);
  };
  const { node } = identity;
  const payload = { room: "lobby", user, meta };
  return announce(kind, payload, { node, send, ttlMs, everyMs, leave, generations });
}

async function obey(command: MemberCommand): Promise<void> {
  switch (command.do) {
    case "connect":
      return link.connect(command.port);
    case "last":
      // One last time, without an end: from then on, nothing changes.
      await announcer.close();
      announcer = start("last", 60_000, 50_000, true);
      return;
    case "leave":
      return await announcer.close();
    case "list": {
      const entries = fold.query().map(({ key, node, generation, payload }) => ({
        key,
        node,
        generation,
        payload,
      }));
      return say({
        type: "entries",
        entries: entries.sort((a, b) => a.key < b.key ? -1 : 1),
      });
    }
  }
}

let announcer = start("here", ttlMs, everyMs, false);
let rest = "";
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) await obey(JSON.parse(line));
}
process.exit(0);
