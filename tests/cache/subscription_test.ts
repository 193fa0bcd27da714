import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { SpanCache, SpanRecord, SpanSubscription } from "../../cache/mod.ts";
import { ChannelClosedError } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { clocked } from "./_clocked.ts";

function commit(cache: SpanCache, ...names: string[]): void {
  for (const name of names) cache.start(name).end();
}

function countsOf(subscription: SpanSubscription): number[] {
  const { offered, delivered, filtered, lagged, size } = subscription;
  assertEquals(offered, delivered + filtered + lagged + size);
  return [offered, delivered, filtered, lagged, size];
}

const namesOf = (spans: SpanRecord[]): string[] => spans.map(({ name }) => name);

test("A subscription begins with what is committed from now on, or where it is told to", async () => {
  const { cache } = clocked();
  commit(cache, "a", "b");
  const [fresh, all, second] = [undefined, 0, 1].map((after) => cache.subscribe({ after }));
  const ahead = cache.subscribe({ after: 99 });
  commit(cache, "c");
  assertEquals(namesOf(await fresh!.receiveBatch(9)), ["c"]);
  assertEquals(namesOf(await all!.receiveBatch(9)), ["a", "b", "c"]);
  assertEquals(namesOf(await second!.receiveBatch(9)), ["b", "c"]);
  // Nothing that is yet to come is passed over.
  assertEquals(namesOf(await ahead.receiveBatch(9)), ["c"]);
  assertEquals(all!.cursor, 3);
});

test("Fast and slow readers do not concern each other", () => {
  const { cache, clock } = clocked({ capacity: 3 });
  const [fast, slow] = [cache.subscribe(), cache.subscribe()];
  for (let i = 0; i < 10; i++) {
    clock.pass(1);
    commit(cache, `span ${i}`);
    assertEquals(fast.tryReceive().state, "ok");
  }
  assertEquals(countsOf(fast), [10, 10, 0, 0, 0]);
  assertEquals(countsOf(slow), [10, 0, 0, 0, 10]);
  const first = slow.tryReceive();
  assertEquals(first.state === "ok" && first.value.name, "span 7");
  assertEquals(countsOf(slow), [10, 1, 0, 7, 2]);
});

test("What is cleared before it was read is counted as lagged", () => {
  const { cache } = clocked();
  const subscription = cache.subscribe({ name: "b" });
  commit(cache, "a", "b");
  assertEquals(subscription.tryReceive().state, "ok");
  commit(cache, "a", "b");
  cache.clear();
  assertEquals(countsOf(subscription), [4, 1, 1, 0, 2]);
  assertEquals(subscription.tryReceive(), { state: "empty" });
  assertEquals(countsOf(subscription), [4, 1, 1, 2, 0]);
});

test("Those that wait for a span at the same time get one each, in the order in which they came", async () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  const received: string[] = [];
  const waits = ["first", "second", "third"].map((who) =>
    subscription.receive().then(({ name }) => void received.push(`${who} ${name}`))
  );
  assertEquals(cache.stats().waiting, 3);
  commit(cache, "a");
  await settle();
  assertEquals([received, cache.stats().waiting], [["first a"], 2]);
  commit(cache, "b", "c");
  await Promise.all(waits);
  assertEquals(received, ["first a", "second b", "third c"]);
});

test("A wait that is aborted rejects with the reason, and leaves nothing behind", async () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  for (const reason of [new Error("enough"), "a text", 0]) {
    const signal = countedSignal();
    const waits = [
      observe(subscription.receive(signal)),
      observe(subscription.receiveBatch(3, signal)),
    ];
    await settle();
    assertEquals(cache.stats().waiting, 2);
    signal.abort(reason);
    await settle();
    for (const wait of waits) assertEquals([wait.state, wait.reason], ["rejected", reason]);
    assertEquals([signal.listening, cache.stats().waiting], [0, 0]);
  }
  commit(cache, "a");
  assertEquals((await subscription.receive()).name, "a");
});

