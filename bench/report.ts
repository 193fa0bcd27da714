/**
 * Puts results into words: one table a case, and the verdicts on its budgets.
 *
 * @module
 */
import type { Case, Reference } from "./case.ts";
import type { Result, Results } from "./measure.ts";
import type { RuntimeName } from "./peers.ts";

/** What became of one budget on one runtime. */
export interface Verdict {
  /** The case. */
  readonly id: string;
  /** Where. */
  readonly runtime: RuntimeName;
  /** What was compared with what. */
  readonly reference: Reference & { readonly limit: number };
  /** The ratio; undefined if it was not measured. */
  readonly ratio: number | undefined;
  /** Whether it was met. */
  readonly state: "met" | "missed" | "not measured";
}

/**
 * Judges the budgets of a case: the time of the first contestant, divided by the peer's.
 *
 * @param item The case.
 * @param runtime Where it was measured.
 * @param results Its results there.
 * @returns One verdict a budget.
 */
export function judge(item: Case, runtime: RuntimeName, results: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const { peer, limit } of item.references) {
    if (limit === undefined) continue;
    const ratio = ratioOf(results.get(item.contestants[0]!.name), results.get(peer));
    const state = ratio === undefined ? "not measured" : ratio <= limit ? "met" : "missed";
    verdicts.push({ id: item.id, runtime, reference: { peer, limit }, ratio, state });
  }
  return verdicts;
}

/**
 * The table of a case on one runtime: a row a contestant, a column of ratios a reference.
 *
 * @param item The case.
 * @param runtime Where it was measured.
 * @param results Its results there.
 * @returns Its lines.
 */
export function tableOf(item: Case, runtime: RuntimeName, results: Results): string[] {
  const verdicts = judge(item, runtime, results);
  const rows = [[
    runtime,
    "ns/item",
    "rounds",
    ...item.references.map(({ peer }) => `of ${peer}`),
  ]];
  const notes: string[] = [];
  for (const [index, { name }] of item.contestants.entries()) {
    const result = results.get(name)!;
    if (result.state !== "measured") {
      const state = result.state === "unavailable"
        ? "not available here"
        : result.state.toUpperCase();
      rows.push([name, "-", state]);
      notes.push(`${name}: ${state}: ${result.reason}`);
      continue;
    }
    const ratios = item.references.map(({ peer }) => {
      const ratio = ratioOf(result, results.get(peer));
      const shown = ratio === undefined ? "-" : ratioText(ratio);
      const verdict = index === 0 && verdicts.find(({ reference }) => reference.peer === peer);
      return verdict ? `${shown} ${verdictText(verdict)}` : shown;
    });
    const span = `${nanoseconds(result.least)} - ${nanoseconds(result.most)}`;
    rows.push([name, nanoseconds(result.nsPerItem), span, ...ratios]);
  }
  return [...align(rows), ...notes];
}

/**
 * A line a budget, and a line a runtime that counts them.
 *
 * @param verdicts All verdicts.
 * @param runtimes The runtimes, in the order of the columns.
 * @returns The lines.
 */
export function summaryOf(
  verdicts: readonly Verdict[],
  runtimes: readonly RuntimeName[],
): string[] {
  const budgets = new Map<string, string[]>();
  for (const verdict of verdicts) {
    const { id, reference, ratio } = verdict;
    const name = `${id}, of ${reference.peer}`;
    const row = budgets.get(name) ?? [name, `<= ${reference.limit.toFixed(2)}`];
    row.push(ratio === undefined ? verdict.state : `${ratioText(ratio)} ${mark(verdict)}`);
    budgets.set(name, row);
  }
  const counts = runtimes.map((runtime) => {
    const counted = (state: Verdict["state"]): string => {
      const found = verdicts.filter((one) => one.runtime === runtime && one.state === state);
      return `${found.length} ${state}`;
    };
    return `${runtime}: budgets: ${counted("met")}, ${counted("missed")}, ${
      counted("not measured")
    }`;
  });
  if (verdicts.length === 0) return ["no budgets in these cases"];
  return [...align([["budget", "limit", ...runtimes], ...budgets.values()]), "", ...counts];
}

function ratioOf(ours: Result | undefined, theirs: Result | undefined): number | undefined {
  if (ours?.state !== "measured" || theirs?.state !== "measured") return undefined;
  return ours.nsPerItem / theirs.nsPerItem;
}

function verdictText(verdict: Verdict): string {
  const limit = `<= ${verdict.reference.limit.toFixed(2)}`;
  return verdict.ratio === undefined ? `${limit} not measured` : `${limit} ${mark(verdict)}`;
}

function mark({ state }: Verdict): string {
  return state === "met" ? "ok" : "MISS";
}

function ratioText(ratio: number): string {
  return ratio.toFixed(ratio < 1 ? 3 : 2);
}

function nanoseconds(ns: number): string {
  return ns.toFixed(ns < 100 ? 1 : 0);
}

/** Pads cells, so that the first column reads from the left and numbers stand below each other. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row.map((cell, index) =>
      index === 1 ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)
    ).join("  ").trimEnd()
  );
}
