import { assert, assertEquals, assertFalse } from "@std/assert";
import { Tap, tapClient, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { ScriptedFetch } from "./_scripted_fetch.ts";
import { ask, read } from "./_streams.ts";

// What is no record of a session, and looks like one to some reader or another.

/** What one reader or another takes for the end of a line. */
const ENDS = ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"] as const;
// deno-lint-ignore no-control-regex -- these are such ends.
const END = /[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

const SUMMARY = '"weir_tap_summary":{"captured":1,"dropped":0,"duration_ms":1,"stage":"raw"}}';
const LOOKS: readonly string[] = [
  ` {${SUMMARY}`,
  `\t {${SUMMARY}`,
  `{ ${SUMMARY}`,
  `{\t\t${SUMMARY}`,
  ` { ${SUMMARY}`,
  `\ufeff{${SUMMARY}`,
  `\u00a0{\u3000${SUMMARY}`,
  `{"\\u0077eir_tap_summary":{}}`,
  `{"weir\\u005ftap_summary":{}}`,
  ` { "\\u0077\\u0065ir_tap_hello":1}`,
  '{"a\\\\b":1}',
  ...ENDS.map((end) => `a${end}{${SUMMARY}`),
  ...ENDS.map((end) => `{${SUMMARY}${end}`),
  ...ENDS.map((end) => `${end}x`),
  ENDS.join("-"),
];

test("A line that looks like a record to a reader of JSON, or like several lines, is escaped at a stage of text", async () => {
  // Without names no line is read, and so none is written anew.
  const tap = new Tap({ denyNames: [] });
  const response = await ask(tapHandler(tap), `?stage=raw&limit=${LOOKS.length}`);
  for (const line of LOOKS) tap.offer("raw", line);
  const { events } = await read(response);
  assertEquals(
    events.map((line) => JSON.parse(line)),
    LOOKS.map((line) => ({ weir_tap_event: line })),
  );
  for (const line of events) {
    assert(line.startsWith('{"weir_tap_event":"'), line);
    assertFalse(END.test(line), JSON.stringify(line));
  }
});

test("What ends a line to some is written as an escape of four digits", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?stage=raw&limit=1");
  tap.offer("raw", "a\u2028b\u2029c\x85d\x1ce é€");
  assertEquals(
    (await read(response)).events,
    ['{"weir_tap_event":"a\\u2028b\\u2029c\\u0085d\\u001ce é€"}'],
  );
});

test("In strict framing, and in an envelope, what looks like something else is as it was", async () => {
  const tap = new Tap({ denyNames: [] });
  const handler = tapHandler(tap);
  const query = `?stage=raw&limit=${LOOKS.length}`;
  const strict = await ask(handler, `${query}&framing=strict`);
  const meta = await ask(handler, `${query}&meta=1`);
  for (const line of LOOKS) tap.offer("raw", line);
  assertEquals((await strict.text()).split("\n").slice(0, -2), [...LOOKS]);
  const { events } = await read(meta);
  assertEquals(events.map((line) => JSON.parse(line).text), [...LOOKS]);
});

test("A value at a stage of JSON is escaped only if its first key looks like that of a record", async () => {
  const tap = new Tap();
  const plain = [{ "a\\b": 1 }, "a\u2028b", { " weir_tap_": 1 }, "\v", [{ "weir_tap_x": 1 }]];
  const values = [...plain, { "weir_tap_x": "\u2028\x85\v" }];
  const response = await ask(tapHandler(tap), `?limit=${values.length}`);
  for (const value of values) tap.offer("decoded", value);
  const { events } = await read(response);
  assertEquals(events.slice(0, -1), plain.map((value) => JSON.stringify(value)));
  const last = events.at(-1)!;
  assert(!END.test(last), last);
  assertEquals(JSON.parse(JSON.parse(last).weir_tap_event), values.at(-1));
});

const random = new Random(20_260_807);

/** A line that tries to be a record, or to end before it seems to. */
function forgery(): string {
  const blank = (): string => random.pick(["", "", " ", "\t", "\ufeff", "\u00a0", "\u2003"]);
  const end = (): string => random.pick(["", "", "", ...ENDS]);
  const letter = (character: string): string =>
    random.below(12) === 0
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
      : character;
  const names = ["weir_tap_summary", "weir_tap_hello", "weir_tap_event", "weir_tap_", "weir", "a"];
  const key = [...random.pick(names)].map(letter).join("");
  const value = random.pick(["{}", "1", '"x"', '"\\n"', '{"captured":1,"dropped":0}', "null", ""]);
  const more = random.pick(["", "", ',"b":1', "]", '"', "}", '","weir_tap_x":1']);
  const body =
    `${blank()}{${blank()}"${end()}${key}"${blank()}:${blank()}${value}${more}}${blank()}`;
  const around = random.pick(["", "x", '"', "[", '{"a":"', "\\", "{"]);
  return `${around}${end()}${body}${end()}${random.pick(["", "", "x", '"}', "]"])}`;
}

/** The one key of every object that is found by whoever ends lines wherever they may end. */
function recordsIn(body: string, ends: RegExp): { key: string; value: unknown }[] {
  const records: { key: string; value: unknown }[] = [];
  for (const part of body.split(ends)) {
    for (const text of new Set([part, part.trim()])) {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        continue;
      }
      if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
      const [key] = Object.keys(value);
      if (!key?.startsWith("weir_tap_")) continue;
      records.push({ key, value: (value as Record<string, unknown>)[key] });
      break;
    }
  }
  return records;
}

