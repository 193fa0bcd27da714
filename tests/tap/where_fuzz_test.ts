import { assert, assertEquals } from "@std/assert";
import { parseWhere, type Where } from "../../tap/where.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

/** The condition, or undefined if it is refused as it ought to be. */
function whereOf(text: string): Where | undefined {
  try {
    return parseWhere(text);
  } catch (error) {
    assert(error instanceof RangeError, `${JSON.stringify(text)}: ${error}`);
    assert(error.message.startsWith("Cannot read where: "), error.message);
    assert(/column \d+|at most|must be a string/.test(error.message), error.message);
    return undefined;
  }
}

const fail = (): never => {
  throw new Error("not to be read");
};

const NAMES = ["a", "b", "c", "0", "1", "x.y", "length", "constructor", "__proto__", "not"];
const TEXTS = ["", "a", "b", "ab", "a b", "b*", "10", "true", "é😀", '"', "\\", "it's", "\n"];

/** Leaves of which some cannot be read. */
function hostileLeaf(random: Random): unknown {
  return random.pick([
    () => random.pick(TEXTS),
    () => random.below(3),
    () => random.pick([true, false, null, undefined, NaN, Infinity, -0, 5n]),
    () => new Date(random.pick([0, NaN])),
    () => ({ toJSON: fail }),
    () => ({ toJSON: () => random.pick<unknown>(["a", undefined, [1], Symbol()]) }),
    () => ({
      get a() {
        return fail();
      },
    }),
    () => new Proxy({}, { getOwnPropertyDescriptor: fail }),
    () => new Proxy([], { get: fail }),
    () => Symbol("a"),
    () => fail,
    () => new Map([["a", 1]]),
    () => Object.create({ a: 1 }),
  ])();
}

function hostileValue(random: Random, depth: number): unknown {
  const kind = depth === 0 ? 0 : random.below(3);
  if (kind === 0) return hostileLeaf(random);
  const parts = Array.from({ length: random.below(4) }, () => hostileValue(random, depth - 1));
  if (kind === 1) {
    if (random.below(20) === 0) parts.push(parts);
    return parts;
  }
  const object = Object.fromEntries(parts.map((part) => [random.pick(NAMES), part]));
  if (random.below(20) === 0) object["a"] = object;
  return object;
}

// deno-fmt-ignore
const PIECES = [
  "a", "b", ".", "[0]", '["x"]', "/a/b", "$", "not", "and", "or", "exists", "in", "(", ")", ",", "==",
  "=", "!=", "!", "~", "!~", "<", "<=", ">", ">=", "&&", "||", "&", "contains", "startswith", "endswith",
  "matches", "true", "null", "1", "-2.5", "1e400", "007", "'a'", '"a*"', "'(a|b)+'", "'(?=a)'", "'",
  '"', "\\", "\\n", '"\\u0041"', "*", "?", "^", " ", " ", " ", " ", "\n", "é", "😀", "\ud83d", "\0",
];

test("Whatever the text, it is a condition or is refused, and no value makes a condition throw", () => {
  const random = new Random(0xf022);
  let understood = 0;
  for (let round = 0; round < 40_000; round++) {
    let text = "";
    const isBytes = random.below(4) === 0;
    for (let left = random.below(12); left > 0; left--) {
      text += isBytes ? String.fromCharCode(random.below(256)) : random.pick(PIECES);
      if (!isBytes && random.below(2) === 0) text += " ";
    }
    const where = whereOf(text);
    if (where === undefined) continue;
    understood++;
    assertEquals(where.text, text);
    for (let tries = 0; tries < 3; tries++) {
      assertEquals(typeof where.matches(hostileValue(random, 3)), "boolean", text);
    }
  }
  assert(understood > 2_000, `${understood} understood`);
});

test("A condition that was changed a little is one too or is refused", () => {
  const random = new Random(0x5b01);
  const whole =
    'not (user.id in (7, "x") or a["b c"] ~ "x*\\*" and $ matches "(?i)^a+[^b-d]{2,3}|e$") && n >= -1.5e3';
  assert(whereOf(whole) !== undefined);
  let understood = 0;
  for (let round = 0; round < 20_000; round++) {
    let text = whole;
    for (let left = 1 + random.below(3); left > 0; left--) {
      const at = random.below(text.length);
      const end = at + random.below(4);
      text = text.slice(0, at) + random.pick(["", random.pick(PIECES)]) + text.slice(end);
    }
    const where = whereOf(text);
    if (where === undefined) continue;
    understood++;
    assertEquals(typeof where.matches(hostileValue(random, 2)), "boolean", text);
  }
  assert(understood > 1_000, `${understood} understood`);
});

