import { assert, assertEquals } from "@std/assert";
import { Tap, type TapSession } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { assertStats, eventsOf, linesOf, valuesOf } from "./_sessions.ts";

interface Counts {
  readonly counts: readonly { readonly value: string; readonly count: number }[];
  readonly none: number;
  readonly other: number;
  readonly total: number;
}

async function countsOf(session: TapSession): Promise<Counts[]> {
  return (await valuesOf(session)) as Counts[];
}

function offer(tap: Tap, ...values: readonly unknown[]): void {
  for (const k of values) tap.offer("decoded", { k });
}

test("countBy says once an interval how many events there were of each value", async () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  offer(tap, "b", "a", "c", "a", "c", "a");
  assertStats(session, { seen: 6, matched: 6, counted: 6 });
  time.pass(999);
  assertEquals(session.size, 0);
  time.pass(1);
  assertStats(session, { seen: 6, matched: 6, counted: 6, captured: 1, size: 1 });
  assertEquals(await linesOf(session), [
    '{"counts":[{"value":"a","count":3},{"value":"c","count":2},{"value":"b","count":1}],' +
    '"none":0,"other":0,"total":6}',
  ]);
  // Nothing is said of an interval in which there was nothing, and each begins anew.
  time.pass(5_000);
  assertEquals(session.size, 0);
  offer(tap, "b");
  time.pass(1_000);
  assertEquals(await countsOf(session), [
    { counts: [{ value: "b", count: 1 }], none: 0, other: 0, total: 1 },
  ]);
});

test("countBy tells its counts as events of the tap", async () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: ["raw", "decoded"], countBy: "k", intervalMs: 200 })!;
  tap.offer("raw", '{"k":"a"}');
  offer(tap, "a");
  time.pass(200);
  const [event] = await eventsOf(session);
  assertEquals(event, {
    id: `${tap.instance}-1`,
    seq: 1,
    time: 1_000_200,
    stage: "raw,decoded",
    line: '{"counts":[{"value":"a","count":2}],"none":0,"other":0,"total":2}',
    isText: false,
    meta: undefined,
  });
});

test("countBy counts texts, numbers, booleans and null by their texts, also in an array, and no object", async () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  offer(tap, "x", 7, true, null, { a: 1 }, ["y", ["z", {}]], [], undefined);
  tap.offer("decoded", 5);
  tap.offer("decoded", { k: new Date(0) });
  time.pass(1_000);
  const [{ counts, none, total }] = (await countsOf(session)) as [Counts];
  const names = Object.fromEntries(counts.map(({ value, count }) => [value, count]));
  assertEquals(names, {
    x: 1,
    "7": 1,
    true: 1,
    null: 1,
    y: 1,
    z: 1,
    "1970-01-01T00:00:00.000Z": 1,
  });
  assertEquals([none, total], [4, 10]);
});

test("countBy counts an event once for each of its values", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "tags.name" })!;
  tap.offer("decoded", { tags: [{ name: "a" }, { name: "b" }, {}] });
  tap.offer("decoded", { tags: [{ name: "a" }] });
  tap.offer("decoded", { tags: [] });
  session.close();
  const [counts] = await countsOf(session);
  assertEquals(counts, {
    counts: [{ value: "a", count: 2 }, { value: "b", count: 1 }],
    none: 1,
    other: 0,
    total: 3,
  });
});

test("countBy tells a thousand values apart, and counts the rest together", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  for (let round = 0; round < 2; round++) {
    for (let id = 0; id < 1_010; id++) offer(tap, `value-${id}`);
  }
  tap.offer("decoded", {});
  session.close();
  const [{ counts, none, other, total }] = (await countsOf(session)) as [Counts];
  assertEquals([counts.length, none, other, total], [1_000, 1, 20, 2_021]);
  assert(counts.every(({ count }) => count === 2));
});

test("countBy names long values by their beginnings", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  const long = "x".repeat(128);
  offer(tap, long, `${long}a`, `${long}b`, "y".repeat(1_000_000));
  session.close();
  const [{ counts }] = (await countsOf(session)) as [Counts];
  assertEquals(counts, [
    { value: `${long}…`, count: 2 },
    { value: long, count: 1 },
    { value: `${"y".repeat(128)}…`, count: 1 },
  ]);
});

test("countBy cuts no character of a long value in half", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  for (const before of [126, 127, 128]) offer(tap, "x".repeat(before) + "😀".repeat(9));
  session.close();
  const [{ counts }] = (await countsOf(session)) as [Counts];
  assertEquals(counts.map(({ value }) => value.isWellFormed()), [true, true, true]);
});

test("countBy counts what where wants and sampling takes, also of a backlog", async () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9 });
  for (let id = 0; id < 6; id++) tap.offer("decoded", { id, k: "kept" });
  const session = tap.open({
    stage: "decoded",
    countBy: "k",
    where: "id > 0",
    every: 2,
    backlog: Infinity,
  })!;
  assertStats(session, { seen: 6, matched: 5, sampledOut: 2, counted: 3 });
  for (let id = 0; id < 6; id++) tap.offer("decoded", { id, k: "live" });
  assertStats(session, { seen: 12, matched: 10, sampledOut: 5, counted: 5 });
  session.close();
  const [{ counts }] = (await countsOf(session)) as [Counts];
  assertEquals(counts, [{ value: "kept", count: 3 }, { value: "live", count: 2 }]);
});

test("countBy counts no more of a backlog than it was told to", () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9 });
  offer(tap, "a", "b", "c");
  for (const backlog of [0, 1, 2, 3, 9]) {
    const session = tap.open({ stage: "decoded", countBy: "k", backlog })!;
    assertEquals(session.stats().counted, Math.min(backlog, 3), `backlog ${backlog}`);
  }
});

