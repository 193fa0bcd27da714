import { checkFunction, checkInteger, refusal } from "../internal/mod.ts";
import { isId } from "./_hex.ts";

/** Throws unless `value` is a number of at least 0; `Infinity` is one. */
export function checkLength(action: string, name: string, value: unknown): void {
  if (typeof value === "number" && value >= 0) return;
  throw new RangeError(refusal(action, `${name} must be a number of at least 0`, value));
}

/** Throws unless `value` is a finite number of at least 0. */
export function checkDuration(action: string, name: string, value: unknown): void {
  checkFinite(action, name, value);
  checkLength(action, name, value);
}

/** Answers a finite number. Throws if `value` is none. */
export function checkFinite(action: string, name: string, value: unknown): number {
  if (Number.isFinite(value)) return value as number;
  throw new RangeError(refusal(action, `${name} must be a finite number`, value));
}

/** The latest time that a `Date` can be, in milliseconds since 1970. */
const MAX_TIME = 8.64e15;

/** Throws unless `value` is a time: milliseconds since 1970. */
export function checkTime(action: string, name: string, value: unknown): void {
  if (typeof value === "number" && Math.abs(value) <= MAX_TIME) return;
  const requirement = `${name} must be milliseconds since 1970`;
  throw new RangeError(refusal(action, requirement, value));
}

/** Throws unless `value` is a number from 0 to 1. */
export function checkChance(action: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value <= 1) return;
  throw new RangeError(refusal(action, "chance must be a number from 0 to 1", value));
}

/** Throws unless `value` says how many: a positive integer, or `Infinity`. */
export function checkLimit(action: string, value: number): void {
  if (value !== Infinity) checkInteger(action, "limit", value, 1);
}

/** Throws unless `value` is a text. */
export function checkText(action: string, name: string, value: unknown): void {
  if (typeof value === "string") return;
  throw new TypeError(refusal(action, `${name} must be a string`, value));
}

/** The longest array that is taken from elsewhere. */
export const MAX_LIST = 65_536;

/** Whether a value is an array that can be gone through. The length of a clone may be anything, with nothing in it. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= MAX_LIST;
}

/** Throws unless `value` is an object. */
export function checkObject(action: string, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(refusal(action, `${name} must be an object`, value));
}

/** Throws unless `value` is so many small hexadecimal digits, not all of them 0. */
export function checkId(action: string, name: string, value: unknown, digits: number): void {
  if (isId(value, digits)) return;
  const requirement = `${name} must be ${digits} small hexadecimal digits, not all of them 0`;
  throw new TypeError(refusal(action, requirement, value));
}

/** Throws unless `value` is one of some texts. */
export function checkOneOf(
  action: string,
  name: string,
  allowed: readonly string[],
  value: unknown,
): void {
  if (allowed.includes(value as string)) return;
  throw new TypeError(refusal(action, `${name} must be one of ${allowed.join(", ")}`, value));
}

/** Throws unless `value` is a function, or not there. */
export function checkOptionalFunction(action: string, name: string, value: unknown): void {
  if (value !== undefined) checkFunction(action, name, value);
}
