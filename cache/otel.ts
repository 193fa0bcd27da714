import type { SpanCache } from "./cache.ts";
import { attempt } from "./_attempt.ts";
import { isId } from "./_hex.ts";
import { mapValues } from "./_json_fields.ts";
import { KINDS, STATUSES } from "./level.ts";
import type { Fields, SpanInput } from "./record.ts";

/** Seconds and nanoseconds, as OpenTelemetry has times. */
export type OtelTime = readonly [seconds: number, nanoseconds: number];

/** The ids of a span of OpenTelemetry. */
export interface OtelSpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** An event of a span of OpenTelemetry. */
export interface OtelEvent {
  /** What happened. */
  readonly name: string;
  /** When. */
  readonly time: OtelTime;
  /** What is known of it. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
}

/** A link of a span of OpenTelemetry. */
export interface OtelLink {
  /** The other span. */
  readonly context: OtelSpanContext;
}

/** How a span of OpenTelemetry has ended. */
export interface OtelStatus {
  /** 0 if that was not said, 1 for well, 2 for an error. */
  readonly code: number;
  /** Why. */
  readonly message?: string | undefined;
}

/** The part that is read of a `ReadableSpan` of the SDK of OpenTelemetry, of its versions 1 and 2. */
export interface OtelReadableSpan {
  /** What was done. */
  readonly name: string;
  /** From 0 for internal to 4 for a consumer. */
  readonly kind: number;
  /** Its ids. */
  spanContext(): OtelSpanContext;
  /** The span in which it was, in version 2. */
  readonly parentSpanContext?: OtelSpanContext | undefined;
  /** The id of that, in version 1. */
  readonly parentSpanId?: string | undefined;
  /** When it began. */
  readonly startTime: OtelTime;
  /** How long it took. */
  readonly duration: OtelTime;
  /** How it has ended. */
  readonly status: OtelStatus;
  /** What is known of it. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What happened in it. */
  readonly events: readonly OtelEvent[];
  /** Other spans that have to do with it. */
  readonly links: readonly OtelLink[];
  /** How many events were lost. */
  readonly droppedEventsCount?: number | undefined;
}

/** A `SpanProcessor` of the SDK of OpenTelemetry. */
export interface OtelSpanProcessor {
  /** Called when a span begins. Does nothing. */
  onStart(): void;
  /**
   * Called when a span has ended. Records it.
   *
   * @param span The span.
   */
  onEnd(span: OtelReadableSpan): void;
  /** Does nothing: nothing waits. */
  forceFlush(): Promise<void>;
  /** Ends recording. */
  shutdown(): Promise<void>;
}

/**
 * Makes a `SpanProcessor` for the SDK of OpenTelemetry that records spans in a cache, so that they can be looked at here, whether they are exported or
 * not. It needs no package of OpenTelemetry.
 *
 * Attributes that are arrays become texts in JSON.
 *
 * @param cache Where spans are recorded.
 * @returns What to put among `spanProcessors` of a provider. It throws nothing: what is no span is left out, and counted.
 */
export function otelSpanProcessor(cache: SpanCache): OtelSpanProcessor {
  let isOn = true;
  return {
    onStart(): void {},
    onEnd(span): void {
      if (!isOn) return;
      try {
        cache.record(attempt(() => inputOf(span)) as SpanInput);
      } catch {
        // Spans of others are not to break the program that makes them. The cache has counted it.
      }
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => {
      isOn = false;
      return Promise.resolve();
    },
  };
}

/** Reads a span. What is none has nothing of what is read, and is refused by the cache. */
function inputOf(span: OtelReadableSpan): SpanInput {
  const { traceId, spanId } = span.spanContext();
  const parentId = span.parentSpanContext?.spanId ?? span.parentSpanId;
  return {
    id: spanId,
    traceId,
    ...(isId(parentId, 16) ? { parentId } : {}),
    name: span.name,
    kind: KINDS[span.kind] ?? "internal",
    status: STATUSES[span.status.code] ?? "unset",
    message: span.status.message,
    startMs: msOf(span.startTime),
    durationMs: Math.max(0, msOf(span.duration)),
    fields: fieldsOf(span.attributes),
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      timeMs: msOf(time),
      fields: fieldsOf(attributes ?? {}),
    })),
    links: span.links
      .map(({ context: { traceId, spanId } }) => ({ traceId, spanId }))
      .filter(({ traceId, spanId }) => isId(traceId, 32) && isId(spanId, 16)),
    droppedEvents: span.droppedEventsCount,
  };
}

function msOf([seconds, nanoseconds]: OtelTime): number {
  return seconds * 1e3 + nanoseconds / 1e6;
}

function fieldsOf(attributes: Readonly<Record<string, unknown>>): Fields {
  return mapValues(
    attributes,
    (value) => Array.isArray(value) ? JSON.stringify(value) : value,
  ) as Fields;
}
