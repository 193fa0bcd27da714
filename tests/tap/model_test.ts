import { test } from "../_harness.ts";
import { play } from "./_game.ts";
import type { Game } from "./_game_choices.ts";

const BASE: Omit<Game, "seed"> = {
  steps: 60,
  bufferEvents: [1, 2, 3],
  maxBytes: [1_000_000],
  backlog: [0],
  collects: false,
  acts: false,
  switches: false,
};

async function playAll(from: number, games: number, changes: Partial<Game>): Promise<void> {
  for (let seed = from; seed < from + games; seed++) await play({ ...BASE, ...changes, seed });
}

test("Tap does what its model does with one, two and three places", () =>
  playAll(1_000, 80, { switches: true }));

test("Tap does what its model does with few bytes", () =>
  playAll(2_000, 60, { maxBytes: [30, 90, 200], bufferEvents: [3, 100] }));

test("Tap does what its model does with a backlog", () =>
  playAll(3_000, 80, { backlog: [1, 3, 20], maxBytes: [120, 1_000_000] }));

test("Tap does what its model does while it is switched on and off, with a backlog", () =>
  playAll(4_000, 40, { backlog: [2, 20], switches: true }));

test("Tap does what its model does with reservoirs and counts", () =>
  playAll(5_000, 80, { collects: true, backlog: [0, 5], switches: true }));

test("Tap does what its model does with room for all", () =>
  playAll(6_000, 30, { bufferEvents: [1_000], collects: true, backlog: [0, 50] }));

test("Tap does what its model does when events do something while they are made", () =>
  playAll(7_000, 80, { acts: true, backlog: [0, 5], switches: true }));

test("Tap does what its model does when events do something while they are collected", () =>
  playAll(9_000, 80, { acts: true, collects: true, backlog: [0, 5], switches: true }));

test("Tap does what its model does when events do something while bytes are few", () =>
  playAll(10_200, 100, {
    acts: true,
    maxBytes: [30, 90, 200],
    backlog: [0, 3],
    switches: true,
  }));

test("Tap does what its model does in long games", () =>
  playAll(8_000, 4, { steps: 600, backlog: [0, 5], collects: true, switches: true }));
