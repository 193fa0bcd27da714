/**
 * Measures a case: each contestant in processes of its own, in rounds, so that all of them meet the same drift of the machine.
 *
 * @module
 */
import type { AnyCase } from "./case.ts";
import type { Measurement } from "./child.ts";
import { stdVariable } from "./peers.ts";
import { argumentsFor, type Runtime, type RuntimeName, toldToChildren } from "./runtimes.ts";

/** How thoroughly to measure. */
export interface MeasureOptions {
  /** How often each contestant is measured. */
  readonly rounds: number;
  /** How long each time, in milliseconds: of the measured code's own time, or for each figure. */
  readonly ms: number;
  /** The module that holds `@std/async`, if there is one. */
  readonly std: string | undefined;
  /** Where contestants put their files. */
  readonly directory: string;
}

/** What all rounds say of one figure. */
export interface Rounds {
  /** Their median; for a time per item, each of them is a median as well. */
  readonly middle: number;
  /** The smallest of them. */
  readonly least: number;
  /** The largest. */
  readonly most: number;
}

/** What all rounds say of one contestant on one runtime. */
export type Result =
  | { readonly state: "measured"; readonly figures: ReadonlyMap<string, Rounds> }
  | Exclude<Measurement, { state: "measured" }>;

/** Results by the contestant's name. */
export type Results = ReadonlyMap<string, Result>;

const childLimitMs = 120_000;
const child = new URL("child.ts", import.meta.url);

/**
 * Measures all contestants of a case on all runtimes.
 *
 * @param file The index of the case's file in `caseFiles`.
 * @param item The case.
 * @param runtimes Where to measure.
 * @param options How thoroughly.
 * @returns The results of each runtime.
 */
export async function measureCase(
  file: number,
  item: AnyCase,
  runtimes: readonly Runtime[],
  { rounds, ms, std, directory }: MeasureOptions,
): Promise<ReadonlyMap<RuntimeName, Results>> {
  const env = {
    ...toldToChildren(runtimes, directory),
    ...(std === undefined ? {} : { [stdVariable]: std }),
  };
  const collected = new Map(runtimes.map(({ name }) => [name, new Map<string, Measurement[]>()]));
  for (let round = 0; round < rounds; round++) {
    for (const { name } of item.contestants) {
      for (const runtime of runtimes) {
        const ofRuntime = collected.get(runtime.name)!;
        const measurements = ofRuntime.get(name) ?? [];
        ofRuntime.set(name, measurements);
        // What failed once is settled.
        if (measurements.some(({ state }) => state !== "measured")) continue;
        measurements.push(await runChild(runtime, [`${file}`, item.id, name, `${ms}`], env));
      }
    }
  }
  return new Map(
    collected.entries().map(([runtime, all]) => [
      runtime,
      new Map(all.entries().map(([name, measurements]) => [name, combine(measurements)])),
    ]),
  );
}

async function runChild(
  runtime: Runtime,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Measurement> {
  const limit = AbortSignal.timeout(childLimitMs);
  const { code, stdout, stderr } = await new Deno.Command(runtime.path, {
    args: argumentsFor(runtime.name, child, args),
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: limit,
  }).output();
  if (limit.aborted) return { state: "failed", reason: `took more than ${childLimitMs} ms` };
  try {
    return JSON.parse(new TextDecoder().decode(stdout));
  } catch {
    const report = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    return { state: "failed", reason: `ended with code ${code}: ${report}` };
  }
}

function combine(measurements: readonly Measurement[]): Result {
  const values = new Map<string, number[]>();
  for (const measurement of measurements) {
    if (measurement.state !== "measured") return measurement;
    for (const [name, value] of Object.entries(measurement.figures)) {
      values.set(name, [...values.get(name) ?? [], value]);
    }
  }
  return {
    state: "measured",
    figures: new Map(values.entries().map(([name, all]) => [name, roundsOf(all)])),
  };
}

function roundsOf(values: readonly number[]): Rounds {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    middle: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    least: sorted[0]!,
    most: sorted.at(-1)!,
  };
}
