import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { LineWriter, Redactor } from "../../tap/_redactor.ts";
import { CREDENTIAL_NAMES, parseWhere, redact, Tap } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { eventsOf, linesOf } from "./_sessions.ts";

const X = "[redacted]";

const WRITER = new LineWriter(new Redactor([], CREDENTIAL_NAMES), undefined, undefined);

function shown(text: string): string | undefined {
  return WRITER.write(text, true);
}

/** What is shown of a value that was written as JSON. */
function shownJson(value: unknown): unknown {
  return JSON.parse(WRITER.write(JSON.stringify(value), false)!);
}

test("A key that says a credential is masked as a text is, and keeps its value and its place", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    [{ "token=hunter2": 1 }, { [`token=${X}`]: 1 }],
    [{ a: 1, "password: x": 2, b: 3 }, { a: 1, [`password: ${X}`]: 2, b: 3 }],
    [{ "/login?token=abc&a=1": { hits: 3 } }, { [`/login?token=${X}&a=1`]: { hits: 3 } }],
    [{ "postgres://u:p@db/x": "up" }, { [`postgres://${X}@db/x`]: "up" }],
    [{ "Bearer abc": [1] }, { [`Bearer ${X}`]: [1] }],
    [[{ a: [{ "secret=s": 1 }] }], [{ a: [{ [`secret=${X}`]: 1 }] }]],
    [{ "token=a": { "token=b": { password: "c" } } }, {
      [`token=${X}`]: { [`token=${X}`]: { password: X } },
    }],
    [{ '{"password":"p"}': 1 }, { [`{"password":"${X}"}`]: 1 }],
  ];
  for (const [value, expected] of cases) {
    assertEquals(shownJson(value), expected);
    assertEquals(JSON.stringify(shownJson(value)), JSON.stringify(expected));
    // The same where it comes as a line of text.
    assertEquals(shown(JSON.stringify(value)), JSON.stringify(expected));
    assertEquals(redact(value, []), expected);
  }
});

test("Of keys that are equal once they are masked one is left, and none says what it was", () => {
  const line = JSON.stringify(shownJson({ "token=a": "first", "token=b": "second", c: 3 }));
  assert(line === `{"token=${X}":"first","c":3}` || line === `{"token=${X}":"second","c":3}`, line);
});

test("Keys are masked by their own name, also where prototypes have it", () => {
  const value = JSON.parse('{"__proto__":{"token=x":1,"password":"p"},"token=y":2}');
  const line = WRITER.write(JSON.stringify(value), false)!;
  assertEquals(line, `{"__proto__":{"token=${X}":1,"password":"${X}"},"token=${X}":2}`);
});

test("A name may have brackets, colons and signs behind it in a key", () => {
  const keys = [
    "user[password]",
    "form(secret)",
    "<token>",
    "Cookie:",
    "Cookie: ",
    "token=",
    "password >",
    "a[b][password]",
    "Set-Cookie:",
    "cookies",
    "Cookies:",
    "api_key]",
  ];
  for (const key of keys) {
    for (const value of ["text", 1, null, { a: 1 }, ["b"]]) {
      const expected = JSON.stringify({ [key]: X, other: 1 });
      assertEquals(JSON.stringify(shownJson({ [key]: value, other: 1 })), expected, key);
      assertEquals(shown(JSON.stringify({ [key]: value, other: 1 })), expected, key);
    }
  }
  const free = { "user[password_hint]": "h", "passwords]x": 1, "tokens)": 2, "a:": "b", "[x]": 1 };
  assertEquals(shownJson(free), free);
});

test("A name may have brackets behind it in a text", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["user[password]=hunter2&id=1", `user[password]=${X}&id=1`],
    ["POST user[password]: hunter2 ok", `POST user[password]: ${X} ok`],
    ["(token)=abc def", `(token)=${X} def`],
    ["<secret>=abc;x", `<secret>=${X};x`],
    ["a[b][api_key] = k e", `a[b][api_key] = ${X} e`],
    ["cookies: a=b; c=d", `cookies: ${X}`],
    ["Cookies: a=b, c", `Cookies: ${X}`],
    ["password\f=\fhunter2", `password\f=\f${X}`],
  ];
  for (const [text, expected] of cases) {
    // A text with controls comes as JSON.
    assertEquals(shownJson(text), expected, text);
    if (!text.includes("\f")) assertEquals(shown(text), expected, text);
    assertEquals(shownJson({ a: [text] }), { a: [expected] }, text);
  }
  for (const text of ["passwords[0]=x", "token count: 5", "cookies are good", "x) = 1"]) {
    assertEquals(shown(text), text);
  }
});

