import { refusal } from "../internal/mod.ts";

/** What stands in place of what is masked. */
export const MASK = "[redacted]";

/** What may stand between the letters of a name, and behind them. */
const BETWEEN = "[-_ ]*";
/** What may stand behind a name in a key, and before a sign: of a form's `user[password]`, or of a header's `Cookie:`. */
const BEHIND_KEY = "[-_ \\[\\])>:=]*";
const BEHIND = "[-_\\s\\[\\])>]*";
/** The same in a text with blanks that JSON has escaped. */
const BETWEEN_ESCAPED = "[-_ ]*(?:\\\\u0020[-_ ]*)*";
/** What JSON may or must escape, so that it might not be found as it is. */
const ESCAPED = /["\\/\p{Cc}\p{Cs}]/u;

/** Names whose values go on to the end of their line. */
const HEADERS = /^(?:authorization|cookies?)$/;
/** What stands before the secret part of a value. */
const SCHEME = /(?:bearer|basic|digest|negotiate)\s+/iy;
/** Bounded, so that there are few kinds of quotes, and a text is searched for the end of each kind once. */
const OPENING = /(\\{0,15})(["'])/y;

/** Without one of them, a text says nothing of a credential. */
const SIGNS = /[:=\s\\]/;

/** Keys whose values are credentials, by how they end: letters, whatever their case, and whatever `-`, `_` or blanks are between them. */
export class DenyNames {
  readonly #key: RegExp;
  readonly #inText: RegExp;
  readonly #inEscaped: RegExp;

  /** @throws {RangeError} That names the name. */
  constructor(names: readonly string[], action = "redact") {
    checkNames(action, names);
    const name = anyOf(names, BETWEEN);
    // All of them take what stands behind a name, which is rare, and then look back: so a line is searched in one pass, and fast.
    this.#key = new RegExp(`$(?<=${name}${BEHIND_KEY})`, "iu");
    this.#inText = searchFor(name, BEHIND);
    this.#inEscaped = searchFor(anyOf(names, BETWEEN_ESCAPED), "[-_\\s]*(?:\\\\u0020[-_\\s]*)*");
  }

  /** Whether what a key holds is masked. */
  hasKey(key: string): boolean {
    return this.#key.test(key);
  }

  /** Whether a line that `JSON.stringify` wrote has such a key, or a text in which one is named. */
  areIn(json: string): boolean {
    this.#inText.lastIndex = 0;
    // A key in its quotes is found like what stands in a text. What is a blank in a text is none as it stands in JSON.
    return this.#inText.test(json) || json.includes("\\") && /\\[nrtuf]/.test(json);
  }

  /** Whether a text, read as JSON, may have such a key. */
  mayBeIn(text: string): boolean {
    this.#inText.lastIndex = 0;
    return text.includes("\\") || this.#inText.test(text);
  }

  /** Masks what such keys hold, and what texts say of them, wherever they are in a JSON value; answers what is to stand in its place. */
  mask(value: unknown): unknown {
    if (typeof value === "string") return this.maskText(value);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) value[index] = this.mask(value[index]);
      return value;
    }
    const object = value as Record<string, unknown>;
    let isRenamed = false;
    for (const key of Object.keys(object)) {
      object[key] = this.#key.test(key) ? MASK : this.mask(object[key]);
      isRenamed ||= this.maskText(key) !== key;
    }
    if (!isRenamed) return value;
    // A key may say a credential too, as where things are counted by their addresses.
    return Object.fromEntries(
      Object.entries(object).map(([key, part]) => [this.maskText(key), part]),
    );
  }

  /**
   * Masks what follows such names in a text that is not JSON, or no longer: what is behind `=` or `:`, up to the end of the quotes, or to a
   * blank, `;`, `,` or `&`; of headers, the rest of the line. Then what follows `Bearer` and `Basic`, and names and passwords in URLs.
   *
   * Takes time in proportion to the length of the text.
   *
   * @returns The same text if there is nothing to mask.
   */
  maskText(text: string): string {
    // Most are words.
    if (!SIGNS.test(text)) return text;
    // JSON that is broken may still say a name in other letters.
    const plain = text.includes("\\u") ? unescaped(text) : text;
    const masked = this.#maskPlain(plain);
    return masked === plain ? text : masked;
  }

  #maskPlain(text: string): string {
    const found = text.includes("\\u0020") ? this.#inEscaped : this.#inText;
    const values = new TextValues(text);
    let masked = "";
    let done = 0;
    // What is to be masked next. A value may hold more names, and theirs may end behind it: nothing is left out of the search.
    let from = 0;
    let to = 0;
    found.lastIndex = 0;
    for (let match = found.exec(text); match !== null; match = found.exec(text)) {
      const [sign, name, quote] = match;
      let start = found.lastIndex;
      let end: number;
      let isScheme = false;
      if (sign.startsWith("://")) {
        start = found.lastIndex = match.index + 3;
        // A name alone is no secret.
        end = sign.includes(":", 3) ? match.index + sign.length - 1 : start;
      } else {
        isScheme = name === undefined;
        const isHeader = name !== undefined &&
          HEADERS.test(lettersOf(name.replaceAll("\\u0020", "")));
        [start, end] = values.at(start, isHeader, quote !== undefined || sign.startsWith("="));
      }
      // A scheme within a value ends with it, also where that is quoted and the scheme alone would go on.
      if (end <= start || isScheme && start < to) continue;
      if (start > to) {
        if (to > 0) masked += text.slice(done, from) + MASK;
        done = to;
        from = start;
      }
      to = Math.max(to, end);
    }
    return to === 0 ? text : masked + text.slice(done, from) + MASK + text.slice(to);
  }
}

