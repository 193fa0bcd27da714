import { SpanCache, type SpanCacheOptions } from "../../cache/mod.ts";
import { HandClock } from "../_hand_clock.ts";

/** A cache on a clock that stands still until it is set. */
export interface Clocked {
  readonly cache: SpanCache;
  readonly clock: HandClock;
}

/** Makes a cache, and its clock. */
export function clocked(options: SpanCacheOptions = {}): Clocked {
  const clock = new HandClock();
  return { cache: new SpanCache({ clock, ...options }), clock };
}
