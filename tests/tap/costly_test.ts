import { assert, assertEquals } from "@std/assert";
import { Tap, type TapOptions, type TapSession } from "../../tap/mod.ts";
import { HandClock } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { assertStats, linesOf } from "./_sessions.ts";

const WORK_AT_ONCE = 2_000_000;
const WORK_PER_MS = 2_000;

/** An event of which each question about `a.b` is so many units of work, or a few more. */
function eventOf(work: number): unknown {
  return { a: Array.from({ length: work }, () => 0) };
}

const THOUSAND = eventOf(1_000);

/** A tap whose clock stands still. */
function tapOf(
  options: TapOptions<"raw" | "decoded"> = {},
): { readonly tap: Tap; readonly clock: HandClock } {
  const clock = new HandClock();
  return { tap: new Tap({ maxSessions: 9, now: () => clock.now(), ...options }), clock };
}

/** How many events of so much work a session takes before it ends. */
function lastsFor(tap: Tap, session: TapSession, event: unknown, most: number): number {
  for (let count = 0; count < most; count++) {
    if (session.reason !== undefined) return count;
    tap.offer("decoded", event);
  }
  return most;
}

test("A filter that is too much work at once ends its session, and no other", async () => {
  const { tap } = tapOf();
  const ends: unknown[] = [];
  const costly = tap.open({ stage: "decoded", where: "a.b == 1 or x == 1" })!;
  const others = [
    tap.open({ stage: "decoded" })!,
    tap.open({ stage: "decoded", where: "x == 1" })!,
  ];
  void costly.ended.then((reason) => ends.push(reason));
  tap.offer("decoded", { x: 1 });
  const count = lastsFor(tap, costly, THOUSAND, 3_000);
  assert(
    count > 0.95 * WORK_AT_ONCE / 1_000 && count < 1.05 * WORK_AT_ONCE / 1_000 + 20,
    `${count} events`,
  );
  assertEquals([costly.reason, await costly.ended], ["costly", "costly"]);
  assertEquals(ends, ["costly"]);
  // What it has captured is there, and it counts what it has seen.
  assertStats(costly, { seen: count + 1, matched: 1, captured: 1, size: 1 });
  assertEquals(await linesOf(costly), ['{"x":1}']);
  assertEquals(await costly.receiveBatch(1), []);
  tap.offer("decoded", { x: 1 });
  assertEquals(others.map(({ reason }) => reason), [undefined, undefined]);
  assertEquals(others.map(({ captured, dropped }) => captured + dropped), [count + 2, 2]);
  assertEquals(tap.stats().active, 2);
  tap.close();
});

test("A filter may be as much work as its session has earned by waiting, and not more than at once", () => {
  const { tap, clock } = tapOf();
  const open = (): TapSession => tap.open({ stage: "decoded", where: "a.b == 1" })!;
  // Whatever time passes before, there is no more than at once.
  const patient = open();
  clock.pass(1_000_000);
  const first = lastsFor(tap, patient, THOUSAND, 9_000);
  assert(first > 1_900 && first < 2_100, `${first} events`);
  // As much as is earned goes on for ever.
  clock.pass(10_000);
  const steady = open();
  const most = WORK_PER_MS / 1_000;
  for (let ms = 0; ms < 5_000; ms++) {
    for (let count = 0; count < most - 1; count++) tap.offer("decoded", THOUSAND);
    clock.pass(1);
  }
  assertEquals(steady.reason, undefined);
  // Twice as much does not.
  let ms = 0;
  for (; ms < 5_000 && steady.reason === undefined; ms++) {
    for (let count = 0; count < 2 * most; count++) tap.offer("decoded", THOUSAND);
    clock.pass(1);
  }
  assertEquals(steady.reason, "costly");
  // What it has at once is used up by what is beyond, in so many milliseconds.
  assert(ms > 900 && ms < 1_100, `${ms} ms`);
  tap.close();
});

test("A clock that goes backwards gives nothing and takes nothing", () => {
  const { tap, clock } = tapOf();
  const session = tap.open({ stage: "decoded", where: "a.b == 1" })!;
  let count = 0;
  while (session.reason === undefined && count < 9_000) {
    clock.pass(-10);
    tap.offer("decoded", THOUSAND);
    count++;
  }
  assertEquals(session.reason, "costly");
  assert(count > 1_900 && count < 2_100, `${count} events`);
  tap.close();
});

test("A hostile pattern is stopped after as much work as any other filter", () => {
  const random = new Random(0x60);
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const { tap } = tapOf();
  const session = tap.open({
    stage: "decoded",
    where: 'm matches "[aeiou].{250}[xyz].{250}Q"',
  })!;
  const text = (): string => Array.from({ length: 8_192 }, () => random.pick(letters)).join("");
  let count = 0;
  for (; session.reason === undefined && count < 100; count++) tap.offer("decoded", { m: text() });
  // Each is the most that one event may be.
  assertEquals([session.reason, count], ["costly", WORK_AT_ONCE / 100_000]);
  tap.close();
});

