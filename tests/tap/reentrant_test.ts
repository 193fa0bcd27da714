import { assertEquals } from "@std/assert";
import { Tap, type TapSession } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, countsOf, linesOf } from "./_sessions.ts";

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
  // It begins behind the event in whose making it was opened.
  assertEquals(await linesOf(opened!), []);
  assertEquals(tap.sessions, [stays, opened!]);
});

test("Sessions may open, end and be closed while an event is handed out", async () => {
  let later: TapSession | undefined;
  using tap: Tap = new Tap({
    maxSessions: 9,
    backlog: 5,
    audit: (record) => {
      if (record.type !== "ended" || record.session !== first) return;
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

test("An event that ends its own session comes too late for it, whoever reads the event first", () => {
  const options = [
    {},
    { where: "a == 1" },
    { sample: 1, key: "a" },
    { reservoir: 3 },
    { rate: 5 },
    { overflow: "drop-oldest" as const },
    { fields: ["a"] },
  ];
  for (const option of options) {
    const makes: readonly ((end: () => void) => unknown)[] = [
      (end) => () => {
        end();
        return { a: 1 };
      },
      (end) => ({
        toJSON: () => {
          end();
          return { a: 1 };
        },
      }),
      (end) => ({
        a: 1,
        get b(): number {
          end();
          return 2;
        },
      }),
    ];
    for (const make of makes) {
      using tap = new Tap();
      const session = tap.open({ stage: "decoded", ...option })!;
      tap.offer("decoded", make(() => session.close()));
      assertStats(session, {});
      assertEquals([session.reason, tap.stats().captured, tap.stats().dropped], ["client", 0, 0]);
    }
  }
});

test("An event that ends its session and fails then is not lost to it, for it came too late", () => {
  const fail = (session: TapSession): never => {
    session.close();
    throw new Error("no event");
  };
  const makes: readonly ((session: TapSession) => unknown)[] = [
    (session) => () => fail(session),
    (session) => ({ toJSON: () => fail(session) }),
    (session) => ({
      toJSON: () => {
        session.close();
        return { bad: 1n };
      },
    }),
  ];
  for (const option of [{}, { reservoir: 3 }, { countBy: "a" }, { where: "not a == 1" }]) {
    for (const make of makes) {
      using tap = new Tap();
      const session = tap.open({ stage: "decoded", ...option })!;
      tap.offer("decoded", make(session));
      const { seen, matched, dropped } = session.stats();
      assertEquals([matched, dropped], [0, 0], JSON.stringify(option));
      assertEquals(seen <= 1 && tap.stats().dropped === 0, true);
    }
  }
});

test("An event that reaches the limit from within is the last", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "raw", limit: 1 })!;
  tap.offer("raw", () => {
    tap.offer("raw", "inner");
    tap.offer("raw", "second");
    return "outer";
  });
  assertStats(session, { seen: 1, matched: 1, captured: 1, size: 1 });
  assertEquals(await linesOf(session), ["inner"]);
});

test("What is offered from within may take the room of what it is offered by", async () => {
  for (const overflow of ["drop-newest", "drop-oldest"] as const) {
    using tap = new Tap({ bufferEvents: 1 });
    const session = tap.open({ stage: "raw", overflow })!;
    tap.offer("raw", () => {
      tap.offer("raw", "inner");
      return "outer";
    });
    assertStats(session, { seen: 2, matched: 2, captured: 1, dropped: 1, size: 1 });
    assertEquals(await linesOf(session), [overflow === "drop-newest" ? "inner" : "outer"]);
  }
});

test("A stage may be added, and the tap closed, while an event is being made", async () => {
  using tap = new Tap<string>({ stages: { "in.a": "text" }, backlog: 3 });
  const session = tap.open({ stage: "in.*" })!;
  tap.offer("in.a", () => {
    tap.addStage("in.b", "text");
    tap.offer("in.b", "inner");
    tap.close("input");
    return "outer";
  });
  assertEquals(await linesOf(session), ["inner"]);
  assertEquals([session.reason, session.stages], ["input", ["in.a", "in.b"]]);
});

test("An event that offers itself again and again ends somewhere, and the tap goes on", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "raw" })!;
  const again = (): string => {
    tap.offer("raw", again);
    return "again";
  };
  tap.offer("raw", again);
  // The one beyond eight levels is dropped; all others are written, from within.
  assertEquals(countsOf(session), { captured: 8, dropped: 0, size: 8 });
  assertEquals(tap.stats().unwritable, 1);
  await linesOf(session);
  tap.offer("raw", "next");
  assertEquals(await linesOf(session), ["next"]);
});

test("A limit holds while the audit is told that the session was opened", () => {
  for (const limit of [0, 1, 2]) {
    const tap: Tap = new Tap({
      backlog: 2,
      audit: (record) => {
        if (record.type === "opened") {
          for (const line of ["a", "b", "c"]) tap.offer("raw", line);
        }
      },
    });
    tap.offer("raw", "kept");
    const session = tap.open({ stage: "raw", limit })!;
    assertEquals([session.captured, session.reason], [limit, "limit"]);
  }
});
