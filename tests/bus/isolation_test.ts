import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  Bus,
  type BusErrorContext,
  type BusHistory,
  type Listener,
  type Match,
  type Subscription,
} from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { settle } from "../_settle.ts";

interface Event {
  readonly type: string;
  readonly n: number;
}

type Report = [error: unknown, context: BusErrorContext<Event>];

/** A bus that says what it reports. */
function makeBus(history?: number): { bus: Bus<Event>; reports: Report[] } {
  const reports: Report[] = [];
  const onError = (...report: Report): void => void reports.push(report);
  return { bus: new Bus<Event>({ onError, ...(history ? { history } : {}) }), reports };
}

/** Adds those whom nothing may disturb, and answers what they have had. */
function addOthers(bus: Bus<Event>): () => void {
  const seen: number[] = [];
  const queue = bus.subscribe({ name: "other queue" });
  const particular = bus.subscribe({ match: { type: "a" }, where: () => true });
  bus.on({}, ({ n }) => seen.push(n), { name: "other handler" });
  return () => {
    const queued: number[][] = [queue, particular].map((one) => {
      const events: number[] = [];
      for (let got; (got = one.tryReceive()).state === "ok";) events.push(got.value.n);
      return events;
    });
    assertEquals(queued, [seen, seen]);
    assertEquals(seen, [1, 2, 3]);
  };
}

/** Publishes three events, and checks that those around whoever is disturbing have had them. */
function publishAmongOthers(disturb: (bus: Bus<Event>) => void, history?: number): Report[] {
  const { bus, reports } = makeBus(history);
  const checks = [addOthers(bus)];
  disturb(bus);
  checks.push(addOthers(bus));
  for (const n of [1, 2, 3]) bus.publish({ type: "a", n });
  for (const check of checks) check();
  assertEquals(bus.stats().errors, reports.length);
  return reports;
}

const WAYS: Record<string, number | undefined> = { "a bus": undefined, "a bus with a history": 5 };

