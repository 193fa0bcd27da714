// deno-lint-ignore-file camelcase -- these are names on the wire.
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { assertStats, countsIn, countsOf, eventsOf, linesOf, NO_STATS } from "./_sessions.ts";

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

interface Truncated {
  readonly weir_truncated: { readonly bytes: number; readonly text: string };
}

/** Checks that a line is the longest beginning of another that has room, and a whole JSON value. */
function assertCut(cut: string, line: string, maxBytes: number, when: string): void {
  assert(utf8Length(cut) <= maxBytes, `${when}: ${utf8Length(cut)} bytes`);
  const { bytes, text } = (JSON.parse(cut) as Truncated).weir_truncated;
  assertEquals(JSON.parse(cut), { "weir_truncated": { bytes, text } }, when);
  assertEquals(bytes, utf8Length(line), when);
  assert(line.startsWith(text), `${when}: ${text}`);
  assertEquals(text.isWellFormed(), true, when);
  const [next] = line.slice(text.length);
  assert(next !== undefined, when);
  const point = line.codePointAt(text.length)!;
  const longer = JSON.stringify({
    "weir_truncated": { bytes, text: text + String.fromCodePoint(point) },
  });
  assert(utf8Length(longer) > maxBytes, `${when}: there was room for more`);
}

test("Of an event that has too many bytes, a session gets the beginning, marked as such", async () => {
  using tap = new Tap({ maxEventBytes: 128 });
  const session = tap.open({ stage: "raw" })!;
  tap.offer("raw", "x".repeat(128));
  tap.offer("raw", "y".repeat(129));
  const [whole, cut] = await eventsOf(session);
  assertEquals([whole!.line, whole!.isText], ["x".repeat(128), true]);
  assertEquals(
    cut!.line,
    `{"weir_truncated":{"bytes":129,"text":"${"y".repeat(128 - 42)}"}}`,
  );
  assertEquals([cut!.isText, cut!.seq, utf8Length(cut!.line)], [false, 2, 128]);
  assertStats(session, { seen: 2, matched: 2, captured: 2, truncated: 1 });
});

test("What is cut off is a line of JSON within the bound, whatever the event", async () => {
  const alphabets = [
    ["a"],
    ["\\", '"', "a"],
    ["\u0001", "\u001f", "b"],
    ["é", "ß"],
    ["€", "\u2028", "\u2029"],
    ["😀", "👩‍👩‍👧"],
    ["😀", "\u0000", '"', "é", "€", "z"],
  ];
  const random = new Random(5);
  for (let round = 0; round < 400; round++) {
    const maxEventBytes = 128 + random.below(random.pick([4, 300]));
    const letters = random.pick(alphabets);
    const length = 20 + random.below(400);
    const text = Array.from({ length }, () => random.pick(letters)).join("");
    using tap = new Tap({ maxEventBytes });
    const sessions = [tap.open({ stage: "raw" })!, tap.open({ stage: "decoded" })!];
    tap.offer("raw", text);
    tap.offer("decoded", { text });
    for (const [index, session] of sessions.entries()) {
      const [event] = await eventsOf(session);
      const line = index === 0 ? text : JSON.stringify({ text });
      const when = `round ${round}, session ${index}`;
      if (utf8Length(line) <= maxEventBytes) {
        assertEquals([event!.line, session.stats().truncated], [line, 0], when);
      } else {
        assertCut(event!.line, line, maxEventBytes, when);
        assertEquals(session.stats().truncated, 1, when);
      }
    }
  }
});

test("Half of a pair in an event does not make a broken line of it", async () => {
  using tap = new Tap({ maxEventBytes: 128 });
  const session = tap.open({ stage: "raw" })!;
  const high = "\ud83d";
  for (const text of [high.repeat(200), `${"x".repeat(86)}${high}${high}\ude00${"y".repeat(99)}`]) {
    tap.offer("raw", text);
    const [line] = await linesOf(session);
    assert(utf8Length(line!) <= 128);
    const { text: beginning } = (JSON.parse(line!) as Truncated).weir_truncated;
    assert(text.startsWith(beginning));
  }
});

test("A session may have events cut shorter than the tap does, and others not", async () => {
  using tap = new Tap({ maxEventBytes: 300, backlog: 1, maxSessions: 9 });
  const line = "x".repeat(250);
  tap.offer("raw", line);
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), [line]);
  const short = tap.open({ stage: "raw", maxEventBytes: 200 })!;
  const [event] = await eventsOf(short);
  assertCut(event!.line, line, 200, "from the backlog");
  assertStats(short, { seen: 1, matched: 1, captured: 1, truncated: 1 });
});

