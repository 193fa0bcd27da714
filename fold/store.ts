import { checkFunction, later, onAbort } from "../internal/mod.ts";
import { checkMs, checkObject, checkText, tellError } from "./_check.ts";
import type { Fold } from "./fold.ts";
import type { FoldKey } from "./kind.ts";
import type { FoldRestoreOptions } from "./options.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot_codec.ts";

/** Where a fold is kept over restarts. */
export interface FoldStore {
  /** What was saved last; undefined if nothing was. */
  load(): string | undefined | PromiseLike<string | undefined>;
  /** Saves a text instead of the one before: all of it or, if that fails, nothing. */
  save(text: string): void | PromiseLike<void>;
}

/** What {@linkcode fileStore} needs of `node:fs/promises`, which Deno, Bun and Node have. */
export interface FileSystemLike {
  /** Reads a file; rejects with an error whose `code` is `"ENOENT"` if there is none. */
  readFile(path: string, encoding: "utf8"): PromiseLike<string>;
  /** Makes a file, and has it on the disk before the promise is fulfilled, where `flush` can do that. */
  writeFile(
    path: string,
    text: string,
    options: { flush: boolean; mode: number },
  ): PromiseLike<void>;
  /** Puts a file where another one is, at once. */
  rename(from: string, to: string): PromiseLike<void>;
  /** Deletes a file. */
  unlink(path: string): PromiseLike<void>;
}

/**
 * Keeps a text in a file, which is replaced at once: whoever reads it sees what was saved last, or what was saved before that, and never a
 * part. Only its owner may read it.
 *
 * @param path The file. Its folder must be there, and room for a second one in it.
 * @param fs `node:fs/promises`.
 * @returns The store.
 * @throws {TypeError} If the path is no text, or `fs` lacks a function.
 *
 * @example A fold in a file
 * ```ts
 * import * as fs from "node:fs/promises";
 * import { fileStore, Fold, presenceKind, restoreFold, saveFold } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await fs.mkdtemp("/tmp/presence-");
 * const store = fileStore(`${folder}/fold`, fs);
 * using fold = new Fold(presenceKind());
 * assertEquals(await restoreFold(fold, store), undefined); // nothing was saved yet
 * fold.apply({ node: "n1", generation: 1, payload: { room: "lobby", user: "ada" } });
 * await saveFold(fold, store);
 *
 * using restarted = new Fold(presenceKind());
 * assertEquals(await restoreFold(restarted, store), 1);
 * await fs.rm(folder, { recursive: true });
 * ```
 */
export function fileStore(path: string, fs: FileSystemLike): FoldStore {
  const create = "create file store";
  checkText(create, "path", path);
  checkObject(create, "fs", fs);
  for (const name of ["readFile", "writeFile", "rename", "unlink"] as const) {
    checkFunction(create, `fs.${name}`, fs[name]);
  }
  // Two that save at a time do so one after the other, so that the later one stays.
  let last: Promise<unknown> = Promise.resolve();
  const save = async (text: string): Promise<void> => {
    // A name of its own, so that nobody else writes into it.
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      await fs.writeFile(temporary, text, { flush: true, mode: 0o600 });
      await fs.rename(temporary, path);
    } catch (error) {
      await Promise.resolve(fs.unlink(temporary)).catch(() => {});
      throw error;
    }
  };
  return {
    async load() {
      try {
        return await fs.readFile(path, "utf8");
      } catch (error) {
        if ((error as { code?: unknown } | undefined)?.code === "ENOENT") return undefined;
        throw error;
      }
    },
    save(text) {
      const saving = last.then(() => save(text));
      last = saving.catch(() => {});
      return saving;
    },
  };
}

/**
 * Saves what a fold holds.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param fold The fold.
 * @param store Where to.
 * @returns A promise that is fulfilled once it is saved.
 * @throws Rejects with what the store throws, or with a `TypeError` if a payload cannot be written.
 */
export async function saveFold<K extends FoldKey, P, I extends string>(
  fold: Fold<K, P, I>,
  store: FoldStore,
): Promise<void> {
  checkStore("save Fold", store);
  await store.save(encodeSnapshot(fold.kind, fold.snapshot()));
}

/**
 * Restores what was saved of a fold. What cannot be restored is left where it is, and the fold as it is.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param fold The fold.
 * @param store Where from.
 * @param options What to do if the fold has entries.
 * @returns A promise of how many entries were restored; of undefined if nothing was saved.
 * @throws {FoldSnapshotError} Rejects with it if what was saved is damaged or of another kind, or the fold has entries already.
 * @throws Rejects with what the store throws.
 */
export async function restoreFold<K extends FoldKey, P, I extends string>(
  fold: Fold<K, P, I>,
  store: FoldStore,
  options?: FoldRestoreOptions,
): Promise<number | undefined> {
  checkStore("restore Fold", store);
  const text = await store.load();
  if (text === undefined) return undefined;
  return fold.restore(decodeSnapshot(fold.kind, text), options);
}

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

function checkStore(action: string, store: FoldStore): void {
  checkObject(action, "store", store);
  checkFunction(action, "store.load", store.load);
  checkFunction(action, "store.save", store.save);
}
