import type { SpanKind, SpanLevel, SpanStatus } from "./level.ts";

/** A value of a field, as it is given. A `bigint` is read as a number if that is exact, and otherwise as text. */
export type FieldValue = string | number | boolean | bigint;

/**
 * Named values, in the order in which they were given. What is `undefined` or `null` is left out; values of other types are refused and counted.
 */
export type Fields = Readonly<Record<string, FieldValue | null | undefined>>;

/** Fields as they are read. */
export type FieldRecord = Readonly<Record<string, string | number | boolean>>;

/** Names a span of this or another process, as W3C Trace Context does. */
export interface SpanLink {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** Something that happened at one moment of a span. */
export interface SpanEvent {
  /** What happened. */
  readonly name: string;
  /** When, in milliseconds since 1970. */
  readonly timeMs: number;
  /** How much it matters. */
  readonly level: SpanLevel;
  /** What is known of it. */
  readonly fields: FieldRecord;
  /** The names of those fields of which only the beginning was kept; `"name"` as well for the name of the event. */
  readonly cut?: readonly string[];
}

/** A span that has ended. */
export interface SpanRecord {
  /** Its number in the order in which spans were committed: what {@linkcode SpanCache.page} goes by. */
  readonly seq: number;
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** What the whole trace has in common: 32 hexadecimal digits. */
  readonly traceId: string;
  /** The id of the span in which it was; nothing for one that began a trace. */
  readonly parentId?: string;
  /** What was done. */
  readonly name: string;
  /** How much it matters. */
  readonly level: SpanLevel;
  /** What it is between services. */
  readonly kind: SpanKind;
  /** How it has ended. */
  readonly status: SpanStatus;
  /** Why it failed, if that was said. */
  readonly message?: string;
  /** When it began, in milliseconds since 1970. */
  readonly startMs: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** How much of that no child of it was running, in milliseconds. */
  readonly selfMs: number;
  /** What is known of it. */
  readonly fields: FieldRecord;
  /** What happened in it, in the order in which it was said. */
  readonly events: readonly SpanEvent[];
  /** Other spans that have to do with it. */
  readonly links?: readonly SpanLink[];
  /** How many events there was no room for. */
  readonly droppedEvents?: number;
  /** The names of those fields of which only the beginning was kept; `"name"` and `"message"` as well for those of the span. */
  readonly cut?: readonly string[];
  /** Whether it never ended, and was given up by {@linkcode SpanCache.abandon}. */
  readonly abandoned?: boolean;
}

/** A span that is still running. Its duration is what has passed. */
export interface OpenSpanRecord extends Omit<SpanRecord, "seq"> {
  /** How many of its children are running. */
  readonly openChildren: number;
}

/** An event as it comes from elsewhere. */
export interface SpanEventInput {
  /** What happened. */
  readonly name: string;
  /** When, in milliseconds since 1970. */
  readonly timeMs: number;
  /**
   * How much it matters.
   *
   * @default {"info"}
   */
  readonly level?: SpanLevel | undefined;
  /** What is known of it. */
  readonly fields?: Fields | undefined;
}

/** A span as it comes from elsewhere. A {@linkcode SpanRecord} is one. */
export interface SpanInput {
  /** What was done. */
  readonly name: string;
  /** When it began, in milliseconds since 1970. */
  readonly startMs: number;
  /** How long it took, in milliseconds: not negative. */
  readonly durationMs: number;
  /** 16 hexadecimal digits, not all of them 0. Without it, it gets one. */
  readonly id?: string | undefined;
  /** 32 hexadecimal digits, not all of them 0. Without it, it is a trace of its own, or of the parent if that is held. */
  readonly traceId?: string | undefined;
  /** The id of the span in which it was. */
  readonly parentId?: string | undefined;
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
  /**
   * How it has ended.
   *
   * @default {"unset"}
   */
  readonly status?: SpanStatus | undefined;
  /** Why it failed. */
  readonly message?: string | undefined;
  /**
   * How much of the duration no child of it was running, in milliseconds. Without it, it is the duration without those of the children that are
   * recorded here too, before or after it.
   */
  readonly selfMs?: number | undefined;
  /** What is known of it. */
  readonly fields?: Fields | undefined;
  /** What happened in it: an array of at most 65,536. */
  readonly events?: readonly SpanEventInput[] | undefined;
  /** Other spans that have to do with it: an array of at most 65,536. */
  readonly links?: readonly SpanLink[] | undefined;
  /** How many events were lost before it came here. */
  readonly droppedEvents?: number | undefined;
  /** Whether it never ended. */
  readonly abandoned?: boolean | undefined;
}
