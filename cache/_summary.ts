import { Sketch } from "./_sketch.ts";
import { NS_PER_MS } from "./_time.ts";
import type { SpanAggregate } from "./aggregate.ts";

/** What there is to say of all spans of one name that are held, kept up to date as they come and go. */
export class Summary {
  /** How many run. */
  open = 0;
  /** How many there have been, and how many of them failed. */
  seen = 0;
  seenFailed = 0;
  #count = 0;
  #failed = 0;
  #totalNs = 0;
  #selfNs = 0;
  #minNs: number = Infinity;
  #maxNs: number = -Infinity;
  #isExact = true;
  readonly #sketch: Sketch = new Sketch();

  /** Whether the shortest and the longest are known. Otherwise all spans must be looked through, beginning with {@linkcode restart}. */
  get isExact(): boolean {
    return this.#isExact;
  }

  get count(): number {
    return this.#count;
  }

  add(ns: number, selfNs: number, hasFailed: boolean): void {
    this.#count++;
    if (hasFailed) this.#failed++;
    this.#totalNs += ns;
    this.#selfNs += selfNs;
    this.include(ns);
    this.#sketch.add(ns);
  }

  remove(ns: number, selfNs: number, hasFailed: boolean): void {
    this.#sketch.remove(ns);
    this.#count--;
    if (hasFailed) this.#failed--;
    if (this.#count === 0) {
      // Sums of many numbers that come and go do not end where they began.
      this.#totalNs = 0;
      this.#selfNs = 0;
      this.restart();
      return;
    }
    this.#totalNs -= ns;
    this.#selfNs -= selfNs;
    if (ns <= this.#minNs || ns >= this.#maxNs) this.#isExact = false;
  }

  /** Takes so much more from the self time. */
  cover(ns: number): void {
    this.#selfNs -= ns;
  }

  /** Forgets the shortest and the longest, which `include` finds again. */
  restart(): void {
    this.#minNs = Infinity;
    this.#maxNs = -Infinity;
    this.#isExact = true;
  }

  /** Looks at a duration for the shortest and the longest. */
  include(ns: number): void {
    if (ns < this.#minNs) this.#minNs = ns;
    if (ns > this.#maxNs) this.#maxNs = ns;
  }

  /** All of it, in milliseconds. */
  read(name: string, group?: string): SpanAggregate {
    const count = this.#count;
    const ms = (ns: number): number => count === 0 ? 0 : ns / NS_PER_MS;
    // Of about so many, the sketch says about how long; the shortest and the longest are known.
    const quantile = (q: number): number => {
      const ns = this.#sketch.at(Math.max(1, Math.ceil(q * count)));
      return ms(Math.min(Math.max(ns, this.#minNs), this.#maxNs));
    };
    return {
      name,
      ...(group === undefined ? {} : { group }),
      count,
      failed: this.#failed,
      errorRate: count === 0 ? 0 : this.#failed / count,
      open: this.open,
      minMs: ms(this.#minNs),
      meanMs: ms(this.#totalNs / count),
      p50Ms: quantile(0.5),
      p95Ms: quantile(0.95),
      p99Ms: quantile(0.99),
      maxMs: ms(this.#maxNs),
      totalMs: ms(this.#totalNs),
      selfMs: ms(this.#selfNs),
      seen: this.seen,
      seenFailed: this.seenFailed,
    };
  }
}