/** Finds a name, a quote that may end it, and a sign; or a scheme; or what stands before the host of a URL. */
function searchFor(name: string, behind: string): RegExp {
  return new RegExp(
    `[:=](?<=(${name})${behind}(?:\\\\*(["'])\\s*)?[:=])[:=>\\s]*|\\b(?:bearer|basic)[\\s:=]+|://[^\\s/"<>]*@`,
    "giu",
  );
}

function checkNames(action: string, names: readonly string[]): void {
  for (const name of names) {
    const letters = lettersOf(name);
    if (letters !== "" && !ESCAPED.test(letters)) continue;
    throw new RangeError(
      refusal(action, "a deny name must have letters, and no quotes, slashes or controls", name),
    );
  }
}

function anyOf(names: readonly string[], between: string): string {
  return `(?:${names.map((name) => nameSource(name, between)).join("|")})`;
}

function nameSource(name: string, between: string): string {
  const letters = lettersOf(name);
  return Array.from(letters, (letter) => letter.replace(/[$()*+.?[\]^{|}]/, "\\$&")).join(between);
}

/** A name without what it may be written with. */
function lettersOf(name: string): string {
  return name.replace(/[-_ ]/g, "").toLowerCase();
}

/** Finds where values in a text end, if it is asked from its beginning on. */
class TextValues {
  readonly #text: string;
  // Many names in one word, or line, or behind each other, lead to the same place, which is looked for once.
  #schemeEnd = -1;
  #wordEnd = -1;
  #lineEnd = -1;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the value at a place begins and ends, without its quotes. */
  at(place: number, isHeader: boolean, mayBeQuoted: boolean): [from: number, to: number] {
    const text = this.#text;
    // Where a list or an object ends is not to be known in what is not JSON.
    const isOpen = text[place] === "[" || text[place] === "{";
    if (isOpen && !text.startsWith(MASK, place)) return [place, text.length];
    let from = place;
    if (!isHeader) from = this.#behindSchemes(from);
    if (!isHeader || mayBeQuoted) {
      OPENING.lastIndex = from;
      const [opening, backslashes, quote] = OPENING.exec(text) ?? [];
      if (opening !== undefined) {
        from += opening.length;
        return [from, quotedEnd(text, from, quote!, backslashes!.length)];
      }
    }
    if (isHeader) {
      if (this.#lineEnd < from) this.#lineEnd = endAt(text, from, /[\r\n]/g);
      return [from, this.#lineEnd];
    }
    if (this.#wordEnd < from) this.#wordEnd = endAt(text, from, /[\s;,&]/g);
    return [from, this.#wordEnd];
  }

  #behindSchemes(from: number): number {
    if (from < this.#schemeEnd) return this.#schemeEnd;
    this.#schemeEnd = SCHEME.lastIndex = from;
    while (SCHEME.test(this.#text)) this.#schemeEnd = SCHEME.lastIndex;
    return this.#schemeEnd;
  }
}

function endAt(text: string, from: number, end: RegExp): number {
  end.lastIndex = from;
  return end.exec(text)?.index ?? text.length;
}

/**
 * Where a quoted text ends: before its closing quote, or at the end of all.
 *
 * @param depth How many backslashes its quotes have: none, or, where JSON stands in JSON, 1, 3, 7 and so on.
 */
function quotedEnd(text: string, from: number, quote: string, depth: number): number {
  for (let at = from; at < text.length; at++) {
    const start = at;
    while (text[at] === "\\") at++;
    if (text[at] !== quote) continue;
    const run = at - start;
    const more = run - depth;
    // A backslash within takes as many more, and so does a quote within.
    if (more % (2 * (depth + 1)) !== 0) continue;
    // SQL doubles a quote within, and where three of them begin a text, it ends at the next.
    const isDouble = depth === 0 && text[at + 1] === quote;
    if (isDouble && (quote === "'" || at === from)) at++;
    else return at - depth;
  }
  return text.length;
}

/** A text with what JSON escapes by number as it is, but for what would end a value, or the line. */
function unescaped(text: string): string {
  return text.replaceAll(/\\u([\da-f]{4})/gi, (escape, digits) => {
    const character = String.fromCharCode(parseInt(digits, 16));
    return /["'\\/<>;,&\s\p{Cc}]/u.test(character) ? escape : character;
  });
}

const made: WeakMap<readonly string[], DenyNames> = new WeakMap();

/**
 * The names of a list, which is not to change; made once.
 *
 * @throws {RangeError} That names the name.
 */
export function denyNamesOf(names: readonly string[], action: string): DenyNames {
  const known = made.get(names) ?? new DenyNames(names, action);
  made.set(names, known);
  return known;
}
