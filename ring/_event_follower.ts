import { reportUncaught } from "../internal/mod.ts";
import { type CursorState, RingCursor, stateOf } from "./cursor.ts";
import type { EventRingFollowOptions, RingEvent, RingEventLoss } from "./events.ts";
import type { RingFollower } from "./follower.ts";
import { frames, type RingFrame } from "./frame.ts";
import { type Ring, rings } from "./ring.ts";

/**
 * Hands out events one by one. Frames are read ahead by a cursor of its own; that of the caller follows with each event that is handed
 * out, and with each loss that is told. Beneath is an iteration over the batches that are read ahead, which does all of the waiting.
 */
export class EventFollower<T> implements RingFollower<RingEvent<T>> {
  readonly cursor: RingCursor;
  readonly #ring: Ring;
  readonly #at: CursorState;
  readonly #ahead: RingCursor;
  readonly #batches: RingFollower<true>;
  readonly #signal: AbortSignal | undefined;
  readonly #poll: { readonly max?: number };
  readonly #read: (frame: RingFrame) => RingEvent<T> | "filtered" | undefined;
  readonly #onLag: (lost: RingEventLoss) => void;
  /** What was read ahead, and how many of it the cursor has passed; undefined once it has passed all, or at the end. */
  #frames: readonly RingFrame[] | undefined;
  #passed = 0;
  /** How many frames were overwritten on the way to what was read ahead, and not passed yet. */
  #overwritten = 0;
  /** What was lost and not told yet. */
  #lost: { overwritten: number; unavailable: number; undecodable: number } | undefined;
  #last: Promise<unknown> | undefined;

  constructor(
    ring: Ring,
    cursor: RingCursor,
    options: EventRingFollowOptions,
    read: (frame: RingFrame) => RingEvent<T> | "filtered" | undefined,
    onLag: (lost: RingEventLoss) => void,
  ) {
    const { signal, max } = options;
    this.cursor = cursor;
    this.#at = stateOf(cursor)!;
    this.#ring = ring;
    this.#signal = signal;
    this.#poll = max === undefined ? {} : { max };
    this.#read = read;
    this.#onLag = onLag;
    this.#batches = rings.follow(ring, cursor, options, () => this.#readAhead());
    const { node } = cursor;
    this.#ahead = RingCursor.at(ring, cursor.counters, node === undefined ? {} : { node });
  }

  next(): Promise<IteratorResult<RingEvent<T>>> {
    // One at a time, in the order of the calls.
    if (this.#last !== undefined) {
      return this.#track(this.#last.then(() => this.#step(), () => this.#step()));
    }
    const event = this.#take();
    return event === undefined
      ? this.#track(this.#wait())
      : Promise.resolve({ value: event, done: false });
  }

  #track(result: Promise<IteratorResult<RingEvent<T>>>): Promise<IteratorResult<RingEvent<T>>> {
    this.#last = result;
    const forget = (): void => {
      if (this.#last === result) this.#last = undefined;
    };
    result.then(forget, forget);
    return result;
  }

  async #step(): Promise<IteratorResult<RingEvent<T>>> {
    const value = this.#take();
    return value === undefined ? await this.#wait() : { value, done: false };
  }

  async #wait(): Promise<IteratorResult<RingEvent<T>>> {
    for (;;) {
      // It rejects with the reason of the signal, and is done when the ring is closed.
      const { done } = await this.#batches.next();
      if (done) return { value: undefined, done: true };
      const value = this.#take();
      if (value !== undefined) return { value, done: false };
    }
  }

  /** Reads ahead from where the cursor is; nothing that was read ahead before is left. */
  #readAhead(): true | undefined {
    const at = this.#at;
    const ahead = stateOf(this.#ahead)!;
    ahead.next.set(at.next);
    ahead.turn = at.turn;
    ahead.stall = at.stall;
    const { frames, lost, from, to } = this.#ring.poll(this.#ahead, this.#poll);
    at.stall = ahead.stall;
    // One beyond the head goes back to it at once.
    ahead.next.forEach((counter, index) => {
      if (counter < at.next[index]!) at.next[index] = counter;
    });
    if (from === to) return undefined;
    this.#frames = frames;
    this.#passed = 0;
    this.#overwritten = lost.overwritten;
    return true;
  }

  /** Moves the cursor to the next event of what was read ahead, and behind it. */
  #take(): RingEvent<T> | undefined {
    while (this.#frames !== undefined && this.#goesOn()) {
      const frame = this.#frames[this.#passed];
      if (frame === undefined) {
        this.#finish();
        break;
      }
      const { next, firstLane } = this.#at;
      const index = frames.lane(frame) - firstLane;
      // Somebody else may have moved the cursor on.
      if (frame.counter < next[index]!) {
        this.#passed++;
        continue;
      }
      this.#pass(index, frame.counter);
      const event = this.#read(frame);
      if (typeof event === "object" && this.#lost !== undefined) {
        // Told before the event is passed: whatever is done about it finds the cursor before the event.
        this.#tell();
        continue;
      }
      this.#passed++;
      next[index] = frame.counter + 1;
      this.#at.delivered++;
      if (typeof event === "object") return event;
      if (event === undefined) this.#lose(0, 0, 1);
    }
    return undefined;
  }

  /** Whether anything may be handed out, or told, still. */
  #goesOn(): boolean {
    return !this.#ring.closed && !this.#signal?.aborted;
  }

  /** Passes what was lost behind the last frames that were read ahead. */
  #finish(): void {
    const { next, turn } = stateOf(this.#ahead)!;
    next.forEach((counter, index) => this.#pass(index, counter));
    this.#at.turn = turn;
    this.#frames = undefined;
    if (this.#lost !== undefined) this.#tell();
  }

  /** Moves the cursor to a counter of a lane; the frames before it were lost. */
  #pass(index: number, counter: number): void {
    const at = this.#at;
    const lost = counter - at.next[index]!;
    if (lost <= 0) return;
    at.next[index] = counter;
    const overwritten = Math.min(lost, this.#overwritten);
    this.#overwritten -= overwritten;
    at.overwritten += overwritten;
    at.unavailable += lost - overwritten;
    this.#lose(overwritten, lost - overwritten, 0);
  }

  #lose(overwritten: number, unavailable: number, undecodable: number): void {
    const lost = this.#lost ??= { overwritten: 0, unavailable: 0, undecodable: 0 };
    lost.overwritten += overwritten;
    lost.unavailable += unavailable;
    lost.undecodable += undecodable;
  }

  #tell(): void {
    const lost = this.#lost!;
    this.#lost = undefined;
    try {
      this.#onLag(lost);
    } catch (error) {
      reportUncaught(error);
    }
  }

  #end(): Promise<unknown> {
    this.#frames = undefined;
    return this.#batches.return!();
  }

  async return(value?: unknown): Promise<IteratorResult<RingEvent<T>>> {
    await this.#end();
    return { value: await value, done: true };
  }

  async throw(reason?: unknown): Promise<IteratorResult<RingEvent<T>>> {
    await this.#end();
    throw reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
