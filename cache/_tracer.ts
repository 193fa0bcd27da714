import { Bell } from "./_bell.ts";
import { FOREIGN, KIND_SHIFT, LEVEL_SHIFT, SAMPLED } from "./_columns.ts";
import { NONE } from "./_commit_log.ts";
import { type ContextStorage, createStorage } from "./_context.ts";
import { hexOf, isId } from "./_hex.ts";
import type { SpanHost } from "./_host.ts";
import type { SpanStore } from "./_store.ts";
import { INFO, kindNumber, levelNumber } from "./level.ts";
import type { SpanClock, SpanOptions } from "./options.ts";
import type { Fields } from "./record.ts";
import { SILENT, Span, spans, SUPPRESSED, textOf } from "./span.ts";
import type { TraceContext } from "./trace_context.ts";

/** Starts spans, ends them, and knows which one is around what runs now. */
export class Tracer implements SpanHost {
  readonly store: SpanStore;
  readonly bell: Bell = new Bell();
  readonly refused = { level: 0, chance: 0, full: 0, suppressed: 0 };
  level: number;
  chance: number;

  readonly #clock: SpanClock;
  readonly #random: () => number;
  readonly #storage: ContextStorage<Span | undefined> = createStorage();
  readonly #silent: Span = spans.create(this, SILENT, 0, 0);
  // The span of a synchronous call that is going on, which is in no storage.
  #sync: Span | undefined;
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
    return this.#sync ?? this.#storage.getStore();
  }

  start(name: string, fields: Fields | undefined, options: SpanOptions | undefined): Span {
    let bits = INFO << LEVEL_SHIFT;
    let parent: Span | TraceContext | null | undefined;
    if (options !== undefined) {
      bits = levelNumber(options.level) << LEVEL_SHIFT | kindNumber(options.kind) << KIND_SHIFT;
      parent = this.#parentOf(options.parent);
    }
    if ((bits >>> LEVEL_SHIFT & 7) > this.level) {
      this.refused.level++;
      return this.#silent;
    }
    if (parent === undefined) parent = this.#sync ?? this.#storage.getStore();
    const span = parent instanceof Span
      ? this.#startChild(name, fields, bits, parent)
      : this.#startTrace(name, fields, bits, parent ?? undefined);
    for (const link of options?.links ?? []) span.link(link);
    return span;
  }

  /** Calls a function in a span, and in what it waits for. */
  run<T>(span: Span, callback: (span: Span) => T): T {
    // What is not recorded for its level alone is not around anything.
    if (span === this.#silent) return callback(span);
    const before = this.#sync;
    this.#sync = undefined;
    try {
      return this.#storage.run(span, callback, span);
    } finally {
      this.#sync = before;
    }
  }

  /** Calls a function in a span, but not in what it waits for. */
  runSync<T>(span: Span, callback: (span: Span) => T): T {
    if (span === this.#silent) return callback(span);
    const before = this.#sync;
    this.#sync = span;
    try {
      return callback(span);
    } finally {
      this.#sync = before;
    }
  }

  /** Calls a function in no span. */
  runOutside<T>(callback: () => T): T {
    const before = this.#sync;
    this.#sync = undefined;
    try {
      return this.#storage.run(undefined, callback);
    } finally {
      this.#sync = before;
    }
  }

  end(slot: number): void {
    this.store.end(slot, this.#clock.now());
    if (this.bell.size > 0) this.bell.ring();
  }

  contextOf(
    slot: number,
    generation: number,
    trace: number | TraceContext,
  ): TraceContext | undefined {
    if (slot === SILENT) return this.current?.context;
    const known = typeof trace === "object" ? trace : undefined;
    if (slot < 0) return known;
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
    this.level = 0;
    this.#storage.disable();
    this.bell.ring();
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
    if (parent === undefined || parent === null || parent === this.#silent) {
      return parent === this.#silent ? undefined : parent as null | undefined;
    }
    if (!(parent instanceof Span)) return isContext(parent) ? parent : null;
    return spans.hostOf(parent) === this ? parent : parent.context;
  }

  #startChild(name: string, fields: Fields | undefined, bits: number, parent: Span): Span {
    const parentSlot = spans.slotOf(parent);
    if (parentSlot < 0) {
      this.refused.suppressed++;
      return parent;
    }
    const { store } = this;
    const generation = spans.generationOf(parent);
    const trace = spans.traceOf(parent);
    const slot = store.begin(textOf(name), bits, fields, this.#clock.now());
    if (slot === NONE) return this.#refuse(parent.context);
    store.adopt(slot, parentSlot, generation);
    if (store.isThere(parentSlot, generation)) store.inherit(slot, parentSlot);
    else this.#setTrace(slot, trace);
    return spans.create(this, slot, store.columns.generations[slot]!, trace);
  }

  #startTrace(
    name: string,
    fields: Fields | undefined,
    bits: number,
    remote: TraceContext | undefined,
  ): Span {
    if (this.chance < 1 && !(this.#random() < this.chance)) {
      this.refused.chance++;
      return spans.create(this, SUPPRESSED, 0, remote ?? 0);
    }
    const { store } = this;
    const slot = store.begin(textOf(name), bits, fields, this.#clock.now());
    if (slot === NONE) return this.#refuse(remote);
    const generation = store.columns.generations[slot]!;
    if (remote === undefined) {
      store.columns.flags[slot]! |= SAMPLED;
      return spans.create(this, slot, generation, this.writeTrace(slot));
    }
    this.#setTrace(slot, remote);
    // A service that asks itself.
    const own = store.find(remote.spanId);
    if (own !== NONE && (store.columns.flags[own]! & FOREIGN) === 0) {
      store.adopt(slot, own, store.columns.generations[own]!);
    } else store.setParent(slot, remote.spanId);
    return spans.create(this, slot, generation, remote);
  }

  #setTrace(slot: number, trace: number | TraceContext): void {
    const { store } = this;
    const { flags, traces } = store.columns;
    if (typeof trace === "number") {
      store.identities.writeTrace(trace, traces, slot * 4);
      flags[slot]! |= SAMPLED;
    } else {
      store.setTrace(slot, trace.traceId);
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

function isContext(value: unknown): value is TraceContext {
  const context = value as TraceContext;
  return typeof value === "object" && isId(context.traceId, 32) && isId(context.spanId, 16);
}
