import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { parseWhere } from "../../tap/where.ts";
import { test } from "../_harness.ts";

/** The message of a refusal, without what all begin with. */
function refusalOf(text: unknown): string {
  const error = assertThrows(() => parseWhere(text as string), RangeError);
  const [, message] = error.message.match(/^Cannot read where: ([^]*)$/) ?? [];
  assert(message !== undefined, error.message);
  return message;
}

test("A mistake is refused with the column, what was expected and what was found", () => {
  const operators = "== != !~ <= >= = < > ~ contains startswith endswith matches in";
  const mistakes: Record<string, string> = {
    // Paths.
    "":
      'column 1, the end, must be a path such as "user.email", "$", "not", "exists" or "(", received ""',
    "  ":
      'column 3, the end, must be a path such as "user.email", "$", "not", "exists" or "(", received ""',
    "== 1":
      'column 1 must be a path such as "user.email", "$", "not", "exists" or "(", received "=="',
    '"a" == 1':
      'column 1 must be a path such as "user.email", "$", "not", "exists" or "(", received "\\""',
    "()": 'column 2 must be a path such as "user.email", "$", "not", "exists" or "(", received ")"',
    "exists":
      'column 7, the end, must be a path such as "user.email", "$", "not", "exists" or "(", received ""',
    "a and or b": 'column 7 must be a path, and a key "or" is written ["or"], received "or"',
    "a or":
      'column 5, the end, must be a path such as "user.email", "$", "not", "exists" or "(", received ""',
    "$.a == 1":
      'column 1 must be a path that begins with a key: "$" is a text as a whole, received "$.a"',
    "a == 1 and users[*].id == 2":
      'column 12 must be a path without wildcards, as a step means that step of each element of an array, received "users[*].id"',
    "x and a..b":
      'path at column 7 must be a path such as "user.email", "users[0].email" or "a\\.b", received "a..b"',
    'a["b == 1': 'column 2 must be a key that ends in "], received "["',
    // Operators.
    "a b": `column 3 must be an operator (${operators}), "and", "or" or the end, received "b"`,
    "(a b)": `column 4 must be an operator (${operators}), "and", "or" or ")", received "b"`,
    "a == 1 b": 'column 8 must be "and", "or" or the end, received "b"',
    "a and b == 1 c": 'column 14 must be "and", "or" or the end, received "c"',
    "a and exists b c": 'column 16 must be "and", "or" or the end, received "c"',
    "a == 1)": 'column 7 must be "and", "or" or the end, received ")"',
    "(a == 1": 'column 8, the end, must be "and", "or" or ")", received ""',
    "exists(a": 'column 9, the end, must be ")", received ""',
    "a == 1 & b": 'column 8 must be "and", "or" or the end, received "&"',
    "a === 1":
      'column 5 must be a value: a text in quotes, a word, a number, true, false or null, received "="',
    "a => 1":
      'column 4 must be a value: a text in quotes, a word, a number, true, false or null, received ">"',
    "a in error": 'column 6 must be "(", behind "in", received "error"',
    "a in ()":
      'column 7 must be a value: a text in quotes, a word, a number, true, false or null, received ")"',
    "a in (1, 2": 'column 11, the end, must be "," or ")", received ""',
    "a in (1 2)": 'column 9 must be "," or ")", received "2"',
    "a in (1,)":
      'column 9 must be a value: a text in quotes, a word, a number, true, false or null, received ")"',
    // Values.
    "a ==":
      'column 5, the end, must be a value: a text in quotes, a word, a number, true, false or null, received ""',
    "a == 'b": "column 6 must be a text that ends in ', received \"'\"",
    'a == "b\\"': 'column 6 must be a text that ends in ", received "\\""',
    "a == not": 'column 6 must be a value, and "not" is one only in quotes, received "not"',
    "a == b\\c": 'column 6 must be a text in quotes, as it has a backslash, received "b\\\\c"',
    'a == "b\\d"':
      'column 8 must be an escape (\\\\ \\" \\\' \\/ \\b \\f \\n \\r \\t \\xHH \\uHHHH), received "\\\\d"',
    "a < null": 'column 5 must be a number or a text, behind "<", received "null"',
    "a >= true": 'column 6 must be a number or a text, behind ">=", received "true"',
    "a contains": 'column 11, the end, must be a text, in quotes unless it is a word, received ""',
    "a ~ (b)": 'column 5 must be a text, in quotes unless it is a word, received "("',
    // Patterns.
    "a matches '('": 'column 12 must be closed by ")", received "("',
    "a matches  'xy(?=z)'": 'column 15 must not be a look-ahead, received "(?=z)"',
    "a matches x[": 'column 12 must be closed by "]", received "["',
  };
  for (const [text, message] of Object.entries(mistakes)) {
    assertEquals(refusalOf(text), message, text);
  }
});

