import { assert, assertEquals, assertFalse, assertNotEquals, assertThrows } from "@std/assert";
import { parsePath } from "../../tap/_path.ts";
import { compileRules, LineWriter, Redactor } from "../../tap/_redactor.ts";
import { CREDENTIAL_NAMES, redact, type RedactMode, type RedactRule } from "../../tap/redact.ts";
import { test } from "../_harness.ts";

const SALT = new Uint8Array(16).fill(7);
const X = "[redacted]";

/** What is left when the paths are masked. */
function masked(value: unknown, ...paths: string[]): unknown {
  return redact(value, paths.map((path) => ({ path, mode: "mask" as const })), { denyNames: [] });
}

function hides(rules: readonly (string | RedactRule)[], path: string): boolean {
  const keys = parsePath("read", "path", path).map((step) => (step as { key: string }).key);
  return new Redactor(compileRules("redact", rules), []).hides(keys);
}

test("redact() reaches every element of arrays in arrays, and only one by its index", () => {
  const value = { users: [[{ email: 1, id: 2 }], [[{ email: 3 }]], { email: 4 }] };
  assertEquals(masked(value, "users.email"), {
    users: [[{ email: X, id: 2 }], [[{ email: X }]], { email: X }],
  });
  assertEquals(masked(value, "users[1].email"), {
    users: [[{ email: 1, id: 2 }], [[{ email: X }]], { email: 4 }],
  });
  assertEquals(masked(value, "users.0.0.email"), {
    users: [[{ email: X, id: 2 }], [[{ email: 3 }]], { email: 4 }],
  });
  assertEquals(masked([{ a: 1 }, { a: 2, b: 3 }], "a"), [{ a: X }, { a: X, b: 3 }]);
  assertEquals(masked([1, 2, 3], "[1]"), [1, X, 3]);
});

test("redact() takes an index for a key, where there is an object", () => {
  assertEquals(masked({ a: { "0": 1, "00": 2 } }, "a[0]"), { a: { "0": X, "00": 2 } });
  // No array has such an index, so it is a key of every element.
  assertEquals(masked({ a: [{ "00": 1 }, { "00": 2 }] }, "a.00"), {
    a: [{ "00": X }, { "00": X }],
  });
  assertEquals(masked({ a: [{ length: 1 }] }, "a.length"), { a: [{ length: X }] });
  assertEquals(masked({ a: [1, 2] }, "a[2]", "a[9999999999]"), { a: [1, 2] });
});

test("redact() replaces whole objects and arrays by one token", () => {
  const tokens = redact({ a: { b: [1, "x"] }, c: [1, "x"] }, ["a", "c"], { salt: SALT });
  const alone = redact([{ b: [1, "x"] }, [1, "x"]], ["[0]", "[1]"], { salt: SALT }) as unknown[];
  assertEquals(tokens, { a: alone[0], c: alone[1] });
});

test("redact() takes * for any one step, and ** for any number of them", () => {
  const value = { a: { b: { c: 1, d: 2 } }, e: [{ c: 3 }, { f: { c: [4] } }], c: 5 };
  // Every member stands where the path leads through, and one of them has no parts.
  assertEquals(masked(value, "*.b"), { a: { b: X }, e: [{ c: 3 }, { f: { c: [4] } }], c: X });
  assertEquals(masked(value, "a.*.c"), { ...value, a: { b: { c: X, d: 2 } } });
  assertEquals(masked(value, "e[*]"), { ...value, e: [X, X] });
  assertEquals(masked(value, "**.c"), {
    a: { b: { c: X, d: 2 } },
    e: [{ c: X }, { f: { c: X } }],
    c: X,
  });
  assertEquals(masked(value, "a.**.d"), { ...value, a: { b: { c: 1, d: X } } });
  assertEquals(masked(value, "e.**.f.**.c"), { ...value, e: [{ c: 3 }, { f: { c: X } }] });
  assertEquals(masked(value, "**.e[1].**.c"), { ...value, e: [{ c: 3 }, { f: { c: X } }] });
});

test("redact() takes ** at the end for all there is, and alone for the whole event", () => {
  assertEquals(masked({ a: { b: 1 }, c: null }, "a.**", "c.**.**"), { a: X, c: X });
  assertEquals(masked({ a: null }, "**.a.**"), { a: X });
  for (const event of [{ a: 1 }, [1], "text", 1, null]) assertEquals(masked(event, "**"), X);
  for (const event of [{ a: 1 }, "text"]) {
    assertEquals(redact(event, [{ path: "**", mode: "remove" }, "a", "**"]), undefined);
  }
});

