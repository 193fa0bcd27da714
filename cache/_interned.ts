import { copyText } from "./_cells.ts";

/** What is no index. */
export const UNKNOWN = -1;
/** The longest name or key, in UTF-16 units. */
export const MAX_LENGTH = 256;

/**
 * Texts that come again and again, each held once, by a number: names of spans, and keys of fields. There is a bound; the place of one that
 * nothing refers to any more is given to the next.
 */
export class Interned {
  readonly #indexes: Map<string, number> = new Map();
  readonly #texts: string[];
  /** How much refers to each. */
  readonly #references: number[];
  readonly #first: number;
  readonly #max: number;
  readonly #onReuse: (index: number) => void;
  #hand = 0;
  // How many there are that nothing refers to, those that stay aside.
  #unused = 0;
  #overflowed = 0;

  /**
   * @param reserved Texts with the numbers from 0, which stay.
   * @param max How many others there may be.
   * @param onReuse Called with a number that will mean another text.
   */
  constructor(reserved: readonly string[], max: number, onReuse: (index: number) => void) {
    this.#texts = [...reserved];
    this.#references = reserved.map(() => 0);
    this.#first = reserved.length;
    this.#max = max;
    this.#onReuse = onReuse;
  }

  /** How many there are, beside those that stay. */
  get size(): number {
    return this.#indexes.size;
  }

  /** How often there was no room for one. */
  get overflowed(): number {
    return this.#overflowed;
  }

  textOf(index: number): string {
    return this.#texts[index]!;
  }

  /** The number of a text that is not too long, if it has one. */
  find(text: string): number {
    return text.length > MAX_LENGTH ? UNKNOWN : this.#indexes.get(text) ?? UNKNOWN;
  }

  /** The number of a text that is going to be referred to, which this counts; unknown if there is no room for it. */
  refer(text: string): number {
    const index = this.#indexes.get(text) ?? this.#add(within(text));
    if (index !== UNKNOWN && this.#references[index]!++ === 0) this.#unused--;
    return index;
  }

  /** Says that something more refers to one of those that stay. */
  referTo(index: number): void {
    this.#references[index]!++;
  }

  /** Says that something less refers to one. */
  release(index: number): void {
    if (--this.#references[index]! === 0 && index >= this.#first) this.#unused++;
  }

  #add(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    let index = this.#texts.length;
    if (index - this.#first >= this.#max) {
      if (this.#unused === 0) {
        this.#overflowed++;
        return UNKNOWN;
      }
      index = this.#takeUnused();
      this.#indexes.delete(this.#texts[index]!);
      this.#onReuse(index);
    }
    const copy = atomOf(copyText(text, MAX_LENGTH));
    this.#texts[index] = copy;
    this.#references[index] = 0;
    this.#unused++;
    this.#indexes.set(copy, index);
    return index;
  }

  /** Takes the place of one that nothing refers to, of which there is one. */
  #takeUnused(): number {
    for (;;) {
      const index = this.#first + this.#hand;
      this.#hand = (this.#hand + 1) % this.#max;
      if (this.#references[index]! > 0) continue;
      this.#unused--;
      return index;
    }
  }
}

function within(text: string): string {
  return text.length <= MAX_LENGTH ? text : copyText(text, MAX_LENGTH);
}

/** The same text as engines hold names in programs: those are compared with it by where they stand. */
function atomOf(text: string): string {
  return Object.keys({ [text]: 0 })[0]!;
}
