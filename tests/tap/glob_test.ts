import { assert, assertEquals, assertFalse } from "@std/assert";
import { Glob } from "../../tap/_glob.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

test("A glob is about the whole text: * is any part of it, ? any one character", () => {
  const matching: Record<string, readonly string[]> = {
    "": [""],
    "*": ["", "a", "a\nb", "😀"],
    "**": ["", "ab"],
    "?": ["a", "\n", "😀", "\ud83d"],
    "??": ["ab", "😀😀", "a😀"],
    "a*": ["a", "ab", "aa"],
    "*a": ["a", "ba", "aba"],
    "a*b*c": ["abc", "abbcc", "a-b-c", "abcbc"],
    "*.js": [".js", "a.js", "a.js.js"],
    "?*": ["a", "ab"],
    "*?": ["a", "ab", "😀"],
    "*ab": ["ab", "aab", "abab"],
    "a?c": ["abc", "a?c", "a😀c"],
    "[a]": ["[a]"],
    "a.c": ["a.c"],
    "\\*": ["*"],
    "\\?\\\\": ["?\\"],
    "\\a*\\": ["a\\", "ab\\"],
    "😀*": ["😀", "😀😀"],
  };
  for (const [glob, texts] of Object.entries(matching)) {
    for (const text of texts) assert(new Glob(glob).matches(text), `${glob} ${text}`);
  }
  const others: Record<string, readonly string[]> = {
    "": ["a"],
    "?": ["", "ab", "😀a"],
    "??": ["😀", "a"],
    "*??": ["😀", "a", ""],
    "a*": ["", "ba", "A"],
    "*a": ["", "ab"],
    "a*b*c": ["ab", "acb", "bac"],
    "?*": [""],
    "[a]": ["a"],
    "a.c": ["abc"],
    "\\*": ["a", "", "\\*"],
    "\\?": ["a"],
    "*\ude00": ["😀"],
  };
  for (const [glob, texts] of Object.entries(others)) {
    for (const text of texts) assertFalse(new Glob(glob).matches(text), `${glob} ${text}`);
  }
});

test("A glob agrees with the regular expression that means the same", () => {
  const random = new Random(0x61_0b);
  const pieces = ["*", "*", "?", "a", "b", ".", "😀", "\\*", "\\?", "\\\\", "\\a", "\n", "é"];
  const letters = ["a", "b", ".", "*", "?", "\\", "😀", "\n", "é", "A"];
  let matched = 0;
  for (let round = 0; round < 20_000; round++) {
    let glob = "";
    let source = "";
    for (let left = random.below(7); left > 0; left--) {
      const piece = random.pick(pieces);
      glob += piece;
      if (piece === "*") source += "[^]*";
      else if (piece === "?") source += "[^]";
      else {
        const code = piece.codePointAt(piece.startsWith("\\") ? 1 : 0)!;
        source += `\\u{${code.toString(16)}}`;
      }
    }
    const text = Array.from({ length: random.below(8) }, () => random.pick(letters)).join("");
    const expected = new RegExp(`^${source}$`, "u").test(text);
    assertEquals(new Glob(glob).matches(text), expected, JSON.stringify({ glob, text }));
    if (expected) matched++;
  }
  assert(matched > 1_000 && matched < 19_000, `${matched} matched`);
});

test("A glob looks at 8,192 units of a text, and finds no end of a longer one", () => {
  const text = "a".repeat(8_191) + "b";
  assert(new Glob("*b").matches(text));
  assert(new Glob("a*").matches(text));
  assertFalse(new Glob("*c").matches(text));
  const longer = `${text}c`;
  for (const glob of ["*bc", "*b", "*c"]) assertFalse(new Glob(glob).matches(longer), glob);
  assert(new Glob("*").matches(longer));
  assert(new Glob("*b*").matches(longer));
  assertFalse(new Glob("*c*").matches(longer));
  assertFalse(new Glob("?".repeat(200)).matches(longer));
});

test("A glob of many stars is soon done with a long text that almost matches", () => {
  const glob = new Glob("*a".repeat(127) + "*b");
  // With a place to go back to for every star there would be no end to it.
  assertFalse(glob.matches("a".repeat(8_192)));
  assert(glob.matches("a".repeat(8_191) + "b"));
});
