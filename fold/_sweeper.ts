import { later } from "../internal/mod.ts";

/** For how long entries are removed without a pause, in milliseconds. */
const SLICE_MS = 0.5;
/** How many steps are done between two looks at the clock. */
const STEPS = 16;

/** What a sweeper removes expired entries from. */
export interface Sweepable {
  /** How many entries there are. */
  readonly size: number;
  /** Nothing expires before. */
  readonly earliest: number;
  /** The time. */
  now(): number;
  /** Does one thing of what there is to do by a time; false if there is nothing. */
  sweepOne(now: number): boolean;
}

/**
 * Removes what has expired, by one timer that does not keep the process alive: the first on time, those that follow within an interval together,
 * and many in slices, between which everything else has its turn. There is no timer if nothing expires.
 */
export class Sweeper {
  readonly #entries: Sweepable;
  readonly #intervalMs: number;
  #stopTimer: (() => void) | undefined;
  // When the timer ends; -Infinity if there must be none, so that nothing expires before.
  #at: number;
  #sweptAt = -Infinity;
  #isStopped = false;

  /** @param intervalMs How often to sweep at most; with 0, never. */
  constructor(entries: Sweepable, intervalMs: number) {
    this.#entries = entries;
    this.#intervalMs = intervalMs;
    this.#at = intervalMs === 0 ? -Infinity : Infinity;
  }

  /** Told when an entry expires that was added, or has another deadline. */
  expect(expiresAt: number): void {
    if (expiresAt < this.#at) this.#arm();
  }

  /** Told when entries were removed or restored. A timer that is too early does no harm. */
  settle(): void {
    if ((this.#entries.size === 0) === (this.#stopTimer !== undefined)) this.#arm();
  }

  /** Ends it for good. */
  stop(): void {
    this.#isStopped = true;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#at = -Infinity;
  }

  #arm(): void {
    if (this.#at === -Infinity) return;
    const { earliest } = this.#entries;
    const at = Math.max(earliest, this.#sweptAt + this.#intervalMs);
    if (at === this.#at) return;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#at = Infinity;
    if (earliest === Infinity) return;
    this.#start(at, Math.max(1, Math.ceil(at - this.#entries.now())));
  }

  #start(at: number, ms: number): void {
    this.#at = at;
    this.#stopTimer = later(ms, () => this.#sweep());
  }

  #sweep(): void {
    this.#stopTimer = undefined;
    this.#at = Infinity;
    const now = this.#entries.now();
    const before = this.#entries.size;
    const end = performance.now() + SLICE_MS;
    let isMore = this.#entries.sweepOne(now);
    // Whoever is told of it may end it.
    for (let step = 1; isMore && !this.#isStopped; step++) {
      if (step % STEPS === 0 && performance.now() >= end) break;
      isMore = this.#entries.sweepOne(now);
    }
    if (this.#isStopped) return;
    if (this.#entries.size < before) this.#sweptAt = now;
    if (isMore) this.#start(now, 0);
    else this.#arm();
  }
}
