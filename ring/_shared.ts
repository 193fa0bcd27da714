import { addToCounter, MAX_COUNTER } from "./_counter.ts";
import { fence } from "./_fence.ts";
import type { Lane } from "./_lane.ts";
import type { LaneMemory } from "./_memory.ts";
import { Reading } from "./_reading.ts";
import type { RingFrame } from "./frame.ts";
import { HEAD, LAPPED, MARK, markOf } from "./layout.ts";

/** How often a frame is looked at again that is whole by its mark and not by its checksum. */
const MAX_ATTEMPTS = 3;

/**
 * A lane that many write to. A writer takes the next counter by moving the head, claims the slot for it by a compare-exchange of the slot's
 * mark, writes, and commits by another. It never waits for the writer that had the slot a round before: it takes the slot over, alive or
 * dead as that writer may be, and the other's commit fails. What a writer that was stopped for a whole round scribbles into a slot then
 * does not agree with the frame's checksum, and the frame is counted as unavailable.
 */
export class SharedLane implements Lane {
  readonly #memory: LaneMemory;
  readonly #words: Int32Array;
  readonly #headAt: number;
  readonly #stallMs: number;
  readonly #now: () => number;

  constructor(memory: LaneMemory, stallMs: number, now: () => number) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#headAt = memory.header + HEAD;
    this.#stallMs = stallMs;
    this.#now = now;
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
    return Math.max(this.head() - this.#memory.capacity, this.base());
  }

  publish(payload: Uint8Array, kind: number, node: number, version: number): number {
    const counter = this.#take(1);
    this.#write(counter, payload, kind | (node << 8), version);
    return counter;
  }

  publishBatch(
    payloads: readonly Uint8Array[],
    kind: number,
    node: number,
    version: number,
  ): number {
    const first = this.#take(payloads.length);
    for (let index = 0; index < payloads.length; index++) {
      this.#write(first + index, payloads[index]!, kind | (node << 8), version);
    }
    return first;
  }

  #take(count: number): number {
    // The second word of the head tells that the end is near; until then, nobody looks.
    if (this.#words[this.#headAt + 1] === -1 && this.head() + count > MAX_COUNTER) {
      throw new RangeError(`Cannot publish to Ring: its counters end at ${MAX_COUNTER}`);
    }
    return addToCounter(this.#words, this.#headAt, count);
  }

  #write(counter: number, payload: Uint8Array, kind: number, version: number): void {
    const words = this.#words;
    const at = this.#memory.slotOf(counter) + MARK;
    const committed = markOf(counter);
    const begun = committed - 1 | 0;
    if (!this.#begin(counter, at, begun)) return this.#wasLapped();
    fence();
    this.#memory.write(counter, payload, kind, version);
    if (Atomics.compareExchange(words, at, begun, committed) !== begun) this.#wasLapped();
  }

  /** Claims a slot from whatever is older; false if what is there is newer. */
  #begin(counter: number, at: number, begun: number): boolean {
    for (;;) {
      const mark = Atomics.load(this.#words, at);
      if (((mark - begun) | 0) >= 0 && this.#isNewer(mark, counter)) return false;
      if (Atomics.compareExchange(this.#words, at, mark, begun) === mark) return true;
    }
  }

  /** Whether a mark that looks newer than a counter's is one that a writer may have set: for the same slot, some rounds later. */
  #isNewer(mark: number, counter: number): boolean {
    const ahead = Math.ceil(((mark - markOf(counter)) | 0) / 2);
    const { capacity } = this.#memory;
    return ahead >= capacity && ahead % capacity === 0 && ahead < this.head() - counter;
  }

  #wasLapped(): void {
    Atomics.add(this.#words, this.#memory.header + LAPPED, 1);
  }

  read(reading: Reading): void {
    const head = this.head();
    // A cursor may have been made for what is not there yet, or for another ring.
    if (reading.next >= head) {
      reading.next = head;
      reading.stall = undefined;
      return;
    }
    reading.skipTo(head - this.#memory.capacity);
    while (reading.next < head && reading.room > 0) {
      const counter = reading.next;
      const found = this.#look(counter, reading);
      if (found === "begun" && this.#waits(reading, head)) return;
      if (found === "whole") {
        reading.room--;
        reading.next = counter + 1;
        continue;
      }
      reading.skipTo(Math.min(head, this.floor()));
      if (reading.next > counter) continue;
      reading.unavailable++;
      reading.next = counter + 1;
    }
    if (reading.next === head) reading.stall = undefined;
  }

  /** Whether to wait for a frame that was begun: its writer may be slow, or dead. */
  #waits(reading: Reading, head: number): boolean {
    const { stall, next } = reading;
    const now = this.#now();
    if (stall === undefined || next >= stall.head) reading.stall = { head, since: now };
    else if (now - stall.since >= this.#stallMs) return false;
    return true;
  }

  #look(counter: number, reading: Reading): "whole" | "begun" | "gone" {
    const at = this.#memory.slotOf(counter) + MARK;
    const committed = markOf(counter);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const mark = this.#memory.load(at);
      if (mark !== committed) return this.#isBegun(counter, mark) ? "begun" : "gone";
      const before = reading.count;
      const copied = this.#memory.copy(counter, reading);
      fence();
      if (copied && this.#memory.load(at) === committed) return "whole";
      reading.keep(before);
    }
    return "gone";
  }

  /** Whether the frame with a counter may still come, by the mark of its slot. */
  #isBegun(counter: number, mark: number): boolean {
    return ((mark - markOf(counter)) | 0) < 0 && counter >= this.floor();
  }

  get(counter: number): RingFrame | undefined {
    if (counter >= this.head() || counter < this.floor()) return undefined;
    const reading = new Reading();
    this.#look(counter, reading);
    return reading.frames[0];
  }

  reset(): void {
    this.#memory.setBase(this.head());
  }
}
