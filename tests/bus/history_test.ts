import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Bus,
  type BusErrorContext,
  type BusHistory,
  lateBind,
  subject,
  type Subscription,
} from "../../bus/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";

interface Numbered {
  readonly type: string;
  readonly id: number;
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i + 1);

/** A bus that keeps some events, and has published `count`: odd ones of type "odd", the others of type "even". */
function bus(keeps: number, count: number): Bus<Numbered> {
  const made = new Bus<Numbered>({ history: keeps });
  for (const id of upTo(count)) made.publish(numbered(id));
  return made;
}

const numbered = (id: number): Numbered => ({ type: id % 2 === 0 ? "even" : "odd", id });

/** What is needed of a subscription to read it, whatever its match has made of its events. */
type Reader = Pick<Subscription<Numbered>, "size" | "receive">;

/** The ids of all that waits. */
async function drain(queue: Reader): Promise<number[]> {
  const ids: number[] = [];
  while (queue.size > 0) ids.push((await queue.receive()).id);
  return ids;
}

/** The id that names the event with a number. */
async function eventIdOf(of: Bus<Numbered>, id: number): Promise<string> {
  const queue = of.subscribe({ replay: Infinity, where: (event) => event.id === id });
  await queue.receive();
  queue.close();
  return queue.lastEventId!;
}

test("replay begins with the last events that are kept, oldest first, and goes on with what comes", async () => {
  for (const keeps of [1, 2, 3, 5, 8]) {
    for (const count of [0, 1, 3, 5, 9]) {
      for (const replay of [0, 1, 2, 5, 100, Infinity]) {
        const source = bus(keeps, count);
        const queue = source.subscribe({ replay });
        const kept = upTo(count).slice(-keeps);
        const replayed = replay === 0 ? [] : kept.slice(-replay);
        assertEquals(queue.size, replayed.length);
        source.publish(numbered(count + 1));
        assertEquals(await drain(queue), [...replayed, count + 1]);
        assertEquals([queue.offered, queue.missed], [replayed.length + 1, 0]);
      }
    }
  }
});

test("replay gives the last of those that match, and asks where of them as well", async () => {
  const source = bus(8, 12);
  const replays: [object, number[]][] = [
    [{ match: { type: "odd" }, replay: 2 }, [9, 11]],
    [{ match: { type: "odd" }, replay: Infinity }, [5, 7, 9, 11]],
    [{ match: { type: subject("o*") }, replay: 9 }, []],
    [{ match: { type: subject("*") }, replay: 3 }, [10, 11, 12]],
    [{ match: { type: [subject("*"), "odd"], id: [7, 8] }, replay: 3 }, [7, 8]],
    [{ match: { type: ["odd", "even"], id: [1, 5, 6] }, replay: 9 }, [5, 6]],
    [{ match: { type: "none" }, replay: 9 }, []],
    [{ where: ({ id }: Numbered) => id % 3 === 0, replay: 2 }, [9, 12]],
    [{ match: { type: "even" }, where: ({ id }: Numbered) => id < 9, replay: 9 }, [6, 8]],
  ];
  for (const [options, expected] of replays) {
    const queue = source.subscribe(options);
    assertEquals(await drain(queue), expected);
    queue.close();
  }
});

test("a replay does not count in capacity, and loses nothing to it", async () => {
  const source = bus(9, 9);
  const queue = source.subscribe({ replay: Infinity, capacity: 2 });
  for (const id of [10, 11, 12]) source.publish(numbered(id));
  assertEquals([queue.size, queue.lagged, queue.stats().highWater >= 9], [11, 1, true]);
  assertEquals(await drain(queue), upTo(11));
  const waiting = source.subscribe({ replay: 3, capacity: 1, overflow: "wait" });
  // There is room beside the replay.
  assertEquals(await source.send(numbered(13)), 2);
  assertEquals(await drain(waiting), [10, 11, 12, 13]);
});

