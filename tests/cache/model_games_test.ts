import { test } from "../_harness.ts";
import { type Game, play } from "./_games.ts";
import type { NaiveBounds } from "./_naive.ts";

const WIDE: NaiveBounds = {
  capacity: 200,
  maxOpen: 60,
  maxNames: 32,
  maxEvents: 128,
  evict: "oldest-opened",
  reserve: 0,
  slowMs: Infinity,
};

function playAll(
  from: number,
  games: number,
  bounds: (seed: number) => Partial<NaiveBounds>,
  changes: Partial<Game> = {},
): void {
  for (let seed = from; seed < from + games; seed++) {
    play({
      seed,
      steps: 150,
      names: 5,
      compareEvery: 6 + seed % 3,
      pace: [2, 9, 80][seed % 3]!,
      ...changes,
      bounds: { ...WIDE, ...bounds(seed) },
    });
  }
}

for (const [i, evict] of (["oldest-opened", "oldest-closed"] as const).entries()) {
  const from = 10_000 * (i + 1);

  test(`SpanCache that throws out the ${evict} does what its model does`, () =>
    playAll(from, 30, () => ({ evict })));

  test(`SpanCache that throws out the ${evict} does what its model does with few places`, () =>
    playAll(from + 100, 60, (seed) => ({ evict, capacity: 1 + seed % 9 })));

  test(`SpanCache that throws out the ${evict} does what its model does when few may run`, () =>
    playAll(from + 200, 40, (seed) => {
      return { evict, capacity: 1 + seed % 30, maxOpen: 1 + seed % 5 };
    }));

  test(`SpanCache that throws out the ${evict} does what its model does with few names`, () =>
    playAll(from + 300, 40, (seed) => {
      return { evict, capacity: 3 + seed % 9, maxNames: 1 + seed % 6, maxEvents: seed % 4 };
    }, { names: 8 }));

  test(`SpanCache that throws out the ${evict} does what its model does with a reserve`, () =>
    playAll(from + 400, 60, (seed) => {
      const capacity = 1 + seed % 12;
      const slowMs = [Infinity, 0, 1, 20][seed % 4]!;
      return { evict, capacity, reserve: Math.min(capacity, seed % 7), slowMs };
    }));
}