test("A form feed is a blank, before and behind a sign, and escaped in a line", () => {
  assertEquals(shownJson("token\f:\fabc def"), `token\f:\f${X} def`);
  assertEquals(shownJson("token: abc\fdef"), `token: ${X}\fdef`);
  for (const written of ['"token\\f=\\fabc"', '"token\\u000c=\\u000cabc"']) {
    const line = WRITER.write(`{"a":${written}}`, false)!;
    assertFalse(line.includes("abc"), line);
    assertEquals(JSON.parse(line), { a: `token\f=\f${X}` });
    const fromText = shown(`{"a":${written}}`)!;
    assertFalse(fromText.includes("abc"), fromText);
  }
});

test("A line whose keys say no credential is the very same line", () => {
  for (const line of ['{"a=b":1,"x:y":{"a[b]":"c"}}', '{"tokens=5":1}', "{}", '{"a":"token"}']) {
    assertStrictEquals(WRITER.write(line, false), line);
  }
});

test("Every session and every backlog has keys and texts masked, and what is told with events", async () => {
  const event = { "token=hunter2": 1, "user[password]": "hunter2", log: "Cookie: hunter2" };
  for (const backlog of [0, 5]) {
    using tap = new Tap({ backlog, maxSessions: 9 });
    const open = () =>
      [{}, { redact: ["other"] }, { fields: ["**"] }].flatMap((options) =>
        (["decoded", "raw"] as const).map((stage) => tap.open({ stage, ...options })!)
      );
    const live = backlog === 0 ? open() : [];
    tap.offer("decoded", event, event);
    tap.offer("raw", JSON.stringify(event), event);
    for (const session of backlog === 0 ? live : open()) {
      const text = JSON.stringify(await eventsOf(session));
      assert(text.includes(X), text);
      assertFalse(text.includes("hunter2"), text);
    }
  }
});

test("Nobody finds by a filter what a key of a form holds", async () => {
  using tap = new Tap({ maxSessions: 9 });
  const sessions = [
    'a == "user[password]=hunter2"',
    'a contains "hunter2"',
    'a contains "redacted"',
  ]
    .map((where) => tap.open({ stage: "decoded", where })!);
  tap.offer("decoded", { a: "user[password]=hunter2" });
  assertEquals(sessions.map(({ captured }) => captured), [0, 0, 1]);
  assertEquals(await linesOf(sessions[2]!), [`{"a":"user[password]=${X}"}`]);
});

test("Names in a path are refused as they would be masked, brackets and all", () => {
  using tap = new Tap({ maxSessions: 99 });
  for (
    const path of [
      '["user[password]"]',
      '["Cookie:"]',
      'a["token="].b',
      "cookies",
      "/user[password]",
    ]
  ) {
    for (
      const options of [{ where: `exists ${path}` }, { countBy: path }, { sample: 1, key: path }]
    ) {
      let message = "";
      try {
        tap.open({ stage: "decoded", ...options });
      } catch (error) {
        message = (error as Error).message;
      }
      assert(
        message.includes("must not read what is redacted"),
        `${JSON.stringify(options)}: ${message}`,
      );
    }
  }
});

test("A text, a number or a boolean in its box is what it boxes, wherever a path leads", () => {
  const event = {
    m: new String("GET /health"),
    n: new Number(7),
    b: new Boolean(false),
    list: [new String("x"), { k: new String("y") }],
    wrapped: { toJSON: () => new String("GET /json") },
  };
  const holds = [
    'm == "GET /health"',
    'm contains "health"',
    "n >= 7",
    "b == false",
    'list == "x"',
    'list.k == "y"',
    'list[0] == "x"',
    'wrapped startswith "GET"',
    "exists m",
  ];
  const fails = [
    'm[6] == "e"',
    "exists m[0]",
    "exists m.length",
    'list[0][0] == "x"',
    'list.k[0] == "y"',
    "exists n.x",
    "b",
    'wrapped[0] == "G"',
  ];
  for (const where of holds) assert(parseWhere(where).matches(event), where);
  for (const where of fails) assertFalse(parseWhere(where).matches(event), where);
  assert(
    parseWhere('$ == "text"').matches(new String("text")) ===
      parseWhere('$ == "text"').matches("text"),
  );
  assertFalse(parseWhere('[0] == "t"').matches(new String("text")));
});
