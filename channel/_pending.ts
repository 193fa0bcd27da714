import { Waiter, type WaiterList } from "./_waiters.ts";

/** A send, of one value or of several, that waits for room. */
export class PendingSend<T> extends Waiter<void> {
  // The values that were not taken when the wait began, their sizes if the channel measures, and how many were taken since.
  readonly #values: readonly T[];
  readonly #sizes: readonly number[] | undefined;
  #taken = 0;
  readonly #giveBack: (unsent: T[]) => unknown;
  readonly #onAbort: () => void;

  constructor(
    list: WaiterList<PendingSend<T>>,
    resolve: () => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
    values: readonly T[],
    sizes: readonly number[] | undefined,
    giveBack: (unsent: T[]) => unknown,
    onAbort: () => void,
  ) {
    super(list as WaiterList<Waiter<void>>, resolve, reject, signal);
    this.#values = values;
    this.#sizes = sizes;
    this.#giveBack = giveBack;
    this.#onAbort = onAbort;
  }

  override abort(reason: unknown): void {
    this.giveBack();
    this.reject(reason);
    this.#onAbort();
  }

  /** Returns what was not taken to its owner, and answers it in the shape that errors carry. */
  giveBack(): unknown {
    return this.#giveBack(this.#values.slice(this.#taken));
  }

  /** The size of the next value. */
  get size(): number {
    return this.#sizes === undefined ? 0 : this.#sizes[this.#taken]!;
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
