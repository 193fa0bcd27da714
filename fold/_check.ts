import { refusal, reportUncaught } from "../internal/mod.ts";

/** Throws unless `value` is a finite number of at least `least`. */
export function checkMs(action: string, name: string, value: number, least: number): void {
  if (typeof value === "number" && value >= least && value < Infinity) return;
  throw new RangeError(refusal(action, `${name} must be a number of at least ${least}`, value));
}

/** Throws unless `value` is a text that is not empty. */
export function checkText(action: string, name: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw new TypeError(refusal(action, `${name} must be a text that is not empty`, value));
}

/** Throws unless `value` is bytes. */
export function checkBytes(action: string, name: string, value: unknown): void {
  if (value instanceof Uint8Array) return;
  throw new TypeError(refusal(action, `${name} must be a Uint8Array`, value));
}

/** Throws unless `value` is an object. */
export function checkObject(action: string, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(refusal(action, `${name} must be an object`, value));
}

/** Tells of an error; what is thrown at that is reported as uncaught, and disturbs nobody. */
export function tellError(onError: ((error: unknown) => void) | undefined, error: unknown): void {
  try {
    onError?.(error);
  } catch (second) {
    reportUncaught(second);
  }
}
