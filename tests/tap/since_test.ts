import { assertEquals } from "@std/assert";
import { Tap, type TapOpenOptions } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { eventsOf, linesOf } from "./_sessions.ts";

type Options = Omit<TapOpenOptions<"raw" | "decoded">, "stage">;

/** What a session that is opened now gets of what was kept, and what it is told that it has missed. */
async function opened(
  tap: Tap,
  options: Options,
  stage: TapOpenOptions<"raw" | "decoded">["stage"] = "raw",
): Promise<{ missed: number | undefined; lines: string[] }> {
  using session = tap.open({ stage, ...options })!;
  return { missed: session.missed, lines: await linesOf(session) };
}

function offer(tap: Tap, ...lines: readonly string[]): void {
  for (const line of lines) tap.offer("raw", line);
}

test("since a time ago, a session gets what was kept from then on", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: 3 });
  for (const line of ["0", "100", "200", "300"]) {
    offer(tap, line);
    time.pass(100);
  }
  assertEquals(await opened(tap, { since: 1_000 }), { missed: 1, lines: ["100", "200", "300"] });
  assertEquals(await opened(tap, { since: 200 }), { missed: 2, lines: ["200", "300"] });
  assertEquals(await opened(tap, { since: 199 }), { missed: 3, lines: ["300"] });
  assertEquals(await opened(tap, { since: 0 }), { missed: 4, lines: [] });
  assertEquals(await opened(tap, { since: 200, backlog: 1 }), { missed: 3, lines: ["300"] });
  assertEquals(await opened(tap, { since: 200, where: '$ == "200"' }), {
    missed: 2,
    lines: ["200"],
  });
});

test("since an event, a session gets what was kept behind it, and is told whether that is all", async () => {
  using tap = new Tap({ backlog: 3 });
  offer(tap, "1", "2", "3", "4", "5");
  const since = (seq: number) => `${tap.instance}-${seq}`;
  assertEquals(await opened(tap, { since: since(3) }), { missed: 0, lines: ["4", "5"] });
  assertEquals(await opened(tap, { since: since(2) }), { missed: 0, lines: ["3", "4", "5"] });
  assertEquals(await opened(tap, { since: since(5) }), { missed: 0, lines: [] });
  // What lies between was forgotten, and nobody has counted it.
  assertEquals(await opened(tap, { since: since(1) }), {
    missed: undefined,
    lines: ["3", "4", "5"],
  });
  // Behind the newest of all there is none with a number yet: it is of another time.
  assertEquals(await opened(tap, { since: since(6) }), { missed: undefined, lines: [] });
});

test("since an event of another tap, a session gets all that was kept, and missed is not known", async () => {
  using before = new Tap({ backlog: 3 });
  const session = before.open({ stage: "raw" })!;
  offer(before, "1", "2", "3");
  const [, , last] = await eventsOf(session);
  using tap = new Tap({ backlog: 3 });
  assertEquals(await opened(tap, { since: last!.id }), { missed: undefined, lines: [] });
  offer(tap, "a", "b");
  assertEquals(await opened(tap, { since: last!.id }), { missed: undefined, lines: ["a", "b"] });
});

test("since an event goes on behind it at all stages of a session", async () => {
  using tap = new Tap({ backlog: 2 });
  for (
    const [line, stage] of [["1", "raw"], ["2", "decoded"], ["3", "raw"], ["4", "raw"]] as const
  ) {
    tap.offer(stage, line);
  }
  const since = (seq: number) => `${tap.instance}-${seq}`;
  assertEquals(await opened(tap, { since: since(1) }, "*"), {
    missed: 0,
    lines: ['"2"', "3", "4"],
  });
  assertEquals(await opened(tap, { since: since(2) }, "*"), { missed: 0, lines: ["3", "4"] });
  tap.offer("raw", "5");
  // "3" was forgotten; of the other stage nothing was.
  assertEquals(await opened(tap, { since: since(2) }, "*"), {
    missed: undefined,
    lines: ["4", "5"],
  });
  assertEquals(await opened(tap, { since: since(1) }, "decoded"), { missed: 0, lines: ['"2"'] });
});

test("since an event, a session that takes fewer than there are does not know what it missed", async () => {
  using tap = new Tap({ backlog: 9 });
  offer(tap, "1", "2", "3", "4");
  const since = `${tap.instance}-1`;
  assertEquals(await opened(tap, { since, backlog: 3 }), { missed: 0, lines: ["2", "3", "4"] });
  assertEquals(await opened(tap, { since, backlog: 2 }), {
    missed: undefined,
    lines: ["3", "4"],
  });
  assertEquals(await opened(tap, { since, where: '$ == "3"' }), { missed: 0, lines: ["3"] });
});

