import { describe, type Flag, parseArgs, type Parsed, UsageError } from "./args.ts";
import type { Host } from "./host.ts";
import { printable } from "./_printable.ts";
import { ringStatCommand, ringStatFlags } from "./ring_stat_command.ts";
import { ringTailCommand, ringTailFlags } from "./ring_tail_command.ts";
import { serveCommand, serveFlags } from "./serve_command.ts";
import { tapCommand, tapFlags } from "./tap_command.ts";
import { version } from "./version.ts";

interface Command {
  readonly usage: string;
  readonly about: string;
  readonly flags: Readonly<Record<string, Flag>>;
  run(parsed: Parsed, host: Host): Promise<number>;
}

/** By name; a name of two words is one of a group. */
const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    usage: "weir serve [--input FILE]",
    about: "Serve live lines, from standard input or a file, to taps on this machine.",
    flags: serveFlags,
    run: serveCommand,
  },
  tap: {
    usage: "weir tap [URL]",
    about: "Watch live events of a server, one a line (http://127.0.0.1:8707).",
    flags: tapFlags,
    run: tapCommand,
  },
  "ring tail": {
    usage: "weir ring tail PATH",
    about: "Follow a ring in a file, one frame a line, and count what is lost.",
    flags: ringTailFlags,
    run: ringTailCommand,
  },
  "ring stat": {
    usage: "weir ring stat PATH",
    about: "Say what a ring in a file is made of, who writes it, and how fast.",
    flags: ringStatFlags,
    run: ringStatCommand,
  },
};

/**
 * Runs the `weir` command.
 *
 * @param host The runtime, which has the arguments.
 * @returns The exit code: 0 done, 1 failed, 2 not a usable command line; from `weir tap` also 3 refused or unreachable, 4 cut off.
 *
 * @example Asking for the version
 * ```ts
 * import { denoHost, main } from "@weir/weir/cli";
 * import { assertEquals } from "@std/assert";
 *
 * let output = "";
 * const write = (text: string) => Promise.resolve((output += text) !== "");
 * assertEquals(await main({ ...denoHost(), args: ["--version"], write }), 0);
 * assertEquals(output.startsWith("weir "), true);
 * ```
 */
export async function main(host: Host): Promise<number> {
  try {
    return await run(host);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    // Whatever a runtime makes of its errors, this is one line.
    const line = printable(message.replaceAll(/\s*\n\s*/g, " "));
    host.log(`weir: ${line}${isUsage ? " (see weir --help)" : ""}`);
    return isUsage ? 2 : 1;
  }
}

async function run(host: Host): Promise<number> {
  const [name, ...args] = host.args;
  if (name === "--version") {
    await host.write(`weir ${version}\n`);
    return 0;
  }
  if (name === undefined || isHelp(name)) {
    await host.write(help());
    return name === undefined ? 2 : 0;
  }
  const group = Object.keys(COMMANDS).filter((known) => known.startsWith(`${name} `));
  if (group.length === 0) return await runCommand(name, args, host);
  const [second, ...rest] = args;
  if (second !== undefined && !isHelp(second)) {
    return await runCommand(`${name} ${second}`, rest, host);
  }
  await host.write(group.map((known) => describeCommand(COMMANDS[known]!)).join("\n"));
  return second === undefined ? 2 : 0;
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h" || word === "help";
}

async function runCommand(name: string, args: readonly string[], host: Host): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const known = Object.keys(COMMANDS).join(", ");
    throw new UsageError(`there is no command "${name}", only ${known}`);
  }
  const parsed = parseArgs(args, { ...command.flags, help: HELP });
  if (parsed.flags.has("help")) {
    await host.write(describeCommand(command));
    return 0;
  }
  return await command.run(parsed, host);
}

const HELP: Flag = { about: "show this" };

function help(): string {
  const commands = Object.values(COMMANDS).map(describeCommand);
  return [
    "weir: live events of a server, bounded and counted.",
    ...commands,
    "weir --version\n\nExit codes: 0 done, 1 failed, 2 not a usable command line; " +
    "weir tap also 3 refused or\nunreachable, 4 cut off.\n",
  ].join("\n\n");
}

function describeCommand({ usage, about, flags }: Command): string {
  return `${usage}\n  ${about}\n\n${describe(flags)}\n`;
}
