import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  bridgePort,
  Bus,
  type BusBridge,
  BusClosedError,
  type BusErrorContext,
  type MessagePortLike,
  subject,
} from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { until } from "../tap/_wait.ts";

interface Message {
  readonly type: string;
  readonly id: number;
}

type Reported = [error: unknown, context: BusErrorContext<Message>];

/** A bus whose events and errors are written down. */
class Party {
  readonly seen: number[] = [];
  readonly reported: Reported[] = [];
  readonly bus: Bus<Message> = new Bus<Message>({
    onError: (...args) => void this.reported.push(args),
  });

  constructor() {
    this.bus.on({}, ({ id }) => void this.seen.push(id), { name: "seen" });
  }

  say(id: number, type = "order"): void {
    this.bus.publish({ type, id });
  }
}

/** A port that keeps what is sent, counts who listens, and is given messages by hand. */
class FakePort implements MessagePortLike {
  readonly sent: unknown[] = [];
  readonly listeners: Set<string> = new Set();
  starts = 0;
  problem: Error | undefined;
  readonly #target: EventTarget = new EventTarget();

  postMessage(message: unknown): void {
    if (this.problem !== undefined) throw this.problem;
    this.sent.push(structuredClone(message));
  }

  start(): void {
    this.starts++;
  }

  give(data: unknown, type = "message"): void {
    this.#target.dispatchEvent(new MessageEvent(type, { data }));
  }

  addEventListener(type: string, listener: (event: MessageEvent) => void): void {
    this.#target.addEventListener(type, listener as EventListener);
    this.listeners.add(type);
  }

  removeEventListener(type: string, listener: (event: MessageEvent) => void): void {
    this.#target.removeEventListener(type, listener as EventListener);
    this.listeners.delete(type);
  }
}

/** Two parties at the ends of a channel. */
async function withChannel(
  body: (one: Party, other: Party, ports: MessageChannel) => Promise<void>,
): Promise<void> {
  const ports = new MessageChannel();
  try {
    await body(new Party(), new Party(), ports);
  } finally {
    ports.port1.close();
    ports.port2.close();
  }
}

/** Waits for what is on its way through a channel: a message that was sent later has come. */
async function arrived(ports: MessageChannel): Promise<void> {
  for (const [from, to] of [[ports.port1, ports.port2], [ports.port2, ports.port1]] as const) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listen = ({ data }: MessageEvent): void => {
      if (data === "over") resolve();
    };
    to.addEventListener("message", listen);
    to.start();
    from.postMessage("over");
    await promise;
    to.removeEventListener("message", listen);
  }
}

const orders = (message: unknown): Message | undefined => {
  if (message === "over") return undefined;
  const { type, id } = message as Partial<Message>;
  if (typeof type !== "string" || typeof id !== "number") throw new TypeError("no event");
  return { type, id };
};

test("bridgePort() carries events both ways, in order, and none back", () =>
  withChannel(async (one, other, ports) => {
    const here = bridgePort(one.bus, ports.port1, { decode: orders });
    const there = bridgePort(other.bus, ports.port2, { decode: orders });
    for (const id of [1, 2, 3]) one.say(id);
    for (const id of [11, 12]) other.say(id);
    await until("all have come", () => one.seen.length >= 5 && other.seen.length >= 5);
    await arrived(ports);
    assertEquals(one.seen, [1, 2, 3, 11, 12]);
    assertEquals(other.seen, [11, 12, 1, 2, 3]);
    assertEquals([here.sent, here.received, here.failed], [3, 2, 0]);
    assertEquals([there.sent, there.received, there.failed], [2, 3, 0]);
    here.close();
    there.close();
  }));

test("bridgePort() carries what a handler answers to an event that came in", () =>
  withChannel(async (one, other, ports) => {
    using _here = bridgePort(one.bus, ports.port1);
    using _there = bridgePort(other.bus, ports.port2);
    other.bus.on({ type: "ask" }, ({ id }) => other.say(id, "answer"));
    const answer = one.bus.next({ type: "answer" });
    one.say(7, "ask");
    assertEquals(await answer, { type: "answer", id: 7 });
    assertEquals([one.seen, other.seen], [[7, 7], [7, 7]]);
  }));

