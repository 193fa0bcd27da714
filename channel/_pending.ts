import { Waiter, type WaiterList } from "./_waiters.ts";

/** A send, of one value or of several, that waits for room. */
export class PendingSend<T> extends Waiter<void> {
  /** The values still to be taken when the wait began. */
  readonly #values: readonly T[];
  /** Their sizes; empty in a channel that does not measure. */
  readonly #sizes: readonly number[];
  readonly #giveBack: (unsent: T[]) => unknown;
  #taken = 0;

  constructor(
    list: WaiterList<PendingSend<T>>,
    resolve: () => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
    values: readonly T[],
    sizes: readonly number[],
    giveBack: (unsent: T[]) => unknown,
  ) {
    super(list as WaiterList<Waiter<void>>, resolve, reject, signal);
    this.#values = values;
    this.#sizes = sizes;
    this.#giveBack = giveBack;
  }

  override abort(reason: unknown): void {
    this.giveBack();
    super.abort(reason);
  }

  /** Returns what was not taken to its owner, and answers it in the shape that errors carry. */
  giveBack(): unknown {
    return this.#giveBack(this.#values.slice(this.#taken));
  }

  /** The size of the next value. */
  get size(): number {
    return this.#sizes[this.#taken] ?? 0;
  }

  /** Takes the next value; the last one settles the send. */
  take(): T {
    const value = this.#values[this.#taken++] as T;
    if (this.#taken === this.#values.length) {
      this.settle();
      this.resolve();
    }
    return value;
  }
}
