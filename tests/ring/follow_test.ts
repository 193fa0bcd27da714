import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { setImmediate } from "node:timers";
import {
  attachStorage,
  memoryStorage,
  Ring,
  RingCursor,
  type RingFollowOptions,
  type RingPoll,
  type RingSpec,
  type RingStorage,
  sharedStorage,
} from "../../ring/mod.ts";
import { BELL_WANTED } from "../../ring/layout.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { END, observe, type Outcome, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { Interleaving } from "./_interleave.ts";
import { bytes, Memory, numbersOf } from "./_ring.ts";

const SPEC = { capacity: 64, payloadCapacity: 8, nodes: 3 };

/** A storage like another one, but for what `own` says. */
function storageLike(storage: RingStorage, own: Partial<RingStorage>): RingStorage {
  const { buffer, geometry, lanes } = storage;
  return {
    ...{ buffer, geometry, readOnly: false, lanes, bell: undefined, closed: false },
    onClose: (callback) => storage.onClose(callback),
    close: () => storage.close(),
    [Symbol.dispose]: () => storage.close(),
    ...own,
  };
}

/** Storages by how their readers wait. */
const WAITS: readonly (readonly [string, (spec: RingSpec) => RingStorage])[] = [
  ["a bell of one thread", memoryStorage],
  ["a bell of all threads", sharedStorage],
  ["no bell", (spec) => storageLike(memoryStorage(spec), {})],
  ["a bell for others", (spec) => storageLike(memoryStorage(spec), { bell: { wake() {} } })],
];

/** Time that stands still, and a ring for each way to wait. */
function* worlds(spec: RingSpec = SPEC): Generator<[Ring, FakeTime, string, RingStorage]> {
  for (const [name, make] of WAITS) {
    const storage = make(spec);
    using time = new FakeTime();
    using ring = new Ring(storage);
    yield [ring, time, name, storage];
    assertEquals(time.armed, 0, `a timer is left, ${name}`);
  }
}

/** Lets the event loop go round. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets the event loop go round until `condition` holds. */
async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert(turns < 100_000, `Waited in vain: ${what}`);
    await turn();
  }
}

/** Lets time pass until a reader looks no more all the time, but waits for a timer or a bell. */
async function asleep(time: FakeTime, readers = 1): Promise<void> {
  await eventually("readers sleep", () => {
    if (time.armed >= readers) return true;
    time.pass(1);
    return false;
  });
}

/** Lets time pass until a promise is settled. */
async function settled<T>(time: FakeTime, promise: Promise<T>): Promise<Outcome<T>> {
  const outcome = observe(promise);
  await eventually("a promise is settled", () => {
    time.pass(1);
    return outcome.state !== "pending";
  });
  return outcome;
}

/** The first bytes of the frames of a result of `next()`. */
function found(outcome: Outcome<IteratorResult<RingPoll>>): unknown {
  assertEquals(outcome.state, "fulfilled");
  return outcome.value!.done ? "end" : numbersOf(outcome.value!.value.frames);
}

test("Ring.follow() gives what comes, in its order, and never nothing", async () => {
  for (const [ring, time] of worlds()) {
    ring.publish(bytes(1));
    const follower = ring.follow();
    assertEquals(follower[Symbol.asyncIterator]() === follower, true);
    let expected = 2;
    for (const count of [1, 3, 1, 7]) {
      const next = follower.next();
      await asleep(time);
      const values = Array.from({ length: count }, () => expected++);
      ring.publishBatch(values.map((value) => bytes(value)));
      assertEquals(found(await settled(time, next)), values);
      assertEquals(follower.cursor.position, expected - 1);
      assertEquals(time.armed, 0);
    }
    assertEquals(await follower.return!(), END);
  }
});

