import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Bus,
  BusClosedError,
  LaggedError,
  type Listener,
  type ListenerStats,
  type Subscription,
} from "../../bus/mod.ts";
import { ChannelClosedError } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

const REASON = new Error("reason");

/** Every way to close a bus, and the reason that it gives, if it gives one. */
const WAYS: Record<string, { close: (bus: Bus<number>) => void; reason?: { value: unknown } }> = {
  "close()": { close: (bus) => bus.close() },
  "close(error)": { close: (bus) => bus.close(REASON), reason: { value: REASON } },
  "close(undefined)": { close: (bus) => bus.close(undefined), reason: { value: undefined } },
  "[Symbol.dispose]()": { close: (bus) => bus[Symbol.dispose]() },
  "[Symbol.asyncDispose]()": { close: (bus) => void bus[Symbol.asyncDispose]() },
};

/** Fails unless a promise has rejected as it must after a bus was closed in a way. */
function assertEnded(
  { state, reason }: { state: string; reason?: unknown },
  expected: { value: unknown } | undefined,
  kind: typeof BusClosedError | typeof ChannelClosedError,
): void {
  assertEquals(state, "rejected");
  if (expected === undefined) assertInstanceOf(reason, kind);
  else assertStrictEquals(reason, expected.value);
}

for (const [way, { close, reason }] of Object.entries(WAYS)) {
  test(`Bus ${way} lets readers read what waits for them, then ends them`, async () => {
    const bus = new Bus<number>();
    const full = bus.subscribe();
    const [looped, batched] = [bus.subscribe(), bus.subscribe()];
    for (const event of [1, 2]) bus.publish(event);
    close(bus);
    assert(bus.closed && full.closed && looped.closed);
    assertEquals([await full.receive(), await full.receive()], [1, 2]);
    assertEnded(
      await reasonOf(full.receive()).then((reason) => ({ state: "rejected", reason })),
      reason,
      ChannelClosedError,
    );
    assertEquals(full.tryReceive(), { state: "closed" });
    const seen: number[] = [];
    const loop = observe((async () => {
      for await (const event of looped) seen.push(event);
    })());
    await settle();
    assertEquals(seen, [1, 2]);
    if (reason === undefined) assertEquals(loop.state, "fulfilled");
    else assertEnded(loop, reason, ChannelClosedError);
    assertEquals(await batched.receiveBatch(9), [1, 2]);
    const last = observe(batched.receiveBatch(9));
    await settle();
    if (reason === undefined) assertEquals(last.value, []);
    else assertEnded(last, reason, ChannelClosedError);
  });

  test(`Bus ${way} ends readers that wait`, async () => {
    const bus = new Bus<number>();
    const [one, two, three] = [bus.subscribe(), bus.subscribe(), bus.subscribe()];
    const received = observe(one.receive());
    const batched = observe(two.receiveBatch(3));
    const iterated = observe(three[Symbol.asyncIterator]().next());
    close(bus);
    await settle();
    assertEnded(received, reason, ChannelClosedError);
    if (reason === undefined) {
      assertEquals(batched.value, []);
      assertEquals(iterated.value, { value: undefined, done: true });
    } else {
      assertEnded(batched, reason, ChannelClosedError);
      assertEnded(iterated, reason, ChannelClosedError);
    }
  });

  test(`Bus ${way} rejects those who wait for a next event, and leaves no listener at their signals`, async () => {
    const bus = new Bus<number>();
    const counted = countedSignal();
    const nexts = [
      bus.next({}),
      bus.next({}, { where: () => false }),
      bus.next({}, { signal: counted.signal }),
    ].map((next) => observe(next));
    await settle();
    assertEquals(counted.listening, 1);
    close(bus);
    await settle();
    for (const next of nexts) assertEnded(next, reason, BusClosedError);
    assertEquals(counted.listening, 0);
    assertEquals(bus.stats().listeners, []);
  });

  test(`Bus ${way} closes listeners and subscriptions, and leaves no listener at their signals`, () => {
    const bus = new Bus<number>();
    const counted = countedSignal();
    const { signal } = counted;
    const subscribers = [
      bus.on({}, () => {}, { signal }),
      bus.once({}, () => {}, { signal }),
      bus.on({}, () => {}, { signal, where: () => true }),
      bus.subscribe({ signal }),
      bus.subscribe({ signal, overflow: "wait" }),
    ];
    assertEquals(subscribers.map(({ closed }) => closed), [false, false, false, false, false]);
    assert(counted.listening > 0);
    close(bus);
    assertEquals(subscribers.map(({ closed }) => closed), [true, true, true, true, true]);
    assertEquals(counted.listening, 0);
    const { subscriptions, listeners } = bus.stats();
    assertEquals([subscriptions, listeners], [[], []]);
    for (const { id } of subscribers) assertFalse(bus.unsubscribe(id));
    // Whoever is closed already is closed for good.
    for (const subscriber of subscribers) subscriber.close();
    counted.abort();
  });

  test(`Bus ${way} makes everything else a refusal`, async () => {
    const bus = new Bus<number>({ history: 3 });
    bus.publish(1);
    close(bus);
    assertThrows(() => bus.publish(2), BusClosedError, "Cannot publish to Bus: bus is closed");
    assertThrows(() => bus.publish(2, { origin: 1 }), BusClosedError, "bus is closed");
    for (
      const subscribe of [
        () => bus.on({}, () => {}),
        () => bus.once({}, () => {}),
        () => bus.subscribe(),
        () => bus.subscribe({ replay: 3 }),
      ]
    ) {
      assertThrows(subscribe, BusClosedError, "Cannot subscribe to Bus: bus is closed");
    }
    // Those that answer a promise do not throw.
    const [sent, next] = [bus.send(2), bus.next({})];
    assertInstanceOf(await reasonOf(sent), BusClosedError);
    assertInstanceOf(await reasonOf(next), BusClosedError);
    assertFalse(bus.unsubscribe(1));
    assertEquals(bus.stats().published, 1);
  });

  test(`Bus ${way} in a handler has what was published before handled, and nothing more`, () => {
    const errors: unknown[] = [];
    const bus = new Bus<number>({ onError: (error) => errors.push(error) });
    const seen: string[] = [];
    const queue = bus.subscribe();
    bus.on({}, (event) => {
      seen.push(`first ${event}`);
      if (event !== 1) return;
      bus.publish(2);
      close(bus);
      seen.push(`closed ${bus.closed}`);
      bus.publish(3);
    });
    const last: Listener = bus.on({}, (event) => seen.push(`last ${event}, closed ${last.closed}`));
    bus.once({}, (event) => seen.push(`once ${event}`));
    assertEquals(bus.publish(1), 4);
    assertEquals(seen, [
      ...["first 1", "closed true", "last 1, closed false", "once 1"],
      ...["first 2", "last 2, closed false"],
    ]);
    assert(last.closed);
    assertInstanceOf(errors[0], BusClosedError);
    assertEquals(errors.length, 1);
    assertEquals(bus.stats().listeners, []);
    assertEquals(queue.size, 2);
    assertThrows(() => bus.publish(4), BusClosedError);
  });

  test(`Bus ${way} in a handler rejects a next() that waits, and not one whose event has come`, async () => {
    const bus = new Bus<number>();
    bus.on({}, () => close(bus));
    const come = observe(bus.next({}, { where: (event) => event === 1 }));
    const waiting = observe(bus.next({}, { where: (event) => event === 2 }));
    bus.publish(1);
    await settle();
    assertEquals(come, { state: "fulfilled", value: 1 });
    assertEnded(waiting, reason, BusClosedError);
  });

  test(`Bus ${way} in a predicate ends as it does in a handler: what is published is handled`, () => {
    for (const isNested of [false, true]) {
      const errors: unknown[] = [];
      const bus = new Bus<number>({ onError: (error) => errors.push(error) });
      const seen: number[] = [];
      const first = bus.subscribe();
      const handlers = [
        bus.on({}, (event) => seen.push(event)),
        bus.on({}, (event) => seen.push(event), { where: () => true }),
      ];
      const closing = bus.subscribe({
        where: (event) => {
          if (event === 2) close(bus);
          return true;
        },
      });
      if (isNested) bus.once({}, () => void bus.publish(2));
      bus.publish(1);
      if (!isNested) bus.publish(2);
      assert(bus.closed && first.closed && closing.closed);
      assertEquals(errors, []);
      assertEquals([first.size, first.offered], [2, 2]);
      assertEquals(seen, [1, 1, 2, 2], `nested ${isNested}`);
      assertEquals(handlers.map(({ closed }) => closed), [true, true]);
      assertEquals(bus.stats().listeners, []);
      assertThrows(() => bus.publish(3), BusClosedError);
    }
  });

  test(`Bus ${way} in onError ends the bus, and everybody is closed afterwards`, () => {
    const bus: Bus<number> = new Bus<number>({ onError: () => close(bus) });
    const seen: number[] = [];
    const queue = bus.subscribe();
    bus.on({}, () => {
      throw new Error("a handler");
    });
    const last = bus.on({}, (event) => seen.push(event));
    bus.publish(1);
    assertEquals(seen, [1]);
    assert(bus.closed && last.closed && queue.closed);
    assertEquals(bus.stats().listeners, []);
  });

  test(`Bus ${way} again, in whatever way, changes nothing`, async () => {
    for (const again of Object.values(WAYS)) {
      const bus = new Bus<number>();
      const queue = bus.subscribe();
      bus.publish(1);
      const next = observe(bus.next({}));
      close(bus);
      again.close(bus);
      bus.close(new Error("too late"));
      assertEquals(await queue.receive(), 1);
      const end = observe(queue.receive());
      await settle();
      assertEnded(end, reason, ChannelClosedError);
      assertEnded(next, reason, BusClosedError);
    }
  });

  test(`Bus ${way} within a replay leaves nobody who waits for ever`, async () => {
    for (const inOnError of [false, true]) {
      const bus: Bus<number> = new Bus<number>({ history: 3, onError: () => close(bus) });
      bus.publish(1);
      const where = (): boolean => {
        if (inOnError) throw new Error("a predicate");
        close(bus);
        return true;
      };
      let subscription: Subscription<number> | undefined;
      try {
        subscription = bus.subscribe({ replay: 3, where });
      } catch (error) {
        assertInstanceOf(error, BusClosedError);
      }
      assert(subscription === undefined || subscription.closed);
      assertEquals(bus.stats().subscriptions, []);
      await settle();
    }
  });
}

