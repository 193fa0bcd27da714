import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Bus, BusClosedError } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, type Outcome, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

interface Waiting {
  outcome: Outcome<unknown>;
  bus: Bus<number>;
  /** Does what the wait is for. */
  serve: () => void;
  /** Ends what is waited for. */
  close: () => void;
}

function wait(
  signal: AbortSignal | undefined,
  start: (bus: Bus<number>, options: { signal: AbortSignal | undefined }) => Promise<unknown>,
): Waiting {
  const bus = new Bus<number>();
  return {
    outcome: observe(start(bus, { signal })),
    bus,
    serve: () => bus.publish(1),
    close: () => bus.close(),
  };
}

/** Every operation that can wait, waiting. */
const WAITS: Record<string, (signal?: AbortSignal) => Waiting> = {
  "receive()": (signal) => wait(signal, (bus, options) => bus.subscribe().receive(options)),
  "receiveBatch()": (signal) =>
    wait(signal, (bus, options) => bus.subscribe().receiveBatch(9, options)),
  "next()": (signal) => wait(signal, (bus, options) => bus.next({}, options)),
  "next() with where": (signal) =>
    wait(signal, (bus, options) => bus.next({}, { ...options, where: () => true })),
  "a loop over a subscription with a signal": (signal) =>
    wait(signal, (bus, options) => bus.subscribe(options)[Symbol.asyncIterator]().next()),
  "receive() of a subscription with a signal": (signal) =>
    wait(signal, (bus, options) => bus.subscribe(options).receive()),
  "receiveBatch() of a subscription with a signal": (signal) =>
    wait(signal, (bus, options) => bus.subscribe(options).receiveBatch(9)),
  "a stream of a subscription with a signal": (signal) =>
    wait(signal, (bus, options) => bus.subscribe(options).toReadableStream().getReader().read()),
  "send()": (signal) => {
    const bus = new Bus<number>();
    const queue = bus.subscribe({ overflow: "wait", capacity: 1 });
    bus.publish(0);
    const outcome = observe(bus.send(1, { signal }));
    return { outcome, bus, serve: () => queue.tryReceive(), close: () => queue.close() };
  },
  "send() to several": (signal) => {
    const bus = new Bus<number>();
    const queues = [1, 2, 3].map(() => bus.subscribe({ overflow: "wait", capacity: 1 }));
    bus.publish(0);
    const outcome = observe(bus.send(1, { signal }));
    const serve = (): void => queues.forEach((queue) => queue.tryReceive());
    return { outcome, bus, serve, close: () => bus.close() };
  },
};

/** The signal is the subscription's own, which it listens to until it is closed. */
const isLasting = (name: string): boolean => name.includes("with a signal");

for (const [name, start] of Object.entries(WAITS)) {
  test(`${name} rejects with the signal's reason itself and stops listening`, async () => {
    for (const reason of [new Error("stop"), "text", null, 0, { plain: true }]) {
      const counted = countedSignal();
      const { outcome, bus } = start(counted.signal);
      await settle();
      assertEquals([outcome.state, counted.listening], ["pending", 1]);
      counted.abort(reason);
      await settle();
      assertEquals(outcome.state, "rejected");
      assertStrictEquals(outcome.reason, reason);
      assertEquals(counted.listening, 0);
      if (isLasting(name)) assertEquals(bus.stats().subscriptions, []);
      assertEquals(bus.stats().listeners, []);
    }
  });

  test(`${name} with a signal that aborts without a reason rejects with an AbortError`, async () => {
    const controller = new AbortController();
    const { outcome } = start(controller.signal);
    await settle();
    controller.abort();
    await settle();
    assertStrictEquals(outcome.reason, controller.signal.reason);
    assertEquals((outcome.reason as Error).name, "AbortError");
  });

  test(`${name} stops listening once it is served`, async () => {
    const counted = countedSignal();
    const { outcome, serve, close } = start(counted.signal);
    await settle();
    serve();
    await settle();
    assertEquals(outcome.state, "fulfilled");
    assertEquals(counted.listening, isLasting(name) ? 1 : 0);
    close();
    assertEquals(counted.listening, 0);
    counted.abort(new Error("too late"));
    await settle();
    assertEquals(outcome.state, "fulfilled");
  });

  test(`${name} stops listening once what it waits for is closed`, async () => {
    const counted = countedSignal();
    const { outcome, close } = start(counted.signal);
    await settle();
    close();
    await settle();
    assert(outcome.state !== "pending");
    assertEquals(counted.listening, 0);
  });
}

