import type { FoldAuditSink } from "./audit.ts";

/** Where a fold takes the time from. */
export interface FoldClock {
  /** Milliseconds from any beginning, that do not go backwards: what entries expire by. */
  now(): number;
  /** Milliseconds since 1970: what snapshots and leases go by. */
  wallNow(): number;
}

/** Options of the {@linkcode Fold} constructor. */
export interface FoldOptions {
  /**
   * How many entries there may be: a positive integer. Announcements of others are rejected then, with the reason `"full"`.
   *
   * @default {100_000}
   */
  readonly maxEntries?: number | undefined;

  /**
   * How many entries one node may have: a positive integer. Its other announcements are rejected then, with the reason `"node-full"`.
   *
   * @default {maxEntries}
   */
  readonly maxEntriesPerNode?: number | undefined;

  /**
   * How many values an entry may have in all indexes together: an integer from 0. An announcement with more is rejected, with the reason
   * `"index-full"`.
   *
   * @default {256}
   */
  readonly maxIndexValues?: number | undefined;

  /**
   * The shortest life of an entry, in milliseconds from 0. Shorter ones are made that long, and counted.
   *
   * @default {0}
   */
  readonly minTtlMs?: number | undefined;

  /**
   * The longest life of an entry, in milliseconds. Longer ones are made that long, and counted: what a node says that is gone should not
   * stay for years.
   *
   * @default {86_400_000}
   */
  readonly maxTtlMs?: number | undefined;

  /**
   * For how long, in milliseconds, a fold remembers the generations of entries that are gone, so that old announcements that come late, or are
   * sent again by somebody, do not bring them back. 0 remembers nothing.
   *
   * @default {600_000}
   */
  readonly rememberMs?: number | undefined;

  /**
   * How many generations of entries that are gone are remembered at most, oldest out first: an integer from 0. Those of one node are at most
   * `maxEntriesPerNode`, and of one key 64, so that nobody can make a fold forget what others said.
   *
   * @default {maxEntries}
   */
  readonly maxRemembered?: number | undefined;

  /**
   * How often, at most, expired entries are removed, in milliseconds from 0. The first to expire is removed on time, those that follow within this
   * time together. 0 removes none by itself: that is for {@linkcode Fold.sweep} then. Whoever reads never sees an expired entry, removed or not.
   *
   * @default {50}
   */
  readonly sweepIntervalMs?: number | undefined;

  /** Told of everything that happens to entries. */
  readonly audit?: FoldAuditSink | undefined;

  /**
   * Told of what the audit sink throws.
   *
   * @default {reportError}
   */
  readonly onError?: ((error: unknown) => void) | undefined;

  /** Where the time comes from; without it, from `performance.now()` and `Date.now()`. */
  readonly clock?: FoldClock | undefined;
}

/**
 * Options of {@linkcode Fold.restore}.
 */
export interface FoldRestoreOptions {
  /**
   * What to do if the fold has entries: `"refuse"` with an error, `"replace"` them all, or `"merge"` each entry as if it had been announced.
   *
   * @default {"refuse"}
   */
  readonly over?: "refuse" | "replace" | "merge" | undefined;
}

/** Options of {@linkcode Fold.changed}. */
export interface FoldChangedOptions {
  /**
   * The version that is known already.
   *
   * @default {fold.version}
   */
  readonly since?: number | undefined;

  /** Cancels the wait. */
  readonly signal?: AbortSignal | undefined;
}
