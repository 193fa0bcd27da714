import { assert, assertEquals, assertFalse } from "@std/assert";
import { parseWhere } from "../../tap/where.ts";
import { test } from "../_harness.ts";

/** Asserts for each expression whether it holds for a value. */
function assertHolds(value: unknown, expected: Readonly<Record<string, boolean>>): void {
  for (const [text, holds] of Object.entries(expected)) {
    assertEquals(parseWhere(text).matches(value), holds, text);
  }
}

/** The expressions, all of which are expected to come out the same. */
function all(holds: boolean, ...texts: string[]): Record<string, boolean> {
  return Object.fromEntries(texts.map((text) => [text, holds]));
}

test("== and != compare with each kind of value, and never across kinds", () => {
  const event = { text: "1", number: 1, yes: true, no: false, nothing: null, empty: "", zero: 0 };
  assertHolds(event, {
    ...all(
      true,
      'text == "1"',
      "text = '1'",
      "number == 1",
      "number = 1.0",
      "number == 1e0",
      "number == 10e-1",
      "zero == -0",
      "yes == true",
      "no == false",
      "nothing == null",
      "empty == ''",
      'text != "2"',
      "number != 2",
      "yes != false",
      "nothing != false",
    ),
    ...all(
      false,
      "text == 1",
      'number == "1"',
      'yes == "true"',
      "no == 0",
      "no == null",
      "no == ''",
      "nothing == false",
      "nothing == 0",
      'nothing == "null"',
      "empty == null",
      "zero == false",
      "number != 1",
      'text != "1"',
      "nothing != null",
    ),
  });
});

test("Numbers are compared with numbers, and texts with texts by UTF-16 unit", () => {
  assertHolds({ n: 10, t: "b", time: "2026-01-02T03:04:05Z", half: "\ufffd", emoji: "😀" }, {
    ...all(true, "n > 9", "n >= 10", "n < 11", "n <= 10", "n > -1", "n < 1e3"),
    ...all(false, "n > 10", "n < 10", "n >= 11", "n <= 9"),
    ...all(true, "t > a", "t >= b", "t < ba", "t <= b", "t > B", "t > ''"),
    ...all(false, "t > b", "t < b", "t < Z"),
    ...all(true, "time >= 2026-01-02", "time < 2026-01-03"),
    // By code point it would be the other way round.
    ...all(true, 'half > "😀"', 'emoji < "\\ufffd"'),
    // Across kinds nothing is less or more.
    ...all(false, 'n > "9"', 'n < "9"', "t > 1", "t < 1", "t >= 1", "t <= 1"),
  });
});

test("Texts are looked into by contains, startswith and endswith", () => {
  assertHolds({ m: "GET /a*b 404", n: 404, none: "" }, {
    ...all(true, "m contains GET", "m contains ' /a*'", "m contains 404", "m contains ''"),
    ...all(true, "m startswith GET", 'm startswith "GET /"', "m endswith 04", "m endswith ''"),
    ...all(false, "m contains get", "m contains '/ab'", "m startswith /a", "m endswith GET"),
    // A number has no text.
    ...all(false, "n contains 4", "n startswith 4", "n endswith 4"),
    ...all(true, "none contains ''", "none startswith ''"),
    ...all(false, "none contains x", "m contains true", "m contains null"),
  });
});

test("A glob matches a whole text, and a regular expression is found in one", () => {
  assertHolds({ path: "/api/notes/7", star: "a*b", n: 7 }, {
    ...all(true, 'path ~ "/api/*"', "path ~ *notes*", "path ~ /api/notes/?", "path !~ '/api'"),
    ...all(false, "path ~ api", "path ~ '/api/?'", "path !~ '/api/*'", "n ~ 7", "n ~ '*'"),
    ...all(true, "n !~ 7", 'star ~ "a\\*b"', "star ~ a?b"),
    ...all(false, 'path ~ "\\*"'),
    ...all(true, 'path matches "notes"', 'path matches "^/api/\\w+/\\d$"', "path matches s/7"),
    ...all(true, 'path matches "(?i)NOTES"', 'path matches "x|/7$"'),
    ...all(false, 'path matches "^notes"', 'path matches "NOTES"', "n matches 7"),
  });
});