for (const [way, history] of Object.entries(WAYS)) {
  test(`on ${way} a stuck subscriber loses its own events, and the others none`, () => {
    for (const overflow of ["drop-newest", "drop-oldest", "wait", "disconnect"] as const) {
      const stuck: Subscription<Event>[] = [];
      const reports = publishAmongOthers((bus) => {
        stuck.push(bus.subscribe({ capacity: 1, overflow }));
      }, history);
      assertEquals(reports, []);
      assertEquals(stuck[0]!.lagged, overflow === "disconnect" ? 1 : 2);
    }
  });

  test(`on ${way} a predicate that throws is reported, and its subscriber goes without the event`, () => {
    const error = new Error("a predicate");
    const where = ({ n }: Event): boolean => {
      if (n === 2) throw error;
      return true;
    };
    const seen: number[] = [];
    const ids: number[] = [];
    let queue: Subscription<Event> | undefined = undefined;
    const reports = publishAmongOthers((bus) => {
      queue = bus.subscribe({ where, name: "thrower" });
      const onOptions = { where, name: "second" };
      ids.push(queue.id, bus.on({ type: "a" }, ({ n }) => seen.push(n), onOptions).id);
    }, history);
    const event = { type: "a", n: 2 };
    assertEquals(reports, [
      [error, { source: "where", event, id: ids[0]!, name: "thrower" }],
      [error, { source: "where", event, id: ids[1]!, name: "second" }],
    ]);
    assertEquals(seen, [1, 3]);
    const { offered, size, lagged } = queue! as Subscription<Event>;
    assertEquals([offered, size, lagged], [2, 2, 0]);
  });

  test(`on ${way} a once() or next() whose predicate throws waits for another event`, async () => {
    const error = new Error("a predicate");
    const where = ({ n }: Event): boolean => {
      if (n === 1) throw error;
      return n > 2;
    };
    const seen: number[] = [];
    let next: Promise<Event> | undefined = undefined;
    const reports = publishAmongOthers((bus) => {
      bus.once({}, ({ n }) => seen.push(n), { where });
      next = bus.next({ type: "a" }, { where });
    }, history);
    assertEquals(reports.map(([error]) => error), [error, error]);
    assertEquals(seen, [3]);
    assertEquals((await next!).n, 3);
  });

  test(`on ${way} a handler that throws is reported, and called again`, () => {
    for (const error of [new Error("a handler"), "text", undefined, null, 0]) {
      const seen: number[] = [];
      const ids: number[] = [];
      const reports = publishAmongOthers((bus) => {
        const handler = ({ n }: Event): void => {
          seen.push(n);
          throw error;
        };
        ids.push(bus.on({}, handler, { name: "thrower" }).id);
        ids.push(bus.once({}, handler).id);
      }, history);
      assertEquals(seen, [1, 1, 2, 3]);
      const expected = [[1, 0], [1, 1], [2, 0], [3, 0]].map(([n, at]) => {
        const name = at === 0 ? "thrower" : `listener ${ids[1]}`;
        return [error, { source: "handler", event: { type: "a", n }, id: ids[at!], name }];
      });
      assertEquals(reports as unknown[], expected);
    }
  });

  test(`on ${way} an async handler that rejects is reported later, and nobody waits for it`, async () => {
    const error = new Error("an async handler");
    const ids: number[] = [];
    const reports = publishAmongOthers((bus) => {
      const handler = async ({ n }: Event): Promise<void> => {
        await undefined;
        if (n === 2) throw error;
      };
      ids.push(bus.on({}, handler, { name: "async" }).id);
      // Whatever has a then() is waited for in the same way; what has none is nothing.
      const thenable = {
        then: (_: unknown, reject: (reason: unknown) => void): void => reject("a thenable"),
      };
      ids.push(bus.once({ type: "a" }, () => thenable).id);
      bus.on({}, () => ({ then: "no function" }));
      bus.on({}, () => null);
      bus.on({}, () => 0);
    }, history);
    await settle();
    assertEquals(reports.map(([reason, { source, id, event }]) => [reason, source, id, event]), [
      ["a thenable", "handler", ids[1], { type: "a", n: 1 }],
      [error, "handler", ids[0], { type: "a", n: 2 }],
    ]);
  });

  test(`on ${way} the promise of a handler is reported with its event and its listener`, async () => {
    const { bus, reports } = makeBus(history);
    const error = new Error("an async handler");
    const listener = bus.on({}, () => Promise.reject(error), { name: "async" });
    const event = { type: "a", n: 1 };
    bus.publish(event);
    listener.close();
    assertEquals(reports, []);
    await settle();
    assertEquals(reports, [[error, { source: "handler", event, id: listener.id, name: "async" }]]);
    assertStrictEquals(reports[0]![1].event, event);
  });

  test(`on ${way} a subscriber that closes itself in the middle of a delivery disturbs nobody`, () => {
    const reports = publishAmongOthers((bus) => {
      const listener: Listener = bus.on({}, () => listener.close());
      const queue = bus.subscribe({
        where: () => {
          queue.close();
          return true;
        },
      });
      const third = bus.on({ type: "a" }, () => {}, {
        where: () => {
          third.close();
          return true;
        },
      });
    }, history);
    assertEquals(reports, []);
  });

  test(`on ${way} a subscription that its own predicate closes is not offered the event`, () => {
    for (const overflow of ["drop-newest", "drop-oldest", "wait", "disconnect"] as const) {
      const queues: Subscription<Event>[] = [];
      const reports = publishAmongOthers((bus) => {
        const where = ({ n }: Event): boolean => {
          if (n === 2) queues[0]!.close();
          return true;
        };
        queues.push(bus.subscribe({ where, overflow }));
      }, history);
      assertEquals(reports, []);
      const [{ offered, size, lagged }] = queues as [Subscription<Event>];
      assertEquals([offered, size, lagged], [1, 1, 0], overflow);
      assertEquals(queues[0]!.tryReceive(), { state: "ok", value: { type: "a", n: 1 } });
      assertEquals(queues[0]!.tryReceive(), { state: "closed" });
    }
  });

  test(`on ${way} an onLag that throws is reported, and its reader gets the event`, async () => {
    const error = new Error("an onLag");
    const queues: Subscription<Event>[] = [];
    const { bus, reports } = makeBus(history);
    const check = addOthers(bus);
    const onLag = (): void => {
      throw error;
    };
    queues.push(bus.subscribe({ capacity: 1, overflow: "drop-oldest", onLag, name: "laggard" }));
    queues.push(bus.subscribe({ capacity: 1, overflow: "drop-newest", onLag }));
    for (const n of [1, 2, 3]) bus.publish({ type: "a", n });
    assertEquals(reports, []);
    assertEquals((await queues[0]!.receive()).n, 3);
    const [{ id }] = queues as [Subscription<Event>];
    assertEquals(reports, [[error, { source: "onLag", id, name: "laggard" }]]);
    assertEquals((await queues[1]!.receive()).n, 1);
    assertEquals(reports.length, 1);
    queues[1]!.close();
    assertEquals(queues[1]!.tryReceive(), { state: "closed" });
    assertEquals(reports.length, 2);
    check();
  });

  test(`on ${way} a sizeOf that throws, or answers no size, loses its own event`, () => {
    const error = new Error("a sizeOf");
    const bad: (() => number)[] = [
      () => {
        throw error;
      },
      () => -1,
      () => NaN,
      () => Infinity,
      () => "1" as unknown as number,
    ];
    for (const answer of bad) {
      for (const overflow of ["drop-newest", "drop-oldest", "wait", "disconnect"] as const) {
        const queues: Subscription<Event>[] = [];
        const reports = publishAmongOthers((bus) => {
          const sizeOf = ({ n }: Event): number => n === 2 ? answer() : 1;
          queues.push(bus.subscribe({ maxBytes: 9, sizeOf, overflow, name: "measured" }));
        }, history);
        const [queue] = queues as [Subscription<Event>];
        const { offered, size, lagged, closed } = queue;
        // What is to have no gap ends there.
        const expected = overflow === "disconnect" ? [2, 1, 1, true] : [3, 2, 1, false];
        assertEquals([offered, size, lagged, closed], expected, overflow);
        const [[reason, context]] = reports as [Report];
        if (answer === bad[0]) assertStrictEquals(reason, error);
        else assertInstanceOf(reason, RangeError);
        const { id } = queue;
        const event = { type: "a", n: 2 };
        assertEquals(context, { source: "sizeOf", event, id, name: "measured" });
        assertEquals(reports.length, 1);
      }
    }
  });

  test(`on ${way} a publish or send from inside of a predicate or a sizeOf is refused, and reported`, async () => {
    const outcomes: unknown[] = [];
    const reports = publishAmongOthers((bus) => {
      const again = (event: Event): boolean => {
        if (event.n !== 2) return true;
        bus.send({ type: "b", n: 20 }).catch((error) => outcomes.push(error));
        return bus.publish({ type: "b", n: 20 }) > 0;
      };
      bus.subscribe({ where: again });
      bus.on({ type: "a" }, () => {}, { where: again });
      bus.subscribe({ maxBytes: 9, sizeOf: (event) => again(event) ? 1 : 0 });
    }, history);
    assertEquals(reports.map(([, { source }]) => source), ["where", "sizeOf", "where"]);
    await settle();
    assertEquals(outcomes.length, 3);
    for (const error of [...outcomes, ...reports.map(([error]) => error)]) {
      assertInstanceOf(error, TypeError);
      assertEquals(error.message.startsWith("Cannot publish to Bus: not while"), true);
    }
  });

  test(`on ${way} errors are reported once all queues have the event, before handlers are called`, () => {
    const order: string[] = [];
    const bus: Bus<Event> = new Bus<Event>({
      onError: (error) => order.push(`${error}, sizes ${queues.map(({ size }) => size)}`),
      ...(history ? { history } : {}),
    });
    const where = (name: string) => (): boolean => {
      throw name;
    };
    const queues: Subscription<Event>[] = [];
    bus.subscribe({ where: where("first") });
    queues.push(bus.subscribe());
    bus.on({}, () => order.push("handler"));
    bus.on({}, () => {}, { where: where("second") });
    queues.push(bus.subscribe({ match: { type: "a" } as Match<Event> }));
    bus.publish({ type: "a", n: 1 });
    assertEquals(order, ["first, sizes 1,1", "second, sizes 1,1", "handler"]);
  });

  test(`on ${way} onError may publish, subscribe and close`, () => {
    const seen: string[] = [];
    const bus: Bus<Event> = new Bus<Event>({
      onError(error, { event }) {
        seen.push(`error ${error}`);
        if (event!.n !== 1) return;
        victim.close();
        bus.on({}, ({ n }) => seen.push(`new ${n}`));
        bus.publish({ type: "error", n: 10 });
      },
      ...(history ? { history } : {}),
    });
    bus.on({ type: "a" }, ({ n }) => {
      seen.push(`first ${n}`);
      throw n;
    });
    const victim = bus.on({}, ({ n }) => seen.push(`victim ${n}`));
    bus.on({}, ({ n }) => seen.push(`last ${n}`));
    bus.publish({ type: "a", n: 1 });
    bus.publish({ type: "a", n: 2 });
    assertEquals(seen, [
      ...["first 1", "error 1", "last 1", "last 10", "new 10"],
      ...["first 2", "error 2", "last 2", "new 2"],
    ]);
  });

  test(`on ${way} an onError that throws is reported, and the others have the event`, async () => {
    const second = new Error("an onError");
    const seen: number[] = [];
    const reports = await reportsOf(() => {
      const bus = new Bus<Event>({
        onError() {
          throw second;
        },
        ...(history ? { history } : {}),
      });
      bus.subscribe({
        where() {
          throw new Error("a predicate");
        },
      });
      bus.on({}, () => {
        throw new Error("a handler");
      });
      bus.on({}, ({ n }) => seen.push(n));
      bus.publish({ type: "a", n: 1 });
      assertEquals(bus.publish({ type: "a", n: 2 }), 2);
      assertEquals(bus.stats().errors, 4);
    });
    assertEquals(reports, [second, second, second, second]);
    assertEquals(seen, [1, 2]);
  });

  test(`on ${way} without onError everything goes to reportError`, async () => {
    const errors = ["where", "handler", "async", "onLag", "sizeOf"].map((name) => new Error(name));
    const [where, handler, late, lag, size] = errors as [Error, Error, Error, Error, Error];
    const raise = (error: Error) => (): never => {
      throw error;
    };
    const seen: number[] = [];
    const reports = await reportsOf(async () => {
      const bus = new Bus<Event>(history ? { history } : {});
      bus.subscribe({ where: raise(where) });
      bus.on({}, raise(handler));
      bus.on({}, () => Promise.reject(late));
      const laggard = bus.subscribe({ capacity: 1, overflow: "drop-oldest", onLag: raise(lag) });
      bus.subscribe({ maxBytes: 1, sizeOf: raise(size) });
      bus.on({}, ({ n }) => seen.push(n));
      bus.publish({ type: "a", n: 1 });
      bus.publish({ type: "a", n: 2 });
      laggard.tryReceive();
      await settle();
      assertEquals(bus.stats().errors, 9);
    });
    assertEquals(reports.slice(0, 3), [where, size, handler]);
    assertEquals(reports.slice(3, 6), [where, size, handler]);
    assertEquals(reports.slice(6), [lag, late, late]);
    assertEquals(seen, [1, 2]);
  });

  test(`on ${way} a predicate that subscribes or closes others takes effect from the next event on`, () => {
    const { bus, reports } = makeBus(history);
    const seen: string[] = [];
    const victims = [bus.on({}, ({ n }) => seen.push(`victim ${n}`)), bus.subscribe()];
    const queues: Subscription<Event>[] = [];
    bus.on({}, ({ n }) => seen.push(`old ${n}`));
    bus.on({}, ({ n }) => seen.push(`particular ${n}`), { where: () => true });
    bus.on({ type: "a" }, ({ n }) => seen.push(`typed ${n}`), { where: () => true });
    bus.subscribe({ match: { type: "a" } });
    bus.subscribe({
      where: ({ n }) => {
        if (n !== 1) return true;
        for (const victim of victims) victim.close();
        for (const match of [{}, { type: "a" }] as Match<Event>[]) {
          queues.push(bus.subscribe({ match }), bus.subscribe({ match, where: () => true }));
          bus.on(match, ({ n }) => seen.push(`new ${n}`));
          bus.on(match, ({ n }) => seen.push(`new particular ${n}`), { where: () => true });
        }
        return true;
      },
    });
    bus.publish({ type: "a", n: 1 });
    // The one that is gone is not called, and nobody new is.
    assertEquals(seen, ["old 1", "particular 1", "typed 1"]);
    assertEquals(queues.map(({ size }) => size), [0, 0, 0, 0]);
    seen.length = 0;
    bus.publish({ type: "a", n: 2 });
    assertEquals(seen, [
      ...["old 2", "particular 2", "typed 2"],
      ...["new 2", "new particular 2", "new 2", "new particular 2"],
    ]);
    assertEquals(queues.map(({ size }) => size), [1, 1, 1, 1]);
    assertEquals(reports, []);
  });
}