test('under "drop-oldest" what is replayed stays, and what came since gives way', async () => {
  const source = bus(3, 3);
  const lost: number[] = [];
  const queue = source.subscribe({
    replay: 3,
    capacity: 2,
    overflow: "drop-oldest",
    onLag: (count) => lost.push(count),
  });
  for (const id of [4, 5, 6, 7]) source.publish(numbered(id));
  assertEquals(queue.size, 5);
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [1, 2, 3]);
  assertEquals(lost, []);
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [6, 7]);
  assertEquals(lost, [2]);
});

test("every way to read begins with the replay", async () => {
  const source = bus(4, 4);
  const subscribe = (): Subscription<Numbered> => source.subscribe({ replay: 2 });
  assertEquals((await subscribe().receive()).id, 3);
  const read = subscribe().tryReceive();
  assert(read.state === "ok" && read.value.id === 3);
  assertEquals((await subscribe().receiveBatch(1)).map(({ id }) => id), [3]);
  assertEquals((await subscribe().receiveBatch(Infinity)).map(({ id }) => id), [3, 4]);
  for await (const { id } of subscribe()) {
    assertEquals(id, 3);
    break;
  }
  const reader = subscribe().toReadableStream().getReader();
  assertEquals((await reader.read()).value?.id, 3);
  source.close();
  assertEquals((await reader.read()).value?.id, 4);
});

test("receiveBatch() takes all that is there: the replay, and what came since", async () => {
  const source = bus(9, 3);
  const queue = source.subscribe({ replay: 2 });
  for (const id of [4, 5]) source.publish(numbered(id));
  assertEquals((await queue.receiveBatch(3)).map(({ id }) => id), [2, 3, 4]);
  source.publish(numbered(6));
  assertEquals((await queue.receiveBatch(9)).map(({ id }) => id), [5, 6]);
});

test("a bus without a history replays nothing", async () => {
  const source = new Bus<Numbered>();
  source.publish(numbered(1));
  const queue = source.subscribe({ replay: 9 });
  source.publish(numbered(2));
  assertEquals([await drain(queue), queue.missed], [[2], 0]);
});

test("subscribing between publishes, in handlers, has no gap and nothing twice", async () => {
  const source = new Bus<Numbered>({ history: 100 });
  const queues: Subscription<Numbered>[] = [];
  const subscribe = (): number => queues.push(source.subscribe({ replay: Infinity }));
  source.on({}, ({ id }) => {
    subscribe();
    if (id < 4) {
      source.publish(numbered(id + 1));
      subscribe();
    }
  });
  subscribe();
  source.publish(numbered(1));
  subscribe();
  source.publish(numbered(5));
  subscribe();
  assertEquals(queues.length, 4 + 3 + 1 + 3);
  for (const queue of queues) assertEquals(await drain(queue), [1, 2, 3, 4, 5]);
});

test("subscribing within a predicate has no gap and nothing twice", async () => {
  const source = new Bus<Numbered>({ history: 100 });
  const late: Reader[] = [];
  // In two sets of fields, so that one is asked before the other, and each in all three places.
  source.subscribe({
    match: { type: "odd" },
    where: () => {
      late.push(source.subscribe({ replay: Infinity }));
      late.push(source.subscribe({ match: { type: "odd" }, replay: Infinity }));
      late.push(source.subscribe({ match: { id: 1 }, replay: Infinity }));
      return true;
    },
  });
  source.subscribe();
  source.subscribe({ match: { id: 1 } });
  source.publish(numbered(1));
  for (const queue of late) assertEquals(await drain(queue), [1]);
});

test("after goes on behind a known event, however many come, matching ones only", async () => {
  const source = bus(100, 20);
  for (const known of [1, 7, 19, 20]) {
    const after = await eventIdOf(source, known);
    const all = source.subscribe({ after, capacity: 1 });
    assertEquals([await drain(all), all.missed], [upTo(20).slice(known), 0]);
    const odd = source.subscribe({ after, match: { type: "odd" }, replay: 1 });
    assertEquals(await drain(odd), upTo(20).slice(known).filter((id) => id % 2 === 1));
  }
});

