/**
 * Sees how long the event loop stands still, from inside: whatever else there is to do, such as to answer a request, waits for so long.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** What was seen. */
export interface Gaps {
  /** The longest time between two turns of the loop. */
  readonly longestMs: number;
  /** Of 100 moments, 99 are in gaps that are no longer than this: that much and no more waits whatever comes at such a moment. */
  readonly p99Ms: number;
}

/** Shorter gaps are only counted together. */
const shortMs = 0.02;

/**
 * Turns the loop as fast as it goes.
 *
 * @param isDone Asked in each turn whether that is enough.
 * @returns What was seen meanwhile.
 */
export async function watchLoop(isDone: () => boolean): Promise<Gaps> {
  const gaps: number[] = [];
  const start = performance.now();
  let last = start;
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      const now = performance.now();
      if (now - last > shortMs) gaps.push(now - last);
      last = now;
      if (isDone()) resolve();
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
  const ms = last - start;
  gaps.sort((one, other) => other - one);
  let sum = 0;
  const p99Ms = gaps.find((gap) => (sum += gap) >= ms / 100) ?? shortMs;
  return { longestMs: gaps[0] ?? shortMs, p99Ms };
}
