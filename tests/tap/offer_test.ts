import { assertEquals, assertStrictEquals } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { countsOf } from "./_sessions.ts";
import { UNTOUCHABLE } from "./_untouchable.ts";

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
  const common = { stage: "decoded", isText: false, meta: undefined };
  assertEquals(await session.receiveBatch(9), [
    { ...common, id: `${tap.instance}-1`, seq: 1, time: 1_000_000, line: '"a"' },
    { ...common, id: `${tap.instance}-3`, seq: 3, time: 1_001_234, line: '"b"' },
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

test("Tap.offer() looks at nothing while nobody listens at the stage", () => {
  using tap = new Tap();
  let calls = 0;
  const offer = (): void => {
    for (const stage of ["raw", "bogus" as "raw"] as const) {
      tap.offer(stage, UNTOUCHABLE, UNTOUCHABLE as Record<string, unknown>);
      tap.offer(stage, () => ++calls);
    }
  };
  offer();
  const other = tap.open({ stage: "decoded" })!;
  offer();
  other.close();
  const ended = tap.open({ stage: "raw", limit: 0 })!;
  offer();
  tap.disable();
  offer();
  tap.enable();
  tap.close();
  offer();
  assertEquals([calls, ended.stats().seen, tap.stats().unwritable], [0, 0, 0]);
  // It does throw, once somebody looks: that is counted.
  using open = new Tap();
  const session = open.open({ stage: "raw" })!;
  open.offer("raw", UNTOUCHABLE);
  assertEquals([session.dropped, open.stats().unwritable], [1, 1]);
});

test("Tap.offer() makes an event once, whoever asks for it and however often", () => {
  const options = [
    {},
    { where: "a == 1 and b == 2 or c" },
    { sample: 0.9, key: "a" },
    { countBy: "b" },
    { reservoir: 3 },
    { fields: ["a"], redact: ["b"] },
  ];
  for (const backlog of [0, 3]) {
    using tap = new Tap({ maxSessions: 9, backlog });
    for (const option of options) tap.open({ stage: "decoded", ...option });
    let calls = 0;
    for (let i = 1; i <= 5; i++) {
      tap.offer("decoded", () => {
        calls++;
        return { a: 1, b: 3, c: i };
      });
      assertEquals(calls, i);
    }
  }
});

test("Tap.offer() does not make what finds no room, and makes what a filter has to read", () => {
  using tap = new Tap({ bufferEvents: 1, maxSessions: 9 });
  const full = tap.open({ stage: "decoded" })!;
  let calls = 0;
  for (let i = 0; i < 4; i++) tap.offer("decoded", () => ++calls);
  assertEquals([calls, full.captured, full.dropped], [1, 1, 3]);
  tap.open({ stage: "decoded", where: "never" });
  tap.offer("decoded", () => ++calls);
  assertEquals(calls, 2);
});

test("Tap.offer() writes a function's event once for all sessions, and only if one takes it", () => {
  using tap = new Tap({ maxSessions: 3 });
  const sessions = [
    tap.open({ stage: "decoded", where: "id == 1" })!,
    tap.open({ stage: "decoded", where: "id == 1 or id == 2" })!,
  ];
  let writes = 0;
  for (const id of [1, 2, 3]) {
    tap.offer("decoded", {
      id,
      get body(): number {
        return ++writes;
      },
    });
  }
  assertEquals(sessions.map(({ captured }) => captured), [1, 2]);
  assertEquals(writes, 2);
});
