const DIGITS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** A word as 8 hexadecimal digits. */
export function hexOf(word: number): string {
  return DIGITS[word >>> 24]! + DIGITS[word >>> 16 & 0xff]! + DIGITS[word >>> 8 & 0xff]! +
    DIGITS[word & 0xff]!;
}

/** The word that 8 small hexadecimal digits from a place in a text make. */
export function wordAt(text: string, at: number): number {
  let word = 0;
  for (let digit = 0; digit < 8; digit++) word = word << 4 | digitOf(text.charCodeAt(at + digit));
  return word >>> 0;
}

/** Whether a text is so many small hexadecimal digits, not all of them 0: what W3C Trace Context takes for an id. */
export function isId(text: unknown, digits: number): text is string {
  if (typeof text !== "string" || text.length !== digits) return false;
  let all = 0;
  for (let at = 0; at < digits; at++) {
    const digit = digitOf(text.charCodeAt(at));
    if (digit < 0) return false;
    all |= digit;
  }
  return all !== 0;
}

/** What a digit stands for; -1 if it is none. */
function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
