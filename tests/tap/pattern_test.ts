import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { type Asked, patternOf } from "./_asked_pattern.ts";

test("Each piece of a pattern finds what it stands for", () => {
  // The texts that match, and those that do not.
  const table: Record<string, readonly [readonly string[], readonly string[]]> = {
    "": [["", "a"], []],
    "a": [["a", "ba", "bac"], ["", "b", "A"]],
    "ab": [["ab", "aab", "abb"], ["a b", "ba"]],
    "a.c": [["abc", "a.c", "a😀c", "a\tc"], ["ac", "a\nc", "a\rc", "a\u2028c", "abbc"]],
    "a|bc|": [["", "a", "x"], []],
    "^(?:a|bc)$": [["a", "bc"], ["", "b", "abc", "ac"]],
    "a*b": [["b", "aab"], ["a", ""]],
    "^a+b?$": [["a", "aab"], ["", "b", "abb"]],
    "^(ab)+$": [["ab", "abab"], ["", "aba"]],
    "^a{2}$": [["aa"], ["a", "aaa"]],
    "^a{2,}$": [["aa", "aaaaa"], ["a"]],
    "^a{1,3}$": [["a", "aa", "aaa"], ["", "aaaa"]],
    "^(ab?){2,3}$": [["aa", "aba", "ababab"], ["a", "ababababb"]],
    "^a{0}b$": [["b"], ["ab"]],
    "^(a?){3}$": [["", "a", "aaa"], ["aaaa"]],
    "^(a*b*)*$": [["", "abba"], ["c", "abc"]],
    "^[abc]$": [["a", "c"], ["d", "ab", "^"]],
    "^[^abc]$": [["d", "\n", "😀"], ["a", "", "dd"]],
    "^[a-cx-z_-]$": [["b", "y", "_", "-"], ["d", "w"]],
    "^[-a]$": [["-", "a"], ["b"]],
    "^[\\]^\\\\]$": [["]", "^", "\\"], ["a"]],
    "^[\\d.]+$": [["1.2"], ["1a"]],
    "^[^\\w\\s]$": [["-", "é"], ["a", "_", " "]],
    "^[😀-😎]$": [["😀", "😃"], ["😏", "\ud83d"]],
    "^\\d\\D$": [["1a", "1\n"], ["11", "a1"]],
    "^\\w+\\W$": [["a_9-", "Zé"], ["a_9", "-"]],
    "^\\s+\\S$": [[" \t\n\u00a0\ufeff\u2003x"], ["x", " "]],
    "^\\n\\t\\r\\f\\v$": [["\n\t\r\f\v"], ["ntrfv"]],
    "^\\x41\\u00e9$": [["Aé"], ["x41"]],
    "^\\ud83d\\ude00$": [["😀"], ["\ud83d"]],
    "^\\ud83d$": [["\ud83d"], ["😀"]],
    "^\\^\\$\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/\\-$": [["^$.*+?()[]{}|/-"], [""]],
    "^a}]$": [["a}]"], []],
    "^\\u0041\\ude00\\ud83d$": [["A\ude00\ud83d"], ["😀"]],
    "^.$": [["a", "😀", "\ud83d"], ["", "ab", "😀a"]],
    "^😀+$": [["😀😀"], ["😀\ud83d"]],
    "^a|b$": [["ax", "xb", "b"], ["xa", "bx", ""]],
    "a$|^b": [["xa", "bx"], ["ax", "xb"]],
    "^$": [[""], ["a"]],
    "$": [["", "a"], []],
    "^": [["", "a"], []],
    "a*$": [["", "b", "ba"], []],
    "^a*": [["", "b"], []],
    "a.*?b+?c??d{1,2}?": [["axbd", "abbcdd"], ["ab"]],
    "(?i)straße": [["STRAßE", "straẞe"], ["STRASSE"]],
    "(?i)^[a-c]É\\w$": [["Béx", "aÉſ", "aé\u212a"], ["dÉx"]],
    "(?i)[^a]": [["b", "aAb"], ["a", "A", "aA"]],
    "(?i)^[^k]$": [["j"], ["k", "K", "\u212a"]],
    "(?i)σ": [["Σ", "ς", "σ"], ["s"]],
    "(?i)^\\W$": [["-"], ["a", "k", "S", "\u212a", "ſ"]],
    "(?i)i": [["I", "i"], ["ı", "İ"]],
    "(?i)ı": [["ı"], ["I", "i", "İ"]],
    "()": [["", "a"], []],
    "^(|a)(b|)$": [["", "a", "b", "ab"], ["ba"]],
    "((a)|(b(c)))d": [["ad", "bcd"], ["abd"]],
  };
  for (const [text, [matching, others]] of Object.entries(table)) {
    const pattern = patternOf(text);
    for (const found of matching) assert(pattern.matches(found), JSON.stringify({ text, found }));
    for (const other of others) {
      assertFalse(pattern.matches(other), JSON.stringify({ text, other }));
    }
  }
});