type Literal = string | number | boolean | null;

type Tree =
  | { readonly type: "or" | "and"; readonly parts: readonly Tree[] }
  | { readonly type: "not"; readonly part: Tree }
  | {
    readonly type: "compare";
    readonly keys: readonly string[];
    readonly operator: string;
    readonly values: readonly Literal[];
  };

const OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "~", "!~", "in", "contains", "startswith"]
  .concat(["endswith", "matches", "exists", ""]);
const GLOBS = ["*", "a*", "*b", "?", "a?b", "b\\*", "", "ab"];
const PATTERNS = ["a", "^a", "b$", "^(a|b)+$", "\\s", "[^a]", "", "\\*"];

function randomLiteral(random: Random): Literal {
  return random.pick<() => Literal>([
    () => random.pick(TEXTS),
    () => random.pick(TEXTS),
    () => random.pick([0, 1, 2, 10, -1, 0.5, 1e21]),
    () => random.pick([true, false, null]),
  ])();
}

function randomTree(random: Random, depth: number): Tree {
  const kind = depth === 0 ? 3 : random.below(5);
  if (kind < 2) {
    const parts = Array.from({ length: 2 + random.below(2) }, () => randomTree(random, depth - 1));
    return { type: kind === 0 ? "or" : "and", parts };
  }
  if (kind === 2) return { type: "not", part: randomTree(random, depth - 1) };
  const operator = random.pick(OPERATORS);
  const keys = Array.from({ length: 1 + random.below(3) }, () => random.pick(NAMES));
  const values = Array.from({ length: operator === "in" ? 1 + random.below(3) : 1 }, () => {
    if (operator === "~" || operator === "!~") return random.pick(GLOBS);
    if (operator === "matches") return random.pick(PATTERNS);
    if (operator.length > 2) return random.pick(TEXTS);
    const literal = randomLiteral(random);
    const isOrdered = operator.startsWith("<") || operator.startsWith(">");
    return isOrdered && (typeof literal === "boolean" || literal === null) ? 1 : literal;
  });
  return { type: "compare", keys, operator, values };
}

/** How close an operator binds: what stands in one that binds closer needs parentheses. */
const CLOSENESS = { or: 0, and: 1, not: 2, compare: 3 };

function printed(random: Random, tree: Tree, closeness = 0): string {
  const text = bare(random, tree);
  const needed = CLOSENESS[tree.type] < closeness;
  return needed || random.below(6) === 0 ? `(${text})` : text;
}

function bare(random: Random, tree: Tree): string {
  switch (tree.type) {
    case "or":
      return tree.parts.map((part) => printed(random, part, 1))
        .join(random.pick([" or ", " OR ", "||"]));
    case "and":
      return tree.parts.map((part) => printed(random, part, 2))
        .join(random.pick([" and ", " And ", " && "]));
    case "not":
      return random.pick(["not ", "!", "NOT "]) + printed(random, tree.part, 2);
    case "compare": {
      const path = printedPath(random, tree.keys);
      const { operator } = tree;
      if (operator === "") return path;
      if (operator === "exists") return random.pick([`exists ${path}`, `EXISTS(${path})`]);
      const isRaw = operator === "~" || operator === "!~" || operator === "matches";
      const values = tree.values.map((value) => printedValue(random, value, isRaw));
      if (operator === "in") return `${path} in (${values.join(random.pick([",", ", "]))})`;
      const sign = operator === "==" ? random.pick(["==", "="]) : operator;
      const isWord = /\w/.test(sign);
      return isWord || random.below(2) === 0
        ? `${path} ${sign} ${values[0]}`
        : `${path}${sign}${values[0]}`;
    }
  }
}

function printedPath(random: Random, keys: readonly string[]): string {
  if (random.below(5) === 0) return keys.map((key) => `/${key}`).join("");
  return keys.map((key, index) => {
    if (key === "not" || random.below(4) === 0) return `["${key}"]`;
    if (/^\d$/.test(key) && random.below(2) === 0) return `[${key}]`;
    return (index === 0 ? "" : ".") + key.replace(".", "\\.");
  }).join("");
}

