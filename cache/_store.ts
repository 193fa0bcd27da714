import { Cells, NEXT, NO_CELL, WORDS } from "./_cells.ts";
import {
  ABANDONED,
  CHILD,
  CLOSED,
  FAILED,
  FOREIGN,
  FREE,
  MAX_EVENTS,
  NAME_CUT,
  OPEN,
  SAMPLED,
  SELF_KNOWN,
  SpanColumns,
  STATE_MASK,
  STATUS_MASK,
  SUCCEEDED,
} from "./_columns.ts";
import { CommitLog, NONE } from "./_commit_log.ts";
import { EventStore } from "./_events.ts";
import { FieldStore, MESSAGE_KEY, NAME_KEY, valueOf } from "./_fields.ts";
import { wordAt } from "./_hex.ts";
import { Identities } from "./_identities.ts";
import { Interned, MAX_LENGTH, UNKNOWN } from "./_interned.ts";
import { SlotQueue } from "./_slot_queue.ts";
import { OldestClosed, OldestOpened, type Retention } from "./_retention.ts";
import { Summary } from "./_summary.ts";
import { nanoseconds, NS_PER_MS } from "./_time.ts";
import type { Fields, FieldValue, SpanLink } from "./record.ts";
import { textOf } from "./_text.ts";

/** The name of all spans for whose names there is no room. */
const OTHER = 0;
export const OTHER_NAME = "(other)";

/** Sizes of a {@linkcode SpanStore}, all of them checked. */
export interface StoreSpec {
  readonly capacity: number;
  readonly maxOpen: number;
  readonly maxBytes: number;
  readonly maxNames: number;
  readonly maxFields: number;
  readonly maxEvents: number;
  readonly maxTextLength: number;
  readonly evict: "oldest-opened" | "oldest-closed";
  readonly reserve: number;
  readonly slowMs: number;
}

/**
 * The spans, running and ended: columns, cells, and what finds, orders and sums them up.
 *
 * A span is a slot of the columns. All times are milliseconds on the clock of the cache. Nothing here throws, whatever comes from users.
 */
