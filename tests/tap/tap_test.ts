import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { countsIn, countsOf, linesOf, NO_STATS } from "./_sessions.ts";

test("Tap has the stages raw and decoded, and sessions of five minutes, by default", () => {
  const tap = new Tap();
  assertEquals(tap.stages, ["raw", "decoded"]);
  assertEquals(tap.maxDurationMs, 300_000);
  assertEquals(tap.sessions, []);
  assertFalse(tap.closed);
  assertEquals(countsIn(tap.stats()), NO_STATS);
});

test("Tap.open() answers undefined beyond maxSessions, whatever the stage (register_respects_session_cap)", () => {
  using tap = new Tap({ maxSessions: 2 });
  const first = tap.open({ stage: "raw" });
  const second = tap.open({ stage: "decoded" });
  assert(first !== undefined && second !== undefined);
  assertEquals(tap.stats().active, 2);
  assertStrictEquals(tap.open({ stage: "raw" }), undefined);
  assertStrictEquals(tap.open({ stage: "decoded" }), undefined);
  assertEquals(tap.sessions, [first, second]);
  assertEquals(countsIn(tap.stats()), { ...NO_STATS, active: 2, opened: 2, refused: 2 });
});

test("Tap.open() refuses all with maxSessions 0", () => {
  using tap = new Tap({ maxSessions: 0 });
  assertStrictEquals(tap.open({ stage: "raw" }), undefined);
  assertEquals(countsIn(tap.stats()), { ...NO_STATS, refused: 1 });
});

test("A session that leaves its scope frees its place (dropping_handle_deregisters_session)", () => {
  using tap = new Tap({ maxSessions: 1 });
  {
    using session = tap.open({ stage: "raw" })!;
    assertEquals([tap.stats().active, session.reason], [1, undefined]);
  }
  assertEquals(tap.stats().active, 0);
  assert(tap.open({ stage: "raw" }) !== undefined);
  assertEquals(countsIn(tap.stats()), { ...NO_STATS, active: 1, opened: 2 });
});

test("Tap.offer() fills the buffer of a session, then drops the newest (offer_delivers_until_full_then_drops)", async () => {
  using tap = new Tap({ bufferEvents: 2 });
  const session = tap.open({ stage: "raw" })!;
  for (const line of ["a", "b", "c"]) tap.offer("raw", line);
  assertEquals(countsOf(session), { captured: 2, dropped: 1, size: 2 });
  assertEquals(await linesOf(session), ["a", "b"]);
  tap.offer("raw", "d");
  assertEquals(countsOf(session), { captured: 3, dropped: 1, size: 1 });
  assertEquals(await linesOf(session), ["d"]);
  assertEquals(countsIn(tap.stats()), {
    ...NO_STATS,
    active: 1,
    opened: 1,
    captured: 3,
    dropped: 1,
  });
});

test("Tap bounds the buffer of a session in bytes, two a code unit", async () => {
  using tap = new Tap({ maxBytes: 12 });
  const session = tap.open({ stage: "raw" })!;
  tap.offer("raw", "abcd");
  tap.offer("raw", "efg");
  assertEquals(countsOf(session), { captured: 1, dropped: 1, size: 1 });
  tap.offer("raw", "hi");
  tap.offer("raw", "j");
  assertEquals(countsOf(session), { captured: 2, dropped: 2, size: 2 });
  assertEquals(await linesOf(session), ["abcd", "hi"]);
  // One that never fits is dropped even by an empty buffer, and by a reader that waits.
  tap.offer("raw", "1234567");
  const waiting = session.receiveBatch(1);
  tap.offer("raw", "1234567");
  assertEquals(session.dropped, 4);
  tap.offer("raw", "123456");
  assertEquals((await waiting)[0]!.line, "123456");
});

test("Tap.offer() gives each session its own stage only", async () => {
  using tap = new Tap({ stages: { in: "text", out: "text" } });
  const sessions = [tap.open({ stage: "in" })!, tap.open({ stage: "out" })!];
  tap.offer("in", "1");
  tap.offer("out", "2");
  tap.offer("in", "3");
  assertEquals(await Promise.all(sessions.map(linesOf)), [["1", "3"], ["2"]]);
  assertEquals(sessions.map((session) => session.stage), ["in", "out"]);
});