test("The limit of a session that counts is one of its lines", async () => {
  using time = new FakeTime();
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k", limit: 2 })!;
  for (let interval = 0; interval < 4; interval++) {
    offer(tap, "a", "b");
    time.pass(1_000);
  }
  assertEquals([session.reason, session.captured, time.armed], ["limit", 2, 0]);
  assertStats(session, { seen: 4, matched: 4, counted: 4, captured: 2, size: 2 });
  assertEquals((await countsOf(session)).map(({ total }) => total), [2, 2]);
});

test("What was counted is said at the end, whatever ends the session", async () => {
  const ends: readonly ((tap: Tap, session: TapSession, time: FakeTime) => void)[] = [
    (_tap, session) => session.close(),
    (tap) => tap.close("input"),
    (tap) => tap.disable(),
    (_tap, _session, time) => time.pass(500),
  ];
  for (const end of ends) {
    using time = new FakeTime();
    using tap = new Tap({ maxDurationMs: 500 });
    const session = tap.open({ stage: "decoded", countBy: "k" })!;
    offer(tap, "a");
    end(tap, session, time);
    assertEquals((await countsOf(session)).map(({ total }) => total), [1]);
    assertEquals(time.armed, 0);
  }
});

test("Counts that find no room are said with the next", async () => {
  using time = new FakeTime();
  using tap = new Tap({ bufferEvents: 1 });
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  for (let interval = 0; interval < 3; interval++) {
    offer(tap, "a");
    time.pass(1_000);
  }
  assertStats(session, { seen: 3, matched: 3, counted: 3, captured: 1, size: 1 });
  assertEquals((await countsOf(session)).map(({ total }) => total), [1]);
  time.pass(1_000);
  assertEquals((await countsOf(session)).map(({ total }) => total), [2]);
});

test("Counts that find no room at the end are not lost without a trace", async () => {
  using time = new FakeTime();
  using tap = new Tap({ bufferEvents: 1 });
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  offer(tap, "a");
  time.pass(1_000);
  offer(tap, "b", "b");
  session.close();
  const told = (await countsOf(session)).reduce((sum, { total }) => sum + total, 0);
  const { counted, dropped } = session.stats();
  // Either they are told, or they count as dropped.
  assertEquals([told + dropped, counted + dropped], [3, 3]);
});

test("A line of counts that is too large for the session leaves its counts in balance", () => {
  for (const options of [{ maxBytes: 5 }, {}]) {
    using tap = new Tap({ maxBytes: 60 });
    const session = tap.open({ stage: "decoded", countBy: "k", ...options })!;
    offer(tap, "a", "b");
    session.close();
    const { seen, counted, dropped, sampledOut, rateLimited, matched } = session.stats();
    assertEquals([seen, matched], [2, 2]);
    assertEquals(matched, counted + dropped + sampledOut + rateLimited);
  }
});

test("A line of counts has no more bytes than an event may have", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k", maxEventBytes: 200 })!;
  for (let id = 0; id < 100; id++) offer(tap, `value-${id}`);
  session.close();
  for (const line of await linesOf(session)) {
    JSON.parse(line);
    assert(new TextEncoder().encode(line).length <= 200, line);
  }
});

test("What cannot be made is dropped, and what cannot be read has no value", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  tap.offer("decoded", () => {
    throw new Error("no event");
  });
  tap.offer("decoded", {
    get k(): never {
      throw new Error("no key");
    },
  });
  offer(tap, "a");
  assertStats(session, { seen: 3, matched: 3, dropped: 1, unshown: 1, counted: 2 });
  session.close();
  assertEquals(await countsOf(session), [
    { counts: [{ value: "a", count: 1 }], none: 1, other: 0, total: 2 },
  ]);
});

test("A session that was closed while an event was made does not count it", () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  tap.offer("decoded", () => {
    session.close();
    return { k: "late" };
  });
  assertStats(session, {});
});

test("What is counted is not written", () => {
  using tap = new Tap();
  tap.open({ stage: "decoded", countBy: "k" });
  let reads = 0;
  for (let i = 0; i < 5; i++) {
    tap.offer("decoded", {
      k: "a",
      get body(): string {
        reads++;
        return "long";
      },
    });
  }
  assertEquals(reads, 0);
});

test("A line of counts says of every event what it was, whatever happens while it is read", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  offer(tap, "a");
  tap.offer("decoded", {
    toJSON() {
      session.close();
      return { k: "late" };
    },
  });
  const { seen, counted } = session.stats();
  const told = await countsOf(session);
  const named = told.flatMap(({ counts }) => counts).reduce((sum, { count }) => sum + count, 0);
  const [{ none, other, total }] = told as [Counts];
  assertEquals([told.length, named + none + other], [1, total]);
  assertEquals([seen, counted], [total, total]);
});

test("Lines of counts that go for newer ones leave the counts in balance", async () => {
  using time = new FakeTime();
  using tap = new Tap({ maxBytes: 200, maxSessions: 9 });
  const session = tap.open({ stage: "decoded", countBy: "k", overflow: "drop-oldest" })!;
  for (let interval = 0; interval < 5; interval++) {
    offer(tap, "a", "b");
    time.pass(1_000);
  }
  const { matched, counted, dropped, captured, size } = session.stats();
  assertEquals([matched, captured], [counted + dropped, size]);
  const told = (await countsOf(session)).reduce((sum, { total }) => sum + total, 0);
  assertEquals(told, counted);
});
