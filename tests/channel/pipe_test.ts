import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals } from "@std/assert";
import { Channel, ChannelClosedError, ChannelFullError, pipe } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle, Source } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";

/** A generator that remembers how far it came and whether its cleanup ran. */
function counting(limit = Infinity): AsyncGenerator<number> & { given: number; cleaned: number } {
  const state = { given: 0, cleaned: 0 };
  const generator = (async function* () {
    try {
      while (state.given < limit) yield state.given++;
    } finally {
      await undefined;
      state.cleaned++;
    }
  })();
  return Object.defineProperties(generator, {
    given: { get: () => state.given },
    cleaned: { get: () => state.cleaned },
  }) as ReturnType<typeof counting>;
}

test("pipe() sends every value in order, then closes the channel", async () => {
  for (const capacity of [0, 1, 2, 3, 100]) {
    const channel = new Channel<number>({ capacity });
    const piped = pipe(counting(50), channel);
    assertEquals(await Array.fromAsync(channel), Array.from({ length: 50 }, (_, i) => i));
    assertStrictEquals(await piped, undefined);
  }
});

test("pipe() takes a stream, a channel or an empty source", async () => {
  const fromStream = new Channel<number>({ capacity: 4 });
  await pipe(ReadableStream.from([1, 2, 3]), fromStream);
  assert(fromStream.closed);
  const fromChannel = new Channel<number>({ capacity: 4 });
  await pipe(fromStream, fromChannel);
  assertEquals(await Array.fromAsync(fromChannel), [1, 2, 3]);
  const empty = new Channel<number>();
  await pipe(counting(0), empty);
  assertEquals(await Array.fromAsync(empty), []);
});

test("pipe() passes falsy values", async () => {
  const values = [undefined, null, 0, "", false];
  const source = new Channel<unknown>({ capacity: 9 });
  await source.sendBatch(values);
  source.close();
  const channel = new Channel<unknown>({ capacity: 9 });
  await pipe(source, channel);
  assertEquals(await channel.receiveBatch(9), values);
});

test("pipe() asks for a value only when the one before has found room", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  const source = counting();
  const stop = new AbortController();
  const piped = reasonOf(pipe(source, channel, { signal: stop.signal }));
  await settle();
  assertEquals([channel.size, source.given], [2, 3]);
  await channel.receive();
  await settle();
  assertEquals([channel.size, source.given], [2, 4]);
  stop.abort("enough");
  assertEquals(await piped, "enough");
});

test("pipe() to a dropping channel does not wait for readers, and the channel counts", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    const channel = new Channel<number>({ capacity: 3, overflow });
    await pipe(counting(10), channel);
    assertEquals(channel.dropped, 7);
    const left = overflow === "drop-newest" ? [0, 1, 2] : [7, 8, 9];
    assertEquals(await channel.receiveBatch(9), left);
  }
});

test("pipe() to a full channel with policy fail rejects with the value and leaves the source", async () => {
  const channel = new Channel<number>({ capacity: 2, overflow: "fail" });
  const source = counting();
  const error = await assertRejects(() => pipe(source, channel), ChannelFullError);
  assertEquals(error.value, 2);
  assertEquals([source.given, source.cleaned], [3, 1]);
  assertEquals(channel.dropped, 0);
});

test("pipe() with preventClose leaves the channel open, whatever happens", async () => {
  const channel = new Channel<number>({ capacity: 9 });
  const options = { preventClose: true };
  await Promise.all([
    pipe(counting(2), channel, options),
    pipe(counting(2), channel, options),
  ]);
  const reason = new Error("broken");
  const failing = new Source<number>();
  const piped = reasonOf(pipe(failing, channel, options));
  failing.fail(reason);
  assertStrictEquals(await piped, reason);
  const signal = AbortSignal.abort("aborted");
  assertEquals(await reasonOf(pipe(counting(), channel, { signal, ...options })), "aborted");
  assertFalse(channel.closed);
  assertEquals((await channel.receiveBatch(9)).toSorted(), [0, 0, 1, 1]);
});

