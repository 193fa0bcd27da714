import { NONE } from "./_commit_log.ts";
import type { SlotFilter } from "./_filter.ts";
import { FAILED, STATUS_MASK } from "./_columns.ts";
import type { SpanStore } from "./_store.ts";
import { Summary } from "./_summary.ts";
import { groupOf, type SpanAggregate } from "./aggregate.ts";

/** How far up a field is looked for. */
const MAX_DEPTH = 64;

/** Sums up all spans that fit, one by one, told apart by a field as well. */
export function groupsOf(
  store: SpanStore,
  fits: SlotFilter,
  by: string | undefined,
): SpanAggregate[] {
  const { columns } = store;
  const groups = new Map<string, { name: string; group: string | undefined; summary: Summary }>();
  for (const slot of store.endedSlots()) {
    const generation = columns.generations[slot]!;
    if (!fits(slot) || !store.isThere(slot, generation)) continue;
    const name = store.names.textOf(columns.names[slot]!);
    const group = by === undefined ? undefined : inheritedOf(store, slot, by);
    const key = JSON.stringify([name, group]);
    let row = groups.get(key);
    if (row === undefined) groups.set(key, row = { name, group, summary: new Summary() });
    const hasFailed = (columns.flags[slot]! & STATUS_MASK) === FAILED;
    row.summary.add(columns.durations[slot]!, columns.selves[slot]!, hasFailed);
    row.summary.seen++;
    if (hasFailed) row.summary.seenFailed++;
  }
  return [...groups.values()].map(({ name, group, summary }) => summary.read(name, group));
}

/** The value of a field of a span, or of the nearest one around it that has it. */
function inheritedOf(store: SpanStore, slot: number, by: string): string | undefined {
  for (let depth = 0; slot !== NONE && depth < MAX_DEPTH; depth++) {
    const value = groupOf(store.fields.get(store.columns.fields[slot]!, by));
    if (value !== undefined) return value;
    slot = store.parentOf(slot);
  }
  return undefined;
}
