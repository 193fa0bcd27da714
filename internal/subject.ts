import { refusal } from "./refusal.ts";

// Codes of the characters that mean something in a subject.
const DOT = 46;
const STAR = 42;
const REST = 62;

/**
 * Whether a text can be the subject of something that is published: tokens with dots between them, none of them empty, and none of them one of
 * the wildcards `*` and `>`. Within a longer token both are letters like others.
 *
 * @param text The text.
 *
 * @example Telling a subject from a pattern
 * ```ts
 * import { isSubject } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["orders.created", "orders..created", "orders.*"].map(isSubject), [true, false, false]);
 * ```
 */
export function isSubject(text: string): boolean {
  if (typeof text !== "string") return false;
  // Where the token began that is being read.
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text.charCodeAt(at) !== DOT) continue;
    if (at === start || (at === start + 1 && isWildcard(text.charCodeAt(start)))) return false;
    start = at + 1;
  }
  return true;
}

/**
 * Compiles a pattern of subjects, as NATS has them: the token `*` stands for any one token, and `>`, which comes last, for one or more.
 *
 * A match costs O(length of the subject), whatever the pattern.
 *
 * @param pattern The pattern; a subject without wildcards matches itself only.
 * @returns What tells whether a subject matches. Empty tokens match nothing.
 * @throws {TypeError} If the pattern is empty or has an empty token, or if `>` is not its last token.
 *
 * @example Matching subjects
 * ```ts
 * import { matchSubject } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * const isCreated = matchSubject("orders.*.created");
 * assertEquals(isCreated("orders.7.created"), true);
 * assertEquals(isCreated("orders.7.item.created"), false);
 *
 * const isOfOrders = matchSubject("orders.>");
 * assertEquals(isOfOrders("orders.7.item.created"), true);
 * assertEquals(isOfOrders("orders"), false);
 * ```
 */
export function matchSubject(pattern: string): (subject: string) => boolean {
  const tokens = typeof pattern === "string" ? pattern.split(".") : [];
  if (tokens.length === 0 || tokens.some((token) => token === "")) {
    throw new TypeError(
      refusal("match subjects", "pattern must be tokens with dots between them", pattern),
    );
  }
  const rest = tokens.indexOf(">");
  if (rest !== -1 && rest !== tokens.length - 1) {
    throw new TypeError(refusal("match subjects", '">" must be the last token', pattern));
  }
  if (isSubject(pattern)) return (subject) => subject === pattern;
  return (subject) => matches(tokens, subject);
}

function isWildcard(code: number): boolean {
  return code === STAR || code === REST;
}

/** Goes through both once: a wildcard takes one token, or what is left, so there is never a second way to match. */
function matches(tokens: readonly string[], subject: string): boolean {
  let start = 0;
  let index = 0;
  while (start <= subject.length) {
    const token = tokens[index++];
    if (token === undefined) return false;
    const dot = subject.indexOf(".", start);
    const end = dot === -1 ? subject.length : dot;
    if (end === start) return false;
    if (token === ">") return hasNoEmptyToken(subject, end);
    const isEqual = token === "*" ||
      (token.length === end - start && subject.startsWith(token, start));
    if (!isEqual) return false;
    start = end + 1;
  }
  return index === tokens.length;
}

/** Whether no token after a position, where a token ends, is empty. */
function hasNoEmptyToken(subject: string, from: number): boolean {
  return !subject.includes("..", from) && !subject.endsWith(".");
}
