/** How a stage's values are written: text lines as they are, or each value as JSON. */
export type TapFormat = "text" | "json";

/**
 * Writes one value as exactly one line, without its end.
 *
 * Text stays as it is, unless that would not be one visible line: text with a line break in it, or blank, is written as a JSON string.
 *
 * @throws What `JSON.stringify` or a `toJSON` throws.
 */
export function toLine(value: unknown, format: TapFormat): string {
  if (format === "text" && typeof value === "string" && /\S/.test(value) && !/[\n\r]/.test(value)) {
    return value;
  }
  // Functions, symbols and undefined have no JSON; inside an array JSON writes null for them too.
  return JSON.stringify(value) ?? "null";
}
