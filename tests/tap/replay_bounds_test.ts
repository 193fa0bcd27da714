import { assertEquals } from "@std/assert";
import { Tap, type TapSession, type Where } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, eventsOf, linesOf } from "./_sessions.ts";

/** A condition that does something while it is asked. */
function whereOf(matches: () => boolean): Where {
  return { text: "own", paths: [], readsText: false, matches };
}

/** A tap that keeps the numbers 1 to `count`, and whose clock goes on by `stepMs` each time that it is read. */
function keeping(count: number, stepMs: number): { readonly tap: Tap; reads(): number } {
  let reads = 0;
  const tap = new Tap({
    backlog: count,
    bufferEvents: count,
    maxSessions: 99,
    now: () => stepMs * ++reads,
  });
  for (let line = 1; line <= count; line++) tap.offer("raw", `${line}`);
  return { tap, reads: () => reads };
}

test("A backlog is gone through for 100 ms, as every 32nd event finds out", async () => {
  const count = 4_000;
  // How much time passes with 32 events, and how many are looked at.
  for (const [stepMs, looked] of [[101, 32], [100, 64], [60, 64], [30, 128], [1, 3_232]] as const) {
    for (const since of [undefined, 60_000] as const) {
      const place = `${stepMs} ms, since ${since}`;
      const { tap } = keeping(count, stepMs);
      const session = tap.open({ stage: "raw", since })!;
      assertEquals([session.missed, session.reason], [count - looked, undefined], place);
      assertStats(session, { seen: looked, matched: looked, captured: looked, size: looked });
      const numbers = (await eventsOf(session)).map(({ seq }) => seq);
      const first = since === undefined ? count - looked + 1 : 1;
      assertEquals([numbers[0], numbers.at(-1), numbers.length], [
        first,
        first + looked - 1,
        looked,
      ], place);
      // It goes on with what is new.
      tap.offer("raw", "new");
      assertEquals(await linesOf(session), ["new"]);
      tap.close();
    }
  }
});

test("A filter that wants nothing of a backlog is bound by its time as well", () => {
  const { tap } = keeping(500, 60);
  const session = tap.open({ stage: "raw", where: '$ == "none"' })!;
  assertStats(session, { seen: 64 });
  assertEquals([session.missed, session.reason], [436, undefined]);
  const counting = tap.open({ stage: "raw", countBy: "x", since: 60_000 })!;
  assertEquals([counting.missed, counting.stats().counted], [436, 64]);
  tap.close();
});

test("A backlog of fewer events than that is gone through whatever its time", () => {
  for (const count of [1, 31]) {
    const { tap } = keeping(count, 1_000);
    const session = tap.open({ stage: "raw" })!;
    assertEquals([session.captured, session.missed], [count, 0]);
    assertEquals(tap.open({ stage: "raw", since: `${tap.instance}-0` })!.captured, count);
    tap.close();
  }
});

test("since an event, a session that ran out of time does not know what it missed", () => {
  const { tap } = keeping(100, 60);
  const since = (seq: number): TapSession =>
    tap.open({ stage: "raw", since: `${tap.instance}-${seq}` })!;
  assertEquals([since(1).missed, since(1).captured], [undefined, 64]);
  assertEquals([since(50).missed, since(50).captured], [0, 50]);
  tap.close();
});

test("A tap that is switched off while a backlog is gone through ends the session and keeps none", async () => {
  for (const act of ["disable", "close"] as const) {
    using tap = new Tap({ backlog: 9, maxSessions: 9 });
    for (const line of ["a", "b"]) tap.offer("raw", line);
    let calls = 0;
    const where = whereOf(() => {
      if (++calls === 1) tap[act]();
      return true;
    });
    const session = tap.open({ stage: "raw", where })!;
    assertEquals(session.reason, act === "disable" ? "killed" : "shutdown");
    assertEquals([tap.sessions.length, tap.stats().active, tap.stats().opened], [0, 0, 1]);
    assertEquals(tap.isListening("raw"), false);
    tap.enable();
    tap.offer("raw", "c");
    assertEquals(session.stats().seen, 2);
    // What it had found is there, and then it ends.
    assertEquals(await linesOf(session), ["a", "b"]);
    assertEquals(await session.receiveBatch(1), []);
  }
});

test("A session that is killed while it goes through a backlog is off every stage", () => {
  using tap = new Tap({ backlog: 9, maxSessions: 1 });
  tap.offer("raw", "a");
  const session = tap.open({ stage: "*", where: whereOf(() => tap.kill(1)) })!;
  assertEquals([session.reason, tap.stats().active], ["killed", 0]);
  tap.offer("raw", "b");
  assertEquals(session.stats().seen, 1);
  assertEquals(tap.open({ stage: "raw" })!.id, 2);
});

test("A session has its place before it goes through a backlog, and its number", () => {
  for (const maxSessions of [1, 2, 3]) {
    using tap = new Tap({ backlog: 9, maxSessions });
    tap.offer("raw", "a");
    const inner: (TapSession | undefined)[] = [];
    const where = whereOf(() => {
      for (let count = 0; count < 3; count++) inner.push(tap.open({ stage: "raw" }));
      return true;
    });
    const outer = tap.open({ stage: "raw", where })!;
    assertEquals(outer.id, 1);
    const ids = [2, 3].slice(0, maxSessions - 1);
    assertEquals(inner.map((session) => session?.id), [
      ...ids,
      ...Array(3 - ids.length).fill(undefined),
    ]);
    assertEquals([tap.stats().active, tap.stats().refused], [maxSessions, 3 - ids.length]);
    tap.offer("raw", "b");
    // Each once.
    for (const session of [outer, ...inner]) {
      if (session !== undefined) assertEquals(session.captured, 2);
    }
  }
});

test("A subject has its place before it goes through a backlog", () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9, maxSessionsPerSubject: 1 });
  tap.offer("raw", "a");
  let inner: TapSession | undefined;
  const where = whereOf(() => {
    inner = tap.open({ stage: "raw", subject: "ada" });
    return true;
  });
  assertEquals(tap.open({ stage: "raw", subject: "ada", where })!.id, 1);
  assertEquals([inner, tap.stats().refusedBy.subject], [undefined, 1]);
});

test("An audit is told that a session was opened before it is told that it ended, whatever ends it", () => {
  const records: string[] = [];
  using tap = new Tap({
    backlog: 9,
    maxSessions: 9,
    audit: (record) => {
      if (record.type !== "refused") records.push(`${record.type} ${record.session.id}`);
    },
  });
  tap.offer("raw", "a");
  tap.open({ stage: "raw", where: whereOf(() => tap.kill(1)) });
  tap.open({ stage: "raw", limit: 1 });
  assertEquals(records, ["opened 1", "ended 1", "opened 2", "ended 2"]);
});
