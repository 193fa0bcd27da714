/**
 * Points in a running server from which its live events can be watched over HTTP, without the server waiting for anybody, and without its
 * secrets.
 *
 * The server offers its events to a {@linkcode Tap}, at named stages; {@linkcode tapHandler} streams them to whoever may have them, one a
 * line or for the `EventSource` of a browser; {@linkcode tapClient} reads such a stream. Use it to see what a production process is doing
 * now. It is no log: what nobody watches is gone, except for a backlog of stated size, and a reader that is too slow loses events, and is
 * told how many.
 *
 * Every buffer is bounded in events and bytes, every session in time, and their number is capped. Readers choose events by an expression
 * ({@linkcode parseWhere}), by sampling and by rate; what the operator redacts, no reader gets ({@linkcode redact}).
 *
 * ```ts
 * import { Tap, tapHandler } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const tap = new Tap();
 * const watch = tapHandler(tap);
 *
 * // For Deno.serve(handler), or Bun.serve({ fetch: handler }); the second argument says who asks.
 * async function handler(request: Request, peer: unknown): Promise<Response> {
 *   if (new URL(request.url).pathname === "/debug/tap") return await watch(request, peer);
 *   tap.offer("decoded", () => ({ method: request.method, url: request.url }));
 *   return new Response("hello");
 * }
 *
 * const peer = { remoteAddr: { hostname: "127.0.0.1" } };
 * const query = "limit=1&where=method == GET";
 * const watched = await handler(new Request(`http://localhost/debug/tap?${query}`), peer);
 * await handler(new Request("http://localhost/orders"), peer);
 * const [_hello, event] = (await watched.text()).split("\n");
 * assertEquals(event, '{"method":"GET","url":"http://localhost/orders"}');
 * ```
 *
 * @module tap
 */
export { bearer, type TapAuthorize, type TapBearer, type TapGrant } from "./authorize.ts";
export {
  type TapClient,
  tapClient,
  type TapClientOptions,
  type TapClientQuery,
  type TapClientSummary,
  type TapReconnect,
  type TapReconnectOptions,
  TapRefusedError,
} from "./client.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export type { TapEvent } from "./event.ts";
export { type TapHandler, tapHandler, type TapHandlerOptions } from "./handler.ts";
export { lines, type LinesOptions } from "./lines.ts";
export { tapMetrics } from "./metrics.ts";
export type {
  TapAuditRecord,
  TapBacklogOptions,
  TapEventMeta,
  TapFormat,
  TapOpenOptions,
  TapOptions,
  TapRefusalReason,
  TapStagePattern,
} from "./options.ts";
export { tapPage, type TapPageOptions } from "./page.ts";
export type { TapHello, TapNotice, TapSampling } from "./records.ts";
export {
  CREDENTIAL_NAMES,
  redact,
  type RedactMode,
  type RedactOptions,
  type RedactRule,
} from "./redact.ts";
export {
  replay,
  type ReplayInfo,
  type ReplayOptions,
  type ReplayResult,
  type ReplaySource,
} from "./replay.ts";
export { type TapEndReason, TapSession, type TapSessionStats } from "./session.ts";
export type { TapStats } from "./stats.ts";
export type { TapSummary } from "./summary.ts";
export { Tap } from "./tap.ts";
export { parseWhere, type Where } from "./where.ts";
