import { refusal } from "../internal/mod.ts";
import { BELL, BELL_WANTED } from "./layout.ts";
import type { RingStorage } from "./storage.ts";

/** How often to look again at once where it paid the last time: what is nearly there is not worth a turn of the event loop. */
const SPINS = 64;
/** How long, in milliseconds, to look in every turn of the event loop: at most, and at least. */
const MAX_BUSY_MS = 2;
const MIN_BUSY_MS = 0.05;
/** In how many milliseconds something comes soon: a little more than the shortest sleep. */
const SOON_MS = 1.3;
/** How long a wait for the bell lasts at most, should a writer have died before it could ring. */
const BELL_MS = 1_000;
const DEFAULT_MAX_SLEEP_MS = 20;
/** The longest a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/** What runtimes for servers have for the next turn of the event loop. */
type Immediate = {
  setImmediate?(callback: () => void): unknown;
  clearImmediate?(handle: unknown): void;
};

/**
 * Looks until there is something: at once, then in every turn of the event loop, then at the bell, or less and less often where there is
 * none. The middle part is longer the more often it paid: a reader of a busy ring hardly ever sleeps, one of a quiet ring nearly always.
 */
export class Watch {
  readonly #bell: RingStorage["bell"];
  readonly #words: Int32Array;
  readonly #maxSleepMs: number;
  readonly #stallMs: () => number | undefined;
  #busyMs = MIN_BUSY_MS;
  /** Tells a look from those of an earlier watch that were not taken back. */
  #round = 0;
  #cancel: (() => void | Promise<void>) | undefined;

  /** Watches a ring; `stallMs` says when a look may find something though nobody writes. */
  constructor(
    storage: RingStorage,
    maxSleepMs: number = DEFAULT_MAX_SLEEP_MS,
    stallMs: () => number | undefined,
  ) {
    if (!(maxSleepMs >= 1 && maxSleepMs <= LONGEST_MS)) {
      const requirement = `maxSleepMs must be a number from 1 to ${LONGEST_MS}`;
      throw new RangeError(refusal("follow Ring", requirement, maxSleepMs));
    }
    this.#bell = storage.bell?.wait === undefined ? undefined : storage.bell;
    this.#words = new Int32Array(storage.buffer, 0, BELL_WANTED + 1);
    this.#maxSleepMs = maxSleepMs;
    this.#stallMs = stallMs;
  }

  /** Calls `look` until it answers true; if `isLater`, not before the rest of the program has had its turn. */
  start(look: () => boolean, isLater: boolean): void {
    if (this.#busyMs > MIN_BUSY_MS && !isLater) {
      for (let spins = 0; spins < SPINS; spins++) {
        if (look()) return;
      }
    }
    const round = ++this.#round;
    const bell = this.#bell;
    if (bell !== undefined && bell.isSlow !== true) {
      if (isLater) {
        this.#nextTurn(() => round === this.#round && this.#lookAtBell(round, look, bell));
      } else this.#lookAtBell(round, look, bell);
      return;
    }
    const since = performance.now();
    const lookAndLearn = (): boolean => {
      if (!look()) return false;
      // What came soon would have been found without a sleep, had it been looked for a little longer. The other side may do the same, so
      // that neither would ever find the other awake if only what was found awake counted.
      const wasSoon = performance.now() - since < SOON_MS;
      this.#busyMs = wasSoon
        ? Math.min(MAX_BUSY_MS, 2 * this.#busyMs)
        : Math.max(MIN_BUSY_MS, this.#busyMs / 2);
      return true;
    };
    const lookBusily = (): void => {
      if (round !== this.#round) return;
      if (lookAndLearn()) return;
      if (performance.now() - since < this.#busyMs) this.#nextTurn(lookBusily);
      else if (bell === undefined) this.#lookSeldom(round, lookAndLearn, 1);
      else this.#lookAtBell(round, lookAndLearn, bell);
    };
    this.#nextTurn(lookBusily);
  }

  /** Stops; once what it answers is fulfilled, or else at once, there is nothing left of it. */
  stop(): void | Promise<void> {
    this.#round++;
    const cancel = this.#cancel;
    this.#cancel = undefined;
    return cancel?.();
  }

  #nextTurn(callback: () => void): void {
    const { setImmediate, clearImmediate } = globalThis as Immediate;
    if (setImmediate === undefined || clearImmediate === undefined) {
      const timer = setTimeout(callback, 0);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const handle = setImmediate(callback);
      this.#cancel = () => clearImmediate(handle);
    }
  }

  #lookSeldom(round: number, look: () => boolean, sleepMs: number): void {
    const timer = setTimeout(() => {
      if (round !== this.#round || look()) return;
      this.#lookSeldom(round, look, Math.min(2 * sleepMs, this.#maxSleepMs));
    }, sleepMs);
    this.#cancel = () => clearTimeout(timer);
  }

  #lookAtBell(round: number, look: () => boolean, bell: NonNullable<RingStorage["bell"]>): void {
    // In this order: whoever takes the wish away changes the word after, and the wait is none.
    const word = Atomics.load(this.#words, BELL);
    Atomics.store(this.#words, BELL_WANTED, 1);
    if (look()) return;
    this.#cancel = bell.wait!(word, Math.min(this.#stallMs() ?? BELL_MS, BELL_MS), () => {
      if (round !== this.#round) return;
      this.#cancel = undefined;
      // Not at once: where others are woken all the time, the rest of the program would never have its turn.
      if (!look()) {
        this.#nextTurn(() => round === this.#round && this.#lookAtBell(round, look, bell));
      }
    });
  }
}
