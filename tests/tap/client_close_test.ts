import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { Tap, tapClient, tapHandler, TapRefusedError } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";
import { envelope, hello, notice, ScriptedFetch, summary } from "./_scripted_fetch.ts";
import { serve } from "./_server.ts";
import { settle, until } from "./_wait.ts";

// How a client is closed by hand, and stopped by its signal.

const URL = "http://localhost/tap";

const STRICT_SUMMARY =
  '{"rsigma_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}';

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => assert(false, "it did not fail"), (error) => error);
}

for (const how of ["close", Symbol.dispose] as const) {
  test(`tapClient() settles a pending next() with ${String(how)}, and each later one, and frees the session`, async () => {
    const tap = new Tap({ backlog: 1 });
    tap.offer("decoded", 1);
    await using server = serve(tapHandler(tap));
    const client = tapClient(server.url);
    const iterator = client[Symbol.asyncIterator]();
    assertEquals(await iterator.next(), { value: "1", done: false });
    const [session] = tap.sessions;
    const waiting = iterator.next();
    await settle();
    client[how]();
    assertEquals(await waiting, { value: undefined, done: true });
    assertEquals(await iterator.next(), { value: undefined, done: true });
    assertEquals(await Array.fromAsync(client), []);
    await until("the session has ended", () => tap.stats().active === 0);
    assertEquals([session!.reason, tap.stats().opened], ["client", 1]);
    assertEquals([client.status, client.summary, client.isComplete], [200, undefined, false]);
    // Once more is nothing.
    client[how]();
    assertEquals((await iterator.next()).done, true);
  });
}

test("tapClient() that is closed ends the loop over it", async () => {
  const tap = new Tap({ backlog: 3 });
  for (const id of [1, 2, 3]) tap.offer("decoded", id);
  await using server = serve(tapHandler(tap));
  const seen: string[] = [];
  {
    using client = tapClient(server.url);
    for await (const line of client) {
      seen.push(line);
      if (seen.length === 2) client.close();
    }
  }
  assertEquals(seen, ["1", "2"]);
  await until("the session has ended", () => tap.stats().active === 0);
});

test("tapClient() that is closed before its first next() sends nothing", async () => {
  using server = new ScriptedFetch((request) => request.open(hello(), "1", summary()));
  const counted = countedSignal();
  const client = tapClient(URL, { signal: counted.signal });
  client.close();
  assertEquals(await Array.fromAsync(client), []);
  assertEquals([server.requests.filter(({ isGone }) => !isGone).length, counted.listening], [0, 0]);
});

/** Where a client may be when it is closed, and how to get there; each answers the next() that waits, if one does. */
const PLACES: Record<string, (server: ScriptedFetch) => void> = {
  "while it waits for an answer": () => {},
  "while it waits for the first event": (server) => server.last.open(hello()),
  "while it waits in the middle of a line": (server) => {
    server.last.open(hello());
    server.last.sendText('{"a"');
  },
  "while it waits to ask again": (server) => server.last.refuse(503, "not now"),
  "while it waits in strict framing": (server) => server.last.open(STRICT_SUMMARY),
};

for (const [place, arrive] of Object.entries(PLACES)) {
  test(`tapClient() that is closed ${place} leaves nothing behind`, async () => {
    using time = new FakeTime();
    using server = new ScriptedFetch();
    const counted = countedSignal();
    const client = tapClient(URL, { signal: counted.signal, reconnect: true });
    const waiting = client[Symbol.asyncIterator]().next();
    await settle();
    arrive(server);
    await settle();
    client.close();
    assertEquals(await waiting, { value: undefined, done: true });
    await settle();
    assertEquals([time.armed, counted.listening], [0, 0]);
    assertEquals(server.requests.length, 1);
    // An answer that comes late is given up, too.
    server.last.open(hello());
    await settle();
    time.pass(1_000_000);
    await settle();
    assertEquals([server.requests.length, time.armed], [1, 0]);
  });
}

test("tapClient() that is closed between two events leaves nothing behind, whether it is asked again or not", async () => {
  for (const asksAgain of [true, false]) {
    using time = new FakeTime();
    using server = new ScriptedFetch((request) => request.open(hello(), "1", "2"));
    const counted = countedSignal();
    const client = tapClient(URL, { signal: counted.signal });
    const iterator = client[Symbol.asyncIterator]();
    assertEquals((await iterator.next()).value, "1");
    client.close();
    if (asksAgain) assertEquals((await iterator.next()).done, true);
    await settle();
    assertEquals(server.last.isGone, true);
    assertEquals([time.armed, counted.listening], [0, 0], `asks again: ${asksAgain}`);
  }
});

