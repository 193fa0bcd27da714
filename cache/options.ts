import type { SpanKind, SpanLevel, SpanLevelFilter } from "./level.ts";
import type { SpanLink, SpanRecord } from "./record.ts";
import type { Span } from "./span.ts";
import type { TraceContext } from "./trace_context.ts";

/** The clocks of a {@linkcode SpanCache}. */
export interface SpanClock {
  /** Milliseconds from any beginning, that do not go backwards, as fine as possible: what durations are measured by. */
  now(): number;
  /** Milliseconds since 1970. It is asked once, when the cache is made. */
  wallNow(): number;
}

/** Options of the {@linkcode SpanCache} constructor. */
export interface SpanCacheOptions {
  /**
   * How many spans are held that have ended: a positive integer of at most 16,777,216. When another one ends, the one that is first by `evict`
   * goes.
   *
   * @default {16_384}
   */
  readonly capacity?: number | undefined;

  /**
   * How many spans may run at a time: a positive integer of at most 16,777,216. Others are not recorded, nor is what is in them; that is counted.
   *
   * @default {4_096}
   */
  readonly maxOpen?: number | undefined;

  /**
   * How many bytes fields, events, names and messages of all spans may take together: an integer from 4,096 to 2,147,483,648. A field takes 32, as does an
   * event with its time; texts of more than 20 characters take more, and so do names of events that are long, or are beyond the first `maxNames`.
   * The system gives the memory as it is used. When there is no room, spans that have ended go as for `capacity`.
   *
   * @default {256 * (capacity + maxOpen)}, or the nearest to it that may be
   */
  readonly maxBytes?: number | undefined;

  /**
   * How many different names of spans there may be, and how many different names of fields: a positive integer of at most 65,536. Spans of
   * further names keep theirs, and are summed up as `"(other)"`; fields of further names are left out and counted. A name that nothing held has
   * any more makes room for another one. Of a name of a span 256 UTF-16 units are kept; fields with longer names are left out.
   *
   * @default {1_024}
   */
  readonly maxNames?: number | undefined;

  /**
   * How many fields a span may have, and an event, and how many links: a non-negative integer. Others are left out and counted.
   *
   * @default {128}
   */
  readonly maxFields?: number | undefined;

  /**
   * How many events a span may have: a non-negative integer of at most 65,535. Others are left out and counted, also in the span.
   *
   * @default {128}
   */
  readonly maxEvents?: number | undefined;

  /**
   * How many UTF-16 units of a text are kept: a positive integer of at most 16,777,216. A span says which of its fields were cut.
   *
   * @default {1_024}
   */
  readonly maxTextLength?: number | undefined;

  /**
   * Which span goes first: the one that was opened first, or the one that ended first.
   *
   * @default {"oldest-opened"}
   */
  readonly evict?: "oldest-opened" | "oldest-closed" | undefined;

  /**
   * How many of the spans that are held may be some that are kept longer, because they failed or were slow: a non-negative integer of at most
   * `capacity`. When they are first to go, they stay, and the one of them goes that has stayed longest.
   *
   * @default {0}
   */
  readonly reserve?: number | undefined;

  /**
   * From how many milliseconds on a span counts as slow for the reserve.
   *
   * @default {Infinity}
   */
  readonly slowMs?: number | undefined;

  /**
   * Up to which level spans and events are recorded. It can be changed at any time.
   *
   * @default {"trace"}
   */
  readonly level?: SpanLevelFilter | undefined;

  /**
   * Which share of the traces that begin here is recorded, from 0 to 1. It can be changed at any time.
   *
   * @default {1}
   */
  readonly chance?: number | undefined;

  /** Its clocks. Default: `performance.now()` and `Date.now()`. */
  readonly clock?: SpanClock | undefined;

  /**
   * Where chance comes from: numbers from 0 to less than 1.
   *
   * @default {Math.random}
   */
  readonly random?: (() => number) | undefined;
}

/** Options of a span. */
export interface SpanOptions {
  /**
   * The span that it is in: one of this cache, one of another process, or `null` for none, which begins a trace.
   *
   * Without it, it is the one in whose `run` or `span` this is called.
   */
  readonly parent?: Span | TraceContext | null | undefined;
  /**
   * How much it matters.
   *
   * @default {"info"}
   */
  readonly level?: SpanLevel | undefined;
  /**
   * What it is between services.
   *
   * @default {"internal"}
   */
  readonly kind?: SpanKind | undefined;
  /** Other spans that have to do with it. */
  readonly links?: readonly (Span | SpanLink)[] | undefined;
}

/** Options of {@linkcode SpanCache.page}. */
export interface SpanPageOptions {
  /**
   * The `seq` of the last span that was read before; 0 to begin with the first.
   *
   * @default {0}
   */
  readonly after?: number | undefined;
  /**
   * The most spans: a positive integer, or `Infinity`.
   *
   * @default {100}
   */
  readonly limit?: number | undefined;
}

/** Which spans to find. All that is said must hold. */
export interface SpanQuery {
  /** The name, or some of which it is one. */
  readonly name?: string | readonly string[] | undefined;
  /** That it took so many milliseconds or more. */
  readonly minMs?: number | undefined;
  /** Whether it failed. */
  readonly failed?: boolean | undefined;
  /** That it matters so much or more. */
  readonly level?: SpanLevel | undefined;
  /** That it ended at this time or later, in milliseconds since 1970. */
  readonly since?: number | undefined;
  /** That it ended before this time, in milliseconds since 1970. */
  readonly until?: number | undefined;
  /** Which trace it is of. */
  readonly traceId?: string | undefined;
  /** Fields that it has, with these values. */
  readonly fields?: Readonly<Record<string, string | number | boolean | bigint>> | undefined;
  /** Anything else. Called for those of which all the rest holds. */
  readonly where?: ((span: SpanRecord) => boolean) | undefined;
}

/** Options of {@linkcode SpanCache.find}. */
export interface SpanFindOptions extends SpanQuery {
  /**
   * In which order: the ones that were committed last first, or the ones that took longest.
   *
   * @default {"newest"}
   */
  readonly order?: "newest" | "slowest" | undefined;
  /**
   * The most spans: a positive integer, or `Infinity`.
   *
   * @default {100}
   */
  readonly limit?: number | undefined;
}

/** Options of {@linkcode SpanCache.open} and {@linkcode SpanCache.abandon}. */
export interface OpenSpanOptions {
  /**
   * Only those that have been running for so many milliseconds or more.
   *
   * @default {0}
   */
  readonly minMs?: number | undefined;
}
