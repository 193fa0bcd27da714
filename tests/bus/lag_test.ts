import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Bus, type BusErrorContext, type BusOverflow, LaggedError } from "../../bus/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";

const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i + 1);

/** What is left of five events, and what each publish answers, of a subscription that nobody reads. */
const KEPT: Record<BusOverflow, (events: number[], capacity: number) => number[]> = {
  "drop-newest": (events, capacity) => events.slice(0, capacity),
  "drop-oldest": (events, capacity) => events.slice(-capacity),
  "wait": (events, capacity) => events.slice(0, capacity),
  "disconnect": (events, capacity) => events.slice(0, capacity),
};

for (const overflow of Object.keys(KEPT) as BusOverflow[]) {
  for (const capacity of [1, 2, 3]) {
    test(`"${overflow}" at capacity ${capacity}: each subscription loses its own events only`, async () => {
      const bus = new Bus<number>();
      const others = [1, 2, 3].map((size) => bus.subscribe({ overflow, capacity: size }));
      const subscription = bus.subscribe({ overflow, capacity });
      const roomy = bus.subscribe({ overflow, capacity: 5 });
      const events = upTo(5);
      for (const event of events) bus.publish(event);
      for (const one of [...others, subscription]) {
        const kept = KEPT[overflow](events, one.capacity);
        // Who was disconnected is offered nothing more.
        const offered = overflow === "disconnect" ? one.capacity + 1 : 5;
        assertEquals([one.offered, one.size, one.lagged], [
          offered,
          kept.length,
          offered - kept.length,
        ]);
        assertEquals(await one.receiveBatch(9), kept);
        assertEquals([one.delivered, one.size, one.lagged], [
          kept.length,
          0,
          offered - kept.length,
        ]);
      }
      assertEquals(await roomy.receiveBatch(9), events);
      assertEquals([roomy.lagged, roomy.closed], [0, false]);
    });
  }
}

test("publish() counts those that took the event, not those that lost it", () => {
  const bus = new Bus<number>();
  bus.subscribe({ capacity: 1 });
  bus.subscribe({ capacity: 1, overflow: "drop-oldest" });
  bus.subscribe({ capacity: 1, overflow: "wait" });
  bus.subscribe({ capacity: 1, overflow: "disconnect" });
  assertEquals([bus.publish(1), bus.publish(2), bus.publish(3)], [4, 1, 1]);
  assertEquals(bus.stats().lagged, 2 + 2 + 2 + 1);
});

for (const overflow of ["drop-newest", "drop-oldest", "wait"] as const) {
  test(`"${overflow}" has room again for each event that is read`, () => {
    const bus = new Bus<number>();
    const queue = bus.subscribe({ capacity: 2, overflow });
    for (const event of upTo(3)) bus.publish(event);
    const first = queue.tryReceive();
    bus.publish(4);
    bus.publish(5);
    const rest = [queue.tryReceive(), queue.tryReceive(), queue.tryReceive()];
    const seen = [first, ...rest].map((result) => "value" in result ? result.value : undefined);
    // Of five, two were turned away, or two gave way.
    assertEquals(seen, overflow === "drop-oldest" ? [2, 4, 5, undefined] : [1, 2, 4, undefined]);
    assertEquals([queue.offered, queue.delivered, queue.lagged], [5, 3, 2]);
  });
}

/** Every way to read, as a list of what came and what was told, in order. */
const READS: Record<
  string,
  (bus: Bus<number>, queue: ReturnType<Bus<number>["subscribe"]>, log: unknown[]) => Promise<void>
> = {
  "receive()": async (bus, queue, log) => {
    bus.close();
    for (;;) {
      try {
        log.push(await queue.receive());
      } catch {
        return;
      }
    }
  },
  "tryReceive()": (bus, queue, log) => {
    bus.close();
    for (let read; (read = queue.tryReceive()).state === "ok";) log.push(read.value);
    return Promise.resolve();
  },
  "receiveBatch()": async (bus, queue, log) => {
    bus.close();
    for (let batch; (batch = await queue.receiveBatch(Infinity)).length > 0;) log.push(...batch);
  },
  "receiveBatch() of one": async (bus, queue, log) => {
    bus.close();
    for (let batch; (batch = await queue.receiveBatch(1)).length > 0;) log.push(...batch);
  },
  "iteration": async (bus, queue, log) => {
    bus.close();
    for await (const event of queue) log.push(event);
  },
  "a stream": async (bus, queue, log) => {
    bus.close();
    for await (const event of queue.toReadableStream()) log.push(event);
  },
};

