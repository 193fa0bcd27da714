/**
 * `deno run -A bench/tap_hosts.ts` measures what readers of a tap do to the server that it is in, good ones and bad ones, on Deno, on Bun and on Node.
 *
 * ```sh
 * deno run -A bench/tap_hosts.ts                       # two minutes and a half
 * deno run -A bench/tap_hosts.ts --only node --seconds 5
 * ```
 *
 * Each situation has a server of its own, whose users ask for a small order again and again, over 16 connections, and of each request it offers an
 * event of about 300 bytes. It is measured before the situation and while it lasts; `ratio` compares the two, and memory is that before and that in
 * the end. All of them share the processors of the machine, readers too, so a rate says as much of the machine; `CPU` is what the server alone needs
 * for a request. In the end every event is accounted for, every place of a session is free, and what the readers got is what the server says of it,
 * or the exit code is not 0. It asserts no times.
 *
 * Node must be on the path, in version 20 or later; what it needs is downloaded.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { bundleForNode, nodePath } from "../tests/tap/_host_bundle.ts";
import { delivered } from "../tests/tap/_host_state.ts";
import { findBun } from "../tools/bun.ts";
import { refuse, say } from "../tools/repository.ts";
import { type Command, Site, type Span } from "./tap_hosts/site.ts";
import { type Situation, situations } from "./tap_hosts/situations.ts";

const help = [
  "Measures what readers of a tap do to the server that it is in.",
  "",
  "Usage: deno run -A bench/tap_hosts.ts [--only deno|bun|node] [--seconds N] [--situation PART]",
  "",
  "  --only        in one runtime",
  "  --seconds     how long each rate is measured (1.5)",
  "  --situation   only situations whose name holds this",
].join("\n");

const USERS = 16;
const WARM_UP_MS = 1_000;
/** How long a situation lasts before it is measured. */
const SETTLE_MS = 300;
const RUNTIMES = ["deno", "bun", "node"] as const;
const OPTIONS = { stallMs: 3_000, graceMs: 1_000, heartbeatMs: 1_000 };

function choose(args: readonly string[]): {
  readonly runtimes: readonly (typeof RUNTIMES)[number][];
  readonly ms: number;
  readonly chosen: readonly Situation[];
} {
  let parsed;
  try {
    parsed = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        only: { type: "string" },
        seconds: { type: "string", default: "1.5" },
        situation: { type: "string", default: "" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    refuse((error as Error).message);
  }
  const { only, seconds, situation, help: wantsHelp } = parsed.values;
  if (wantsHelp) {
    say(help);
    Deno.exit(0);
  }
  const runtimes = RUNTIMES.filter((name) => (only ?? name) === name);
  if (runtimes.length === 0) refuse(`--only must be deno, bun or node, received "${only}"`);
  const ms = 1_000 * Number(seconds);
  if (!(ms > 0)) refuse(`--seconds must be a positive number, received "${seconds}"`);
  const chosen = situations.filter(({ name }) => name.includes(situation));
  if (chosen.length === 0) refuse(`--situation must be part of a name, received "${situation}"`);
  return { runtimes, ms, chosen };
}

const COLUMNS = [
  ["", -8],
  ["", -19],
  ["req/s", 8],
  ["ratio", 7],
  ["CPU", 9],
  ["ratio", 7],
  ["RSS", 13],
  ["heap", 12],
  ["free after", 12],
  ["seen =", 9],
  ["filtered", 9],
  ["dropped", 9],
  ["given up", 9],
  ["read", 9],
] as const;

function row(cells: readonly string[]): string {
  return COLUMNS.map(([, width], at) =>
    width < 0 ? (cells[at] ?? "").padEnd(-width) : (cells[at] ?? "").padStart(width)
  ).join("") + (cells[COLUMNS.length] === undefined ? "" : `  ${cells[COLUMNS.length]}`);
}

function megabytes(...bytes: readonly number[]): string {
  return `${bytes.map((each) => (each / 1e6).toFixed(0)).join(">")} MB`;
}

async function show(name: string, command: Command, item: Situation, ms: number): Promise<void> {
  await using site = await Site.open(command, { ...OPTIONS, maxSessions: item.maxSessions }, USERS);
  await site.measure(WARM_UP_MS);
  const before = await site.measure(ms);
  const used = await site.usage();
  let during: Span | undefined;
  const { freedMs, note } = await item.run(site, async () => {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    during = await site.measure(ms);
  });
  const { rate, cpuUs } = during!;
  // Whatever was open is closed, and nothing is left of it.
  const { open, ended, tap } = await site.settled();
  assertEquals(open, []);
  const read = ended.reduce((sum, session) => sum + delivered(session), 0);
  const sum = (of: (session: typeof ended[number]) => number): number =>
    ended.reduce((sum, session) => sum + of(session), 0);
  assertEquals([tap.captured, tap.dropped], [sum((s) => s.captured), sum((s) => s.dropped)]);
  const { rssBytes, heapBytes } = await site.usage();
  say(row([
    name,
    item.name,
    rate.toFixed(0),
    (rate / before.rate).toFixed(2),
    `${cpuUs.toFixed(1)} us`,
    (cpuUs / before.cpuUs).toFixed(2),
    megabytes(used.rssBytes, rssBytes),
    megabytes(used.heapBytes, heapBytes),
    freedMs === undefined ? "" : `${freedMs.toFixed(0)} ms`,
    ...[
      sum(({ seen }) => seen),
      sum(({ seen, matched }) => seen - matched),
      tap.dropped,
      sum(({ undelivered }) => undelivered),
      read,
    ].map(String),
    ...note === undefined ? [] : [note],
  ]));
}

const { runtimes, ms, chosen } = choose(Deno.args);
const program = new URL("tap_hosts/server.ts", import.meta.url);
using stack = new DisposableStack();
const commands: Record<string, () => Promise<Command>> = {
  deno: () => Promise.resolve([Deno.execPath(), "run", "--no-check", "-A", program.pathname]),
  bun: async () => [(await findBun()).path, program.pathname],
  async node() {
    if (nodePath === undefined) throw new Error("there is no Node 20 or later, see WEIR_NODE");
    return [nodePath, stack.use(await bundleForNode(program)).file.pathname];
  },
};
say(row(COLUMNS.map(([name]) => name)));
let failed = 0;
for (const name of runtimes) {
  const command = await commands[name]!();
  for (const item of chosen) {
    try {
      await show(name, command, item, ms);
    } catch (error) {
      failed++;
      say(`${name.padEnd(8)}${item.name.padEnd(19)} FAILED: ${(error as Error).stack}`);
    }
  }
}
stack.dispose();
if (failed > 0) say(`${failed} situations were not as they should be`);
Deno.exit(failed > 0 ? 1 : 0);
