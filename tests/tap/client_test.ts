import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { Tap, tapClient, tapHandler, TapRefusedError } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { collectGarbage } from "../_heap.ts";
import { serve, type TestServer } from "./_server.ts";
import { settle, until } from "./_wait.ts";

const SUMMARY = {
  captured: 2,
  dropped: 3,
  undelivered: 4,
  missed: 5,
  "duration_ms": 6,
  stage: "raw",
  reason: "limit",
};
const LAST = `${JSON.stringify({ weir_tap_summary: SUMMARY })}\n`;
const NDJSON = { "content-type": "application/x-ndjson" };

/** What a server was asked; Bun forgets it when the answer is sent. */
interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
}

/** A server that gives every request the same stream; what was asked is in `requests`. */
function canned(
  body: BodyInit | (() => BodyInit),
  init: ResponseInit = { headers: NDJSON },
): TestServer & { readonly requests: Asked[] } {
  const requests: Asked[] = [];
  const server = serve(({ method, url, headers }) => {
    requests.push({ method, url: new URL(url), headers: new Headers(headers) });
    return new Response(typeof body === "function" ? body() : body, init);
  });
  return Object.assign(server, { requests });
}

/** A stream that sends this, then nothing, until its reader has gone. */
function stuck(text: string, onCancel: () => void = () => {}): () => ReadableStream<Uint8Array> {
  return () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
      cancel: onCancel,
    });
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => assert(false, "it did not fail"), (error) => error);
}

test("tapClient() yields the events and keeps the summary aside", async () => {
  await using server = canned(`one\n\n{"two":2}\n\n\n${LAST}`);
  const client = tapClient(server.url);
  assertEquals([client.status, client.summary], [undefined, undefined]);
  const seen: unknown[] = [];
  for await (const line of client) seen.push([line, client.status, client.summary]);
  assertEquals(seen, [["one", 200, undefined], ['{"two":2}', 200, undefined]]);
  assertEquals(client.summary, SUMMARY as typeof client.summary);
});

test("tapClient() sends its request at the first next(), once", async () => {
  await using server = canned(`one\n${LAST}`);
  const client = tapClient(server.url);
  const iterator = client[Symbol.asyncIterator]();
  await settle();
  assertEquals(server.requests.length, 0);
  assertEquals(await iterator.next(), { value: "one", done: false });
  assertEquals((await iterator.next()).done, true);
  assertEquals((await iterator.next()).done, true);
  assertEquals(await Array.fromAsync(client), []);
  assertEquals(server.requests.length, 1);
});

test("tapClient() returned before the first next() sends nothing", async () => {
  await using server = canned(LAST);
  const iterator = tapClient(server.url)[Symbol.asyncIterator]();
  assertEquals(await iterator.return!(), { value: undefined, done: true });
  assertEquals((await iterator.next()).done, true);
  assertEquals(server.requests.length, 0);
});

test("tapClient() is not fooled by events that look like the summary", async () => {
  const looks = [
    '{"weir_tap_summary":{"captured":99,"dropped":0}}',
    '{"weir_tap_summary":{"captured":98,"dropped":0}}',
    '{"weir_tap_summary":1}',
    '{"weir_tap_summary":{"captured":"x","dropped":0}}',
    '{"weir_tap_summary":null}',
    '{"weir_tap_summary":',
    '{"a":1,"weir_tap_summary":{"captured":1,"dropped":0}}',
  ];
  await using server = canned(`${looks.join("\n")}\n${LAST}`);
  const client = tapClient(server.url);
  assertEquals(await Array.fromAsync(client), looks);
  assertEquals(client.summary, SUMMARY as typeof client.summary);
});

test("tapClient() yields an event that looks like the summary once the stream goes on", async () => {
  const look = '{"weir_tap_summary":{"captured":99,"dropped":0}}';
  await using server = canned(stuck(`${look}\n\n`));
  const iterator = tapClient(server.url)[Symbol.asyncIterator]();
  // An empty line proves that it was not the last one.
  assertEquals(await iterator.next(), { value: look, done: false });
  await iterator.return!();
});

test("tapClient() has no summary of a stream that ends without one", async () => {
  const bodies = ["", "\n\n", "one\n", "one\ntw", 'one\n{"weir_tap_summary":{"captured":1,"drop'];
  for (const body of bodies) {
    await using server = canned(body);
    const client = tapClient(server.url);
    // What has no end may have lost more than that.
    assertEquals(await Array.fromAsync(client), body.startsWith("one") ? ["one"] : []);
    assertEquals([client.status, client.summary, client.isComplete], [200, undefined, false]);
  }
});

