/**
 * Puts results into words: one table a case, and the verdicts on its budgets.
 *
 * @module
 */
import { type AnyCase, type Case, type FigureCase, nsPerItem } from "./case.ts";
import type { Result, Results, Rounds } from "./measure.ts";
import type { RuntimeName } from "./runtimes.ts";

/** What became of one budget on one runtime. */
export interface Verdict {
  /** The case. */
  readonly id: string;
  /** Where. */
  readonly runtime: RuntimeName;
  /** What the budget is about: the peer that is compared with, or the figure. */
  readonly of: string;
  /** The budget in words, such as `<= 0.40`. */
  readonly limit: string;
  /** The ratio or the figure in words; undefined if it was not measured. */
  readonly value: string | undefined;
  /** Whether it was met. */
  readonly state: "met" | "missed" | "not measured";
}

/**
 * Judges the budgets of a case: the time of the first contestant, divided by the peer's, or its figures.
 *
 * @param item The case.
 * @param runtime Where it was measured.
 * @param results Its results there.
 * @returns One verdict a budget.
 */
export function judge(item: AnyCase, runtime: RuntimeName, results: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  const ours = results.get(item.contestants[0]!.name);
  const add = (
    of: string,
    value: number | undefined,
    sign: "<=" | ">=",
    limit: number | undefined,
    text: (value: number) => string,
  ): void => {
    if (limit === undefined) return;
    const isMet = value !== undefined && (sign === "<=" ? value <= limit : value >= limit);
    verdicts.push({
      id: item.id,
      runtime,
      of,
      limit: `${sign} ${limit.toFixed(2)}`,
      value: value === undefined ? undefined : text(value),
      state: value === undefined ? "not measured" : isMet ? "met" : "missed",
    });
  };
  if ("figures" in item) {
    for (const { name, digits, least, most } of item.figures) {
      const text = (value: number): string => value.toFixed(digits);
      const value = roundsOf(ours, name)?.middle;
      add(name, value, ">=", least, text);
      add(name, value, "<=", most, text);
    }
  } else {
    for (const { peer, limit } of item.references) {
      const here = typeof limit === "object" ? limit[runtime] : limit;
      add(`of ${peer}`, ratioOf(ours, results.get(peer)), "<=", here, ratioText);
    }
  }
  return verdicts;
}

/**
 * The table of a case on one runtime: a row a contestant, a column a figure or, of times, one for each reference.
 *
 * @param item The case.
 * @param runtime Where it was measured.
 * @param results Its results there.
 * @returns Its lines.
 */
export function tableOf(item: AnyCase, runtime: RuntimeName, results: Results): string[] {
  const verdicts = judge(item, runtime, results);
  const names = item.contestants.map(({ name }) => name);
  const notes: string[] = [];
  for (const name of names) {
    const result = results.get(name)!;
    if (result.state !== "measured") notes.push(`${name}: ${stateOf(result)}: ${result.reason}`);
  }
  const rows = "figures" in item
    ? figureRows(item, names, runtime, results, verdicts)
    : timeRows(item, names, runtime, results, verdicts);
  return [...rows, ...notes];
}

function timeRows(
  item: Case,
  names: readonly string[],
  runtime: RuntimeName,
  results: Results,
  verdicts: readonly Verdict[],
): string[] {
  const rows = [[runtime, nsPerItem, "rounds", ...item.references.map(({ peer }) => `of ${peer}`)]];
  for (const [index, name] of names.entries()) {
    const result = results.get(name)!;
    const time = roundsOf(result, nsPerItem);
    if (time === undefined) {
      rows.push([name, "-", stateOf(result)]);
      continue;
    }
    const ratios = item.references.map(({ peer }) => {
      const ratio = ratioOf(result, results.get(peer));
      const shown = ratio === undefined ? "-" : ratioText(ratio);
      const verdict = index === 0 && verdicts.find(({ of }) => of === `of ${peer}`);
      return verdict ? `${shown} ${verdictText(verdict)}` : shown;
    });
    rows.push([name, nanoseconds(time.middle), spanOf(time, nanoseconds), ...ratios]);
  }
  return align(rows, (column) => column === 1);
}

function figureRows(
  { figures: [first, ...others] }: FigureCase,
  names: readonly string[],
  runtime: RuntimeName,
  results: Results,
  verdicts: readonly Verdict[],
): string[] {
  const rows = [[runtime, first!.name, "rounds", ...others.map(({ name }) => name)]];
  if (verdicts.length > 0) rows[0]!.push("budget");
  for (const [index, name] of names.entries()) {
    const result = results.get(name)!;
    const rounds = roundsOf(result, first!.name);
    if (rounds === undefined) {
      rows.push([name, "-", stateOf(result)]);
      continue;
    }
    const text = (value: number): string => value.toFixed(first!.digits);
    const cells = others.map(({ name, digits }) =>
      roundsOf(result, name)?.middle.toFixed(digits) ?? "-"
    );
    const budgets = index === 0 ? verdicts.map((one) => `${one.of} ${verdictText(one)}`) : [];
    rows.push([name, text(rounds.middle), spanOf(rounds, text), ...cells, budgets.join(", ")]);
  }
  const last = 3 + others.length;
  return align(rows, (column) => column === 1 || (column > 2 && column < last));
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
  const budgets = Map.groupBy(verdicts, ({ id, of }) => `${id}, ${of}`);
  const lines = [...budgets].map(([name, all]) => {
    const limits = new Set(all.map(({ limit }) => limit));
    const cells = runtimes.map((runtime) => {
      const verdict = all.find((one) => one.runtime === runtime);
      if (verdict?.value === undefined) return verdict?.state ?? "no budget";
      return `${verdict.value} ${mark(verdict)}`;
    });
    return [name, [...limits].join(", "), ...cells];
  });
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
  const rows = [["budget", "limit", ...runtimes], ...lines];
  return [...align(rows, (column) => column === 1), "", ...counts];
}

function roundsOf(result: Result | undefined, figure: string): Rounds | undefined {
  return result?.state === "measured" ? result.figures.get(figure) : undefined;
}

function ratioOf(ours: Result | undefined, theirs: Result | undefined): number | undefined {
  const [one, other] = [roundsOf(ours, nsPerItem), roundsOf(theirs, nsPerItem)];
  if (one === undefined || other === undefined) return undefined;
  return one.middle / other.middle;
}

function stateOf({ state }: Result): string {
  return state === "unavailable" ? "not available here" : state.toUpperCase();
}

function spanOf({ least, most }: Rounds, text: (value: number) => string): string {
  return `${text(least)} - ${text(most)}`;
}

function verdictText(verdict: Verdict): string {
  return `${verdict.limit} ${verdict.value === undefined ? "not measured" : mark(verdict)}`;
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

/** Pads cells, so that names read from the left and numbers stand below each other. */
function align(
  rows: readonly (readonly string[])[],
  isNumber: (column: number) => boolean,
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row.map((cell, index) =>
      isNumber(index) ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)
    ).join("  ").trimEnd()
  );
}
