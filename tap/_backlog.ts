import { byteSize, type TapEvent } from "./event.ts";

/** The last events of one stage, bounded in events, in bytes and in age, the oldest out first. */
export class Backlog {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  // What is kept begins at `#head`; what is before it is cut off when it is as much as what is kept.
  readonly #events: (TapEvent | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #offered = 0;
  // The newest that is not kept any more, or could not be.
  #forgotten = 0;

  constructor(maxEvents: number, maxBytes: number, maxAgeMs: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
    this.#maxAgeMs = maxAgeMs;
  }

  /** How many events that can be shown were offered so far, kept or not. */
  get offered(): number {
    return this.#offered;
  }

  /** Keeps `event`; nobody misses one that could not be written, which is undefined. */
  add(event: TapEvent | undefined): void {
    if (event === undefined) return;
    this.#offered++;
    if (byteSize(event) > this.#maxBytes) {
      this.#forgotten = event.seq;
      return;
    }
    this.#events.push(event);
    this.#bytes += byteSize(event);
    while (this.#events.length - this.#head > this.#maxEvents || this.#bytes > this.#maxBytes) {
      this.#forget();
    }
    this.expire(event.time);
    if (this.#head > 64 && 2 * this.#head > this.#events.length) {
      this.#events.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Forgets what is too old. */
  expire(now: number): void {
    if (this.#maxAgeMs === Infinity) return;
    while (
      this.#head < this.#events.length && now - this.#events[this.#head]!.time > this.#maxAgeMs
    ) {
      this.#forget();
    }
  }

  /** What is kept, the oldest first. */
  kept(): TapEvent[] {
    return this.#events.slice(this.#head) as TapEvent[];
  }

  /** Whether everything behind an event is there. */
  reaches(seq: number): boolean {
    return seq >= this.#forgotten;
  }

  #forget(): void {
    const event = this.#events[this.#head]!;
    this.#bytes -= byteSize(event);
    this.#forgotten = Math.max(this.#forgotten, event.seq);
    this.#events[this.#head++] = undefined;
  }
}