test("Only captured events count as truncated", () => {
  using tap = new Tap({ bufferEvents: 9, maxBytes: 300, maxEventBytes: 128 });
  const long = "x".repeat(200);
  const full = tap.open({ stage: "raw" })!;
  for (let i = 0; i < 3; i++) tap.offer("raw", long);
  assertStats(full, { seen: 3, matched: 3, captured: 1, dropped: 2, size: 1, truncated: 1 });
  // Of a backlog, too, of which only the oldest is taken here.
  using keeping = new Tap({ maxEventBytes: 128, backlog: 9 });
  for (let i = 0; i < 3; i++) keeping.offer("raw", long);
  const limited = keeping.open({ stage: "raw", limit: 1, backlog: 9, maxEventBytes: 128 })!;
  assertStats(limited, { seen: 1, matched: 1, captured: 1, size: 1, truncated: 1 });
});

test("maxBytes ends a session with the first event that has no room in it", async () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: "raw", maxBytes: 10 })!;
  // With its line end, and as UTF-8: 3 bytes and one, then 5 and one.
  tap.offer("raw", "€");
  tap.offer("raw", "éüx");
  assertEquals([session.reason, session.captured], [undefined, 2]);
  tap.offer("raw", "");
  assertEquals([session.reason, time.armed], ["bytes", 0]);
  assertStats(session, { seen: 3, matched: 3, captured: 2, dropped: 1, size: 2 });
  tap.offer("raw", "z");
  assertEquals(await linesOf(session), ["€", "éüx"]);
  assertEquals(session.stats().seen, 3);
});

test("maxBytes counts what a session gets, not what was offered", async () => {
  using tap = new Tap();
  const options = { stage: "decoded", fields: ["id"], where: "not skip", maxBytes: 27 } as const;
  const session = tap.open(options)!;
  for (let id = 0; id < 5; id++) {
    tap.offer("decoded", { id, body: "long".repeat(50) });
    tap.offer("decoded", { id, skip: true });
  }
  assertEquals([session.reason, await linesOf(session)], [
    "bytes",
    ['{"id":0}', '{"id":1}', '{"id":2}'],
  ]);
});

test("maxBytes holds for a backlog, of which the newest count first", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: 9, maxSessions: 9 });
  for (const line of ["111", "222", "333"]) tap.offer("raw", line);
  const fits = tap.open({ stage: "raw", maxBytes: 12 })!;
  assertEquals([fits.reason, fits.captured], [undefined, 3]);
  fits.close();
  const session = tap.open({ stage: "raw", maxBytes: 11 })!;
  assertEquals([session.reason, session.missed, time.armed], ["bytes", 0, 0]);
  assertStats(session, { seen: 3, matched: 3, captured: 2, dropped: 1, size: 2 });
  assertEquals(await linesOf(session), ["222", "333"]);
  const less = tap.open({ stage: "raw", maxBytes: 5 })!;
  assertEquals([less.reason, less.missed, await linesOf(less)], ["bytes", 1, ["333"]]);
});

test("drop-oldest keeps the newest, at every capacity, and counts what it lost", async () => {
  for (const bufferEvents of [1, 2, 3]) {
    using tap = new Tap({ bufferEvents });
    const session = tap.open({ stage: "raw", overflow: "drop-oldest" })!;
    const lines = Array.from({ length: 7 }, (_, id) => `${id}`);
    for (const [id, line] of lines.entries()) {
      tap.offer("raw", line);
      const size = Math.min(id + 1, bufferEvents);
      assertEquals(countsOf(session), { captured: size, dropped: id + 1 - size, size });
    }
    assertEquals(await linesOf(session), lines.slice(-bufferEvents));
    tap.offer("raw", "next");
    assertStats(session, {
      seen: 8,
      matched: 8,
      captured: bufferEvents + 1,
      dropped: 7 - bufferEvents,
      size: 1,
    });
  }
});

test("drop-oldest drops several small events for a large one, and no event for one that never fits", async () => {
  using tap = new Tap({ maxBytes: 12 });
  const session = tap.open({ stage: "raw", overflow: "drop-oldest" })!;
  for (const line of ["a", "b", "c", "d"]) tap.offer("raw", line);
  tap.offer("raw", "1234");
  assertStats(session, { seen: 5, matched: 5, captured: 3, dropped: 2, size: 3 });
  tap.offer("raw", "far too large");
  assertStats(session, { seen: 6, matched: 6, captured: 3, dropped: 3, size: 3 });
  assertEquals(await linesOf(session), ["c", "d", "1234"]);
});

