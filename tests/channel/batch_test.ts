import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Channel,
  ChannelClosedError,
  ChannelFullError,
  type ChannelOverflow,
} from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { END, observe, reasonOf, settle } from "../_settle.ts";

const CAPACITIES = [0, 1, 2, 3];
const POLICIES: ChannelOverflow[] = ["wait", "drop-newest", "drop-oldest", "fail"];

test("Channel.receiveBatch() takes all that is there, up to max, in order", async () => {
  const channel = new Channel<number>({ capacity: 8 });
  await channel.sendBatch([1, 2, 3, 4, 5, 6]);
  assertEquals(await channel.receiveBatch(2), [1, 2]);
  assertEquals(await channel.receiveBatch(1), [3]);
  assertEquals(await channel.receiveBatch(100), [4, 5, 6]);
  assertEquals(channel.size, 0);
});

test("Channel.receiveBatch() takes in the very call", () => {
  const channel = new Channel<number>({ capacity: 4 });
  channel.sendBatch([1, 2, 3]);
  channel.receiveBatch(2);
  assertEquals(channel.size, 1);
});

test("Channel.receiveBatch() waits for at least one value", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity });
    const batch = observe(channel.receiveBatch(4));
    await settle();
    assertEquals(batch.state, "pending");
    assert(channel.trySend(1));
    await settle();
    assertEquals(batch, { state: "fulfilled", value: [1] });
  }
});

test("Channel.receiveBatch() that waited takes a burst whole, up to max", async () => {
  const channel = new Channel<number>({ capacity: 8 });
  const batches = [channel.receiveBatch(3), channel.receiveBatch(Infinity)];
  for (const value of [1, 2, 3, 4, 5]) assert(channel.trySend(value));
  // One value for each, so that the second does not starve; then each takes what is left for it.
  assertEquals(await Promise.all(batches), [[1, 3, 4], [2, 5]]);
  assertEquals(channel.size, 0);
});

test("Channel.receiveBatch(Infinity) takes everything, waiting senders included", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity });
    const values = Array.from({ length: capacity + 4 }, (_, i) => i);
    const sent = values.map((value) => channel.send(value));
    assertEquals(await channel.receiveBatch(Infinity), values);
    await Promise.all(sent);
    assertEquals(channel.tryReceive(), { state: "empty" });
  }
});

test("Channel.receiveBatch() never takes more than max from waiting senders", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity });
    const sent = [0, 1, 2, 3, 4, 5].map((value) => observe(channel.send(value)));
    assertEquals(await channel.receiveBatch(2), [0, 1]);
    await settle();
    assertEquals(sent.filter(({ state }) => state === "fulfilled").length, 2 + capacity);
    assertEquals(await channel.receiveBatch(3), [2, 3, 4]);
    assertEquals(await channel.receiveBatch(3), [5]);
  }
});

test("Channel.receiveBatch() answers an empty array once closed and drained", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3]);
  channel.close();
  assertEquals(await channel.receiveBatch(2), [1, 2]);
  assertEquals(await channel.receiveBatch(2), [3]);
  assertEquals(await channel.receiveBatch(2), []);
  assertEquals(await channel.receiveBatch(2), []);
  const waiting = new Channel<number>();
  const batches = [waiting.receiveBatch(1), waiting.receiveBatch(Infinity)];
  waiting.close();
  assertEquals(await Promise.all(batches), [[], []]);
});

test("Channel.receiveBatch() gives each caller an array of its own", async () => {
  const channel = new Channel<number>();
  channel.close();
  const [first, second] = [await channel.receiveBatch(1), await channel.receiveBatch(1)];
  assertFalse(first === second);
});

test("Channel.receiveBatch() rejects with the reason once drained", async () => {
  const reason = new Error("broken");
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3]);
  channel.close(reason);
  assertEquals(await channel.receiveBatch(2), [1, 2]);
  assertEquals(await channel.receiveBatch(2), [3]);
  assertStrictEquals(await reasonOf(channel.receiveBatch(2)), reason);
  const waiting = new Channel<number>();
  const batch = reasonOf(waiting.receiveBatch(2));
  waiting.close(reason);
  assertStrictEquals(await batch, reason);
});

