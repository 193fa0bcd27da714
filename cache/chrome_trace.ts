import { jsonFields } from "./_json_fields.ts";
import { Heap } from "./_heap.ts";
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

/**
 * Draws spans, as JSON that Perfetto and the tracing page of Chrome open.
 *
 * What was going on at the same time stands on several lines, so that on each line spans are within each other or apart, as the format demands. A
 * span stands within its parent where that can be, and otherwise an arrow leads to it. Times are rounded to an eighth of a microsecond, and ends that
 * differ by no more than what times since 1970 are rounded to are taken for the same.
 *
 * This costs O(n log n), and as much memory as the text several times.
 *
 * @param spans The spans, in any order. Of several with one id, the last one is drawn.
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
  const { beginMs, slices } = slicesOf([...spans]);
  let lines = 0;
  // The line that is free first comes first.
  const free = new Heap<Line>((one, other) => one.end < other.end);
  for (const slice of slices) {
    if (standsWithin(slice)) continue;
    const { top } = free;
    const isFree = top !== undefined && top.end <= slice.begin + TOLERANCE;
    const line = isFree ? free.pop()! : { tid: ++lines, stack: [], end: 0 };
    if (isFree) beginAfter(slice, line.end);
    line.stack = [slice];
    line.end = slice.end;
    slice.line = line;
    free.push(line);
  }

  const named = (name: string, tid: number, value: string): ChromeTraceEvent => ({
    name,
    ph: "M",
    ts: 0,
    pid,
    tid,
    args: { name: value },
  });
  const events = [named("process_name", 0, processName)];
  for (let tid = 1; tid <= lines; tid++) events.push(named("thread_name", tid, `line ${tid}`));
  for (const slice of slices) writeSlice(events, slice, pid, beginMs);
  return { traceEvents: events, displayTimeUnit: "ms", otherData: { startMs: beginMs } };
}

/**
 * Times are whole numbers of this many parts of a microsecond: those are the same as a number and in whole nanoseconds, so that sums of them are exact
 * to whoever reads them.
 */
const PARTS = 8;
/** A millisecond since 1970 is known to a quarter of a microsecond, at both ends of both spans. */
const TOLERANCE: number = PARTS;
/** The longest time that can be told from the next. */
const MAX_PARTS = 2 ** 50;

/** A span as it is drawn. */
interface DrawnSlice {
  readonly span: SpanRecord;
  readonly depth: number;
  readonly parent: DrawnSlice | undefined;
  begin: number;
  end: number;
  line: Line | undefined;
  /** Children that stand elsewhere, to which arrows lead from its beginning. */
  readonly far: DrawnSlice[];
  /** Whether an arrow leads to it, and whether that begins when it does, since its parent was the innermost then. */
  isPointedAt: boolean;
  isBeside: boolean;
}

/** A line, what is going on in it, the innermost last, and when the outermost of that ends. */
interface Line {
  readonly tid: number;
  stack: DrawnSlice[];
  end: number;
}

/** Slices in the order in which they are drawn: parents before children. */
function slicesOf(spans: readonly SpanRecord[]): {
  readonly beginMs: number;
  readonly slices: readonly DrawnSlice[];
} {
  const beginMs = Math.floor(
    spans.reduce((least, { startMs }) => Math.min(least, startMs), Infinity),
  );
  const known = new Map(spans.map((span) => [span.id, span]));
  const parentOf = ({ parentId }: SpanRecord): SpanRecord | undefined =>
    parentId === undefined ? undefined : known.get(parentId);
  const slices = new Map<SpanRecord, DrawnSlice>();
  for (const span of known.values()) {
    // Outermost first, and each once.
    const chain: SpanRecord[] = [];
    for (let at: SpanRecord | undefined = span; at !== undefined && !slices.has(at);) {
      // Within itself, as it claims.
      if (chain.length > spans.length) break;
      chain.push(at);
      at = parentOf(at);
    }
    for (const one of chain.reverse()) {
      const parent = parentOf(one);
      if (!slices.has(one)) slices.set(one, sliceOf(one, parent && slices.get(parent), beginMs));
    }
  }
  const sorted = [...slices.values()].sort((a, b) =>
    a.begin - b.begin || a.depth - b.depth || b.end - a.end
  );
  return { beginMs: Number.isFinite(beginMs) ? beginMs : 0, slices: sorted };
}