test("tapClient() gives no event after it is closed, though more have come", async () => {
  for (
    const lines of [["1", "2", summary()], ["1", "2"], [
      "1",
      notice({ kind: "drop", dropped: 2 }),
      "2",
    ]]
  ) {
    using _server = new ScriptedFetch((request) => {
      request.open(hello(), ...lines);
      request.close();
    });
    const client = tapClient(URL);
    const iterator = client[Symbol.asyncIterator]();
    assertEquals((await iterator.next()).value, "1");
    client.close();
    assertEquals(await iterator.next(), { value: undefined, done: true });
    assertEquals([client.isComplete, client.lost], [false, 0]);
  }
});

/** Streams of which one event is taken, and then the signal aborts. */
const STREAMS: Record<string, readonly string[]> = {
  "more events": [hello(), "1", "2", "3"],
  "a summary": [hello(), "1", summary()],
  "a notice": [hello(), "1", notice({ kind: "drop", dropped: 2 }), "2"],
  "more events in strict framing": ["1", "2", "3"],
  "what looks like a summary in strict framing": ["1", summary(), "2"],
  "a summary in strict framing": ["1", STRICT_SUMMARY],
  "an empty line": [hello(), "1", ""],
  "nothing": [hello(), "1"],
};

for (const [what, lines] of Object.entries(STREAMS)) {
  test(`tapClient() gives no event after its signal has aborted, where ${what} has come already`, async () => {
    for (const hasEnded of [false, true]) {
      using time = new FakeTime();
      using server = new ScriptedFetch((request) => {
        request.open(...lines);
        if (hasEnded) request.close();
      });
      const counted = countedSignal();
      const reason = { why: "seen enough" };
      const told: unknown[] = [];
      const client = tapClient(URL, {
        signal: counted.signal,
        onNotice: (record) => told.push(record),
      });
      const iterator = client[Symbol.asyncIterator]();
      assertEquals((await iterator.next()).value, "1");
      counted.abort(reason);
      assertStrictEquals(await failureOf(iterator.next()), reason, `has ended: ${hasEnded}`);
      assertEquals(await iterator.next(), { value: undefined, done: true });
      assertEquals([told, client.isComplete, client.summary], [[], false, undefined]);
      await settle();
      assertEquals([time.armed, counted.listening, server.requests.length], [0, 0, 1]);
    }
  });
}

test("tapClient() gives no event after its signal has aborted, also when it takes them out of envelopes", async () => {
  using server = new ScriptedFetch((request) => {
    request.open(hello(), envelope(1, "1"), envelope(2, "2"), envelope(3, "3"));
  });
  const stop = new AbortController();
  const client = tapClient(URL, { signal: stop.signal, reconnect: true });
  const iterator = client[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, "1");
  assertEquals((await iterator.next()).value, "2");
  stop.abort("enough");
  assertEquals(await failureOf(iterator.next()), "enough");
  assertEquals(server.requests.length, 1);
});

test("tapClient() whose signal is aborted by a callback gives no event behind it", async () => {
  const stop = new AbortController();
  using _server = new ScriptedFetch((request) => {
    request.open(hello(), "1", notice({ kind: "live", replayed: 1 }), "2");
  });
  const client = tapClient(URL, { signal: stop.signal, onNotice: () => stop.abort("enough") });
  const iterator = client[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, "1");
  assertEquals(await failureOf(iterator.next()), "enough");
});

test("tapClient() with a token or with any header does not follow to where it is sent on", async () => {
  await using other = serve(() => {
    asked++;
    return new Response(`${hello()}\n${summary()}\n`, {
      headers: { "content-type": "application/x-ndjson" },
    });
  });
  let asked = 0;
  await using server = serve(() =>
    new Response(null, { status: 307, headers: { location: `${other.url}/tap?ticket=t` } })
  );
  const secrets = [
    { token: "secret" },
    { headers: { authorization: "Basic eDp5" } },
    { headers: { cookie: "session=1" } },
    { headers: { "x-api-key": "secret" } },
    { headers: { "X-Anything": "1" } },
    { headers: { accept: "application/x-ndjson", "x-key": "1" } },
  ];
  for (const options of secrets) {
    const error = await failureOf(Array.fromAsync(tapClient(server.url, options)));
    assertInstanceOf(error, TapRefusedError);
    assertEquals(
      error.message,
      `Cannot watch tap: ${server.url}/ is not a tap, it answered 307, sending on to ${other.url}/tap`,
    );
    assertEquals([error.status, asked], [307, 0]);
  }
  const client = tapClient(server.url, { headers: {} });
  await Array.fromAsync(client);
  assertEquals([client.isComplete, asked], [true, 1]);
});
