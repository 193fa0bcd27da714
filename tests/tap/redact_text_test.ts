import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { DenyNames } from "../../tap/_deny_names.ts";
import { compileRules, LineWriter, Redactor } from "../../tap/_redactor.ts";
import { CREDENTIAL_NAMES, redact } from "../../tap/redact.ts";
import { test } from "../_harness.ts";

const X = "[redacted]";

function writerOf(names: readonly string[] = CREDENTIAL_NAMES, ...paths: string[]): LineWriter {
  const rules = compileRules("redact", paths.map((path) => ({ path, mode: "mask" })));
  return new LineWriter(new Redactor(rules, names), undefined, undefined);
}

/** What is shown of a text. */
function shown(text: string): string | undefined {
  return writerOf().write(text, true);
}

/** What is shown of a value that was written as JSON. */
function shownJson(value: unknown): unknown {
  return JSON.parse(writerOf().write(JSON.stringify(value), false)!);
}

test("Every name of a credential is masked, however it is written, and wherever it stands", () => {
  for (const name of CREDENTIAL_NAMES) {
    const keys = [
      name,
      name.toUpperCase(),
      name.replace(/^./, (first) => first.toUpperCase()),
      ...["-", "_", " "].map((between) => Array.from(name).join(between)),
      `x-${name}`,
      `${name}_`,
      `my "${name}`,
      `a.b/${name}`,
      `👩${name}`,
    ];
    for (const key of keys) {
      for (const value of ["text", "", 1, 0, true, false, null, [1], { a: 1 }, "a\u2028b"]) {
        assertEquals(shownJson({ [key]: value, other: 1 }), { [key]: X, other: 1 }, key);
        assertEquals(shownJson([{ a: [[{ [key]: value }]] }]), [{ a: [[{ [key]: X }]] }], key);
      }
    }
  }
});

test("Keys that only have a name of a credential in them stay", () => {
  const value = {
    tokens: 12,
    "max_tokens": 4_000,
    "passwords_changed": true,
    "token-type": "x",
    secretary: "Ada",
    author: "Ada",
    key: "a",
    "pass word ed": 1,
    token1: "b",
  };
  assertEquals(shownJson(value), value);
});

test("A line without such a key is the very same line", () => {
  const lines = [
    '{"message":"the password is wrong, the token, too"}',
    '{"a":"12:30, x=1"}',
    '["password","token",{"a":"secret"}]',
    "{}",
    "[]",
    "12",
    "null",
  ];
  for (const line of lines) {
    assertStrictEquals(writerOf().write(line, false), line);
    assertStrictEquals(shown(line), line);
  }
});

test("A text line that is JSON is masked by its keys, and written anew if it might say one otherwise", () => {
  const cases: readonly (readonly [string, string])[] = [
    [' { "password" : "x" , "a":1} ', `{"password":"${X}","a":1}`],
    ['{"\\u0070assword":"x"}', `{"password":"${X}"}`],
    ['{"pass\\u005fword":"x"}', `{"pass_word":"${X}"}`],
    ['{"password":"x","password":"y"}', `{"password":"${X}"}`],
    // The first is gone when it is read, but not from the line.
    ['{"a":{"password":"x"},"a":1}', '{"a":1}'],
    ['{"a":{"\\u0070assword":"x"},"a":1}', '{"a":1}'],
    ['[{"password":["x",{"b":"y"}]}]', `[{"password":"${X}"}]`],
    ['{"a":"\\u0078"}', '{"a":"x"}'],
    ['{"a": "Bearer x http://u:p@h"}', `{"a":"Bearer ${X} http://${X}@h"}`],
    ['{"a": "x=1", "b": "12:30"}', '{"a": "x=1", "b": "12:30"}'],
  ];
  for (const [line, expected] of cases) assertEquals(shown(line), expected, line);
});