test("in holds for any of its values, of each kind", () => {
  const text = 'v in (error, "not", 7, null, true)';
  for (const v of ["error", "not", 7, 7n, null, true]) assertHolds({ v }, { [text]: true });
  for (const v of ["warn", "7", 8, 8n, false, "null", {}, undefined]) {
    assertHolds({ v }, { [text]: false });
  }
  assertHolds({}, { [text]: false, [`not (${text})`]: true });
});

test("exists asks for any value, a bare path for one that is neither false nor null", () => {
  const event = { no: false, nothing: null, zero: 0, empty: "", list: [], object: {} };
  assertHolds(event, {
    ...all(true, "exists no", "exists nothing", "exists zero", "exists(empty)", "exists list"),
    ...all(false, "exists other", "exists no.other", "exists ( other )", "exists list.x"),
    ...all(true, "zero", "empty", "list", "object", "not no", "!nothing", "not other"),
    ...all(false, "no", "nothing", "other", "object.x"),
  });
});

test("and binds closer than or, and not closer than both", () => {
  const event = { t: true, f: false };
  assertHolds(event, {
    "t or t and f": true,
    "(t or t) and f": false,
    "f and f or t": true,
    "f and (f or t)": false,
    "not f and f": false,
    "not (f and f)": true,
    "not t or t": true,
    "not (t or t)": false,
    "not f == false": false,
    "not not t": true,
    "!!t && !f": true,
    "! (f || !t)": true,
    "f || t && !f": true,
  });
});

test("What decides an expression is read from left to right, and no more than that", () => {
  let reads = 0;
  const event = {
    level: "error",
    get costly() {
      reads++;
      return 1;
    },
  };
  assertHolds(event, { "level == error or costly": true, "level == info and costly": false });
  assertEquals(reads, 0);
  assertHolds(event, { "level == error and costly": true });
  assertEquals(reads, 1);
});

test("Where a path meets an array, one element for which a comparison holds is enough", () => {
  const event = {
    users: [{ id: 1, roles: ["a", "b"] }, { id: 2 }, "text", null, [{ id: 3 }]],
    tags: ["red", ["green", 7n], null],
    empty: [],
  };
  assertHolds(event, {
    ...all(true, "users.id == 1", "users.id == 2", "users.id == 3", "users.id > 2", "users.id"),
    ...all(true, "users.roles == b", "users[0].roles[1] == b", "users[4][0].id == 3"),
    ...all(false, "users.id == 4", "users[1].id == 1", "users[0].roles[2] == b", "users.id > 3"),
    ...all(true, "tags == red", "tags == green", "tags contains ree", "tags == null", "tags > 6"),
    ...all(true, "tags ~ g*", "tags matches '^r'", "tags in (blue, red)", "tags[0] == red"),
    ...all(false, "tags == blue", "tags contains ''  and tags == blue", "tags[1] == red"),
    // No element is equal: that is what != says.
    ...all(true, "tags != blue", "empty != red", "tags !~ b*"),
    ...all(false, "tags != red", "tags !~ r*", "empty == red", "empty == null"),
    ...all(true, "tags", "empty", "exists empty"),
  });
});

test("!= and !~ hold where there is no value, and no other comparison does", () => {
  for (const event of [{}, { a: {} }, { a: undefined }, { a: { b: undefined } }, null, 7, "a.b"]) {
    assertHolds(event, {
      ...all(true, "a.b != 1", "a.b !~ x", "a.b != null", "not a.b", "not exists a.b"),
      ...all(false, "a.b == null", "a.b == 1", "a.b < 1", "a.b >= ''", "a.b ~ '*'", "a.b in (1)"),
      ...all(false, "a.b contains ''", "a.b startswith ''", "a.b endswith ''", "a.b matches ''"),
      ...all(false, "a.b", "exists a.b"),
    });
  }
});

