/**
 * Decides where `@std/assert` and `@std/async` come from. `deno.json` maps them to JSR; on a machine that cannot reach JSR they are
 * replaced by the stand-ins in `tests/std`. Every gate that loads tests or examples asks here, so that all use the same ones.
 *
 * The answer is found by trying: a program that imports them is run and ended after five seconds. `WEIR_STD=jsr` or
 * `WEIR_STD=stand-ins` skips the trial; {@linkcode stdImports} also hands its decision to child processes that way.
 *
 * @module
 */
import { execute, refuse, stdSpecifiers } from "./repository.ts";

/** Where the standard library's imports come from. */
export interface StdImports {
  /** Arguments for `deno test` and `deno check`. */
  readonly denoArgs: readonly string[];
  /** Environment that makes a child process decide the same. */
  readonly env: Record<string, string>;
  /** One line that says what was decided. */
  readonly text: string;
}

const trialMs = 5_000;

/**
 * Decides where the imports come from.
 *
 * @returns The decision.
 */
export async function stdImports(): Promise<StdImports> {
  const names = stdSpecifiers.join(", ");
  const wanted = Deno.env.get("WEIR_STD");
  if (wanted !== undefined && wanted !== "jsr" && wanted !== "stand-ins") {
    refuse(`WEIR_STD must be "jsr" or "stand-ins", received "${wanted}"`);
  }
  if (wanted === "jsr" || (wanted === undefined && await reachable())) {
    return { denoArgs: [], env: { WEIR_STD: "jsr" }, text: `Deno takes ${names} from JSR` };
  }
  const why = wanted === undefined
    ? `they could not be loaded from JSR within ${trialMs / 1000} s`
    : "WEIR_STD";
  return {
    denoArgs: ["--import-map", "tests/std/import_map.json"],
    env: { WEIR_STD: "stand-ins" },
    text: `Deno takes ${names} from tests/std (${why})`,
  };
}

async function reachable(): Promise<boolean> {
  const program = stdSpecifiers.map((name) => `import ${JSON.stringify(name)};`).join("");
  const trial = await execute(Deno.execPath(), ["eval", program], {
    capture: true,
    timeoutMs: trialMs,
  });
  return trial.code === 0;
}