test("The texts within an event are masked like those that are events", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    [{ url: "/login?token=abc&a=1" }, { url: `/login?token=${X}&a=1` }],
    [{ log: ["password: x", { line: "Basic dTpw" }] }, {
      log: [`password: ${X}`, { line: `Basic ${X}` }],
    }],
    [{ db: "postgres://u:p@db/x" }, { db: `postgres://${X}@db/x` }],
    [{ head: "GET / HTTP/1.1\r\nCookie: a=b; c=d\r\nAccept: *" }, {
      head: `GET / HTTP/1.1\r\nCookie: ${X}\r\nAccept: *`,
    }],
    [{ body: '{"password":"a b","id":1}' }, { body: `{"password":"${X}","id":1}` }],
    [{ a: "token\n=\nabc" }, { a: `token\n=\n${X}` }],
  ];
  for (const [value, expected] of cases) assertEquals(shownJson(value), expected);
});

test("In a text, what follows a name and a sign is masked, up to a blank, a semicolon, a comma or an &", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["password=hunter2", `password=${X}`],
    ["user=ada password=hunter2 id=1", `user=ada password=${X} id=1`],
    ["db_password: hunter2; id: 1", `db_password: ${X}; id: 1`],
    ["GET /x?token=abc&b=1 HTTP/1.1", `GET /x?token=${X}&b=1 HTTP/1.1`],
    ["GET /x?b=1&api_key=abc", `GET /x?b=1&api_key=${X}`],
    ["(secret=a,jwt=b,id=c)", `(secret=${X},jwt=${X},id=c)`],
    ["API KEY : abc def", `API KEY : ${X} def`],
    ["Private-Key\t=\tabc\tdef", `Private-Key\t=\t${X}\tdef`],
    ["password := abc", `password := ${X}`],
    ["password==abc", `password==${X}`],
    ["{:password => :abc, a: 1}", `{:password => :${X}, a: 1}`],
    ["token: Bearer abc", `token: Bearer ${X}`],
    ["token: Bearer Digest abc def", `token: Bearer Digest ${X} def`],
    ["passwd=" + "x".repeat(1_000), `passwd=${X}`],
  ];
  for (const [text, expected] of cases) assertEquals(shown(text), expected, text);
});

test("In a text, what stands in quotes is masked up to their end", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['password="my dog, my cat" id=1', `password="${X}" id=1`],
    ["password='it''s; mine' id=1", `password='${X}' id=1`],
    ['secret: "a\\"b c" id=1', `secret: "${X}" id=1`],
    ['secret: "a\\\\" id=1', `secret: "${X}" id=1`],
    ['secret="never ends, id=1', `secret="${X}`],
    ['cut off: {"a":1,"password":"hun', `cut off: {"a":1,"password":"${X}`],
    ['{"password" : "a b","id":1', `{"password" : "${X}","id":1`],
    ["{'password': 'a b', 'id': 1}", `{'password': '${X}', 'id': 1}`],
    ['body {\\"token\\":\\"a b\\",\\"id\\":1} end', `body {\\"token\\":\\"${X}\\",\\"id\\":1} end`],
    ['body {\\"token\\":\\"a\\\\\\"b c\\",\\"id\\":1}', `body {\\"token\\":\\"${X}\\",\\"id\\":1}`],
    ['x {"token":"x""password":"y"}', `x {"token":"${X}""password":"${X}"}`],
    ["x 'token':'x''password':'y'", `x 'token':'${X}':'${X}'`],
    ['x {"token":"Bearer a","id":1', `x {"token":"${X}","id":1`],
    ['password="a token=b c d" id=1', `password="${X}" id=1`],
    ['password = """a b""" id=1', `password = "${X}""" id=1`],
    ["password = '''a b''' id=1", `password = '${X}' id=1`],
    ["x '{\\'token\\':\\'a\\'' id=1", `x '{\\'token\\':\\'${X}\\'' id=1`],
    ['password="" id=1', 'password="" id=1'],
  ];
  for (const [text, expected] of cases) assertEquals(shown(text), expected, text);
});

test("In a text, a list or an object behind a name is masked with all that follows", () => {
  assertEquals(shown('x {"token":["a","b"],"id":1}'), `x {"token":${X}`);
  assertEquals(shown('{"credentials":{"a":"b"},"id":1'), `{"credentials":${X}`);
});

