import { checkFunction } from "../internal/mod.ts";
import { checkObject } from "./_check.ts";
import type { Fold } from "./fold.ts";
import type { FoldKey } from "./kind.ts";
import type { FoldRestoreOptions } from "./options.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot_codec.ts";

/** Where a fold is kept over restarts. */
export interface FoldStore {
  /** What was saved last; undefined if nothing was. */
  load(): string | undefined | PromiseLike<string | undefined>;
  /** Saves a text instead of the one before: all of it or, if that fails, nothing. */
  save(text: string): void | PromiseLike<void>;
}

/**
 * Saves what a fold holds.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param fold The fold.
 * @param store Where to.
 * @returns A promise that is fulfilled once it is saved.
 * @throws Rejects with what the store throws, or with a `TypeError` if a payload cannot be written.
 */
export async function saveFold<K extends FoldKey, P, I extends string>(
  fold: Fold<K, P, I>,
  store: FoldStore,
): Promise<void> {
  checkStore("save Fold", store);
  await store.save(encodeSnapshot(fold.kind, fold.snapshot()));
}

/**
 * Restores what was saved of a fold. What cannot be restored is left where it is, and the fold as it is.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param fold The fold.
 * @param store Where from.
 * @param options What to do if the fold has entries.
 * @returns A promise of how many entries were restored; of undefined if nothing was saved.
 * @throws {FoldSnapshotError} Rejects with it if what was saved is damaged or of another kind, or the fold has entries already.
 * @throws Rejects with what the store throws.
 */
export async function restoreFold<K extends FoldKey, P, I extends string>(
  fold: Fold<K, P, I>,
  store: FoldStore,
  options?: FoldRestoreOptions,
): Promise<number | undefined> {
  checkStore("restore Fold", store);
  const text = await store.load();
  if (text === undefined) return undefined;
  return fold.restore(decodeSnapshot(fold.kind, text), options);
}

/** Throws unless something can load and save. */
export function checkStore(action: string, store: FoldStore): void {
  checkObject(action, "store", store);
  checkFunction(action, "store.load", store.load);
  checkFunction(action, "store.save", store.save);
}