for (const [name, read] of Object.entries(READS)) {
  test(`${name}: onLag is told just before the event behind the gap, and at the end`, async () => {
    const log: unknown[] = [];
    const bus = new Bus<number>();
    const onLag = (lost: number): unknown => log.push(`-${lost}`);
    const queue = bus.subscribe({ capacity: 2, onLag });
    for (const event of upTo(4)) bus.publish(event);
    assertEquals(log, []);
    assertEquals(queue.tryReceive(), { state: "ok", value: 1 });
    assertEquals(log, []);
    for (const event of [5, 6, 7, 8]) bus.publish(event);
    await read(bus, queue, log);
    // 3 and 4 were lost behind 2; 6, 7 and 8 behind 5.
    const inOrder = [2, "-2", 5, "-3"];
    // What is in a batch cannot be told from what comes before it, but a gap is never within one.
    assertEquals(log, name === "receiveBatch()" ? [2, "-2", 5, "-3"] : inOrder);
    assertEquals(queue.lagged, 5);
  });

  test(`${name}: onLag is told of the oldest that gave way before what is read next`, async () => {
    const log: unknown[] = [];
    const bus = new Bus<number>();
    const onLag = (lost: number): unknown => log.push(`-${lost}`);
    const queue = bus.subscribe({ capacity: 2, overflow: "drop-oldest", onLag });
    for (const event of upTo(5)) bus.publish(event);
    await read(bus, queue, log);
    assertEquals(log, ["-3", 4, 5]);
    assertEquals([queue.lagged, queue.delivered], [3, 2]);
  });

  test(`${name}: a reader that never falls behind is told nothing`, async () => {
    const log: unknown[] = [];
    const bus = new Bus<number>();
    const queue = bus.subscribe({ capacity: 3, onLag: (lost) => log.push(`-${lost}`) });
    for (const event of upTo(3)) bus.publish(event);
    await read(bus, queue, log);
    assertEquals(log, [1, 2, 3]);
  });
}

test("no batch reaches across a gap if somebody is told of it; all of it is one without", async () => {
  for (const onLag of [undefined, () => {}]) {
    const bus = new Bus<number>();
    const queue = bus.subscribe({ capacity: 3, onLag });
    const batches: number[][] = [];
    for (const event of upTo(4)) bus.publish(event);
    queue.tryReceive();
    for (const event of [5, 6]) bus.publish(event);
    queue.tryReceive();
    bus.publish(7);
    bus.close();
    for (let batch; (batch = await queue.receiveBatch(9)).length > 0;) batches.push(batch);
    // 4 was lost before 5, and 6 before 7.
    assertEquals(batches, onLag === undefined ? [[3, 5, 7]] : [[3], [5], [7]]);
    assertEquals([queue.offered, queue.delivered, queue.lagged], [7, 5, 2]);
  }
});

test("what a batch left behind a gap is still there, whoever reads it, and counts in size", async () => {
  const bus = new Bus<number>();
  const lost: number[] = [];
  const queue = bus.subscribe({ capacity: 2, onLag: (count) => lost.push(count) });
  for (const event of upTo(3)) bus.publish(event);
  queue.tryReceive();
  bus.publish(4);
  assertEquals(await queue.receiveBatch(9), [2]);
  assertEquals([queue.size, lost], [1, []]);
  // It has its place in the capacity still.
  bus.publish(5);
  bus.publish(6);
  assertEquals([queue.size, queue.lagged], [2, 2]);
  assertEquals(await queue.receive(), 4);
  assertEquals(lost, [1]);
  bus.publish(7);
  assertEquals(await queue.receiveBatch(9), [5]);
  assertEquals(await queue.receiveBatch(9), [7]);
  assertEquals(lost, [1, 1]);
});

test("a receive() beside a batch gets what the batch leaves behind a gap", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe({ capacity: 2, onLag: () => {} });
  for (const event of upTo(3)) bus.publish(event);
  queue.tryReceive();
  bus.publish(4);
  const batch = observe(queue.receiveBatch(9));
  const single = observe(queue.receive());
  await settle();
  assertEquals([batch.value, single.value], [[2], 4]);
});

test("a subscription that is closed keeps what a batch left behind a gap for the next reader", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe({ capacity: 2, onLag: () => {} });
  for (const event of upTo(3)) bus.publish(event);
  queue.tryReceive();
  bus.publish(4);
  bus.close();
  const batches = [observe(queue.receiveBatch(9)), observe(queue.receiveBatch(9))];
  await settle();
  assertEquals(batches.map(({ value }) => value), [[2], [4]]);
});

