/**
 * Times work that must be undone before it can be done again, and several such works side by side.
 *
 * @module
 */

/** What is timed. */
export interface Work {
  /** How much it does at once: enough for the clock to cost little. */
  readonly items: number;
  /** Does it. */
  readonly run: () => void;
  /** Undoes it, and checks what it did; not timed. */
  readonly reset: () => void;
}

/** What comes first is not counted, for the engine to compile it. */
const warmUpShare = 0.5;
const fewest = 5;

/**
 * Times works in turn, so that all of them meet the same drift of the machine.
 *
 * @param ms How long each of them, in milliseconds of its own.
 * @param works The works.
 * @returns For each, the median of its times, in nanoseconds an item.
 */
export function timeInTurn(ms: number, works: readonly Work[]): number[] {
  const samples: number[][] = works.map(() => []);
  const spent = works.map(() => -ms * warmUpShare);
  while (spent.some((one) => one < ms) || samples.some(({ length }) => length < fewest)) {
    for (const [index, { items, run, reset }] of works.entries()) {
      if (spent[index]! >= ms && samples[index]!.length >= fewest) continue;
      const start = performance.now();
      run();
      const time = performance.now() - start;
      if (spent[index]! >= 0) samples[index]!.push(1e6 * time / items);
      spent[index]! += time;
      reset();
    }
  }
  return samples.map((all) => all.sort((one, other) => one - other)[all.length >> 1]!);
}
