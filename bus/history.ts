import { checkInteger } from "../internal/mod.ts";

/**
 * An event that a history keeps.
 *
 * @typeParam E The events.
 */
export interface BusRecord<E> {
  /** Its number: a positive integer, larger than those of the events before. */
  readonly seq: number;
  /** The event. */
  readonly event: E;
}

/**
 * What a history knows of the time behind a number.
 *
 * @typeParam E The events.
 */
export interface BusHistoryRead<E> {
  /** The events with larger numbers, the oldest first. */
  readonly records: readonly BusRecord<E>[];
  /** How many events with larger numbers are not kept any more. */
  readonly missed: number;
}

/**
 * Where a {@linkcode Bus} keeps what it has published, for those who subscribe later. A number in its place keeps so many events in memory;
 * {@linkcode ringHistory} keeps them in a ring.
 *
 * @typeParam E The events.
 */
export interface BusHistory<E> {
  /**
   * Names the history for those who come back to it after a restart, in visible ASCII characters. Without it the history is taken to be as old
   * as the bus.
   */
  readonly id?: string | undefined;

  /**
   * The number of the event that was kept last; 0 if there is none. Without it, that is what `add` answered last: for a history that does not
   * outlive its bus.
   */
  readonly last?: number | undefined;

  /**
   * Keeps an event. What it throws goes to the bus's `onError`, and the event is published all the same.
   *
   * @param event The event.
   * @returns Its number.
   */
  add(event: E): number;

  /**
   * Reads what is kept.
   *
   * @param after A number; 0 reads everything.
   */
  read(after: number): BusHistoryRead<E>;
}

/** The last events of a bus, in memory. */
export class MemoryHistory<E> implements BusHistory<E> {
  // The event with the number n is at n modulo the capacity.
  readonly #records: BusRecord<E>[] = [];
  readonly #capacity: number;
  #last = 0;

  constructor(capacity: number) {
    checkInteger("create Bus", "history", capacity, 1);
    this.#capacity = capacity;
  }

  get last(): number {
    return this.#last;
  }

  add(event: E): number {
    const seq = ++this.#last;
    this.#records[seq % this.#capacity] = { seq, event };
    return seq;
  }

  read(after: number): BusHistoryRead<E> {
    const oldest = Math.max(1, this.#last - this.#capacity + 1);
    const records: BusRecord<E>[] = [];
    for (let seq = Math.max(oldest, after + 1); seq <= this.#last; seq++) {
      records.push(this.#records[seq % this.#capacity]!);
    }
    return { records, missed: Math.max(0, oldest - after - 1) };
  }
}
