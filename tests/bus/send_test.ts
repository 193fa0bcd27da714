import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { Bus, BusClosedError, type BusOverflow, type Subscription } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

/** Takes all that is there. */
function drain<E>(subscription: Subscription<E>): E[] {
  const events: E[] = [];
  for (let result; (result = subscription.tryReceive()).state === "ok";) events.push(result.value);
  return events;
}

test("Bus.send() waits for every subscription that is to be waited for, and for no other", async () => {
  const bus = new Bus<number>();
  const first = bus.subscribe({ capacity: 1, overflow: "wait" });
  const second = bus.subscribe({ capacity: 2, overflow: "wait" });
  const others = (["drop-newest", "drop-oldest", "disconnect"] satisfies BusOverflow[])
    .map((overflow) => bus.subscribe({ capacity: 1, overflow }));
  const seen: number[] = [];
  bus.on({}, (event) => seen.push(event));

  assertEquals(await bus.send(1), 6);
  const sent = observe(bus.send(2));
  // Everybody else has it already.
  assertEquals(seen, [1, 2]);
  assertEquals(others.map(({ closed, lagged, size }) => [closed, lagged, size]), [
    [false, 1, 1],
    [false, 1, 1],
    [true, 1, 1],
  ]);
  assertEquals(second.size, 2);
  await settle();
  assertEquals(sent.state, "pending");

  const third = observe(bus.send(3));
  assertEquals(first.tryReceive(), { state: "ok", value: 1 });
  await settle();
  // Of the second event: both that are waited for, the one that gave up its oldest, and the handler.
  assertEquals(sent, { state: "fulfilled", value: 4 });
  assertEquals(third.state, "pending");

  assertEquals(first.tryReceive(), { state: "ok", value: 2 });
  await settle();
  assertEquals(third.state, "pending", "the second one has no room yet");
  assertEquals(second.tryReceive(), { state: "ok", value: 1 });
  await settle();
  assertEquals(third, { state: "fulfilled", value: 4 });
  assertEquals(drain(first), [3]);
  assertEquals(drain(second), [2, 3]);
  assertEquals([first.lagged, second.lagged], [0, 0]);
});

test("Bus.send() to those that have room takes as long as Bus.publish()", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 3, overflow: "wait" });
  const sent = bus.send(1);
  assertEquals(subscription.size, 1);
  assertEquals(await sent, 1);
  assertEquals(await bus.send(2, {}), 1);
  assertEquals(await new Bus<number>().send(1), 0);
});

test("Bus.send() lets nothing that is published meanwhile go before it", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 2, overflow: "wait" });
  bus.publish(1);
  bus.publish(2);
  const sends = [bus.send(3), bus.send(4), bus.send(5)];
  assertEquals(bus.publish(6), 0);
  const events = [...drain(subscription)];
  events.push(...drain(subscription));
  await Promise.all(sends);
  bus.publish(7);
  events.push(...drain(subscription));
  assertEquals(events, [1, 2, 3, 4, 5, 7]);
  assertEquals([subscription.offered, subscription.delivered, subscription.lagged], [7, 6, 1]);
});

test("Bus.send() keeps its place before what handlers publish because of it", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 1, overflow: "wait" });
  const nested: Promise<number>[] = [];
  bus.on({}, (event) => {
    if (event < 10) nested.push(bus.send(event * 10));
  });
  bus.publish(1);
  const sent = bus.send(2);
  const events: number[] = [];
  for (let count = 0; count < 4; count++) events.push(await subscription.receive());
  assertEquals(events, [1, 10, 2, 20]);
  assertEquals(await sent, 2);
  assertEquals(await Promise.all(nested), [2, 2]);
  assertEquals(subscription.lagged, 0);
});

test("Bus.send() leaves the line in the order of the sends, whoever of them gives up", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 1, overflow: "wait" });
  const controllers = [2, 3, 4, 5].map(() => new AbortController());
  bus.publish(1);
  const sends = controllers.map(({ signal }, i) => observe(bus.send(i + 2, { signal })));
  assertEquals(subscription.size, 5);
  controllers[0]!.abort("first");
  controllers[2]!.abort("third");
  await settle();
  assertEquals(subscription.size, 3);
  assertEquals(sends.map(({ state, reason }) => [state, reason]), [
    ["rejected", "first"],
    ["pending", undefined],
    ["rejected", "third"],
    ["pending", undefined],
  ]);
  assertEquals(drain(subscription), [1, 3, 5]);
  await settle();
  assertEquals(sends.map(({ value }) => value), [undefined, 1, undefined, 1]);
  assertEquals(subscription.lagged, 2);
});

test("Bus.send() publishes nothing if its signal has aborted before", async () => {
  for (const reason of [new Error("no"), "text", 0, null]) {
    const { signal, added } = countedSignal({ reason });
    const bus = new Bus<number>();
    const subscription = bus.subscribe({ overflow: "wait" });
    assertStrictEquals(await reasonOf(bus.send(1, { signal })), reason);
    assertEquals(subscription.offered, 0);
    assertEquals(bus.stats().published, 0);
    assertEquals(added, 0);
  }
});

