import { addBits, type Bits, forEachBit, Positions } from "./_pattern_positions.ts";
import { spend } from "./_path.ts";
import { classesOf } from "./_pattern_set.ts";
import { PatternParser, type Refuse } from "./_pattern_syntax.ts";

/** How much of a text is looked at, in UTF-16 units. */
const MAX_LOOKED_AT = 8_192;

/** How many states are kept, and how many moves from one to another: 2 bytes each. */
const MAX_STATES = 512;
const MAX_MOVES = 32_768;

/** Moves that are no states: not known yet, a match, and no match any more. */
const UNKNOWN = 0;
const FOUND = 1;
const LOST = 2;
const START = 3;

/** How many characters have their class in a table. */
const DIRECT = 256;

/**
 * Reads a regular expression.
 *
 * @param refuse Called with what is required where, to throw.
 */
export function parsePattern(text: string, refuse: Refuse): Pattern {
  return new Pattern(new Positions(new PatternParser(text, refuse).read()));
}

/**
 * A regular expression that is searched in a text, in one pass: O(text × positions) at worst, O(text) for most.
 *
 * A state is the set of the positions that the next character may be at. States are made when a text first leads to them and kept, up to a
 * bound, beyond which all are forgotten: as many as there are sets of positions would be too many.
 *
 * Looks at the first 8,192 UTF-16 units of a text at most, and never finds the end of a longer one.
 */
export class Pattern {
  readonly #positions: Positions;
  readonly #classes: number;
  /** For each class, the positions that take its characters. */
  readonly #takers: Bits;
  /** The class of each of the first characters, and where in the others it changes. */
  readonly #direct: Uint16Array = new Uint16Array(DIRECT);
  readonly #starts: Uint32Array;
  readonly #ids: Uint16Array;

  readonly #maxStates: number;
  /** For each state its positions, and whether the text matches if it ends. */
  #states: Bits;
  /** For each state, the move of each class. */
  #moves: Uint16Array;
  #count = 0;
  /** The states by their hash. */
  readonly #table: Uint16Array = new Uint16Array(2 * MAX_STATES);
  /** The state that is being made. */
  readonly #next: Bits;
  readonly #taken: Bits;
  #statesMade = 0;

  constructor(positions: Positions) {
    const { words, setIds } = positions;
    this.#positions = positions;
    const { starts, ids, members } = classesOf(positions.sets);
    this.#classes = members.length;
    this.#takers = new Uint32Array(members.length * words);
    members.forEach((sets, id) => {
      const inside = new Set(sets);
      setIds.forEach((set, position) => {
        if (inside.has(set)) this.#takers[id * words + (position >> 5)]! |= 1 << (position & 31);
      });
    });
    this.#starts = Uint32Array.from(starts);
    this.#ids = Uint16Array.from(ids);
    for (let code = 0; code < DIRECT; code++) this.#direct[code] = this.#classOf(code);

    this.#maxStates = Math.max(16, Math.min(MAX_STATES, Math.floor(MAX_MOVES / members.length)));
    this.#states = new Uint32Array(8 * (words + 1));
    this.#moves = new Uint16Array(8 * members.length);
    this.#next = new Uint32Array(words + 1);
    this.#taken = new Uint32Array(words);
    this.#begin();
  }

  /** How many positions it has. */
  get size(): number {
    return this.#positions.setIds.length;
  }

  /** How many states were made so far: the work beyond one look at each character. */
  get statesMade(): number {
    return this.#statesMade;
  }