test("Ring.follow() begins with what the ring has, with what comes, or where a cursor is", async () => {
  for (const [ring, time] of worlds()) {
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    const cursor = RingCursor.at(ring, [1, 0, 0]);
    const [start, head, middle, none] = [
      ring.follow({ from: "start" }),
      ring.follow({ from: "head" }),
      ring.follow({ from: cursor }),
      ring.follow({ from: undefined, node: undefined, max: undefined, signal: undefined }),
    ] as const;
    assertEquals(found(await settled(time, start.next())), [1, 2, 3]);
    assertEquals(found(await settled(time, middle.next())), [2, 3]);
    assertEquals([middle.cursor === cursor, cursor.position], [true, 3]);
    ring.publish(bytes(4));
    for (const follower of [start, head, middle, none]) {
      assertEquals(found(await settled(time, follower.next())), [4]);
      await follower.return!();
    }
  }
});

test("Ring.follow() reads the lane of one node, if it is told so", async () => {
  for (const [ring, time, , storage] of worlds()) {
    const others = [1, 2].map((node) => new Ring(storage, { node }));
    const follower = ring.follow({ node: 2 });
    assertEquals(follower.cursor.node, 2);
    const next = follower.next();
    await asleep(time);
    ring.publish(bytes(1));
    others[0]!.publish(bytes(2));
    await turn();
    others[1]!.publish(bytes(3));
    assertEquals(found(await settled(time, next)), [3]);
    await follower.return!();
    for (const other of others) other.close();
  }
});

test("Ring.follow() gives at most as many frames at once as it is told", async () => {
  for (const [ring, time] of worlds()) {
    for (const value of [1, 2, 3, 4, 5]) ring.publish(bytes(value));
    const seen: unknown[] = [];
    const follower = ring.follow({ from: "start", max: 2 });
    for (let count = 0; count < 3; count++) seen.push(found(await settled(time, follower.next())));
    assertEquals(seen, [[1, 2], [3, 4], [5]]);
    await follower.return!();
  }
});

test("Ring.follow() says what was lost, even where nothing else is to say", async () => {
  for (const [ring, time] of worlds({ capacity: 2, payloadCapacity: 8 })) {
    const follower = ring.follow();
    for (const value of [1, 2, 3]) ring.publish(bytes(value));
    const { value } = (await settled(time, follower.next())).value!;
    assertEquals([numbersOf(value.frames), value.lost.overwritten], [[2, 3], 1]);
    for (const value of [4, 5, 6]) ring.publish(bytes(value));
    ring.reset();
    const { value: lost } = (await settled(time, follower.next())).value!;
    assertEquals([lost.frames, lost.lost, lost.from, lost.to], [
      [],
      { overwritten: 3, unavailable: 0 },
      3,
      6,
    ]);
    // Nothing is lost to who has read all: the reset says nothing to it.
    const next = follower.next();
    await asleep(time);
    ring.reset();
    for (let turns = 0; turns < 5; turns++) await turn();
    ring.publish(bytes(7));
    assertEquals(found(await settled(time, next)), [7]);
    await follower.return!();
  }
});

test("Ring.follow() reads nothing until it is asked", async () => {
  for (const [ring, time] of worlds()) {
    const follower = ring.follow({ from: "start" });
    ring.publish(bytes(1));
    await settle();
    assertEquals([follower.cursor.position, time.armed], [0, 0]);
    const next = follower.next();
    assertEquals(follower.cursor.position, 1);
    assertEquals(found(await settled(time, next)), [1]);
    ring.publish(bytes(2));
    await settle();
    assertEquals(follower.cursor.position, 1);
    await follower.return!();
  }
});

test("A loop over Ring.follow() that is left ends it, and nothing else", async () => {
  for (const [ring] of worlds()) {
    const counted = countedSignal();
    for (const value of [1, 2]) ring.publish(bytes(value));
    const follower = ring.follow({ from: "start", max: 1, signal: counted.signal });
    const other = ring.follow({ from: "start" });
    for await (const { frames } of follower) {
      assertEquals(numbersOf(frames), [1]);
      break;
    }
    assertEquals([ring.closed, counted.listening], [false, 0]);
    assertEquals(await follower.next(), END);
    for await (const _ of follower) throw new Error("it has ended");
    for await (const { frames } of other) {
      assertEquals(numbersOf(frames), [1, 2]);
      break;
    }
    assertEquals(await follower.return!(), END);
  }
});