test("after an event from before what is kept says how many are missed, and gives the rest", async () => {
  const source = bus(5, 3);
  const ids = [await eventIdOf(source, 1), await eventIdOf(source, 3)];
  for (const id of upTo(10).slice(3)) source.publish(numbered(id));
  // 6 to 10 are kept; of those behind 1, 2 to 5 are gone.
  const one = source.subscribe({ after: ids[0] });
  assertEquals([one.missed, await drain(one)], [4, [6, 7, 8, 9, 10]]);
  const three = source.subscribe({ after: ids[1], match: { type: "even" } });
  assertEquals([three.missed, await drain(three)], [2, [6, 8, 10]]);
});

test("lastEventId leads from one subscription to the next, with no gap and nothing twice", async () => {
  const random = new Random(20_260_101);
  const source = new Bus<Numbered>({ history: 1_000 });
  const seen: number[] = [];
  let after: string | undefined;
  let last = 0;
  for (let round = 0; round < 100; round++) {
    const queue = source.subscribe({ after, match: { type: "odd" } });
    // Before it has read anything, it is where the one before was.
    if (after !== undefined) assertEquals([queue.missed, queue.lastEventId], [0, after]);
    after = queue.lastEventId;
    for (let count = random.below(6); count > 0; count--) source.publish(numbered(++last));
    for (let count = random.below(4); count > 0 && queue.size > 0; count--) {
      if (random.below(2) === 0) seen.push((await queue.receive()).id);
      else seen.push(...(await queue.receiveBatch(1)).map(({ id }) => id));
      after = queue.lastEventId;
    }
    queue.close();
    for (let count = random.below(3); count > 0; count--) source.publish(numbered(++last));
  }
  seen.push(...await drain(source.subscribe({ after, match: { type: "odd" } })));
  assertEquals(seen, upTo(last).filter((id) => id % 2 === 1));
  assert(seen.length > 100);
});

test("an id that the bus does not know is as good as none, and replay holds", async () => {
  const source = bus(9, 3);
  const known = await eventIdOf(source, 2);
  const foreign = await eventIdOf(bus(9, 3), 2);
  const [epoch] = known.split("-") as [string];
  const unknown = [
    foreign,
    `${epoch}-4`,
    "-",
    "2",
    epoch,
    `${epoch}-`,
    `${epoch}-x`,
    `${epoch}--1`,
    `${epoch}-1.5`,
    `${epoch}-1e3`,
    ` ${known}`,
    `${known} `,
    `${known}\n`,
    `x${known}`,
    `${epoch}-99999999999999999999`,
    "\0",
    "%00",
    "undefined",
    "a".repeat(100_000),
  ];
  for (const after of unknown) {
    const plain = source.subscribe({ after });
    assertEquals([plain.missed, plain.size], [undefined, 0], JSON.stringify(after).slice(0, 99));
    const replayed = source.subscribe({ after, replay: 1 });
    assertEquals([replayed.missed, await drain(replayed)], [undefined, [3]]);
  }
});

test("after null, undefined or nothing is none, and nothing is missed", async () => {
  const source = bus(9, 3);
  for (const after of [null, undefined, ""]) {
    const queue = source.subscribe({ after, replay: 1 });
    assertEquals([queue.missed, await drain(queue)], [0, [3]]);
  }
  // As it comes from a request without the header.
  const queue = source.subscribe({ after: new Headers().get("last-event-id") });
  assertEquals([queue.missed, queue.size], [0, 0]);
});

test("an id survives a header", async () => {
  const source = bus(9, 3);
  const headers = new Headers({ "last-event-id": await eventIdOf(source, 1) });
  const queue = source.subscribe({ after: headers.get("last-event-id") });
  assertEquals([queue.missed, await drain(queue)], [0, [2, 3]]);
});

test("without a history, an id still says how much is missed", async () => {
  const source = new Bus<Numbered>();
  const queue = source.subscribe();
  for (const id of upTo(5)) source.publish(numbered(id));
  await queue.receiveBatch(2);
  const after = queue.lastEventId!;
  const next = source.subscribe({ after });
  assertEquals([next.missed, next.size], [3, 0]);
  await queue.receiveBatch(9);
  assertEquals(source.subscribe({ after: queue.lastEventId }).missed, 0);
  assertEquals(source.subscribe({ after: "foreign-1" }).missed, undefined);
});

