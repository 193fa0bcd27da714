import { matchSubject, refusal } from "../internal/mod.ts";

/** The tree of tokens is gone through by calls that call each other. */
const MAX_TOKENS = 256;

/**
 * The type of the subjects that a pattern can match, as far as TypeScript can say it: each wildcard is any text, and so is a pattern that it
 * does not know to the letter.
 *
 * @typeParam P The pattern.
 */
export type SubjectText<P extends string> = Record<never, never> extends Record<P, unknown> ? string
  : P extends `${infer Token}.${infer Rest}` ? `${SubjectText<Token>}.${SubjectText<Rest>}`
  : P extends "*" | ">" ? string
  : P;

/**
 * A pattern of subjects, made by {@linkcode subject}: what a {@linkcode Match} can ask of a field besides values.
 *
 * @typeParam P The pattern.
 */
export class SubjectPattern<out P extends string = string> {
  /** The pattern: tokens with dots between them, of which `*` stands for any one, and `>`, which comes last, for one or more. */
  readonly pattern: P;
  readonly #matches: (subject: string) => boolean;

  /**
   * Makes a pattern.
   *
   * @param pattern The pattern.
   * @throws {TypeError} If the pattern is empty or has an empty token, or if `>` is not its last token.
   * @throws {RangeError} If it has more than 256 tokens.
   */
  constructor(pattern: P) {
    this.#matches = matchSubject(pattern);
    const tokens = pattern.split(".").length;
    if (tokens > MAX_TOKENS) {
      const requirement = `pattern must have at most ${MAX_TOKENS} tokens`;
      throw new RangeError(refusal("match subjects", requirement, tokens));
    }
    this.pattern = pattern;
  }

  /**
   * Whether a subject matches. O(length of the subject).
   *
   * @param subject The subject.
   */
  matches(subject: string): boolean {
    return this.#matches(subject);
  }
}

/**
 * Makes a pattern of subjects for a {@linkcode Match}, as NATS has them: the token `*` stands for any one token, and `>`, which comes last,
 * for one or more.
 *
 * Patterns are indexed: those that do not match cost a publish nothing, however many there are.
 *
 * @typeParam P The pattern, from which the type of what matches is narrowed.
 * @param pattern Tokens with dots between them.
 * @returns The pattern.
 * @throws {TypeError} If the pattern is empty or has an empty token, or if `>` is not its last token.
 * @throws {RangeError} If it has more than 256 tokens.
 *
 * @example Listening to some subjects
 * ```ts
 * import { Bus, subject } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * const bus = new Bus<{ topic: string; id: number }>();
 * const seen: number[] = [];
 * bus.on({ topic: subject("orders.*.created") }, ({ id }) => seen.push(id));
 * bus.publish({ topic: "orders.eu.created", id: 1 });
 * bus.publish({ topic: "orders.eu.paid", id: 2 });
 * assertEquals(seen, [1]);
 * ```
 */
export function subject<const P extends string>(pattern: P): SubjectPattern<P> {
  return new SubjectPattern(pattern);
}
