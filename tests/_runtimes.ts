import process from "node:process";

/** How to run a program under a runtime. */
export interface Runtime {
  readonly name: "Deno" | "Bun";
  /** The executable, and what it wants before the name of a program that may do anything. */
  readonly command: readonly [program: string, ...args: string[]];
}

/** The runtime of this test. */
export const thisRuntime: Runtime = "Deno" in globalThis
  ? deno(process.execPath)
  : bun(process.execPath);

/**
 * The runtime of this test and the other one. Who starts a runner by hand, without `WEIR_DENO` and `WEIR_BUN`, has the same one twice;
 * the tasks set both.
 */
export const bothRuntimes: readonly [Runtime, Runtime] = (() => {
  const { WEIR_DENO, WEIR_BUN, WEIR_RUNNER } = process.env;
  if (WEIR_RUNNER !== undefined && (WEIR_DENO === undefined || WEIR_BUN === undefined)) {
    throw new Error("Cannot run the other runtime: WEIR_DENO and WEIR_BUN must be set");
  }
  const other = thisRuntime.name === "Deno"
    ? WEIR_BUN && bun(WEIR_BUN)
    : WEIR_DENO && deno(WEIR_DENO);
  return [thisRuntime, other || thisRuntime];
})();

function deno(path: string): Runtime {
  return { name: "Deno", command: [path, "run", "--no-check", "-A"] };
}

function bun(path: string): Runtime {
  return { name: "Bun", command: [path] };
}