test("pipe() closes the channel with the source's error, after what was sent", async () => {
  const reason = new Error("broken");
  const channel = new Channel<number>({ capacity: 4 });
  const source = new Source<number>();
  const piped = reasonOf(pipe(source, channel));
  source.give(1);
  await settle();
  source.fail(reason);
  assertStrictEquals(await piped, reason);
  assertEquals(await channel.receive(), 1);
  assertStrictEquals(await reasonOf(channel.receive()), reason);
  assertEquals(source.returns, 0, "a source that failed has ended");
});

test("pipe() closes the channel with an error of any kind, undefined too", async () => {
  for (const reason of [undefined, null, "text"]) {
    const channel = new Channel<number>();
    const source = new Source<number>();
    const piped = reasonOf(pipe(source, channel));
    source.fail(reason);
    assertStrictEquals(await piped, reason);
    assertStrictEquals(await reasonOf(channel.receive()), reason);
  }
});

test("pipe() fails like a source that throws when it is asked or opened", async () => {
  const reason = new Error("thrown");
  const throwing: AsyncIterable<number>[] = [
    {
      [Symbol.asyncIterator]: () => ({
        next() {
          throw reason;
        },
      }),
    },
    {
      [Symbol.asyncIterator]() {
        throw reason;
      },
    },
  ];
  for (const source of throwing) {
    const channel = new Channel<number>();
    assertStrictEquals(await reasonOf(pipe(source, channel)), reason);
    assert(channel.closed, "a reader would wait for ever");
    assertStrictEquals(await reasonOf(channel.receive()), reason);
  }
});

test("pipe() of a stream that is locked rejects and closes the channel", async () => {
  const stream = ReadableStream.from([1]);
  stream.getReader();
  const channel = new Channel<number>();
  await assertRejects(() => pipe(stream, channel), TypeError);
  assert(channel.closed);
});

test("pipe() that has aborted before takes nothing, leaves the source and closes the channel", async () => {
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  const channel = new Channel<number>({ capacity: 1 });
  const source = new Source<number>();
  assertStrictEquals(await reasonOf(pipe(source, channel, { signal: counted.signal })), reason);
  assertEquals([source.pulls, source.returns, counted.listening], [0, 1, 0]);
  assertStrictEquals(await reasonOf(channel.receive()), reason);
});

test("pipe() that aborts while the source is idle does not wait for it", async () => {
  const reason = new Error("stop");
  const counted = countedSignal();
  const drops: number[] = [];
  const channel = new Channel<number>({ capacity: 1, onDrop: (value) => drops.push(value) });
  const source = new Source<number>();
  const piped = reasonOf(pipe(source, channel, { signal: counted.signal }));
  await settle();
  assertEquals([source.pulls, counted.listening], [1, 1]);
  counted.abort(reason);
  assertStrictEquals(await piped, reason);
  assertEquals([source.returns, counted.listening, channel.dropped], [1, 0, 0]);
  // The value that was asked for arrives all the same: it is counted.
  source.give(7);
  await settle();
  assertEquals([channel.dropped, drops], [1, [7]]);
  assertStrictEquals(await reasonOf(channel.receive()), reason);
});

test("pipe() that aborts while the source is idle ignores how the source ends later", async () => {
  for (const end of [(s: Source<number>) => s.end(), (s: Source<number>) => s.fail("late")]) {
    const stop = new AbortController();
    const channel = new Channel<number>();
    const source = new Source<number>();
    const piped = reasonOf(pipe(source, channel, { signal: stop.signal }));
    await settle();
    stop.abort("stop");
    assertEquals(await piped, "stop");
    end(source);
    await settle();
    assertEquals(channel.dropped, 0);
  }
});

