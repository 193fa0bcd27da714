/** Nanoseconds of a millisecond. */
export const NS_PER_MS = 1e6;

/** Whole nanoseconds, as many as can be told apart. */
export function nanoseconds(ms: number): number {
  return Math.min(Math.round(ms * NS_PER_MS), Number.MAX_SAFE_INTEGER);
}
