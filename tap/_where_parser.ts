import { refusal } from "../internal/mod.ts";
import { Glob, MAX_GLOB_LENGTH } from "./_glob.ts";
import { parsePath, someAt, spend } from "./_path.ts";
import { parsePattern } from "./_pattern.ts";
import { type Literal, WhereTokens } from "./_where_tokens.ts";

const MAX_LENGTH = 1_024;
const MAX_COMPARISONS = 64;
const MAX_DEPTH = 32;
/** Of all patterns together, as each may look at the same long text. */
const MAX_POSITIONS = 1_024;

/** Whether a value has what is asked for. */
export type Test = (value: unknown) => boolean;

/** What was read. */
export interface ParsedWhere {
  /** Throws what the value throws when it is read. */
  readonly test: Test;
  /** Each path that is read, once. */
  readonly paths: readonly (readonly string[])[];
  readonly readsText: boolean;
}

/** No key: what is asked is the value itself. */
const ITSELF: readonly string[] = [];

/** Signs first by length, as some are the beginning of others. */
const SIGNS = ["==", "!=", "!~", "<=", ">=", "=", "<", ">", "~"] as const;
const WORDS = ["contains", "startswith", "endswith", "matches", "in"] as const;

/** Reads one where-expression. */
export class WhereParser {
  readonly #tokens: WhereTokens;
  readonly #paths = new Map<string, readonly string[]>();
  #readsText = false;
  #comparisons = 0;
  #depth = 0;
  #positions = 0;
  /** Whether what was read last may go on as a comparison. */
  #isBarePath = false;

  constructor(text: string) {
    if (typeof text !== "string") {
      throw new RangeError(refusal("read where", "text must be a string", text));
    }
    if (text.length > MAX_LENGTH) {
      const requirement = `text must have at most ${MAX_LENGTH} characters`;
      throw new RangeError(refusal("read where", requirement, text.length));
    }
    this.#tokens = new WhereTokens(text);
  }

  /**
   * Reads all of it. Called once.
   *
   * @throws {RangeError} That says what was expected where.
   */
  read(): ParsedWhere {
    const test = this.#any();
    if (!this.#tokens.isAtEnd) this.#refuse("the end");
    return { test, paths: [...this.#paths.values()], readsText: this.#readsText };
  }

  #any(): Test {
    const tests = [this.#all()];
    while (this.#tokens.tryWord("or") || this.#tokens.trySign("||")) tests.push(this.#all());
    if (tests.length === 1) return tests[0]!;
    return (value) => {
      for (let at = 0; at < tests.length; at++) if (tests[at]!(value)) return true;
      return false;
    };
  }

  #all(): Test {
    const tests = [this.#one()];
    while (this.#tokens.tryWord("and") || this.#tokens.trySign("&&")) tests.push(this.#one());
    if (tests.length === 1) return tests[0]!;
    return (value) => {
      for (let at = 0; at < tests.length; at++) if (!tests[at]!(value)) return false;
      return true;
    };
  }

  #one(): Test {
    const { at } = this.#tokens;
    if (this.#tokens.tryWord("not") || this.#tokens.trySign("!")) {
      return this.#nested(at, () => {
        const test = this.#one();
        return (value) => !test(value);
      });
    }
    if (this.#tokens.trySign("(")) {
      return this.#nested(at, () => {
        const test = this.#any();
        if (!this.#tokens.trySign(")")) this.#refuse('")"');
        return test;
      });
    }
    if (++this.#comparisons > MAX_COMPARISONS) {
      this.#tokens.refuse(`be the end, as there are ${MAX_COMPARISONS} comparisons`);
    }
    this.#isBarePath = false;
    return this.#tokens.tryWord("exists") ? this.#existence() : this.#comparison();
  }

  #nested(at: number, read: () => Test): Test {
    if (++this.#depth > MAX_DEPTH) {
      this.#tokens.refuse(`be nested at most ${MAX_DEPTH} deep`, at);
    }
    const test = read();
    this.#depth--;
    return test;
  }

