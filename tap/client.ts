import { checkInteger, later } from "../internal/mod.ts";
import { SUMMARY_KEY, type TapSummary } from "./_ndjson.ts";
import { formatDuration } from "./duration.ts";
import { lines } from "./lines.ts";

/** Options of {@linkcode tapClient}. */
export interface TapClientOptions {
  /** The stage to capture; the server's default if it is not given. */
  readonly stage?: string | undefined;
  /** After how many events to stop. */
  readonly limit?: number | undefined;
  /** For how long to watch, in milliseconds; the server's default if it is not given. */
  readonly durationMs?: number | undefined;
  /** How many events from before come first; all that are kept if it is not given. */
  readonly backlog?: number | undefined;
  /** Headers of the request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the stream: the pending `next()` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Thrown when the server answers, but not with a stream of events. */
export class TapRefusedError extends Error {
  /** The status of the answer. */
  readonly status: number;

  /**
   * Creates the error.
   *
   * @param status The status of the answer.
   * @param message What the server said.
   */
  constructor(status: number, message: string) {
    super(message);
    this.name = "TapRefusedError";
    this.status = status;
  }
}

/** A stream of events from a server. */
export interface TapClient extends AsyncIterable<string> {
  /** The status of the server's answer; undefined until it has answered. */
  readonly status: number | undefined;
  /** How the session went; undefined until the stream has ended, and for ever if it was cut off before. */
  readonly summary: TapSummary | undefined;
}

/**
 * Watches a tap that a server serves with {@linkcode tapHandler}.
 *
 * The request is sent at the first `next()`. The events come as the lines that the server wrote; lines that only keep the connection
 * alive are left out, and the summary is kept aside.
 *
 * @param url Where the tap is served.
 * @param options What to ask for.
 * @returns The events, to be read once. Leaving the loop ends the request, and with it the session.
 * @throws {TapRefusedError} At the first `next()`, if the server refuses.
 * @throws {TypeError} At the first `next()`, if the server cannot be reached, or the URL cannot be used.
 * @throws {RangeError} If the server sends a line of more than 64 MiB.
 *
 * @example Watching a server
 * ```ts ignore
 * import { tapClient } from "@weir/weir/tap";
 *
 * const events = tapClient("http://127.0.0.1:8707/tap", { limit: 10 });
 * for await (const line of events) console.log(JSON.parse(line));
 * console.log(events.summary);
 * ```
 */
export function tapClient(url: string | URL, options: TapClientOptions = {}): TapClient {
  let status: number | undefined;
  let summary: TapSummary | undefined;
  const leaving = new AbortController();
  const signal = AbortSignal.any([leaving.signal, ...(options.signal ? [options.signal] : [])]);

  async function* read(): AsyncGenerator<string, void> {
    const response = await fetch(address(url, options), {
      headers: { accept: "application/x-ndjson", ...options.headers },
      signal,
    });
    status = response.status;
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || !type.startsWith("application/x-ndjson") || response.body === null) {
      throw new TapRefusedError(status, await explain(response));
    }
    // Only the last line is the summary: an event may well look like one.
    let held: string | undefined;
    const onCut = (): never => {
      throw new RangeError(`Cannot watch tap: a line must have at most ${MAX_LINE_BYTES} bytes`);
    };
    for await (const line of lines(response.body, { maxBytes: MAX_LINE_BYTES, onCut })) {
      if (held !== undefined) yield held;
      held = undefined;
      if (line === "") continue;
      if (readSummary(line) === undefined) yield line;
      else held = line;
    }
    if (held !== undefined) summary = readSummary(held);
  }

  const events = read();
  const iterator: AsyncIterableIterator<string> = {
    next: () =>
      events.next().catch((error) => {
        if (leaving.signal.aborted) return { value: undefined, done: true };
        throw error;
      }),
    return: () => {
      // A generator's return() would stand behind the next() that waits for the server.
      leaving.abort();
      // The response that is read inside fails of it, and that is as it should be.
      return events.return().catch(() => ({ value: undefined, done: true }));
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return {
    get status() {
      return status;
    },
    get summary() {
      return summary;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
}

/** More than a line of a tap with the default bound can have, whatever its characters take. */
const MAX_LINE_BYTES = 67_108_864;

/** How much of a refusal is read, in UTF-16 code units, and for how long; what comes after explains nothing. */
const REFUSAL_LENGTH = 1_000;
const REFUSAL_MS = 1_000;

const COUNTS: readonly (keyof TapSummary)[] = [
  "captured",
  "dropped",
  "undelivered",
  "missed",
  "duration_ms",
];

function address(url: string | URL, options: TapClientOptions): URL {
  const full = new URL(url);
  const { stage, limit, durationMs, backlog } = options;
  if (limit !== undefined) checkInteger("watch tap", "limit", limit, 0);
  if (backlog !== undefined) checkInteger("watch tap", "backlog", backlog, 0);
  if (stage !== undefined) full.searchParams.set("stage", stage);
  if (limit !== undefined) full.searchParams.set("limit", `${limit}`);
  if (durationMs !== undefined) full.searchParams.set("duration", formatDuration(durationMs));
  if (backlog !== undefined) full.searchParams.set("backlog", `${backlog}`);
  return full;
}

function readSummary(line: string): TapSummary | undefined {
  if (!line.startsWith(`{"${SUMMARY_KEY}":`)) return undefined;
  try {
    const value = JSON.parse(line)[SUMMARY_KEY];
    const isComplete = COUNTS.every((name) => typeof value?.[name] === "number") &&
      typeof value.stage === "string" && typeof value.reason === "string";
    return isComplete ? value : undefined;
  } catch {
    return undefined;
  }
}

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
  const { url, status } = response;
  return oneLine(`Cannot watch tap: ${url} is not a tap, it answered ${status} ${said}`);
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
