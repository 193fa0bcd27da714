/** Who is to know that something is closed. */
export class Closing {
  readonly #callbacks: Set<() => void> = new Set();
  #closed = false;

  /** Whether it is. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Calls `callback` once it is closed; answers what undoes that. */
  add(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Closes it, unless it was closed before. What a callback throws comes out once all have been called. */
  close(): void {
    this.#closed = true;
    const callbacks = [...this.#callbacks];
    this.#callbacks.clear();
    const errors: unknown[] = [];
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
