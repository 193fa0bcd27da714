import { assert, assertEquals, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { HandClock } from "../_hand_clock.ts";
import { ask, read } from "./_streams.ts";

test("Rules of the operator and of a grant may be as many as each of them may have", async () => {
  const rules = (name: string): string[] => Array.from({ length: 64 }, (_, at) => `${name}${at}`);
  const tap = new Tap({ redact: rules("own") });
  const handler = tapHandler(tap, { authorize: () => ({ redact: rules("granted") }) });
  const response = await ask(handler, "?limit=1&redact=asked");
  tap.offer("decoded", { own63: 1, granted63: 2, asked: 3, plain: 4 });
  const { events: [event], summary } = await read(response);
  assertMatch(
    event!,
    /^({"own63":"rsigma:\S+","granted63":"rsigma:\S+","asked":"rsigma:\S+","plain":4})$/,
  );
  assertEquals(summary.unshown, 0);
});

test("Tap.offer() works on after the stack has ended in the middle of it", () => {
  const tap = new Tap();
  const session = tap.open({ stage: "decoded", where: "id >= 0" })!;
  const dive = (): void => {
    tap.offer("decoded", { id: -1 });
    dive();
  };
  for (let time = 0; time < 30; time++) {
    try {
      dive();
    } catch {
      // As it must end.
    }
  }
  const { captured } = session;
  tap.offer("decoded", { id: 1 });
  assertEquals(session.captured, captured + 1);
  session.close();
});

test("Sessions one after another have no more of the time than one of them", () => {
  const clock = new HandClock();
  const tap = new Tap({ now: () => clock.now(), maxSessions: 1 });
  const event = { a: Array.from({ length: 50_000 }, () => ({ b: 0 })) };
  const lastsFor = (): number => {
    const session = tap.open({ stage: "decoded", where: "a.b == 1" })!;
    for (let count = 1;; count++) {
      tap.offer("decoded", event);
      if (session.reason === "costly") return count;
    }
  };
  const first = lastsFor();
  assert(first > 10);
  // All there was at once is gone.
  assertEquals(lastsFor(), 1);
  // It comes back within seconds.
  clock.pass(2_000);
  const half = lastsFor();
  assert(half > first / 3 && half < first, `${half} of ${first}`);
  clock.pass(10_000);
  // What asks for little needs none of it.
  for (let round = 0; round < 20; round++) {
    const session = tap.open({ stage: "decoded", where: "id == 1" })!;
    tap.offer("decoded", event);
    session.close();
  }
  assertEquals(lastsFor(), first);
});

test("Sessions one after another look through the backlog for a part of the time only", () => {
  // Each time it is asked, 10 ms are over.
  let time = 0;
  const tap = new Tap({ now: () => time += 10, maxSessions: 1, backlog: 1_000 });
  for (let id = 0; id < 1_000; id++) tap.offer("decoded", { id });
  const looked: number[] = [];
  for (let round = 0; round < 30; round++) {
    const session = tap.open({ stage: "decoded", where: "id < 0" })!;
    looked.push(session.stats().seen);
    assertEquals(session.missed, 1_000 - session.stats().seen);
    session.close();
  }
  assert(looked[0]! > 100, `${looked}`);
  assertEquals(looked.slice(-3), [32, 32, 32]);
});
