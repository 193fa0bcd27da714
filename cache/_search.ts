import type { SpanFilter } from "./_filter.ts";
import { Heap } from "./_heap.ts";
import type { SpanStore } from "./_store.ts";
import type { SpanRecord } from "./record.ts";

/** Finds spans, those first that were committed last. */
export function findNewest(store: SpanStore, { read }: SpanFilter, limit: number): SpanRecord[] {
  const spans: SpanRecord[] = [];
  for (const slot of store.latestSlots()) {
    const span = read(slot);
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

/** Below 0 if one took longer than the other, or as long and was committed later. */
function compare(one: Found, other: Found): number {
  return other.duration - one.duration || one.place - other.place;
}

/**
 * Finds spans, those first that took longest, and of those that took as long the ones that were committed last.
 *
 * @param most How many of those that fit have to be read. It is the limit, unless a predicate has still to say which these are.
 */
export function findSlowest(
  store: SpanStore,
  { fits, read }: SpanFilter,
  limit: number,
  most: number,
): SpanRecord[] {
  const { generations, durations } = store.columns;
  // The fastest of them on top.
  const slowest = new Heap<Found>((one, other) => compare(one, other) > 0);
  let place = 0;
  for (const slot of store.latestSlots()) {
    const duration = durations[slot]!;
    const isFull = slowest.size >= most;
    if ((isFull && duration <= slowest.top!.duration) || !fits(slot)) continue;
    if (isFull) slowest.pop();
    slowest.push({ slot, generation: generations[slot]!, duration, place: place++ });
  }
  const spans: SpanRecord[] = [];
  for (const { slot, generation } of slowest.items.sort(compare)) {
    // A predicate may have let it go.
    const span = store.isThere(slot, generation) ? read(slot) : undefined;
    if (span !== undefined && spans.push(span) >= limit) break;
  }
  return spans;
}
