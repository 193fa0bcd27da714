import { byteSize, type TapEvent } from "./session.ts";

/** The last events of one stage, bounded in events and in bytes, the oldest out first. */
export class Backlog {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  // A ring: the oldest event is at `#head`.
  readonly #events: (TapEvent | undefined)[] = [];
  #head = 0;
  #length = 0;
  #bytes = 0;
  #offered = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** How many events were offered and are not kept any more. */
  get missed(): number {
    return this.#offered - this.#length;
  }

  /** Keeps `event`; an event that could not be written is undefined and counts as offered only. */
  add(event: TapEvent | undefined): void {
    if (this.#maxEvents === 0) return;
    this.#offered++;
    if (event === undefined || byteSize(event) > this.#maxBytes) return;
    while (
      this.#length === this.#maxEvents || this.#bytes + byteSize(event) > this.#maxBytes
    ) this.#drop();
    this.#events[(this.#head + this.#length++) % this.#maxEvents] = event;
    this.#bytes += byteSize(event);
  }

  /** The newest `count` events, the oldest of them first. */
  last(count: number): TapEvent[] {
    const length = Math.min(count, this.#length);
    const start = this.#head + this.#length - length;
    return Array.from({ length }, (_, i) => this.#events[(start + i) % this.#maxEvents]!);
  }

  #drop(): void {
    this.#bytes -= byteSize(this.#events[this.#head]!);
    this.#events[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#maxEvents;
    this.#length--;
  }
}
