import { refusal } from "../internal/mod.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a duration as people write it: numbers with units, `ms`, `s`, `m` or `h`, one after another.
 *
 * @param text Such as `"30s"`, `"1m30s"`, `"1.5h"` or `"250ms"`.
 * @returns Milliseconds.
 * @throws {RangeError} If the text is not a duration.
 *
 * @example Reading a duration
 * ```ts
 * import { parseDuration } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseDuration("1m30s"), 90_000);
 * ```
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?\s*(?:ms|s|m|h)\s*)+$/.test(trimmed)) {
    throw new RangeError(refusal("read duration", 'it must look like "30s" or "1m30s"', text));
  }
  let total = 0;
  for (const [, count, unit] of trimmed.matchAll(/([\d.]+)\s*(ms|s|m|h)/g)) {
    total += Number(count) * UNIT_MS[unit!]!;
  }
  return total;
}

/**
 * Writes a duration in the largest units that say it exactly, rounded to a millisecond.
 *
 * @param ms Milliseconds, not negative.
 * @returns Such as `"1m30s"`.
 * @throws {RangeError} If `ms` is not a non-negative number.
 *
 * @example Writing a duration
 * ```ts
 * import { formatDuration } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatDuration(90_000), "1m30s");
 * ```
 */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) {
    throw new RangeError(refusal("write duration", "ms must be a non-negative number", ms));
  }
  let rest = Math.round(ms);
  let text = "";
  for (const unit of ["h", "m", "s", "ms"]) {
    const count = Math.floor(rest / UNIT_MS[unit]!);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNIT_MS[unit]!;
  }
  return text || "0ms";
}
