import { KeyTable, NONE, rowOf } from "./_key_table.ts";
import type { FoldKey } from "./kind.ts";

/** Where the parts of a row are: the rows before and behind in order of age, the generation, and until when it is remembered. */
const OLDER = 2;
const NEWER = 3;
const INTS = 4;
const GENERATION = 0;
const UNTIL = 1;
const NUMS = 2;

/** One generation that is remembered. */
export interface RememberedGeneration {
  readonly key: FoldKey;
  readonly node: string;
  readonly generation: number;
  readonly until: number;
}

/**
 * The generations of entries that are gone, by key and node, for a time and in a bounded number, oldest out first.
 *
 * Nothing wakes up to forget: what is over is given back when something else is remembered, or with the next sweep.
 */
export class Remembered {
  /** How many were forgotten before their time. */
  forgotten = 0;
  readonly #max: number;
  readonly #ms: number;
  readonly #rows: KeyTable = new KeyTable({ ints: INTS, nums: NUMS, values: 1 });
  #oldest = NONE;
  #newest = NONE;

  constructor(max: number, ms: number) {
    this.#max = ms > 0 ? max : 0;
    this.#ms = ms;
  }

  /** How many there are. */
  get size(): number {
    return this.#rows.size;
  }

  /** The generation that is remembered of a node's entry; 0 if there is none. */
  generationOf(key: FoldKey, hash: number, node: string, now: number): number {
    const slot = this.#find(key, hash, node);
    return slot === NONE ? 0 : this.#generationAt(slot, now);
  }

  /** The highest generation that is remembered of a key, whoever had it; 0 if there is none. */
  highest(key: FoldKey, hash: number, now: number): number {
    let highest = 0;
    let slot = this.#rows.find(key, hash);
    for (; slot !== NONE; slot = this.#rows.findNext(slot)) {
      highest = Math.max(highest, this.#generationAt(slot, now));
    }
    return highest;
  }

  /** Remembers a generation from now on. */
  add(key: FoldKey, hash: number, node: string, generation: number, now: number): void {
    this.addUntil(key, hash, { node, generation, until: now + this.#ms }, now);
  }

  /** Remembers a generation until a time; if a later one is remembered already, that one. */
  addUntil(
    key: FoldKey,
    hash: number,
    { node, generation, until }: Omit<RememberedGeneration, "key">,
    now: number,
  ): void {
    if (this.#max === 0) return;
    const before = this.#find(key, hash, node);
    if (before !== NONE) {
      if (this.#generationAt(before, now) > generation) return;
      this.#delete(before);
    }
    // Two for one: what is over is given back faster than it comes.
    this.sweep(now, 2);
    if (this.#rows.size === this.#max) {
      this.#delete(this.#oldest);
      this.forgotten++;
    }
    const slot = this.#rows.add(key, hash);
    const page = this.#rows.page(slot);
    const row = rowOf(slot);
    page.values[row] = node;
    page.nums[row * NUMS + GENERATION] = generation;
    page.nums[row * NUMS + UNTIL] = until;
    page.ints[row * INTS + OLDER] = this.#newest;
    page.ints[row * INTS + NEWER] = NONE;
    if (this.#newest === NONE) this.#oldest = slot;
    else this.#rows.page(this.#newest).ints[rowOf(this.#newest) * INTS + NEWER] = slot;
    this.#newest = slot;
  }

  /** Forgets a generation, if it is remembered. */
  delete(key: FoldKey, hash: number, node: string): void {
    if (this.#rows.size === 0) return;
    const slot = this.#find(key, hash, node);
    if (slot !== NONE) this.#delete(slot);
  }

  /** Forgets what is over, oldest first, up to `most`. */
  sweep(now: number, most: number): void {
    for (let i = 0; i < most && this.#oldest !== NONE; i++) {
      const until = this.#rows.page(this.#oldest).nums[rowOf(this.#oldest) * NUMS + UNTIL]!;
      if (until > now) return;
      this.#delete(this.#oldest);
    }
  }

  /** Forgets everything. */
  clear(): void {
    while (this.#oldest !== NONE) this.#delete(this.#oldest);
  }

  /** All that is remembered, oldest first. */
  list(now: number): RememberedGeneration[] {
    const list: RememberedGeneration[] = [];
    for (let slot = this.#oldest; slot !== NONE;) {
      const page = this.#rows.page(slot);
      const row = rowOf(slot);
      const until = page.nums[row * NUMS + UNTIL]!;
      if (until > now) {
        list.push({
          key: page.keys[row] as FoldKey,
          node: page.values[row] as string,
          generation: page.nums[row * NUMS + GENERATION]!,
          until,
        });
      }
      slot = page.ints[row * INTS + NEWER]!;
    }
    return list;
  }

  #find(key: FoldKey, hash: number, node: string): number {
    let slot = this.#rows.find(key, hash);
    while (slot !== NONE && this.#rows.page(slot).values[rowOf(slot)] !== node) {
      slot = this.#rows.findNext(slot);
    }
    return slot;
  }

  #generationAt(slot: number, now: number): number {
    const { nums } = this.#rows.page(slot);
    const at = rowOf(slot) * NUMS;
    return nums[at + UNTIL]! > now ? nums[at + GENERATION]! : 0;
  }

  #delete(slot: number): void {
    const { ints } = this.#rows.page(slot);
    const at = rowOf(slot) * INTS;
    const older = ints[at + OLDER]!;
    const newer = ints[at + NEWER]!;
    if (older === NONE) this.#oldest = newer;
    else this.#rows.page(older).ints[rowOf(older) * INTS + NEWER] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#rows.page(newer).ints[rowOf(newer) * INTS + OLDER] = older;
    this.#rows.delete(slot);
  }
}
