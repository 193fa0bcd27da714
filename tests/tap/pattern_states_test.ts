import { assert, assertEquals, assertFalse } from "@std/assert";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { patternOf } from "./_asked_pattern.ts";

/** Patterns that a backtracking search needs exponential or high polynomial time for. */
const SLOW: readonly (readonly [pattern: string, unit: string, end: string])[] = [
  ["(a+)+$", "a", "!"],
  ["(a|aa)+$", "a", "!"],
  ["(.*)*x", "a", ""],
  ["(.*a){12}x", "a", ""],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", "a", ""],
  ["a*a*a*a*a*b$", "a", "c"],
  ["^(a?){30}a{30}x", "a", ""],
  ["(x+x+)+y", "x", ""],
  ["(?i)^(a|A|aA|Aa)*$", "aA", "!"],
];

test("Patterns that are slow elsewhere make a few states, however long the text", () => {
  for (const [text, unit, end] of SLOW) {
    const made = [2_048, 4_096, 8_192].map((length) => {
      const pattern = patternOf(text);
      assert(!pattern.matches(unit.repeat(length / unit.length).slice(end.length) + end), text);
      return pattern.statesMade;
    });
    assert(made[0]! <= 100, `${text}: ${made} states`);
    assertEquals(made, [made[0], made[0], made[0]], text);
  }
});

test("The states of a pattern are kept up to a bound, and made at most once for a character", () => {
  // Which of the last 200 characters were "a" is in the state: 2 to the 200th are possible.
  const pattern = patternOf("a[ab]{200}c");
  const random = new Random(7);
  let before = 0;
  let last = "";
  for (const length of [800, 1_600]) {
    last = Array.from({ length }, () => random.pick(["a", "b"])).join("");
    assertFalse(pattern.matches(last));
    const made = pattern.statesMade - before;
    // And the first one again, each time that all are forgotten.
    assert(made > length / 2 && made <= length * 1.1, `${made} states for ${length} characters`);
    before = pattern.statesMade;
  }
  // It goes on being right once states were forgotten, and in the middle of a text.
  assert(pattern.matches(`${last.slice(0, 1_200)}a${last.slice(0, 200)}c`));
  assertFalse(pattern.matches(`${last.slice(0, 1_200)}b${last.slice(0, 200)}c`));
});

test("A pattern is right with all texts while states are made and forgotten", () => {
  // Has 8,192 states, which are far more than are kept.
  const pattern = patternOf("a[ab]{12}c");
  const random = new Random(0x3f);
  let matched = 0;
  for (let round = 0; round < 1_500; round++) {
    const length = 20 + random.below(80);
    const text = Array.from({ length }, () => random.pick(["a", "b"])).join("");
    const isMatch = text.at(-13) === "a";
    assertEquals(pattern.matches(`${text}c`), isMatch, text);
    if (isMatch) matched++;
  }
  assert(matched > 600 && matched < 900, `${matched} matched`);
  assert(pattern.statesMade > 10_000, `${pattern.statesMade} states`);
});

test("A pattern that keeps being used makes no more states", () => {
  const pattern = patternOf("(?i)(get|post) /[a-z/]+ [45]\\d\\d$");
  const texts = ["GET /a/b 404", "post /x 500", "PUT / 200", "GET /a 2000", ""];
  const results = texts.map((text) => pattern.matches(text));
  assertEquals(results, [true, true, false, false, false]);
  const made = pattern.statesMade;
  for (let round = 0; round < 100; round++) {
    assertEquals(texts.map((text) => pattern.matches(text)), results);
  }
  assertEquals(pattern.statesMade, made);
});
