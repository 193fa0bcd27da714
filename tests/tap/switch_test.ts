import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { countsIn, linesOf, NO_STATS } from "./_sessions.ts";

test("Tap.close() ends every session with its reason, and leaves what was captured", async () => {
  for (const reason of ["shutdown", "input"] as const) {
    using time = new FakeTime();
    const tap = new Tap();
    const sessions = [tap.open({ stage: "raw" })!, tap.open({ stage: "decoded" })!];
    tap.offer("raw", "before");
    if (reason === "shutdown") tap.close();
    else tap.close(reason);
    tap.close(reason === "input" ? "shutdown" : "input");
    assert(tap.closed);
    tap.offer("raw", "after");
    assertEquals(sessions.map((session) => session.reason), [reason, reason]);
    assertEquals(tap.sessions, []);
    assertEquals(await linesOf(sessions[0]!), ["before"]);
    assertEquals(await sessions[0]!.receiveBatch(1), []);
    assertEquals(await sessions[1]!.receiveBatch(1), []);
    assertEquals(time.armed, 0);
    assertEquals(countsIn(tap.stats()), { ...NO_STATS, opened: 2, captured: 1 });
  }
});

test("A tap that leaves its scope is closed", () => {
  let session;
  {
    using tap = new Tap();
    session = tap.open({ stage: "raw" })!;
  }
  assertEquals(session.reason, "shutdown");
});

test('Tap.open() after close("input") gives the backlog, then ends', async () => {
  using time = new FakeTime();
  const tap = new Tap({ backlog: 2, maxSessions: 1 });
  for (const line of ["a", "b", "c"]) tap.offer("raw", line);
  tap.close("input");
  // Each has ended when it is opened, so that they are not too many.
  for (let round = 0; round < 3; round++) {
    const session = tap.open({ stage: "raw" })!;
    assertEquals([session.reason, session.missed], ["input", 1]);
    assertEquals(await linesOf(session), ["b", "c"]);
    assertEquals(await session.receiveBatch(1), []);
  }
  assertEquals(tap.open({ stage: "raw", limit: 1 })!.reason, "limit");
  assertEquals(tap.open({ stage: "raw", limit: 2 })!.reason, "limit");
  assertEquals(tap.open({ stage: "decoded" })!.reason, "input");
  assertEquals([tap.stats().active, time.armed], [0, 0]);
});

test("A tap that is switched off from the start opens nothing until it is enabled", () => {
  using tap = new Tap({ enabled: false });
  assertFalse(tap.enabled);
  assertStrictEquals(tap.open({ stage: "raw" }), undefined);
  assertEquals(tap.stats().refusedBy.disabled, 1);
  tap.enable();
  assert(tap.enabled);
  const session = tap.open({ stage: "raw" })!;
  tap.offer("raw", "x");
  assertEquals([session.reason, session.captured], [undefined, 1]);
});

test("disable() ends every session as killed, and wakes who waits", async () => {
  using time = new FakeTime();
  using tap = new Tap();
  const counted = countedSignal();
  const sessions = [
    tap.open({ stage: "raw", signal: counted.signal })!,
    tap.open({ stage: "decoded", reservoir: 1 })!,
  ];
  tap.offer("decoded", 1);
  const waiting = observe(sessions[0]!.receiveBatch(1));
  const iterating = observe(Array.fromAsync(sessions[1]!));
  await settle();
  assertEquals([time.armed, counted.listening], [3, 1]);
  tap.disable();
  assertFalse(tap.enabled);
  assertEquals(sessions.map(({ reason }) => reason), ["killed", "killed"]);
  assertEquals([tap.sessions.length, time.armed, counted.listening], [0, 0, 0]);
  await settle();
  assertEquals(waiting, { state: "fulfilled", value: [] });
  assertEquals([iterating.state, iterating.value?.length], ["fulfilled", 1]);
  tap.offer("raw", "x");
  assertStrictEquals(tap.open({ stage: "raw" }), undefined);
  // Doing it again does nothing.
  tap.disable();
  assertEquals(countsIn(tap.stats()), { ...NO_STATS, opened: 2, refused: 1, captured: 1 });
});

