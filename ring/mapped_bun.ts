import {
  createFile,
  type Files,
  inspectFile,
  type Look,
  makeDirectory,
  wordsOf,
} from "./_files.ts";
import { type Ffi, libcOf } from "./_libc_bun.ts";
import { futexNumber, mapFile } from "./_libc.ts";
import type { System } from "./_system.ts";

type Fs = typeof import("node:fs");
type Stat = import("node:fs").Stats;

// The parts of Bun that are used here; its own types would be a dependency.
interface Process {
  readonly platform: string;
  readonly arch: string;
  geteuid(): number;
  getBuiltinModule(name: "node:fs"): Fs;
  getBuiltinModule(name: "bun:ffi"): Ffi;
}

let system: System | undefined;

function filesOf(fs: Fs, user: number): Files {
  const lookOf = (stat: Stat): Look => ({
    type: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other",
    size: stat.size,
    owner: stat.uid,
    user,
    mode: stat.mode & 0o777,
  });
  return {
    look: (path) => lookOf(fs.statSync(path)),
    lookAtLink: (path) => lookOf(fs.lstatSync(path)),
    open(path, how) {
      const file = fs.openSync(path, how === "new" ? "wx" : "r", 0o600);
      return {
        look: () => lookOf(fs.fstatSync(file)),
        read: (into) => fs.readSync(file, into),
        write: (bytes) => fs.writeSync(file, bytes),
        close: () => fs.closeSync(file),
      };
    },
    link: (path, other) => fs.linkSync(path, other),
    remove: (path) => fs.unlinkSync(path),
    makeDirectory: (path) => void fs.mkdirSync(path, 0o700),
    reasonOf: wordsOf,
  };
}

/**
 * Mapped storage as Bun offers it, on Linux. It cannot wait without blocking its thread.
 *
 * @returns The system, always the same one.
 * @throws {Error} If this is not Linux.
 */
export function bunSystem(): System {
  if (system !== undefined) return system;
  const { process } = globalThis as unknown as { process: Process };
  const libc = libcOf(
    process.getBuiltinModule("bun:ffi"),
    futexNumber(process.platform, process.arch),
  );
  const files = filesOf(process.getBuiltinModule("node:fs"), process.geteuid());
  return system = {
    inspect: (path, length) => inspectFile(files, path, length),
    create: (path, start, size) => createFile(files, path, start, size),
    makeDirectory: (path) => makeDirectory(files, path),
    map: (path, size, access) => mapFile(libc, path, size, access),
  };
}
