import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Tap, type TapOpenOptions, type TapOptions, type TapSession } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { FakeTime } from "../_fake_time.ts";
import { Random } from "../_random.ts";
import { reportsOf } from "../_reports.ts";
import { settle } from "./_wait.ts";

/** The lines of what a session has captured and nobody has read; the session must not be waited for. */
async function linesOf(session: TapSession): Promise<string[]> {
  return session.size === 0 ? [] : (await session.receiveBatch(1_000)).map((event) => event.line);
}

/** What a session has lost and what it has not, and what is still in it. */
function countsOf(session: TapSession): { captured: number; dropped: number; size: number } {
  const { captured, dropped, size } = session;
  return { captured, dropped, size };
}

const NO_STATS = {
  active: 0,
  opened: 0,
  refused: 0,
  captured: 0,
  dropped: 0,
  unwritable: 0,
  misdirected: 0,
};

test("Tap has the stages raw and decoded, and sessions of five minutes, by default", () => {
  const tap = new Tap();
  assertEquals(tap.stages, ["raw", "decoded"]);
  assertEquals(tap.maxDurationMs, 300_000);
  assertEquals(tap.sessions, []);
  assertFalse(tap.closed);
  assertEquals(tap.stats(), NO_STATS);
});

test("Tap refuses bounds that are none, naming option and value", () => {
  const least: readonly (readonly [keyof TapOptions<string>, number])[] = [
    ["bufferEvents", 1],
    ["maxBytes", 1],
    ["maxSessions", 0],
    ["backlog", 0],
  ];
  for (const [name, lowest] of least) {
    for (const value of [lowest - 1, -1, 1.5, NaN, Infinity, 2 ** 53, "8"]) {
      assertThrows(
        () => new Tap({ [name]: value }),
        RangeError,
        `Cannot create Tap: ${name} must be an integer of at least ${lowest}, received ${
          JSON.stringify(value) === "null" ? value : JSON.stringify(value)
        }`,
      );
    }
    new Tap({ [name]: lowest });
  }
});

test("Tap refuses a maxDurationMs that no timer can wait", () => {
  for (const maxDurationMs of [-1, NaN, Infinity, 2_147_483_648]) {
    assertThrows(
      () => new Tap({ maxDurationMs }),
      RangeError,
      `Cannot create Tap: maxDurationMs must be from 0 to 2147483647 ms, received ${maxDurationMs}`,
    );
  }
  assertEquals(new Tap({ maxDurationMs: 2_147_483_647 }).maxDurationMs, 2_147_483_647);
  assertEquals(new Tap({ maxDurationMs: 0 }).maxDurationMs, 0);
});

test("Tap refuses no stage, and a format that does not exist", () => {
  assertThrows(
    () => new Tap({ stages: {} }),
    RangeError,
    "Cannot create Tap: it needs a stage, received 0",
  );
  assertThrows(
    () => new Tap({ stages: { a: "json", b: "xml" as "json" } }),
    TypeError,
    'Cannot create Tap: the format of stage "b" must be text or json, received "xml"',
  );
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
  assertEquals(tap.stats(), { ...NO_STATS, active: 2, opened: 2, refused: 2 });
});

test("Tap.open() refuses all with maxSessions 0", () => {
  using tap = new Tap({ maxSessions: 0 });
  assertStrictEquals(tap.open({ stage: "raw" }), undefined);
  assertEquals(tap.stats(), { ...NO_STATS, refused: 1 });
});

