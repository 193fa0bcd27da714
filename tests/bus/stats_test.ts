import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Bus,
  BusClosedError,
  type BusOverflow,
  type BusStats,
  type Match,
  subject,
  type Subscription,
} from "../../bus/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";

const EMPTY: BusStats = {
  published: 0,
  offered: 0,
  delivered: 0,
  lagged: 0,
  errors: 0,
  reaped: 0,
  subscriptions: [],
  listeners: [],
};

test("a new bus has done nothing", () => {
  assertEquals(new Bus().stats(), EMPTY);
});

test("stats() counts each event for each subscriber that it was for", async () => {
  const bus = new Bus<{ type: string }>();
  const orders = bus.subscribe({ match: { type: "order" }, name: "orders" });
  const all = bus.subscribe({ capacity: 2, overflow: "drop-oldest" });
  const listener = bus.on({ type: "user" }, () => {}, { name: "users" });
  bus.once({}, () => {});
  for (const type of ["order", "user", "order", "none"]) bus.publish({ type });
  await orders.receive();
  assertEquals(bus.stats(), {
    ...EMPTY,
    published: 4,
    offered: 2 + 4 + 1 + 1,
    delivered: 1 + 0 + 1 + 1,
    lagged: 2,
    subscriptions: [
      {
        id: orders.id,
        name: "orders",
        size: 1,
        highWater: 2,
        capacity: 256,
        overflow: "drop-newest",
        offered: 2,
        delivered: 1,
        lagged: 0,
      },
      {
        id: all.id,
        name: `subscription ${all.id}`,
        size: 2,
        highWater: 2,
        capacity: 2,
        overflow: "drop-oldest",
        offered: 4,
        delivered: 0,
        lagged: 2,
      },
    ],
    listeners: [{ id: listener.id, name: "users" }],
  });
  assertEquals(orders.stats(), bus.stats().subscriptions[0]!);
});

test("stats() is a look at a moment: what happens later does not change it", () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  const [before, one] = [bus.stats(), queue.stats()];
  bus.publish(1);
  queue.close();
  assertEquals([before.published, before.subscriptions.length, one.offered], [0, 1, 0]);
});

test("what was counted of those who are gone stays in the sums", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe({ capacity: 1 });
  const listener = bus.on({}, () => {});
  for (const event of [1, 2, 3]) bus.publish(event);
  queue.close();
  listener.close();
  const { offered, delivered, lagged, subscriptions, listeners } = bus.stats();
  assertEquals([offered, delivered, lagged, subscriptions, listeners], [6, 3, 2, [], []]);
  // What a closed one still has is still read.
  await queue.receive();
  assertEquals(bus.stats().delivered, 4);
});

test("what predicates pass over is not counted, and what they throw is", () => {
  const bus = new Bus<number>({ onError: () => {} });
  const picky = bus.subscribe({ where: (event) => event > 1 });
  const broken = bus.subscribe({
    where: () => {
      throw new Error("in where");
    },
  });
  bus.on({}, () => {
    throw new Error("in a handler");
  });
  bus.publish(1);
  bus.publish(2);
  assertEquals([picky.offered, broken.offered], [1, 0]);
  const { published, offered, delivered, errors } = bus.stats();
  assertEquals([published, offered, delivered, errors], [2, 3, 2, 4]);
});

test("an event of one's own origin counts for nobody", () => {
  const bus = new Bus<number>();
  const origin = {};
  const queue = bus.subscribe({ origin });
  assertEquals(bus.publish(1, { origin }), 0);
  assertEquals([bus.stats().published, bus.stats().offered, queue.size], [1, 0, 0]);
  assertEquals([bus.publish(2, { origin: {} }), queue.size], [1, 1]);
});

test("what was refused counts for nobody", async () => {
  const bus = new Bus<number>();
  bus.close();
  assertThrows(() => bus.publish(1), BusClosedError);
  await assertRejects(() => bus.send(2), BusClosedError);
  assertEquals(bus.stats(), EMPTY);
});

