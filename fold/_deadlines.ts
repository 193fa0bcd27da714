import { type KeyTable, NONE, rowOf } from "./_key_table.ts";
import { DUE_NEXT, DUE_PREV, ENTRY_INTS, ENTRY_NUMS, EXPIRES, TIER } from "./_rows.ts";

/** How wide the buckets of each tier are, in milliseconds: a bucket is opened into those of the tiers before. */
const WIDTHS = [1, 64, 4_096, 262_144, 16_777_216] as const;
/** Up to how many buckets of a tier are ahead of now. */
const AHEAD = 1_024;

/** What {@linkcode Deadlines.step} answers when nothing is due. */
export const NOTHING_DUE = -1;
/** What {@linkcode Deadlines.step} answers when it has only brought an entry nearer. */
export const MOVED = -2;

/** Entries that expire at about the same time, in a list. */
interface Bucket {
  readonly id: number;
  first: number;
  last: number;
  /** No entry expires before; there may be none that expires then. */
  earliest: number;
}

/** Buckets of one width, in order of time. */
class Tier {
  readonly width: number;
  /** The bucket whose time comes first. */
  first: Bucket | undefined;
  readonly #buckets: Map<number, Bucket> = new Map();
  // A heap of the numbers of buckets, among them some of buckets that are gone.
  #heap: number[] = [];
  #recent: Bucket | undefined;

  constructor(width: number) {
    this.width = width;
  }

  /** The bucket of a deadline, made if it is not there. */
  bucketAt(deadline: number): Bucket {
    const id = Math.floor(deadline / this.width);
    if (this.#recent?.id === id) return this.#recent;
    let bucket = this.#buckets.get(id);
    if (bucket === undefined) {
      bucket = { id, first: NONE, last: NONE, earliest: deadline };
      this.#buckets.set(id, bucket);
      this.#push(id);
      if (this.first === undefined || id < this.first.id) this.first = bucket;
    }
    return this.#recent = bucket;
  }

  /** The bucket of the deadline of an entry that is in it. */
  find(deadline: number): Bucket {
    const id = Math.floor(deadline / this.width);
    // Who refreshes what is oldest finds it in the first one.
    return this.first!.id === id ? this.first! : this.#buckets.get(id)!;
  }

  /** Takes a bucket away that has nothing in it. */
  delete(bucket: Bucket): void {
    this.#buckets.delete(bucket.id);
    if (this.#recent === bucket) this.#recent = undefined;
    if (this.first !== bucket) return;
    while (this.#heap.length > 0) {
      this.first = this.#buckets.get(this.#heap[0]!);
      if (this.first !== undefined) return;
      this.#pop();
    }
    this.first = undefined;
  }

  #push(id: number): void {
    // Entries that are refreshed leave a bucket behind and make one: without this, its number would stay until its time comes.
    if (this.#heap.length > 2 * this.#buckets.size + 64) {
      this.#heap = [...this.#buckets.keys()].sort((a, b) => a - b);
      return;
    }
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (heap[parent]! <= id) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = id;
  }

  #pop(): void {
    const heap = this.#heap;
    const id = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= id) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = id;
  }
}

/**
 * When which entries expire.
 *
 * Deadlines are whole milliseconds. One that is near has a bucket of its own; those further away share wider buckets, and are brought nearer
 * when the first of them is due. So adding, moving and taking away are O(1), and finding what is due costs what is due: an entry is moved at most
 * four times in its life, however many others there are.
 *
 * It is a timing wheel, but for that time does not turn it: what is due in a day costs nothing until then.
 */
export class Deadlines {
  readonly #entries: KeyTable;
  readonly #tiers: readonly Tier[] = WIDTHS.map((width) => new Tier(width));

  constructor(entries: KeyTable) {
    this.#entries = entries;
  }

  /** No entry expires before; `Infinity` if there is none. */
  get earliest(): number {
    let earliest = Infinity;
    for (const { first } of this.#tiers) {
      if (first !== undefined && first.earliest < earliest) earliest = first.earliest;
    }
    return earliest;
  }

