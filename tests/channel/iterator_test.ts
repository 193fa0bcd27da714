import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { Channel } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, reasonOf, settle } from "../_settle.ts";

test("for await over a channel takes what is buffered, then ends", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3]);
  channel.close();
  const values: number[] = [];
  for await (const value of channel) values.push(value);
  assertEquals(values, [1, 2, 3]);
});

test("for await over a channel ends when it is closed while waiting", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  const read = Array.fromAsync(channel);
  await settle();
  channel.trySend(1);
  await settle();
  channel.close();
  assertEquals(await read, [1]);
});

test("for await over a channel throws the reason after what is buffered", async () => {
  const reason = new Error("fail");
  for (const buffered of [[], [1], [1, 2]]) {
    const channel = new Channel<number>({ capacity: 2 });
    await channel.sendBatch(buffered);
    channel.close(reason);
    const values: number[] = [];
    let caught: unknown;
    try {
      for await (const value of channel) values.push(value);
    } catch (error) {
      caught = error;
    }
    assertEquals(values, buffered);
    assertStrictEquals(caught, reason);
  }
});

test("for await over a channel keeps up with a sender at every capacity", async () => {
  for (const capacity of [0, 1, 2, 3, 16]) {
    const channel = new Channel<number>({ capacity });
    const produced = (async () => {
      for (let i = 0; i < 50; i++) {
        await channel.send(i);
        assert(channel.size <= capacity);
      }
      channel.close();
    })();
    assertEquals(await Array.fromAsync(channel), Array.from({ length: 50 }, (_, i) => i));
    await produced;
  }
});

test("break leaves the channel open and loses nothing", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3, 4]);
  for await (const value of channel) if (value === 2) break;
  assertFalse(channel.closed);
  assertEquals(channel.size, 2);
  channel.close();
  assertEquals(await Array.fromAsync(channel), [3, 4]);
});

test("throwing inside for await leaves the channel open and loses nothing", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  await channel.sendBatch([1, 2]);
  const reason = new Error("in the body");
  const loop = (async () => {
    for await (const _ of channel) throw reason;
  })();
  assertStrictEquals(await reasonOf(loop), reason);
  assertFalse(channel.closed);
  assertEquals(await channel.receive(), 2);
});

test("an iterator takes nothing before its first next()", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const iterator = channel[Symbol.asyncIterator]();
  channel.trySend(1);
  await settle();
  assertEquals(channel.size, 1);
  assertEquals(await iterator.next(), { value: 1, done: false });
});

test("an iterator is its own iterable", () => {
  const iterator = new Channel<number>()[Symbol.asyncIterator]();
  assertStrictEquals(iterator[Symbol.asyncIterator](), iterator);
});

test("concurrent next() calls are answered in the order of the calls", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    for (const buffered of [0, 1, 2, 3]) {
      const channel = new Channel<number>({ capacity });
      const sent = Array.from({ length: 5 }, (_, i) => i);
      for (const value of sent.slice(0, buffered)) channel.send(value);
      const iterator = channel[Symbol.asyncIterator]();
      const order: number[] = [];
      const results = sent.map((index) => {
        const result = iterator.next();
        result.then(() => order.push(index));
        return result;
      });
      for (const value of sent.slice(buffered)) await channel.send(value);
      const values = (await Promise.all(results)).map((result) => result.value);
      assertEquals(values, sent);
      assertEquals(order, sent);
      assertEquals(channel.tryReceive(), { state: "empty" });
    }
  }
});

test("next() after a queue of next() calls has drained takes at once again", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  const iterator = channel[Symbol.asyncIterator]();
  const first = [iterator.next(), iterator.next()];
  await channel.sendBatch([1, 2, 3, 4]);
  await Promise.all(first);
  await settle();
  assertEquals(channel.size, 2);
  iterator.next();
  assertEquals(channel.size, 1);
});

test("concurrent next() calls at the end all say so", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const iterator = channel[Symbol.asyncIterator]();
  const results = [iterator.next(), iterator.next(), iterator.next()];
  channel.trySend(1);
  channel.close();
  assertEquals(await Promise.all(results), [{ value: 1, done: false }, END, END]);
  assertEquals(await iterator.next(), END);
});

test("concurrent next() calls meet an error once, then the end", async () => {
  const channel = new Channel<number>();
  const iterator = channel[Symbol.asyncIterator]();
  const results = [iterator.next(), iterator.next(), iterator.next()].map((next) => observe(next));
  const reason = new Error("broken");
  channel.close(reason);
  await settle();
  assertEquals(results.map(({ state }) => state), ["rejected", "fulfilled", "fulfilled"]);
  assertStrictEquals(results[0]?.reason, reason);
  assertEquals(results[1]?.value, END);
  assertEquals(await iterator.next(), END);
  // Another iterator meets it again.
  assertStrictEquals(await reasonOf(channel[Symbol.asyncIterator]().next()), reason);
});

test("an iterator that has ended stays ended", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  const iterator = channel[Symbol.asyncIterator]();
  await iterator.return?.();
  channel.trySend(1);
  assertEquals(await iterator.next(), END);
  assertEquals(channel.size, 1);
});

test("return() answers the value it was given", async () => {
  const iterator = new Channel<number>()[Symbol.asyncIterator]();
  assertEquals(await iterator.return?.(7), { value: 7, done: true });
  assertEquals(await iterator.return?.(), END);
  assertEquals(await iterator.next(), END);
});

