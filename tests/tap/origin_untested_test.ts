import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { bearer, tapClient } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { test } from "../_harness.ts";
import { Daemon } from "./_origin_daemon.ts";
import { RawClient } from "./_raw_client.ts";
import { serve } from "./_server.ts";
import { helloOf, parse, read, refusalOf, restOf } from "./_streams.ts";
import { until } from "./_wait.ts";

// What the origin does, or should, and no test of it looks at; on the runtime's own server.

/** A reader of a daemon that takes nothing after its answer has begun. */
async function stalledReader(daemon: Daemon, query: string): Promise<RawClient> {
  const client = new RawClient(daemon.port, [
    `GET /api/v1/tap${query} HTTP/1.1`,
    "Host: localhost",
  ]);
  await until("the session is open", () => client.body.includes("weir_tap_hello"));
  client.pause();
  return client;
}

/** Offers events until more than what is between server and client is full, and then some. */
async function flood(daemon: Daemon, isEnough: () => boolean): Promise<number> {
  let offered = 0;
  await until("the reader is too slow", () => {
    for (let count = 0; count < 100; count++, offered++) {
      daemon.tap.offer("raw", `${offered} `.padEnd(4_000, "x"));
    }
    return isEnough();
  });
  return offered;
}

test("Slow reader: it loses the newest, is told how many, and nobody waits for it", async () => {
  await using daemon = new Daemon({ bufferEvents: 50, stallMs: 60_000 });
  const client = await stalledReader(daemon, "?stage=raw&duration=1m");
  const [session] = daemon.tap.sessions;
  // Another reader, which is quick, gets all that it asks for meanwhile.
  const quick = await daemon.watch("?stage=raw&where=$ startswith '7 '");
  const offered = await flood(daemon, () => session!.dropped > 100);
  client.resume();
  await until("it is told", () => client.body.includes('"kind":"drop"'));
  daemon.tap.close();
  await until("the end comes", () => client.received.endsWith("\r\n0\r\n\r\n"));
  const { events, notices, summary } = parse(client.body);
  assertEquals(summary.captured + summary.dropped + summary.undelivered, offered);
  assertEquals([summary.captured, summary.undelivered], [events.length, 0]);
  assertEquals(summary.dropped, session!.dropped);
  const last = notices.at(-1)!;
  assert(last.kind === "drop" && last.dropped <= summary.dropped && last.dropped > 100);
  // Those that it got are the first of what came while there was room.
  assert(events[0]!.startsWith("0 ") && events[49]!.startsWith("49 "));
  assertEquals((await read(quick)).events.map((line) => line.trimEnd().slice(0, 2)), ["7 "]);
  await client.destroy();
});

test("Disconnect frees the place, though nothing is ever written to it", async () => {
  await using daemon = new Daemon({ maxSessions: 1, heartbeatMs: 50 });
  for (const query of ["?stage=raw", "?stage=raw&framing=strict", "?format=sse", "?limit=5"]) {
    const client = new RawClient(daemon.port, [
      `GET /api/v1/tap${query} HTTP/1.1`,
      "Host: localhost",
    ]);
    await until("the session is open", () => daemon.tap.stats().active === 1);
    await refusalOf(await daemon.watch(), 409);
    await client.destroy();
    await until("its place is free", () => daemon.tap.stats().active === 0);
    assertEquals((await daemon.metrics()).active_sessions, 0);
  }
  await until("it is free for another", () => daemon.tap.sessions.length === 0);
  assertEquals((await read(await daemon.watch("?limit=0"))).summary.reason, "limit");
});

test("Stalled reader and its deadline: the place is free soon after its time is over", async () => {
  await using daemon = new Daemon({ maxSessions: 1, bufferEvents: 50, graceMs: 50 });
  const client = await stalledReader(daemon, "?stage=raw&duration=500ms");
  const [session] = daemon.tap.sessions;
  await flood(daemon, () => session!.dropped > 100 || session!.reason !== undefined);
  await until("its time is over", () => session!.reason !== undefined);
  assertEquals(session!.reason, "duration");
  await until("what it has not read is given up", () => session!.size === 0);
  // It still reads nothing.
  const next = await daemon.watch("?limit=0");
  assertEquals((await read(next)).summary.reason, "limit");
  await client.destroy();
});

