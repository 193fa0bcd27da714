import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "../_harness.ts";
import { ADDRESS, Play } from "./_play.ts";
import { envelope, hello, notice, summary } from "./_scripted_fetch.ts";

test("tapClient() that may reconnect goes on behind the last event, so that nothing comes twice", async () => {
  using play = new Play();
  play.server.last.open(hello(), envelope(1, '{"a":1}'), envelope(2, "2"));
  await play.rest();
  assertEquals(play.queries, ["?meta=1"]);
  assertEquals(play.lines, ['{"a":1}', "2"]);
  play.server.last.cut();
  await play.rest();
  assertEquals(play.waits.length, 1);
  await play.retry();
  assertEquals(play.queries[1], "?meta=1&since=9f3a000001-2&duration=29s750ms");
  play.server.last.open(hello({ replayed: 1, missed: 4 }), envelope(3, "3"), envelope(4, "4"));
  await play.rest();
  assertEquals(play.lines, ['{"a":1}', "2", "3", "4"]);
  play.server.last.send(summary({ captured: 2 }));
  await play.rest();
  assertEquals([play.end.state, play.client.isComplete], ["fulfilled", true]);
  assertEquals([play.hellos, play.client.hello?.missed], [[0, 4], 4]);
  assertEquals([play.time.armed, play.server.requests.length], [0, 2]);
});

test("tapClient() that may reconnect takes events out of the envelopes that nobody else asked for", async () => {
  const head = '{"id":"9f3a000001-1","seq":1,"time":1764000000000,"stage":"a\\"b"';
  const events: readonly (readonly [line: string, event: string])[] = [
    [`${head},"event":{"event":{}}}`, '{"event":{}}'],
    [`${head},"event":12345678901234567890.10}`, "12345678901234567890.10"],
    [`${head},"event":"\\u20ac"}`, '"\\u20ac"'],
    [`${head},"event":null}`, "null"],
    [`${head},"text":"a \\"b\\" \\u20ac"}`, 'a "b" €'],
    [`${head},"text":"{\\"weir_tap_summary\\":{}}"}`, '{"weir_tap_summary":{}}'],
    [`${head},"text":"two\\nlines"}`, '"two\\nlines"'],
    [`${head},"meta":{"x":{"}":"\\"}{"}},"event":7}`, "7"],
    [`${head},"meta":{},"text":"seven"}`, "seven"],
  ];
  // What is no envelope is an event as it is.
  const plain = [
    "{}",
    '{"id":"x"}',
    `${head},"event":}`,
    `${head},"event":1`,
    `${head},"meta":1,"event":1}`,
    `${head},"meta":{"a":{},"event":1}`,
    `${head},"text":7}`,
    ` ${head},"event":1}`,
    `${head.replace('"seq":1', '"seq":"1"')},"event":1}`,
    "text",
  ];
  using play = new Play();
  play.server.last.open(hello(), ...events.map(([line]) => line), ...plain, summary());
  while (play.end.state === "pending") await play.rest();
  assertEquals(play.lines, [...events.map(([, event]) => event), ...plain]);
});

test("tapClient() that may reconnect leaves envelopes that were asked for", async () => {
  for (const [options, url] of [[{ meta: true }, ADDRESS], [{}, `${ADDRESS}?meta=1`]] as const) {
    using play = new Play(options, url);
    play.server.last.open(hello(), envelope(1, "1"));
    await play.rest();
    play.server.last.close();
    await play.rest();
    await play.retry();
    assertEquals(play.queries, ["?meta=1", "?meta=1&since=9f3a000001-1&duration=29s750ms"]);
    play.server.last.open(hello(), envelope(2, "2"), summary());
    await play.rest();
    assertEquals(play.lines, [envelope(1, "1"), envelope(2, "2")]);
  }
});

