import { assertEquals } from "@std/assert";
import { Tap, type TapAuditRecord } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { countsIn, NO_STATS } from "./_sessions.ts";

test("Tap tells its audit of each session before its first event, and once of its end", () => {
  const calls: string[] = [];
  const tap = new Tap({
    audit: (record) => {
      if (record.type === "refused") return;
      const { id, stage, captured, reason } = record.session;
      calls.push(
        record.type === "opened"
          ? `open ${id} ${stage} ${captured} ${reason}`
          : `end ${id} ${captured} ${reason}`,
      );
    },
  });
  const first = tap.open({ stage: "raw" })!;
  tap.open({ stage: "decoded", limit: 0 });
  tap.offer("raw", "x");
  first.close();
  first.close();
  tap.open({ stage: "raw" });
  tap.close("input");
  tap.close();
  assertEquals(calls, [
    "open 1 raw 0 undefined",
    "open 2 decoded 0 undefined",
    "end 2 0 limit",
    "end 1 1 client",
    "open 3 raw 0 undefined",
    "end 3 0 input",
  ]);
});

test("Tap.open() ends at once a session that the audit closed, and arms no timer for it", () => {
  using time = new FakeTime();
  using tap = new Tap({
    audit: (record) => {
      if (record.type === "opened") record.session.close();
    },
  });
  assertEquals(tap.open({ stage: "raw" })!.reason, "client");
  assertEquals([tap.stats().active, time.armed], [0, 0]);
});

test("Tap reports what its audit throws, and goes on", async () => {
  const problems = [new Error("open"), new Error("end")];
  const reports = await reportsOf(() => {
    using tap = new Tap({
      audit: ({ type }) => {
        throw problems[type === "opened" ? 0 : 1];
      },
    });
    const session = tap.open({ stage: "raw" })!;
    const other = tap.open({ stage: "raw" })!;
    tap.offer("raw", "x");
    tap.close();
    assertEquals([session.reason, other.reason], ["shutdown", "shutdown"]);
    assertEquals([session.captured, tap.stats().active], [1, 0]);
  });
  assertEquals(reports, [problems[0], problems[0], problems[1], problems[1]]);
});

test("Tap gives what its audit throws to onError, where there is one", async () => {
  const problem = new Error("log is full");
  const errors: unknown[] = [];
  const audit = (): never => {
    throw problem;
  };
  const reports = await reportsOf(() => {
    using tap = new Tap({ audit, onError: (error) => errors.push(error) });
    assertEquals(tap.open({ stage: "raw" })!.reason, undefined);
  });
  assertEquals([errors, reports], [[problem, problem], []]);
});

function refusals(records: readonly TapAuditRecord[]): unknown[] {
  return records.flatMap((record) =>
    record.type === "refused" ? [[record.reason, record.subject, record.message]] : []
  );
}

test("Tap tells its audit of each refusal, with who asked and what was said", () => {
  const records: TapAuditRecord[] = [];
  using tap = new Tap({
    maxSessions: 2,
    maxSessionsPerSubject: 1,
    audit: (record) => records.push(record),
  });
  tap.open({ stage: "raw", subject: "ada" });
  tap.open({ stage: "raw", subject: "ada" });
  tap.open({ stage: "raw" });
  tap.open({ stage: "raw", subject: "eve" });
  tap.disable();
  tap.open({ stage: "raw", subject: "ada" });
  assertEquals(refusals(records), [
    [
      "subject",
      "ada",
      "Cannot open tap session: as many sessions of this subject are open as may be",
    ],
    ["full", "eve", "Cannot open tap session: as many sessions are open as may be"],
    ["disabled", "ada", "Cannot open tap session: the tap is switched off"],
  ]);
  assertEquals(tap.stats().refusedBy, {
    full: 1,
    subject: 1,
    disabled: 1,
    invalid: 0,
    unauthorized: 0,
    forbidden: 0,
  });
  assertEquals(tap.stats().refused, 3);
});

