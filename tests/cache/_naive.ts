import type {
  Fields,
  SpanEventInput,
  SpanInput,
  SpanKind,
  SpanLevel,
  SpanLevelFilter,
  SpanLink,
  SpanStatus,
} from "../../cache/mod.ts";

/** From what matters most on. */
export const NAIVE_LEVELS: readonly SpanLevelFilter[] = [
  "off",
  "error",
  "warn",
  "info",
  "debug",
  "trace",
];
/** What spans are summed up as for whose names there is no room. */
export const OTHER_ROW = "(other)";
const NS_PER_MS = 1e6;

/** The bounds of a cache. Bytes are none of them: which spans those have cost, a model is told. */
export interface NaiveBounds {
  readonly capacity: number;
  readonly maxOpen: number;
  readonly maxNames: number;
  readonly maxEvents: number;
  readonly evict: "oldest-opened" | "oldest-closed";
  readonly reserve: number;
  readonly slowMs: number;
}

/** What happened in a span. Times are those of the clock. */
export interface NaiveEvent {
  readonly name: string;
  readonly time: number;
  readonly level: SpanLevel;
  readonly fields: Map<string, string | number | boolean>;
}

/** A span. Times are those of the clock, in milliseconds. */
export interface NaiveSpan {
  readonly id: string;
  readonly traceId: string;
  readonly parentId: string | undefined;
  readonly level: SpanLevel;
  readonly kind: SpanKind;
  /** Whether it came from elsewhere. */
  readonly isForeign: boolean;
  readonly start: number;
  /** When it was opened, or came from elsewhere, among all others. */
  readonly order: number;
  readonly fields: Map<string, string | number | boolean>;
  readonly events: NaiveEvent[];
  readonly links: SpanLink[];
  /** Spans that were started in it while it was running. */
  readonly children: NaiveSpan[];
  name: string;
  /** What it is summed up as. */
  row: string;
  status: SpanStatus;
  message: string | undefined;
  droppedEvents: number;
  isAbandoned: boolean;
  end: number | undefined;
  seq: number;
  durationNs: number;
  /** Undefined where it depends on what else came from elsewhere, and when. */
  selfNs: number | undefined;
  /** What children took that came from elsewhere. */
  takenNs: number;
  isReserved: boolean;
}

/** What is known of a span that begins. */
export interface NaiveStart {
  readonly id: string;
  readonly traceId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly fields: Fields;
  readonly level: SpanLevel;
  readonly kind: SpanKind;
}

/** The contract of a cache, written down with arrays that are gone through for everything. */
export class NaiveCache {
  now = 0;
  level: SpanLevelFilter = "trace";
  /** Those that run, in the order in which they were opened. */
  open: NaiveSpan[] = [];
  /** Those that have ended, in the order of their commits. */
  held: NaiveSpan[] = [];
  /** Those of them that are kept longer, first the one that has stayed longest. */
  reserved: NaiveSpan[] = [];
  lastSeq = 0;
  /** How many have ended, and how many of those failed, by what they are summed up as. */
  readonly seen: Map<string, { all: number; failed: number }> = new Map();
  readonly counts = {
    opened: 0,
    closed: 0,
    recorded: 0,
    evicted: 0,
    cleared: 0,
    abandoned: 0,
    events: 0,
    droppedEvents: 0,
    stale: 0,
    duplicates: 0,
    otherNames: 0,
  };
  readonly refused = { level: 0, chance: 0, full: 0, suppressed: 0, invalid: 0 };
  droppedKeys = 0;
  readonly #bounds: NaiveBounds;
  #order = 0;

  constructor(bounds: NaiveBounds) {
    this.#bounds = bounds;
  }

  /** Whether something matters enough. */
  isRecorded(level: SpanLevel): boolean {
    return NAIVE_LEVELS.indexOf(level) <= NAIVE_LEVELS.indexOf(this.level);
  }