test("onLag may read the subscription itself: nothing comes twice", async () => {
  const bus = new Bus<number>();
  const seen: number[] = [];
  const queue = bus.subscribe({
    capacity: 2,
    onLag: () => {
      const read = queue.tryReceive();
      if (read.state === "ok") seen.push(read.value);
    },
  });
  for (const event of upTo(3)) bus.publish(event);
  queue.tryReceive();
  bus.publish(4);
  seen.push(...await queue.receiveBatch(9));
  bus.publish(5);
  while (queue.size > 0) seen.push(...await queue.receiveBatch(9));
  assertEquals(seen.sort(), [2, 4, 5]);
  assertEquals([queue.offered, queue.delivered, queue.lagged], [5, 4, 1]);
});

test("what onLag throws is reported, and its reader gets the event all the same", async () => {
  const reports: [unknown, BusErrorContext<number>][] = [];
  const bus = new Bus<number>({ onError: (error, context) => reports.push([error, context]) });
  const error = new Error("in onLag");
  const queue = bus.subscribe({
    name: "chart",
    capacity: 1,
    overflow: "drop-oldest",
    onLag: () => {
      throw error;
    },
  });
  for (const event of upTo(2)) bus.publish(event);
  assertEquals(await queue.receive(), 2);
  assertEquals(reports.length, 1);
  assertStrictEquals(reports[0]![0], error);
  assertEquals(reports[0]![1], { source: "onLag", id: queue.id, name: "chart" });
});

test('"disconnect" ends with a LaggedError behind all that came without a gap', async () => {
  for (const capacity of [1, 2, 3]) {
    for (const read of ["receive", "receiveBatch", "iteration"]) {
      const bus = new Bus<number>();
      const lost: number[] = [];
      const queue = bus.subscribe({
        overflow: "disconnect",
        capacity,
        name: "slow",
        onLag: (count) => lost.push(count),
      });
      for (const event of upTo(5)) bus.publish(event);
      assert(queue.closed);
      assertEquals(bus.stats().subscriptions, []);
      const seen: number[] = [];
      const error = await reasonOf((async () => {
        for (;;) {
          if (read === "receive") seen.push(await queue.receive());
          else if (read === "receiveBatch") seen.push(...await queue.receiveBatch(1));
          else for await (const event of queue) seen.push(event);
        }
      })());
      assert(error instanceof LaggedError);
      assertEquals([error.id, error.capacity], [queue.id, capacity]);
      assert(error.message.includes("slow"), error.message);
      assertEquals(seen, upTo(capacity));
      assertEquals([queue.lagged, lost], [1, [1]]);
      await assertRejects(() => queue.receive(), LaggedError);
      assertEquals(lost, [1]);
    }
  }
});

test("of two events lost around one that waits, each is told at its own place", async () => {
  const log: unknown[] = [];
  const bus = new Bus<number>();
  const onLag = (lost: number): unknown => log.push(`-${lost}`);
  const queue = bus.subscribe({ capacity: 1, overflow: "wait", onLag });
  bus.publish(1);
  const sent = [bus.send(2)];
  // Lost: it must not overtake what waits, and lies between 2 and 4.
  bus.publish(3);
  sent.push(bus.send(4));
  bus.publish(5);
  for (let read; (read = queue.tryReceive()).state === "ok";) log.push(read.value);
  assertEquals(await Promise.all(sent), [1, 1]);
  bus.publish(6);
  log.push(await queue.receive());
  assertEquals(log, [1, 2, "-1", 4, "-1", 6]);
  assertEquals([queue.offered, queue.delivered, queue.lagged], [6, 4, 2]);
});

test("an event whose send() was given up is a gap at its place", async () => {
  const log: unknown[] = [];
  const bus = new Bus<number>();
  const onLag = (lost: number): unknown => log.push(`-${lost}`);
  const queue = bus.subscribe({ capacity: 1, overflow: "wait", onLag });
  bus.publish(1);
  const controller = new AbortController();
  const given = reasonOf(bus.send(2, controller));
  const sent = bus.send(3);
  controller.abort("given up");
  assertEquals(await given, "given up");
  log.push(await queue.receive());
  log.push(await queue.receive());
  assertEquals(await sent, 1);
  assertEquals(log, [1, "-1", 3]);
});

