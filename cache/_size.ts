/** What an object, a number or a name takes, about. */
const PART_BYTES = 32;
/** How deep a span goes: its events, their fields, and the values of those. */
const MAX_DEPTH = 4;
/** The most parts that are looked at: what has more is too large, or is the same part again and again, as a clone can be. */
const MAX_PARTS = 65_536;
/** What is too large for any bound. */
const TOO_LARGE: number = Number.MAX_SAFE_INTEGER;

/** About how many bytes it takes to hold what has come from elsewhere, whatever that is. */
export function sizeOfInput(input: unknown): number {
  let parts = 0;
  const sizeOf = (value: unknown, depth: number): number => {
    if (++parts > MAX_PARTS) return 0;
    if (typeof value === "string") return PART_BYTES + value.length * 2;
    if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return PART_BYTES;
    let bytes = PART_BYTES;
    for (const key in value) {
      bytes += PART_BYTES + sizeOf((value as Record<string, unknown>)[key], depth + 1);
      if (parts > MAX_PARTS) break;
    }
    return bytes;
  };
  try {
    const bytes = sizeOf(input, 0);
    return parts > MAX_PARTS ? TOO_LARGE : bytes;
  } catch {
    // A getter has thrown: it will be refused when it is read.
    return PART_BYTES;
  }
}
