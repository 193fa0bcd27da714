import { checkFunction, later, onAbort } from "../internal/mod.ts";
import { checkMs, tellError } from "./_check.ts";
import type { Fold } from "./fold.ts";
import type { FoldKey } from "./kind.ts";
import { checkStore, type FoldStore, saveFold } from "./store.ts";

/** Options of {@linkcode keepFold}. */
export interface KeepFoldOptions {
  /**
   * After how long a change is saved, in milliseconds from 0, with all that have followed.
   *
   * @default {1_000}
   */
  readonly delayMs?: number | undefined;

  /** Ends it, as {@linkcode FoldKeeper.close} does. */
  readonly signal?: AbortSignal | undefined;

  /** Told of what the store throws. It is counted in any case, and tried again after the next change, or at the end. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Saves a fold whenever it has changed, until it is closed, and then for the last time. It does not keep the process alive.
 *
 * Restore the fold before: what is there is written over.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param fold The fold.
 * @param store Where to.
 * @param options How often, and until when.
 * @returns What it can be ended by.
 * @throws {RangeError} If `delayMs` is no number from 0.
 * @throws The reason of the signal, if that has aborted.
 *
 * @example Keeping a fold for as long as a program runs
 * ```ts
 * import { Fold, keepFold, presenceKind } from "@weir/weir/fold";
 * import { assert } from "@std/assert";
 *
 * let saved = "";
 * const store = { load: () => undefined, save: (text: string) => void (saved = text) };
 * using fold = new Fold(presenceKind());
 * const keeper = keepFold(fold, store, { delayMs: 500 });
 * fold.apply({ node: "n1", generation: 1, payload: { room: "lobby", user: "ada" } });
 * await keeper.close();
 * assert(saved.includes("lobby"));
 * ```
 */
export function keepFold<K extends FoldKey, P, I extends string>(
  fold: Fold<K, P, I>,
  store: FoldStore,
  options: KeepFoldOptions = {},
): FoldKeeper {
  const { delayMs = 1_000, signal, onError } = options;
  checkStore("keep Fold", store);
  checkMs("keep Fold", "delayMs", delayMs, 0);
  if (onError !== undefined) checkFunction("keep Fold", "onError", onError);
  signal?.throwIfAborted();
  return keepers.create({
    version: () => fold.version,
    changed: (since, signal) => fold.changed({ since, signal }),
    save: () => saveFold(fold, store),
    delayMs,
    signal,
    onError,
  });
}

/** What a keeper goes by. */
interface Setup {
  /** The version of the fold. */
  version(): number;
  /** Waits until it has another one. */
  changed(since: number, signal: AbortSignal): Promise<number>;
  /** Saves it. */
  save(): Promise<void>;
  readonly delayMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** Set by the static block of {@linkcode FoldKeeper}. */
let keepers: { create(setup: Setup): FoldKeeper };

/** Saves a fold whenever it has changed. Made by {@linkcode keepFold}. */
export class FoldKeeper implements AsyncDisposable {
  static {
    keepers = { create: (setup) => new FoldKeeper(setup) };
  }

  /** How many times it was saved. */
  saved = 0;
  /** How many times that has failed. */
  failed = 0;
  readonly #setup: Setup;
  readonly #end: AbortController = new AbortController();
  readonly #running: Promise<void>;
  readonly #stopListening: (() => void) | undefined;
  #ending: Promise<void> | undefined;
  // The version that was saved last, and that for which this was tried.
  #saved: number;
  #tried: number;

  private constructor(setup: Setup) {
    this.#setup = setup;
    this.#saved = this.#tried = setup.version();
    this.#stopListening = setup.signal && onAbort(setup.signal, () => void this.close());
    this.#running = this.#run();
  }

  /** Whether it has ended. */
  get closed(): boolean {
    return this.#ending !== undefined;
  }

  /**
   * Ends it, and saves what has changed since. Closing again does nothing.
   *
   * @returns A promise that is fulfilled once it is saved, or could not be.
   */
  close(): Promise<void> {
    return this.#ending ??= this.#close();
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#stopListening?.();
    this.#end.abort();
    await this.#running;
    if (this.#setup.version() !== this.#saved) await this.#save();
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        await this.#setup.changed(this.#tried, signal);
      } catch {
        // It was closed, or the fold was.
        return;
      }
      if (!signal.aborted) await this.#delay(signal);
      if (!signal.aborted) await this.#save();
    }
  }

  #delay(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const stopTimer = later(this.#setup.delayMs, () => {
        stopListening();
        resolve();
      });
      const stopListening = onAbort(signal, () => {
        stopTimer();
        resolve();
      });
    });
  }

  async #save(): Promise<void> {
    const version = this.#setup.version();
    try {
      await this.#setup.save();
      this.saved++;
      this.#saved = version;
    } catch (error) {
      this.failed++;
      tellError(this.#setup.onError, error);
    }
    // Trying again at once would be no better.
    this.#tried = version;
  }
}
