/**
 * Finds the Bun that runs the tests: the pinned one, which Deno downloads from npm on first use, so that a machine without Bun runs
 * them too. `WEIR_BUN` names another executable, for trying a newer Bun.
 *
 * Tools start the executable itself and not `deno x`, so that ending the process ends Bun.
 *
 * @module
 */
import { execute } from "./repository.ts";

/** The release that the project is tested with. */
export const pinnedBun = "1.4.5";

/** A Bun that can be started. */
export interface Bun {
  /** Its executable. */
  readonly path: string;
  /** Its version. */
  readonly version: string;
}

/**
 * Finds Bun, downloading it where needed.
 *
 * @returns Its executable and version.
 * @throws {Error} When it does not start; the message holds what was printed.
 */
export async function findBun(): Promise<Bun> {
  const own = Deno.env.get("WEIR_BUN");
  const identify = [
    "-e",
    "console.log(JSON.stringify({path:process.execPath,version:Bun.version}))",
  ];
  const { code, output } = own === undefined
    ? await execute(Deno.execPath(), ["x", "-y", `bun@${pinnedBun}`, ...identify], {
      capture: true,
    })
    : await execute(own, identify, { capture: true });
  const answer = output.trimEnd().split("\n").find((line) => line.startsWith("{"));
  if (code !== 0 || answer === undefined) {
    throw new Error(`Cannot start Bun: it ended with code ${code}: ${output.trim()}`);
  }
  return JSON.parse(answer);
}
