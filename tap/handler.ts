import { checkFunction, checkInteger, refusal } from "../internal/mod.ts";
import { MAX_TIMER_MS } from "./_max_timer.ts";
import { CHALLENGE, HEADERS, inWireNames, json, PREFLIGHT, REFUSALS, WATCH } from "./_answers.ts";
import { checkList, checkNames, checkText } from "./_check.ts";
import {
  END_ID,
  eventStreamFraming,
  type Framing,
  ndjsonFraming,
  strictFraming,
} from "./_framing.ts";
import { parseDuration } from "./duration.ts";
import { makeHello } from "./_hello.ts";
import { isAllowedOrigin, isFromElsewhere, onGone, strangerReason } from "./_peer.ts";
import { describeSession, isWithin, type Place, placeOf } from "./_places.ts";
import { EVENT_ID } from "./_plan.ts";
import { type Query, readQuery } from "./_query.ts";
import { fitsStage, patternsOf } from "./_stage_match.ts";
import { streamSession } from "./_stream.ts";
import { Tickets } from "./_tickets.ts";
import { checkGrant, type TapAuthorize, type TapGrant } from "./authorize.ts";
import { tapMetrics } from "./metrics.ts";
import type { TapOpenOptions, TapRefusalReason } from "./options.ts";
import { control, type TapSession } from "./session.ts";
import { serving, type Tap } from "./tap.ts";

/** Options of {@linkcode tapHandler}. */
export interface TapHandlerOptions {
  /**
   * Decides what a request may do; false is answered with 401. When it throws, so does the handler, and servers answer 500. See
   * {@linkcode bearer} for tokens.
   *
   * Without it only requests from this machine are answered, as the server's second argument and the request itself show it; everybody
   * else gets 403. A reverse proxy on this machine that tells nothing of whom it serves cannot be told from it: behind one, authorize.
   */
  readonly authorize?: TapAuthorize | undefined;
  /**
   * The origins, such as `https://admin.example.org`, whose pages may read the tap; none but that of the tap itself without it.
   *
   * @default {[]}
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * Where the handler stands, such as `/debug/tap`. With it, what is neither there nor one of its places below is answered with 404; without
   * it, the handler takes whatever it is given for its own path, and what ends in `/sessions`, `/metrics` or `/enabled` for a place below.
   */
  readonly path?: string | undefined;
  /**
   * How long a stream may be silent before a sign of life is written, in milliseconds: shorter than what a server or proxy between
   * takes for a dead connection (`Bun.serve`: 10 seconds). At the most 24.8 days.
   *
   * @default {5_000}
   */
  readonly heartbeatMs?: number | undefined;
  /**
   * How long a reader may take nothing before its session is ended as that of a `slow_reader`, in milliseconds. At the most 24.8 days.
   *
   * @default {30_000}
   */
  readonly stallMs?: number | undefined;
  /**
   * How long a reader may take nothing, after the end of its session, before what is left is given up and the stream ends, in
   * milliseconds. At the most 24.8 days.
   *
   * @default {10_000}
   */
  readonly graceMs?: number | undefined;
  /**
   * How long a ticket is good, in milliseconds. At the most 24.8 days.
   *
   * @default {30_000}
   */
  readonly ticketMs?: number | undefined;
  /**
   * How long a browser waits before it comes back to a stream that was cut off, in milliseconds.
   *
   * @default {1_000}
   */
  readonly retryMs?: number | undefined;
}

/** Answers the requests of people who want to watch a tap. */
export type TapHandler = (request: Request, peer?: unknown) => Promise<Response>;

const DEFAULT_DURATION_MS = 30_000;
const CREATE = "create tap handler";

