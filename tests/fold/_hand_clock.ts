import { Fold, type FoldKey, type FoldKind, type FoldOptions } from "../../fold/mod.ts";
import { HandClock } from "../_hand_clock.ts";

export { HandClock, START_MS } from "../_hand_clock.ts";

/** A fold that has no timer, on a clock that stands still. */
export function foldOf<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  options: FoldOptions = {},
): Fold<K, P, I> {
  return new Fold(kind, { sweepIntervalMs: 0, clock: new HandClock(), ...options });
}