test("redact() reads keys that have dots, brackets, quotes and other signs in them", () => {
  const keys = ["a.b", "a[0]", 'a"b', "a\\b", "*", "**", " ", "é", "/", "~", "a/b~c", "👩", "'"];
  for (const key of keys) {
    const pointer = `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const quoted = `[${JSON.stringify(key)}]`;
    for (const path of [quoted, pointer]) {
      assertEquals(masked({ [key]: 1, other: 2 }, path), { [key]: X, other: 2 }, path);
      assertEquals(masked({ o: { [key]: 1 } }, path === pointer ? `/o${path}` : `o${path}`), {
        o: { [key]: X },
      });
    }
  }
  assertEquals(masked({ "a.b": 1, a: { b: 2 } }, "a\\.b"), { "a.b": X, a: { b: 2 } });
  assertEquals(masked({ "": 1, a: 2 }, '[""]'), { "": X, a: 2 });
  assertEquals(masked({ "": 1, a: 2 }, "/"), { "": X, a: 2 });
  // A pointer has no wildcards.
  assertEquals(masked({ "*": 1, a: 2 }, "/*"), { "*": X, a: 2 });
});

test("redact() finds keys whatever their case where a rule says so", () => {
  const value = { Headers: { HOST: 1, host: 2, port: 3 } };
  const rule = { path: "headers.Host", mode: "mask" } as const;
  assertEquals(redact(value, [{ ...rule, ignoreCase: true }]), {
    Headers: { HOST: X, host: X, port: 3 },
  });
  assertEquals(redact(value, [rule]), value);
  assertEquals(redact(value, [{ path: "**.hosT", mode: "mask", ignoreCase: true }]), {
    Headers: { HOST: X, host: X, port: 3 },
  });
});

test("redact() hides what stands in place of what a path leads through, and leaves null", () => {
  for (const scalar of ["a@example.com", 0, "", false, true, 1.5]) {
    for (const path of ["user.email", "user[0]", "user.*", "user.*.a", "user.a.b", "user.**.a"]) {
      assertEquals(masked({ user: scalar, id: 1 }, path), { user: X, id: 1 }, path);
    }
    assertEquals(masked({ user: [scalar, { email: scalar, id: 1 }, [scalar]] }, "user.email"), {
      user: [X, { email: X, id: 1 }, [X]],
    });
    assertEquals(masked(scalar, "a.b"), X);
    assertEquals(masked(scalar, "**.a"), X);
  }
  assertEquals(masked({ user: null }, "user.email", "user[0]", "user.**.a"), { user: null });
  assertEquals(masked(null, "a"), null);
});

test("redact() leaves what stands behind **, which might be anything", () => {
  const value = { a: "text", b: { c: ["text", 1], d: true } };
  assertEquals(masked(value, "**.email", "b.**.email", "**.b.email.x"), value);
});

const VALUES: readonly unknown[] = ["text", 12, true, null, [1], { a: 1 }];

test("redact() masks, removes, or leaves only the type, as a rule says", () => {
  const expected: readonly (readonly [RedactMode, readonly unknown[]])[] = [
    ["mask", [X, X, X, X, X, X]],
    ["type", ["", 0, false, null, [], {}]],
    ["partial", [X, X, X, X, X, X]],
  ];
  for (const [mode, results] of expected) {
    for (const [index, value] of VALUES.entries()) {
      assertEquals(redact({ v: value }, [{ path: "v", mode }]), { v: results[index] }, mode);
    }
  }
  for (const value of VALUES) {
    assertEquals(redact({ a: 1, v: value }, [{ path: "v", mode: "remove" }]), { a: 1 });
    assertEquals(redact([1, value, 3], [{ path: "[1]", mode: "remove" }]), [1, null, 3]);
  }
});

test("redact() leaves of texts of 12 code points and more the last 4, and nothing of shorter ones", () => {
  const rules: RedactRule[] = [{ path: "v", mode: "partial" }];
  const partOf = (v: string) => (redact({ v }, rules) as { v: string }).v;
  assertEquals(partOf("4111111111111234"), "…1234");
  assertEquals(partOf("abcdefghijkl"), "…ijkl");
  for (const text of ["", "abcdefghijk", "👩".repeat(11), "👩👩👩👩👩abcdef"]) {
    assertEquals(partOf(text), X, text);
  }
  assertEquals(partOf("👩".repeat(12)), `…${"👩".repeat(4)}`);
  assertEquals(partOf("abcdefgh👩b👩d"), "…👩b👩d");
  assertEquals(partOf(`${"x".repeat(20)}👩bcd`), "…👩bcd");
  assertEquals(partOf("x".repeat(100_000) + "tail"), "…tail");
});

test("typed-hash tells a number from its text, and does not depend on the order of keys", () => {
  const tokenOf = (v: unknown) =>
    (redact({ v }, [{ path: "v", mode: "typed-hash" }], { salt: SALT }) as { v: string }).v;
  assert(/^weir:redacted:[0-9a-f]{16}$/.test(tokenOf("x")));
  const values = [8080, "8080", null, "null", true, "true", [], "[]", {}, "{}", "", [8080], [
    "8080",
  ]];
  assertEquals(new Set(values.map(tokenOf)).size, values.length);
  assertEquals(tokenOf({ a: 1, b: { c: 2, d: [3] } }), tokenOf({ b: { d: [3], c: 2 }, a: 1 }));
  assertNotEquals(tokenOf([1, 2]), tokenOf([2, 1]));
  // Keys that look like numbers come first in an object, whenever they were added.
  assertEquals(tokenOf(JSON.parse('{"a":1,"10":2,"9":3}')), tokenOf({ 9: 3, 10: 2, a: 1 }));
  assertEquals(
    tokenOf(JSON.parse('{"b":1,"__proto__":2}')),
    tokenOf(JSON.parse('{"__proto__":2,"b":1}')),
  );
  assertNotEquals(tokenOf(JSON.parse('{"b":1,"__proto__":2}')), tokenOf({ b: 1 }));
});

test("redact() applies rules in their order, to what is left, and masked stays masked", () => {
  const rules: RedactRule[] = [{ path: "user.email", mode: "mask" }, {
    path: "user",
    mode: "hash",
  }];
  const whole = redact({ user: { email: X } }, ["user"], { salt: SALT });
  assertEquals(redact({ user: { email: "a" } }, rules, { salt: SALT }), whole);
  for (const mode of ["hash", "typed-hash", "partial", "type"] as const) {
    const after = [{ path: "v", mode: "mask" }, { path: "v", mode }] as const;
    assertEquals(redact({ v: "text", token: "t" }, [...after, { path: "token", mode }]), {
      v: X,
      token: X,
    }, mode);
  }
});

test("redact() never touches prototypes, and redacts keys that are called as they are", () => {
  const value = JSON.parse('{"__proto__":{"a":1},"constructor":2,"b":{"__proto__":"s"}}');
  const rules: RedactRule[] = ["**.__proto__", "constructor"].map((path) => ({
    path,
    mode: "mask",
  }));
  assertEquals(
    JSON.stringify(redact(value, rules)),
    `{"__proto__":"${X}","constructor":"${X}","b":{"__proto__":"${X}"}}`,
  );
  for (const path of ["__proto__.toString", "b.__proto__.x", "constructor.name", "**.toString"]) {
    for (const mode of ["remove", "mask"] as const) {
      assertEquals(JSON.stringify(redact({ b: {} }, [{ path, mode }])), '{"b":{}}', path);
    }
  }
  assertEquals(typeof {}.toString, "function");
});

test("redact() answers a copy, as JSON has it, and leaves the value itself alone", () => {
  const value = { at: new Date(0), user: { email: "a" }, nothing: undefined };
  const copy = redact(value, [{ path: "user.email", mode: "mask" }]);
  assertEquals(copy, { at: "1970-01-01T00:00:00.000Z", user: { email: X } });
  assertEquals(value.user.email, "a");
  assertEquals(redact(undefined, []), undefined);
  assertEquals(redact({ a: [1, "x", null] }, []), { a: [1, "x", null] });
});

test("redact() makes other tokens each time it is not told a salt", () => {
  assertNotEquals(redact({ a: 1 }, ["a"]), redact({ a: 1 }, ["a"]));
});

test("redact() takes objects of 100,000 keys in one pass for each rule", () => {
  const wide: Record<string, unknown> = {};
  for (let i = 0; i < 100_000; i++) wide[`key${i}`] = { id: i };
  const rules = Array.from(
    { length: 60 },
    (_, i): RedactRule => ({ path: `key${i}.id`, mode: "remove" }),
  );
  const copy = redact(wide, [...rules, { path: "**.id", mode: "remove" }, {
    path: "*",
    mode: "remove",
  }]);
  assertEquals(copy, {});
});

test("A value too deep to be rewritten throws, or is rewritten, but is never shown as it was", () => {
  const depth = 200_000;
  const line = `${'{"a":'.repeat(depth)}{"secret":"hunter2"}${"}".repeat(depth)}`;
  const redactors = [
    new Redactor(compileRules("redact", [{ path: "**.secret", mode: "mask" }]), []),
    new Redactor([], CREDENTIAL_NAMES),
  ];
  for (const redactor of redactors) {
    for (const isText of [false, true]) {
      let shown: string | undefined;
      try {
        shown = new LineWriter(redactor, undefined, undefined).write(line, isText);
      } catch {
        // The stack has an end.
      }
      assertFalse(shown?.includes("hunter2") ?? false);
    }
  }
});

test("hides() is true of what a rule redacts, of what is within, and of what a path leads through", () => {
  for (const path of ["user.email", "user.email.host", "user", "users[0].user.email"]) {
    assertEquals(hides(["user.email"], path), !path.startsWith("users"), path);
  }
  for (const path of ["users.email", "users[3].email", "[0].users.email.x", "users", "[0]"]) {
    assert(hides(["users[0].email"], path), path);
  }
  for (const path of ["id", "user.id", "email", "userx", "User.email", "x.user.email"]) {
    assertFalse(hides(["user.email"], path), path);
  }
  assert(hides([{ path: "user.email", ignoreCase: true }], "USER.eMail"));
});

test("hides() takes * for an index that need not be said, and ** for any number of steps", () => {
  for (const path of ["a", "a.x", "a.b", "a.x.b", "a[0].b", "a.x.b.c"]) {
    assert(hides(["a.*.b"], path));
  }
  assertFalse(hides(["a.*.b"], "a.x.y"));
  for (const path of ["tags", "tags[1]", "tags.x"]) assert(hides(["tags[*]"], path), path);
  for (const path of ["email", "a.email", "a.b.email.c"]) assert(hides(["**.email"], path), path);
  for (const path of ["user", "a.b", "emails"]) assertFalse(hides(["**.email"], path), path);
  for (const path of ["a", "a.b", "a.x.y.b"]) assert(hides(["a.**.b"], path), path);
  assertFalse(hides(["a.**.b"], "a.x"));
  for (const path of ["x", "x.y", "[0]"]) assert(hides(["**"], path), path);
});

test("hides() is true of paths through names of credentials", () => {
  const redactor = new Redactor([], CREDENTIAL_NAMES);
  for (const keys of [["password"], ["db", "DB_Password", "x"], ["headers", "set-cookie"]]) {
    assert(redactor.hides(keys));
  }
  for (const keys of [["tokens"], ["passwords_changed", "x"], ["headers"]]) {
    assertFalse(redactor.hides(keys));
  }
});

test("What is no rule is refused, by its place and its value", () => {
  const refused: readonly (readonly [unknown, typeof RangeError, string])[] = [
    ["user", TypeError, 'redact must be a list of paths or rules, received "user"'],
    [Array(65).fill("a"), RangeError, "redact must have at most 64 rules, received 65"],
    [["a", 1], TypeError, "redact[1] must be a path or a rule, received 1"],
    [[null], TypeError, "redact[0] must be a path or a rule, received null"],
    [[{}], TypeError, "redact[0].path must be a text, received undefined"],
    [["a..b"], RangeError, "redact[0] must be a path such as"],
    [
      ["a", { path: "" }],
      RangeError,
      'redact[1].path must be a path such as "user.email", received ""',
    ],
    [[{ path: "a", mode: "sha1" }], RangeError, "redact[0].mode must be one of hash, typed-hash"],
    [[{ path: "a", ignoreCase: 1 }], TypeError, "redact[0].ignoreCase must be true or false"],
  ];
  for (const [rules, kind, message] of refused) {
    assertThrows(() => redact({}, rules as string[]), kind, `Cannot redact: ${message}`);
  }
  const salts: readonly unknown[] = [new Uint8Array(0), "salt"];
  for (const salt of salts) {
    assertThrows(
      () => redact({}, [], { salt: salt as Uint8Array }),
      Error,
      "Cannot redact: salt must",
    );
  }
  assertEquals(redact({ a: 1 }, Array(64).fill("b")), { a: 1 });
});

test("A writer without a salt refuses rules that make tokens", () => {
  for (const mode of ["hash", "typed-hash"] as const) {
    const redactor = new Redactor(compileRules("redact", [{ path: "a", mode }]), []);
    assertThrows(() => new LineWriter(redactor, undefined, undefined), TypeError, "needs a salt");
  }
});