/**
 * Makes a handler that streams a tap over HTTP, one event a line, or for the `EventSource` of a browser.
 *
 * `GET` opens a session, with these parameters, all of them optional:
 *
 * | parameter | meaning | default |
 * | --- | --- | --- |
 * | `stage` | what to capture: names or patterns with commas between them | `decoded`, or the first stage |
 * | `duration` | for how long, such as `30s` or `1m30s` | `30s`, or the longest if that is shorter |
 * | `limit` | after how many events to stop | none |
 * | `backlog` | how many of the kept events come first | as many as `limit`, or all |
 * | `since` | from when on kept events come: `30s`, or the id of an event | |
 * | `where` | which events, see {@linkcode parseWhere} | all |
 * | `fields` | which parts of an event, by paths with commas between them | all |
 * | `redact`, `redact_mode` | what else is redacted, by paths, and how | `hash` |
 * | `sample`, `key` | a chance, and a path by whose value whole groups are taken | 1 |
 * | `every` | each so many | 1 |
 * | `reservoir`, `interval` | so many of each interval | `500ms` |
 * | `count_by`, `interval` | how many events of each value at a path, in place of the events | `1s` |
 * | `rate` | how many a second | |
 * | `max_bytes`, `max_event_bytes` | how much, and how much of an event | |
 * | `drop` | `newest` or `oldest`, when the reader is slow | `newest` |
 * | `meta` | `1` for an envelope with id, time, stage and what was told with the event | `0` |
 * | `format` | `ndjson` or `sse` | by the header `accept` |
 * | `framing` | `strict` for nothing but events and the four numbers of the original | `weir` |
 * | `ticket` | in place of a header, see below | |
 *
 * The body is `application/x-ndjson` or `text/event-stream`. The first record says that the session is open and what it is
 * ({@linkcode TapHello}), notices come while it runs ({@linkcode TapNotice}), an empty line says that it is alive, and the last record is the
 * summary ({@linkcode TapSummary}); a stream that ends without one was cut off. No event can be taken for one of these.
 *
 * `POST` answers with a ticket, for those who may read: `{"ticket":"…","expires_ms":30000}`. It is good for one session, and for pages whose
 * `EventSource` cannot send a header. Administrators also get `GET …/sessions`, `DELETE …/sessions/ID`, `GET …/metrics`, and the switch,
 * `GET …/enabled`, `PUT …/enabled?for=15m` and `DELETE …/enabled`, below the path at which the handler stands.
 *
 * Everything else is answered with a JSON object that says why in `error`: 400 a parameter that cannot be used, 401 not authorized,
 * 403 not allowed, or a page of another site, 404 no such session or place, 405 another method, 409 as many sessions as may be, 429 as many
 * of one subject, or too many tickets, 503 the tap is switched off; 409 and 429 with `retry-after`. A session is open before its 200 is
 * sent. A browser that comes back behind the end of a session gets 204, and stays away.
 *
 * Pass on the second argument of `Deno.serve` or `Bun.serve`, from which the handler learns the address of the peer; without it, it needs
 * `authorize`. When the reader goes away, its session is closed.
 *
 * @typeParam S The names of the stages.
 * @param tap What to watch.
 * @param options Who may watch.
 * @returns The handler.
 * @throws {RangeError} If a time is not a number of milliseconds that a timer can wait.
 * @throws {TypeError} If `authorize` is not a function, or an origin is none.
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
 * const [hello, event, summary] = (await response.text()).split("\n");
 * assertEquals(JSON.parse(hello!).weir_tap_hello.stage, "decoded");
 * assertEquals(event, '{"user":7}');
 * assertEquals(JSON.parse(summary!).weir_tap_summary.captured, 1);
 * ```
 */
