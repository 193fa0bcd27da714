import { assert, assertEquals } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";
import { ask, HERE, read, waitFor } from "./_streams.ts";
import { settle } from "./_wait.ts";

// What becomes of a session whose reader goes away.

test("tapHandler() frees the session and its memory when the body is cancelled", async () => {
  using time = new FakeTime();
  const tap = new Tap({ maxSessions: 1, backlog: 2 });
  tap.offer("raw", "kept");
  for (const isReading of [false, true]) {
    const response = await ask(tapHandler(tap), "?stage=raw&backlog=1");
    const [session] = tap.sessions;
    const chunks = chunksOf(response);
    if (isReading) await chunks.next();
    const pending = isReading ? waitFor(chunks) : undefined;
    if (!isReading) tap.offer("raw", "event");
    await settle();
    await chunks.cancel();
    await settle();
    if (pending !== undefined) assertEquals([pending.hasCome, pending.text], [true, undefined]);
    assertEquals([session!.reason, session!.size], ["client", 0]);
    assertEquals([tap.stats().active, time.armed], [0, 0]);
  }
});

test("tapHandler() holds nothing for a reader that has gone, of what was chosen or counted for it", async () => {
  for (const query of ["reservoir=5", "count_by=id", "every=1", "rate=9"]) {
    for (const end of ["cancel", "abort"]) {
      const tap = new Tap();
      const gone = new AbortController();
      const response = await ask(tapHandler(tap), `?${query}`, { signal: gone.signal });
      const [session] = tap.sessions;
      for (let id = 0; id < 5; id++) tap.offer("decoded", { id });
      if (end === "abort") gone.abort();
      else await response.body!.cancel();
      await settle();
      const { held, size } = session!.stats();
      assertEquals([session!.reason, held, size], ["client", 0, 0], `${query}, ${end}`);
      if (end === "abort") await response.body!.cancel();
    }
  }
});

test("tapHandler() frees the place of a reader at once that has gone, for the next", async () => {
  const tap = new Tap({ maxSessions: 1 });
  const handler = tapHandler(tap);
  for (let turn = 0; turn < 5; turn++) {
    const gone = new AbortController();
    const response = await ask(handler, "", { signal: gone.signal });
    assertEquals((await ask(handler)).status, 409);
    if (turn % 2 === 0) await response.body!.cancel();
    else gone.abort();
    const next = await ask(handler, "?limit=0");
    assertEquals(next.status, 200);
    await next.body!.cancel();
    if (turn % 2 === 1) await response.body!.cancel();
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
  const tap = new Tap({ maxSessions: 1 });
  const handler = tapHandler(tap);
  const response = await ask(handler, "", { signal: AbortSignal.abort() });
  assertEquals(tap.stats().active, 0);
  await read(await ask(handler, "?limit=0"));
  assertEquals((await read(response)).summary.reason, "client");
});

test("tapHandler() leaves no listener at the request's signal", async () => {
  const endings: readonly ((tap: Tap, response: Response) => Promise<unknown>)[] = [
    (_, response) => response.body!.cancel(),
    (tap, response) => (tap.close(), response.text()),
  ];
  for (const end of endings) {
    const tap = new Tap();
    const counted = countedSignal();
    const request = new Request("http://localhost/tap");
    Object.defineProperty(request, "signal", { value: counted.signal });
    const response = await tapHandler(tap)(request, HERE);
    assertEquals(counted.listening, 1);
    await end(tap, response);
    await settle();
    assertEquals(counted.listening, 0);
  }
});

test("tapHandler() listens to no signal where it opens nothing", async () => {
  const tap = new Tap({ maxSessions: 0 });
  for (const query of ["", "?limit=x", "/sessions", "/metrics"]) {
    const counted = countedSignal();
    const request = new Request(`http://localhost/tap${query}`);
    Object.defineProperty(request, "signal", { value: counted.signal });
    await (await tapHandler(tap)(request, HERE)).text();
    assertEquals(counted.added, 0, query);
  }
});

test("tapHandler() frees the session when Deno says that the answer is delivered, or cannot be", async () => {
  for (const isDelivered of [true, false]) {
    const tap = new Tap({ maxSessions: 1 });
    const { promise: completed, resolve, reject } = Promise.withResolvers<void>();
    const counted = countedSignal();
    const request = new Request("http://localhost/tap");
    Object.defineProperty(request, "signal", { value: counted.signal });
    const response = await tapHandler(tap)(request, { ...HERE, completed });
    assertEquals([tap.stats().active, counted.added], [1, 0]);
    if (isDelivered) resolve();
    else reject(new Error("connection lost"));
    await settle();
    assertEquals(tap.stats().active, 0);
    await read(await ask(tapHandler(tap), "?limit=0"));
    await response.body!.cancel();
  }
});

test("tapHandler() counts what was not delivered to a reader that has gone", async () => {
  const tap = new Tap();
  const chunks = chunksOf(await ask(tapHandler(tap), "?stage=raw"));
  const [session] = tap.sessions;
  await chunks.next();
  for (let i = 0; i < 600; i++) tap.offer("raw", "x");
  assert((await chunks.next())!.startsWith("x\n"));
  await chunks.cancel();
  const { captured, undelivered, size } = session!.stats();
  assertEquals([captured, undelivered, size], [600, 88, 0]);
});

test("tapHandler() ends a session once, whichever signs of its end come together", async () => {
  using time = new FakeTime();
  const ended: number[] = [];
  const tap = new Tap({
    audit: (record) => record.type === "ended" && ended.push(record.session.id),
  });
  const gone = new AbortController();
  const { promise: completed, resolve } = Promise.withResolvers<void>();
  const handler = tapHandler(tap);
  const one = await ask(handler, "?duration=1s", { signal: gone.signal });
  const request = new Request("http://localhost/tap?duration=1s");
  const other = await handler(request, { ...HERE, completed });
  time.pass(1_000);
  gone.abort();
  resolve();
  tap.kill(1);
  tap.close();
  await Promise.all([one, other].map((response) => response.body!.cancel()));
  await settle();
  assertEquals([ended, time.armed], [[1, 2], 0]);
});
