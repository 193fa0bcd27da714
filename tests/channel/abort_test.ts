import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Channel, ChannelClosedError, merge, pipe } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";
import { observe, type Outcome, reasonOf, settle, Source } from "../_settle.ts";

interface Waiting {
  outcome: Outcome<unknown>;
  /** Does what the wait is for. */
  serve: () => void;
  close: () => void;
}

/** Every operation that can wait, waiting. */
const WAITS: Record<string, (signal?: AbortSignal) => Waiting> = {
  "send() without capacity": (signal) => {
    const channel = new Channel<number>();
    const outcome = observe(channel.send(1, { signal }));
    return { outcome, serve: () => channel.tryReceive(), close: () => channel.close() };
  },
  "send() to a full buffer": (signal) => {
    const channel = new Channel<number>({ capacity: 1 });
    channel.trySend(0);
    const outcome = observe(channel.send(1, { signal }));
    return { outcome, serve: () => channel.tryReceive(), close: () => channel.close() };
  },
  "send() over the bytes": (signal) => {
    const channel = new Channel<number>({ capacity: 9, maxBytes: 2, sizeOf: () => 2 });
    channel.trySend(0);
    const outcome = observe(channel.send(1, { signal }));
    return { outcome, serve: () => channel.tryReceive(), close: () => channel.close() };
  },
  "sendBatch()": (signal) => {
    const channel = new Channel<number>({ capacity: 1 });
    const outcome = observe(channel.sendBatch([0, 1, 2], { signal }));
    return { outcome, serve: () => channel.receiveBatch(2), close: () => channel.close() };
  },
  "receive()": (signal) => {
    const channel = new Channel<number>();
    const outcome = observe(channel.receive({ signal }));
    return { outcome, serve: () => channel.trySend(1), close: () => channel.close() };
  },
  "receiveBatch()": (signal) => {
    const channel = new Channel<number>({ capacity: 1 });
    const outcome = observe(channel.receiveBatch(2, { signal }));
    return { outcome, serve: () => channel.trySend(1), close: () => channel.close() };
  },
  "batches().next()": (signal) => {
    const channel = new Channel<number>({ capacity: 1 });
    const outcome = observe(channel.batches(2, { signal }).next());
    return { outcome, serve: () => channel.trySend(1), close: () => channel.close() };
  },
  "merge().next() on channels": (signal) => {
    const channels = [new Channel<number>(), new Channel<number>()];
    const outcome = observe(merge(channels, { signal }).next());
    return {
      outcome,
      serve: () => channels[1]?.trySend(1),
      close: () => channels.map((channel) => channel.close()),
    };
  },
  "merge().next() on other sources": (signal) => {
    const source = new Source<number>();
    const outcome = observe(merge([source], { signal }).next());
    return { outcome, serve: () => source.give(1), close: () => source.end() };
  },
  "pipe() waiting for its source": (signal) => {
    const channel = new Channel<number>({ capacity: 1 });
    const source = new Source<number>();
    const outcome = observe(pipe(source, channel, { signal }));
    return { outcome, serve: () => source.end(), close: () => channel.close() };
  },
  "pipe() waiting for room": (signal) => {
    const channel = new Channel<number>({ capacity: 1 });
    channel.trySend(0);
    const from = new Channel<number>({ capacity: 1 });
    from.trySend(1);
    from.close();
    const outcome = observe(pipe(from, channel, { signal }));
    return { outcome, serve: () => channel.tryReceive(), close: () => channel.close() };
  },
};