test("Filters of every kind that ask for little go on for ever while no time passes", () => {
  const { tap } = tapOf({ maxSessions: 99 });
  const wheres = [
    "status >= 500",
    'path ~ "/api/*"',
    'm matches "^GET"',
    'm contains "x" and k in (1, 2)',
  ];
  const sessions = wheres.map((where) => tap.open({ stage: "decoded", where })!);
  const event = { status: 200, path: "/api/x", m: "GET /api/x", k: 3 };
  for (let id = 0; id < 20_000; id++) tap.offer("decoded", event);
  assertEquals(sessions.map(({ reason }) => reason), wheres.map(() => undefined));
  tap.close();
});

test("A session without a filter never is costly, nor are its redaction, its key and its counts", () => {
  const { tap } = tapOf();
  const sessions = [
    tap.open({ stage: "decoded" })!,
    tap.open({ stage: "decoded", sample: 0.5, key: "a.b" })!,
    tap.open({ stage: "decoded", countBy: "a.b" })!,
    tap.open({
      stage: "decoded",
      where: { text: "always", readsText: false, paths: [], matches: () => true },
    })!,
  ];
  const event = eventOf(10_000);
  for (let id = 0; id < 300; id++) tap.offer("decoded", event);
  assertEquals(sessions.map(({ reason }) => reason), [undefined, undefined, undefined, undefined]);
  tap.close();
});

test("A filter that is too much work for a backlog goes through a part of it, and ends at once", async () => {
  for (const since of [undefined, 60_000]) {
    const opened: unknown[] = [];
    const { tap } = tapOf({
      backlog: 100,
      maxBytes: 100_000_000,
      audit: ({ type, session }: { type: string; session?: TapSession }) =>
        opened.push([type, session?.reason]),
    } as TapOptions<"raw" | "decoded">);
    const event = eventOf(50_000);
    for (let id = 0; id < 100; id++) tap.offer("decoded", event);
    const session = tap.open({ stage: "decoded", where: "a.b == 1", since })!;
    assertEquals([session.reason, await session.ended], ["costly", "costly"]);
    const { seen } = session.stats();
    // A little of each is free.
    assertEquals(seen, WORK_AT_ONCE / 50_000 + 1);
    assertStats(session, { seen });
    // What it did not come to is missed, whichever way it went.
    assertEquals(session.missed, 100 - seen, `since ${since}`);
    assertEquals(opened, [["opened", undefined], ["ended", "costly"]]);
    assertEquals([tap.sessions.length, tap.isListening("decoded")], [0, true]);
    assertEquals(await session.receiveBatch(1), []);
    tap.close();
  }
});

test("What an ended session found in a backlog before it was too costly is there to be read", async () => {
  const { tap } = tapOf({ backlog: 200, maxBytes: 100_000_000 });
  tap.offer("decoded", { a: { b: 1 }, id: "first" });
  const event = eventOf(50_000);
  for (let id = 0; id < 60; id++) tap.offer("decoded", event);
  tap.offer("decoded", { a: { b: 1 }, id: "last" });
  const session = tap.open({ stage: "decoded", where: "a.b == 1" })!;
  assertEquals(session.reason, "costly");
  assertEquals(await linesOf(session), ['{"a":{"b":1},"id":"last"}']);
  const forward = tap.open({ stage: "decoded", where: "a.b == 1", since: 60_000 })!;
  assertEquals(forward.reason, "costly");
  assertEquals(await linesOf(forward), ['{"a":{"b":1},"id":"first"}']);
  tap.close();
});

test("since an event, a session that was too costly to go on does not know what it missed", () => {
  const { tap, clock } = tapOf({ backlog: 100, maxBytes: 100_000_000 });
  const event = eventOf(50_000);
  for (let id = 0; id < 60; id++) tap.offer("decoded", event);
  const since = (seq: number): TapSession =>
    tap.open({ stage: "decoded", where: "a.b == 1", since: `${tap.instance}-${seq}` })!;
  assertEquals([since(5).missed, since(5).reason], [undefined, "costly"]);
  clock.pass(10_000);
  assertEquals([since(50).missed, since(50).reason], [0, undefined]);
  tap.close();
});

test("A simple filter costs nothing, however many events there are and however little time passes", () => {
  const { tap } = tapOf();
  const session = tap.open({ stage: "decoded", where: "level == error and status >= 500" })!;
  const event = { level: "error", status: 200 };
  for (let count = 0; count < 1_000_000; count++) tap.offer("decoded", event);
  assertEquals([session.reason, session.stats().seen], [undefined, 1_000_000]);
  tap.close();
});
