import {
  checkFinite,
  checkObject,
  checkOneOf,
  checkOptionalFunction,
  checkText,
} from "./_check.ts";
import { FAILED, LEVEL_SHIFT, STATUS_MASK } from "./_columns.ts";
import { numberOrText } from "./_fields.ts";
import { wordAt } from "./_hex.ts";
import type { Reader } from "./_reader.ts";
import type { SpanStore } from "./_store.ts";
import { NS_PER_MS } from "./_time.ts";
import { levelNumber, LEVELS } from "./level.ts";
import type { SpanQuery } from "./options.ts";
import type { SpanRecord } from "./record.ts";

/** Tells whether the span of a slot fits, by what needs no record of it. */
export type SlotFilter = (slot: number) => boolean;

/** Makes a record of a span if it fits. */
export type RecordFilter = (slot: number) => SpanRecord | undefined;

/** What a query asks of a span. */
export interface SpanFilter {
  /** Whether it fits, but for what a predicate says. */
  readonly fits: SlotFilter;
  /** Makes a record of it if it fits, whatever it is asked. */
  readonly read: RecordFilter;
}

/** What a query asks of a span. Throws at what is no query. */
export function filterOf(
  action: string,
  store: SpanStore,
  reader: Reader,
  query: SpanQuery,
): SpanFilter {
  const { where } = query;
  checkOptionalFunction(action, "where", where);
  const fits = slotFilterOf(action, store, reader.originMs, query);
  const read = (slot: number): SpanRecord | undefined => {
    if (!fits(slot)) return undefined;
    const record = reader.read(slot);
    return where === undefined || where(record) ? record : undefined;
  };
  return { fits, read };
}

/** What of a query needs no record. */
function slotFilterOf(
  action: string,
  store: SpanStore,
  originMs: number,
  query: SpanQuery,
): SlotFilter {
  const { columns } = store;
  const tests: SlotFilter[] = [];
  if (query.failed !== undefined) {
    const { failed } = query;
    tests.push((slot) => ((columns.flags[slot]! & STATUS_MASK) === FAILED) === failed);
  }
  if (query.minMs !== undefined) {
    const minMs = checkFinite(action, "minMs", query.minMs);
    // As it is read: a whole number of nanoseconds is none of milliseconds.
    tests.push((slot) => columns.durations[slot]! / NS_PER_MS >= minMs);
  }
  if (query.level !== undefined) {
    checkOneOf(action, "level", LEVELS.slice(1), query.level);
    const level = levelNumber(query.level);
    tests.push((slot) => (columns.flags[slot]! >>> LEVEL_SHIFT & 7) <= level);
  }
  const endOf = (slot: number): number =>
    originMs + columns.starts[slot]! + columns.durations[slot]! / NS_PER_MS;
  if (query.since !== undefined) {
    const since = checkFinite(action, "since", query.since);
    tests.push((slot) => endOf(slot) >= since);
  }
  if (query.until !== undefined) {
    const until = checkFinite(action, "until", query.until);
    tests.push((slot) => endOf(slot) < until);
  }
  if (query.traceId !== undefined) tests.push(ofTrace(store, query.traceId));
  if (query.name !== undefined) {
    const list = Array.isArray(query.name) ? query.name : [query.name];
    for (const name of list) checkText(action, "name", name);
    const names = new Set<string>(list);
    tests.push((slot) => names.has(store.nameOf(slot)));
  }
  if (query.fields !== undefined) checkObject(action, "fields", query.fields);
  for (const [key, given] of Object.entries(query.fields ?? {})) {
    const value = typeof given === "bigint" ? numberOrText(given) : given;
    tests.push((slot) => {
      const own = store.fields.get(columns.fields[slot]!, key);
      // NaN is what it is.
      return own === value || (own !== own && value !== value);
    });
  }
  return (slot) => tests.every((test) => test(slot));
}

/** Tells whether a span is of a trace. */
export function ofTrace({ columns }: SpanStore, traceId: string): SlotFilter {
  const isTrace = typeof traceId === "string" && /^[0-9a-f]{32}$/.test(traceId);
  if (!isTrace) return () => false;
  const [a, b, c, d] = [0, 8, 16, 24].map((at) => wordAt(traceId, at));
  const { traces } = columns;
  return (slot) => {
    const at = slot * 4;
    return traces[at + 3] === d && traces[at + 2] === c && traces[at + 1] === b && traces[at] === a;
  };
}
