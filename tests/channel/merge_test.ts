import {
  assert,
  assertEquals,
  assertFalse,
  assertLessOrEqual,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Channel, merge } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, reasonOf, settle, Source } from "../_settle.ts";

/** A channel that holds `values` and is closed. */
function filled<T>(...values: T[]): Channel<T> {
  const channel = new Channel<T>({ capacity: values.length });
  for (const value of values) channel.trySend(value);
  channel.close();
  return channel;
}

async function* generate<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

test("merge() reads several sources as one and ends when all have ended", async () => {
  const sources: AsyncIterable<number>[] = [
    filled(1, 2),
    generate(10, 20, 30),
    ReadableStream.from([100]),
    filled(),
  ];
  const values = await Array.fromAsync(merge(sources));
  assertEquals(values.toSorted((a, b) => a - b), [1, 2, 10, 20, 30, 100]);
  for (const kind of [[1, 2], [10, 20, 30]]) {
    assertEquals(values.filter((value) => kind.includes(value)), kind);
  }
});

test("merge() of no sources ends at once, aborted or not", async () => {
  assertEquals(await Array.fromAsync(merge([])), []);
  assertEquals(await merge([], { signal: AbortSignal.abort() }).next(), END);
});

test("merge() of sources that have ended already ends at once", async () => {
  assertEquals(await merge([filled(), filled()]).next(), END);
  assertEquals(await merge([generate(), filled()]).next(), END);
});

test("merge() takes any iterable of sources, once, at the call", async () => {
  const channels = [filled(1), filled(2)];
  assertEquals(await Array.fromAsync(merge(new Set(channels))), [1, 2]);
  const list = [filled(3), filled(4)];
  const merged = merge(list);
  list.length = 0;
  assertEquals(await Array.fromAsync(merged), [3, 4]);
});

test("merge() refuses what is not an async iterable, by name, before it reads anything", async () => {
  for (const wrong of [undefined, null, 7, "text", [1, 2], { next: () => {} }]) {
    const source = new Source<number>();
    const error = assertThrows(
      () => merge([source, wrong as unknown as AsyncIterable<number>]),
      TypeError,
      "Cannot merge",
    );
    assert(error.message.includes(`received ${wrong}`), error.message);
    await settle();
    assertEquals(source.pulls, 0);
  }
});

test("merge() does nothing before the first next()", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  let opened = false;
  const source = new Source<number>();
  const late: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => {
      opened = true;
      return source;
    },
  };
  merge([channel, late]);
  await settle();
  assertEquals(channel.size, 1);
  assertFalse(opened);
});

test("merge() lets channels that have values take turns", async () => {
  const merged = merge([filled(1, 2, 3, 4), filled(10, 20), filled(100, 200, 300)]);
  assertEquals(await Array.fromAsync(merged), [1, 10, 100, 2, 20, 200, 3, 300, 4]);
});

test("merge() lets other sources that have values take turns", async () => {
  const values = await Array.fromAsync(merge([generate(1, 2, 3), generate(10, 20, 30)]));
  for (let i = 0; i < 6; i += 2) {
    assertEquals(
      values.slice(i, i + 2).toSorted((a, b) => a - b),
      [
        [1, 10],
        [2, 20],
        [3, 30],
      ][i / 2],
    );
  }
});

test("merge() lets no busy channel starve another kind of source", async () => {
  const busy = filled(...Array.from({ length: 100 }, (_, i) => i));
  const values: number[] = [];
  for await (const value of merge<AsyncIterable<number>>([busy, generate(-1, -2, -3)])) {
    values.push(value);
    await settle();
  }
  assertEquals(values.length, 103);
  for (const [i, value] of [-1, -2, -3].entries()) {
    assertLessOrEqual(values.indexOf(value), 2 * i + 3, `${value} came late`);
  }
});

