import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { Channel, merge } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, reasonOf, settle, Source } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

/** A generator that counts how often its cleanup ran; it yields for ever. */
class Endless {
  opened = 0;
  cleaned = 0;
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    this.opened++;
    try {
      for (let i = 0;; i++) yield i;
    } finally {
      await undefined;
      this.cleaned++;
    }
  }
}

test("leaving merge() loses nothing from channels, closes none and leaves no reader behind", async () => {
  const channels = [0, 1].map(() => new Channel<number>({ capacity: 2 }));
  for (const channel of channels) await channel.sendBatch([1, 2]);
  for await (const _ of merge(channels)) break;
  assertEquals(channels.map(({ size }) => size), [1, 2]);
  for (const channel of channels) {
    assertFalse(channel.closed);
    await channel.receiveBatch(9);
    channel.trySend(7);
    assertEquals(channel.size, 1, "a reader was left behind");
  }
});

test("leaving merge() runs the cleanup of every source before the loop is over", async () => {
  const sources = [new Endless(), new Endless(), new Endless()];
  let seen = 0;
  for await (const _ of merge(sources)) if (++seen === 4) break;
  assertEquals(sources.map(({ opened, cleaned }) => [opened, cleaned]), [[1, 1], [1, 1], [1, 1]]);
});

test("leaving merge() cancels a stream among the sources", async () => {
  let cancelled = 0;
  const stream = new ReadableStream<number>({
    pull: (controller) => controller.enqueue(1),
    cancel: () => void cancelled++,
  });
  for await (const _ of merge([stream])) break;
  assertEquals(cancelled, 1);
});

test("leaving a nested merge() reaches the innermost source", async () => {
  const source = new Endless();
  for await (const _ of merge([merge([merge([source])])])) break;
  assertEquals(source.cleaned, 1);
});

test("return() before the first next() opens nothing, and the end stays", async () => {
  const source = new Endless();
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  const merged = merge<AsyncIterable<number>>([source, channel]);
  assertEquals(await merged.return?.(9), { value: 9, done: true });
  assertEquals(await merged.next(), END);
  assertEquals([source.opened, channel.size], [0, 1]);
});

test("return() settles every pending next() at once, though a source never answers", async () => {
  const source = new Source<number>();
  const channel = new Channel<number>();
  const merged = merge<AsyncIterable<number>>([source, channel]);
  const pending = [observe(merged.next()), observe(merged.next())];
  assertEquals(await merged.return?.(), END);
  await settle();
  assertEquals(pending.map(({ value }) => value), [END, END]);
  assertEquals(source.returns, 1);
  assertFalse(channel.trySend(1), "a reader was left behind");
  // What comes later interests nobody, and is no unhandled rejection.
  source.fail(new Error("late"));
  await settle();
});

test("return() does not wait behind a generator that never answers", async () => {
  const never = new Promise<void>(() => {});
  async function* stuck(): AsyncGenerator<number> {
    await never;
    yield 1;
  }
  const merged = merge([stuck()]);
  const next = observe(merged.next());
  assertEquals(await merged.return?.(), END);
  await settle();
  assertEquals(next.value, END);
});

test("return() waits for the cleanup of sources that are at rest, and rejects like it", async () => {
  const reason = new Error("in cleanup");
  let go = (): void => {};
  async function* source(): AsyncGenerator<number> {
    try {
      yield 1;
    } finally {
      await new Promise<void>((resolve) => go = resolve);
      // deno-lint-ignore no-unsafe-finally -- the test needs a cleanup that fails
      throw reason;
    }
  }
  const merged = merge([source()]);
  await merged.next();
  const returned = observe(merged.return!());
  await settle();
  assertEquals(returned.state, "pending");
  go();
  await settle();
  assertStrictEquals(returned.reason, reason);
  assertEquals(await merged.next(), END);
});

test("return() called twice cleans up once", async () => {
  const source = new Source<number>();
  const merged = merge([source]);
  const next = merged.next();
  source.give(1);
  await next;
  await Promise.all([merged.return?.(), merged.return?.()]);
  await merged.return?.();
  assertEquals(source.returns, 1);
});