test("Bus in a using declaration is closed at its end", async () => {
  const seen: Bus<number>[] = [];
  {
    using bus = new Bus<number>();
    seen.push(bus);
  }
  {
    await using bus = new Bus<number>();
    seen.push(bus);
  }
  assertEquals(seen.map(({ closed }) => closed), [true, true]);
});

test("Bus.close() of a bus that nobody uses, and of one that is full", () => {
  const bus = new Bus<number>();
  assertFalse(bus.closed);
  assertStrictEquals(bus.close(), undefined);
  assert(bus.closed);
  const full = new Bus<number>();
  const queue = full.subscribe({ capacity: 1 });
  full.publish(1);
  full.publish(2);
  full.close();
  assertEquals([queue.size, queue.lagged, queue.offered], [1, 1, 2]);
});

test("Bus.close() does not change how a subscription has ended before", async () => {
  const bus = new Bus<number>();
  const closed = bus.subscribe();
  const lagging = bus.subscribe({ capacity: 1, overflow: "disconnect" });
  const aborted = bus.subscribe({ signal: new AbortController().signal });
  aborted.close();
  closed.close();
  bus.publish(1);
  bus.publish(2);
  bus.close(REASON);
  assertInstanceOf(await reasonOf(closed.receive()), ChannelClosedError);
  assertInstanceOf(await reasonOf(aborted.receive()), ChannelClosedError);
  assertEquals(await lagging.receive(), 1);
  assertInstanceOf(await reasonOf(lagging.receive()), LaggedError);
});