  /** The span with an id, running or ended. */
  find(id: string | undefined): NaiveSpan | undefined {
    return [...this.open, ...this.held].find((span) => span.id === id);
  }

  get isFull(): boolean {
    return this.open.length >= this.#bounds.maxOpen;
  }

  /** Starts a span, for which there is room. */
  start(begun: NaiveStart): NaiveSpan {
    const span = this.#make(begun, this.#rowOf(begun.name), this.now, false);
    this.counts.opened++;
    const parent = this.open.find(({ id }) => id === begun.parentId);
    parent?.children.push(span);
    this.open.push(span);
    this.#setFields(span.fields, begun.fields);
    return span;
  }

  set(span: NaiveSpan, fields: Fields): void {
    this.#setFields(span.fields, fields);
  }

  /** Adds an event. Answers whether there was room for it. */
  event(span: NaiveSpan, name: string, level: SpanLevel, fields: Fields, time: number): boolean {
    if (span.events.length >= this.#bounds.maxEvents) {
      span.droppedEvents++;
      this.counts.droppedEvents++;
      return false;
    }
    this.counts.events++;
    const event: NaiveEvent = { name, time, level, fields: new Map() };
    span.events.push(event);
    this.#setFields(event.fields, fields);
    return true;
  }

  rename(span: NaiveSpan, name: string): void {
    // Its own name is free for another one first.
    span.row = OTHER_ROW;
    span.row = this.#rowOf(name);
    span.name = name;
  }

  end(span: NaiveSpan): void {
    span.end = Math.max(this.now, span.start);
    span.durationNs = Math.round((span.end - span.start) * NS_PER_MS);
    span.selfNs = this.selfNsAt(span, span.end);
    this.makeRoom();
    this.open.splice(this.open.indexOf(span), 1);
    this.counts.closed++;
    this.#commit(span);
  }

  abandon(span: NaiveSpan): void {
    span.isAbandoned = true;
    this.counts.abandoned++;
    this.end(span);
  }

  /** The nanoseconds up to a time in which no child was running: one step of the clock after another. */
  selfNsAt(span: NaiveSpan, until: number): number {
    const edges = [span.start, until];
    const times = span.children.map(({ start, end }) => [start, Math.min(end ?? until, until)]);
    const marks = [...edges, ...times.flat()].sort((a, b) => a - b);
    let alone = 0;
    for (let i = 1; i < marks.length; i++) {
      const [from, to] = [marks[i - 1]!, marks[i]!];
      if (!times.some(([start, end]) => start! <= from && to <= end!)) alone += to - from;
    }
    return Math.max(0, Math.round(alone * NS_PER_MS) - span.takenNs);
  }

  /** Reads a span that comes from elsewhere, for which room is made after that. */
  take(input: SpanInput, id: string, traceId: string, originMs: number): NaiveSpan {
    const { name, fields = {}, level = "info", kind = "internal", parentId } = input;
    const start = { id, traceId, parentId, name, fields, level, kind };
    const span = this.#make(start, OTHER_ROW, input.startMs - originMs, true);
    span.status = input.status ?? "unset";
    span.message = input.message;
    span.isAbandoned = input.abandoned ?? false;
    span.droppedEvents = input.droppedEvents ?? 0;
    span.links.push(...input.links ?? []);
    span.durationNs = Math.round(input.durationMs * NS_PER_MS);
    span.end = span.start + input.durationMs;
    span.selfNs = input.selfMs === undefined
      ? undefined
      : Math.min(span.durationNs, Math.round(input.selfMs * NS_PER_MS));
    // Not among those that are held yet, but its keys are in use.
    this.open.push(span);
    this.#setFields(span.fields, fields);
    for (const event of input.events ?? []) this.lateEvent(span, event, originMs);
    this.open.pop();
    return span;
  }