test("bridgePort() sends what matches, and takes whatever comes", () =>
  withChannel(async (one, other, ports) => {
    using here = bridgePort(one.bus, ports.port1, { match: { type: subject("order.>") } });
    using there = bridgePort(other.bus, ports.port2, { match: { type: ["a", "b"] } });
    one.say(1, "order.created");
    one.say(2, "user");
    one.say(3, "order.paid.late");
    other.say(4, "a");
    other.say(5, "c");
    await until("they have come", () => other.seen.length === 4 && one.seen.length === 4);
    assertEquals([other.seen, one.seen], [[4, 5, 1, 3], [1, 2, 3, 4]]);
    assertEquals([here.sent, there.sent], [2, 1]);
  }));

test("bridgePort() goes one way where it is told to", () =>
  withChannel(async (one, other, ports) => {
    const sender = bridgePort(one.bus, ports.port1, { direction: "out" });
    const receiver = bridgePort(other.bus, ports.port2, { direction: "in", decode: orders });
    other.say(9);
    one.say(1);
    await until("it has come", () => other.seen.length === 2);
    assertEquals([one.seen, other.seen], [[1], [9, 1]]);
    assertEquals([sender.sent, sender.received], [1, 0]);
    assertEquals([receiver.sent, receiver.received], [0, 1]);
    // A way out does not listen, and does not start what comes in.
    const port = new FakePort();
    const out = bridgePort(one.bus, port, { direction: "out" });
    assertEquals([port.starts, port.listeners.size], [0, 0]);
    const into = bridgePort(one.bus, port, { direction: "in" });
    assertEquals([port.starts, [...port.listeners]], [1, ["message", "messageerror"]]);
    for (const bridge of [sender, receiver, out, into]) bridge.close();
    assertEquals(port.listeners.size, 0);
  }));

test("bridgePort() sends what encode makes, and publishes what decode makes", () =>
  withChannel(async (one, other, ports) => {
    using here = bridgePort(one.bus, ports.port1, {
      match: { type: "order" },
      encode: ({ type, id }) => id < 0 ? undefined : [type satisfies "order", id],
    });
    using there = bridgePort(other.bus, ports.port2, {
      decode: (message) => {
        const [type, id] = message as [string, number];
        return id === 2 ? undefined : { type, id: id * 10 };
      },
    });
    for (const id of [1, -1, 2, 3]) one.say(id);
    await until("they have come", () => other.seen.length === 2);
    assertEquals(other.seen, [10, 30]);
    assertEquals([here.sent, here.failed, there.received, there.failed], [3, 0, 2, 0]);
  }));

test("bridgePort() refuses junk by decode, which is counted and reported", () => {
  const party = new Party();
  const port = new FakePort();
  using bridge = bridgePort(party.bus, port, { decode: orders });
  const junk = [null, undefined, 7, "x", {}, [], { type: "order" }, { type: 1, id: 1 }];
  for (const message of junk) port.give(message);
  port.give({ type: "order", id: 1 });
  assertEquals([party.seen, bridge.received, bridge.failed], [[1], 1, junk.length]);
  assertEquals(party.reported.length, junk.length);
  for (const [error, context] of party.reported) {
    assertInstanceOf(error, TypeError);
    assertEquals(context.source, "bridge");
  }
});

test("bridgePort() without decode outlives whatever comes", () => {
  const party = new Party();
  party.bus.on({ type: "order" }, () => {});
  const port = new FakePort();
  using bridge = bridgePort(party.bus, port);
  // What is no object matches nothing that asks for a field.
  for (const message of [7, "x", [], new Map()]) port.give(message);
  port.give(null);
  port.give({ type: "order", id: 1 });
  assertEquals(party.seen.at(-1), 1);
  assertEquals([bridge.received, bridge.failed], [6, 0]);
});

test("bridgePort() counts and reports what cannot be cloned, and goes on", () =>
  withChannel(async (one, other, ports) => {
    using here = bridgePort(one.bus, ports.port1);
    using _there = bridgePort(other.bus, ports.port2);
    const event = { type: "order", id: 1, callback: () => {} };
    one.bus.publish(event);
    one.say(2);
    await until("the other has come", () => other.seen.length === 1);
    assertEquals([one.seen, other.seen], [[1, 2], [2]]);
    assertEquals([here.sent, here.failed], [1, 1]);
    const [error, context] = one.reported[0]!;
    assertInstanceOf(error, DOMException);
    assertEquals(error.name, "DataCloneError");
    assertEquals(context.source, "bridge");
    assertStrictEquals(context.event, event);
    assertEquals(one.bus.stats().errors, 1);
  }));