test("A value is what JSON has for it", () => {
  class Point {
    x = 1;
    #hidden = 2;
    get y() {
      return this.#hidden;
    }
  }
  const hidden = Object.defineProperty({}, "secret", { value: 1, enumerable: false });
  const event = {
    date: new Date(Date.UTC(2026, 0, 2)),
    nan: NaN,
    infinite: -Infinity,
    big: 2n ** 64n,
    point: new Point(),
    hidden,
    bare: Object.assign(Object.create(null), { a: 1 }),
    money: { toJSON: (key: string) => ({ key, cents: 5 }) },
    gone: { toJSON: () => undefined },
    call: () => 1,
    symbol: Symbol("s"),
    map: new Map([["a", 1]]),
    bytes: new Uint8Array([7]),
    regexp: /x/,
  };
  assertHolds(event, {
    ...all(true, 'date == "2026-01-02T00:00:00.000Z"', "date > 2026-01-01", "exists date"),
    ...all(true, "nan == null", "infinite == null", "exists nan"),
    ...all(false, "nan == 0", "infinite < 0", "nan", "nan != null"),
    ...all(true, "big > 1e19", "big == 18446744073709551616", "big < 1e20", "big"),
    ...all(false, 'big == "18446744073709551616"', "big < 1", "big contains 1"),
    ...all(true, "point.x == 1", "not exists point.y", "bare.a == 1", "not exists hidden.secret"),
    ...all(true, "money.cents == 5", "money.key == money", "not exists gone", "gone != 1"),
    ...all(false, "exists call", "exists symbol", "call", "exists map.a", "exists regexp.source"),
    ...all(true, "map", "bytes[0] == 7"),
  });
});

test("What prototypes have is not there, unless the event has it itself", () => {
  const names = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"];
  for (const name of names) {
    for (const event of [{}, [], [{}], "text", 7, new Date(), () => {}]) {
      assertHolds(event, {
        [name]: false,
        [`exists ${name}`]: false,
        [`exists ${name}.name`]: false,
        [`${name} != x`]: true,
      });
    }
    const own = JSON.parse(`{"${name}":{"${name}":"x"}}`);
    assertHolds(own, { [`${name}.${name} == x`]: true, [`exists ${name}.other`]: false });
  }
  assertHolds("text", { "exists length": false, 'exists ["0"]': false });
  assertHolds({ list: [1] }, { "exists list.length": false });
});

test("$ is the event itself if it is a text", () => {
  assertHolds("GET /api 200", {
    ...all(true, "$ contains api", "$ startswith GET", "$ ~ 'GET *'", "$ matches '\\d+$'", "$"),
    ...all(true, "exists $", "$ == 'GET /api 200'", "$ != x", "$ > G", "$ in ('GET /api 200')"),
    ...all(false, "$ == x", "not $", "level", "$ contains post"),
  });
  for (const event of [{ $: "x" }, ["x"], 7, null, undefined, true, [["x"]]]) {
    assertHolds(event, {
      ...all(false, "$", "exists $", "$ == x", "$ contains ''", "$ == 7", "$ == null", "$ == true"),
      ...all(true, "$ != x", "not $"),
    });
  }
  assertHolds({ $: "x", "$set": { a: 1 } }, { '["$"] == x': true, "$set.a == 1": true });
});

test("A value that throws when it is read does not match, whatever the expression says", () => {
  const thrown = new Error("not to be read");
  const fail = (): never => {
    throw thrown;
  };
  const refusing = new Proxy({}, {
    get: fail,
    getOwnPropertyDescriptor: fail,
    ownKeys: fail,
    has: fail,
  });
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const deep: unknown[] = [];
  let inner = deep;
  for (let depth = 0; depth < 100_000; depth++) inner.push(inner = []);
  const circular: unknown[] = [];
  circular.push(circular);
  const hostile = [
    {
      get a() {
        return fail();
      },
    },
    { a: { toJSON: fail } },
    { toJSON: fail },
    { a: refusing },
    refusing,
    revoked,
    { a: revoked },
    { a: deep },
    { a: circular },
    circular,
  ];
  for (const [index, event] of hostile.entries()) {
    for (const text of ["a.b == 1", "a.b != 1", "not a.b", "exists a.b", "a == 1", "not a == 1"]) {
      assertFalse(parseWhere(text).matches(event), `${index}: ${text}`);
    }
  }
  assert(parseWhere("b or a").matches({ b: 1, a: refusing }));
});

test("A proxy that answers is read like what it stands for", () => {
  const event = new Proxy({ a: new Proxy([{ b: 1 }], {}) }, {});
  assertHolds(event, { "a.b == 1": true, "a[0].b > 1": false, "exists a.c": false });
});

test("A value is not changed and is read anew by each match", () => {
  const where = parseWhere("a.b in (1, 2) and a.c matches '^x+$'");
  const event = Object.freeze({ a: Object.freeze({ b: 1, c: "xx" }) });
  assert(where.matches(event));
  assertFalse(where.matches({ a: { b: 3, c: "xx" } }));
  assertFalse(where.matches({ a: { b: 1, c: "xy" } }));
  assert(where.matches(event));
});