test("What is not understood is refused by name, where it stands", () => {
  const table: Record<string, string> = {
    "a(?=b)": "1: not be a look-ahead",
    "a(?!b)": "1: not be a look-ahead",
    "(?<=a)b": "0: not be a look-behind",
    "(?<!a)b": "0: not be a look-behind",
    "(?<n>a)": "0: not be a named group",
    "(?P<n>a)": "0: not be a named group",
    "a(?i)b": '1: not be "(?i)", which may only be at the beginning of the pattern',
    "(?i:a)": '0: not be "(?i)", which may only be at the beginning of the pattern',
    "(?s)a": '0: be a group "(" or "(?:"',
    "(?>a)": '0: be a group "(" or "(?:"',
    "(a)\\1": "3: not be a back-reference",
    "\\k<n>": "0: not be a back-reference",
    "\\0": "0: not be a back-reference",
    "a\\b": "1: not be a word boundary",
    "\\B": "0: not be a word boundary",
    "[\\b]": "1: not be a word boundary",
    "\\p{L}": "0: not be a Unicode property",
    "\\e": "0: be an escape (\\d \\D \\s \\S \\w \\W \\f \\n \\r \\t \\v \\xHH \\uHHHH)",
    "\\": '0: be "\\\\", or something behind "\\"',
    "\\x4": '0: have two hexadecimal digits behind "\\x"',
    "\\u{41}": '0: have four hexadecimal digits behind "\\u"',
    "a)": '1: be "\\)", as no group is open',
    "(a|b": '0: be closed by ")"',
    "x(a(b)": '1: be closed by ")"',
    "[a": '0: be closed by "]"',
    "[a\\]": '0: be closed by "]"',
    "[]": '0: be a class that is not empty, or that begins with "\\]"',
    "[^]": '0: be a class that is not empty, or that begins with "\\]"',
    "[z-a]": '1: be a range such as "a-z", or "\\-"',
    "[\\w-z]": '1: be a range such as "a-z", or "\\-"',
    "[[:alpha:]]":
      '1: be "\\[", as there are no named classes: "\\w", "\\d" and "\\s" stand for some',
    "*a": '0: be "\\*", as there is nothing to repeat',
    "a|+": '2: be "\\+", as there is nothing to repeat',
    "(?)": '0: be a group "(" or "(?:"',
    "^*": '1: be "\\*", as there is nothing to repeat',
    "{2}": '0: be "\\{", as there is nothing to repeat',
    "a**": "2: not be a repeat of a repeat, unless it is in a group",
    "a*+": "2: not be a repeat of a repeat, unless it is in a group",
    "a{2}{3}": "4: not be a repeat of a repeat, unless it is in a group",
    "a{": '1: be "\\{", or a repeat such as "{2}", "{2,}" or "{2,5}"',
    "a{,2}": '1: be "\\{", or a repeat such as "{2}", "{2,}" or "{2,5}"',
    "a{3,2}": "1: be a repeat whose bounds are in order",
    "a^b": '1: be "\\^", or "^" at the beginning of the pattern or of an outermost alternative',
    "(^a)": '1: be "\\^", or "^" at the beginning of the pattern or of an outermost alternative',
    "a$b": '1: be "\\$", or "$" at the end of the pattern or of an outermost alternative',
    "(a$)": '2: be "\\$", or "$" at the end of the pattern or of an outermost alternative',
    "(a$|b)": '2: be "\\$", or "$" at the end of the pattern or of an outermost alternative',
    "a$*": '1: be "\\$", or "$" at the end of the pattern or of an outermost alternative',
  };
  for (const [text, message] of Object.entries(table)) {
    assertEquals(assertThrows(() => patternOf(text), RangeError).message, message, text);
  }
});

test("A pattern has at most 256 characters and 512 positions", () => {
  assert(patternOf("a".repeat(256)).matches("a".repeat(256)));
  assertThrows(() => patternOf("a".repeat(257)), RangeError, "256 characters");
  assert(patternOf("^(ab){256}$").matches("ab".repeat(256)));
  assertFalse(patternOf("^(ab){256}$").matches("ab".repeat(255)));
  for (const text of ["a{513}", "(ab){257}", "a{513,}", "((a{30}){30}){30}", "a{300}b{300}"]) {
    assertThrows(() => patternOf(text), RangeError, "512 positions");
  }
  // Nothing may be repeated as often as it likes.
  assert(patternOf("^" + "(".repeat(40) + "){512}".repeat(30) + ")".repeat(10) + "$").matches(""));
});

test("A pattern looks at 8,192 units of a text, and finds no end of a longer one", () => {
  const text = "a".repeat(8_191) + "b";
  for (const found of ["b", "ab$", "^a+b$", "a{511}b"]) {
    assert(patternOf(found).matches(text), found);
  }
  const longer = `${text}c`;
  assert(patternOf("b").matches(longer));
  for (const other of ["b$", "c", "^a+b$", "bc$"]) {
    assertFalse(patternOf(other).matches(longer), other);
  }
  // What is true of any text is true of a longer one.
  assert(patternOf("x*$").matches(longer));
  // A character that reaches over the end is looked at.
  assert(patternOf("^a+😀").matches("a".repeat(8_191) + "😀"));
});

