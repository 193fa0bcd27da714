import type { Host } from "./host.ts";

/** How much text may wait to be written before {@linkcode Output.write} waits, in UTF-16 code units. */
const MAX_PENDING = 1_048_576;

/** Writes to standard output what comes while the write before is under way in one piece, so that many lines cost few writes. */
export class Output {
  readonly #host: Host;
  #pending = "";
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Whether writing has failed: nobody reads any more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Writes text, now or soon. Fulfilled at once unless a lot is waiting. */
  async write(text: string): Promise<void> {
    if (this.failed) return;
    this.#pending += text;
    this.#writing ??= this.#drain();
    if (this.#pending.length > MAX_PENDING) await this.#writing;
  }

  /** Fulfilled once everything is written, or cannot be. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    // What else is written in this turn comes along.
    await Promise.resolve();
    try {
      while (this.#pending !== "") {
        const text = this.#pending;
        this.#pending = "";
        await this.#host.write(text);
      }
    } catch (error) {
      this.#failure = { error };
      this.#pending = "";
    }
    this.#writing = undefined;
  }
}
