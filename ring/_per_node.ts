import { advanceCounter, MAX_COUNTER, storeCounter } from "./_counter.ts";
import { fence } from "./_fence.ts";
import type { Lane } from "./_lane.ts";
import type { LaneMemory } from "./_memory.ts";
import { Reading } from "./_reading.ts";
import type { RingFrame } from "./frame.ts";
import { CLAIMED, HEAD, MARK, markOf } from "./layout.ts";

/** How many frames are copied before it is checked whether the writer has gone round meanwhile. */
const CHUNK = 32;
/** How often a reader lets itself be lapped in one look. */
const MAX_LAPS = 3;

/**
 * A lane with one writer. What is about to be written is claimed first, then written, then published by moving the head; a reader copies
 * first and looks at the claim then: what the claim has reached may be torn, and is counted as overwritten. A writer that dies between
 * the two leaves nothing behind but the claim, which the next writer of the lane never takes back.
 */
export class PerNodeLane implements Lane {
  readonly #memory: LaneMemory;
  readonly #words: Int32Array;
  readonly #claimedAt: number;
  readonly #headAt: number;
  // Only the writer has these two: what stands in the memory, without reading it.
  #head = -1;
  #claimed = 0;

  constructor(memory: LaneMemory) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#claimedAt = memory.header + CLAIMED;
    this.#headAt = memory.header + HEAD;
  }

  head(): number {
    return this.#memory.loadCounter(this.#headAt);
  }

  base(): number {
    const base = this.#memory.base();
    // Others write here: a lane cannot begin behind its end.
    return Math.min(base, this.head());
  }

  floor(): number {
    return Math.max(this.#loadClaimed() - this.#memory.capacity, this.base());
  }

  /** How far slots may be in the middle of being written: never more than a round beyond the head, whatever others have written there. */
  #loadClaimed(): number {
    const claimed = this.#memory.loadCounter(this.#claimedAt);
    return Math.min(claimed, this.head() + this.#memory.capacity);
  }

  publish(payload: Uint8Array, kind: number, node: number, version: number): number {
    const head = this.#claim(1);
    this.#write(head, payload, kind | (node << 8), version);
    this.#advance(1);
    return head;
  }

  publishBatch(
    payloads: readonly Uint8Array[],
    kind: number,
    node: number,
    version: number,
  ): number {
    const head = this.#claim(payloads.length);
    for (let index = 0; index < payloads.length; index++) {
      this.#write(head + index, payloads[index]!, kind | (node << 8), version);
    }
    this.#advance(payloads.length);
    return head;
  }

  #claim(count: number): number {
    if (this.#head < 0) this.#takeUp();
    const head = this.#head;
    const end = head + count;
    if (end > MAX_COUNTER) {
      throw new RangeError(`Cannot publish to Ring: its counters end at ${MAX_COUNTER}`);
    }
    if (end > this.#claimed) {
      advanceCounter(this.#words, this.#claimedAt, end, end - this.#claimed);
      this.#claimed = end;
      fence();
    }
    return head;
  }

  /** Goes on where the writer before ended, or died. */
  #takeUp(): void {
    this.#head = this.head();
    this.#claimed = Math.max(this.#head, this.#loadClaimed());
    storeCounter(this.#words, this.#headAt, this.#head);
    storeCounter(this.#words, this.#claimedAt, this.#claimed);
  }

  #write(counter: number, payload: Uint8Array, kind: number, version: number): void {
    this.#memory.write(counter, payload, kind, version);
    this.#words[this.#memory.slotOf(counter) + MARK] = markOf(counter);
  }

  #advance(count: number): void {
    this.#head += count;
    advanceCounter(this.#words, this.#headAt, this.#head, count);
  }

  read(reading: Reading): void {
    // The path of a reader that keeps up: the lower half of the head tells how many frames there are. Should it be 2^32 more, then the
    // slots have other frames than those that are looked for.
    const start = reading.next;
    const { capacity } = this.#memory;
    const count = (this.#memory.load(this.#headAt) - start) | 0;
    if (count > 0 && count <= CHUNK && count <= capacity && count <= reading.room) {
      const before = reading.count;
      let copied = 0;
      while (copied < count && this.#memory.copy(start + copied, reading)) copied++;
      fence();
      const claimed = (this.#memory.load(this.#claimedAt) - start) | 0;
      if (copied === count && claimed >= count && claimed <= capacity) {
        reading.next = start + count;
        reading.room -= count;
        return;
      }
      reading.keep(before);
    }
    this.#readBehind(reading);
  }

  #readBehind(reading: Reading): void {
    const { capacity } = this.#memory;
    let head = this.head();
    if (reading.next >= head) {
      // A cursor may have been made for what is not there yet, or for another ring.
      reading.next = head;
      return;
    }
    reading.skipTo(head - capacity);
    reading.skipTo(Math.min(head, this.floor()));

    for (let laps = 0; reading.next < head && reading.room > 0 && laps < MAX_LAPS;) {
      const end = Math.min(head, reading.next + Math.min(CHUNK, reading.room));
      const before = reading.count;
      for (let counter = reading.next; counter < end; counter++) {
        this.#memory.copy(counter, reading);
      }
      fence();
      const floor = this.floor();
      const wasLapped = floor > reading.next;
      if (wasLapped) {
        reading.dropBelow(floor, before);
        reading.skipTo(Math.min(floor, end));
      }
      const kept = reading.count - before;
      reading.unavailable += end - reading.next - kept;
      reading.room -= kept;
      reading.next = end;
      if (wasLapped) {
        // Where the writer has just been it will be again soon: begin a little later, or nothing is ever read.
        laps++;
        head = this.head();
        reading.skipTo(Math.min(head, floor + (capacity >> 3)));
      }
    }
  }

  get(counter: number): RingFrame | undefined {
    if (counter >= this.head()) return undefined;
    const reading = new Reading();
    this.#memory.copy(counter, reading);
    fence();
    return counter < this.floor() ? undefined : reading.frames[0];
  }

  reset(): void {
    this.#memory.setBase(this.head());
  }
}
