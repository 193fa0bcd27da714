import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { tapClient, TapRefusedError } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { observe, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { ADDRESS, Play } from "./_play.ts";
import { envelope, hello, ScriptedFetch, summary } from "./_scripted_fetch.ts";

test("tapClient() waits longer each time, a random part of what doubles up to a bound", async () => {
  const seeded = new Random(7);
  const expected = new Random(7);
  using play = new Play({
    random: () => seeded.next(),
    reconnect: { baseMs: 100, maxMs: 1_000, attempts: 8 },
  });
  for (let i = 0; i < 8; i++) {
    play.server.last.fail(new TypeError("connection refused"));
    await play.rest();
    assertEquals(play.time.referenced, 1, "nothing else keeps the process alive");
    const { delayMs } = play.waits.at(-1)!;
    // Not a moment before.
    play.time.pass(delayMs * 0.999);
    await play.rest();
    assertEquals(play.server.requests.length, i + 1);
    play.time.pass(delayMs * 0.001 + 1e-6);
    await play.rest();
    assertEquals(play.server.requests.length, i + 2);
  }
  assertEquals(play.waits.map(({ attempt }) => attempt), [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(
    play.waits.map(({ delayMs }) => delayMs),
    [100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000].map((most) => most * expected.next()),
  );
  assertEquals(new Set(play.waits.map(({ reason }) => reason)), new Set(["connection refused"]));
  const last = new TypeError("and again");
  play.server.last.fail(last);
  await play.rest();
  assertStrictEquals(play.end.reason, last);
  assertEquals([play.time.armed, play.client.isComplete], [0, false]);
});

test("tapClient() waits by default up to half a second, then up to fifteen, ten times", async () => {
  using play = new Play({ random: () => 1 - 2 ** -53 });
  for (let i = 0; i < 10; i++) {
    play.server.last.fail(new TypeError("connection refused"));
    await play.rest();
    await play.retry();
  }
  assertEquals(play.waits.map(({ delayMs }) => Math.round(delayMs)), [
    ...[500, 1_000, 2_000, 4_000, 8_000],
    ...[15_000, 15_000, 15_000, 15_000, 15_000],
  ]);
  play.server.last.fail(new TypeError("connection refused"));
  await play.rest();
  assertEquals([play.end.state, play.waits.length], ["rejected", 10]);
});

test("tapClient() counts attempts anew after something has come, and not after a bare hello", async () => {
  for (const [what, next] of [["", 1], [envelope(1, "1"), 1], [undefined, 3]] as const) {
    using play = new Play();
    for (let i = 0; i < 2; i++) {
      play.server.last.fail(new TypeError("connection refused"));
      await play.rest();
      await play.retry();
    }
    play.server.last.open(hello(), ...(what === undefined ? [] : [what]));
    await play.rest();
    play.server.last.cut();
    await play.rest();
    assertEquals(play.waits.map(({ attempt }) => attempt), [1, 2, next], what);
  }
});

test("tapClient() tries for ever if it is to", async () => {
  using play = new Play({ reconnect: { attempts: Infinity, baseMs: 1, maxMs: 2 } });
  for (let i = 0; i < 200; i++) {
    play.server.last.fail(new TypeError("connection refused"));
    await play.rest();
    await play.retry();
  }
  assertEquals([play.end.state, play.waits.at(-1)!.attempt], ["pending", 200]);
  assertEquals(play.waits.at(-1)!.delayMs, 1);
});

test("tapClient() tries again what may get better, and nothing else", async () => {
  const kinds: readonly (readonly [status: number, isTried: boolean])[] = [
    ...[400, 401, 403, 404, 405, 406, 410, 415, 301, 307].map((status) => [status, false] as const),
    ...[408, 409, 425, 429, 500, 502, 503, 504].map((status) => [status, true] as const),
  ];
  for (const [status, isTried] of kinds) {
    using play = new Play();
    play.server.last.refuse(status, `it says ${status}`);
    await play.rest();
    assertEquals(play.end.state, isTried ? "pending" : "rejected", `${status}`);
    assertEquals(play.client.status, status);
    if (isTried) {
      assertEquals(play.waits, [{ attempt: 1, delayMs: 250, reason: `it says ${status}` }]);
      await play.retry();
      play.server.last.open(hello(), envelope(1, "1"), summary());
      await play.rest();
      assertEquals([play.lines, play.client.status], [["1"], 200]);
      continue;
    }
    assertInstanceOf(play.end.reason, TapRefusedError);
    assertEquals([play.end.reason.status, play.end.reason.message], [status, `it says ${status}`]);
    assertEquals([play.waits, play.time.armed], [[], 0]);
  }
});

test("tapClient() ends with a refusal that cannot get better, also after it has begun", async () => {
  using play = new Play();
  play.server.last.open(hello(), envelope(1, "1"));
  await play.rest();
  play.server.last.cut();
  await play.rest();
  await play.retry();
  play.server.last.refuse(401, "not any more");
  await play.rest();
  assertInstanceOf(play.end.reason, TapRefusedError);
  assertEquals([play.lines, play.client.isComplete], [["1"], false]);
});

test("tapClient() does not try again where something else than a tap answers, or the runtime forbids it", async () => {
  using play = new Play();
  play.server.last.refuse(200, "fine");
  await play.rest();
  assertInstanceOf(play.end.reason, TapRefusedError);
  for (const name of ["NotCapable", "PermissionDenied"]) {
    using forbidden = new Play();
    const problem = Object.assign(new Error("Requires net access"), { name });
    forbidden.server.last.fail(problem);
    await forbidden.rest();
    assertStrictEquals(forbidden.end.reason, problem);
  }
});

test("tapClient() waits as long as the server says, up to its bound", async () => {
  const date = new Date(1_000_000 + 4_000).toUTCString();
  const kinds = [["1", 1_000], ["0", 250], ["60", 15_000], [date, 4_000], ["soon", 250]] as const;
  for (const [text, delayMs] of kinds) {
    using play = new Play();
    play.server.last.refuse(429, "busy", { "retry-after": text });
    await play.rest();
    assertEquals(play.waits.map((wait) => wait.delayMs), [delayMs], text);
  }
  // What chance says may be longer.
  using play = new Play({ reconnect: { baseMs: 10_000 } });
  play.server.last.refuse(409, "full", { "retry-after": "1" });
  await play.rest();
  assertEquals(play.waits[0]!.delayMs, 5_000);
});

test("TapRefusedError says when to ask again", async () => {
  using play = new Play({ reconnect: false });
  play.server.last.refuse(429, "busy", { "retry-after": "7" });
  await play.rest();
  assertEquals((play.end.reason as TapRefusedError).retryAfterMs, 7_000);
  using other = new Play({ reconnect: false });
  other.server.last.refuse(409, "full");
  await other.rest();
  assertEquals((other.end.reason as TapRefusedError).retryAfterMs, undefined);
});

test("tapClient() that is told to stop while it waits stops, and leaves nothing behind", async () => {
  const stop = countedSignal();
  using play = new Play({ signal: stop.signal });
  play.server.last.fail(new TypeError("connection refused"));
  await play.rest();
  assertEquals([stop.listening, play.time.armed], [1, 1]);
  stop.abort("enough");
  await play.rest();
  assertEquals([play.end.reason, stop.listening, play.time.armed], ["enough", 0, 0]);
  play.time.pass(60_000);
  await play.rest();
  assertEquals(play.server.requests.length, 1);
});

test("tapClient() that is left while it waits ends the wait", async () => {
  using time = new FakeTime();
  using server = new ScriptedFetch((request) => request.fail(new TypeError("refused")));
  const stop = countedSignal();
  const client = tapClient(ADDRESS, { reconnect: true, signal: stop.signal });
  const iterator = client[Symbol.asyncIterator]();
  const waiting = observe(iterator.next());
  await settle();
  assertEquals(time.armed, 1);
  assertEquals(await iterator.return!(), { value: undefined, done: true });
  assertEquals([waiting.state, waiting.value?.done], ["fulfilled", true]);
  assertEquals([time.armed, stop.listening, server.requests.length], [0, 0, 1]);
});

test("tapClient() listens to its signal once, over all connections, until it ends", async () => {
  const stop = countedSignal();
  using play = new Play({ signal: stop.signal });
  for (let i = 1; i < 5; i++) {
    play.server.last.open(hello(), envelope(i, `${i}`));
    await play.rest();
    assertEquals(stop.listening, 1);
    play.server.last.cut();
    await play.rest();
    await play.retry();
  }
  play.server.last.open(hello(), summary());
  await play.rest();
  assertEquals([play.end.state, stop.added, stop.listening], ["fulfilled", 1, 0]);
});

test("tapClient() ends with what onReconnect throws", async () => {
  const problem = new Error("no");
  using play = new Play({
    onReconnect() {
      throw problem;
    },
  });
  play.server.last.fail(new TypeError("connection refused"));
  await play.rest();
  assertStrictEquals(play.end.reason, problem);
  assertEquals([play.time.armed, play.server.requests.length], [0, 1]);
});
