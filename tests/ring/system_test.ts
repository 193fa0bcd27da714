import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { futexNumber } from "../../ring/_libc.ts";
import type { FileFacts, Mapping, System } from "../../ring/_system.ts";
import { bunSystem } from "../../ring/mapped_bun.ts";
import { denoSystem } from "../../ring/mapped_deno.ts";
import { Child } from "../_child.ts";
import { linuxTest as test } from "./_linux.ts";
import { bothRuntimes, thisRuntime } from "../_runtimes.ts";
import { until } from "../tap/_wait.ts";

const isDeno = "Deno" in globalThis;
const program = new URL("_system_child.ts", import.meta.url);

function systemOfRuntime(): System {
  return isDeno ? denoSystem() : bunSystem();
}

/** Runs `body` in a directory of its own, which is removed afterwards. */
async function inDirectory(body: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "weir-system-"));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs `body` with a file of 64 zeros. Its mappings are closed afterwards. */
function withFile(
  body: (path: string, map: (access?: "read" | "write") => Mapping) => void | Promise<void>,
): Promise<void> {
  return inDirectory(async (directory) => {
    const path = join(directory, "file");
    const mappings: Mapping[] = [];
    assert(systemOfRuntime().create(path, new Uint8Array(), 64));
    try {
      await body(path, (access = "write") => {
        const mapping = systemOfRuntime().map(path, 64, access);
        mappings.push(mapping);
        return mapping;
      });
    } finally {
      for (const mapping of mappings) mapping.close();
    }
  });
}

/** What another process says to these arguments; in Deno it may do only so much. */
async function answerTo(args: readonly string[], flags: readonly string[]): Promise<unknown> {
  const command = [process.execPath, "run", "--no-check", "--no-prompt", ...flags] as const;
  await using child = new Child({ name: "Deno", command }, program, ...args);
  return await child.answer();
}

/** Whether this process has a file mapped. */
function isMapped(path: string): boolean {
  return readFileSync("/proc/self/maps", "utf8").includes(path);
}

/** Whether this process has a file open. */
function isOpen(path: string): boolean {
  return readdirSync("/proc/self/fd").some((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === path;
    } catch {
      // The one that the directory was read by.
      return false;
    }
  });
}

test("System.create() makes a file of that size, that start and zeros, for its owner alone", () =>
  inDirectory((directory) => {
    const system = systemOfRuntime();
    const path = join(directory, "file");
    // More than is written at once.
    const size = 3 * 2 ** 20 + 5;
    assertStrictEquals(system.create(path, new Uint8Array([1, 2, 3]), size), true);
    const bytes = readFileSync(path);
    assertEquals(bytes.length, size);
    assertEquals([...bytes.subarray(0, 5)], [1, 2, 3, 0, 0]);
    assert(bytes.subarray(3).every((byte) => byte === 0));
    assertEquals(statSync(path).mode & 0o777, 0o600);
    // Its pages are there.
    assert(statSync(path).blocks * 512 >= size);
    assertEquals(readdirSync(directory), ["file"]);
    // A start that is too long is cut.
    assertStrictEquals(system.create(`${path}2`, new Uint8Array(9), 8), true);
    assertEquals(statSync(`${path}2`).size, 8);
  }));

test("System.create() answers false for a name that is taken, and leaves what is there", () =>
  inDirectory((directory) => {
    const system = systemOfRuntime();
    const path = join(directory, "file");
    writeFileSync(path, "here");
    assertStrictEquals(system.create(path, new Uint8Array([1]), 64), false);
    assertEquals(readFileSync(path, "utf8"), "here");
    assertStrictEquals(system.create(directory, new Uint8Array(), 64), false);
    symlinkSync(join(directory, "nowhere"), join(directory, "link"));
    assertStrictEquals(system.create(join(directory, "link"), new Uint8Array(), 64), false);
    assertEquals(readdirSync(directory).sort(), ["file", "link"]);
  }));

test("System.create() leaves nothing behind when it fails", () =>
  inDirectory((directory) => {
    const system = systemOfRuntime();
    const path = join(directory, "a".repeat(300));
    const error = assertThrows(() => system.create(path, new Uint8Array(), 64), Error);
    assertMatch(error.message, /^Cannot create ".*": (?:file )?name too long$/);
    assert(error.cause instanceof Error);
    assertEquals(readdirSync(directory), []);
    assertThrows(
      () => system.create(join(directory, "none", "file"), new Uint8Array(), 64),
      Error,
      'none/file": no such file or directory',
    );
  }));

