import type { SpanCache } from "./cache.ts";
import type { Fields } from "./record.ts";

/** The part that is read of a `PerformanceMeasure`. */
export interface MeasureLike {
  /** What was measured. */
  readonly name: string;
  /** When it began, in milliseconds since `performance.timeOrigin`. */
  readonly startTime: number;
  /** How long it took, in milliseconds. */
  readonly duration: number;
  /** What its maker put along. */
  readonly detail?: unknown;
}

/**
 * Records what `performance.measure` has measured as a span, in the span that is around this call.
 *
 * @param cache Where it is recorded.
 * @param measure What `performance.measure` answers, or an observer of measures gets. A `detail` that is an object becomes its fields.
 * @returns Whether it was recorded.
 * @throws {TypeError} If it is no measure.
 * @throws {RangeError} If its times are no finite numbers.
 *
 * @example What a library measures
 * ```ts
 * import { recordMeasure, SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * performance.mark("begin");
 * recordMeasure(cache, performance.measure("render", { start: "begin", detail: { rows: 3 } }));
 * assertEquals(cache.page()[0]?.fields, { rows: 3 });
 * ```
 */
export function recordMeasure(cache: SpanCache, measure: MeasureLike): boolean {
  const { name, startTime, duration, detail } = measure;
  const { current } = cache;
  const context = current?.context;
  // In what is not recorded.
  if (current !== undefined && !current.recording && context === undefined) return false;
  return cache.record({
    name,
    startMs: performance.timeOrigin + startTime,
    // Of two marks in the wrong order, platforms make one.
    durationMs: duration < 0 ? 0 : duration,
    ...(context === undefined ? {} : { traceId: context.traceId, parentId: context.spanId }),
    ...(typeof detail === "object" && detail !== null ? { fields: detail as Fields } : {}),
  });
}
