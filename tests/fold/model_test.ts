import { test } from "../_harness.ts";
import type { NaiveBounds } from "./_naive.ts";
import { type Game, play } from "./_play.ts";

const DAY_MS = 86_400_000;

/** Room for everything, and a memory that ends soon. */
const WIDE: NaiveBounds = {
  maxEntries: 1_000_000,
  maxEntriesPerNode: 1_000_000,
  minTtlMs: 0,
  maxTtlMs: 3 * DAY_MS,
  rememberMs: 5_000,
  maxRemembered: 1_000_000,
};
/** A memory in which something is forgotten only for something else. */
const LONG_MEMORY = { rememberMs: 1_000_000 * DAY_MS };

const BASE: Omit<Game, "seed"> = {
  cast: "items",
  steps: 80,
  things: 6,
  nodes: 3,
  bounds: WIDE,
  restores: "no",
  sweepsAhead: false,
  compareEvery: 1,
};

function playAll(
  from: number,
  games: number,
  changes: Partial<Game>,
  bounds: (seed: number) => Partial<NaiveBounds> = () => ({}),
): void {
  for (let seed = from; seed < from + games; seed++) {
    play({ ...BASE, ...changes, bounds: { ...WIDE, ...bounds(seed) }, seed });
  }
}

for (const [i, cast] of (["items", "capabilities", "routes", "leases"] as const).entries()) {
  const from = 1_000 * (i + 1);

  test(`Fold of ${cast} does what its model does`, () => playAll(from, 60, { cast }));

  test(`Fold of ${cast} does what its model does with few places`, () =>
    playAll(from + 100, 60, { cast }, (seed) => ({ maxEntries: 1 + seed % 4 })));

  test(`Fold of ${cast} does what its model does with few places for a node`, () =>
    playAll(from + 200, 60, { cast }, (seed) => {
      return { maxEntries: 2 + seed % 7, maxEntriesPerNode: 1 + seed % 3 };
    }));

  test(`Fold of ${cast} does what its model does with short lives, long ones, and no memory`, () =>
    playAll(from + 300, 40, { cast }, (seed) => {
      return { minTtlMs: 5 * (seed % 3), maxTtlMs: 10 ** (1 + seed % 4), rememberMs: 0 };
    }));

  test(`Fold of ${cast} does what its model does with a small memory, and sweeps ahead of time`, () =>
    playAll(from + 400, 60, { cast, sweepsAhead: true }, (seed) => {
      return { ...LONG_MEMORY, maxRemembered: seed % 4 };
    }));

  test(`Fold of ${cast} does what its model does when snapshots replace all`, () =>
    playAll(from + 500, 60, { cast, restores: "replace" }, (seed) => {
      return { maxEntries: 3 + seed % 9, ...(seed % 2 === 0 ? LONG_MEMORY : {}) };
    }));

  test(`Fold of ${cast} does what its model does when snapshots are merged`, () =>
    playAll(from + 600, 60, { cast, restores: "merge" }, (seed) => {
      return { maxEntries: 3 + seed % 9, minTtlMs: 20 * (seed % 2) };
    }));
}

test("Fold does what its model does with thousands of keys", () =>
  playAll(9_000, 3, {
    things: 4_000,
    nodes: 40,
    steps: 12_000,
    compareEvery: 3_000,
    restores: "replace",
  }));