test("System.create() and System.map() refuse sizes that cannot be mapped", () =>
  withFile((path) => {
    const system = systemOfRuntime();
    for (const size of [0, -1, 1.5, NaN, 2 ** 32 + 1]) {
      const text = `": its size must be 1 to 4294967296 bytes, received ${size}`;
      const other = `${path}2`;
      assertThrows(
        () => system.create(other, new Uint8Array(), size),
        RangeError,
        `Cannot create "${other}${text}`,
      );
      assertThrows(() => system.map(path, size, "read"), RangeError, `Cannot map "${path}${text}`);
    }
  }));

test("System.inspect() says what a file is and how it begins", () =>
  inDirectory((directory) => {
    const system = systemOfRuntime();
    const path = join(directory, "file");
    writeFileSync(path, "12345");
    chmodSync(path, 0o640);
    const user = process.geteuid!();
    const start = new Uint8Array([49, 50, 51]);
    const facts: FileFacts = { type: "file", size: 5, owner: user, user, mode: 0o640, start };
    assertEquals(system.inspect(path, 3), facts);
    assertEquals(system.inspect(path, 0)?.start.length, 0);
    assertEquals(system.inspect(path, 9)?.start, new Uint8Array([49, 50, 51, 52, 53]));
    symlinkSync(path, join(directory, "link"));
    assertEquals(system.inspect(join(directory, "link"), 3)?.size, 5);
  }));

test("System.inspect() tells directories, other things and nothing apart", () =>
  inDirectory((directory) => {
    const system = systemOfRuntime();
    assertEquals(system.inspect(join(directory, "none"), 3), undefined);
    const facts = system.inspect(directory, 3);
    assertEquals([facts?.type, facts?.mode], ["directory", 0o700]);
    assertEquals(facts?.start.length, 0);
    symlinkSync(join(directory, "none"), join(directory, "link"));
    assertEquals(system.inspect(join(directory, "link"), 3)?.type, "other");
    execFileSync("mkfifo", [join(directory, "pipe")]);
    assertEquals(system.inspect(join(directory, "pipe"), 3)?.type, "other");
    writeFileSync(join(directory, "file"), "");
    const below = join(directory, "file", "below");
    assertThrows(() => system.inspect(below, 3), Error, `Cannot read "${below}": not a directory`);
  }));

test("System.makeDirectory() makes a directory for its owner alone, once", () =>
  inDirectory((directory) => {
    const system = systemOfRuntime();
    const path = join(directory, "rings");
    system.makeDirectory(path);
    assertEquals(statSync(path).mode & 0o777, 0o700);
    writeFileSync(join(path, "file"), "");
    system.makeDirectory(path);
    assertEquals(readdirSync(path), ["file"]);
    const far = join(directory, "a", "b");
    const text = `Cannot create "${far}": no such file or directory`;
    assertThrows(() => system.makeDirectory(far), Error, text);
  }));

test("System.map() shows two mappings, and processes of both runtimes, the same bytes", () =>
  withFile(async (path, map) => {
    const first = new Int32Array(map().buffer);
    const second = new Int32Array(map().buffer);
    const reader = new Int32Array(map("read").buffer);
    assertEquals(first.length, 16);
    Atomics.store(first, 2, 37);
    assertEquals(Atomics.add(second, 2, 1), 37);
    for (const runtime of bothRuntimes) {
      const before = Atomics.load(reader, 2);
      await using child = new Child(runtime, program, "add", path);
      assertEquals(await child.answer(), before);
    }
    assertEquals([first, second, reader].map((words) => Atomics.load(words, 2)), [48, 48, 48]);
    assertEquals(systemOfRuntime().inspect(path, 12)?.start[8], 48);
  }));

test("System.map() refuses a file that is shorter, by now", () =>
  withFile((path) => {
    truncateSync(path, 63);
    for (const access of ["read", "write"] as const) {
      assertThrows(
        () => systemOfRuntime().map(path, 64, access),
        Error,
        `Cannot map "${path}": it must have 64 bytes, received 63`,
      );
    }
    assert(!isOpen(path));
  }));

