import { checkInteger } from "../internal/mod.ts";

/** Options of {@linkcode lines}. */
export interface LinesOptions {
  /**
   * The longest line, in bytes. What goes beyond it is left out, so that input without line ends stays bounded.
   *
   * @default {1_048_576}
   */
  readonly maxBytes?: number | undefined;
  /** Called for every line that was cut, before the cut line is given out. What it throws ends the reading. */
  readonly onCut?: (() => void) | undefined;
}

const NEWLINE = 10;
const RETURN = 13;

/**
 * Splits a stream of UTF-8 bytes into lines, without their ends (`\n` or `\r\n`). What follows the last line end is a line too, if it
 * is not empty. Bytes that are not UTF-8 become U+FFFD, and a byte order mark at the beginning is left out.
 *
 * Holds at most one chunk and one line; a line that is kept does not keep the chunk it came in. Leaving the loop calls the source's
 * `return()`.
 *
 * @param source The bytes, in chunks of any size.
 * @param options The bound of a line.
 * @returns The lines, each once its end has come.
 * @throws {RangeError} At the first `next()`, if `maxBytes` is not a positive integer.
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
  const { maxBytes = 1_048_576, onCut } = options;
  checkInteger("split lines", "maxBytes", maxBytes, 1);
  // The beginning of a line whose end has not come. One byte more than a line may have: it may be the end's carriage return.
  const held = new GrowingBytes(maxBytes + 1);
  let isFirst = true;

  const decode = (bytes: Uint8Array): string => {
    const isReturn = bytes.at(-1) === RETURN;
    const ended = isReturn ? bytes.subarray(0, -1) : bytes;
    const isCut = ended.length > maxBytes || held.overflowed;
    if (isCut) onCut?.();
    // Each line is decoded by itself: a piece of a longer string would keep the whole of it in memory. What a cut has left of a
    // character is left out.
    const decoder = new TextDecoder("utf-8", { ignoreBOM: !isFirst });
    isFirst = false;
    return decoder.decode(isCut ? ended.subarray(0, maxBytes) : ended, { stream: isCut });
  };

  for await (const given of source) {
    // Node gives out buffers where its types say otherwise.
    const chunk = given instanceof Uint8Array ? given : new Uint8Array(given);
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      const part = chunk.subarray(start, end);
      if (held.length === 0) yield decode(part);
      else {
        held.add(part);
        const line = decode(held.bytes);
        held.clear();
        yield line;
      }
    }
    held.add(chunk.subarray(start));
  }
  if (held.length > 0) yield decode(held.bytes);
}

/** Bytes that are collected up to a bound; what goes beyond is left out, and remembered to have been. */
class GrowingBytes {
  readonly #max: number;
  #buffer = new Uint8Array(0);
  length = 0;
  overflowed = false;

  constructor(max: number) {
    this.#max = max;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  add(part: Uint8Array): void {
    const taken = part.subarray(0, this.#max - this.length);
    if (taken.length < part.length) this.overflowed = true;
    if (this.length + taken.length > this.#buffer.length) {
      const size = Math.min(this.#max, Math.max(1_024, 2 * (this.length + taken.length)));
      const grown = new Uint8Array(size);
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(taken, this.length);
    this.length += taken.length;
  }

  clear(): void {
    this.length = 0;
    this.overflowed = false;
    // One long line must not hold its memory for ever.
    if (this.#buffer.length > 65_536) this.#buffer = new Uint8Array(0);
  }
}
