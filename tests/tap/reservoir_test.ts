import { assert, assertEquals } from "@std/assert";
import { Tap, type TapOptions, type TapSession } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { assertStats, linesOf } from "./_sessions.ts";

function tapWith(seed: number, options: TapOptions<"raw"> = {}): Tap<"raw"> {
  const random = new Random(seed);
  return new Tap({ stages: { raw: "text" }, random: () => random.next(), ...options });
}

function offer(tap: Tap<"raw">, from: number, count: number): void {
  for (let id = from; id < from + count; id++) tap.offer("raw", `${id}`);
}

/** How many events come in each eighth of an interval, in which nothing is offered. */
function releases(time: FakeTime, session: TapSession, intervalMs: number): number[] {
  return Array.from({ length: 8 }, () => {
    const before = session.captured;
    time.pass(intervalMs / 8);
    return session.captured - before;
  });
}

test("A reservoir takes so many of each interval, and gives them spread over the next", () => {
  using time = new FakeTime();
  using tap = tapWith(1);
  const session = tap.open({ stage: "raw", reservoir: 16, intervalMs: 800 })!;
  offer(tap, 0, 100);
  assertStats(session, { seen: 100, matched: 100, sampledOut: 84, held: 16 });
  time.pass(799);
  assertStats(session, { seen: 100, matched: 100, sampledOut: 84, held: 16 });
  time.pass(1);
  assertEquals(releases(time, session, 800), [2, 2, 2, 2, 2, 2, 2, 2]);
  assertStats(session, { seen: 100, matched: 100, sampledOut: 84, captured: 16, size: 16 });
  assertEquals(releases(time, session, 800), [0, 0, 0, 0, 0, 0, 0, 0]);
});

test("An interval of a reservoir is 500 ms, unless told otherwise", () => {
  using time = new FakeTime();
  using tap = tapWith(1);
  const session = tap.open({ stage: "raw", reservoir: 8 })!;
  offer(tap, 0, 8);
  time.pass(500);
  assertEquals(session.captured, 0);
  assertEquals(releases(time, session, 500), [1, 1, 1, 1, 1, 1, 1, 1]);
});

test("A reservoir never gives more than its size in an interval, and all of it in the end", () => {
  for (const [seed, size] of [1, 2, 3, 5, 7, 8, 9, 20, 33].entries()) {
    using time = new FakeTime();
    using tap = tapWith(seed);
    const random = new Random(seed);
    const session = tap.open({ stage: "raw", reservoir: size, intervalMs: 800 })!;
    let before = 0;
    let chosen = 0;
    for (let interval = 0; interval < 10; interval++) {
      for (let part = 0; part < 8; part++) {
        offer(tap, 0, random.below(9));
        time.pass(100);
        const { held } = session.stats();
        // What is being given out, and what is being chosen.
        assert(held <= 2 * size, `size ${size}`);
      }
      const { captured } = session.stats();
      assert(captured - before <= size, `size ${size}`);
      before = captured;
      chosen = captured + session.stats().held;
    }
    time.pass(1_600);
    assertEquals([session.captured, session.stats().held], [chosen, 0], `size ${size}`);
  }
});

test("A reservoir keeps what it chooses in the order in which it came", async () => {
  for (let seed = 0; seed < 50; seed++) {
    using time = new FakeTime();
    using tap = tapWith(seed);
    const session = tap.open({ stage: "raw", reservoir: 7, intervalMs: 800 })!;
    for (let interval = 0; interval < 4; interval++) {
      offer(tap, 100 * interval, 60);
      time.pass(800);
    }
    session.close();
    const ids = (await linesOf(session)).map(Number);
    assertEquals(ids, ids.toSorted((a, b) => a - b), `seed ${seed}`);
    assertEquals(Map.groupBy(ids, (id) => Math.floor(id / 100)).size, 4, `seed ${seed}`);
  }
});

test("A reservoir takes each event as likely as any other", async () => {
  const places = 40;
  const rounds = 2_000;
  for (const size of [1, 5, 20]) {
    using tap = tapWith(size);
    const counts = Array.from({ length: places }, () => 0);
    for (let round = 0; round < rounds; round++) {
      const session = tap.open({ stage: "raw", reservoir: size })!;
      offer(tap, 0, places);
      session.close();
      for (const id of await linesOf(session)) counts[Number(id)]!++;
    }
    const expected = rounds * size / places;
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2, 0) /
      (expected * (1 - size / places));
    // With 39 degrees of freedom, one in ten thousand is as large.
    assert(chi < 82, `size ${size}: ${chi}`);
    assert(chi > 12, `size ${size}: more even than chance is, ${chi}`);
  }
});

