import { type Cells, CUT, lengthWithin, NEXT, NO_CELL, WORDS } from "./_cells.ts";
import { hexOf, wordAt } from "./_hex.ts";
import { Interned, MAX_LENGTH, UNKNOWN } from "./_interned.ts";
import type { FieldRecord, Fields, FieldValue, SpanLink } from "./record.ts";

/** Key of the name of a span, where there was no room for it among the names. */
export const NAME_KEY = 0;
/** Key of the message of a span. */
export const MESSAGE_KEY = 1;
/** Key of a link. */
const LINK_KEY = 2;
const RESERVED: readonly string[] = ["name", "message", ""];

/** Word of a cell with a field: its key, and in the highest byte its kind. */
const KEY = 1;
const KEY_MASK = 0xff_ffff;
/** Word of a cell with a text: how it was written. */
const HOW = 2;
/** Where a text begins. */
const TEXT_AT = 12;
/** Where a number stands, counted in numbers. */
const NUMBER_AT = 2;

const FALSE = 0;
const TRUE = 1;
const NUMBER = 2;
const TEXT = 4;
const LINK = 16;
/** Bit beside TEXT: only its beginning is there. */
const CUT_BIT = 64;

/** A property as by assignment, which is something else for `__proto__`. */
const PLAIN = { configurable: true, enumerable: true, writable: true } as const;

/** What a chain of fields is read as. */
export interface FieldsRead {
  readonly fields: FieldRecord;
  readonly cut: string[];
  readonly links: SpanLink[];
  readonly name: string | undefined;
  readonly message: string | undefined;
}

/** Fields in chains of cells, the last one first. */
export class FieldStore {
  readonly #cells: Cells;
  readonly #keys: Interned;
  readonly #maxText: number;
  readonly #maxFields: number;
  /** Fields that were not kept, by the reason. */
  readonly dropped = { type: 0, count: 0, keys: 0, room: 0 };
  /** How many texts were cut. */
  cut = 0;

  constructor(cells: Cells, maxKeys: number, maxText: number, maxFields: number) {
    this.#cells = cells;
    this.#keys = new Interned(RESERVED, maxKeys, () => {});
    this.#maxText = maxText;
    this.#maxFields = maxFields;
  }

  /** How many keys there are. */
  get keys(): number {
    return this.#keys.size;
  }

  /**
   * Puts fields before a chain that has no fields of these names.
   *
   * @returns The new head. It never throws: what users' getters throw counts as a value of no type.
   */
  addAll(head: number, fields: Fields): number {
    let left = this.#maxFields;
    try {
      for (const key in fields) {
        const value = valueOf(fields, key);
        if (value === undefined || value === null) continue;
        if (!isField(value)) this.dropped.type++;
        else if (left-- <= 0) this.dropped.count++;
        else head = this.#add(head, key, value);
      }
    } catch {
      // What cannot even be asked for its names.
      this.dropped.type++;
    }
    return head;
  }

