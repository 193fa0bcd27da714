/**
 * Reads the bodies of answers in which events come.
 *
 * @module
 */
import { tapHandler } from "../../tap/mod.ts";
import type { Tap, TapHandlerOptions } from "../../tap/mod.ts";
import { WrongAnswerError } from "../case.ts";

/** A body of which it is known how many bytes come. */
export class Body {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** How many bytes have come, and in how many chunks. */
  bytes = 0;
  chunks = 0;

  constructor(stream: ReadableStream<Uint8Array> | null) {
    if (stream === null) throw new WrongAnswerError("the answer has no body");
    this.#reader = stream.getReader();
  }

  /** Reads one chunk. */
  async readChunk(): Promise<Uint8Array> {
    const { value } = await this.#reader.read();
    if (value === undefined) throw new WrongAnswerError("the body has ended");
    this.bytes += value.length;
    this.chunks++;
    return value;
  }

  /** Reads on until so many bytes have come in all, since the beginning. */
  async readTo(bytes: number): Promise<void> {
    while (this.bytes < bytes) await this.readChunk();
  }
}

/** Asks a tap's handler, as a server would, and reads as far as the events, if there is none yet. */
export async function watch(
  tap: Tap,
  query: string,
  options: TapHandlerOptions = {},
): Promise<{ readonly body: Body; readonly hello: string }> {
  const handler = tapHandler(tap, { heartbeatMs: 120_000, ...options });
  const request = new Request(`http://localhost/tap?stage=decoded&duration=300s&${query}`);
  const response = await handler(request, { remoteAddr: { hostname: "127.0.0.1" } });
  if (response.status !== 200) throw new WrongAnswerError(await response.text());
  const body = new Body(response.body);
  const hello = new TextDecoder().decode(await body.readChunk());
  return { body, hello };
}
