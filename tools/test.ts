/**
 * Runs the tests under Deno and under Bun and ends with one line, `N passed, N failed`, that counts both.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { listFiles, refuse, say } from "./repository.ts";
import { type RunnerName, type RunResult, runTests } from "./runners.ts";
import { stdImports } from "./std_imports.ts";

const help = `Runs the tests under Deno and under Bun.

Usage: deno task test [part of a path ...] [--filter NAME] [--only deno|bun]

  part of a path   only test files whose path holds one of these
  --filter NAME    only tests whose name holds NAME, or matches it if it is /an expression/
  --only RUNNER    only under deno, or only under bun

Environment: WEIR_STD=jsr|stand-ins chooses where Deno takes @std from, WEIR_BUN names another Bun.
The exit code is 0 only if every runner ran at least one test and nothing failed.`;

const runners: readonly RunnerName[] = ["deno", "bun"];

function readArgs(args: readonly string[]): {
  parts: readonly string[];
  filter: string | undefined;
  chosen: readonly RunnerName[];
} {
  let parsed;
  try {
    parsed = parseArgs({
      // "deno task" passes on the "--" that "npm run" takes away.
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        filter: { type: "string" },
        only: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    refuse((error as Error).message);
  }
  const { filter, only, help: wantsHelp } = parsed.values;
  if (wantsHelp) {
    say(help);
    Deno.exit(0);
  }
  const chosen = runners.filter((name) => only === undefined || name === only);
  if (chosen.length === 0) refuse(`--only must be "deno" or "bun", received "${only}"`);
  return { parts: parsed.positionals, filter, chosen };
}

const { parts, filter, chosen } = readArgs(Deno.args);
const files = listFiles("tests", "_test.ts").filter((file) =>
  parts.length === 0 || parts.some((part) => file.includes(part))
);
if (files.length === 0 && parts.length > 0) {
  refuse(`no test file has a path with ${parts.map((part) => `"${part}"`).join(" or ")}`);
}

const std = await stdImports();
say(std.text);
const results: [RunnerName, RunResult][] = [];
for (const name of chosen) {
  say(`\n${name} runs ${files.length} test files`);
  // Without a file name a runner would look for tests by itself.
  results.push([
    name,
    files.length > 0
      ? await runTests(name, { files, filter, std })
      : { passed: 0, failed: 1, skipped: 0, problems: ["there are no test files"] },
  ]);
}

say("");
const total = { passed: 0, failed: 0 };
for (const [name, { passed, failed, skipped, problems }] of results) {
  for (const problem of problems) say(`${name}: ${problem}`);
  say(`${name}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} left out` : ""}`);
  total.passed += passed;
  total.failed += failed;
}
say(`${total.passed} passed, ${total.failed} failed`);
Deno.exit(total.failed > 0 ? 1 : 0);
