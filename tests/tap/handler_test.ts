import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Tap,
  type TapHandler,
  tapHandler,
  type TapHandlerOptions,
  type TapOptions,
  type TapSummary,
} from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { RawClient } from "./_raw_client.ts";
import { reportsOf } from "../_reports.ts";
import { serve } from "./_server.ts";
import { settle, until } from "./_wait.ts";

/** What `Deno.serve` passes beside a request from this machine. */
const HERE = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 4_711 } };

function ask(handler: TapHandler, query = "", init?: RequestInit): Promise<Response> {
  return handler(new Request(`http://localhost/tap${query}`, init), HERE);
}

/** Takes a stream apart: its events and its summary. Fails where it has none. */
function parse(body: string): { events: string[]; summary: TapSummary } {
  assert(body.endsWith("\n"), body);
  const events = body.slice(0, -1).split("\n").filter((line) => line !== "");
  const summary = JSON.parse(events.pop()!).weir_tap_summary;
  assert(typeof summary === "object", body);
  return { events, summary };
}

async function read(response: Response): Promise<{ events: string[]; summary: TapSummary }> {
  assertEquals(response.status, 200);
  return parse(await response.text());
}

async function refusalOf(
  response: Response,
  status: number,
): Promise<{ error: string; hint?: string }> {
  assertEquals(response.status, status);
  assertMatch(response.headers.get("content-type")!, /^application\/json\b/);
  assertEquals(response.headers.get("cache-control"), "no-store");
  return await response.json();
}

test("tapHandler() streams events and a summary as lines", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap));
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("x-accel-buffering"), "no");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  tap.offer("decoded", { id: 1 });
  tap.offer("raw", "another stage");
  tap.offer("decoded", "zwei €");
  tap.close();
  const { events, summary } = await read(response);
  assertEquals(events, ['{"id":1}', '"zwei €"']);
  const { duration_ms: durationMs, ...rest } = summary;
  assertEquals(rest, {
    captured: 2,
    dropped: 0,
    undelivered: 0,
    missed: 0,
    stage: "decoded",
    reason: "shutdown",
  });
  assert(Number.isInteger(durationMs) && durationMs >= 0);
});

test("tapHandler() opens the session before it answers", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?limit=1");
  assertEquals(tap.stats().active, 1);
  tap.offer("decoded", "at once");
  assertEquals((await read(response)).events, ['"at once"']);
});