test("since an event or a time, a session with a limit goes on with the next, not with the newest", async () => {
  using tap = new Tap({ backlog: 9 });
  offer(tap, "1", "2", "3", "4");
  const since = `${tap.instance}-1`;
  assertEquals(await opened(tap, { since, limit: 2 }), { missed: 0, lines: ["2", "3"] });
  assertEquals(await opened(tap, { since: 60_000, limit: 2 }), { missed: 0, lines: ["1", "2"] });
  assertEquals(await opened(tap, { limit: 2 }), { missed: 2, lines: ["3", "4"] });
});

test("since an event that is too old or was too large, missed is not known", async () => {
  using time = new FakeTime();
  using tap = new Tap({ backlog: { events: 9, maxBytes: 20, maxAgeMs: 1_000 } });
  offer(tap, "1");
  const since = `${tap.instance}-1`;
  time.pass(600);
  offer(tap, "2");
  assertEquals(await opened(tap, { since }), { missed: 0, lines: ["2"] });
  time.pass(600);
  assertEquals(await opened(tap, { since }), { missed: 0, lines: ["2"] });
  time.pass(600);
  assertEquals(await opened(tap, { since }), { missed: undefined, lines: [] });
  offer(tap, "3");
  const third = `${tap.instance}-3`;
  offer(tap, "far too large to be kept", "5");
  assertEquals(await opened(tap, { since: third }), { missed: undefined, lines: ["5"] });
});

test("What was too large to be kept stays missing when older events are forgotten", async () => {
  using tap = new Tap({ backlog: { events: 2, maxBytes: 20 } });
  offer(tap, "1", "2", "far too large to be kept");
  const since = `${tap.instance}-2`;
  assertEquals(await opened(tap, { since }), { missed: undefined, lines: [] });
  offer(tap, "4");
  assertEquals(await opened(tap, { since }), { missed: undefined, lines: ["4"] });
});

test("since an event, nobody knows what was missed where nothing is kept", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "raw" })!;
  offer(tap, "1");
  const [last] = await eventsOf(session);
  session.close();
  // Nobody listens: this is not even counted.
  offer(tap, "lost");
  assertEquals(await opened(tap, { since: last!.id }), { missed: undefined, lines: [] });
});

test("since an event, nobody knows what was missed while the tap was switched off", async () => {
  using tap = new Tap({ backlog: 9 });
  const session = tap.open({ stage: "raw" })!;
  offer(tap, "1");
  const [last] = await eventsOf(session);
  tap.disable();
  offer(tap, "lost");
  tap.enable();
  assertEquals(await opened(tap, { since: last!.id }), { missed: undefined, lines: [] });
  offer(tap, "3");
  assertEquals(await opened(tap, { since: last!.id }), { missed: undefined, lines: ["3"] });
  // What came since is whole again.
  assertEquals(await opened(tap, { since: `${tap.instance}-2` }), { missed: 0, lines: [] });
});

test("since an event that came of the switching off itself, nobody knows either", async () => {
  using tap = new Tap({ backlog: 9, maxSessions: 9 });
  const counting = tap.open({ stage: "raw", countBy: "a" })!;
  const session = tap.open({ stage: "raw" })!;
  offer(tap, "1");
  tap.offer("raw", () => {
    tap.disable();
    return "late";
  });
  tap.offer("raw", "lost");
  tap.enable();
  assertEquals((await eventsOf(session)).map(({ seq }) => seq), [1]);
  const [counts] = await eventsOf(counting);
  assertEquals(counts!.seq > 1, true);
  for (let seq = 1; seq <= 3; seq++) {
    const { missed } = await opened(tap, { since: `${tap.instance}-${seq}` });
    assertEquals(missed, undefined, `${seq}`);
  }
});

test("Readers that come back behind their last event have all events once", async () => {
  using tap = new Tap({ backlog: 50 });
  const lines: string[] = [];
  let since: string | undefined;
  for (let round = 0; round < 12; round++) {
    offer(tap, `${round}a`);
    using session = tap.open({ stage: "raw", since })!;
    offer(tap, `${round}b`, `${round}c`);
    assertEquals(session.missed, 0);
    for (const event of await session.receiveBatch(9)) {
      lines.push(event.line);
      since = event.id;
    }
    for (const event of await eventsOf(session)) {
      lines.push(event.line);
      since = event.id;
    }
  }
  const all = Array.from({ length: 12 }, (_, round) => [`${round}a`, `${round}b`, `${round}c`]);
  assertEquals(lines, all.flat());
});
