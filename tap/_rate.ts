/** Lets through so many a second, and up to a second's worth at once. */
export class Rate {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = Math.max(1, perSecond);
    this.#tokens = this.#burst;
    this.#at = nowMs;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + Math.max(0, nowMs - this.#at) * this.#perMs,
    );
    this.#at = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