test("where the history keeps nothing, gaps are told at their place all the same", async () => {
  const log: unknown[] = [];
  const bus = new Bus<number>({
    history: {
      add: () => {
        throw new Error("full");
      },
      read: () => ({ records: [], missed: 0 }),
    },
    onError: () => {},
  });
  const queue = bus.subscribe({
    capacity: 2,
    overflow: "drop-oldest",
    onLag: (lost) => log.push(`-${lost}`),
  });
  for (const event of upTo(4)) bus.publish(event);
  log.push(await queue.receive());
  log.push(await queue.receive());
  assertEquals(log, ["-2", 3, 4]);
});

test("maxBytes bounds what waits, and sizeOf measures the event itself", async () => {
  const bus = new Bus<string>();
  const measured: string[] = [];
  const queue = bus.subscribe({
    capacity: 9,
    maxBytes: 5,
    sizeOf: (text) => {
      measured.push(text);
      return text.length;
    },
  });
  assertEquals([bus.publish("aa"), bus.publish("bbb"), bus.publish("c")], [1, 1, 0]);
  assertEquals(measured, ["aa", "bbb", "c"]);
  assertEquals([queue.size, queue.lagged], [2, 1]);
  queue.tryReceive();
  assertEquals([bus.publish("ccc"), bus.publish("dd")], [0, 1]);
  assertEquals(await queue.receiveBatch(9), ["bbb", "dd"]);
});

test('with maxBytes, several small ones give way for a large one under "drop-oldest"', async () => {
  const bus = new Bus<string>();
  const lost: number[] = [];
  const queue = bus.subscribe({
    overflow: "drop-oldest",
    maxBytes: 6,
    sizeOf: ({ length }) => length,
    onLag: (count) => lost.push(count),
  });
  for (const text of ["aa", "bb", "cc", "ddddd"]) bus.publish(text);
  assertEquals([queue.size, queue.lagged], [1, 3]);
  // One that is larger than all there is room for is lost itself.
  assertEquals(bus.publish("eeeeeee"), 0);
  assertEquals(queue.lagged, 4);
  bus.publish("f");
  assertEquals(await queue.receiveBatch(9), ["ddddd"]);
  assertEquals(lost, [3]);
  assertEquals(await queue.receiveBatch(9), ["f"]);
  assertEquals(lost, [3, 1]);
  // One that gives way takes the gap before it along.
  for (const text of ["aaaaa", "eeeeeee", "b", "cccccc"]) bus.publish(text);
  assertEquals(await queue.receiveBatch(9), ["cccccc"]);
  assertEquals([lost, queue.lagged], [[3, 1, 3], 7]);
});

test("what sizeOf throws, or answers that is no size, is reported, and the event lost there only", async () => {
  for (const size of [NaN, -1, Infinity, "throw"]) {
    const sources: unknown[] = [];
    const bus = new Bus<number>({
      onError: (_error, { source, id, event }) => sources.push([source, id, event]),
    });
    const lost: number[] = [];
    const measured = bus.subscribe({
      maxBytes: 9,
      sizeOf: (event) => {
        if (event !== 2) return 1;
        if (size === "throw") throw new Error("in sizeOf");
        return size as number;
      },
      onLag: (count) => lost.push(count),
    });
    const other = bus.subscribe();
    assertEquals([bus.publish(1), bus.publish(2), await bus.send(3)], [2, 1, 2]);
    assertEquals(sources, [["sizeOf", measured.id, 2]]);
    assertEquals([measured.lagged, measured.size, other.size], [1, 2, 3]);
    assertEquals([await measured.receive(), lost, await measured.receive(), lost], [1, [1], 3, [
      1,
    ]]);
    assertEquals(bus.stats().errors, 1);
  }
});

test("a waiting reader takes what no buffer could hold together, but nothing too large", async () => {
  const bus = new Bus<string>();
  const queue = bus.subscribe({ capacity: 1, maxBytes: 2, sizeOf: ({ length }) => length });
  const [one, two] = [observe(queue.receive()), observe(queue.receive())];
  assertEquals([bus.publish("aa"), bus.publish("bbb"), bus.publish("cc")], [1, 0, 1]);
  await settle();
  assertEquals([one.value, two.value, queue.lagged], ["aa", "cc", 1]);
});

test("highWater is the most that have waited at once", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe({ capacity: 5 });
  const highWater = (): number => queue.stats().highWater;
  assertEquals(highWater(), 0);
  for (const event of upTo(3)) bus.publish(event);
  assertEquals(highWater(), 3);
  await queue.receiveBatch(9);
  bus.publish(1);
  assertEquals([highWater(), queue.size], [3, 1]);
  for (const event of upTo(9)) bus.publish(event);
  assertEquals([highWater(), queue.size], [5, 5]);
});

