import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Bus, BusClosedError, type Subscription } from "../../bus/mod.ts";
import { ChannelClosedError } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, reasonOf, settle } from "../_settle.ts";

/** A bus with one subscription to everything, and some events in it. */
function queued(...events: number[]): { bus: Bus<number>; queue: Subscription<number> } {
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  for (const event of events) bus.publish(event);
  return { bus, queue };
}

/** Whether `offered = delivered + lagged + size` holds of all that a bus has. */
function assertLaw(bus: Bus<number>): void {
  for (const { offered, delivered, lagged, size } of bus.stats().subscriptions) {
    assertEquals(offered, delivered + lagged + size);
  }
}

test("receive() gives what is there, in order, and waits for what is not", async () => {
  const { bus, queue } = queued(1, 2);
  assertEquals([await queue.receive(), await queue.receive()], [1, 2]);
  const waiting = [observe(queue.receive()), observe(queue.receive())];
  await settle();
  assertEquals(waiting.map(({ state }) => state), ["pending", "pending"]);
  bus.publish(3);
  await settle();
  assertEquals(waiting.map(({ value }) => value), [3, undefined]);
  bus.publish(4);
  await settle();
  assertEquals(waiting.map(({ value }) => value), [3, 4]);
  assertEquals([queue.offered, queue.delivered, queue.size], [4, 4, 0]);
});

test("receive() of a closed subscription gives what is left, then rejects", async () => {
  const { queue } = queued(1, 2);
  queue.close();
  assertEquals([await queue.receive(), await queue.receive()], [1, 2]);
  await assertRejects(() => queue.receive(), ChannelClosedError);
  await assertRejects(() => queue.receive(), ChannelClosedError);
});

test("what waits for a subscription is settled when it is closed", async () => {
  const { queue } = queued();
  const received = observe(queue.receive());
  const batch = observe(queue.receiveBatch(2));
  const iterator = queue[Symbol.asyncIterator]();
  const next = observe(iterator.next());
  queue.close();
  await settle();
  assert(received.reason instanceof ChannelClosedError);
  assertEquals(batch.value, []);
  assertEquals(next.value, END);
});

test("tryReceive() tells an event from none yet and from none any more", () => {
  const { bus, queue } = queued();
  assertEquals(queue.tryReceive(), { state: "empty" });
  bus.publish(1);
  assertEquals(queue.tryReceive(), { state: "ok", value: 1 });
  bus.publish(2);
  queue.close();
  bus.publish(3);
  assertEquals(queue.tryReceive(), { state: "ok", value: 2 });
  assertEquals(queue.tryReceive(), { state: "closed" });
});

test("receiveBatch() takes what is there up to max, and waits for one", async () => {
  const { bus, queue } = queued(1, 2, 3, 4, 5);
  assertEquals(await queue.receiveBatch(2), [1, 2]);
  assertEquals(await queue.receiveBatch(Infinity), [3, 4, 5]);
  const batch = observe(queue.receiveBatch(9));
  await settle();
  assertEquals(batch.state, "pending");
  // A burst is one batch.
  for (const event of [6, 7, 8]) bus.publish(event);
  await settle();
  assertEquals(batch.value, [6, 7, 8]);
  bus.publish(9);
  queue.close();
  assertEquals(await queue.receiveBatch(9), [9]);
  assertEquals(await queue.receiveBatch(9), []);
  assertEquals(await queue.receiveBatch(9), []);
  assertEquals([queue.offered, queue.delivered, queue.size], [9, 9, 0]);
});

test("receiveBatch() of a bus that was closed because of something rejects at the end", async () => {
  const { bus, queue } = queued(1);
  bus.close("why");
  assertEquals(await queue.receiveBatch(9), [1]);
  assertEquals(await reasonOf(queue.receiveBatch(9)), "why");
  assertEquals(await reasonOf(queue.receive()), "why");
});

for (const reason of [new Error("why"), "text", undefined, null, new ChannelClosedError("x")]) {
  test(`iteration rejects once with the reason ${String(reason)} of a closed bus`, async () => {
    const { bus, queue } = queued(1);
    bus.close(reason);
    const iterator = queue[Symbol.asyncIterator]();
    assertEquals(await iterator.next(), { value: 1, done: false });
    assertStrictEquals(await reasonOf(iterator.next()), reason);
    assertEquals(await iterator.next(), END);
    // Another one finds the same end.
    assertStrictEquals(await reasonOf(queue[Symbol.asyncIterator]().next()), reason);
  });
}

