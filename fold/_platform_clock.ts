import type { FoldClock } from "./options.ts";

/** The clocks of the platform. */
export class PlatformClock implements FoldClock {
  #now = 0;
  #wallNow = NaN;

  /**
   * A time that does not go backwards, exact to a millisecond.
   *
   * `performance.now()` costs twice of what `Date.now()` does in Deno. So it is asked only if the wall clock shows another millisecond than
   * before, wherever that may have gone.
   */
  now(): number {
    const wallNow = Date.now();
    if (wallNow !== this.#wallNow) {
      this.#wallNow = wallNow;
      this.#now = performance.now();
    }
    return this.#now;
  }

  wallNow(): number {
    return Date.now();
  }
}
