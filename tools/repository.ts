/**
 * What every tool needs to know of this repository: where it is, which entrypoints `deno.json` exports, how to list its files, run a
 * program in it and print a line. All of it is read from the manifest and the disk, so that a new module is checked, measured and
 * documented without being added to a second list.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };

/** One entry of `exports` in `deno.json`. */
export interface Entrypoint {
  /** The subpath without `./`, and `mod` for the root: also the name of its bundle. */
  readonly name: string;
  /** The file, relative to the repository. */
  readonly file: string;
}

/** The repository's directory. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** The import names that `deno.json` maps to JSR, which only tests and examples use. */
export const stdSpecifiers: readonly string[] = Object.entries(manifest.imports)
  .filter(([, target]) => target.startsWith("jsr:"))
  .map(([name]) => name);

/** All entrypoints, the root last. */
export const entrypoints: readonly Entrypoint[] = Object.entries(manifest.exports)
  .map(([subpath, file]) => ({
    name: subpath === "." ? "mod" : subpath.slice("./".length),
    file: file.slice("./".length),
  }))
  .sort((a, b) => Number(a.name === "mod") - Number(b.name === "mod"));

/** The folders that hold the library's sources. */
export const sourceFolders: readonly string[] = [
  // No entrypoint, but below all of them.
  "internal",
  ...new Set(entrypoints.flatMap(({ file }) => file.includes("/") ? [file.split("/")[0]!] : [])),
];

/**
 * Lists the files below a folder, sorted, relative to the repository and with `/` on every platform.
 *
 * @param folder The folder, relative to the repository; one that does not exist holds no files.
 * @param suffix What the names end in.
 * @param depth How many levels of folders to enter.
 * @returns The paths.
 */
export function listFiles(folder: string, suffix: string, depth: number = Infinity): string[] {
  const found: string[] = [];
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(`${root}${folder}`)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return found;
    throw error;
  }
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory && depth > 1) found.push(...listFiles(path, suffix, depth - 1));
    else if (entry.isFile && entry.name.endsWith(suffix)) found.push(path);
  }
  return found.sort();
}

/** How {@linkcode execute} runs a program. */
export interface ExecuteOptions {
  /** Variables added to the environment. */
  readonly env?: Record<string, string>;
  /** Whether output is kept and returned instead of shown. @default {false} */
  readonly capture?: boolean;
  /** Where to run it. @default {root} */
  readonly directory?: string;
  /** After how long the program is ended. @default {1_200_000} */
  readonly timeoutMs?: number;
}

/** How a program ended. */
export interface Executed {
  /** Its exit code, never 0 if it was ended for taking too long. */
  readonly code: number;
  /** What it wrote to both outputs, in order of arrival; empty unless captured. */
  readonly output: string;
}

/**
 * Runs a program in the repository, without a shell and without input.
 *
 * @param program The executable.
 * @param args Its arguments.
 * @param options Environment, output and time limit.
 * @returns Its exit code and, if captured, its output.
 */
export async function execute(
  program: string,
  args: readonly string[],
  { env = {}, capture = false, directory = root, timeoutMs = 1_200_000 }: ExecuteOptions = {},
): Promise<Executed> {
  const output = capture ? "piped" : "inherit";
  const limit = AbortSignal.timeout(timeoutMs);
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: directory,
    env,
    stdin: "null",
    stdout: output,
    stderr: output,
    signal: limit,
  }).spawn();
  const pieces: string[] = [];
  async function collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) pieces.push(text);
  }
  const [status] = await Promise.all([
    child.status,
    ...(capture ? [collect(child.stdout), collect(child.stderr)] : []),
  ]);
  if (!limit.aborted) return { code: status.code, output: pieces.join("") };
  const notice = `${program} was ended: it took more than ${timeoutMs} ms`;
  if (!capture) say(notice);
  // A program may answer the ending signal with code 0.
  return { code: status.code || 1, output: `${pieces.join("")}\n${notice}` };
}

/**
 * Prints one line to standard output.
 *
 * @param line The line, without its end.
 */
export function say(line: string): void {
  let rest = new TextEncoder().encode(`${line}\n`);
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

/**
 * Ends the tool over a command line it cannot take.
 *
 * @param problem What is wrong, naming the value.
 */
export function refuse(problem: string): never {
  say(`error: ${problem} (--help shows what is possible)`);
  Deno.exit(2);
}