test("merge() counts a value that was waited for as a turn", async () => {
  for (const winner of [0, 1, 2]) {
    const channels = [0, 1, 2].map(() => new Channel<number>({ capacity: 2 }));
    const merged = merge(channels);
    const next = merged.next();
    channels[winner]!.trySend(winner);
    assertEquals((await next).value, winner);
    for (const [i, channel] of channels.entries()) channel.trySend(i);
    const turns = [(await merged.next()).value, (await merged.next()).value];
    assertEquals(turns, [0, 1, 2].filter((i) => i !== winner));
    assertEquals((await merged.next()).value, winner);
  }
});

test("merge() lets no sender that keeps its channel full starve another", async () => {
  const channels = [0, 1, 2].map(() => new Channel<number>());
  for (const [i, channel] of channels.entries()) {
    (async () => {
      for (let n = 0; n < 20; n++) await channel.send(i);
      channel.close();
    })();
  }
  const values = await Array.fromAsync(merge(channels));
  for (let i = 0; i < 60; i += 3) {
    assertEquals(values.slice(i, i + 3).toSorted((a, b) => a - b), [0, 1, 2]);
  }
});

test("merge() reads channels only while a next() waits", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channels = [new Channel<number>({ capacity }), new Channel<number>({ capacity })];
    const [left, right] = channels as [Channel<number>, Channel<number>];
    const merged = merge(channels);
    const next = merged.next();
    assert(left.trySend(1));
    assertEquals(left.size, 0);
    // The one next() is served: whatever comes now stays where it is.
    for (const channel of channels) {
      for (let i = 0; i < capacity; i++) assert(channel.trySend(i));
      assertFalse(channel.trySend(9));
      assertEquals(channel.size, capacity);
    }
    assertEquals(await next, { value: 1, done: false });
    await settle();
    assertEquals([left.size, right.size], [capacity, capacity]);
  }
});

test("merge() asks another source for its next value only after the one before was taken", async () => {
  const [slow, fast] = [new Source<string>(), new Source<string>()];
  const merged = merge([slow, fast]);
  const first = merged.next();
  assertEquals([slow.pulls, fast.pulls], [1, 1]);
  fast.give("f1");
  assertEquals(await first, { value: "f1", done: false });
  slow.give("s1");
  await settle();
  // One value of slow is held; fast was taken, but nobody has asked since.
  assertEquals(slow.pulls, 1);
  assertLessOrEqual(fast.pulls, 1);
  assertEquals(await merged.next(), { value: "s1", done: false });
  const third = merged.next();
  await settle();
  assertEquals([slow.pulls, fast.pulls], [2, 2]);
  fast.give("f2");
  assertEquals(await third, { value: "f2", done: false });
});

test("merge() answers concurrent next() calls in the order of the calls", async () => {
  const channel = new Channel<number>();
  const source = new Source<number>();
  const merged = merge<AsyncIterable<number>>([channel, source]);
  const order: number[] = [];
  const results = [0, 1, 2, 3, 4].map((index) => {
    const result = merged.next();
    result.then(() => order.push(index));
    return result;
  });
  channel.trySend(1);
  source.give(2);
  await settle();
  channel.trySend(3);
  channel.trySend(4);
  source.give(5);
  const values = (await Promise.all(results)).map(({ value }) => value);
  // The three of the channel came before the second of the source, and the source was pulled again.
  assertEquals(values.toSorted(), [1, 2, 3, 4, 5]);
  assertEquals(order, [0, 1, 2, 3, 4]);
  assertEquals(values.filter((value) => [1, 3, 4].includes(value)), [1, 3, 4]);
  assertEquals(channel.trySend(6), false, "nobody waits any more");
});

test("merge() ends concurrent next() calls together", async () => {
  const [left, right] = [new Channel<number>(), new Channel<number>()];
  const merged = merge([left, right]);
  const results = [merged.next(), merged.next(), merged.next()].map((next) => observe(next));
  left.close();
  await settle();
  assertEquals(results.map(({ state }) => state), ["pending", "pending", "pending"]);
  right.trySend(1);
  right.close();
  await settle();
  assertEquals(results.map(({ value }) => value), [{ value: 1, done: false }, END, END]);
});

