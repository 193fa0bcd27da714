import { test } from "../_harness.ts";
import { play } from "./_games.ts";

/** So few bytes that spans go long before there are too many of them. */
function playShort(from: number, games: number, reserve: number): void {
  for (let seed = from; seed < from + games; seed++) {
    play({
      seed,
      steps: 150,
      names: 8,
      compareEvery: 8,
      pace: [2, 9, 80][seed % 3]!,
      maxBytes: [4_096, 5_000, 9_000][seed % 3]!,
      bounds: {
        capacity: 10 + seed % 40,
        // Many that run may take it all.
        maxOpen: 10 + seed % 50,
        maxNames: 32,
        maxEvents: 1 + seed % 20,
        evict: seed % 2 === 0 ? "oldest-opened" : "oldest-closed",
        reserve,
        slowMs: seed % 5,
      },
    });
  }
}

test("SpanCache that is short of bytes throws out what its model does", () =>
  playShort(40_000, 80, 0));

test("SpanCache that is short of bytes throws out what its model does with a reserve", () =>
  playShort(50_000, 80, 6));
