/**
 * Measures one contestant of one case: `child.ts INDEX CASE CONTESTANT MS`. Runs on Deno and on Bun, in a process that does nothing
 * else, so that what the engine learnt from one contestant does not help or hurt another. Prints one line of JSON, a
 * {@linkcode Measurement}.
 *
 * @module
 */
import process from "node:process";
import {
  type Answer,
  type Case,
  type Contestant,
  type FigureContestant,
  type Figures,
  nsPerItem,
  type PreparedRun,
  UnavailableError,
  WrongAnswerError,
} from "./case.ts";
import { caseFiles } from "./cases.ts";
import { npm } from "./peers.ts";

/** What came of it. */
export type Measurement =
  | { readonly state: "measured"; readonly figures: Figures }
  | { readonly state: "unavailable" | "wrong" | "failed"; readonly reason: string };

/** Before it is timed, a contestant runs at least so long, for the engine to compile it; each of these runs is checked too. */
const warmUpShare = 0.5;

async function time(item: Case, contestant: Contestant, cpuMs: number): Promise<Figures> {
  let loaded;
  try {
    loaded = await contestant.load();
  } catch (error) {
    throw new UnavailableError(firstLine(error));
  }
  const isPlain = typeof loaded === "function";
  const { prepare, run }: PreparedRun = typeof loaded === "function"
    ? { prepare: () => undefined, run: loaded }
    : loaded;
  let wrong: Answer | undefined;
  const check = (answer: Answer): void => {
    if (!equals(answer, item.answer)) wrong ??= answer;
  };
  const timed = (input: unknown): void | Promise<void> => {
    const answer = run(input);
    return answer instanceof Promise ? answer.then(check) : check(answer);
  };

  const end = performance.now() + cpuMs * warmUpShare;
  for (let runs = 0; (runs < 2 || performance.now() < end) && wrong === undefined; runs++) {
    await timed(prepare());
  }
  const { measure } = await npm.mitata();
  const options = { "min_cpu_time": cpuMs * 1e6, "min_samples": 5 };
  // mitata's types know only generators of plain functions.
  const generator = function* () {
    yield { [0]: prepare, bench: (input: unknown) => timed(input) };
  } as never;
  const stats = wrong !== undefined
    ? undefined
    : await (isPlain ? measure(() => timed(undefined), options) : measure(generator, options));
  if (wrong !== undefined || stats === undefined) {
    throw new WrongAnswerError(
      `answered ${JSON.stringify(wrong)} instead of ${JSON.stringify(item.answer)}`,
    );
  }
  return { [nsPerItem]: stats.p50 / item.items };
}

async function measure(file: number, id: string, name: string, ms: number): Promise<Measurement> {
  try {
    const { cases } = await caseFiles[file]!();
    const item = cases.find((item) => item.id === id)!;
    const contestant = item.contestants.find((contestant) => contestant.name === name)!;
    const figures = "figures" in item
      ? await (contestant as FigureContestant).measure(ms)
      : await time(item, contestant as Contestant, ms);
    return { state: "measured", figures };
  } catch (error) {
    const state = error instanceof UnavailableError
      ? "unavailable"
      : error instanceof WrongAnswerError
      ? "wrong"
      : "failed";
    return { state, reason: firstLine(error) };
  }
}

function equals(left: Answer, right: Answer): boolean {
  const names = Object.keys(right);
  return Object.keys(left).length === names.length &&
    names.every((name) => left[name] === right[name]);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}

const [file, id, name, ms] = process.argv.slice(2);
const measurement = await measure(Number(file), id!, name!, Number(ms));
// A peer may have left a timer behind.
process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit(0));
