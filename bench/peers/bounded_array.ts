/**
 * What people write without a ring: an array that forgets its oldest value when it is full.
 *
 * @typeParam T The type of the values.
 */
export class BoundedArray<T> {
  readonly #capacity: number;
  readonly #values: T[] = [];
  /** Values that were forgotten. */
  lost = 0;

  /** Creates an array of at most `capacity` values. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds a value. */
  push(value: T): void {
    if (this.#values.length === this.#capacity) {
      this.#values.shift();
      this.lost++;
    }
    this.#values.push(value);
  }

  /** Removes the oldest value; undefined when there is none. */
  shift(): T | undefined {
    return this.#values.shift();
  }
}