test("iteration gives everything, then ends", async () => {
  const { bus, queue } = queued(1, 2);
  const seen: number[] = [];
  const looped = (async () => {
    for await (const event of queue) seen.push(event);
  })();
  await settle();
  bus.publish(3);
  await settle();
  assertEquals(seen, [1, 2, 3]);
  bus.publish(4);
  bus.close();
  await looped;
  assertEquals(seen, [1, 2, 3, 4]);
  assertEquals(queue.delivered, 4);
});

test("several next() at once get events in their order, and the rest ends", async () => {
  const { bus, queue } = queued(1);
  const iterator = queue[Symbol.asyncIterator]();
  const nexts = [1, 2, 3, 4, 5].map(() => observe(iterator.next()));
  bus.publish(2);
  bus.publish(3);
  bus.close();
  await settle();
  assertEquals(nexts.map(({ value }) => value?.value), [1, 2, 3, undefined, undefined]);
  assertEquals(nexts.map(({ value }) => value?.done), [false, false, false, true, true]);
});

test("of several next() that wait for the end, only the first rejects", async () => {
  const { bus, queue } = queued();
  const iterator = queue[Symbol.asyncIterator]();
  const nexts = [1, 2, 3].map(() => observe(iterator.next()));
  bus.close("why");
  await settle();
  assertEquals(nexts.map(({ state }) => state), ["rejected", "fulfilled", "fulfilled"]);
  assertEquals(nexts[0]!.reason, "why");
  assertEquals(nexts[2]!.value, END);
});

test("leaving a loop closes the subscription, and the bus forgets it", async () => {
  const { bus, queue } = queued(1, 2);
  for await (const event of queue) {
    assertEquals(event, 1);
    break;
  }
  assert(queue.closed);
  assertEquals(bus.publish(3), 0);
  assertEquals(bus.stats().subscriptions, []);
  assertEquals(queue.tryReceive(), { state: "ok", value: 2 });
});

test("a loop that throws closes the subscription", async () => {
  const { bus, queue } = queued(1);
  const error = new Error("in the loop");
  const reason = await reasonOf((async () => {
    for await (const _ of queue) throw error;
  })());
  assertStrictEquals(reason, error);
  assertEquals([queue.closed, bus.stats().subscriptions.length], [true, 0]);
});

test("return() closes, settles pending next() at once, and gives its value back", async () => {
  const { bus, queue } = queued();
  const iterator = queue[Symbol.asyncIterator]();
  const nexts = [observe(iterator.next()), observe(iterator.next())];
  assertEquals(await iterator.return!("value"), { value: "value", done: true } as never);
  await settle();
  assertEquals(nexts.map(({ value }) => value), [END, END]);
  assert(queue.closed);
  assertEquals(bus.publish(1), 0);
  assertEquals(await iterator.next(), END);
  assertEquals(await iterator.return!(), END);
});

test("return() before the first next() closes as well, and takes nothing", async () => {
  const { queue } = queued(1);
  const iterator = queue[Symbol.asyncIterator]();
  await iterator.return!();
  assertEquals([queue.closed, queue.size, queue.delivered], [true, 1, 0]);
  assertEquals(await iterator.next(), END);
  assertEquals(queue.size, 1);
});

test("throw() closes, rejects with what it was given, and ends", async () => {
  const { queue } = queued(1);
  const iterator = queue[Symbol.asyncIterator]();
  const error = new Error("thrown in");
  assertStrictEquals(await reasonOf(iterator.throw!(error)), error);
  assert(queue.closed);
  assertEquals(await iterator.next(), END);
});

test("an iterator can be disposed of, and is its own iterator", async () => {
  const { queue } = queued(1, 2);
  const iterator = queue[Symbol.asyncIterator]() as AsyncIterableIterator<number> & AsyncDisposable;
  assertStrictEquals(iterator[Symbol.asyncIterator](), iterator);
  {
    await using _disposed = iterator;
    assertEquals((await iterator.next()).value, 1);
  }
  assert(queue.closed);
  assertEquals(await iterator.next(), END);
});