test("what is kept has been completed by bind", async () => {
  interface Click {
    readonly session: string;
    readonly user?: string;
  }
  const source = new Bus<Click>({
    history: 9,
    bind: lateBind<Click, string>({
      capacity: 9,
      teach: ({ session, user }) => user === undefined ? undefined : { key: session, value: user },
      lacks: ({ session }) => session,
      fill: (event, user) => ({ ...event, user }),
    }),
  });
  source.publish({ session: "s1" });
  source.publish({ session: "s1", user: "ada" });
  source.publish({ session: "s1" });
  const ada = source.subscribe({ match: { user: "ada" }, replay: Infinity });
  const expected = { session: "s1", user: "ada" };
  assertEquals(await ada.receiveBatch(9), [expected, expected]);
});

test("what a predicate throws about an old event is reported, and that event passed over", async () => {
  const reports: [unknown, BusErrorContext<Numbered>][] = [];
  const source = new Bus<Numbered>({
    history: 9,
    onError: (error, context) => reports.push([error, context]),
  });
  for (const id of upTo(3)) source.publish(numbered(id));
  const error = new Error("in where");
  const queue = source.subscribe({
    name: "picky",
    replay: Infinity,
    where: ({ id }) => {
      if (id === 2) throw error;
      return true;
    },
  });
  assertEquals(await drain(queue), [1, 3]);
  assertEquals(reports.length, 1);
  assertStrictEquals(reports[0]![0], error);
  // It has no number yet.
  const { source: where, event, name } = reports[0]![1];
  assertEquals([where, event, name], ["where", numbered(2), "picky"]);
});

test("a predicate must not publish while it is asked about an old event either", () => {
  const errors: unknown[] = [];
  const source = new Bus<number>({ history: 9, onError: (error) => errors.push(error) });
  source.publish(1);
  const queue = source.subscribe({ replay: 9, where: () => source.publish(2) > 0 });
  assert(errors[0] instanceof TypeError);
  assertEquals([queue.size, source.stats().published], [0, 1]);
  assertEquals(source.publish(3), 0);
});

test("a predicate that closes the bus, or aborts, during a replay leaves no subscription open", async () => {
  const source = new Bus<number>({ history: 9, onError: () => {} });
  source.publish(1);
  let queue: Subscription<number> | undefined;
  try {
    queue = source.subscribe({ replay: 9, where: () => (source.close(), true) });
  } catch {
    // To refuse it is as well.
  }
  assertEquals([queue?.closed ?? true, source.stats().subscriptions], [true, []]);

  const other = new Bus<number>({ history: 9 });
  other.publish(1);
  const controller = new AbortController();
  const where = (): boolean => (controller.abort(), true);
  let aborted: Subscription<number> | undefined;
  try {
    aborted = other.subscribe({ replay: 9, where, signal: controller.signal });
  } catch {
    // As above.
  }
  assertEquals([aborted?.closed ?? true, other.stats().subscriptions], [true, []]);
  await settle();
});

test("a history that throws loses nothing but what it should have kept", async () => {
  const reports: [unknown, string][] = [];
  const kept: { seq: number; event: number }[] = [];
  const full = new Error("full");
  const history: BusHistory<number> = {
    id: "mine",
    add(event) {
      if (event % 2 === 0) throw full;
      kept.push({ seq: 10 * event, event });
      return 10 * event;
    },
    read: (after) => ({ records: kept.filter(({ seq }) => seq > after), missed: 7 }),
  };
  const source = new Bus<number>({
    history,
    onError: (error, context) => reports.push([error, context.source]),
  });
  const queue = source.subscribe();
  const handled: number[] = [];
  source.on({}, (event) => handled.push(event));
  for (const event of upTo(4)) assertEquals(source.publish(event), 2);
  assertEquals(handled, [1, 2, 3, 4]);
  assertEquals(await queue.receiveBatch(9), [1, 2, 3, 4]);
  assertEquals(reports, [[full, "history"], [full, "history"]]);
  assertEquals(await source.subscribe({ replay: 9 }).receiveBatch(9), [1, 3]);
  const behind = source.subscribe({ after: "mine-10" });
  assertEquals([behind.missed, await behind.receiveBatch(9)], [7, [3]]);
});

