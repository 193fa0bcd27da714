const DIGITS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** A word as 8 hexadecimal digits. */
export function hexOf(word: number): string {
  return DIGITS[word >>> 24]! + DIGITS[word >>> 16 & 0xff]! + DIGITS[word >>> 8 & 0xff]! +
    DIGITS[word & 0xff]!;
}

/** The word that 8 hexadecimal digits from a place in a text make. */
export function wordAt(text: string, at: number): number {
  return Number.parseInt(text.slice(at, at + 8), 16);
}

/** Whether a text is so many small hexadecimal digits, not all of them 0: what W3C Trace Context takes for an id. */
export function isId(text: unknown, digits: number): text is string {
  return typeof text === "string" && text.length === digits && /^[0-9a-f]+$/.test(text) &&
    !/^0+$/.test(text);
}
