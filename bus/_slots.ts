/**
 * Values of owners in the order of the owners' ids, which is the order in which they are added. They may be added and deleted while somebody
 * goes through them: a place whose owner was deleted is undefined, and what is added stands behind the end.
 */
export class Slots<V> {
  /** What is here; undefined where something was. */
  values: (V | undefined)[] = NONE;
  // Who owns, or owned, what is in the same place: found by their ids in O(log n).
  #owners: Owner[] = NONE;
  #live = 0;

  /** How many there are. */
  get live(): number {
    return this.#live;
  }

  /** Adds the value of an owner whose id is larger than those of the owners before. O(1). */
  add(owner: Owner, value: V): void {
    if (this.values.length === 0) {
      // Most are alone, and an array that something is pushed to makes room for many.
      this.values = [value];
      this.#owners = [owner];
    } else {
      this.values.push(value);
      this.#owners.push(owner);
    }
    this.#live++;
  }

  /** Takes out the value of an owner, and leaves its place empty. O(log n). */
  delete(owner: Owner): void {
    const owners = this.#owners;
    let low = 0;
    for (let high = owners.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (owners[middle]!.id < owner.id) low = middle + 1;
      else high = middle;
    }
    if (owners[low] !== owner || this.values[low] === undefined) return;
    this.values[low] = undefined;
    this.#live--;
  }

  /** The owner of what is, or was, in a place. */
  ownerOf(place: number): Owner {
    return this.#owners[place]!;
  }

  /** Closes up places that are empty, if they are more than half. Nobody must be going through them. Amortised O(1) a deletion. */
  tidy(): void {
    const { values } = this;
    if (2 * this.#live >= values.length) return;
    if (this.#live === 0) {
      this.values = this.#owners = NONE;
      return;
    }
    const owners = this.#owners;
    let to = 0;
    for (let from = 0; from < values.length; from++) {
      if (values[from] === undefined) continue;
      values[to] = values[from];
      owners[to++] = owners[from]!;
    }
    values.length = owners.length = to;
  }
}

/** Shared by all that are empty; nothing is ever added to it. */
const NONE: never[] = [];

/** Whose a value is. */
export interface Owner {
  readonly id: number;
  readonly name: string;
}
