import type { SpanStore } from "./_store.ts";
import type { SpanOptions } from "./options.ts";
import type { Fields } from "./record.ts";
import type { Span, SpanTrace } from "./span.ts";
import type { TraceContext } from "./trace_context.ts";

/** What handles need of their cache. */
export interface SpanHost {
  readonly store: SpanStore;
  /** The number of the level up to which is recorded. */
  readonly level: number;
  /** The time on its clock, in milliseconds. */
  now(): number;
  start(name: string, fields: Fields | undefined, options: SpanOptions | undefined): Span;
  run<T>(span: Span | undefined, callback: () => T): T;
  end(slot: number): void;
  contextOf(
    slot: number,
    generation: number,
    trace: SpanTrace,
  ): TraceContext | undefined;
}
