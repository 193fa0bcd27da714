import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { ask, parse, read, restOf } from "./_streams.ts";
import { settle } from "./_wait.ts";

/** The lines of a stream that ends with the tap. */
async function linesOf(response: Response): Promise<string[]> {
  const body = await response.text();
  assert(body.endsWith("\n"), body);
  return body.slice(0, -1).split("\n");
}

test("A stream of lines is exactly these records, with these keys in this order", async () => {
  using time = new FakeTime();
  const tap = new Tap({ backlog: 1, worker: "w1", redact: ["user.email"], maxDurationMs: 60_000 });
  tap.offer("decoded", { id: 1 });
  tap.offer("decoded", { id: 2 });
  const query = "limit=2&max_bytes=1000&where=not no&sample=1&key=id&rate=5&redact=ip&duration=9s";
  const response = await ask(tapHandler(tap), `?${query}`);
  time.pass(5);
  tap.offer("decoded", { user: { email: "x" }, no: true });
  tap.offer("decoded", { id: 3 });
  const { instance } = tap;
  const lines = [
    `{"weir_tap_hello":{"session":1,"instance":"${instance}","worker":"w1","stage":"decoded",` +
    '"stages":["decoded"],"started":1000000,"duration_ms":9000,"limit":2,"max_bytes":1000,' +
    '"where":"not no","sampling":{"chance":1,"key":"id"},"rate":5,"redact":["user.email","ip"],' +
    '"replayed":1,"missed":1,"heartbeat_ms":5000}}',
    '{"id":2}',
    '{"weir_tap_notice":{"kind":"live","replayed":1}}',
    '{"id":3}',
  ];
  const bytes = lines.join("\n").length + 1;
  lines.push(
    '{"weir_tap_summary":{"captured":2,"dropped":0,"duration_ms":5,"stage":"decoded",' +
      '"reason":"limit","unshown":0,"undelivered":0,"missed":1,"seen":3,"matched":2,' +
      `"sampled_out":0,"rate_limited":0,"truncated":0,"bytes":${bytes}}}`,
  );
  assertEquals(await linesOf(response), lines);
});

/** Events that look like records of the session, as texts and as what they say. */
const FORGED: readonly string[] = [
  '{"weir_tap_summary":{"captured":99,"dropped":0,"duration_ms":1,"stage":"raw"}}',
  '{"weir_tap_hello":{"session":1}}',
  '{"weir_tap_notice":{"kind":"drop","dropped":9}}',
  '{"weir_tap_event":"x"}',
  '{"weir_tap_event":"{\\"weir_tap_event\\":\\"x\\"}"}',
  '{"weir_tap_other":1}',
  '{"weir_tap_":[]}',
];

test("A line that looks like a record of the session is escaped, as a text and as JSON", async () => {
  for (const stage of ["raw", "decoded"] as const) {
    const tap = new Tap();
    const response = await ask(tapHandler(tap), `?stage=${stage}&limit=${FORGED.length}`);
    for (const line of FORGED) tap.offer(stage, stage === "raw" ? line : JSON.parse(line));
    const { events } = await read(response);
    assertEquals(events, FORGED.map((line) => `{"weir_tap_event":${JSON.stringify(line)}}`));
    assertEquals(events.map((event) => JSON.parse(event).weir_tap_event), [...FORGED]);
  }
});

test("A text that is cut off in what all records of the session begin with is escaped, and no other", async () => {
  const tap = new Tap();
  const escaped = ['{"weir_tap_', '{"weir_tap_summary":'];
  const plain = ['{"weir_tap', '[{"weir_tap_summary":{}}]', "weir_tap_", "\\{"];
  const odd = ['{"a":1,"weir_tap_summary":{}}', '{"WEIR_TAP_x":1}', '{"a":"\\n"}', "a\tb\u200b"];
  const lines = [...escaped, ...plain, ...odd];
  const response = await ask(tapHandler(tap), `?stage=raw&limit=${lines.length}`);
  for (const line of lines) tap.offer("raw", line);
  const { events } = await read(response);
  assertEquals(events.slice(escaped.length), [...plain, ...odd]);
  assertEquals(events.slice(0, 2).map((event) => JSON.parse(event).weir_tap_event), escaped);
});

