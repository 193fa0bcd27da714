import { assertEquals, assertInstanceOf } from "@std/assert";
import { tapClient } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { ADDRESS, Play } from "./_play.ts";
import { envelope, hello, ScriptedFetch, summary } from "./_scripted_fetch.ts";

test("tapClient() takes a connection for cut off on which nothing comes, not even a sign of life", async () => {
  using play = new Play({ reconnect: false });
  play.server.last.open(hello(), "1");
  await play.rest();
  for (let i = 0; i < 10; i++) {
    play.time.pass(19_999);
    play.server.last.send("");
    await play.rest();
  }
  assertEquals(play.end.state, "pending");
  // A part of a line is a sign of life too.
  play.time.pass(19_999);
  play.server.last.sendText("tw");
  await play.rest();
  play.time.pass(19_999);
  await play.rest();
  assertEquals([play.end.state, play.server.last.isGone], ["pending", false]);
  play.time.pass(1);
  await play.rest();
  assertInstanceOf(play.end.reason, Error);
  assertEquals(
    play.end.reason.message,
    "Cannot go on watching tap: the server has sent nothing for 20s",
  );
  assertEquals([play.lines, play.client.isComplete], [["1"], false]);
  assertEquals([play.server.last.isGone, play.time.armed], [true, 0]);
});

test("tapClient() that may reconnect does so after a silence, and waits no longer for the next answer", async () => {
  using play = new Play({ silenceMs: 12_000, durationMs: 300_000 });
  play.server.last.open(hello(), envelope(1, "1"));
  await play.rest();
  play.time.pass(12_000);
  await play.rest();
  const reason = "Cannot go on watching tap: the server has sent nothing for 12s";
  assertEquals(play.waits, [{ attempt: 1, delayMs: 250, reason }]);
  await play.retry();
  // A server that takes the request and never answers is found out as well.
  assertEquals(play.server.requests.length, 2);
  play.time.pass(11_999);
  await play.rest();
  assertEquals(play.waits.length, 1);
  play.time.pass(1);
  await play.rest();
  assertEquals(play.waits[1], { attempt: 2, delayMs: 500, reason });
  assertEquals(play.server.requests.map(({ isGone }) => isGone), [true, true]);
  await play.retry();
  play.server.last.open(hello(), envelope(2, "2"), summary());
  await play.rest();
  assertEquals([play.lines, play.client.isComplete, play.time.armed], [["1", "2"], true, 0]);
});

test("tapClient() waits for ever where the server has not said how often it gives a sign of life", async () => {
  const firsts = [[], ["1"], [hello({ "heartbeat_ms": 0 })], [
    hello({ "heartbeat_ms": undefined as unknown as number }),
  ], [hello({ "heartbeat_ms": "5" as unknown as number })]];
  for (const first of firsts) {
    using play = new Play();
    play.server.last.open(...first);
    await play.rest();
    assertEquals(play.time.armed, 0);
    play.time.pass(86_400_000);
    await play.rest();
    assertEquals([play.end.state, play.server.requests.length], ["pending", 1]);
    play.server.last.open();
    play.server.last.cut();
  }
});

test("tapClient() waits for an answer for ever the first time, and for a hello", async () => {
  using play = new Play();
  play.time.pass(86_400_000);
  await play.rest();
  assertEquals(play.end.state, "pending");
  play.server.last.open();
  await play.rest();
  play.time.pass(86_400_000);
  await play.rest();
  assertEquals([play.end.state, play.time.armed], ["pending", 0]);
});

test("tapClient() waits for twice the time between two signs of life, at the least", async () => {
  using play = new Play({ silenceMs: 1_000, reconnect: false });
  play.server.last.open(hello({ "heartbeat_ms": 30_000 }));
  await play.rest();
  play.time.pass(59_999);
  await play.rest();
  assertEquals(play.end.state, "pending");
  play.time.pass(1);
  await play.rest();
  assertEquals(play.end.state, "rejected");
});

test("tapClient() waits for ever if it is to", async () => {
  using play = new Play({ silenceMs: Infinity });
  play.server.last.open(hello());
  await play.rest();
  assertEquals(play.time.armed, 0);
});

test("tapClient() does not count the time in which nobody reads as silence", async () => {
  using time = new FakeTime();
  using server = new ScriptedFetch((request) => request.open(hello(), "1"));
  const client = tapClient(ADDRESS);
  const iterator = client[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, "1");
  assertEquals(time.armed, 0);
  time.pass(3_600_000);
  const second = observe(iterator.next());
  await settle();
  time.pass(19_999);
  server.last.send("2", summary());
  await settle();
  assertEquals(second.value?.value, "2");
  assertEquals((await iterator.next()).done, true);
  assertEquals(time.armed, 0);
});

test("tapClient() leaves no timer when it is told to stop, or left, in a silence", async () => {
  const stop = countedSignal();
  using play = new Play({ signal: stop.signal });
  play.server.last.open(hello());
  await play.rest();
  assertEquals([play.time.armed, play.time.referenced], [1, 0]);
  stop.abort("enough");
  await play.rest();
  assertEquals([play.end.reason, play.time.armed, stop.listening], ["enough", 0, 0]);
  assertEquals(play.server.last.isGone, true);

  using server = new ScriptedFetch((request) => request.open(hello()));
  const iterator = tapClient(ADDRESS)[Symbol.asyncIterator]();
  const waiting = iterator.next();
  await settle();
  assertEquals(play.time.armed, 1);
  await iterator.return!();
  assertEquals([(await waiting).done, play.time.armed, server.last.isGone], [true, 0, true]);
});