test("tapHandler() watches decoded for 30 s without a limit by default (parse_params_defaults_to_decoded_30s)", async () => {
  using time = new FakeTime();
  const tap = new Tap({ maxSessions: 3 });
  const handler = tapHandler(tap);
  for (const query of ["", "?"]) {
    const response = await ask(handler, query);
    const [session] = tap.sessions;
    assertEquals(session!.stage, "decoded");
    for (let id = 0; id < 1_000; id++) tap.offer("decoded", id);
    time.pass(29_999);
    assertEquals(session!.reason, undefined);
    time.pass(1);
    assertEquals(session!.reason, "duration");
    const { events, summary } = await read(response);
    assertEquals(events.length, 1_000);
    assertEquals([summary.captured, summary.duration_ms], [1_000, 30_000]);
  }
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

test("tapHandler() takes every parameter", async () => {
  using time = new FakeTime();
  const tap = new Tap({ backlog: 5 });
  for (const line of ["1", "2", "3"]) tap.offer("raw", line);
  const handler = tapHandler(tap);
  const response = await ask(handler, "?stage=raw&duration=1m%2030s&limit=3&backlog=2");
  tap.offer("raw", "4");
  tap.offer("raw", "5");
  assertEquals((await read(response)).events, ["2", "3", "4"]);
  const long = await ask(handler, "?stage=raw&duration=1m30s&backlog=0");
  time.pass(89_999);
  assertEquals(tap.stats().active, 1);
  time.pass(1);
  assertEquals((await read(long)).summary, {
    captured: 0,
    dropped: 0,
    undelivered: 0,
    missed: 5,
    "duration_ms": 90_000,
    stage: "raw",
    reason: "duration",
  });
});

const WRONG: readonly (readonly [query: string, name: string, value: string])[] = [
  ["stage=bogus", "stage", '"bogus"'],
  ["stage=RAW", "stage", '"RAW"'],
  ["stage=", "stage", '""'],
  ["stage=raw&stage=decoded", "stage", '"decoded"'],
  ["duration=abc", "duration", '"abc"'],
  ["duration=", "duration", '""'],
  ["duration=30", "duration", '"30"'],
  ["duration=-1s", "duration", '"-1s"'],
  ["duration=1s&duration=2s", "duration", '"2s"'],
  ["duration=5m1ms", "duration", '"5m1ms"'],
  ["duration=999999999h", "duration", '"999999999h"'],
  ["limit=", "limit", '""'],
  ["limit=-1", "limit", '"-1"'],
  ["limit=1.5", "limit", '"1.5"'],
  ["limit=1e3", "limit", '"1e3"'],
  ["limit=0x10", "limit", '"0x10"'],
  ["limit=Infinity", "limit", '"Infinity"'],
  ["limit=9999999999999999", "limit", '"9999999999999999"'],
  ["limit=1&limit=1", "limit", '"1"'],
  ["backlog=", "backlog", '""'],
  ["backlog=-1", "backlog", '"-1"'],
  ["backlog=all", "backlog", '"all"'],
  ["backlog=1&backlog=2", "backlog", '"2"'],
  ["foo=1", "parameter", '"foo"'],
  ["Stage=raw", "parameter", '"Stage"'],
  ["toString=1", "parameter", '"toString"'],
  ["=1", "parameter", '""'],
];

test("tapHandler() refuses every wrong parameter with 400, naming it and its value, and opens nothing", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  for (const [query, name, value] of WRONG) {
    // A parameter that is right does not help.
    for (const more of ["", name === "limit" ? "&stage=raw" : "&limit=1"]) {
      const { error } = await refusalOf(await ask(handler, `?${query}${more}`), 400);
      assertMatch(
        error,
        new RegExp(`^Cannot .*\\b${name}\\b.*, received ${RegExp.escape(value)}$`),
      );
    }
  }
  const { opened, refused, active } = tap.stats();
  assertEquals([opened, refused, active], [0, 0, 0]);
});

test("tapHandler() refuses a stage that does not exist (parse_params_rejects_bad_stage)", async () => {
  const tap = new Tap();
  const { error } = await refusalOf(await ask(tapHandler(tap), "?stage=bogus"), 400);
  assertEquals(
    error,
    'Cannot open tap session: stage must be one of raw, decoded, received "bogus"',
  );
  assertEquals(tap.stats().opened, 0);
});

test("tapHandler() refuses a duration above the tap's, saying both (parse_params_rejects_over_max_duration)", async () => {
  const tap = new Tap();
  const { error } = await refusalOf(await ask(tapHandler(tap), "?duration=10m"), 400);
  assertMatch(error, /\bduration exceeds\b.*\b5m\b.*, received "10m"$/);
  assertEquals(tap.stats().opened, 0);
});

test("tapHandler() answers 409 when as many sessions are open as may be (tap_session_cap_returns_409)", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const held = [await ask(handler), await ask(handler, "?stage=raw")];
  const { error, hint } = await refusalOf(await ask(handler), 409);
  assertMatch(error, /\bcapacity\b/);
  assert(typeof hint === "string");
  assertEquals(tap.stats().refused, 1);
  await held[0]!.body!.cancel();
  const next = await ask(handler);
  assertEquals(next.status, 200);
  await Promise.all([next, held[1]!].map((response) => response.body!.cancel()));
  assertEquals(tap.stats().active, 0);
});

test("tapHandler() answers 405 to everything but GET", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]) {
    const response = await ask(handler, "", { method });
    assertEquals(response.headers.get("allow"), "GET");
    const { error } = await refusalOf(response, 405);
    assertEquals(error, `Cannot watch tap: method must be GET, received "${method}"`);
  }
  assertEquals(tap.stats().opened, 0);
});