test("A session that leaves its scope frees its place (dropping_handle_deregisters_session)", () => {
  using tap = new Tap({ maxSessions: 1 });
  {
    using session = tap.open({ stage: "raw" })!;
    assertEquals([tap.stats().active, session.reason], [1, undefined]);
  }
  assertEquals(tap.stats().active, 0);
  assert(tap.open({ stage: "raw" }) !== undefined);
  assertEquals(tap.stats(), { ...NO_STATS, active: 1, opened: 2 });
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
  assertEquals(tap.stats(), { ...NO_STATS, active: 1, opened: 1, captured: 3, dropped: 1 });
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

test("Tap.open() refuses what it cannot use, and opens nothing", () => {
  using tap = new Tap({ maxDurationMs: 1_000 });
  const usable = { stage: "raw" } as const;
  const refused: readonly (readonly [TapOpenOptions<"raw">, string])[] = [
    [{ stage: "bogus" as "raw" }, 'stage must be one of raw, decoded, received "bogus"'],
    [{ stage: "__proto__" as "raw" }, 'stage must be one of raw, decoded, received "__proto__"'],
    [{ ...usable, limit: -1 }, "limit must be an integer of at least 0, received -1"],
    [{ ...usable, limit: 1.5 }, "limit must be an integer of at least 0, received 1.5"],
    [{ ...usable, limit: NaN }, "limit must be an integer of at least 0, received NaN"],
    [{ ...usable, backlog: -1 }, "backlog must be an integer of at least 0, received -1"],
    [{ ...usable, backlog: NaN }, "backlog must be an integer of at least 0, received NaN"],
    [{ ...usable, durationMs: -1 }, "durationMs must be from 0 to 1000 ms, received -1"],
    [{ ...usable, durationMs: NaN }, "durationMs must be from 0 to 1000 ms, received NaN"],
    [{ ...usable, durationMs: 1_001 }, "durationMs must be from 0 to 1000 ms, received 1001"],
  ];
  for (const [options, message] of refused) {
    assertThrows(() => tap.open(options), RangeError, `Cannot open tap session: ${message}`);
  }
  assertEquals(tap.stats(), NO_STATS);
  assert(tap.open({ ...usable, durationMs: 1_000, limit: Infinity, backlog: Infinity }));
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

test("Tap.offer() writes an event once, and all sessions share it", async () => {
  using tap = new Tap();
  const sessions = [tap.open({ stage: "decoded" })!, tap.open({ stage: "decoded" })!];
  let calls = 0;
  tap.offer("decoded", () => ({ calls: ++calls }));
  const [first, second] = await Promise.all(sessions.map((session) => session.receiveBatch(9)));
  assertStrictEquals(first![0], second![0]);
  assertEquals(first![0]!.line, '{"calls":1}');
  assertEquals(calls, 1);
});

test("Tap.offer() numbers events over all stages and says when they came", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: 10 });
  const session = tap.open({ stage: "decoded" })!;
  tap.offer("decoded", "a");
  tap.offer("raw", "between");
  time.pass(1_234);
  tap.offer("decoded", "b");
  assertEquals(await session.receiveBatch(9), [
    { seq: 1, time: 1_000_000, stage: "decoded", line: '"a"' },
    { seq: 3, time: 1_001_234, stage: "decoded", line: '"b"' },
  ]);
});

test("Tap.offer() never calls a function that nobody listens to", () => {
  using tap = new Tap({ maxSessions: 3 });
  let calls = 0;
  const make = (): number => ++calls;
  const offer = (): void => {
    tap.offer("raw", make);
    tap.offer("decoded", make);
    tap.offer("bogus" as "raw", make);
  };
  offer();
  assertEquals(calls, 0);
  const session = tap.open({ stage: "raw" })!;
  offer();
  assertEquals(calls, 1);
  session.close();
  offer();
  assertEquals(calls, 1);
  tap.open({ stage: "decoded", limit: 1 });
  offer();
  assertEquals(calls, 2);
  // Its limit is reached.
  offer();
  assertEquals(calls, 2);
  tap.open({ stage: "decoded" });
  tap.close();
  offer();
  assertEquals(calls, 2);
});

test("Tap.offer() calls functions at every stage for a backlog, until the tap is closed", () => {
  const tap = new Tap({ backlog: 1 });
  let calls = 0;
  tap.offer("raw", () => ++calls);
  tap.offer("decoded", () => ++calls);
  tap.close();
  tap.offer("raw", () => ++calls);
  assertEquals(calls, 2);
});

const CYCLE: { self?: unknown } = {};
CYCLE.self = CYCLE;

/** Values that cannot be written. */
const UNWRITABLE: readonly unknown[] = [
  1n,
  { id: 1n },
  CYCLE,
  { toJSON: () => 1n },
  {
    toJSON() {
      throw new Error("no JSON");
    },
  },
  {
    get field(): never {
      throw new Error("no field");
    },
  },
  () => {
    throw new Error("no event");
  },
  () => {
    throw undefined;
  },
  class NeedsNew {},
];

test("Tap.offer() never throws, and counts what cannot be written as dropped", async () => {
  for (const backlog of [0, 4]) {
    for (const stage of ["raw", "decoded"] as const) {
      using tap = new Tap({ backlog });
      for (const value of UNWRITABLE) tap.offer(stage, value);
      const kept = backlog > 0 ? UNWRITABLE.length : 0;
      assertEquals(tap.stats(), { ...NO_STATS, unwritable: kept });

      const session = tap.open({ stage })!;
      for (const value of UNWRITABLE) tap.offer(stage, value);
      const dropped = UNWRITABLE.length;
      assertEquals(countsOf(session), { captured: 0, dropped, size: 0 });
      assertEquals(session.missed, kept);
      const unwritable = kept + UNWRITABLE.length;
      assertEquals(tap.stats(), { ...NO_STATS, active: 1, opened: 1, dropped, unwritable });
      tap.offer(stage, "still here");
      assertMatch((await linesOf(session))[0]!, /^"?still here"?$/);
    }
  }
});

test("Tap.offer() does not take a promise for an event, and lets none fail unseen", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded" })!;
  tap.offer("decoded", Promise.resolve(1));
  tap.offer("decoded", () => Promise.reject(new Error("no event")));
  await settle();
  assertEquals(countsOf(session), { captured: 0, dropped: 2, size: 0 });
  assertEquals(tap.stats().unwritable, 2);
});