function sliceOf(span: SpanRecord, parent: DrawnSlice | undefined, beginMs: number): DrawnSlice {
  const begin = partsOf(span.startMs - beginMs);
  const end = Math.max(begin, partsOf(span.startMs + span.durationMs - beginMs));
  const depth = parent === undefined ? 0 : parent.depth + 1;
  const slice = {
    span,
    depth,
    parent,
    begin,
    end,
    line: undefined,
    far: [],
    isPointedAt: false,
    isBeside: false,
  };
  fit(slice);
  return slice;
}

/** Puts the ends of a slice to those of its parent, where they are the same but for rounding. */
function fit(slice: DrawnSlice): void {
  const { parent } = slice;
  if (parent === undefined) return;
  const isLater = slice.span.startMs >= parent.span.startMs || isNear(slice.begin, parent.begin);
  if (isLater && slice.begin < parent.begin) slice.begin = parent.begin;
  if (isNear(slice.begin, parent.end) && slice.begin > parent.end) slice.begin = parent.end;
  if (isNear(slice.end, parent.end) && slice.end > parent.end) slice.end = parent.end;
  slice.end = Math.max(slice.begin, slice.end);
}

function isNear(one: number, other: number): boolean {
  return Math.abs(one - other) <= TOLERANCE;
}

function beginAfter(slice: DrawnSlice, end: number): void {
  slice.begin = Math.max(slice.begin, end);
  slice.end = Math.max(slice.begin, slice.end);
}

function partsOf(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms * 1e3 * PARTS)), MAX_PARTS);
}

/** Puts a slice on the line of its parent, if that is the innermost which goes on there, and the slice ends within it. */
function standsWithin(slice: DrawnSlice): boolean {
  fit(slice);
  const { parent } = slice;
  const line = parent?.line;
  if (parent === undefined || line === undefined) return false;
  const { stack } = line;
  let innermost = stack.at(-1);
  while (innermost !== undefined && innermost !== parent) {
    if (innermost.end > slice.begin + TOLERANCE) break;
    beginAfter(slice, innermost.end);
    stack.pop();
    innermost = stack.at(-1);
  }
  if (innermost === parent && slice.begin <= parent.end && slice.end <= parent.end) {
    slice.line = line;
    stack.push(slice);
    return true;
  }
  // No arrow leads back in time.
  slice.isPointedAt = slice.begin >= parent.begin;
  slice.isBeside = slice.isPointedAt && innermost === parent && slice.begin < parent.end;
  if (slice.isPointedAt && !slice.isBeside) parent.far.push(slice);
  return false;
}

function writeSlice(
  events: ChromeTraceEvent[],
  slice: DrawnSlice,
  pid: number,
  beginMs: number,
): void {
  const { span, begin, end } = slice;
  const { tid } = slice.line!;
  const ts = begin / PARTS;
  if (slice.isBeside) writeArrow(events, slice, pid, ts);
  events.push({
    name: span.name,
    cat: span.kind,
    ph: "X",
    ts,
    dur: (end - begin) / PARTS,
    pid,
    tid,
    args: argsOf(span),
  });
  if (slice.isPointedAt) events.push({ ...arrowTo(slice, pid), ph: "f", bp: "e", ts, tid });
  for (const child of slice.far) writeArrow(events, child, pid, ts);
  for (const event of span.events) {
    const at = partsOf(event.timeMs - beginMs) / PARTS;
    const args = jsonFields(event.fields);
    events.push({ name: event.name, ph: "i", s: "t", ts: at, pid, tid, args });
  }
}

/** Writes where an arrow begins: at the parent, which is the innermost there. */
function writeArrow(
  events: ChromeTraceEvent[],
  child: DrawnSlice,
  pid: number,
  ts: number,
): void {
  events.push({ ...arrowTo(child, pid), ph: "s", ts, tid: child.parent!.line!.tid });
}

function arrowTo(
  { span }: DrawnSlice,
  pid: number,
): { readonly name: string; readonly cat: string; readonly id: string; readonly pid: number } {
  return { name: "child", cat: "child", id: span.id, pid };
}

function argsOf(span: SpanRecord): Record<string, unknown> {
  const { id, traceId, parentId, level, status, message, selfMs, abandoned } = span;
  const fields = jsonFields(span.fields);
  return { id, traceId, parentId, level, status, message, selfMs, abandoned, fields };
}