test("return() settles a pending next() at once, and its receiver takes nothing", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const iterator = channel[Symbol.asyncIterator]();
  const pending = [observe(iterator.next()), observe(iterator.next())];
  await settle();
  assertEquals(pending[0]?.state, "pending");
  assertEquals(await iterator.return?.(), END);
  await settle();
  assertEquals(pending, [{ state: "fulfilled", value: END }, { state: "fulfilled", value: END }]);
  assert(channel.trySend(1));
  assertEquals(channel.size, 1);
});

test("return() does not swallow a value that a pending next() was given before", async () => {
  const channel = new Channel<number>();
  const iterator = channel[Symbol.asyncIterator]();
  const pending = iterator.next();
  assert(channel.trySend(1));
  iterator.return?.();
  assertEquals(await pending, { value: 1, done: false });
  assertEquals(await iterator.next(), END);
});

test("several iterators share the values, in the order of their next() calls", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const left = channel[Symbol.asyncIterator]();
  const right = channel[Symbol.asyncIterator]();
  const results = [left.next(), right.next(), channel.receive(), left.next()];
  for (const value of [1, 2, 3, 4]) {
    await channel.send(value);
    await settle();
  }
  assertEquals(await Promise.all(results), [
    { value: 1, done: false },
    { value: 2, done: false },
    3,
    { value: 4, done: false },
  ]);
});

test("several loops over one channel deliver each value once, and all end", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    const loops = [0, 1, 2].map(() => Array.fromAsync(channel));
    for (let i = 0; i < 90; i++) await channel.send(i);
    channel.close();
    const seen = await Promise.all(loops);
    for (const values of seen) {
      assert(values.length > 0, "a loop starved");
      assertEquals(values, values.toSorted((a, b) => a - b));
    }
    assertEquals(seen.flat().toSorted((a, b) => a - b), Array.from({ length: 90 }, (_, i) => i));
  }
});

test("an iterator unwraps a value that is a promise, whether buffered or waited for", async () => {
  const channel = new Channel<Promise<number>>({ capacity: 2 });
  const iterator = channel[Symbol.asyncIterator]();
  channel.trySend(Promise.resolve(1));
  assertEquals<unknown>(await iterator.next(), { value: 1, done: false });
  const next = iterator.next();
  channel.trySend(Promise.resolve(2));
  assertEquals<unknown>(await next, { value: 2, done: false });
});

test("an iterator unwraps any thenable as it does a promise, whether buffered or waited for", async () => {
  const channel = new Channel<PromiseLike<number>>({ capacity: 2 });
  const iterator = channel[Symbol.asyncIterator]();
  const inner = Promise.resolve(1);
  const thenable: PromiseLike<number> = { then: inner.then.bind(inner) as typeof inner.then };
  const next = iterator.next();
  channel.trySend(thenable);
  assertEquals<unknown>(await next, { value: 1, done: false });
  await settle();
  channel.trySend(thenable);
  assertEquals<unknown>(await iterator.next(), { value: 1, done: false });
});

test("an iterator that meets a rejected promise as a value throws its reason and ends", async () => {
  const channel = new Channel<Promise<number>>({ capacity: 2 });
  const iterator = channel[Symbol.asyncIterator]();
  const reason = new Error("in the value");
  const next = reasonOf(iterator.next());
  channel.trySend(Promise.reject(reason));
  assertStrictEquals(await next, reason);
  assertEquals(await iterator.next(), END);
  assertFalse(channel.closed);
});

test("an iterator frees room for waiting senders with each value it takes", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    const sent = Array.from({ length: 6 }, (_, i) => observe(channel.send(i)));
    const iterator = channel[Symbol.asyncIterator]();
    for (let taken = 0; taken <= 6; taken++) {
      await settle();
      const accepted = sent.filter(({ state }) => state === "fulfilled").length;
      assertEquals(accepted, Math.min(6, capacity + taken));
      if (taken < 6) assertEquals(await iterator.next(), { value: taken, done: false });
    }
  }
});

test("an iterator has throw() and can be disposed of, as a generator can", async () => {
  for (const batched of [false, true]) {
    const channel = new Channel<number>({ capacity: 1 });
    const iterator = batched ? channel.batches(2) : channel[Symbol.asyncIterator]();
    const next = iterator.next();
    const reason = new Error("thrown in");
    const thrown: unknown = await iterator.throw!(reason).catch((error: unknown) => error);
    assertEquals(thrown, reason);
    assertEquals(await next, { value: undefined, done: true });
    assertEquals(await iterator.next(), { value: undefined, done: true });

    const other = channel[Symbol.asyncIterator]();
    const pending = other.next();
    await (other as unknown as AsyncDisposable)[Symbol.asyncDispose]();
    assertEquals(await pending, { value: undefined, done: true });
    assertEquals(channel.trySend(1), true);
    assertEquals([channel.size, channel.closed], [1, false]);
  }
});

test("return() of an iterator awaits the value it is given, and ends at once all the same", async () => {
  const channel = new Channel<number>();
  const iterator = channel[Symbol.asyncIterator]();
  const next = iterator.next();
  const returned = iterator.return!(Promise.resolve("result"));
  assertEquals(await next, { value: undefined, done: true });
  assertEquals(await returned, { value: "result", done: true });
});
