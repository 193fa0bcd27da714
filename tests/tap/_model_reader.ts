import type { TapEndReason } from "../../tap/mod.ts";
import type { NaiveEvent, NaiveTap } from "./_model.ts";
import type { GameOptions } from "./_model_world.ts";

/** In so many parts a reservoir gives out what it has chosen. */
const PARTS = 8;

/** What becomes of the events that a session has decided to take: its buffer, its reservoir, its counts and its readers. */
export class NaiveReader {
  readonly tap: NaiveTap;
  readonly id: number;
  readonly options: GameOptions;
  reason: TapEndReason | undefined;
  captured = 0;
  dropped = 0;
  counted = 0;
  bytes = 0;
  readonly stages: string[] = [];
  readonly replay: NaiveEvent[] = [];
  readonly buffer: NaiveEvent[] = [];
  readonly read: NaiveEvent[] = [];
  /** How many readers wait, each of which takes the next event past the buffer. */
  waiting = 0;
  /** The values that were counted since they were told. */
  counts: unknown[] = [];
  /** What a reservoir holds, with the place in time of each. */
  held: { readonly order: number; readonly event: NaiveEvent }[] = [];
  /** What it has chosen of the interval before. */
  chosen: NaiveEvent[] = [];
  #partsLeft = PARTS;
  #offered = 0;

  constructor(tap: NaiveTap, id: number, options: GameOptions) {
    this.tap = tap;
    this.id = id;
    this.options = options;
  }

  end(_reason: TapEndReason): void {}

  /** Takes an event in, or drops it, or others for it; `weight` is what is lost with it. Answers whether it was taken. */
  admit(event: NaiveEvent, weight = 1): boolean {
    const { limit = Infinity, maxBytes = Infinity, overflow } = this.options;
    const { bufferEvents, maxBytes: bufferBytes } = this.tap.bounds;
    const size = 2 * event.line.length;
    if (this.bytes + event.line.length + 1 > maxBytes) {
      this.dropped += weight;
      this.end("bytes");
      return false;
    }
    const hasRoom = (): boolean =>
      this.buffer.length < bufferEvents &&
      this.buffer.reduce((sum, { line }) => sum + 2 * line.length, size) <= bufferBytes;
    if (size > bufferBytes || !(this.waiting > 0 || hasRoom() || overflow === "drop-oldest")) {
      this.dropped += weight;
      return false;
    }
    this.captured++;
    this.bytes += event.line.length + 1;
    if (this.waiting > 0) {
      this.waiting--;
      this.read.push(event);
    } else {
      while (!hasRoom()) {
        this.buffer.shift();
        this.captured--;
        this.dropped++;
      }
      this.buffer.push(event);
    }
    if (this.captured >= limit) this.end("limit");
    return true;
  }

  /** What its readers do once it is their turn: they take all there is, and wait. */
  letRead(): void {
    if (this.options.readers === 0) return;
    this.read.push(...this.replay.splice(0), ...this.buffer.splice(0));
    this.waiting = this.reason === undefined ? this.options.readers : 0;
  }

  /** What somebody takes who does not wait. */
  take(max: number): NaiveEvent[] {
    const source = this.replay.length > 0 ? this.replay : this.buffer;
    const taken = source.splice(0, max);
    this.read.push(...taken);
    return taken;
  }

  tellCounts(): void {
    const { limit = Infinity } = this.options;
    const total = this.counts.length;
    const hasRoom = this.buffer.length < this.tap.bounds.bufferEvents && this.captured < limit;
    if (total === 0 || !hasRoom && this.reason === undefined) return;
    const groups = Map.groupBy(
      this.counts.filter((value) => value !== undefined),
      (value) => value,
    );
    const counts = [...groups].map(([value, { length: count }]) => ({ value, count }))
      .toSorted((a, b) => b.count - a.count);
    const none = this.counts.filter((value) => value === undefined).length;
    const line = JSON.stringify({ counts, none, other: 0, total });
    this.counts = [];
    const event = this.tap.makeEvent(this.options.stage.join(","), line, line);
    if (hasRoom && this.admit(event, total)) return;
    this.counted -= total;
    if (!hasRoom) this.dropped += total;
  }

  /** Whether the reservoir takes the next event. */
  choose(): boolean {
    const size = this.options.reservoir!;
    this.#offered++;
    return this.held.length < size || this.tap.random() * this.#offered < size;
  }

  /** Answers whether another had to go for it. */
  put(event: NaiveEvent): boolean {
    const isFull = this.held.length === this.options.reservoir;
    const place = isFull ? Math.floor(this.tap.random() * this.held.length) : this.held.length;
    this.held[place] = { order: this.#offered, event };
    return isFull;
  }

  takeReleased(): NaiveEvent[] {
    return this.chosen.splice(0, Math.ceil(this.chosen.length / this.#partsLeft));
  }

  endRelease(): void {
    if (--this.#partsLeft > 0) return;
    this.#partsLeft = PARTS;
    this.chosen = this.#takeHeld();
  }

  flush(): void {
    const { limit = Infinity } = this.options;
    if (this.options.countBy !== undefined) this.tellCounts();
    for (const event of [...this.chosen.splice(0), ...this.#takeHeld()]) {
      if (this.captured >= limit) this.dropped++;
      else this.admit(event);
    }
  }

  #takeHeld(): NaiveEvent[] {
    const events = this.held.toSorted((a, b) => a.order - b.order).map(({ event }) => event);
    this.held = [];
    this.#offered = 0;
    return events;
  }
}