test("System.map() says why it cannot open a path", () =>
  withFile((path) => {
    const system = systemOfRuntime();
    const directory = join(path, "..");
    execFileSync("mkfifo", [`${path}-pipe`]);
    const reasons: readonly (readonly [string, "read" | "write", string])[] = [
      [`${path}-none`, "read", "no such file or directory"],
      [`${path}-none`, "write", "no such file or directory"],
      [`${path}/below`, "read", "not a directory"],
      [directory, "write", "is a directory"],
      // How long a directory is depends on the file system.
      [directory, "read", ""],
      [`${path}-pipe`, "read", "illegal seek"],
      [`${path}\0`, "read", "a path must not hold a null character"],
    ];
    for (const [where, access, reason] of reasons) {
      const text = `Cannot map "${where}": ${reason}`;
      assertThrows(() => system.map(where, 64, access), Error, text);
    }
  }));

test("System methods say which permission of the file system is missing", () =>
  inDirectory(async (directory) => {
    // The child may give up being root.
    chmodSync(directory, 0o777);
    await using child = new Child(thisRuntime, program, "unprivileged", directory);
    assertEquals(await child.answer(), {
      owns: true,
      first: 7,
      mapForWriting: `Cannot map "${directory}/file": permission denied`,
      mapForReading: `Cannot map "${directory}/closed": permission denied`,
      inspect: `Cannot read "${directory}/closed": permission denied`,
      create: `Cannot create "${directory}/directory/file": permission denied`,
      makeDirectory: `Cannot create "${directory}/directory/other": permission denied`,
    });
  }));

test("Mapping.tryLock() excludes other mappings of the process from that range only", () =>
  withFile((_, map) => {
    const [first, second] = [map(), map()];
    assertStrictEquals(first.tryLock(8, 8), true);
    // It has it already.
    assertStrictEquals(first.tryLock(8, 8), true);
    assertStrictEquals(second.tryLock(8, 8), false);
    assertStrictEquals(second.tryLock(15, 1), false);
    assertStrictEquals(second.tryLock(0, 8), true);
    assertStrictEquals(second.tryLock(16, 8), true);
    first.unlock(8, 8);
    assertStrictEquals(second.tryLock(8, 8), true);
    assertStrictEquals(first.tryLock(8, 8), false);
  }));

test("Mapping.isLocked() tells what others have locked, and takes nothing", () =>
  withFile((_, map) => {
    const [first, second, reader] = [map(), map(), map("read")];
    for (const mapping of [first, second, reader]) {
      assertStrictEquals(mapping.isLocked(8, 8), false);
    }
    assert(first.tryLock(8, 8));
    assertStrictEquals(first.isLocked(8, 8), false);
    for (const mapping of [second, reader]) {
      // Twice: the first answer is written over the question.
      assertStrictEquals(mapping.isLocked(8, 8), true);
      assertStrictEquals(mapping.isLocked(8, 8), true);
      assertStrictEquals(mapping.isLocked(16, 8), false);
      assertStrictEquals(mapping.isLocked(0, 9), true);
    }
    first.unlock(8, 8);
    assertStrictEquals(reader.isLocked(8, 8), false);
    assertStrictEquals(second.tryLock(8, 8), true);
  }));

test("Mapping.tryLock() needs a mapping for writing", () =>
  withFile((path, map) => {
    assertThrows(
      () => map("read").tryLock(8, 8),
      Error,
      `Cannot lock "${path}": it is mapped for reading only`,
    );
  }));

test("Mapping.tryLock() excludes other processes until they are killed, not their children", () =>
  withFile(async (path, map) => {
    const mapping = map();
    for (const runtime of bothRuntimes) {
      await using child = new Child(runtime, program, "lock", path);
      await child.says("sleeper");
      const { locked, sleeper } = JSON.parse(child.output);
      try {
        assertStrictEquals(locked, true);
        assertStrictEquals(mapping.tryLock(8, 8), false);
        assertStrictEquals(mapping.isLocked(8, 8), true);
        assertStrictEquals(mapping.tryLock(0, 8), true);
        child.kill();
        await until("the lock is free", () => mapping.tryLock(8, 8));
      } finally {
        process.kill(sleeper, "SIGKILL");
      }
      mapping.unlock(8, 8);
    }
  }));