test("tapClient() asks for what is left of its limit and of its time", async () => {
  using play = new Play({ limit: 5, durationMs: 10_000, backlog: 3, stage: "raw" });
  assertEquals(play.queries[0], "?stage=raw&limit=5&duration=10s&backlog=3&meta=1");
  play.time.pass(1_000);
  play.server.last.open(hello(), envelope(1, "1"), envelope(2, "2"));
  await play.rest();
  // The time runs from the beginning of the session.
  play.time.pass(4_000);
  play.server.last.cut();
  await play.rest();
  await play.retry();
  const [attempt] = play.waits;
  assertEquals(attempt!.delayMs, 250);
  assertEquals(
    play.queries[1],
    "?stage=raw&limit=3&duration=5s750ms&meta=1&since=9f3a000001-2",
  );
  play.server.last.open(hello(), envelope(3, "3"), envelope(4, "4"), envelope(5, "5"));
  await play.rest();
  play.server.last.cut();
  await play.rest();
  await play.retry();
  // All of it is there, but for the summary.
  assertEquals(
    play.queries[2],
    "?stage=raw&limit=0&duration=5s500ms&meta=1&since=9f3a000001-5",
  );
  play.server.last.open(hello(), summary({ captured: 0 }));
  await play.rest();
  assertEquals([play.lines.length, play.end.state, play.client.isComplete], [5, "fulfilled", true]);
});

test("tapClient() takes limit and time from its URL too, and the time from the server", async () => {
  using play = new Play({}, `${ADDRESS}?limit=4&duration=20s`);
  play.server.last.open(hello({ "duration_ms": 1_000 }), envelope(1, "1"));
  await play.rest();
  play.server.last.cut();
  await play.rest();
  await play.retry();
  assertEquals(play.queries[1], "?limit=3&duration=19s750ms&meta=1&since=9f3a000001-1");
  using other = new Play();
  other.server.last.open(hello({ "duration_ms": 60_000 }));
  await other.rest();
  other.time.pass(10_000);
  other.server.last.cut();
  await other.rest();
  await other.retry();
  assertEquals(other.queries[1], "?meta=1&since=10s250ms&duration=49s750ms");
});

test("tapClient() that got nothing asks for what came since, unless there was something to get", async () => {
  using play = new Play({ backlog: 0 });
  play.time.pass(200);
  play.server.last.open(hello());
  await play.rest();
  play.time.pass(3_000);
  play.server.last.cut();
  await play.rest();
  await play.retry();
  assertEquals(play.queries[1], "?meta=1&since=3s450ms&duration=26s750ms");
  using other = new Play({ backlog: 9, since: 60_000 });
  other.server.last.open(hello({ replayed: 2 }));
  await other.rest();
  other.server.last.cut();
  await other.rest();
  await other.retry();
  assertEquals(other.queries[1], "?backlog=9&since=1m&meta=1&duration=29s750ms");
});

test("tapClient() does not begin the time before there is an answer", async () => {
  using play = new Play({ durationMs: 5_000 });
  for (let i = 0; i < 3; i++) {
    play.time.pass(10_000);
    play.server.last.fail(new TypeError("connection refused"));
    await play.rest();
    await play.retry();
  }
  assertEquals(new Set(play.queries), new Set(["?duration=5s&meta=1"]));
  assertEquals(play.client.status, undefined);
});

test("tapClient() that may not, or may not even once, does not try again", async () => {
  for (const reconnect of [false, undefined, { attempts: 0 }]) {
    using play = new Play({ reconnect });
    play.server.last.open(hello(), envelope(1, "1"));
    await play.rest();
    const problem = new TypeError("broken");
    play.server.last.cut(problem);
    await play.rest();
    assertStrictEquals(play.end.reason, problem);
    assertEquals([play.server.requests.length, play.waits], [1, []]);
    assertEquals(play.lines, [reconnect ? "1" : envelope(1, "1")]);
  }
});

test("tapClient() that was cut off in good order ends without an error when it may not go on", async () => {
  using play = new Play({ reconnect: { attempts: 1 } });
  play.server.last.open(hello(), envelope(1, "1"));
  await play.rest();
  play.server.last.close();
  await play.rest();
  assertEquals(play.waits[0]!.reason, "Cannot go on watching tap: it was cut off");
  await play.retry();
  play.server.last.open(hello());
  play.server.last.close();
  await play.rest();
  assertEquals([play.end.state, play.client.isComplete], ["fulfilled", false]);
});

