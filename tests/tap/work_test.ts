import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { spend } from "../../tap/_path.ts";
import { parsePattern, type Pattern } from "../../tap/_pattern.ts";
import { parseWhere } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { beginWork, endWork } from "./_asking.ts";
import { Random } from "../_random.ts";

/** Which of the last 250 characters are vowels is in the state, so nearly each character makes a new one. */
const HOSTILE = "[aeiou].{250}[xyz].{250}Q";
/** So many words has a state of it, of which one is 8 units. */
const WORDS = 16;
const MAX_WORK = 100_000;

const random = new Random(0xbad);
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];
/** All that a pattern looks at of a text. */
const TEXT = Array.from({ length: 8_192 }, () => random.pick(LETTERS)).join("");

function patternOf(text: string): Pattern {
  return parsePattern(text, (requirement) => {
    throw new RangeError(requirement);
  });
}

/** What a question answers, and how much work it is. */
function asked(
  ask: () => boolean,
): { readonly answer: boolean | "too much"; readonly work: number } {
  beginWork();
  let answer: boolean | "too much" = "too much";
  try {
    answer = ask();
  } catch (error) {
    assert(error instanceof RangeError, `${error}`);
  }
  return { answer, work: endWork() };
}

test("A hostile pattern makes no more states for a text than the work of one question allows", () => {
  const pattern = patternOf(HOSTILE);
  const states = MAX_WORK / (8 * WORDS);
  for (let round = 1; round <= 5; round++) {
    const before = pattern.statesMade;
    const { answer, work } = asked(() => pattern.matches(TEXT.slice(round)));
    const made = pattern.statesMade - before;
    assertEquals(answer, "too much");
    assert(made > states / 2 && made <= states, `${made} states`);
    assert(work > MAX_WORK && work <= MAX_WORK + 8 * WORDS, `${work}`);
  }
});

test("A filter with a hostile pattern answers no for a text that is too much work, and yes for others", () => {
  const where = parseWhere(`m matches "${HOSTILE}"`);
  const match = `e${"b".repeat(250)}x${"b".repeat(250)}Q`;
  assert(where.matches({ m: match }));
  for (let round = 0; round < 3; round++) {
    // It is in it, behind what is too much.
    assertFalse(where.matches({ m: (TEXT + match).slice(-8_192) }));
    assert(where.matches({ m: match }));
    assertFalse(where.matches({ m: match.slice(1) }));
  }
  // Nor is its opposite true of what nobody has looked at.
  const not = parseWhere(`not m matches "${HOSTILE}"`);
  assertFalse(not.matches({ m: TEXT }));
  assert(not.matches({ m: "short" }));
});

test("A pattern is right after it was stopped at any place", () => {
  const pattern = patternOf("a[ab]{30}c");
  const dice = new Random(0x57);
  const letters = (length: number): string =>
    Array.from({ length }, () => dice.pick(["a", "b"])).join("");
  const source = letters(20_000);
  let stopped = 0;
  let matched = 0;
  for (let round = 0; round < 6_000; round++) {
    // It goes on where it was stopped, so that it is stopped at each place on the way, also where states are forgotten.
    const from = dice.below(19_000);
    const { answer } = asked(() => {
      spend(MAX_WORK - dice.below(1_000));
      return pattern.matches(source.slice(from, from + 900));
    });
    if (answer === "too much") stopped++;
    // Too short for a match, unless it began before the text.
    const text = letters(dice.pick([30, 30, 40]));
    const isMatch = text.at(-31) === "a";
    assertEquals(
      asked(() => pattern.matches(`${text}c`)).answer,
      isMatch,
      `round ${round}: ${text}`,
    );
    if (isMatch) matched++;
  }
  assert(stopped > 5_000 && matched > 500, `${stopped} stopped, ${matched} matched`);
});

test("Reading a pattern is no work of the questions before it, however many are read", () => {
  for (let round = 0; round < 1_000; round++) {
    const where = parseWhere('m matches "^(abcde){100}"');
    if (round % 250 === 0) assert(where.matches({ m: "abcde".repeat(100) }));
  }
  assertFalse(parseWhere(`m matches "${HOSTILE}"`).matches({ m: TEXT }));
  assert(parseWhere(`m matches "^(abcde){100}"`).matches({ m: "abcde".repeat(100) }));
});

