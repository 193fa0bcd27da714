import {
  type Fold,
  type FoldResult,
  type FoldSnapshot,
  type Presence,
  type PresenceKind,
  presenceKind,
} from "../../fold/mod.ts";
import { foldOf } from "./_hand_clock.ts";

/** The kind of what is kept here. */
export const KIND: PresenceKind = presenceKind();

/** What is kept here. */
export type PresenceFold = Fold<string, Presence, "room" | "user">;

/** Says that a user is in the lobby. */
export function say(
  fold: PresenceFold,
  user: string,
  generation: number,
  ttlMs?: number,
): FoldResult {
  return fold.apply({ node: user, generation, payload: { room: "lobby", user }, ttlMs });
}

/** What a fold holds, as one reads it. */
export function held(fold: PresenceFold): string[] {
  return fold.query().map(({ node, generation }) => `${node} ${generation}`).sort();
}

/** A snapshot of two entries, and of two generations that are remembered. */
export function snapshotOf(): FoldSnapshot<Presence> {
  const fold = foldOf(KIND);
  for (const user of ["ada", "bob", "cleo", "dan"]) say(fold, user, 5);
  fold.leave("cleo");
  fold.evictNode("dan");
  return fold.snapshot();
}
