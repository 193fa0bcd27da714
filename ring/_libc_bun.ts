import { FUTEX, type Libc, LIBRARIES } from "./_libc.ts";

/** `bun:ffi`, as far as it is used here; its own types would be a dependency. */
export interface Ffi {
  dlopen(
    library: string,
    symbols: Readonly<Record<string, { args: readonly string[]; returns: string }>>,
  ): { readonly symbols: Symbols };
  toArrayBuffer(address: number, offset: number, length: number): ArrayBuffer;
  readonly read: { i32(address: number, offset: number): number };
}
interface Symbols {
  open(path: Uint8Array, flags: number): number;
  close(descriptor: number): number;
  lseek(descriptor: number, offset: number, whence: number): number;
  mmap(
    at: null,
    size: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ): number;
  munmap(address: number, size: number): number;
  fcntl(descriptor: number, command: number, lock: Uint8Array): number;
  strerror(number: number): unknown;
  readonly "__errno_location": () => number;
  syscall(call: number, address: number, operation: number, value: number): void;
}

const SYMBOLS = {
  open: { args: ["ptr", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  // As a number wherever it fits, which a file's length and an address do.
  lseek: { args: ["i32", "i64", "i32"], returns: "i64_fast" },
  mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "i64_fast" },
  munmap: { args: ["ptr", "usize"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
  strerror: { args: ["i32"], returns: "cstring" },
  "__errno_location": { args: [], returns: "ptr" },
  syscall: { args: ["i64", "ptr", "i32", "i32"], returns: "void" },
};

function openLibrary(ffi: Ffi): Symbols {
  let cause: unknown;
  for (const name of LIBRARIES) {
    try {
      return ffi.dlopen(name, SYMBOLS).symbols;
    } catch (error) {
      // The first one says most.
      cause ??= error;
    }
  }
  throw new Error(
    `Cannot map a ring: mapped files need the C library, as one of ${LIBRARIES.join(", ")}`,
    { cause },
  );
}

/** Opens the C library, for all mappings together and for good. */
export function libcOf(ffi: Ffi, futex: number): Libc {
  const symbols = openLibrary(ffi);
  return {
    open: (path, flags) => symbols.open(path, flags),
    close: (descriptor) => void symbols.close(descriptor),
    seek: (descriptor, offset, whence) => symbols.lseek(descriptor, offset, whence),
    map: (size, protection, flags, descriptor) =>
      symbols.mmap(null, size, protection, flags, descriptor, 0),
    unmap: (address, size) => void symbols.munmap(address, size),
    control: (descriptor, command, lock) => symbols.fcntl(descriptor, command, lock),
    error() {
      const number = ffi.read.i32(symbols.__errno_location(), 0);
      return { number, text: String(symbols.strerror(number)) };
    },
    bufferAt: (address, size) => ffi.toArrayBuffer(address, 0, size),
    wake: (address) => symbols.syscall(futex, address, FUTEX.wake, FUTEX.everyone),
    // Every call blocks its thread.
    wait: undefined,
  };
}