test("Texts are work by their length, whoever looks for what", () => {
  const units: Record<string, readonly [where: string, most: number]> = {
    pattern: ['m matches "q9"', 8_192 / 20 + 50],
    contains: ['m contains "q9"', 8_192 / 200 + 5],
  };
  for (const [kind, [where, most]] of Object.entries(units)) {
    const { matches } = { matches: (value: unknown) => parseWhere(where).matches(value) };
    const { answer, work } = asked(() => matches({ m: TEXT }));
    assertEquals(answer, false, kind);
    assert(work > most / 3 && work <= most, `${kind}: ${work}`);
  }
});

test("A glob that begins anew at nearly each place of a text is more work than one that does not", () => {
  const text = "e".repeat(8_192);
  const workOf = (glob: string): number => {
    const where = parseWhere(`m ~ "${glob}"`);
    const { answer, work } = asked(() => where.matches({ m: text }));
    assertEquals(answer, false, glob);
    return work;
  };
  const [easy, hard] = [workOf("f*9"), workOf(`*${"e".repeat(60)}9`)];
  assert(easy >= 8_192 / 50 && hard > easy + 8_000 / 16, `${easy} and ${hard}`);
  assert(hard < 1_000, `${hard}`);
});

test("An array of long texts is looked at up to the work of one question", () => {
  const texts = Array.from({ length: 1_000 }, () => TEXT);
  const pattern = parseWhere('m matches "q9"');
  assertFalse(pattern.matches({ m: texts }));
  assert(pattern.matches({ m: [...texts.slice(0, 100), "q9"] }));
  assertFalse(pattern.matches({ m: [...texts, "q9"] }));
  assertFalse(parseWhere('not m matches "q9"').matches({ m: texts }));
  // A glob that begins anew at each place.
  const glob = parseWhere(`m ~ "*${"e*".repeat(60)}9"`);
  assertFalse(glob.matches({ m: [...texts, `${"e".repeat(60)}9`] }));
  assert(glob.matches({ m: `${"e".repeat(60)}9` }));
});

test("Arrays that hold the same array again and again are looked at up to the work of one question", () => {
  let nested: unknown = ["leaf"];
  for (let depth = 0; depth < 40; depth++) nested = [nested, nested];
  let looks = 0;
  const counting = { toJSON: () => `${++looks}` };
  let counted: unknown = [counting];
  for (let depth = 0; depth < 40; depth++) counted = [counted, counted];
  for (const where of ['a.b == "x"', "exists a.b", 'not a.b == "x"', 'a.b != "x"']) {
    assertFalse(parseWhere(where).matches({ a: nested }), where);
  }
  assertFalse(parseWhere('a.b == "x"').matches({ a: counted }));
  assert(looks > 1_000 && looks <= MAX_WORK, `${looks} looks`);
  // All of an expression is one question.
  const many = Array.from({ length: 60 }, (_, id) => `a.x${id} == 1`).join(" or ");
  const wide = { a: Array.from({ length: 2_000 }, (_, id) => ({ [`x${id}`]: 0 })), b: 1 };
  assertFalse(parseWhere(`${many} or b == 1`).matches(wide));
  assert(parseWhere(`b == 1 or ${many}`).matches(wide));
  assert(parseWhere(`a.x3 == 1 or b == 1`).matches(wide));
});

test("What a value asks while it is read is work of the same question", () => {
  const inner = parseWhere('m matches "q9"');
  // The first time makes states.
  inner.matches({ m: TEXT });
  const { work: alone } = asked(() => inner.matches({ m: TEXT }));
  let answers = 0;
  const value = {
    get a(): number {
      inner.matches({ m: TEXT });
      answers++;
      return 1;
    },
  };
  const { answer, work } = asked(() => parseWhere("a == 1").matches(value));
  assertEquals([answer, answers], [true, 1]);
  assert(work > alone && work < alone + 10, `${work}, alone ${alone}`);
  const endless: { a: unknown } = {
    get a(): unknown {
      return parseWhere("a == 1").matches(endless) ? 1 : 0;
    },
  };
  assertFalse(parseWhere("a == 1").matches(endless));
  // And those that come next have theirs.
  assert(parseWhere("a == 1").matches({ a: 1 }));
});

test("A pattern that is asked beyond the work of a question throws, and so does all else then", () => {
  const pattern = patternOf("a");
  beginWork();
  try {
    spend(MAX_WORK - 2);
    assert(pattern.matches("ba"));
    assertThrows(() => pattern.matches("ba"), RangeError, "too many parts");
    assertFalse(parseWhere("a == 1").matches({ a: 1 }));
  } finally {
    endWork();
  }
  assert(asked(() => pattern.matches("ba")).answer === true);
});
