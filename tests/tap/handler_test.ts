import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Tap, tapHandler, type TapHandlerOptions } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { ask, parse, read, refusalOf, restOf } from "./_streams.ts";
import { settle } from "./_wait.ts";

test("tapHandler() streams that the session is open, its events, and a summary, as lines", async () => {
  using _time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap));
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("x-accel-buffering"), "no");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  assertEquals(response.headers.get("weir-tap-session"), "1");
  tap.offer("decoded", { id: 1 });
  tap.offer("raw", "another stage");
  tap.offer("decoded", "zwei €");
  tap.close();
  const { hello, events, notices, summary } = await read(response);
  assertEquals(hello.session, 1);
  assertEquals(events, ['{"id":1}', '"zwei €"']);
  assertEquals(notices, []);
  const { bytes: _bytes, ...rest } = summary;
  assertEquals(rest, {
    captured: 2,
    dropped: 0,
    "duration_ms": 0,
    stage: "decoded",
    reason: "shutdown",
    unshown: 0,
    undelivered: 0,
    missed: 0,
    seen: 2,
    matched: 2,
    "sampled_out": 0,
    "rate_limited": 0,
    truncated: 0,
  });
});

test("tapHandler() opens the session before it answers", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?limit=1");
  assertEquals(tap.stats().active, 1);
  tap.offer("decoded", "at once");
  assertEquals((await read(response)).events, ['"at once"']);
});

test("tapHandler() takes the first stage where there is no decoded, and the tap's time where it is shorter", async () => {
  using time = new FakeTime();
  const tap = new Tap({ stages: { orders: "json", errors: "text" }, maxDurationMs: 7_000 });
  const handler = tapHandler(tap);
  const response = await ask(handler);
  assertEquals(tap.sessions[0]!.stage, "orders");
  time.pass(7_000);
  assertEquals((await read(response)).summary.reason, "duration");
  const other = await ask(handler, "?stage=errors&duration=7s");
  time.pass(7_000);
  assertEquals((await read(other)).summary.stage, "errors");
});

test("tapHandler() answers 409 where as many sessions are open as may be, and says when to come back", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const held = [await ask(handler), await ask(handler, "?stage=raw")];
  const refused = await ask(handler);
  assertEquals(refused.headers.get("retry-after"), "5");
  const { error, hint } = await refusalOf(refused, 409);
  assertMatch(error, /\bcapacity\b/);
  assertMatch(hint!, /\bmaxSessions\b/);
  assertEquals(tap.stats().refusedBy.full, 1);
  await held[0]!.body!.cancel();
  const next = await ask(handler);
  assertEquals(next.status, 200);
  await Promise.all([next, held[1]!].map((response) => response.body!.cancel()));
  assertEquals(tap.stats().active, 0);
});

test("tapHandler() keeps the place of a session until its stream has ended", async () => {
  const tap = new Tap({ maxSessions: 1 });
  const handler = tapHandler(tap);
  const response = await ask(handler, "?stage=raw&limit=1");
  tap.offer("raw", "one");
  // It has ended, and its reader has not read it yet.
  assertEquals([tap.stats().active, (await ask(handler)).status], [0, 409]);
  await response.text();
  const next = await ask(handler, "?limit=0");
  assertEquals(next.status, 200);
  await next.body!.cancel();
  // After the end of the tap too.
  tap.close();
  const late = await ask(handler);
  assertEquals([late.status, (await ask(handler)).status], [200, 409]);
  await late.text();
});

test("tapHandler() answers 503 while the tap is switched off, and ends the sessions that were open as killed", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const open = await ask(handler, "?stage=raw");
  tap.offer("raw", "before");
  tap.disable();
  tap.offer("raw", "after");
  const { events, summary } = await read(open);
  assertEquals([events, summary.reason], [["before"], "killed"]);
  const { error, hint } = await refusalOf(await ask(handler), 503);
  assertEquals(error, "event tap disabled");
  assertMatch(hint!, /tap\.enable\(\)/);
  assertEquals(tap.stats().refusedBy.disabled, 1);
  tap.enable();
  await read(await ask(handler, "?limit=0"));
});