test("a wait with a signal that has aborted rejects at once, and leaves nothing", async () => {
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  const options = { signal: counted.signal };
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  const waits = [queue.receive(options), queue.receiveBatch(2, options), bus.next({}, options)];
  for (const wait of waits) assertStrictEquals(await reasonOf(wait), reason);
  assertEquals(counted.listening, 0);
  assertEquals(bus.stats().listeners, []);
  // Nobody who gave up takes the event of those who come later.
  bus.publish(1);
  assertEquals(await queue.receive(), 1);
});

test("a wait for what is there ignores an aborted signal and listens to nothing", async () => {
  const counted = countedSignal({ reason: new Error("before") });
  const options = { signal: counted.signal };
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  for (const event of [1, 2, 3]) bus.publish(event);
  assertEquals(await queue.receive(options), 1);
  assertEquals(await queue.receiveBatch(9, options), [2, 3]);
  assertEquals(counted.added, 0);
});

test("send() with a signal that has aborted publishes nothing, even if there is room", async () => {
  const reason = { why: "before" };
  const bus = new Bus<number>();
  const queue = bus.subscribe({ overflow: "wait" });
  const handled: number[] = [];
  bus.on({}, (event) => handled.push(event));
  const counted = countedSignal({ reason });
  assertStrictEquals(await reasonOf(bus.send(1, { signal: counted.signal })), reason);
  assertEquals([queue.offered, handled, bus.stats().published, counted.added], [0, [], 0, 0]);
});

test("an aborted send() keeps what others have, and is lost only to those without room", async () => {
  const bus = new Bus<number>();
  const full = bus.subscribe({ overflow: "wait", capacity: 1 });
  const roomy = bus.subscribe({ overflow: "wait" });
  bus.publish(0);
  const controller = new AbortController();
  const sent = reasonOf(bus.send(1, controller));
  const behind = bus.send(2);
  controller.abort("given up");
  assertEquals(await sent, "given up");
  assertEquals([full.offered, full.size, full.lagged], [3, 2, 1]);
  assertEquals(await full.receiveBatch(9), [0, 2]);
  assertEquals(await roomy.receiveBatch(9), [0, 1, 2]);
  assertEquals([await behind, full.size, roomy.lagged], [2, 0, 0]);
});

test("an aborted receive() takes nothing: the event goes to the one behind it", async () => {
  for (const position of [0, 1, 2]) {
    const bus = new Bus<number>();
    const queue = bus.subscribe();
    const controllers = [0, 1, 2].map(() => new AbortController());
    const received = controllers.map(({ signal }) => observe(queue.receive({ signal })));
    controllers[position]!.abort("left");
    bus.publish(10);
    bus.publish(20);
    await settle();
    assertEquals(received[position]!.state, "rejected");
    assertEquals(received.map(({ value }) => value).filter((value) => value), [10, 20]);
    bus.publish(30);
    assertEquals(await queue.receive(), 30);
    assertEquals([queue.offered, queue.delivered, queue.lagged], [3, 3, 0]);
  }
});

test("a receive() whose event has come gets it, even if its signal aborts before it is told", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  const controller = new AbortController();
  const received = queue.receive(controller);
  const next = bus.next({}, controller);
  bus.publish(1);
  controller.abort("too late");
  assertEquals([await received, await next], [1, 1]);
});

test("on(), once() and subscribe() with a signal that has aborted throw its reason and do nothing", () => {
  for (const reason of [new Error("before"), "text", null]) {
    const counted = countedSignal({ reason });
    const options = { signal: counted.signal };
    const bus = new Bus<number>();
    const attempts = [
      () => bus.on({}, () => {}, options),
      () => bus.once({}, () => {}, options),
      () => bus.subscribe(options),
    ];
    for (const attempt of attempts) {
      let thrown: unknown = "nothing";
      try {
        attempt();
      } catch (error) {
        thrown = error;
      }
      assertStrictEquals(thrown, reason);
    }
    const { subscriptions, listeners } = bus.stats();
    assertEquals([subscriptions.length, listeners.length, counted.added], [0, 0, 0]);
    assertEquals(bus.publish(1), 0);
  }
});