test("an iterator takes nothing before its first next(), and no more than is asked of it", async () => {
  const { queue } = queued(1, 2, 3);
  const iterator = queue[Symbol.asyncIterator]();
  await settle();
  assertEquals(queue.size, 3);
  await iterator.next();
  await settle();
  assertEquals(queue.size, 2);
});

test("several iterators of one subscription share its events", async () => {
  const { queue } = queued(1, 2, 3);
  const [one, other] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()];
  const values = [await one.next(), await other.next(), await one.next()];
  assertEquals(values.map(({ value }) => value), [1, 2, 3]);
});

test("toReadableStream() reads nothing ahead, and ends with the subscription", async () => {
  const { bus, queue } = queued(1, 2, 3);
  const stream = queue.toReadableStream();
  await settle();
  assertEquals(queue.size, 3);
  const reader = stream.getReader();
  assertEquals(await reader.read(), { value: 1, done: false });
  await settle();
  assertEquals(queue.size, 2);
  bus.close();
  assertEquals((await reader.read()).value, 2);
  assertEquals((await reader.read()).value, 3);
  assert((await reader.read()).done);
  await reader.closed;
});

test("toReadableStream() errors with the reason of a closed bus", async () => {
  const { bus, queue } = queued(1);
  const reader = queue.toReadableStream().getReader();
  bus.close("why");
  assertEquals((await reader.read()).value, 1);
  assertEquals(await reasonOf(reader.read()), "why");
  assertEquals(await reasonOf(reader.closed), "why");
});

test("cancelling a stream closes the subscription", async () => {
  const { bus, queue } = queued(1, 2);
  const stream = queue.toReadableStream();
  await stream.cancel("enough");
  assertEquals([queue.closed, queue.size, bus.publish(3)], [true, 2, 0]);
});

test("cancelling a stream while a read is pending ends the read", async () => {
  const { bus, queue } = queued();
  const reader = queue.toReadableStream().getReader();
  const read = observe(reader.read());
  await settle();
  assertEquals(read.state, "pending");
  await reader.cancel();
  await settle();
  assertEquals(read.value?.done, true);
  assertEquals([queue.closed, bus.stats().subscriptions.length], [true, 0]);
});

test("an event that meets a cancelled read is lost and counted, and nothing names it as read", async () => {
  const { bus, queue } = queued();
  const before = queue.lastEventId;
  const reader = queue.toReadableStream().getReader();
  reader.read();
  await settle();
  bus.publish(1);
  await reader.cancel();
  await settle();
  assertEquals([queue.offered, queue.delivered, queue.lagged, queue.size], [1, 0, 1, 0]);
  const { offered, delivered, lagged } = bus.stats();
  assertEquals([offered, delivered, lagged], [1, 0, 1]);
  // Who goes on behind it would never get it.
  assertEquals(queue.lastEventId, before);
});

test("a stream goes through a pipe with no event twice and none missing", async () => {
  const { bus, queue } = queued(1, 2, 3);
  const doubled = queue.toReadableStream().pipeThrough(
    new TransformStream<number, number>({
      transform: (value, controller) => controller.enqueue(2 * value),
    }),
  );
  const read = Array.fromAsync(doubled);
  await settle();
  bus.publish(4);
  bus.close();
  assertEquals(await read, [2, 4, 6, 8]);
});

test("a subscription is closed by using, by await using, and by close() however often", async () => {
  const bus = new Bus<number>();
  {
    using _one = bus.subscribe();
    await using _two = bus.subscribe();
    assertEquals(bus.stats().subscriptions.length, 2);
  }
  assertEquals(bus.stats().subscriptions, []);
  const queue = bus.subscribe();
  queue.close();
  queue.close();
  queue[Symbol.dispose]();
  await queue[Symbol.asyncDispose]();
  assertEquals([queue.closed, bus.unsubscribe(queue.id)], [true, false]);
});

test("unsubscribe() closes a subscription once, and its reader reads what was there", async () => {
  const { bus, queue } = queued(1);
  assertEquals([bus.unsubscribe(queue.id), bus.unsubscribe(queue.id)], [true, false]);
  assertEquals(bus.publish(2), 0);
  assertEquals(await Array.fromAsync(queue), [1]);
});

