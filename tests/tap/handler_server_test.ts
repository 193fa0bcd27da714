import { assert, assertEquals, assertMatch } from "@std/assert";
import { chunksOf } from "../_chunks.ts";
import { test } from "../_harness.ts";
import { RawClient } from "./_raw_client.ts";
import { helloOf, parse, read, refusalOf, restOf, withServer } from "./_streams.ts";
import { until } from "./_wait.ts";

test("tapHandler() on a real server streams events while they happen", () =>
  withServer(async (tap, { url }) => {
    const response = await fetch(`${url}/tap?stage=raw&limit=2`);
    assertEquals(response.headers.get("content-type"), "application/x-ndjson");
    assertEquals(tap.stats().captured, 0);
    const reader = chunksOf(response);
    const hello = await helloOf(reader);
    assertEquals([hello.session, hello.limit], [1, 2]);
    tap.offer("raw", "first");
    assertEquals(await reader.next(), "first\n");
    tap.offer("raw", "zweite €");
    const rest = await restOf(reader);
    assertMatch(rest, /^zweite €\n{"weir_tap_summary":.*"reason":"limit".*}\n$/);
  }));

test("tapHandler() on a real server answers 400, 405 and 409", () =>
  withServer(async (tap, { url }) => {
    await refusalOf(await fetch(`${url}/tap?limit=x`), 400);
    await refusalOf(await fetch(`${url}/tap`, { method: "PUT", body: "x" }), 405);
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
    await helloOf(reader);
    for (let beat = 0; beat < 3; beat++) assertMatch((await reader.next())!, /^\n+$/);
    tap.close();
    assertMatch(await restOf(reader), /^\n*{"weir_tap_summary":.*"reason":"shutdown".*}\n$/);
  }, { heartbeatMs: 10 }));

test("tapHandler() on a real server ends by duration", () =>
  withServer(async (tap, { url }) => {
    const { summary } = await read(await fetch(`${url}?duration=20ms`));
    assertEquals([summary.reason, tap.stats().active], ["duration", 0]);
    assert(summary.duration_ms >= 19);
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

test("tapHandler() on a real server gives the place of a reader that has gone to the next", () =>
  withServer(async (tap, { url, port }) => {
    for (let turn = 1; turn <= 3; turn++) {
      const client = new RawClient(port, ["GET /tap HTTP/1.1", "Host: localhost"]);
      await until("the session is open", () => client.body.includes("weir_tap_hello"));
      await refusalOf(await fetch(url), 409);
      await client.destroy();
      await until("the session has ended", () => tap.stats().active === 0);
      // Nothing in the answer of the one holds up the next.
      const next = await fetch(`${url}?limit=0`);
      assertEquals((await read(next)).summary.reason, "limit");
    }
  }, { maxSessions: 1, heartbeatMs: 20 }));

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
    const { events, notices, summary } = parse(client.body);
    assertEquals(events.length, summary.captured);
    assertEquals(summary.captured + summary.dropped + summary.undelivered, offered);
    assert(summary.undelivered > 0);
    assertEquals(summary.dropped, session!.dropped);
    for (const notice of notices) assertEquals(notice.kind, "drop");
    // Those that came are the first, in order.
    events.forEach((line, i) => assert(line.startsWith(`${i} `), `event ${i} is ${line}`));
    await client.destroy();
  }, { bufferEvents: 200, graceMs: 200 }));