test("a handler whose signal aborts is called no more, and the bus forgets it", () => {
  const counted = countedSignal();
  const options = { signal: counted.signal };
  const bus = new Bus<number>();
  const handled: number[] = [];
  const listeners = [
    bus.on({}, (event) => handled.push(event), options),
    bus.on({}, (event) => handled.push(event), { ...options, where: () => true }),
    bus.once({}, (event) => handled.push(event), { ...options, where: (event) => event > 1 }),
  ];
  bus.publish(1);
  assertEquals([handled, counted.listening], [[1, 1], 1]);
  counted.abort("enough");
  assertEquals(listeners.map(({ closed }) => closed), [true, true, true]);
  assertEquals([bus.publish(2), handled, counted.listening], [0, [1, 1], 0]);
  assertEquals(bus.stats().listeners, []);
});

test("a listener that ends in another way listens to its signal no more", () => {
  const ends: ((bus: Bus<number>, id: number, close: () => void) => void)[] = [
    (_bus, _id, close) => close(),
    (bus, id) => void bus.unsubscribe(id),
    (bus) => bus.close(),
    (bus) => void bus.publish(1),
  ];
  for (const [at, end] of ends.entries()) {
    const counted = countedSignal();
    const bus = new Bus<number>();
    const listener = bus.once({}, () => {}, { signal: counted.signal });
    end(bus, listener.id, () => listener.close());
    assertEquals([listener.closed, counted.listening], [true, 0], `end ${at}`);
  }
  const counted = countedSignal();
  const bus = new Bus<number>();
  const queue = bus.subscribe({ signal: counted.signal, overflow: "disconnect", capacity: 1 });
  bus.publish(1);
  bus.publish(2);
  assertEquals([queue.closed, counted.listening], [true, 0]);
});

test("the abort of a subscription's signal ends iteration at once, with events left", async () => {
  for (const reason of [new Error("stop"), undefined, "text"]) {
    const controller = new AbortController();
    const bus = new Bus<number>();
    const queue = bus.subscribe(controller);
    for (const event of [1, 2, 3]) bus.publish(event);
    const iterator = queue[Symbol.asyncIterator]();
    assertEquals(await iterator.next(), { value: 1, done: false });
    controller.abort(reason);
    assertStrictEquals(await reasonOf(iterator.next()), controller.signal.reason);
    assertEquals(await iterator.next(), END);
    // Who wants them still gets them one by one, then the reason.
    assertEquals([queue.closed, queue.size], [true, 2]);
    assertEquals(await queue.receiveBatch(9), [2, 3]);
    assertStrictEquals(await reasonOf(queue.receive()), controller.signal.reason);
  }
});

test("the abort of a subscription's signal errors its stream at once", async () => {
  const controller = new AbortController();
  const bus = new Bus<number>();
  const reader = bus.subscribe(controller).toReadableStream().getReader();
  for (const event of [1, 2]) bus.publish(event);
  assertEquals((await reader.read()).value, 1);
  controller.abort("stop");
  assertEquals(await reasonOf(reader.read()), "stop");
  assertEquals(await reasonOf(reader.closed), "stop");
});

test("an abort within a loop ends the loop behind the event that is being handled", async () => {
  const controller = new AbortController();
  const bus = new Bus<number>();
  const queue = bus.subscribe(controller);
  for (const event of [1, 2, 3]) bus.publish(event);
  const seen: number[] = [];
  const reason = await reasonOf((async () => {
    for await (const event of queue) {
      seen.push(event);
      if (event === 2) controller.abort("enough");
    }
  })());
  assertEquals([reason, seen], ["enough", [1, 2]]);
});

