import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { type TapClient, tapClient, type TapHello, type TapNotice } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";
import { envelope, hello, notice, ScriptedFetch, summary } from "./_scripted_fetch.ts";

const URL_ = "http://tap.test/tap";

/** Reads a stream with these lines to its end. */
async function read(
  text: string,
  options: Parameters<typeof tapClient>[1] = {},
): Promise<{ client: TapClient; lines: string[] }> {
  using _server = new ScriptedFetch((request) => {
    request.open();
    request.sendText(text);
    request.close();
  });
  const client = tapClient(URL_, options);
  return { client, lines: await Array.fromAsync(client) };
}

function textOf(...lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

test("tapClient() keeps hello, notices, signs of life and summary apart from the events", async () => {
  const told: unknown[] = [];
  const live = { kind: "live", replayed: 1 } as const;
  const drop = { kind: "drop", dropped: 3, new: 3, "rate_limited": 0 } as const;
  const text = textOf(hello(), "", '{"a":1}', notice(live), "", notice(drop), "", "two", summary());
  const { client, lines } = await read(text, {
    onHello: (record: TapHello) => told.push(record.stage, record.session),
    onNotice: (record: TapNotice) => told.push(record),
  });
  assertEquals(lines, ['{"a":1}', "two"]);
  assertEquals(told, ["decoded", 1, live, drop]);
  assertEquals(client.hello, JSON.parse(hello()).weir_tap_hello);
  assertEquals([client.isComplete, client.summary?.reason, client.status], [true, "limit", 200]);
});

test("tapClient() tells what it knows as soon as it knows it", async () => {
  using server = new ScriptedFetch();
  const client = tapClient(URL_);
  const known = (): unknown[] => [
    client.status,
    client.hello?.session,
    client.lost,
    client.summary?.captured,
    client.isComplete,
  ];
  const iterator = client[Symbol.asyncIterator]();
  const first = iterator.next();
  assertEquals(known(), [undefined, undefined, 0, undefined, false]);
  server.last.open(hello(), "1");
  await first;
  assertEquals(known(), [200, 1, 0, undefined, false]);
  const second = iterator.next();
  server.last.send(notice({ kind: "drop", dropped: 5, new: 5 }), "2");
  await second;
  assertEquals(known(), [200, 1, 5, undefined, false]);
  const end = iterator.next();
  server.last.send(summary({ dropped: 7 }));
  assertEquals(await end, { value: undefined, done: true });
  assertEquals(known(), [200, 1, 7, 2, true]);
});

test("tapClient() ends at the summary, whether the server ends the stream or not", async () => {
  using server = new ScriptedFetch((request) => request.open(hello(), "1", summary()));
  const client = tapClient(URL_);
  assertEquals(await Array.fromAsync(client), ["1"]);
  assertEquals([client.isComplete, server.last.isGone], [true, true]);
});

test("tapClient() gives out escaped events as they were", async () => {
  const odd = [
    '{"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
    hello(),
    notice({ kind: "drop", dropped: 1_000_000 }),
    '{"weir_tap_event":"x"}',
    '{"weir_tap_ not JSON \\ "',
    '{"weir_tap_€👧":1}',
  ];
  const escaped = odd.map((line) => `{"weir_tap_event":${JSON.stringify(line)}}`);
  const { client, lines } = await read(textOf(hello(), ...escaped, summary()));
  assertEquals(lines, odd);
  assertEquals([client.lost, client.hello?.session, client.isComplete], [0, 1, true]);
});

test("tapClient() takes for an event what only looks like a record", async () => {
  const looks = [
    ' {"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
    '{ "weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
    '{"a":1,"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
    '{"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"},"a":1}',
    '{"weir_tap_summary":{"captured":1,"dropped":0}}',
    '{"weir_tap_summary":{"captured":-1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
    '{"weir_tap_summary":{"captured":1,"dropped":"0","duration_ms":1,"stage":"raw"}}',
    '{"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":7}}',
    '{"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw","seen":"x"}}',
    '{"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw","reason":1}}',
    '{"weir_tap_summary":null}',
    '{"weir_tap_summary":',
    '{"weir_tap_notice":{"kind":7}}',
    '{"weir_tap_notice":{"kind":"drop"}}',
    '{"weir_tap_notice":{"kind":"match","stages":"a"}}',
    '{"weir_tap_notice":{"kind":"unmatched"}}',
    '{"weir_tap_notice":[]}',
    '{"weir_tap_notice":{"kind":"live"}',
    '{"weir_tap_hello":{"stage":"raw"}}',
    '{"weir_tap_event":7}',
    '{"weir_tap_event":""}',
    '{"weir_tap_event":"x","y":1}',
    '{"weir_tap_event":"x"',
    '{"weir_tap_unknown":{}}',
    '{"weir_tap_summary ":{}}',
    '{"rsigma_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}',
  ];
  const { client, lines } = await read(textOf(hello(), ...looks, summary()));
  assertEquals(lines, looks);
  assertEquals([client.lost, client.summary?.captured], [0, 2]);
});

test("tapClient() takes for an event what has a count that is none, and counts nothing by it", async () => {
  const counts = ["-1", "0.5", "1e30", "9007199254740992", "1e999", '"2"', "true", "[]", "{}"];
  const names = ["captured", "dropped", "duration_ms", "seen", "bytes", "unshown", "missed"];
  const lines: string[] = [];
  for (const name of names) {
    for (const count of counts) {
      // JSON.stringify writes none of these.
      lines.push(summary({ [name]: "COUNT" }).replace('"COUNT"', count));
    }
  }
  for (const count of [...counts, "null"]) {
    lines.push(notice({ kind: "drop", dropped: "COUNT" }).replace('"COUNT"', count));
  }
  const told: unknown[] = [];
  const text = textOf(hello(), ...lines, summary({ captured: lines.length, dropped: 3 }));
  const { client, lines: seen } = await read(text, { onNotice: (record) => told.push(record) });
  assertEquals(seen, lines);
  assertEquals([told, client.lost, client.summary!.captured], [[], 3, lines.length]);
  // In strict framing too.
  const strict = lines.filter((line) => line.startsWith('{"weir_tap_summary"'));
  const again = await read(textOf("first", ...strict));
  assertEquals(again.lines, ["first", ...strict]);
  assertEquals([again.client.summary, again.client.isComplete], [undefined, false]);
});

test("tapClient() believes the largest counts that there are", async () => {
  const most = Number.MAX_SAFE_INTEGER;
  const text = textOf(hello(), notice({ kind: "drop", dropped: most }), summary({ dropped: most }));
  const { client, lines } = await read(text);
  assertEquals([lines, client.lost, client.summary!.dropped], [[], most, most]);
});

test("tapClient() takes for an event what only looks like a hello", async () => {
  const whole = JSON.parse(hello()).weir_tap_hello;
  const changes = [
    { instance: 1 },
    { stage: undefined },
    { "duration_ms": "30s" },
    { redact: "a" },
    { stages: {} },
    { fields: "a,b" },
    { sampling: "half" },
  ];
  for (const change of changes) {
    const look = JSON.stringify({ "weir_tap_hello": { ...whole, ...change } });
    const { client, lines } = await read(textOf(look, "1", summary()));
    assertEquals([lines, client.hello, client.isComplete], [[look, "1"], undefined, true]);
  }
});

test("tapClient() takes a second hello for an event", async () => {
  const { client, lines } = await read(textOf(hello(), "1", hello({ session: 2 }), summary()));
  assertEquals(lines, ["1", hello({ session: 2 })]);
  assertEquals(client.hello?.session, 1);
});

test("tapClient() keeps an escaped text that has several lines on one", async () => {
  // No tap writes such a one, which would be two events further on.
  const { lines } = await read(textOf(hello(), '{"weir_tap_event":"a\\nb"}', summary()));
  assertEquals(lines, ['"a\\nb"']);
});

test("tapClient() leaves out a line that was cut off before its end", async () => {
  for (const text of ["tw", '{"a":{"b":1}', '{"weir_tap_event":"x"}', notice({ kind: "live" })]) {
    let told = 0;
    const { client, lines } = await read(`${textOf(hello(), "one")}${text}`, {
      onNotice: () => told++,
    });
    assertEquals([lines, client.isComplete, told], [["one"], false, 0], text);
  }
  const { client, lines } = await read("one\ntw");
  assertEquals([lines, client.isComplete], [["one"], false]);
});

test("tapClient() believes a whole summary that lacks the end of its line", async () => {
  for (const last of [`${hello()}\n1\n${summary()}`, `1\n${summary()}`]) {
    const { client, lines } = await read(last);
    assertEquals([lines, client.isComplete], [["1"], true]);
  }
});

test("tapClient() reads envelopes as they are when it was told to ask for them", async () => {
  const lines = [envelope(1, '{"a":1}'), envelope(2, "12345678901234567890")];
  const read_ = await read(textOf(hello(), ...lines, summary()), { meta: true });
  assertEquals(read_.lines, lines);
});

test("tapClient() reads the framing of the original, in which only the last line is the summary", async () => {
  const last = '{"rsigma_tap_summary":{"captured":3,"dropped":4,"duration_ms":9,"stage":"raw"}}';
  const lines = ["one", last, notice({ kind: "live", replayed: 1 }), '{"weir_tap_event":"x"}'];
  const ended = await read(`\n\n${textOf(...lines)}\n${last}\n`);
  assertEquals(ended.lines, lines);
  assertEquals(ended.client.summary, { captured: 3, dropped: 4, "duration_ms": 9, stage: "raw" });
  assertEquals([ended.client.isComplete, ended.client.lost, ended.client.hello], [
    true,
    4,
    undefined,
  ]);
});

test("tapClient() does not take for the original's summary what is not the last line", async () => {
  const look = '{"rsigma_tap_summary":{"captured":3,"dropped":4,"duration_ms":9,"stage":"raw"}}';
  const { client, lines } = await read(textOf(look, "one"));
  assertEquals([lines, client.isComplete, client.lost], [[look, "one"], false, 0]);
});

test("tapClient() ends with what a callback throws, and lets go of the server", async () => {
  const problem = new Error("enough");
  const fail = (): never => {
    throw problem;
  };
  const drop = notice({ kind: "drop", dropped: 1, new: 1 });
  for (const callbacks of [{ onHello: fail }, { onNotice: fail }]) {
    for (const reconnect of [false, true]) {
      using server = new ScriptedFetch((request) => request.open(hello(), drop, "1"));
      const iterator = tapClient(URL_, { ...callbacks, reconnect })[Symbol.asyncIterator]();
      assertStrictEquals(await reasonOf(iterator.next()), problem);
      assertEquals((await iterator.next()).done, true);
      assertEquals([server.requests.length, server.last.isGone], [1, true]);
    }
  }
});

test("tapClient() fails with a RangeError for a line without an end, also when it may try again", async () => {
  const part = "x".repeat(1_048_576);
  using server = new ScriptedFetch((request) => {
    request.open(hello());
    for (let i = 0; i < 65; i++) request.sendText(part);
    request.sendText("\n1\n");
  });
  const error = await reasonOf(Array.fromAsync(tapClient(URL_, { reconnect: true })));
  assertInstanceOf(error, RangeError);
  assert(error.message.startsWith("Cannot watch tap: a line must have at most "), error.message);
  assertEquals([server.requests.length, server.last.isGone], [1, true]);
});

test("tapClient() reads lines that come in any pieces", async () => {
  const whole = textOf(
    hello(),
    "ü€👧 one",
    "",
    notice({ kind: "live", replayed: 1 }),
    "2",
    summary(),
  );
  const bytes = new TextEncoder().encode(whole);
  for (const size of [1, 2, 3, 7, 64]) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) {
          controller.enqueue(bytes.slice(at, at + size));
        }
        controller.close();
      },
    });
    using _server = new ScriptedFetch((request) => {
      Object.defineProperty(request, "answered", {
        value: Promise.resolve(
          new Response(body, {
            headers: { "content-type": "application/x-ndjson; charset=utf-8" },
          }),
        ),
      });
    });
    const client = tapClient(URL_);
    assertEquals(await Array.fromAsync(client), ["ü€👧 one", "2"]);
    assert(client.isComplete);
  }
});

test("tapClient() is read once", async () => {
  using server = new ScriptedFetch((request) => request.open(hello(), "1", summary()));
  const client = tapClient(URL_);
  assertEquals(await Array.fromAsync(client), ["1"]);
  assertEquals(await Array.fromAsync(client), []);
  assertEquals(server.requests.length, 1);
});
