import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Node, if this machine has it; `WEIR_NODE` names another one, or with an empty name none. */
export const nodePath: string | undefined = await (async () => {
  const path = process.env.WEIR_NODE ?? "node";
  try {
    const { stdout } = await run(path, ["-p", "process.release.name + process.versions.node"]);
    return Number(/^node(\d+)\./.exec(stdout)?.[1]) >= 20 ? path : undefined;
  } catch {
    return undefined;
  }
})();

/** Pinned here and nowhere else; esbuild is that of `tools/bundle.ts`. The adapter needs Hono beside it. */
const PACKAGES: Readonly<Record<string, string>> = {
  "@hono/node-server": "2.1.8",
  "esbuild": "0.28.2",
  "hono": "4.13.19",
};

/** Each runtime installs them by itself, since a machine may have no other one. */
const INSTALL = "Deno" in globalThis
  ? ["install", "--quiet", "--node-modules-dir=auto"]
  : ["install", "--ignore-scripts", "--no-save", "--no-progress"];

/** A program as one file for Node, which can import `@hono/node-server`. */
export interface NodeProgram extends Disposable {
  readonly file: URL;
}

/** Makes one file for Node of a TypeScript program and what it imports. It is gone when its scope is left. */
export async function bundleForNode(program: URL): Promise<NodeProgram> {
  const folder = mkdtempSync(join(tmpdir(), "weir-node-"));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const manifest = JSON.stringify({ private: true, dependencies: PACKAGES });
    writeFileSync(join(folder, "package.json"), manifest);
    await run(process.execPath, INSTALL, { cwd: folder });
    const file = join(folder, "program.mjs");
    // As a program: within this process it would keep one of its own running.
    await run(nodePath!, [
      join(folder, "node_modules/esbuild/bin/esbuild"),
      fileURLToPath(program),
      "--bundle",
      "--format=esm",
      "--platform=node",
      "--target=node20",
      "--log-level=error",
      `--outfile=${file}`,
    ]);
    return { file: pathToFileURL(file), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
