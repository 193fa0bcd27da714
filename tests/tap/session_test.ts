import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Channel } from "../../channel/mod.ts";
import { Tap, TapSession } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { FakeTime } from "../_fake_time.ts";
import { settle, until } from "./_wait.ts";

function open(tap: Tap, limit?: number): TapSession {
  return tap.open({ stage: "raw", limit })!;
}

function offer(tap: Tap, ...lines: readonly string[]): void {
  for (const line of lines) tap.offer("raw", line);
}

async function take(session: TapSession, max: number): Promise<string[]> {
  return (await session.receiveBatch(max)).map((event) => event.line);
}

test("TapSession says what it is from the start", () => {
  using time = new FakeTime();
  using tap = new Tap();
  time.pass(77);
  tap.open({ stage: "decoded" })!.close();
  const session = open(tap);
  assert(session instanceof TapSession);
  const { id, stage, openedAt, captured, dropped, missed, size, reason } = session;
  assertEquals(
    { id, stage, openedAt, captured, dropped, missed, size, reason },
    {
      id: 2,
      stage: "raw",
      openedAt: 1_000_077,
      captured: 0,
      dropped: 0,
      missed: 0,
      size: 0,
      reason: undefined,
    },
  );
});

test("TapSession.receiveBatch() takes up to max, of the backlog first", async () => {
  using tap = new Tap({ backlog: 3 });
  offer(tap, "1", "2", "3");
  const session = open(tap);
  offer(tap, "4", "5");
  assertEquals(session.size, 5);
  assertEquals(await take(session, 2), ["1", "2"]);
  assertEquals(session.size, 3);
  assertEquals(await take(session, 2), ["3"]);
  assertEquals(await take(session, 9), ["4", "5"]);
  assertEquals([session.size, session.captured], [0, 5]);
});

test("TapSession.receiveBatch() waits for an event, and ends empty", async () => {
  using tap = new Tap();
  const session = open(tap);
  const first = take(session, 9);
  const second = take(session, 9);
  await settle();
  offer(tap, "1");
  assertEquals(await first, ["1"]);
  session.close();
  assertEquals(await second, []);
  assertEquals(await take(session, 9), []);
});

test("TapSession.receiveBatch() refuses a max that is none, with a backlog too", async () => {
  for (const backlog of [0, 1]) {
    using tap = new Tap({ backlog });
    offer(tap, "kept");
    const session = open(tap);
    for (const max of [0, -1, 1.5, NaN]) {
      await assertRejects(() => session.receiveBatch(max), RangeError, `received ${max}`);
    }
    assertEquals(session.size, backlog);
  }
});

test("TapSession.receiveBatch() rejects with the reason of its signal, and loses nothing", async () => {
  using tap = new Tap();
  const session = open(tap);
  const reason = { why: "enough" };
  const controller = new AbortController();
  const waiting = session.receiveBatch(9, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await waiting.catch((error) => error), reason);
  const late = session.receiveBatch(9, { signal: controller.signal });
  assertStrictEquals(await late.catch((error) => error), reason);
  offer(tap, "1");
  assertEquals(await take(session, 9), ["1"]);
  assertEquals(session.reason, undefined);
});

test("TapSession yields backlog and live events in order, then ends", async () => {
  using tap = new Tap({ backlog: 2 });
  offer(tap, "0", "1", "2");
  const session = open(tap, 5);
  offer(tap, "3");
  const lines: string[] = [];
  for await (const event of session) {
    lines.push(event.line);
    if (event.line === "3") offer(tap, "4", "5", "6");
  }
  assertEquals(lines, ["1", "2", "3", "4", "5"]);
  assertEquals([session.reason, session.missed], ["limit", 1]);
});

test("Leaving the loop over a session closes it", async () => {
  using tap = new Tap({ maxSessions: 1 });
  const session = open(tap);
  offer(tap, "1", "2");
  for await (const event of session) {
    assertEquals(event.line, "1");
    break;
  }
  assertEquals([session.reason, tap.stats().active], ["client", 0]);
  offer(tap, "3");
  assertEquals([session.captured, session.dropped], [2, 0]);
  // What was captured is there for whoever still wants it.
  assertEquals(await take(session, 9), ["2"]);
});

test("Throwing out of the loop over a session closes it", async () => {
  using tap = new Tap();
  const session = open(tap);
  offer(tap, "1");
  await assertRejects(async () => {
    for await (const event of session) throw new Error(event.line);
  }, Error);
  assertEquals([session.reason, tap.stats().active], ["client", 0]);
});

test("TapSession's iterator settles a next() that waits when it is returned", async () => {
  using tap = new Tap();
  const session = open(tap);
  const iterator = session[Symbol.asyncIterator]();
  assertStrictEquals(iterator[Symbol.asyncIterator](), iterator);
  const waiting = iterator.next();
  await settle();
  assertEquals((await iterator.return!()).done, true);
  assertEquals((await waiting).done, true);
  assertEquals(session.reason, "client");
});