test("an event that somebody changes is changed for all: it is one object", () => {
  const bus = new Bus<{ n: number }>();
  const queue = bus.subscribe();
  const event = { n: 1 };
  bus.on({}, (event) => event.n++);
  bus.publish(event);
  const result = queue.tryReceive();
  assert(result.state === "ok" && result.value === event && event.n === 2);
});

test("a predicate of a replay that throws is reported by the name of its subscriber, and goes without the event", () => {
  const { bus, reports } = makeBus(5);
  for (const n of [1, 2, 3]) bus.publish({ type: "a", n });
  const error = new Error("a predicate");
  const where = ({ n }: Event): boolean => {
    if (n === 2) throw error;
    return true;
  };
  const queue = bus.subscribe({ where, replay: 5, name: "late" });
  assertEquals([queue.size, queue.offered], [2, 2]);
  const [[reason, { source, name, event }]] = reports as [Report];
  assertEquals([reason, source, name, event], [error, "where", "late", { type: "a", n: 2 }]);
  assertEquals(reports.length, 1);
});

test("a predicate of a replay may subscribe and close others, but not publish", () => {
  const { bus, reports } = makeBus(5);
  for (const n of [1, 2]) bus.publish({ type: "a", n });
  const victim = bus.on({}, () => {});
  const ids: number[] = [];
  const queue = bus.subscribe({
    replay: 5,
    where: ({ n }) => {
      victim.close();
      if (n === 1) ids.push(bus.subscribe().id, bus.on({ type: "a" }, () => {}).id);
      if (n === 2) bus.publish({ type: "a", n: 9 });
      return true;
    },
  });
  ids.push(queue.id);
  assertEquals(new Set(ids).size, 3);
  assertEquals(reports.map(([, { source }]) => source), ["where"]);
  assertInstanceOf(reports[0]![0], TypeError);
  const { subscriptions, listeners } = bus.stats();
  assertEquals(subscriptions.map(({ id }) => id).toSorted(), [ids[0]!, ids[2]!].toSorted());
  assertEquals(listeners.map(({ id }) => id), [ids[1]!]);
  assertEquals(bus.publish({ type: "a", n: 3 }), 3);
  for (const id of ids) assert(bus.unsubscribe(id));
  assertEquals(bus.publish({ type: "a", n: 4 }), 0);
});

