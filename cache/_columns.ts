import { hexOf, wordAt } from "./_hex.ts";

// What the flags of a slot say: first its state.
export const FREE = 0;
export const OPEN = 1;
export const CLOSED = 2;
export const STATE_MASK = 3;

/** Where the status, the level and the kind stand. */
export const STATUS_SHIFT = 2;
export const STATUS_MASK: number = 3 << STATUS_SHIFT;
export const SUCCEEDED: number = 1 << STATUS_SHIFT;
export const FAILED: number = 2 << STATUS_SHIFT;
export const LEVEL_SHIFT = 4;
export const KIND_SHIFT = 7;

/** It was passed over as the oldest, since it runs. */
export const OVERDUE: number = 1 << 10;
/** It came from elsewhere, and has an id that says nothing about its slot. */
export const FOREIGN: number = 1 << 11;
/** It has a parent. */
export const CHILD: number = 1 << 12;
/** Whoever called us records the trace. */
export const SAMPLED: number = 1 << 13;
/** It brought its self time along, which knows of its children. */
export const SELF_KNOWN: number = 1 << 14;
/** It never ended. */
export const ABANDONED: number = 1 << 15;

/** Only the beginning of its name was kept. */
export const NAME_CUT: number = 1 << 16;

/** The most events that are counted for one span. */
export const MAX_EVENTS = 0xffff;

/**
 * All that spans have of a fixed size, one place a span in each column. The system gives the memory as it is used.
 *
 * While a span runs, three columns have another meaning, so that it takes no more room than one that has ended.
 */
export class SpanColumns {
  readonly count: number;
  /** How often the slot was used: a handle of another use can do nothing. */
  readonly generations: Uint32Array<ArrayBuffer>;
  readonly idsHigh: Uint32Array<ArrayBuffer>;
  readonly idsLow: Uint32Array<ArrayBuffer>;
  readonly parentsHigh: Uint32Array<ArrayBuffer>;
  readonly parentsLow: Uint32Array<ArrayBuffer>;
  /** Four words a span. */
  readonly traces: Uint32Array<ArrayBuffer>;
  /** Milliseconds on the clock of the cache. */
  readonly starts: Float64Array<ArrayBuffer>;
  /** Whole nanoseconds. While it runs: since when some child of it has been running, in milliseconds. */
  readonly durations: Float64Array<ArrayBuffer>;
  /** Whole nanoseconds in which no child was running. While it runs: the milliseconds in which one was. */
  readonly selves: Float64Array<ArrayBuffer>;
  /** Number of the commit. While it runs: how many children of it are running. */
  readonly seqs: Float64Array<ArrayBuffer>;
  readonly names: Uint32Array<ArrayBuffer>;
  readonly flags: Uint32Array<ArrayBuffer>;
  /** Its chain of fields, and that of its events: the last one first. */
  readonly fields: Uint32Array<ArrayBuffer>;
  readonly events: Uint32Array<ArrayBuffer>;
  readonly eventCounts: Uint16Array<ArrayBuffer>;
  readonly droppedEvents: Uint16Array<ArrayBuffer>;
  /** What is next to it in whatever list it stands. */
  readonly links: Uint32Array<ArrayBuffer>;

  constructor(count: number) {
    this.count = count;
    this.generations = new Uint32Array(count);
    this.idsHigh = new Uint32Array(count);
    this.idsLow = new Uint32Array(count);
    this.parentsHigh = new Uint32Array(count);
    this.parentsLow = new Uint32Array(count);
    this.traces = new Uint32Array(count * 4);
    this.starts = new Float64Array(count);
    this.durations = new Float64Array(count);
    this.selves = new Float64Array(count);
    this.seqs = new Float64Array(count);
    this.names = new Uint32Array(count);
    this.flags = new Uint32Array(count);
    this.fields = new Uint32Array(count);
    this.events = new Uint32Array(count);
    this.eventCounts = new Uint16Array(count);
    this.droppedEvents = new Uint16Array(count);
    this.links = new Uint32Array(count);
  }

  /** The id of a span, as text. */
  idOf(slot: number): string {
    return hexOf(this.idsHigh[slot]!) + hexOf(this.idsLow[slot]!);
  }

  /** The id of the span in which one is, as text. */
  parentIdOf(slot: number): string | undefined {
    const { flags, parentsHigh, parentsLow } = this;
    if ((flags[slot]! & CHILD) === 0) return undefined;
    return hexOf(parentsHigh[slot]!) + hexOf(parentsLow[slot]!);
  }

  /** The id of a trace, as text. */
  traceIdOf(slot: number): string {
    const { traces } = this;
    const at = slot * 4;
    return hexOf(traces[at]!) + hexOf(traces[at + 1]!) + hexOf(traces[at + 2]!) +
      hexOf(traces[at + 3]!);
  }

  /** Puts a span into the trace with an id. */
  setTrace(slot: number, traceId: string): void {
    const { traces } = this;
    for (let part = 0; part < 4; part++) traces[slot * 4 + part] = wordAt(traceId, part * 8);
  }

  /** Puts a span into the one with an id. */
  setParent(slot: number, spanId: string): void {
    const { flags, parentsHigh, parentsLow } = this;
    flags[slot]! |= CHILD;
    parentsHigh[slot] = wordAt(spanId, 0);
    parentsLow[slot] = wordAt(spanId, 8);
  }

  /** How many bytes a span takes here. */
  static readonly BYTES_PER_SPAN: number = 9 * 4 + 16 + 4 * 8 + 2 * 2;
}
