import type { SpanColumns } from "./_columns.ts";
import { NONE } from "./_commit_log.ts";

/** Spans that are kept longer than the rest, in a list in the order in which they came to it. */
export class Reserve {
  readonly #columns: SpanColumns;
  #head = NONE;
  #tail = NONE;
  #size = 0;

  constructor(columns: SpanColumns) {
    this.#columns = columns;
  }

  get size(): number {
    return this.#size;
  }

  push(slot: number): void {
    const { links } = this.#columns;
    links[slot] = NONE;
    if (this.#tail === NONE) this.#head = slot;
    else links[this.#tail] = slot;
    this.#tail = slot;
    this.#size++;
  }

  /** Takes out the one that has been here longest; none if there is none. */
  shift(): number {
    const slot = this.#head;
    if (slot === NONE) return NONE;
    this.#head = this.#columns.links[slot]!;
    if (this.#head === NONE) this.#tail = NONE;
    this.#size--;
    return slot;
  }
}
