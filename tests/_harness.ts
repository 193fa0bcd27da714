/**
 * The one test registrar of the repository: the runner's own `test`, unwrapped, so that a failure points at the test's own line
 * and Deno's sanitizers see every case.
 *
 * @module
 */

/** Registers one flat test case. */
export type Register = (name: string, body: () => void | Promise<void>) => unknown;

const native = (globalThis as { Deno?: { test?: Register } }).Deno?.test;
// In a variable, so that Deno's checker does not look for Bun's module.
const bunTest = "bun:test";

/** `Deno.test` under `deno test`, Bun's `test` under `bun test`. */
export const test: Register = native ??
  ((await import(bunTest)) as { test: Register }).test;
