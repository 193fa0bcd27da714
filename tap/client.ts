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
    for await (const line of lines(response.body)) {
      if (line === "") continue;
      if (held !== undefined) yield held;
      held = undefined;
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
      return events.return();
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

function address(url: string | URL, options: TapClientOptions): URL {
  const full = new URL(url);
  const { stage, limit, durationMs, backlog } = options;
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
    return typeof value?.captured === "number" && typeof value.dropped === "number"
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

async function explain(response: Response): Promise<string> {
  const said = (await response.text()).slice(0, 1_000);
  try {
    const { error, hint } = JSON.parse(said);
    if (typeof error === "string") return typeof hint === "string" ? `${error} (${hint})` : error;
  } catch {
    // Not from a tap; what it says may still help.
  }
  return `Cannot watch tap: ${response.url} is not a tap, it answered ${response.status} ${said}`
    .trim();
}
