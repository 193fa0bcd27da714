/**
 * What a node says of itself, or of what it owns.
 *
 * @typeParam P The payloads.
 */
export interface FoldAnnouncement<P = unknown> {
  /** Who says it: a text that is not empty. */
  readonly node: string;
  /**
   * Which of its announcements it is: an integer from 1, that must rise from one announcement of a key to the next, over restarts as well.
   * {@linkcode Generations} does.
   */
  readonly generation: number;
  /** What is said. */
  readonly payload: P;
  /** For how long it holds, in milliseconds from 0; without it, as long as the kind says. */
  readonly ttlMs?: number | undefined;
  /**
   * Whether the entry of this key is over: it goes at once if this node owns it, and nothing that the node said before brings it back.
   *
   * @default {false}
   */
  readonly leave?: boolean | undefined;
  /** When it was said, by the clock of the node, in milliseconds since 1970. Nothing goes by it but the checks of {@linkcode FoldRegistry}. */
  readonly announcedAtMs?: number | undefined;
}

/**
 * Why an announcement was rejected, where it was not the merge of the kind that gave a reason of its own.
 *
 * - `"stale"`: the entry has that generation, or a later one.
 * - `"replayed"`: an entry of the node that is gone had that generation, or a later one.
 * - `"full"`: there are `maxEntries` entries, none of which has expired.
 * - `"node-full"`: the node has `maxEntriesPerNode` entries, none of which has expired.
 * - `"index-full"`: it has more than `maxIndexValues` values in the indexes.
 * - `"merge"`: the merge asked for what cannot be: to insert where there is an entry, or to replace where there is none.
 */
export type FoldRejection = "stale" | "replayed" | "full" | "node-full" | "index-full" | "merge";

/**
 * What has become of an announcement.
 *
 * - `"inserted"`: there was no such entry, and now there is.
 * - `"replaced"`: it took the place of the entry, or refreshed it.
 * - `"left"`: the entry is gone, or would be.
 * - `"rejected"`: nothing has changed, for a `reason`: one of {@linkcode FoldRejection}, or one of the kind.
 */
export type FoldResult = FoldAccepted | FoldRejected;

/** An announcement has had its effect. */
export interface FoldAccepted {
  /** Which one. */
  readonly outcome: "inserted" | "replaced" | "left";
  /** There is none. */
  readonly reason?: undefined;
}

/** An announcement has had no effect. */
export interface FoldRejected {
  /** What has become of it. */
  readonly outcome: "rejected";
  /** Why. */
  readonly reason: FoldRejection | (string & Record<never, never>);
}