  #refuse(last: string): never {
    const operators = this.#isBarePath ? `an operator (${[...SIGNS, ...WORDS].join(" ")}), ` : "";
    return this.#tokens.refuse(`be ${operators}"and", "or" or ${last}`);
  }

  #existence(): Test {
    const isInParentheses = this.#tokens.trySign("(");
    const ask = this.#path();
    if (isInParentheses && !this.#tokens.trySign(")")) this.#tokens.refuse('be ")"');
    return ask(() => true);
  }

  #comparison(): Test {
    const ask = this.#path();
    for (const sign of SIGNS) {
      if (this.#tokens.trySign(sign)) return this.#bySign(sign, ask);
    }
    for (const word of WORDS) {
      if (this.#tokens.tryWord(word)) return ask(this.#wordTest(word));
    }
    this.#isBarePath = true;
    return ask(isYes);
  }

  /** What asks a value whether something is true of what is at the path that comes next. */
  #path(): (test: Test) => Test {
    const { at } = this.#tokens;
    const path = this.#tokens.path();
    if (path === "") {
      this.#tokens.refuse('be a path such as "user.email", "$", "not", "exists" or "("', at);
    }
    if (/^(?:and|or)$/i.test(path)) {
      this.#tokens.refuse(`be a path, and a key "${path}" is written ["${path}"]`, at);
    }
    if (path === "$") {
      this.#readsText = true;
      return (test) => {
        const testText: Test = (found) => typeof found === "string" && test(found);
        return (value) => someAt(value, ITSELF, testText);
      };
    }
    if (/^\$[.[]/.test(path)) {
      this.#tokens.refuse('be a path that begins with a key: "$" is a text as a whole', at);
    }
    const keys = parsePath("read where", `path at column ${at + 1}`, path).map((step) => {
      if (typeof step === "object") return step.key;
      return this.#tokens.refuse(
        "be a path without wildcards, as a step means that step of each element of an array",
        at,
      );
    });
    this.#paths.set(JSON.stringify(keys), Object.freeze(keys));
    return (test) => (value) => someAt(value, keys, test);
  }

  #bySign(sign: typeof SIGNS[number], ask: (test: Test) => Test): Test {
    switch (sign) {
      case "==":
      case "=":
        return ask(ofEach(equal(this.#tokens.literal())));
      case "!=":
        return negated(ask(ofEach(equal(this.#tokens.literal()))));
      case "~":
        return ask(ofEach(this.#glob()));
      case "!~":
        return negated(ask(ofEach(this.#glob())));
      default: {
        const { at } = this.#tokens;
        const bound = this.#tokens.literal();
        if (typeof bound !== "string" && typeof bound !== "number") {
          this.#tokens.refuse(`be a number or a text, behind "${sign}"`, at);
        }
        return ask(ofEach(ordered(sign, bound)));
      }
    }
  }

  #wordTest(word: typeof WORDS[number]): Test {
    switch (word) {
      case "contains": {
        const part = this.#tokens.plainText();
        return ofEach((found) => {
          if (typeof found !== "string") return false;
          spend(found.length / 200);
          return found.includes(part);
        });
      }
      case "startswith": {
        const part = this.#tokens.plainText();
        return ofEach((found) => typeof found === "string" && found.startsWith(part));
      }
      case "endswith": {
        const part = this.#tokens.plainText();
        return ofEach((found) => typeof found === "string" && found.endsWith(part));
      }
      case "matches": {
        const { text, at } = this.#tokens.rawText();
        const pattern = parsePattern(text, (requirement, offset) => {
          return this.#tokens.refuse(requirement, at + offset, text.slice(offset, offset + 16));
        });
        this.#positions += pattern.size;
        if (this.#positions > MAX_POSITIONS) {
          const requirement = `leave all patterns together at most ${MAX_POSITIONS} positions`;
          this.#tokens.refuse(requirement, at, text.slice(0, 16));
        }
        return ofEach((found) => typeof found === "string" && pattern.matches(found));
      }
      case "in":
        return ofEach(this.#membership());
    }
  }

  #glob(): Test {
    const { text, at } = this.#tokens.rawText();
    if (text.length > MAX_GLOB_LENGTH) {
      this.#tokens.refuse(`be a pattern of at most ${MAX_GLOB_LENGTH} characters`, at);
    }
    const glob = new Glob(text);
    return (found) => typeof found === "string" && glob.matches(found);
  }

  #membership(): Test {
    if (!this.#tokens.trySign("(")) this.#tokens.refuse('be "(", behind "in"');
    const members = new Set<unknown>();
    do members.add(this.#tokens.literal()); while (this.#tokens.trySign(","));
    if (!this.#tokens.trySign(")")) this.#tokens.refuse('be "," or ")"');
    return (found) => members.has(typeof found === "bigint" ? Number(found) : found);
  }
}

/** A test of a value that holds for an array if it holds for an element. */
function ofEach(test: Test): Test {
  const testEach: Test = (found) => {
    if (!Array.isArray(found)) return test(found);
    for (let index = 0; index < found.length; index++) {
      if (someAt(found[index], ITSELF, testEach)) return true;
    }
    return false;
  };
  return testEach;
}

function negated(test: Test): Test {
  return (value) => !test(value);
}

/** Whether a value that is there is neither false nor null. */
function isYes(found: unknown): boolean {
  return found !== false && found !== null;
}

function equal(literal: Literal): Test {
  if (typeof literal !== "number") return (found) => found === literal;
  return (found) => found === literal || (typeof found === "bigint" && Number(found) === literal);
}

function ordered(sign: "<" | "<=" | ">" | ">=", bound: string | number): Test {
  const type = typeof bound;
  const comparable = (found: unknown): found is string | number =>
    typeof found === type || (typeof found === "bigint" && type === "number");
  switch (sign) {
    case "<":
      return (found) => comparable(found) && found < bound;
    case "<=":
      return (found) => comparable(found) && found <= bound;
    case ">":
      return (found) => comparable(found) && found > bound;
    case ">=":
      return (found) => comparable(found) && found >= bound;
  }
}