test("Bus.send() rejects with the reason of its signal, and loses the event to those without room only", async () => {
  const errors: unknown[] = [];
  const bus = new Bus<number>({ onError: (error) => errors.push(error) });
  const full = [
    bus.subscribe({ capacity: 1, overflow: "wait" }),
    bus.subscribe({
      capacity: 1,
      overflow: "wait",
    }),
  ];
  bus.publish(1);
  const roomy = bus.subscribe({ overflow: "wait" });
  const counted = countedSignal();
  const sent = observe(bus.send(2, { signal: counted.signal }));
  assertEquals(full[1]!.tryReceive(), { state: "ok", value: 1 });
  await settle();
  const reason = new Error("given up");
  counted.abort(reason);
  await settle();
  assertEquals(sent.state, "rejected");
  assertStrictEquals(sent.reason, reason);
  assertEquals(drain(full[0]!), [1]);
  assertEquals(drain(full[1]!), [2]);
  assertEquals(drain(roomy), [2]);
  assertEquals([...full, roomy].map(({ lagged }) => lagged), [1, 0, 0]);
  assertEquals(counted.listening, 0);
  assertEquals(errors, []);
});

test("Bus.send() leaves no listener at its signal, however the wait ends", async () => {
  const ends: Record<string, (subscription: Subscription<number>, bus: Bus<number>) => void> = {
    "there is room": (subscription) => subscription.tryReceive(),
    "its subscription closes": (subscription) => subscription.close(),
    "the bus closes": (_, bus) => bus.close(),
    "the bus closes for a reason": (_, bus) => bus.close(new Error("reason")),
    "it is unsubscribed": ({ id }, bus) => void bus.unsubscribe(id),
  };
  for (const [name, end] of Object.entries(ends)) {
    const counted = countedSignal();
    const bus = new Bus<number>();
    const subscription = bus.subscribe({ capacity: 1, overflow: "wait" });
    bus.publish(0);
    const sent = bus.send(1, { signal: counted.signal });
    assertEquals(counted.listening, 1, name);
    end(subscription, bus);
    await sent;
    assertEquals(counted.listening, 0, name);
  }
});

test("Bus.send() with room everywhere adds no listener", async () => {
  const counted = countedSignal();
  const bus = new Bus<number>();
  bus.subscribe({ overflow: "wait" });
  bus.on({}, () => {});
  await bus.send(1, { signal: counted.signal });
  assertEquals(counted.listening, 0);
});

test("Bus.send() goes on when what it waits for is closed, and does not count it", async () => {
  const ends: Record<string, (subscription: Subscription<number>, bus: Bus<number>) => void> = {
    close: (subscription) => subscription.close(),
    dispose: (subscription) => subscription[Symbol.dispose](),
    unsubscribe: ({ id }, bus) => void bus.unsubscribe(id),
    "close of the bus": (_, bus) => bus.close(),
    "close of the bus for a reason": (_, bus) => bus.close(new Error("reason")),
  };
  for (const [name, end] of Object.entries(ends)) {
    const bus = new Bus<number>();
    const subscription = bus.subscribe({ capacity: 1, overflow: "wait" });
    const other = bus.subscribe();
    bus.publish(1);
    const sends = [observe(bus.send(2)), observe(bus.send(3))];
    end(subscription, bus);
    await settle();
    const fulfilled = { state: "fulfilled" as const, value: 1 };
    assertEquals(sends, [fulfilled, fulfilled], name);
    const { offered, size, lagged } = subscription;
    assertEquals([offered, size, lagged], [3, 1, 2], name);
    assertEquals(drain(subscription), [1], name);
    assertEquals(drain(other), [1, 2, 3], name);
  }
});

test("Bus.send() rejects with what Bus.publish() throws", async () => {
  const bus = new Bus<{ readonly type: string }>();
  bus.on({ type: "a" }, () => {});
  const reason = new Error("a getter");
  const event = {
    get type(): string {
      throw reason;
    },
  };
  assertStrictEquals(await reasonOf(bus.send(event)), reason);
  bus.close();
  await assertRejects(() => bus.send({ type: "a" }), BusClosedError, "bus is closed");
});

test("Bus.send() waits for room in bytes, too", async () => {
  const bus = new Bus<string>();
  const subscription = bus.subscribe({
    capacity: 9,
    overflow: "wait",
    maxBytes: 4,
    sizeOf: ({ length }) => length,
  });
  assertEquals(await bus.send("abc"), 1);
  const large = observe(bus.send("de"));
  // What is small does not go before what is large.
  const small = observe(bus.send("f"));
  await settle();
  assertEquals([large.state, small.state], ["pending", "pending"]);
  assertEquals(bus.publish("g"), 0);
  assertEquals(subscription.tryReceive(), { state: "ok", value: "abc" });
  await settle();
  assertEquals([large.value, small.value], [1, 1]);
  assertEquals(drain(subscription), ["de", "f"]);
  assertEquals([subscription.offered, subscription.lagged], [4, 1]);
});