for (const [name, wait] of Object.entries(WAITS)) {
  test(`${name} rejects with the signal's reason itself and stops listening`, async () => {
    for (const reason of [new Error("stop"), "text", null, 0, { plain: true }]) {
      const counted = countedSignal();
      const { outcome } = wait(counted.signal);
      await settle();
      assertEquals(outcome.state, "pending");
      assertEquals(counted.listening, 1);
      counted.abort(reason);
      await settle();
      assertEquals(outcome.state, "rejected");
      assertStrictEquals(outcome.reason, reason);
      assertEquals(counted.listening, 0);
    }
  });

  test(`${name} with a signal that aborts without a reason rejects with an AbortError`, async () => {
    const controller = new AbortController();
    const { outcome } = wait(controller.signal);
    await settle();
    controller.abort();
    await settle();
    assertStrictEquals(outcome.reason, controller.signal.reason);
    assertEquals((outcome.reason as Error).name, "AbortError");
  });

  test(`${name} rejects at once with a signal that has aborted already`, async () => {
    const reason = new Error("before");
    const counted = countedSignal({ reason });
    const { outcome } = wait(counted.signal);
    await settle();
    assertEquals(outcome.state, "rejected");
    assertStrictEquals(outcome.reason, reason);
    assertEquals(counted.listening, 0);
  });

  test(`${name} stops listening once it is served`, async () => {
    const counted = countedSignal();
    const { outcome, serve } = wait(counted.signal);
    await settle();
    assertEquals(counted.listening, 1);
    serve();
    await settle();
    assertEquals(outcome.state, "fulfilled");
    assertEquals(counted.listening, 0);
    counted.abort(new Error("too late"));
    await settle();
    assertEquals(outcome.state, "fulfilled");
  });

  test(`${name} stops listening once the channel is closed`, async () => {
    const counted = countedSignal();
    const { outcome, close } = wait(counted.signal);
    await settle();
    close();
    await settle();
    assert(outcome.state !== "pending");
    assertEquals(counted.listening, 0);
  });
}

test("an operation that need not wait ignores an aborted signal and listens to nothing", async () => {
  const counted = countedSignal({ reason: new Error("aborted") });
  const options = { signal: counted.signal };
  const channel = new Channel<number>({ capacity: 4 });
  await channel.send(1, options);
  await channel.sendBatch([2, 3], options);
  assertEquals(await channel.receive(options), 1);
  assertEquals(await channel.receiveBatch(9, options), [2, 3]);
  const sent = channel.sendBatch([4, 5, 6, 7, 8]);
  assertEquals(await channel.receiveBatch(9, options), [4, 5, 6, 7, 8]);
  await sent;
  const received = channel.receive();
  await channel.send(9, options);
  assertEquals(await received, 9);
  assertEquals(counted.added, 0);
  channel.close();
  await assertRejects(() => channel.receive(options), ChannelClosedError);
  await assertRejects(() => channel.send(1, options), ChannelClosedError);
  assertEquals(await channel.receiveBatch(1, options), []);
  assertEquals(counted.listening, 0);
});

test("an operation that need not wait does not listen to a live signal", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>({ capacity: 4 });
  for (let i = 0; i < 10; i++) {
    await channel.send(i, { signal: counted.signal });
    await channel.receive({ signal: counted.signal });
  }
  assertEquals(counted.added, 0);
});

test("an aborted send is gone: the next receiver gets the value behind it", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    for (const position of [0, 1, 2]) {
      const channel = new Channel<number>({ capacity });
      for (let i = 0; i < capacity; i++) channel.trySend(-1);
      const controllers = [0, 1, 2].map(() => new AbortController());
      const sent = controllers.map(({ signal }, i) => observe(channel.send(i, { signal })));
      const reason = new Error("abort");
      controllers[position]!.abort(reason);
      await settle();
      assertStrictEquals(sent[position]!.reason, reason);
      const left = [0, 1, 2].filter((value) => value !== position);
      const values = [...Array(capacity).fill(-1), ...left];
      assertEquals(await channel.receiveBatch(Infinity), values);
      await settle();
      for (const value of left) assertEquals(sent[value]!.state, "fulfilled");
      assertEquals(channel.tryReceive(), { state: "empty" });
      // The list of senders is whole again.
      const later = Array.from({ length: capacity + 2 }, (_, i) => observe(channel.send(i)));
      channel.close();
      await settle();
      assertEquals(later.filter(({ state }) => state === "rejected").length, 2);
    }
  }
});