test("A wait that ends leaves no listener, however it does", async () => {
  const { cache } = clocked();
  const [received, aborted, closed] = [countedSignal(), countedSignal(), countedSignal()];
  const subscription = cache.subscribe({ name: "b" });
  const other = cache.subscribe();
  const got = subscription.receive(received);
  const none = reasonOf(other.receive(aborted));
  const end = observe(other.receiveBatch(1, closed));
  assertEquals([received, aborted, closed].map(({ listening }) => listening), [1, 1, 1]);
  aborted.abort("enough");
  assertEquals(await none, "enough");
  // Passed over: it goes on waiting, with one listener.
  commit(cache, "a");
  await settle();
  assertEquals(received.listening, 1);
  commit(cache, "b");
  assertEquals((await got).name, "b");
  await settle();
  assertEquals(end.state, "fulfilled");
  assertEquals([received, aborted, closed].map(({ listening }) => listening), [0, 0, 0]);
});

test("A span that is there is received even if the signal has aborted", async () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  const { signal } = countedSignal({ reason: "enough" });
  commit(cache, "a");
  assertEquals((await subscription.receive({ signal })).name, "a");
  assertEquals(await reasonOf(subscription.receive({ signal })), "enough");
  assertEquals(await reasonOf(subscription.receiveBatch(2, { signal })), "enough");
});

test("A subscription that is closed still gives what was committed before, and nothing after", async () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  commit(cache, "a", "b");
  subscription.close();
  commit(cache, "c");
  assert(subscription.closed);
  assertEquals(namesOf(await subscription.receiveBatch(9)), ["a", "b"]);
  assertEquals(countsOf(subscription), [2, 2, 0, 0, 0]);
  assertEquals(await subscription.receiveBatch(9), []);
  await assertRejects(() => subscription.receive(), ChannelClosedError);
  assertEquals(subscription.tryReceive(), { state: "closed" });
});

test("Closing a subscription ends what waits on it, and nothing else", async () => {
  const { cache } = clocked();
  const [one, other] = [cache.subscribe(), cache.subscribe()];
  const waits = [observe(one.receive()), observe(one.receiveBatch(2)), observe(other.receive())];
  one.close();
  await settle();
  assertEquals(waits.map(({ state }) => state), ["rejected", "fulfilled", "pending"]);
  assert(waits[0]!.reason instanceof ChannelClosedError);
  commit(cache, "a");
  await settle();
  assertEquals(waits[2]!.state, "fulfilled");
});

test("The signal of a subscription closes it, and nothing listens to it once it is closed", () => {
  const { cache } = clocked();
  const signals = [countedSignal(), countedSignal(), countedSignal()];
  const subscriptions = signals.map(({ signal }) => cache.subscribe({ signal }));
  assertEquals(signals.map(({ listening }) => listening), [1, 1, 1]);
  signals[0]!.abort();
  subscriptions[1]!.close();
  assertEquals(subscriptions.map(({ closed }) => closed), [true, true, false]);
  cache.close();
  assertEquals(subscriptions[2]!.closed, true);
  assertEquals(signals.map(({ listening }) => listening), [0, 0, 0]);

  const late = countedSignal();
  assert(cache.subscribe({ signal: late.signal }).closed);
  assert(clocked().cache.subscribe({ signal: signals[0]!.signal }).closed);
  assertEquals([late.listening, signals[0]!.listening], [0, 0]);
});

test("Once it has said that it is closed, a subscription gives nothing any more", () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  commit(cache, "before");
  const running = cache.start("running");
  cache.close();
  assertEquals(subscription.tryReceive().state, "ok");
  assertEquals(subscription.tryReceive(), { state: "closed" });
  // It ends all the same, and can be read from the cache.
  running.end();
  assertEquals(cache.page().map(({ name }) => name), ["before", "running"]);
  assertEquals(subscription.tryReceive(), { state: "closed" });
  assertEquals(countsOf(subscription), [1, 1, 0, 0, 0]);
});

test("A subscription that begins behind the last span of a cache that is closed has nothing to count", () => {
  const { cache } = clocked();
  const running = cache.start("running");
  cache.close();
  running.end();
  for (const after of [undefined, 0, 1, 99]) {
    const subscription = cache.subscribe({ after });
    assertEquals(subscription.tryReceive(), { state: "closed" });
    assertEquals(countsOf(subscription), [0, 0, 0, 0, 0], `after ${after}`);
  }
});

