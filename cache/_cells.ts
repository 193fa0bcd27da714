/** 32-bit words of a cell. */
export const WORDS = 8;
/** Bytes of a cell. */
const CELL_BYTES = 32;
/** What is no cell. */
export const NO_CELL = 0;

/** Where the text begins in a cell that continues another one, behind the link. */
const CONTINUED_AT = 4;

/** Word of a cell: the next one of its chain, or of those that are free. */
export const NEXT = 0;
// How a text was written: in one byte a unit or two, whether other cells continue it, and whether there was no room for all of it. Above that
// stands how many units there are.
const NARROW = 0;
const WIDE = 1;
const CONTINUED = 2;
export const CUT = 4;
const HOW_BITS = 3;
/** The longest text, which must fit beside the bits. */
export const MAX_TEXT: number = 2 ** 24;

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
   * Writes a text into a cell, and into others if it does not end there.
   *
   * It begins with a word for what continues it. If nothing does, the text stands in that word already.
   *
   * @param cell The first one.
   * @param offset The byte in it where that word is.
   * @param length How many units to write.
   * @returns How it was written, and how many units of it.
   */
  writeText(cell: number, offset: number, text: string, length: number): number {
    const { bytes } = this;
    let at = cell * CELL_BYTES + offset;
    if (length > CELL_BYTES - offset) return this.#writeLong(cell, offset, text, length, NARROW);
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0xff) return this.#writeLong(cell, offset, text, length, WIDE);
      bytes[at++] = code;
    }
    return length << HOW_BITS;
  }

  /** Writes a text that is continued elsewhere. */
  #writeLong(cell: number, offset: number, text: string, length: number, how: number): number {
    const { words, bytes } = this;
    let link = cell * WORDS + offset / 4;
    words[link] = NO_CELL;
    let at = cell * CELL_BYTES + offset + 4;
    let end = (cell + 1) * CELL_BYTES;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (how === NARROW && code > 0xff) {
        this.giveText(words[cell * WORDS + offset / 4]!);
        return this.#writeLong(cell, offset, text, length, WIDE);
      }
      if (at === end) {
        const next = this.take();
        if (next === NO_CELL) return index << HOW_BITS | how | CONTINUED | CUT;
        words[link] = next;
        link = next * WORDS;
        words[link] = NO_CELL;
        at = next * CELL_BYTES + CONTINUED_AT;
        end = (next + 1) * CELL_BYTES;
      }
      bytes[at++] = code;
      if (how === WIDE) bytes[at++] = code >>> 8;
    }
    return length << HOW_BITS | how | CONTINUED;
  }

  /** Gives back what continues a text that was written so. */
  giveMore(cell: number, offset: number, how: number): void {
    if ((how & CONTINUED) !== 0) this.giveText(this.words[cell * WORDS + offset / 4]!);
  }

  /**
   * Reads what was written.
   *
   * @param how What `writeText` answered.
   */
  readText(cell: number, offset: number, how: number): string {
    const { words, bytes } = this;
    const isWide = (how & WIDE) !== 0;
    const isContinued = (how & CONTINUED) !== 0;
    const codes = new Uint16Array(how >>> HOW_BITS);
    let next = isContinued ? words[cell * WORDS + offset / 4]! : NO_CELL;
    let at = cell * CELL_BYTES + offset + (isContinued ? 4 : 0);
    let end = (cell + 1) * CELL_BYTES;
    for (let index = 0; index < codes.length; index++) {
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
    const part: ArrayLike<number> = codes.subarray(at, at + MAX_ARGUMENTS);
    // Spreading would go through an iterator.
    text += String.fromCharCode.apply(null, part as number[]);
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