test("A loop over Ring.follow() that throws ends it", async () => {
  for (const [ring] of worlds()) {
    ring.publish(bytes(1));
    const follower = ring.follow({ from: "start" });
    const reason = await reasonOf((async () => {
      for await (const _ of follower) throw new Error("no more");
    })());
    assertEquals((reason as Error).message, "no more");
    assertEquals(await follower.next(), END);
  }
});

test("A signal that has aborted already lets follow() read nothing", async () => {
  for (const [ring] of worlds()) {
    ring.publish(bytes(1));
    for (const reason of [new Error("stop"), undefined, "text"]) {
      const counted = countedSignal({ reason });
      const follower = ring.follow({ from: "start", signal: counted.signal });
      const expected = counted.signal.reason;
      assertEquals(await reasonOf(follower.next()) === expected, true);
      assertEquals([follower.cursor.position, counted.added], [0, 0]);
      assertEquals(await follower.next(), END);
    }
  }
});

test("A signal that aborts while follow() waits ends it at once, wherever it is", async () => {
  for (const isAsleep of [false, true]) {
    for (const [ring, time, name] of worlds()) {
      const counted = countedSignal();
      const follower = ring.follow({ signal: counted.signal });
      const nexts = [follower.next(), follower.next(), follower.next()];
      const outcomes = nexts.map(observe);
      if (isAsleep) await asleep(time);
      else await settle();
      assertEquals(counted.listening, 1);
      const reason = new Error("stop");
      counted.abort(reason);
      // No time passes.
      await eventually("all are settled", () => outcomes.every(({ state }) => state !== "pending"));
      assertEquals(outcomes[0]!.reason === reason, true, name);
      assertEquals(outcomes.slice(1).map(({ value }) => value), [END, END]);
      assertEquals([counted.listening, counted.added, time.armed], [0, 1, 0]);
      ring.publish(bytes(1));
      assertEquals([await follower.next(), follower.cursor.position], [END, 0]);
    }
  }
});

test("A signal that aborts between two values ends follow() with the next one", async () => {
  for (const [ring, time] of worlds()) {
    const counted = countedSignal();
    for (const value of [1, 2]) ring.publish(bytes(value));
    const follower = ring.follow({ from: "start", max: 1, signal: counted.signal });
    assertEquals(found(await settled(time, follower.next())), [1]);
    const reason = { why: "enough" };
    counted.abort(reason);
    await settle();
    assertEquals(await reasonOf(follower.next()) === reason, true);
    assertEquals([await follower.next(), follower.cursor.position], [END, 1]);
    assertEquals(counted.listening, 0);
  }
});

test("Ring.follow() listens to its signal only while it waits", async () => {
  for (const [ring, time] of worlds()) {
    const counted = countedSignal();
    const follower = ring.follow({ signal: counted.signal });
    for (let round = 1; round <= 5; round++) {
      const next = follower.next();
      assertEquals(counted.listening, 1);
      ring.publish(bytes(round));
      assertEquals(found(await settled(time, next)), [round]);
      assertEquals(counted.listening, 0);
    }
    const last = observe(follower.next());
    await follower.return!();
    assertEquals([last.value, counted.listening], [END, 0]);
  }
});

test("Ring.follow() settles several calls of next() in their order", async () => {
  for (const [ring, time] of worlds()) {
    const follower = ring.follow({ max: 2 });
    const outcomes = [1, 2, 3, 4].map(() => observe(follower.next()));
    await asleep(time);
    ring.publishBatch([1, 2, 3].map((value) => bytes(value)));
    await eventually("two are settled", () => {
      time.pass(1);
      return outcomes[1]!.state !== "pending";
    });
    assertEquals([found(outcomes[0]!), found(outcomes[1]!)], [[1, 2], [3]]);
    await asleep(time);
    assertEquals(outcomes[2]!.state, "pending");
    ring.publish(bytes(4));
    await eventually("the third is settled", () => {
      time.pass(1);
      return outcomes[2]!.state !== "pending";
    });
    assertEquals([found(outcomes[2]!), outcomes[3]!.state], [[4], "pending"]);
    await follower.return!();
    await settle();
    assertEquals(found(outcomes[3]!), "end");
  }
});

