/**
 * Makes one minified ES module of each entrypoint, in `dist/`, and holds every module to its size budget.
 *
 * An entrypoint's *own* size is that of its bundle without the files of the entrypoints before it, in the order of `deno.json`: what it
 * adds for someone who has them already. The root comes last. The bundle itself is complete, for a browser or a CDN. Entrypoints that need a server's runtime are measured, not written.
 *
 * @module
 */
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build, stop } from "npm:esbuild@0.28.2";
import { type Entrypoint, entrypoints, root, say } from "./repository.ts";

/** The most bytes, minified and compressed by `gzip -9`, that an entrypoint is to add. */
const budgets: Readonly<Record<string, number>> = { channel: 2_000 };
const defaultBudget = 6_000;

/**
 * Entrypoints that miss their budget, with the size that they may not outgrow. Every run says so.
 *
 * `channel`: the `Channel` of `@std/async` alone is 2,382 bytes, and ours has policies, batches, a bound in bytes, `merge` and `pipe` beyond
 * it. Shorter names of inner properties were tried and save 100 bytes, sources of `merge` read through `pipe` 190.
 *
 * `ring`: two protocols, three kinds of memory, events, maps and fleets. Who imports `Ring` and one storage gets 9 kB of it, with events 12.
 *
 * `bus`: `Bus` and `subject` alone are 10.5 kB: the index, queues that know each gap, sends in line, replay, and what users' code may do in
 * between. Those who import only them leave out late binding, event streams and bridges.
 *
 * `fold`: a `Fold` alone is 16 kB with the channel in it: tables that grow without a pause, deadlines, indexes, what is remembered, watches and
 * snapshots. Kinds, leases, signatures, the registry and stores are left out by those who do not import them.
 *
 * `cache`: a `SpanCache` alone is 19 kB: columns, cells, names, sums, queries, contexts, readers, and what users' code may do in between. The driver,
 * feeds, bridges and exporters are left out by those who do not import them.
 *
 * `tap`: a `Tap` alone is 26 kB with the channel in it, with `tapHandler` 33: the expressions and their automaton 7, redaction with its hash
 * and its search for credentials 5, sessions with their accounts, sampling and streams. Who imports those two leaves
 * out the page, the client and `replay`.
 *
 * `cli`: `weir ring` is a third of it, `weir tap` with its formats another.
 */
const ceilings: Readonly<Record<string, number>> = {
  channel: 4_400,
  ring: 15_900,
  bus: 12_800,
  fold: 21_000,
  cache: 21_900,
  tap: 41_900,
  cli: 12_900,
};

/** Entrypoints that need Deno, Bun or `node:` modules, and so are not for browsers. */
const serverOnly: readonly string[] = ["cli", "nats", "ring/mapped"];

interface Size {
  readonly min: number;
  readonly gzip: number;
}

interface Bundle {
  readonly code: Uint8Array;
  /** The files that are in it, from the repository. */
  readonly files: readonly string[];
}

async function bundle(entry: Entrypoint, outside: readonly string[]): Promise<Bundle> {
  const server = serverOnly.includes(entry.name);
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry.file],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    // For browsers, an import of a server's module is an error.
    platform: server ? "neutral" : "browser",
    external: [...outside, ...(server ? ["node:*", "bun:*"] : [])],
    outdir: "dist",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  // What was read and then left out is not in it.
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const files = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
  return { code: outputFiles[0]!.contents, files };
}

function sizeOf(code: Uint8Array): Size {
  return { min: code.length, gzip: gzipSync(code, { level: 9 }).length };
}

function row(...[name, ...numbers]: readonly (string | number)[]): string {
  return `${name}`.padEnd(14) + numbers.map((value) => `${value}`.padStart(9)).join("");
}

await Deno.remove(`${root}dist`, { recursive: true }).catch(() => {});
say(row("entrypoint", "min", "gzip", "own min", "own gzip", "budget"));
const over: string[] = [];
const known: string[] = [];
const before = new Set<string>();
for (const entry of entrypoints) {
  const { code, files } = await bundle(entry, []);
  const own = sizeOf((await bundle(entry, [...before])).code);
  const whole = sizeOf(code);
  for (const file of files) before.add(resolve(root, file));
  const budget = budgets[entry.name] ?? defaultBudget;
  say(row(entry.name, whole.min, whole.gzip, own.min, own.gzip, budget));
  const ceiling = ceilings[entry.name] ?? budget;
  if (own.gzip > budget) {
    const line = `${entry.name} is ${own.gzip - budget} bytes over its budget of ${budget}`;
    if (own.gzip > ceiling) over.push(ceiling > budget ? `${line}, and over ${ceiling}` : line);
    else known.push(`${line}, which is known; it may not outgrow ${ceiling}`);
  }
  if (serverOnly.includes(entry.name)) continue;
  const file = `${root}dist/${entry.name}.js`;
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(file, code);
}
await stop();
for (const line of [...over, ...known]) say(line);
if (over.length + known.length === 0) say("every entrypoint keeps its budget");
Deno.exit(over.length > 0 ? 1 : 0);