test("what onError publishes about a replay reaches the one that subscribes", () => {
  const bus: Bus<Event> = new Bus<Event>({
    history: 5,
    onError: () => void bus.publish({ type: "error", n: 10 }),
  });
  bus.publish({ type: "a", n: 1 });
  const queue = bus.subscribe({
    replay: 5,
    where: ({ n }) => {
      if (n === 1) throw new Error("a predicate");
      return true;
    },
  });
  const events: number[] = [];
  for (let got; (got = queue.tryReceive()).state === "ok";) events.push(got.value.n);
  // Neither before nor behind a gap: it was published while it subscribed.
  assertEquals(events, [10]);
});

test("a history that throws is reported, and everybody has the event, gaps told where they are", async () => {
  const error = new Error("a history");
  const history: BusHistory<Event> = {
    add() {
      throw error;
    },
    read: () => ({ records: [], missed: 0 }),
  };
  const reports: Report[] = [];
  const bus = new Bus<Event>({ history, onError: (...report: Report) => reports.push(report) });
  const seen: unknown[] = [];
  const queue = bus.subscribe({
    capacity: 2,
    overflow: "drop-oldest",
    onLag: (lost) => seen.push(`lost ${lost}`),
  });
  for (const n of [1, 2, 3]) assertEquals(bus.publish({ type: "a", n }), 1);
  for (let count = 0; count < 2; count++) seen.push((await queue.receive()).n);
  assertEquals(reports.length, 3);
  const [reason, { source, event }] = reports[0]!;
  assertEquals([reason, source, event], [error, "history", { type: "a", n: 1 }]);
  assertEquals(seen, ["lost 1", 2, 3]);
});