  makeRoom(): void {
    while (this.held.length >= this.#bounds.capacity) this.evictOne();
  }

  /** Takes in a span for which there is room. */
  record(span: NaiveSpan): void {
    span.row = this.#rowOf(span.name);
    this.#cover(this.find(span.parentId), span);
    this.counts.recorded++;
    this.#commit(span);
  }

  /** Adds an event that comes from elsewhere, if it matters enough. */
  lateEvent(span: NaiveSpan, event: SpanEventInput, originMs: number): boolean {
    const { name, timeMs, level = "info", fields = {} } = event;
    return this.isRecorded(level) && this.event(span, name, level, fields, timeMs - originMs);
  }

  /** The span that goes first goes. */
  evictOne(): void {
    const { reserve, slowMs, evict } = this.#bounds;
    for (;;) {
      const [first] = this.held.filter(({ isReserved }) => !isReserved).sort((a, b) =>
        evict === "oldest-closed" ? a.seq - b.seq : a.start - b.start || a.order - b.order
      );
      const isKept = first !== undefined && reserve > 0 &&
        (first.status === "error" || first.durationNs >= slowMs * NS_PER_MS);
      if (first !== undefined && !isKept) return this.#evict(first);
      if (first !== undefined) {
        first.isReserved = true;
        this.reserved.push(first);
      }
      if (first === undefined || this.reserved.length > reserve) {
        return this.#evict(this.reserved.shift()!);
      }
    }
  }

  clear(): number {
    const before = this.held.length;
    this.counts.cleared += before;
    this.held = [];
    this.reserved = [];
    return before;
  }

  #make(begun: NaiveStart, row: string, start: number, isForeign: boolean): NaiveSpan {
    return {
      ...begun,
      isForeign,
      row,
      start,
      order: this.#order++,
      fields: new Map(),
      events: [],
      links: [],
      children: [],
      status: "unset",
      message: undefined,
      droppedEvents: 0,
      isAbandoned: false,
      end: undefined,
      seq: 0,
      durationNs: 0,
      selfNs: undefined,
      takenNs: 0,
      isReserved: false,
    };
  }

  #commit(span: NaiveSpan): void {
    span.seq = ++this.lastSeq;
    this.held.push(span);
    const seen = this.seen.get(span.row) ?? { all: 0, failed: 0 };
    this.seen.set(span.row, seen);
    seen.all++;
    if (span.status === "error") seen.failed++;
  }

  #evict(span: NaiveSpan): void {
    this.held.splice(this.held.indexOf(span), 1);
    this.counts.evicted++;
  }

  /** Takes from the self time of a span what another one took within it, which came from elsewhere. */
  #cover(parent: NaiveSpan | undefined, { start, end }: NaiveSpan): void {
    if (parent === undefined) return;
    const until = Math.min(end!, parent.end ?? end!);
    const taken = Math.max(0, Math.round((until - Math.max(start, parent.start)) * NS_PER_MS));
    if (parent.end === undefined) parent.takenNs += taken;
    // One that came from elsewhere as well either has said it, or is left open here.
    else if (!parent.isForeign) parent.selfNs = Math.max(0, parent.selfNs! - taken);
  }

  #rowOf(name: string): string {
    const used = new Set([...this.open, ...this.held].map(({ row }) => row));
    used.delete(OTHER_ROW);
    if (used.has(name) || used.size < this.#bounds.maxNames) return name;
    this.counts.otherNames++;
    return OTHER_ROW;
  }

  #setFields(fields: NaiveEvent["fields"], values: Fields): void {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined || value === null) continue;
      const read = typeof value === "bigint" ? Number(value) : value;
      if (fields.has(key) || this.#hasRoomFor(key)) fields.set(key, read);
      else this.droppedKeys++;
    }
  }

  #hasRoomFor(key: string): boolean {
    const spans = [...this.open, ...this.held];
    const maps = spans.flatMap(({ fields, events }) => [fields, ...events.map((e) => e.fields)]);
    const used = new Set(maps.flatMap((fields) => [...fields.keys()]));
    return used.has(key) || used.size < this.#bounds.maxNames;
  }
}