test("A number that is none in JSON is refused, and not taken for a text", () => {
  for (const word of ["007", "+5", ".5", "5.", "0x1f", "1e999", "-01", "-.5", "0b1"]) {
    assertEquals(
      refusalOf(`a > ${word}`),
      `column 5 must be a number as JSON has it, or a text in quotes, received "${word}"`,
    );
  }
  for (const word of ["2026-01-02", "10.0.0.1", "1h", "1_000", "-", "3rd", "NaN", "Infinity"]) {
    assert(parseWhere(`a == ${word}`).matches({ a: word }), word);
  }
});

test("What is no text is refused", () => {
  assertEquals(refusalOf(undefined), "text must be a string, received undefined");
  assertEquals(refusalOf(7), "text must be a string, received 7");
  assertEquals(refusalOf(["a"]), "text must be a string, received object Array");
});

test("Words of the language may be in any case, and need no blanks beside signs", () => {
  const event = { a: "x", b: 2 };
  const texts = [
    "NOT a == y AND EXISTS b OR b",
    "a Contains x And b",
    "a STARTSWITH x and a EndsWith x",
    "a MATCHES x and b IN (2)",
    "a=='x'and(b==2)",
    "a=x&&b>=2||!b",
    "(a=x)or(b)",
    "not(a=y)",
    "\ta\n==\r\n'x' ",
    "a!=TRUE and a!=Null",
    "b in(1,2)",
  ];
  for (const text of texts) assert(parseWhere(text).matches(event), text);
  assert(parseWhere("a == TRUE and b == Null").matches({ a: true, b: null }));
});

test("A word of the language is a key where a comparison cannot be meant otherwise", () => {
  const event = { in: 1, contains: 2, matches: { in: 3 }, not: 4, or: 5, exists: 6, nothing: 7 };
  const texts = [
    "in == 1",
    "contains == 2",
    "matches.in == 3",
    '["not"] == 4',
    "/not == 4",
    '["or"] == 5',
    '["exists"] == 6',
    "exists exists",
    "nothing == 7",
    "exists in and in in (1)",
  ];
  for (const text of texts) assert(parseWhere(text).matches(event), text);
  assert(parseWhere("not.x == 1 and exists.x == 2").matches({ not: { x: 1 }, exists: { x: 2 } }));
});

test("Paths may hold what words do not, in brackets, behind a backslash or in a pointer", () => {
  const event = {
    "x.y": { "a b": 1 },
    "q\"'": 2,
    list: [{ "a=b": 3 }],
    "a~b": { "c/d": 4 },
    "é😀-_:@": 5,
    "": 6,
  };
  const texts = [
    '["x.y"]["a b"] == 1',
    "x\\.y.a\\ b == 1",
    '["x.y"]["a b"]==1',
    '["q\\"\'"] == 2',
    'list[0]["a=b"] == 3',
    "list.a\\=b==3",
    "/a~0b/c~1d == 4",
    "/a~0b/c~1d>3",
    "/é😀-_:@!~'x'",
    "é😀-_:@ == 5",
    '[""] == 6',
  ];
  for (const text of texts) assert(parseWhere(text).matches(event), text);
});

test("Texts may be in either quotes, with escapes", () => {
  const texts: Record<string, string> = {
    '"it\'s"': "it's",
    "'say \"x\"'": 'say "x"',
    '"a\\"b"': 'a"b',
    "'a\\'b'": "a'b",
    '"\\\\n"': "\\n",
    '"\\n\\t\\r\\b\\f\\/"': "\n\t\r\b\f/",
    '"\\x41\\u00e9\\ud83d\\ude00"': "Aé😀",
    '"and or ( ) && == \'"': "and or ( ) && == '",
    '""': "",
    "🎉": "🎉",
    "a-b_c.d:e/f@g*?": "a-b_c.d:e/f@g*?",
  };
  for (const [literal, text] of Object.entries(texts)) {
    assert(parseWhere(`a == ${literal}`).matches({ a: text }), literal);
    assert(parseWhere(`a in (x, ${literal})`).matches({ a: text }), literal);
    assert(parseWhere(`a startswith ${literal}`).matches({ a: text + "x" }), literal);
    assertFalse(parseWhere(`a == ${literal}`).matches({ a: text + "x" }), literal);
  }
});