test("Tap.offer() counts events at a stage that does not exist, while it listens at all", () => {
  using tap = new Tap();
  for (const stage of ["bogus", "", "__proto__", "toString", undefined, null, 1, Symbol("raw")]) {
    tap.offer(stage as "raw", "x");
  }
  // Nobody listens: one comparison is all that an offer costs.
  assertEquals(tap.stats().misdirected, 0);
  const session = tap.open({ stage: "raw" })!;
  for (const stage of ["bogus", "", "__proto__", "toString", undefined, null, 1, Symbol("raw")]) {
    tap.offer(stage as "raw", "x");
  }
  assertEquals(tap.stats().misdirected, 8);
  assertEquals(countsOf(session), { captured: 0, dropped: 0, size: 0 });
});

test("Tap.offer() captures a value as it was, whatever happens to it afterwards", async () => {
  using tap = new Tap({ backlog: 1 });
  const session = tap.open({ stage: "decoded" })!;
  const value = { list: [1], nested: { name: "before" } };
  tap.offer("decoded", value);
  tap.offer("decoded", () => value);
  value.list.push(2);
  value.nested.name = "after";
  const before = '{"list":[1],"nested":{"name":"before"}}';
  assertEquals(await linesOf(session), [before, before]);
  assertEquals(await linesOf(tap.open({ stage: "decoded" })!), [before]);
});

test("Tap.offer() writes one visible line, whatever the value is", async () => {
  const cases: readonly (readonly [unknown, string, string])[] = [
    // value, at a stage of text, at a stage of JSON
    ["plain text", "plain text", '"plain text"'],
    ["  kept  \t", "  kept  \t", '"  kept  \\t"'],
    ['{"a":1}', '{"a":1}', '"{\\"a\\":1}"'],
    ["two\nlines", '"two\\nlines"', '"two\\nlines"'],
    ["bare\rreturn", '"bare\\rreturn"', '"bare\\rreturn"'],
    ["ends\n", '"ends\\n"', '"ends\\n"'],
    ["", '""', '""'],
    [" \t", '" \\t"', '" \\t"'],
    ["\u2028", '"\u2028"', '"\u2028"'],
    [{ a: "x\ny" }, '{"a":"x\\ny"}', '{"a":"x\\ny"}'],
    [[1, undefined], "[1,null]", "[1,null]"],
    [0, "0", "0"],
    [NaN, "null", "null"],
    [null, "null", "null"],
    [undefined, "null", "null"],
    [Symbol("s"), "null", "null"],
    [new Date(0), '"1970-01-01T00:00:00.000Z"', '"1970-01-01T00:00:00.000Z"'],
    [() => "made", "made", '"made"'],
    [() => "made\r\n", '"made\\r\\n"', '"made\\r\\n"'],
    [() => () => 1, "null", "null"],
  ];
  for (const [value, text, json] of cases) {
    using tap = new Tap();
    const sessions = [tap.open({ stage: "raw" })!, tap.open({ stage: "decoded" })!];
    tap.offer("raw", value);
    tap.offer("decoded", value);
    assertEquals(await Promise.all(sessions.map(linesOf)), [[text], [json]]);
    for (const line of [text, json]) assertFalse(/[\n\r]/.test(line));
  }
});

test("Tap.offer() inside the function of another offer comes before it", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "raw" })!;
  tap.offer("raw", () => {
    tap.offer("raw", "inner");
    return "outer";
  });
  const events = await session.receiveBatch(9);
  assertEquals(events.map(({ seq, line }) => [seq, line]), [[1, "inner"], [2, "outer"]]);
});