test("return() closes every source, though the return() of one of them throws", async () => {
  const reason = new Error("thrown, not rejected");
  const broken = new Source<number>();
  broken.return = () => {
    throw reason;
  };
  const others = [new Source<number>(), new Source<number>()];
  const merged = merge([others[0]!, broken, others[1]!]);
  const next = observe(merged.next());
  await observe(merged.return!());
  await settle();
  assertEquals(others.map(({ returns }) => returns), [1, 1]);
  assertEquals(next.value, END);
});

test("return() copes with sources whose return() is missing or answers no promise", async () => {
  const bare: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  };
  const plain = new Source<number>();
  plain.return = () =>
    ({ value: undefined, done: true }) as unknown as ReturnType<typeof plain.return>;
  const merged = merge([bare, plain]);
  const next = observe(merged.next());
  assertEquals(await merged.return?.(), END);
  await settle();
  assertEquals(next.value, END);
});

test("the first source that fails ends merge() with its error and closes the others", async () => {
  const reason = new Error("broken");
  const [broken, other] = [new Source<number>(), new Source<number>()];
  const channel = new Channel<number>();
  const merged = merge<AsyncIterable<number>>([broken, channel, other]);
  const results = [observe(merged.next()), observe(merged.next())];
  broken.fail(reason);
  await settle();
  assertStrictEquals(results[0]?.reason, reason);
  assertEquals(results[1]?.value, END);
  assertEquals(await merged.next(), END);
  assertEquals([broken.returns, other.returns], [0, 1]);
  assertFalse(channel.closed);
  assertFalse(channel.trySend(1), "a reader was left behind");
});

test("a failure while nobody waits is kept for the next next()", async () => {
  const reason = new Error("broken");
  const broken = new Source<number>();
  const channel = new Channel<number>({ capacity: 2 });
  const merged = merge<AsyncIterable<number>>([broken, channel]);
  const first = merged.next();
  channel.trySend(1);
  assertEquals(await first, { value: 1, done: false });
  broken.fail(reason);
  await settle();
  channel.trySend(2);
  assertStrictEquals(await reasonOf(merged.next()), reason);
  assertEquals(await merged.next(), END);
  assertEquals(channel.size, 1);
});

test("a failure while nobody waits is forgotten by return()", async () => {
  const broken = new Source<number>();
  const channel = new Channel<number>({ capacity: 2 });
  const merged = merge<AsyncIterable<number>>([broken, channel]);
  const first = merged.next();
  channel.trySend(1);
  await first;
  broken.fail(new Error("broken"));
  await settle();
  assertEquals(await merged.return?.(), END);
  assertEquals(await merged.next(), END);
});

test("two failures at once: the first is told, the second is not unhandled", async () => {
  const [left, right] = [new Source<number>(), new Source<number>()];
  const merged = merge([left, right]);
  const next = reasonOf(merged.next());
  left.fail("left");
  right.fail("right");
  assertEquals(await next, "left");
  assertEquals(await merged.next(), END);
  await settle();
});

test("a failing cleanup does not hide the failure that caused it", async () => {
  const reason = new Error("cause");
  const broken = new Source<number>();
  const other = new Source<number>();
  other.return = () => Promise.reject(new Error("in cleanup"));
  const merged = merge([other, broken]);
  const next = reasonOf(merged.next());
  other.give(0);
  await settle();
  broken.fail(reason);
  await next.catch(() => {});
  assertStrictEquals(await reasonOf(merged.next()), reason);
  await settle();
});

test("a source that throws when it is opened or asked fails merge() like one that rejects", async () => {
  const reason = new Error("thrown");
  const throwing: AsyncIterable<number>[] = [
    {
      [Symbol.asyncIterator]() {
        throw reason;
      },
    },
    {
      [Symbol.asyncIterator]: () => ({
        next() {
          throw reason;
        },
      }),
    },
  ];
  for (const source of throwing) {
    const channel = new Channel<number>();
    for (const sources of [[source, channel], [channel, source]]) {
      const merged = merge(sources);
      assertStrictEquals(await reasonOf(merged.next()), reason);
      assertEquals(await merged.next(), END);
      assertFalse(channel.trySend(1), "a reader was left behind");
    }
  }
});