const TEXTS = Array.from({ length: 4_000 }, forgery);
/** By which a reader may tell lines: all of the ends, and each of them alone. */
const READERS = [END, ...ENDS.map((end) => new RegExp(`[\n${end}]`))];

test("Whatever is offered, and however its lines are told apart, nothing is read as a record that is none", async () => {
  const tap = new Tap({ maxSessions: 9, bufferEvents: 10_000, maxSessionsPerSubject: 9 });
  const handler = tapHandler(tap);
  const limit = TEXTS.length;
  const queries = [
    `?stage=raw&limit=${limit}`,
    `?stage=raw&limit=${limit}&meta=1`,
    `?stage=raw&limit=${limit}&max_event_bytes=128`,
    `?stage=raw&limit=${limit}&redact=b`,
    `?limit=${limit}`,
    `?limit=${limit}&meta=1`,
  ];
  const responses = [];
  for (const query of queries) responses.push(await ask(handler, query));
  for (const text of TEXTS) {
    tap.offer("raw", text);
    tap.offer("decoded", random.below(2) === 0 ? text : { [text]: text });
  }
  tap.close();
  for (const [at, response] of responses.entries()) {
    const body = await response.text();
    for (const ends of READERS) {
      const records = recordsIn(body, ends);
      const others = records.filter(({ key }) => key !== "weir_tap_event");
      const keys = others.map(({ key }) => key);
      const place = `${queries[at]} by ${ends}`;
      assertEquals(keys, ["weir_tap_hello", "weir_tap_summary"], place);
      for (const { key, value } of records) {
        if (key === "weir_tap_event") assertEquals(typeof value, "string", place);
      }
    }
  }
});

test("tapClient() gives back every line as it was before it was escaped", async () => {
  const tap = new Tap({ denyNames: [], bufferEvents: 10_000 });
  const lines = [...LOOKS, ...TEXTS].filter((line) => /\S/.test(line));
  for (const query of ["", "&meta=1", "&framing=strict"]) {
    const response = await ask(tapHandler(tap), `?stage=raw&limit=${lines.length}${query}`);
    for (const line of lines) tap.offer("raw", line);
    const body = await response.text();
    using _server = new ScriptedFetch((request) => {
      request.open();
      request.sendText(body);
      request.close();
    });
    const client = tapClient("http://localhost/tap");
    const seen = await Array.fromAsync(client);
    const back = query === "&meta=1" ? seen.map((line) => JSON.parse(line).text) : seen;
    assertEquals(back.length, lines.length);
    // Not all at once, so that a failure shows one line.
    back.forEach((line, at) => assertEquals(line, lines[at]));
    assertEquals([client.isComplete, client.summary!.captured], [true, lines.length]);
  }
});
