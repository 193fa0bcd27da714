import { KINDS, STATUSES } from "./level.ts";
import type { FieldRecord, SpanEvent, SpanRecord } from "./record.ts";

/** A value in OTLP. */
export interface OtlpValue {
  /** A text. */
  readonly stringValue?: string;
  /** A truth value. */
  readonly boolValue?: boolean;
  /** A whole number, in digits, as JSON has 64 bits. */
  readonly intValue?: string;
  /** Any other number; those that JSON does not have are texts. */
  readonly doubleValue?: number | "NaN" | "Infinity" | "-Infinity";
}

/** A named value in OTLP. */
export interface OtlpAttribute {
  /** Its name. */
  readonly key: string;
  /** Its value. */
  readonly value: OtlpValue;
}

/** An event in OTLP. */
export interface OtlpEvent {
  /** When, in nanoseconds since 1970. */
  readonly timeUnixNano: string;
  /** What happened. */
  readonly name: string;
  /** What is known of it. */
  readonly attributes: readonly OtlpAttribute[];
}

/** A link in OTLP. */
export interface OtlpLink {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** None. */
  readonly attributes: readonly OtlpAttribute[];
}

/** How a span ended, in OTLP. */
export interface OtlpStatus {
  /** 0 if that was not said, 1 for well, 2 for an error. */
  readonly code: number;
  /** Why. */
  readonly message?: string;
}

/** A span in OTLP. */
export interface OtlpSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** 16 hexadecimal digits. */
  readonly parentSpanId?: string;
  /** What was done. */
  readonly name: string;
  /** From 1 for internal to 5 for a consumer. */
  readonly kind: number;
  /** When it began, in nanoseconds since 1970. */
  readonly startTimeUnixNano: string;
  /** When it ended, in nanoseconds since 1970. */
  readonly endTimeUnixNano: string;
  /** What is known of it. */
  readonly attributes: readonly OtlpAttribute[];
  /** What happened in it. */
  readonly events: readonly OtlpEvent[];
  /** How many events were lost. */
  readonly droppedEventsCount: number;
  /** Other spans that have to do with it. */
  readonly links: readonly OtlpLink[];
  /** How it ended. */
  readonly status: OtlpStatus;
}

/** Who said something, in OTLP. */
export interface OtlpScope {
  /** The name of the library. */
  readonly name: string;
}

/** The spans of one library, in OTLP. */
export interface OtlpScopeSpans {
  /** The library. */
  readonly scope: OtlpScope;
  /** The spans. */
  readonly spans: readonly OtlpSpan[];
}

/** What a process is, in OTLP. */
export interface OtlpResource {
  /** What is known of it. */
  readonly attributes: readonly OtlpAttribute[];
}

/** The spans of one process, in OTLP. */
export interface OtlpResourceSpans {
  /** The process. */
  readonly resource: OtlpResource;
  /** Its spans. */
  readonly scopeSpans: readonly OtlpScopeSpans[];
}

/** What to post as JSON to `/v1/traces` of a collector. */
export interface OtlpTraces {
  /** The spans, by process. */
  readonly resourceSpans: readonly OtlpResourceSpans[];
}

/** Options of {@linkcode otlpJson}. */
export interface OtlpOptions {
  /**
   * What is known of the process, by the names of OpenTelemetry: `"service.name"` at least.
   *
   * @default {{ "service.name": "unknown_service" }}
   */
  readonly resource?: FieldRecord | undefined;
}

/**
 * Writes spans as OTLP/JSON, which collectors and tracing services take.
 *
 * The level of a span becomes the attribute `"weir.level"`, that of an event too, unless it is `"info"`; an abandoned span gets `"weir.abandoned"`.
 *
 * @param spans The spans.
 * @param options What the process is.
 * @returns What to post as JSON.
 *
 * @example Handing spans on to a collector
 * ```ts
 * import { otlpJson, SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * cache.start("import", { rows: 3 }).end();
 * const body = otlpJson(cache.page(), { resource: { "service.name": "shop" } });
 * // await fetch("http://localhost:4318/v1/traces", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
 * const [span] = body.resourceSpans[0]!.scopeSpans[0]!.spans;
 * assertEquals(span?.attributes, [{ key: "rows", value: { intValue: "3" } }]);
 * ```
 */
export function otlpJson(spans: Iterable<SpanRecord>, options: OtlpOptions = {}): OtlpTraces {
  const { resource = { "service.name": "unknown_service" } } = options;
  const scopeSpans = [{ scope: { name: "@weir/weir/cache" }, spans: Array.from(spans, spanOf) }];
  return { resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans }] };
}

function spanOf(span: SpanRecord): OtlpSpan {
  const attributes = attributesOf(span.fields);
  if (span.level !== "info") attributes.push(attributeOf("weir.level", span.level));
  if (span.abandoned === true) attributes.push(attributeOf("weir.abandoned", true));
  return {
    traceId: span.traceId,
    spanId: span.id,
    ...(span.parentId === undefined ? {} : { parentSpanId: span.parentId }),
    name: span.name.toWellFormed(),
    kind: KINDS.indexOf(span.kind) + 1,
    startTimeUnixNano: nanosOf(span.startMs),
    endTimeUnixNano: nanosOf(span.startMs, span.durationMs),
    attributes,
    events: span.events.map(eventOf),
    droppedEventsCount: span.droppedEvents ?? 0,
    links: (span.links ?? []).map((link) => ({ ...link, attributes: [] })),
    status: {
      code: STATUSES.indexOf(span.status),
      ...(span.message === undefined ? {} : { message: span.message.toWellFormed() }),
    },
  };
}

function eventOf({ name, timeMs, level, fields }: SpanEvent): OtlpEvent {
  const attributes = attributesOf(fields);
  if (level !== "info") attributes.push(attributeOf("weir.level", level));
  return { timeUnixNano: nanosOf(timeMs), name: name.toWellFormed(), attributes };
}

function attributesOf(fields: FieldRecord): OtlpAttribute[] {
  return Object.entries(fields).map(([key, value]) => attributeOf(key, value));
}

function attributeOf(key: string, value: FieldRecord[string]): OtlpAttribute {
  return { key: key.toWellFormed(), value: valueOf(value) };
}

function valueOf(value: FieldRecord[string]): OtlpValue {
  if (typeof value === "string") return { stringValue: value.toWellFormed() };
  if (typeof value === "boolean") return { boolValue: value };
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return { intValue: String(value) };
  return { doubleValue: Number.isFinite(value) ? value : String(value) as "NaN" };
}

/** The latest time there is in OTLP. */
const MAX_NANOS: bigint = 2n ** 64n - 1n;

/** Milliseconds since 1970 as nanoseconds, of which a number has not digits enough. */
function nanosOf(ms: number, moreMs = 0): string {
  const whole = Math.floor(ms);
  const nanos = Math.round((ms - whole) * 1e6) + Math.round(moreMs * 1e6);
  const all = BigInt(whole) * 1_000_000n + BigInt(nanos);
  return String(all < 0n ? 0n : all > MAX_NANOS ? MAX_NANOS : all);
}