test("pipe() that aborts with a value in hand counts it as dropped and cleans up", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const counted = countedSignal();
    const drops: number[] = [];
    const channel = new Channel<number>({ capacity, onDrop: (value) => drops.push(value) });
    const source = counting();
    const piped = reasonOf(pipe(source, channel, { signal: counted.signal }));
    await settle();
    assertEquals([channel.size, source.given, channel.dropped], [capacity, capacity + 1, 0]);
    counted.abort("stop");
    assertEquals(await piped, "stop");
    assertEquals([channel.dropped, drops], [1, [capacity]]);
    assertEquals([source.cleaned, counted.listening], [1, 0]);
    assertEquals((await channel.receiveBatch(9).catch(() => [])).length, capacity);
  }
});

test("pipe() that aborts as its value arrives counts the value or sends it, never neither", async () => {
  for (let delay = 0; delay < 12; delay++) {
    const stop = new AbortController();
    const channel = new Channel<number>({ capacity: 4 });
    const source = new Source<number>();
    const piped = observe(pipe(source, channel, { signal: stop.signal }));
    await settle();
    source.give(1);
    for (let tick = 0; tick < delay; tick++) await undefined;
    stop.abort("stop");
    await settle();
    assertEquals(piped.reason, "stop");
    assertEquals(channel.size + channel.dropped, 1, `after ${delay} ticks`);
  }
});

test("pipe() from a channel that aborts while idle takes nothing from it", async () => {
  const stop = new AbortController();
  const from = new Channel<number>({ capacity: 1 });
  const to = new Channel<number>();
  const piped = reasonOf(pipe(from, to, { signal: stop.signal }));
  await settle();
  stop.abort("stop");
  await piped;
  from.trySend(1);
  await settle();
  assertEquals([from.size, from.closed, to.dropped], [1, false, 0]);
});

test("pipe() leaves an idle source at once when somebody else closes the channel", async () => {
  for (const reason of [[], [new Error("closed by its reader")]]) {
    const counted = countedSignal();
    const channel = new Channel<number>({ capacity: 1 });
    const source = new Source<number>();
    const piped = reasonOf(pipe(source, channel, { signal: counted.signal }));
    await settle();
    if (reason.length > 0) channel.close(reason[0]);
    else channel.close();
    const error = await piped;
    assert(error instanceof ChannelClosedError);
    assertFalse("value" in error);
    assertEquals([source.pulls, source.returns, counted.listening], [1, 1, 0]);
    source.give(7);
    await settle();
    assertEquals([channel.dropped, channel.size], [1, 0]);
  }
});

test("pipe() hands the value in hand back when somebody else closes the channel", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const source = counting();
  const piped = pipe(source, channel);
  const rejected = assertRejects(() => piped, ChannelClosedError);
  await settle();
  channel.close();
  assertEquals((await rejected).value, 1);
  assertEquals([source.given, source.cleaned, channel.dropped], [2, 1, 0]);
});

test("pipe() to a channel that is closed already asks the source for nothing", async () => {
  for (const preventClose of [false, true]) {
    const channel = new Channel<number>({ capacity: 1 });
    channel.close();
    const source = new Source<number>();
    const error = await reasonOf(pipe(source, channel, { preventClose }));
    assert(error instanceof ChannelClosedError);
    assertFalse("value" in error);
    assertEquals([source.pulls, source.returns, channel.dropped], [0, 1, 0]);
  }
});

test("pipe() ends when the channel is closed just after a value was accepted", async () => {
  const channel = new Channel<number>({ capacity: 1 });
  const source = new Channel<number>({ capacity: 4 });
  await source.sendBatch([1, 2, 3]);
  const piped = observe(pipe(source, channel));
  assertEquals(await channel.receive(), 1);
  channel.close();
  await settle();
  assert(piped.reason instanceof ChannelClosedError);
  // Whatever was read from the source is in the channel, in the error, or counted.
  const held = "value" in piped.reason ? 1 : 0;
  assertEquals(source.size + channel.size + channel.dropped + held, 2);
});

