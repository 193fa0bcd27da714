import { type Cells, CUT, lengthWithin, NEXT, NO_CELL, WORDS } from "./_cells.ts";
import type { FieldStore } from "./_fields.ts";
import { Interned, UNKNOWN } from "./_interned.ts";
import type { Fields } from "./record.ts";

// An event is a cell as well: its level and whether its name is cut, its time, its fields, and how its name is written.
const EVENT_BITS = 1;
/** Counted in numbers. */
const EVENT_TIME = 1;
const EVENT_FIELDS = 4;
const EVENT_HOW = 5;
/** Where the name begins. */
const EVENT_TEXT_AT = 24;
const EVENT_CUT = 16;
/** Its name is known by its number, and not written. */
const EVENT_NAMED = 32;
/** The longest name of events that is known by a number. */
const MAX_EVENT_NAME = 64;
const EVENT_LEVEL_MASK = 7;

/** An event as it is read. */
export interface EventRead {
  readonly name: string;
  readonly time: number;
  readonly level: number;
  readonly fields: number;
  readonly isCut: boolean;
}

/** Events in chains of cells, the last one first. */
export class EventStore {
  /** Names of events, which stay: the first that come. */
  readonly #names: Interned;
  readonly #cells: Cells;
  readonly #fields: FieldStore;
  readonly #maxText: number;
  readonly #maxName: number;

  constructor(cells: Cells, fields: FieldStore, maxNames: number, maxText: number) {
    this.#names = new Interned([], maxNames, () => {});
    this.#cells = cells;
    this.#fields = fields;
    this.#maxText = maxText;
    this.#maxName = Math.min(MAX_EVENT_NAME, maxText);
  }

  /** Makes an event that is of no span yet; no cell if there is no room. */
  make(name: string, level: number, fields: Fields | undefined, time: number): number {
    const cells = this.#cells;
    const chain = fields === undefined ? NO_CELL : this.#fields.addAll(NO_CELL, fields);
    const cell = cells.take();
    if (cell === NO_CELL) {
      this.#fields.free(chain);
      return NO_CELL;
    }
    const { words, numbers } = cells;
    const at = cell * WORDS;
    words[at + NEXT] = NO_CELL;
    words[at + EVENT_FIELDS] = chain;
    numbers[at / 2 + EVENT_TIME] = time;
    // Most events have one of a few names. Others, and long ones, stand with the event.
    const index = name.length <= this.#maxName ? this.#names.refer(name) : UNKNOWN;
    if (index === UNKNOWN) {
      this.#writeName(cell, name, level);
    } else {
      words[at + EVENT_BITS] = level | EVENT_NAMED;
      words[at + EVENT_HOW] = index;
    }
    return cell;
  }

  #writeName(cell: number, name: string, level: number): void {
    const { words } = this.#cells;
    const at = cell * WORDS;
    const length = lengthWithin(name, this.#maxText);
    const how = this.#cells.writeText(cell, EVENT_TEXT_AT, name, length);
    const isCut = length < name.length || (how & CUT) !== 0;
    if (isCut) this.#fields.cut++;
    words[at + EVENT_BITS] = isCut ? level | EVENT_CUT : level;
    words[at + EVENT_HOW] = how;
  }

  /** Reads a chain, in the order in which its events were added. */
  read(head: number): EventRead[] {
    const { words, numbers } = this.#cells;
    const events: EventRead[] = [];
    for (let cell = head; cell !== NO_CELL;) {
      const at = cell * WORDS;
      const bits = words[at + EVENT_BITS]!;
      events.push({
        name: (bits & EVENT_NAMED) !== 0
          ? this.#names.textOf(words[at + EVENT_HOW]!)
          : this.#cells.readText(cell, EVENT_TEXT_AT, words[at + EVENT_HOW]!),
        time: numbers[at / 2 + EVENT_TIME]!,
        level: bits & EVENT_LEVEL_MASK,
        fields: words[at + EVENT_FIELDS]!,
        isCut: (bits & EVENT_CUT) !== 0,
      });
      cell = words[at + NEXT]!;
    }
    return events.reverse();
  }

  /** Gives back a chain. */
  free(cell: number): void {
    const { words } = this.#cells;
    while (cell !== NO_CELL) {
      const at = cell * WORDS;
      const next = words[at + NEXT]!;
      if ((words[at + EVENT_BITS]! & EVENT_NAMED) === 0) {
        this.#cells.giveMore(cell, EVENT_TEXT_AT, words[at + EVENT_HOW]!);
      }
      this.#fields.free(words[at + EVENT_FIELDS]!);
      this.#cells.give(cell);
      cell = next;
    }
  }
}