test("In a text, a header that has credentials is masked to the end of its line", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Authorization: Digest username=a, response=b", `Authorization: ${X}`],
    ['Authorization: "a", b', `Authorization: ${X}`],
    ["set-cookie: a=b; c=d; Path=/", `set-cookie: ${X}`],
    ['curl -H "Authorization: Bearer a" x', `curl -H "Authorization: ${X}`],
    ["cookie=a=b; c=d", `cookie=${X}`],
    ['cookie="a=b; c=d" id=1', `cookie="${X}" id=1`],
    ['{"authorization":"Bearer a","id":1', `{"authorization":"${X}","id":1`],
  ];
  for (const [text, expected] of cases) assertEquals(shown(text), expected, text);
  // A text with line breaks comes as JSON.
  const request = "GET / HTTP/1.1\r\nCookie: a=b; c=d\r\nHost: h\nX-Api-Key: k e\n\nid=1";
  assertEquals(
    shownJson(request),
    `GET / HTTP/1.1\r\nCookie: ${X}\r\nHost: h\nX-Api-Key: ${X} e\n\nid=1`,
  );
});

test("In a text, what follows Bearer and Basic is masked, and what stands before the host of a URL", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["got Bearer abc.def-ghi from 10.0.0.1", `got Bearer ${X} from 10.0.0.1`],
    ["got basic YTpi, then more", `got basic ${X}, then more`],
    ["bearer: abc", `bearer: ${X}`],
    ["postgres://ada:hunter2@db:5432/x", `postgres://${X}@db:5432/x`],
    ["see https://a:b@h/ and http://c:d@i/?e=f@g", `see https://${X}@h/ and http://${X}@i/?e=f@g`],
    ["redis://:p@ss:w@rd@host", `redis://${X}@host`],
    ["url_token=http://x,ada:hunter2@h", `url_token=${X}@h`],
    ["http://x,password=abc;y@h", `http://x,password=${X};y@h`],
  ];
  for (const [text, expected] of cases) assertEquals(shown(text), expected, text);
});

test("In a text that is broken JSON, a name is found in other letters, too", () => {
  assertEquals(shown('{"\\u0070assword":"hunter2"'), `{"password":"${X}"`);
  assertEquals(shown('{"pass\\u0057ord":"a","token":"b"'), `{"passWord":"${X}","token":"${X}"`);
  assertEquals(shown('{"pass\\u002dword":"a\\u0022b"'), `{"pass-word":"${X}"`);
  assertEquals(shown("\\u0070assword\\u003dabc"), `password=${X}`);
  // What is put in place of a letter must not end a value.
  assertEquals(shown('{"api\\u0020key\\u0020" : "a\\u0020b"'), `{"api\\u0020key\\u0020" : "${X}"`);
  assertEquals(shown("Cook\\u0020ie: a=b; c=d"), `Cook\\u0020ie: ${X}`);
  assertEquals(shown("token=a\\u0020b\\u002cc\\u003bd id=1"), `token=${X} id=1`);
  assertEquals(shown("http://a:b\\u002fc@h"), `http://${X}@h`);
  assertEquals(shown('"password==\\u004awt":"abc"'), `"password==${X}`);
  // Nothing is found, so nothing is changed.
  assertEquals(shown('{"\\u0061":"\\u000a"'), '{"\\u0061":"\\u000a"');
});

test("Texts without credentials pass byte for byte", () => {
  const texts = [
    '127.0.0.1 - - [25/Nov/2026:13:40:01 +0000] "GET /notes?x=1 HTTP/1.1" 404 123 "-" "Deno/2"',
    "<34>1 2026-11-25T13:40:01.003Z host su - ID47 - 'su root' failed: no tokens left",
    "  leading and trailing  ",
    "ssh://git@host/path, http://host:80/a@b, mailto:a@b",
    "secretary: Ada, tokens=3, basically: yes, the password was wrong",
    "Bearer",
    "basic\t",
    "token=",
    "token=;",
    '{"a": 1.0, "b": 12345678901234567890}',
    '{"a": "x", "a": "y"}',
    '{"broken": "x',
    "{not json}",
    "[1, 2",
    "null",
    "\ufeff{}",
    "👩 é \ud800 \u2028",
    "",
  ];
  for (const text of texts) assertStrictEquals(shown(text), text, text);
});