test("A subscription to a cache that is closed gives what is held, and ends", async () => {
  const { cache } = clocked();
  commit(cache, "a", "b");
  cache.close();
  const all = cache.subscribe({ after: 0 });
  assertEquals(namesOf(await all.receiveBatch(9)), ["a", "b"]);
  assertEquals(await all.receiveBatch(9), []);
  const none = cache.subscribe();
  assertEquals([none.closed, none.tryReceive().state], [true, "closed"]);
  assertEquals(countsOf(none), [0, 0, 0, 0, 0]);
});

test("Leaving a loop closes a subscription, and what was there can still be read", async () => {
  const { cache } = clocked();
  const signal = countedSignal();
  const subscription = cache.subscribe(signal);
  commit(cache, "a", "b", "c");
  for await (const { name } of subscription) {
    if (name === "a") break;
  }
  assert(subscription.closed);
  assertEquals(signal.listening, 0);
  commit(cache, "d");
  assertEquals(countsOf(subscription), [3, 1, 0, 0, 2]);
  assertEquals(namesOf(await subscription.receiveBatch(9)), ["b", "c"]);
  // A loop over it begins and ends.
  for await (const { name } of subscription) throw new Error(`${name} is left`);
});

test("A loop is left while it waits", async () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  const iterator = subscription[Symbol.asyncIterator]();
  const next = observe(iterator.next());
  const left = observe(iterator.return!());
  await settle();
  assertEquals([left.state, next.state, next.value?.done], ["fulfilled", "fulfilled", true]);
  assertEquals([subscription.closed, cache.stats().waiting], [true, 0]);
});

test("A loop ends when the cache is closed and everything is read", async () => {
  const { cache } = clocked();
  const subscription = cache.subscribe();
  const names: string[] = [];
  const loop = (async () => {
    for await (const { name } of subscription) names.push(name);
  })();
  commit(cache, "a");
  await settle();
  commit(cache, "b", "c");
  cache.close();
  await loop;
  assertEquals(names, ["a", "b", "c"]);
});

test("What a predicate throws is thrown where it is read, and the span counts as filtered", async () => {
  const { cache } = clocked();
  const where = ({ name }: SpanRecord): boolean => {
    if (name === "bad") throw new Error("no predicate");
    return true;
  };
  const subscription = cache.subscribe({ where });
  commit(cache, "bad", "good", "bad", "good");
  assertThrows(() => subscription.tryReceive(), Error, "no predicate");
  assertEquals(countsOf(subscription), [4, 0, 1, 0, 3]);
  // What was taken before it comes first.
  assertEquals(namesOf(await subscription.receiveBatch(9)), ["good"]);
  await assertRejects(() => subscription.receiveBatch(9), Error, "no predicate");
  assertEquals((await subscription.receive()).name, "good");
  assertEquals(countsOf(subscription), [4, 2, 2, 0, 0]);
});

for (const how of ["receive", "receiveBatch"] as const) {
  test(`What a predicate commits while it is asked by ${how} is received, too`, async () => {
    const { cache } = clocked();
    const where = ({ name }: SpanRecord): boolean => {
      if (name === "a") commit(cache, "b");
      return name === "b";
    };
    const subscription = cache.subscribe({ where });
    const wait = observe<SpanRecord | SpanRecord[]>(
      how === "receive" ? subscription.receive() : subscription.receiveBatch(1),
    );
    await settle();
    commit(cache, "a");
    await settle();
    // Nothing else will be committed that would wake it.
    assertEquals(wait.state, "fulfilled");
    assertEquals(countsOf(subscription), [2, 1, 1, 0, 0]);
    subscription.close();
  });
}

test("A predicate that closes its subscription hides nothing that was committed before", async () => {
  const { cache } = clocked();
  const where = ({ name }: SpanRecord): boolean => {
    if (name !== "a") return true;
    commit(cache, "b");
    subscription.close();
    return false;
  };
  const subscription: SpanSubscription = cache.subscribe({ where });
  commit(cache, "a");
  assertEquals(namesOf(await subscription.receiveBatch(9)), ["b"]);
  assertEquals(await subscription.receiveBatch(9), []);
});

test("A batch is of a positive number of spans", async () => {
  const subscription = clocked().cache.subscribe();
  for (const max of [0, -1, 1.5, NaN]) {
    await assertRejects(() => subscription.receiveBatch(max), RangeError);
  }
});
