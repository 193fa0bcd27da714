import { later, onAbort } from "../internal/mod.ts";
import { formatDuration } from "./duration.ts";
import { retryAfterOf } from "./_retry.ts";

/** Thrown when the server answers, but not with a stream of events. */
export class TapRefusedError extends Error {
  /** The status of the answer. */
  readonly status: number;
  /** After how long the server wants to be asked again, in milliseconds; undefined if it does not say. */
  readonly retryAfterMs: number | undefined;

  /**
   * Creates the error.
   *
   * @param status The status of the answer.
   * @param message What the server said.
   * @param retryAfterMs After how long it wants to be asked again.
   */
  constructor(status: number, message: string, retryAfterMs?: number) {
    super(message);
    this.name = "TapRefusedError";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Tells what a connection fails with from what the code of the user throws. */
export class BrokenConnection {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** One request and its answer. */
export class Connection {
  /** How long nothing may come before this counts as broken, in milliseconds; undefined for as long as it likes. */
  silenceMs: number | undefined;
  /** Whether everything of the answer has come. */
  hasEnded = false;
  readonly #ending: AbortController = new AbortController();
  readonly #stopListening: () => void;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** Ends when the signal aborts. */
  constructor(signal: AbortSignal, silenceMs: number | undefined) {
    this.silenceMs = silenceMs;
    this.#stopListening = onAbort(signal, (reason) => this.#end(reason));
    if (signal.aborted) this.#end(signal.reason);
  }

  /**
   * Asks.
   *
   * @throws {BrokenConnection} Rejects with it if there is no answer.
   */
  async ask(url: URL, headers: Headers): Promise<Response> {
    // Whoever is sent on would take a token, or what else is secret, along to wherever that is.
    const isPlain = [...headers.keys()].every((name) => name === "accept");
    const redirect = isPlain ? "follow" : "manual";
    const { signal } = this.#ending;
    return await this.#await(async () => {
      const response = await fetch(url, { headers, redirect, signal });
      // It may have come just before.
      if (signal.aborted) response.body?.cancel().catch(() => {});
      return response;
    });
  }

  /**
   * The body of the answer, as it comes.
   *
   * @throws {BrokenConnection} Rejects with it if the answer breaks off, or nothing comes for too long.
   */
  async *chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const reader = this.#reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#await(() => reader.read());
        this.hasEnded = done;
        if (done) return;
        yield value;
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  /** Ends the request, if it has not ended, and leaves nothing behind. */
  close(): void {
    this.#stopListening();
    if (!this.hasEnded) this.#end(undefined);
  }

  #end(reason: unknown): void {
    this.#ending.abort(reason);
    // Deno forgets the signal of a request whose answer has come, once garbage is collected.
    this.#reader?.cancel(reason).catch(() => {});
  }

  async #await<T>(start: () => Promise<T>): Promise<T> {
    const ms = this.silenceMs;
    const stopWaiting = ms === undefined || ms === Infinity ? undefined : later(ms, () => {
      const said = `the server has sent nothing for ${formatDuration(ms)}`;
      this.#end(new Error(`Cannot go on watching tap: ${said}`));
    });
    const { signal } = this.#ending;
    try {
      const result = await start();
      signal.throwIfAborted();
      return result;
    } catch (error) {
      // Whatever a runtime makes of it, this is why.
      throw new BrokenConnection(signal.aborted ? signal.reason : error);
    } finally {
      stopWaiting?.();
    }
  }
}

/**
 * Answers the body of an answer that is a stream of events.
 *
 * @throws {TapRefusedError} Rejects with it if it is none.
 */
export async function bodyOf(response: Response): Promise<ReadableStream<Uint8Array>> {
  const { status, body, headers } = response;
  const type = headers.get("content-type") ?? "";
  if (response.ok && type.startsWith("application/x-ndjson") && body !== null) return body;
  throw new TapRefusedError(status, await explain(response), retryAfterOf(headers));
}

/** How much of a refusal is read, in UTF-16 code units, and for how long; what comes after explains nothing. */
const REFUSAL_LENGTH = 1_000;
const REFUSAL_MS = 1_000;

async function explain(response: Response): Promise<string> {
  const said = await readBeginning(response);
  try {
    const { error, hint } = JSON.parse(said);
    if (typeof error === "string") {
      return oneLine(typeof hint === "string" ? `${error} (${hint})` : error);
    }
  } catch {
    // Not from a tap; what it says may still help.
  }
  const { url, status, headers } = response;
  const to = headers.get("location");
  const answered = to === null ? `${status}` : `${status}, sending on to ${withoutQuery(to)}`;
  return oneLine(
    `Cannot watch tap: ${withoutQuery(url)} is not a tap, it answered ${answered} ${said}`,
  );
}

/** What is asked for is known to who asks, and may hold a ticket. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*/s, "");
}

/** Reads what comes at once of an answer that may never end. */
async function readBeginning(response: Response): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => {});
  const stopWaiting = later(REFUSAL_MS, cancel);
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (text.length < REFUSAL_LENGTH) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The answer is a refusal, whether all of it comes or not.
  } finally {
    stopWaiting();
    cancel();
  }
  return text.slice(0, REFUSAL_LENGTH);
}

/** Text from elsewhere as one line, without what would act on a terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
}
