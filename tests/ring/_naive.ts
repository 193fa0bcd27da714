/** A frame as it was published. */
export interface NaiveFrame {
  readonly node: number;
  readonly counter: number;
  readonly kind: number;
  readonly version: number;
  readonly payload: Uint8Array;
}

/** What a look finds. */
export interface NaivePoll {
  readonly frames: readonly NaiveFrame[];
  readonly overwritten: number;
  /** Where the lanes' counters were, those that were beyond the head having gone back to it. */
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** A lane that keeps everything. */
interface NaiveLane {
  readonly first: number;
  readonly frames: NaiveFrame[];
  base: number;
}

/** What a ring does where nobody disturbs it, by the plainest means. */
export class NaiveRing {
  readonly capacity: number;
  readonly lanes: readonly NaiveLane[];

  constructor(capacity: number, lanes: number, first: number) {
    this.capacity = capacity;
    this.lanes = Array.from({ length: lanes }, () => ({ first, frames: [], base: first }));
  }

  head(lane: number): number {
    const { first, frames } = this.lanes[lane]!;
    return first + frames.length;
  }

  /** The counter of the oldest frame that is there, or the head. */
  oldest(lane: number): number {
    return Math.max(this.head(lane) - this.capacity, this.lanes[lane]!.base);
  }

  publish(lane: number, frame: Omit<NaiveFrame, "counter">): number {
    const counter = this.head(lane);
    this.lanes[lane]!.frames.push({ ...frame, counter });
    return counter;
  }

  reset(): void {
    for (const [index, lane] of this.lanes.entries()) lane.base = this.head(index);
  }

  read(lane: number, counter: number): NaiveFrame | undefined {
    if (lane >= this.lanes.length || counter < this.oldest(lane)) return undefined;
    return this.lanes[lane]!.frames[counter - this.lanes[lane]!.first];
  }
}

/** A cursor of such a ring. */
export class NaiveCursor {
  readonly #ring: NaiveRing;
  readonly #firstLane: number;
  readonly next: number[];
  turn = 0;
  delivered = 0;
  overwritten = 0;

  constructor(ring: NaiveRing, firstLane: number, next: readonly number[]) {
    this.#ring = ring;
    this.#firstLane = firstLane;
    this.next = [...next];
  }

  poll(max: number): NaivePoll {
    const frames: NaiveFrame[] = [];
    const from = [...this.next];
    let overwritten = 0;
    for (let step = 0; step < this.next.length && frames.length < max; step++) {
      const index = (this.turn + step) % this.next.length;
      const lane = this.#firstLane + index;
      const [head, oldest] = [this.#ring.head(lane), this.#ring.oldest(lane)];
      if (this.next[index]! > head) this.next[index] = from[index] = head;
      if (this.next[index]! < oldest) {
        overwritten += oldest - this.next[index]!;
        this.next[index] = oldest;
      }
      while (this.next[index]! < head && frames.length < max) {
        frames.push(this.#ring.read(lane, this.next[index]!++)!);
      }
      if (frames.length === max) {
        this.turn = (index + 1) % this.next.length;
        break;
      }
    }
    this.delivered += frames.length;
    this.overwritten += overwritten;
    return { frames, overwritten, from, to: [...this.next] };
  }
}
