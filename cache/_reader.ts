import {
  ABANDONED,
  KIND_SHIFT,
  LEVEL_SHIFT,
  NAME_CUT,
  STATUS_MASK,
  STATUS_SHIFT,
} from "./_columns.ts";
import type { SpanStore } from "./_store.ts";
import { NS_PER_MS } from "./_time.ts";
import { KINDS, LEVELS, type SpanLevel, STATUSES } from "./level.ts";
import type { OpenSpanRecord, SpanEvent, SpanRecord } from "./record.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What spans that have ended and those that run have in common. */
type Common = Omit<SpanRecord, "seq" | "durationMs" | "selfMs">;

/** Makes plain objects of what is in a store. */
export class Reader {
  readonly #store: SpanStore;
  /** The time since 1970 at which the clock of the cache showed 0. */
  readonly originMs: number;

  constructor(store: SpanStore, originMs: number) {
    this.#store = store;
    this.originMs = originMs;
  }

  /** A span that has ended. */
  read(slot: number): SpanRecord {
    const { seqs, durations, selves, flags } = this.#store.columns;
    const record: Writable<SpanRecord> = {
      seq: seqs[slot]!,
      ...this.#common(slot),
      durationMs: durations[slot]! / NS_PER_MS,
      selfMs: selves[slot]! / NS_PER_MS,
    };
    if ((flags[slot]! & ABANDONED) !== 0) record.abandoned = true;
    return record;
  }

  /** A span that runs. */
  readOpen(slot: number, now: number): OpenSpanRecord {
    const { starts, seqs } = this.#store.columns;
    const end = Math.max(now, starts[slot]!);
    const durationMs = end - starts[slot]!;
    return {
      ...this.#common(slot),
      durationMs,
      selfMs: durationMs - this.#store.coveredOf(slot, end),
      openChildren: seqs[slot]!,
    };
  }

  #common(slot: number): Common {
    const store = this.#store;
    const { flags, starts, fields: chains, droppedEvents } = store.columns;
    const bits = flags[slot]!;
    const { fields, cut, links, message } = store.fields.read(chains[slot]!);
    const common: Writable<Common> = {
      id: store.columns.idOf(slot),
      traceId: store.columns.traceIdOf(slot),
      name: store.nameOf(slot),
      level: LEVELS[bits >>> LEVEL_SHIFT & 7] as SpanLevel,
      kind: KINDS[bits >>> KIND_SHIFT & 7]!,
      status: STATUSES[(bits & STATUS_MASK) >>> STATUS_SHIFT]!,
      startMs: this.originMs + starts[slot]!,
      fields,
      events: this.#events(slot),
    };
    const parentId = store.columns.parentIdOf(slot);
    if (parentId !== undefined) common.parentId = parentId;
    if (message !== undefined) common.message = message;
    if (links.length > 0) common.links = links;
    const dropped = droppedEvents[slot]!;
    if (dropped > 0) common.droppedEvents = dropped;
    if ((bits & NAME_CUT) !== 0) cut.unshift("name");
    if (cut.length > 0) common.cut = cut;
    return common;
  }

  #events(slot: number): SpanEvent[] {
    const { events, columns, fields: fieldStore } = this.#store;
    return events.read(columns.events[slot]!).map(({ name, time, level, fields: chain, isCut }) => {
      const { fields, cut } = fieldStore.read(chain);
      if (isCut) cut.unshift("name");
      return {
        name,
        timeMs: this.originMs + time,
        level: LEVELS[level] as SpanLevel,
        fields,
        ...(cut.length === 0 ? {} : { cut }),
      };
    });
  }
}