export class SpanStore {
  readonly columns: SpanColumns;
  readonly cells: Cells;
  readonly fields: FieldStore;
  readonly events: EventStore;
  readonly names: Interned;
  readonly log: CommitLog;
  readonly identities: Identities;
  /** By the numbers of the names. */
  readonly summaries: Summary[] = [new Summary()];
  /** The slots of spans that came from elsewhere, by their ids. */
  readonly foreign: Map<string, number> = new Map();
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
  };
  /** How many run, and how many that have ended are held. */
  open = 0;
  held = 0;

  readonly #spec: StoreSpec;
  readonly #retention: Retention;
  /** Those that are kept longer, in the order in which they came to it. */
  readonly #reserve: SlotQueue;
  #freeHead = NONE;
  #fresh = 0;

  constructor(spec: StoreSpec) {
    this.#spec = spec;
    this.columns = new SpanColumns(spec.capacity + spec.maxOpen);
    this.identities = new Identities(this.columns.count);
    this.cells = new Cells(spec.maxBytes, () => this.evictOne());
    this.fields = new FieldStore(
      this.cells,
      spec.maxNames,
      spec.maxTextLength,
      spec.maxFields,
    );
    this.events = new EventStore(this.cells, this.fields, spec.maxNames, spec.maxTextLength);
    this.names = new Interned([OTHER_NAME], spec.maxNames, (index) => {
      this.summaries[index] = new Summary();
    });
    this.log = new CommitLog(spec.capacity);
    this.#reserve = new SlotQueue(this.columns);
    this.#retention = spec.evict === "oldest-closed"
      ? new OldestClosed(this.columns)
      : new OldestOpened(this.columns);
  }

  /** How many of those that are held are kept longer than the rest. */
  get reserved(): number {
    return this.#reserve.size;
  }

  /** The bytes that are in use. */
  get bytes(): number {
    return (this.open + this.held) * SpanColumns.BYTES_PER_SPAN + this.cells.used * WORDS * 4;
  }

  /** The bytes that may be. */
  get maxBytes(): number {
    return this.columns.count * SpanColumns.BYTES_PER_SPAN + this.cells.capacity * WORDS * 4;
  }

  /** Whether a slot is still used for what it was used for then. */
  isOpen(slot: number, generation: number): boolean {
    const { generations, flags } = this.columns;
    return generations[slot] === generation && (flags[slot]! & STATE_MASK) === OPEN;
  }

  /** Whether its place is still the one of that span, running or ended. */
  isThere(slot: number, generation: number): boolean {
    return this.columns.generations[slot] === generation;
  }

  /**
   * Begins a span, of which only trace and parent are missing.
   *
   * @returns Its slot; none if too many run.
   */
  begin(name: string, bits: number, fields: Fields | undefined, now: number): number {
    if (this.open >= this.#spec.maxOpen) return NONE;
    // First, since getters of users may do anything here.
    const chain = fields === undefined ? NO_CELL : this.fields.addAll(NO_CELL, fields);
    if (this.open >= this.#spec.maxOpen) {
      this.fields.free(chain);
      return NONE;
    }
    const slot = this.#newSlot(textOf(name), bits | OPEN, now, chain);
    this.open++;
    this.counts.opened++;
    this.summaries[this.columns.names[slot]!]!.open++;
    this.#retention.opened(slot);
    return slot;
  }

  /** Puts a span into another one, which has this id, and which is there if its generation is. */
  adopt(slot: number, parent: number, generation: number): void {
    const { columns, identities } = this;
    columns.flags[slot]! |= CHILD;
    columns.parentsHigh[slot] = identities.high(parent, generation);
    columns.parentsLow[slot] = identities.low(parent, generation);
    if (!this.isOpen(parent, generation)) return;
    // That it has been busy with children since now.
    if (columns.seqs[parent]!++ === 0) columns.durations[parent] = columns.starts[slot]!;
  }

  /** Gives a span the trace of another one that is there. */
  inherit(slot: number, parent: number): void {
    const { traces, flags } = this.columns;
    const to = slot * 4;
    const from = parent * 4;
    traces[to] = traces[from]!;
    traces[to + 1] = traces[from + 1]!;
    traces[to + 2] = traces[from + 2]!;
    traces[to + 3] = traces[from + 3]!;
    flags[slot]! |= flags[parent]! & SAMPLED;
  }

  /** The slot of the span in which one is; none if that is not there, or not known. */
  parentOf(slot: number): number {
    const { columns, foreign } = this;
    if ((columns.flags[slot]! & CHILD) === 0) return NONE;
    const own = this.ownSlot(columns.parentsHigh[slot]!, columns.parentsLow[slot]!);
    if (own !== NONE || foreign.size === 0) return own;
    return foreign.get(columns.parentIdOf(slot)!) ?? NONE;
  }

  /** Ends a span. */
  end(slot: number, now: number): void {
    const { columns } = this;
    const { flags, starts, selves, seqs } = columns;
    const start = starts[slot]!;
    const end = now > start ? now : start;
    const duration = nanoseconds(end - start);
    const self = selves[slot] === 0 && seqs[slot] === 0
      ? duration
      : duration - nanoseconds(this.coveredOf(slot, end));
    if ((flags[slot]! & CHILD) !== 0) this.#leaveParent(slot, end);
    while (this.held >= this.#spec.capacity) this.evictOne();
    flags[slot] = flags[slot]! & ~STATE_MASK | CLOSED;
    this.open--;
    this.summaries[columns.names[slot]!]!.open--;
    this.counts.closed++;
    this.#commit(slot, duration, self);
    this.#retention.closed(slot);
  }

  /** For how many milliseconds some child of a span that runs has been running by some time. */
  coveredOf(slot: number, now: number): number {
    const { starts, durations, selves, seqs } = this.columns;
    const since = seqs[slot]! > 0 ? now - durations[slot]! : 0;
    return Math.min(selves[slot]! + Math.max(0, since), now - starts[slot]!);
  }

  /** Ends a span that nobody ends. */
  abandon(slot: number, now: number): void {
    this.columns.flags[slot]! |= ABANDONED;
    this.counts.abandoned++;
    this.end(slot, now);
  }

  /** Makes room for a span that has ended elsewhere, and answers its slot, which {@linkcode commitRecord} is to be told of. */
  beginRecord(name: string, bits: number, start: number, chain: number): number {
    while (this.held >= this.#spec.capacity) this.evictOne();
    // Not free, and not to be thrown out before it is committed.
    return this.#newSlot(name, bits | OPEN, start, chain);
  }

  commitRecord(slot: number, duration: number, self: number, now: number): void {
    const { flags } = this.columns;
    flags[slot] = flags[slot]! & ~STATE_MASK | CLOSED;
    this.counts.recorded++;
    this.#commit(slot, duration, self);
    this.#retention.recorded(slot, now);
  }

  /** Takes from the self time of a span what a child took that was recorded elsewhere. */
  cover(slot: number, start: number, duration: number): void {
    const { flags, starts, durations, selves, names } = this.columns;
    if ((flags[slot]! & SELF_KNOWN) !== 0) return;
    const isOpen = (flags[slot]! & STATE_MASK) === OPEN;
    const begin = Math.max(start, starts[slot]!);
    const end = Math.min(
      start + duration / NS_PER_MS,
      isOpen ? Infinity : starts[slot]! + durations[slot]! / NS_PER_MS,
    );
    if (end <= begin) return;
    if (isOpen) {
      selves[slot]! += end - begin;
      return;
    }
    const taken = Math.min(selves[slot]!, nanoseconds(end - begin));
    selves[slot]! -= taken;
    this.summaries[names[slot]!]!.cover(taken);
  }

  /** Says that a running span has failed, and why, if that is known. */
  fail(slot: number, message: string | undefined): void {
    this.#setStatus(slot, FAILED);
    if (message === undefined) return;
    const { fields } = this.columns;
    fields[slot] = this.fields.setText(fields[slot]!, MESSAGE_KEY, message);
  }

  /** Says that a running span has not failed. */
  succeed(slot: number): void {
    this.#setStatus(slot, SUCCEEDED);
    const { fields } = this.columns;
    fields[slot] = this.fields.remove(fields[slot]!, MESSAGE_KEY);
  }

  #setStatus(slot: number, bits: number): void {
    const { flags } = this.columns;
    flags[slot] = flags[slot]! & ~STATUS_MASK | bits;
  }

  /** Gives a running span another name. */
  rename(slot: number, name: string): void {
    const { names } = this.columns;
    this.summaries[names[slot]!]!.open--;
    this.names.release(names[slot]!);
    this.columns.flags[slot]! &= ~NAME_CUT;
    this.columns.fields[slot] = this.fields.remove(this.columns.fields[slot]!, NAME_KEY);
    this.#setName(slot, name);
    this.summaries[names[slot]!]!.open++;
  }

  nameOf(slot: number): string {
    const { names, fields } = this.columns;
    const name = names[slot]!;
    if (name !== OTHER) return this.names.textOf(name);
    return this.fields.textOf(fields[slot]!, NAME_KEY) ?? OTHER_NAME;
  }

  /** Sets a field of a running span. */
  setField(slot: number, key: string, value: FieldValue | null | undefined): void {
    const { fields } = this.columns;
    fields[slot] = this.fields.set(fields[slot]!, key, value);
  }

  /** Sets fields of a running span, whose getters may do anything, such as end it. */
  setFields(slot: number, generation: number, values: Fields): void {
    try {
      for (const key in values) {
        const value = valueOf(values, key) as FieldValue;
        if (!this.isOpen(slot, generation)) {
          this.counts.stale++;
          return;
        }
        this.setField(slot, key, value);
      }
    } catch {
      this.fields.dropped.type++;
    }
  }

  /** Adds a link to a running span. */
  addLink(slot: number, link: SpanLink): void {
    const { fields } = this.columns;
    fields[slot] = this.fields.addLink(fields[slot]!, link);
  }

  /**
   * Adds an event to a span that is there.
   *
   * @returns Whether there was room for it.
   */
  addEvent(
    slot: number,
    name: string,
    level: number,
    fields: Fields | undefined,
    time: number,
  ): boolean {
    const { generations, eventCounts } = this.columns;
    const generation = generations[slot]!;
    const cell = eventCounts[slot]! < this.#spec.maxEvents
      ? this.events.make(name, level, fields, time)
      : NO_CELL;
    // To make room, spans that have ended may have gone: this one too, if it had. Getters of fields may have added more events.
    const hasRoom = cell !== NO_CELL && generations[slot] === generation &&
      eventCounts[slot]! < this.#spec.maxEvents;
    return hasRoom ? this.#attachEvent(slot, cell) : this.#dropEvent(slot, generation, cell);
  }

  /** How many events a span may have. */
  get maxEvents(): number {
    return this.#spec.maxEvents;
  }

  /** Gives back what is of no span: fields, and events. */
  drop(chain: number, cells: readonly number[]): void {
    this.fields.free(chain);
    for (const cell of cells) this.events.free(cell);
  }

  /** Adds events that were made before to a span that is being recorded. */
  attachEvents(slot: number, cells: readonly number[]): void {
    for (const cell of cells) {
      if (cell === NO_CELL) this.#dropEvent(slot, this.columns.generations[slot]!, cell);
      else this.#attachEvent(slot, cell);
    }
  }

  #attachEvent(slot: number, cell: number): true {
    const { events, eventCounts } = this.columns;
    this.cells.words[cell * WORDS + NEXT] = events[slot]!;
    events[slot] = cell;
    eventCounts[slot]!++;
    this.counts.events++;
    return true;
  }

  /** Says that a span has lost so many events elsewhere. */
  dropEvents(slot: number, count: number): void {
    const { droppedEvents } = this.columns;
    if (!(count > 0)) return;
    droppedEvents[slot] = Math.min(MAX_EVENTS, droppedEvents[slot]! + Math.floor(count));
  }

  /** Throws out the span that goes first. Answers whether there was one. */
  evictOne(): boolean {
    const slot = this.#retention.take();
    if (slot === NONE || this.#spec.reserve > 0) return this.#evictReserved(slot);
    this.counts.evicted++;
    this.#release(slot);
    return true;
  }

  /** The same where some stay longer. */
  #evictReserved(slot: number): boolean {
    let out = slot;
    while (out !== NONE && this.#isWorthKeeping(out)) {
      const oldest = this.#reserve.size >= this.#spec.reserve ? this.#reserve.shift() : NONE;
      this.#reserve.push(out);
      out = oldest === NONE ? this.#retention.take() : oldest;
      if (oldest !== NONE) break;
    }
    if (out === NONE) out = this.#reserve.shift();
    if (out === NONE) return false;
    this.counts.evicted++;
    this.#release(out);
    return true;
  }

  /** Lets all go that have ended. */
  clear(): number {
    const before = this.held;
    for (let slot; (slot = this.#retention.take()) !== NONE;) this.#release(slot);
    for (let slot; (slot = this.#reserve.shift()) !== NONE;) this.#release(slot);
    this.counts.cleared += before;
    return before;
  }

  /** The slot of the span with an id, running or ended; none if it is not there. */
  find(id: string): number {
    const own = this.ownSlot(wordAt(id, 0), wordAt(id, 8));
    return own === NONE ? this.foreign.get(id) ?? NONE : own;
  }

  /** The slot of the span that was begun here and has an id of these words; none if it is not there. */
  ownSlot(high: number, low: number): number {
    const { columns: { count, idsHigh, idsLow, flags } } = this;
    const slot = this.identities.slotOf(low);
    const isThere = slot < count && idsLow[slot] === low && idsHigh[slot] === high &&
      (flags[slot]! & STATE_MASK) !== FREE && (flags[slot]! & FOREIGN) === 0;
    return isThere ? slot : NONE;
  }

  setForeignId(slot: number, id: string): void {
    const { flags, idsHigh, idsLow } = this.columns;
    flags[slot]! |= FOREIGN;
    idsHigh[slot] = wordAt(id, 0);
    idsLow[slot] = wordAt(id, 8);
    this.foreign.set(id, slot);
  }

  /**
   * The slots of all spans that have ended by now, in the order of their commits. Those that are committed meanwhile are left out, and those that go
   * meanwhile, so that callbacks may do anything.
   */
  *endedSlots(after = 0): Generator<number> {
    const { last } = this.log;
    for (let seq = after;;) {
      const slot = this.log.after(seq);
      if (slot === NONE) return;
      seq = this.columns.seqs[slot]!;
      if (seq > last) return;
      yield slot;
    }
  }

  /** The same, the last one first. */
  *latestSlots(): Generator<number> {
    for (let seq = this.log.last + 1;;) {
      const slot = this.log.before(seq);
      if (slot === NONE) return;
      seq = this.columns.seqs[slot]!;
      yield slot;
    }
  }

  /** All slots of running spans. */
  *openSlots(): Generator<number> {
    let left = this.open;
    for (let slot = 0; left > 0 && slot < this.#fresh; slot++) {
      if ((this.columns.flags[slot]! & STATE_MASK) !== OPEN) continue;
      left--;
      yield slot;
    }
  }

  #newSlot(name: string, bits: number, start: number, chain: number): number {
    const { columns, identities } = this;
    let slot = this.#freeHead;
    if (slot === NONE) slot = this.#fresh++;
    else this.#freeHead = columns.links[slot]!;
    const generation = columns.generations[slot]!;
    columns.idsHigh[slot] = identities.high(slot, generation);
    columns.idsLow[slot] = identities.low(slot, generation);
    columns.starts[slot] = start;
    columns.selves[slot] = 0;
    columns.seqs[slot] = 0;
    columns.flags[slot] = bits;
    columns.fields[slot] = chain;
    columns.events[slot] = NO_CELL;
    columns.eventCounts[slot] = 0;
    columns.droppedEvents[slot] = 0;
    this.#setName(slot, name);
    return slot;
  }

  #setName(slot: number, name: string): void {
    const { names, fields } = this.columns;
    let index = name === OTHER_NAME ? UNKNOWN : this.names.refer(name);
    if (name.length > MAX_LENGTH && index !== UNKNOWN) {
      this.columns.flags[slot]! |= NAME_CUT;
      this.fields.cut++;
    }
    if (index === UNKNOWN) {
      index = OTHER;
      this.names.referTo(OTHER);
      fields[slot] = this.fields.setText(fields[slot]!, NAME_KEY, name);
    }
    names[slot] = index;
    this.summaries[index] ??= new Summary();
  }

  #commit(slot: number, duration: number, self: number): void {
    const { columns } = this;
    columns.durations[slot] = duration;
    columns.selves[slot] = self;
    columns.seqs[slot] = this.log.add(slot);
    this.held++;
    const summary = this.summaries[columns.names[slot]!]!;
    const hasFailed = (columns.flags[slot]! & STATUS_MASK) === FAILED;
    summary.seen++;
    if (hasFailed) summary.seenFailed++;
    summary.add(duration, self, hasFailed);
  }

  /** Tells the parent of a span that it has ended, if it runs. */
  #leaveParent(slot: number, end: number): void {
    const { columns } = this;
    const { flags, seqs } = columns;
    const parent = this.parentOf(slot);
    if (parent === NONE || (flags[parent]! & STATE_MASK) !== OPEN || seqs[parent] === 0) return;
    if (--seqs[parent]! > 0) return;
    const since = columns.durations[parent]!;
    if (end > since) columns.selves[parent]! += end - since;
  }

  #release(slot: number): void {
    const { columns } = this;
    const { flags } = columns;
    this.log.remove(columns.seqs[slot]!);
    this.held--;
    const name = columns.names[slot]!;
    this.summaries[name]!.remove(
      columns.durations[slot]!,
      columns.selves[slot]!,
      (flags[slot]! & STATUS_MASK) === FAILED,
    );
    this.names.release(name);
    if ((flags[slot]! & FOREIGN) !== 0) this.foreign.delete(columns.idOf(slot));
    this.fields.free(columns.fields[slot]!);
    if (columns.events[slot] !== NO_CELL) this.events.free(columns.events[slot]!);
    flags[slot] = FREE;
    columns.generations[slot]!++;
    columns.links[slot] = this.#freeHead;
    this.#freeHead = slot;
  }

  #dropEvent(slot: number, generation: number, cell: number): false {
    this.events.free(cell);
    if (this.isThere(slot, generation)) this.dropEvents(slot, 1);
    this.counts.droppedEvents++;
    return false;
  }

  #isWorthKeeping(slot: number): boolean {
    const { flags, durations } = this.columns;
    return (flags[slot]! & STATUS_MASK) === FAILED ||
      durations[slot]! / NS_PER_MS >= this.#spec.slowMs;
  }
}
