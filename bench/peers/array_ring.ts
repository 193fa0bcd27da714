/**
 * What people write by hand to keep the last or the first values: a power-of-two array and two counters. It does nothing else, so it
 * is the floor for an overflow policy.
 *
 * @typeParam T The type of the values.
 */
export class ArrayRing<T> {
  readonly #slots: (T | undefined)[];
  #head = 0;
  #tail = 0;
  /** Values that were discarded. */
  dropped = 0;

  /** Creates a ring of `capacity` values, a power of two. */
  constructor(capacity: number) {
    this.#slots = new Array(capacity).fill(undefined);
  }

  /** Adds a value in place of the oldest. */
  pushNewest(value: T): void {
    const slots = this.#slots;
    if (this.#tail - this.#head === slots.length) {
      this.#head++;
      this.dropped++;
    }
    slots[this.#tail++ & (slots.length - 1)] = value;
  }

  /** Adds a value if there is room. */
  pushIfRoom(value: T): boolean {
    const slots = this.#slots;
    if (this.#tail - this.#head === slots.length) {
      this.dropped++;
      return false;
    }
    slots[this.#tail++ & (slots.length - 1)] = value;
    return true;
  }

  /** Removes the oldest value; undefined when there is none. */
  shift(): T | undefined {
    if (this.#head === this.#tail) return undefined;
    const index = this.#head++ & (this.#slots.length - 1);
    const value = this.#slots[index];
    this.#slots[index] = undefined;
    return value;
  }
}