test("return() and throw() settle what is pending, and leave nothing behind", async () => {
  for (const isAsleep of [false, true]) {
    for (const way of ["return", "throw", "dispose"] as const) {
      for (const [ring, time] of worlds()) {
        const counted = countedSignal();
        const follower = ring.follow({ signal: counted.signal });
        const outcomes = [1, 2].map(() => observe(follower.next()));
        if (isAsleep) await asleep(time);
        if (way === "return") {
          assertEquals(await follower.return!("value"), { value: "value", done: true });
        } else if (way === "throw") {
          assertEquals(await reasonOf(follower.throw!("reason")), "reason");
        } else {
          await follower[Symbol.asyncDispose]();
          await follower[Symbol.asyncDispose]();
        }
        await settle();
        assertEquals(outcomes.map(found), ["end", "end"]);
        assertEquals([counted.listening, time.armed], [0, 0]);
        assertEquals([await follower.next(), await follower.return!()], [END, END]);
        counted.abort("late");
        await settle();
      }
    }
  }
});

test("Closing the ring, or its storage, ends all who follow", async () => {
  for (const isStorage of [false, true]) {
    for (const isAsleep of [false, true]) {
      for (const [ring, time, , storage] of worlds()) {
        const counted = countedSignal();
        const followers = Array.from(
          { length: 50 },
          () => ring.follow({ signal: counted.signal }),
        );
        const outcomes = followers.map((follower) => observe(follower.next()));
        if (isAsleep) await asleep(time, 50);
        const idle = ring.follow();
        if (isStorage) storage.close();
        else ring.close();
        await settle();
        assertEquals(outcomes.map(found), outcomes.map(() => "end"));
        assertEquals([counted.listening, time.armed], [0, 0]);
        assertEquals([await idle.next(), await followers[0]!.next()], [END, END]);
      }
    }
  }
});

test("A ring that is closed between two values ends all who follow, whatever they have not read", async () => {
  for (const [ring, time] of worlds()) {
    const counted = countedSignal();
    for (const value of [1, 2]) ring.publish(bytes(value));
    const follower = ring.follow({ from: "start", max: 1, signal: counted.signal });
    assertEquals(found(await settled(time, follower.next())), [1]);
    ring.close();
    assertEquals([await follower.next(), await follower.next()], [END, END]);
    assertEquals([follower.cursor.position, counted.listening], [1, 0]);
  }
});

test("Many follow one ring, each at its own pace", async () => {
  for (const [ring, time] of worlds({ capacity: 512, payloadCapacity: 8 })) {
    const followers = Array.from(
      { length: 40 },
      (_, index) => ring.follow({ from: "start", max: 1 + index }),
    );
    const seen = followers.map(async (follower) => {
      const values: (number | undefined)[] = [];
      for await (const { frames } of follower) {
        values.push(...numbersOf(frames));
        if (values.length >= 200) return values;
      }
      return values;
    });
    for (let value = 0; value < 200; value++) {
      ring.publish(bytes(value));
      if (value % 50 === 0) {
        time.pass(1);
        await turn();
      }
    }
    const outcomes = seen.map(observe);
    await eventually("all have seen all", () => {
      time.pass(1);
      return outcomes.every(({ state }) => state !== "pending");
    });
    const expected = Array.from({ length: 200 }, (_, value) => value);
    for (const { value } of outcomes) assertEquals(value, expected);
  }
});

