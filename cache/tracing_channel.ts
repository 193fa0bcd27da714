import { attempt } from "./_attempt.ts";
import { type SpanCache, tracerOf } from "./cache.ts";
import type { Fields } from "./record.ts";
import type { Span } from "./span.ts";

/** What a `TracingChannel` of `node:diagnostics_channel` calls. */
export interface TracingChannelHandlers {
  /**
   * A call begins.
   *
   * @param message What is known of the call: the same object for all of it.
   */
  start(message: object): void;
  /**
   * A call has returned.
   *
   * @param message The same object.
   */
  end(message: object): void;
  /**
   * The promise or callback of a call has settled.
   *
   * @param message The same object.
   */
  asyncStart(message: object): void;
  /**
   * What was called then has returned.
   *
   * @param message The same object.
   */
  asyncEnd(message: object): void;
  /**
   * A call has failed.
   *
   * @param message The same object.
   */
  error(message: object): void;
}

/** The part that is used of the channel `start` of a `TracingChannel`. */
export interface TracingStartLike {
  /**
   * Has calls keep a value.
   *
   * @param store Where: an `AsyncLocalStorage`.
   * @param transform Makes the value of what is known of a call.
   */
  // deno-lint-ignore no-explicit-any -- the types of platforms differ in what they take.
  bindStore(store: any, transform: (message: any) => any): void;
  /**
   * Ends that.
   *
   * @param store Where.
   */
  // deno-lint-ignore no-explicit-any -- as above.
  unbindStore(store: any): unknown;
}

/** The part that is used of a `TracingChannel` of `node:diagnostics_channel`. */
export interface TracingChannelLike {
  /** The channel of beginnings, which can call in a context. */
  readonly start?: TracingStartLike | undefined;
  /**
   * Adds handlers.
   *
   * @param handlers The handlers.
   */
  subscribe(handlers: TracingChannelHandlers): void;
  /**
   * Takes handlers away.
   *
   * @param handlers The handlers.
   */
  unsubscribe(handlers: TracingChannelHandlers): unknown;
}

/** Options of {@linkcode traceChannel}. */
export interface TraceChannelOptions {
  /** What spans are called; `"(unnamed)"` if it throws. */
  readonly name: string | ((message: object) => string);
  /**
   * What is known of a call.
   *
   * @param message What the channel says.
   * @returns Fields.
   */
  readonly fields?: ((message: object) => Fields) | undefined;
}

/**
 * Records the calls of a `TracingChannel` of `node:diagnostics_channel` as spans: libraries that publish there need no other instrumentation.
 *
 * A span begins with the call, in the span that is around it, and is around what the call does. It ends when the call has returned, or its promise has settled.
 *
 * What a call has left as `result` and `error` of its message is taken away when the message is used for another one.
 *
 * @param cache Where spans are recorded.
 * @param channel The channel, as `diagnostics_channel.tracingChannel("name")` answers it.
 * @param options What spans are called.
 * @returns What ends it, and with it the spans of calls that are going on.
 *
 * @example Calls of a library
 * ```ts
 * import { SpanCache, traceChannel } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 * import { tracingChannel } from "node:diagnostics_channel";
 *
 * const cache = new SpanCache();
 * const channel = tracingChannel("db");
 * {
 *   using _bridge = traceChannel(cache, channel, { name: "db.query" });
 *   await channel.tracePromise(async () => {}, { sql: "select 1" });
 * }
 * assertEquals(cache.page().map(({ name }) => name), ["db.query"]);
 * ```
 */
export function traceChannel(
  cache: SpanCache,
  channel: TracingChannelLike,
  options: TraceChannelOptions,
): Disposable {
  // As many as may run at a time.
  const spans = new Map<object, Span>();
  const { name, fields } = options;
  const end = (message: object): void => {
    spans.get(message)?.end();
    spans.delete(message);
  };
  const begin = (message: object): Span => {
    // What a call before has left there would look as if this one had returned.
    for (const key of ["result", "error"]) Reflect.deleteProperty(message, key);
    // What a subscriber throws ends the program.
    const text = attempt(() => typeof name === "function" ? name(message) : name);
    const span = cache.start(text ?? UNNAMED, attempt(() => fields?.(message)));
    if (span.recording) spans.set(message, span);
    return span;
  };
  // Where the channel can call in a context, that comes before its start.
  const unbind = channel.start === undefined
    ? undefined
    : tracerOf(cache).bindStore(channel.start, begin);
  const handlers: TracingChannelHandlers = {
    start(message) {
      if (unbind === undefined) begin(message);
    },
    end(message) {
      // Of a call that answers a promise, or calls back, this is not the end. Nothing says so before that settles, but that there is no result.
      if ("result" in message || "error" in message) end(message);
    },
    asyncStart() {},
    asyncEnd: end,
    error(message) {
      spans.get(message)?.fail((message as { error?: unknown }).error);
    },
  };
  channel.subscribe(handlers);
  return {
    [Symbol.dispose]: () => {
      channel.unsubscribe(handlers);
      unbind?.();
      // Nobody says any more when they end.
      for (const message of [...spans.keys()]) end(message);
    },
  };
}

/** The name of calls for which none was found. */
const UNNAMED = "(unnamed)";
