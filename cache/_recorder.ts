import { refusal } from "../internal/mod.ts";
import { ABANDONED, KIND_SHIFT, LEVEL_SHIFT, SELF_KNOWN, STATUS_SHIFT } from "./_columns.ts";
import { NONE } from "./_commit_log.ts";
import { MESSAGE_KEY } from "./_fields.ts";
import { isId } from "./_hex.ts";
import { nanoseconds } from "./_store.ts";
import type { Tracer } from "./_tracer.ts";
import { kindNumber, KINDS, levelNumber, LEVELS, STATUSES } from "./level.ts";
import type { SpanEventInput, SpanInput } from "./record.ts";

/** Takes in spans and events that come from elsewhere. */
export class Recorder {
  readonly #tracer: Tracer;
  readonly #originMs: number;
  /** What children took whose parents have not come, in nanoseconds, by the ids of the parents. */
  readonly #parked: Map<string, number> = new Map();
  readonly #maxParked: number;
  duplicates = 0;

  constructor(tracer: Tracer, originMs: number, maxParked: number) {
    this.#tracer = tracer;
    this.#originMs = originMs;
    this.#maxParked = maxParked;
  }

  /** Records a span. Answers whether it is now, and was not before. */
  record(input: SpanInput): boolean {
    checkSpan(input);
    const { store, refused } = this.#tracer;
    const level = levelNumber(input.level);
    if (level > this.#tracer.level) {
      refused.level++;
      return false;
    }
    const { id, parentId } = input;
    if (id !== undefined && store.find(id) !== NONE) {
      this.duplicates++;
      return false;
    }
    const { fields } = store.columns;
    const start = input.startMs - this.#originMs;
    const bits = level << LEVEL_SHIFT | kindNumber(input.kind) << KIND_SHIFT |
      Math.max(0, STATUSES.indexOf(input.status ?? "unset")) << STATUS_SHIFT |
      (input.abandoned === true ? ABANDONED : 0) |
      (input.selfMs === undefined ? 0 : SELF_KNOWN);
    const slot = store.beginRecord(input.name, bits, start);
    if (id !== undefined) store.setForeignId(slot, id);
    if (parentId !== undefined) store.setParent(slot, parentId);
    const parent = store.parentOf(slot);
    if (input.traceId !== undefined) store.setTrace(slot, input.traceId);
    else if (parent !== NONE) store.inherit(slot, parent);
    else this.#tracer.writeTrace(slot);
    if (input.fields !== undefined) fields[slot] = store.fields.addAll(fields[slot]!, input.fields);
    if (input.message !== undefined) {
      fields[slot] = store.fields.setText(fields[slot]!, MESSAGE_KEY, input.message);
    }
    for (const link of input.links ?? []) fields[slot] = store.fields.addLink(fields[slot]!, link);
    for (const event of input.events ?? []) this.#addEvent(slot, event);
    if (input.droppedEvents !== undefined) store.dropEvents(slot, input.droppedEvents);

    const duration = nanoseconds(input.durationMs);
    const self = input.selfMs === undefined
      ? duration - this.#takeParked(id)
      : nanoseconds(input.selfMs);
    if (parentId !== undefined) this.#tellParent(parentId, slot, start, duration);
    store.commitRecord(slot, duration, Math.min(duration, Math.max(0, self)));
    if (this.#tracer.bell.size > 0) this.#tracer.bell.ring();
    return true;
  }

  /** Adds an event to a span that is held or runs. Answers whether there is one, and room in it. */
  addEvent(spanId: string, event: SpanEventInput): "added" | "dropped" | "unknown" {
    checkId("add event", "spanId", spanId, 16);
    checkEvent("add event", event);
    const slot = this.#tracer.store.find(spanId);
    if (slot === NONE) return "unknown";
    return this.#addEvent(slot, event) ? "added" : "dropped";
  }

  #addEvent(slot: number, { name, timeMs, level, fields }: SpanEventInput): boolean {
    const number = levelNumber(level);
    if (number > this.#tracer.level) return false;
    return this.#tracer.store.addEvent(slot, name, number, fields, timeMs - this.#originMs);
  }

