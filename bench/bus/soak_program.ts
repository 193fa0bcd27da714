/**
 * One soak, on either runtime: `soak_program.ts MINUTES SEED`. Started by `bench/soak.ts`, with a garbage collector that can be called.
 *
 * About two and a half million events a minute go to a hundred subscribers, each of which lives for a moment: functions; readers that keep
 * up, that are slow, or that do not read at all, under each policy; loops, batches and streams; those who wait for one event; event
 * streams with a reader that comes back; those who begin with what was before; and subscriptions that are forgotten. Some of their code
 * throws. The bus fills in users, keeps a history, and is published to from a handler.
 *
 * What each of them should get is counted here, event by event, by functions that know nothing of the bus. Each subscriber is held to
 * `received = wanted while it was subscribed - lagged`, and those that read in turn with the publisher to the very events that they get.
 *
 * @module
 */
import process from "node:process";
import { Bus, eventStream, LaggedError, lateBind, type Subscription } from "../../bus/mod.ts";
import {
  type Happening,
  makeWish,
  Random,
  Recent,
  Sessions,
  topics,
  type Wish,
} from "./soak_model.ts";

const crowd = 100;
const eventsPerMinute = 2_500_000;
const leastPerMinute = 1_000_000;
const historyCapacity = 1_000;
const bindCapacity = 1_000;
/** How much larger the heap may be in the last quarter than in the first. */
const marginBytes = 4 * 2 ** 20;
const reportMs = 15_000;
const overflows = ["drop-newest", "drop-oldest", "wait", "disconnect"] as const;

const [minutesText, seedText] = process.argv.slice(2);
const minutes = Number(minutesText);
const random = new Random(Number(seedText));

/** What was wrong, with the first example and how often it was. */
const problems = new Map<string, { readonly first: string; count: number }>();
let problemCount = 0;

function expect(is: unknown, should: unknown, what: string): void {
  if (Object.is(is, should)) return;
  problemCount++;
  const known = problems.get(what);
  if (known !== undefined) known.count++;
  else problems.set(what, { first: `${is} instead of ${should}`, count: 1 });
}

