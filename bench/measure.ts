/**
 * Measures a case: each contestant in processes of its own, in rounds, so that all of them meet the same drift of the machine.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Case } from "./case.ts";
import type { Measurement } from "./child.ts";
import { type RuntimeName, stdVariable } from "./peers.ts";

/** An installed runtime. */
export interface Runtime {
  /** Which one. */
  readonly name: RuntimeName;
  /** Its executable. */
  readonly path: string;
  /** Its version. */
  readonly version: string;
}

/** How thoroughly to measure. */
export interface MeasureOptions {
  /** How often each contestant is measured. */
  readonly rounds: number;
  /** How long each time, in milliseconds of the measured code's own time. */
  readonly cpuMs: number;
  /** The module that holds `@std/async`, if there is one. */
  readonly std: string | undefined;
}

/** What all rounds say of one contestant on one runtime. */
export type Result =
  | {
    readonly state: "measured";
    /** Nanoseconds per item: the median of the rounds, each of which is a median. */
    readonly nsPerItem: number;
    /** The smallest and the largest of the rounds. */
    readonly least: number;
    readonly most: number;
  }
  | Exclude<Measurement, { state: "measured" }>;

/** Results by the contestant's name. */
export type Results = ReadonlyMap<string, Result>;

const childLimitMs = 120_000;
const child = fileURLToPath(new URL("child.ts", import.meta.url));

/** What starts a script on a runtime; mitata needs to collect garbage between measurements. */
const launch: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "--quiet", "-A", "--no-config", "--no-lock", "--v8-flags=--expose-gc", child],
  // Peers are installed even below a directory that has node_modules.
  bun: ["--install=fallback", "--prefer-offline", child],
};

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
  item: Case,
  runtimes: readonly Runtime[],
  { rounds, cpuMs, std }: MeasureOptions,
): Promise<ReadonlyMap<RuntimeName, Results>> {
  const collected = new Map(runtimes.map(({ name }) => [name, new Map<string, Measurement[]>()]));
  for (let round = 0; round < rounds; round++) {
    for (const { name } of item.contestants) {
      for (const runtime of runtimes) {
        const ofRuntime = collected.get(runtime.name)!;
        const measurements = ofRuntime.get(name) ?? [];
        ofRuntime.set(name, measurements);
        // What failed once is settled.
        if (measurements.some(({ state }) => state !== "measured")) continue;
        measurements.push(await runChild(runtime, [`${file}`, item.id, name, `${cpuMs}`], std));
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
  std: string | undefined,
): Promise<Measurement> {
  const limit = AbortSignal.timeout(childLimitMs);
  const { code, stdout, stderr } = await new Deno.Command(runtime.path, {
    args: [...launch[runtime.name], ...args],
    env: std === undefined ? {} : { [stdVariable]: std },
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
  const times: number[] = [];
  for (const measurement of measurements) {
    if (measurement.state !== "measured") return measurement;
    times.push(measurement.nsPerItem);
  }
  times.sort((a, b) => a - b);
  const middle = (times.length - 1) / 2;
  return {
    state: "measured",
    nsPerItem: (times[Math.floor(middle)]! + times[Math.ceil(middle)]!) / 2,
    least: times[0]!,
    most: times.at(-1)!,
  };
}
