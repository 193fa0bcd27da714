import { assert, assertEquals } from "@std/assert";
import { replay } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { hello, summary } from "../tap/_scripted_fetch.ts";
import type { FakeHost } from "./_fake_host.ts";
import { answerOf, tap } from "./_tap.ts";

/** What is shown of these lines. */
async function shown(
  lines: readonly string[],
  args: readonly string[],
  prepare: (host: FakeHost) => void = () => {},
): Promise<string> {
  const { code, host } = await tap(() => answerOf(hello(), ...lines, summary()), args, prepare);
  assertEquals(code, 0);
  return host.output;
}

const onTerminal = (host: FakeHost): void => {
  host.isTerminal = true;
};

/** An event with what is known of it. */
function known(content: string, more = ""): string {
  return `{"id":"9f3a000001-7","seq":7,"time":1764000000123,"stage":"http.in",${more}${content}}`;
}

const HEAD = "2025-11-24T16:00:00.123Z http.in";

test("weir tap shows control characters of an event in a terminal, and passes them on elsewhere", async () => {
  const event = "\x1b[31mred\ttab\u009b";
  assertEquals(await shown([event], [], onTerminal), "\\x1b[31mred\ttab\\x9b\n");
  assertEquals(await shown([event], []), `${event}\n`);
});

test("weir tap shows what turns the direction of writing in a terminal, and passes it on elsewhere", async () => {
  const turning = [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e];
  for (const code of [...turning, 0x2028, 0x2029, 0x2066, 0x2067, 0x2068, 0x2069]) {
    const event = `a${String.fromCharCode(code)}b`;
    const said = `a\\u${code.toString(16).padStart(4, "0")}b\n`;
    // In four digits: what follows may be one, too.
    assertEquals(await shown([event], [], onTerminal), said);
    assertEquals(await shown([event], []), `${event}\n`);
    for (const format of ["pretty", "logfmt"]) {
      const output = await shown([event], ["--format", format]);
      assert(!output.includes(event[1]!), `${format}: ${JSON.stringify(output)}`);
    }
  }
  // What only stands beside them is shown.
  const others = "a\u200d\u2027\u202f\u2065\u206a\u200bb";
  assertEquals(await shown([others], [], onTerminal), `${others}\n`);
});

test("weir tap writes what looks like a record of the session so that a replay has it as an event", async () => {
  const odd = [summary(), '{"weir_tap_event":"x"}', '{"weir_tap_'];
  const escaped = odd.map((line) => `{"weir_tap_event":${JSON.stringify(line)}}`);
  const output = await shown([...escaped, '{"a":1}'], []);
  assertEquals(output, `${[...escaped, '{"a":1}'].join("\n")}\n`);
  const events: unknown[] = [];
  await replay(output, (event) => events.push(event));
  assertEquals(events, [JSON.parse(odd[0]!), JSON.parse(odd[1]!), odd[2], { a: 1 }]);
});

test("weir tap --meta shows the envelopes as they are", async () => {
  const line = known('"event":{"big":12345678901234567890}');
  assertEquals(await shown([line], ["--meta"]), `${line}\n`);
});

test("weir tap --format pretty shows time and stage, and small objects on one line", async () => {
  const cases: readonly (readonly [content: string, text: string])[] = [
    [
      '"event":{"path":"/a","status":200,"ok":true,"user":null}',
      "path=/a status=200 ok=true user=null",
    ],
    ['"event":{"text":"two words","empty":"","q":"a\\"b"}', 'text="two words" empty="" q="a\\"b"'],
    [
      '"event":{"big":12345678901234567890,"exact":1.50,"small":-0,"e":1e3}',
      "big=12345678901234567890 exact=1.50 small=-0 e=1e3",
    ],
    ['"event":7', "7"],
    ['"event":"a \\"text\\""', '"a \\"text\\""'],
    ['"event":null', "null"],
    ['"event":{}', "{}"],
    ['"event":[]', "[]"],
    ['"text":"2026-08-07 a line  as it is"', "2026-08-07 a line  as it is"],
    [
      '"event":{"a":{"b":[1,{"c":12345678901234567890},[],{}]},"d":"x"}',
      '{\n  "a": {\n    "b": [\n      1,\n      {\n        "c": 12345678901234567890\n      },\n' +
      '      [],\n      {}\n    ]\n  },\n  "d": "x"\n}',
    ],
    ['"event":[1,2]', "[\n  1,\n  2\n]"],
    [
      `"event":{"a":"${"x".repeat(200)}"}`,
      `{\n  "a": "${"x".repeat(200)}"\n}`,
    ],
    [
      '"event":{"weir_truncated":{"bytes":300000,"text":"{\\"a\\":\\"xx"}}',
      '{"a":"xx (300000 bytes, cut short)',
    ],
    ['"event":{"__proto__":1,"constructor":2}', "__proto__=1 constructor=2"],
  ];
  for (const [content, text] of cases) {
    assertEquals(await shown([known(content)], ["--format", "pretty"]), `${HEAD} ${text}\n`);
  }
  const many = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`k${i}`, i]));
  const output = await shown([known(`"event":${JSON.stringify(many)}`)], ["--format", "pretty"]);
  assertEquals(output.split("\n").length, 16);
});

test("weir tap --format pretty shows what was told with an event only if it is asked to", async () => {
  const line = known('"event":{"a":1}', '"meta":{"trace":"x y","span":{"id":7}},');
  assertEquals(await shown([line], ["--format", "pretty"]), `${HEAD} a=1\n`);
  assertEquals(
    await shown([line], ["--format", "pretty", "--meta"]),
    `${HEAD} 9f3a000001-7 trace="x y" span.id=7 a=1\n`,
  );
});

