import { assert, assertEquals } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { HandClock } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { assertStats, linesOf } from "./_sessions.ts";

function tapWith(clock: HandClock): Tap {
  return new Tap({ now: () => clock.now(), maxSessions: 9, bufferEvents: 10_000 });
}

/** How many of so many events, offered at once, a rate lets through. */
function burst(tap: Tap, count: number): number {
  const [session] = tap.sessions;
  const before = session!.captured;
  for (let i = 0; i < count; i++) tap.offer("raw", "x");
  return session!.captured - before;
}

test("rate lets a second's worth through at once, and then so many a second", () => {
  const clock = new HandClock();
  using tap = tapWith(clock);
  const session = tap.open({ stage: "raw", rate: 5 })!;
  assertEquals(burst(tap, 9), 5);
  assertStats(session, { seen: 9, matched: 9, rateLimited: 4, captured: 5, size: 5 });
  clock.pass(199);
  assertEquals(burst(tap, 9), 0);
  clock.pass(1);
  assertEquals(burst(tap, 9), 1);
  clock.pass(400);
  assertEquals(burst(tap, 9), 2);
  // What was not used in a long time is not saved up.
  clock.pass(3_600_000);
  assertEquals(burst(tap, 99), 5);
});

test("A rate below one lets one through, and then one every so many seconds", () => {
  const clock = new HandClock();
  using tap = tapWith(clock);
  tap.open({ stage: "raw", rate: 0.5 });
  assertEquals(burst(tap, 3), 1);
  clock.pass(1_999);
  assertEquals(burst(tap, 3), 0);
  clock.pass(1);
  assertEquals(burst(tap, 3), 1);
  clock.pass(60_000);
  assertEquals(burst(tap, 3), 1);
});

test("A rate begins when its session is opened, with a second's worth", () => {
  const clock = new HandClock();
  using tap = tapWith(clock);
  const first = tap.open({ stage: "raw", rate: 2 })!;
  for (let i = 0; i < 3; i++) tap.offer("raw", "x");
  const second = tap.open({ stage: "raw", rate: 2 })!;
  for (let i = 0; i < 3; i++) tap.offer("raw", "x");
  assertEquals([first.captured, second.captured], [2, 2]);
  assertEquals([first.stats().rateLimited, second.stats().rateLimited], [4, 1]);
});

test("A clock that goes back gives no more than one that stands still", () => {
  const clock = new HandClock();
  using tap = tapWith(clock);
  tap.open({ stage: "raw", rate: 4 });
  assertEquals(burst(tap, 9), 4);
  clock.pass(-2_000);
  assertEquals(burst(tap, 9), 0);
});

test("Whatever the times, no window has more events than a rate allows", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const clock = new HandClock();
    using tap = tapWith(clock);
    const rate = random.pick([0.3, 1, 2.5, 7, 40]);
    const session = tap.open({ stage: "raw", rate })!;
    const taken: number[] = [];
    for (let i = 0; i < 400; i++) {
      clock.pass(random.pick([0, 0, 1, 13, 90, 700]));
      const before = session.captured;
      tap.offer("raw", "x");
      if (session.captured > before) taken.push(clock.ms);
    }
    for (const [from, start] of taken.entries()) {
      for (let to = from; to < taken.length; to++) {
        const allowed = Math.max(1, rate) + rate * (taken[to]! - start) / 1_000;
        assert(to - from + 1 <= allowed + 1e-6, `seed ${seed}, ${from} to ${to}`);
      }
    }
    // And it is used: no event was left out that a whole one was saved for.
    const allowed = Math.max(1, rate) + rate * (clock.ms - 5_000) / 1_000;
    assert(taken.length === 400 || taken.length > 0.4 * Math.min(400, allowed), `seed ${seed}`);
  }
});

test("Only what where wants and sampling takes counts for a rate", async () => {
  const clock = new HandClock();
  using tap = tapWith(clock);
  const session = tap.open({ stage: "decoded", where: "id > 2", every: 2, rate: 2 })!;
  for (let id = 0; id < 12; id++) tap.offer("decoded", { id });
  assertStats(session, {
    seen: 12,
    matched: 9,
    sampledOut: 4,
    rateLimited: 3,
    captured: 2,
    size: 2,
  });
  assertEquals(await linesOf(session), ['{"id":3}', '{"id":5}']);
});

test("What comes too fast is not written, nor made", () => {
  const clock = new HandClock();
  using tap = tapWith(clock);
  tap.open({ stage: "decoded", rate: 2 });
  let calls = 0;
  for (let i = 0; i < 9; i++) tap.offer("decoded", () => ++calls);
  for (let i = 0; i < 9; i++) tap.offer("decoded", { toJSON: () => ++calls });
  assertEquals(calls, 2);
});

test("A rate does not hold back what was kept from before", () => {
  using tap = new Tap({ backlog: 9, now: () => 0 });
  for (let id = 0; id < 9; id++) tap.offer("raw", `${id}`);
  const session = tap.open({ stage: "raw", rate: 2 })!;
  for (let id = 0; id < 3; id++) tap.offer("raw", "live");
  assertStats(session, { seen: 12, matched: 12, rateLimited: 1, captured: 11, size: 11 });
});
