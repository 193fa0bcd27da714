import { checkInteger, onAbort, refusal } from "../internal/mod.ts";
import { isLonger } from "./_line.ts";
import { lines } from "./lines.ts";

/** What a capture can be read from: its lines, its bytes, something that has them, or its whole text. */
export type ReplaySource =
  | string
  | Blob
  | Response
  | ReadableStream<Uint8Array>
  | AsyncIterable<string>
  | AsyncIterable<Uint8Array>
  | Iterable<string>;

/** One line of a capture. */
export interface SourceLine {
  /** Counts from 1. */
  readonly number: number;
  readonly text: string;
  /** Whether the capture ended before the line did. */
  readonly isTorn: boolean;
}

type Piece = string | Uint8Array;

/** An iterator of either kind, whose end can be asked for while a piece is awaited. */
interface Pieces {
  next(): Promise<IteratorResult<Piece>> | IteratorResult<Piece>;
  return?(value: undefined): unknown;
}

/** Reads the lines of a capture, and lets go of it when told to. */
export class ReplayLines {
  readonly #pieces: Pieces;
  readonly #maxBytes: number;
  readonly #signal: AbortSignal | undefined;
  #number = 0;
  #hasEnded = false;

  /** @throws {TypeError | RangeError} If there is nothing that could be read, or the bound is none. */
  constructor(source: ReplaySource, maxBytes: number, signal: AbortSignal | undefined) {
    checkInteger("replay capture", "maxBytes", maxBytes, 1);
    this.#pieces = piecesOf(source);
    this.#maxBytes = maxBytes;
    this.#signal = signal;
  }

  /**
   * Reads the lines, each when it is asked for.
   *
   * @throws {RangeError} If a line has more than its bound.
   * @throws Rejects with what the source fails with, and with the reason of the signal.
   */
  async *read(): AsyncGenerator<SourceLine, void> {
    const first = await this.#next();
    if (first.done) return;
    if (typeof first.value === "string") yield* this.#readLines(first.value);
    else yield* this.#readBytes(first.value);
  }

  /** Lets go of the source, if it has not ended. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      const closed = this.#pieces.return?.(undefined);
      // A source that hangs is left hanging.
      if (!this.#signal?.aborted) await closed;
      else Promise.resolve(closed).catch(() => {});
    } catch {
      // Why the reading ends is known, and is told.
    }
  }

  async *#readLines(first: string): AsyncGenerator<SourceLine, void> {
    for (let line: string | undefined = first; line !== undefined;) {
      const text = line.replace(/\r?\n$/, "");
      this.#number++;
      if (isLonger(text, this.#maxBytes)) this.#refuse(this.#number);
      yield { number: this.#number, text, isTorn: false };
      const { done, value }: IteratorResult<Piece> = await this.#next();
      if (!done && typeof value !== "string") this.#refuseMixture(value);
      line = done ? undefined : value as string;
    }
  }

  async *#readBytes(first: Uint8Array): AsyncGenerator<SourceLine, void> {
    // After all chunks, what has no end is given out.
    let isTorn = false;
    const chunks = async function* (this: ReplayLines): AsyncGenerator<Uint8Array, void> {
      for (let chunk: Uint8Array | undefined = first; chunk !== undefined;) {
        yield chunk;
        const { done, value }: IteratorResult<Piece> = await this.#next();
        if (!done && typeof value === "string") this.#refuseMixture(value);
        chunk = done ? undefined : value as Uint8Array;
      }
      isTorn = true;
    };
    const onCut = (): never => this.#refuse(this.#number + 1);
    for await (const text of lines(chunks.call(this), { maxBytes: this.#maxBytes, onCut })) {
      this.#number++;
      yield { number: this.#number, text, isTorn };
    }
  }

  async #next(): Promise<IteratorResult<Piece>> {
    try {
      const result = await abortable(this.#pieces.next(), this.#signal);
      this.#hasEnded = result.done === true;
      return result;
    } catch (error) {
      // What has failed is not to be told to end.
      this.#hasEnded = this.#signal?.aborted !== true;
      throw error;
    }
  }

  #refuse(line: number): never {
    throw new RangeError(
      `Cannot replay line ${line}: it must have at most ${this.#maxBytes} bytes`,
    );
  }

  #refuseMixture(value: Piece): never {
    throw new TypeError(refusal("replay capture", "it must be all bytes or all lines", value));
  }
}

/** What a promise or a value comes to, unless the signal aborts before. */
export function abortable<T>(
  value: PromiseLike<T> | T,
  signal: AbortSignal | undefined,
): PromiseLike<T> | T {
  if (signal === undefined) return value;
  if (signal.aborted) {
    Promise.resolve(value).catch(() => {});
    throw signal.reason;
  }
  return new Promise<T>((resolve, reject) => {
    const stopListening = onAbort(signal, reject);
    Promise.resolve(value).then((result) => {
      stopListening();
      resolve(result);
    }, (error) => {
      stopListening();
      reject(error);
    });
  });
}

function piecesOf(source: ReplaySource): Pieces {
  if (typeof source === "string") return linesOfText(source);
  if (source instanceof Response) return streamPieces(source.body);
  if (source instanceof Blob) return streamPieces(source.stream());
  if (source instanceof ReadableStream) return streamPieces(source);
  const iterable = Object(source) as Partial<AsyncIterable<Piece> & Iterable<Piece>>;
  const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
  if (iterator !== undefined) return iterator as Pieces;
  throw new TypeError(
    refusal("replay capture", "it must be a text, a stream or an iterable of lines", source),
  );
}

/** Not by the stream's own iterator, whose return() would wait behind a read that hangs. */
function streamPieces(stream: ReadableStream<Uint8Array> | null): Pieces {
  if (stream === null) return linesOfText("");
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<Piece>>,
    return: () => reader.cancel(),
  };
}

function* linesOfText(text: string): Generator<string, undefined> {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start);
    const next = end === -1 ? text.length : end + 1;
    yield text.slice(start, next);
    start = next;
  }
}
