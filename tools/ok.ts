/**
 * Runs every gate that a change must pass, in order, and says which ones failed. The same list is run by hand and by CI.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { entrypoints, execute, listFiles, refuse, say, sourceFolders } from "./repository.ts";
import { stdImports } from "./std_imports.ts";

interface Gate {
  readonly name: string;
  /** What it makes sure of. */
  readonly about: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** Whether its last line is worth showing when it passes. */
  readonly talks?: boolean;
}

const std = await stdImports();
const sources = ["mod.ts", ...sourceFolders];
const guides = ["README.md", ...listFiles("docs", ".md", 1)];

// Mapped files are there on Linux only, and so are their examples.
const onlyLinux = Deno.build.os === "linux" ? [] : ["--ignore=ring/mapped.ts"];

const gates: readonly Gate[] = [
  { name: "fmt", about: "files are formatted", args: ["fmt", "--check"] },
  { name: "lint", about: "lint rules hold", args: ["lint"] },
  {
    name: "check",
    about: "sources, tests, examples and tools type-check",
    args: ["check", ...std.denoArgs, ...sources, "tests", "examples", "tools"],
  },
  {
    name: "doc-lint",
    about: "everything public is documented and uses public types only",
    args: ["doc", "--lint", ...entrypoints.map(({ file }) => file)],
  },
  {
    name: "test",
    about: "tests pass under Deno and Bun",
    args: ["run", "-A", "tools/test.ts"],
    talks: true,
  },
  {
    name: "doc-test",
    about: "examples in comments, in the README and in the guides run",
    args: ["test", "-A", "--doc", ...std.denoArgs, ...onlyLinux, ...sources, ...guides],
  },
  {
    name: "coverage",
    about: "tests reach the sources' lines",
    args: ["run", "-A", "tools/coverage.ts"],
  },
  {
    name: "docs",
    about: "the API site builds without a warning",
    args: ["run", "-A", "tools/docs.ts"],
  },
  { name: "bench", about: "benches type-check", args: ["check", ...std.denoArgs, "bench"] },
  {
    name: "publish",
    about: "the package can be published, without slow types",
    args: ["publish", "--dry-run", "--allow-dirty"],
  },
  {
    name: "size",
    about: "bundles keep their size budgets",
    args: ["run", "-A", "tools/bundle.ts"],
    talks: true,
  },
];

function help(): string {
  return [
    "Runs the gates that a change must pass.",
    "",
    "Usage: deno task ok [gate ...] [--skip GATE ...]",
    "",
    ...gates.map(({ name, about }) => `  ${name.padEnd(10)}${about}`),
    "",
    "Without names all gates run. The exit code is 0 only if all that ran passed.",
  ].join("\n");
}

function choose(args: readonly string[]): readonly Gate[] {
  let parsed;
  try {
    parsed = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        skip: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    refuse((error as Error).message);
  }
  const { values: { skip, help: wantsHelp }, positionals: wanted } = parsed;
  if (wantsHelp) {
    say(help());
    Deno.exit(0);
  }
  const unknown = [...wanted, ...skip].find((name) => !gates.some((gate) => gate.name === name));
  if (unknown !== undefined) refuse(`there is no gate "${unknown}"`);
  return gates.filter(({ name }) =>
    (wanted.length === 0 || wanted.includes(name)) && !skip.includes(name)
  );
}

const chosen = choose(Deno.args);
say(std.text);
const failed: string[] = [];
for (const { name, args, talks } of chosen) {
  const start = performance.now();
  const { code, output } = await execute(Deno.execPath(), args, { capture: true, env: std.env });
  const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`.padStart(8);
  const last = talks && code === 0 ? `   ${output.trimEnd().split("\n").at(-1)}` : "";
  say(`${code === 0 ? "pass" : "FAIL"} ${name.padEnd(10)}${seconds}${last}`);
  if (code === 0) continue;
  failed.push(name);
  say(`\n$ deno ${args.join(" ")}\n${output.trimEnd()}\nexit code ${code}\n`);
}
if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
say(`gates: ${chosen.length - failed.length} passed, ${failed.length} failed`);
Deno.exit(failed.length > 0 ? 1 : 0);