test("Stalled reader without a deadline near: it is ended as slow, and its place is free", async () => {
  await using daemon = new Daemon({ maxSessions: 1, bufferEvents: 50, stallMs: 200 });
  const client = await stalledReader(daemon, "?stage=raw&duration=5m");
  const [session] = daemon.tap.sessions;
  await flood(daemon, () => session!.reason !== undefined);
  assertEquals([session!.reason, session!.size], ["slow_reader", 0]);
  assertEquals((await read(await daemon.watch("?limit=0"))).summary.reason, "limit");
  client.resume();
  await until("it is told", () => client.received.endsWith("\r\n0\r\n\r\n"));
  assertEquals(parse(client.body).summary.reason, "slow_reader");
  await client.destroy();
});

test("Authorization: 401 without a token that is known, 403 without the grant", async () => {
  const [ops, dev] = ["0123456789abcdef-ops", "0123456789abcdef-dev"];
  await using daemon = new Daemon({
    authorize: bearer([{ token: ops, admin: true }, { token: dev, stages: ["decoded"] }]),
  });
  const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
  for (const init of [{}, as("another-token-16"), as(""), { headers: { authorization: ops } }]) {
    const response = await daemon.watch("", init);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    await refusalOf(response, 401);
  }
  await refusalOf(await daemon.watch("?stage=raw", as(dev)), 403);
  await refusalOf(await daemon.watch("/sessions", as(dev)), 403);
  await read(await daemon.watch("?limit=0", as(dev)));
  await read(await daemon.watch("?limit=0&stage=raw", as(ops)));
  const metrics = await daemon.metrics();
  assertEquals(metrics['refused_total{reason="unauthorized"}'], 4);
  assertEquals(metrics['refused_total{reason="forbidden"}'], 2);
  assertEquals(metrics.sessions_total, 2);
});

test("limit=0 is a session that gets nothing, and ends at once", async () => {
  await using daemon = new Daemon({ backlog: 3 });
  await daemon.post('{"n":1}');
  const { events, notices, summary } = await read(await daemon.watch("?limit=0&duration=5m"));
  assertEquals([events, notices], [[], []]);
  assertEquals([summary.captured, summary.reason], [0, "limit"]);
  assertEquals(daemon.tap.stats().active, 0);
});

test("A limit that is none is refused in JSON, whether the tap is switched on or not", async () => {
  await using daemon = new Daemon();
  for (const enabled of [true, false]) {
    if (!enabled) daemon.tap.disable();
    for (const limit of ["x", "-1", "1.5", "", "1&limit=2"]) {
      const { error } = await refusalOf(await daemon.watch(`?limit=${limit}`), 400);
      assertMatch(error, /\blimit\b/);
    }
  }
});

test("Lines that cannot be redacted are dropped, and counted as such", async () => {
  await using daemon = new Daemon({ lines: "syslog" });
  const response = await daemon.watch("?stage=raw&redact=src_ip");
  await daemon.post(
    "src_ip=10.11.12.13",
    '{"src_ip":"10.11.12.13"}',
    '{"src_ip":"10.11.12.13"',
    '"10.11.12.13"',
  );
  daemon.tap.close();
  const body = await response.text();
  assertFalse(body.includes("10.11.12.13"), body);
  const { events, summary } = parse(body);
  assertEquals([events.length, summary.captured, summary.dropped, summary.unshown], [1, 1, 3, 3]);
  assertEquals((await daemon.metrics()).events_dropped_total, 3);
});