test("Bus.send() loses an event that can never fit, and says so", async () => {
  const reports: unknown[] = [];
  const bus = new Bus<string>({
    onError: (error, { source, id, event }) => reports.push([error, source, id, event]),
  });
  const subscription = bus.subscribe({
    overflow: "wait",
    maxBytes: 4,
    sizeOf: ({ length }) => length,
  });
  const other = bus.subscribe({ overflow: "wait" });
  assertEquals(await bus.send("abcdef"), 1);
  assertEquals(drain(other), ["abcdef"]);
  assertEquals([subscription.offered, subscription.lagged, subscription.size], [1, 1, 0]);
  const [[error, ...context]] = reports as [[unknown, ...unknown[]]];
  assertInstanceOf(error, RangeError);
  assertEquals(context, ["sizeOf", subscription.id, "abcdef"]);
  assertEquals(reports.length, 1);
});

test("Bus.send() with an origin does not come back to it", async () => {
  const bus = new Bus<number>();
  const own = bus.subscribe({ overflow: "wait", capacity: 1, origin: "me" });
  const other = bus.subscribe({ overflow: "wait", capacity: 1 });
  assertEquals(await bus.send(1, { origin: "me" }), 1);
  assertEquals(await bus.send(2, { origin: "you", signal: AbortSignal.abort() }).catch(() => 0), 0);
  assertEquals([own.offered, other.offered], [0, 1]);
});

test("Bus.send() was not in vain if its signal aborts only once everybody has the event", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 1, overflow: "wait" });
  const controller = new AbortController();
  bus.publish(1);
  const sent = bus.send(2, { signal: controller.signal });
  subscription.tryReceive();
  controller.abort(new Error("late"));
  assertEquals(await sent, 1);
  assertEquals(drain(subscription), [2]);
});

test("Subscription tells of what was lost while a send waited, before what was sent behind it", async () => {
  const bus = new Bus<number>();
  const seen: unknown[] = [];
  const subscription = bus.subscribe({
    capacity: 1,
    overflow: "wait",
    onLag: (lost) => seen.push(`lost ${lost}`),
  });
  bus.publish(1);
  bus.publish(2);
  const sent = bus.send(3);
  for (let count = 0; count < 2; count++) seen.push(await subscription.receive());
  assertEquals(seen, [1, "lost 1", 3]);
  await sent;
});

test("Subscription tells of a send that gave up, before what was sent behind it", async () => {
  const bus = new Bus<number>();
  const seen: unknown[] = [];
  const subscription = bus.subscribe({
    capacity: 1,
    overflow: "wait",
    onLag: (lost) => seen.push(`lost ${lost}`),
  });
  const controller = new AbortController();
  bus.publish(1);
  const given = observe(bus.send(2, { signal: controller.signal }));
  const sent = observe(bus.send(3));
  controller.abort();
  await settle();
  for (let count = 0; count < 2; count++) seen.push(await subscription.receive());
  assertEquals(seen, [1, "lost 1", 3]);
  await settle();
  assertEquals([given.state, sent.state], ["rejected", "fulfilled"]);
});

test("Subscription tells of a send that its close has ended, before its reader finds the end", () => {
  const bus = new Bus<number>();
  const seen: unknown[] = [];
  const subscription = bus.subscribe({
    capacity: 1,
    overflow: "wait",
    onLag: (lost) => seen.push(`lost ${lost}`),
  });
  bus.publish(1);
  const sent = bus.send(2);
  subscription.close();
  // It is lost now, and not a little later.
  assertEquals([subscription.size, subscription.lagged], [1, 1]);
  for (let got; (got = subscription.tryReceive()).state === "ok";) seen.push(got.value);
  assertEquals(seen, [1, "lost 1"]);
  return sent.then((count) => assertEquals(count, 0));
});

test("SubscriptionStats.highWater counts all that waits, as size does", async () => {
  const bus = new Bus<number>({ history: 9 });
  for (const event of [1, 2, 3]) bus.publish(event);
  const subscription = bus.subscribe({ capacity: 2, overflow: "wait", replay: 3 });
  assertEquals([subscription.size, subscription.stats().highWater], [3, 3]);
  bus.publish(4);
  bus.publish(5);
  assertEquals([subscription.size, subscription.stats().highWater], [5, 5]);
  const sends = [bus.send(6), bus.send(7)];
  assertEquals([subscription.size, subscription.stats().highWater], [7, 7]);
  assertEquals(drain(subscription), [1, 2, 3, 4, 5, 6, 7]);
  await Promise.all(sends);
  assertEquals([subscription.size, subscription.stats().highWater], [0, 7]);
});