test("tapHandler() switches a tap off by itself that was switched on for some time", async () => {
  using time = new FakeTime();
  const tap = new Tap({ enabled: false });
  const handler = tapHandler(tap);
  await refusalOf(await ask(handler), 503);
  tap.enable(20_000);
  const open = await ask(handler, "?duration=5m");
  time.pass(19_999);
  assertEquals(tap.stats().active, 1);
  time.pass(1);
  assertEquals((await read(open)).summary.reason, "killed");
  await refusalOf(await ask(handler), 503);
});

test("tapHandler() answers 405 to every method but GET and POST, naming both", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  for (const method of ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]) {
    const response = await ask(handler, "", { method });
    assertEquals(response.headers.get("allow"), "GET, POST");
    const { error } = await refusalOf(response, 405);
    assertEquals(error, `Cannot watch tap: method must be GET, POST, received "${method}"`);
  }
  const { opened, refused } = tap.stats();
  assertEquals([opened, refused], [0, 0]);
});

const WRONG_TIMES: readonly (readonly [keyof TapHandlerOptions, number])[] = [
  ["heartbeatMs", 1],
  ["stallMs", 1],
  ["graceMs", 0],
  ["ticketMs", 1],
  ["retryMs", 0],
];

test("tapHandler() refuses a time that no timer can wait", () => {
  for (const [name, least] of WRONG_TIMES) {
    for (const value of [least - 1, 1.5, NaN, Infinity, 3e9]) {
      assertThrows(
        () => tapHandler(new Tap(), { [name]: value }),
        RangeError,
        `Cannot create tap handler: ${name} must be an integer from ${least} to 2147483647, received ${value}`,
      );
    }
    tapHandler(new Tap(), { [name]: least });
    tapHandler(new Tap(), { [name]: 2_147_483_647 });
  }
});

test("tapHandler() ends after limit events at once", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?duration=20s&limit=2");
  for (let id = 0; id < 5; id++) tap.offer("decoded", id);
  const { events, summary } = await read(response);
  assertEquals(events, ["0", "1"]);
  assertEquals([summary.captured, summary.dropped, summary.reason], [2, 0, "limit"]);
  assertEquals([tap.stats().active, time.armed], [0, 0]);
});

test("tapHandler() with limit 0 or no time gives the two records of the session alone", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  for (const [query, reason] of [["?limit=0", "limit"], ["?duration=0s", "duration"]]) {
    const response = await ask(tapHandler(tap), query);
    time.pass(0);
    const { events, notices, summary } = await read(response);
    assertEquals([events, notices, summary.captured, summary.reason], [[], [], 0, reason]);
  }
});

test("tapHandler() ends after max_bytes, and says so", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?stage=raw&max_bytes=10");
  // Four bytes each with their line ends; the third would be two too many.
  for (const line of ["abc", "€", "abc", "late"]) tap.offer("raw", line);
  const { events, summary } = await read(response);
  assertEquals(events, ["abc", "€"]);
  assertEquals([summary.captured, summary.dropped, summary.reason], [2, 1, "bytes"]);
});

test("tapHandler() says at the end how many bytes came before, and adds all to those of the tap", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?stage=raw&limit=2");
  tap.offer("raw", "zwei €");
  tap.offer("raw", "👩");
  const body = new TextEncoder().encode(await response.text());
  assertEquals(tap.stats().bytes, body.length);
  const text = new TextDecoder().decode(body);
  const before = text.slice(0, text.indexOf('{"weir_tap_summary"'));
  assertEquals(parse(text).summary.bytes, new TextEncoder().encode(before).length);
});

test("tapHandler() keeps values of several lines, and blank ones, on one line", async () => {
  const tap = new Tap();
  const values = ["two\nlines", "a\r\nb", "", "   ", "\n", '{"weir_tap_summary":{}}\n'];
  const response = await ask(tapHandler(tap), `?stage=raw&limit=${values.length}`);
  for (const value of values) tap.offer("raw", value);
  const { events } = await read(response);
  assertEquals(events.map((line) => JSON.parse(line)), values);
});

