import type { Reading } from "./_reading.ts";
import type { RingFrame } from "./frame.ts";

/** One lane of a ring: how frames get in, and how they are read. */
export interface Lane {
  /** The counter of the next frame. */
  head(): number;
  /** Where the frames begin that are there: neither overwritten, nor being overwritten, nor emptied away. */
  floor(): number;
  /** Where the lane begins since it was emptied last. */
  base(): number;
  /** Writes one frame; answers its counter. */
  publish(payload: Uint8Array, kind: number, node: number, version: number): number;
  /** Writes frames with counters in a row; answers that of the first. */
  publishBatch(
    payloads: readonly Uint8Array[],
    kind: number,
    node: number,
    version: number,
  ): number;
  /** Reads what is between `reading.next` and the head. */
  read(reading: Reading): void;
  /** Reads one frame, if it is there. */
  get(counter: number): RingFrame | undefined;
  /** Empties the lane: what was published before is gone. */
  reset(): void;
}
