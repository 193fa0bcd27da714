import type { Hook } from "./_hook.ts";
import { Queue } from "./_queue.ts";
import { Slots } from "./_slots.ts";

/** Those who asked for the same thing. */
export class Bucket<E> {
  queues: Slots<Queue<E>> = EMPTY;
  /** Handlers that are called with every event that leads here. */
  handlers: Slots<(event: E) => unknown> = EMPTY;
  /** All others, which must be asked before. */
  particular: Slots<Hook<E>> = EMPTY;

  /** Whether all who are here are handlers that need not be asked. */
  hasHandlersOnly = false;

  /** Whether nobody is here. */
  get isEmpty(): boolean {
    return this.queues.live + this.handlers.live + this.particular.live === 0;
  }

  /** Adds one whose id is larger than those that were added before. */
  add(outlet: Queue<E> | Hook<E>): void {
    // Most buckets have those of one kind.
    if (outlet instanceof Queue) {
      if (this.queues === EMPTY) this.queues = new Slots();
      this.queues.add(outlet, outlet);
    } else if (outlet.isPlain) {
      if (this.handlers === EMPTY) this.handlers = new Slots();
      this.handlers.add(outlet, outlet.handler);
    } else {
      if (this.particular === EMPTY) this.particular = new Slots();
      this.particular.add(outlet, outlet);
    }
    this.hasHandlersOnly = this.queues.live + this.particular.live === 0;
  }

  /** Takes one out, and answers where its place is empty now. */
  delete(outlet: Queue<E> | Hook<E>): Slots<unknown> {
    const slots = outlet instanceof Queue
      ? this.queues
      : outlet.isPlain
      ? this.handlers
      : this.particular;
    slots.delete(outlet);
    this.hasHandlersOnly = this.queues.live + this.particular.live === 0;
    return slots;
  }
}

const EMPTY: Slots<never> = new Slots();
