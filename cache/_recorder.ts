import { refusal } from "../internal/mod.ts";
import {
  checkDuration,
  checkId,
  checkLength,
  checkObject,
  checkOneOf,
  checkText,
  checkTime,
  isList,
  MAX_LIST,
} from "./_check.ts";
import { ABANDONED, KIND_SHIFT, LEVEL_SHIFT, SELF_KNOWN, STATUS_SHIFT } from "./_columns.ts";
import { copyText, NO_CELL } from "./_cells.ts";
import { NONE } from "./_commit_log.ts";
import { MESSAGE_KEY } from "./_fields.ts";
import { OldestFirst } from "./_oldest.ts";
import { nanoseconds, NS_PER_MS } from "./_time.ts";
import type { Tracer } from "./_tracer.ts";
import { kindNumber, KINDS, levelNumber, LEVELS, STATUSES } from "./level.ts";
import type { SpanEventInput, SpanInput, SpanLink } from "./record.ts";

/** Takes in spans and events that come from elsewhere. */
export class Recorder {
  readonly #tracer: Tracer;
  readonly #originMs: number;
  /** When children ran whose parents have not come, by the ids of the parents. */
  readonly #parked: OldestFirst<ChildTime[]> = new OldestFirst();
  readonly #maxParked: number;
  duplicates = 0;

  constructor(tracer: Tracer, originMs: number, maxParked: number) {
    this.#tracer = tracer;
    this.#originMs = originMs;
    this.#maxParked = maxParked;
  }

  /** Records a span. Answers whether it is now, and was not before. */
  record(input: SpanInput): boolean {
    const { store, refused } = this.#tracer;
    const span = this.#read(input);
    const level = levelNumber(span.level);
    if (level > this.#tracer.level) {
      refused.level++;
      return false;
    }
    const { id, parentId } = span;
    if (id !== undefined && store.find(id) !== NONE) {
      this.duplicates++;
      return false;
    }
    // Getters of fields may do anything, so what they are asked for is taken before there is a span that is not complete.
    const { chain, cells, over } = this.#take(span);
    if (id !== undefined && store.find(id) !== NONE) {
      store.drop(chain, cells);
      this.duplicates++;
      return false;
    }
    const start = span.startMs - this.#originMs;
    const bits = level << LEVEL_SHIFT | kindNumber(span.kind) << KIND_SHIFT |
      Math.max(0, STATUSES.indexOf(span.status ?? "unset")) << STATUS_SHIFT |
      (span.abandoned === true ? ABANDONED : 0) |
      (span.selfMs === undefined ? 0 : SELF_KNOWN);
    const slot = store.beginRecord(span.name, bits, start, chain);
    if (id !== undefined) store.setForeignId(slot, id);
    if (parentId !== undefined) store.columns.setParent(slot, parentId);
    const parent = store.parentOf(slot);
    if (span.traceId !== undefined) store.columns.setTrace(slot, span.traceId);
    else if (parent !== NONE) store.inherit(slot, parent);
    else this.#tracer.writeTrace(slot);
    store.attachEvents(slot, cells);
    store.dropEvents(slot, (span.droppedEvents ?? 0) + over);
    store.counts.droppedEvents += over;

    const duration = nanoseconds(span.durationMs);
    const self = span.selfMs === undefined
      ? duration - this.#takeParked(id, start, duration)
      : nanoseconds(span.selfMs);
    if (parentId !== undefined) this.#tellParent(parentId, parent, start, duration);
    store.commitRecord(
      slot,
      duration,
      Math.min(duration, Math.max(0, self)),
      this.#tracer.now(),
    );
    this.#tracer.bell.ring(store.log.last);
    return true;
  }