test("Sessions may open, end and be closed while an event is written", async () => {
  using tap = new Tap({ maxSessions: 9 });
  const closes = tap.open({ stage: "raw" })!;
  const limited = tap.open({ stage: "raw", limit: 1 })!;
  const stays = tap.open({ stage: "raw" })!;
  let opened: TapSession | undefined;
  tap.offer("raw", () => {
    closes.close();
    tap.offer("raw", "inner");
    opened = tap.open({ stage: "raw" })!;
    return "outer";
  });
  assertEquals(countsOf(closes), { captured: 0, dropped: 0, size: 0 });
  assertEquals(countsOf(limited), { captured: 1, dropped: 0, size: 1 });
  assertEquals(await linesOf(limited), ["inner"]);
  assertEquals(await linesOf(stays), ["inner", "outer"]);
  assertEquals(await linesOf(opened!), ["outer"]);
  assertEquals(tap.sessions, [stays, opened!]);
});

test("Sessions may open, end and be closed while an event is handed out", async () => {
  let later: TapSession | undefined;
  using tap: Tap = new Tap({
    maxSessions: 9,
    backlog: 5,
    onEnd: (session) => {
      if (session !== first) return;
      last.close();
      later = tap.open({ stage: "raw" });
    },
  });
  const first = tap.open({ stage: "raw", limit: 1 })!;
  const middle = tap.open({ stage: "raw" })!;
  const last = tap.open({ stage: "raw" })!;
  tap.offer("raw", "event");
  assertEquals([first.reason, middle.reason, last.reason], ["limit", undefined, "client"]);
  assertEquals(countsOf(last), { captured: 0, dropped: 0, size: 0 });
  assertEquals(await linesOf(middle), ["event"]);
  // From the backlog, and not a second time.
  assertEquals(await linesOf(later!), ["event"]);
  assertEquals(tap.sessions, [middle, later!]);
});

test("Tap calls onOpen before the first event and onEnd once for every session", () => {
  const calls: string[] = [];
  const tap = new Tap({
    onOpen: ({ id, stage, captured, reason }) =>
      calls.push(`open ${id} ${stage} ${captured} ${reason}`),
    onEnd: ({ id, captured, reason }) => calls.push(`end ${id} ${captured} ${reason}`),
  });
  const first = tap.open({ stage: "raw" })!;
  tap.open({ stage: "decoded", limit: 0 });
  tap.offer("raw", "x");
  first.close();
  first.close();
  tap.open({ stage: "raw" });
  tap.close("input");
  tap.close();
  assertEquals(calls, [
    "open 1 raw 0 undefined",
    "open 2 decoded 0 undefined",
    "end 2 0 limit",
    "end 1 1 client",
    "open 3 raw 0 undefined",
    "end 3 0 input",
  ]);
});

test("Tap.open() ends at once a session that onOpen closed, and arms no timer for it", () => {
  using time = new FakeTime();
  using tap = new Tap({ onOpen: (session) => session.close() });
  assertEquals(tap.open({ stage: "raw" })!.reason, "client");
  assertEquals([tap.stats().active, time.armed], [0, 0]);
});

test("Tap reports what onOpen and onEnd throw, and goes on", async () => {
  const problems = [new Error("open"), new Error("end")];
  const reports = await reportsOf(() => {
    using tap = new Tap({
      onOpen: () => {
        throw problems[0];
      },
      onEnd: () => {
        throw problems[1];
      },
    });
    const session = tap.open({ stage: "raw" })!;
    const other = tap.open({ stage: "raw" })!;
    tap.offer("raw", "x");
    tap.close();
    assertEquals([session.reason, other.reason], ["shutdown", "shutdown"]);
    assertEquals([session.captured, tap.stats().active], [1, 0]);
  });
  assertEquals(reports, [problems[0], problems[0], problems[1], problems[1]]);
});

test("Tap gives what onOpen and onEnd throw to onError, where there is one", async () => {
  const problem = new Error("log is full");
  const errors: unknown[] = [];
  const onOpen = (): never => {
    throw problem;
  };
  const reports = await reportsOf(() => {
    using tap = new Tap({ onOpen, onEnd: onOpen, onError: (error) => errors.push(error) });
    assertEquals(tap.open({ stage: "raw" })!.reason, undefined);
  });
  assertEquals([errors, reports], [[problem, problem], []]);
});

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
    assertEquals(tap.stats(), { ...NO_STATS, opened: 2, captured: 1 });
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