test("tapClient() brings lines of any length", async () => {
  const tap = new Tap({ backlog: 1, maxEventBytes: 4_000_000 });
  const line = `${"x".repeat(3_000_000)}€`;
  tap.offer("raw", line);
  await using server = serve(tapHandler(tap));
  const [event] = await Array.fromAsync(tapClient(server.url, { stage: "raw", limit: 1 }));
  assertEquals(event!.length, line.length);
  assert(event === line);
});

test("tapClient() rejects with what a tap says when it refuses", async () => {
  const tap = new Tap({ maxSessions: 0 });
  await using server = serve(tapHandler(tap));
  const full = tapClient(server.url);
  const error = await failureOf(Array.fromAsync(full));
  assertInstanceOf(error, TapRefusedError);
  assertEquals([error.name, error.status, full.status], ["TapRefusedError", 409, 409]);
  assertEquals(
    error.message,
    "Cannot watch tap: session capacity reached (end another session, or raise maxSessions)",
  );
  const wrong = await failureOf(Array.fromAsync(tapClient(server.url, { stage: "bogus" })));
  assertInstanceOf(wrong, TapRefusedError);
  assertEquals(wrong.status, 400);
  assertEquals(
    wrong.message,
    'Cannot open tap session: stage must be one of raw, decoded, received "bogus"',
  );
});

test("tapClient() says in one line that something else is not a tap", async () => {
  const answers: readonly (readonly [BodyInit, ResponseInit])[] = [
    ["<html>\n<body>Not found</body>\n</html>\n", { status: 404 }],
    ["fine", { status: 200, headers: { "content-type": "text/plain" } }],
    ["", { status: 503 }],
    ["{", { status: 500, headers: { "content-type": "application/json" } }],
    ["null", { status: 500, headers: { "content-type": "application/json" } }],
    ['{"error":{}}', { status: 418, headers: { "content-type": "application/json" } }],
    [LAST, { status: 202, headers: { "content-type": "application/json" } }],
  ];
  for (const [body, init] of answers) {
    await using server = canned(body, init);
    const client = tapClient(`${server.url}/some/path`);
    const error = await failureOf(Array.fromAsync(client));
    assertInstanceOf(error, TapRefusedError, body.toString());
    assertMatch(error.message, /^Cannot watch tap: [^\n\r]+$/);
    assert(error.message.includes(`${server.url}/some/path is not a tap`), error.message);
    assert(error.message.includes(`${init.status}`), error.message);
    assertEquals([error.status, client.status], [init.status!, init.status]);
    assertEquals(client.summary, undefined);
  }
});

test("tapClient() keeps what a server says on one line", async () => {
  const said = JSON.stringify({ error: "first\n\x1b[31msecond\r\nthird", hint: "a\nb" });
  await using server = canned(said, {
    status: 400,
    headers: { "content-type": "application/json" },
  });
  const error = await failureOf(Array.fromAsync(tapClient(server.url))) as Error;
  assertMatch(error.message, /^first [^\p{Cc}]*second third \(a b\)$/u);
});

test("tapClient() does not wait for the end of an answer that is not from a tap", async () => {
  for (const type of ["text/event-stream", "text/html"]) {
    let isCancelled = false;
    const body = stuck("data: 1\n\n", () => isCancelled = true);
    await using server = canned(body, { headers: { "content-type": type } });
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(new Error("it waits")), 5_000);
    const client = tapClient(server.url, { signal: tooLong.signal });
    const error = await failureOf(Array.fromAsync(client)).finally(() => clearTimeout(timer));
    assertInstanceOf(error, TapRefusedError);
    await until("the answer is given up", () => isCancelled);
  }
});

test("tapClient() leaves no timer when it is stopped while it reads a refusal", async () => {
  await using server = canned(stuck("one"), { status: 500 });
  const stop = new AbortController();
  const client = tapClient(server.url, { signal: stop.signal });
  const failure = failureOf(Array.fromAsync(client));
  await until("the answer has begun", () => client.status === 500);
  await settle();
  stop.abort("enough");
  // What was read says why, or the reason does; Deno's runner sees whether anything is left.
  await failure;
});

