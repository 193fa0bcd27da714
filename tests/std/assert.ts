/**
 * Stand-in for `@std/assert` 1.0.19, for networks that do not reach JSR.
 *
 * Same names, same signatures, same verdicts and return values as the real package; only the wording of messages differs. The
 * caller's `msg` is always part of the message. `assert_test.ts` passes with both.
 *
 * @module
 */

import { AssertionError as PlatformError, deepStrictEqual } from "node:assert/strict";
import { inspect, stripVTControlCharacters } from "node:util";
import { equal, project } from "./_equal.ts";

export { equal };

/** Values that `assertFalse` lets through. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** Anything with a length and indices, but not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

// The real package has `any` here too: `never` would refuse a constructor with a rest parameter of tuples.
// deno-lint-ignore no-explicit-any
type Constructor<T> = abstract new (...args: any[]) => T;

/** Thrown by every failing assertion of this module. */
export class AssertionError extends Error {
  /** Creates the error with the given message and, in `options`, a cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

function show(value: unknown): string {
  return inspect(value, { depth: 10, sorted: true });
}

function failed(what: string, msg?: string): never {
  throw new AssertionError(msg ? `${what}: ${msg}` : what);
}

/** A diff where the platform sees a difference too, both values otherwise (it ignores what `equal` does not, and vice versa). */
function difference(actual: unknown, expected: unknown): string {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    if (error instanceof PlatformError) return error.message;
  }
  return `actual: ${show(actual)}\nexpected: ${show(expected)}`;
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Fails always. */
export function fail(msg?: string): never {
  failed("Failed", msg);
}

/** Fails always: marks code that must not run. */
export function unreachable(msg?: string): never {
  failed("Reached unreachable code", msg);
}

/** Fails always: marks code that is still to be written. */
export function unimplemented(msg?: string): never {
  failed("Not implemented", msg);
}

/** Fails unless the two values are deeply equal, see {@linkcode equal}. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) {
    throw new AssertionError(`${msg ? `${msg}\n` : ""}${difference(actual, expected)}`);
  }
}

/** Fails when the two values are deeply equal, see {@linkcode equal}. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) failed(`Both values are ${show(actual)}`, msg);
}

/** Fails unless the two values are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (!Object.is(actual, expected)) {
    failed(`Not the same value: ${show(actual)} and ${show(expected)}`, msg);
  }
}

/** Fails when the two values are the same by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) failed(`The very same value: ${show(actual)}`, msg);
}

/** Fails when the value is `null` or `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === null || actual === undefined) failed(`Missing value: ${actual}`, msg);
}

/** Fails unless `actual instanceof expectedType`. */
export function assertInstanceOf<T extends Constructor<unknown>>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (!(actual instanceof expectedType)) {
    failed(`Not an instance of ${expectedType.name}: ${show(actual)}`, msg);
  }
}

/** Fails when `actual instanceof unexpectedType`. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: Constructor<T>,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (actual instanceof unexpectedType) {
    failed(`An instance of ${unexpectedType.name}: ${show(actual)}`, msg);
  }
}

/** Fails unless the pattern matches the text. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) failed(`${show(actual)} does not match ${expected}`, msg);
}

/** Fails when the pattern matches the text. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) failed(`${show(actual)} matches ${expected}`, msg);
}

/** Fails unless the text contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) failed(`${show(actual)} lacks ${show(expected)}`, msg);
}

/** Fails unless each value of `expected` is deeply equal to one of `actual`, in any order. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const pool = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !pool.some((value) => equal(item, value)));
  if (missing.length > 0) failed(`${show(actual)} lacks ${show(missing)}`, msg);
}

/** Fails unless the parts of `actual` that `expected` names are deeply equal to it. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- `unknown` would refuse interfaces, which have no index signature
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(project(actual, expected), project(expected, expected), msg);
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) compared(actual, ">", expected, msg);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) compared(actual, ">=", expected, msg);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) compared(actual, "<", expected, msg);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) compared(actual, "<=", expected, msg);
}

// The four comparisons let the caller's message stand alone.
function compared(actual: unknown, sign: string, expected: unknown, msg?: string): never {
  throw new AssertionError(msg ?? `Not so: ${show(actual)} ${sign} ${show(expected)}`);
}

/** Fails unless the numbers are at most `tolerance` apart, by default a ten-millionth of `expected`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance: number = Number.isFinite(expected) ? Math.abs(expected) * 1e-7 : 1e-7,
  msg?: string,
): void {
  if (Object.is(actual, expected) || Math.abs(actual - expected) <= tolerance) return;
  failed(`${actual} is more than ${tolerance} away from ${expected}`, msg);
}

/** Fails unless `error` is an `Error`, of the given class and with the given text, ANSI codes aside, in its message. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: Constructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) failed(`Not an Error: ${show(error)}`, msg);
  if (ErrorClass && !(error instanceof ErrorClass)) {
    failed(`Not an instance of ${ErrorClass.name}: ${show(error)}`, msg);
  }
  if (!msgMatches) return;
  const message = stripVTControlCharacters(error.message);
  const fits = typeof msgMatches === "string"
    ? message.includes(stripVTControlCharacters(msgMatches))
    : msgMatches.test(message);
  if (!fits) failed(`The error's message ${show(message)} does not match ${show(msgMatches)}`, msg);
}

function isErrorClass(value: unknown): boolean {
  if (typeof value !== "function") return false;
  return value === Error || value.prototype instanceof Error;
}

/** Judges what was thrown against the arguments that followed `fn`, and gives it back. */
function judge(error: unknown, first: unknown, second?: string, third?: string): unknown {
  if (isErrorClass(first)) assertIsError(error, first as Constructor<Error>, second, third);
  return error;
}

/** Fails unless `fn` throws; returns what it threw, which without a class may be anything. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an error of the class and with the text; returns that error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Constructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  first?: Constructor<Error> | string,
  second?: string,
  third?: string,
): unknown {
  try {
    fn();
  } catch (error) {
    return judge(error, first, second, third);
  }
  failed("Nothing was thrown", typeof first === "string" ? first : third);
}

/** Fails unless the promise of `fn` rejects; returns the reason, which without a class may be anything. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Fails unless the promise of `fn` rejects with an error of the class and with the text; returns that error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Constructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  first?: Constructor<Error> | string,
  second?: string,
  third?: string,
): Promise<unknown> {
  const msg = typeof first === "string" ? first : third;
  let pending: unknown;
  try {
    pending = fn();
  } catch (error) {
    failed(`Thrown at once, not as a rejection: ${show(error)}`, msg);
  }
  if (!isThenable(pending)) failed(`Not a promise: ${show(pending)}`, msg);
  try {
    await pending;
  } catch (error) {
    return judge(error, first, second, third);
  }
  failed("Nothing was rejected", msg);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
