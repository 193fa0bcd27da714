import { byteSize, type TapEvent } from "./session.ts";

/** The last events of one stage, bounded in events and in bytes, the oldest out first. */
export class Backlog {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  // What is kept begins at `#head`; what is before it is cut off when it is as much as what is kept.
  readonly #events: (TapEvent | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #offered = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** How many events were offered so far, kept or not. */
  get offered(): number {
    return this.#offered;
  }

  /** Keeps `event`; an event that could not be written is undefined and counts as offered only. */
  add(event: TapEvent | undefined): void {
    if (this.#maxEvents === 0) return;
    this.#offered++;
    if (event === undefined || byteSize(event) > this.#maxBytes) return;
    this.#events.push(event);
    this.#bytes += byteSize(event);
    while (this.#events.length - this.#head > this.#maxEvents || this.#bytes > this.#maxBytes) {
      this.#bytes -= byteSize(this.#events[this.#head]!);
      this.#events[this.#head++] = undefined;
    }
    if (this.#head > 64 && 2 * this.#head > this.#events.length) {
      this.#events.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** The newest `count` events, the oldest of them first. */
  last(count: number): TapEvent[] {
    const start = Math.max(this.#head, this.#events.length - count);
    return this.#events.slice(start) as TapEvent[];
  }
}
