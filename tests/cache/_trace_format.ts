/**
 * What the public description of the Trace Event Format demands of a trace in its JSON object form, as far as its phases `X`, `i`, `s`,
 * `f` and `M` go. It takes what was parsed, and trusts none of it.
 *
 * @module
 */

/** An event that was found to be one. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A slice on a line, and the one around it. */
export interface Slice extends Extent {
  readonly event: TraceEvent;
  readonly around: Slice | undefined;
}

/** An arrow, and what its ends are bound to: the innermost slices around them. */
export interface Arrow {
  readonly id: string;
  readonly from: TraceEvent;
  readonly to: TraceEvent;
}

/** When a slice begins and ends, as a reader takes it. */
export interface Extent {
  readonly begin: number;
  readonly end: number;
}

/** How a reader takes the times of an event. */
export type Reading = (event: TraceEvent) => Extent;

/** In microseconds, as they stand there. */
export function asWritten({ ts, dur = 0 }: TraceEvent): Extent {
  return { begin: ts, end: ts + dur };
}

/** In whole nanoseconds, as Perfetto takes both numbers, each by itself. */
export function inNanoseconds({ ts, dur = 0 }: TraceEvent): Extent {
  const begin = Math.trunc(ts * 1_000);
  return { begin, end: begin + Math.trunc(dur * 1_000) };
}

function demand(holds: boolean, what: string, of: unknown): asserts holds {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(of)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): value is string => typeof value === "string";
const isTime = (value: unknown): boolean =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;
const isNumber = (value: unknown): boolean => Number.isSafeInteger(value) && value as number >= 0;

/** What each phase must have, beyond what all have. */
const PHASES: Readonly<Record<string, (event: Record<string, unknown>) => boolean>> = {
  X: ({ dur }) => isTime(dur),
  i: ({ s }) => s === "g" || s === "p" || s === "t",
  // The ends of an arrow are known by the three of them.
  s: ({ id, cat }) => isText(id) && id !== "" && isText(cat),
  f: ({ id, cat, bp }) =>
    isText(id) && id !== "" && isText(cat) && (bp === "e" || bp === undefined),
  M: ({ name, args }) =>
    (name === "process_name" || name === "thread_name") && isObject(args) && isText(args.name),
};

/** Checks every event by itself. Throws at the first that is none. */
export function eventsOf(trace: unknown): TraceEvent[] {
  demand(isObject(trace), "A trace must be an object", trace);
  const { traceEvents, displayTimeUnit } = trace;
  demand(Array.isArray(traceEvents), "traceEvents must be an array", traceEvents);
  demand(
    displayTimeUnit === undefined || displayTimeUnit === "ms" || displayTimeUnit === "ns",
    "displayTimeUnit must be a unit",
    displayTimeUnit,
  );
  for (const event of traceEvents) {
    demand(isObject(event), "An event must be an object", event);
    const { name, ph, ts, pid, tid, cat, args } = event;
    demand(isText(name) && isText(ph), "An event must have a name and a phase", event);
    demand(isTime(ts), "An event must have a time", event);
    demand(isNumber(pid) && isNumber(tid), "An event must have its numbers", event);
    demand(cat === undefined || isText(cat), "A category must be a text", event);
    demand(args === undefined || isObject(args), "Arguments must be an object", event);
    demand(PHASES[ph] !== undefined, "A phase must be known", event);
    demand(PHASES[ph](event), `An event must have what its phase demands`, event);
  }
  return traceEvents;
}

/**
 * Puts the slices of each line into each other. Throws where two of them are neither within each other nor apart.
 *
 * Of two that begin at the same time, the one that is written first is the outer one.
 */
export function slicesOf(events: readonly TraceEvent[], reading: Reading): Slice[] {
  const lines = Map.groupBy(
    events.filter(({ ph }) => ph === "X"),
    ({ pid, tid }) => `${pid}/${tid}`,
  );
  const slices: Slice[] = [];
  for (const line of lines.values()) {
    const stack: Slice[] = [];
    const begun = line.map((event) => ({ event, ...reading(event) }));
    for (const { event, begin, end } of begun.sort((a, b) => a.begin - b.begin)) {
      // One without any duration may still have another one like it within it.
      while (stack.length > 0 && isOver(stack.at(-1)!, begin, end)) stack.pop();
      const around = stack.at(-1);
      demand(around === undefined || end <= around.end, "Slices must be nested or apart", [
        around?.event,
        event,
      ]);
      const slice = { event, begin, end, around };
      slices.push(slice);
      stack.push(slice);
    }
  }
  return slices;
}

/** Whether a slice is over when another one begins. One without any duration may still be within it at its very end. */
function isOver(slice: Slice, begin: number, end: number): boolean {
  return slice.end < begin || (slice.end === begin && slice.end < end);
}

/** Pairs the ends of arrows. Throws at those that lack one, or lead back in time. */
export function arrowsOf(events: readonly TraceEvent[]): Arrow[] {
  const ends = events.filter(({ ph }) => ph === "s" || ph === "f");
  const pairs = Map.groupBy(ends, ({ pid, cat, name, id }) => JSON.stringify([pid, cat, name, id]));
  return [...pairs.values()].map((pair) => {
    const [from, to] = pair.sort((a, b) => a.ph === "s" && b.ph === "f" ? -1 : 1);
    demand(pair.length === 2 && from?.ph === "s" && to?.ph === "f", "An arrow has two ends", pair);
    demand(from.ts <= to.ts, "An arrow must not lead back in time", pair);
    return { id: from.id!, from, to };
  });
}

/**
 * The slices that are going on where an end of an arrow is, the innermost last. Of those that begin at the very time, the ones that are
 * written before it: readers take events in the order of their times, and else in that of the text.
 */
export function around(
  end: TraceEvent,
  slices: readonly Slice[],
  events: readonly TraceEvent[],
): Slice[] {
  const place = events.indexOf(end);
  return slices.filter(({ event, begin, end: over }) => {
    if (event.tid !== end.tid) return false;
    return begin === end.ts ? events.indexOf(event) < place : begin < end.ts && end.ts < over;
  });
}

/** How many slices are around one. */
export function depthOf(slice: Slice): number {
  let depth = 0;
  for (let at = slice.around; at !== undefined; at = at.around) depth++;
  return depth;
}