test("Channel.receiveBatch() and batches() refuse a max they cannot use, and take nothing", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  for (const max of [0, -1, 1.5, NaN, -Infinity, "2", undefined, null]) {
    const refused = () => channel.receiveBatch(max as number);
    const error = await assertRejects(refused, RangeError, "max");
    assert(error.message.includes(String(max)), error.message);
    assertThrows(() => channel.batches(max as number), RangeError, "max");
  }
  assertEquals(channel.size, 1);
});

test("Channel.batches() iterates over batches until the end", async () => {
  const channel = new Channel<number>({ capacity: 5 });
  await channel.sendBatch([1, 2, 3, 4, 5]);
  channel.close();
  assertEquals(await Array.fromAsync(channel.batches(2)), [[1, 2], [3, 4], [5]]);
  assertEquals(await Array.fromAsync(channel.batches(2)), []);
});

test("Channel.batches() takes bursts as they come, and never an empty one", async () => {
  const channel = new Channel<number>({ capacity: 8 });
  const read = Array.fromAsync(channel.batches(Infinity));
  for (const burst of [[1], [2, 3], [4, 5, 6]]) {
    await settle();
    await channel.sendBatch(burst);
  }
  await settle();
  channel.close();
  assertEquals(await read, [[1], [2, 3], [4, 5, 6]]);
});

test("Channel.batches() throws the reason after the last batch", async () => {
  const reason = new Error("broken");
  const channel = new Channel<number>({ capacity: 3 });
  await channel.sendBatch([1, 2, 3]);
  channel.close(reason);
  const iterator = channel.batches(2);
  assertEquals(await iterator.next(), { value: [1, 2], done: false });
  assertEquals(await iterator.next(), { value: [3], done: false });
  assertStrictEquals(await reasonOf(iterator.next()), reason);
  assertEquals(await iterator.next(), END);
});

test("Channel.batches() left by break keeps the channel open and the rest in it", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3, 4]);
  for await (const batch of channel.batches(2)) {
    assertEquals(batch, [1, 2]);
    break;
  }
  assertFalse(channel.closed);
  assertEquals(channel.size, 2);
});

test("Channel.batches() return() settles a pending next() and takes nothing", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const iterator = channel.batches(2);
  const next = iterator.next();
  assertEquals(await iterator.return?.(), END);
  assertEquals(await next, END);
  channel.trySend(1);
  assertEquals(channel.size, 1);
});

test("Channel.sendBatch() puts in what fits, then waits for the rest", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity });
    const values = Array.from({ length: capacity + 3 }, (_, i) => i);
    const sent = observe(channel.sendBatch(values));
    assertEquals(channel.size, capacity);
    for (const value of values) {
      await settle();
      const left = values.length - value;
      assertEquals(sent.state, left > capacity ? "pending" : "fulfilled");
      assertEquals(await channel.receive(), value);
    }
    await settle();
    assertEquals(sent, { state: "fulfilled", value: undefined });
    assertEquals(channel.tryReceive(), { state: "empty" });
  }
});

test("Channel.sendBatch() serves waiting receivers first, then buffers, then waits", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  const received = [channel.receive(), channel.receive()];
  const sent = observe(channel.sendBatch([1, 2, 3, 4, 5]));
  assertEquals(channel.size, 2);
  assertEquals(await Promise.all(received), [1, 2]);
  assertEquals(sent.state, "pending");
  assertEquals(await channel.receiveBatch(3), [3, 4, 5]);
  await settle();
  assertEquals(sent.state, "fulfilled");
});

test("Channel.sendBatch() of waiting senders stay whole and in order", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity });
    const done: string[] = [];
    channel.sendBatch([0, 1, 2, 3]).then(() => done.push("a"));
    channel.send(4).then(() => done.push("b"));
    channel.sendBatch([5, 6]).then(() => done.push("c"));
    channel.send(7).then(() => done.push("d"));
    const values: number[] = [];
    for (let i = 0; i < 8; i++) values.push(await channel.receive());
    await settle();
    assertEquals(values, [0, 1, 2, 3, 4, 5, 6, 7]);
    assertEquals(done, ["a", "b", "c", "d"]);
  }
});