test("bridgePort() counts and reports what encode throws, and a port that cannot send", () => {
  const party = new Party();
  const port = new FakePort();
  const problem = new Error("no message");
  using bridge = bridgePort(party.bus, port, {
    encode: (event) => {
      if (event.id === 1) throw problem;
      return event;
    },
  });
  party.say(1);
  party.say(2);
  port.problem = new DOMException("closed", "InvalidStateError");
  party.say(3);
  assertEquals([bridge.sent, bridge.failed, port.sent], [1, 2, [{ type: "order", id: 2 }]]);
  assertEquals(party.reported.map(([error]) => error), [problem, port.problem]);
  assertEquals(party.reported.map(([, { event }]) => event?.id), [1, 3]);
});

test("bridgePort() counts and reports a message that cannot be read", () => {
  const party = new Party();
  const port = new FakePort();
  using bridge = bridgePort(party.bus, port);
  port.give(null, "messageerror");
  assertEquals([bridge.received, bridge.failed, party.seen], [0, 1, []]);
  const [[error, context] = []] = party.reported;
  assertInstanceOf(error, TypeError);
  assertMatch(error.message, /^Cannot receive a message: it must be readable here/);
  assertEquals(context?.source, "bridge");
});

test("bridgePort() leaves no listener when it is closed, and closing again does nothing", () => {
  const party = new Party();
  const port = new FakePort();
  const bridge = bridgePort(party.bus, port);
  assertEquals(party.bus.stats().listeners.map(({ name }) => name), ["seen", "bridge"]);
  bridge.close();
  bridge.close();
  bridge[Symbol.dispose]();
  assertEquals([bridge.closed, port.listeners.size], [true, 0]);
  assertEquals(party.bus.stats().listeners.map(({ name }) => name), ["seen"]);
  party.say(1);
  port.give({ type: "order", id: 2 });
  assertEquals([port.sent, party.seen, bridge.sent, bridge.received], [[], [1], 0, 0]);
});

test("bridgePort() ends with the bus and with the signal, and leaves no listener at either", () => {
  for (const how of ["close", "bus", "bus with a reason", "signal"]) {
    const party = new Party();
    const port = new FakePort();
    const counted = countedSignal();
    const bridge = bridgePort(party.bus, port, { signal: counted.signal });
    assertEquals([counted.added, counted.listening], [1, 1]);
    if (how === "close") bridge.close();
    else if (how === "bus") party.bus.close();
    else if (how === "signal") counted.abort();
    else party.bus.close(new Error("why"));
    port.give({ type: "order", id: 1 });
    assertEquals([how, bridge.closed, counted.listening], [how, true, 0]);
    assertEquals([port.listeners.size, party.seen, bridge.failed], [0, [], 0]);
  }
});

test("bridgePort() refuses a bus that is closed and a signal that has aborted, and listens to nothing", () => {
  const port = new FakePort();
  const closed = new Bus<Message>();
  closed.close();
  assertThrows(
    () => bridgePort(closed, port),
    BusClosedError,
    "Cannot bridge to Bus: bus is closed",
  );
  const party = new Party();
  const reason = new Error("too late");
  const counted = countedSignal({ reason });
  let thrown: unknown;
  try {
    bridgePort(party.bus, port, { signal: counted.signal });
  } catch (error) {
    thrown = error;
  }
  assertStrictEquals(thrown, reason);
  assertEquals([port.listeners.size, counted.added, port.starts], [0, 0, 0]);
  assertEquals(party.bus.stats().listeners.length, 1);
});

