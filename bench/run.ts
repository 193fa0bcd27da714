/**
 * `deno task bench` measures ours against named peers, on Deno and on Bun, and says which budgets of the design are met.
 *
 * ```sh
 * deno task bench                        # everything, in about a quarter of an hour
 * deno task bench channel/send merge     # cases whose name holds one of these
 * deno task bench --only bun --quick     # one runtime; a smoke run, whose times mean little
 * WEIR_BENCH_STD=../std deno task bench  # where JSR cannot be reached: a checkout of denoland/std
 * ```
 *
 * Every run of every contestant is checked for the right answer; a wrong one is the only thing, beside a crash, that makes the exit
 * code non-zero. Times are ratios in the same run and never gate: each contestant is measured by mitata in processes of its own, in
 * rounds that take turns with the others and with the other runtime. A time is the median of the rounds' medians.
 *
 * What goes on between threads or processes is not a time per item: those cases have figures of their own, each the median of the
 * rounds, and a budget is the least or the most that one may be. `bench/ring/link.ts` says what is measured. They need two cores for
 * themselves: with a third thread that is busy, or on a virtual machine whose cores are moved about, they say more of that than of
 * what they compare.
 *
 * To add a case, write it into a file in `bench/cases` and name a new file in `bench/cases.ts`: a `Case` for a time per item, a
 * `FigureCase` for anything else. The first contestant of a case is ours; a reference with a `limit` is a budget, which may be another
 * one on each runtime. Build inputs outside of the run; keep counters in local variables, since V8 is slow on captured variables that
 * change; answer with counts and a digest, so that nothing can be optimised away. Peers are imported by `bench/peers.ts`, pinned.
 *
 * @module
 */
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { findBun } from "../tools/bun.ts";
import { execute, refuse, root, say } from "../tools/repository.ts";
import type { AnyCase } from "./case.ts";
import { caseFiles } from "./cases.ts";
import { measureCase, type MeasureOptions } from "./measure.ts";
import { judge, summaryOf, tableOf, type Verdict } from "./report.ts";
import type { Runtime, RuntimeName } from "./runtimes.ts";
import { findStd } from "./std.ts";

const runtimeNames: readonly RuntimeName[] = ["deno", "bun"];

const help = [
  "Measures ours against named peers, on Deno and on Bun.",
  "",
  "Usage: deno task bench [filter ...] [--only deno|bun] [--quick]",
  "",
  "  filter      measure the cases whose name holds the text: a module, or a part of a case's name",
  "  --only      measure on one runtime",
  "  --quick     one short round: shows that everything runs; the times mean little",
  "",
  "WEIR_BENCH_STD names a checkout of denoland/std, for machines that cannot reach JSR.",
  "The exit code is not 0 if a contestant gave a wrong answer or crashed. A missed budget does not change it.",
].join("\n");

interface Choice {
  readonly filters: readonly string[];
  readonly only: RuntimeName | undefined;
  readonly quick: boolean;
}

function choose(args: readonly string[]): Choice {
  let parsed;
  try {
    parsed = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        only: { type: "string" },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    refuse((error as Error).message);
  }
  const { values: { only, quick, help: wantsHelp }, positionals: filters } = parsed;
  if (wantsHelp) {
    say(help);
    Deno.exit(0);
  }
  const name = runtimeNames.find((name) => name === only);
  if (only !== undefined && name === undefined) {
    refuse(`--only must be "deno" or "bun", received "${only}"`);
  }
  return { filters, only: name, quick };
}

/** The chosen cases, each with the index of its file. */
async function findCases(filters: readonly string[]): Promise<[file: number, item: AnyCase][]> {
  const all: [number, AnyCase][] = [];
  for (const [file, load] of caseFiles.entries()) {
    for (const item of (await load()).cases) all.push([file, item]);
  }
  const unused = filters.find((filter) => !all.some(([, { id }]) => id.includes(filter)));
  if (unused !== undefined) {
    refuse(
      `no case has "${unused}" in its name; there are ${all.map(([, { id }]) => id).join(", ")}`,
    );
  }
  return all.filter(([, { id }]) =>
    filters.length === 0 || filters.some((filter) => id.includes(filter))
  );
}

async function findRuntimes(only: RuntimeName | undefined): Promise<Runtime[]> {
  const runtimes: Runtime[] = [];
  if (only !== "bun") {
    runtimes.push({ name: "deno", path: Deno.execPath(), version: Deno.version.deno });
  }
  if (only !== "deno") runtimes.push({ name: "bun", ...(await findBun()) });
  return runtimes;
}

/** How busy the machine is, on average over the last minute. */
function load(): string {
  return loadavg()[0]!.toFixed(1);
}

async function machine(runtimes: readonly Runtime[]): Promise<string> {
  const git = async (...args: string[]): Promise<string> => {
    // Without git, there is no commit to name.
    const { code, output } = await execute("git", args, { capture: true, directory: root })
      .catch(() => ({ code: 1, output: "" }));
    return code === 0 ? output.trim() : "";
  };
  const commit = await git("rev-parse", "--short", "HEAD");
  const changes = await git("status", "--porcelain");
  return [
    `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${availableParallelism()} cores`,
    `${Deno.build.os} ${Deno.build.arch}, load ${load()}`,
    runtimes.map(({ name, version }) => `${name} ${version}`).join(", "),
    new Date().toISOString(),
    commit === "" ? "no commit" : `commit ${commit}${changes === "" ? "" : " with changes"}`,
  ].join("; ");
}

/** Makes a directory for temporary files: in memory where there is a place for that, since a disk would be measured as well. */
async function makeDirectory(): Promise<string> {
  const prefix = "weir-bench-";
  return await Deno.makeTempDir({ dir: "/dev/shm", prefix })
    .catch(() => Deno.makeTempDir({ prefix }));
}

const { filters, only, quick } = choose(Deno.args);
const chosen = await findCases(filters);
const runtimes = await findRuntimes(only);
const directory = await makeDirectory();
const verdicts: Verdict[] = [];
const failures: string[] = [];
try {
  const start = await machine(runtimes);
  const std = await findStd(directory);
  say(std.text);
  const options: MeasureOptions = {
    ...(quick ? { rounds: 1, ms: 20 } : { rounds: 3, ms: 250 }),
    std: std.module,
    directory,
  };
  for (const [file, item] of chosen) {
    say(`\n${item.id}: ${item.title}`);
    const results = await measureCase(file, item, runtimes, options);
    for (const { name } of runtimes) {
      const ofRuntime = results.get(name)!;
      for (const line of tableOf(item, name, ofRuntime)) say(`  ${line}`);
      verdicts.push(...judge(item, name, ofRuntime));
      for (const [contestant, { state }] of ofRuntime) {
        if (state === "wrong" || state === "failed") {
          failures.push(`${item.id}, ${contestant}, ${name}: ${state}`);
        }
      }
    }
  }
  say("");
  for (const line of summaryOf(verdicts, runtimes.map(({ name }) => name))) say(line);
  // What was measured counts for it as well; but it shows whether something else was going on.
  say(`${start}; load at the end ${load()}`);
} finally {
  await Deno.remove(directory, { recursive: true });
}
for (const failure of failures) say(`FAILED ${failure}`);
Deno.exit(failures.length > 0 ? 1 : 0);
