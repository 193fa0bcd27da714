/**
 * The runtimes that are measured, and how a script is started on each. What the first process finds is told to those that it starts, so
 * that a case can start a process of its own, on the same runtime or on the other.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { UnavailableError } from "./case.ts";

/** Their names. */
export type RuntimeName = "deno" | "bun";

/** The runtime of this process. */
export const runtime: RuntimeName = "Bun" in globalThis ? "bun" : "deno";

/** The other one. */
export const otherRuntime: RuntimeName = runtime === "deno" ? "bun" : "deno";

/** An installed runtime. */
export interface Runtime {
  /** Which one. */
  readonly name: RuntimeName;
  /** Its executable. */
  readonly path: string;
  /** Its version. */
  readonly version: string;
}

/** The variable that tells a process which runtimes are measured, with their executables. */
export const runtimesVariable = "WEIR_BENCH_RUNTIMES";

/** The variable that tells a process where to put files, in memory if possible; all of it is removed in the end. */
export const directoryVariable = "WEIR_BENCH_DIRECTORY";

/** What comes before a script; mitata needs to collect garbage between measurements. */
const options: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "--quiet", "-A", "--no-config", "--no-lock", "--v8-flags=--expose-gc"],
  // Peers are installed even below a directory that has node_modules.
  bun: ["--install=fallback", "--prefer-offline"],
};

/**
 * The arguments that start a script on a runtime.
 *
 * @param name The runtime.
 * @param script The address of the script.
 * @param args What the script is told.
 * @returns All arguments.
 */
export function argumentsFor(name: RuntimeName, script: URL, args: readonly string[]): string[] {
  return [...options[name], fileURLToPath(script), ...args];
}

/**
 * What to tell a process that is started.
 *
 * @param runtimes The runtimes that are measured.
 * @param directory Where to put files.
 * @returns The variables.
 */
export function toldToChildren(
  runtimes: readonly Runtime[],
  directory: string,
): Record<string, string> {
  const paths = Object.fromEntries(runtimes.map(({ name, path }) => [name, path]));
  return { [runtimesVariable]: JSON.stringify(paths), [directoryVariable]: directory };
}

/**
 * The executable of a runtime, in a process that was told.
 *
 * @param name The runtime.
 * @returns Its path.
 * @throws {UnavailableError} If that runtime is not measured.
 */
export function executableOf(name: RuntimeName): string {
  const path = JSON.parse(process.env[runtimesVariable] ?? "{}")[name];
  if (path === undefined) throw new UnavailableError(`${name} is not measured`);
  return path;
}
