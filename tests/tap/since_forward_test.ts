import { assertEquals } from "@std/assert";
import { Tap, type TapOpenOptions, type TapSession } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, linesOf } from "./_sessions.ts";

type Options = Omit<TapOpenOptions<"raw" | "decoded">, "stage">;

/** Behind the first of them, and since longer than any of these tests takes. */
const STARTS: readonly ((tap: Tap) => { since: string | number; first: number })[] = [
  (tap) => ({ since: `${tap.instance}-1`, first: 2 }),
  () => ({ since: 60_000, first: 1 }),
];

/** A tap that keeps the lines 1 to 9. */
function keeping(): Tap {
  const tap = new Tap({ backlog: 99, maxSessions: 99 });
  for (let line = 1; line <= 9; line++) tap.offer("raw", `${line}`);
  return tap;
}

function open(tap: Tap, options: Options): TapSession {
  return tap.open({ stage: "raw", ...options })!;
}

function range(first: number, last: number): string[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => `${first + index}`);
}

test("since alone goes forward from there, and stops where the limit is reached", async () => {
  for (const start of STARTS) {
    using tap = keeping();
    const { since, first } = start(tap);
    for (const limit of [0, 1, 2, 8, 9, 50]) {
      const session = open(tap, { since, limit });
      const lines = range(first, Math.min(9, first + limit - 1));
      const { length } = lines;
      assertEquals(session.missed, 0);
      assertStats(session, { seen: length, matched: length, captured: length, size: length });
      assertEquals(session.reason, length === limit ? "limit" : undefined, `limit ${limit}`);
      assertEquals(await linesOf(session), lines);
      session.close();
    }
  }
});

test("since alone stops where maxBytes is reached, and what comes then is lost to it", async () => {
  for (const start of STARTS) {
    using tap = keeping();
    const { since, first } = start(tap);
    for (const [maxBytes, count] of [[1, 0], [2, 1], [3, 1], [6, 3]] as const) {
      const session = open(tap, { since, maxBytes });
      assertEquals([session.reason, session.missed], ["bytes", 0]);
      assertStats(session, {
        seen: count + 1,
        matched: count + 1,
        captured: count,
        dropped: 1,
        size: count,
      });
      assertEquals(await linesOf(session), range(first, first + count - 1));
    }
    const all = open(tap, { since, maxBytes: 2 * (10 - first) });
    assertEquals([all.reason, all.captured], [undefined, 10 - first]);
  }
});

test("since alone samples, filters and counts from the first event on", async () => {
  for (const start of STARTS) {
    using tap = keeping();
    const { since, first } = start(tap);
    const every = open(tap, { since, every: 3 });
    assertEquals(await linesOf(every), [first, first + 3, first + 6].map(String));
    const filtered = open(tap, { since, where: '$ >= "4" and $ != "6"', limit: 3 });
    assertEquals(await linesOf(filtered), ["4", "5", "7"]);
    // It was not told of what is behind its limit.
    assertStats(filtered, { seen: 8 - first, matched: 3, captured: 3 });
    const counting = open(tap, { since, countBy: "x" });
    assertEquals(counting.stats().counted, 10 - first);
  }
});

test("since with a backlog takes the newest of what is behind it, up to so many", async () => {
  for (const start of STARTS) {
    using tap = keeping();
    const { since, first } = start(tap);
    for (const backlog of [0, 1, 3, 20]) {
      const session = open(tap, { since, backlog });
      const from = Math.max(first, 10 - backlog);
      assertEquals(await linesOf(session), range(from, 9), `backlog ${backlog}`);
      const knows = typeof since === "number" || from === first;
      const missed = typeof since === "number" ? from - first : 0;
      assertEquals(session.missed, knows ? missed : undefined, `backlog ${backlog}`);
    }
    const limited = open(tap, { since, backlog: 3, limit: 2 });
    assertEquals([await linesOf(limited), limited.reason], [["7", "8"], "limit"]);
    const bytes = open(tap, { since, backlog: 5, maxBytes: 5 });
    assertEquals([await linesOf(bytes), bytes.reason], [["8", "9"], "bytes"]);
  }
});

test("A limit or a bound of bytes does not hide that events were forgotten", () => {
  using tap = new Tap({ backlog: 3, maxSessions: 9 });
  for (let line = 1; line <= 9; line++) tap.offer("raw", `${line}`);
  const since = `${tap.instance}-2`;
  for (const options of [{}, { limit: 1 }, { maxBytes: 2 }]) {
    assertEquals(open(tap, { since, ...options }).missed, undefined);
    // Six are forgotten, and none of the rest is missed.
    assertEquals(open(tap, { since: 60_000, ...options }).missed, 6);
  }
});

test("Readers that come back with a limit behind their last event have all events once", async () => {
  using tap = new Tap({ backlog: 99, maxSessions: 9 });
  const read: string[] = [];
  let since: string | number = 60_000;
  let offered = 0;
  for (let round = 0; round < 12; round++) {
    for (let count = 0; count < 4; count++) tap.offer("raw", `${++offered}`);
    const session = open(tap, { since, limit: 5 });
    assertEquals(session.missed, 0);
    session.close();
    while (session.size > 0) {
      for (const { id, line } of await session.receiveBatch(99)) {
        read.push(line);
        since = id;
      }
    }
  }
  assertEquals(read, range(1, offered));
});

test("What a backlog could not write or show is not missed by those who come later", async () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9, redact: [{ path: "x", mode: "mask" }] });
  const bad = [1n, { a: 1n }, () => {
    throw new Error("no event");
  }, "no JSON, which must not be shown"];
  tap.offer("raw", '{"a":1}');
  for (const value of bad) tap.offer("raw", value);
  tap.offer("raw", '{"a":2}');
  assertEquals(tap.stats().unwritable, bad.length);
  const first = `${tap.instance}-1`;
  for (const options of [{}, { since: 60_000 }, { since: first }, { backlog: 2 }]) {
    const session = open(tap, options);
    assertEquals(session.missed, 0, JSON.stringify(options));
    assertStats(session, {
      seen: session.size,
      matched: session.size,
      captured: session.size,
      size: session.size,
    });
    assertEquals((await linesOf(session)).at(-1), '{"a":2}');
  }
  assertEquals(open(tap, { backlog: 1 }).missed, 1);
});

test("What a session may not be shown of a backlog is lost to it, not missed", async () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9 });
  for (const line of ['{"a":1}', "plain", '{"a":2}']) tap.offer("raw", line);
  const session = open(tap, { redact: ["b"] });
  assertEquals(session.missed, 0);
  assertStats(session, { seen: 3, matched: 3, dropped: 1, unshown: 1, captured: 2, size: 2 });
  assertEquals(await linesOf(session), ['{"a":1}', '{"a":2}']);
});

test("A session that counts begins with what is new, unless it is told to look back", () => {
  using tap = keeping();
  const counted = (options: Options) => {
    const session = open(tap, { countBy: "x", ...options });
    return [session.stats().counted, session.stats().seen, session.missed];
  };
  assertEquals(counted({}), [0, 0, 9]);
  assertEquals(counted({ limit: 5 }), [0, 0, 9]);
  assertEquals(counted({ backlog: 4 }), [4, 4, 5]);
  assertEquals(counted({ backlog: Infinity }), [9, 9, 0]);
  assertEquals(counted({ since: 60_000 }), [9, 9, 0]);
  assertEquals(counted({ since: `${tap.instance}-7` }), [2, 2, 0]);
  assertEquals(counted({ since: `${tap.instance}-7`, backlog: 0 }), [0, 0, undefined]);
});
