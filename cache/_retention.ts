import { NONE } from "./_commit_log.ts";
import { OPEN, OVERDUE, type SpanColumns, STATE_MASK } from "./_columns.ts";

/** In which order spans that have ended go out. */
export interface Retention {
  /** A span has begun. */
  opened(slot: number): void;
  /** A span has ended. */
  closed(slot: number): void;
  /** A span that had ended has come from elsewhere. */
  recorded(slot: number): void;
  /** Takes out the one that goes first. */
  take(): number;
}

/**
 * The oldest opened first.
 *
 * Those of this process stand in a list in the order in which they were opened, running ones too. A running one that comes to its head is older
 * than all others: it leaves the list, and when it ends, it goes to a heap, as do those that come from elsewhere. So all costs O(1), but
 * for what is older than everything.
 */
export class OldestOpened implements Retention {
  readonly #columns: SpanColumns;
  readonly #heap: number[] = [];
  #head = NONE;
  #tail = NONE;
  #order = 0;

  constructor(columns: SpanColumns) {
    this.#columns = columns;
  }

  opened(slot: number): void {
    const { links } = this.#columns;
    links[slot] = NONE;
    if (this.#tail === NONE) this.#head = slot;
    else links[this.#tail] = slot;
    this.#tail = slot;
  }

  closed(slot: number): void {
    if ((this.#columns.flags[slot]! & OVERDUE) !== 0) this.#push(slot);
  }

  recorded(slot: number): void {
    this.#columns.links[slot] = this.#order++;
    this.#push(slot);
  }

  take(): number {
    const { flags, links, starts } = this.#columns;
    let slot: number;
    while ((slot = this.#head) !== NONE && (flags[slot]! & STATE_MASK) === OPEN) {
      this.#shift();
      flags[slot]! |= OVERDUE;
      links[slot] = this.#order++;
    }
    if (this.#heap.length > 0) {
      const top = this.#heap[0]!;
      if (slot === NONE || starts[top]! <= starts[slot]!) return this.#pop();
    }
    if (slot !== NONE) this.#shift();
    return slot;
  }

  #shift(): void {
    this.#head = this.#columns.links[this.#head]!;
    if (this.#head === NONE) this.#tail = NONE;
  }

  #isBefore(one: number, other: number): boolean {
    const { links, starts } = this.#columns;
    const difference = starts[one]! - starts[other]!;
    return difference === 0 ? links[one]! < links[other]! : difference < 0;
  }

  #push(slot: number): void {
    const heap = this.#heap;
    let at = heap.push(slot) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(slot, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = slot;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0]!;
    const slot = heap.pop()!;
    const size = heap.length;
    if (size === 0) return top;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, slot)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = slot;
    return top;
  }
}

/** The oldest ended first: those that have ended stand in a list in that order. */
export class OldestClosed implements Retention {
  readonly #columns: SpanColumns;
  #head = NONE;
  #tail = NONE;

  constructor(columns: SpanColumns) {
    this.#columns = columns;
  }

  opened(): void {}

  closed(slot: number): void {
    const { links } = this.#columns;
    links[slot] = NONE;
    if (this.#tail === NONE) this.#head = slot;
    else links[this.#tail] = slot;
    this.#tail = slot;
  }

  recorded(slot: number): void {
    this.closed(slot);
  }

  take(): number {
    const slot = this.#head;
    if (slot === NONE) return NONE;
    this.#head = this.#columns.links[slot]!;
    if (this.#head === NONE) this.#tail = NONE;
    return slot;
  }
}
