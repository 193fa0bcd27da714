import { assert, assertEquals } from "@std/assert";
import { Tap, type TapSession } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, linesOf } from "./_sessions.ts";

/** So many offers may be under way, one within another, and so many tellings of the audit. */
const MOST = 8;

test("Offers may be eight deep, and what is deeper is dropped as what cannot be written", async () => {
  for (const depth of [1, 7, 8, 9, 20]) {
    for (const shape of ["made", "toJSON"] as const) {
      using tap = new Tap({ bufferEvents: 99 });
      const session = tap.open({ stage: "decoded" })!;
      const offer = (level: number): void => {
        const make = (): number => {
          if (level < depth) offer(level + 1);
          return level;
        };
        tap.offer("decoded", shape === "made" ? make : { toJSON: make });
      };
      offer(1);
      const deepest = Math.min(depth, MOST);
      assertEquals(tap.stats().unwritable, depth > MOST ? 1 : 0);
      assertStats(session, {
        seen: deepest,
        matched: deepest,
        captured: deepest,
        size: deepest,
      });
      const levels = Array.from({ length: deepest }, (_, index) => `${deepest - index}`);
      assertEquals(await linesOf(session), levels);
      // What comes next has all its levels again.
      offer(depth);
      assertEquals(await linesOf(session), [`${depth}`]);
    }
  }
});

test("Events that offer several of their kind each come to an end", () => {
  for (const backlog of [0, 10_000]) {
    using tap = new Tap({ bufferEvents: 10_000, backlog });
    const session = tap.open({ stage: "raw" })!;
    const twice = (): string => {
      tap.offer("raw", twice);
      tap.offer("raw", twice);
      return "x";
    };
    tap.offer("raw", twice);
    const written = 2 ** MOST - 1;
    assertEquals([session.captured, tap.stats().unwritable], [written, 2 ** MOST]);
    session.close();
    // A backlog asks for them without anybody who listens.
    tap.offer("raw", twice);
    const kept = tap.open({ stage: "raw" })!;
    assertEquals([kept.captured, kept.missed], [backlog > 0 ? 2 * written : 0, 0]);
  }
});

test("The depth of offers is counted over all stages of a tap, and for each tap anew", async () => {
  using tap = new Tap({ bufferEvents: 99 });
  using other = new Tap({ bufferEvents: 99 });
  const sessions = [tap.open({ stage: "*" })!, other.open({ stage: "*" })!];
  const offer = (level: number): void => {
    const at = level % 3 === 0 ? other : tap;
    at.offer(level % 2 === 0 ? "raw" : "decoded", () => {
      if (level < 12) offer(level + 1);
      return "x";
    });
  };
  offer(1);
  // 1 2 4 5 7 8 10 11 of one, and 3 6 9 12 of the other.
  assertEquals(sessions.map(({ captured }) => captured), [8, 4]);
  assertEquals([tap.stats().unwritable, other.stats().unwritable], [0, 0]);
  for (const session of sessions) await linesOf(session);
  offer(1);
  assertEquals(sessions.map(({ captured }) => captured), [16, 8]);
});

test("An event that throws within others leaves those above as they are, and their depth", async () => {
  using tap = new Tap({ bufferEvents: 99 });
  const session = tap.open({ stage: "decoded" })!;
  const offer = (level: number): void =>
    tap.offer("decoded", () => {
      if (level < MOST) offer(level + 1);
      if (level % 2 === 0) throw new Error("no event");
      return level;
    });
  for (let round = 0; round < 20; round++) {
    offer(1);
    assertEquals(await linesOf(session), ["7", "5", "3", "1"]);
  }
  assertEquals(tap.stats().unwritable, 20 * 4);
});

test("An audit that opens a session for each that ends comes to an end, and the last is refused as full", () => {
  const opened: TapSession[] = [];
  const refused: string[] = [];
  const tap: Tap = new Tap({
    maxSessions: 99,
    audit: (record) => {
      if (record.type === "refused") refused.push(record.reason);
      if (record.type !== "ended") return;
      const session = tap.open({ stage: "raw", limit: 0 });
      if (session !== undefined) opened.push(session);
    },
  });
  tap.open({ stage: "raw", limit: 0 });
  assertEquals(opened.map(({ reason }) => reason), Array(opened.length).fill("limit"));
  assertEquals([opened.length, refused], [MOST - 1, ["full"]]);
  assertEquals([tap.stats().refusedBy.full, tap.stats().active], [1, 0]);
  // And it goes on.
  assert(tap.open({ stage: "raw", limit: 1 }) !== undefined);
  tap.close();
});

test("An audit that opens a session for each that opens comes to an end, too", () => {
  const tap: Tap = new Tap({
    maxSessions: 99,
    audit: ({ type }) => {
      if (type === "opened") tap.open({ stage: "raw" });
    },
  });
  tap.open({ stage: "raw" });
  assertEquals(tap.stats().active, MOST);
  assertEquals(tap.stats().refusedBy.full, 1);
  tap.open({ stage: "raw" });
  assertEquals([tap.stats().active, tap.stats().refusedBy.full], [2 * MOST, 2]);
  tap.close();
});

test("An audit that opens a session for each that is refused comes to an end, too", () => {
  let calls = 0;
  const tap: Tap = new Tap({
    maxSessions: 0,
    audit: ({ type }) => {
      // Whoever asks without end asks for trouble; but this one is told to stop.
      if (type === "refused" && ++calls < 50) tap.open({ stage: "raw" });
    },
  });
  assertEquals(tap.open({ stage: "raw" }), undefined);
  assertEquals([calls, tap.stats().refusedBy.full], [50, 50]);
});
