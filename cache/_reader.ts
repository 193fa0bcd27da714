import {
  ABANDONED,
  KIND_SHIFT,
  LEVEL_SHIFT,
  NAME_CUT,
  STATUS_MASK,
  STATUS_SHIFT,
} from "./_columns.ts";
import type { SpanStore } from "./_store.ts";
import { KINDS, LEVELS, type SpanLevel, STATUSES } from "./level.ts";
import type { OpenSpanRecord, SpanEvent, SpanRecord } from "./record.ts";

const NS_PER_MS = 1e6;

/** Makes plain objects of what is in a store. */
export class Reader {
  readonly #store: SpanStore;
  readonly #originMs: number;

  /** @param originMs The time since 1970 at which the clock of the cache showed 0. */
  constructor(store: SpanStore, originMs: number) {
    this.#store = store;
    this.#originMs = originMs;
  }

  /** A span that has ended. */
  read(slot: number): SpanRecord {
    const { seqs, durations, selves, flags } = this.#store.columns;
    return {
      seq: seqs[slot]!,
      ...this.#common(slot),
      durationMs: durations[slot]! / NS_PER_MS,
      selfMs: selves[slot]! / NS_PER_MS,
      ...((flags[slot]! & ABANDONED) === 0 ? {} : { abandoned: true }),
    };
  }

  /** A span that runs. */
  readOpen(slot: number, now: number): OpenSpanRecord {
    const { starts, durations, selves, seqs } = this.#store.columns;
    const openChildren = seqs[slot]!;
    const durationMs = Math.max(0, now - starts[slot]!);
    const coveredMs = selves[slot]! + (openChildren > 0 ? Math.max(0, now - durations[slot]!) : 0);
    return {
      ...this.#common(slot),
      durationMs,
      selfMs: Math.max(0, durationMs - coveredMs),
      openChildren,
    };
  }

  #common(slot: number): Omit<SpanRecord, "seq" | "durationMs" | "selfMs"> {
    const store = this.#store;
    const { flags, starts, fields: chains, droppedEvents } = store.columns;
    const bits = flags[slot]!;
    const { fields, cut, links, message } = store.fields.read(chains[slot]!);
    if ((bits & NAME_CUT) !== 0) cut.unshift("name");
    const parentId = store.parentIdOf(slot);
    const dropped = droppedEvents[slot]!;
    return {
      id: store.idOf(slot),
      traceId: store.traceIdOf(slot),
      ...(parentId === undefined ? {} : { parentId }),
      name: store.nameOf(slot),
      level: LEVELS[bits >>> LEVEL_SHIFT & 7] as SpanLevel,
      kind: KINDS[bits >>> KIND_SHIFT & 7]!,
      status: STATUSES[(bits & STATUS_MASK) >>> STATUS_SHIFT]!,
      ...(message === undefined ? {} : { message }),
      startMs: this.#originMs + starts[slot]!,
      fields,
      events: this.#events(slot),
      ...(links.length === 0 ? {} : { links }),
      ...(dropped === 0 ? {} : { droppedEvents: dropped }),
      ...(cut.length === 0 ? {} : { cut }),
    };
  }

  #events(slot: number): SpanEvent[] {
    return this.#store.readEvents(slot).map(({ name, time, level, fields: chain, isCut }) => {
      const { fields, cut } = this.#store.fields.read(chain);
      if (isCut) cut.unshift("name");
      return {
        name,
        timeMs: this.#originMs + time,
        level: LEVELS[level] as SpanLevel,
        fields,
        ...(cut.length === 0 ? {} : { cut }),
      };
    });
  }
}