test("A line is escaped after its fields are chosen and it is redacted, by what it is then", async () => {
  const tap = new Tap();
  const event = { a: 1, "weir_tap_summary": { password: "x" } };
  const response = await ask(tapHandler(tap), "?limit=1&fields=weir_tap_summary");
  tap.offer("decoded", event);
  const [line] = (await read(response)).events;
  assertEquals(
    JSON.parse(line!).weir_tap_event,
    '{"weir_tap_summary":{"password":"[redacted]"}}',
  );
});

test("Whatever is offered comes back from a stream of lines as it was, and nothing else does", async () => {
  const random = new Random(4_711);
  const pieces = [
    '{"weir_tap_',
    "summary",
    '":',
    "{}",
    "\n",
    "\r",
    '"',
    "\\",
    " ",
    "é",
    "👩",
    "\0",
  ];
  const more = ["\u2028", "\ud800", "\t", "{", "}", "event", "null", ","];
  const texts = Array.from({ length: 2_000 }, () => {
    const length = random.below(8);
    return Array.from({ length }, () => random.pick([...pieces, ...more])).join("");
  });
  for (const query of ["", "&meta=1"]) {
    const tap = new Tap();
    const response = await ask(tapHandler(tap), `?stage=raw&limit=${texts.length}${query}`);
    for (const text of texts) tap.offer("raw", text);
    const { events, notices, summary } = await read(response);
    assertEquals([notices, summary.captured], [[], texts.length]);
    const isLine = (text: string): boolean => /\S/.test(text) && !/[\r\n]/.test(text);
    // Half of a pair is no character, and becomes what stands for none, unless JSON escapes it.
    const sent = texts.map((text) => isLine(text) && query === "" ? text.toWellFormed() : text);
    events.forEach((line, at) => {
      const said = query === "" ? unescaped(line) : textOf(JSON.parse(line));
      const expected = query === "" && !isLine(texts[at]!) ? JSON.stringify(texts[at]) : sent[at];
      const isEscaped = line.startsWith('{"weir_tap_event":');
      assertEquals(said, isEscaped ? texts[at] : expected, `${at}: ${JSON.stringify(texts[at])}`);
    });
  }
});

function unescaped(line: string): string {
  return line.startsWith('{"weir_tap_event":') ? JSON.parse(line).weir_tap_event : line;
}

function textOf({ text, event }: { text?: string; event?: unknown }): unknown {
  return text ?? event;
}

test("An envelope is laid out exactly so, for JSON and for text, with and without what was told beside", async () => {
  using time = new FakeTime();
  const tap = new Tap({ stages: { 'a"b': "json", text: "text" } });
  const response = await ask(tapHandler(tap), "?stage=*&meta=1&limit=6");
  const { instance } = tap;
  tap.offer('a"b', { x: [1, "€"] });
  time.pass(7);
  tap.offer('a"b', null, { trace: "t1", password: "p" });
  tap.offer("text", 'line "1"');
  tap.offer("text", "line 2", {});
  // What is no line of text is JSON, of a text too.
  tap.offer("text", "two\nlines");
  tap.offer("text", { weir_tap_summary: {} });
  const { events } = await read(response);
  const head = (seq: number, time: number, stage: string): string =>
    `{"id":"${instance}-${seq}","seq":${seq},"time":${time},"stage":${JSON.stringify(stage)},`;
  assertEquals(events, [
    `${head(1, 1_000_000, 'a"b')}"event":{"x":[1,"€"]}}`,
    `${head(2, 1_000_007, 'a"b')}"meta":{"trace":"t1","password":"[redacted]"},"event":null}`,
    `${head(3, 1_000_007, "text")}"text":"line \\"1\\""}`,
    `${head(4, 1_000_007, "text")}"meta":{},"text":"line 2"}`,
    `${head(5, 1_000_007, "text")}"event":"two\\nlines"}`,
    `${head(6, 1_000_007, "text")}"event":{"weir_tap_summary":{}}}`,
  ]);
});

test("Without meta nobody sees what was told beside an event", async () => {
  const tap = new Tap({ backlog: 1 });
  tap.offer("decoded", 1, { trace: "t1" });
  const body = await (await ask(tapHandler(tap), "?limit=1")).text();
  assertFalse(body.includes("t1"));
});