export function tapHandler<S extends string>(
  tap: Tap<S>,
  options: TapHandlerOptions = {},
): TapHandler {
  checkNames(CREATE, options, HANDLER_OPTIONS);
  const { authorize, heartbeatMs = 5_000, stallMs = 30_000 } = options;
  const { graceMs = 10_000, ticketMs = 30_000, retryMs = 1_000 } = options;
  const origins = checkList(CREATE, "origins", options.origins ?? [], MAX_ORIGINS);
  if (options.path !== undefined) checkText(CREATE, "path", options.path, MAX_PATH_LENGTH);
  const path = options.path?.replace(/\/$/, "");
  if (authorize !== undefined) checkFunction(CREATE, "authorize", authorize);
  checkInteger(CREATE, "heartbeatMs", heartbeatMs, 1, MAX_TIMER_MS);
  checkInteger(CREATE, "stallMs", stallMs, 1, MAX_TIMER_MS);
  checkInteger(CREATE, "graceMs", graceMs, 0, MAX_TIMER_MS);
  checkInteger(CREATE, "ticketMs", ticketMs, 1, MAX_TIMER_MS);
  checkInteger(CREATE, "retryMs", retryMs, 0, MAX_TIMER_MS);
  if (path !== undefined && !/^(?:\/[^?#]*)?$/.test(path)) {
    throw new TypeError(refusal(CREATE, 'path must look like "/debug/tap"', options.path));
  }
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    throw new TypeError(
      refusal(CREATE, 'an origin must look like "https://example.org"', origin),
    );
  }
  const tickets = new Tickets(ticketMs, serving.bounds(tap).now);

  const refuse = (
    status: number,
    error: string,
    reason?: TapRefusalReason,
    more: {
      hint?: string;
      headers?: Readonly<Record<string, string>>;
      subject?: string | undefined;
    } = {},
  ): Response => {
    if (reason !== undefined) serving.refuse(tap, reason, more.subject, error);
    const { hint, headers } = more;
    return json({ error, hint }, status, headers);
  };

  /** What the request may do; or the answer that says that it may nothing. */
  const findGrant = async (
    request: Request,
    peer: unknown,
    ticket: string | null,
  ): Promise<TapGrant | Response> => {
    if (ticket !== null) {
      const grant = tickets.redeem(ticket);
      // A ticket is for reading, whoever has got it.
      if (grant !== undefined) return { ...grant, admin: false };
      return refuse(401, `${WATCH}: the ticket is used, expired or none`, "unauthorized", {
        headers: CHALLENGE,
      });
    }
    if (authorize === undefined) {
      const reason = strangerReason(request, peer, isAllowedOrigin(request, origins));
      if (reason === undefined) return { admin: true };
      return refuse(403, `${WATCH}: ${reason}`, "forbidden", {
        hint: "give tapHandler an authorize function to serve others than this machine",
      });
    }
    const granted = await authorize(request);
    if (granted === true) return {};
    // What is an error to a fetch is no answer.
    if (granted instanceof Response && granted.status !== 0) {
      serving.refuse(tap, granted.status === 401 ? "unauthorized" : "forbidden", undefined, WATCH);
      // Its headers may be such as cannot be added to.
      return new Response(granted.body, granted);
    }
    if (typeof granted === "object" && granted !== null && !(granted instanceof Response)) {
      checkGrant("authorize for tap", granted);
      return granted;
    }
    return refuse(401, `${WATCH}: not authorized`, "unauthorized", { headers: CHALLENGE });
  };

  const open = (
    request: Request,
    grant: TapGrant,
    query: URLSearchParams,
  ): { session: TapSession; query: Query } | Response => {
    const { subject, redact } = grant;
    const maxDurationMs = Math.min(grant.maxDurationMs ?? Infinity, tap.maxDurationMs);
    const granted = tap.stages.filter((stage) => isGranted(grant, stage));
    const defaultStage = granted.find((stage) => stage === "decoded") ?? granted[0];
    let read: Query;
    let session;
    try {
      const durationMs = Math.min(DEFAULT_DURATION_MS, maxDurationMs);
      read = readQuery(query, defaultStage ?? "", durationMs, maxDurationMs);
      const { stage } = read.options;
      const refused = patternsOf(stage)
        .find((pattern) => !isGranted(grant, pattern));
      if (refused !== undefined) {
        const error = refusal("watch tap", "stage must be one that is granted", refused);
        return refuse(403, error, "forbidden", { subject });
      }
      // A browser says the id of another stream, too, if its page has it from there.
      const lastId = request.headers.get("last-event-id") ?? "";
      const since = read.options.since ?? (EVENT_ID.test(lastId) ? lastId : undefined);
      session = serving.open(
        tap,
        { ...read.options, since, subject } as TapOpenOptions<S>,
        { redact, stages: grant.stages && granted },
      );
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      return refuse(400, inWireNames(error.message), "invalid", { subject });
    }
    if (typeof session !== "string") return { session, query: read };
    const { status, error, ...more } = REFUSALS[session];
    return refuse(status, error, session, { ...more, subject });
  };

  const watch = (
    request: Request,
    peer: unknown,
    grant: TapGrant,
    query: URLSearchParams,
  ): Response => {
    const opened = open(request, grant, query);
    if (opened instanceof Response) return opened;
    const { session } = opened;
    const framing = framingOf(opened.query, request, retryMs);
    const release = serving.hold(tap, session);
    const stopListening = onGone(request, peer, () => {
      session.close();
      control.discard(session);
      release();
    });
    const body = streamSession(session, {
      framing,
      hello: makeHello(tap, session, grant.redact ?? [], heartbeatMs),
      heartbeatMs,
      stallMs,
      graceMs,
      onWritten: (events, bytes) => serving.addStreamed(tap, events, bytes),
      onFinish: () => {
        stopListening();
        release();
      },
    });
    return new Response(body, {
      headers: {
        ...HEADERS,
        "content-type": framing.contentType,
        "weir-tap-session": `${session.id}`,
      },
    });
  };

  /** Says whether sessions can be opened, and lets them be, for some time or for ever, or not. */
  const throwSwitch = (
    method: string,
    query: URLSearchParams,
    subject: string | undefined,
  ): Response => {
    if (method === "PUT") {
      const forMs = query.get("for");
      try {
        if (forMs === null) tap.enable();
        else tap.enable(parseDuration(forMs));
      } catch (error) {
        return refuse(400, (error as Error).message, "invalid", { subject });
      }
    } else if (method === "DELETE") tap.disable();
    else if (method !== "GET") return refuseMethod(method, "GET, PUT, DELETE");
    return json({ enabled: tap.enabled });
  };

  const administer = (
    method: string,
    place: Place,
    grant: TapGrant,
    query: URLSearchParams,
  ): Response => {
    const { subject } = grant;
    if (grant.admin !== true) {
      return refuse(403, `${WATCH}: this is for administrators`, "forbidden", { subject });
    }
    const allowed = place.id === undefined ? "GET" : "DELETE";
    const id = /^\d{1,15}$/.test(place.id ?? "") ? Number(place.id) : undefined;
    const refuseId = (): Response =>
      refuse(404, refusal("end tap session", "there must be one that is open", id ?? place.id));
    const isSession = place.name === "sessions" && id !== undefined;
    if (place.id !== undefined && !isSession) return refuseId();
    if (place.name === "enabled") return throwSwitch(method, query, subject);
    if (method !== allowed) return refuseMethod(method, allowed);
    if (place.name === "metrics") {
      return new Response(tapMetrics(tap), {
        headers: { ...HEADERS, "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
    }
    if (id === undefined) return json({ sessions: tap.sessions.map(describeSession) });
    return tap.kill(id) ? json({ killed: id }) : refuseId();
  };

  const refuseMethod = (method: string, allow: string): Response =>
    refuse(405, `${WATCH}: method must be ${allow}, received "${method}"`, undefined, {
      headers: { allow },
    });

  const answer = async (request: Request, peer: unknown): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    const { method } = request;
    if (path !== undefined && !isWithin(pathname, path)) {
      return refuse(
        404,
        refusal("watch tap", `path must be ${path} or a place below it`, pathname),
      );
    }
    // A browser comes back behind the end of a session that had one, and is sent away for good.
    if (method === "GET" && request.headers.get("last-event-id") === END_ID) {
      return new Response(null, { status: 204, headers: HEADERS });
    }
    if (isFromElsewhere(request) && !isAllowedOrigin(request, origins)) {
      return refuse(403, `${WATCH}: a page of another site sent the request`, "forbidden");
    }
    const ticket = method === "GET" ? searchParams.get("ticket") : null;
    const grant = await findGrant(request, peer, ticket);
    if (grant instanceof Response) return grant;
    const place = placeOf(pathname, path);
    if (place !== undefined) return administer(method, place, grant, searchParams);
    if (method === "GET") return watch(request, peer, grant, searchParams);
    if (method !== "POST") return refuseMethod(method, "GET, POST");
    const issued = tickets.issue(grant);
    if (typeof issued === "object") return json({ ...issued, "expires_ms": ticketMs });
    return refuse(429, `${WATCH}: too many tickets wait to be used`, issued, {
      headers: { "retry-after": `${Math.ceil(ticketMs / 1_000)}` },
      subject: grant.subject,
    });
  };

  return async function handleTap(request: Request, peer?: unknown): Promise<Response> {
    // A request whose Host is none has a URL that cannot be read.
    if (!URL.canParse(request.url)) {
      return refuse(400, `${WATCH}: URL must be readable, received "${request.url}"`, "invalid");
    }
    const origin = isAllowedOrigin(request, origins) ? request.headers.get("origin")! : undefined;
    const isPreflight = request.method === "OPTIONS" && origin !== undefined;
    const response = isPreflight
      ? new Response(null, { status: 204, headers: PREFLIGHT })
      : await answer(request, peer);
    if (origins.length > 0) response.headers.append("vary", "origin");
    if (origin !== undefined) {
      response.headers.set("access-control-allow-origin", origin);
      response.headers.set("access-control-allow-credentials", "true");
      response.headers.set("access-control-expose-headers", "weir-tap-session, retry-after");
    }
    return response;
  };
}

const MAX_ORIGINS = 256;
const HANDLER_OPTIONS: readonly (keyof TapHandlerOptions)[] = [
  "authorize",
  "origins",
  "path",
  "heartbeatMs",
  "stallMs",
  "graceMs",
  "ticketMs",
  "retryMs",
];
const MAX_PATH_LENGTH = 1_024;

/** Whether a stage, or all that a pattern may come to mean, is granted. */
function isGranted({ stages }: TapGrant, asked: string): boolean {
  // What stands for any letters in the one must stand where it does in the other, so a pattern is looked at like a name.
  return stages === undefined || stages.some((pattern) => fitsStage(pattern, asked));
}

function framingOf(
  { format, framing, withMeta }: Query,
  request: Request,
  retryMs: number,
): Framing {
  const accept = request.headers.get("accept") ?? "";
  const isEventStream = format === "sse" ||
    (format === undefined && framing !== "strict" && accept.includes("text/event-stream"));
  if (isEventStream) return eventStreamFraming(withMeta, retryMs);
  return framing === "strict" ? strictFraming() : ndjsonFraming(withMeta);
}
