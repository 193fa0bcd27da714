import { checkInteger } from "./_refusal.ts";

/** Options of {@linkcode lines}. */
export interface LinesOptions {
  /**
   * The longest line, in UTF-16 code units. What goes beyond it is left out, so that input without line ends stays bounded.
   *
   * @default {1_048_576}
   */
  readonly maxLength?: number | undefined;
  /** Called for every line that was cut, before the cut line is given out. */
  readonly onCut?: (() => void) | undefined;
}

/**
 * Splits a stream of UTF-8 bytes into lines, without their ends (`\n` or `\r\n`). What follows the last line end is a line too, if it
 * is not empty. Bytes that are not UTF-8 become U+FFFD.
 *
 * Holds at most one chunk and one line. Leaving the loop calls the source's `return()`.
 *
 * @param source The bytes, in chunks of any size.
 * @param options The bound of a line.
 * @returns The lines, each once its end has come.
 * @throws {RangeError} At the first `next()`, if `maxLength` is not a positive integer.
 *
 * @example Reading lines of a response
 * ```ts
 * import { lines } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const response = new Response("one\r\ntwo\n\nfour");
 * assertEquals(await Array.fromAsync(lines(response.body!)), ["one", "two", "", "four"]);
 * ```
 */
export async function* lines(
  source: AsyncIterable<Uint8Array>,
  options: LinesOptions = {},
): AsyncGenerator<string, void> {
  const { maxLength = 1_048_576, onCut } = options;
  checkInteger("split lines", "maxLength", maxLength, 1);
  const decoder = new TextDecoder();
  let line = "";
  let isCut = false;

  const add = (text: string): void => {
    // A carriage return may still turn out to belong to the line's end, and then it does not count.
    const room = maxLength + (text.endsWith("\r") ? 1 : 0) - line.length;
    isCut ||= text.length > room;
    if (room > 0) line += text.slice(0, room);
  };
  const end = (): string => {
    const ended = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (isCut) onCut?.();
    line = "";
    isCut = false;
    return ended;
  };

  for await (const chunk of source) {
    const parts = decoder.decode(chunk, { stream: true }).split("\n");
    const last = parts.pop()!;
    for (const part of parts) {
      add(part);
      yield end();
    }
    add(last);
  }
  add(decoder.decode());
  if (line !== "" || isCut) yield end();
}
