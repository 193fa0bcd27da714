/** Fields of an item that hold a number. */
type PlaceOf<T> = { [P in keyof T]: T[P] extends number ? P : never }[keyof T];

/** Knows the least of its items. Each item keeps its place in one of its own fields, so that any of them can be taken out. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #place: PlaceOf<T>;
  readonly #isLess: (one: T, other: T) => boolean;

  /** Makes an empty heap; `place` is the field for the places, -1 in an item that is in none. */
  constructor(place: PlaceOf<T>, isLess: (one: T, other: T) => boolean) {
    this.#place = place;
    this.#isLess = isLess;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The least of the items. */
  get least(): T | undefined {
    return this.#items[0];
  }

  /** All items, in no order. */
  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    this.#rise(this.#items.length, item);
  }

  /** Takes an item out, if it is in. */
  delete(item: T): void {
    const at = item[this.#place] as number;
    if (at < 0) return;
    this.#put(-1, item);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#rise(at, last);
    this.#sink(last[this.#place] as number, last);
  }

  #put(at: number, item: T): void {
    (item as Record<PlaceOf<T>, number>)[this.#place] = at;
    if (at >= 0) this.#items[at] = item;
  }

  #rise(at: number, item: T): void {
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#items[above]!;
      if (!this.#isLess(item, parent)) break;
      this.#put(at, parent);
      at = above;
    }
    this.#put(at, item);
  }

  #sink(at: number, item: T): void {
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#items.length) break;
      const right = below + 1;
      if (
        right < this.#items.length && this.#isLess(this.#items[right]!, this.#items[below]!)
      ) below = right;
      if (!this.#isLess(this.#items[below]!, item)) break;
      this.#put(at, this.#items[below]!);
      at = below;
    }
    this.#put(at, item);
  }
}