test("Subscription.close() in every way takes effect at once, and once", async () => {
  const ways: Record<string, (subscription: Subscription<number>, bus: Bus<number>) => unknown> = {
    "close()": (subscription) => subscription.close(),
    "dispose": (subscription) => subscription[Symbol.dispose](),
    "async dispose": (subscription) => subscription[Symbol.asyncDispose](),
    "unsubscribe()": ({ id }, bus) => bus.unsubscribe(id),
    "leaving a loop": (subscription) => subscription[Symbol.asyncIterator]().return!(),
    "cancelling a stream": (subscription) => subscription.toReadableStream().cancel(),
  };
  for (const [way, close] of Object.entries(ways)) {
    const bus = new Bus<number>();
    const subscription = bus.subscribe();
    bus.publish(1);
    const done = close(subscription, bus);
    assert(subscription.closed, way);
    assertEquals(bus.publish(2), 0, way);
    assertEquals(bus.stats().subscriptions, [], way);
    assertFalse(bus.unsubscribe(subscription.id));
    await done;
    subscription.close();
    assertEquals(subscription.tryReceive(), { state: "ok", value: 1 }, way);
    assertEquals(subscription.tryReceive(), { state: "closed" }, way);
    assertInstanceOf(await reasonOf(subscription.receive()), ChannelClosedError);
    const { offered, delivered, lagged, size } = subscription;
    assertEquals([offered, delivered, lagged, size], [1, 1, 0, 0], way);
  }
});

