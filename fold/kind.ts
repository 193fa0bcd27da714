import { refusal } from "../internal/mod.ts";
import type { FoldAnnouncement } from "./announcement.ts";
import type { FoldAuditEvent, FoldTransition } from "./audit.ts";
import type { FoldEntry } from "./entry.ts";

/** What an entry is found by. Keys of several parts are made one by `JSON.stringify([part, part])`, or by {@linkcode foldKey}. */
export type FoldKey = string | number | bigint;

/** What an index goes by. */
export type FoldIndexValue = string | number | bigint | boolean;

/**
 * Which values an index has for a payload: one, several or none. It must be the same for the same payload, and must not change anything.
 *
 * @typeParam P The payloads.
 */
export type FoldIndex<P> = (
  payload: P,
) => FoldIndexValue | readonly FoldIndexValue[] | null | undefined;

/**
 * What is to be done with an announcement: `"insert"` where there is no entry, `"replace"` where there is one, or a rejection with its reason.
 */
export type FoldMergeAction = "insert" | "replace" | FoldReject;

/** That an announcement is rejected. */
export interface FoldReject {
  /** Why, in a word: there should be a few of them, which are counted one by one. */
  readonly reject: string;
}

/** What a merge may go by, beside the entry and the announcement. */
export interface FoldMergeContext {
  /** The wall clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The highest generation that is remembered of entries of this key that are gone; 0 if there is none. */
  readonly remembered: number;
}

/** How the payloads of a kind are written as bytes, where they are no JSON. */
export interface FoldCodec<P> {
  /** Writes a payload. The same payload must give the same bytes. */
  encode(payload: P): Uint8Array;
  /** Reads a payload. What it throws makes the bytes refused. */
  decode(bytes: Uint8Array): P;
}

/**
 * One kind of entries: how they are found, and who wins. It is a plain object without state; several folds may share it.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 *
 * @example A kind of its own
 * ```ts
 * import { Fold, type FoldKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * interface Printer {
 *   floor: number;
 *   papers: string[];
 * }
 *
 * const printers: FoldKind<string, Printer, "floor" | "paper"> = {
 *   id: 0x0100,
 *   name: "printer",
 *   defaultTtlMs: 30_000,
 *   key: (node) => node,
 *   indexes: { floor: ({ floor }) => floor, paper: ({ papers }) => papers },
 * };
 *
 * using fold = new Fold(printers);
 * fold.apply({ node: "lp1", generation: 1, payload: { floor: 2, papers: ["a4", "a3"] } });
 * fold.apply({ node: "lp2", generation: 1, payload: { floor: 2, papers: ["a4"] } });
 * assertEquals(fold.query({ by: { floor: 2, paper: "a3" } }).map(({ node }) => node), ["lp1"]);
 * ```
 */
export interface FoldKind<K extends FoldKey = FoldKey, P = unknown, I extends string = never> {
  /**
   * What names the kind among nodes: an integer from 0 to 65535, of which those from 256 are free for everyone. It is the version of the format,
   * too: payloads of another shape are another kind.
   */
  readonly id: number;

  /** What names the kind to people. */
  readonly name: string;

  /** How long an entry lives whose announcement does not say so, in milliseconds. */
  readonly defaultTtlMs: number;

  /** The key of an announcement. Must be the same for the same node and payload. */
  key(node: string, payload: P): K;

  /**
   * Who wins. Must change nothing, and must answer the same for the same arguments.
   *
   * Without it, the higher generation wins, and of two that are equal that of the node whose id is greater, in order of code units: whatever the
   * order in which announcements come, the same ones give the same entry. A `leave` ends the entry of its own node only, so where several nodes
   * have a key, it matters when it comes.
   *
   * @param existing The entry with that key, if there is one that has not expired.
   * @param incoming The announcement.
   * @param context What else there is to go by.
   */
  merge?(
    existing: FoldEntry<K, P> | undefined,
    incoming: FoldAnnouncement<P>,
    context: FoldMergeContext,
  ): FoldMergeAction;

  /** What entries can be asked for by, beside their key and their node. */
  readonly indexes?: Readonly<Record<I, FoldIndex<P>>>;

  /** Checks a payload that came from outside, and answers it. What it throws makes the announcement refused, or the snapshot. */
  parse?(payload: unknown): P;

  /** How payloads are written as bytes. Without it, as JSON whose names are in order. */
  readonly codec?: FoldCodec<P>;

  /** What an audit sink is told of a transition; undefined for nothing. Without it, everything is told. */
  audit?(transition: FoldTransition<K, P>): FoldAuditEvent | undefined;
}

/**
 * Makes one key of several parts, such that different parts make different keys.
 *
 * @param parts The parts.
 * @returns The key.
 * @throws {TypeError} If a part is no text and no finite number: JSON would make them all one.
 *
 * @example Two parts
 * ```ts
 * import { foldKey } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(foldKey("room 7", "ada"), '["room 7","ada"]');
 * ```
 */
export function foldKey(...parts: readonly (string | number)[]): string {
  for (const part of parts) {
    if (typeof part === "string" || Number.isFinite(part)) continue;
    throw new TypeError(refusal("make a key", "parts must be texts or finite numbers", part));
  }
  return JSON.stringify(parts);
}
