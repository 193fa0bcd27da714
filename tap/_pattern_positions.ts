import type { CharSet } from "./_pattern_set.ts";
import type { Alternative, PatternNode } from "./_pattern_syntax.ts";

/** A set of positions: one bit for each. */
export type Bits = Uint32Array;

/** Sets `bits` to what is in it or in `more`, which begins at `offset` of an array. */
export function addBits(bits: Bits, more: Bits, offset = 0): void {
  for (let word = 0; word < bits.length; word++) bits[word]! |= more[offset + word]!;
}

/** Calls a function with each position of a set. */
export function forEachBit(bits: Bits, call: (position: number) => void): void {
  for (let word = 0; word < bits.length; word++) {
    for (let rest = bits[word]!; rest !== 0; rest &= rest - 1) {
      call(32 * word + 31 - Math.clz32(rest & -rest));
    }
  }
}

/** Where a piece of a pattern can begin and end. */
interface Fragment {
  readonly isNullable: boolean;
  readonly first: Bits;
  readonly last: Bits;
}

/**
 * A pattern as positions (Glushkov): each character or class that stands in it, with its repeats written out, and which may come behind which.
 * There are no moves that take no character, so a match goes forward with every character.
 */
export class Positions {
  /** How many words a set of positions has. */
  readonly words: number;
  readonly sets: readonly CharSet[];
  /** For each position, the index of the characters that it takes. */
  readonly setIds: Uint16Array;
  /** For each position, those that may follow it. */
  readonly follow: Bits;
  /** Those that a match can begin with at the beginning of the text, and anywhere. */
  readonly atStart: Bits;
  readonly anywhere: Bits;
  /** Those with which a match is there, and those with which it is if the text ends. */
  readonly done: Bits;
  readonly doneAtEnd: Bits;
  /** Whether every text matches, and whether the empty one does. */
  readonly matchesAll: boolean;
  readonly matchesEmpty: boolean;

  readonly #idOf = new Map<string, number>();
  #count = 0;

  constructor(alternatives: readonly Alternative[]) {
    const size = alternatives.reduce((sum, { node }) => sum + node.size, 0);
    this.words = Math.max(1, Math.ceil(size / 32));
    this.setIds = new Uint16Array(size);
    this.follow = new Uint32Array(size * this.words);
    const sets: CharSet[] = [];
    this.sets = sets;
    this.atStart = this.#none();
    this.anywhere = this.#none();
    this.done = this.#none();
    this.doneAtEnd = this.#none();
    let matchesAll = false;
    let matchesEmpty = false;
    for (const { node, isFromStart, isToEnd } of alternatives) {
      const { isNullable, first, last } = this.#build(node, sets);
      addBits(this.atStart, first);
      if (!isFromStart) addBits(this.anywhere, first);
      addBits(isToEnd ? this.doneAtEnd : this.done, last);
      if (isNullable) matchesEmpty = true;
      if (isNullable && !(isFromStart && isToEnd)) matchesAll = true;
    }
    this.matchesAll = matchesAll;
    this.matchesEmpty = matchesEmpty;
  }

  #none(): Bits {
    return new Uint32Array(this.words);
  }

  #build(node: PatternNode, sets: CharSet[]): Fragment {
    switch (node.type) {
      case "set":
        return this.#position(node.set, sets);
      case "sequence":
        return node.parts.reduce<Fragment>(
          (before, part) => this.#joined(before, this.#build(part, sets)),
          { isNullable: true, first: this.#none(), last: this.#none() },
        );
      case "choice": {
        const first = this.#none();
        const last = this.#none();
        let isNullable = false;
        for (const part of node.parts) {
          const fragment = this.#build(part, sets);
          addBits(first, fragment.first);
          addBits(last, fragment.last);
          isNullable ||= fragment.isNullable;
        }
        return { isNullable, first, last };
      }
      case "repeat":
        return this.#repeat(node.part, node.least, node.most, sets);
    }
  }

  /** From the last copy to the first, so that each is only followed by the one behind it: x{1,3} is x(x(x)?)?. */
  #repeat(part: PatternNode, least: number, most: number, sets: CharSet[]): Fragment {
    const isUnbounded = most === Infinity;
    const copies = isUnbounded ? Math.max(least, 1) : most;
    let all: Fragment | undefined;
    for (let copy = copies; copy > 0; copy--) {
      const one = this.#build(part, sets);
      if (isUnbounded && all === undefined) this.#connect(one.last, one.first);
      const joined: Fragment = all === undefined ? one : this.#joined(one, all);
      all = copy > least ? { ...joined, isNullable: true } : joined;
    }
    return all!;
  }

  #position(set: CharSet, sets: CharSet[]): Fragment {
    const key = set.join();
    let id = this.#idOf.get(key);
    if (id === undefined) {
      this.#idOf.set(key, id = sets.length);
      sets.push(set);
    }
    const position = this.#count++;
    this.setIds[position] = id;
    const bits = this.#none();
    bits[position >> 5] = 1 << (position & 31);
    return { isNullable: false, first: bits, last: bits };
  }

  #joined(before: Fragment, behind: Fragment): Fragment {
    this.#connect(before.last, behind.first);
    const first = before.first.slice();
    if (before.isNullable) addBits(first, behind.first);
    const last = behind.last.slice();
    if (behind.isNullable) addBits(last, before.last);
    return { isNullable: before.isNullable && behind.isNullable, first, last };
  }

  #connect(last: Bits, first: Bits): void {
    forEachBit(last, (position) => {
      const offset = position * this.words;
      for (let word = 0; word < this.words; word++) this.follow[offset + word]! |= first[word]!;
    });
  }
}
