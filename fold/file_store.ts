import { checkFunction } from "../internal/mod.ts";
import { checkObject, checkText } from "./_check.ts";
import type { FoldStore } from "./store.ts";

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
