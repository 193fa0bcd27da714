import { NONE } from "./_commit_log.ts";
import { Heap } from "./_heap.ts";
import { SlotQueue } from "./_slot_queue.ts";
import { OPEN, OVERDUE, type SpanColumns, STATE_MASK } from "./_columns.ts";

/** In which order spans that have ended go out. */
export interface Retention {
  /** A span has begun. */
  opened(slot: number): void;
  /** A span has ended. */
  closed(slot: number): void;
  /** A span that had ended has come from elsewhere, at this time. */
  recorded(slot: number, now: number): void;
  /** Takes out the one that goes first. */
  take(): number;
}

/** A span that stands in no list, when it was opened, and the order among those that were opened at the same time. */
interface Late {
  readonly slot: number;
  readonly start: number;
  readonly order: number;
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
  readonly #opened: SlotQueue;
  readonly #late: Heap<Late> = new Heap((one, other) =>
    one.start - other.start < 0 || (one.start === other.start && one.order < other.order)
  );
  #order = 0;

  constructor(columns: SpanColumns) {
    this.#columns = columns;
    this.#opened = new SlotQueue(columns);
  }

  opened(slot: number): void {
    this.#opened.push(slot);
  }

  closed(slot: number): void {
    const { flags, starts, links } = this.#columns;
    if ((flags[slot]! & OVERDUE) === 0) return;
    this.#late.push({ slot, start: starts[slot]!, order: links[slot]! });
  }

  recorded(slot: number, now: number): void {
    // One whose clock is ahead would stay until it is overtaken.
    const start = Math.min(this.#columns.starts[slot]!, now);
    this.#late.push({ slot, start, order: this.#order++ });
  }

  take(): number {
    const { flags, links, starts } = this.#columns;
    let slot: number;
    while ((slot = this.#opened.head) !== NONE && (flags[slot]! & STATE_MASK) === OPEN) {
      this.#opened.shift();
      flags[slot]! |= OVERDUE;
      links[slot] = this.#order++;
    }
    const { top } = this.#late;
    if (top === undefined || (slot !== NONE && top.start > starts[slot]!)) {
      return this.#opened.shift();
    }
    this.#late.pop();
    return top.slot;
  }
}

/** The oldest ended first. */
export class OldestClosed implements Retention {
  readonly #closed: SlotQueue;

  constructor(columns: SpanColumns) {
    this.#closed = new SlotQueue(columns);
  }

  opened(): void {}

  closed(slot: number): void {
    this.#closed.push(slot);
  }

  recorded(slot: number): void {
    this.#closed.push(slot);
  }

  take(): number {
    return this.#closed.shift();
  }
}
