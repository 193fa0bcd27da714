import { Deadlines } from "./_deadlines.ts";
import { hashKey } from "./_hash.ts";
import { Indexes, type Places } from "./_indexes.ts";
import { KeyTable, rowOf } from "./_key_table.ts";
import { Owners } from "./_owners.ts";
import {
  ENTRY_INTS,
  ENTRY_NUMS,
  ENTRY_ROW,
  EXPIRES,
  GENERATION,
  INDEXED_ENTRY_ROW,
  OWNER,
  RECEIVED,
} from "./_rows.ts";
import type { FoldEntry } from "./entry.ts";
import type { FoldIndex, FoldKey } from "./kind.ts";

/**
 * The entries of a fold by key, by node, by deadline and by what the indexes say. It decides nothing.
 *
 * An entry is a row of numbers in a page, and no object: a million of them cost a garbage collector next to nothing.
 */
export class Store<K extends FoldKey, P> {
  readonly deadlines: Deadlines;
  readonly owners: Owners;
  /** There if the kind has indexes. */
  readonly indexes: Indexes | undefined;
  /** What nobody outside knows: see {@linkcode hashKey}. */
  readonly seed: number = (Math.random() * 2 ** 32) | 0;
  readonly #rows: KeyTable;

  constructor(indexes: Readonly<Record<string, FoldIndex<P>>>) {
    const isIndexed = Object.keys(indexes).length > 0;
    this.#rows = new KeyTable(isIndexed ? INDEXED_ENTRY_ROW : ENTRY_ROW);
    this.deadlines = new Deadlines(this.#rows);
    this.owners = new Owners(this.#rows, this.seed);
    if (isIndexed) {
      this.indexes = new Indexes(
        this.#rows,
        indexes as Readonly<Record<string, FoldIndex<unknown>>>,
        this.seed,
      );
    }
  }

  /** How many entries there are, expired ones that were not removed among them. */
  get size(): number {
    return this.#rows.size;
  }

  /** The hash of a key. */
  hash(key: K): number {
    return hashKey(key, this.seed);
  }

  /** The slot of the entry with a key, or {@linkcode NONE}. */
  find(key: K, hash: number): number {
    return this.#rows.find(key, hash);
  }

  /** The first slot of an entry from one on, or {@linkcode NONE}. */
  next(from: number): number {
    return this.#rows.next(from);
  }

  generationOf(slot: number): number {
    return this.#rows.page(slot).nums[rowOf(slot) * ENTRY_NUMS + GENERATION]!;
  }

  expiresAt(slot: number): number {
    return this.#rows.page(slot).nums[rowOf(slot) * ENTRY_NUMS + EXPIRES]!;
  }

  keyOf(slot: number): K {
    return this.#rows.page(slot).keys[rowOf(slot)] as K;
  }

  /** The hash of the key of an entry. */
  hashOf(slot: number): number {
    return this.#rows.hashOf(slot);
  }

  /** The slot of the node that has an entry. */
  ownerOf(slot: number): number {
    return this.#rows.page(slot).ints[rowOf(slot) * ENTRY_INTS + OWNER]!;
  }

  /** Whether an entry is a node's. */
  isOf(slot: number, node: string): boolean {
    const page = this.#rows.page(slot);
    const row = rowOf(slot);
    const owner = this.owners.nodeAt(page.ints[row * ENTRY_INTS + OWNER]!);
    // Texts that are one object are compared for nothing: where the key is the node, it was found by it.
    if (owner === page.keys[row] && node === (page.keys[row] as unknown)) return true;
    return owner === node;
  }

  /** An entry as an object. */
  entry(slot: number): FoldEntry<K, P> {
    const page = this.#rows.page(slot);
    const row = rowOf(slot);
    const at = row * ENTRY_NUMS;
    return {
      key: page.keys[row] as K,
      payload: page.values[row] as P,
      node: this.owners.nodeAt(page.ints[row * ENTRY_INTS + OWNER]!),
      generation: page.nums[at + GENERATION]!,
      receivedAt: page.nums[at + RECEIVED]!,
      expiresAt: page.nums[at + EXPIRES]!,
    };
  }

  /** Adds an entry. The indexes have read its payload before. */
  insert(
    key: K,
    hash: number,
    node: string,
    generation: number,
    payload: P,
    receivedAt: number,
    expiresAt: number,
    now: number,
  ): number {
    const slot = this.#rows.add(key, hash);
    this.owners.add(slot, node);
    if (this.indexes) this.#rows.page(slot).extras[rowOf(slot)] = this.indexes.add(slot);
    this.#write(slot, generation, payload, receivedAt);
    this.deadlines.add(slot, expiresAt, now);
    return slot;
  }

  /** Writes an entry of the same node anew. The indexes have read its payload before. */
  refresh(
    slot: number,
    generation: number,
    payload: P,
    receivedAt: number,
    expiresAt: number,
    now: number,
  ): void {
    this.deadlines.move(slot, expiresAt, now);
    if (this.indexes) this.#reindex(slot, this.indexes);
    this.#write(slot, generation, payload, receivedAt);
  }

  /** Gives an entry to a node. */
  give(slot: number, node: string): void {
    this.owners.delete(slot);
    this.owners.add(slot, node);
  }

  /** Removes an entry, whose deadline is taken away already if it `isDue`. */
  remove(slot: number, isDue: boolean): void {
    if (!isDue) this.deadlines.delete(slot);
    this.owners.delete(slot);
    this.indexes?.delete(this.indexes.placesOf(slot));
    this.#rows.delete(slot);
  }

  #reindex(slot: number, indexes: Indexes): void {
    const { extras } = this.#rows.page(slot);
    const row = rowOf(slot);
    // Most announcements say what was said before.
    if (indexes.isSame(extras[row] as Places)) return;
    indexes.delete(extras[row] as Places);
    extras[row] = indexes.add(slot);
  }

  #write(slot: number, generation: number, payload: P, receivedAt: number): void {
    const page = this.#rows.page(slot);
    const row = rowOf(slot);
    page.values[row] = payload;
    page.nums[row * ENTRY_NUMS + GENERATION] = generation;
    page.nums[row * ENTRY_NUMS + RECEIVED] = receivedAt;
  }
}