test("Tap keeps the last events of each stage for sessions that come later, in order", async () => {
  using tap = new Tap({ backlog: 3, maxSessions: 99 });
  const backlogOf = async (options: Omit<TapOpenOptions<"raw" | "decoded">, "stage"> = {}) => {
    using session = tap.open({ stage: "raw", ...options })!;
    return { missed: session.missed, lines: await linesOf(session) };
  };
  assertEquals(await backlogOf(), { missed: 0, lines: [] });
  tap.offer("raw", "1");
  tap.offer("decoded", "other");
  assertEquals(await backlogOf(), { missed: 0, lines: ["1"] });
  for (const line of ["2", "3"]) tap.offer("raw", line);
  assertEquals(await backlogOf(), { missed: 0, lines: ["1", "2", "3"] });
  for (const line of ["4", "5"]) tap.offer("raw", line);
  assertEquals(await backlogOf(), { missed: 2, lines: ["3", "4", "5"] });
  assertEquals(await backlogOf({ backlog: 0 }), { missed: 5, lines: [] });
  assertEquals(await backlogOf({ backlog: 2 }), { missed: 3, lines: ["4", "5"] });
  assertEquals(await backlogOf({ limit: 2 }), { missed: 3, lines: ["4", "5"] });
  assertEquals(await backlogOf({ backlog: 99 }), { missed: 2, lines: ["3", "4", "5"] });
  tap.offer("raw", "6");
  assertEquals(await backlogOf({ backlog: 1 }), { missed: 5, lines: ["6"] });
});

test("Tap bounds the backlog of a stage in bytes", async () => {
  using tap = new Tap({ backlog: 10, maxBytes: 12, maxSessions: 99 });
  const backlogOf = async () => {
    using session = tap.open({ stage: "raw" })!;
    return { missed: session.missed, lines: await linesOf(session) };
  };
  for (const line of ["ab", "cd", "ef"]) tap.offer("raw", line);
  assertEquals(await backlogOf(), { missed: 0, lines: ["ab", "cd", "ef"] });
  tap.offer("raw", "g");
  assertEquals(await backlogOf(), { missed: 1, lines: ["cd", "ef", "g"] });
  tap.offer("raw", "h");
  assertEquals(await backlogOf(), { missed: 1, lines: ["cd", "ef", "g", "h"] });
  tap.offer("raw", "12345");
  assertEquals(await backlogOf(), { missed: 4, lines: ["h", "12345"] });
  // One that could never fit drives nobody out.
  tap.offer("raw", "1234567");
  assertEquals(await backlogOf(), { missed: 5, lines: ["h", "12345"] });
  tap.offer("raw", "123456");
  assertEquals(await backlogOf(), { missed: 7, lines: ["123456"] });
});

test("A limit takes the newest of a longer backlog, unless told how much of it", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: 5 });
  for (const line of ["1", "2", "3", "4", "5"]) tap.offer("raw", line);
  const last = tap.open({ stage: "raw", limit: 2 })!;
  assertEquals([last.reason, last.captured, last.missed, time.armed], ["limit", 2, 3, 0]);
  assertEquals(await linesOf(last), ["4", "5"]);
  const session = tap.open({ stage: "raw", limit: 2, backlog: 99 })!;
  assertEquals([session.reason, session.captured, session.missed], ["limit", 2, 0]);
  assertEquals(await linesOf(session), ["1", "2"]);
  const newest = tap.open({ stage: "raw", limit: 3, backlog: 2 })!;
  tap.offer("raw", "6");
  tap.offer("raw", "7");
  assertEquals([newest.reason, newest.captured, newest.dropped], ["limit", 3, 0]);
  assertEquals(await linesOf(newest), ["4", "5"]);
  assertEquals(await linesOf(newest), ["6"]);
});

test("Tap keeps the right events however many there were", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const backlog = 1 + random.below(150);
    const maxBytes = random.pick([40, 400, 1_000_000]);
    using tap = new Tap({ backlog, maxBytes });
    let kept: string[] = [];
    for (let i = 0; i < 1_000; i++) {
      const line = `${i}`.padEnd(1 + random.below(10), "x");
      tap.offer("raw", line);
      kept.push(line);
      while (kept.length > backlog || 2 * kept.join("").length > maxBytes) kept = kept.slice(1);
      if (random.below(100) > 0) continue;
      using session = tap.open({ stage: "raw" })!;
      assertEquals(await linesOf(session), kept, `seed ${seed}`);
      assertEquals(session.missed, i + 1 - kept.length, `seed ${seed}`);
    }
  }
});