test("Listener.close() in every way takes effect at once, and once", () => {
  const ways: Record<string, (listener: Listener, bus: Bus<number>) => unknown> = {
    "close()": (listener) => listener.close(),
    "dispose": (listener) => listener[Symbol.dispose](),
    "unsubscribe()": ({ id }, bus) => bus.unsubscribe(id),
  };
  for (const [way, close] of Object.entries(ways)) {
    const bus = new Bus<number>();
    const seen: number[] = [];
    const handler = (event: number): void => void seen.push(event);
    const listeners = [bus.on({}, handler), bus.once({}, handler)];
    for (const listener of listeners) {
      close(listener, bus);
      assert(listener.closed, way);
      listener.close();
      assertFalse(bus.unsubscribe(listener.id), way);
    }
    assertEquals(bus.publish(1), 0, way);
    assertEquals(seen, []);
  }
});

test("Bus.next() is settled by whatever comes first, even within a delivery", async () => {
  // Each of them happens in a handler that is called with the very event that is waited for, before next() would be.
  const ends: Record<string, (bus: Bus<number>, abort: (reason: unknown) => void) => void> = {
    "nothing": () => {},
    "its signal": (_, abort) => abort(REASON),
    "close()": (bus) => bus.close(),
    "close(reason)": (bus) => bus.close(REASON),
    "unsubscribe()": (bus) => {
      for (const { id, name } of bus.stats().listeners) if (name === "next") bus.unsubscribe(id);
    },
  };
  for (const [way, end] of Object.entries(ends)) {
    const bus = new Bus<number>();
    const counted = countedSignal();
    bus.on({}, () => end(bus, counted.abort));
    const next = observe(bus.next({}, { signal: counted.signal }));
    bus.publish(1);
    await settle();
    assert(next.state !== "pending", `${way}: it waits for ever`);
    if (next.state === "fulfilled") assertEquals(next.value, 1, way);
    else if (way === "unsubscribe()") assertInstanceOf(next.reason, BusClosedError);
    else assertStrictEquals(next.reason, REASON, way);
    assertEquals(counted.listening, 0, way);
  }
});

test("Bus.unsubscribe() of a next() rejects it, and says of whom", async () => {
  const bus = new Bus<number>();
  const next = observe(bus.next({}));
  const [{ id }] = bus.stats().listeners as [ListenerStats];
  assert(bus.unsubscribe(id));
  await settle();
  assertInstanceOf(next.reason, BusClosedError);
  assertEquals(bus.stats().listeners, []);
  assertFalse(bus.closed);
});
