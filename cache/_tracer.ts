import { attempt } from "./_attempt.ts";
import { Bell } from "./_bell.ts";
import { KIND_SHIFT, LEVEL_SHIFT, SAMPLED } from "./_columns.ts";
import { NONE } from "./_commit_log.ts";
import { type ContextStorage, createStorage } from "./_context.ts";
import { hexOf, isId, wordAt } from "./_hex.ts";
import type { SpanHost } from "./_host.ts";
import type { SpanStore } from "./_store.ts";
import { INFO, kindNumber, levelNumber } from "./level.ts";
import type { SpanClock, SpanOptions } from "./options.ts";
import type { Fields, SpanLink } from "./record.ts";
import { SILENT, Span, spans, type SpanTrace, SUPPRESSED } from "./span.ts";
import type { TraceContext } from "./trace_context.ts";

/** A channel of `node:diagnostics_channel` that can call in a context. */
export interface StoreChannel {
  bindStore(store: unknown, transform: (message: object) => unknown): void;
  unbindStore(store: unknown): unknown;
}

/** The level and kind of spans of which nothing is said. */
const DEFAULT_BITS: number = INFO << LEVEL_SHIFT;

/** What is known of its trace by what was left out for its level, and was to begin one. */
const NOWHERE = -1;

/** Starts spans, ends them, and knows which one is around what runs now. */
export class Tracer implements SpanHost {
  readonly store: SpanStore;
  readonly bell: Bell = new Bell();
  readonly refused = { level: 0, chance: 0, full: 0, suppressed: 0, invalid: 0 };
  level: number;
  chance: number;
  /** The last commit there was when it was closed; undefined before. */
  lastSeq: number | undefined;
  /** What ends the readers that listen to a signal. */
  readonly readers: Set<() => void> = new Set();

  readonly #clock: SpanClock;
  readonly #random: () => number;
  readonly #storage: ContextStorage<Span | undefined> = createStorage();
  readonly #silent: Span = spans.create(this, SILENT, 0, 0);
  // The span of a synchronous call that is going on, which is in no storage, and what was in the storage then.
  #sync: Span | undefined;
  #syncStore: Span | undefined;
  #traces = 0;

  constructor(
    store: SpanStore,
    clock: SpanClock,
    random: () => number,
    level: number,
    chance: number,
  ) {
    this.store = store;
    this.#clock = clock;
    this.#random = random;
    this.level = level;
    this.chance = chance;
  }

  now(): number {
    return this.#clock.now();
  }

  /** The span around what runs now. */
  get current(): Span | undefined {
    return this.lastSeq === undefined ? this.#around() : undefined;
  }

  // This, and what it calls, is kept short: engines put short functions into those that call them, and what is rare stands elsewhere.
  start(name: string, fields: Fields | undefined, options: SpanOptions | undefined): Span {
    return options === undefined
      ? this.#start(name, fields, DEFAULT_BITS, this.#around())
      : this.#startWith(name, fields, options);
  }

