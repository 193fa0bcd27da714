/** A worker that is given one task, and answers once. Leaving its scope ends it. */
export class Thread<T> implements Disposable {
  /** What it answers. */
  readonly answer: Promise<T>;
  readonly #worker: Worker;
  #hasEnded = false;

  constructor(file: URL, task: unknown) {
    this.#worker = new Worker(file, { type: "module" });
    this.answer = new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent) => resolve(data);
      this.#worker.onerror = (event: ErrorEvent) => {
        event.preventDefault();
        reject(new Error(`A worker failed: ${event.message}`));
      };
    });
    // Who ends it early does not wait for an answer.
    this.answer.catch(() => {});
    this.#worker.postMessage(task);
  }

  /** Ends it, wherever it is. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#worker.terminate();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
