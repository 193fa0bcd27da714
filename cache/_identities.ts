/** The ids of the spans and traces that one cache begins: different from those of all others, and cheap to make. */
export class Identities {
  readonly #slotBits: number;
  readonly #slotMask: number;
  readonly #salt: number;
  readonly #traceFirst: number;
  readonly #traceSecond: number;
  readonly #traceSalt: number;

  /** @param slots How many spans there can be at a time: less than 2^31. */
  constructor(slots: number) {
    this.#slotBits = Math.max(1, 32 - Math.clz32(slots - 1));
    this.#slotMask = 2 ** this.#slotBits - 1;
    const random = crypto.getRandomValues(new Uint32Array(4));
    this.#salt = random[0]!;
    this.#traceFirst = random[1]!;
    this.#traceSecond = random[2]!;
    this.#traceSalt = random[3]!;
  }

  /**
   * The first word of the id of a span: random, so that other processes have others. An id says which slot it is of, and which use of that slot,
   * so it need not be looked up.
   */
  high(_slot: number, generation: number): number {
    return (this.#salt + (generation >>> (32 - this.#slotBits))) >>> 0;
  }

  /** The second word. */
  low(slot: number, generation: number): number {
    return (generation << this.#slotBits | slot) >>> 0;
  }

  /** Which slot the second word of an id names, if it is of this cache. */
  slotOf(low: number): number {
    return low & this.#slotMask;
  }

  /** Writes the id of the trace with a number. */
  writeTrace(number: number, words: Uint32Array, at: number): void {
    words[at] = this.#traceFirst;
    words[at + 1] = this.#traceSecond;
    words[at + 2] = number < 2 ** 32 ? this.#traceSalt : this.#traceSalt ^ number / 2 ** 32;
    words[at + 3] = mix(number ^ this.#traceSalt);
  }
}

/** Spreads a word over all words, each of which comes from one only: services sample by the last digits of a trace. */
function mix(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x85eb_ca6b);
  word = Math.imul(word ^ word >>> 13, 0xc2b2_ae35);
  return word ^ word >>> 16;
}