test("Mapping.close() frees its locks, also while a process starts", () =>
  withFile(async (_, map) => {
    const second = map();
    // In Bun a process that starts shares what is open for a moment, but seldom long enough to be seen.
    for (let i = 0; i < 30; i++) {
      const first = map();
      assertStrictEquals(first.tryLock(8, 8), true);
      const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
      const ended = new Promise((resolve) => sleeper.on("close", resolve));
      first.close();
      const isFree = second.tryLock(8, 8);
      second.unlock(8, 8);
      sleeper.kill("SIGKILL");
      await ended;
      assert(isFree);
    }
  }));

test("Mapping.close() detaches the buffer, unmaps the file and does nothing the second time", () =>
  withFile((path, map) => {
    const mapping = map();
    const words = new Int32Array(mapping.buffer);
    assertEquals([isMapped(path), isOpen(path)], [true, true]);
    mapping.close();
    assertEquals([isMapped(path), isOpen(path)], [false, false]);
    assertEquals([mapping.buffer.byteLength, words.length, words[0]], [0, 0, undefined]);
    assertThrows(() => Atomics.load(words, 0), TypeError);
    // Gets what the first has given back, which a second close must not touch.
    const next = map();
    mapping.close();
    assert(isMapped(path));
    assertEquals(Atomics.load(new Int32Array(next.buffer), 0), 0);
  }));

test("Mapping methods refuse to work after close", () =>
  withFile(async (path, map) => {
    const mapping = map();
    mapping.close();
    const text = `"${path}": its mapping is closed`;
    assertThrows(() => mapping.tryLock(8, 8), Error, `Cannot lock ${text}`);
    assertThrows(() => mapping.unlock(8, 8), Error, `Cannot lock ${text}`);
    assertThrows(() => mapping.isLocked(8, 8), Error, `Cannot lock ${text}`);
    assertThrows(() => mapping.wake(8), Error, `Cannot wake ${text}`);
    // Bun cannot wait.
    if (mapping.wait === undefined) assert(!isDeno);
    else await assertRejects(() => mapping.wait!(8, 0, 1), Error, `Cannot wait for ${text}`);
  }));

test("Mapping.wake() wakes processes of both runtimes that wait at that word", () =>
  withFile(async (path, map) => {
    const mapping = map();
    for (const runtime of bothRuntimes) {
      await using child = new Child(runtime, program, "sleep", path);
      await until("the other process is awake", () => {
        mapping.wake(8);
        return child.output !== "" || child.hasEnded;
      });
      assertEquals(await child.answer(), "awake");
    }
  }));

test("futexNumber() refuses other systems and machines", () => {
  assertEquals([futexNumber("linux", "x64"), futexNumber("linux", "x86_64")], [202, 202]);
  assertEquals([futexNumber("linux", "arm64"), futexNumber("linux", "aarch64")], [98, 98]);
  assertThrows(
    () => futexNumber("darwin", "arm64"),
    Error,
    'Cannot map a ring: mapped files need Linux, received "darwin"',
  );
  assertThrows(
    () => futexNumber("linux", "riscv64"),
    Error,
    'Cannot map a ring: mapped files need x86-64 or aarch64, received "riscv64"',
  );
});

test("The system of a runtime is always the same one, and the other runtime's cannot be had", () => {
  assertStrictEquals(systemOfRuntime(), systemOfRuntime());
  assertThrows(() => isDeno ? bunSystem() : denoSystem(), Error);
});