test("a source that throws when it is opened keeps merge() from opening those behind it", async () => {
  const throwing: AsyncIterable<number> = {
    [Symbol.asyncIterator]() {
      throw new Error("thrown");
    },
  };
  const endless = new Endless();
  const source = new Source<number>();
  const merged = merge([throwing, endless, source]);
  await reasonOf(merged.next());
  await settle();
  assertEquals([endless.opened, endless.cleaned], [0, 0]);
  assertEquals([source.pulls, source.returns], [0, 0]);
});

test("merge() with a channel that is broken from the start loses nothing of the others", async () => {
  const reason = new Error("broken");
  for (const brokenFirst of [true, false]) {
    const broken = new Channel<number>();
    broken.close(reason);
    const channel = new Channel<number>({ capacity: 4 });
    await channel.sendBatch([1, 2, 3]);
    const values: number[] = [];
    const read = (async () => {
      const sources = brokenFirst ? [broken, channel] : [channel, broken];
      for await (const value of merge(sources)) values.push(value);
    })();
    assertStrictEquals(await reasonOf(read), reason);
    assertEquals([...values, ...await channel.receiveBatch(9)], [1, 2, 3]);
  }
});

test("a source that answers no result fails merge() with a TypeError", async () => {
  const source = { next: () => Promise.resolve(undefined) };
  const broken = { [Symbol.asyncIterator]: () => source } as unknown as AsyncIterable<number>;
  assert(await reasonOf(merge([broken]).next()) instanceof TypeError);
});

test("merge() with a signal that has aborted before rejects and opens nothing", async () => {
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  const source = new Endless();
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  const merged = merge<AsyncIterable<number>>([source, channel], { signal: counted.signal });
  assertStrictEquals(await reasonOf(merged.next()), reason);
  assertEquals(await merged.next(), END);
  assertEquals([source.opened, channel.size, counted.listening], [0, 1, 0]);
});

test("merge() that aborts while waiting rejects one next(), ends the rest and closes the sources", async () => {
  const counted = countedSignal();
  const reason = new Error("stop");
  const source = new Source<number>();
  const channel = new Channel<number>();
  const merged = merge<AsyncIterable<number>>([source, channel], { signal: counted.signal });
  const results = [observe(merged.next()), observe(merged.next()), observe(merged.next())];
  assertEquals([counted.added, counted.listening], [1, 1]);
  counted.abort(reason);
  await settle();
  assertStrictEquals(results[0]?.reason, reason);
  assertEquals(results.slice(1).map(({ value }) => value), [END, END]);
  assertEquals(await merged.next(), END);
  assertEquals(source.returns, 1);
  assertEquals(counted.listening, 0);
  assertFalse(channel.closed);
  assertFalse(channel.trySend(1), "a reader was left behind");
});

test("merge() that aborts between two next() calls rejects the next one, values or not", async () => {
  const counted = countedSignal();
  const source = new Endless();
  const channel = new Channel<number>({ capacity: 4 });
  const merged = merge<AsyncIterable<number>>([source, channel], { signal: counted.signal });
  assertEquals(await merged.next(), { value: 0, done: false });
  await channel.sendBatch([1, 2, 3]);
  await merged.next();
  await merged.next();
  assertEquals(counted.listening, 0, "nobody waits");
  const { size } = channel;
  counted.abort("stop");
  assertEquals(await reasonOf(merged.next()), "stop");
  assertEquals(await merged.next(), END);
  await settle();
  assertEquals([source.opened, source.cleaned], [1, 1]);
  assertEquals(channel.size, size);
});

test("merge() that has ended does not listen to its signal any more", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>();
  const read = Array.fromAsync(merge([channel], { signal: counted.signal }));
  await channel.send(1);
  await channel.send(2);
  channel.close();
  assertEquals(await read, [1, 2]);
  assertEquals(counted.listening, 0);
  counted.abort("too late");
});
