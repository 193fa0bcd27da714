/**
 * What a case is: one question about speed, asked of several contestants, each of which must give the right answer. Most cases ask for
 * the time that an item takes, within one thread; some ask for other figures, such as what gets through between two processes.
 *
 * @module
 */
import type { RuntimeName } from "./runtimes.ts";

/** What a contestant received: counts, and digests where order is promised. */
export type Answer = Readonly<Record<string, number>>;

/** One run over all items of a case. It answers what was received, so that nothing of it can be optimised away. */
export type Run = () => Answer | Promise<Answer>;

/** A run that uses up its input, which is made anew, untimed, before each run. */
export interface PreparedRun<I = unknown> {
  /** Makes the input of one run. */
  readonly prepare: () => I;
  /** Uses it. Only this is timed. */
  readonly run: (input: I) => Answer | Promise<Answer>;
}

/** One way of doing what the case asks for. */
export interface Contestant {
  /** Its name in the table. */
  readonly name: string;
  /**
   * Imports what it needs and answers what to run. It is called in a process of its own. What it cannot import makes the contestant
   * "not available here", with the message of the error.
   */
  readonly load: () => Run | PreparedRun | Promise<Run | PreparedRun>;
}

/** A contestant to compare the others with. */
export interface Reference {
  /** Its name. */
  readonly peer: string;
  /**
   * The budget: the most that the first contestant's time may be of the peer's, on both runtimes or on each of those that are named. Without it,
   * the ratio is for information.
   */
  readonly limit?: number | Readonly<Partial<Record<RuntimeName, number>>>;
}

/** One question. */
export interface Case {
  /** The module, a slash, and a name. */
  readonly id: string;
  /** What is done, in one line, and what is one item. */
  readonly title: string;
  /** Items in one run; times are given per item. */
  readonly items: number;
  /** The right answer of one run. */
  readonly answer: Answer;
  /** What to compare with. */
  readonly references: readonly Reference[];
  /** Who takes part; the first one is ours, and the one that budgets judge. */
  readonly contestants: readonly Contestant[];
}

/** The one figure of a {@linkcode Case}. */
export const nsPerItem = "ns/item";

/** What else can be measured than a time per item: one column of a table. */
export interface Figure {
  /** Its name, with its unit. */
  readonly name: string;
  /** How many digits it has behind the point. */
  readonly digits: number;
  /** The budget: the least that it may be for the first contestant. */
  readonly least?: number;
  /** The budget: the most that it may be for the first contestant. */
  readonly most?: number;
}

/** What a contestant has measured, by the names of the figures. */
export type Figures = Readonly<Record<string, number>>;

/** One way of doing what a {@linkcode FigureCase} asks for. */
export interface FigureContestant {
  /** Its name in the table. */
  readonly name: string;
  /**
   * Measures itself, for about `ms` milliseconds a figure, once it is warm. It is called once, in a process of its own, and checks what it
   * receives: it throws a {@linkcode WrongAnswerError} for what is not right, and an {@linkcode UnavailableError} for what it cannot do
   * here.
   */
  readonly measure: (ms: number) => Promise<Figures>;
}

/** One question that a time per item does not answer. */
export interface FigureCase {
  /** The module, a slash, and a name. */
  readonly id: string;
  /** What is done, in one line. */
  readonly title: string;
  /** What is measured. The first one is the one whose rounds are shown. */
  readonly figures: readonly Figure[];
  /** Who takes part; the first one is ours, and the one that budgets judge. */
  readonly contestants: readonly FigureContestant[];
}

/** A case of either kind. */
export type AnyCase = Case | FigureCase;

/** Says that a contestant received something else than it should have. */
export class WrongAnswerError extends Error {
  override readonly name = "WrongAnswerError";
}

/** Says that a contestant needs something that is not here. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

/**
 * Lets a run and its input have a type of their own.
 *
 * @typeParam I The type of the input.
 * @param prepare Makes the input of one run.
 * @param run Uses it.
 * @returns Both.
 */
export function prepared<I>(
  prepare: () => I,
  run: (input: I) => Answer | Promise<Answer>,
): PreparedRun {
  return { prepare, run: run as (input: unknown) => Answer | Promise<Answer> };
}

/**
 * Adds a value to a digest that depends on every value and on their order.
 *
 * It is cheap enough for a timed loop: small integers in, a small integer out, on every engine.
 *
 * @param digest The digest of the values before; 0 at the start.
 * @param value The next value, an integer.
 * @returns The digest with the value.
 */
export function mix(digest: number, value: number): number {
  return (Math.imul(digest, 31) + value) & 0x3fff_ffff;
}

/**
 * What must be received when all of `values` arrive once and in order.
 *
 * @param values What is sent.
 * @returns Their count and digest.
 */
export function inOrder(values: readonly number[]): { count: number; digest: number } {
  return { count: values.length, digest: values.reduce(mix, 0) };
}

/**
 * The whole numbers from 0.
 *
 * @param count How many.
 * @returns An array of small integers, so that contestants are measured and not the conversion of numbers.
 */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