test("While a tap is switched off, its backlog stays as it is and gets nothing new", async () => {
  using tap = new Tap({ backlog: 9 });
  let calls = 0;
  const offer = (line: string): void => {
    tap.offer("raw", () => {
      calls++;
      return line;
    });
  };
  offer("before");
  tap.disable();
  offer("while");
  assertFalse(tap.isListening("raw"));
  tap.enable();
  offer("after");
  assertEquals(calls, 2);
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), ["before", "after"]);
});

test("enable() for some time switches off behind it, and ends what is open then", () => {
  using time = new FakeTime();
  using tap = new Tap({ enabled: false });
  tap.enable(1_000);
  assertEquals([time.armed, time.referenced], [1, 0]);
  const session = tap.open({ stage: "raw", durationMs: 60_000 })!;
  time.pass(999);
  assertEquals([tap.enabled, session.reason], [true, undefined]);
  time.pass(1);
  assertEquals([tap.enabled, session.reason, time.armed], [false, "killed", 0]);
  assertStrictEquals(tap.open({ stage: "raw" }), undefined);
});

test("enable() counts from the last time it was called, and for ever without a time", () => {
  using time = new FakeTime();
  using tap = new Tap();
  tap.enable(1_000);
  time.pass(900);
  tap.enable(1_000);
  time.pass(900);
  assertEquals([tap.enabled, time.armed], [true, 1]);
  tap.enable();
  time.pass(10_000);
  assertEquals([tap.enabled, time.armed], [true, 0]);
  tap.enable(1_000);
  tap.disable();
  assertEquals(time.armed, 0);
  tap.enable();
  time.pass(10_000);
  assert(tap.enabled);
});

test("enable() does not touch the sessions that are open", () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: "raw" })!;
  tap.enable(1_000);
  tap.enable();
  assertEquals(session.reason, undefined);
  time.pass(2_000);
  assertEquals(session.reason, undefined);
});

test("enable() refuses a time that no timer can wait, and changes nothing", () => {
  using time = new FakeTime();
  using tap = new Tap({ enabled: false });
  for (const forMs of [-1, NaN, Infinity, 2_147_483_648, "5" as unknown as number]) {
    assertThrows(
      () => tap.enable(forMs),
      RangeError,
      `Cannot enable Tap: forMs must be from 0 to 2147483647 ms, received ${
        typeof forMs === "string" ? `"${forMs}"` : forMs
      }`,
    );
  }
  assertEquals([tap.enabled, time.armed], [false, 0]);
});

test("kill() ends one session, and says whether there was one", async () => {
  using tap = new Tap({ maxSessions: 3 });
  const first = tap.open({ stage: "raw" })!;
  const second = tap.open({ stage: "raw" })!;
  tap.offer("raw", "x");
  assertFalse(tap.kill(0) || tap.kill(3) || tap.kill(NaN));
  assert(tap.kill(first.id));
  assertEquals([first.reason, second.reason, tap.sessions], ["killed", undefined, [second]]);
  assertFalse(tap.kill(first.id));
  // It may still be read.
  assertEquals(await linesOf(first), ["x"]);
  assert(tap.open({ stage: "raw" }) !== undefined);
});

test("A signal closes the tap, and a session", () => {
  using time = new FakeTime();
  const forTap = countedSignal();
  const forSession = countedSignal();
  const tap = new Tap({ signal: forTap.signal });
  const ends = tap.open({ stage: "raw", signal: forSession.signal })!;
  const stays = tap.open({ stage: "raw" })!;
  assertEquals([forTap.listening, forSession.listening], [1, 1]);
  forSession.abort();
  assertEquals([ends.reason, stays.reason, forSession.listening], ["client", undefined, 0]);
  forTap.abort();
  assertEquals([stays.reason, tap.closed, forTap.listening], ["shutdown", true, 0]);
  assertEquals(time.armed, 0);
});

