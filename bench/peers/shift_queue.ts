/**
 * What people write by hand: an array with `shift`, and promises to wake whoever waits. One writer, one reader.
 *
 * @typeParam T The type of the values.
 */
export class ShiftQueue<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #values: T[] = [];
  #closed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Creates a queue of at most `capacity` values. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds a value, once there is room. */
  async push(value: T): Promise<void> {
    while (this.#values.length >= this.#capacity) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    this.#values.push(value);
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  /** Ends the reader once it has everything. */
  close(): void {
    this.#closed = true;
    this.#wakeReader?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<T> {
    for (;;) {
      while (this.#values.length > 0) {
        const value = this.#values.shift() as T;
        this.#wakeWriter?.();
        this.#wakeWriter = undefined;
        yield value;
      }
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }
}