  /** Puts a field, or gives it a new value. */
  set(head: number, key: string, value: FieldValue | null | undefined): number {
    if (value === undefined || value === null) return head;
    if (!isField(value) || typeof key !== "string") {
      this.dropped.type++;
      return head;
    }
    const index = this.#keys.find(key);
    const known = this.#cellOf(head, index);
    if (known !== NO_CELL) {
      this.#write(known, index, value);
      return head;
    }
    if (this.#count(head, false) < this.#maxFields) return this.#add(head, key, value);
    this.dropped.count++;
    return head;
  }

  /** Puts a text of the cache's own, or gives it a new value. */
  setText(head: number, key: number, text: string): number {
    const known = this.#cellOf(head, key);
    if (known !== NO_CELL) {
      this.#write(known, key, text);
      return head;
    }
    const cell = this.#cells.take();
    if (cell === NO_CELL) {
      this.dropped.room++;
      return head;
    }
    this.#keys.referTo(key);
    this.#cells.words[cell * WORDS + NEXT] = head;
    this.#writeValue(cell, key, text);
    return cell;
  }

  /** Takes a text of the cache's own away, if it is there. */
  remove(head: number, key: number): number {
    const { words } = this.#cells;
    let before = NO_CELL;
    for (let cell = head; cell !== NO_CELL; cell = words[cell * WORDS + NEXT]!) {
      if ((words[cell * WORDS + KEY]! & KEY_MASK) !== key) {
        before = cell;
        continue;
      }
      const next = words[cell * WORDS + NEXT]!;
      words[cell * WORDS + NEXT] = NO_CELL;
      this.free(cell);
      if (before === NO_CELL) return next;
      words[before * WORDS + NEXT] = next;
      return head;
    }
    return head;
  }

  /** Puts a link. There are as many as there may be fields. */
  addLink(head: number, { traceId, spanId }: SpanLink): number {
    if (this.#count(head, true) >= this.#maxFields) {
      this.dropped.count++;
      return head;
    }
    const cell = this.#cells.take();
    if (cell === NO_CELL) {
      this.dropped.room++;
      return head;
    }
    const { words } = this.#cells;
    const at = cell * WORDS;
    this.#keys.referTo(LINK_KEY);
    words[at + NEXT] = head;
    words[at + KEY] = LINK_KEY | LINK << 24;
    for (let part = 0; part < 4; part++) words[at + 2 + part] = wordAt(traceId, part * 8);
    words[at + 6] = wordAt(spanId, 0);
    words[at + 7] = wordAt(spanId, 8);
    return cell;
  }

  /** Gives back a chain. */
  free(head: number): void {
    const { words } = this.#cells;
    for (let cell = head; cell !== NO_CELL;) {
      const at = cell * WORDS;
      const next = words[at + NEXT]!;
      const word = words[at + KEY]!;
      if ((word >>> 24 & TEXT) !== 0) this.#cells.giveMore(cell, TEXT_AT, words[at + HOW]!);
      this.#keys.release(word & KEY_MASK);
      this.#cells.give(cell);
      cell = next;
    }
  }

  /** Reads a chain. */
  read(head: number): FieldsRead {
    const { words } = this.#cells;
    const chain: number[] = [];
    for (let cell = head; cell !== NO_CELL; cell = words[cell * WORDS + NEXT]!) chain.push(cell);
    const fields: Record<string, FieldRecord[string]> = {};
    const cut: string[] = [];
    const links: SpanLink[] = [];
    let name: string | undefined;
    let message: string | undefined;
    for (const cell of chain.reverse()) {
      const word = words[cell * WORDS + KEY]!;
      const kind = word >>> 24;
      const index = word & KEY_MASK;
      if (kind === LINK) {
        links.push(this.#readLink(cell));
        continue;
      }
      const key = this.#keys.textOf(index);
      const value = this.#read(cell, kind);
      if ((kind & CUT_BIT) !== 0) cut.push(key);
      if (index === NAME_KEY) name = value as string;
      else if (index === MESSAGE_KEY) message = value as string;
      else if (key !== "__proto__") fields[key] = value;
      else Object.defineProperty(fields, key, { ...PLAIN, value });
    }
    return { fields, cut, links, name, message };
  }

  /** Reads one field of a chain; undefined if it has none of that name. */
  get(head: number, key: string): FieldRecord[string] | undefined {
    return this.#valueAt(this.#cellOf(head, this.#keys.find(key)));
  }

  /** Reads a text of the cache's own; undefined if the chain has none. */
  textOf(head: number, key: number): string | undefined {
    return this.#valueAt(this.#cellOf(head, key)) as string | undefined;
  }

  /** The cell of a chain that has the field of a key; none if there is none. */
  #cellOf(head: number, key: number): number {
    const { words } = this.#cells;
    let cell = head;
    while (cell !== NO_CELL && (words[cell * WORDS + KEY]! & KEY_MASK) !== key) {
      cell = words[cell * WORDS + NEXT]!;
    }
    return cell;
  }

  /** How many links a chain has, or how many fields of users. */
  #count(head: number, areLinks: boolean): number {
    const { words } = this.#cells;
    let count = 0;
    for (let cell = head; cell !== NO_CELL; cell = words[cell * WORDS + NEXT]!) {
      const key = words[cell * WORDS + KEY]! & KEY_MASK;
      if (areLinks ? key === LINK_KEY : key > LINK_KEY) count++;
    }
    return count;
  }