test("Globs and regular expressions are taken as they stand between the quotes", () => {
  assert(parseWhere('a matches "^\\d+\\.\\d+$"').matches({ a: "1.2" }));
  assert(parseWhere('a matches "\\\\"').matches({ a: "\\" }));
  assert(parseWhere('a matches "^\\"x\\"$"').matches({ a: '"x"' }));
  assert(parseWhere("a matches '\\x2e'").matches({ a: "." }));
  assertFalse(parseWhere("a matches '\\x2e'").matches({ a: "x" }));
  assert(parseWhere('a ~ "\\"*\\*"').matches({ a: '"x*' }));
  assert(parseWhere('a ~ "\\\\*"').matches({ a: "\\x" }));
  assertFalse(parseWhere('a ~ "\\\\*"').matches({ a: "*" }));
});

test("paths has each path once, as keys, and readsText says whether $ is read", () => {
  const where = parseWhere(
    'a.b == 1 or (not a["b"] and exists /c~1d/0) or x\\.y in (1) or $ contains x or a.b > 1',
  );
  assertEquals(where.paths, [["a", "b"], ["c/d", "0"], ["x.y"]]);
  assert(Object.isFrozen(where.paths[0]));
  assert(where.readsText);
  const other = parseWhere(" a ");
  assertEquals(other.paths, [["a"]]);
  assertFalse(other.readsText);
  assertEquals(other.text, " a ");
  assertEquals(parseWhere("$").paths, []);
});

test("An expression has at most 1,024 characters", () => {
  const fits = `a == "${"x".repeat(1_024 - 7)}"`;
  assertEquals(fits.length, 1_024);
  assert(parseWhere(fits).matches({ a: "x".repeat(1_024 - 7) }));
  assertEquals(refusalOf(`${fits} `), "text must have at most 1024 characters, received 1025");
});

test("An expression has at most 64 comparisons", () => {
  const joined = (count: number): string => Array(count).fill("a").join(" or ");
  assertFalse(parseWhere(joined(64)).matches({}));
  assertEquals(
    refusalOf(joined(65)),
    `column ${64 * 5 + 1} must be the end, as there are 64 comparisons, received "a"`,
  );
  assert(refusalOf(joined(64).replaceAll("a", "(exists a)") + " and $").includes("64 comparisons"));
  // The values of an `in` are one comparison.
  assert(parseWhere(`a in (${Array(300).fill("1").join()})`).matches({ a: 1 }));
});

test("not and parentheses go at most 32 deep", () => {
  assert(parseWhere("(".repeat(32) + "a" + ")".repeat(32)).matches({ a: 1 }));
  assert(parseWhere("not ".repeat(32) + "a").matches({ a: 1 }));
  assert(parseWhere(Array(40).fill("(!a)").join(" and ")).matches({}));
  assertEquals(
    refusalOf("(".repeat(33) + "a"),
    'column 33 must be nested at most 32 deep, received "("',
  );
  assertEquals(
    refusalOf("!".repeat(33) + "a"),
    'column 33 must be nested at most 32 deep, received "!"',
  );
  assertEquals(
    refusalOf("not (".repeat(16) + "not a"),
    'column 81 must be nested at most 32 deep, received "not"',
  );
});

test("Patterns are bounded, each and all together", () => {
  const long = "x".repeat(256);
  assert(parseWhere(`a ~ "${long}"`).matches({ a: long }));
  assert(parseWhere(`a matches "${long}"`).matches({ a: long }));
  assert(refusalOf(`a ~ "${long}x"`).startsWith("column 6 must be a pattern of at most 256 char"));
  assert(
    refusalOf(`a matches "${long}x"`).startsWith("column 12 must be a pattern of at most 256"),
  );
  assertEquals(
    refusalOf('a matches "y(ab){257}"'),
    'column 17 must be a pattern of at most 512 positions (its characters and classes, with repeats written out), received "{257}"',
  );
  assert(parseWhere("a matches x{512} or a matches y{512}").matches({ a: "x".repeat(512) }));
  assertEquals(
    refusalOf("a matches x{512} or a matches y{512} or a matches z"),
    'column 51 must leave all patterns together at most 1024 positions, received "z"',
  );
});

test("A path has at most 32 steps and 512 characters", () => {
  assert(parseWhere(Array(32).fill("a").join(".") + " != 1").matches({}));
  assert(
    refusalOf(Array(33).fill("a").join(".")).startsWith("path at column 1 must have at most 32"),
  );
  assert(refusalOf("b or " + "a".repeat(513)).startsWith("path at column 6 must have at most 512"));
});