test("A publish wakes who sleeps at a bell, whoever publishes", async () => {
  for (const make of [memoryStorage, sharedStorage]) {
    const storage = make(SPEC);
    using time = new FakeTime();
    using ring = new Ring(storage);
    using other = new Ring(attachStorage(storage.buffer), { node: 1 });
    const memory = new Memory(storage);
    const followers = [ring.follow(), ring.follow({ node: 1 }), other.follow()];
    for (
      const publish of [
        () => other.publish(bytes(1)),
        () => other.publishBatch([bytes(1)]),
      ]
    ) {
      const outcomes = followers.map((follower) => observe(follower.next()));
      await asleep(time, 3);
      assertEquals(memory.words[BELL_WANTED], 1);
      publish();
      assertEquals(memory.words[BELL_WANTED], 0);
      // Nothing but the bell can wake them: no time passes.
      await eventually("all are awake", () => outcomes.every(({ state }) => state !== "pending"));
      assertEquals(outcomes.map(found), [[1], [1], [1]]);
    }
    // One who is woken for nothing sleeps on.
    const outcome = observe(followers[1]!.next());
    await asleep(time);
    ring.publish(bytes(9));
    for (let turns = 0; turns < 10; turns++) await turn();
    assertEquals([outcome.state, time.armed], ["pending", 1]);
    other.publish(bytes(5));
    await eventually("it is awake", () => outcome.state !== "pending");
    assertEquals(found(outcome), [5]);
    for (const follower of followers) await follower.return!();
    assertEquals(time.armed, 0);
  }
});

test("A frame that comes between the last look and the wait for the bell is not missed", async () => {
  for (const make of [memoryStorage, sharedStorage]) {
    const storage = make(SPEC);
    const { bell } = storage;
    using time = new FakeTime();
    let waits = 0;
    using writer = new Ring(storage, { node: 1 });
    using ring = new Ring(
      storageLike(storage, {
        bell: {
          wake: () => bell!.wake(),
          wait(expected, timeoutMs, done) {
            // The last moment before it sleeps.
            if (waits++ === 0) writer.publish(bytes(1));
            return bell!.wait!(expected, timeoutMs, done);
          },
        },
      }),
    );
    const follower = ring.follow();
    const outcome = observe(follower.next());
    await eventually("it looks at the bell", () => {
      time.pass(1);
      return waits > 0;
    });
    await eventually("it is found", () => outcome.state !== "pending");
    assertEquals(found(outcome), [1]);
    await follower.return!();
  }
});

test("A frame that comes anywhere between two looks and a sleep is not missed", async () => {
  for (const make of [memoryStorage, sharedStorage]) {
    let isThere = true;
    for (let at = 0; isThere; at++) {
      const storage = make(SPEC);
      using time = new FakeTime();
      using writer = new Ring(storage, { node: 1 });
      using ring = new Ring(storage);
      // It has its lane before.
      writer.publish(bytes(0));
      const follower = ring.follow();
      let outcome: Outcome<IteratorResult<RingPoll>>;
      {
        using interleaving = new Interleaving(at, () => writer.publish(bytes(1)));
        outcome = observe(follower.next());
        // As long as there is nothing, it looks until time passes, and then goes to sleep.
        for (let turns = 0; turns < 3; turns++) await turn();
        time.pass(1);
        for (let turns = 0; turns < 3; turns++) await turn();
        isThere = interleaving.reached;
      }
      if (!isThere) {
        assertEquals([outcome.state, time.armed], ["pending", 1]);
        writer.publish(bytes(1));
      }
      // No time passes any more.
      for (let turns = 0; turns < 1_000 && outcome.state === "pending"; turns++) await turn();
      assertEquals(outcome.state, "fulfilled", `a frame that came at place ${at} was missed`);
      assertEquals(found(outcome), [1]);
      await follower.return!();
      assert(at < 1_000);
    }
  }
});

test("Ring.follow() waits at once at a bell that is fast, and looks on for a while before a slow one", async () => {
  for (const isSlow of [undefined, false, true]) {
    const storage = memoryStorage(SPEC);
    const bell = isSlow === undefined ? storage.bell! : { ...storage.bell!, isSlow };
    using time = new FakeTime();
    using ring = new Ring(storageLike(storage, { bell }));
    const follower = ring.follow();
    const outcome = observe(follower.next());
    // No time passes.
    for (let turns = 0; turns < 10; turns++) await turn();
    assertEquals(time.armed, isSlow === true ? 0 : 1);
    ring.publish(bytes(1));
    await eventually("it is found", () => outcome.state !== "pending");
    assertEquals(found(outcome), [1]);
    await follower.return!();
  }
});

