import { refusal } from "../internal/mod.ts";
import { checkKey } from "./_hash.ts";
import { FoldSnapshotError } from "./errors.ts";
import type { FoldKey, FoldKind } from "./kind.ts";
import type { FoldSnapshot, FoldSnapshotEntry, FoldSnapshotGeneration } from "./snapshot.ts";

const ACTION = "restore Fold";

/** An entry that is to be restored. */
export interface RestoredRow<P> {
  readonly key: FoldKey;
  readonly entry: FoldSnapshotEntry<P>;
  /** How long ago it came, and how long it has yet to live. */
  readonly ageMs: number;
  readonly leftMs: number;
}

/** A generation that is to be remembered. */
export interface RestoredGeneration extends FoldSnapshotGeneration {
  readonly leftMs: number;
}

/** What of a snapshot is to be restored. */
export interface RestoredRows<P> {
  readonly entries: readonly RestoredRow<P>[];
  readonly remembered: readonly RestoredGeneration[];
}

/** The bounds that a snapshot must keep, and the time. */
export interface RestoreBounds<P> {
  /** How many values the indexes have for a payload. Throws for one that they cannot take. */
  read(payload: P): number;
  readonly maxIndexValues: number;
  readonly nowMs: number;
  readonly maxEntries: number;
  readonly maxEntriesPerNode: number;
}

/** Checks all of a snapshot, and answers what of it has not expired. Throws a {@linkcode FoldSnapshotError}. */
export function checkRows<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  snapshot: FoldSnapshot<P>,
  { read, maxIndexValues, nowMs, maxEntries, maxEntriesPerNode }: RestoreBounds<P>,
): RestoredRows<P> {
  if (typeof snapshot !== "object" || snapshot === null) {
    throw new FoldSnapshotError(refusal(ACTION, "snapshot must be an object", snapshot));
  }
  const { kind: id, takenAtMs, entries, remembered } = snapshot;
  if (id !== kind.id) {
    const requirement = `snapshot must be of kind ${kind.id} (${kind.name})`;
    throw new FoldSnapshotError(refusal(ACTION, requirement, id));
  }
  check("takenAtMs", Number.isFinite(takenAtMs), "a number", takenAtMs);
  check("entries", Array.isArray(entries), "a list", entries);
  check("remembered", Array.isArray(remembered), "a list", remembered);
  // A clock that has gone backwards has let no time pass.
  const downMs = Math.max(0, nowMs - takenAtMs);
  const keys = new Set<FoldKey>();
  const counts = new Map<string, number>();
  const rows: RestoredRow<P>[] = [];
  for (const [i, entry] of entries.entries()) {
    const where = `entries[${i}]`;
    checkGeneration(where, entry);
    const isAge = Number.isFinite(entry.ageMs) && entry.ageMs >= 0;
    check(`${where}.ageMs`, isAge, "a number from 0", entry.ageMs);
    let key: FoldKey;
    let values: number;
    try {
      key = kind.key(entry.node, entry.payload);
      checkKey(ACTION, key);
      values = read(entry.payload);
    } catch (cause) {
      const message = `payload of ${where} is none of kind ${kind.id} (${kind.name})`;
      throw new FoldSnapshotError(`Cannot ${ACTION}: ${message}`, { cause });
    }
    const most = `an entry with at most ${maxIndexValues} values in the indexes`;
    check(where, values <= maxIndexValues, most, values);
    check(where, !keys.has(key), "an entry with a key of its own", key);
    keys.add(key);
    const leftMs = entry.remainingMs - downMs;
    if (leftMs <= 0) continue;
    rows.push({ key, entry, ageMs: entry.ageMs + downMs, leftMs });
    const count = (counts.get(entry.node) ?? 0) + 1;
    counts.set(entry.node, count);
    if (count > maxEntriesPerNode) {
      const most = `at most ${maxEntriesPerNode} entries of one node`;
      throw new FoldSnapshotError(refusal(ACTION, `snapshot must have ${most}`, entry.node));
    }
  }
  if (rows.length > maxEntries) {
    const requirement = `snapshot must have at most ${maxEntries} entries`;
    throw new FoldSnapshotError(refusal(ACTION, requirement, rows.length));
  }
  const generations: RestoredGeneration[] = [];
  for (const [i, generation] of remembered.entries()) {
    const where = `remembered[${i}]`;
    checkGeneration(where, generation);
    try {
      checkKey(ACTION, generation.key);
    } catch (cause) {
      throw new FoldSnapshotError(`Cannot ${ACTION}: ${where} has no key`, { cause });
    }
    const leftMs = generation.remainingMs - downMs;
    if (leftMs > 0) generations.push({ ...generation, leftMs });
  }
  return { entries: rows, remembered: generations };
}

function checkGeneration(
  where: string,
  row: { readonly node: string; readonly generation: number; readonly remainingMs: number },
): void {
  check(where, typeof row === "object" && row !== null, "an object", row);
  const { node, generation, remainingMs } = row;
  check(`${where}.node`, typeof node === "string" && node !== "", "a text", node);
  const isGeneration = Number.isSafeInteger(generation) && generation > 0;
  check(`${where}.generation`, isGeneration, "a positive integer", generation);
  const isLife = Number.isFinite(remainingMs) && remainingMs > 0;
  check(`${where}.remainingMs`, isLife, "a number above 0", remainingMs);
}

function check(name: string, isRight: boolean, requirement: string, received: unknown): void {
  if (isRight) return;
  throw new FoldSnapshotError(refusal(ACTION, `${name} must be ${requirement}`, received));
}
