/**
 * What mapped storage needs of the operating system, beyond what the language has. There is one for each runtime, in the file named
 * for it. What it cannot do it throws an error for, which names the path and the reason.
 */
export interface System {
  /**
   * Says what stands at a path, following links, and reads its first bytes; undefined if nothing does. A link that leads nowhere is
   * "other".
   */
  inspect(path: string, length: number): FileFacts | undefined;
  /**
   * Makes a file of `size` bytes that begins with `start` and is zero otherwise, for its owner alone, and gives it its name only once
   * it is whole: nobody ever sees a part of it. Its pages are really there, so that writing to them later cannot fail.
   *
   * @returns False, with nothing changed, if the name is taken.
   * @throws {RangeError} If `size` is not 1 to 2³² bytes, which is what both runtimes can map.
   */
  create(path: string, start: Uint8Array, size: number): boolean;
  /** Makes a directory for its owner alone, unless something stands there. */
  makeDirectory(path: string): void;
  /**
   * Maps the first `size` bytes of a file, shared with all other mappings of it. To write to a mapping that is for reading kills the
   * process, and so does to touch one whose file has been shortened since.
   *
   * @throws {RangeError} If `size` is not 1 to 2³² bytes.
   */
  map(path: string, size: number, access: "read" | "write"): Mapping;
}

/** What {@linkcode System.inspect} says of a file. */
export interface FileFacts {
  /** What it is. */
  readonly type: "file" | "directory" | "other";
  /** How long it is, in bytes. */
  readonly size: number;
  /** The user it belongs to. */
  readonly owner: number | undefined;
  /** The user that asks. */
  readonly user: number | undefined;
  /** Who may do what with it, as in `chmod`: the lowest nine bits. */
  readonly mode: number;
  /** Its first bytes, as many as it has, at most as many as were asked for; empty if it is not a file. */
  readonly start: Uint8Array;
}

/** A file that is mapped, with a descriptor of its own. */
export interface Mapping {
  /** The bytes of the file. Detached once the mapping is closed. */
  readonly buffer: ArrayBuffer;
  /**
   * Takes the lock on a range of bytes, at least one, for this mapping, which must be for writing, unless another mapping, in whatever
   * process, has it. The end of the process frees it.
   */
  tryLock(offset: number, length: number): boolean;
  /** Gives the lock on a range of bytes back. */
  unlock(offset: number, length: number): void;
  /** Says whether another mapping has the lock on a range of bytes. */
  isLocked(offset: number, length: number): boolean;
  /** Wakes whoever waits on the 32-bit word at `offset`, in whatever process. */
  wake(offset: number): void;
  /**
   * Waits without blocking the thread until the word at `offset` is woken, for at most `timeoutMs`, unless it differs from `expected`
   * already. Undefined where the runtime cannot do that. It may end early for no reason, and does so while a thread waits for many
   * words at once. It keeps the process alive.
   */
  readonly wait:
    | ((offset: number, expected: number, timeoutMs: number) => Promise<void>)
    | undefined;
  /** Detaches the buffer, ends what waits, gives the memory and the locks back. Does nothing the second time. */
  close(): void;
}
