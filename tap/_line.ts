import type { TapFormat } from "./options.ts";

/**
 * Whether a value of a stage stays as it is: a text at a stage of text that is one visible line. Text with a line break in it, or blank, is
 * written as a JSON string.
 */
export function isPlainLine(value: unknown, format: TapFormat): value is string {
  return format === "text" && typeof value === "string" && /\S/.test(value) &&
    !/[\n\r]/.test(value);
}

/**
 * Writes one value as exactly one line of JSON, without its end.
 *
 * @throws What `JSON.stringify` or a `toJSON` throws.
 */
export function jsonLine(value: unknown): string {
  // Functions, symbols and undefined have no JSON; inside an array JSON writes null for them too.
  return JSON.stringify(value) ?? "null";
}

/** How many bytes a text takes as UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    if (code < 0x800) bytes++;
    else if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(at + 1))) {
      // Four bytes for the two units of a pair.
      bytes += 2;
      at++;
    } else bytes += 2;
  }
  return bytes;
}

/** Whether a text takes more bytes as UTF-8; most are short enough to see that at once. */
export function isLonger(text: string, maxBytes: number): boolean {
  return 3 * text.length > maxBytes && utf8Length(text) > maxBytes;
}

/** What is left of a line that is too long: its beginning, in a mark that says how long it was. */
export function cutLine(line: string, maxBytes: number): string {
  const bytes = utf8Length(line);
  const room = maxBytes - `{"weir_truncated":{"bytes":${bytes},"text":}}`.length;
  let units = Math.max(0, Math.min(line.length, room - 2));
  for (;;) {
    // Half of a pair is no character.
    const end = units > 0 && isHighSurrogate(line.charCodeAt(units - 1)) ? units - 1 : units;
    const text = JSON.stringify(line.slice(0, end));
    const over = utf8Length(text) - room;
    if (over <= 0 || units === 0) return `{"weir_truncated":{"bytes":${bytes},"text":${text}}}`;
    // What is escaped or not of this alphabet takes up to six bytes a unit.
    units = Math.max(0, units - Math.max(1, Math.ceil(over / 6)));
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}