test("A backlog takes no room from new events", async () => {
  using tap = new Tap({ backlog: 4, bufferEvents: 2 });
  for (const line of ["1", "2", "3", "4"]) tap.offer("raw", line);
  const session = tap.open({ stage: "raw" })!;
  for (const line of ["5", "6", "7"]) tap.offer("raw", line);
  assertEquals(countsOf(session), { captured: 6, dropped: 1, size: 6 });
  const lines: string[] = [];
  while (session.size > 0) lines.push((await session.receiveBatch(3)).map((e) => e.line).join());
  assertEquals(lines, ["1,2,3", "4", "5,6"]);
  assertEquals(tap.stats(), { ...NO_STATS, active: 1, opened: 1, captured: 6, dropped: 1 });
});

// An error would take Deno longer than everything else here.
function fail(): never {
  throw "no event";
}

test("Every event offered while a session is open is captured or dropped, whatever happens", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const bufferEvents = 1 + random.below(5);
    const maxBytes = random.pick([8, 24, 1_000]);
    using time = new FakeTime();
    const ended: TapSession[] = [];
    const tap = new Tap({
      bufferEvents,
      maxBytes,
      maxSessions: 3,
      backlog: random.pick([0, 0, 2, 7]),
      onEnd: (session) => ended.push(session),
    });
    // What each session must have counted, by a second way of counting.
    const expected = new Map<TapSession, { offered: number; replayed: number; read: number }>();
    const readers: Promise<unknown>[] = [];
    let unwritable = 0;

    const open = (): void => {
      const stage = random.pick(["raw", "decoded"] as const);
      const limit = random.pick([Infinity, Infinity, 0, 1, 5]);
      const session = tap.open({ stage, limit, durationMs: random.pick([5, 50, 1_000]) });
      if (session === undefined) {
        assertEquals(tap.stats().active, 3);
        return;
      }
      const counts = { offered: 0, replayed: session.captured, read: 0 };
      expected.set(session, counts);
      // Half of the sessions have a reader that takes all it can, the others are read now and then.
      if (random.below(2) === 0) return;
      readers.push((async () => {
        for await (const _event of session) counts.read++;
      })());
    };
    const offer = (): void => {
      const stage = random.pick(["raw", "decoded"] as const);
      const isWritable = random.below(8) > 0;
      const listening = tap.sessions.filter((session) => session.stage === stage);
      for (const session of listening) expected.get(session)!.offered++;
      const before = tap.stats().unwritable;
      tap.offer(stage, isWritable ? "x".repeat(1 + random.below(8)) : fail);
      unwritable += tap.stats().unwritable - before;
    };
    const read = async (): Promise<void> => {
      const [session] = [...expected.keys()].filter((other) => other.size > 0);
      if (session === undefined) return;
      const { length } = await session.receiveBatch(1 + random.below(3));
      expected.get(session)!.read += length;
    };

    for (let step = 0; step < 80; step++) {
      const action = random.below(20);
      if (action < 2) open();
      else if (action < 15) offer();
      else if (action < 17) await read();
      else if (action < 18) time.pass(random.below(30));
      else if (action < 19 && tap.sessions.length > 0) random.pick(tap.sessions).close();
      else for (let tick = 0; tick < 20; tick++) await undefined;
      for (const [session, { offered, replayed }] of expected) {
        assertEquals(session.captured + session.dropped, offered + replayed, `seed ${seed}`);
        assert(session.size <= bufferEvents + replayed, `seed ${seed}`);
      }
    }
    tap.close();
    await Promise.all(readers);
    let captured = 0;
    let dropped = 0;
    for (const [session, { offered, replayed, read }] of expected) {
      assertEquals(session.captured, read + session.size, `seed ${seed}`);
      assertEquals(session.captured + session.dropped, offered + replayed, `seed ${seed}`);
      captured += session.captured;
      dropped += session.dropped;
    }
    const stats = tap.stats();
    assertEquals([stats.captured, stats.dropped], [captured, dropped], `seed ${seed}`);
    assertEquals([stats.active, stats.opened], [0, expected.size], `seed ${seed}`);
    assertEquals(stats.unwritable, unwritable, `seed ${seed}`);
    assertEquals(new Set(ended).size, expected.size, `seed ${seed}`);
    assertEquals(ended.length, expected.size, `seed ${seed}`);
    assertEquals(time.armed, 0, `seed ${seed}`);
  }
});
