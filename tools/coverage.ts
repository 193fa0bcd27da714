/**
 * Measures which lines of the library its tests run, under Deno, programs that the tests start included. Fails below the threshold in
 * `deno.json` (`coverage.thresholds`), and for a source that no test loads, which the coverage table would leave out.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { transform } from "npm:esbuild@0.28.2";
import { execute, listFiles, root, say, sourceFolders } from "./repository.ts";
import { denoTest, runtimes } from "./runners.ts";
import { stdImports } from "./std_imports.ts";

const sources = ["mod.ts", ...sourceFolders.flatMap((folder) => listFiles(folder, ".ts"))];
const directory = await Deno.makeTempDir({ prefix: "weir-coverage-" });
const failed = await measure().finally(() => Deno.remove(directory, { recursive: true }));
Deno.exit(failed ? 1 : 0);

async function measure(): Promise<boolean> {
  const files = listFiles("tests", "_test.ts");
  if (files.length === 0) {
    say("there are no test files");
    return true;
  }
  const { program, args, env } = denoTest(
    { files, std: await stdImports() },
    `--coverage=${directory}`,
    "--coverage-raw-data-only",
  );
  // What is measured is many times as slow, and a tenth of a million frames reaches the same lines.
  const everything = { env: { ...env, ...await runtimes(), WEIR_LIGHT: "1" } };
  if ((await execute(program, args, everything)).code !== 0) return true;

  await removeUnfinished();
  const home = RegExp.escape(pathToFileURL(root).href);
  const include = `--include=^${home}(?:mod\\.ts$|(?:${sourceFolders.join("|")})/)`;
  const report = `${directory}/lcov.info`;
  const coverage = ["coverage", directory, include];
  const low = (await execute(Deno.execPath(), coverage)).code !== 0;
  await execute(Deno.execPath(), [...coverage, "--lcov", `--output=${report}`], { capture: true });
  const loaded = (await Deno.readTextFile(report)).split("\n")
    .filter((line) => line.startsWith("SF:"))
    .map((line) => resolve(line.slice("SF:".length).trim()));

  let missing = false;
  for (const source of sources) {
    if (loaded.includes(resolve(root, source))) continue;
    if (await isOnlyTypes(source)) continue;
    say(`${source} is loaded by no test`);
    missing = true;
  }
  return low || missing;
}

/** Programs that a test has killed while they wrote what they had run leave a part of it, which cannot be read. */
async function removeUnfinished(): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    const file = `${directory}/${name}`;
    if (name.endsWith(".json") && !(await Deno.readTextFile(file)).trimEnd().endsWith("}")) {
      await Deno.remove(file);
    }
  }
}

async function isOnlyTypes(source: string): Promise<boolean> {
  const text = await Deno.readTextFile(`${root}${source}`);
  return (await transform(text, { loader: "ts", minify: true })).code.trim() === "";
}
