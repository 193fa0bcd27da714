/** What may be spent of something that comes in steadily, up to a bound. */
export class Allowance {
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #at: number;

  /** `left` is there at the beginning. */
  constructor(perMs: number, most: number, nowMs: number, left: number = most) {
    this.#perMs = perMs;
    this.#most = most;
    this.#left = left;
    this.#at = nowMs;
  }

  /** How much there is now; below 0 if more was spent. */
  left(nowMs: number): number {
    const earned = Math.max(0, nowMs - this.#at) * this.#perMs;
    this.#at = nowMs;
    return this.#left = Math.min(this.#most, this.#left + earned);
  }

  /** Spends one, if it is there. */
  takeOne(nowMs: number): boolean {
    if (this.left(nowMs) < 1) return false;
    this.#left--;
    return true;
  }

  /** Spends some, whether it is there or not. */
  spend(amount: number): void {
    this.#left -= amount;
  }

  /** Takes as much as is there, up to an amount. */
  take(amount: number, nowMs: number): number {
    const taken = Math.max(0, Math.min(amount, this.left(nowMs)));
    this.#left -= taken;
    return taken;
  }
}
