import {
  createFile,
  type Files,
  inspectFile,
  type Look,
  makeDirectory,
  wordsOf,
} from "./_files.ts";
import { acquire, libcOf, release } from "./_libc_deno.ts";
import { futexNumber, mapFile } from "./_libc.ts";
import type { System } from "./_system.ts";

let system: System | undefined;

function filesOf(user: number): Files {
  const lookOf = (stat: Deno.FileInfo): Look => ({
    type: stat.isFile ? "file" : stat.isDirectory ? "directory" : "other",
    size: stat.size,
    owner: stat.uid ?? undefined,
    user,
    mode: (stat.mode ?? 0) & 0o777,
  });
  return {
    look: (path) => lookOf(Deno.statSync(path)),
    lookAtLink: (path) => lookOf(Deno.lstatSync(path)),
    open(path, how) {
      const isNew = { write: true, createNew: true, mode: 0o600 };
      const file = Deno.openSync(path, how === "new" ? isNew : { read: true });
      return {
        look: () => lookOf(file.statSync()),
        read: (into) => file.readSync(into) ?? 0,
        write: (bytes) => file.writeSync(bytes),
        close: () => file.close(),
      };
    },
    link: (path, other) => Deno.linkSync(path, other),
    remove: (path) => Deno.removeSync(path),
    makeDirectory: (path) => Deno.mkdirSync(path, { mode: 0o700 }),
    reasonOf(error, place) {
      if (!(error instanceof Deno.errors.NotCapable)) return wordsOf(error);
      // Not always the flag that it looks like: below /dev, Deno wants --allow-all.
      const flag = /--allow-[a-z]+/.exec(error.message)?.[0] ?? "a permission";
      return `Deno needs ${flag} for ${place}`;
    },
  };
}

/**
 * Mapped storage as Deno offers it, on Linux.
 *
 * @returns The system, always the same one.
 * @throws {Error} If this is not Linux, or `--allow-ffi` is missing.
 */
export function denoSystem(): System {
  if (system !== undefined) return system;
  const futex = BigInt(futexNumber(Deno.build.os, Deno.build.arch));
  // Not by Deno.uid(), which needs one more permission.
  const files = filesOf(acquire().symbols.geteuid());
  release();
  return system = {
    inspect: (path, length) => inspectFile(files, path, length),
    create: (path, start, size) => createFile(files, path, start, size),
    makeDirectory: (path) => makeDirectory(files, path),
    map(path, size, access) {
      const libc = libcOf(acquire(), futex);
      try {
        return mapFile(libc, path, size, access);
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}