  #valueAt(cell: number): FieldRecord[string] | undefined {
    if (cell === NO_CELL) return undefined;
    return this.#read(cell, this.#cells.words[cell * WORDS + KEY]! >>> 24);
  }

  #add(head: number, key: string, value: FieldValue): number {
    if (key.length > MAX_LENGTH) {
      this.dropped.keys++;
      return head;
    }
    // Before the key is referred to: what is thrown out to make room gives back its own.
    const cell = this.#cells.take();
    if (cell === NO_CELL) {
      this.dropped.room++;
      return head;
    }
    const index = this.#keys.refer(key);
    if (index === UNKNOWN) {
      this.#cells.give(cell);
      this.dropped.keys++;
      return head;
    }
    const { words } = this.#cells;
    words[cell * WORDS + NEXT] = head;
    this.#writeValue(cell, index, value);
    return cell;
  }

  /** Gives a cell that has one a new value. */
  #write(cell: number, index: number, value: FieldValue): void {
    const { words } = this.#cells;
    if ((words[cell * WORDS + KEY]! >>> 24 & TEXT) !== 0) {
      this.#cells.giveMore(cell, TEXT_AT, words[cell * WORDS + HOW]!);
    }
    this.#writeValue(cell, index, value);
  }

  #writeValue(cell: number, index: number, value: FieldValue): void {
    const { words, numbers } = this.#cells;
    let kind: number;
    if (typeof value === "bigint") value = numberOrText(value);
    if (typeof value === "number") {
      numbers[cell * WORDS / 2 + NUMBER_AT] = value;
      kind = NUMBER;
    } else if (typeof value === "boolean") {
      kind = value ? TRUE : FALSE;
    } else {
      kind = this.#writeText(cell, value);
    }
    words[cell * WORDS + KEY] = index | kind << 24;
  }

  #writeText(cell: number, text: string): number {
    const length = lengthWithin(text, this.#maxText);
    const how = this.#cells.writeText(cell, TEXT_AT, text, length);
    this.#cells.words[cell * WORDS + HOW] = how;
    if (length === text.length && (how & CUT) === 0) return TEXT;
    this.cut++;
    return TEXT | CUT_BIT;
  }

  #read(cell: number, kind: number): FieldRecord[string] {
    if ((kind & TEXT) !== 0) {
      return this.#cells.readText(cell, TEXT_AT, this.#cells.words[cell * WORDS + HOW]!);
    }
    return kind === NUMBER ? this.#cells.numbers[cell * WORDS / 2 + NUMBER_AT]! : kind === TRUE;
  }

  #readLink(cell: number): SpanLink {
    const at = cell * WORDS + 2;
    const [a, b, c, d, e, f] = this.#cells.words.subarray(at, at + 6);
    return {
      traceId: hexOf(a!) + hexOf(b!) + hexOf(c!) + hexOf(d!),
      spanId: hexOf(e!) + hexOf(f!),
    };
  }
}

function isField(value: unknown): value is FieldValue {
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" || type === "bigint";
}

/** A value; what is no field if its getter throws. */
export function valueOf(fields: Fields, key: string): unknown {
  try {
    return fields[key];
  } catch {
    return THROWN;
  }
}

/** What is no value of a field. */
const THROWN: unknown = Symbol("thrown");

/** What a `bigint` is kept as. Records are to be written as JSON, which has no `bigint`. */
export function numberOrText(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
