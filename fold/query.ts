import type { FoldEntry } from "./entry.ts";
import type { FoldIndexValue, FoldKey } from "./kind.ts";

/**
 * What is asked of one index: a value; a list, of which an entry must have one; or `all`, of which it must have every one, where a list in it
 * stands for one of these. Nothing has one of an empty list, and everything has all of an empty one.
 */
export type FoldCondition =
  | FoldIndexValue
  | readonly FoldIndexValue[]
  | FoldAllOf;

/** That an entry must have several values. */
export interface FoldAllOf {
  /** The values, every one of which it must have; of a list, one. */
  readonly all: readonly (FoldIndexValue | readonly FoldIndexValue[])[];
}

/**
 * Which entries to find: those that fit in everything that is asked.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 */
export interface FoldQuery<K extends FoldKey = FoldKey, P = unknown, I extends string = string> {
  /** What is asked of indexes. The one that fewest entries fit in is gone through. */
  readonly by?:
    | ([I] extends [never] ? Readonly<Record<string, never>>
      : { readonly [name in I]?: FoldCondition | undefined })
    | undefined;
  /** Whose entries. */
  readonly node?: string | undefined;
  /** Anything else. It is asked last, and must not change the fold. */
  readonly where?: ((entry: FoldEntry<K, P>) => boolean) | undefined;
  /** The most entries to find, from 0; which ones is not said. */
  readonly limit?: number | undefined;
}
