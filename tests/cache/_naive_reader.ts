import type { SpanCache, SpanRecord } from "../../cache/mod.ts";

/** What a reader of a cache is told, in the words of its contract: a place among the commits. */
export class NaiveReader {
  cursor: number;
  delivered = 0;
  filtered = 0;
  lagged = 0;
  /** The last commit for it, if it has been closed. */
  last: number | undefined;
  readonly #cache: SpanCache;
  readonly #first: number;
  readonly #fits: (span: SpanRecord) => boolean;
  /** What was thrown behind spans that were taken in a batch. */
  #fault: unknown;

  constructor(cache: SpanCache, after: number, fits: (span: SpanRecord) => boolean) {
    this.#cache = cache;
    this.#first = after;
    this.cursor = after;
    this.#fits = fits;
  }

  get offered(): number {
    return (this.last ?? this.#cache.lastSeq) - this.#first;
  }

  get size(): number {
    return (this.last ?? this.#cache.lastSeq) - this.cursor;
  }

  /** The `seq` of the next span for it, if there is one. Throws what its predicate throws. */
  next(): number | undefined {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) throw fault;
    for (const span of this.#cache.page({ limit: Infinity })) {
      if (span.seq <= this.cursor || span.seq > this.cursor + this.size) continue;
      this.lagged += span.seq - 1 - this.cursor;
      this.cursor = span.seq;
      this.filtered++;
      if (!this.#fits(span)) continue;
      this.filtered--;
      this.delivered++;
      return span.seq;
    }
    this.lagged += this.size;
    this.cursor += this.size;
    return undefined;
  }

  /** The next spans for it, up to so many. */
  batch(max: number): number[] {
    const seqs: number[] = [];
    try {
      for (let seq; seqs.length < max && (seq = this.next()) !== undefined;) seqs.push(seq);
    } catch (error) {
      if (seqs.length === 0) throw error;
      this.#fault = error;
    }
    return seqs;
  }

  /** Gets nothing more; what was committed before is still to be read. */
  close(): void {
    this.last ??= this.#cache.lastSeq;
  }
}