test("tapHandler() writes many events in few chunks, in order, with nothing lost", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?stage=raw&limit=3000");
  const lines = Array.from({ length: 3_000 }, (_, i) => `line ${i} €`);
  for (const line of lines) tap.offer("raw", line);
  const reader = chunksOf(response);
  let text = "";
  let chunks = 0;
  for (let chunk; (chunk = await reader.next()) !== undefined; chunks++) text += chunk;
  assertEquals(parse(text).events, lines);
  assert(chunks < 10, `${chunks} chunks`);
});

test("tapHandler() makes no chunk much larger than a quarter of a megabyte, however long the events are", async () => {
  const tap = new Tap({ maxEventBytes: 100_000 });
  const response = await ask(tapHandler(tap), "?stage=raw&limit=20");
  const line = "x".repeat(90_000);
  for (let i = 0; i < 20; i++) tap.offer("raw", line);
  const reader = chunksOf(response);
  let count = 0;
  for (let chunk; (chunk = await reader.next()) !== undefined;) {
    assert(chunk.length < 262_144 + 91_000, `a chunk of ${chunk.length}`);
    count += chunk.split(line).length - 1;
  }
  assertEquals(count, 20);
});

test("tapHandler() takes nothing from a session before its reader asks", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?stage=raw");
  const [session] = tap.sessions;
  for (let i = 0; i < 600; i++) tap.offer("raw", "x");
  await settle();
  assertEquals(session!.size, 600);
  const reader = chunksOf(response);
  await reader.next();
  await settle();
  assertEquals(session!.size, 88);
  await reader.cancel();
});

test("tapHandler() tells the audit who opened a session, how it ended, and who was refused", async () => {
  const told: string[] = [];
  const tap = new Tap({
    maxSessions: 1,
    audit: (record) => {
      if (record.type === "refused") {
        const { reason, subject, message } = record;
        told.push(`refused ${reason} ${subject} ${message}`);
      } else {
        const { id, subject, reason } = record.session;
        told.push(`${record.type} ${id} ${subject} ${reason}`);
      }
    },
  });
  const handler = tapHandler(tap, {
    authorize: (request) => request.method === "GET" && { subject: "ada", stages: ["decoded"] },
  });
  const open = await ask(handler);
  await refusalOf(await ask(handler), 409);
  await open.body!.cancel();
  await refusalOf(await ask(handler, "?limit=x"), 400);
  await refusalOf(await ask(handler, "?stage=raw"), 403);
  await refusalOf(await ask(handler, "", { method: "POST" }), 401);
  assertEquals(told, [
    "opened 1 ada undefined",
    "refused full ada Cannot watch tap: session capacity reached",
    "ended 1 ada client",
    'refused invalid ada Cannot read query: limit must be a non-negative integer, received "x"',
    'refused forbidden ada Cannot watch tap: stage must be one that is granted, received "raw"',
    "refused unauthorized undefined Cannot watch tap: not authorized",
  ]);
});

test("tapHandler() answers though the audit throws, and hands on what it throws", async () => {
  const problem = new Error("disk full");
  const errors: unknown[] = [];
  const tap = new Tap({
    audit: () => {
      throw problem;
    },
    onError: (error) => errors.push(error),
  });
  const reports = await reportsOf(async () => {
    await read(await ask(tapHandler(tap), "?limit=0"));
    await refusalOf(await ask(tapHandler(tap), "?limit=x"), 400);
  });
  // Opened, ended, refused.
  assertEquals([errors, reports], [[problem, problem, problem], []]);
});

test("tapHandler() after the end of the tap gives what is kept of it", async () => {
  const tap = new Tap({ backlog: 5 });
  for (const line of ["a", "b", "c"]) tap.offer("raw", line);
  tap.close("input");
  const chunks = chunksOf(await ask(tapHandler(tap), "?stage=raw&backlog=2"));
  const { events, notices, summary } = parse(await restOf(chunks));
  assertEquals(events, ["b", "c"]);
  // Nothing comes behind it, so there is no seam.
  assertEquals(notices, []);
  assertEquals([summary.reason, summary.missed], ["input", 1]);
});
