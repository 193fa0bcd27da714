import { assert, assertEquals } from "@std/assert";
import { Tap, type TapOpenOptions } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { assertStats, countsIn, countsOf, eventsOf, linesOf, NO_STATS } from "./_sessions.ts";

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
  assertEquals(await linesOf(newest), ["4", "5", "6"]);
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
  assertEquals(countsIn(tap.stats()), {
    ...NO_STATS,
    active: 1,
    opened: 1,
    captured: 6,
    dropped: 1,
  });
});

function offer(tap: Tap, ...lines: readonly string[]): void {
  for (const line of lines) tap.offer("raw", line);
}

test("A backlog is bounded in events and in bytes of its own", async () => {
  using tap = new Tap({ backlog: { events: 3, maxBytes: 20 }, maxBytes: 8, maxSessions: 9 });
  offer(tap, "1234", "12345", "1");
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), ["1234", "12345", "1"]);
  offer(tap, "2");
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), ["12345", "1", "2"]);
  offer(tap, "1234567");
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), ["1", "2", "1234567"]);
});

test("A backlog counts what is told with events in its bytes", async () => {
  using tap = new Tap({ backlog: { events: 9, maxBytes: 40 } });
  tap.offer("raw", "first");
  tap.offer("raw", "second", { trace: 1 });
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), ["second"]);
});

test("A backlog forgets what is too old, when the next event comes or a session is opened", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: { events: 9, maxAgeMs: 1_000 }, maxSessions: 9 });
  offer(tap, "0");
  time.pass(600);
  offer(tap, "600");
  time.pass(400);
  const atTheEdge = tap.open({ stage: "raw" })!;
  assertEquals([await linesOf(atTheEdge), atTheEdge.missed], [["0", "600"], 0]);
  time.pass(1);
  const behind = tap.open({ stage: "raw" })!;
  assertEquals([await linesOf(behind), behind.missed], [["600"], 1]);
  time.pass(10_000);
  const late = tap.open({ stage: "raw" })!;
  assertEquals([await linesOf(late), late.missed], [[], 2]);
  offer(tap, "10601");
  assertEquals(await linesOf(tap.open({ stage: "raw" })!), ["10601"]);
});

test("A backlog gives the newest events that a session wants, however far back they are", async () => {
  using tap = new Tap({ backlog: 100, maxSessions: 9 });
  for (let id = 0; id < 100; id++) tap.offer("decoded", { id, rare: id % 30 === 0 });
  const session = tap.open({ stage: "decoded", where: "rare", backlog: 2 })!;
  assertEquals(await linesOf(session), ['{"id":60,"rare":true}', '{"id":90,"rare":true}']);
  // Forty were looked at for two; what lies before these was missed, wanted or not.
  assertStats(session, { seen: 40, matched: 2, captured: 2 });
  assertEquals(session.missed, 60);
  const all = tap.open({ stage: "decoded", where: "rare" })!;
  assertEquals([all.captured, all.stats().seen, all.missed], [4, 100, 0]);
  const none = tap.open({ stage: "decoded", where: "id > 100", backlog: 5 })!;
  assertEquals([none.captured, none.stats().seen, none.missed], [0, 100, 0]);
});

test("What was kept comes before what is new, each once and in order", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    using tap = new Tap({ backlog: 1 + random.below(20), maxSessions: 9 });
    const stages = random.pick([["raw"], ["raw", "decoded"], ["*"]] as const);
    const sessions = [];
    for (let id = 0; id < 60; id++) {
      tap.offer(random.pick(["raw", "decoded"]), { id });
      if (random.below(15) === 0 && sessions.length < 9) {
        sessions.push(tap.open({ stage: stages })!);
      }
    }
    for (const session of sessions) {
      const events = await eventsOf(session);
      const seqs = events.map(({ seq }) => seq);
      assertEquals(seqs, seqs.toSorted((a, b) => a - b), `seed ${seed}`);
      assertEquals(new Set(seqs).size, seqs.length, `seed ${seed}`);
      assert(events.every(({ stage }) => session.stages.includes(stage)), `seed ${seed}`);
      const ids = events.map(({ line }) => (JSON.parse(line) as { id: number }).id);
      if (session.stages.length === 1) continue;
      // Of all stages nothing is missing behind the last that one of them has forgotten.
      assertEquals(ids.at(-1), 59, `seed ${seed}`);
      assertEquals(session.missed, 60 - ids.length, `seed ${seed}`);
    }
  }
});

test("The events that several stages have kept come in the order in which they were offered", async () => {
  using tap = new Tap({ backlog: 2 });
  for (const [index, stage] of (["raw", "decoded", "raw", "raw", "decoded"] as const).entries()) {
    tap.offer(stage, index);
  }
  const session = tap.open({ stage: ["decoded", "raw"] })!;
  assertEquals((await eventsOf(session)).map(({ seq }) => seq), [2, 3, 4, 5]);
  assertEquals(session.missed, 1);
  const two = tap.open({ stage: "*", backlog: 2 })!;
  assertEquals((await eventsOf(two)).map(({ seq }) => seq), [4, 5]);
  assertEquals(two.missed, 3);
});

test("A backlog holds events, not what was made of them for a session", async () => {
  using tap = new Tap({ backlog: 2, maxSessions: 9 });
  const session = tap.open({ stage: "decoded", fields: ["a"], maxEventBytes: 128 })!;
  tap.offer("decoded", { a: 1, b: "x".repeat(200) });
  assertEquals(await linesOf(session), ['{"a":1}']);
  const later = tap.open({ stage: "decoded" })!;
  assertEquals(await linesOf(later), [`{"a":1,"b":"${"x".repeat(200)}"}`]);
});

test("What could not be written is missing in a backlog, and nobody misses it", async () => {
  using tap = new Tap({ backlog: 5 });
  tap.offer("raw", "a");
  tap.offer("raw", 1n);
  tap.offer("raw", "b");
  const session = tap.open({ stage: "raw" })!;
  assertEquals([await linesOf(session), session.missed], [["a", "b"], 0]);
});

test("Events of text that a backlog keeps match as they did when they were offered", async () => {
  const lines = ['{"a":1}', '{"a":\n1}', "plain", '"quoted"', "a\nb", "7"];
  for (const where of ["a == 1", "not a == 1", "exists a", '$ contains "a"', '$ == "7"']) {
    using tap = new Tap({ backlog: 9 });
    const live = tap.open({ stage: "raw", where })!;
    offer(tap, ...lines);
    assertEquals(await linesOf(tap.open({ stage: "raw", where })!), await linesOf(live), where);
  }
});