test("bridgePort() refuses options that are not of their kind, and leaves nothing behind", () => {
  const party = new Party();
  const port = new FakePort();
  const counted = countedSignal();
  const { signal } = counted;
  const refuse = (options: Record<string, unknown>, message: string): void => {
    assertThrows(
      () => bridgePort(party.bus, port, { signal, ...options }),
      TypeError,
      `Cannot ${message}`,
    );
  };
  for (const direction of ["", "Out", null, 1]) {
    refuse({ direction }, "bridge to Bus: direction must be one of in, out, both, received ");
  }
  for (const name of ["encode", "decode"]) {
    for (const value of [null, "x", {}]) {
      refuse({ [name]: value }, `bridge to Bus: ${name} must be a function, received `);
    }
  }
  refuse({ match: { type: undefined } }, "");
  refuse({ match: "order" }, "");
  assertEquals([port.listeners.size, port.starts, counted.listening], [0, 0, 0]);
  assertEquals(party.bus.stats().listeners.length, 1);
});

test("bridgePort() leaves nothing behind at a port that refuses a listener", () => {
  const party = new Party();
  const counted = countedSignal();
  const port = new FakePort();
  const problem = new Error("no listener of this type");
  const add = port.addEventListener.bind(port);
  port.addEventListener = (...args: Parameters<typeof add>) => {
    if (args[0] === "messageerror") throw problem;
    add(...args);
  };
  assertThrows(
    () => bridgePort(party.bus, port, { signal: counted.signal }),
    Error,
    problem.message,
  );
  assertEquals([port.listeners.size, counted.listening], [0, 0]);
  assertEquals(party.bus.stats().listeners.length, 1);
});

test("bridgePort() sends what was published before its bus was closed, as handlers get it", () => {
  const party = new Party();
  const port = new FakePort();
  party.bus.on({ type: "last" }, () => party.bus.close());
  using bridge = bridgePort(party.bus, port);
  const later: number[] = [];
  party.bus.on({}, ({ id }) => void later.push(id));
  party.say(1);
  party.say(2, "last");
  assertEquals([later, party.seen], [[1, 2], [1, 2]]);
  assertEquals(port.sent.map((event) => (event as Message).id), [1, 2]);
  assertEquals(bridge.closed, true);
});

test("bridgePort() may be ended by the event that it brings", () => {
  const party = new Party();
  const port = new FakePort();
  const bridge = bridgePort(party.bus, port);
  party.bus.once({}, () => bridge.close());
  port.give({ type: "order", id: 1 });
  port.give({ type: "order", id: 2 });
  assertEquals([party.seen, bridge.received, port.listeners.size], [[1], 1, 0]);
});

test("bridgePort() does not close its port, which another can use after it", () =>
  withChannel(async (one, other, ports) => {
    for (const id of [1, 2]) {
      using _here = bridgePort(one.bus, ports.port1, { decode: orders });
      using _there = bridgePort(other.bus, ports.port2, { decode: orders });
      one.say(id);
      await until("it has come", () => other.seen.length === id);
    }
    await arrived(ports);
    assertEquals(other.seen, [1, 2]);
  }));

test("bridgePort() of a port that is closed loses what it sends, and says so where the platform does", () =>
  withChannel(async (one, _, ports) => {
    using bridge = bridgePort(one.bus, ports.port1);
    ports.port1.close();
    one.say(1);
    await settle();
    assertEquals([one.seen, bridge.sent + bridge.failed], [[1], 1]);
  }));

test("bridgePort() brings to the queue of a subscription what came, with its bound", () => {
  const party = new Party();
  const port = new FakePort();
  using _bridge = bridgePort(party.bus, port);
  using subscription = party.bus.subscribe({ capacity: 2 });
  for (const id of [1, 2, 3]) port.give({ type: "order", id });
  assertEquals([subscription.size, subscription.lagged], [2, 1]);
});

/** Parties that are all at one broadcast channel. */
async function withBroadcast(
  count: number,
  body: (parties: Party[], bridges: BusBridge[], channels: BroadcastChannel[]) => Promise<void>,
): Promise<void> {
  const name = `weir-test-${crypto.randomUUID()}`;
  const channels = Array.from({ length: count }, () => new BroadcastChannel(name));
  const parties = channels.map(() => new Party());
  const bridges = channels.map((channel, i) =>
    bridgePort(parties[i]!.bus, channel, { decode: orders })
  );
  try {
    await body(parties, bridges, channels);
  } finally {
    for (const bridge of bridges) bridge.close();
    for (const channel of channels) channel.close();
  }
}

