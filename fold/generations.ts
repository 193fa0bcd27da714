import { checkFunction, checkInteger, refusal, reportUncaught } from "../internal/mod.ts";
import { checkObject, checkText, tellError } from "./_check.ts";
import { hashText } from "./_hash.ts";

/** For how long in advance the store is told. */
const AHEAD_MS = 60_000;
/** How many generations there are in a millisecond where nodes are told apart. */
const SCALE = 1_024;

/** Where {@linkcode Generations} are kept over restarts. */
export interface GenerationStore {
  /** What was saved last; undefined if nothing was. */
  load(): number | undefined | PromiseLike<number | undefined>;
  /** Saves a generation instead of the one before. */
  save(generation: number): void | PromiseLike<void>;
}

/** Options of {@linkcode Generations}. */
export interface GenerationsOptions {
  /**
   * Whose they are. Those of another node are different ones then, but in one case of a thousand, though both are of the same millisecond; they
   * are 1,024 times as high for that. Give it always or never: without it, a node would begin far below what it said before.
   */
  readonly node?: string | undefined;

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
  readonly #scale: number;
  readonly #offset: number;
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
    const { node, wallNow = () => Date.now(), onError = reportUncaught } = options;
    if (node !== undefined) checkText("create Generations", "node", node);
    checkFunction("create Generations", "wallNow", wallNow);
    checkFunction("create Generations", "onError", onError);
    this.#scale = node === undefined ? 1 : SCALE;
    this.#offset = node === undefined ? 0 : hashText(node, 0) & (SCALE - 1);
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
    checkObject("open Generations", "store", store);
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
    generations.#saved = Math.max(loaded, generations.#ofNow()) + generations.#ahead;
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
   * @throws {RangeError} If `above` is no integer from 0, or no number is above it.
   */
  next(above: number = 0): number {
    checkInteger("give out a generation", "above", above, 0, Number.MAX_SAFE_INTEGER - 1);
    this.#last = Math.max(this.#last + 1, above + 1, this.#ofNow());
    const isNear = this.#last > this.#saved - this.#ahead / 2;
    if (this.#store !== undefined && isNear && !this.#isSaving) {
      void this.#save(this.#store);
    }
    return this.#last;
  }

  /** For how many generations in advance the store is told. */
  get #ahead(): number {
    return AHEAD_MS * this.#scale;
  }

  /** The one of this millisecond. */
  #ofNow(): number {
    return Math.floor(this.#wallNow()) * this.#scale + this.#offset;
  }

  async #save(store: GenerationStore): Promise<void> {
    const generation = this.#last + this.#ahead;
    this.#isSaving = true;
    try {
      await store.save(generation);
      this.#saved = generation;
    } catch (error) {
      tellError(this.#onError, error);
    } finally {
      this.#isSaving = false;
    }
  }
}

/** For all who have none of their own: one that ends and begins anew in the same millisecond goes on above itself. */
export function sharedGenerations(): Generations {
  return shared ??= new Generations();
}

let shared: Generations | undefined;