test("weir tap --format pretty shows events of a server that knows no envelopes", async () => {
  const output = await shown(['{"a":1}', "a text", '{"id":"x","time":"now"}'], [
    "--format",
    "pretty",
  ]);
  assertEquals(output, "a=1\na text\nid=x time=now\n");
});

test("weir tap --format pretty has colours on a terminal only, and not when NO_COLOR is set", async () => {
  const line = known('"event":{"a":"b"}');
  const nested = known('"event":{"a":{"b":1}}');
  const args = ["--format", "pretty"];
  const coloured = await shown([line, nested], args, onTerminal);
  assertEquals(
    coloured,
    "\x1b[2m2025-11-24T16:00:00.123Z\x1b[0m \x1b[36mhttp.in\x1b[0m \x1b[34ma\x1b[0m=b\n" +
      "\x1b[2m2025-11-24T16:00:00.123Z\x1b[0m \x1b[36mhttp.in\x1b[0m " +
      '{\n  \x1b[34m"a"\x1b[0m: {\n    \x1b[34m"b"\x1b[0m: 1\n  }\n}\n',
  );
  // deno-lint-ignore no-control-regex -- these are the colours.
  const plain = coloured.replaceAll(/\x1b\[\d+m/g, "");
  assertEquals(await shown([line, nested], args), plain);
  const without = (host: FakeHost): void => {
    onTerminal(host);
    host.variables.set("NO_COLOR", "1");
  };
  assertEquals(await shown([line, nested], args, without), plain);
  const empty = (host: FakeHost): void => {
    onTerminal(host);
    host.variables.set("NO_COLOR", "");
  };
  assertEquals(await shown([line, nested], args, empty), coloured);
});

test("weir tap lets no control character of an event through, however it is shown", async () => {
  const nasty = "\\u001b[2J\\u0007\\u009b31m\\u2028\\n\\r x";
  const lines = [
    known(`"event":{"${nasty}":"${nasty}"}`),
    known(`"event":{"a":{"${nasty}":["${nasty}"]}}`),
    known(`"event":"${nasty}"`),
    known(`"text":"${nasty}"`, `"meta":{"${nasty}":"${nasty}"},`),
    known(`"event":{"weir_truncated":{"bytes":"${nasty}","text":"${nasty}"}}`),
    known('"event":1').replace("http.in", nasty).replace("9f3a000001-7", "x\\u001b[2J"),
    `raw \x1b[2J\x9b31m`,
    `{"broken":"\x1b[2J`,
  ];
  for (const format of ["pretty", "logfmt"]) {
    for (const isTerminal of [false, true]) {
      const output = await shown(lines, ["--format", format, "--meta"], (host) => {
        host.isTerminal = isTerminal;
      });
      // deno-lint-ignore no-control-regex -- these are the colours, which are ours.
      const rest = output.replaceAll(/\x1b\[(?:0|2|33|34|36)m/g, "");
      // deno-lint-ignore no-control-regex -- control characters are what this is about.
      assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]/.test(rest), JSON.stringify(rest));
    }
  }
});

test("weir tap --format logfmt joins nested keys by dots, and quotes what needs it", async () => {
  const cases: readonly (readonly [line: string, text: string])[] = [
    ['{"a":1,"b":{"c":"x","d":[true,null]}}', "a=1 b.c=x b.d.0=true b.d.1=null"],
    [
      '{"t":"two words","e":"","q":"a\\"b","eq":"a=b","tab":"a\\tb"}',
      't="two words" e="" q="a\\"b" eq="a=b" tab="a\\tb"',
    ],
    ['{"back":"a\\\\b","uni":"€"}', 'back="a\\\\b" uni=€'],
    ['{"big":12345678901234567890,"n":1.50}', "big=12345678901234567890 n=1.50"],
    ['{"o":{},"l":[]}', "o={} l=[]"],
    ['{"a b":1,"c=d":2,"":3,"e\\"f":4}', "a_b=1 c_d=2 _=3 e_f=4"],
    ["{}", ""],
    ["7", "event=7"],
    ['"x y"', 'event="x y"'],
    ["[1,2]", "0=1 1=2"],
    ["a plain text", 'text="a plain text"'],
  ];
  for (const [line, text] of cases) {
    assertEquals(await shown([line], ["--format", "logfmt"]), `${text}\n`, line);
  }
});

test("weir tap --format logfmt --meta says what is known of an event under a name of its own", async () => {
  const lines = [
    known('"event":{"time":1,"stage":"mine"}', '"meta":{"trace":"x"},'),
    known('"text":"a b"'),
  ];
  const prefix =
    "tap.id=9f3a000001-7 tap.seq=7 tap.time=2025-11-24T16:00:00.123Z tap.stage=http.in";
  assertEquals(
    await shown(lines, ["--format", "logfmt", "--meta"]),
    `${prefix} tap.meta.trace=x time=1 stage=mine\n${prefix} text="a b"\n`,
  );
});

test("weir tap shows what is nested too deep to be followed as it came", async () => {
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  for (const format of ["pretty", "logfmt"]) {
    const output = await shown([deep, '{"a":1}'], ["--format", format]);
    assert(output.endsWith("a=1\n"), format);
    assert(output.startsWith("["), format);
  }
});
