import type { FoldKey } from "./kind.ts";

/**
 * One entry in a {@linkcode FoldSnapshot}. Its key is not there: the kind says what it is.
 *
 * @typeParam P The payloads.
 */
export interface FoldSnapshotEntry<P = unknown> {
  /** Whose it is. */
  readonly node: string;
  /** Its generation. */
  readonly generation: number;
  /** What was announced. */
  readonly payload: P;
  /** How long ago it came, in milliseconds. */
  readonly ageMs: number;
  /** How long it had yet to live, in milliseconds, above 0. */
  readonly remainingMs: number;
}

/** A generation of an entry that is gone, in a {@linkcode FoldSnapshot}. */
export interface FoldSnapshotGeneration {
  /** The key of the entry. */
  readonly key: FoldKey;
  /** Whose it was. */
  readonly node: string;
  /** Its generation. */
  readonly generation: number;
  /** How long it is to be remembered yet, in milliseconds, above 0. */
  readonly remainingMs: number;
}

/**
 * What a fold held at one time. It is a plain object, that {@linkcode encodeSnapshot} makes a text of.
 *
 * Nothing in it is signed: it must come from where nobody else writes.
 *
 * @typeParam P The payloads.
 */
export interface FoldSnapshot<P = unknown> {
  /** The id of the kind. */
  readonly kind: number;
  /** When it was taken, in milliseconds since 1970. */
  readonly takenAtMs: number;
  /** The entries that had not expired, in no order. */
  readonly entries: readonly FoldSnapshotEntry<P>[];
  /** The generations of entries that were gone, oldest first. */
  readonly remembered: readonly FoldSnapshotGeneration[];
}
