import { FUTEX, type Libc, LIBRARIES } from "./_libc.ts";

/** Each wait holds one of the 32 threads that also read Deno's files and look up its names: leave it half of them. */
const MAX_WAITS = 16;
const POLL_MS = 10;
const REWAKE_MS = 5;
const MAX_WAIT_MS = 2 ** 31;

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  geteuid: { parameters: [], result: "u32" },
  strerror: { parameters: ["i32"], result: "pointer" },
  // The name that glibc and musl have for C's errno.
  errno: { name: "__errno_location", parameters: [], result: "pointer" },
  wake: { name: "syscall", parameters: ["i64", "pointer", "i32", "i32"], result: "void" },
  wait: {
    name: "syscall",
    parameters: ["i64", "pointer", "i32", "i32", "buffer"],
    result: "void",
    nonblocking: true,
  },
} as const;

/** The C library, with what is called of it. */
export type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

// Open only while something is mapped: Deno's tests take a library that outlives them for a leak.
let library: Library | undefined;
let users = 0;
let waits = 0;

function openLibrary(): Library {
  let cause: unknown;
  for (const name of LIBRARIES) {
    try {
      return Deno.dlopen(name, SYMBOLS);
    } catch (error) {
      // The first one says most.
      cause ??= error;
      // Do not ask the user for each.
      if (error instanceof Deno.errors.NotCapable) break;
    }
  }
  // A permission for one library is for a file of that name in the current directory.
  const isAllowed = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  throw new Error(
    isAllowed
      ? `Cannot map a ring: mapped files need the C library, as one of ${LIBRARIES.join(", ")}`
      : "Cannot map a ring: mapped files need --allow-ffi, without a value",
    { cause },
  );
}

/** Gives the C library, which {@linkcode release} must be told the end of. */
export function acquire(): Library {
  library ??= openLibrary();
  users++;
  return library;
}

/** Closes the C library unless others use it. */
export function release(): void {
  if (--users > 0) return;
  library?.close();
  library = undefined;
}

/** The calls of one mapping, which releases the library when it is unmapped. */
export function libcOf({ symbols }: Library, futex: bigint): Libc {
  /** The pointers that are waited at, with the time limit, which must outlive the wait. */
  const waiting = new Set<{ readonly at: Deno.PointerValue; readonly limit: BigInt64Array }>();
  let onIdle: (() => void) | undefined;
  // One word is woken most of the time, and to make a pointer costs a fifth of the call.
  let lastAddress = 0;
  let lastPointer: Deno.PointerValue = null;
  const pointerTo = (address: number): Deno.PointerValue => {
    if (address !== lastAddress) lastPointer = Deno.UnsafePointer.create(BigInt(address));
    lastAddress = address;
    return lastPointer;
  };
  const wakeAt = (at: Deno.PointerValue): void =>
    symbols.wake(futex, at, FUTEX.wake, FUTEX.everyone);

  return {
    open: (path, flags) => symbols.open(path, flags),
    close: (descriptor) => void symbols.close(descriptor),
    seek: (descriptor, offset, whence) => Number(symbols.lseek(descriptor, BigInt(offset), whence)),
    map(size, protection, flags, descriptor) {
      const pointer = symbols.mmap(null, BigInt(size), protection, flags, descriptor, 0n);
      return Number(BigInt.asIntN(64, Deno.UnsafePointer.value(pointer)));
    },
    unmap(address, size) {
      const end = (): void => {
        symbols.munmap(pointerTo(address), BigInt(size));
        release();
      };
      if (waiting.size === 0) return end();
      const wakeAll = (): void => waiting.forEach(({ at }) => wakeAt(at));
      // Again and again: a wait that is still on its way to its thread sleeps through the first.
      const timer = setInterval(wakeAll, REWAKE_MS);
      onIdle = () => {
        clearInterval(timer);
        end();
      };
      wakeAll();
    },
    control: (descriptor, command, lock) => symbols.fcntl(descriptor, command, lock),
    error() {
      const number = new Deno.UnsafePointerView(symbols.errno()!).getInt32();
      return { number, text: Deno.UnsafePointerView.getCString(symbols.strerror(number)!) };
    },
    bufferAt: (address, size) => Deno.UnsafePointerView.getArrayBuffer(pointerTo(address)!, size),
    wake: (address) => wakeAt(pointerTo(address)),
    async wait(address, expected, timeoutMs) {
      if (waits >= MAX_WAITS) {
        await new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, POLL_MS)));
        return;
      }
      // On a buffer of its own: a small array without one may move.
      const limit = new BigInt64Array(new ArrayBuffer(16));
      const limitMs = Math.min(timeoutMs, MAX_WAIT_MS);
      limit[0] = BigInt(Math.floor(limitMs / 1000));
      limit[1] = BigInt(Math.floor(limitMs % 1000 * 1e6));
      const wait = { at: pointerTo(address), limit };
      waiting.add(wait);
      waits++;
      try {
        // Woken, too late or already different: all the same to who waits.
        await symbols.wait(futex, wait.at, FUTEX.wait, expected | 0, limit);
      } finally {
        waits--;
        waiting.delete(wait);
        if (waiting.size === 0) onIdle?.();
      }
    },
  };
}
