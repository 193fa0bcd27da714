import {
  BLANKS,
  type CharSet,
  DIGITS,
  inverse,
  NO_LINE_END,
  union,
  withCases,
  WORD,
} from "./_pattern_set.ts";

export const MAX_PATTERN_LENGTH = 256;
export const MAX_POSITIONS = 512;

/** A piece of a pattern. Its `size` is how many positions it has once its repeats are written out. */
export type PatternNode =
  | { readonly type: "set"; readonly set: CharSet; readonly size: 1 }
  | {
    readonly type: "sequence" | "choice";
    readonly parts: readonly PatternNode[];
    readonly size: number;
  }
  | {
    readonly type: "repeat";
    readonly part: PatternNode;
    readonly least: number;
    /** Infinity for no bound. */
    readonly most: number;
    readonly size: number;
  };

/** One of the outermost alternatives of a pattern. */
export interface Alternative {
  readonly node: PatternNode;
  readonly isFromStart: boolean;
  readonly isToEnd: boolean;
}

/** Throws, naming what is required at an index of the pattern. */
export type Refuse = (requirement: string, at: number) => never;

const EMPTY: PatternNode = { type: "sequence", parts: [], size: 0 };

const CONTROLS: Readonly<Record<string, number>> = { f: 12, n: 10, r: 13, t: 9, v: 11 };
const SHORTHANDS: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  D: inverse(DIGITS),
  s: BLANKS,
  S: inverse(BLANKS),
  w: WORD,
  W: inverse(WORD),
};

/** The same where case is ignored: only word characters have cases. */
const CASED_WORD = withCases(WORD);
const CASED_SHORTHANDS: typeof SHORTHANDS = {
  ...SHORTHANDS,
  w: CASED_WORD,
  W: inverse(CASED_WORD),
};

/** What a group may not begin with, longest first. */
const GROUPS = [
  ["(?<=", "not be a look-behind"],
  ["(?<!", "not be a look-behind"],
  ["(?=", "not be a look-ahead"],
  ["(?!", "not be a look-ahead"],
  ["(?<", "not be a named group"],
  ["(?P", "not be a named group"],
  ["(?i", 'not be "(?i)", which may only be at the beginning of the pattern'],
  ["(?", 'be a group "(" or "(?:"'],
] as const;

/** Reads a regular expression. Called once. */
export class PatternParser {
  readonly #text: string;
  readonly #refuse: Refuse;
  readonly #ignoresCase: boolean;
  readonly #literals = new Map<number, PatternNode>();
  #at = 0;
  #depth = 0;

  constructor(text: string, refuse: Refuse) {
    if (text.length > MAX_PATTERN_LENGTH) {
      refuse(`be a pattern of at most ${MAX_PATTERN_LENGTH} characters`, 0);
    }
    this.#text = text;
    this.#refuse = refuse;
    this.#ignoresCase = text.startsWith("(?i)");
    if (this.#ignoresCase) this.#at = 4;
  }

  read(): Alternative[] {
    const alternatives: Alternative[] = [];
    do {
      const isFromStart = this.#try("^");
      const node = this.#sequence();
      alternatives.push({ node, isFromStart, isToEnd: this.#try("$") });
    } while (this.#try("|"));
    if (this.#at < this.#text.length) {
      // Behind "$" anything else is caught there.
      this.#refuse('be "\\)", as no group is open', this.#at);
    }
    const size = alternatives.reduce((sum, { node }) => sum + node.size, 0);
    if (size > MAX_POSITIONS) this.#refuseSize(0);
    return alternatives;
  }

  #try(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #refuseSize(at: number): never {
    return this.#refuse(
      `be a pattern of at most ${MAX_POSITIONS} positions (its characters and classes, with repeats written out)`,
      at,
    );
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#text.length && !this.#isEndOfSequence()) {
      parts.push(this.#repeats(this.#atom()));
    }
    if (parts.length === 1) return parts[0]!;
    return { type: "sequence", parts, size: sizeOf(parts) };
  }

  #isEndOfSequence(): boolean {
    const next = this.#text[this.#at];
    if (next === "|" || next === ")") return true;
    if (next !== "$") return false;
    const behind = this.#text[this.#at + 1];
    if (this.#depth > 0 || (behind !== undefined && behind !== "|")) {
      this.#refuse(
        'be "\\$", or "$" at the end of the pattern or of an outermost alternative',
        this.#at,
      );
    }
    return true;
  }

