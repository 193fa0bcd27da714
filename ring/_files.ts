/**
 * How both systems look at files and make them, and what they say when that fails.
 *
 * @module
 */
import type { FileFacts } from "./_system.ts";

/** What a runtime can do with files, throwing its own errors. */
export interface Files {
  /** Says what stands at a path, following links. */
  look(path: string): Look;
  /** Says what stands at a path: a link, if it is one. */
  lookAtLink(path: string): Look;
  /** Opens a file for reading, or a new one, for its owner alone, for writing. */
  open(path: string, how: "read" | "new"): OpenFile;
  /** Gives a file a second name, which must be free. */
  link(path: string, other: string): void;
  remove(path: string): void;
  makeDirectory(path: string): void;
  /** Says in words why something failed. */
  reasonOf(error: unknown, place: "it" | "its directory"): string;
}
/** A file that a runtime has opened. */
export interface OpenFile {
  look(): Look;
  read(into: Uint8Array): number;
  write(bytes: Uint8Array): number;
  close(): void;
}
/** What is known of a file from outside. */
export type Look = Omit<FileFacts, "start">;

/** JavaScriptCore has no longer buffers. Both runtimes keep to it, so that neither makes a file that the other cannot map. */
const MAX_BYTES = 2 ** 32;
const CHUNK_BYTES = 2 ** 20;

/** Makes the error for something that was not done to a file. */
export function failure(verb: string, path: string, reason: string, cause?: unknown): Error {
  const options = cause === undefined ? undefined : { cause };
  return new Error(`Cannot ${verb} "${path}": ${reason}`, options);
}

/** The words of a runtime's own error, without what is around them. */
export function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // "No such file or directory (os error 2): stat …" in Deno, "ENOENT: no such file or directory, stat …" in Bun.
  const words = /^(.+?) \(os error \d+\)/.exec(text) ?? /^E[A-Z\d]+: ([^,]+)/.exec(text);
  return lowered(words?.[1] ?? text);
}

/** An error's words as a part of a sentence. */
export function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Refuses a size that cannot be mapped. */
export function checkSize(verb: string, path: string, size: number): void {
  if (Number.isInteger(size) && size > 0 && size <= MAX_BYTES) return;
  throw new RangeError(
    `Cannot ${verb} "${path}": its size must be 1 to ${MAX_BYTES} bytes, received ${size}`,
  );
}

function attempt<T>(
  files: Files,
  verb: string,
  path: string,
  place: "it" | "its directory",
  ask: () => T,
): T {
  try {
    return ask();
  } catch (error) {
    throw failure(verb, path, files.reasonOf(error, place), error);
  }
}

/** Asks a runtime for something; undefined if it fails with an error of this code, which Deno's errors have as well. */
function unless<T>(code: string, ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if ((error as { code?: unknown }).code === code) return undefined;
    throw error;
  }
}

/** Does what {@linkcode System.inspect} says. */
export function inspectFile(files: Files, path: string, length: number): FileFacts | undefined {
  const inspect = (): FileFacts => {
    // Also a link that leads nowhere stands at its path: nothing can be created there.
    const look = unless("ENOENT", () => files.look(path)) ?? files.lookAtLink(path);
    // To open a pipe waits for its other end.
    if (look.type !== "file") return { ...look, start: new Uint8Array() };
    const file = files.open(path, "read");
    try {
      // Again: another may stand there by now.
      return { ...file.look(), start: readUpTo(length, file) };
    } finally {
      file.close();
    }
  };
  return attempt(files, "read", path, "it", () => unless("ENOENT", inspect));
}

function readUpTo(length: number, file: OpenFile): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = file.read(bytes.subarray(at));
    if (count === 0) return bytes.slice(0, at);
    at += count;
  }
  return bytes;
}

/** Does what {@linkcode System.makeDirectory} says. */
export function makeDirectory(files: Files, path: string): void {
  attempt(files, "create", path, "it", () => unless("EEXIST", () => files.makeDirectory(path)));
}

/** Does what {@linkcode System.create} says. A process that is killed meanwhile leaves a hidden file behind that means nothing. */
export function createFile(files: Files, path: string, start: Uint8Array, size: number): boolean {
  checkSize("create", path, size);
  const temporary = `${path.slice(0, path.lastIndexOf("/") + 1)}.weir-${crypto.randomUUID()}`;
  return attempt(files, "create", path, "its directory", () => {
    const file = files.open(temporary, "new");
    try {
      fill(file, start, size);
      return unless("EEXIST", () => (files.link(temporary, path), true)) ?? false;
    } finally {
      try {
        files.remove(temporary);
      } catch {
        // Whether the file has its name by now is what counts.
      }
    }
  });
}

function fill(file: OpenFile, start: Uint8Array, size: number): void {
  try {
    const zeros = new Uint8Array(Math.min(size, CHUNK_BYTES));
    for (let at = 0; at < size;) {
      const isStart = at < start.length;
      at += file.write(isStart ? start.subarray(at, size) : zeros.subarray(0, size - at));
    }
  } finally {
    file.close();
  }
}
