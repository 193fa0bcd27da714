import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Channel, type ChannelOptions } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";

test("new Channel() without options is a rendezvous", () => {
  for (
    const channel of [
      new Channel(),
      new Channel({}),
      new Channel({ capacity: undefined, overflow: undefined, maxBytes: undefined }),
    ]
  ) {
    assertEquals(channel.capacity, 0);
    assertEquals(channel.size, 0);
    assertEquals(channel.bytes, 0);
    assertEquals(channel.dropped, 0);
    assertFalse(channel.closed);
    assertFalse(channel.trySend(1));
  }
});

test("new Channel() takes any capacity that is a non-negative integer", () => {
  for (const capacity of [0, 1, 8, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    assertEquals(new Channel({ capacity }).capacity, capacity);
  }
});

test("new Channel() names a capacity it cannot use", () => {
  for (const capacity of [-1, 1.5, NaN, Infinity, -Infinity, "4", null]) {
    const error = assertThrows(
      () => new Channel({ capacity: capacity as number }),
      RangeError,
      "capacity",
    );
    assertMatch(error.message, /^Cannot create Channel: .+, received \S+$/);
    assert(error.message.includes(String(capacity)), error.message);
    assertFalse(error.message.includes("\n"));
  }
});

test("new Channel() names an overflow policy it does not know", () => {
  for (const overflow of ["block", "", "DROP-OLDEST", null]) {
    const options = { capacity: 1, overflow } as ChannelOptions<number>;
    const error = assertThrows(() => new Channel(options), TypeError, "overflow");
    assertMatch(error.message, /^Cannot create Channel: .+, received .+$/);
    assert(error.message.includes(String(overflow)), error.message);
    for (const policy of ["wait", "drop-newest", "drop-oldest", "fail"]) {
      assert(error.message.includes(policy), `${error.message} does not offer ${policy}`);
    }
  }
});

test("new Channel() names a byte bound it cannot use", () => {
  const sizeOf = (): number => 1;
  for (const maxBytes of [0, -1, NaN, -Infinity]) {
    const error = assertThrows(
      () => new Channel({ capacity: 1, maxBytes, sizeOf }),
      RangeError,
      "maxBytes",
    );
    assert(error.message.endsWith(`received ${maxBytes}`), error.message);
  }
  assertThrows(() => new Channel({ capacity: 1, maxBytes: 8 }), TypeError, "sizeOf");
  assertThrows(() => new Channel({ capacity: 1, sizeOf }), TypeError, "maxBytes");
});

test("Channel.receive() answers buffered values in the order they were sent", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.send(1);
  await channel.send(2);
  await channel.send(3);
  assertEquals(channel.size, 3);
  assertEquals(await channel.receive(), 1);
  assertEquals(await channel.receive(), 2);
  assertEquals(await channel.receive(), 3);
  assertEquals(channel.size, 0);
});

test("Channel keeps order and contents across every position of its ring", () => {
  // Each length up to far beyond the first ring, at each offset of the head: growth must unroll the ring.
  for (let offset = 0; offset < 20; offset++) {
    const channel = new Channel<number>({ capacity: 100 });
    for (let i = 0; i < offset; i++) {
      channel.trySend(-1);
      channel.tryReceive();
    }
    for (let i = 0; i < 100; i++) assert(channel.trySend(i));
    assertFalse(channel.trySend(100));
    for (let i = 0; i < 100; i++) assertEquals(channel.tryReceive(), { state: "ok", value: i });
    assertEquals(channel.tryReceive(), { state: "empty" });
  }
});

test("Channel wraps around at capacities that are no power of two", async () => {
  for (const capacity of [1, 2, 3, 5, 15, 16, 17, 33]) {
    const channel = new Channel<number>({ capacity });
    let sent = 0;
    let received = 0;
    for (let round = 0; round < 50; round++) {
      while (channel.trySend(sent)) sent++;
      assertEquals(channel.size, capacity);
      for (let i = 0; i <= round % capacity; i++) {
        assertEquals(await channel.receive(), received++);
      }
    }
  }
});

test("Channel.send() without capacity waits for a receiver", async () => {
  const channel = new Channel<number>();
  const sent = observe(channel.send(42));
  await settle();
  assertEquals(sent.state, "pending");
  assertEquals(channel.size, 0);
  assertEquals(await channel.receive(), 42);
  await settle();
  assertEquals(sent, { state: "fulfilled", value: undefined });
});

