/**
 * What a test of the system has another process do. The first argument says what, the second at which file of 64 bytes; what comes of it
 * is written to standard output.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { System } from "../../ring/_system.ts";
import { bunSystem } from "../../ring/mapped_bun.ts";
import { denoSystem } from "../../ring/mapped_deno.ts";

/** The length of the files that are mapped here. */
const SIZE = 64;

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** The message of the error that `ask` throws, or what it answers. */
function outcomeOf(ask: () => unknown): unknown {
  try {
    return ask() ?? null;
  } catch (error) {
    return (error as Error).message;
  }
}

function systemOfRuntime(): System {
  return "Deno" in globalThis ? denoSystem() : bunSystem();
}

/** What Bun cannot do but by blocking its thread. */
function sleep(buffer: ArrayBuffer, offset: number): void {
  const { getBuiltinModule, arch } = process as unknown as {
    arch: string;
    // deno-lint-ignore no-explicit-any -- bun:ffi has no types here.
    getBuiltinModule(name: string): any;
  };
  const { dlopen, ptr } = getBuiltinModule("bun:ffi");
  const args = ["i64", "ptr", "i32", "i32", "ptr"];
  const { symbols } = dlopen("libc.so.6", { syscall: { args, returns: "void" } });
  const word = ptr(new Int32Array(buffer, offset, 1));
  symbols.syscall(arch === "x64" ? 202 : 98, word, 0, 0, new BigInt64Array([60n, 0n]));
}

const [command, path] = process.argv.slice(2) as [string, string];
if (command === "inspect") {
  say(outcomeOf(() => systemOfRuntime().inspect(path, 0)?.type));
} else if (command === "create") {
  say(outcomeOf(() => systemOfRuntime().create(path, new Uint8Array(), SIZE)));
} else if (command === "makeDirectory") {
  say(outcomeOf(() => systemOfRuntime().makeDirectory(path)));
} else if (command === "lock") {
  const locked = systemOfRuntime().map(path, SIZE, "write").tryLock(8, 8);
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  sleeper.on("spawn", () => say({ locked, sleeper: sleeper.pid }));
  // Until it is killed.
  setInterval(() => {}, 1000);
} else if (command === "add") {
  const mapping = systemOfRuntime().map(path, SIZE, "write");
  say(Atomics.add(new Int32Array(mapping.buffer), 2, 5));
  mapping.close();
} else if (command === "sleep") {
  const mapping = systemOfRuntime().map(path, SIZE, "read");
  if (mapping.wait === undefined) sleep(mapping.buffer, 8);
  else await mapping.wait(8, 0, 60_000);
  say("awake");
  mapping.close();
} else if (command === "unprivileged") {
  // Root may do anything.
  const { geteuid, seteuid } = process as Required<typeof process>;
  if (geteuid() === 0) seteuid(65534);
  const system = systemOfRuntime();
  const file = `${path}/file`;
  system.create(file, new Uint8Array([7]), SIZE);
  const facts = system.inspect(file, 1);
  chmodSync(file, 0o400);
  const mapping = system.map(file, SIZE, "read");
  const first = new Uint8Array(mapping.buffer)[0];
  mapping.close();
  writeFileSync(`${path}/closed`, "");
  chmodSync(`${path}/closed`, 0);
  mkdirSync(`${path}/directory`, { mode: 0o500 });
  say({
    owns: facts?.owner === facts?.user && facts?.user === geteuid() && geteuid() !== 0,
    first,
    mapForWriting: outcomeOf(() => system.map(file, SIZE, "write")),
    mapForReading: outcomeOf(() => system.map(`${path}/closed`, SIZE, "read")),
    inspect: outcomeOf(() => system.inspect(`${path}/closed`, 1)),
    create: outcomeOf(() => system.create(`${path}/directory/file`, new Uint8Array(), SIZE)),
    makeDirectory: outcomeOf(() => system.makeDirectory(`${path}/directory/other`)),
  });
}
