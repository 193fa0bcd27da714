import type { FoldKey } from "./kind.ts";

/** What rows are found by. */
export type TableKey = FoldKey | boolean;

const PAGE_BITS = 9;
const PAGE_ROWS = 1 << PAGE_BITS;
const ROW_MASK = PAGE_ROWS - 1;
const HEAD_BITS = 10;
const HEADS = 1 << HEAD_BITS;
const HEAD_MASK = HEADS - 1;

/** Where in the integers of a row its hash is. */
const HASH = 0;
/** Where in the integers of a row the next one of its bucket is, or, in a free row, the next free one of its page. */
const CHAIN = 1;

/** No row. */
export const NONE = -1;

/** What a row has places for. */
export interface RowShape {
  /** How many integers, of which two are the table's own. */
  readonly ints: number;
  /** How many numbers. */
  readonly nums: number;
  /** How many values beside the key: none, one, or two. */
  readonly values: 0 | 1 | 2;
}

/** Some rows, whose parts are in arrays: row 3 of a table with 8 integers has those from 24 to 31. */
export class Page {
  readonly keys: TableKey[];
  readonly values: unknown[];
  readonly extras: unknown[];
  readonly ints: Int32Array;
  readonly nums: Float64Array;
  /** The first free row. */
  free = 0;
  /** How many rows are used. */
  used = 0;

  constructor({ ints, nums, values }: RowShape) {
    this.keys = new Array(PAGE_ROWS).fill(undefined);
    this.values = new Array(values > 0 ? PAGE_ROWS : 0).fill(undefined);
    this.extras = new Array(values > 1 ? PAGE_ROWS : 0).fill(undefined);
    this.ints = new Int32Array(PAGE_ROWS * ints);
    this.nums = new Float64Array(PAGE_ROWS * nums);
    for (let row = 0; row < PAGE_ROWS; row++) {
      this.ints[row * ints + CHAIN] = row + 1 < PAGE_ROWS ? row + 1 : NONE;
    }
  }
}

/** The number of a row in its page. */
export function rowOf(slot: number): number {
  return slot & ROW_MASK;
}

/**
 * A hash table whose rows are in pages, where each has a number, its *slot*, for as long as it lives.
 *
 * It is there because a `Map` stands still when it grows or shrinks: the next entry of a million costs tens of milliseconds. This one grows and
 * shrinks by one bucket at a time (linear hashing), and takes and gives back its memory by pages. It also needs half of the memory.
 *
 * Adding, finding and deleting are O(1).
 */
export class KeyTable {
  /** How many rows there are. */
  size = 0;
  readonly #shape: RowShape;
  readonly #ints: number;
  readonly #pages: (Page | undefined)[] = [];
  // Numbers of pages that were given back.
  readonly #gaps: number[] = [];
  // Numbers of pages with free rows, and of some that were given back; whether a page is among them.
  readonly #roomy: number[] = [];
  readonly #isRoomy: boolean[] = [];
  // Pages without rows: one is kept, so that a row that comes and goes does not make a page each time.
  #empty = 0;
  // The first slots of the buckets, in pages.
  readonly #heads: Int32Array[] = [];
  #buckets = 1;
  #lowMask = 0;
  #highMask = 1;

  constructor(shape: RowShape) {
    this.#shape = shape;
    this.#ints = shape.ints;
  }

  /** The page of a slot. */
  page(slot: number): Page {
    return this.#pages[slot >>> PAGE_BITS]!;
  }

