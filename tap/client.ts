import type { TapClientSummary } from "./_client_lines.ts";
import type { TapClientQuery } from "./_client_query.ts";
import { ClientReader } from "./_client_reader.ts";
import type { TapReconnect, TapReconnectOptions } from "./_retry.ts";
import type { TapHello, TapNotice } from "./records.ts";

export { TapRefusedError } from "./_client_connection.ts";
export type { TapClientSummary } from "./_client_lines.ts";
export type { TapClientQuery } from "./_client_query.ts";
export type { TapReconnect, TapReconnectOptions } from "./_retry.ts";

/** Options of {@linkcode tapClient}: what to ask for, and how. */
export interface TapClientOptions extends TapClientQuery {
  /** Sent as `authorization: Bearer …`. A server that sends the request on to another address is not followed then. */
  readonly token?: string | undefined;
  /** Headers of the request. With any, as with a token, a server that sends the request on is not followed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the stream: the pending `next()` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether to try again when the server cannot be reached, has no place just now (409, 429, and whatever begins with 5), or cuts the
   * stream off; and to go on when it shuts down, or has ended the session because it was not read.
   *
   * `limit` and `durationMs` hold for all connections together, `maxBytes` for each. What was kept while nobody was connected comes,
   * once; what was not is counted in `missed` of the next hello.
   *
   * @default {false}
   */
  readonly reconnect?: boolean | TapReconnectOptions | undefined;
  /**
   * How long nothing may come, not even a sign of life, before the connection counts as cut off, in milliseconds; `Infinity` for ever. It
   * holds where the server has said how often it gives one, and at the least for twice that.
   *
   * @default {20_000}
   */
  readonly silenceMs?: number | undefined;
  /** Called when a connection stands. What it throws ends the stream, as with the other callbacks. */
  readonly onHello?: ((hello: TapHello) => void) | undefined;
  /** Called with what the server tells between the events, such as how many are lost. */
  readonly onNotice?: ((notice: TapNotice) => void) | undefined;
  /** Called before each wait for another attempt. */
  readonly onReconnect?: ((reconnect: TapReconnect) => void) | undefined;
  /**
   * What the waits for another attempt are taken from: numbers from 0 up to 1.
   *
   * @default {Math.random}
   */
  readonly random?: (() => number) | undefined;
}

/** A stream of events from a server. */
export interface TapClient extends AsyncIterable<string>, Disposable {
  /** The status of the server's last answer; undefined until it has answered. */
  readonly status: number | undefined;
  /** What the server said of the session at its beginning; undefined until then, and where it says nothing. */
  readonly hello: TapHello | undefined;
  /** How the session went, the last one if there were several; undefined until one has ended in good order. */
  readonly summary: TapClientSummary | undefined;
  /** How many events the server says it has dropped, so far, over all connections. */
  readonly lost: number;
  /** Whether the stream has ended in good order, with a summary. Else it was cut off, or has not ended. */
  readonly isComplete: boolean;

  /** Ends the request, and with it the session: the pending `next()`, and each later one, says that there is no more. */
  close(): void;

  /** Closes it. */
  [Symbol.dispose](): void;
}

/**
 * Watches a tap that a server serves with {@linkcode tapHandler}.
 *
 * The request is sent at the first `next()`. The events come as the lines that the server wrote. What keeps the connection alive and what
 * tells of the session is kept aside, and nothing that an event holds can be taken for it. A line that was cut off before its end is left
 * out. The framing of the original is understood, too.
 *
 * A stream that is cut off ends, or rejects with what the connection failed with; `isComplete` is false then.
 *
 * @param url Where the tap is served. What its query asks for stays, unless an option says otherwise.
 * @param options What to ask for.
 * @returns The events, to be read once. Leaving the loop ends the request, and with it the session.
 * @throws {TypeError} If an option is of another kind, or the URL cannot be used.
 * @throws {RangeError} If a number or a word is none that the option may be.
 * @throws {TapRefusedError} From `next()`, if the server refuses.
 * @throws {TypeError} From `next()`, if the server cannot be reached.
 * @throws {RangeError} From `next()`, if the server sends a line of more than 64 MiB.
 *
 * @example Watching a server
 * ```ts ignore
 * import { tapClient } from "@weir/weir/tap";
 *
 * const events = tapClient("http://127.0.0.1:8707/tap", { where: "status >= 500", limit: 10 });
 * for await (const line of events) console.log(JSON.parse(line));
 * console.log(events.isComplete, events.summary);
 * ```
 */
export function tapClient(url: string | URL, options: TapClientOptions = {}): TapClient {
  const reader = new ClientReader(url, options);
  const events = reader.read();
  const close = (): void => {
    reader.leave();
    events.return().catch(() => {});
  };
  const iterator: AsyncIterableIterator<string> = {
    next: () => events.next(),
    return: () => {
      // A generator's return() would stand behind the next() that waits for the server.
      reader.leave();
      // The response that is read inside fails of it, and that is as it should be.
      return events.return().catch(() => ({ value: undefined, done: true }));
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return {
    get status() {
      return reader.status;
    },
    get hello() {
      return reader.hello;
    },
    get summary() {
      return reader.summary;
    },
    get lost() {
      return reader.lost;
    },
    get isComplete() {
      return reader.isComplete;
    },
    close,
    [Symbol.dispose]: close,
    [Symbol.asyncIterator]: () => iterator,
  };
}