test("a binding that throws is reported, and the event goes on as it is", () => {
  const error = new Error("a binding");
  const reports: Report[] = [];
  const bus: Bus<Event> = new Bus<Event>({
    bind: {
      apply(event, onUnusable) {
        if (event.n === 1) throw error;
        if (event.n === 2) onUnusable("unusable");
        if (event.n === 3) bus.publish({ type: "a", n: 4 });
        return { ...event, type: "bound" };
      },
    },
    onError: (...report: Report) => reports.push(report),
  });
  const queue = bus.subscribe();
  for (const n of [1, 2, 3]) bus.publish({ type: "a", n });
  const types: string[] = [];
  for (let got; (got = queue.tryReceive()).state === "ok";) types.push(got.value.type);
  assertEquals(types, ["a", "bound", "a"]);
  assertEquals(reports.map(([, { source }]) => source), ["bind", "bind", "bind"]);
  assertEquals(reports[0]![0], error);
  assertEquals(reports[1]![0], "unusable");
  assertInstanceOf(reports[2]![0], TypeError);
});

test("an onLag may publish, read and close, and every event comes once", async () => {
  const bus = new Bus<number>();
  const seen: unknown[] = [];
  const queue: Subscription<number> = bus.subscribe({
    capacity: 3,
    onLag(lost) {
      seen.push(`lost ${lost}`);
      const got = queue.tryReceive();
      if (got.state === "ok") seen.push(got.value);
    },
  });
  for (const event of [1, 2, 3, 4]) bus.publish(event);
  seen.push(await queue.receive());
  for (const event of [5, 6]) bus.publish(event);
  for (let turn = 0; turn < 4 && queue.size > 0; turn++) {
    seen.push(...await queue.receiveBatch(Infinity));
  }
  const events = seen.filter((one) => typeof one === "number");
  assertEquals(events.toSorted(), [1, 2, 3, 5]);
  const { offered, delivered, lagged, size } = queue;
  assertEquals([offered, delivered, lagged, size], [6, 4, 2, 0]);
});

