import { attempt } from "./_attempt.ts";

/** What an object, a number or a name takes, about. */
const PART_BYTES = 32;
/** How deep a span goes: its events, their fields, and the values of those. */
const MAX_DEPTH = 4;
/** The most parts that are looked at: what has more is too large, or is the same part again and again, as a clone can be. */
const MAX_PARTS = 65_536;

/** About how many bytes it takes to hold what has come from elsewhere, whatever that is; more than any bound if it has too many parts. */
export function sizeOfInput(input: unknown): number {
  let left = MAX_PARTS;
  const sizeOf = (value: unknown, depth: number): number => {
    if (--left < 0) return 0;
    if (typeof value === "string") return PART_BYTES + value.length * 2;
    let bytes = PART_BYTES;
    if (typeof value !== "object" || depth > MAX_DEPTH) return bytes;
    for (const key in value) {
      if (left < 0) break;
      bytes += PART_BYTES + sizeOf((value as Record<string, unknown>)[key], depth + 1);
    }
    return bytes;
  };
  // If a getter throws, it will be refused when it is read.
  const bytes = attempt(() => sizeOf(input, 0)) ?? PART_BYTES;
  return left < 0 ? Number.MAX_SAFE_INTEGER : bytes;
}