test("Channel.receive() waits for a sender", async () => {
  const channel = new Channel<number>();
  const received = observe(channel.receive());
  await settle();
  assertEquals(received.state, "pending");
  await channel.send(99);
  await settle();
  assertEquals(received, { state: "fulfilled", value: 99 });
});

test("Channel.send() waits while the buffer is full", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  await channel.send(1);
  const sent = observe(channel.send(2));
  await settle();
  assertEquals(sent.state, "pending");
  assertEquals(channel.size, 1);
  assertEquals(await channel.receive(), 1);
  await settle();
  assertEquals(sent.state, "fulfilled");
  assertEquals(channel.size, 1);
  assertEquals(await channel.receive(), 2);
});

test("Channel.receive() lets one waiting sender in for each value it takes, the oldest first", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    for (let i = 0; i < capacity; i++) await channel.send(i);
    const order: number[] = [];
    for (let i = capacity; i < capacity + 3; i++) channel.send(i).then(() => order.push(i));
    for (let i = 0; i < capacity + 3; i++) {
      await settle();
      assertEquals(order.length, Math.min(i, 3));
      assertEquals(channel.size, Math.min(capacity, capacity + 3 - i));
      assertEquals(await channel.receive(), i);
    }
    assertEquals(order, [capacity, capacity + 1, capacity + 2]);
  }
});

test("Channel.send() serves waiting receivers in the order they came", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    const received: [reader: string, value: number][] = [];
    for (const reader of ["a", "b", "c"]) {
      channel.receive().then((value) => received.push([reader, value]));
    }
    for (const value of [10, 20, 30]) await channel.send(value);
    await settle();
    assertEquals(received, [["a", 10], ["b", 20], ["c", 30]]);
    assertEquals(channel.size, 0);
  }
});

test("Channel.send() to a waiting receiver leaves the buffer alone", () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.receive();
  assert(channel.trySend(1));
  assertEquals(channel.size, 0);
  assert(channel.trySend(2));
  assertEquals(channel.size, 1);
  assertFalse(channel.trySend(3));
});

test("Channel.trySend() buffers while there is room", () => {
  const channel = new Channel<number>({ capacity: 2 });
  assertStrictEquals(channel.trySend(1), true);
  assertStrictEquals(channel.trySend(2), true);
  assertStrictEquals(channel.trySend(3), false);
  assertEquals(channel.size, 2);
});

test("Channel.trySend() answers false when full, closed or without a receiver", () => {
  const full = new Channel<number>({ capacity: 1 });
  full.trySend(1);
  assertStrictEquals(full.trySend(2), false);
  const closed = new Channel<number>({ capacity: 1 });
  closed.close();
  assertStrictEquals(closed.trySend(1), false);
  assertEquals(closed.size, 0);
  assertStrictEquals(new Channel<number>().trySend(1), false);
});

test("Channel.trySend() refuses nothing that the refused value then loses", () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  channel.trySend(2);
  assertEquals(channel.dropped, 0);
  assertEquals(channel.tryReceive(), { state: "ok", value: 1 });
  assertEquals(channel.tryReceive(), { state: "empty" });
});

test("Channel.trySend() hands over to a waiting receiver", async () => {
  const channel = new Channel<number>();
  const received = channel.receive();
  assert(channel.trySend(42));
  assertFalse(channel.trySend(43));
  assertEquals(await received, 42);
});

test("Channel.trySend() does not overtake a sender that waits", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  await channel.send(1);
  const sent = channel.send(2);
  assertFalse(channel.trySend(3));
  assertEquals(await channel.receive(), 1);
  await sent;
  assertFalse(channel.trySend(3));
  assertEquals(await channel.receive(), 2);
});

test("Channel.tryReceive() tells a value, nothing yet and nothing any more apart", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  assertEquals(channel.tryReceive(), { state: "empty" });
  await channel.send(1);
  assertEquals(channel.tryReceive(), { state: "ok", value: 1 });
  assertEquals(channel.tryReceive(), { state: "empty" });
  await channel.send(2);
  channel.close();
  assertEquals(channel.tryReceive(), { state: "ok", value: 2 });
  assertEquals(channel.tryReceive(), { state: "closed" });
});