test("What a reservoir holds at the end is given out, as far as there is room and the limit allows", async () => {
  const ends: readonly ((tap: Tap<"raw">, session: TapSession, time: FakeTime) => void)[] = [
    (_tap, session) => session.close(),
    (tap) => tap.close("input"),
    (tap) => tap.disable(),
    (tap, session) => void tap.kill(session.id),
    (_tap, _session, time) => time.pass(2_000),
  ];
  for (const end of ends) {
    using time = new FakeTime();
    using tap = tapWith(1, { maxDurationMs: 1_000 });
    // Longer than the session, so that nothing was given out before its end.
    const session = tap.open({ stage: "raw", reservoir: 3, intervalMs: 60_000 })!;
    offer(tap, 0, 2);
    end(tap, session, time);
    assertStats(session, { seen: 2, matched: 2, captured: 2, size: 2 });
    assertEquals(await linesOf(session), ["0", "1"]);
    assertEquals(time.armed, 0);
  }
});

test("What a reservoir holds beyond the room at the end is dropped and counted", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    using time = new FakeTime();
    using tap = tapWith(1, { bufferEvents: 3 });
    const session = tap.open({ stage: "raw", reservoir: 3, intervalMs: 800, overflow })!;
    offer(tap, 0, 3);
    time.pass(800);
    time.pass(800);
    assertEquals(session.size, 3);
    offer(tap, 3, 2);
    session.close();
    assertStats(session, { seen: 5, matched: 5, dropped: 2, captured: 3, size: 3 });
    const kept = overflow === "drop-newest" ? ["0", "1", "2"] : ["2", "3", "4"];
    assertEquals(await linesOf(session), kept);
  }
});

test("A limit ends a session in the middle of what a reservoir gives out", async () => {
  using time = new FakeTime();
  const ended: unknown[] = [];
  using tap = tapWith(1, {
    audit: (record) => {
      if (record.type === "ended") ended.push(record.session.stats());
    },
  });
  const session = tap.open({ stage: "raw", reservoir: 16, intervalMs: 800, limit: 5 })!;
  offer(tap, 0, 16);
  time.pass(1_600);
  assertEquals([session.reason, session.captured, time.armed], ["limit", 5, 0]);
  assertEquals(await linesOf(session), ["0", "1", "2", "3", "4"]);
  assertStats(session, { seen: 16, matched: 16, dropped: 11, captured: 5 });
  // Nothing changes any more behind the record of its end.
  assertEquals(ended, [{ ...session.stats(), size: 5 }]);
});

test("The bytes of a session end it in the middle of what a reservoir gives out", async () => {
  using time = new FakeTime();
  using tap = tapWith(1);
  const session = tap.open({ stage: "raw", reservoir: 16, intervalMs: 800, maxBytes: 10 })!;
  offer(tap, 0, 9);
  time.pass(1_600);
  assertEquals([session.reason, session.captured], ["bytes", 5]);
  assertEquals(await linesOf(session), ["0", "1", "2", "3", "4"]);
  assertStats(session, { seen: 9, matched: 9, dropped: 4, captured: 5 });
});

test("With a rate, a reservoir gives out what the rate allows", () => {
  using time = new FakeTime();
  using tap = tapWith(1);
  const session = tap.open({ stage: "raw", reservoir: 16, intervalMs: 800, rate: 5 })!;
  offer(tap, 0, 16);
  time.pass(800);
  // Two at a time; five may come at once, and then one more every 200 ms.
  assertEquals(releases(time, session, 800), [2, 2, 2, 0, 1, 0, 1, 0]);
  assertStats(session, { seen: 16, matched: 16, rateLimited: 8, captured: 8, size: 8 });
});

test("A reservoir chooses from what where wants, and takes a backlog as it is", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: 3 });
  for (let id = 0; id < 4; id++) tap.offer("decoded", { id });
  const session = tap.open({ stage: "decoded", reservoir: 1, where: "id >= 2" })!;
  assertStats(session, { seen: 3, matched: 2, captured: 2, size: 2 });
  tap.offer("decoded", { id: 1 });
  tap.offer("decoded", { id: 5 });
  assertStats(session, { seen: 5, matched: 3, captured: 2, size: 2, held: 1 });
  time.pass(2_000);
  assertEquals(await linesOf(session), ['{"id":2}', '{"id":3}', '{"id":5}']);
});

test("What a reservoir cannot write takes no place in it", async () => {
  using tap = tapWith(1);
  const session = tap.open({ stage: "raw", reservoir: 2 })!;
  tap.offer("raw", "a");
  tap.offer("raw", 1n);
  tap.offer("raw", "b");
  assertStats(session, { seen: 3, matched: 3, dropped: 1, unshown: 1, held: 2 });
  session.close();
  assertEquals(await linesOf(session), ["a", "b"]);
});

test("What is offered while a reservoir's event is being written finds a place of its own", async () => {
  using tap = tapWith(1);
  const session = tap.open({ stage: "raw", reservoir: 4 })!;
  tap.offer("raw", () => {
    tap.offer("raw", "inner");
    return "outer";
  });
  assertStats(session, { seen: 2, matched: 2, held: 2 });
  session.close();
  assertEquals((await linesOf(session)).toSorted(), ["inner", "outer"]);
});
