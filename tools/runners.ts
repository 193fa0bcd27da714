/**
 * The two test runners: how each is started, and what it really ran. Counts come from the JUnit report that a runner writes at its
 * end, never from its exit code or its text alone: a test that ends Bun's process with code 0 looks like success, but leaves no report.
 *
 * @module
 */
import { XMLParser } from "npm:fast-xml-parser@4.5.7";
import { findBun } from "./bun.ts";
import { execute, root } from "./repository.ts";
import type { StdImports } from "./std_imports.ts";

/** The name of a runner. */
export type RunnerName = "deno" | "bun";

/** What to run. */
export interface RunOptions {
  /** Test files, relative to the repository. */
  readonly files: readonly string[];
  /** Only tests whose name holds this text, or matches it when it is written `/expression/`. */
  readonly filter?: string | undefined;
  /** Where Deno finds the standard library. */
  readonly std: StdImports;
}

/** What a runner did. */
export interface RunResult {
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed, files that did not load, and a crash of the runner. */
  readonly failed: number;
  /** Tests that were left out. */
  readonly skipped: number;
  /** Failures that no test stands for, a line each. */
  readonly problems: readonly string[];
}

/** A program with its arguments and environment. */
export interface Invocation {
  /** The executable. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Variables added to the environment. */
  readonly env: Record<string, string>;
}

/**
 * Says how to run tests under Deno.
 *
 * @param options What to run.
 * @param extra Further arguments of `deno test`.
 * @returns The program to execute.
 */
export function denoTest(options: RunOptions, ...extra: string[]): Invocation {
  const filter = options.filter === undefined ? [] : ["--filter", options.filter];
  return {
    program: Deno.execPath(),
    args: ["test", "-A", ...options.std.denoArgs, ...filter, ...extra, ...options.files],
    env: { WEIR_RUNNER: "deno" },
  };
}

/**
 * Says how to run tests under Bun, which always takes the standard library from the stand-ins.
 *
 * @param options What to run.
 * @param bun Bun's executable.
 * @param extra Further arguments of `bun test`.
 * @returns The program to execute.
 */
export function bunTest(options: RunOptions, bun: string, ...extra: string[]): Invocation {
  const { filter } = options;
  const expression = filter === undefined
    ? []
    : ["-t", /^\/.*\/$/.test(filter) ? filter.slice(1, -1) : RegExp.escape(filter)];
  return {
    program: bun,
    args: [
      `--tsconfig-override=${root}tests/std/tsconfig.json`,
      // A bare import that has no stand-in is an error, not a download.
      "--no-install",
      "test",
      "--timeout",
      "120000",
      ...expression,
      ...extra,
      // With the leading "./" a name is that one file; without it, Bun takes it for a part of a name.
      ...options.files.map((file) => `./${file}`),
    ],
    env: { WEIR_RUNNER: "bun" },
  };
}

/** Where tests that need a process of the other runtime find both, as variables of the environment. */
export async function runtimes(): Promise<Record<string, string>> {
  return { WEIR_DENO: Deno.execPath(), WEIR_BUN: (await findBun()).path };
}

/**
 * Runs tests under one runner, showing its output, and counts them.
 *
 * @param name The runner.
 * @param options What to run.
 * @returns What it did. Whatever goes wrong is counted, not thrown.
 */
export async function runTests(name: RunnerName, options: RunOptions): Promise<RunResult> {
  const directory = await Deno.makeTempDir({ prefix: "weir-test-" });
  const report = `${directory}/report.xml`;
  try {
    const { program, args, env } = name === "deno"
      ? denoTest(options, `--junit-path=${report}`)
      : bunTest(
        options,
        (await findBun()).path,
        "--reporter=junit",
        `--reporter-outfile=${report}`,
      );
    const { code } = await execute(program, args, { env: { ...env, ...await runtimes() } });
    return judge(options.files, code, await Deno.readTextFile(report).catch(() => undefined));
  } catch (error) {
    return { passed: 0, failed: options.files.length || 1, skipped: 0, problems: [`${error}`] };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/**
 * Counts what a run did.
 *
 * @param files The test files that it was given.
 * @param code The runner's exit code.
 * @param report The runner's JUnit report, if it wrote one.
 * @returns The counts.
 */
export function judge(
  files: readonly string[],
  code: number,
  report: string | undefined,
): RunResult {
  if (report === undefined) {
    // None of the files can be shown to have run.
    const problem = `the runner ended with code ${code} before it wrote its report`;
    return { passed: 0, failed: files.length || 1, skipped: 0, problems: [problem] };
  }
  const { passed, failed, skipped, reported } = tally(report);
  const problems: string[] = [];
  // Deno files a test under the source that registered it. Where a helper registers tests, a file missing here may have run after all.
  const exact = reported.values().every((file) => files.includes(file));
  for (const file of exact ? files : []) {
    if (!reported.has(file)) {
      problems.push(`${file} ran no test: it did not load, or registers none`);
    }
  }
  if (passed + failed + problems.length === 0) {
    problems.push("no test was run");
  } else if (code !== 0 && failed + problems.length === 0) {
    problems.push(`the runner ended with code ${code}, though no test failed`);
  }
  return { passed, failed: failed + problems.length, skipped, problems };
}

interface Suite {
  readonly name?: string;
  readonly file?: string;
  readonly testsuite?: readonly Suite[];
  readonly testcase?: readonly Record<string, unknown>[];
}

function tally(
  report: string,
): { passed: number; failed: number; skipped: number; reported: Set<string> } {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "",
    processEntities: false,
    isArray: (name) => name === "testsuite" || name === "testcase",
  });
  const counts = { passed: 0, failed: 0, skipped: 0, reported: new Set<string>() };
  function visit(suite: Suite): void {
    for (const test of suite.testcase ?? []) {
      const file = suite.file ?? suite.name ?? "";
      counts.reported.add(file.replaceAll("\\", "/").replace(/^\.\//, ""));
      if ("failure" in test || "error" in test) counts.failed++;
      else if ("skipped" in test) counts.skipped++;
      else counts.passed++;
    }
    for (const inner of suite.testsuite ?? []) visit(inner);
  }
  // An empty element is read as an empty string.
  visit(parser.parse(report).testsuites || {});
  return counts;
}
