import { mappedObserver } from "../ring/mapped.ts";
import { Ring, type RingStats } from "../ring/mod.ts";
import { parseDuration } from "../tap/mod.ts";
import { printable } from "./_printable.ts";
import { type Flag, type Parsed, readPath, UsageError } from "./args.ts";
import type { Host } from "./host.ts";

/** The flags of `weir ring stat`. */
export const ringStatFlags: Readonly<Record<string, Flag>> = {
  over: { value: "TIME", about: "measure the rate for so long, up to 1h; 0 for no rate (1s)" },
  json: { about: "print one JSON object" },
};

const MAX_OVER_MS = 3_600_000;

/** What is said of a lane, in this order. */
type Row = Readonly<Record<string, number | string | null>>;

/** Runs `weir ring stat`. */
export async function ringStatCommand(parsed: Parsed, host: Host): Promise<number> {
  const path = readPath(parsed, "weir ring stat");
  const overMs = readOver(parsed.flags.get("over"));
  const storage = mappedObserver(path);
  try {
    const ring = new Ring(storage);
    const before = ring.stats();
    const start = performance.now();
    if (overMs > 0) await pause(overMs, host);
    const stats = ring.stats();
    const seconds = (performance.now() - start) / 1_000;
    const rate = (from: number, to: number): { readonly rate?: number } =>
      overMs > 0 ? { rate: rounded((to - from) / seconds) } : {};

    const { topology, nodes, capacity, payloadCapacity, byteLength, head } = stats;
    const rows = stats.lanes.flatMap((lane, node) =>
      isUnused(stats, node) ? [] : [{
        // Where a ring is shared, nobody knows who writes it.
        ...(topology === "shared"
          ? {}
          : { node, writer: lane.hasWriter ? lane.process ?? "unknown" : null }),
        head: lane.head,
        oldest: lane.retainedFrom,
        retained: lane.head - lane.retainedFrom,
        lapped: lane.lapped,
        ...rate(before.lanes[node]!.head, lane.head),
      }]
    );
    const about = { path, topology, nodes, capacity, "payload_capacity": payloadCapacity };
    const sums = { bytes: byteLength, head, ...rate(before.head, head) };
    const over = overMs > 0 ? { "over_ms": Math.round(1_000 * seconds) } : {};
    const unused = stats.lanes.length - rows.length;
    await host.write(
      parsed.flags.has("json")
        ? `${
          JSON.stringify({ ...about, ...sums, ...over, lanes: rows, "never_written": unused })
        }\n`
        : `${describe(path, stats, sums.rate, seconds)}\n\n${table(rows)}${
          unused > 0 ? `${readable(unused)} of ${counted(nodes, "node")} never wrote\n` : ""
        }`,
    );
    return 0;
  } finally {
    storage.close();
  }
}

/** Fulfilled after a time, or as soon as the user does not want to wait any longer. */
function pause(ms: number, host: Host): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = setTimeout(end, ms);
    const stopListening = host.onInterrupt(end);
  });
}

function isUnused({ topology, lanes }: RingStats, node: number): boolean {
  const { head, base, process } = lanes[node]!;
  // A lane that was emptied still says who had it.
  return topology !== "shared" && head === base && process === undefined;
}

function rounded(rate: number): number {
  return rate < 100 ? Math.round(10 * rate) / 10 : Math.round(rate);
}

function describe(
  path: string,
  stats: RingStats,
  rate: number | undefined,
  seconds: number,
): string {
  const { topology, nodes, capacity, payloadCapacity, byteLength } = stats;
  const each = topology === "shared" ? "" : " for each node";
  return [
    `ring      ${printable(path)}`,
    `topology  ${topology}, ${counted(nodes, "node")}`,
    `keeps     ${counted(capacity, "frame")}${each}, of up to ${counted(payloadCapacity, "byte")}`,
    `size      ${counted(byteLength, "byte")}`,
    ...(rate === undefined
      ? []
      : [`rate      ${readable(rate)} frames/s, over ${readable(rounded(seconds))} s`]),
  ].join("\n");
}

function counted(count: number, what: string): string {
  return `${readable(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** Writes rows below their titles, in columns that end together. */
function table(rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const titles = Object.keys(rows[0]!);
  const lines = [
    titles.map((title) => title === "rate" ? "frames/s" : title),
    ...rows.map((row) => titles.map((title) => cell(title, row[title] ?? "none"))),
  ];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    `${line.map((text, column) => text.padStart(widths[column]!)).join("  ")}\n`
  ).join("");
}

function cell(title: string, value: number | string): string {
  // Names, though they are numbers.
  const isName = title === "node" || title === "writer";
  return typeof value === "string" || isName ? `${value}` : readable(value);
}

function readable(value: number): string {
  return value.toLocaleString("en-US");
}

function readOver(text = "1s"): number {
  if (text === "0") return 0;
  try {
    const ms = parseDuration(text);
    if (ms <= MAX_OVER_MS) return ms;
  } catch {
    // What follows says it.
  }
  throw new UsageError(
    `flag "--over" must be 0 or look like 1s or 1m30s, up to 1h, received "${text}"`,
  );
}