test("tapHandler() asks authorize, and answers 401 without opening anything", async () => {
  const tap = new Tap();
  const asked: Request[] = [];
  for (const answer of [false, Promise.resolve(false)]) {
    const handler = tapHandler(tap, {
      authorize: (request) => {
        asked.push(request);
        return answer;
      },
    });
    const request = new Request("http://localhost/tap?stage=bogus", { method: "POST" });
    const response = await handler(request, HERE);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    assertMatch((await refusalOf(response, 401)).error, /not authorized$/);
    assertStrictEquals(asked.at(-1), request);
  }
  assertEquals(tap.stats().opened, 0);
});

test("tapHandler() serves everybody whom authorize lets in", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, {
    authorize: (request) => Promise.resolve(request.headers.get("authorization") === "Bearer t"),
  });
  const request = new Request("https://tap.example/tap?limit=0", {
    headers: { authorization: "Bearer t", "sec-fetch-site": "cross-site" },
  });
  const peer = { remoteAddr: { transport: "tcp", hostname: "203.0.113.9", port: 1 } };
  assertEquals((await read(await handler(request, peer))).summary.reason, "limit");
});

test("tapHandler() rejects with what authorize throws, for the server to answer, and opens nothing", async () => {
  const problem = new Error("database down");
  const tap = new Tap();
  const throwing = [() => Promise.reject(problem), () => {
    throw problem;
  }];
  const reports = await reportsOf(async () => {
    for (const authorize of throwing) {
      const error: unknown = await ask(tapHandler(tap, { authorize })).catch((error) => error);
      assertStrictEquals(error, problem);
    }
  });
  assertEquals([reports, tap.stats().opened], [[], 0]);
});

test("tapHandler() without authorize answers 403 where the server does not say who asks", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const unknown = [
    undefined,
    null,
    {},
    { remoteAddr: undefined },
    { remoteAddr: { transport: "unix", path: "/run/weir" } },
    { requestIP: () => null },
  ];
  for (const peer of unknown) {
    const response = await handler(new Request("http://localhost/tap"), peer);
    const { error } = await refusalOf(response, 403);
    assertMatch(error, /does not pass on the address/);
  }
  assertEquals(tap.stats().opened, 0);
  const open = tapHandler(tap, { authorize: () => true });
  await (await open(new Request("http://localhost/tap?limit=0"))).text();
  assertEquals(tap.stats().opened, 1);
});

test("tapHandler() without authorize answers 403 to what a proxy on this machine has passed on", async () => {
  const tap = new Tap();
  for (const name of ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"]) {
    const response = await ask(tapHandler(tap), "", { headers: { [name]: "203.0.113.9" } });
    const { error } = await refusalOf(response, 403);
    assertMatch(error, /a proxy has passed the request on/);
  }
  assertEquals(tap.stats().opened, 0);
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

test("tapHandler() answers 403 to a foreign Host, so that no name can be bound to this machine", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const foreign = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "0.0.0.0",
    "192.168.0.7",
    "128.0.0.1",
    "[::]",
    "[::2]",
    "[fe80::1]",
  ];
  for (const host of foreign) {
    const response = await handler(new Request(`http://${host}:8707/tap`), HERE);
    const { error, hint } = await refusalOf(response, 403);
    const hostname = new URL(`http://${host}`).hostname;
    assertEquals(error, `Cannot watch tap: the host "${hostname}" is not this machine`);
    assertMatch(hint!, /authorize/);
  }
  assertEquals(tap.stats().opened, 0);
  const own = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "127.8.9.10", "[::1]"];
  for (const host of own) {
    await read(await handler(new Request(`http://${host}:8707/tap?limit=0`), HERE));
  }
});