test("an event that the history did not keep leads on behind the last that it did", async () => {
  const kept: { seq: number; event: number }[] = [];
  const source = new Bus<number>({
    history: {
      add(event) {
        if (event === 2) throw new Error("full");
        kept.push({ seq: event, event });
        return event;
      },
      read: (after) => ({ records: kept.filter(({ seq }) => seq > after), missed: 0 }),
    },
    onError: () => {},
  });
  const queue = source.subscribe();
  for (const event of upTo(3)) source.publish(event);
  await queue.receiveBatch(2);
  assertEquals(await source.subscribe({ after: queue.lastEventId }).receiveBatch(9), [3]);
});

test("a history that cannot be read refuses the subscription, and nothing is half subscribed", () => {
  const source = new Bus<number>({
    history: {
      add: () => 1,
      read: () => {
        throw new Error("unreadable");
      },
    },
  });
  assertThrows(() => source.subscribe({ replay: 1 }), Error, "unreadable");
  assertEquals(source.stats().subscriptions, []);
  assertEquals(source.publish(1), 0);
  // Who does not ask for it does not read it.
  assertEquals(source.subscribe().size, 0);
});

test("a history with an id is known by another bus, as after a restart", async () => {
  const kept: { seq: number; event: number }[] = [];
  const history: BusHistory<number> = {
    id: "a-b.c 1",
    add: (event) => kept.push({ seq: kept.length + 1, event }),
    read: (after) => ({ records: kept.filter(({ seq }) => seq > after), missed: 0 }),
  };
  const before = new Bus<number>({ history });
  const queue = before.subscribe();
  for (const event of [1, 2, 3]) before.publish(event);
  await queue.receiveBatch(1);
  before.close();
  const restarted = new Bus<number>({ history });
  restarted.publish(4);
  const next = restarted.subscribe({ after: queue.lastEventId });
  assertEquals([next.missed, await next.receiveBatch(9)], [0, [2, 3, 4]]);
});

test("two buses may share a history", async () => {
  const events: number[] = [];
  const history: BusHistory<number> = {
    add: (event) => events.push(event),
    read: (after) => ({
      records: events.map((event, at) => ({ seq: at + 1, event })).filter(({ seq }) => seq > after),
      missed: 0,
    }),
  };
  const [one, other] = [new Bus<number>({ history }), new Bus<number>({ history })];
  one.publish(1);
  other.publish(2);
  assertEquals(await one.subscribe({ replay: 9 }).receiveBatch(9), [1, 2]);
});

test("random subscriptions with replay and after see what a list would give them", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const keeps = 1 + random.below(20);
    const source = new Bus<Numbered>({ history: keeps });
    const first = source.subscribe();
    const ids: string[] = [];
    let last = 0;
    for (let step = 0; step < 60; step++) {
      if (random.below(3) > 0) {
        source.publish(numbered(++last));
        await first.receive();
        ids.push(first.lastEventId!);
        continue;
      }
      const isOdd = random.below(2) === 0;
      const known = random.below(ids.length + 1);
      const after = known === 0 ? undefined : ids[known - 1];
      const replay = random.below(25);
      const queue = source.subscribe({ after, replay, match: isOdd ? { type: "odd" } : {} });
      const kept = upTo(last).slice(-keeps);
      const matching = kept.filter((id) => !isOdd || id % 2 === 1);
      const expected = after !== undefined
        ? matching.filter((id) => id > known)
        : replay === 0
        ? []
        : matching.slice(-replay);
      const missed = after === undefined ? 0 : Math.max(0, last - known - kept.length);
      assertEquals([queue.missed, await drain(queue)], [missed, expected], `seed ${seed}`);
      queue.close();
    }
  }
});
