import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { Channel, ChannelClosedError, ChannelFullError } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";

test("Channel.close() sets closed, and closing again does nothing", () => {
  const channel = new Channel<number>();
  assertFalse(channel.closed);
  assertStrictEquals(channel.close(), undefined);
  assert(channel.closed);
  channel.close();
  assert(channel.closed);
});

test("Channel.close() keeps the first reason", async () => {
  const first = new Error("first");
  const channel = new Channel<number>();
  channel.close(first);
  channel.close(new Error("second"));
  channel.close();
  channel[Symbol.dispose]();
  assertStrictEquals(await reasonOf(channel.receive()), first);

  const without = new Channel<number>();
  without.close();
  without.close(new Error("too late"));
  assertInstanceOf(await reasonOf(without.receive()), ChannelClosedError);
  assertEquals(await Array.fromAsync(without), []);
});

test("Channel.send() to a closed channel rejects and gives the value back", async () => {
  for (const reason of [[], [new Error("reason")]]) {
    const channel = new Channel<number>({ capacity: 4 });
    if (reason.length > 0) channel.close(reason[0]);
    else channel.close();
    const error = await assertRejects(() => channel.send(42), ChannelClosedError);
    assertEquals(error.value, 42);
    assertEquals(channel.size, 0);
  }
});

test("Channel.send() to a closed channel gives even undefined back", async () => {
  const channel = new Channel<undefined>();
  channel.close();
  const error = await assertRejects(() => channel.send(undefined), ChannelClosedError);
  assert(Object.hasOwn(error, "value"));
  assertStrictEquals(error.value, undefined);
});

test("Channel.receive() from a closed channel rejects with one shared error without a value", async () => {
  const channel = new Channel<number>();
  const waiting = reasonOf(channel.receive());
  channel.close();
  const error = await waiting;
  assertInstanceOf(error, ChannelClosedError);
  assertFalse("value" in error);
  assertStrictEquals(await reasonOf(channel.receive()), error);
  assertStrictEquals(await reasonOf(channel.receive()), error);
});

test("Channel.receive() takes what is buffered before it rejects", async () => {
  for (const reason of [[], [new Error("done")]]) {
    const channel = new Channel<number>({ capacity: 4 });
    await channel.send(1);
    await channel.send(2);
    if (reason.length > 0) channel.close(reason[0]);
    else channel.close();
    assertEquals(channel.size, 2);
    assertEquals(await channel.receive(), 1);
    assertEquals(await channel.receive(), 2);
    const error = await reasonOf(channel.receive());
    if (reason.length > 0) assertStrictEquals(error, reason[0]);
    else assertInstanceOf(error, ChannelClosedError);
  }
});

test("Channel.close() rejects every waiting sender with its own value and takes nothing from them", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    for (let i = 0; i < capacity; i++) await channel.send(i);
    const errors = [10, 11, 12].map((value) =>
      assertRejects(() => channel.send(value), ChannelClosedError)
    );
    channel.close();
    assertEquals((await Promise.all(errors)).map((error) => error.value), [10, 11, 12]);
    assertEquals(channel.size, capacity);
    for (let i = 0; i < capacity; i++) assertEquals(await channel.receive(), i);
    assertEquals(channel.tryReceive(), { state: "closed" });
  }
});

test("Channel.close() rejects every waiting receiver", async () => {
  const channel = new Channel<number>();
  const first = channel.receive();
  const second = channel.receive();
  channel.close();
  await assertRejects(() => first, ChannelClosedError);
  await assertRejects(() => second, ChannelClosedError);
});

test("Channel.close(reason) rejects waiting and later receivers with the reason itself", async () => {
  for (const reason of [new Error("upstream"), "text", 0, null, false, { plain: true }]) {
    const channel = new Channel<number>();
    const waiting = [reasonOf(channel.receive()), reasonOf(channel.receive())];
    channel.close(reason);
    assertStrictEquals(await waiting[0], reason);
    assertStrictEquals(await waiting[1], reason);
    assertStrictEquals(await reasonOf(channel.receive()), reason);
    assertEquals(channel.tryReceive(), { state: "closed" });
  }
});

test("Channel.close(reason) still gives waiting senders their value, not the reason", async () => {
  const channel = new Channel<number>();
  const sent = channel.send(7);
  channel.close(new Error("reason"));
  const error = await assertRejects(() => sent, ChannelClosedError);
  assertEquals(error.value, 7);
});

