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

  /** Closes it; false if it was closed before. */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    for (const callback of [...this.#callbacks]) callback();
    this.#callbacks.clear();
    return true;
  }
}