test("send() counts once, whatever waits", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe({ overflow: "wait", capacity: 1 });
  const sent = [bus.send(1), bus.send(2), bus.send(3)];
  const { published, offered, delivered } = bus.stats();
  assertEquals([published, offered, delivered, queue.size], [3, 3, 0, 3]);
  assertEquals(await queue.receiveBatch(9), [1, 2, 3]);
  assertEquals(await Promise.all(sent), [1, 1, 1]);
  assertEquals([bus.stats().published, bus.stats().delivered], [3, 3]);
  // What still waits to be sent when it ends was lost, and counts so.
  const left = [bus.send(4), bus.send(5)];
  queue.close();
  assertEquals(await Promise.all(left), [1, 0]);
  assertEquals([queue.offered, queue.delivered, queue.lagged, queue.size], [5, 3, 1, 1]);
});

test("numbers are never used twice, and rows are in their order", () => {
  const bus = new Bus<number>();
  const ids = new Set<number>();
  for (let round = 0; round < 50; round++) {
    const queue = bus.subscribe();
    const listener = bus.on({}, () => {});
    ids.add(queue.id).add(listener.id);
    if (round % 2 === 0) queue.close();
    else listener.close();
  }
  assertEquals(ids.size, 100);
  for (const rows of [bus.stats().subscriptions, bus.stats().listeners]) {
    assertEquals(rows.length, 25);
    assert(rows.every(({ id }, at) => at === 0 || id > rows[at - 1]!.id));
  }
});

interface Numbered {
  readonly topic: string;
  readonly id: number;
}

const MATCHES: readonly Match<Numbered>[] = [
  {},
  { topic: "a.b" },
  { topic: subject("a.*") },
  { topic: [subject("a.*"), subject(">")] },
  { id: [1, 2, 3] },
];

const PREDICATES: readonly (((event: Numbered) => boolean) | undefined)[] = [
  undefined,
  ({ id }) => id % 2 === 0,
  () => {
    throw new Error("in where");
  },
];

const POLICIES: readonly BusOverflow[] = ["drop-newest", "drop-oldest", "wait", "disconnect"];

test("the law holds of every subscription at every moment, for all that a random program does", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const bus = new Bus<Numbered>({ history: 5, onError: () => {} });
    const sent: Promise<unknown>[] = [];
    const controllers: AbortController[] = [];
    const queues: Subscription<Numbered>[] = [];
    const subscribe = (): Subscription<Numbered> =>
      bus.subscribe({
        match: random.pick(MATCHES),
        where: random.pick(PREDICATES),
        capacity: 1 + random.below(3),
        overflow: random.pick(POLICIES),
        replay: random.below(3),
        onLag: random.pick([undefined, () => {}]),
      });
    const event = (): Numbered => ({
      topic: random.pick(["a.b", "a.c", "b"]),
      id: random.below(6),
    });
    for (let step = 0; step < 150; step++) {
      const queue = queues.length === 0 ? undefined : random.pick(queues);
      const choice = random.below(10);
      if (choice === 0) queues.push(subscribe());
      else if (choice < 5) bus.publish(event());
      else if (choice === 5) {
        const controller = new AbortController();
        controllers.push(controller);
        sent.push(bus.send(event(), controller).catch(() => {}));
      } else if (choice === 6 && controllers.length > 0) random.pick(controllers).abort();
      else if (choice === 7 && random.below(3) === 0) queue?.close();
      else if (choice === 8) queue?.tryReceive();
      else if (queue !== undefined && queue.size > 0) await queue.receiveBatch(2).catch(() => {});
      for (const { offered, delivered, lagged, size } of queues) {
        assertEquals(offered, delivered + lagged + size, `seed ${seed}, step ${step}`);
        assert(size >= 0, `seed ${seed}, step ${step}`);
      }
      const sums = bus.stats();
      for (const name of ["offered", "delivered", "lagged"] as const) {
        const sum = queues.reduce((total, one) => total + one[name], 0);
        assertEquals(sums[name], sum, `seed ${seed}, step ${step}: ${name}`);
      }
      const open = queues.filter(({ closed }) => !closed).map(({ id }) => id);
      assertEquals(sums.subscriptions.map(({ id }) => id), open);
    }
    bus.close();
    await Promise.all(sent);
    for (const queue of queues) {
      while (queue.tryReceive().state === "ok");
      assertEquals([queue.size, queue.offered], [0, queue.delivered + queue.lagged]);
    }
  }
});
