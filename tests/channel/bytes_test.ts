import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import {
  Channel,
  ChannelClosedError,
  ChannelFullError,
  type ChannelOptions,
  type ChannelOverflow,
} from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";

const POLICIES: ChannelOverflow[] = ["wait", "drop-newest", "drop-oldest", "fail"];

/** A channel of numbers that are their own size, with a bound of 10 bytes. */
function sized(options: ChannelOptions<number> = {}): Channel<number> {
  return new Channel<number>({ capacity: 8, maxBytes: 10, sizeOf: (value) => value, ...options });
}

function drain<T>(channel: Channel<T>): T[] {
  const values: T[] = [];
  for (;;) {
    const result = channel.tryReceive();
    if (result.state !== "ok") return values;
    values.push(result.value);
  }
}

test("Channel.bytes counts what is buffered, and only that", async () => {
  const channel = sized();
  channel.trySend(3);
  channel.trySend(4);
  assertEquals(channel.bytes, 7);
  assertEquals(await channel.receive(), 3);
  assertEquals(channel.bytes, 4);
  assertEquals(channel.tryReceive(), { state: "ok", value: 4 });
  assertEquals(channel.bytes, 0);
  const received = channel.receive();
  channel.trySend(9);
  assertEquals(channel.bytes, 0);
  assertEquals(await received, 9);
  assertEquals(new Channel<number>({ capacity: 1 }).bytes, 0);
});

test("Channel.bytes follows every way in and out", async () => {
  const channel = sized();
  await channel.sendBatch([1, 2, 3]);
  assertEquals(channel.bytes, 6);
  assertEquals(await channel[Symbol.asyncIterator]().next(), { value: 1, done: false });
  assertEquals(channel.bytes, 5);
  assertEquals(await channel.receiveBatch(1), [2]);
  assertEquals(channel.bytes, 3);
  const waiting = channel.sendBatch([7, 8]);
  assertEquals(channel.bytes, 10);
  assertEquals(await channel.receiveBatch(2), [3, 7]);
  assertEquals(channel.bytes, 8);
  await waiting;
  channel.close();
  assertEquals(channel.bytes, 8);
  assertEquals(await Array.fromAsync(channel), [8]);
  assertEquals(channel.bytes, 0);
});

test("both bounds hold at once", () => {
  const channel = sized({ capacity: 3 });
  assert(channel.trySend(10));
  assertFalse(channel.trySend(1), "over the bytes");
  assert(channel.trySend(0), "no bytes, and a place is free");
  assert(channel.trySend(0));
  assertFalse(channel.trySend(0), "over the capacity");
});

test("wait holds a sender until its value fits, and nothing overtakes it", async () => {
  const channel = sized();
  channel.trySend(4);
  channel.trySend(4);
  const large = observe(channel.send(7));
  const small = observe(channel.send(1));
  await settle();
  assertEquals([large.state, small.state], ["pending", "pending"]);
  assertFalse(channel.trySend(1), "must not overtake");
  assertEquals(await channel.receive(), 4);
  await settle();
  assertEquals([large.state, small.state], ["pending", "pending"], "4 + 7 is too much");
  assertEquals(await channel.receive(), 4);
  await settle();
  assertEquals([large.state, small.state], ["fulfilled", "fulfilled"]);
  assertEquals(channel.bytes, 8);
  assertEquals(drain(channel), [7, 1]);
});

test("one large value that leaves lets several small senders in", async () => {
  const channel = sized();
  channel.trySend(10);
  const sent = [1, 2, 3, 4, 5].map((value) => observe(channel.send(value)));
  assertEquals(await channel.receive(), 10);
  await settle();
  assertEquals(sent.map(({ state }) => state === "fulfilled"), [true, true, true, true, false]);
  assertEquals(channel.bytes, 10);
  assertEquals(await channel.receive(), 1);
  assertEquals(drain(channel), [2, 3, 4, 5]);
});

