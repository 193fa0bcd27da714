import { scalarsAt } from "./_path.ts";

/** Decides of each event whether it is taken. It is made only if somebody asks for what a path begins at. */
export type Sampler = (event: { readonly root: unknown }) => boolean;

/** Takes each with a chance. */
export function byChance(chance: number, random: () => number): Sampler {
  return () => random() < chance;
}

/** Takes the first, and then each `count`th. */
export function byCount(count: number): Sampler {
  let left = 1;
  return () => {
    if (--left > 0) return false;
    left = count;
    return true;
  };
}

/** Takes all events whose values at a path are equal, or none of them; by chance where there is no value. */
export function byKey(keys: readonly string[], chance: number, random: () => number): Sampler {
  return (event) => {
    let share: number | undefined;
    try {
      scalarsAt(event.root, keys, (found) => {
        share = shareOf(found);
        return true;
      });
    } catch {
      // A value that cannot be read is none.
    }
    return (share ?? random()) < chance;
  };
}

/** A number from 0 up to 1 that is the same for equal values everywhere: FNV-1a, its bits mixed once more. */
function shareOf(value: string | number | boolean | null): number {
  const text = `${value}`;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** A few of many, each as likely as any other, without knowing how many there will be (Vitter's algorithm R). */
export class Reservoir<T> {
  readonly #size: number;
  readonly #random: () => number;
  #items: { readonly order: number; readonly item: T }[] = [];
  #seen = 0;

  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  /** How many it holds. */
  get size(): number {
    return this.#items.length;
  }

  /** Whether the next one is taken; if so, it is to be put in. */
  choose(): boolean {
    this.#seen++;
    return this.#items.length < this.#size || this.#random() * this.#seen < this.#size;
  }

  /** Puts in what was chosen, in place of any one if there is no room; answers that one. */
  put(item: T): T | undefined {
    const entry = { order: this.#seen, item };
    if (this.#items.length < this.#size) {
      this.#items.push(entry);
      return undefined;
    }
    const place = Math.min(this.#size - 1, Math.floor(this.#random() * this.#size));
    const before = this.#items[place]!;
    this.#items[place] = entry;
    return before.item;
  }

  /** Takes all of them, in the order in which they came, and begins anew. */
  takeAll(): T[] {
    const items = this.#items.sort((a, b) => a.order - b.order).map(({ item }) => item);
    this.#items = [];
    this.#seen = 0;
    return items;
  }
}