test("A signal that has aborted before ends what is made with it at once", () => {
  using time = new FakeTime();
  const aborted = countedSignal({ reason: "before" });
  using tap = new Tap();
  const session = tap.open({ stage: "raw", signal: aborted.signal })!;
  assertEquals([session.reason, tap.stats().active], ["client", 0]);
  const closed = new Tap({ signal: aborted.signal });
  assert(closed.closed);
  assertEquals(closed.open({ stage: "raw" })!.reason, "shutdown");
  assertEquals([time.armed, aborted.listening], [0, 0]);
});

test("Sessions that share a signal end together, and each lets go of it", () => {
  const counted = countedSignal();
  const { signal } = counted;
  using tap = new Tap({ maxSessions: 9 });
  const sessions = [1, 2, 3].map(() => tap.open({ stage: "raw", signal })!);
  sessions[0]!.close();
  assertEquals(sessions.map(({ reason }) => reason), ["client", undefined, undefined]);
  counted.abort("enough");
  assertEquals(sessions.map(({ reason }) => reason), ["client", "client", "client"]);
  assertEquals([counted.listening, tap.sessions.length], [0, 0]);
});

test("No listener is left on a signal, whatever ends the session or the tap", () => {
  const ends: readonly ((tap: Tap, id: number, time: FakeTime) => void)[] = [
    (tap, id) => void tap.kill(id),
    (tap) => tap.disable(),
    (tap) => tap.close(),
    (tap) => tap.offer("raw", "x"),
    (tap) => tap.sessions[0]!.close(),
    (_tap, _id, time) => time.pass(300_000),
  ];
  for (const end of ends) {
    using time = new FakeTime();
    const counted = countedSignal();
    const own = countedSignal();
    const tap = new Tap({ signal: own.signal });
    const session = tap.open({ stage: "raw", signal: counted.signal, limit: 1 })!;
    end(tap, session.id, time);
    assert(session.reason !== undefined);
    assertEquals([counted.listening, time.armed], [0, 0]);
    tap.close();
    assertEquals(own.listening, 0);
  }
});

test("close() wakes who waits, stops all timers, and stays closed", async () => {
  using time = new FakeTime();
  const tap = new Tap({ maxSessions: 9 });
  const waiting = [
    observe(tap.open({ stage: "raw" })!.receiveBatch(9)),
    observe(Array.fromAsync(tap.open({ stage: "raw", countBy: "a" })!)),
    observe(Array.fromAsync(tap.open({ stage: "raw", reservoir: 2 })!)),
  ];
  tap.enable(60_000);
  await settle();
  assertEquals(time.armed, 6);
  tap.close();
  assertEquals(time.armed, 0);
  await settle();
  assertEquals(waiting, waiting.map(() => ({ state: "fulfilled", value: [] })));
  tap.enable();
  tap.enable(1_000);
  assertEquals([tap.closed, time.armed, tap.isListening("raw")], [true, 0, false]);
  assertEquals(tap.open({ stage: "raw" })!.reason, "shutdown");
});

test("Whoever is told of an end may end the others, and open anew", () => {
  using time = new FakeTime();
  const reopened: unknown[] = [];
  const tap: Tap = new Tap({
    maxSessions: 3,
    audit: ({ type }) => {
      if (type !== "ended" || reopened.length > 0) return;
      reopened.push(tap.open({ stage: "raw" })?.reason);
      tap.close("input");
    },
  });
  const sessions = [1, 2, 3].map(() => tap.open({ stage: "raw" })!);
  tap.disable();
  assertEquals(reopened, [undefined]);
  assertEquals(tap.stats().refusedBy.disabled, 1);
  assertEquals(sessions.map(({ reason }) => reason), ["killed", "input", "input"]);
  assertEquals([tap.sessions.length, time.armed], [0, 0]);
});