/** Calls `body` with timers that tell how long they are set to. */
async function delaysOf(time: FakeTime, body: () => Promise<void>): Promise<number[]> {
  const delays: number[] = [];
  const { setTimeout } = globalThis;
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms: number) => {
      delays.push(ms);
      return setTimeout(callback, ms);
    },
  });
  try {
    await body();
  } finally {
    Object.assign(globalThis, { setTimeout });
  }
  assertEquals(time.armed, 0);
  return delays;
}

test("Where nothing wakes it, follow() looks less and less often, up to what it is told", async () => {
  for (
    const [maxSleepMs, expected] of [
      [undefined, [1, 2, 4, 8, 16, 20, 20]],
      [1, [1, 1, 1, 1]],
      [3.5, [1, 2, 3.5, 3.5]],
      [100, [1, 2, 4, 8, 16, 32, 64, 100, 100]],
    ] as const
  ) {
    using storage = memoryStorage(SPEC);
    using ring = new Ring(storageLike(storage, {}));
    using time = new FakeTime();
    const delays = await delaysOf(time, async () => {
      const follower = ring.follow({ maxSleepMs });
      const outcome = observe(follower.next());
      await asleep(time);
      for (const delay of expected.slice(0, -1)) time.pass(delay);
      ring.publish(bytes(1));
      time.pass(expected.at(-1)! - 0.25);
      await settle();
      assertEquals(outcome.state, "pending");
      time.pass(0.25);
      await settle();
      assertEquals(found(outcome), [1]);
    });
    assertEquals(delays, [...expected]);
  }
});

test("Ring.follow() of a quiet ring costs next to nothing", async () => {
  for (const [ring, time, name] of worlds()) {
    const delays = await delaysOf(time, async () => {
      const follower = ring.follow();
      const outcome = observe(follower.next());
      await asleep(time);
      for (let seconds = 0; seconds < 20; seconds++) {
        time.pass(1_000);
        await settle();
      }
      assertEquals(outcome.state, "pending");
      await follower.return!();
    });
    const hasBell = name.endsWith("threads") || name.endsWith("thread");
    assert(delays.length <= (hasBell ? 25 : 20 * 50 + 10), `${delays.length} timers, ${name}`);
  }
});

test("Ring.follow() looks by timers where the event loop has no other turns", async () => {
  const { setImmediate: immediate, clearImmediate } = globalThis as unknown as Record<
    string,
    unknown
  >;
  Object.assign(globalThis, { setImmediate: undefined, clearImmediate: undefined });
  try {
    for (const [, make] of WAITS) {
      using ring = new Ring(make(SPEC));
      const follower = ring.follow();
      for (const isLate of [false, true]) {
        const next = follower.next();
        if (isLate) await new Promise((resolve) => setTimeout(resolve, 0));
        ring.publish(bytes(1));
        assertEquals(numbersOf((await next).value.frames), [1]);
      }
      const last = observe(follower.next());
      await follower.return!();
      assertEquals(last.value, END);
    }
  } finally {
    Object.assign(globalThis, { setImmediate: immediate, clearImmediate });
  }
});

test("Ring.follow() lets the rest of the program have its turn, though there is always something", async () => {
  for (const [, make] of WAITS) {
    using ring = new Ring(make(SPEC));
    let turns = 0;
    let timer = setTimeout(function count() {
      turns++;
      timer = setTimeout(count, 0);
    }, 0);
    let looks = 0;
    ring.publish(bytes(1));
    const end = performance.now() + 10_000;
    for await (const _ of ring.follow({ from: "start" })) {
      looks++;
      ring.publish(bytes(1));
      if (turns >= 5 || performance.now() > end) break;
    }
    clearTimeout(timer);
    assert(turns >= 5, `${turns} turns in ${looks} looks`);
  }
});