test("Channel.sendBatch([]) is done at once, even while others wait or the channel is full", async () => {
  for (const overflow of POLICIES) {
    const channel = new Channel<number>({ capacity: 1, overflow });
    channel.trySend(1);
    await channel.sendBatch([], { signal: AbortSignal.abort() });
    assertEquals([channel.size, channel.dropped], [1, 0]);
  }
});

test("Channel.sendBatch() to a closed channel gives all values back", async () => {
  for (const values of [[], [1], [1, 2, 3]]) {
    const channel = new Channel<number>({ capacity: 8 });
    channel.close(new Error("reason"));
    const unsent: number[][] = [];
    const error = await assertRejects(
      () => channel.sendBatch(values, { onUnsent: (rest) => unsent.push(rest) }),
      ChannelClosedError,
    );
    assertEquals(error.value, values);
    assertFalse(error.value === values, "must not be the caller's array");
    assertEquals(unsent, [values]);
  }
});

test("Channel.close() gives a waiting batch the values back that were not accepted", async () => {
  for (const reason of [[], [new Error("reason")]]) {
    for (const capacity of CAPACITIES) {
      const channel = new Channel<number>({ capacity });
      const unsent: number[][] = [];
      const values = Array.from({ length: capacity + 3 }, (_, i) => i);
      const sent = reasonOf(channel.sendBatch(values, { onUnsent: (rest) => unsent.push(rest) }));
      assertEquals(channel.tryReceive(), { state: "ok", value: 0 });
      if (reason.length > 0) channel.close(reason[0]);
      else channel.close();
      const error = await sent;
      assert(error instanceof ChannelClosedError);
      assertEquals(error.value, values.slice(capacity + 1));
      assertEquals(unsent, [values.slice(capacity + 1)]);
      assertEquals(channel.size, capacity);
    }
  }
});

test("Channel.sendBatch() under fail gives back what found no room, and keeps the rest", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity, overflow: "fail" });
    const unsent: number[][] = [];
    const error = await assertRejects(
      () => channel.sendBatch([0, 1, 2, 3, 4], { onUnsent: (rest) => unsent.push(rest) }),
      ChannelFullError,
    );
    const all = [0, 1, 2, 3, 4];
    assertEquals(error.value, all.slice(capacity));
    assertEquals(error.capacity, capacity);
    assertEquals(unsent, [all.slice(capacity)]);
    assertEquals(channel.size, capacity);
    assertEquals(channel.dropped, 0);
  }
});

test("Channel.sendBatch() larger than the capacity drops by policy, value by value", async () => {
  for (const capacity of CAPACITIES) {
    const all = [0, 1, 2, 3, 4, 5];
    const newest = new Channel<number>({ capacity, overflow: "drop-newest" });
    await newest.sendBatch(all);
    assertEquals(newest.dropped, 6 - capacity);
    const oldest = new Channel<number>({ capacity, overflow: "drop-oldest" });
    await oldest.sendBatch(all);
    assertEquals(oldest.dropped, 6 - capacity);
    newest.close();
    oldest.close();
    assertEquals(await newest.receiveBatch(9), all.slice(0, capacity));
    assertEquals(await oldest.receiveBatch(9), capacity > 0 ? all.slice(-capacity) : []);
  }
});

test("Channel.sendBatch() refuses a batch with a value that can never fit, whole, and gives it back", async () => {
  for (const overflow of ["wait", "fail"] as const) {
    const sizeOf = (value: number): number => value;
    const channel = new Channel<number>({ capacity: 8, maxBytes: 10, sizeOf, overflow });
    const unsent: number[][] = [];
    await assertRejects(
      () => channel.sendBatch([1, 11, 2], { onUnsent: (rest) => unsent.push(rest) }),
      RangeError,
      "11",
    );
    assertEquals(channel.size, 0);
    assertEquals(unsent, [[1, 11, 2]]);
  }
});