  /** Whether the pattern is found in a text. */
  matches(text: string): boolean {
    const { matchesAll, matchesEmpty } = this.#positions;
    if (matchesAll) return true;
    if (text === "") return matchesEmpty;
    const isCut = text.length > MAX_LOOKED_AT;
    const end = isCut ? MAX_LOOKED_AT : text.length;
    // Some twenty characters take as long as a part of a value.
    spend(1 + end / 20);
    const classes = this.#classes;
    const direct = this.#direct;
    let moves = this.#moves;
    let state = START;
    for (let at = 0; at < end; at++) {
      let code = text.charCodeAt(at);
      // Most characters of most texts begin nothing.
      if (state === START && code < DIRECT && moves[direct[code]!] === START) continue;
      if (code >= 0xd800 && code < 0xdc00) {
        code = text.codePointAt(at)!;
        if (code > 0xffff) at++;
      }
      const id = code < DIRECT ? direct[code]! : this.#classOf(code);
      let next = moves[(state - START) * classes + id]!;
      if (next < START) {
        if (next === UNKNOWN) {
          next = this.#move(state, id);
          moves = this.#moves;
        }
        if (next === FOUND) return true;
        if (next === LOST) return false;
      }
      state = next;
    }
    return !isCut && this.#states[this.#offset(state) + this.#positions.words] === 1;
  }

  /** The class of a character. */
  #classOf(code: number): number {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= code) low = middle;
      else high = middle - 1;
    }
    return this.#ids[low]!;
  }

  #offset(state: number): number {
    return (state - START) * (this.#positions.words + 1);
  }

  /** Finds out where a state leads to with a character of a class. */
  #move(state: number, id: number): number {
    const { words, follow, anywhere, done, doneAtEnd } = this.#positions;
    const offset = this.#offset(state);
    let isFound = false;
    let isFoundAtEnd = false;
    for (let word = 0; word < words; word++) {
      const taken = this.#states[offset + word]! & this.#takers[id * words + word]!;
      this.#taken[word] = taken;
      if ((taken & done[word]!) !== 0) isFound = true;
      if ((taken & doneAtEnd[word]!) !== 0) isFoundAtEnd = true;
    }
    const at = (state - START) * this.#classes + id;
    if (isFound) return this.#moves[at] = FOUND;
    const next = this.#next;
    next.set(anywhere);
    next[words] = 0;
    const positions = next.subarray(0, words);
    forEachBit(this.#taken, (position) => addBits(positions, follow, position * words));
    next[words] = isFoundAtEnd ? 1 : 0;
    if (next.every((word) => word === 0)) return this.#moves[at] = LOST;
    const known = this.#find();
    if (known !== undefined) return this.#moves[at] = known;
    // Before anything is changed: it may be too much.
    spend(8 * words);
    if (this.#count === this.#maxStates) {
      // The state it comes from is forgotten too, so the move is not kept.
      const made = next.slice();
      this.#begin();
      next.set(made);
      return this.#find() ?? this.#add();
    }
    return this.#moves[at] = this.#add();
  }

  /** Forgets all states but the first. */
  #begin(): void {
    this.#count = 0;
    this.#table.fill(0);
    this.#moves.fill(UNKNOWN);
    this.#next.set(this.#positions.atStart);
    this.#next[this.#positions.words] = 0;
    this.#add();
  }

  /** The state that is being made, if it is known. */
  #find(): number | undefined {
    const { words } = this.#positions;
    for (let slot = this.#hash();; slot = (slot + 1) % this.#table.length) {
      const state = this.#table[slot]!;
      if (state === 0) return undefined;
      const offset = this.#offset(state);
      let word = 0;
      while (word <= words && this.#states[offset + word] === this.#next[word]) word++;
      if (word > words) return state;
    }
  }

  #add(): number {
    const state = START + this.#count++;
    this.#statesMade++;
    const offset = this.#offset(state);
    if (offset === this.#states.length) {
      this.#states = grown(this.#states, Uint32Array);
      this.#moves = grown(this.#moves, Uint16Array);
    }
    this.#states.set(this.#next, offset);
    let slot = this.#hash();
    while (this.#table[slot] !== 0) slot = (slot + 1) % this.#table.length;
    this.#table[slot] = state;
    return state;
  }

  #hash(): number {
    let hash = 0;
    for (let word = 0; word < this.#next.length; word++) {
      hash = Math.imul(hash ^ this.#next[word]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return (hash >>> 0) % this.#table.length;
  }
}

function grown<A extends Uint16Array | Uint32Array>(
  array: A,
  Type: new (length: number) => A,
): A {
  const result = new Type(2 * array.length);
  result.set(array);
  return result;
}
