import type { SpanRecord } from "./record.ts";

/** One event of the Trace Event Format. Times are microseconds since the trace begins. */
export interface ChromeTraceEvent {
  /** What it is called. */
  readonly name: string;
  /** `"X"` for a span, `"i"` for an event, `"s"` and `"f"` for the ends of an arrow, `"M"` for a name. */
  readonly ph: "X" | "i" | "s" | "f" | "M";
  /** When, in microseconds. */
  readonly ts: number;
  /** How long, in microseconds. */
  readonly dur?: number;
  /** The process. */
  readonly pid: number;
  /** The line that it is drawn on. */
  readonly tid: number;
  /** What kind of span it is. */
  readonly cat?: string;
  /** What the ends of an arrow have in common. */
  readonly id?: string;
  /** That an event is drawn on its line only. */
  readonly s?: "t";
  /** That an arrow ends at the span around it. */
  readonly bp?: "e";
  /** What is known of it. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A trace in the JSON form of the Trace Event Format. */
export interface ChromeTrace {
  /** What to draw. */
  readonly traceEvents: readonly ChromeTraceEvent[];
  /** The unit in which durations are shown. */
  readonly displayTimeUnit: "ms";
  /** What else is known. */
  readonly otherData: ChromeTraceData;
}

/** What is known of a trace as a whole. */
export interface ChromeTraceData {
  /** When it begins, in milliseconds since 1970. */
  readonly startMs: number;
}

/** Options of {@linkcode chromeTrace}. */
export interface ChromeTraceOptions {
  /**
   * What the process is called.
   *
   * @default {"weir"}
   */
  readonly processName?: string | undefined;
  /**
   * The number of the process.
   *
   * @default {1}
   */
  readonly pid?: number | undefined;
}

/** A line, and the spans that are going on in it, the innermost last. */
interface Line {
  readonly tid: number;
  readonly stack: SpanRecord[];
}

/**
 * Draws spans, as JSON that Perfetto and the tracing page of Chrome open.
 *
 * What was going on at the same time stands on several lines, so that on each line spans are within each other or apart, as the format demands. A
 * span stands within its parent where that can be, and otherwise an arrow leads to it.
 *
 * This costs O(n log n + n · lines), and as much memory as the text several times.
 *
 * @param spans The spans, in any order.
 * @param options What the process is called.
 * @returns What to write as JSON.
 *
 * @example A file for Perfetto
 * ```ts
 * import { chromeTrace, SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * cache.spanSync("outer", () => cache.spanSync("inner", () => {}));
 * const { traceEvents } = chromeTrace(cache.page({ limit: Infinity }));
 * assertEquals(traceEvents.filter(({ ph }) => ph === "X").map(({ name }) => name), ["outer", "inner"]);
 * ```
 */
export function chromeTrace(
  spans: Iterable<SpanRecord>,
  options: ChromeTraceOptions = {},
): ChromeTrace {
  const { processName = "weir", pid = 1 } = options;
  const sorted = [...spans].sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs);
  // Since 1970 there have been too many microseconds for a number to tell parts of them apart.
  const beginMs = Math.floor(sorted[0]?.startMs ?? 0);
  const microsOf = (ms: number): number => (ms - beginMs) * 1e3;
  const known = new Map(sorted.map((span) => [span.id, span]));
  const lines: Line[] = [];
  const lineOf = new Map<string, Line>();
  const events: ChromeTraceEvent[] = [];

  for (const span of sorted) {
    const parent = span.parentId === undefined ? undefined : known.get(span.parentId);
    const own = parent && lineOf.get(parent.id);
    const line = own !== undefined && takes(own, span, parent)
      ? own
      : lines.find((line) => takes(line, span, undefined)) ?? addLine(lines);
    line.stack.push(span);
    lineOf.set(span.id, line);
    const { tid } = line;
    events.push({
      name: span.name,
      cat: span.kind,
      ph: "X",
      ts: microsOf(span.startMs),
      // As `takes` sees its end.
      dur: (endOf(span) - span.startMs) * 1e3,
      pid,
      tid,
      args: argsOf(span),
    });
    for (const event of span.events) {
      const ts = Math.max(0, microsOf(event.timeMs));
      events.push({ name: event.name, ph: "i", s: "t", ts, pid, tid, args: event.fields });
    }
    if (parent === undefined || own === line || own === undefined) continue;
    const arrow = { name: "child", cat: "child", id: span.id, pid } as const;
    const startMs = Math.min(span.startMs, endOf(parent));
    events.push({ ...arrow, ph: "s", ts: microsOf(startMs), tid: own.tid });
    events.push({ ...arrow, ph: "f", bp: "e", ts: microsOf(span.startMs), tid });
  }
  const named = (name: string, tid: number, value: string): ChromeTraceEvent => ({
    name,
    ph: "M",
    ts: 0,
    pid,
    tid,
    args: { name: value },
  });
  const names = [
    named("process_name", 0, processName),
    ...lines.map(({ tid }) => named("thread_name", tid, `line ${tid}`)),
  ];
  return {
    traceEvents: [...names, ...events],
    displayTimeUnit: "ms",
    otherData: { startMs: beginMs },
  };
}

/**
 * Whether a span can be drawn on a line: nothing is going on there, or its parent is the innermost there, and it ends within that. What has ended
 * is taken off.
 */
function takes({ stack }: Line, span: SpanRecord, parent: SpanRecord | undefined): boolean {
  while (stack.length > 0 && endOf(stack.at(-1)!) <= span.startMs && stack.at(-1) !== parent) {
    stack.pop();
  }
  const innermost = stack.at(-1);
  if (innermost === undefined) return parent === undefined;
  return innermost === parent && endOf(span) <= endOf(parent);
}

function addLine(lines: Line[]): Line {
  const line = { tid: lines.length + 1, stack: [] };
  lines.push(line);
  return line;
}

function endOf(span: SpanRecord): number {
  return span.startMs + span.durationMs;
}

function argsOf(span: SpanRecord): Record<string, unknown> {
  const { id, traceId, parentId, level, status, message, selfMs, fields, abandoned } = span;
  return { ...fields, id, traceId, parentId, level, status, message, selfMs, abandoned };
}