test("highWater is never less than size: with a replay, behind a gap, and with what waits to be sent", async () => {
  const bus = new Bus<number>({ history: 9 });
  for (const event of upTo(3)) bus.publish(event);
  const replayed = bus.subscribe({ replay: 3 });
  for (const event of [4, 5]) bus.publish(event);
  assertEquals([replayed.size, replayed.stats().highWater], [5, 5]);

  const lagging = bus.subscribe({ capacity: 2, onLag: () => {} });
  for (const event of upTo(3)) bus.publish(event);
  lagging.tryReceive();
  bus.publish(4);
  await lagging.receiveBatch(9);
  for (const event of [5, 6]) bus.publish(event);
  assertEquals([lagging.size, lagging.stats().highWater], [2, 2]);

  const waited = bus.subscribe({ capacity: 1, overflow: "wait" });
  const sent = [bus.send(1), bus.send(2), bus.send(3)];
  assertEquals([waited.size, waited.stats().highWater], [3, 3]);
  await waited.receiveBatch(9);
  await Promise.all(sent);
});

test("one disconnected in the middle of a publish keeps nobody from the event", () => {
  const bus = new Bus<number>();
  const handled: number[] = [];
  const queues = upTo(5).map((n) =>
    bus.subscribe({ capacity: 1, overflow: n % 2 === 0 ? "disconnect" : "drop-oldest" })
  );
  bus.on({}, (event) => handled.push(event));
  bus.publish(1);
  assertEquals(bus.publish(2), 4);
  assertEquals(queues.map(({ closed }) => closed), [false, true, false, true, false]);
  assertEquals([bus.publish(3), handled], [4, [1, 2, 3]]);
});

test("random reads and writes: every event comes or is told as lost, once and at its place", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const overflow = random.pick(["drop-newest", "drop-oldest", "wait"] as const);
    const bus = new Bus<number>();
    const story: number[] = [];
    // What is lost is as many numbers that are missing, so that the whole is to be 1, 2, 3 and so on.
    const queue = bus.subscribe({
      capacity: 1 + random.below(4),
      overflow,
      onLag: (lost) => story.push(...Array(lost).fill(NaN)),
    });
    let last = 0;
    for (let step = 0; step < 200; step++) {
      const choice = random.below(8);
      if (choice < 5) bus.publish(++last);
      else if (choice === 5) {
        const read = queue.tryReceive();
        if (read.state === "ok") story.push(read.value);
      } else if (queue.size > 0) {
        if (choice === 6) story.push(await queue.receive());
        else story.push(...await queue.receiveBatch(1 + random.below(4)));
      }
      const { offered, delivered, lagged, size } = queue;
      assertEquals(offered, delivered + lagged + size, `seed ${seed}`);
    }
    bus.close();
    for await (const event of queue) story.push(event);
    const misplaced = story.findIndex((event, at) => !Number.isNaN(event) && event !== at + 1);
    assertEquals(misplaced, -1, `seed ${seed}, "${overflow}": ${story}`);
    assertEquals(story.length, last, `seed ${seed}`);
  }
});

test("random sends that wait, some of them given up: each gap is told at its place", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const bus = new Bus<number>();
    const story: number[] = [];
    const queue = bus.subscribe({
      capacity: 1 + random.below(3),
      overflow: "wait",
      onLag: (lost) => story.push(...Array(lost).fill(NaN)),
    });
    const pending: AbortController[] = [];
    const sent: Promise<unknown>[] = [];
    let last = 0;
    for (let step = 0; step < 200; step++) {
      const choice = random.below(8);
      if (choice < 2) bus.publish(++last);
      else if (choice < 5) {
        const controller = new AbortController();
        pending.push(controller);
        sent.push(bus.send(++last, controller).catch(() => {}));
      } else if (choice === 5 && pending.length > 0) {
        pending.splice(random.below(pending.length), 1)[0]!.abort();
        // What was given up is counted as lost a little later.
        await settle();
      } else if (queue.size > 0) story.push(...await queue.receiveBatch(1 + random.below(3)));
    }
    while (queue.size > 0) story.push(await queue.receive());
    await Promise.all(sent);
    bus.close();
    await queue.receiveBatch(1);
    const misplaced = story.findIndex((event, at) => !Number.isNaN(event) && event !== at + 1);
    assertEquals(misplaced, -1, `seed ${seed}: ${story}`);
    assertEquals(story.length, last, `seed ${seed}`);
  }
});