  /** Calls a function in a span, or in none, and in what it waits for. */
  run<T>(span: Span | undefined, callback: () => T): T {
    // What is not recorded for its level alone is not around anything.
    if (span === this.#silent || this.lastSeq !== undefined) return callback();
    const before = this.#sync;
    this.#sync = undefined;
    try {
      return this.#storage.run(span, callback);
    } finally {
      this.#sync = before;
    }
  }

  /** Calls a function in a span, but not in what it waits for. */
  runSync<T>(span: Span, callback: () => T): T {
    if (span === this.#silent || this.lastSeq !== undefined) return callback();
    const before = this.#sync;
    const storeBefore = this.#syncStore;
    this.#sync = span;
    this.#syncStore = this.#storage.getStore();
    try {
      return callback();
    } finally {
      this.#sync = before;
      this.#syncStore = storeBefore;
    }
  }

  /** Has a channel of the platform keep spans for what it calls. */
  bindStore(channel: StoreChannel, spanOf: (message: object) => Span): () => void {
    channel.bindStore(this.#storage, (message) => {
      const span = spanOf(message);
      return span === this.#silent ? this.current : span;
    });
    return () => void channel.unbindStore(this.#storage);
  }

  end(slot: number): void {
    this.store.end(slot, this.#clock.now());
    this.bell.ring(this.store.log.last);
  }

  contextOf(
    slot: number,
    generation: number,
    trace: SpanTrace,
  ): TraceContext | undefined {
    if (trace instanceof Span) return trace.context;
    const known = typeof trace === "object" ? trace : undefined;
    if (slot < 0) {
      return known ?? (slot === SILENT && trace !== NOWHERE ? this.current?.context : undefined);
    }
    const { identities, columns } = this.store;
    const isThere = this.store.isThere(slot, generation);
    return {
      traceId: known?.traceId ?? this.#traceIdOf(trace as number),
      spanId: hexOf(identities.high(slot, generation)) + hexOf(identities.low(slot, generation)),
      sampled: isThere ? (columns.flags[slot]! & SAMPLED) !== 0 : known?.sampled ?? true,
      ...(known?.state === undefined ? {} : { state: known.state }),
    };
  }

  /** Lets go of what the platform holds for it. */
  close(): void {
    this.lastSeq = this.store.log.last;
    this.level = 0;
    this.#storage.disable();
    this.bell.ringAll();
    for (const end of [...this.readers]) end();
  }

  /** Begins a trace in a slot. */
  writeTrace(slot: number): number {
    const number = ++this.#traces;
    this.store.identities.writeTrace(number, this.store.columns.traces, slot * 4);
    return number;
  }

  /** What can be a parent: a span of this cache that is recorded or suppressed, or one of another process. */
  #parentOf(
    parent: Span | TraceContext | null | undefined,
  ): Span | TraceContext | null | undefined {
    if (parent === undefined || parent === null) return parent;
    if (!(parent instanceof Span)) return contextOf(parent);
    if (spans.hostOf(parent) !== this) return parent.context ?? null;
    if (spans.slotOf(parent) !== SILENT) return parent;
    const around = spans.traceOf(parent);
    if (typeof around !== "number") return around;
    return around === NOWHERE ? null : undefined;
  }

  /** The span of the innermost call, whichever way it was made: a storage that has changed since belongs to a later one. */
  #around(): Span | undefined {
    const sync = this.#sync;
    if (sync === undefined) return this.#storage.getStore();
    const store = this.#storage.getStore();
    return store === this.#syncStore ? sync : store;
  }

  #startWith(name: string, fields: Fields | undefined, options: SpanOptions): Span {
    const { bits, parent, links } = this.#read(options);
    const around = parent === undefined ? this.current : parent ?? undefined;
    const span = this.#start(name, fields, bits, around);
    // What is left out hands on what it was put in.
    if (span === this.#silent && parent !== undefined) {
      return spans.create(this, SILENT, 0, parent ?? NOWHERE);
    }
    for (const link of links) span.link(link);
    return span;
  }

