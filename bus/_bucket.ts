import type { Hook } from "./_hook.ts";
import type { Queue } from "./_queue.ts";
import { Slots } from "./_slots.ts";

/** Those who asked for the same thing. */
export class Bucket<E> {
  readonly queues: Slots<Queue<E>> = new Slots();
  /** Handlers that are called with every event that leads here. */
  readonly handlers: Slots<(event: E) => unknown> = new Slots();
  /** All others, which must be asked before. */
  readonly particular: Slots<Hook<E>> = new Slots();

  /** Whether nobody is here. */
  get isEmpty(): boolean {
    return this.queues.live + this.handlers.live + this.particular.live === 0;
  }
}