test("drop-oldest leaves what was kept from before", async () => {
  using tap = new Tap({ bufferEvents: 1, backlog: 2 });
  for (const line of ["1", "2"]) tap.offer("raw", line);
  const session = tap.open({ stage: "raw", overflow: "drop-oldest" })!;
  for (const line of ["3", "4"]) tap.offer("raw", line);
  assertStats(session, { seen: 4, matched: 4, captured: 3, dropped: 1, size: 3 });
  assertEquals(await linesOf(session), ["1", "2", "4"]);
});

test("The limit of a session that drops the oldest counts what it keeps", async () => {
  using tap = new Tap({ bufferEvents: 2 });
  const session = tap.open({ stage: "raw", overflow: "drop-oldest", limit: 3 })!;
  for (const line of ["1", "2", "3", "4"]) tap.offer("raw", line);
  assertEquals([session.reason, session.captured], [undefined, 2]);
  assertEquals(await linesOf(session), ["3", "4"]);
  tap.offer("raw", "5");
  assertEquals([session.reason, session.captured, await linesOf(session)], ["limit", 3, ["5"]]);
});

test("A subject has as many sessions as one may, and others have theirs", () => {
  using tap = new Tap({ maxSessions: 5, maxSessionsPerSubject: 2 });
  const first = tap.open({ stage: "raw", subject: "ada" })!;
  assert(tap.open({ stage: "decoded", subject: "ada" }) !== undefined);
  assertStrictEquals(tap.open({ stage: "raw", subject: "ada" }), undefined);
  assert(tap.open({ stage: "raw", subject: "eve" }) !== undefined);
  // Nobody is no subject.
  assert(tap.open({ stage: "raw" }) !== undefined && tap.open({ stage: "raw" }) !== undefined);
  assertEquals(tap.stats().refusedBy.subject, 1);
  first.close();
  assert(tap.open({ stage: "raw", subject: "ada" }) !== undefined);
  assertStrictEquals(tap.open({ stage: "raw", subject: "eve" }), undefined);
  assertEquals(tap.stats().refusedBy.full, 1);
});

test("A tap may have sessions for nobody in particular only", () => {
  using tap = new Tap({ maxSessions: 2, maxSessionsPerSubject: 0 });
  assertStrictEquals(tap.open({ stage: "raw", subject: "ada" }), undefined);
  assert(tap.open({ stage: "raw" }) !== undefined);
  assertEquals(countsIn(tap.stats()), { ...NO_STATS, active: 1, opened: 1, refused: 1 });
});

test("maxBytes counts only events that found room", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    // Room for one event of two letters, or for two of one.
    using tap = new Tap({ maxBytes: 4 });
    const session = tap.open({ stage: "raw", maxBytes: 5, overflow })!;
    // None of these fits in the buffer.
    for (let id = 0; id < 9; id++) tap.offer("raw", "xxx");
    assertStats(session, { seen: 9, matched: 9, dropped: 9 });
    tap.offer("raw", "ab");
    assertEquals([session.reason, session.captured], [undefined, 1]);
    if (overflow === "drop-newest") {
      for (let id = 0; id < 9; id++) tap.offer("raw", "c");
      assertEquals([session.reason, session.dropped], [undefined, 18]);
      assertEquals(await linesOf(session), ["ab"]);
    }
    tap.offer("raw", "d");
    assertEquals([session.reason, session.size], [undefined, 1]);
    tap.offer("raw", "");
    assertEquals(session.reason, "bytes");
    assertEquals(await linesOf(session), ["d"]);
  }
});

test("maxBytes does not count what filters, chance, rates and a limit keep away", () => {
  using tap = new Tap({ bufferEvents: 2, maxSessions: 9, now: () => 0, random: () => 0.9 });
  const sessions = [
    tap.open({ stage: "raw", maxBytes: 4, where: '$ == "a"' })!,
    tap.open({ stage: "raw", maxBytes: 4, sample: 0.5 })!,
    tap.open({ stage: "raw", maxBytes: 4, rate: 2 })!,
    tap.open({ stage: "raw", maxBytes: 4 })!,
  ];
  for (const line of ["a", "b", "c", "a", "d", "e"]) tap.offer("raw", line);
  assertEquals(sessions.map(({ reason, captured }) => [reason, captured]), [
    [undefined, 2],
    [undefined, 0],
    [undefined, 2],
    [undefined, 2],
  ]);
});

test("maxBytes counts lines of counts by those that found room", () => {
  using time = new FakeTime();
  using tap = new Tap({ bufferEvents: 2, maxBytes: 100 });
  const session = tap.open({ stage: "decoded", countBy: "k", maxBytes: 1_000 })!;
  // A line of counts takes more than all the buffer has.
  for (let id = 0; id < 40; id++) {
    tap.offer("decoded", { k: "value" });
    time.pass(1_000);
  }
  assertEquals(session.reason, undefined);
  assertStats(session, { seen: 40, matched: 40, dropped: 40 });
});