test("tapHandler() answers 403 to a page of another site", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const from = (site: string) => ask(handler, "?limit=0", { headers: { "sec-fetch-site": site } });
  assertMatch((await refusalOf(await from("cross-site"), 403)).error, /another site/);
  assertEquals(tap.stats().opened, 0);
  for (const site of ["none", "same-origin"]) await read(await from(site));
});

test("tapHandler() answers 403 to a peer that is not this machine, as Deno and as Bun say it", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const request = new Request("http://localhost/tap?limit=0");
  function peersOf(hostname: string): unknown[] {
    const server = {
      requestIP(asked: Request) {
        assertStrictEquals(this, server);
        assertStrictEquals(asked, request);
        return { address: hostname, family: "IPv4", port: 4_711 };
      },
    };
    return [{ remoteAddr: { transport: "tcp", hostname, port: 4_711 } }, server];
  }
  for (const address of ["203.0.113.9", "::ffff:203.0.113.9", "fe80::1", "10.127.0.1", "::"]) {
    for (const peer of peersOf(address)) {
      const { error } = await refusalOf(await handler(request, peer), 403);
      assertEquals(error, `Cannot watch tap: the peer ${address} is not this machine`);
    }
  }
  assertEquals(tap.stats().opened, 0);
  for (const address of ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"]) {
    for (const peer of peersOf(address)) await read(await handler(request, peer));
  }
});

test("tapHandler() refuses a heartbeatMs that is no positive integer", () => {
  for (const heartbeatMs of [0, -1, 1.5, NaN, Infinity, 3e9]) {
    assertThrows(
      () => tapHandler(new Tap(), { heartbeatMs }),
      RangeError,
      `Cannot create tap handler: heartbeatMs must be an integer from 1 to 2147483647, received ${heartbeatMs}`,
    );
  }
});

test("tapHandler() ends after limit events at once (tap_limit_ends_stream_early)", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?duration=20s&limit=2");
  for (let id = 0; id < 5; id++) tap.offer("decoded", id);
  const { events, summary } = await read(response);
  assertEquals(events, ["0", "1"]);
  assertEquals([summary.captured, summary.dropped, summary.reason], [2, 0, "limit"]);
  assertEquals([tap.stats().active, time.armed], [0, 0]);
});

test("tapHandler() with limit 0 or no time gives the summary alone", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  for (const [query, reason] of [["?limit=0", "limit"], ["?duration=0s", "duration"]]) {
    const response = await ask(tapHandler(tap), query);
    time.pass(0);
    const { events, summary } = await read(response);
    assertEquals([events, summary.captured, summary.reason], [[], 0, reason]);
  }
});

test("tapHandler() gives lines that nobody can parse as they are (tap_raw_stage_captures_unparsed_line)", async () => {
  const tap = new Tap();
  const line = '<34>1 2026-08-07T00:00:00Z host app - - - \t{not json 漢字 \\ " ';
  const response = await ask(tapHandler(tap), "?stage=raw&limit=1");
  tap.offer("raw", line);
  assertEquals((await response.text()).split("\n")[0], line);
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

test("tapHandler() writes an empty line at once where there is no event, so that its answer is sent", async () => {
  for (const query of ["?stage=raw", "?stage=raw&limit=1", "?stage=raw&limit=0"]) {
    const tap = new Tap({ backlog: 1 });
    const handler = tapHandler(tap);
    const silent = chunksOf(await ask(handler, query));
    const first = await silent.next();
    assertEquals(first === "\n", !query.endsWith("=0"), first);
    await silent.cancel();
    tap.offer("raw", "kept");
    const kept = chunksOf(await ask(handler, query.replace("=0", "=1")));
    assertEquals(await kept.next(), "kept\n");
    await kept.cancel();
  }
});

test("tapHandler() writes an empty line whenever its reader has waited for heartbeatMs", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap, { heartbeatMs: 100 }), "?stage=raw");
  assertEquals(time.referenced, 0);
  const reader = chunksOf(response);
  assertEquals(await reader.next(), "\n");
  const beat = async (): Promise<string | undefined> => {
    let isSettled = false;
    const next = reader.next().finally(() => isSettled = true);
    time.pass(99);
    await settle();
    assert(!isSettled);
    time.pass(1);
    return await next;
  };
  assertEquals([await beat(), await beat(), await beat()], ["\n", "\n", "\n"]);
  const next = reader.next();
  tap.offer("raw", "event");
  assertEquals(await next, "event\n");
  assertEquals(await beat(), "\n");
  await reader.cancel();
  assertEquals([time.armed, tap.stats().active], [0, 0]);
});

