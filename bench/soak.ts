/**
 * `deno task soak` keeps a bus busy for minutes on Deno and on Bun, while a hundred subscribers come and go all the time, and holds it to
 * what it promises: every count is right in the end, and memory is what it was in the beginning.
 *
 * ```sh
 * deno task soak                    # five minutes, both runtimes at the same time
 * deno task soak --minutes 1 --only bun
 * ```
 *
 * What is done and checked is in `bench/bus/soak/program.ts`. The exit code is not 0 if a count was wrong, or if the heap has grown. It
 * asserts no times: a machine that is too slow for a million events a minute takes longer.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { findBun } from "../tools/bun.ts";
import { refuse, root, say } from "../tools/repository.ts";
import { argumentsFor, type RuntimeName } from "./runtimes.ts";

const help = [
  "Keeps a bus busy, and checks its counts and its memory.",
  "",
  "Usage: deno task soak [--minutes N] [--only deno|bun] [--seed N]",
  "",
  "  --minutes   how long (5)",
  "  --only      run on one runtime",
  "  --seed      what decides who comes and goes; printed by each run",
].join("\n");

interface Choice {
  readonly minutes: number;
  readonly runtimes: readonly RuntimeName[];
  readonly seed: number;
}

function choose(args: readonly string[]): Choice {
  let parsed;
  try {
    parsed = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        minutes: { type: "string", default: "5" },
        only: { type: "string" },
        seed: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    refuse((error as Error).message);
  }
  const { minutes: text, only, seed, help: wantsHelp } = parsed.values;
  if (wantsHelp) {
    say(help);
    Deno.exit(0);
  }
  const minutes = Number(text);
  if (!(minutes > 0)) refuse(`--minutes must be a positive number, received "${text}"`);
  const runtimes = (["deno", "bun"] as const).filter((name) => (only ?? name) === name);
  if (runtimes.length === 0) refuse(`--only must be "deno" or "bun", received "${only}"`);
  return { minutes, runtimes, seed: Number(seed ?? Date.now() % 1_000_000) };
}

const { minutes, runtimes, seed } = choose(Deno.args);
const program = new URL("bus/soak/program.ts", import.meta.url);

async function soak(name: RuntimeName): Promise<boolean> {
  const path = name === "deno" ? Deno.execPath() : (await findBun()).path;
  const child = new Deno.Command(path, {
    args: argumentsFor(name, program, [`${minutes}`, `${seed}`]),
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop()!;
    for (const line of lines) say(`${name.padEnd(4)}  ${line}`);
  }
  const { code } = await child.status;
  if (code !== 0) say(`${name.padEnd(4)}  FAILED (exit code ${code})`);
  return code === 0;
}

say(`seed ${seed}`);
const passed = await Promise.all(runtimes.map((name) => soak(name)));
Deno.exit(passed.every((isPassed) => isPassed) ? 0 : 1);