  /** The hash of the key of a row. */
  hashOf(slot: number): number {
    return this.page(slot).ints[(slot & ROW_MASK) * this.#ints + HASH]!;
  }

  /** The slot of the first row with a key, or {@linkcode NONE}. */
  find(key: TableKey, hash: number): number {
    return this.#search(this.#head(hash), key, hash);
  }

  /** The slot of the next row with the key of a row, or {@linkcode NONE}. */
  findNext(slot: number): number {
    const page = this.page(slot);
    const row = slot & ROW_MASK;
    const at = row * this.#ints;
    return this.#search(page.ints[at + CHAIN]!, page.keys[row]!, page.ints[at + HASH]!);
  }

  /** Adds a row, whether there is one with its key or not, and answers its slot. */
  add(key: TableKey, hash: number): number {
    const slot = this.#allocate();
    const page = this.page(slot);
    const row = slot & ROW_MASK;
    const at = row * this.#ints;
    page.keys[row] = key;
    page.ints[at + HASH] = hash;
    const bucket = this.#bucketOf(hash);
    page.ints[at + CHAIN] = this.#headOf(bucket);
    this.#setHead(bucket, slot);
    if (++this.size > this.#buckets) this.#split();
    return slot;
  }

  /** Deletes a row. */
  delete(slot: number): void {
    const page = this.page(slot);
    const row = slot & ROW_MASK;
    const at = row * this.#ints;
    this.#unchain(slot, this.#bucketOf(page.ints[at + HASH]!), page.ints[at + CHAIN]!);
    page.keys[row] = undefined as never;
    if (this.#shape.values > 0) page.values[row] = undefined;
    if (this.#shape.values > 1) page.extras[row] = undefined;
    page.ints[at + CHAIN] = page.free;
    page.free = row;
    this.size--;
    const number = slot >>> PAGE_BITS;
    if (!this.#isRoomy[number]) {
      this.#isRoomy[number] = true;
      this.#roomy.push(number);
    }
    if (--page.used === 0 && ++this.#empty > 1) {
      this.#empty--;
      this.#pages[number] = undefined;
      this.#gaps.push(number);
    }
    if (this.size * 2 < this.#buckets) this.#join();
  }

  /** The first slot that is used, from one on, or {@linkcode NONE} at the end. */
  next(from: number): number {
    for (let number = from >>> PAGE_BITS; number < this.#pages.length; number++) {
      const page = this.#pages[number];
      let row = number === from >>> PAGE_BITS ? from & ROW_MASK : 0;
      if (page === undefined || page.used === 0) continue;
      for (; row < PAGE_ROWS; row++) {
        if (page.keys[row] !== undefined) return (number << PAGE_BITS) | row;
      }
    }
    return NONE;
  }

  #search(first: number, key: TableKey, hash: number): number {
    for (let slot = first; slot !== NONE;) {
      const page = this.#pages[slot >>> PAGE_BITS]!;
      const row = slot & ROW_MASK;
      const at = row * this.#ints;
      if (page.ints[at + HASH] === hash && page.keys[row] === key) return slot;
      slot = page.ints[at + CHAIN]!;
    }
    return NONE;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#highMask;
    return bucket < this.#buckets ? bucket : bucket & this.#lowMask;
  }

  #head(hash: number): number {
    return this.#headOf(this.#bucketOf(hash));
  }

  #headOf(bucket: number): number {
    const heads = this.#heads[bucket >>> HEAD_BITS];
    return heads === undefined ? NONE : heads[bucket & HEAD_MASK]!;
  }

  #setHead(bucket: number, slot: number): void {
    const number = bucket >>> HEAD_BITS;
    const heads = this.#heads[number] ??= new Int32Array(HEADS).fill(NONE);
    heads[bucket & HEAD_MASK] = slot;
  }

  #unchain(slot: number, bucket: number, next: number): void {
    let before = this.#headOf(bucket);
    if (before === slot) return this.#setHead(bucket, next);
    for (;;) {
      const page = this.#pages[before >>> PAGE_BITS]!;
      const at = (before & ROW_MASK) * this.#ints + CHAIN;
      const after = page.ints[at]!;
      if (after === slot) {
        page.ints[at] = next;
        return;
      }
      before = after;
    }
  }

  /** Makes one bucket more, out of what falls into it of another. */
  #split(): void {
    const added = this.#buckets++;
    const from = added & this.#lowMask;
    let slot = this.#headOf(from);
    let kept = NONE;
    let moved = NONE;
    while (slot !== NONE) {
      const page = this.#pages[slot >>> PAGE_BITS]!;
      const at = (slot & ROW_MASK) * this.#ints;
      const next = page.ints[at + CHAIN]!;
      if ((page.ints[at + HASH]! & this.#highMask) === added) {
        page.ints[at + CHAIN] = moved;
        moved = slot;
      } else {
        page.ints[at + CHAIN] = kept;
        kept = slot;
      }
      slot = next;
    }
    this.#setHead(from, kept);
    this.#setHead(added, moved);
    if (added === this.#highMask) {
      this.#lowMask = this.#highMask;
      this.#highMask = this.#highMask * 2 + 1;
    }
  }

  /** Puts what is in the last bucket into the one that it was made of. */
  #join(): void {
    if (this.#buckets === 1) return;
    const last = --this.#buckets;
    if (last === this.#lowMask) {
      this.#highMask = this.#lowMask;
      this.#lowMask >>>= 1;
    }
    const into = last & this.#lowMask;
    const first = this.#headOf(last);
    if (first !== NONE) {
      let end = first;
      for (;;) {
        const next = this.#pages[end >>> PAGE_BITS]!.ints[(end & ROW_MASK) * this.#ints + CHAIN]!;
        if (next === NONE) break;
        end = next;
      }
      this.#pages[end >>> PAGE_BITS]!.ints[(end & ROW_MASK) * this.#ints + CHAIN] = this.#headOf(
        into,
      );
      this.#setHead(into, first);
      this.#setHead(last, NONE);
    }
    if ((last & HEAD_MASK) === 0 && this.#heads.length > (last >>> HEAD_BITS) + 1) {
      this.#heads.pop();
    }
  }

  #allocate(): number {
    for (;;) {
      const number = this.#roomy.at(-1) ?? this.#addPage();
      const page = this.#pages[number];
      if (page === undefined || page.free === NONE) {
        this.#roomy.pop();
        this.#isRoomy[number] = false;
        continue;
      }
      const row = page.free;
      page.free = page.ints[row * this.#ints + CHAIN]!;
      if (page.used++ === 0) this.#empty--;
      return (number << PAGE_BITS) | row;
    }
  }

  #addPage(): number {
    const number = this.#gaps.pop() ?? this.#pages.length;
    this.#pages[number] = new Page(this.#shape);
    this.#empty++;
    this.#roomy.push(number);
    this.#isRoomy[number] = true;
    return number;
  }
}