test("a sender that aborts lets those behind it in when they fit", async () => {
  const channel = sized();
  channel.trySend(8);
  const giveUp = new AbortController();
  const large = observe(channel.send(5, { signal: giveUp.signal }));
  const small = observe(channel.send(2));
  await settle();
  assertEquals(small.state, "pending");
  giveUp.abort(new Error("too large for now"));
  await settle();
  assertEquals(large.state, "rejected");
  assertEquals(small.state, "fulfilled");
  assertEquals(channel.bytes, 10);
  assertEquals(drain(channel), [8, 2]);
});

test("a batch that aborts lets those behind it in when they fit", async () => {
  const channel = sized();
  const giveUp = new AbortController();
  let unsent: number[] = [];
  const batch = observe(channel.sendBatch([6, 5, 4], {
    signal: giveUp.signal,
    onUnsent: (values) => unsent = values,
  }));
  const small = observe(channel.send(4));
  giveUp.abort();
  await settle();
  assertEquals(batch.state, "rejected");
  assertEquals(unsent, [5, 4]);
  assertEquals(small.state, "fulfilled");
  assertEquals(drain(channel), [6, 4]);
});

test("drop-newest drops what does not fit, and nothing else", () => {
  const drops: number[] = [];
  const channel = sized({ overflow: "drop-newest", onDrop: (value) => drops.push(value) });
  for (const value of [6, 5, 4, 1, 0]) channel.trySend(value);
  assertEquals(drops, [5, 1]);
  assertEquals(channel.bytes, 10);
  assertEquals(drain(channel), [6, 4, 0]);
});

test("drop-oldest drops as many as the new value needs, oldest first", () => {
  const drops: number[] = [];
  const channel = sized({ overflow: "drop-oldest", onDrop: (value) => drops.push(value) });
  for (const value of [1, 2, 3, 4]) channel.trySend(value);
  assert(channel.trySend(5));
  assertEquals(drops, [1, 2, 3]);
  assertEquals(channel.dropped, 3);
  assertEquals(channel.bytes, 9);
  assertEquals(drain(channel), [4, 5]);
});

test("drop-oldest evicts by count too, when the bytes would fit", () => {
  const channel = sized({ capacity: 2, overflow: "drop-oldest" });
  for (const value of [1, 2, 3]) channel.trySend(value);
  assertEquals(channel.bytes, 5);
  assertEquals(drain(channel), [2, 3]);
});

test("drop-oldest calls onDrop for several victims once the new value is in", () => {
  const seen: unknown[] = [];
  const channel: Channel<number> = sized({
    overflow: "drop-oldest",
    onDrop: (value) => seen.push([value, channel.size, channel.bytes, channel.dropped]),
  });
  for (const value of [1, 2, 3]) channel.trySend(value);
  channel.trySend(10);
  assertEquals(seen, [[1, 1, 10, 3], [2, 1, 10, 3], [3, 1, 10, 3]]);
});

test("fail refuses what does not fit now", async () => {
  const channel = sized({ overflow: "fail" });
  await channel.send(8);
  const error = await assertRejects(() => channel.send(5), ChannelFullError);
  assertEquals(error.value, 5);
  await channel.send(2);
  assertEquals(drain(channel), [8, 2]);
});

test("a value larger than maxBytes is refused or dropped, whatever the policy, and evicts nobody", async () => {
  for (const overflow of POLICIES) {
    for (const capacity of [0, 1, 2, 3]) {
      const drops: number[] = [];
      const onDrop = (value: number): unknown => drops.push(value);
      const channel = sized({ capacity, overflow, onDrop });
      if (capacity > 0) channel.trySend(1);
      assertFalse(channel.trySend(11));
      const refusal = await channel.send(11).then(() => undefined, (error: unknown) => error);
      if (overflow === "wait" || overflow === "fail") {
        assert(refusal instanceof RangeError);
        assert(refusal.message.endsWith("received 11"), refusal.message);
        assertEquals(drops, []);
      } else {
        assertEquals(refusal, undefined);
        assertEquals(drops, [11, 11]);
      }
      assertEquals(channel.dropped, drops.length);
      assertEquals(channel.size, Math.min(capacity, 1));
    }
  }
});

