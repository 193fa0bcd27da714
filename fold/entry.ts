import type { FoldKey } from "./kind.ts";

/**
 * What a fold holds under a key. It is made when it is read, and does not change.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldEntry<K extends FoldKey = FoldKey, P = unknown> {
  /** Its key. */
  readonly key: K;
  /** What was announced: the very object, which nobody may change. */
  readonly payload: P;
  /** Who announced it, and so owns the entry. */
  readonly node: string;
  /** The generation of the announcement. */
  readonly generation: number;
  /** When it came, in milliseconds on the clock of the fold. */
  readonly receivedAt: number;
  /** When it expires, in whole milliseconds on the clock of the fold. From then on, nobody sees it any more. */
  readonly expiresAt: number;
}
