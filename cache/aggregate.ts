import type { FieldRecord, SpanRecord } from "./record.ts";

/** Options of {@linkcode SpanCache.aggregate}. */
export interface SpanAggregateOptions {
  /**
   * The name of a field: spans are told apart by its value as well. Those that do not have it, nor any span around them that is held, have no
   * group. This looks at all spans that are held.
   */
  readonly by?: string | undefined;

  /** Which spans to look at. This makes a record of each span that is held. */
  readonly where?: ((span: SpanRecord) => boolean) | undefined;
}

/**
 * What there is to say of the spans of one name that are held, in milliseconds. All numbers are exact, but for `p50Ms`, `p95Ms` and `p99Ms`,
 * which are within 1.6 % of what they should be.
 */
export interface SpanAggregate {
  /** The name. `"(other)"` stands for all those for which there was no room. */
  readonly name: string;
  /** The value of the field that they are told apart by, as text. */
  readonly group?: string;
  /** How many are held. */
  readonly count: number;
  /** How many of those failed. */
  readonly failed: number;
  /** What share of those failed, from 0 to 1. */
  readonly errorRate: number;
  /** How many are running; 0 where `by` or `where` was asked for, since fields of those may change. */
  readonly open: number;
  /** The shortest. */
  readonly minMs: number;
  /** The mean. */
  readonly meanMs: number;
  /** Half of them took no longer. */
  readonly p50Ms: number;
  /** 95 of 100 took no longer. */
  readonly p95Ms: number;
  /** 99 of 100 took no longer. */
  readonly p99Ms: number;
  /** The longest. */
  readonly maxMs: number;
  /** All durations together. */
  readonly totalMs: number;
  /** All self times together: the time in which no child of theirs was running. */
  readonly selfMs: number;
  /**
   * How many have ended since this name was first used, whether they are held or not; as many as `count` where `by` or `where` was asked for. It
   * begins anew when the place of the name was given to another one meanwhile, as it is when nothing held has the name and there are `maxNames`.
   */
  readonly seen: number;
  /** How many of those failed. */
  readonly seenFailed: number;
}

/** The value of a field as the text that groups are told apart by. */
export function groupOf(value: FieldRecord[string] | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