test("Channel.tryReceive() shares the results that carry no value", () => {
  const channel = new Channel<number>({ capacity: 1 });
  const empty = channel.tryReceive();
  assertStrictEquals(channel.tryReceive(), empty);
  assert(Object.isFrozen(empty));
  channel.close();
  const closed = channel.tryReceive();
  assertStrictEquals(channel.tryReceive(), closed);
  assert(Object.isFrozen(closed));
});

test("Channel.tryReceive() takes from a waiting sender", async () => {
  const channel = new Channel<number>();
  const sent = channel.send(7);
  assertEquals(channel.tryReceive(), { state: "ok", value: 7 });
  assertEquals(channel.tryReceive(), { state: "empty" });
  await sent;
});

test("Channel.tryReceive() lets a waiting sender into the buffer", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  await channel.send(1);
  const sent = channel.send(2);
  assertEquals(channel.tryReceive(), { state: "ok", value: 1 });
  assertEquals(channel.size, 1);
  await sent;
  assertEquals(await channel.receive(), 2);
});

test("Channel passes every falsy value", async () => {
  const values = [undefined, null, 0, -0, NaN, "", false, 0n];
  const channel = new Channel<unknown>({ capacity: values.length });
  for (const value of values) assert(channel.trySend(value));
  for (const value of values) assertEquals(channel.tryReceive(), { state: "ok", value });
  for (const value of values) {
    const received = channel.receive();
    await channel.send(value);
    assertStrictEquals(await received, value);
  }
  await channel.sendBatch(values);
  channel.close();
  assertEquals(await Array.fromAsync(channel), values);
});

test("Channel unwraps a value that is a promise wherever it is awaited, and only there", async () => {
  const channel = new Channel<Promise<number>>({ capacity: 2 });
  const one = Promise.resolve(1);
  channel.trySend(one);
  const found = channel.tryReceive();
  assert(found.state === "ok");
  assertStrictEquals(found.value, one);
  channel.trySend(one);
  assertStrictEquals((await channel.receiveBatch(1))[0], one);
  // Buffered, then handed to one that waits.
  channel.trySend(one);
  assertEquals<unknown>(await channel.receive(), 1);
  const received = channel.receive();
  channel.trySend(one);
  assertEquals<unknown>(await received, 1);
});

test("Channel.receive() rejects like the promise it received, and only that receive", async () => {
  const channel = new Channel<Promise<number>>({ capacity: 2 });
  const reason = new Error("in the value");
  const first = reasonOf(channel.receive());
  channel.trySend(Promise.reject(reason));
  assertStrictEquals(await first, reason);
  channel.trySend(Promise.resolve(2));
  assertEquals(await channel.receive(), 2);
  assertFalse(channel.closed);
});

test("Channel.send() accepts in the very call, before anything is awaited", () => {
  const channel = new Channel<number>({ capacity: 2 });
  channel.send(1);
  channel.send(2);
  assertEquals(channel.size, 2);
  channel.receive();
  assertEquals(channel.size, 1);
});

test("Channel[Symbol.dispose]() closes the channel at the end of the scope", () => {
  let kept: Channel<number>;
  {
    using channel = new Channel<number>({ capacity: 1 });
    kept = channel;
    channel.trySend(1);
    assertFalse(kept.closed);
  }
  assert(kept.closed);
  assertEquals(kept.tryReceive(), { state: "ok", value: 1 });
});

test("Channel[Symbol.asyncDispose]() closes the channel and waits for nobody", async () => {
  let kept: Channel<number>;
  let sent;
  {
    await using channel = new Channel<number>({ capacity: 1 });
    kept = channel;
    channel.trySend(1);
    sent = observe(channel.send(2));
  }
  assert(kept.closed);
  assertEquals(sent.state, "rejected");
  assertEquals(kept.size, 1);
  assertInstanceOf(kept[Symbol.asyncDispose](), Promise);
});

test("Channel.receive() from many tasks gives every value to exactly one of them", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    const seen: number[][] = [[], [], []];
    const readers = seen.map(async (values) => {
      for (;;) values.push(await channel.receive());
    });
    const ends = readers.map((reader) => assertRejects(() => reader));
    for (let i = 0; i < 100; i++) await channel.send(i);
    await settle();
    channel.close();
    await Promise.all(ends);
    assertEquals(seen.flat().toSorted((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
    for (const values of seen) {
      assertEquals(values, values.toSorted((a, b) => a - b));
      assert(values.length > 0, "a reader starved");
    }
  }
});