test("Channel.close(undefined) is a close with a reason", async () => {
  const channel = new Channel<number>();
  const waiting = reasonOf(channel.receive());
  const next = reasonOf(channel[Symbol.asyncIterator]().next());
  channel.close(undefined);
  assertStrictEquals(await waiting, undefined);
  assertStrictEquals(await next, undefined);
  assertStrictEquals(await reasonOf(channel.receive()), undefined);
  assertStrictEquals(await reasonOf(channel[Symbol.asyncIterator]().next()), undefined);
  assertStrictEquals(await reasonOf(channel.receiveBatch(1)), undefined);
});

test("Channel.close(reason) with a ChannelClosedError does not turn into an orderly end", async () => {
  const channel = new Channel<number>();
  const reason = new ChannelClosedError("from another channel");
  const waiting = reasonOf(channel[Symbol.asyncIterator]().next());
  channel.close(reason);
  assertStrictEquals(await waiting, reason);
  assertStrictEquals(await reasonOf(Array.fromAsync(channel)), reason);
  assertStrictEquals(await reasonOf(Array.fromAsync(channel.toReadableStream())), reason);
});

test("Channel.close() settles senders before receivers can be confused with them", async () => {
  // All waiters are gone after close: a second close and later traffic reach none of them twice.
  const channel = new Channel<number>({ capacity: 1 });
  const settled: string[] = [];
  const note = (name: string) => (): unknown => settled.push(name);
  for (const name of ["r1", "r2"]) channel.receive().then(note(name), note(name));
  channel.close();
  await settle();
  assertEquals(settled, ["r1", "r2"]);
  const other = new Channel<number>({ capacity: 1 });
  other.trySend(0);
  for (const name of ["s1", "s2"]) other.send(1).then(note(name), note(name));
  other.close();
  await settle();
  assertEquals(settled, ["r1", "r2", "s1", "s2"]);
});

test("Channel.close() right after a hand-over does not take the value back", async () => {
  const channel = new Channel<number>();
  const received = channel.receive();
  const sent = channel.send(5);
  channel.close();
  assertEquals(await received, 5);
  await sent;
  const other = new Channel<number>();
  const given = other.send(6);
  const taken = other.receive();
  other.close(new Error("late"));
  assertEquals(await taken, 6);
  await given;
});

test("Channel.close() leaves no rejection unhandled where nobody waits", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  const iterator = channel[Symbol.asyncIterator]();
  await iterator.next();
  const left = observe(iterator.next());
  await iterator.return?.();
  channel.toReadableStream();
  channel.batches(2);
  channel.close(new Error("nobody listens"));
  await settle();
  assertEquals(left, { state: "fulfilled", value: { value: undefined, done: true } });
});

test("ChannelClosedError is an Error with its own name and keeps its message", () => {
  const error = new ChannelClosedError("text");
  assertInstanceOf(error, Error);
  assertEquals(error.name, "ChannelClosedError");
  assertEquals(error.message, "text");
  assertFalse("value" in error);
});

test("ChannelClosedError carries any value, read-only and enumerable", () => {
  const error = new ChannelClosedError("text", undefined);
  assertEquals(Object.getOwnPropertyDescriptor(error, "value"), {
    value: undefined,
    writable: false,
    enumerable: true,
    configurable: false,
  });
  const value = { id: 1 };
  assertStrictEquals(new ChannelClosedError("text", value).value, value);
});

test("ChannelFullError is an Error with its own name, the capacity and the value", () => {
  const error = new ChannelFullError(3, undefined);
  assertInstanceOf(error, Error);
  assertFalse(error instanceof ChannelClosedError);
  assertEquals(error.name, "ChannelFullError");
  assertEquals(error.capacity, 3);
  assert(Object.hasOwn(error, "value"));
  assertMatch(error.message, /3/);
});

test("Channel words every refusal alike", async () => {
  const closed = new Channel<number>();
  closed.close();
  const full = new Channel<number>({ capacity: 1, overflow: "fail" });
  full.trySend(1);
  const measured = new Channel<number>({ capacity: 1, maxBytes: 4, sizeOf: (value) => value });
  const refusals = [
    () => closed.send(1),
    () => closed.sendBatch([1]),
    () => closed.receive(),
    () => full.send(1),
    () => full.sendBatch([1]),
    () => measured.send(5),
    () => measured.send(NaN),
    () => full.receiveBatch(0),
  ];
  for (const refusal of refusals) {
    const error = await assertRejects(refusal, Error);
    assertMatch(error.message, /^Cannot (send to|receive from) Channel: [^.]+$/);
  }
});
