/** A heap: what is before all else comes out first. Putting in and taking out cost O(log n). */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #isBefore: (one: T, other: T) => boolean;

  constructor(isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore;
  }

  /** How much is in it. */
  get size(): number {
    return this.#items.length;
  }

  /** All that is in it, in no order. */
  get items(): T[] {
    return [...this.#items];
  }

  /** What comes out next. */
  get top(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const item = items.pop();
    if (items.length > 0) this.#sink(0, item!);
    return top;
  }

  /** Puts an item where it belongs, at a place that is free or below it. */
  #sink(at: number, item: T): void {
    const items = this.#items;
    const size = items.length;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#isBefore(items[child + 1]!, items[child]!)) child++;
      if (!this.#isBefore(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  }
}
