import { assertEquals, assertStrictEquals } from "@std/assert";
import { replay } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle, Source } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { envelope } from "./_scripted_fetch.ts";

/** A capture with events at these times, in milliseconds after the first. */
function capture(...times: readonly number[]): string {
  return times.map((time, index) =>
    `${envelope(index, `${time}`).replace(/"time":\d+/, `"time":${1_764_000_000_000 + time}`)}\n`
  ).join("");
}

test("replay() at a speed gives events out when they came, so many times as fast", async () => {
  for (const speed of [1, 10, 0.5]) {
    using time = new FakeTime();
    const seen: [unknown, number][] = [];
    const done = observe(
      replay(capture(0, 100, 100, 350), (event) => seen.push([event, time.now * speed]), { speed }),
    );
    await settle();
    assertEquals(seen, [[0, 0]]);
    // Nothing else may keep the process alive meanwhile.
    assertEquals([time.armed, time.referenced], [1, 1]);
    time.pass(100 / speed - 0.5);
    await settle();
    assertEquals(seen.length, 1);
    time.pass(0.5);
    await settle();
    assertEquals(seen, [[0, 0], [100, 100], [100, 100]]);
    time.pass(250 / speed);
    await settle();
    assertEquals(seen.at(-1), [350, 350]);
    assertEquals(done.value?.events, 4);
    assertEquals(done.value?.durationMs, 350 / speed);
    assertEquals(time.armed, 0);
  }
});

test("replay() at a speed makes up for a handler that takes long, and does not wait for what is past", async () => {
  using time = new FakeTime();
  const seen: [unknown, number][] = [];
  const done = observe(replay(capture(0, 100, 50, 300), (event) => {
    seen.push([event, time.now]);
    if (event === 0) time.pass(250);
  }, { speed: 1 }));
  await settle();
  assertEquals(seen, [[0, 0], [100, 250], [50, 250]]);
  time.pass(50);
  await settle();
  assertEquals(seen.at(-1), [300, 300]);
  assertEquals(done.state, "fulfilled");
});

test("replay() without a speed arms no timer, whatever the times", async () => {
  using time = new FakeTime();
  const { events } = await replay(capture(0, 1e9, 5), () => {});
  assertEquals([events, time.armed], [3, 0]);
});

test("replay() waits longer than one timer can", async () => {
  using time = new FakeTime();
  const month = 30 * 86_400_000;
  const seen: unknown[] = [];
  const done = observe(replay(capture(0, month), (event) => seen.push(event), { speed: 1 }));
  await settle();
  time.pass(month - 1);
  await settle();
  assertEquals(seen, [0]);
  time.pass(1);
  await settle();
  assertEquals([seen, done.state, time.armed], [[0, month], "fulfilled", 0]);
});

test("replay() at a speed refuses events without a time, and says how to get it", async () => {
  const seen: unknown[] = [];
  const reason = await reasonOf(
    replay(`\n${capture(0)}{"a":1}\n`, (event) => seen.push(event), { speed: 2 }),
  ) as Error;
  assertEquals([reason.name, reason.message, seen], [
    "RangeError",
    "Cannot replay line 3 at speed 2: the event must have a time, which a capture with meta has",
    [0],
  ]);
});

test("replay() is stopped by its signal while it waits for the time of an event", async () => {
  using time = new FakeTime();
  const stop = countedSignal();
  const seen: unknown[] = [];
  const options = { speed: 1, signal: stop.signal };
  const done = observe(replay(capture(0, 1_000), (event) => seen.push(event), options));
  await settle();
  assertEquals([time.armed, stop.listening], [1, 1]);
  stop.abort("enough");
  await settle();
  assertEquals([done.reason, seen], ["enough", [0]]);
  assertEquals([time.armed, stop.listening], [0, 0]);
});

test("replay() is stopped by its signal before it begins", async () => {
  const stop = countedSignal({ reason: "never mind" });
  const seen: unknown[] = [];
  const reason = await reasonOf(
    replay("1\n2", (event) => seen.push(event), { signal: stop.signal }),
  );
  assertEquals([reason, seen, stop.added], ["never mind", [], 0]);
});

test("replay() is stopped by its signal while it waits for a line, and lets go of the source", async () => {
  const stop = countedSignal();
  const source = new Source<string>();
  const done = observe(replay(source, () => {}, { signal: stop.signal }));
  await settle();
  source.give("1");
  await settle();
  assertEquals([source.pulls, stop.listening], [2, 1]);
  const problem = new Error("enough");
  stop.abort(problem);
  await settle();
  assertStrictEquals(done.reason, problem);
  assertEquals([source.returns, stop.listening], [1, 0]);
});

test("replay() is stopped by its signal while it waits for bytes, and cancels the stream", async () => {
  const stop = countedSignal();
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    cancel: () => {
      isCancelled = true;
    },
  });
  const done = observe(replay(stream, () => {}, { signal: stop.signal }));
  await settle();
  stop.abort("enough");
  await settle();
  assertEquals([done.reason, isCancelled, stop.listening], ["enough", true, 0]);
});

test("replay() is stopped by its signal while a handler hangs, and does not count that event", async () => {
  const stop = countedSignal();
  const hanging = Promise.withResolvers<void>();
  const told: number[] = [];
  const done = observe(replay("1\n2\n", (event) => event === 2 ? hanging.promise : undefined, {
    signal: stop.signal,
    onEvent: ({ line }) => told.push(line),
  }));
  await settle();
  assertEquals([told, stop.listening], [[1], 1]);
  stop.abort("enough");
  await settle();
  assertEquals([done.reason, told, stop.listening], ["enough", [1], 0]);
  // What becomes of it later is nobody's concern any more.
  hanging.reject(new Error("late"));
  await settle();
});

test("replay() is stopped by its signal that a handler aborts", async () => {
  const stop = countedSignal();
  const seen: unknown[] = [];
  const reason = await reasonOf(replay("1\n2\n3\n", (event) => {
    seen.push(event);
    if (event === 2) stop.abort("enough");
  }, { signal: stop.signal }));
  assertEquals([reason, seen, stop.listening], ["enough", [1, 2], 0]);
});

test("replay() listens to its signal only while it waits", async () => {
  const stop = countedSignal();
  await replay("1\n2\n", () => assertEquals(stop.listening, 0), { signal: stop.signal });
  assertEquals(stop.listening, 0);
});