test("Ring.follow() goes on after a dead writer of a shared ring though nobody writes any more", async () => {
  for (const [name, make] of WAITS) {
    const storage = make({ ...SPEC, topology: "shared" });
    using time = new FakeTime();
    using ring = new Ring(storage, { stallMs: 50, now: () => time.now });
    const memory = new Memory(storage);
    const follower = ring.follow();
    const next = follower.next();
    await asleep(time);
    memory.setHead(1);
    ring.publish(bytes(1));
    const outcome = observe(next);
    // How time passes for the bell of a SharedArrayBuffer is the engine's business.
    for (let turns = 0; outcome.state === "pending"; turns++) {
      assert(turns < 100_000, `it waits for ever, ${name}`);
      time.pass(1);
      await turn();
    }
    assertEquals(found(outcome), [1]);
    assertEquals(follower.cursor.lost, { overwritten: 0, unavailable: 1 });
    assert(time.now >= 50);
    await follower.return!();
    assertEquals(time.armed, 0);
  }
});

test("Ring.follow() waits for a dead writer as long as it is told, and no timer is too long", async () => {
  for (const [name, make] of WAITS) {
    for (const stallMs of [2 ** 31, 1e12, Infinity]) {
      const storage = make({ ...SPEC, topology: "shared" });
      using time = new FakeTime();
      using ring = new Ring(storage, { stallMs, now: () => time.now });
      const delays = await delaysOf(time, async () => {
        const follower = ring.follow();
        new Memory(storage).setHead(1);
        const outcome = observe(follower.next());
        await asleep(time);
        for (let count = 0; count < 20; count++) {
          time.pass(500);
          await turn();
        }
        assertEquals(outcome.state, "pending");
        await follower.return!();
      });
      assert(delays.every((ms) => ms > 0 && ms < 2 ** 31), `${delays}`);
      const isBell = name.endsWith("threads") || name.endsWith("thread");
      if (isBell) assert(delays.length < 100, `${delays.length} timers`);
    }
  }
});

test("Ring.follow() rejects with what its look throws, whether or not it was waiting", async () => {
  for (const [name, make] of WAITS) {
    for (const isWaiting of [false, true]) {
      const storage = make({ ...SPEC, topology: "shared" });
      using time = new FakeTime();
      const failure = new Error("no clock");
      using ring = new Ring(storage, {
        now() {
          throw failure;
        },
      });
      const memory = new Memory(storage);
      const counted = countedSignal();
      const follower = ring.follow({ signal: counted.signal });
      if (!isWaiting) memory.setHead(1);
      const outcome = observe(follower.next());
      if (isWaiting) {
        await asleep(time);
        memory.setHead(1);
        ring.publish(bytes(1));
      }
      await eventually("it is settled", () => {
        time.pass(1);
        return outcome.state !== "pending";
      });
      assertEquals([outcome.state, outcome.reason === failure], ["rejected", true], name);
      assertEquals([await follower.next(), counted.listening, time.armed], [END, 0, 0]);
    }
  }
});

test("Ring.follow() refuses bad options at once", () => {
  for (const [ring] of worlds()) {
    for (const maxSleepMs of [0, 0.9, -1, NaN, 2 ** 31, Infinity, null, {}]) {
      const error = assertThrows(
        () => ring.follow({ maxSleepMs: maxSleepMs as number }),
        RangeError,
      );
      assertMatch(
        error.message,
        /^Cannot follow Ring: maxSleepMs must be a number from 1 to 2147483647, received \S/,
      );
    }
    ring.follow({ maxSleepMs: 2 ** 31 - 1 });
    for (const from of ["tail", 5, null, {}, 0n]) {
      const error = assertThrows(() => ring.follow({ from } as RingFollowOptions), TypeError);
      assertMatch(
        error.message,
        /^Cannot follow Ring: from must be "start", "head" or a RingCursor, received \S/,
      );
    }
    assertThrows(
      () => ring.follow({ from: RingCursor.atHead(ring), node: 1 }),
      TypeError,
      "Cannot follow Ring: node must not be given with a cursor, received 1",
    );
    assertThrows(() => ring.follow({ node: 3 }), RangeError, "node must be an integer from 0 to 2");
    assertThrows(() => ring.follow({ max: 0 }), RangeError, "max must be a positive integer");
  }
});