  /** Says to the parent of a span what it took. */
  #tellParent(parentId: string, slot: number, start: number, duration: number): void {
    const { store } = this.#tracer;
    // Writing fields may have thrown it out.
    const parent = store.parentOf(slot);
    if (parent !== NONE) {
      store.cover(parent, start, duration);
      return;
    }
    const before = this.#parked.get(parentId);
    if (before === undefined && this.#parked.size >= this.#maxParked) {
      const [oldest] = this.#parked.keys();
      this.#parked.delete(oldest!);
    }
    this.#parked.set(parentId, (before ?? 0) + duration);
  }

  #takeParked(id: string | undefined): number {
    const parked = id === undefined ? undefined : this.#parked.get(id);
    if (parked === undefined) return 0;
    this.#parked.delete(id!);
    return parked;
  }
}

const RECORD = "record span";

/** Throws at what is no span, before anything of it is taken in. */
export function checkSpan(input: SpanInput): void {
  checkObject(RECORD, "span", input);
  checkText(RECORD, "name", input.name);
  checkTime(RECORD, "startMs", input.startMs);
  checkLength(RECORD, "durationMs", input.durationMs);
  if (input.selfMs !== undefined) checkLength(RECORD, "selfMs", input.selfMs);
  if (input.id !== undefined) checkId(RECORD, "id", input.id, 16);
  if (input.traceId !== undefined) checkId(RECORD, "traceId", input.traceId, 32);
  if (input.parentId !== undefined) checkId(RECORD, "parentId", input.parentId, 16);
  checkOneOf(RECORD, "level", LEVELS.slice(1), input.level);
  checkOneOf(RECORD, "kind", KINDS, input.kind);
  checkOneOf(RECORD, "status", STATUSES, input.status);
  if (input.message !== undefined) checkText(RECORD, "message", input.message);
  if (input.fields !== undefined) checkObject(RECORD, "fields", input.fields);
  for (const event of list(RECORD, "events", input.events)) checkEvent(RECORD, event);
  for (const link of list(RECORD, "links", input.links)) {
    checkObject(RECORD, "link", link);
    checkId(RECORD, "link.traceId", link.traceId, 32);
    checkId(RECORD, "link.spanId", link.spanId, 16);
  }
}

/** Throws at what is no event. */
export function checkEvent(action: string, event: SpanEventInput): void {
  checkObject(action, "event", event);
  checkText(action, "event.name", event.name);
  checkTime(action, "event.timeMs", event.timeMs);
  checkOneOf(action, "event.level", LEVELS.slice(1), event.level);
  if (event.fields !== undefined) checkObject(action, "event.fields", event.fields);
}

/** Throws at what is no id. */
export function checkId(action: string, name: string, value: unknown, digits: number): void {
  if (isId(value, digits)) return;
  const requirement = `${name} must be ${digits} small hexadecimal digits, not all of them 0`;
  throw new TypeError(refusal(action, requirement, value));
}

function list<T>(action: string, name: string, value: readonly T[] | undefined): readonly T[] {
  if (value === undefined || Array.isArray(value)) return value ?? [];
  throw new TypeError(refusal(action, `${name} must be an array`, value));
}

function checkObject(action: string, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(refusal(action, `${name} must be an object`, value));
}

function checkText(action: string, name: string, value: unknown): void {
  if (typeof value === "string") return;
  throw new TypeError(refusal(action, `${name} must be a string`, value));
}

function checkTime(action: string, name: string, value: unknown): void {
  if (Number.isFinite(value)) return;
  throw new RangeError(refusal(action, `${name} must be a finite number`, value));
}

function checkLength(action: string, name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new RangeError(refusal(action, `${name} must be a number of at least 0`, value));
}

function checkOneOf(
  action: string,
  name: string,
  allowed: readonly string[],
  value: string | undefined,
): void {
  if (value === undefined || allowed.includes(value)) return;
  throw new TypeError(refusal(action, `${name} must be one of ${allowed.join(", ")}`, value));
}