test("undefined, null, promises and functions are events like others", async () => {
  const bus = new Bus<unknown>();
  const queue = bus.subscribe();
  const events = [undefined, null, Promise.reject(new Error("an event")), () => 1, NaN, ""];
  for (const event of events) bus.publish(event);
  (events[2] as Promise<never>).catch(() => {});
  bus.publish(undefined);
  assertEquals(await queue.receive(), undefined);
  assertEquals(queue.tryReceive(), { state: "ok", value: null });
  const [promise, method, ...others] = await queue.receiveBatch(4);
  assertStrictEquals(promise, events[2]);
  assertStrictEquals(method, events[3]);
  assertEquals(others, [NaN, ""]);
  assertEquals(await queue[Symbol.asyncIterator]().next(), { value: undefined, done: false });
});

test("every subscriber gets the same object", async () => {
  const bus = new Bus<{ id: number }>();
  const [one, other] = [bus.subscribe(), bus.subscribe()];
  const event = { id: 1 };
  bus.publish(event);
  assertStrictEquals(await one.receive(), event);
  assertStrictEquals(await other.receive(), event);
});

test("a subscription says what it is, and closed of a bus that is closed", () => {
  const bus = new Bus<number>();
  const one = bus.subscribe();
  const other = bus.subscribe({ name: "chart", capacity: 3 });
  assertEquals([one.capacity, other.capacity], [256, 3]);
  assertEquals([one.name, other.name], [`subscription ${one.id}`, "chart"]);
  assert(other.id > one.id);
  assertEquals([one.missed, one.lastEventId, one.closed], [0, other.lastEventId, false]);
  bus.close();
  assertEquals([one.closed, other.closed], [true, true]);
});

test("lastEventId names what was read last, and never an event before it", async () => {
  const { bus, queue } = queued(1, 2, 3, 4);
  const second = bus.subscribe();
  for (const event of [5, 6]) bus.publish(event);
  const ids = new Set<string>();
  for (
    const read of [() => queue.receive(), () => queue.receiveBatch(1), () => queue.tryReceive()]
  ) {
    await read();
    ids.add(queue.lastEventId!);
  }
  assertEquals(ids.size, 3);
  await second.receive();
  for await (const event of queue) if (event === 5) break;
  assertEquals(queue.lastEventId, second.lastEventId);

  const { bus: quiet, queue: waiting } = queued(1);
  await waiting.receive();
  const first = waiting.lastEventId;
  const pending = waiting.receive();
  quiet.publish(2);
  await pending;
  assert(waiting.lastEventId !== first);

  const { queue: both } = queued(1, 2);
  const received = both.receive();
  assertEquals(both.tryReceive(), { state: "ok", value: 2 });
  const afterTwo = both.lastEventId;
  assertEquals(await received, 1);
  assertEquals(both.lastEventId, afterTwo);
});

test("whatever way events are read, together they are each event once, in order", async () => {
  const { bus, queue } = queued(1, 2, 3, 4, 5, 6);
  const iterator = queue[Symbol.asyncIterator]();
  const reader = queue.toReadableStream().getReader();
  const values = await Promise.all([
    queue.receive(),
    queue.receiveBatch(2),
    iterator.next().then(({ value }) => value),
    Promise.resolve(queue.tryReceive()).then((result) => "value" in result && result.value),
    // Last, since a stream asks for what is read of it a little later.
    reader.read().then(({ value }) => value),
  ]);
  assertEquals(values.flat(), [1, 2, 3, 4, 5, 6]);
  assertLaw(bus);
  assertEquals(queue.delivered, 6);
});

test("readers that wait in different ways are served in the order in which they came", async () => {
  const { bus, queue } = queued();
  const iterator = queue[Symbol.asyncIterator]();
  const first = observe(queue.receive());
  const second = observe(iterator.next());
  const third = observe(queue.receiveBatch(9));
  for (const event of [1, 2, 3, 4]) bus.publish(event);
  await settle();
  assertEquals([first.value, second.value?.value, third.value], [1, 2, [3, 4]]);
  assertLaw(bus);
});

test("a bus that is closed refuses subscriptions, and lets those it had be read", async () => {
  const { bus, queue } = queued(1, 2);
  bus.close();
  bus.close("later");
  assertEquals(await Array.fromAsync(queue), [1, 2]);
  assertThrows(() => bus.subscribe(), BusClosedError);
});