test("Heartbeat: a tap without events says at once that it is open, and then that it is alive", async () => {
  await using daemon = new Daemon({ heartbeatMs: 20 });
  const chunks = chunksOf(await daemon.watch());
  const hello = await helloOf(chunks);
  assertEquals([hello.stage, hello.heartbeat_ms], ["decoded", 20]);
  for (let beat = 0; beat < 5; beat++) assertMatch((await chunks.next())!, /^\n+$/);
  await chunks.cancel();
});

test("Shutdown with open taps: each gets its summary, and the server need not wait for any of them", async () => {
  const daemon = new Daemon();
  const open = [await daemon.watch("?duration=5m"), await daemon.watch("?duration=5m&format=sse")];
  await daemon.post('{"n":1}');
  daemon.tap.close();
  const [lines, events] = await Promise.all(open.map((response) => response.text()));
  assertEquals(parse(lines!).summary.reason, "shutdown");
  assertMatch(events!, /event: summary\ndata: .*"reason":"shutdown".*\n\n$/);
  assertEquals(daemon.tap.stats().active, 0);
  await daemon[Symbol.asyncDispose]();
});

test("Metrics say while a session is open what it has got and lost, and afterwards that it is gone", async () => {
  await using daemon = new Daemon({ bufferEvents: 100 });
  assertEquals(Object.values(await daemon.metrics()).filter((value) => value !== 0), [1]);
  const chunks = chunksOf(await daemon.watch("?stage=raw&redact=a"));
  await helloOf(chunks);
  await daemon.post('{"a":1}', "no JSON", '{"a":2}');
  let streamed = "";
  while (streamed.split("\n").filter((line) => line !== "").length < 2) {
    streamed += await chunks.next();
  }
  const open = await daemon.metrics();
  assertEquals([open.active_sessions, open.sessions_total], [1, 1]);
  assertEquals([open.events_streamed_total, open.events_dropped_total], [2, 1]);
  daemon.tap.close();
  await restOf(chunks);
  const ended = await daemon.metrics();
  assertEquals([ended.active_sessions, ended.sessions_total], [0, 1]);
  assertEquals([ended.events_streamed_total, ended.events_dropped_total], [2, 1]);
  assert(ended.bytes_total! > open.bytes_total!);
  assert(ended.session_seconds_total! > 0);
});

test("A key with a dot in it is reached, and one that only looks so is not", async () => {
  await using daemon = new Daemon();
  const paths = ["a\\.b", 'headers["x.y"]', "/p.q/r~1s"];
  for (const path of paths) {
    const response = await daemon.watch(`?limit=1&redact=${encodeURIComponent(path)}`);
    await daemon.post(
      '{"a.b":"s1","a":{"b":"p1"},"headers":{"x.y":"s2","x":{"y":"p2"}},"p.q":{"r/s":"s3"}}',
    );
    const [event] = (await read(response)).events;
    const secret = `s${paths.indexOf(path) + 1}`;
    assertFalse(event!.includes(`"${secret}"`), event);
    const others = ["s1", "s2", "s3", "p1", "p2"].filter((text) => text !== secret);
    for (const other of others) assert(event!.includes(`"${other}"`), event);
  }
});

test("A stream that was cut off is known as such, wherever it was cut", async () => {
  await using daemon = new Daemon();
  const response = await daemon.watch("?stage=raw&limit=3");
  await daemon.post("one", "two", "three");
  const whole = await response.text();
  const summaryAt = whole.indexOf('{"weir_tap_summary"');
  const headers = { "content-type": "application/x-ndjson" };
  for (const end of [0, 10, summaryAt - 2, summaryAt, summaryAt + 30, whole.length - 2]) {
    await using server = serve(() => new Response(whole.slice(0, end), { headers }));
    const client = tapClient(server.url);
    // However it says so, it says that it is not the whole.
    await Array.fromAsync(client).catch(() => {});
    assertFalse(client.isComplete, `the first ${end} of ${whole.length}`);
  }
  await using server = serve(() => new Response(whole, { headers }));
  const client = tapClient(server.url);
  assertEquals(await Array.fromAsync(client), ["one", "two", "three"]);
  assert(client.isComplete);
});
