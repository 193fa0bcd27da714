/**
 * Points in a running server from which its live events can be watched over HTTP, without the server waiting for anybody.
 *
 * The server offers its events to a {@linkcode Tap}, at named stages; {@linkcode tapHandler} streams them to whoever asks, one a line;
 * {@linkcode tapClient} reads such a stream. Use it to see what a production process is doing now. It is no log: what nobody watches
 * is gone, except for a backlog of stated size, and a reader that is too slow loses events, and is told how many.
 *
 * Every buffer is bounded in events and bytes, every session in time, and their number is capped.
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
 * const watched = await handler(new Request("http://localhost/debug/tap?limit=1"), peer);
 * await handler(new Request("http://localhost/orders"), peer);
 * const [event] = (await watched.text()).split("\n");
 * assertEquals(event, '{"method":"GET","url":"http://localhost/orders"}');
 * ```
 *
 * @module tap
 */
export { type TapFormat } from "./_line.ts";
export { type TapSummary } from "./_ndjson.ts";
export { type TapClient, tapClient, type TapClientOptions, TapRefusedError } from "./client.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { type TapHandler, tapHandler, type TapHandlerOptions } from "./handler.ts";
export { lines, type LinesOptions } from "./lines.ts";
export { type TapEndReason, type TapEvent, TapSession } from "./session.ts";
export { Tap, type TapOpenOptions, type TapOptions, type TapStats } from "./tap.ts";