test("pipe() does not wait for a cleanup that stands behind an idle source, nor hear of its failure", async () => {
  const stop = new AbortController();
  const source = new Source<number>();
  source.return = () => Promise.reject(new Error("in cleanup"));
  const piped = reasonOf(pipe(source, new Channel<number>(), { signal: stop.signal }));
  await settle();
  stop.abort("stop");
  assertEquals(await piped, "stop");
  const never = new Source<number>();
  never.return = () => new Promise(() => {});
  const channel = new Channel<number>();
  const left = reasonOf(pipe(never, channel));
  await settle();
  channel.close();
  assert(await left instanceof ChannelClosedError);
});

test("pipe() waits for the cleanup of a source that is at rest, and hides its failure", async () => {
  const channel = new Channel<number>();
  const source = new Source<number>();
  const cleanup = Promise.withResolvers<IteratorResult<number>>();
  source.return = () => cleanup.promise;
  const piped = observe(pipe(source, channel));
  await settle();
  source.give(1);
  await settle();
  channel.close();
  await settle();
  assertEquals(piped.state, "pending");
  cleanup.reject(new Error("in cleanup"));
  await settle();
  assert(piped.reason instanceof ChannelClosedError);
});

test("pipe() copes with a source whose return() is missing or throws", async () => {
  for (const end of [{}, { return: () => reject("in cleanup") }]) {
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ value: 1, done: false }),
        ...end,
      }),
    };
    const channel = new Channel<number>();
    const piped = reasonOf(pipe(source, channel));
    await settle();
    channel.close();
    assert(await piped instanceof ChannelClosedError);
  }
  function reject(message: string): never {
    throw new Error(message);
  }
});

test("pipe() cancels a stream that it leaves", async () => {
  let cancelled = 0;
  const stream = new ReadableStream<number>({
    pull: (controller) => controller.enqueue(1),
    cancel: () => void cancelled++,
  });
  const channel = new Channel<number>();
  const piped = reasonOf(pipe(stream, channel));
  await channel.receive();
  await settle();
  channel.close();
  assert(await piped instanceof ChannelClosedError);
  assertEquals(cancelled, 1);
});

test("pipe() that is over does not listen to its signal, though the channel stays open", async () => {
  for (const end of [(s: Source<number>) => s.end(), (s: Source<number>) => s.fail("broken")]) {
    const counted = countedSignal();
    const channel = new Channel<number>({ capacity: 4 });
    const source = new Source<number>();
    const options = { signal: counted.signal, preventClose: true };
    const piped = observe(pipe(source, channel, options));
    for (let i = 0; i < 3; i++) {
      await settle();
      assertEquals(counted.listening, 1);
      source.give(i);
    }
    await settle();
    end(source);
    await settle();
    assert(piped.state !== "pending");
    assertEquals([counted.listening, channel.size], [0, 3]);
  }
});

test("pipe() chains pass an abort on from end to end", async () => {
  const stop = new AbortController();
  const source = counting();
  const [first, second] = [new Channel<number>({ capacity: 1 }), new Channel<number>()];
  const left = reasonOf(pipe(source, first));
  const right = reasonOf(pipe(first, second, { signal: stop.signal }));
  assertEquals(await second.receive(), 0);
  stop.abort("stop");
  assertEquals(await right, "stop");
  assertEquals(await reasonOf(second.receive()), "stop");
  // Leaving a channel does not close it: the first pipe still waits for room.
  assertFalse(first.closed);
  first.close();
  assert(await left instanceof ChannelClosedError);
  assertEquals(source.cleaned, 1);
});

test("pipe() of a source that answers no result rejects with a TypeError", async () => {
  const source = { next: () => Promise.resolve(undefined) };
  const broken = { [Symbol.asyncIterator]: () => source } as unknown as AsyncIterable<number>;
  const channel = new Channel<number>();
  const piped = observe(pipe(broken, channel));
  await settle();
  assert(piped.reason instanceof TypeError);
  assert(channel.closed);
});
