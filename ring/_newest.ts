import { Heap } from "./_heap.ts";

/** Where a change stands among all others: the greater version is the newer one, then the greater node, then the greater counter. */
export interface Order {
  readonly version: number;
  readonly node: number;
  readonly counter: number;
}

/** What is known of a key: its newest value, or that it has none. */
export interface Entry<V> extends Order {
  readonly key: string;
  readonly value: V;
  /** When it expires, in milliseconds; `Infinity` if never. */
  readonly expiresAt: number;
  /** Its place among those that have a value, or among those that have none, by age. */
  place: number;
  /** Its place among those that expire, by when they do. */
  deadline: number;
}

/** A key without a value. */
type Gone = Entry<undefined>;

/**
 * The newest change of each key, whatever the order they come in. What is held is bounded, and so a *floor* stands for what is held no more:
 * of a key that is not there, changes up to that version are older than one that was.
 */
export class Newest<V> {
  readonly #maxKeys: number;
  readonly #entries: Map<string, Entry<V> | Gone> = new Map();
  readonly #live = new Heap<Entry<V>>("place", isOlder);
  /** Keys that were deleted or have expired: a change that is older may still come. */
  readonly #gone = new Heap<Gone>("place", isOlder);
  readonly #deadlines = new Heap<Entry<V>>(
    "deadline",
    (one, other) => one.expiresAt < other.expiresAt,
  );
  #floor = 0;
  evicted = 0;
  expired = 0;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** How many keys have a value. */
  get size(): number {
    return this.#live.size;
  }

  /** The keys that have a value, in no order. */
  get entries(): readonly Entry<V>[] {
    return this.#live.items;
  }

  /** What a key has, if it has a value. */
  get(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#isLive(entry) ? entry : undefined;
  }

  /** Whether a change of a key is newer than all that is known of it. */
  isNews(key: string, change: Order): boolean {
    const entry = this.#entries.get(key);
    return entry === undefined ? change.version > this.#floor : isOlder(entry, change);
  }

  /** Gives a key a value, by a change that is news. */
  put(key: string, { version, node, counter }: Order, value: V, expiresAt: number): void {
    this.#forget(key);
    const entry: Entry<V> = {
      key,
      value,
      expiresAt,
      version,
      node,
      counter,
      place: -1,
      deadline: -1,
    };
    this.#entries.set(key, entry);
    this.#live.add(entry);
    if (expiresAt < Infinity) this.#deadlines.add(entry);
    if (this.#live.size > this.#maxKeys) {
      this.evicted++;
      this.#evict(this.#live.least!);
    }
  }

  /** Takes the value of a key, by a change that is news. */
  remove(key: string, { version, node, counter }: Order): void {
    this.#forget(key);
    const gone: Gone = {
      key,
      value: undefined,
      expiresAt: Infinity,
      version,
      node,
      counter,
      place: -1,
      deadline: -1,
    };
    this.#entries.set(key, gone);
    this.#gone.add(gone);
    if (this.#gone.size > this.#maxKeys) this.#evict(this.#gone.least!);
  }

  /** Forgets every change up to a version, come or still to come. */
  dropTo(version: number): void {
    for (const heap of [this.#live, this.#gone]) {
      for (;;) {
        const entry = heap.least;
        if (entry === undefined || entry.version > version) break;
        this.#forget(entry.key);
      }
    }
    this.#floor = Math.max(this.#floor, version);
  }

  /** Takes the values that have expired. */
  expire(now: number): void {
    for (;;) {
      const entry = this.#deadlines.least;
      if (entry === undefined || entry.expiresAt > now) return;
      this.expired++;
      this.remove(entry.key, entry);
    }
  }

  /** Begins anew. */
  reset(): void {
    this.dropTo(Infinity);
    this.#floor = 0;
  }

  #isLive(entry: Entry<V> | Gone): entry is Entry<V> {
    return this.#live.items[entry.place] === entry;
  }

  #evict(entry: Entry<V> | Gone): void {
    this.#forget(entry.key);
    this.#floor = Math.max(this.#floor, entry.version);
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (this.#isLive(entry)) {
      this.#live.delete(entry);
      this.#deadlines.delete(entry);
    } else {
      this.#gone.delete(entry);
    }
  }
}

function isOlder(one: Order, other: Order): boolean {
  return (one.version - other.version || one.node - other.node || one.counter - other.counter) < 0;
}
