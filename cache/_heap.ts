/** A heap: what is before all else comes out first. Putting in and taking out cost O(log n). */
export class Heap<T> {
  readonly #items: T[];
  readonly #isBefore: (one: T, other: T) => boolean;

  /**
   * @param isBefore Whether one comes out before another one.
   * @param items What is in it, which becomes the heap's own. This costs O(n).
   */
  constructor(isBefore: (one: T, other: T) => boolean, items: T[] = []) {
    this.#isBefore = isBefore;
    this.#items = items;
    for (let at = (items.length >>> 1) - 1; at >= 0; at--) this.#sink(at, items[at]!);
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