test("tapHandler() does not pile up heartbeats for a reader that has stalled", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap, { heartbeatMs: 100 }), "?stage=raw&duration=1m");
  const reader = chunksOf(response);
  assertEquals(await reader.next(), "\n");
  // It waits for an event when it gets a heartbeat, and takes nothing after that.
  const beat = reader.next();
  await settle();
  time.pass(100);
  assertEquals(await beat, "\n");
  time.pass(60_000);
  await settle();
  let rest = "";
  for (let chunk; (chunk = await reader.next()) !== undefined;) rest += chunk;
  assertMatch(rest, /^\n?\{"weir_tap_summary":/);
});

test("tapHandler() beats every five seconds by default", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const reader = chunksOf(await ask(tapHandler(tap)));
  assertEquals(await reader.next(), "\n");
  let isSettled = false;
  const next = reader.next().finally(() => isSettled = true);
  time.pass(4_999);
  await settle();
  assert(!isSettled);
  time.pass(1);
  assertEquals(await next, "\n");
  await reader.cancel();
});

test("tapHandler() gives up the queue of a reader that takes nothing after the end, and says so", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 3, backlog: 2 });
  for (const line of ["a", "b"]) tap.offer("raw", line);
  const query = "?stage=raw&duration=1s";
  const response = await ask(tapHandler(tap, { graceMs: 100 }), query);
  const [session] = tap.sessions;
  for (const line of ["c", "d", "e", "f"]) tap.offer("raw", line);
  time.pass(1_000);
  await settle();
  assertEquals([session!.reason, session!.size, tap.stats().active], ["duration", 5, 0]);
  time.pass(99);
  assertEquals(session!.size, 5);
  time.pass(1);
  assertEquals([session!.size, time.armed], [0, 0]);
  // Should it come back, it is told.
  const { events, summary } = await read(response);
  assertEquals(events, []);
  const { captured, dropped, undelivered } = summary;
  assertEquals({ captured, dropped, undelivered }, { captured: 0, dropped: 1, undelivered: 5 });
});

test("tapHandler() gives a slow reader its time anew whenever it takes something", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap, { graceMs: 100 }), "?stage=raw");
  const [session] = tap.sessions;
  for (let i = 0; i < 2_000; i++) tap.offer("raw", "x");
  tap.close();
  const reader = chunksOf(response);
  for (const left of [1_488, 976, 464]) {
    await settle();
    time.pass(99);
    await reader.next();
    assertEquals(session!.size, left);
  }
  await settle();
  time.pass(99);
  assertEquals(session!.size, 464);
  time.pass(1);
  assertEquals([session!.size, time.armed], [0, 0]);
  const { summary } = parse((await reader.next())!);
  assertEquals([summary.captured, summary.undelivered], [1_536, 464]);
  assertEquals(await reader.next(), undefined);
});

test("tapHandler() frees the session and its memory when the body is cancelled", async () => {
  using time = new FakeTime();
  const tap = new Tap({ maxSessions: 1, backlog: 2 });
  tap.offer("raw", "kept");
  for (const isReading of [false, true]) {
    const response = await ask(tapHandler(tap), "?stage=raw&backlog=1");
    const [session] = tap.sessions;
    const reader = chunksOf(response);
    if (isReading) await reader.next();
    const pending = isReading ? reader.next() : undefined;
    if (!isReading) tap.offer("raw", "event");
    await settle();
    await reader.cancel();
    assertEquals(await pending, undefined);
    await settle();
    assertEquals([session!.reason, session!.size], ["client", 0]);
    assertEquals([tap.stats().active, time.armed], [0, 0]);
  }
});

