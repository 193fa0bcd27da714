import { subject, type UnknownFieldMatch, type UnknownMatch } from "../../bus/mod.ts";
import type { Random } from "../_random.ts";

/** Whether a subject matches a pattern: by a regular expression, as nothing in the bus does it. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const tokens = pattern.split(".");
  if (!tokens.some((token) => token === "*" || token === ">")) return subject === pattern;
  const parts = tokens.map((token) =>
    token === "*"
      ? "[^.]+"
      : token === ">"
      ? "[^.]+(?:\\.[^.]+)*"
      : token.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")
  );
  return new RegExp(`^${parts.join("\\.")}$`).test(subject);
}

/** Whether an event is what a match asks for: field by field, with no thought of cost. */
export function matches(match: UnknownMatch, event: unknown): boolean {
  return Object.entries(match).every(([field, asked]) => {
    const value = event === undefined || event === null
      ? undefined
      : (event as Record<string, unknown>)[field];
    if (Array.isArray(asked)) return asked.some((one) => isMet(one, value));
    const isNested = typeof asked === "object" && asked !== null &&
      Object.getPrototypeOf(asked) === Object.prototype;
    return isNested ? matches(asked as UnknownMatch, value) : isMet(asked, value);
  });
}

function isMet(alternative: UnknownFieldMatch, value: unknown): boolean {
  if (typeof alternative === "object" && alternative !== null) {
    const { pattern } = alternative as { pattern: string };
    return typeof value === "string" && subjectMatches(pattern, value);
  }
  return alternative === value || (Number.isNaN(alternative) && Number.isNaN(value));
}

/** A symbol that events and matches share. */
export const SYMBOL: unique symbol = Symbol("shared");

const VALUES = ["a", "b", "c", "x.y", 1, 0, -0, NaN, null, true, false, 5n, SYMBOL, ""] as const;
const TOKENS: readonly string[] = ["x", "y", "z", "😀"];
const ODD_SUBJECTS = ["", ".", "x.", ".x", "x..y", "*", ">", "x.*", "x.>", "*.y", "x>", "x.**"];

/** A subject of few tokens, some of which are odd. */
export function randomSubject(random: Random): string {
  if (random.below(6) === 0) return random.pick(ODD_SUBJECTS);
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(TOKENS)).join(".");
}

/** A pattern of few tokens, most of which have a wildcard. */
export function randomPattern(random: Random): string {
  const tokens = Array.from(
    { length: 1 + random.below(3) },
    () => random.below(3) === 0 ? "*" : random.pick(TOKENS),
  );
  if (random.below(3) === 0) tokens.push(">");
  return tokens.join(".");
}

/** What may stand in a field. */
export function randomValue(random: Random): unknown {
  const kind = random.below(8);
  if (kind === 0) return undefined;
  return kind < 5 ? randomSubject(random) : random.pick(VALUES);
}

/** An event with some of the fields `type`, `topic` and `deep`, the last of which may hold as much once more. */
export function randomFields(random: Random, depth = 0): Record<string, unknown> {
  const event: Record<string, unknown> = {};
  if (random.below(5) > 0) event.type = randomValue(random);
  if (random.below(5) > 0) event.topic = randomValue(random);
  if (random.below(4) > 0) {
    event.deep = depth < 2 && random.below(3) > 0
      ? randomFields(random, depth + 1)
      : randomValue(random);
  }
  return event;
}

/** A match of those fields, which every kind of match is in. */
export function randomMatch(random: Random, depth = 0): UnknownMatch {
  const match: Record<string, UnknownFieldMatch> = {};
  const one = (): UnknownFieldMatch =>
    random.below(2) === 0
      ? subject(randomPattern(random))
      : random.below(3) === 0
      ? randomSubject(random)
      : random.pick(VALUES);
  const field = (): UnknownFieldMatch =>
    random.below(3) === 0
      ? Array.from({ length: 1 + random.below(4) }, one) as UnknownFieldMatch
      : one();
  if (random.below(2) === 0) match.type = field();
  if (random.below(2) === 0) match.topic = field();
  if (random.below(3) === 0) {
    const nested = depth < 2 ? randomMatch(random, depth + 1) : {};
    match.deep = Object.keys(nested).length > 0 ? nested : field();
  }
  return match;
}