test("an aborted receive is gone: the next value goes to the one behind it", async () => {
  for (const position of [0, 1, 2]) {
    const channel = new Channel<number>();
    const controllers = [0, 1, 2].map(() => new AbortController());
    const received = controllers.map(({ signal }) => observe(channel.receive({ signal })));
    controllers[position]!.abort(new Error("abort"));
    assert(channel.trySend(10));
    assert(channel.trySend(20));
    assertEquals(channel.trySend(30), false);
    await settle();
    assertEquals(received[position]!.state, "rejected");
    assertEquals(received.map(({ value }) => value).filter((value) => value), [10, 20]);
    const last = observe(channel.receive());
    assert(channel.trySend(30));
    await settle();
    assertEquals(last.value, 30);
  }
});

test("aborts leave the others in order, whatever the order of the aborts", async () => {
  for (const order of [[1, 3, 5], [5, 3, 1], [0, 1, 2], [5, 4, 3], [2, 0, 5, 3], [0, 5]]) {
    const channel = new Channel<number>();
    const controllers = Array.from({ length: 6 }, () => new AbortController());
    const received = controllers.map(({ signal }) => observe(channel.receive({ signal })));
    for (const index of order) controllers[index]!.abort();
    const left = [0, 1, 2, 3, 4, 5].filter((index) => !order.includes(index));
    for (const index of left) assert(channel.trySend(index));
    assertEquals(channel.trySend(-1), false);
    await settle();
    for (const index of left) assertEquals(received[index]!.value, index);
    for (const index of order) assertEquals(received[index]!.state, "rejected");
  }
});

test("close() after aborts settles only the waits that are left", async () => {
  const channel = new Channel<number>();
  const giveUp = new AbortController();
  const aborted = observe(channel.send(1, { signal: giveUp.signal }));
  const waiting = observe(channel.send(2));
  const reason = new Error("abort");
  giveUp.abort(reason);
  channel.close();
  await settle();
  assertStrictEquals(aborted.reason, reason);
  assert(waiting.reason instanceof ChannelClosedError);
  assertEquals(waiting.reason.value, 2);
});

test("an abort after the hand-over, before the promise was seen, takes nothing back", async () => {
  const channel = new Channel<number>();
  const giveUp = new AbortController();
  const received = channel.receive({ signal: giveUp.signal });
  const sent = channel.send(1, { signal: giveUp.signal });
  giveUp.abort();
  assertEquals(await received, 1);
  await sent;
});

test("one signal shared by many waits carries one listener and aborts them in order", async () => {
  const counted = countedSignal();
  const channels = [new Channel<number>(), new Channel<number>(), new Channel<number>()];
  const order: number[] = [];
  const reason = new Error("all");
  const waits: Promise<unknown>[] = [];
  for (let i = 0; i < 20_000; i++) {
    const channel = channels[i % 3]!;
    const options = { signal: counted.signal };
    const wait = i % 3 === 2 ? channel.send(i, options) : channel.receive(options);
    waits.push(wait.catch((error: unknown) => {
      if (error === reason) order.push(i);
    }));
  }
  assertEquals([counted.added, counted.listening], [1, 1]);
  counted.abort(reason);
  await Promise.all(waits);
  assertEquals(order, Array.from({ length: 20_000 }, (_, i) => i));
  assertEquals([counted.added, counted.listening], [1, 0]);
  for (const channel of channels) {
    assertEquals(channel.trySend(1), false, "a receiver was left behind");
    assertEquals(channel.tryReceive(), { state: "empty" }, "a sender was left behind");
  }
});

test("one signal shared by many waits keeps its listener until the last of them is served", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>();
  const waits = Array.from({ length: 100 }, () => channel.receive({ signal: counted.signal }));
  for (let i = 0; i < 100; i++) {
    assertEquals(counted.listening, 1);
    channel.trySend(i);
  }
  assertEquals(counted.listening, 0);
  assertEquals(await Promise.all(waits), Array.from({ length: 100 }, (_, i) => i));
  // A signal that was let go is taken up again.
  const again = reasonOf(channel.receive({ signal: counted.signal }));
  assertEquals([counted.added, counted.listening], [2, 1]);
  counted.abort("again");
  assertEquals(await again, "again");
  assertEquals(counted.listening, 0);
});

