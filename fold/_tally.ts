/** How many reasons are counted one by one. A kind should have a few, and not make them up as it goes. */
const MAX_REASONS = 64;
/** What the others are counted as. */
const OTHER = "other";

/** How often something has happened, by reason. */
export class Tally {
  readonly #counts: Map<string, number> = new Map();

  /** How often in all. */
  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  add(reason: string): void {
    const isKnown = this.#counts.has(reason) || this.#counts.size < MAX_REASONS;
    const name = isKnown ? reason : OTHER;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** How often for each reason. */
  byReason(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