  /** Adds an entry, behind those with the same deadline. */
  add(slot: number, deadline: number, now: number): void {
    const tier = tierFor(deadline - now);
    const bucket = this.#tiers[tier]!.bucketAt(deadline);
    if (deadline < bucket.earliest) bucket.earliest = deadline;
    const { last } = bucket;
    const page = this.#entries.page(slot);
    const at = rowOf(slot) * ENTRY_INTS;
    page.nums[rowOf(slot) * ENTRY_NUMS + EXPIRES] = deadline;
    page.ints[at + TIER] = tier;
    page.ints[at + DUE_PREV] = last;
    page.ints[at + DUE_NEXT] = NONE;
    if (last === NONE) bucket.first = slot;
    else this.#entries.page(last).ints[rowOf(last) * ENTRY_INTS + DUE_NEXT] = slot;
    bucket.last = slot;
  }

  /** Gives an entry another deadline. */
  move(slot: number, deadline: number, now: number): void {
    const { nums } = this.#entries.page(slot);
    const at = rowOf(slot) * ENTRY_NUMS + EXPIRES;
    const { width } = this.#tiers[this.#entries.page(slot).ints[rowOf(slot) * ENTRY_INTS + TIER]!]!;
    // What is refreshed often stays in its bucket. An earlier deadline might be before the first of the bucket.
    if (deadline >= nums[at]! && Math.floor(deadline / width) === Math.floor(nums[at]! / width)) {
      nums[at] = deadline;
      return;
    }
    this.delete(slot);
    this.add(slot, deadline, now);
  }

  /** Takes an entry away. */
  delete(slot: number): void {
    const page = this.#entries.page(slot);
    const at = rowOf(slot) * ENTRY_INTS;
    const before = page.ints[at + DUE_PREV]!;
    const after = page.ints[at + DUE_NEXT]!;
    if (before !== NONE && after !== NONE) {
      // Most are in the middle of their bucket, which need not be found then.
      this.#entries.page(before).ints[rowOf(before) * ENTRY_INTS + DUE_NEXT] = after;
      this.#entries.page(after).ints[rowOf(after) * ENTRY_INTS + DUE_PREV] = before;
      return;
    }
    const tier = this.#tiers[page.ints[at + TIER]!]!;
    const bucket = tier.find(page.nums[rowOf(slot) * ENTRY_NUMS + EXPIRES]!);
    if (before === NONE) bucket.first = after;
    else this.#entries.page(before).ints[rowOf(before) * ENTRY_INTS + DUE_NEXT] = NONE;
    if (after === NONE) bucket.last = before;
    else this.#entries.page(after).ints[rowOf(after) * ENTRY_INTS + DUE_PREV] = NONE;
    if (bucket.first === NONE) tier.delete(bucket);
  }

  /**
   * Does one thing of what there is to do by a time: takes out an entry that is due, in order of deadlines, or brings one nearer.
   *
   * @returns The slot of the entry that was taken out, {@linkcode MOVED} or {@linkcode NOTHING_DUE}.
   */
  step(now: number): number {
    for (let i = this.#tiers.length - 1; i > 0; i--) {
      const { first } = this.#tiers[i]!;
      if (first === undefined || first.earliest > now) continue;
      const slot = first.first;
      const deadline = this.#entries.page(slot).nums[rowOf(slot) * ENTRY_NUMS + EXPIRES]!;
      this.delete(slot);
      this.add(slot, deadline, now);
      return MOVED;
    }
    const { first } = this.#tiers[0]!;
    if (first === undefined || first.earliest > now) return NOTHING_DUE;
    const slot = first.first;
    this.delete(slot);
    return slot;
  }
}

/** The tier whose buckets are as narrow as they can be for what is that far away. */
function tierFor(ahead: number): number {
  let tier = 0;
  while (tier < WIDTHS.length - 1 && ahead >= WIDTHS[tier]! * AHEAD) tier++;
  return tier;
}
