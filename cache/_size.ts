/** What an object, a number or a name takes, about. */
const PART_BYTES = 32;
/** How deep a span goes: its events, their fields, and the values of those. */
const MAX_DEPTH = 4;

/** About how many bytes it takes to hold what has come from elsewhere, whatever that is. It costs O(parts of it). */
export function sizeOfInput(value: unknown, depth = 0): number {
  if (typeof value === "string") return PART_BYTES + value.length * 2;
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return PART_BYTES;
  let bytes = PART_BYTES;
  try {
    for (const key in value) {
      bytes += PART_BYTES + sizeOfInput((value as Record<string, unknown>)[key], depth + 1);
    }
  } catch {
    // It will be refused when it is read.
  }
  return bytes;
}
