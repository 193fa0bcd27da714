import type { FoldEntry } from "./entry.ts";
import type { FoldKey } from "./kind.ts";

/**
 * What a {@linkcode FoldWatch} is told, in order and without a gap.
 *
 * - `"snapshot"`: all entries as they were when the watch began. It comes first, unless the reader was too slow to begin.
 * - `"created"`: there is an entry where there was none.
 * - `"replaced"`: an entry was refreshed or has changed, or has another owner; `previous` is what was there.
 * - `"evicted"`: somebody has removed it, for a `reason`.
 * - `"expired"`: nobody has refreshed it in time.
 * - `"left"`: its owner has taken it back.
 * - `"resync"`: the reader was too slow, or the fold was restored: `missed` changes are not told, and `entries` are all that there are now.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export type FoldChange<K extends FoldKey = FoldKey, P = unknown> =
  | FoldBaseline<K, P>
  | FoldResync<K, P>
  | FoldDelta<K, P>;

/**
 * One change of one entry.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export type FoldDelta<K extends FoldKey = FoldKey, P = unknown> =
  | FoldCreation<K, P>
  | FoldReplacement<K, P>
  | FoldRemoval<K, P>;

/**
 * All entries as they were when a watch began.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldBaseline<K extends FoldKey = FoldKey, P = unknown> {
  /** What it is. */
  readonly type: "snapshot";
  /** The entries, in no order. */
  readonly entries: readonly FoldEntry<K, P>[];
}

/**
 * All entries as they are, instead of changes that are not told.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldResync<K extends FoldKey = FoldKey, P = unknown> {
  /** What it is. */
  readonly type: "resync";
  /** The entries, in no order. */
  readonly entries: readonly FoldEntry<K, P>[];
  /** How many changes are not told. */
  readonly missed: number;
}

/**
 * There is an entry where there was none.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldCreation<K extends FoldKey = FoldKey, P = unknown> {
  /** What it is. */
  readonly type: "created";
  /** The key. */
  readonly key: K;
  /** What is there now. */
  readonly entry: FoldEntry<K, P>;
}

/**
 * An entry was refreshed or has changed, or has another owner.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldReplacement<K extends FoldKey = FoldKey, P = unknown> {
  /** What it is. */
  readonly type: "replaced";
  /** The key. */
  readonly key: K;
  /** What is there now. */
  readonly entry: FoldEntry<K, P>;
  /** What was there before. */
  readonly previous: FoldEntry<K, P>;
}

/**
 * An entry is gone.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldRemoval<K extends FoldKey = FoldKey, P = unknown> {
  /** What it is. */
  readonly type: "evicted" | "expired" | "left";
  /** The key. */
  readonly key: K;
  /** What is gone. */
  readonly entry: FoldEntry<K, P>;
  /** What it was evicted or left for; `"expired"` otherwise. */
  readonly reason: string;
}
