import { refusal } from "../internal/mod.ts";
import { hashKey } from "./_hash.ts";
import { KeyTable, NONE, rowOf } from "./_key_table.ts";
import type { FoldIndex, FoldIndexValue } from "./kind.ts";
import type { FoldCondition } from "./query.ts";

/** The entries that have one value in one index. */
export interface Posting {
  readonly index: Index;
  readonly value: FoldIndexValue;
  /** In no order: the last one fills the place of one that goes. */
  readonly slots: number[];
  /** For each slot, where in its places this posting is. */
  readonly backs: number[];
}

/** Where an entry is in indexes: pairs of a posting and the place in it. */
export type Places = (Posting | number)[];

/** Postings of which an entry must be in one, with their numbers. */
export type Group = ReadonlyMap<Posting, number>;

interface Index {
  readonly name: string;
  readonly read: FoldIndex<unknown>;
  readonly postings: KeyTable;
}

/** Finds entries by what their payloads say. */
export class Indexes {
  readonly #entries: KeyTable;
  readonly #indexes: readonly Index[];
  readonly #seed: number;
  // What was read of a payload last: indexes and values, in turns.
  #read: (Index | FoldIndexValue)[] = [];

  constructor(
    entries: KeyTable,
    indexes: Readonly<Record<string, FoldIndex<unknown>>>,
    seed: number,
  ) {
    this.#entries = entries;
    this.#seed = seed;
    this.#indexes = Object.entries(indexes).map(([name, read]) => ({
      name,
      read,
      postings: new KeyTable({ ints: 2, nums: 0, values: 1 }),
    }));
  }

  /** Asks the indexes about a payload that is about to be added, and answers how many values there are. Throws what they throw. */
  read(action: string, payload: unknown): number {
    const read: (Index | FoldIndexValue)[] = [];
    for (const index of this.#indexes) {
      const answer = index.read(payload);
      if (answer === undefined || answer === null) continue;
      if (!Array.isArray(answer)) {
        checkValue(action, index.name, answer);
        read.push(index, answer as FoldIndexValue);
        continue;
      }
      const values = answer.length > 1 ? new Set<unknown>(answer) : answer;
      for (const value of values) {
        checkValue(action, index.name, value);
        read.push(index, value as FoldIndexValue);
      }
    }
    this.#read = read;
    return read.length / 2;
  }

  /** Whether an entry is where what was read would be. */
  isSame(places: Places): boolean {
    const read = this.#read;
    if (places.length !== read.length) return false;
    for (let i = 0; i < read.length; i += 2) {
      const posting = places[i] as Posting;
      if (posting.index !== read[i] || posting.value !== read[i + 1]) return false;
    }
    return true;
  }

  /** Puts an entry where what was read says. */
  add(slot: number): Places {
    const read = this.#read;
    const places: Places = new Array(read.length);
    for (let i = 0; i < read.length; i += 2) {
      const posting = this.#postingOf(read[i] as Index, read[i + 1] as FoldIndexValue);
      places[i] = posting;
      places[i + 1] = posting.slots.push(slot) - 1;
      posting.backs.push(i);
    }
    return places;
  }

  /** Takes an entry out. */
  delete(places: Places): void {
    for (let i = 0; i < places.length; i += 2) {
      const posting = places[i] as Posting;
      const place = places[i + 1] as number;
      const last = posting.slots.pop()!;
      const back = posting.backs.pop()!;
      if (place < posting.slots.length) {
        posting.slots[place] = last;
        posting.backs[place] = back;
        this.placesOf(last)[back + 1] = place;
      } else if (posting.slots.length === 0) {
        const { postings } = posting.index;
        postings.delete(postings.find(posting.value, hashKey(posting.value, this.#seed)));
      }
    }
  }

  /** Where an entry is. */
  placesOf(slot: number): Places {
    return this.#entries.page(slot).extras[rowOf(slot)] as Places;
  }

  /** What is asked of an entry: it must be in one posting of each group. */
  groupsOf(action: string, by: Readonly<Record<string, FoldCondition | undefined>>): Group[] {
    const groups: Group[] = [];
    for (const [name, condition] of Object.entries(by)) {
      if (condition === undefined) continue;
      const index = this.#indexes.find((index) => index.name === name);
      if (index === undefined) {
        const known = this.#indexes.map((index) => index.name).join(", ") || "none";
        throw new TypeError(refusal(action, `by must name indexes of the kind (${known})`, name));
      }
      if (typeof condition !== "object" || Array.isArray(condition)) {
        groups.push(this.#groupOf(action, index, condition as FoldIndexValue));
        continue;
      }
      const { all } = (condition ?? {}) as { readonly all?: unknown };
      if (!Array.isArray(all)) {
        const requirement = `by.${name} must be a value, a list of values, or { all: [...] }`;
        throw new TypeError(refusal(action, requirement, condition));
      }
      for (const part of all) groups.push(this.#groupOf(action, index, part));
    }
    return groups;
  }

  /** Whether there is an index with a name. */
  has(name: string): boolean {
    return this.#indexes.some((index) => index.name === name);
  }

  /** The values that an entry has in an index. */
  *valuesOf(slot: number, name: string): IterableIterator<FoldIndexValue> {
    for (const posting of this.placesOf(slot)) {
      if (typeof posting === "object" && posting.index.name === name) yield posting.value;
    }
  }

  #groupOf(
    action: string,
    index: Index,
    condition: FoldIndexValue | readonly FoldIndexValue[],
  ): Group {
    const values = Array.isArray(condition) ? condition : [condition as FoldIndexValue];
    const group = new Map<Posting, number>();
    for (const value of values) {
      checkValue(action, index.name, value);
      const slot = index.postings.find(value, hashKey(value, this.#seed));
      if (slot === NONE) continue;
      const posting = index.postings.page(slot).values[rowOf(slot)] as Posting;
      if (!group.has(posting)) group.set(posting, group.size);
    }
    return group;
  }

  #postingOf(index: Index, value: FoldIndexValue): Posting {
    const { postings } = index;
    const hash = hashKey(value, this.#seed);
    let slot = postings.find(value, hash);
    if (slot === NONE) {
      slot = postings.add(value, hash);
      postings.page(slot).values[rowOf(slot)] = {
        index,
        value,
        slots: [],
        backs: [],
      } satisfies Posting;
    }
    return postings.page(slot).values[rowOf(slot)] as Posting;
  }
}

/** The lowest number of a posting of a group that an entry is in; `Infinity` if it is in none. */
export function placeIn(places: Places, group: Group): number {
  let lowest = Infinity;
  for (let i = 0; i < places.length; i += 2) {
    const number = group.get(places[i] as Posting);
    if (number !== undefined && number < lowest) lowest = number;
  }
  return lowest;
}

/** How many entries are in a group, where those that are in several postings count several times. */
export function sizeOf(group: Group): number {
  let size = 0;
  for (const { slots } of group.keys()) size += slots.length;
  return size;
}

function checkValue(action: string, name: string, value: unknown): void {
  const type = typeof value;
  if (type === "string" || type === "boolean" || type === "bigint") return;
  if (type === "number" && value === value) return;
  const requirement = `values of the index ${name} must be strings, numbers, bigints or booleans`;
  throw new TypeError(refusal(action, requirement, value));
}