test("merge() goes on with the rest when one source ends", async () => {
  const [left, right] = [new Channel<number>(), new Channel<number>()];
  const source = new Source<number>();
  const merged = merge<AsyncIterable<number>>([left, source, right]);
  const first = merged.next();
  left.close();
  await settle();
  right.trySend(1);
  assertEquals(await first, { value: 1, done: false });
  source.end();
  const second = merged.next();
  await settle();
  right.trySend(2);
  assertEquals(await second, { value: 2, done: false });
  assertEquals(source.pulls, 1);
  assertEquals(source.returns, 0);
  right.close();
  assertEquals(await merged.next(), END);
  assertEquals(await merged.next(), END);
});

test("merge() passes falsy values", async () => {
  const values = [undefined, null, 0, "", false];
  const merged = merge<AsyncIterable<unknown>>([filled(...values), generate(...values)]);
  const seen = await Array.fromAsync(merged);
  assertEquals(seen.length, 10);
  for (const value of values) assertEquals(seen.filter((one) => one === value).length, 2);
});

test("merge() shares a channel with its other readers, each in turn", async () => {
  const channel = new Channel<number>();
  const before = channel.receive();
  const next = merge([channel]).next();
  const after = channel.receive();
  for (const value of [1, 2, 3]) assert(channel.trySend(value));
  assertEquals(await before, 1);
  assertEquals(await next, { value: 2, done: false });
  assertEquals(await after, 3);
});

test("merge() of the same channel twice delivers each value once", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  const read = Array.fromAsync(merge([channel, channel]));
  for (let i = 0; i < 10; i++) await channel.send(i);
  channel.close();
  assertEquals(await read, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("merge() keeps the order of a channel to which another source sends while it is asked", async () => {
  for (const channelFirst of [false, true]) {
    const channel = new Channel<string>({ capacity: 4 });
    const announce = async function* (): AsyncGenerator<string> {
      // Runs in the very call that asks for the first value.
      channel.trySend("c1");
      yield "g1";
      channel.trySend("c2");
      channel.close();
    };
    const sources = channelFirst ? [channel, announce()] : [announce(), channel];
    const values: string[] = [];
    const read = (async () => {
      for await (const value of merge<AsyncIterable<string>>(sources)) values.push(value);
    })();
    await settle();
    assertEquals(values.filter((value) => value.startsWith("c")), ["c1", "c2"]);
    assertEquals(values.length, 3);
    await read;
  }
});

test("merge() nests", async () => {
  const inner = [filled(1, 2), filled(3)];
  const outer = merge([merge(inner), filled(4)]);
  assertEquals((await Array.fromAsync(outer)).toSorted(), [1, 2, 3, 4]);
});

test("merge() of many channels delivers every value once, each channel in order", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channels = Array.from({ length: 7 }, () => new Channel<[number, number]>({ capacity }));
    for (const [id, channel] of channels.entries()) {
      (async () => {
        for (let n = 0; n < 30 + id; n++) {
          await channel.send([id, n]);
          for (let tick = 0; tick < (id * n) % 5; tick++) await undefined;
        }
        channel.close();
      })();
    }
    const seen: number[][] = channels.map(() => []);
    for await (const [id, n] of merge(channels)) seen[id]!.push(n);
    for (const [id, values] of seen.entries()) {
      assertEquals(values, Array.from({ length: 30 + id }, (_, n) => n));
    }
  }
});

test("an iterator of merge() is its own iterable", () => {
  const merged = merge([filled(1)]);
  assertStrictEquals(merged[Symbol.asyncIterator](), merged);
});

test("merge() rejects with the reason a channel was closed with, after what is buffered", async () => {
  const reason = new Error("broken");
  const broken = new Channel<number>({ capacity: 2 });
  await broken.sendBatch([1, 2]);
  broken.close(reason);
  const merged = merge([broken]);
  assertEquals(await merged.next(), { value: 1, done: false });
  assertEquals(await merged.next(), { value: 2, done: false });
  assertStrictEquals(await reasonOf(merged.next()), reason);
  assertEquals(await merged.next(), END);
  const empty = new Channel<number>();
  const waiting = reasonOf(merge([empty]).next());
  empty.close(undefined);
  assertStrictEquals(await waiting, undefined);
});