test("Channel.sendBatch() gives back a batch that could not be measured", async () => {
  const sizeOf = (value: number): number => {
    if (value === 2) throw new SyntaxError("unmeasurable");
    return value === 3 ? NaN : 1;
  };
  const channel = new Channel<number>({ capacity: 8, maxBytes: 10, sizeOf });
  for (const [batch, kind] of [[[1, 2], SyntaxError], [[1, 3], RangeError]] as const) {
    const unsent: number[][] = [];
    await assertRejects(
      () => channel.sendBatch(batch, { onUnsent: (rest) => unsent.push(rest) }),
      kind,
    );
    assertEquals(channel.size, 0);
    assertEquals(unsent, [[...batch]]);
  }
});

test("Channel.sendBatch() drops only the values of a batch that can never fit", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    const drops: number[] = [];
    const channel = new Channel<number>({
      capacity: 8,
      maxBytes: 10,
      overflow,
      sizeOf: (value) => value,
      onDrop: (value) => drops.push(value),
    });
    await channel.sendBatch([1, 11, 2]);
    assertEquals(drops, [11]);
    assertEquals(await channel.receiveBatch(9), [1, 2]);
  }
});

test("Channel.sendBatch() reads the array at the call", async () => {
  for (const measure of [false, true]) {
    const channel = new Channel<number>({
      capacity: 1,
      ...(measure ? { maxBytes: 10, sizeOf: () => 1 } : {}),
    });
    const values = [1, 2, 3];
    const sent = channel.sendBatch(values);
    values.splice(0, 3, 7, 8);
    values.length = 1;
    assertEquals(await channel.receiveBatch(9), [1, 2, 3]);
    await sent;
    assertEquals(values, [7]);
  }
});

test("Channel.sendBatch() reads the array once, whatever onDrop does to it", async () => {
  const values = [1, 2, 3, 4];
  const drops: number[] = [];
  const channel = new Channel<number>({
    capacity: 1,
    overflow: "drop-newest",
    onDrop: (value) => {
      drops.push(value);
      values.length = 0;
    },
  });
  await channel.sendBatch(values);
  assertEquals(drops, [2, 3, 4]);
  assertEquals(channel.dropped, 3);
});

test("Channel.sendBatch() leaves the caller's array as it was", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const values = Object.freeze([1, 2, 3]);
  const sent = channel.sendBatch(values);
  assertEquals(await channel.receiveBatch(9), [1, 2, 3]);
  await sent;
  assertEquals(values, [1, 2, 3]);
});

test("onUnsent is not called when everything was accepted", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const unsent: number[][] = [];
  const giveUp = new AbortController();
  const sent = channel.sendBatch([1, 2, 3], {
    signal: giveUp.signal,
    onUnsent: (values) => unsent.push(values),
  });
  assertEquals(await channel.receiveBatch(9), [1, 2, 3]);
  await sent;
  giveUp.abort();
  channel.close();
  assertEquals(unsent, []);
});

test("onUnsent that throws is reported and changes nothing", async () => {
  const reason = new Error("stop");
  const onUnsent = (): never => {
    throw new Error("in onUnsent");
  };
  const giveUp = new AbortController();
  const reports = await reportsOf(async () => {
    const aborting = new Channel<number>();
    const aborted = aborting.sendBatch([1], { signal: giveUp.signal, onUnsent });
    const other = aborting.sendBatch([2], { signal: giveUp.signal });
    giveUp.abort(reason);
    assertStrictEquals(await reasonOf(aborted), reason);
    assertStrictEquals(await reasonOf(other), reason);
    const closing = new Channel<number>();
    const waiting = [closing.sendBatch([1], { onUnsent }), closing.sendBatch([2])];
    closing.close();
    for (const sent of waiting) await assertRejects(() => sent, ChannelClosedError);
    const full = new Channel<number>({ overflow: "fail" });
    await assertRejects(() => full.sendBatch([1], { onUnsent }), ChannelFullError);
  });
  assertEquals(reports.map((error) => (error as Error).message), Array(3).fill("in onUnsent"));
});
