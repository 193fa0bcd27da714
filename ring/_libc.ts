/**
 * What the systems of both runtimes have in common: what to say to the C library of Linux, and what its answers mean.
 *
 * @module
 */
import type { Mapping } from "./_system.ts";
import { checkSize, failure, lowered } from "./_files.ts";

/** The calls that a mapping makes, in C's own terms: they answer -1 if they fail. A mapping has one of these for itself. */
export interface Libc {
  open(path: Uint8Array<ArrayBuffer>, flags: number): number;
  close(descriptor: number): void;
  seek(descriptor: number, offset: number, whence: number): number;
  /** Maps a file from its first byte on, and answers the address. */
  map(size: number, protection: number, flags: number, descriptor: number): number;
  /** Gives the memory back, and this object with it. */
  unmap(address: number, size: number): void;
  control(descriptor: number, command: number, lock: Uint8Array<ArrayBuffer>): number;
  /** Why the call before this one failed: its number, and C's words for it. */
  error(): { readonly number: number; readonly text: string };
  bufferAt(address: number, size: number): ArrayBuffer;
  wake(address: number): void;
  readonly wait:
    | ((address: number, expected: number, timeoutMs: number) => Promise<void>)
    | undefined;
}

/** The files of a C library, of glibc and of musl. */
export const LIBRARIES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];
/** The operations of the futex call, on words that several processes share. */
export const FUTEX = { wait: 0, wake: 1, everyone: 0x7fffffff } as const;

/** The numbers of the futex call, which C has no function for, by the names that Deno and Bun have for a machine. */
const FUTEX_NUMBERS: Readonly<Record<string, number>> = {
  "x86_64": 202,
  x64: 202,
  aarch64: 98,
  arm64: 98,
};

// Those that have the same value on all machines above. Non-blocking, because to open a pipe waits for its other end.
const OPEN = { readWrite: 2, nonBlocking: 0o4000, closeOnExec: 0o2000000 } as const;
const SEEK_END = 2;
const PROTECTION = { read: 1, write: 2 } as const;
const SHARED = 1;
/** Locks that belong to an open file, and not to the process as a whole: two mappings of one process exclude each other. */
const CONTROL = { getLock: 36, setLock: 37 } as const;
const LOCK = { write: 1, none: 2 } as const;
const ERRORS = { tryAgain: 11, accessDenied: 13 } as const;

/**
 * Finds the number of the futex call, or refuses the machine.
 *
 * @param os The operating system, as the runtime calls it.
 * @param machine The processor, as the runtime calls it.
 */
export function futexNumber(os: string, machine: string): number {
  if (os !== "linux") {
    throw new Error(`Cannot map a ring: mapped files need Linux, received "${os}"`);
  }
  const number = FUTEX_NUMBERS[machine];
  if (number === undefined) {
    throw new Error(
      `Cannot map a ring: mapped files need x86-64 or aarch64, received "${machine}"`,
    );
  }
  return number;
}

/**
 * Does what {@linkcode System.map} says.
 *
 * @param libc For this mapping, whose end unmaps with it. If this throws, nothing is left to be unmapped.
 */
export function mapFile(
  libc: Libc,
  path: string,
  size: number,
  access: "read" | "write",
): Mapping {
  checkSize("map", path, size);
  // To C, it would end there.
  if (path.includes("\0")) throw failure("map", path, "a path must not hold a null character");
  const canWrite = access === "write";
  const flags = OPEN.nonBlocking | OPEN.closeOnExec | (canWrite ? OPEN.readWrite : 0);
  const descriptor = libc.open(new TextEncoder().encode(`${path}\0`), flags);
  if (descriptor < 0) throw failure("map", path, lowered(libc.error().text));
  let address: number;
  try {
    const length = libc.seek(descriptor, 0, SEEK_END);
    if (length === -1) throw failure("map", path, lowered(libc.error().text));
    // To touch a page that lies behind the end of the file kills the process.
    if (length < size) throw failure("map", path, `it must have ${size} bytes, received ${length}`);
    const protection = PROTECTION.read | (canWrite ? PROTECTION.write : 0);
    address = libc.map(size, protection, SHARED, descriptor);
    if (address === -1) throw failure("map", path, lowered(libc.error().text));
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }

  const buffer = libc.bufferAt(address, size);
  // C's struct flock: type (16 bits), whence (16 bits), 4 unused bytes, start and length (64 bits each), process (32 bits).
  const lock = new DataView(new ArrayBuffer(32));
  const lockBytes = new Uint8Array(lock.buffer);
  let isClosed = false;

  const check = (verb: string): void => {
    // The number of the descriptor and the address may be others' by now.
    if (isClosed) throw failure(verb, path, "its mapping is closed");
  };
  const ask = (command: number, type: number, offset: number, length: number): number => {
    lock.setInt16(0, type, true);
    lock.setBigInt64(8, BigInt(offset), true);
    lock.setBigInt64(16, BigInt(length), true);
    // An answer of the kernel's puts something here, and a question must have 0.
    lock.setInt32(24, 0, true);
    return libc.control(descriptor, command, lockBytes);
  };
  const control = (command: number, type: number, offset: number, length: number): boolean => {
    check("lock");
    if (ask(command, type, offset, length) !== -1) return true;
    const { number, text } = libc.error();
    if (number === ERRORS.tryAgain || number === ERRORS.accessDenied) return false;
    throw failure("lock", path, lowered(text));
  };
  const { wait } = libc;

  return {
    buffer,
    tryLock(offset, length) {
      if (!canWrite) throw failure("lock", path, "it is mapped for reading only");
      return control(CONTROL.setLock, LOCK.write, offset, length);
    },
    unlock: (offset, length) => void control(CONTROL.setLock, LOCK.none, offset, length),
    isLocked(offset, length) {
      control(CONTROL.getLock, LOCK.write, offset, length);
      return lock.getInt16(0, true) !== LOCK.none;
    },
    wake(offset) {
      check("wake");
      libc.wake(address + offset);
    },
    wait: wait && (async (offset, expected, timeoutMs) => {
      check("wait for");
      if (!(timeoutMs >= 0 && timeoutMs < Infinity)) {
        throw new RangeError(
          `Cannot wait for "${path}": timeoutMs must be a finite number from 0 on, received ${timeoutMs}`,
        );
      }
      await wait(address + offset, expected, timeoutMs);
    }),
    close() {
      if (isClosed) return;
      // All of them, to the end of the file. To close the descriptor is not enough: a process that is being started has it as well,
      // until its program runs.
      ask(CONTROL.setLock, LOCK.none, 0, 0);
      isClosed = true;
      libc.close(descriptor);
      // Whoever has moved the buffer elsewhere has the memory as well: it stays.
      if (buffer.detached) return;
      // Detached before the memory goes: to touch it afterwards would kill the process.
      buffer.transfer(0);
      libc.unmap(address, size);
    },
  };
}