// Bun cannot wait without blocking its thread, and has no permissions.
if (isDeno) {
  test("Mapping.wait() ends by a wake-up at its word, not by another", () =>
    withFile(async (_, map) => {
      const [mapping, other, reader] = [map(), map(), map("read")];
      const ends: string[] = [];
      const long = mapping.wait!(8, 0, 60_000).then(() => ends.push("long"));
      const read = reader.wait!(8, 0, 60_000).then(() => ends.push("read"));
      const far = mapping.wait!(12, 0, 60_000).then(() => ends.push("far"));
      // This one ends by its time, so that the others have slept for a while.
      await mapping.wait!(16, 0, 50);
      assertEquals(ends, []);
      other.wake(8);
      await Promise.all([long, read]);
      assertEquals(ends.toSorted(), ["long", "read"]);
      other.wake(12);
      await far;
    }));

  test("Mapping.wait() ends at once when the word differs already", () =>
    withFile(async (_, map) => {
      const mapping = map();
      await mapping.wait!(8, 1, 60_000);
      Atomics.store(new Int32Array(mapping.buffer), 2, -1);
      await mapping.wait!(8, 0, 60_000);
      // Unsigned or signed, these are the same bits, at which it does wait.
      await mapping.wait!(8, 0xffffffff, 1);
      await mapping.wait!(12, -0, 1.5);
    }));

  test("Mapping.wait() refuses to wait without an end", () =>
    withFile(async (path, map) => {
      const mapping = map();
      for (const timeoutMs of [Infinity, NaN, -1]) {
        await assertRejects(
          () => mapping.wait!(8, 0, timeoutMs),
          RangeError,
          `Cannot wait for "${path}": timeoutMs must be a finite number from 0 on, received ${timeoutMs}`,
        );
      }
    }));

  test("Mapping.close() ends what waits, and keeps the memory until then", () =>
    withFile(async (path, map) => {
      const mapping = map();
      let count = 0;
      const waits = [8, 8, 12].map((at) => mapping.wait!(at, 0, 60_000).then(() => count++));
      mapping.close();
      assert(isMapped(path));
      assertEquals(mapping.buffer.byteLength, 0);
      await until("the waits end", () => count === 3);
      await Promise.all(waits);
      assert(!isMapped(path));
    }));

  test("Mapping.close() ends also a wait that has had no thread yet", () =>
    withFile(async (path, map) => {
      const mapping = map();
      execFileSync("mkfifo", [`${path}-pipe`]);
      // Each waits, in a thread, for the other end. There are not that many threads.
      const opening = Array.from({ length: 64 }, () => open(`${path}-pipe`, "r"));
      const wait = mapping.wait!(8, 0, 60_000);
      mapping.close();
      const end = openSync(`${path}-pipe`, "r+");
      for (const file of await Promise.all(opening)) await file.close();
      closeSync(end);
      let hasEnded = false;
      void wait.then(() => hasEnded = true);
      await until("the wait ends", () => hasEnded);
      assert(!isMapped(path));
    }));

  test("Mapping.wait() leaves the runtime threads for its files", () =>
    withFile(async (path, map) => {
      const mapping = map();
      const waits = Array.from({ length: 40 }, () => mapping.wait!(8, 0, 60_000));
      let length = 0;
      const reading = readFile(path).then((bytes) => length = bytes.length);
      await until("a file is read", () => length === 64);
      await reading;
      mapping.close();
      await Promise.all(waits);
      // And it has threads again after them.
      const next = map();
      let hasEnded = false;
      const wait = next.wait!(8, 0, 60_000).then(() => hasEnded = true);
      await next.wait!(12, 0, 50);
      assert(!hasEnded);
      next.close();
      await wait;
    }));

  test("System methods name the flag that Deno needs", () =>
    inDirectory(async (directory) => {
      const path = join(directory, "file");
      const needs = "Cannot map a ring: mapped files need --allow-ffi, without a value";
      const files = ["--allow-read", "--allow-write"];
      assertEquals(await answerTo(["inspect", path], files), needs);
      assertEquals(await answerTo(["inspect", path], [...files, "--allow-ffi=libc.so.6"]), needs);
      assertEquals(await answerTo(["inspect", path], ["--allow-ffi", ...files]), null);
      assertEquals(
        await answerTo(["inspect", path], ["--allow-ffi"]),
        `Cannot read "${path}": Deno needs --allow-read for it`,
      );
      assertEquals(
        await answerTo(["create", path], ["--allow-ffi", "--allow-read"]),
        `Cannot create "${path}": Deno needs --allow-write for its directory`,
      );
      assertEquals(
        await answerTo(["create", path], ["--allow-ffi", `--allow-write=${directory}`]),
        `Cannot create "${path}": Deno needs --allow-read for its directory`,
      );
      assertEquals(
        await answerTo(["makeDirectory", path], ["--allow-ffi", "--allow-read"]),
        `Cannot create "${path}": Deno needs --allow-write for it`,
      );
      assertEquals(
        await answerTo(["inspect", "/dev/shm/none"], ["--allow-ffi", ...files]),
        'Cannot read "/dev/shm/none": Deno needs --allow-all for it',
      );
      assertEquals(readdirSync(directory), []);
    }));
}
