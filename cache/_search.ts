import { filterOf, slotFilterOf } from "./_filter.ts";
import { Heap } from "./_heap.ts";
import type { Reader } from "./_reader.ts";
import type { SpanStore } from "./_store.ts";
import type { SpanQuery } from "./options.ts";
import type { SpanRecord } from "./record.ts";

const FIND = "find spans";

/** Finds spans, those first that were committed last. */
export function findNewest(
  store: SpanStore,
  reader: Reader,
  originMs: number,
  query: SpanQuery,
  limit: number,
): SpanRecord[] {
  const filter = filterOf(FIND, store, reader, originMs, query);
  const spans: SpanRecord[] = [];
  for (const slot of store.latestSlots()) {
    const span = filter(slot);
    if (span !== undefined && spans.push(span) >= limit) break;
  }
  return spans;
}

/** A span that fits, which use of its slot it is, how long it took, and its place among all that fit. */
interface Found {
  readonly slot: number;
  readonly generation: number;
  readonly duration: number;
  readonly place: number;
}

function isSlower(one: Found, other: Found): boolean {
  return one.duration > other.duration ||
    (one.duration === other.duration && one.place < other.place);
}

/** Finds spans, those first that took longest, and of those that took as long the ones that were committed last. */
export function findSlowest(
  store: SpanStore,
  reader: Reader,
  originMs: number,
  query: SpanQuery,
  limit: number,
): SpanRecord[] {
  const filter = filterOf(FIND, store, reader, originMs, query);
  const fits = slotFilterOf(FIND, store, originMs, query);
  const { generations, durations } = store.columns;
  // Only as many as are asked for are kept, the fastest of them on top, unless a predicate has still to say which those are.
  const most = query.where === undefined ? limit : Infinity;
  const slowest = new Heap<Found>((one, other) => isSlower(other, one));
  let place = 0;
  for (const slot of store.latestSlots()) {
    const duration = durations[slot]!;
    const isFull = slowest.size >= most;
    if ((isFull && duration <= slowest.top!.duration) || !fits(slot)) continue;
    if (isFull) slowest.pop();
    slowest.push({ slot, generation: generations[slot]!, duration, place: place++ });
  }
  const spans: SpanRecord[] = [];
  for (const { slot, generation } of slowest.items.sort((a, b) => isSlower(a, b) ? -1 : 1)) {
    // A predicate may have let it go.
    const span = store.isThere(slot, generation) ? filter(slot) : undefined;
    if (span !== undefined && spans.push(span) >= limit) break;
  }
  return spans;
}