test("What was masked once is not changed by being masked again", () => {
  const texts = [
    "token=a id=1",
    'password="a b"',
    "Cookie: a",
    "Bearer a",
    "http://a:b@c",
    '{"token":{"a"',
  ];
  for (const text of texts) assertEquals(shown(shown(text)!), shown(text));
});

test("Where paths are redacted, a text that is not JSON is never shown", () => {
  for (const writer of [writerOf([], "a.b"), writerOf(CREDENTIAL_NAMES, "**.a")]) {
    for (const text of ["a=1", '{"a":{"b":1}', '"a"', "1", "true", "null", "", " ", "\ufeff{}"]) {
      assertEquals(writer.write(text, true), undefined, text);
    }
    assertEquals(writer.write('{"id":1}', true), '{"id":1}');
    // One that has line breaks comes as JSON, and has no parts to look into.
    assertEquals(writer.write('"a=1\\nb=2"', false), `"${X}"`);
  }
});

test("A text that is a whole event is masked before a rule leaves a part of it", () => {
  const rule = { path: "a", mode: "partial" } as const;
  assertEquals(redact("my token=0123456789", [rule]), "…ted]");
  assertEquals(redact("my number=0123456789", [rule]), "…6789");
});

test("Names that were asked for are masked, and no others", () => {
  const writer = writerOf(["Session-Id", "naïve", "x.y", "$("]);
  const line = JSON.stringify({
    session_id: 1,
    "MY NAÏVE": 2,
    "ax.y": 3,
    axxy: 4,
    "a$(": 5,
    token: 6,
  });
  assertEquals(
    writer.write(line, false),
    JSON.stringify({ session_id: X, "MY NAÏVE": X, "ax.y": X, axxy: 4, "a$(": X, token: 6 }),
  );
  assertEquals(writer.write("sessionid=1 token=2", true), `sessionid=${X} token=2`);
  assertEquals(writerOf([]).write("token=2 Bearer x", true), "token=2 Bearer x");
  assertEquals(redact({ token: 1 }, [], { denyNames: [] }), { token: 1 });
  for (const name of ["", "-_ ", 'a"b', "a\\b", "a/b", "a\nb", "\ud800"]) {
    assertThrows(() => new DenyNames(["token", name]), RangeError, "a deny name must have letters");
  }
});

test("Letters that look the same in the other case count as the same", () => {
  // The sign of kelvins, and a long s.
  assertEquals(shownJson({ "to\u212aen": 1, "pa\u017fsword": 2 }), {
    "to\u212aen": X,
    "pa\u017fsword": X,
  });
});

test("Hostile texts are masked in time that grows with their length only", () => {
  // What is squared takes hours with these.
  const n = 400_000;
  const texts = [
    "token=".repeat(n),
    'token="'.repeat(n),
    "token='x''".repeat(n),
    `token=\\"x`.repeat(n),
    `${"token=".repeat(n)};`,
    `${"cookie:x".repeat(n)}\n`,
    "token".repeat(n),
    `token${" ".repeat(n)}x`,
    `${" ".repeat(n)}=`,
    `token${"- ".repeat(n)}"`,
    "p-a-s-s-w-o-r-".repeat(n),
    `password${"\\".repeat(n)}`,
    `password=${"\\".repeat(n)}"`,
    "bearer ".repeat(n),
    Array.from({ length: 3_000 }, (_, depth) => `token=${"\\".repeat(depth)}"x`).join(""),
    "bearer" + " ".repeat(n),
    "://".repeat(n),
    `://${"a:".repeat(n)}`,
    "://a:b@".repeat(n),
    "\\u0070".repeat(n),
    "\\u0020".repeat(n) + "=",
    "digest ".repeat(n),
    `token=${"digest ".repeat(n)}`,
    "token=digest ".repeat(n),
    "{".repeat(n),
    `{"token":[`.repeat(n),
  ];
  const names = new DenyNames(CREDENTIAL_NAMES);
  for (const text of texts) assert(names.maskText(text).length > 0);
  assertFalse(names.areIn(`{"${"d-".repeat(n)}":1}`));
  assertFalse(names.hasKey("d-".repeat(n)));
  assertFalse(names.hasKey("token-".repeat(n) + "x"));
});
