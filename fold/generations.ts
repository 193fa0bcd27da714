import { checkFunction, refusal, reportUncaught } from "../internal/mod.ts";

/** For how many generations in advance the store is told. They are about milliseconds. */
const AHEAD = 60_000;

/** Where {@linkcode Generations} are kept over restarts. */
export interface GenerationStore {
  /** What was saved last; undefined if nothing was. */
  load(): number | undefined | PromiseLike<number | undefined>;
  /** Saves a generation instead of the one before. */
  save(generation: number): void | PromiseLike<void>;
}

/** Options of {@linkcode Generations}. */
export interface GenerationsOptions {
  /** The wall clock, in milliseconds since 1970; without it, `Date.now`. */
  readonly wallNow?: (() => number) | undefined;

  /**
   * Told if a generation could not be saved. It is tried again with the next one.
   *
   * @default {reportError}
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Numbers that only rise: those of a node's announcements.
 *
 * They follow the wall clock, so a node that starts again goes on above what it said before, though nothing was saved. With a store, they rise
 * even if the clock has gone backwards in between.
 *
 * @example A clock that goes backwards
 * ```ts
 * import { Generations } from "@weir/weir/fold";
 * import { assert, assertEquals } from "@std/assert";
 *
 * let saved: number | undefined;
 * const store = { load: () => saved, save: (generation: number) => void (saved = generation) };
 * const before = (await Generations.open(store, { wallNow: () => 5_000 })).next();
 * assertEquals(before, 5_000);
 *
 * const after = (await Generations.open(store, { wallNow: () => 1_000 })).next();
 * assert(after > before);
 * ```
 */
export class Generations {
  readonly #wallNow: () => number;
  readonly #onError: (error: unknown) => void;
  #store: GenerationStore | undefined;
  #last = 0;
  // Up to where the store was told, and whether it is being told.
  #saved = 0;
  #isSaving = false;

  /**
   * Creates generations that are kept nowhere.
   *
   * @param options The clock.
   * @throws {TypeError} If an option is no function.
   */
  constructor(options: GenerationsOptions = {}) {
    const { wallNow = Date.now, onError = reportUncaught } = options;
    checkFunction("create Generations", "wallNow", wallNow);
    checkFunction("create Generations", "onError", onError);
    this.#wallNow = wallNow;
    this.#onError = onError;
  }

  /**
   * Goes on where a store says that the last ones ended.
   *
   * @param store Where they are kept. It is told in advance, about once in half a minute.
   * @param options The clock, and who is told of errors.
   * @returns A promise of them, once the store has saved what comes first.
   * @throws {RangeError} Rejects with it if the store has something that is no generation.
   * @throws Rejects with what the store throws: nobody knows where to go on.
   */
  static async open(
    store: GenerationStore,
    options: GenerationsOptions = {},
  ): Promise<Generations> {
    checkFunction("open Generations", "store.load", store.load);
    checkFunction("open Generations", "store.save", store.save);
    const loaded = await store.load() ?? 0;
    if (!Number.isSafeInteger(loaded) || loaded < 0) {
      const requirement = "store.load must answer an integer from 0";
      throw new RangeError(refusal("open Generations", requirement, loaded));
    }
    const generations = new Generations(options);
    generations.#store = store;
    generations.#last = loaded;
    generations.#saved = Math.max(loaded, Math.floor(generations.#wallNow())) + AHEAD;
    await store.save(generations.#saved);
    return generations;
  }

  /** The one that was given out last; where it began, if none was. */
  get last(): number {
    return this.#last;
  }

  /**
   * Gives out the next one.
   *
   * @param above What it must be above, beside all those before.
   * @returns A positive integer.
   */
  next(above: number = 0): number {
    this.#last = Math.max(this.#last + 1, above + 1, Math.floor(this.#wallNow()));
    if (this.#store !== undefined && this.#last > this.#saved - AHEAD / 2 && !this.#isSaving) {
      void this.#save(this.#store);
    }
    return this.#last;
  }

  async #save(store: GenerationStore): Promise<void> {
    const generation = this.#last + AHEAD;
    this.#isSaving = true;
    try {
      await store.save(generation);
      this.#saved = generation;
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#isSaving = false;
    }
  }
}
