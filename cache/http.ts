import { checkFunction } from "../internal/mod.ts";
import { checkOptionalFunction } from "./_check.ts";
import type { SpanCache } from "./cache.ts";
import type { Fields } from "./record.ts";
import type { Span } from "./span.ts";
import { extractContext, formatTraceparent } from "./trace_context.ts";

/** The part of `Headers` that is written. */
export interface HeadersWriter {
  /**
   * Sets a header.
   *
   * @param name Its name.
   * @param value Its value.
   */
  set(name: string, value: string): void;
  /**
   * Takes a header away.
   *
   * @param name Its name.
   */
  delete(name: string): void;
}

/**
 * Writes whose span a request is in: `traceparent` and `tracestate`, so that the service that is asked goes on with the trace.
 *
 * @param headers The headers of the request.
 * @param span The span; `cache.current` for the one around the call. Without one, nothing is written.
 *
 * @example Asking another service
 * ```ts
 * import { injectContext, SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * cache.spanSync("ask", (span) => {
 *   const headers = new Headers();
 *   injectContext(headers, span);
 *   assertEquals(headers.get("traceparent"), span.traceparent);
 * });
 * ```
 */
export function injectContext(headers: HeadersWriter, span: Span | undefined): void {
  const context = span?.context;
  if (context === undefined) return;
  headers.set("traceparent", formatTraceparent(context));
  if (context.state === undefined) headers.delete("tracestate");
  else headers.set("tracestate", context.state);
}

/** Options of {@linkcode traceHandler}. */
export interface TraceHandlerOptions {
  /**
   * The name of the span of a request. It should not have what differs from request to request, as paths do: a handler that knows its route can
   * say so with `cache.current?.rename(…)`.
   *
   * @param request The request.
   * @returns The name. Default: the method, or `"HTTP"` if that is none of the known ones. If this throws, the request fails, as it does for the other options.
   */
  readonly name?: ((request: Request) => string) | undefined;

  /**
   * More of what is known of a request.
   *
   * @param request The request.
   * @returns Fields.
   */
  readonly fields?: ((request: Request) => Fields) | undefined;

  /**
   * Whether a request is traced.
   *
   * @param request The request.
   * @returns False for what is asked all the time, as by health checks.
   */
  readonly filter?: ((request: Request) => boolean) | undefined;

  /**
   * Whether to believe callers who say in which trace they are. Where anybody may call, it lets them choose ids.
   *
   * @default {true}
   */
  readonly trustCaller?: boolean | undefined;

  /**
   * Whether a span goes on until the body of its response has been sent, or nobody reads it any more. Otherwise it ends when there is a response.
   *
   * The body is sent as a stream then, without `content-length`; and on Bun a text gets no `content-type` but what its maker has set.
   *
   * @default {false}
   */
  readonly untilSent?: boolean | undefined;
}

/**
 * Traces the requests of a server: each gets a span, in which its handler runs. Wrap the handler of `Deno.serve`, the `fetch` of `Bun.serve`, or that of
 * a Hono application.
 *
 * A span has the fields `http.request.method`, `url.path`, `http.response.status_code`, and fails if the handler throws or the status is 500
 * or more. The trace goes on from `traceparent` of the request.
 *
 * @typeParam A What the server gives beside the request.
 * @param cache Where spans are recorded.
 * @param handler The handler.
 * @param options What spans are called, and which requests have none.
 * @returns A handler that does the same, and is traced.
 * @throws {TypeError} If the handler or an option is no function.
 *
 * @example A server in one line
 * ```ts
 * import { SpanCache, traceHandler } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * const handler = traceHandler(cache, () => new Response("hello"));
 * // Deno.serve(handler);  Bun.serve({ fetch: handler });
 * await handler(new Request("http://localhost/users"));
 * assertEquals(cache.page()[0]?.fields["url.path"], "/users");
 * ```
 */
export function traceHandler<A extends unknown[]>(
  cache: SpanCache,
  handler: (request: Request, ...rest: A) => Response | Promise<Response>,
  options: TraceHandlerOptions = {},
): (request: Request, ...rest: A) => Promise<Response> {
  const action = "trace handler";
  const { name, fields, filter, trustCaller = true, untilSent = false } = options;
  checkFunction(action, "handler", handler);
  for (const [key, option] of Object.entries({ name, fields, filter })) {
    checkOptionalFunction(action, key, option);
  }
  return async function tracedHandler(request, ...rest) {
    if (filter?.(request) === false) return await handler(request, ...rest);
    const span = cache.start(name === undefined ? nameOf(request) : name(request), {
      "http.request.method": request.method,
      "url.path": pathOf(request.url),
    }, {
      kind: "server",
      parent: trustCaller ? extractContext(request.headers) ?? null : null,
    });
    let isSending = false;
    try {
      if (fields !== undefined && span.recording) span.set(fields(request));
      const response = await span.run(() => handler(request, ...rest));
      // A handler may answer nothing, as Bun has it where a socket was upgraded.
      if (response?.status !== undefined) {
        span.set("http.response.status_code", response.status);
        if (response.status >= 500) span.fail();
      }
      if (!untilSent || !(response?.body)) return response;
      const sent = endWithBody(response, span);
      isSending = true;
      return sent;
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      if (!isSending) span.end();
    }
  };
}

/** The methods that requests have. Anybody can make up others, and each would be another name. */
const METHOD = /^(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|QUERY)$/;

function nameOf({ method }: Request): string {
  return METHOD.test(method) ? method : "HTTP";
}

/** The path of a URL, without the cost of understanding all of it. */
function pathOf(url: string): string {
  return /^[^:]+:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] || "/";
}

/** The same response, with a body that ends a span when it ends. */
function endWithBody(response: Response, span: Span): Response {
  const reader = response.body!.getReader();
  let isOver = false;
  const end = (say?: (span: Span) => void): void => {
    if (isOver) return;
    isOver = true;
    say?.(span);
    span.end();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        end();
        controller.close();
      } catch (error) {
        end(() => span.fail(error));
        controller.error(error);
      }
    },
    cancel(reason) {
      end(() => span.event("canceled"));
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return new Response(body, response);
}
