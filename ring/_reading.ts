import type { FramePool } from "./_pool.ts";
import type { RingFrame } from "./frame.ts";

/** A wait for frames that were begun and are not finished. */
export interface Stall {
  /** The head of the lane when the wait began: every frame before it was begun by then. */
  readonly head: number;
  /** When it began, in milliseconds. */
  readonly since: number;
}

/** One look at a lane: how far it went, and what it found. One object serves many looks. */
export class Reading {
  /** The counter to read next. */
  next = 0;
  /** How many frames more may be taken. */
  room = 0;
  /** How many frames were overwritten, or emptied away, before they could be read. */
  overwritten = 0;
  /** How many frames could not be read though the lane should have them. */
  unavailable = 0;
  /** The frames; those of the pool, if there is one. */
  frames: RingFrame[] = [];
  /** How many frames there are. */
  count = 0;
  /** Where frames come from that are used again; without one, frames are made. */
  pool: FramePool | undefined = undefined;
  /** Since when the reader has been waiting for frames that were begun and are not finished. */
  stall: Stall | undefined = undefined;

  /** Forgets what it found, and makes room. */
  begin(room: number): void {
    this.room = room;
    this.overwritten = this.unavailable = this.count = 0;
  }

  /** Forgets the frames from the one at `start` on whose counter is below `floor`. */
  dropBelow(floor: number, start: number): void {
    let kept = start;
    for (let index = start; index < this.count; index++) {
      if (this.frames[index]!.counter < floor) continue;
      if (this.pool === undefined) this.frames[kept] = this.frames[index]!;
      else if (kept !== index) this.pool.swap(kept, index);
      kept++;
    }
    this.keep(kept);
  }

  /** Forgets all frames but the first `count`. */
  keep(count: number): void {
    this.count = count;
    if (this.pool === undefined && this.frames.length > count) this.frames.length = count;
  }

  /** Goes on at a counter; what is before it was overwritten. */
  skipTo(counter: number): void {
    if (counter <= this.next) return;
    this.overwritten += counter - this.next;
    this.next = counter;
  }
}
