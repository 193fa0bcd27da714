/**
 * A map that knows its oldest key.
 *
 * To look at the first key of a map from which first ones were taken out means to pass over their places, so this goes on from where it was.
 */
export class OldestFirst<V> {
  readonly #values: Map<string, V> = new Map();
  #keys: Iterator<string> = this.#values.keys();

  /** How many there are. */
  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  /** Sets a value. A key that is there keeps its age. */
  set(key: string, value: V): void {
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  /** Takes out the oldest one; undefined if there is none. */
  takeOldest(): V | undefined {
    // Keys that come while it is at the end are not seen by it.
    let next = this.#keys.next();
    if (next.done) next = (this.#keys = this.#values.keys()).next();
    if (next.done) return undefined;
    const value = this.#values.get(next.value);
    this.#values.delete(next.value);
    return value;
  }
}
