import { checkFunction, checkInteger, refusal } from "../internal/mod.ts";
import { type Group, placeIn, sizeOf } from "./_indexes.ts";
import { NONE } from "./_key_table.ts";
import type { Store } from "./_store.ts";
import type { FoldEntry } from "./entry.ts";
import type { FoldKey } from "./kind.ts";
import type { FoldQuery } from "./query.ts";

/**
 * Visits the entries that fit a query and have not expired, until `visit` answers false.
 *
 * Of all that is asked, what fewest entries fit in is gone through, and each of these is checked for the rest.
 */
export function find<K extends FoldKey, P>(
  store: Store<K, P>,
  query: FoldQuery<K, P>,
  now: number,
  visit: (slot: number, entry: FoldEntry<K, P> | undefined) => void,
): void {
  const action = "query Fold";
  const { by, node, where, limit = Infinity } = query;
  if (limit !== Infinity) checkInteger(action, "limit", limit, 0);
  if (where !== undefined) checkFunction(action, "where", where);
  if (node !== undefined && typeof node !== "string") {
    throw new TypeError(refusal(action, "node must be a text", node));
  }
  const groups = by === undefined ? [] : groupsOf(store, action, by);
  let left = limit;
  // Whether there may be more.
  const check = (slot: number): boolean => {
    if (store.expiresAt(slot) <= now) return true;
    let entry: FoldEntry<K, P> | undefined;
    if (where !== undefined && !where(entry = store.entry(slot))) return true;
    visit(slot, entry);
    return --left > 0;
  };
  if (left === 0) return;

  const owner = node === undefined ? NONE : store.owners.find(node);
  if (node !== undefined && owner === NONE) return;
  const sizes = groups.map(sizeOf);
  const least = Math.min(...sizes);
  const fits = (slot: number, but: Group | undefined): boolean => {
    if (groups.length === 0) return true;
    const places = store.indexes!.placesOf(slot);
    return groups.every((group) => group === but || placeIn(places, group) < Infinity);
  };
  if (owner !== NONE && store.owners.countOf(owner) <= least) {
    let slot = store.owners.firstOf(owner);
    for (; slot !== NONE; slot = store.owners.nextOf(slot)) {
      if (fits(slot, undefined) && !check(slot)) return;
    }
  } else if (groups.length > 0) {
    const through = groups[sizes.indexOf(least)]!;
    for (const [posting, number] of through) {
      for (const slot of posting.slots) {
        if (owner !== NONE && store.ownerOf(slot) !== owner) continue;
        // What is in several postings of the group was found in the first of them.
        if (number > 0 && placeIn(store.indexes!.placesOf(slot), through) < number) continue;
        if (fits(slot, through) && !check(slot)) return;
      }
    }
  } else {
    for (let slot = store.next(0); slot !== NONE; slot = store.next(slot + 1)) {
      if (!check(slot)) return;
    }
  }
}

function groupsOf<K extends FoldKey, P>(
  store: Store<K, P>,
  action: string,
  by: NonNullable<FoldQuery<K, P>["by"]>,
): readonly Group[] {
  if (typeof by !== "object" || by === null) {
    throw new TypeError(refusal(action, "by must be an object of conditions", by));
  }
  if (store.indexes !== undefined) return store.indexes.groupsOf(action, by);
  const [name] = Object.keys(by);
  if (name === undefined) return [];
  throw new TypeError(refusal(action, "by must name indexes of the kind (none)", name));
}
