import type { Host } from "./host.ts";

/** How much text may wait to be written before {@linkcode Output.write} waits, in UTF-16 code units. */
const MAX_PENDING = 1_048_576;

/** Writes to standard output what comes while the write before is under way in one piece, so that many lines cost few writes. */
export class Output {
  readonly #host: Host;
  #pending = "";
  #writing: Promise<void> | undefined;
  #ended: "unread" | { readonly error: unknown } | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Why nothing can be written any more: nobody reads it, or writing has failed. */
  get ended(): "unread" | { readonly error: unknown } | undefined {
    return this.#ended;
  }

  /** Writes text, now or soon. Fulfilled at once unless a lot is waiting. */
  async write(text: string): Promise<void> {
    if (this.#ended !== undefined) return;
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
      while (this.#pending !== "" && this.#ended === undefined) {
        const text = this.#pending;
        this.#pending = "";
        if (!await this.#host.write(text)) this.#ended = "unread";
      }
    } catch (error) {
      this.#ended = { error };
    }
    if (this.#ended !== undefined) this.#pending = "";
    this.#writing = undefined;
  }
}
