/** 32-bit words of a cell. */
export const WORDS = 8;
/** Bytes of a cell. */
export const CELL_BYTES = 32;
/** What is no cell. */
export const NO_CELL = 0;

/** Where the text begins in a cell that continues another one, behind the link. */
const CONTINUED_AT = 4;

/** Word of a cell: the next one of its chain, or of those that are free. */
export const NEXT = 0;
/** Word of a cell with a text: how many UTF-16 units it has. */
export const LENGTH = 2;
/** Word of a cell with a text: the cell in which it goes on. */
export const MORE = 3;

/** The text is there, whole, in one byte a unit. */
export const NARROW = 0;
/** In two bytes a unit. */
export const WIDE = 1;
/** Bit of the answer: there was no room for all of it. */
export const CUT = 2;

/**
 * All that has no fixed size: fields, events and texts, in cells of 32 bytes that are linked to chains. So what a cache holds has one bound in
 * bytes, leaves no holes wherever it is taken out, and is nothing to the garbage collector.
 *
 * Texts are copied: a short piece of a huge text would keep all of it alive.
 */
export class Cells {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many there are. */
  readonly capacity: number;

  readonly #makeRoom: () => boolean;
  #free: number = NO_CELL;
  #fresh = 1;
  #used = 0;

  /**
   * @param maxBytes How many bytes they may have together. The system gives the memory as it is used.
   * @param makeRoom Called when none is free: frees some, or answers false.
   */
  constructor(maxBytes: number, makeRoom: () => boolean) {
    this.capacity = Math.floor(maxBytes / CELL_BYTES);
    // The first one is no cell.
    const buffer = new ArrayBuffer((this.capacity + 1) * CELL_BYTES);
    this.words = new Uint32Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.#makeRoom = makeRoom;
  }

  /** How many are in use. */
  get used(): number {
    return this.#used;
  }

  /** Takes one, whose content is whatever was in it; none if there is no room. */
  take(): number {
    do {
      const cell = this.#free;
      if (cell !== NO_CELL) {
        this.#free = this.words[cell * WORDS]!;
        this.#used++;
        return cell;
      }
      if (this.#fresh <= this.capacity) {
        this.#used++;
        return this.#fresh++;
      }
    } while (this.#makeRoom());
    return NO_CELL;
  }

  /** Gives one back. */
  give(cell: number): void {
    this.words[cell * WORDS] = this.#free;
    this.#free = cell;
    this.#used--;
  }

  /** Gives back a chain of cells that hold nothing but text. */
  giveText(cell: number): void {
    while (cell !== NO_CELL) {
      const next = this.words[cell * WORDS]!;
      this.give(cell);
      cell = next;
    }
  }

  /**
   * Writes a text into a cell and those that continue it.
   *
   * @param cell The first one. Its words for the length and for what continues it are set.
   * @param offset The byte in it where the text begins.
   * @param length How many units to write.
   * @returns How it was written.
   */
  writeText(cell: number, offset: number, text: string, length: number): number {
    const { words, bytes } = this;
    words[cell * WORDS + MORE] = NO_CELL;
    let link = cell * WORDS + MORE;
    let at = cell * CELL_BYTES + offset;
    let end = (cell + 1) * CELL_BYTES;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0xff) return this.#writeWide(cell, offset, text, length);
      if (at === end) {
        const next = this.take();
        if (next === NO_CELL) {
          words[cell * WORDS + LENGTH] = index;
          return NARROW | CUT;
        }
        words[link] = next;
        link = next * WORDS;
        words[link] = NO_CELL;
        at = next * CELL_BYTES + CONTINUED_AT;
        end = (next + 1) * CELL_BYTES;
      }
      bytes[at++] = code;
    }
    words[cell * WORDS + LENGTH] = length;
    return NARROW;
  }

  #writeWide(cell: number, offset: number, text: string, length: number): number {
    const { words, bytes } = this;
    this.giveText(words[cell * WORDS + MORE]!);
    words[cell * WORDS + MORE] = NO_CELL;
    let link = cell * WORDS + MORE;
    let at = cell * CELL_BYTES + offset;
    let end = (cell + 1) * CELL_BYTES;
    for (let index = 0; index < length; index++) {
      if (at === end) {
        const next = this.take();
        if (next === NO_CELL) {
          words[cell * WORDS + LENGTH] = index;
          return WIDE | CUT;
        }
        words[link] = next;
        link = next * WORDS;
        words[link] = NO_CELL;
        at = next * CELL_BYTES + CONTINUED_AT;
        end = (next + 1) * CELL_BYTES;
      }
      const code = text.charCodeAt(index);
      bytes[at] = code;
      bytes[at + 1] = code >>> 8;
      at += 2;
    }
    words[cell * WORDS + LENGTH] = length;
    return WIDE;
  }

  /** Reads what was written. */
  readText(cell: number, offset: number, isWide: boolean): string {
    const { words, bytes } = this;
    const units = words[cell * WORDS + LENGTH]!;
    const codes = new Uint16Array(units);
    let next = words[cell * WORDS + MORE]!;
    let at = cell * CELL_BYTES + offset;
    let end = (cell + 1) * CELL_BYTES;
    for (let index = 0; index < units; index++) {
      if (at === end) {
        at = next * CELL_BYTES + CONTINUED_AT;
        end = (next + 1) * CELL_BYTES;
        next = words[next * WORDS]!;
      }
      codes[index] = isWide ? bytes[at]! | bytes[at + 1]! << 8 : bytes[at]!;
      at += isWide ? 2 : 1;
    }
    return textOf(codes);
  }
}

/** The most arguments that a call takes on every engine, with much to spare. */
const MAX_ARGUMENTS = 4_096;

function textOf(codes: Uint16Array): string {
  let text = "";
  for (let at = 0; at < codes.length; at += MAX_ARGUMENTS) {
    text += String.fromCharCode(...codes.subarray(at, at + MAX_ARGUMENTS));
  }
  return text;
}

/**
 * A copy of a text, of at most so many units, that keeps nothing else alive: engines make a piece of a text, or two together, by pointing at
 * what it is made of.
 */
export function copyText(text: string, max: number): string {
  const codes = new Uint16Array(lengthWithin(text, max));
  for (let index = 0; index < codes.length; index++) codes[index] = text.charCodeAt(index);
  return textOf(codes);
}

/** How many units of a text to take, so that no character is cut in two. */
export function lengthWithin(text: string, max: number): number {
  if (text.length <= max) return text.length;
  const last = text.charCodeAt(max - 1);
  return last >= 0xd800 && last < 0xdc00 ? max - 1 : max;
}