test("tapClient() goes on when the server shuts down, or ends a session that was not read", async () => {
  for (const reason of ["shutdown", "slow_reader"]) {
    using play = new Play();
    play.server.last.open(hello(), envelope(1, "1"), summary({ reason }));
    await play.rest();
    assertEquals(
      play.waits[0]!.reason,
      `Cannot go on watching tap: the session was ended by ${reason}`,
    );
    assertEquals(play.client.isComplete, true);
    await play.retry();
    assertEquals(play.queries[1], "?meta=1&since=9f3a000001-1&duration=29s750ms");
    play.server.last.open(hello({ instance: "aaaaaaaaaa", missed: null }));
    await play.rest();
    assertEquals(play.client.isComplete, false);
    play.server.last.send(envelope(1, "2", "aaaaaaaaaa"), summary({ reason: "input" }));
    await play.rest();
    assertEquals([play.lines, play.hellos, play.end.state], [["1", "2"], [0, null], "fulfilled"]);
    assertEquals(play.client.summary?.reason, "input");
  }
});

test("tapClient() is complete when the server that has shut down does not come back", async () => {
  using play = new Play({ reconnect: { attempts: 2 } });
  play.server.last.open(hello(), envelope(1, "1"), summary({ reason: "shutdown" }));
  await play.rest();
  for (let i = 0; i < 2; i++) {
    await play.retry();
    play.server.last.fail(new TypeError("connection refused"));
    await play.rest();
  }
  assertEquals([play.end.state, play.client.isComplete], ["fulfilled", true]);
  assertEquals(play.client.summary?.reason, "shutdown");
});

test("tapClient() does not go on after any other end", async () => {
  for (const reason of ["limit", "duration", "bytes", "client", "input", "killed", undefined]) {
    using play = new Play();
    play.server.last.open(hello(), summary({ reason }));
    await play.rest();
    assertEquals([play.end.state, play.server.requests.length], ["fulfilled", 1], reason);
  }
});

test("tapClient() asks once more when its time is over, and no more than that", async () => {
  using play = new Play({ durationMs: 1_000 });
  play.server.last.open(hello(), envelope(1, "1"));
  await play.rest();
  play.time.pass(900);
  play.server.last.cut();
  await play.rest();
  await play.retry();
  // What was kept until now, and the summary.
  assertEquals(play.queries[1], "?duration=0ms&meta=1&since=9f3a000001-1");
  const problem = new TypeError("connection refused");
  play.server.last.fail(problem);
  await play.rest();
  assertStrictEquals(play.end.reason, problem);
  assertEquals(play.server.requests.length, 2);
});

test("tapClient() adds up what is lost over its connections", async () => {
  using play = new Play();
  play.server.last.open(hello(), notice({ kind: "drop", dropped: 3, new: 3 }));
  await play.rest();
  assertEquals(play.client.lost, 3);
  play.server.last.send(notice({ kind: "drop", dropped: 5, new: 2 }));
  await play.rest();
  assertEquals(play.client.lost, 5);
  play.server.last.cut();
  await play.rest();
  await play.retry();
  play.server.last.open(hello(), notice({ kind: "drop", dropped: 1, new: 1 }));
  await play.rest();
  assertEquals(play.client.lost, 6);
  play.server.last.send(summary({ dropped: 4 }));
  await play.rest();
  assertEquals([play.client.lost, play.client.summary?.dropped], [9, 4]);
});

test("tapClient() leaves an event out that was cut off, and gets it from the next connection", async () => {
  using play = new Play();
  play.server.last.open(hello(), envelope(1, "1"));
  play.server.last.sendText(envelope(2, '{"a":{"b":1},"c":2}').slice(0, -8));
  await play.rest();
  play.server.last.close();
  await play.rest();
  await play.retry();
  assert(play.queries[1]!.includes("since=9f3a000001-1"));
  play.server.last.open(hello(), envelope(2, '{"a":{"b":1},"c":2}'), summary());
  await play.rest();
  assertEquals(play.lines, ["1", '{"a":{"b":1},"c":2}']);
});