  #read(input: SpanInput): ReadSpan {
    try {
      return readSpan(input);
    } catch (error) {
      this.#tracer.refused.invalid++;
      throw error;
    }
  }

  /** Takes fields and events of a span into cells. Of the events that matter, so many are over. */
  #take(span: ReadSpan): { chain: number; cells: number[]; over: number } {
    const { store, level: limit } = this.#tracer;
    let chain = store.fields.addAll(NO_CELL, span.fields ?? {});
    if (span.message !== undefined) chain = store.fields.setText(chain, MESSAGE_KEY, span.message);
    for (const link of span.links) chain = store.fields.addLink(chain, link);
    const events = span.events.filter(({ level }) => levelNumber(level) <= limit);
    const cells = events.slice(0, store.maxEvents).map(({ name, timeMs, level, fields }) =>
      store.events.make(name, levelNumber(level), fields, timeMs - this.#originMs)
    );
    return { chain, cells, over: events.length - cells.length };
  }

  /** Adds an event to a span that is held or runs. Answers whether there is one, and room in it. */
  addEvent(spanId: string, event: SpanEventInput): "added" | "dropped" | "unknown" {
    checkId("add event", "spanId", spanId, 16);
    const read = readEvent("add event", event);
    const slot = this.#tracer.store.find(spanId);
    if (slot === NONE) return "unknown";
    return this.#addEvent(slot, read) ? "added" : "dropped";
  }

  #addEvent(slot: number, { name, timeMs, level, fields }: SpanEventInput): boolean {
    const number = levelNumber(level);
    if (number > this.#tracer.level) return false;
    return this.#tracer.store.addEvent(slot, name, number, fields, timeMs - this.#originMs);
  }

  /** Says to the parent of a span what it took. */
  #tellParent(parentId: string, parent: number, start: number, duration: number): void {
    if (parent !== NONE) {
      this.#tracer.store.cover(parent, start, duration);
      return;
    }
    const child = { start, duration };
    const before = this.#parked.get(parentId);
    if (before !== undefined) {
      if (before.length < MAX_CHILDREN) before.push(child);
      else before[MAX_CHILDREN - 1] = joined(before[MAX_CHILDREN - 1]!, child);
      return;
    }
    if (this.#parked.size >= this.#maxParked) this.#parked.takeOldest();
    this.#parked.set(parentId, [child]);
  }

  /** For how many nanoseconds of a span children were running that have come before it. */
  #takeParked(id: string | undefined, start: number, duration: number): number {
    const parked = id === undefined ? undefined : this.#parked.get(id);
    if (parked === undefined) return 0;
    this.#parked.delete(id!);
    const end = start + duration / NS_PER_MS;
    return parked.reduce((sum, child) => {
      const from = Math.max(start, child.start);
      const to = Math.min(end, child.start + child.duration / NS_PER_MS);
      return sum + nanoseconds(Math.max(0, to - from));
    }, 0);
  }
}

/** For how many children of a span that has not come the times are known one by one. */
const MAX_CHILDREN = 64;

/** When a child began, in milliseconds, and how long it took, in nanoseconds. */
interface ChildTime {
  readonly start: number;
  readonly duration: number;
}

/** Two children as one that took as long as both. */
function joined(one: ChildTime, other: ChildTime): ChildTime {
  const start = Math.min(one.start, other.start);
  return { start, duration: one.duration + other.duration };
}

const RECORD = "record span";

const LEVELS_BUT_OFF = LEVELS.slice(1);
/** What of a span may be there: ids with so many digits, and some texts. */
const IDS = [["id", 16], ["traceId", 32], ["parentId", 16]] as const;
const CHOICES = [["level", LEVELS_BUT_OFF], ["kind", KINDS], ["status", STATUSES]] as const;

/** A span of which everything was read once, and is what it should be. */
interface ReadSpan extends SpanInput {
  readonly events: readonly SpanEventInput[];
  readonly links: readonly SpanLink[];
}

/** Reads a span. Throws at what is none, before anything of it is taken in. */
function readSpan(input: SpanInput): ReadSpan {
  checkObject(RECORD, "span", input);
  const span = {
    ...input,
    events: list(RECORD, "events", input.events).map((event) => readEvent(RECORD, event)),
    links: list(RECORD, "links", input.links).map((link) => readLink(RECORD, link)),
  };
  checkText(RECORD, "name", span.name);
  checkTime(RECORD, "startMs", span.startMs);
  checkDuration(RECORD, "durationMs", span.durationMs);
  if (span.selfMs !== undefined) checkDuration(RECORD, "selfMs", span.selfMs);
  if (span.droppedEvents !== undefined) checkLength(RECORD, "droppedEvents", span.droppedEvents);
  for (const [name, digits] of IDS) {
    if (span[name] === undefined) continue;
    checkId(RECORD, name, span[name], digits);
    // Ids are keys here. A piece of a huge text would keep that alive.
    span[name] = copyText(span[name], digits);
  }
  if (span.parentId !== undefined && span.parentId === span.id) {
    throw new TypeError(refusal(RECORD, "parentId must be that of another span", span.parentId));
  }
  for (const [name, allowed] of CHOICES) {
    if (span[name] !== undefined) checkOneOf(RECORD, name, allowed, span[name]);
  }
  if (span.message !== undefined) checkText(RECORD, "message", span.message);
  if (span.fields !== undefined) checkObject(RECORD, "fields", span.fields);
  return span;
}

/** Reads an event. Throws at what is none. */
export function readEvent(action: string, input: SpanEventInput): SpanEventInput {
  checkObject(action, "event", input);
  const event = { ...input };
  checkText(action, "event.name", event.name);
  checkTime(action, "event.timeMs", event.timeMs);
  if (event.level !== undefined) {
    checkOneOf(action, "event.level", LEVELS_BUT_OFF, event.level);
  }
  if (event.fields !== undefined) checkObject(action, "event.fields", event.fields);
  return event;
}

function readLink(action: string, input: SpanLink): SpanLink {
  checkObject(action, "link", input);
  const { traceId, spanId } = input;
  checkId(action, "link.traceId", traceId, 32);
  checkId(action, "link.spanId", spanId, 16);
  return { traceId, spanId };
}

function list<T>(action: string, name: string, value: readonly T[] | undefined): readonly T[] {
  if (value === undefined || isList(value)) return value ?? [];
  throw new TypeError(refusal(action, `${name} must be an array of at most ${MAX_LIST}`, value));
}