test("a value larger than maxBytes is not given to a waiting receiver either", async () => {
  for (const overflow of POLICIES) {
    const channel = sized({ overflow });
    const received = observe(channel.receive());
    assertFalse(channel.trySend(11));
    await channel.send(11).catch(() => {});
    await settle();
    assertEquals(received.state, "pending");
    assert(channel.trySend(10));
    await settle();
    assertEquals(received.value, 10);
  }
});

test("a value of exactly maxBytes fits an empty buffer", async () => {
  for (const overflow of POLICIES) {
    const channel = sized({ capacity: 1, overflow });
    await channel.send(10);
    assertEquals(channel.bytes, 10);
    assertEquals(drain(channel), [10]);
  }
});

test("sizeOf is read once a value, when it is sent", async () => {
  const sizes = new Map<string, number>([["a", 4], ["b", 7], ["c", 2]]);
  const measured: string[] = [];
  const channel = new Channel<string>({
    capacity: 4,
    maxBytes: 10,
    sizeOf: (value) => {
      measured.push(value);
      return sizes.get(value)!;
    },
  });
  channel.trySend("a");
  const sent = [channel.send("b"), channel.sendBatch(["c"])];
  assertEquals(measured, ["a", "b", "c"]);
  // Grows while queued and while waiting: the books keep the size that was measured.
  sizes.set("a", 9).set("b", 9);
  assertEquals(await channel.receive(), "a");
  assertEquals(channel.bytes, 9);
  await Promise.all(sent);
  assertEquals(await channel.receive(), "b");
  assertEquals(channel.bytes, 2);
  assertEquals(measured, ["a", "b", "c"]);
});

test("sizeOf that answers no size is refused before anything happens", async () => {
  for (const size of [NaN, -1, Infinity, -Infinity, "5", undefined, null]) {
    for (const overflow of POLICIES) {
      const channel = new Channel<string>({
        capacity: 2,
        maxBytes: 10,
        overflow,
        sizeOf: (value) => value === "bad" ? size as number : 1,
      });
      const error = assertThrows(() => channel.trySend("bad"), RangeError, "sizeOf");
      assert(error.message.includes(String(size)), error.message);
      await assertRejects(() => channel.send("bad"), RangeError, "sizeOf");
      await assertRejects(() => channel.sendBatch(["good", "bad"]), RangeError, "sizeOf");
      assertEquals([channel.size, channel.bytes, channel.dropped], [0, 0, 0]);
    }
  }
});

test("sizeOf that throws is the caller's error, before anything happens", async () => {
  for (const overflow of POLICIES) {
    const channel = new Channel<string>({
      capacity: 2,
      maxBytes: 10,
      overflow,
      sizeOf: (value) => {
        if (value === "bad") throw new SyntaxError("unmeasurable");
        return 1;
      },
    });
    assertThrows(() => channel.trySend("bad"), SyntaxError, "unmeasurable");
    await assertRejects(() => channel.send("bad"), SyntaxError, "unmeasurable");
    await assertRejects(() => channel.sendBatch(["good", "bad"]), SyntaxError, "unmeasurable");
    assertEquals([channel.size, channel.bytes, channel.dropped], [0, 0, 0]);
  }
});

test("sizeOf that closes the channel gets no value in any more", async () => {
  for (const overflow of POLICIES) {
    const make = (): Channel<number> => {
      const channel: Channel<number> = sized({
        overflow,
        sizeOf: () => {
          channel.close();
          return 1;
        },
      });
      return channel;
    };
    const channel = make();
    assertFalse(channel.trySend(1));
    assertEquals(channel.size, 0);
    const error = await assertRejects(() => make().send(1), ChannelClosedError);
    assertEquals(error.value, 1);
  }
});

test("an empty buffer has no bytes, however the fractions were rounded", async () => {
  const channel = new Channel<number>({
    capacity: 20,
    maxBytes: 1,
    sizeOf: (value) => value,
    overflow: "drop-oldest",
  });
  for (let i = 0; i < 10; i++) channel.trySend(0.1);
  assertEquals(await channel.receiveBatch(20), Array(10).fill(0.1));
  assertEquals(channel.bytes, 0);
  assert(channel.trySend(1));
  assertEquals(channel.dropped, 0);
  assertEquals(drain(channel), [1]);
});