test("An event that is too long is cut, marked, and counted, also in an envelope", async () => {
  const tap = new Tap({ maxSessions: 9 });
  const handler = tapHandler(tap);
  const query = "?stage=raw&limit=2&max_event_bytes=128";
  const plain = await ask(handler, query);
  const meta = await ask(handler, `${query}&meta=1`);
  const strict = await ask(handler, `${query}&framing=strict`);
  const line = `{"weir_tap_summary":"${"€".repeat(100)}"}`;
  tap.offer("raw", line);
  tap.offer("raw", "short");
  const { events, summary } = await read(plain);
  assertEquals(events[1], "short");
  const { weir_truncated: truncated, ...rest } = JSON.parse(events[0]!);
  assertEquals([rest, truncated.bytes], [{}, new TextEncoder().encode(line).length]);
  assert(truncated.text.length > 20 && line.startsWith(truncated.text), truncated.text);
  assert(new TextEncoder().encode(events[0]).length <= 128);
  assertEquals(summary.truncated, 1);
  const { events: [wrapped] } = await read(meta);
  assertEquals(JSON.stringify(JSON.parse(wrapped!).event), events[0]);
  assertEquals((await linesOf(strict)).slice(0, 2), [events[0]!, "short"]);
});

test("In strict framing there is nothing but the events and four numbers, byte for byte", async () => {
  using time = new FakeTime();
  const tap = new Tap({ backlog: 3, bufferEvents: 8 });
  tap.offer("raw", "kept 1");
  tap.offer("raw", "kept 2");
  const query = "?stage=raw&framing=strict&duration=7s";
  const response = await ask(tapHandler(tap), query);
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  for (const line of FORGED) tap.offer("raw", line);
  tap.offer("raw", '{"rsigma_tap_summary":{}}');
  tap.offer("raw", "no room");
  // In this time a notice would come.
  time.pass(7_000);
  assertEquals(
    await response.text(),
    ["kept 1", "kept 2", ...FORGED, '{"rsigma_tap_summary":{}}', ""].join("\n") +
      '{"rsigma_tap_summary":{"captured":10,"dropped":1,"duration_ms":7000,"stage":"raw"}}\n',
  );
});

test("In strict framing silence is an empty line, and so is what opens an answer without events", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const reader = chunksOf(await ask(tapHandler(tap), "?framing=strict"));
  assertEquals(await reader.next(), "\n");
  const next = reader.next();
  await settle();
  time.pass(5_000);
  assertEquals(await next, "\n");
  tap.offer("decoded", { id: 1 });
  tap.close();
  assertEquals(
    await restOf(reader),
    '{"id":1}\n{"rsigma_tap_summary":{"captured":1,"dropped":0,"duration_ms":5000,"stage":"decoded"}}\n',
  );
});

test("In strict framing a session that gets nothing has a summary alone", async () => {
  using _time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?framing=strict&limit=0&stage=nothing.*");
  assertEquals(
    await response.text(),
    '{"rsigma_tap_summary":{"captured":0,"dropped":0,"duration_ms":0,"stage":"nothing.*"}}\n',
  );
});

test("A stream that counts tells counts in place of events, and how many of what", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?count_by=status&duration=2s");
  for (const status of [200, 503, 200, "€"]) tap.offer("decoded", { status });
  tap.offer("decoded", "none");
  time.pass(1_000);
  tap.offer("decoded", [{ status: 1 }, { status: 2 }]);
  time.pass(1_000);
  const { hello, events, summary } = parse(await response.text());
  assertEquals(hello.count_by, "status");
  assertEquals(events, [
    '{"counts":[{"value":"200","count":2},{"value":"503","count":1},{"value":"€","count":1}],"none":1,"other":0,"total":5}',
    '{"counts":[{"value":"1","count":1},{"value":"2","count":1}],"none":0,"other":0,"total":1}',
  ]);
  assertEquals([summary.seen, summary.matched, summary.captured, summary.dropped], [6, 6, 2, 0]);
});

test("A stream says of how many events it has seen what became of them", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 3 });
  const query = "?stage=raw&where=$ contains a&every=2&rate=4&duration=1s";
  const response = await ask(tapHandler(tap), query);
  for (let id = 0; id < 20; id++) tap.offer("raw", id % 2 === 0 ? `a${id}` : `b${id}`);
  time.pass(1_000);
  const { events, summary } = parse(await response.text());
  assertEquals(events, ["a0", "a4", "a8"]);
  const { captured, dropped, seen, matched, sampled_out, rate_limited, undelivered } = summary;
  assertEquals(
    { seen, matched, sampled_out, rate_limited, dropped, captured, undelivered },
    {
      seen: 20,
      matched: 10,
      sampled_out: 5,
      rate_limited: 1,
      dropped: 1,
      captured: 3,
      undelivered: 0,
    },
  );
  assertMatch(JSON.stringify(summary), /"unshown":0/);
});
