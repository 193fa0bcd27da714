import { KeyTable, NONE, rowOf } from "./_key_table.ts";
import { hashText } from "./_hash.ts";
import type { FoldKey } from "./kind.ts";

/** Where the parts of a row are: the rows before and behind in order of age, among all and among those of its node, and its node. */
const OLDER = 2;
const NEWER = 3;
const NODE = 4;
const NODE_OLDER = 5;
const NODE_NEWER = 6;
const INTS = 7;
const GENERATION = 0;
const UNTIL = 1;
const NUMS = 2;

/** Where the parts of the row of a node are: its oldest and its newest one, and how many it has. */
const OLDEST = 2;
const NEWEST = 3;
const COUNT = 4;
const NODE_INTS = 5;

/** How many nodes are remembered of one key: those are gone through one by one. */
const MAX_PER_KEY = 64;

/** One generation that is remembered. */
export interface RememberedGeneration {
  readonly key: FoldKey;
  readonly node: string;
  readonly generation: number;
  readonly until: number;
}

/**
 * The generations of entries that are gone, by key and node, for a time and in a bounded number, oldest out first. A node that has too many
 * loses its own.
 *
 * Nothing wakes up to forget: what is over is given back when something else is remembered, or with the next {@linkcode Fold.sweep}.
 */
export class Remembered {
  /** How many were forgotten before their time. */
  forgotten = 0;
  readonly #max: number;
  readonly #maxPerNode: number;
  readonly #ms: number;
  readonly #seed: number;
  readonly #rows: KeyTable = new KeyTable({ ints: INTS, nums: NUMS, values: 0 });
  readonly #nodes: KeyTable = new KeyTable({ ints: NODE_INTS, nums: 0, values: 0 });
  #oldest = NONE;
  #newest = NONE;

  constructor(max: number, maxPerNode: number, ms: number, seed: number) {
    this.#max = ms > 0 ? max : 0;
    this.#maxPerNode = maxPerNode;
    this.#ms = ms;
    this.#seed = seed;
  }

  /** How many there are. */
  get size(): number {
    return this.#rows.size;
  }