test("Tap does not tell its audit of what the program itself did wrong", () => {
  const records: TapAuditRecord[] = [];
  using tap = new Tap({ audit: (record) => records.push(record) });
  try {
    tap.open({ stage: "raw", limit: -1 });
  } catch {
    // It was told.
  }
  assertEquals(records, []);
  assertEquals(countsIn(tap.stats()), NO_STATS);
});

test("The record of an end says what the session has done, and nothing is done behind it", () => {
  using time = new FakeTime();
  const ended: unknown[] = [];
  using tap = new Tap({
    bufferEvents: 3,
    maxSessions: 9,
    audit: (record) => {
      if (record.type !== "ended") return;
      const { session } = record;
      ended.push([session.id, session.stats(), session.reason, session.durationMs]);
    },
  });
  const sessions = [
    tap.open({ stage: "decoded", limit: 3 })!,
    tap.open({ stage: "decoded", maxBytes: 30 })!,
    tap.open({ stage: "decoded", countBy: "id", limit: 1, intervalMs: 500 })!,
    tap.open({ stage: "decoded", durationMs: 700 })!,
    tap.open({ stage: "decoded", reservoir: 2 })!,
  ];
  for (let id = 0; id < 9; id++) {
    tap.offer("decoded", { id });
    time.pass(100);
  }
  tap.close();
  time.pass(5_000);
  const byId = sessions.map((s) => [s.id, s.stats(), s.reason, s.durationMs]);
  assertEquals(ended.length, sessions.length);
  assertEquals(
    ended.toSorted((a, b) => (a as number[])[0]! - (b as number[])[0]!),
    byId,
  );
});

test("What an audit throws does not reach whoever offers, opens, closes or waits", async () => {
  const errors: unknown[] = [];
  using time = new FakeTime();
  using tap = new Tap({
    maxSessions: 2,
    audit: ({ type }) => {
      throw type;
    },
    onError: (error) => errors.push(error),
  });
  tap.open({ stage: "raw", limit: 1 });
  tap.offer("raw", "x");
  const second = tap.open({ stage: "raw" })!;
  second.close();
  tap.open({ stage: "raw", durationMs: 10 });
  time.pass(10);
  tap.disable();
  tap.open({ stage: "raw" });
  await undefined;
  assertEquals(errors, ["opened", "ended", "opened", "ended", "opened", "ended", "refused"]);
});

test("What onError throws does not reach whoever offers", async () => {
  const reports = await reportsOf(() => {
    using tap = new Tap({
      audit: () => {
        throw new Error("audit");
      },
      onError: (error) => {
        throw error;
      },
    });
    try {
      tap.open({ stage: "raw", limit: 1 });
    } catch {
      // Who opens may be told.
    }
    tap.offer("raw", "x");
  });
  assertEquals(reports.every((error) => error instanceof Error), true);
});

test("The record of an end says what was counted, whatever ends a session that counts", () => {
  for (
    const [options, counted, dropped] of [
      [{ limit: 1 }, 3, 0],
      [{ limit: 2, durationMs: 1_500 }, 3, 0],
      [{ maxBytes: 100 }, 3, 0],
      [{ maxBytes: 10 }, 0, 3],
      [{}, 3, 0],
    ] as const
  ) {
    using time = new FakeTime();
    const ended: unknown[] = [];
    using tap = new Tap({
      audit: (record) => {
        if (record.type === "ended") ended.push(record.session.stats());
      },
    });
    const session = tap.open({ stage: "decoded", countBy: "k", ...options })!;
    const place = JSON.stringify(options);
    for (let id = 0; id < 3; id++) tap.offer("decoded", { k: "a" });
    time.pass(1_000);
    assertEquals([session.stats().counted, session.stats().dropped], [counted, dropped], place);
    tap.close();
    time.pass(1_000);
    assertEquals(ended, [session.stats()], place);
    assertEquals([session.stats().counted, session.stats().dropped], [counted, dropped], place);
  }
});