test("ten thousand subscribers that share a signal use one listener, and all hear of it", async () => {
  const counted = countedSignal();
  const options = { signal: counted.signal };
  const bus = new Bus<number>();
  const queues = Array.from({ length: 10_000 }, () => bus.subscribe(options));
  const nexts = queues.slice(0, 100).map((queue) => observe(queue[Symbol.asyncIterator]().next()));
  for (let n = 0; n < 100; n++) bus.on({}, () => {}, options);
  const waits = Array.from({ length: 100 }, () => observe(bus.next({}, options)));
  assertEquals([counted.added, counted.listening], [1, 1]);
  // Half of them leave in between.
  for (let at = 0; at < queues.length; at += 2) queues[at]!.close();
  assertEquals(counted.listening, 1);
  counted.abort("all of you");
  await settle();
  assert(queues.every(({ closed }) => closed));
  assertEquals(nexts.filter(({ reason }) => reason === "all of you").length, 50);
  assertEquals(waits.filter(({ reason }) => reason === "all of you").length, 100);
  const { subscriptions, listeners } = bus.stats();
  assertEquals([subscriptions.length, listeners.length, counted.listening], [0, 0, 0]);
});

test("an abort within a delivery keeps those who are still to be called from being called", () => {
  const controller = new AbortController();
  const bus = new Bus<number>();
  const handled: string[] = [];
  bus.on({}, () => controller.abort("by the first"));
  bus.on({}, () => handled.push("on"), controller);
  bus.once({}, () => handled.push("once"), controller);
  bus.on({}, () => handled.push("last"));
  const queue = bus.subscribe(controller);
  bus.publish(1);
  assertEquals(handled, ["last"]);
  // Its event was there before anybody was called.
  assertEquals([queue.closed, queue.size], [true, 1]);
  assertEquals(bus.stats().listeners.length, 2);
});

test("next() is settled even if its signal aborts within the delivery of its event", async () => {
  const counted = countedSignal();
  const bus = new Bus<number>();
  bus.on({}, () => counted.abort("by the first"));
  const next = observe(bus.next({}, { signal: counted.signal }));
  bus.publish(1);
  await settle();
  assert(next.state !== "pending");
  assertEquals([counted.listening, bus.stats().listeners.length], [0, 1]);
});

test("an abort within a predicate ends its subscriber, and no other", () => {
  const controller = new AbortController();
  const bus = new Bus<number>();
  const where = (): boolean => {
    controller.abort();
    return true;
  };
  const queues = [1, 2, 3].map(() => bus.subscribe());
  const aborted = bus.subscribe({ where, signal: controller.signal });
  bus.publish(1);
  bus.publish(2);
  assertEquals([aborted.closed, queues.map(({ size }) => size)], [true, [2, 2, 2]]);
  const { offered, delivered, lagged, size } = aborted;
  assertEquals(offered, delivered + lagged + size);
});

test("AbortSignal.any and timeouts end waits like other signals", async () => {
  const bus = new Bus<number>();
  const controller = new AbortController();
  const any = AbortSignal.any([controller.signal, new AbortController().signal]);
  const waits = [
    observe(bus.next({}, { signal: any })),
    observe(bus.subscribe({ signal: any })[Symbol.asyncIterator]().next()),
  ];
  controller.abort("one of them");
  await settle();
  assertEquals(waits.map(({ reason }) => reason), ["one of them", "one of them"]);
});

test("a signal of undefined is none", async () => {
  const bus = new Bus<number>();
  const options = { signal: undefined };
  const queue = bus.subscribe(options);
  bus.on({}, () => {}, options);
  const next = bus.next({}, options);
  await bus.send(1, options);
  assertEquals([await queue.receive(options), await next], [1, 1]);
});

test("what waits for a bus that is closed rejects, and the errors say so", async () => {
  const bus = new Bus<number>();
  const next = reasonOf(bus.next({}));
  bus.close();
  const error = await next;
  assert(error instanceof BusClosedError);
  assertEquals(error.message, "Cannot wait for an event of Bus: bus is closed");
  assert(await reasonOf(bus.next({})) instanceof BusClosedError);
  assert(await reasonOf(bus.send(1)) instanceof BusClosedError);
  assertThrows(() => bus.publish(1), BusClosedError);

  const other = new Bus<number>();
  const waiting = reasonOf(other.next({}));
  other.close("why");
  assertEquals(await waiting, "why");

  const third = new Bus<number>();
  const ended = reasonOf(third.next({}));
  assert(third.unsubscribe(third.stats().listeners[0]!.id));
  assert(await ended instanceof BusClosedError);
});