test("tapClient() rejects where a line is longer than any tap's by default", async () => {
  const chunk = new TextEncoder().encode("x".repeat(1_048_576));
  let chunks = 0;
  const body = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      pull(controller) {
        if (chunks++ < 65) controller.enqueue(chunk);
        else controller.close();
      },
    });
  await using server = canned(body);
  const error = await failureOf(Array.fromAsync(tapClient(server.url)));
  assertInstanceOf(error, RangeError);
  assertMatch(error.message, /^Cannot watch tap: a line must have at most \d+ bytes$/);
});

test("tapClient() rejects with a TypeError where nothing listens", async () => {
  const server = canned(LAST);
  await server[Symbol.asyncDispose]();
  const client = tapClient(server.url);
  await assertRejects(() => Array.fromAsync(client), TypeError);
  assertEquals([client.status, client.summary], [undefined, undefined]);
});

test("Leaving the loop over tapClient() ends the session, and throws nothing", async () => {
  const tap = new Tap({ backlog: 2 });
  tap.offer("decoded", 1);
  tap.offer("decoded", 2);
  await using server = serve(tapHandler(tap));
  const client = tapClient(server.url);
  const seen: string[] = [];
  for await (const line of client) {
    seen.push(line);
    if (seen.length === 1) break;
  }
  assertEquals(seen, ["1"]);
  await until("the session has ended", () => tap.stats().active === 0);
  assertEquals([client.status, client.summary], [200, undefined]);
  assertEquals(await Array.fromAsync(client), []);
  assertEquals(tap.stats().opened, 1);
});

test("Throwing out of the loop over tapClient() ends the session with that error", async () => {
  const tap = new Tap({ backlog: 1 });
  tap.offer("decoded", 1);
  await using server = serve(tapHandler(tap));
  const problem = new Error("enough");
  const error = await failureOf((async () => {
    for await (const _line of tapClient(server.url)) throw problem;
  })());
  assertStrictEquals(error, problem);
  await until("the session has ended", () => tap.stats().active === 0);
});

test("tapClient() returned while it waits settles the wait and ends the session", async () => {
  const tap = new Tap();
  await using server = serve(tapHandler(tap));
  const iterator = tapClient(server.url)[Symbol.asyncIterator]();
  const waiting = iterator.next();
  await until("the session is open", () => tap.stats().active === 1);
  const [session] = tap.sessions;
  assertEquals(await iterator.return!(), { value: undefined, done: true });
  assertEquals((await waiting).done, true);
  await until("the session has ended", () => tap.stats().active === 0);
  assertEquals(session!.reason, "client");
});

test("tapClient() rejects with the reason of its signal, aborted before", async () => {
  await using server = canned(LAST);
  for (const reason of [new Error("never mind"), { why: "no" }, "text"]) {
    const client = tapClient(server.url, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await failureOf(Array.fromAsync(client)), reason);
  }
  assertEquals(server.requests.length, 0);
});

test("tapClient() rejects with the reason of its signal while it waits for an event", async () => {
  const tap = new Tap({ backlog: 1 });
  tap.offer("decoded", 1);
  await using server = serve(tapHandler(tap));
  const reason = { why: "seen enough" };
  const stop = new AbortController();
  const client = tapClient(server.url, { signal: stop.signal });
  const iterator = client[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, "1");
  const waiting = failureOf(iterator.next());
  await settle();
  stop.abort(reason);
  assertStrictEquals(await waiting, reason);
  await until("the session has ended", () => tap.stats().active === 0);
  assertEquals((await iterator.next()).done, true);
  assertEquals(client.summary, undefined);
});

test("tapClient() is stopped by its signal also after garbage was collected", async () => {
  // Deno forgets the signal of a request then, once the answer has begun.
  for (const isWaiting of [true, false]) {
    const tap = new Tap({ backlog: 1 });
    tap.offer("decoded", 1);
    await using server = serve(tapHandler(tap));
    const stop = new AbortController();
    const client = tapClient(server.url, { signal: stop.signal });
    const iterator = client[Symbol.asyncIterator]();
    assertEquals((await iterator.next()).value, "1");
    const waiting = isWaiting ? failureOf(iterator.next()) : undefined;
    for (let i = 0; i < 4; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    stop.abort("enough");
    await until("the session has ended", () => tap.stats().active === 0);
    assertEquals(await (waiting ?? failureOf(iterator.next())), "enough");
  }
});

test("tapClient() rejects with the reason of its signal while it waits for an answer", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  await using server = serve(() => {
    asked.resolve();
    return answer.promise;
  });
  const stop = new AbortController();
  const client = tapClient(server.url, { signal: stop.signal });
  const failure = failureOf(Array.fromAsync(client));
  await asked.promise;
  stop.abort("too slow");
  assertEquals(await failure, "too slow");
  assertEquals(client.status, undefined);
  answer.resolve(new Response("late"));
});