test("an onLag that closes its subscription leaves what is there", async () => {
  const bus = new Bus<number>();
  const queue: Subscription<number> = bus.subscribe({
    capacity: 2,
    overflow: "drop-oldest",
    onLag() {
      queue.close();
      assertEquals(bus.publish(9), 0);
    },
  });
  for (const event of [1, 2, 3]) bus.publish(event);
  assertEquals(await queue.receive(), 2);
  assert(queue.closed);
  assertEquals(await queue.receive(), 3);
  assertEquals(queue.tryReceive(), { state: "closed" });
});

test("a subscription never holds more than its capacity, however it is read", async () => {
  const bus = new Bus<number>();
  for (const overflow of ["drop-newest", "drop-oldest", "wait"] as const) {
    const queue = bus.subscribe({ capacity: 3, overflow, onLag: () => {} });
    for (const event of [1, 2, 3, 4]) bus.publish(event);
    queue.tryReceive();
    // What was lost lies before the last of them, or before the first.
    for (const event of [5, 6]) bus.publish(event);
    await queue.receiveBatch(Infinity);
    for (const event of [7, 8, 9, 10]) bus.publish(event);
    assert(queue.size <= 3, `${overflow}: ${queue.size} wait`);
    queue.close();
  }
});

test("a gap is told before the event behind it, even if the publisher goes on before the reader has it", async () => {
  const bus = new Bus<number>();
  const seen: unknown[] = [];
  const queue = bus.subscribe({
    capacity: 1,
    overflow: "drop-oldest",
    onLag: (lost) => seen.push(`lost ${lost}`),
  });
  bus.publish(1);
  bus.publish(2);
  const first = queue.receive().then((event) => seen.push(event));
  // The reader has taken the second one, and is only not told yet.
  bus.publish(3);
  bus.publish(4);
  await first;
  seen.push(await queue.receive());
  assertEquals(seen, ["lost 1", 2, "lost 1", 4]);
});
