import { checkInteger } from "../internal/mod.ts";
import { ndjsonStream } from "./_ndjson.ts";
import { onGone, strangerReason } from "./_peer.ts";
import { readQuery } from "./_query.ts";
import { control } from "./session.ts";
import { MAX_TIMER_MS, serving, type Tap, type TapOpenOptions } from "./tap.ts";

/** Options of {@linkcode tapHandler}. */
export interface TapHandlerOptions {
  /**
   * Decides whether a request may watch; false is answered with 401. When it throws, so does the handler, and servers answer 500.
   *
   * Without it only requests from this machine are answered, as the server's second argument and the request itself show it; everybody
   * else gets 403. A reverse proxy on this machine that tells nothing of whom it serves cannot be told from it: behind one, authorize.
   */
  readonly authorize?: ((request: Request) => boolean | Promise<boolean>) | undefined;
  /**
   * How long a stream may be silent before an empty line is written, in milliseconds: shorter than what a server or proxy between
   * takes for a dead connection (`Bun.serve`: 10 seconds). At the most 24.8 days.
   *
   * @default {5_000}
   */
  readonly heartbeatMs?: number | undefined;
  /**
   * How long a reader may take nothing, after the end of its session, before what is left is given up and the stream ends, in
   * milliseconds. At the most 24.8 days.
   *
   * @default {10_000}
   */
  readonly graceMs?: number | undefined;
}

/** Answers the requests of people who want to watch a tap. */
export type TapHandler = (request: Request, peer?: unknown) => Promise<Response>;

const DEFAULT_DURATION_MS = 30_000;

/**
 * Makes a handler that streams a tap over HTTP, one event a line.
 *
 * It answers `GET` with these parameters, all of them optional:
 *
 * | parameter | meaning | default |
 * | --- | --- | --- |
 * | `stage` | what to capture | `decoded`, or the first stage where there is none of that name |
 * | `duration` | for how long, such as `30s` or `1m30s` | `30s`, or the tap's longest if that is shorter |
 * | `limit` | after how many events to stop | none |
 * | `backlog` | how many of the kept events come first | as many as `limit`, or all |
 *
 * The body is `application/x-ndjson`. An empty line says that the stream is alive. The last line is the summary,
 * `{"weir_tap_summary":{"captured":…,"dropped":…,…}}` (see {@linkcode TapSummary}); a stream that ends without one was cut off.
 *
 * Everything else is answered with a JSON object that says why in `error`: 400 a parameter that cannot be used, 401 not authorized,
 * 403 not from this machine, 405 not a `GET`, 409 as many sessions as may be. A session is open before its 200 is sent.
 *
 * Pass on the second argument of `Deno.serve` or `Bun.serve`, from which the handler learns the address of the peer; without it, it needs
 * `authorize`. When the reader goes away, its session is closed.
 *
 * @typeParam S The names of the stages.
 * @param tap What to watch.
 * @param options Who may watch.
 * @returns The handler.
 * @throws {RangeError} If `heartbeatMs` or `graceMs` is not a number of milliseconds that a timer can wait.
 *
 * @example Serving a tap
 * ```ts
 * import { Tap, tapHandler } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const tap = new Tap({ backlog: 10 });
 * const handler = tapHandler(tap); // Deno.serve(handler), or Bun.serve({ fetch: handler })
 *
 * tap.offer("decoded", { user: 7 });
 * const peer = { remoteAddr: { hostname: "127.0.0.1" } }; // As Deno.serve says it.
 * const response = await handler(new Request("http://localhost/tap?limit=1"), peer);
 * const [event, summary] = (await response.text()).split("\n");
 * assertEquals(event, '{"user":7}');
 * assertEquals(JSON.parse(summary!).weir_tap_summary.captured, 1);
 * ```
 */
export function tapHandler<S extends string>(
  tap: Tap<S>,
  options: TapHandlerOptions = {},
): TapHandler {
  const { authorize, heartbeatMs = 5_000, graceMs = 10_000 } = options;
  checkInteger("create tap handler", "heartbeatMs", heartbeatMs, 1, MAX_TIMER_MS);
  checkInteger("create tap handler", "graceMs", graceMs, 0, MAX_TIMER_MS);
  const { stages } = tap;
  const defaultStage = stages.find((stage) => stage === "decoded") ?? stages[0]!;
  const defaultDurationMs = Math.min(DEFAULT_DURATION_MS, tap.maxDurationMs);

  return async function handleTap(request: Request, peer?: unknown): Promise<Response> {
    // A request whose Host is none has a URL that cannot be read.
    if (!URL.canParse(request.url)) {
      return refuse(400, `Cannot watch tap: URL must be readable, received "${request.url}"`);
    }
    if (authorize === undefined) {
      const reason = strangerReason(request, peer);
      if (reason !== undefined) {
        return refuse(403, `Cannot watch tap: ${reason}`, {
          hint: "give tapHandler an authorize function to serve others than this machine",
        });
      }
    } else if (!await authorize(request)) {
      const headers = { "www-authenticate": "Bearer" };
      return refuse(401, "Cannot watch tap: not authorized", {}, headers);
    }
    if (request.method !== "GET") {
      const error = `Cannot watch tap: method must be GET, received "${request.method}"`;
      return refuse(405, error, {}, { allow: "GET" });
    }
    let session;
    try {
      const { searchParams } = new URL(request.url);
      const query = readQuery(searchParams, defaultStage, defaultDurationMs, tap.maxDurationMs);
      session = tap.open(query as TapOpenOptions<S>);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return refuse(400, error.message);
    }
    if (session === undefined) {
      return refuse(409, "Cannot watch tap: session capacity reached", {
        hint: "end another session, or raise maxSessions",
      });
    }
    const release = serving.hold(tap, session);
    const stopListening = onGone(request, peer, () => {
      control.discard(session);
      session.close();
      release();
    });
    const body = ndjsonStream(session, heartbeatMs, graceMs, () => {
      stopListening();
      release();
    });
    return new Response(body, { headers: { ...HEADERS, "content-type": "application/x-ndjson" } });
  };
}

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

function refuse(
  status: number,
  error: string,
  more: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${JSON.stringify({ error, ...more })}\n`, {
    status,
    headers: { ...HEADERS, "content-type": "application/json", ...headers },
  });
}
