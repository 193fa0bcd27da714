/** What is no slot. */
export const NONE = 0xffff_ffff;

/**
 * Which slot has the span of which commit. The newest commits stand in a ring; what is held longer than that is moved out of the way of newer
 * ones, to a list in the same order, which is empty unless something is held longer than the rest.
 */
export class CommitLog {
  // One more than the slot; 0 for none, so that memory is not touched before it is used.
  readonly #ring: Uint32Array<ArrayBuffer>;
  readonly #mask: number;
  readonly #elderSeqs: number[] = [];
  readonly #elderSlots: number[] = [];
  #deadElders = 0;
  #last = 0;

  constructor(capacity: number) {
    const size = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.#ring = new Uint32Array(size);
    this.#mask = size - 1;
  }

  /** The number of the newest commit; 0 before the first one. */
  get last(): number {
    return this.#last;
  }

  /** Commits a slot. Answers its number. */
  add(slot: number): number {
    const seq = ++this.#last;
    const at = seq & this.#mask;
    const before = this.#ring[at]!;
    if (before !== 0) {
      this.#elderSeqs.push(seq - this.#ring.length);
      this.#elderSlots.push(before - 1);
    }
    this.#ring[at] = slot + 1;
    return seq;
  }

  /** Takes out what was committed with a number. */
  remove(seq: number): void {
    if (seq >= this.#firstInRing) {
      this.#ring[seq & this.#mask] = 0;
      return;
    }
    this.#elderSlots[this.#elderAt(seq)] = NONE;
    if (++this.#deadElders * 2 <= this.#elderSlots.length) return;
    let kept = 0;
    for (let at = 0; at < this.#elderSlots.length; at++) {
      if (this.#elderSlots[at] === NONE) continue;
      this.#elderSlots[kept] = this.#elderSlots[at]!;
      this.#elderSeqs[kept++] = this.#elderSeqs[at]!;
    }
    this.#elderSlots.length = kept;
    this.#elderSeqs.length = kept;
    this.#deadElders = 0;
  }

  /** The slot of the first commit behind a number that is still there. */
  after(seq: number): number {
    const first = this.#firstInRing;
    if (seq < first - 1) {
      for (let at = this.#elderAt(seq + 1); at < this.#elderSlots.length; at++) {
        if (this.#elderSlots[at] !== NONE) return this.#elderSlots[at]!;
      }
    }
    for (let next = Math.max(seq + 1, first); next <= this.#last; next++) {
      const slot = this.#ring[next & this.#mask]!;
      if (slot !== 0) return slot - 1;
    }
    return NONE;
  }

  /** The slot of the last commit before a number that is still there. */
  before(seq: number): number {
    const first = this.#firstInRing;
    for (let next = Math.min(seq - 1, this.#last); next >= first; next--) {
      const slot = this.#ring[next & this.#mask]!;
      if (slot !== 0) return slot - 1;
    }
    for (let at = this.#elderAt(Math.min(seq, first)) - 1; at >= 0; at--) {
      if (this.#elderSlots[at] !== NONE) return this.#elderSlots[at]!;
    }
    return NONE;
  }

  get #firstInRing(): number {
    return Math.max(1, this.#last - this.#mask);
  }

  /** Where the first elder stands whose number is not below one. */
  #elderAt(seq: number): number {
    let low = 0;
    let high = this.#elderSeqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#elderSeqs[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
