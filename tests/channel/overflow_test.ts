import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  Channel,
  ChannelClosedError,
  ChannelFullError,
  type ChannelOverflow,
} from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { observe, settle } from "../_settle.ts";

const CAPACITIES = [0, 1, 2, 3];
const POLICIES: ChannelOverflow[] = ["wait", "drop-newest", "drop-oldest", "fail"];

/** The values 0 to `count - 1`. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function drain<T>(channel: Channel<T>): T[] {
  const values: T[] = [];
  for (;;) {
    const result = channel.tryReceive();
    if (result.state !== "ok") return values;
    values.push(result.value);
  }
}

test("drop-newest keeps what is buffered and drops the value being sent", async () => {
  for (const capacity of CAPACITIES) {
    const drops: number[] = [];
    const channel = new Channel<number>({
      capacity,
      overflow: "drop-newest",
      onDrop: (value) => drops.push(value),
    });
    for (const value of upTo(capacity)) await channel.send(value);
    assertEquals(channel.dropped, 0);
    await channel.send(10);
    assertStrictEquals(channel.trySend(11), false);
    await channel.sendBatch([12, 13]);
    assertEquals(drops, [10, 11, 12, 13]);
    assertEquals(channel.dropped, 4);
    assertEquals(drain(channel), upTo(capacity));
  }
});

test("drop-oldest keeps the value being sent and drops the oldest", async () => {
  for (const capacity of CAPACITIES.slice(1)) {
    const drops: number[] = [];
    const channel = new Channel<number>({
      capacity,
      overflow: "drop-oldest",
      onDrop: (value) => drops.push(value),
    });
    for (const value of upTo(capacity)) await channel.send(value);
    await channel.send(capacity);
    assertStrictEquals(channel.trySend(capacity + 1), true);
    await channel.sendBatch([capacity + 2, capacity + 3]);
    assertEquals(channel.dropped, 4);
    assertEquals(drops, [0, 1, 2, 3]);
    assertEquals(channel.size, capacity);
    assertEquals(drain(channel), upTo(capacity + 4).slice(-capacity));
  }
});

test("drop-oldest without capacity has nothing to evict and drops the value itself", async () => {
  const drops: number[] = [];
  const channel = new Channel<number>({
    overflow: "drop-oldest",
    onDrop: (value) => drops.push(value),
  });
  await channel.send(1);
  assertStrictEquals(channel.trySend(2), false);
  assertEquals(drops, [1, 2]);
  assertEquals(channel.dropped, 2);
  assertEquals(channel.size, 0);
  const received = channel.receive();
  assertStrictEquals(channel.trySend(3), true);
  assertEquals(await received, 3);
});

test("drop-oldest at work for long keeps exactly the newest, in order", () => {
  for (const capacity of [1, 2, 3, 15, 16, 17]) {
    const channel = new Channel<number>({ capacity, overflow: "drop-oldest" });
    for (const value of upTo(100)) {
      channel.trySend(value);
      assertEquals(channel.size, Math.min(capacity, value + 1));
    }
    assertEquals(channel.dropped, 100 - capacity);
    assertEquals(drain(channel), upTo(100).slice(-capacity));
  }
});

test("fail refuses with the value and the capacity, and keeps what is buffered", async () => {
  for (const capacity of CAPACITIES) {
    const channel = new Channel<number>({ capacity, overflow: "fail" });
    for (const value of upTo(capacity)) await channel.send(value);
    const error = await assertRejects(() => channel.send(10), ChannelFullError);
    assertEquals(error.value, 10);
    assertEquals(error.capacity, capacity);
    assertStrictEquals(channel.trySend(11), false);
    assertEquals(channel.dropped, 0);
    assertFalse(channel.closed);
    assertEquals(drain(channel), upTo(capacity));
    if (capacity > 0) await channel.send(12);
  }
});

test("fail does not look at the signal, for it never waits", async () => {
  const channel = new Channel<number>({ capacity: 1, overflow: "fail" });
  const options = { signal: AbortSignal.abort(new Error("aborted")) };
  await channel.send(1, options);
  await assertRejects(() => channel.send(2, options), ChannelFullError);
});

test("wait neither drops nor refuses", async () => {
  for (const capacity of CAPACITIES) {
    const drops: number[] = [];
    const channel = new Channel<number>({ capacity, onDrop: (value) => drops.push(value) });
    const sent = upTo(capacity + 3).map((value) => observe(channel.send(value)));
    await settle();
    assertEquals(sent.filter(({ state }) => state === "fulfilled").length, capacity);
    assertEquals(drain(channel), upTo(capacity + 3));
    await settle();
    assertEquals(sent.filter(({ state }) => state === "fulfilled").length, capacity + 3);
    assertEquals(channel.dropped, 0);
    assertEquals(drops, []);
  }
});

test("every policy gives a value to a waiting receiver instead of judging it", async () => {
  for (const overflow of POLICIES) {
    for (const capacity of CAPACITIES) {
      const channel = new Channel<number>({ capacity, overflow });
      const received = [channel.receive(), channel.receive(), channel.receive()];
      const next = channel[Symbol.asyncIterator]().next();
      assert(channel.trySend(1));
      await channel.send(2);
      await channel.sendBatch([3, 4]);
      assertEquals(await Promise.all(received), [1, 2, 3]);
      assertEquals(await next, { value: 4, done: false });
      assertEquals(channel.dropped, 0);
      assertEquals(channel.size, 0);
    }
  }
});

test("every policy holds offered = delivered + dropped + refused + queued for several readers", async () => {
  for (const overflow of POLICIES) {
    for (const capacity of CAPACITIES) {
      const drops: number[] = [];
      const channel = new Channel<number>({
        capacity,
        overflow,
        onDrop: (value) => drops.push(value),
      });
      const loops = [0, 1, 2].map(() => Array.fromAsync(channel));
      const refused: number[] = [];
      const sends: Promise<void>[] = [];
      // Bursts of every length, so that readers are now ahead and now behind.
      let offered = 0;
      for (let burst = 0; burst < 40; burst++) {
        for (let i = 0; i <= burst % 8; i++) {
          const value = offered++;
          sends.push(channel.send(value).catch(() => void refused.push(value)));
        }
        if (burst % 3 === 0) await settle();
      }
      await settle();
      await Promise.all(sends);
      channel.close();
      const seen = await Promise.all(loops);
      for (const values of seen) {
        assert(values.length > 0, "a reader starved");
        assertEquals(values, values.toSorted((a, b) => a - b));
      }
      assertEquals(
        [...seen.flat(), ...drops, ...refused].toSorted((a, b) => a - b),
        upTo(offered),
        `${overflow}, capacity ${capacity}`,
      );
      assertEquals(channel.dropped, drops.length);
      if (overflow === "wait") assertEquals([drops.length, refused.length], [0, 0]);
      if (overflow === "fail") assert(refused.length > 0 && drops.length === 0);
      if (overflow.startsWith("drop")) assert(drops.length > 0 && refused.length === 0);
    }
  }
});

test("every policy refuses after close and counts nothing", async () => {
  for (const overflow of POLICIES) {
    const channel = new Channel<number>({ capacity: 1, overflow });
    channel.trySend(1);
    channel.close();
    assertStrictEquals(channel.trySend(2), false);
    const error = await assertRejects(() => channel.send(3), ChannelClosedError);
    assertEquals(error.value, 3);
    assertEquals(channel.dropped, 0);
    assertEquals(drain(channel), [1]);
  }
});

test("dropping channels never make a sender wait", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    for (const capacity of CAPACITIES) {
      const channel = new Channel<number>({ capacity, overflow });
      const signal = AbortSignal.abort(new Error("must not matter"));
      for (const value of upTo(5)) await channel.send(value, { signal });
      await channel.sendBatch(upTo(5), { signal });
      assertEquals(channel.dropped, 10 - capacity);
    }
  }
});

test("onDrop sees a channel that is consistent, and may use it", () => {
  const seen: unknown[] = [];
  const channel: Channel<number> = new Channel<number>({
    capacity: 2,
    overflow: "drop-oldest",
    onDrop: (value) => {
      seen.push([value, channel.size, channel.dropped]);
      // Makes room, so that this send does not drop in turn.
      seen.push(channel.tryReceive());
      seen.push(channel.trySend(value + 100));
    },
  });
  for (const value of [1, 2, 3]) channel.trySend(value);
  assertEquals(seen, [[1, 2, 1], { state: "ok", value: 2 }, true]);
  assertEquals(drain(channel), [3, 101]);
  assertEquals(channel.dropped, 1);
});

test("onDrop may send again, dropping again", () => {
  const drops: number[] = [];
  const channel: Channel<number> = new Channel<number>({
    capacity: 1,
    overflow: "drop-newest",
    onDrop: (value) => {
      drops.push(value);
      if (value < 5) channel.trySend(value + 1);
    },
  });
  channel.trySend(0);
  assertStrictEquals(channel.trySend(1), false);
  assertEquals(drops, [1, 2, 3, 4, 5]);
  assertEquals(channel.dropped, 5);
  assertEquals(drain(channel), [0]);
});

test("onDrop may close the channel in the middle of a batch", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    const channel: Channel<number> = new Channel<number>({
      capacity: 1,
      overflow,
      onDrop: () => channel.close(),
    });
    const unsent: number[][] = [];
    const error = await assertRejects(
      () => channel.sendBatch([1, 2, 3, 4], { onUnsent: (values) => unsent.push(values) }),
      ChannelClosedError,
    );
    assertEquals(error.value, [3, 4]);
    assertEquals(unsent, [[3, 4]]);
    assertEquals(channel.dropped, 1);
    assertEquals(drain(channel), [overflow === "drop-newest" ? 1 : 2]);
  }
});

test("onDrop that closes the channel with the last value does not spoil the send", async () => {
  const channel: Channel<number> = new Channel<number>({
    capacity: 1,
    overflow: "drop-newest",
    onDrop: () => channel.close(),
  });
  await channel.sendBatch([1, 2]);
  assert(channel.closed);
  assertEquals(drain(channel), [1]);
});

test("onDrop that throws is reported and stops nothing", async () => {
  const drops: number[] = [];
  const channel = new Channel<number>({
    capacity: 1,
    overflow: "drop-oldest",
    onDrop: (value) => {
      drops.push(value);
      throw new Error(`drop ${value}`);
    },
  });
  const reports = await reportsOf(async () => {
    await channel.send(1);
    await channel.send(2);
    assertStrictEquals(channel.trySend(3), true);
    await channel.sendBatch([4, 5]);
  });
  assertEquals(reports.map((error) => (error as Error).message), [
    "drop 1",
    "drop 2",
    "drop 3",
    "drop 4",
  ]);
  assertEquals(drops, [1, 2, 3, 4]);
  assertEquals(channel.dropped, 4);
  assertEquals(drain(channel), [5]);
});

test("dropped values are forgotten by the channel", () => {
  // The next value takes the very slot: what was evicted must not come back when the ring comes round.
  const channel = new Channel<object>({ capacity: 3, overflow: "drop-oldest" });
  const values = upTo(50).map((id) => ({ id }));
  for (const value of values) channel.trySend(value);
  const left = drain(channel);
  assertEquals(left.length, 3);
  for (const [i, value] of left.entries()) assertStrictEquals(value, values[47 + i]);
  assertEquals(channel.tryReceive(), { state: "empty" });
});

test("a full channel with policy fail is told apart from a closed one", async () => {
  const channel = new Channel<number>({ capacity: 1, overflow: "fail" });
  await channel.send(1);
  const full = await channel.send(2).catch((error: unknown) => error);
  channel.close();
  const closed = await channel.send(2).catch((error: unknown) => error);
  assertInstanceOf(full, ChannelFullError);
  assertInstanceOf(closed, ChannelClosedError);
});