/** Waits for what is on its way between channels: all of them have something that one sent later. */
async function broadcast(channels: readonly BroadcastChannel[]): Promise<void> {
  for (const sender of channels) {
    const all = channels.filter((channel) => channel !== sender).map((channel) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const listen = ({ data }: MessageEvent): void => {
        if (data !== "over") return;
        channel.removeEventListener("message", listen);
        resolve();
      };
      channel.addEventListener("message", listen);
      return promise;
    });
    sender.postMessage("over");
    await Promise.all(all);
  }
}

test("bridgePort() brings each event of three parties on one BroadcastChannel to each once", () =>
  withBroadcast(3, async (parties, bridges, channels) => {
    const ids: number[] = [];
    for (let round = 0; round < 20; round++) {
      parties.forEach((party, i) => {
        party.say(100 * i + round);
        ids.push(100 * i + round);
      });
    }
    await until("all have come", () => parties.every(({ seen }) => seen.length >= 60));
    await broadcast(channels);
    const sorted = ids.sort((a, b) => a - b);
    for (const [i, { seen, reported }] of parties.entries()) {
      assertEquals([...seen].sort((a, b) => a - b), sorted, `party ${i}`);
      for (let from = 0; from < 3; from++) {
        const own = seen.filter((id) => Math.floor(id / 100) === from);
        assertEquals(own, own.toSorted((a, b) => a - b));
      }
      assertEquals(reported, []);
    }
    assertEquals(bridges.map(({ sent, received }) => [sent, received]), [
      [20, 40],
      [20, 40],
      [20, 40],
    ]);
  }));

test("bridgePort() goes on between two parties of a BroadcastChannel when the third ends", () =>
  withBroadcast(3, async (parties, bridges, channels) => {
    bridges[0]!.close();
    parties[1]!.bus.close();
    parties[2]!.say(1);
    parties[0]!.say(2);
    await broadcast(channels);
    assertEquals(parties.map(({ seen }) => seen), [[2], [], [1]]);
    const name = channels[0]!.name;
    const fourth = new Party();
    const channel = new BroadcastChannel(name);
    const bridge = bridgePort(fourth.bus, channel, { decode: orders });
    parties[2]!.say(3);
    await until("it has come", () => fourth.seen.length === 1);
    fourth.say(4);
    await until("it has come", () => parties[2]!.seen.includes(4));
    bridge.close();
    channel.close();
    assertEquals([fourth.seen, parties[2]!.seen], [[3, 4], [1, 3, 4]]);
  }));

test("bridgePort() refuses junk on a BroadcastChannel, which anybody may send", () =>
  withBroadcast(2, async ([one, other], bridges, channels) => {
    const stranger = new BroadcastChannel(channels[0]!.name);
    for (const junk of ["hello", { version: 2 }, [1]]) stranger.postMessage(junk);
    one!.say(1);
    await until("it has come", () => other!.seen.length === 1);
    stranger.close();
    assertEquals([other!.seen, bridges[1]!.failed, other!.reported.length], [[1], 3, 3]);
  }));

test("bridgePort() to a BroadcastChannel that is closed counts and reports what is lost", () =>
  withBroadcast(2, async ([one], [bridge], [channel]) => {
    channel!.close();
    one!.say(1);
    await settle();
    assertEquals([bridge!.sent, bridge!.failed], [0, 1]);
    const [error] = one!.reported[0]!;
    assert(error instanceof Error, `${error}`);
    assertEquals(error.name, "InvalidStateError");
  }));

test("bridgePort() of two buses in a line carries events on, each once", () =>
  withChannel(async (one, other, ports) => {
    // one - middle - other: what comes in on one side goes out on the other.
    const more = new MessageChannel();
    const middle = new Party();
    const bridges = [
      bridgePort(one.bus, ports.port1),
      bridgePort(middle.bus, ports.port2),
      bridgePort(middle.bus, more.port1),
      bridgePort(other.bus, more.port2),
    ];
    one.say(1);
    other.say(2);
    await until("both have come", () => one.seen.includes(2) && other.seen.includes(1));
    await settle();
    for (const bridge of bridges) bridge.close();
    more.port1.close();
    more.port2.close();
    assertEquals([one.seen, middle.seen.toSorted(), other.seen], [[1, 2], [1, 2], [2, 1]]);
  }));
