import { assert, assertEquals, assertThrows } from "@std/assert";
import { isSubject, matchSubject } from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

test("isSubject tells subjects from other texts", () => {
  const subjects = ["a", "a.b", "orders.7.created", " ", "a*", "*a.b>", ">>", "**", "ä.🐟", "a.>b"];
  const others = ["", ".", "a.", ".a", "a..b", "*", ">", "a.*", "*.a", "a.*.b", "a.>", ">.a", ".*"];
  for (const text of subjects) assert(isSubject(text), text);
  for (const text of others) assert(!isSubject(text), text);
  for (const value of [undefined, null, 1, ["a"]]) assert(!isSubject(value as unknown as string));
});

test("matchSubject matches as NATS does", () => {
  const cases: readonly (readonly [pattern: string, yes: string[], no: string[]])[] = [
    ["a", ["a"], ["b", "a.b", "aa", ""]],
    ["a.b", ["a.b"], ["a", "b", "a.b.c", "a.bb", "aa.b", "axb"]],
    ["*", ["a", "abc"], ["a.b", "", "."]],
    ["a.*", ["a.b", "a.*"], ["a", "a.", "a.b.c", "b.a"]],
    ["*.b", ["a.b"], ["b", ".b", "a.b.b", "a.c"]],
    ["a.*.c", ["a.b.c"], ["a.c", "a.b.b.c", "a..c", "a.b.cc"]],
    ["*.*", ["a.b"], ["a", "a.b.c"]],
    [">", ["a", "a.b", "a.b.c"], ["", ".", ".a", "a.", "a..b"]],
    ["a.>", ["a.b", "a.b.c"], ["a", "a.", "b.a", "aa.b", "a.b.", "a..b", "a.b..c"]],
    ["a.*.>", ["a.b.c", "a.b.c.d"], ["a", "a.b", "a.b."]],
    ["a*.b", ["a*.b"], ["ab.b", "a.b"]],
    ["a>.b", ["a>.b"], ["a.b", "a"]],
    ["a.**", ["a.**"], ["a.b"]],
  ];
  for (const [pattern, yes, no] of cases) {
    const matches = matchSubject(pattern);
    for (const subject of yes) assert(matches(subject), `${pattern} matches ${subject}`);
    for (const subject of no) assert(!matches(subject), `${pattern} does not match ${subject}`);
  }
});

test("matchSubject refuses what is no pattern, naming it", () => {
  for (const pattern of ["", ".", "a.", ".a", "a..b", "*.", ">."]) {
    const { message } = assertThrows(() => matchSubject(pattern), TypeError);
    assertEquals(
      message,
      `Cannot match subjects: pattern must be tokens with dots between them, received "${pattern}"`,
    );
  }
  for (const pattern of [">.a", "a.>.b", ">.>", "*.>.*"]) {
    assertThrows(() => matchSubject(pattern), TypeError, `">" must be the last token`);
    assertThrows(() => matchSubject(pattern), TypeError, `received "${pattern}"`);
  }
  for (const value of [undefined, 1, /a/]) {
    assertThrows(() => matchSubject(value as unknown as string), TypeError, "pattern");
  }
});

test("matchSubject agrees with a naive matcher on random subjects and patterns", () => {
  const random = new Random(7);
  const naive = (pattern: string[], subject: string[]): boolean => {
    const [first, ...rest] = pattern;
    if (first === ">") return subject.length > 0;
    if (first === undefined || subject.length === 0) return first === subject[0];
    return (first === "*" || first === subject[0]) && naive(rest, subject.slice(1));
  };
  const tokens = (least: number, of: readonly string[]): string[] =>
    Array.from({ length: least + random.below(4) }, () => random.pick(of));
  let matched = 0;
  for (let round = 0; round < 20_000; round++) {
    const pattern = [...tokens(0, ["a", "b", "*", "ab"]), random.pick(["a", "*", ">"])];
    const subject = tokens(1, ["a", "b", "ab"]);
    const expected = naive(pattern, subject);
    if (expected) matched++;
    const [one, other] = [pattern.join("."), subject.join(".")];
    assertEquals(matchSubject(one)(other), expected, `${one} ${other}`);
    assertEquals(isSubject(one), !/[*>]/.test(one), one);
  }
  assert(matched > 1_000, `${matched} matched`);
});

test("matchSubject looks at no token twice, however many wildcards there are", () => {
  // A matcher that goes back at a mismatch would have 2^60 ways to try.
  const matches = matchSubject(`${"*.".repeat(60)}a.>`);
  const subject = `${"b.".repeat(61)}b`;
  let looks = 0;
  const watched = new Proxy(new String(subject), {
    get(text, key) {
      if (key === "length") return text.length;
      const method = Reflect.get(text, key) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        looks++;
        return method.apply(subject, args);
      };
    },
  });
  assert(!matches(watched as unknown as string));
  assert(looks < 200, `${looks} looks`);
});