test("tapHandler() frees the session when the request's signal aborts", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const gone = new AbortController();
  const response = await ask(tapHandler(tap), "?stage=raw", { signal: gone.signal });
  const [session] = tap.sessions;
  tap.offer("raw", "event");
  gone.abort();
  assertEquals([session!.reason, session!.undelivered, session!.size], ["client", 1, 0]);
  assertEquals(tap.stats().active, 0);
  // Should the server not cancel the body, nothing is armed for it after the grace.
  await settle();
  time.pass(10_000);
  assertEquals(time.armed, 0);
  await response.body!.cancel();
});

test("tapHandler() ends at once a session whose request has aborted before", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "", { signal: AbortSignal.abort() });
  assertEquals(tap.stats().active, 0);
  assertEquals((await read(response)).summary.reason, "client");
});

test("tapHandler() leaves no listener at the request's signal", async () => {
  const endings: readonly ((tap: Tap, response: Response) => Promise<unknown>)[] = [
    (_, response) => response.body!.cancel(),
    (tap, response) => (tap.close(), response.text()),
  ];
  for (const end of endings) {
    const tap = new Tap();
    const request = new Request("http://localhost/tap", { signal: new AbortController().signal });
    const { signal } = request;
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const { remoteAddr } = HERE;
    const response = await tapHandler(tap)(request, { remoteAddr });
    assertEquals(listeners, 1);
    await end(tap, response);
    await settle();
    assertEquals(listeners, 0);
  }
});

test("tapHandler() frees the session when Deno says that the answer is delivered, or cannot be", async () => {
  for (const isDelivered of [true, false]) {
    const tap = new Tap();
    const { promise: completed, resolve, reject } = Promise.withResolvers<void>();
    const request = new Request("http://localhost/tap");
    const response = await tapHandler(tap)(request, { ...HERE, completed });
    assertEquals(tap.stats().active, 1);
    if (isDelivered) resolve();
    else reject(new Error("connection lost"));
    await settle();
    assertEquals(tap.stats().active, 0);
    await response.body!.cancel();
  }
});

/** Serves a tap on the runtime's own server. */
async function withServer(
  body: (tap: Tap, server: { readonly url: string; readonly port: number }) => Promise<void>,
  { heartbeatMs, graceMs, ...options }: TapOptions<"raw" | "decoded"> & TapHandlerOptions = {},
): Promise<void> {
  const tap = new Tap(options);
  await using server = serve(tapHandler(tap, { heartbeatMs, graceMs }));
  await body(tap, server);
  await until("every session has ended", () => tap.stats().active === 0);
}

test("tapHandler() on a real server streams events while they happen", () =>
  withServer(async (tap, { url }) => {
    const response = await fetch(`${url}/tap?stage=raw&limit=2`);
    assertEquals(response.headers.get("content-type"), "application/x-ndjson");
    assertEquals(tap.stats().captured, 0);
    const reader = chunksOf(response);
    assertEquals(await reader.next(), "\n");
    tap.offer("raw", "first");
    assertEquals(await reader.next(), "first\n");
    tap.offer("raw", "zweite €");
    let rest = "";
    for (let chunk; (chunk = await reader.next()) !== undefined;) rest += chunk;
    assertEquals(parse(rest).events, ["zweite €"]);
  }));

test("tapHandler() on a real server answers 400, 405 and 409", () =>
  withServer(async (tap, { url }) => {
    await refusalOf(await fetch(`${url}/tap?limit=x`), 400);
    await refusalOf(await fetch(`${url}/tap`, { method: "POST", body: "x" }), 405);
    const held = [await fetch(url), await fetch(url)];
    await refusalOf(await fetch(url), 409);
    assertEquals(tap.stats().opened, 2);
    await Promise.all(held.map((response) => response.body!.cancel()));
  }));

