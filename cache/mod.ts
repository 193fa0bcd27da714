/**
 * The last spans of a running server, without a collector: a {@linkcode SpanCache} holds what has ended in columns of typed arrays, and answers what was
 * slow, what failed, and what is running right now.
 *
 * Use it to see what a server in production is doing: spans with fields and events, as traces, as sums by name, live, or as a file for Perfetto.
 *
 * Do not use it to keep spans: the oldest ones go. To send them all to a collector, use the SDK of OpenTelemetry, and {@linkcode otelSpanProcessor} to
 * look at the last ones here as well.
 *
 * ```ts
 * import { SpanCache, traceHandler } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache({ capacity: 10_000 });
 * const handler = traceHandler(cache, async () => {
 *   await cache.span("query", async (span) => void span.set("rows", 3));
 *   return new Response("hello");
 * });
 *
 * await handler(new Request("http://localhost/users"));
 * assertEquals(cache.find({ order: "slowest" }).map(({ name }) => name), ["GET", "query"]);
 * ```
 *
 * @module cache
 */
export type { MessagePortLike } from "../internal/mod.ts";
export type { SpanAggregate, SpanAggregateOptions } from "./aggregate.ts";
export { SpanCache } from "./cache.ts";
export {
  type ChromeTrace,
  chromeTrace,
  type ChromeTraceData,
  type ChromeTraceEvent,
  type ChromeTraceOptions,
} from "./chrome_trace.ts";
export {
  SpanDriver,
  type SpanDriverOptions,
  type SpanDriverStats,
  type SpanEventMessage,
} from "./driver.ts";
export {
  feedPort,
  feedRing,
  feedSpans,
  SPAN_TOPIC,
  SpanFeed,
  type SpanFeedMessage,
  type SpanFeedOptions,
  type SpanFeedStats,
} from "./feed.ts";
export { foldedStacks } from "./folded.ts";
export {
  type HeadersWriter,
  injectContext,
  traceHandler,
  type TraceHandlerOptions,
} from "./http.ts";
export type { SpanKind, SpanLevel, SpanLevelFilter, SpanStatus } from "./level.ts";
export { type MeasureLike, recordMeasure } from "./measure.ts";
export type {
  OpenSpanOptions,
  SpanCacheOptions,
  SpanClock,
  SpanFindOptions,
  SpanOptions,
  SpanPageOptions,
  SpanQuery,
} from "./options.ts";
export {
  type OtelEvent,
  type OtelLink,
  type OtelReadableSpan,
  type OtelSpanContext,
  type OtelSpanProcessor,
  otelSpanProcessor,
  type OtelStatus,
  type OtelTime,
} from "./otel.ts";
export {
  type OtlpAttribute,
  type OtlpEvent,
  otlpJson,
  type OtlpLink,
  type OtlpOptions,
  type OtlpResource,
  type OtlpResourceSpans,
  type OtlpScope,
  type OtlpScopeSpans,
  type OtlpSpan,
  type OtlpStatus,
  type OtlpTraces,
  type OtlpValue,
} from "./otlp.ts";
export { receivePort, receiveRing, type ReceiveRingOptions, type SpanReceiver } from "./receive.ts";
export type {
  FieldRecord,
  Fields,
  FieldValue,
  OpenSpanRecord,
  SpanEvent,
  SpanEventInput,
  SpanInput,
  SpanLink,
  SpanRecord,
} from "./record.ts";
export { Span, type SpanEventOptions } from "./span.ts";
export type { FieldDrops, SpanCacheStats, SpanRefusals } from "./stats.ts";
export { type SpanSubscribeOptions, SpanSubscription } from "./subscription.ts";
export {
  extractContext,
  formatTraceparent,
  type HeadersLike,
  parseTraceparent,
  type TraceContext,
} from "./trace_context.ts";
export type { TraceNode, TraceTree } from "./trace_tree.ts";
export {
  traceChannel,
  type TraceChannelOptions,
  type TracingChannelHandlers,
  type TracingChannelLike,
  type TracingStartLike,
} from "./tracing_channel.ts";
