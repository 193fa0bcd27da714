/**
 * Finds the real `@std/async` and makes one module of what is measured of it, which both runtimes can import: Bun imports nothing
 * from JSR, and in a checkout the packages import each other by bare names. The code is joined, not minified.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { execute } from "../tools/repository.ts";
import { checkoutVariable, howToProvideStd } from "./peers.ts";

/** What was found. */
export interface FoundStd {
  /** The address of the module; undefined when there is none. */
  readonly module?: string;
  /** One line: where it came from, or why it could not be had and how to provide it. */
  readonly text: string;
}

/**
 * Looks for `@std/async`: in the checkout that `WEIR_BENCH_STD` names, else on JSR.
 *
 * @param directory A directory for temporary files.
 * @returns The module, or why there is none. Never throws.
 */
export async function findStd(directory: string): Promise<FoundStd> {
  const checkout = Deno.env.get(checkoutVariable);
  const path = `${directory}/std.js`;
  const source = `${directory}/std_entry.js`;
  try {
    const prefix = checkout === undefined ? "jsr:@std/async@^1.5.0" : "@std/async";
    const args = ["bundle", "--quiet", "--no-config", "--no-check"];
    if (checkout !== undefined) {
      const map = `${directory}/import_map.json`;
      await Deno.writeTextFile(map, JSON.stringify({ imports: importsOf(resolve(checkout)) }));
      args.push("--import-map", map);
    }
    await Deno.writeTextFile(
      source,
      `export { Channel } from "${prefix}/channel";\nexport { MuxAsyncIterator } from "${prefix}/mux-async-iterator";\n`,
    );
    const { code, output } = await execute(
      Deno.execPath(),
      [...args, "--output", path, source],
      { capture: true, directory, timeoutMs: 20_000 },
    );
    if (code !== 0) throw new Error(reasonIn(output));
    const from = checkout === undefined ? "JSR" : `${checkoutVariable}=${checkout}`;
    return { module: pathToFileURL(path).href, text: `@std/async comes from ${from}` };
  } catch (error) {
    const where = checkout === undefined ? "JSR" : `${checkoutVariable}=${checkout}`;
    const { message } = error as Error;
    return { text: `@std/async is not available here; ${howToProvideStd} (${where}: ${message})` };
  }
}

/** Bare names of the packages in a checkout, which each say in their `deno.json` what they export. */
function importsOf(checkout: string): Record<string, string> {
  const imports: Record<string, string> = {};
  for (const entry of Deno.readDirSync(checkout)) {
    if (!entry.isDirectory) continue;
    let manifest: { name?: string; exports?: string | Record<string, string> };
    try {
      manifest = JSON.parse(Deno.readTextFileSync(`${checkout}/${entry.name}/deno.json`));
    } catch {
      continue;
    }
    const { name, exports } = manifest;
    if (name === undefined || exports === undefined) continue;
    const all = typeof exports === "string" ? { ".": exports } : exports;
    for (const [subpath, file] of Object.entries(all)) {
      const target = pathToFileURL(resolve(checkout, entry.name, file)).href;
      imports[`${name}${subpath.slice(1)}`] = target;
    }
  }
  if (imports["@std/async/channel"] === undefined) {
    throw new Error("it has no async/deno.json that exports ./channel");
  }
  return imports;
}

/** The first line of a report that says something. */
function reasonIn(output: string): string {
  // deno-lint-ignore no-control-regex -- the report is coloured
  const lines = output.replaceAll(/\x1b\[[\d;]*m/g, "").split("\n").map((line) => line.trim());
  return lines.find((line) => line.startsWith("error")) ?? lines.find((line) => line !== "") ??
    "no reason was given";
}