test("tapHandler() on a real server answers 403 to a foreign Host", () =>
  withServer(async (tap, { port }) => {
    const client = new RawClient(port, ["GET /tap HTTP/1.1", "Host: evil.example"]);
    await until("the answer comes", () => client.received.includes("evil.example"));
    assertEquals(client.status, 403);
    assertEquals(tap.stats().opened, 0);
    await client.destroy();
  }));

test("tapHandler() on a real server answers 400 to a Host that is none", () =>
  withServer(async (tap, { port }) => {
    const client = new RawClient(port, ["GET /tap HTTP/1.1", "Host: [none"]);
    await until("the answer comes", () => client.received.includes("readable"));
    assertEquals([client.status, tap.stats().opened], [400, 0]);
    await client.destroy();
  }));

test("tapHandler() on a real server keeps a silent connection alive with empty lines", () =>
  withServer(async (tap, { url }) => {
    const reader = chunksOf(await fetch(url));
    for (let beat = 0; beat < 3; beat++) assertMatch((await reader.next())!, /^\n+$/);
    tap.close();
    let rest = "";
    for (let chunk; (chunk = await reader.next()) !== undefined;) rest += chunk;
    assertEquals(parse(rest).summary.reason, "shutdown");
  }, { heartbeatMs: 10 }));

test("tapHandler() on a real server ends by duration", () =>
  withServer(async (tap, { url }) => {
    const { summary } = await read(await fetch(`${url}?duration=20ms`));
    assertEquals([summary.reason, tap.stats().active], ["duration", 0]);
    assert(summary.duration_ms >= 19 && summary.duration_ms < 10_000);
  }));

test("tapHandler() on a real server frees the session of a fetch that is aborted, or its body cancelled", () =>
  withServer(async (tap, { url }) => {
    const gone = new AbortController();
    const response = await fetch(url, { signal: gone.signal });
    gone.abort();
    await response.text().catch(() => {});
    await until("the session of the aborted fetch has ended", () => tap.stats().active === 0);
    const other = await fetch(url);
    assertEquals(tap.stats().active, 1);
    await other.body!.cancel();
    await until("the session of the cancelled body has ended", () => tap.stats().active === 0);
  }));

test("tapHandler() on a real server frees the session of a connection that breaks", () =>
  withServer(async (tap, { port }) => {
    const client = new RawClient(port, ["GET /tap HTTP/1.1", "Host: localhost"]);
    await until("the session is open", () => tap.stats().active === 1);
    await client.destroy();
    await until("the session has ended", () => tap.stats().active === 0);
  }, { heartbeatMs: 20 }));

test("tapHandler() on a real server drops for a reader that stalls, and counts every event", () =>
  withServer(async (tap, { port }) => {
    const client = new RawClient(port, [
      "GET /tap?stage=raw&duration=10s HTTP/1.1",
      "Host: localhost",
    ]);
    client.pause();
    await until("the session is open", () => tap.stats().active === 1);
    const [session] = tap.sessions;
    let offered = 0;
    // What fits between server and client is the system's affair; the server offers until that is full, and more.
    await until("the buffer is full", () => {
      for (let i = 0; i < 100; i++, offered++) tap.offer("raw", `${offered} `.padEnd(4_000, "x"));
      return session!.dropped > 300;
    });
    session!.close();
    assertEquals(session!.captured + session!.dropped, offered);
    assert(session!.size <= 200);
    await until("the queue is given up", () => session!.size === 0);
    client.resume();
    await until("the end comes", () => client.received.endsWith("\r\n0\r\n\r\n"));
    const { events, summary } = parse(client.body);
    assertEquals(events.length, summary.captured);
    assertEquals(summary.captured + summary.dropped + summary.undelivered, offered);
    assert(summary.undelivered > 0);
    assertEquals(summary.dropped, session!.dropped);
    // Those that came are the first, in order.
    events.forEach((line, i) => assert(line.startsWith(`${i} `), `event ${i} is ${line}`));
    await client.destroy();
  }, { bufferEvents: 200, graceMs: 200 }));
