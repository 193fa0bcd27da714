import type { SpanColumns } from "./_columns.ts";
import { NONE } from "./_commit_log.ts";

/** Slots in the order in which they came, linked by a column: a slot stands in one such queue at a time. All costs O(1). */
export class SlotQueue {
  readonly #columns: SpanColumns;
  #head = NONE;
  #tail = NONE;
  #size = 0;

  constructor(columns: SpanColumns) {
    this.#columns = columns;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The first one; none if there is none. */
  get head(): number {
    return this.#head;
  }

  push(slot: number): void {
    const { links } = this.#columns;
    links[slot] = NONE;
    if (this.#tail === NONE) this.#head = slot;
    else links[this.#tail] = slot;
    this.#tail = slot;
    this.#size++;
  }

  /** Takes out the first one; none if there is none. */
  shift(): number {
    const slot = this.#head;
    if (slot === NONE) return NONE;
    this.#head = this.#columns.links[slot]!;
    if (this.#head === NONE) this.#tail = NONE;
    this.#size--;
    return slot;
  }
}