test("many signals each abort their own wait", async () => {
  const channel = new Channel<number>();
  const signals = Array.from({ length: 50 }, () => countedSignal());
  const waits = signals.map(({ signal }) => observe(channel.receive({ signal })));
  for (const [i, counted] of signals.entries()) if (i % 2 === 0) counted.abort(i);
  for (let i = 0; i < 25; i++) assert(channel.trySend(i));
  await settle();
  for (const [i, wait] of waits.entries()) {
    if (i % 2 === 0) assertEquals(wait, { state: "rejected", reason: i });
    else assertEquals(wait, { state: "fulfilled", value: (i - 1) / 2 });
    assertEquals(signals[i]?.listening, 0);
  }
});

test("sendBatch() that aborts while waiting gives back what was not accepted", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    for (const taken of [0, 1, 2]) {
      const counted = countedSignal();
      const channel = new Channel<number>({ capacity });
      const values = [0, 1, 2, 3, 4, 5];
      const unsent: number[][] = [];
      const sent = observe(channel.sendBatch(values, {
        signal: counted.signal,
        onUnsent: (rest) => unsent.push(rest),
      }));
      for (let i = 0; i < taken; i++) channel.tryReceive();
      const reason = new Error("abort");
      counted.abort(reason);
      assertEquals(unsent, [values.slice(capacity + taken)]);
      await settle();
      assertStrictEquals(sent.reason, reason);
      channel.close();
      assertEquals(await channel.receiveBatch(9), values.slice(taken, capacity + taken));
      assertEquals(unsent.length, 1);
    }
  }
});

test("sendBatch() with an aborted signal puts in what fits and gives back the rest", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const counted = countedSignal({ reason: "before" });
    const channel = new Channel<number>({ capacity });
    const unsent: number[][] = [];
    const sent = channel.sendBatch([0, 1, 2, 3], {
      signal: counted.signal,
      onUnsent: (rest) => unsent.push(rest),
    });
    assertEquals(await reasonOf(sent), "before");
    assertEquals(unsent, [[0, 1, 2, 3].slice(capacity)]);
    assertEquals(channel.size, capacity);
    assertEquals(counted.listening, 0);
  }
});

test("onUnsent may use the channel and the signal while it aborts", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>();
  const later: Outcome<unknown>[] = [];
  const first = observe(channel.sendBatch([1], {
    signal: counted.signal,
    onUnsent: () => {
      later.push(observe(channel.send(9, { signal: counted.signal })));
      later.push(observe(channel.send(8)));
    },
  }));
  const second = observe(channel.sendBatch([2], { signal: counted.signal }));
  counted.abort("stop");
  await settle();
  assertEquals([first.reason, second.reason, later[0]?.reason], ["stop", "stop", "stop"]);
  assertEquals(counted.listening, 0);
  assertEquals(await channel.receive(), 8);
});

test("batches() checks its signal before every batch, even when values are there", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>({ capacity: 8 });
  await channel.sendBatch([1, 2, 3, 4]);
  const iterator = channel.batches(2, { signal: counted.signal });
  assertEquals(await iterator.next(), { value: [1, 2], done: false });
  const reason = new Error("stop");
  counted.abort(reason);
  assertStrictEquals(await reasonOf(iterator.next()), reason);
  assertEquals(await iterator.next(), { value: undefined, done: true });
  assertEquals(channel.size, 2);
  assertEquals(counted.listening, 0);
});

test("batches() with concurrent next() calls rejects one of them on abort, then ends", async () => {
  const counted = countedSignal();
  const channel = new Channel<number>({ capacity: 8 });
  const iterator = channel.batches(2, { signal: counted.signal });
  const results = [observe(iterator.next()), observe(iterator.next())];
  counted.abort("stop");
  await settle();
  assertEquals(results[0]?.reason, "stop");
  assertEquals(results[1]?.value, { value: undefined, done: true });
});
