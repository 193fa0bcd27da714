import { Reading } from "./_reading.ts";
import { frames, type RingFrame } from "./frame.ts";

/** How many frames are read at once at most where they are used again. */
const MOST_FRAMES = 32;
/** How many bytes they have together, unless one alone has more. */
const MOST_BYTES = 65_536;

/** Frames that are used again and again, each with bytes of its own: reading by them makes no garbage. */
export class FramePool {
  /** How many frames there are. */
  readonly size: number;
  /** A look whose frames are those here. */
  readonly reading: Reading = new Reading();
  readonly frames: RingFrame[] = [];
  readonly bytes: Uint8Array[] = [];
  readonly words: Int32Array[] = [];

  constructor(payloadCapacity: number) {
    const length = (payloadCapacity + 3) & ~3;
    this.size = Math.max(1, Math.min(MOST_FRAMES, Math.floor(MOST_BYTES / Math.max(1, length))));
    this.reading.pool = this;
    this.reading.frames = this.frames;
    for (let index = 0; index < this.size; index++) {
      const buffer = new ArrayBuffer(length);
      this.bytes.push(new Uint8Array(buffer));
      this.words.push(new Int32Array(buffer));
      this.frames.push(frames.create(0, 0, 0, 0, 0, buffer, 0, 0));
    }
  }

  /** Puts two frames in each other's place. */
  swap(one: number, other: number): void {
    for (const list of [this.frames, this.bytes, this.words] as unknown[][]) {
      [list[one], list[other]] = [list[other], list[one]];
    }
  }
}
