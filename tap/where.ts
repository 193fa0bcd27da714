import { asking } from "./_path.ts";
import { type Test, WhereParser } from "./_where_parser.ts";

/** A condition on events, made by {@linkcode parseWhere}. */
export interface Where {
  /** The expression, as it was given. */
  readonly text: string;
  /** Each path that the expression reads, once, as its keys; `$` is none. */
  readonly paths: readonly (readonly string[])[];
  /** Whether the expression reads `$`, the text of an event that is one. */
  readonly readsText: boolean;
  /**
   * Whether a value matches. Never throws: if reading the value throws (a getter, a proxy, `toJSON`, a stack that ends), it does not match,
   * not even an expression that says `not`.
   *
   * Reads what the expression needs to be decided, from left to right, and allocates nothing unless the value does.
   *
   * @param value The value, which is read as JSON would have it: own enumerable properties only, and what `toJSON` returns.
   */
  matches(value: unknown): boolean;
}

/**
 * Reads a condition on events, such as `level == error and not (user.id in (7, 8))`. It is a language of its own: nothing is ever evaluated
 * as code, and the time that any expression takes is bounded.
 *
 * | expression                      | holds if                                                                         |
 * | ------------------------------- | -------------------------------------------------------------------------------- |
 * | `a or b`, `a \|\| b`            | one of them holds                                                                |
 * | `a and b`, `a && b`             | both hold; binds closer than `or`                                                |
 * | `not a`, `!a`                   | it does not hold; binds closest: `not x == 1` is `not (x == 1)`                  |
 * | `(a)`                           | it holds                                                                         |
 * | `path`                          | there is a value that is neither `false` nor `null`                              |
 * | `exists path`                   | there is a value                                                                 |
 * | `path == value`, `path = value` | they are the same: `1` is not `"1"`                                              |
 * | `path != value`                 | `==` does not hold: also if there is no value                                    |
 * | `path < value`, `<=` `>` `>=`   | both are numbers, or both texts, which are compared by their UTF-16 units        |
 * | `path in (value, value…)`       | it is the same as one of them                                                    |
 * | `path contains text`            | it is a text in which the other is; also `startswith`, `endswith`                |
 * | `path ~ glob`                   | it is a text that matches as a whole: `*` is any text, `?` any character         |
 * | `path !~ glob`                  | `~` does not hold: also if there is no value                                     |
 * | `path matches pattern`          | it is a text in which the regular expression is found; `^` and `$` are its ends  |
 *
 * - A **path** is `user.email`, `users[0].email`, `headers["x.y"]`, `a\.b` or a JSON Pointer, `/user/email`. Where it meets an array and is not
 *   at an index, it goes on at each element, and so does a comparison with an array: one element for which it holds is enough. `$` is the
 *   event itself, if it is a text. A key that is a word of the language is written `["not"]`.
 * - A **value** is a text in `"…"` or `'…'` (with `\\`, `\"`, `\'`, `\n`, `\t`, `\xHH`, `\uHHHH` and the like), a number, `true`, `false`,
 *   `null`, or a word, which is a text. `NaN` and infinities are `null`, as in JSON; a bigint is a number.
 * - A **glob** or **pattern** is a text with escapes of its own, so it is taken as it stands between its quotes: `"\d+\.js"`. In a glob, a
 *   backslash takes what follows as it is.
 * - Words of the language may be in any case.
 *
 * A pattern has characters, `.`, classes (`[a-z_]`, `[^"]`, `\d \w \s \D \W \S`), escapes (`\.`, `\n`, `\t`, `\xHH`, `\uHHHH`), `*`, `+`, `?`,
 * `{n}`, `{n,}`, `{n,m}`, `|`, `( )`, `(?: )`, `^` and `$` at the ends of the pattern or of its outermost alternatives, and `(?i)` at its
 * beginning, which takes characters that differ by case for the same (those that are one character in both cases). A lazy repeat (`*?`) means
 * the same as another, as it makes no difference to whether a text matches. There are no look-arounds, back-references, word boundaries and
 * named groups.
 *
 * Bounds: an expression has at most 1,024 characters, 64 comparisons and 32 levels of `not` and parentheses, a glob or pattern at most 256
 * characters. A pattern has at most 512 positions, which are its characters and classes with all repeats written out, and the patterns of an
 * expression have 1,024 together. Of a text, `~` and `matches` look at the first 8,192 UTF-16 units: they do not find the end of a longer one.
 *
 * To match takes the way to each value, and there `==` and `in` O(1), `contains` O(text), `~` and `matches` O(text) for most and
 * O(text × positions) at worst: no pattern takes longer for any text.
 *
 * @param text The expression.
 * @returns The condition.
 * @throws {RangeError} If it cannot be read or goes beyond a bound: names the column, what was expected there and what was found.
 *
 * @example Choosing events
 * ```ts
 * import { parseWhere } from "@weir/weir/tap";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const where = parseWhere('status >= 500 and path ~ "/api/*" and not (tags == healthcheck)');
 * assert(where.matches({ status: 503, path: "/api/notes", tags: ["canary"] }));
 * assertFalse(where.matches({ status: 503, path: "/api/notes", tags: ["healthcheck"] }));
 * assertFalse(where.matches("not an object"));
 * ```
 */
export function parseWhere(text: string): Where {
  const { test, paths, readsText } = new WhereParser(text).read();
  return new ParsedWhere(text, paths, readsText, test);
}

class ParsedWhere implements Where {
  readonly text: string;
  readonly paths: readonly (readonly string[])[];
  readonly readsText: boolean;
  readonly #test: Test;

  constructor(
    text: string,
    paths: readonly (readonly string[])[],
    readsText: boolean,
    test: Test,
  ) {
    this.text = text;
    this.paths = paths;
    this.readsText = readsText;
    this.#test = test;
  }

  matches(value: unknown): boolean {
    const outer = asking.nesting;
    if (outer === 0) asking.work = 0;
    asking.nesting = outer + 1;
    try {
      return this.#test(value);
    } catch {
      return false;
    } finally {
      asking.nesting = outer;
    }
  }
}