/** Somebody who hears of events, and what was counted for them. */
interface Member {
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

const sessions = new Sessions(300);
const recent = new Recent(historyCapacity);
const totals = { published: 0, offered: 0, delivered: 0, lagged: 0, errors: 0 };
const taught = { taught: 0, filled: 0, unknown: 0 };
const kinds = new Map<string, number>();
let came = 0;

const binding = lateBind<Happening, string>({
  capacity: bindCapacity,
  teach: ({ type, session, user }) =>
    type === "login" && user !== undefined ? { key: session, value: user } : undefined,
  lacks: ({ session, user }) => user === undefined ? session : undefined,
  fill: (event, user) => ({ ...event, user }),
});
let reported = 0;
const bus = new Bus<Happening>({
  bind: binding,
  history: historyCapacity,
  fields: ["type", "topic", "session", "user", "detail", "id"],
  onError: () => {
    reported++;
  },
});
const members = new Set<Member>();
/** What runs on behind the members: their readers. */
const running = new Set<Promise<void>>();

function run(what: string, body: () => Promise<void>): void {
  const promise = body().catch((error) => expect(String(error), "no error", what)).finally(() =>
    running.delete(promise)
  );
  running.add(promise);
}

/** Publishes, after everybody's expectations were counted. */
function publish(type: string, isSent: boolean): void {
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

/** A handler that publishes, for as long as the bus is there. */
function audit(): void {
  let expected = 0;
  let called = 0;
  members.add({
    wish: {
      match: {},
      where: undefined,
      wants: ({ type, id }) => type === "order" && id % 64 === 0,
      throws: () => false,
    },
    hears: () => true,
    expect() {
      expected++;
      totals.offered++;
      totals.delivered++;
    },
    isOver() {
      expect(called, expected, "audits");
      return false;
    },
  });
  bus.on({ type: "order" }, () => {
    called++;
    publish("audit", false);
  }, { where: ({ id }) => id % 64 === 0 });
}

function addListener(): void {
  const wish = makeWish(random, sessions.users);
  const isThrowing = random.below(4) === 0;
  const most = random.below(3) === 0 ? 1 + random.below(200) : Infinity;
  const leave = new AbortController();
  const way = random.below(3);
  let expected = 0;
  let called = 0;
  let last = 0;
  const handler = ({ id }: Happening): unknown => {
    called++;
    // Events that handlers publish come behind the event that they handle, in the order of their publishing.
    expect(id > last, true, "order of a listener's events");
    last = id;
    if (called === most) listener.close();
    if (isThrowing && id % 256 === 0) throw new Error("a handler throws");
    return isThrowing && id % 256 === 1
      ? Promise.reject(new Error("the promise of a handler"))
      : undefined;
  };
  const listener = bus.on(wish.match as object, handler as never, {
    ...(wish.where === undefined ? {} : { where: wish.where as never }),
    signal: leave.signal,
  });
  members.add({
    wish,
    // It closes itself when it is called, which is later for an event that a handler has published.
    hears: () => called < most,
    expect(id) {
      if (expected === most) return;
      expected++;
      totals.offered++;
      totals.delivered++;
      if (isThrowing && id % 256 < 2) totals.errors++;
    },
    end() {
      const wasOpen = called < most;
      if (way === 0) listener.close();
      else if (way === 1) leave.abort();
      else expect(bus.unsubscribe(listener.id), wasOpen, "unsubscribe");
      expect(called, expected, "calls of a listener");
      expect(listener.closed, true, "whether a listener is closed");
    },
    isOver: () => called === most,
  });
}

/** Waits for the next event, or gives up. */
function addNext(): void {
  const wish = makeWish(random, sessions.users);
  const leave = new AbortController();
  let expected: number | undefined;
  const promise = bus.next(wish.match as object, {
    ...(wish.where === undefined ? {} : { where: wish.where as never }),
    signal: leave.signal,
  }) as Promise<Happening>;
  run("next", async () => {
    const id = await promise.then((event) => event.id, (error) => String(error));
    expect(id, expected ?? "gone", "what next answers");
  });
  members.add({
    wish,
    hears: () => expected === undefined,
    expect(id) {
      expected = id;
      totals.offered++;
      totals.delivered++;
    },
    end: () => leave.abort("gone"),
    isOver: () => expected !== undefined,
  });
}

interface Queued {
  readonly queue: Subscription<Happening>;
  readonly wish: Wish;
  readonly what: string;
  /** Ids that it begins with. */
  readonly replayed: readonly number[];
  readonly told: { lost: number };
  /** The model of its queue, for those that read in turn with the publisher. */
  readonly overflow: (typeof overflows)[number];
  readonly capacity: number;
  readonly leave: AbortController;
}

let lastRead: { readonly id: string; readonly number: number } | undefined;

function subscribe(what: string, tellsLag: boolean): Queued {
  const wish = makeWish(random, sessions.users);
  const overflow = random.of(overflows);
  const capacity = random.of([1 + random.below(8), 1 + random.below(64), 512]);
  const leave = new AbortController();
  const told = { lost: 0 };
  const begin = random.below(6);
  const replay = begin === 0 ? 1 + random.below(100) : begin === 1 ? Infinity : 0;
  const after = begin === 2 ? lastRead : undefined;
  const behind = after?.number ?? 0;
  const wanted = replay === 0 && after === undefined ? [] : recent.wanted(wish, behind);
  if (replay > 0 || after !== undefined) totals.errors += recent.throwing(wish, behind);
  const replayed = after !== undefined || replay === Infinity
    ? wanted
    : replay === 0
    ? []
    : wanted.slice(-replay);
  const queue = bus.subscribe({
    match: wish.match as object,
    ...(wish.where === undefined ? {} : { where: wish.where as never }),
    overflow,
    capacity,
    signal: leave.signal,
    name: what,
    replay,
    after: after?.id,
    onLag: tellsLag
      ? (lost) => {
        told.lost += lost;
      }
      : undefined,
  }) as Subscription<Happening>;
  expect(queue.missed, after === undefined ? 0 : recent.missed(behind), `${what}: missed`);
  expect(queue.size, replayed.length, `${what}: size of a replay`);
  totals.offered += replayed.length;
  return { queue, wish, what, replayed, told, overflow, capacity, leave };
}

/** Counts for a reader that reads whenever it likes. */
class Reader {
  expected: number;
  received = 0;
  last = 0;
  readonly #queued: Queued;

  constructor(queued: Queued) {
    this.#queued = queued;
    this.expected = queued.replayed.length;
  }

  readonly hears = (): boolean => !this.#queued.queue.closed;

  readonly expect = (): void => {
    this.expected++;
    totals.offered++;
  };

  readonly take = ({ id }: Happening): void => {
    expect(id > this.last, true, `${this.#queued.what}: order`);
    this.last = id;
    this.received++;
    this.#remember();
  };

  readonly takeBatch = (batch: readonly Happening[]): void => {
    for (const { id } of batch) {
      expect(id > this.last, true, `${this.#queued.what}: order`);
      this.last = id;
    }
    this.received += batch.length;
    this.#remember();
  };

  /** Somebody else may go on behind the event that was read last. */
  #remember(): void {
    const { lastEventId } = this.#queued.queue;
    if (random.below(64) > 0 || lastEventId === undefined) return;
    lastRead = { id: lastEventId, number: this.last };
  }

  /** What holds in the end, whatever has happened. `left` is what it has not read. */
  check(left: number, tellsLag: boolean): void {
    const { queue, what, told } = this.#queued;
    expect(this.received, this.expected - queue.lagged - left, `${what}: received`);
    expect(queue.delivered, this.received, `${what}: delivered`);
    expect(queue.offered, this.expected, `${what}: offered`);
    expect(queue.size, left, `${what}: size`);
    if (tellsLag && left === 0) expect(told.lost, queue.lagged, `${what}: losses told`);
    totals.delivered += this.received;
    totals.lagged += queue.lagged;
  }
}

/** Reads in turn with the publisher, so that what it gets can be foretold event by event. */
function addPolled(): void {
  const queued = subscribe("polled", true);
  const { queue, wish, overflow, capacity, told, leave } = queued;
  const reader = new Reader(queued);
  const front = [...queued.replayed];
  const model: number[] = [];
  const waiting: number[] = [];
  const every = 1 + random.below(20);
  const most = random.of([1, 10, 200, Infinity]);
  let lost = 0;
  let isCut = false;
  let steps = 0;
  const read = (limit: number): void => {
    for (let count = 0; count < limit; count++) {
      const next = queue.tryReceive();
      if (next.state !== "ok") {
        expect(front.length + model.length, 0, "polled: events that are not there");
        return;
      }
      expect(next.value.id, front.shift() ?? model.shift(), "polled: an event");
      if (waiting.length > 0 && model.length < capacity) model.push(waiting.shift()!);
      reader.take(next.value);
    }
  };
  members.add({
    wish,
    hears: () => !isCut,
    expect(id, isSent) {
      reader.expect();
      if (model.length < capacity && waiting.length === 0) model.push(id);
      else if (isSent && overflow === "wait") waiting.push(id);
      else {
        lost++;
        if (overflow === "drop-oldest") {
          model.shift();
          model.push(id);
        } else if (overflow === "disconnect") isCut = true;
      }
    },
    step() {
      expect(queue.closed, isCut, "polled: whether it is closed");
      expect(queue.lagged, lost, "polled: lagged");
      expect(queue.size, front.length + model.length + waiting.length, "polled: size");
      if (++steps % every === 0) read(most);
    },
    async end() {
      if (random.below(2) === 0) queue.close();
      else leave.abort();
      // Those who wait for room learn by and by that there will be none.
      await sleep(0);
      lost += waiting.splice(0).length;
      expect(queue.lagged, lost, "polled: lagged in the end");
      const isRead = random.below(2) === 0;
      if (isRead) {
        read(Infinity);
        expect(told.lost, lost, "polled: losses told");
      }
      reader.check(front.length + model.length, isRead);
    },
    isOver: () => isCut && random.below(20) === 0,
  });
}

/** A loop that keeps up, or sleeps now and then, and may leave by itself. */
function addLoop(): void {
  const tellsLag = random.below(2) === 0;
  const queued = subscribe("loop", tellsLag);
  const { queue, wish, leave } = queued;
  const reader = new Reader(queued);
  const sleepsEvery = random.of([Infinity, 100, 10]);
  const way = random.below(4);
  const most = way === 0 ? 1 + random.below(500) : Infinity;
  let isDone = false;
  run("loop", async () => {
    let isCut = false;
    try {
      for await (const event of queue) {
        reader.take(event);
        if (reader.received === most) break;
        if (reader.received % sleepsEvery === 0) await sleep(5);
      }
    } catch (error) {
      isCut = true;
      if (!(error instanceof LaggedError)) expect(error, "left", "loop: its error");
    }
    isDone = true;
    // An abort ends a loop though there are events still; all other ends are behind the last event.
    if (!isCut && reader.received < most) expect(queue.size, 0, "loop: events that were not read");
    queue.close();
    await sleep(0);
    reader.check(queue.size, tellsLag && !leave.signal.aborted && reader.received < most);
  });
  members.add({
    wish,
    hears: reader.hears,
    expect: reader.expect,
    end() {
      if (way === 1) leave.abort("left");
      else if (way === 2) bus.unsubscribe(queue.id);
      else queue.close();
    },
    isOver: () => isDone,
  });
}

/** Reads what is there, in batches. */
function addBatches(): void {
  const tellsLag = random.below(2) === 0;
  const queued = subscribe("batches", tellsLag);
  const { queue, wish } = queued;
  const reader = new Reader(queued);
  const most = random.of([1, 16, Infinity]);
  const pause = random.of([0, 0, 10]);
  let isDone = false;
  run("batches", async () => {
    try {
      for (;;) {
        const batch = await queue.receiveBatch(most);
        if (batch.length === 0) break;
        reader.takeBatch(batch);
        if (pause > 0) await sleep(pause);
      }
    } catch (error) {
      if (!(error instanceof LaggedError)) throw error;
    }
    isDone = true;
    await sleep(0);
    reader.check(0, tellsLag);
  });
  members.add({
    wish,
    hears: reader.hears,
    expect: reader.expect,
    end: () => queue.close(),
    isOver: () => isDone,
  });
}

/** Reads a stream of events, and cancels it or reads it to its end. */
function addStream(): void {
  const queued = subscribe("stream", false);
  const { queue, wish } = queued;
  const reader = new Reader(queued);
  const cancels = random.below(2) === 0;
  let isDone = false;
  const stream = queue.toReadableStream().getReader();
  let isLeaving = false;
  run("stream", async () => {
    try {
      while (!isLeaving) {
        const { done, value } = await stream.read();
        if (done) break;
        reader.take(value);
        if (random.below(50) === 0) await sleep(2);
      }
      if (isLeaving) await stream.cancel();
    } catch (error) {
      if (!(error instanceof LaggedError)) throw error;
    }
    isDone = true;
    queue.close();
    await sleep(0);
    reader.check(queue.size, false);
  });
  members.add({
    wish,
    hears: reader.hears,
    expect: reader.expect,
    end() {
      // The loop may be waiting for an event: it gets an end instead.
      if (cancels) isLeaving = true;
      queue.close();
    },
    isOver: () => isDone,
  });
}

/** Is a browser: it reads an event stream, and its lines. */
function addBrowser(): void {
  const queued = subscribe("browser", false);
  const { queue, wish } = queued;
  const { missed } = queue;
  let expected = queued.replayed.length;
  let received = 0;
  let lost = 0;
  let last = 0;
  let hasEnd = false;
  let toldMissed: number | undefined;
  let isDone = false;
  const response = eventStream(queue, {
    type: ({ type }) => type,
    heartbeatMs: 50,
    data: ({ id }) => `{"id":\n${id}}`,
  });
  const stream = response.body!.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  const understand = (block: string): void => {
    const data = block.split("\n").filter((line) => line.startsWith("data: "))
      .map((line) => line.slice(6)).join("\n");
    if (block.startsWith("event: lag")) {
      const lag = JSON.parse(data);
      if (lag.lost !== undefined) lost += lag.lost;
      else toldMissed = lag.missed;
    } else if (block.startsWith("event: end")) hasEnd = true;
    else if (data !== "") {
      const { id } = JSON.parse(data);
      expect(id > last, true, "browser: order");
      last = id;
      received++;
      const named = /^id: (.*)$/m.exec(block)![1]!;
      if (random.below(64) === 0) lastRead = { id: named, number: id };
    }
  };
  let hasBegun = false;
  let isLeaving = false;
  const pause = random.of([0, 0, 5]);
  run("browser", async () => {
    while (!isLeaving) {
      const { done, value } = await stream.read();
      if (done) break;
      hasBegun = true;
      const blocks = `${rest}${decoder.decode(value, { stream: true })}`.split("\n\n");
      rest = blocks.pop()!;
      blocks.forEach(understand);
      if (pause > 0) await sleep(pause);
    }
    isDone = true;
    if (isLeaving) await stream.cancel();
    else {
      expect(rest, "", "browser: half of an event");
      // Who is cut off has lost one event: it comes back by itself, and is told then.
      expect(lost, queued.overflow === "disconnect" ? 0 : queue.lagged, "browser: losses told");
      expect(queue.size, 0, "browser: events that were not read");
      expect(hasEnd, queued.overflow !== "disconnect" || queue.lagged === 0, "browser: its end");
    }
    if (hasBegun) expect(toldMissed ?? 0, missed, "browser: missed");
    queue.close();
    await sleep(0);
    expect(received, expected - queue.lagged - queue.size, "browser: received");
    expect(queue.delivered, received, "browser: delivered");
    totals.delivered += received;
    totals.lagged += queue.lagged;
  });
  const cancels = random.below(2) === 0;
  members.add({
    wish,
    hears: () => !queue.closed,
    expect() {
      expected++;
      totals.offered++;
    },
    end() {
      if (cancels) isLeaving = true;
      queue.close();
    },
    isOver: () => isDone,
  });
}

/** Forgotten subscriptions, and what to do when the bus has found one out. */
const forgotten = new Map<number, (isReaped: boolean) => void>();
let reaped = 0;

/** Subscribes and forgets: the bus finds out when it has been collected. */
function addForgotten(): void {
  const { wish, capacity, overflow, replayed, id } = subscribeOnly();
  let offered = 0;
  let isGone = false;
  const isCut = (): boolean => overflow === "disconnect" && offered > capacity;
  forgotten.set(id, (isReaped) => {
    isGone = true;
    // What is there when it is found out is lost as well; what is there when the bus is closed could still be read.
    if (!isReaped || isCut()) totals.lagged += Math.max(0, offered - capacity);
    else {
      reaped++;
      totals.lagged += replayed.length + offered;
    }
  });
  members.add({
    wish,
    hears: () => !isGone && !isCut(),
    expect() {
      offered++;
      totals.offered++;
    },
    isOver: () => isGone,
  });
}

/** In a function of its own, of which nothing is left on the stack. */
function subscribeOnly(): Omit<Queued, "queue" | "leave"> & { readonly id: number } {
  const { queue, leave: _leave, ...rest } = subscribe("forgotten", false);
  return { ...rest, id: queue.id };
}

/** Nobody is found out between two turns of the event loop, so that this is exact. */
function findForgotten(): void {
  if (forgotten.size === 0) return;
  const live = new Set(bus.stats().subscriptions.map(({ id }) => id));
  for (const [id, found] of forgotten) {
    if (live.has(id)) continue;
    forgotten.delete(id);
    found(true);
  }
}

const makers: readonly (readonly [share: number, name: string, add: () => void])[] = [
  [20, "listeners", addListener],
  [10, "next", addNext],
  [25, "polled", addPolled],
  [15, "loops", addLoop],
  [10, "batches", addBatches],
  [6, "streams", addStream],
  [10, "browsers", addBrowser],
  [2, "forgotten", addForgotten],
];
const shares = makers.reduce((sum, [share]) => sum + share, 0);

function addMember(): void {
  let at = random.below(shares);
  for (const [share, name, add] of makers) {
    at -= share;
    if (at >= 0) continue;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
    came++;
    return add();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function collect(): void {
  const { Bun, gc } = globalThis as {
    Bun?: { gc(isForced: boolean): void };
    gc?: () => void;
  };
  if (Bun !== undefined) Bun.gc(true);
  else gc!();
}

/** The heap after a forced collection; twice, since what has a finalizer goes in the second. */
async function heapBytes(): Promise<number> {
  for (let count = 0; count < 2; count++) {
    collect();
    await sleep(0);
  }
  findForgotten();
  return process.memoryUsage().heapUsed;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!;
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function end(member: Member): Promise<void> {
  members.delete(member);
  await member.end?.();
}

/** Publishes as many events as are due, but never so many that nobody else has a turn. */
function publishDue(elapsed: number): void {
  const due = Math.floor(elapsed / 60_000 * eventsPerMinute) - totals.published;
  for (let count = Math.min(due, 2_000); count > 0; count--) {
    const type = random.below(100) === 0 ? "login" : random.of(["click", "order", "view", "error"]);
    publish(type, random.below(500) === 0);
  }
}

/** Lets members read, and some of them go and others come. */
async function change(): Promise<void> {
  const all = [...members];
  for (const member of all) member.step?.();
  for (const member of all) if (member.isOver()) await end(member);
  for (let count = random.below(5); count > 0; count--) {
    const member = random.of(all);
    if (members.has(member) && member.end !== undefined) await end(member);
  }
  while (members.size < crowd) addMember();
}

/** Says how it is going. */
function report(elapsed: number, heap: number): void {
  const seconds = (elapsed / 1000).toFixed(0).padStart(4);
  const rss = mebibytes(process.memoryUsage().rss);
  line(
    `${seconds} s  ${totals.published} events  ${came} subscribers came  ` +
      `heap ${mebibytes(heap)}  rss ${rss}  ${problemCount} problems`,
  );
}

/** Ends everything, and checks the counts of the bus. */
async function finish(): Promise<void> {
  for (const member of [...members]) await end(member);
  findForgotten();
  line(`forgotten: ${reaped} found out, ${forgotten.size} not yet`);
  bus.close();
  for (const found of forgotten.values()) found(false);
  forgotten.clear();
  while (running.size > 0) await Promise.race(running);
  await sleep(10);
  const stats = bus.stats();
  for (const name of ["published", "offered", "delivered", "lagged", "errors"] as const) {
    expect(stats[name], totals[name], `the bus: ${name}`);
  }
  expect(reported, totals.errors, "errors reported");
  expect(stats.reaped, reaped, "forgotten subscriptions that were found");
  expect(stats.subscriptions.length, 0, "subscriptions in the end");
  expect(stats.listeners.length, 0, "listeners in the end");
  const bound = binding.stats();
  for (const name of ["taught", "filled", "unknown"] as const) {
    expect(bound[name], taught[name], `late binding: ${name}`);
  }
  expect(bound.size, Math.min(bindCapacity, sessions.made), "late binding: size");
  expect(bound.evicted, Math.max(0, sessions.made - bindCapacity), "late binding: evicted");
  expect(bound.unusable, 0, "late binding: unusable");
}

const start = performance.now();
const totalMs = minutes * 60_000;
const heaps: { readonly share: number; readonly bytes: number }[] = [];
const sampleMs = Math.min(5_000, totalMs / 24);
let nextReport = reportMs;
let nextSample = 0;
audit();
publish("login", false);
while (members.size < crowd) addMember();
for (;;) {
  const elapsed = performance.now() - start;
  if (elapsed >= totalMs && totals.published >= minutes * leastPerMinute) break;
  findForgotten();
  publishDue(elapsed);
  await change();
  await sleep(2);
  if (elapsed < nextSample) continue;
  nextSample = elapsed + sampleMs;
  const bytes = await heapBytes();
  heaps.push({ share: elapsed / totalMs, bytes });
  if (elapsed < nextReport) continue;
  nextReport += reportMs;
  report(elapsed, bytes);
}
await finish();
report(performance.now() - start, await heapBytes());

const early = middleOf(heaps.filter(({ share }) => share <= 0.25).map(({ bytes }) => bytes));
const late = middleOf(heaps.filter(({ share }) => share > 0.75).map(({ bytes }) => bytes));
const growth = `${mebibytes(early)} in the first quarter, ${mebibytes(late)} in the last`;
line(`heap: ${growth}; it may grow by ${mebibytes(marginBytes)}`);
line(`came: ${[...kinds].map(([name, count]) => `${count} ${name}`).join(", ")}`);
line(
  `counts: ${totals.offered} offered = ${totals.delivered} delivered + ${totals.lagged} lost + ` +
    `${totals.offered - totals.delivered - totals.lagged} not read; ${totals.errors} errors`,
);
for (const [what, { first, count }] of problems) line(`WRONG ${count} x ${what}: first ${first}`);
if (late - early > marginBytes) line("WRONG the heap has grown");
const isRight = problemCount === 0 && late - early <= marginBytes;
line(isRight ? "all counts are right, and the heap has not grown" : `${problemCount} problems`);
process.exit(isRight ? 0 : 1);