  /** One set of characters, or a group. */
  #atom(): PatternNode {
    const at = this.#at;
    const character = this.#character();
    switch (character) {
      case "(":
        return this.#group(at);
      case "[":
        return setNode(this.#class(at));
      case ".":
        return setNode(NO_LINE_END);
      case "\\": {
        const escaped = this.#escape(at);
        return typeof escaped === "number" ? this.#literal(escaped) : setNode(escaped);
      }
      case "^":
        return this.#refuse(
          'be "\\^", or "^" at the beginning of the pattern or of an outermost alternative',
          at,
        );
      case "*":
      case "+":
      case "?":
        return this.#refuse(`be "\\${character}", as there is nothing to repeat`, at);
      case "{":
        return this.#refuse('be "\\{", as there is nothing to repeat', at);
      default:
        return this.#literal(character.codePointAt(0)!);
    }
  }

  #character(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    this.#at += character.length;
    return character;
  }

  #literal(code: number): PatternNode {
    let node = this.#literals.get(code);
    if (node === undefined) {
      node = setNode(this.#cased([code, code]));
      this.#literals.set(code, node);
    }
    return node;
  }

  #cased(set: CharSet): CharSet {
    return this.#ignoresCase ? withCases(set) : set;
  }

  #group(at: number): PatternNode {
    if (!this.#try("?:")) {
      const refused = GROUPS.find(([beginning]) => this.#text.startsWith(beginning, at));
      if (refused !== undefined) this.#refuse(refused[1], at);
    }
    this.#depth++;
    const parts: PatternNode[] = [];
    do parts.push(this.#sequence()); while (this.#try("|"));
    this.#depth--;
    if (!this.#try(")")) this.#refuse('be closed by ")"', at);
    return parts.length === 1 ? parts[0]! : { type: "choice", parts, size: sizeOf(parts) };
  }

  #repeats(part: PatternNode): PatternNode {
    const at = this.#at;
    const bounds = this.#bounds();
    if (bounds === undefined) return part;
    // Whether a text matches does not depend on which of several matches is found first.
    this.#try("?");
    const again = this.#text[this.#at];
    if (again === "*" || again === "+" || again === "?" || again === "{") {
      this.#refuse("not be a repeat of a repeat, unless it is in a group", this.#at);
    }
    const { least, most } = bounds;
    const size = part.size * (most === Infinity ? Math.max(least, 1) : most);
    if (size > MAX_POSITIONS) this.#refuseSize(at);
    // However often nothing is repeated: it must not be written out.
    return size === 0 ? EMPTY : { type: "repeat", part, least, most, size };
  }

  #bounds(): { least: number; most: number } | undefined {
    if (this.#try("*")) return { least: 0, most: Infinity };
    if (this.#try("+")) return { least: 1, most: Infinity };
    if (this.#try("?")) return { least: 0, most: 1 };
    if (this.#text[this.#at] !== "{") return undefined;
    const at = this.#at;
    const [all, from, comma, to] = /^\{(\d{1,4})(,)?(\d{1,4})?\}/.exec(this.#text.slice(at)) ?? [];
    const least = Number(from);
    const most = to === undefined ? (comma === undefined ? least : Infinity) : Number(to);
    if (all === undefined || (comma === undefined && to !== undefined)) {
      return this.#refuse('be "\\{", or a repeat such as "{2}", "{2,}" or "{2,5}"', at);
    }
    if (most < least) return this.#refuse("be a repeat whose bounds are in order", at);
    if (least > MAX_POSITIONS) return this.#refuseSize(at);
    this.#at += all.length;
    return { least, most };
  }

  /** What stands behind a backslash: a character, or a set of them. */
  #escape(at: number): number | CharSet {
    if (this.#at === this.#text.length) this.#refuse('be "\\\\", or something behind "\\"', at);
    const character = this.#character();
    const control = CONTROLS[character];
    if (control !== undefined) return control;
    const set = (this.#ignoresCase ? CASED_SHORTHANDS : SHORTHANDS)[character];
    if (set !== undefined) return set;
    switch (character) {
      case "x":
        return this.#hex(2) ?? this.#refuse('have two hexadecimal digits behind "\\x"', at);
      case "u":
        return this.#unicode(at);
      case "b":
      case "B":
        return this.#refuse("not be a word boundary", at);
      case "p":
      case "P":
        return this.#refuse("not be a Unicode property", at);
      case "k":
        return this.#refuse("not be a back-reference", at);
    }
    if (/\d/.test(character)) this.#refuse("not be a back-reference", at);
    if (/[A-Za-z]/.test(character)) {
      this.#refuse("be an escape (\\d \\D \\s \\S \\w \\W \\f \\n \\r \\t \\v \\xHH \\uHHHH)", at);
    }
    return character.codePointAt(0)!;
  }

  #hex(digits: number): number | undefined {
    const text = this.#text.slice(this.#at, this.#at + digits);
    if (text.length < digits || /[^0-9a-fA-F]/.test(text)) return undefined;
    this.#at += digits;
    return parseInt(text, 16);
  }

  #unicode(at: number): number {
    const unit = this.#hex(4) ?? this.#refuse('have four hexadecimal digits behind "\\u"', at);
    // Two halves of a character are one, as they are in the text.
    const [, half] = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(this.#text.slice(this.#at)) ?? [];
    if (unit < 0xd800 || unit > 0xdbff || half === undefined) return unit;
    this.#at += 6;
    return ((unit - 0xd800) << 10) + (parseInt(half, 16) - 0xdc00) + 0x10000;
  }

  /** A class, behind its opening bracket. */
  #class(at: number): CharSet {
    const isNegated = this.#try("^");
    const ranges: number[] = [];
    const shorthands: number[] = [];
    if (this.#text[this.#at] === "]") {
      this.#refuse('be a class that is not empty, or that begins with "\\]"', at);
    }
    while (!this.#try("]")) {
      const start = this.#at;
      const first = this.#member(at);
      const isRange = this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]";
      if (!isRange) {
        if (typeof first === "number") ranges.push(first, first);
        else shorthands.push(...first);
        continue;
      }
      this.#at++;
      const last = this.#member(at);
      if (typeof first !== "number" || typeof last !== "number" || last < first) {
        this.#refuse('be a range such as "a-z", or "\\-"', start);
      }
      ranges.push(first, last);
    }
    const set = union([...this.#cased(union(ranges)), ...shorthands]);
    return isNegated ? inverse(set) : set;
  }

  #member(start: number): number | CharSet {
    const at = this.#at;
    if (at >= this.#text.length) this.#refuse('be closed by "]"', start);
    if (this.#text.startsWith("[:", at)) {
      this.#refuse(
        'be "\\[", as there are no named classes: "\\w", "\\d" and "\\s" stand for some',
        at,
      );
    }
    const character = this.#character();
    return character === "\\" ? this.#escape(at) : character.codePointAt(0)!;
  }
}

function setNode(set: CharSet): PatternNode {
  return { type: "set", set, size: 1 };
}

function sizeOf(parts: readonly PatternNode[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}