test("TapSession's iterator gives nothing after return(), from the backlog neither", async () => {
  using tap = new Tap({ backlog: 3 });
  offer(tap, "1", "2", "3");
  const session = open(tap);
  const iterator = session[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value.line, "1");
  await iterator.return!();
  assertEquals(await iterator.next(), { value: undefined, done: true });
});

test("TapSession's iterator answers several next() in order", async () => {
  using tap = new Tap({ backlog: 2 });
  offer(tap, "1", "2");
  const iterator = open(tap)[Symbol.asyncIterator]();
  const results = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
  offer(tap, "3", "4");
  const lines = (await Promise.all(results)).map((result) => result.value.line);
  assertEquals(lines, ["1", "2", "3", "4"]);
});

test("TapSession.ended is fulfilled with the reason, asked before or after", async () => {
  using tap = new Tap();
  const session = open(tap);
  const before = session.ended;
  assertStrictEquals(session.ended, before);
  let isSettled = false;
  before.then(() => isSettled = true);
  await settle();
  assert(!isSettled);
  tap.close("input");
  assertEquals(await before, "input");
  const other = open(new Tap(), 0);
  assertEquals(await other.ended, "limit");
});

test("TapSession keeps its first reason", () => {
  using time = new FakeTime();
  using tap = new Tap({ maxDurationMs: 10 });
  const session = open(tap, 1);
  offer(tap, "1", "2");
  time.pass(10);
  session.close();
  tap.close();
  assertEquals([session.reason, session.captured], ["limit", 1]);
});

test("TapSession ends after its time, and frees its place", async () => {
  using time = new FakeTime();
  using tap = new Tap({ maxSessions: 2, maxDurationMs: 500 });
  const short = tap.open({ stage: "raw", durationMs: 100 })!;
  const long = tap.open({ stage: "raw" })!;
  assertEquals([time.armed, time.referenced], [2, 0]);
  time.pass(99);
  assertEquals([short.reason, short.durationMs], [undefined, 99]);
  offer(tap, "1");
  const waiting = (async () => (await take(long, 1)).concat(await take(long, 1)))();
  time.pass(1);
  assertEquals([short.reason, short.durationMs, tap.stats().active], ["duration", 100, 1]);
  time.pass(400);
  assertEquals([long.reason, long.durationMs, tap.stats().active], ["duration", 500, 0]);
  assertEquals(await waiting, ["1"]);
  offer(tap, "2");
  time.pass(1_000);
  assertEquals([short.captured, short.dropped, short.durationMs], [1, 0, 100]);
  assertEquals(time.armed, 0);
});

test("TapSession with no time at all ends at the next turn", () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: "raw", durationMs: 0 })!;
  time.pass(0);
  assertEquals(session.reason, "duration");
});

test("TapSession ends by the timers of the platform too", async () => {
  using tap = new Tap({ maxSessions: 1 });
  const session = tap.open({ stage: "raw", durationMs: 3 })!;
  await until("the session ends", () => session.reason !== undefined);
  assertEquals([session.reason, tap.stats().active], ["duration", 0]);
  assert(session.durationMs >= 2 && session.durationMs < 5_000);
});

test("TapSession arms no timer after its end, however it ends", () => {
  using time = new FakeTime();
  const endings: readonly ((tap: Tap, session: TapSession) => void)[] = [
    (_, session) => session.close(),
    (_, session) => session[Symbol.dispose](),
    (tap) => tap.close(),
    (tap) => offer(tap, "1"),
    () => time.pass(300_000),
  ];
  for (const end of endings) {
    const tap = new Tap();
    const session = open(tap, 1);
    assertEquals(time.armed, 1);
    end(tap, session);
    assert(session.reason !== undefined);
    assertEquals([time.armed, tap.stats().active], [0, 0]);
  }
});

test("TapSession.receiveBatch() with a signal that is aborted takes what is there, the backlog first", async () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9 });
  for (const line of ["a", "b"]) tap.offer("raw", line);
  const signal = AbortSignal.abort(new RangeError("enough"));
  const take = async (session: TapSession): Promise<string[]> =>
    (await session.receiveBatch(9, { signal })).map(({ line }) => line);
  const session = tap.open({ stage: "raw" })!;
  tap.offer("raw", "c");
  assertEquals(await take(session), ["a", "b"]);
  assertEquals(await take(session), ["c"]);
  await assertRejects(() => take(session), RangeError, "enough");
  tap.offer("raw", "d");
  assertEquals(await take(session), ["d"]);
  tap.offer("raw", "e");
  session.close();
  assertEquals([await take(session), await take(session)], [["e"], []]);
  // As a channel does.
  const channel = new Channel<string>({ capacity: 2, overflow: "drop-newest" });
  channel.trySend("x");
  assertEquals(await channel.receiveBatch(9, { signal }), ["x"]);
  await assertRejects(() => channel.receiveBatch(9, { signal }), RangeError, "enough");
  channel.close();
});