function printedValue(random: Random, value: Literal, isRaw: boolean): string {
  if (typeof value !== "string") return String(value).replace("e+", random.pick(["e", "E+"]));
  if (isRaw) return random.pick([`"${value}"`, `'${value}'`]);
  if (/^[ab]+\*?$/.test(value) && random.below(2) === 0) return value;
  const quoted = JSON.stringify(value);
  return random.below(2) === 0
    ? quoted
    : `'${quoted.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

/** What a condition means, said another way: over what JSON makes of the value. */
function holds(tree: Tree, json: unknown): boolean {
  switch (tree.type) {
    case "or":
      return tree.parts.some((part) => holds(part, json));
    case "and":
      return tree.parts.every((part) => holds(part, json));
    case "not":
      return !holds(tree.part, json);
    case "compare": {
      const { operator, values } = tree;
      const found = valuesAt(json, tree.keys);
      if (operator === "exists") return found.length > 0;
      if (operator === "") return found.some((value) => value !== false && value !== null);
      const flat = found.flatMap((value) => Array.isArray(value) ? value.flat(Infinity) : [value]);
      if (operator === "!=") return !flat.includes(values[0]);
      if (operator === "!~") return !flat.some((value) => compares("~", value, values));
      return flat.some((value) => compares(operator, value, values));
    }
  }
}

function valuesAt(value: unknown, keys: readonly string[]): unknown[] {
  const [key, ...rest] = keys;
  if (key === undefined) return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) && !/^\d$/.test(key)) {
    return value.flatMap((element) => valuesAt(element, keys));
  }
  const entry = Object.entries(value).find(([name]) => name === key);
  return entry === undefined ? [] : valuesAt(entry[1], rest);
}

function compares(operator: string, found: unknown, values: readonly Literal[]): boolean {
  const [value] = values;
  if (operator === "==" || operator === "in") return values.some((one) => one === found);
  if (typeof found !== typeof value || found === null || value === null) return false;
  const [left, right] = [found as string, value as string];
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    case "contains":
      return left.includes(right);
    case "startswith":
      return left.startsWith(right);
    case "endswith":
      return left.endsWith(right);
    case "matches":
      return new RegExp(right, "u").test(left);
    default: {
      const source = right.replaceAll(
        /\\[^]|[*?]/g,
        (piece) => ({ "*": "[^]*", "?": "[^]" })[piece] ?? piece,
      );
      return new RegExp(`^${source}$`, "u").test(left);
    }
  }
}

function plainValue(random: Random, depth: number): unknown {
  const kind = depth === 0 ? 0 : random.below(4);
  if (kind === 0) {
    return random.pick<() => unknown>([
      () => randomLiteral(random),
      () => randomLiteral(random),
      () => random.pick([NaN, -Infinity, new Date(0), { toJSON: () => ["a", { b: 1 }] }]),
    ])();
  }
  const parts = Array.from({ length: random.below(5) }, () => plainValue(random, depth - 1));
  if (kind === 1) return parts;
  return Object.fromEntries(parts.map((part) => {
    return [random.pick(NAMES.filter((name) => name !== "__proto__")), part];
  }));
}

test("A condition means what a plain evaluation of its tree over the JSON of the value does", () => {
  const random = new Random(0xc0de);
  let matched = 0;
  let compared = 0;
  for (let round = 0; round < 8_000; round++) {
    const tree = randomTree(random, 3);
    const text = printed(random, tree);
    if (text.length > 1_024) continue;
    const where = parseWhere(text);
    for (let tries = 0; tries < 4; tries++) {
      const value = plainValue(random, 4);
      const json = JSON.stringify(value);
      const expected = holds(tree, JSON.parse(json));
      assertEquals(where.matches(value), expected, `${text}\n${json}`);
      // What was parsed is the same to it.
      assertEquals(where.matches(JSON.parse(json)), expected, `${text}\n${json}`);
      compared++;
      if (expected) matched++;
    }
  }
  assert(compared > 30_000, `${compared} compared`);
  assert(matched > compared / 5 && matched < compared * 0.8, `${matched} of ${compared} matched`);
});