test("tapClient() does not hide a connection that breaks behind a summary", async () => {
  const opened = Promise.withResolvers<void>();
  const tap = new Tap({ backlog: 1, audit: () => opened.resolve() });
  tap.offer("decoded", 1);
  const server = serve(tapHandler(tap));
  const client = tapClient(server.url);
  const iterator = client[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, "1");
  await opened.promise;
  const end = iterator.next().then((result) => result.done, () => "failed");
  await server[Symbol.asyncDispose]();
  assert([true, "failed"].includes(await end as string));
  assertEquals([client.status, client.summary], [200, undefined]);
  await until("the session has ended", () => tap.stats().active === 0);
});

test("tapClient() and tapHandler() agree on every event and on what is told of them", async () => {
  const tap = new Tap({ backlog: 3 });
  for (const line of ["1", "2", "3", "4"]) tap.offer("raw", line);
  await using server = serve(tapHandler(tap));
  const notices: unknown[] = [];
  const client = tapClient(server.url, {
    stage: "raw",
    limit: 1_006,
    durationMs: 60_000,
    onNotice: (notice) => notices.push(notice),
  });
  const iterator = client[Symbol.asyncIterator]();
  const lines = [(await iterator.next()).value];
  const odd = [
    '{"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
    '{"weir_tap_event":"x"}',
    '{"weir_tap_hello',
  ];
  for (const line of odd) tap.offer("raw", line);
  for (let i = 5; i <= 1_010; i++) tap.offer("raw", `${i} ü€👧`);
  for (let result; (result = await iterator.next()).done !== true;) lines.push(result.value);
  const live = Array.from({ length: 1_000 }, (_, i) => `${i + 5} ü€👧`);
  assertEquals(lines, ["2", "3", "4", ...odd, ...live]);
  assertEquals(notices, [{ kind: "live", replayed: 3 }]);
  const { stage, limit, replayed, missed } = client.hello!;
  assertEquals([stage, limit, replayed, missed], ["raw", 1_006, 3, 1]);
  const { duration_ms: durationMs, bytes } = client.summary!;
  assertObjectMatch(client.summary!, {
    captured: 1_006,
    dropped: 0,
    undelivered: 0,
    missed: 1,
    stage: "raw",
    reason: "limit",
    seen: 1_006,
    matched: 1_006,
  });
  assert(durationMs >= 0 && bytes! > 10_000);
  assertEquals([client.isComplete, client.lost], [true, 0]);
});

test("tapClient() that may reconnect gets every event once, over many connections to a real tap", async () => {
  const tap = new Tap({ backlog: 1_000, maxSessions: 20 });
  const handle = tapHandler(tap);
  // Every connection is cut after so many chunks; where that is in a line does not matter.
  let connections = 0;
  await using server = serve(async (request, peer) => {
    const response = await handle(request, peer);
    const reader = response.body!.getReader();
    let chunks = ++connections < 8 ? 3 : Infinity;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        if (chunks-- > 0) return controller.enqueue(value);
        controller.enqueue(value.slice(0, value.length / 2));
        controller.close();
        await reader.cancel();
      },
      cancel: () => reader.cancel(),
    }, { highWaterMark: 0 });
    return new Response(body, response);
  });
  const client = tapClient(server.url, {
    limit: 400,
    durationMs: 60_000,
    reconnect: { baseMs: 1, maxMs: 5 },
  });
  let offered = 0;
  const seen: number[] = [];
  const offer = setInterval(() => {
    for (let i = 0; i < 7; i++) tap.offer("decoded", offered++);
  }, 1);
  try {
    for await (const line of client) seen.push(Number(line));
  } finally {
    clearInterval(offer);
  }
  assertEquals(seen, Array.from({ length: 400 }, (_, i) => i));
  assertEquals([client.isComplete, client.lost], [true, 0]);
  assert(connections >= 8, `${connections} connections`);
  await until("the sessions have ended", () => tap.stats().active === 0);
});

test("TapRefusedError has a name, a status and a message", () => {
  const error = new TapRefusedError(409, "full");
  assert(error instanceof Error);
  assertEquals([error.name, error.status, error.message], ["TapRefusedError", 409, "full"]);
});
