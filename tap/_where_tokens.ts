import { refusal } from "../internal/mod.ts";

/** What ends a word: blanks, and what an expression is punctuated with. */
const WORD_END = /[\s()"',=!<>~&|]/;

/** What JSON has for a number. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  '"': '"',
  "'": "'",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** What a value is compared with. */
export type Literal = string | number | boolean | null;

/** Reads the text of a where-expression from left to right; what comes next depends on what was read, so the caller says what it wants. */
export class WhereTokens {
  readonly #text: string;
  /** Where the next character is, from 0. */
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Skips blanks; where what comes next begins. */
  get at(): number {
    while (this.#at < this.#text.length && /\s/.test(this.#text[this.#at]!)) this.#at++;
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.at === this.#text.length;
  }

  /**
   * Throws, naming a place and what stands there.
   *
   * @param requirement What it must do: "be a path".
   * @param at The place, from 0.
   * @param found What stands there; as much of it as makes it recognizable unless it is given.
   */
  refuse(requirement: string, at: number = this.at, found: string = this.#found(at)): never {
    const place = `column ${at + 1}${at >= this.#text.length ? ", the end," : ""}`;
    throw new RangeError(refusal("read where", `${place} must ${requirement}`, found));
  }

  #found(at: number): string {
    const rest = this.#text.slice(at);
    return /^(?:[^\s()"',=!<>~&|]{1,32}|[=!<>~&|]{1,3}|[^]?)/u.exec(rest)![0];
  }

  /** Takes a sign, if it comes next. */
  trySign(sign: string): boolean {
    if (!this.#text.startsWith(sign, this.at)) return false;
    this.#at += sign.length;
    return true;
  }

  /** Takes a word of the language, in any case, if it comes next as a whole. */
  tryWord(word: string): boolean {
    const end = this.at + word.length;
    if (this.#text.slice(this.#at, end).toLowerCase() !== word) return false;
    // A key may go on where a word of the language ends.
    if (end < this.#text.length && !WORD_END.test(this.#text[end]!)) return false;
    this.#at = end;
    return true;
  }

  /** Takes a path, which is empty where none comes next. */
  path(): string {
    const text = this.#text;
    const start = this.at;
    const isPointer = text[start] === "/";
    while (this.#at < text.length) {
      const character = text[this.#at]!;
      if (isPointer) {
        // "~0" and "~1" are a pointer's own escapes.
        if (WORD_END.test(character) && !/^~[01]/.test(text.slice(this.#at, this.#at + 2))) break;
        this.#at++;
      } else if (character === "\\") this.#at += 2;
      else if (character === "[" && text[this.#at + 1] === '"') this.#skipQuotedKey();
      else if (WORD_END.test(character)) break;
      else this.#at++;
    }
    return text.slice(start, this.#at);
  }

  /** Takes a value. */
  literal(): Literal {
    const start = this.at;
    if (this.#isAtQuote) return this.#unescape(start + 1, this.#quoted());
    const word = this.#word("be a value: a text in quotes, a word, a number, true, false or null");
    if (/^(?:and|or|not)$/i.test(word)) {
      this.refuse(`be a value, and "${word}" is one only in quotes`, start);
    }
    const constant = word.toLowerCase();
    if (constant === "true" || constant === "false") return constant === "true";
    if (constant === "null") return null;
    const number = Number(word);
    if (NUMBER.test(word) && Number.isFinite(number)) return number;
    // Quietly taking it as a text would let a comparison with numbers never hold.
    if (/^[-+]?\.?\d/.test(word) && !Number.isNaN(number)) {
      this.refuse("be a number as JSON has it, or a text in quotes", start);
    }
    return word;
  }

  /**
   * Takes a text of which nothing but the quotes around it is taken away, as what it is read by has escapes of its own. A word is a text too,
   * whatever it looks like.
   *
   * @returns The text, and where it begins.
   */
  rawText(): { text: string; at: number } {
    const at = this.at;
    if (this.#isAtQuote) return { text: this.#quoted(), at: at + 1 };
    return { text: this.#word("be a text, in quotes unless it is a word"), at };
  }

  /** Takes a text. A word is one too, whatever it looks like. */
  plainText(): string {
    const isQuoted = this.at < this.#text.length && this.#isAtQuote;
    const { text, at } = this.rawText();
    return isQuoted ? this.#unescape(at, text) : text;
  }

  get #isAtQuote(): boolean {
    const quote = this.#text[this.at];
    return quote === '"' || quote === "'";
  }

  #word(wanted: string): string {
    const start = this.at;
    while (this.#at < this.#text.length && !WORD_END.test(this.#text[this.#at]!)) {
      if (this.#text[this.#at] === "\\") {
        this.refuse("be a text in quotes, as it has a backslash", start);
      }
      this.#at++;
    }
    if (this.#at === start) this.refuse(wanted);
    return this.#text.slice(start, this.#at);
  }

  /** What stands between quotes, with its escapes. */
  #quoted(): string {
    const start = this.#at;
    const quote = this.#text[start]!;
    for (let at = start + 1; at < this.#text.length; at++) {
      if (this.#text[at] === "\\") at++;
      else if (this.#text[at] === quote) {
        this.#at = at + 1;
        return this.#text.slice(start + 1, at);
      }
    }
    return this.refuse(`be a text that ends in ${quote}`, start);
  }

  #unescape(start: number, raw: string): string {
    return raw.replaceAll(
      /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([^]))/g,
      (_, unit?: string, byte?: string, character?: string, at?: number) => {
        const hex = unit ?? byte;
        if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
        if (Object.hasOwn(ESCAPES, character!)) return ESCAPES[character!]!;
        const known = "\\\\ \\\" \\' \\/ \\b \\f \\n \\r \\t \\xHH \\uHHHH";
        return this.refuse(`be an escape (${known})`, start + at!);
      },
    );
  }

  /** Goes behind the quotes of a key in brackets, in which anything may stand. */
  #skipQuotedKey(): void {
    const start = this.#at;
    for (let at = start + 2; at < this.#text.length; at++) {
      if (this.#text[at] === "\\") at++;
      else if (this.#text[at] === '"') {
        this.#at = at + 1;
        return;
      }
    }
    this.refuse('be a key that ends in "]', start);
  }
}