  /** Reads options, whatever they are. */
  #read(options: SpanOptions): {
    readonly bits: number;
    readonly parent: Span | TraceContext | null | undefined;
    readonly links: readonly (Span | SpanLink)[];
  } {
    return attempt(() => {
      const { level, kind, links } = options;
      const bits = levelNumber(level) << LEVEL_SHIFT | kindNumber(kind) << KIND_SHIFT;
      const parent = this.#parentOf(options.parent);
      return { bits, parent, links: Array.isArray(links) ? links : [] };
    }) ?? { bits: DEFAULT_BITS, parent: undefined, links: [] };
  }

  #start(
    name: string,
    fields: Fields | undefined,
    bits: number,
    parent: Span | TraceContext | undefined,
  ): Span {
    if ((bits >>> LEVEL_SHIFT & 7) > this.level) return this.#silence();
    if (parent !== undefined) return this.#startIn(name, fields, bits, parent);
    if (this.chance < 1 && this.#isUnlucky()) return spans.create(this, SUPPRESSED, 0, 0);
    const { store } = this;
    const slot = store.begin(name, bits | SAMPLED, fields, this.#clock.now());
    if (slot === NONE) return this.#refuse(undefined);
    return spans.create(this, slot, store.columns.generations[slot]!, this.writeTrace(slot));
  }

  #startIn(
    name: string,
    fields: Fields | undefined,
    bits: number,
    parent: Span | TraceContext,
  ): Span {
    return parent instanceof Span
      ? this.#startChild(name, fields, bits, parent)
      : this.#startRemote(name, fields, bits, parent);
  }

  #startChild(name: string, fields: Fields | undefined, bits: number, parent: Span): Span {
    const parentSlot = spans.slotOf(parent);
    if (parentSlot === SILENT) {
      const around = spans.traceOf(parent);
      return this.#start(name, fields, bits, typeof around === "number" ? undefined : around);
    }
    if (parentSlot < 0) {
      this.refused.suppressed++;
      return parent;
    }
    const { store } = this;
    const generation = spans.generationOf(parent);
    const trace = spans.traceOf(parent) as number | TraceContext;
    const slot = store.begin(name, bits, fields, this.#clock.now());
    if (slot === NONE) return this.#refuse(parent.context);
    store.adopt(slot, parentSlot, generation);
    if (store.isThere(parentSlot, generation)) store.inherit(slot, parentSlot);
    else this.#setTrace(slot, trace);
    return spans.create(this, slot, store.columns.generations[slot]!, trace);
  }

  #startRemote(
    name: string,
    fields: Fields | undefined,
    bits: number,
    parent: TraceContext,
  ): Span {
    const { store } = this;
    const { generations } = store.columns;
    // A service that asks itself: that span is recorded, so this is too.
    const { spanId, traceId } = parent;
    const found = store.ownSlot(wordAt(spanId, 0), wordAt(spanId, 8));
    const own = found === NONE || store.columns.traceIdOf(found) === traceId ? found : NONE;
    const generation = own === NONE ? 0 : generations[own]!;
    if (own === NONE && this.chance < 1 && this.#isUnlucky()) {
      return spans.create(this, SUPPRESSED, 0, parent);
    }
    const slot = store.begin(name, bits, fields, this.#clock.now());
    if (slot === NONE) return this.#refuse(parent);
    this.#setTrace(slot, parent);
    if (own === NONE) store.columns.setParent(slot, parent.spanId);
    else store.adopt(slot, own, generation);
    return spans.create(this, slot, generations[slot]!, parent);
  }

  #silence(): Span {
    this.refused.level++;
    return this.#silent;
  }

  #isUnlucky(): boolean {
    if (this.#random() < this.chance) return false;
    this.refused.chance++;
    return true;
  }

  #setTrace(slot: number, trace: number | TraceContext): void {
    const { store } = this;
    const { flags, traces } = store.columns;
    if (typeof trace === "number") {
      store.identities.writeTrace(trace, traces, slot * 4);
      flags[slot]! |= SAMPLED;
    } else {
      store.columns.setTrace(slot, trace.traceId);
      if (trace.sampled) flags[slot]! |= SAMPLED;
    }
  }

  #traceIdOf(number: number): string {
    const words = new Uint32Array(4);
    this.store.identities.writeTrace(number, words, 0);
    return [...words].map(hexOf).join("");
  }

  #refuse(context: TraceContext | undefined): Span {
    this.refused.full++;
    return spans.create(this, SUPPRESSED, 0, context ?? 0);
  }
}

/** A copy of what another process has said, if it is that; otherwise a trace begins. */
function contextOf({ traceId, spanId, sampled, state }: TraceContext): TraceContext | null {
  if (!isId(traceId, 32) || !isId(spanId, 16)) return null;
  const context = { traceId, spanId, sampled: sampled === true };
  return typeof state === "string" ? { ...context, state } : context;
}