const LETTERS = [
  "a",
  "b",
  "c",
  "A",
  "B",
  "k",
  "\u212a",
  "s",
  "ſ",
  "é",
  "É",
  "ß",
  "1",
  "_",
  "-",
  " ",
];
const RARE = ["\n", "\u2028", "😀", "😁", "\ud83d", "\ude00", "σ", "ς", "Σ", "ı", "İ", "\u00a0"];

function letter(random: Random): string {
  return random.pick(random.below(4) > 0 ? LETTERS : RARE);
}

function escaped(random: Random, character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 256 && random.below(6) === 0) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000 && random.below(6) === 0) return `\\u${code.toString(16).padStart(4, "0")}`;
  return character;
}

/** A character as it stands in a class. */
function member(random: Random, character: string): string {
  return character === "-" ? "\\-" : escaped(random, character);
}

function randomClass(random: Random): string {
  let members = "";
  for (let left = 1 + random.below(3); left > 0; left--) {
    const kind = random.below(5);
    if (kind === 0) members += random.pick(["\\d", "\\w", "\\s", "\\D", "\\W", "\\S"]);
    else if (kind === 1) {
      const [first, last] = [letter(random), letter(random)]
        .sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
      members += `${member(random, first!)}-${member(random, last!)}`;
    } else members += random.pick(["\\-", "\\]", "\\^", member(random, letter(random))]);
  }
  return `[${random.pick(["", "", "^"])}${members}]`;
}

function randomPattern(random: Random, depth: number): string {
  const alternatives: string[] = [];
  do {
    let sequence = "";
    for (let left = random.below(4); left > 0; left--) {
      const kind = random.below(10);
      if (kind < 5 || depth === 0) sequence += escaped(random, letter(random));
      else if (kind === 5) sequence += ".";
      else if (kind === 6) sequence += randomClass(random);
      else if (kind === 7) sequence += random.pick(["\\d", "\\w", "\\s", "\\D", "\\W", "\\S"]);
      else sequence += `${random.pick(["(", "(?:"])}${randomPattern(random, depth - 1)})`;
      const repeats = ["*", "+", "?", "{2}", "{1,}", "{0,2}", "{2,3}", "{0}", "*?", "+?", "{1,2}?"];
      if (random.below(3) === 0) sequence += random.pick(repeats);
    }
    alternatives.push(sequence);
  } while (random.below(4) === 0);
  return alternatives.join("|");
}

test("Patterns agree with the platform's own regular expressions on short texts", () => {
  const random = new Random(0x9a77);
  let matched = 0;
  let compared = 0;
  for (let round = 0; round < 6_000; round++) {
    const alternatives = Array.from({ length: 1 + random.below(2) }, () => {
      const [start, end] = [random.pick(["", "^"]), random.pick(["", "$"])];
      // An anchor would belong to the first or the last alternative only.
      return `${start}(?:${randomPattern(random, 2)})${end}`;
    });
    const ignoresCase = random.below(3) === 0;
    const source = alternatives.join("|");
    const text = `${ignoresCase ? "(?i)" : ""}${source}`;
    if (text.length > 256) continue;
    const pattern = patternOf(text);
    // With the flag "u" V8 finds "[\W]" in a half of a character.
    const expected = new RegExp(source, ignoresCase ? "iv" : "v");
    for (let tries = 0; tries < 6; tries++) {
      const subject = Array.from({ length: random.below(9) }, () => letter(random)).join("");
      const isMatch = expected.test(subject);
      assertEquals(pattern.matches(subject), isMatch, JSON.stringify({ text, subject }));
      compared++;
      if (isMatch) matched++;
    }
  }
  assert(compared > 30_000, `${compared} compared`);
  assert(matched > compared / 5 && matched < compared * 0.9, `${matched} of ${compared} matched`);
});

test("Any text is a pattern or is refused, and what both understand means the same", () => {
  const random = new Random(0x50_0b);
  const pieces = [..."ab01(()))[]]|*+?{},^$\\\\.-=!:<ik"];
  let understood = 0;
  for (let round = 0; round < 30_000; round++) {
    const text = Array.from({ length: random.below(9) }, () => random.pick(pieces)).join("");
    let pattern: Asked;
    let expected: RegExp;
    try {
      pattern = patternOf(text);
    } catch (error) {
      assert(error instanceof RangeError && /^\d: (?:be|have|not be) /.test(error.message), text);
      continue;
    }
    try {
      expected = new RegExp(text, "u");
    } catch {
      // Brackets that close nothing and needless backslashes are all that the platform does not take.
      assert(/[\]}]|\\[,\-=!:<]/.test(text), text);
      continue;
    }
    understood++;
    for (let tries = 0; tries < 4; tries++) {
      const subject = Array.from({ length: random.below(6) }, () => random.pick(pieces)).join("");
      assertEquals(
        pattern.matches(subject),
        expected.test(subject),
        JSON.stringify({ text, subject }),
      );
    }
  }
  assert(understood > 3_000, `${understood} understood`);
});