  /** The generation that is remembered of a node's entry; 0 if there is none. */
  generationOf(key: FoldKey, hash: number, node: string, now: number): number {
    if (this.#rows.size === 0) return 0;
    const slot = this.#find(key, hash, node);
    return slot === NONE ? 0 : this.#generationAt(slot, now);
  }

  /** The highest generation that is remembered of a key, whoever had it; 0 if there is none. */
  highest(key: FoldKey, hash: number, now: number): number {
    if (this.#rows.size === 0) return 0;
    let highest = 0;
    let slot = this.#rows.find(key, hash);
    for (; slot !== NONE; slot = this.#rows.findNext(slot)) {
      highest = Math.max(highest, this.#generationAt(slot, now));
    }
    return highest;
  }

  /** Remembers a generation from now on. */
  add(key: FoldKey, hash: number, node: string, generation: number, now: number): void {
    this.addUntil(key, hash, node, generation, now + this.#ms, now);
  }

  /** Remembers a generation until a time; if a later one is remembered already, that one. */
  addUntil(
    key: FoldKey,
    hash: number,
    node: string,
    generation: number,
    until: number,
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
    const nodeHash = hashText(node, this.#seed);
    this.#makeRoom(key, hash, node, nodeHash, now);
    const slot = this.#rows.add(key, hash);
    const page = this.#rows.page(slot);
    const row = rowOf(slot);
    page.nums[row * NUMS + GENERATION] = generation;
    page.nums[row * NUMS + UNTIL] = until;
    page.ints[row * INTS + OLDER] = this.#newest;
    page.ints[row * INTS + NEWER] = NONE;
    if (this.#newest === NONE) this.#oldest = slot;
    else this.#rows.page(this.#newest).ints[rowOf(this.#newest) * INTS + NEWER] = slot;
    this.#newest = slot;
    this.#give(slot, node, nodeHash);
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
      if (this.#untilOf(this.#oldest) > now) return;
      this.#delete(this.#oldest);
    }
  }

  /** All that is remembered, oldest first. */
  list(now: number): RememberedGeneration[] {
    const list: RememberedGeneration[] = [];
    for (let slot = this.#oldest; slot !== NONE;) {
      const page = this.#rows.page(slot);
      const row = rowOf(slot);
      const until = this.#untilOf(slot);
      if (until > now) {
        const generation = page.nums[row * NUMS + GENERATION]!;
        list.push({ key: page.keys[row] as FoldKey, node: this.#nodeOf(slot), generation, until });
      }
      slot = page.ints[row * INTS + NEWER]!;
    }
    return list;
  }

  /** Forgets whatever is too many with one more. */
  #makeRoom(key: FoldKey, hash: number, node: string, nodeHash: number, now: number): void {
    let [count, least] = [0, NONE];
    let slot = this.#rows.find(key, hash);
    for (; slot !== NONE; slot = this.#rows.findNext(slot)) {
      count++;
      if (least === NONE || this.#generationAt(slot, now) < this.#generationAt(least, now)) {
        least = slot;
      }
    }
    if (count >= MAX_PER_KEY) this.#forget(least, now);
    const owner = this.#nodes.find(node, nodeHash);
    if (owner !== NONE) {
      const { ints } = this.#nodes.page(owner);
      const at = rowOf(owner) * NODE_INTS;
      if (ints[at + COUNT]! >= this.#maxPerNode) this.#forget(ints[at + OLDEST]!, now);
    }
    if (this.#rows.size >= this.#max) this.#forget(this.#oldest, now);
  }

  #forget(slot: number, now: number): void {
    if (this.#untilOf(slot) > now) this.forgotten++;
    this.#delete(slot);
  }

  #find(key: FoldKey, hash: number, node: string): number {
    let slot = this.#rows.find(key, hash);
    while (slot !== NONE && this.#nodeOf(slot) !== node) slot = this.#rows.findNext(slot);
    return slot;
  }

  #nodeOf(slot: number): string {
    const owner = this.#rows.page(slot).ints[rowOf(slot) * INTS + NODE]!;
    return this.#nodes.page(owner).keys[rowOf(owner)] as string;
  }

  #untilOf(slot: number): number {
    return this.#rows.page(slot).nums[rowOf(slot) * NUMS + UNTIL]!;
  }

  #generationAt(slot: number, now: number): number {
    const { nums } = this.#rows.page(slot);
    const at = rowOf(slot) * NUMS;
    return nums[at + UNTIL]! > now ? nums[at + GENERATION]! : 0;
  }

  /** Adds a row to those of its node. */
  #give(slot: number, node: string, hash: number): void {
    let owner = this.#nodes.find(node, hash);
    if (owner === NONE) {
      owner = this.#nodes.add(node, hash);
      const { ints } = this.#nodes.page(owner);
      const at = rowOf(owner) * NODE_INTS;
      ints[at + OLDEST] = ints[at + NEWEST] = NONE;
      ints[at + COUNT] = 0;
    }
    const { ints: nodes } = this.#nodes.page(owner);
    const of = rowOf(owner) * NODE_INTS;
    const newest = nodes[of + NEWEST]!;
    const { ints } = this.#rows.page(slot);
    const at = rowOf(slot) * INTS;
    ints[at + NODE] = owner;
    ints[at + NODE_OLDER] = newest;
    ints[at + NODE_NEWER] = NONE;
    if (newest === NONE) nodes[of + OLDEST] = slot;
    else this.#rows.page(newest).ints[rowOf(newest) * INTS + NODE_NEWER] = slot;
    nodes[of + NEWEST] = slot;
    nodes[of + COUNT]!++;
  }

  #delete(slot: number): void {
    const { ints } = this.#rows.page(slot);
    const at = rowOf(slot) * INTS;
    this.#link(ints[at + OLDER]!, ints[at + NEWER]!, OLDER, NEWER);
    if (ints[at + OLDER] === NONE) this.#oldest = ints[at + NEWER]!;
    if (ints[at + NEWER] === NONE) this.#newest = ints[at + OLDER]!;
    const owner = ints[at + NODE]!;
    const { ints: nodes } = this.#nodes.page(owner);
    const of = rowOf(owner) * NODE_INTS;
    this.#link(ints[at + NODE_OLDER]!, ints[at + NODE_NEWER]!, NODE_OLDER, NODE_NEWER);
    if (ints[at + NODE_OLDER] === NONE) nodes[of + OLDEST] = ints[at + NODE_NEWER]!;
    if (ints[at + NODE_NEWER] === NONE) nodes[of + NEWEST] = ints[at + NODE_OLDER]!;
    if (--nodes[of + COUNT]! === 0) this.#nodes.delete(owner);
    this.#rows.delete(slot);
  }

  /** Makes two rows neighbours, of which either may be none. */
  #link(older: number, newer: number, olderPart: number, newerPart: number): void {
    if (older !== NONE) this.#rows.page(older).ints[rowOf(older) * INTS + newerPart] = newer;
    if (newer !== NONE) this.#rows.page(newer).ints[rowOf(newer) * INTS + olderPart] = older;
  }
}
