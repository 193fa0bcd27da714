import { Bus, type BusOverflow } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { NaiveBus, type PlayBus } from "./_naive.ts";
import { assertSamePlay, type Play, play } from "./_play.ts";

/** Plays with a bus and with its model, and compares all that could be seen. */
async function compare(game: Play): Promise<void> {
  const { seed, kept } = game;
  const what = `seed ${seed}, ${JSON.stringify(game)}`;
  try {
    const expected = await play(() => new NaiveBus(kept), game);
    const options = { onError: () => {}, ...(kept > 0 ? { history: kept } : {}) };
    const make = (): PlayBus => new Bus<unknown>(options) as unknown as PlayBus;
    assertSamePlay(await play(make, game), expected, what);
  } catch (error) {
    throw new Error(what, { cause: error });
  }
}

const EVERY: readonly BusOverflow[] = ["drop-newest", "drop-oldest", "wait", "disconnect"];
const BASE: Omit<Play, "seed"> = {
  rounds: 40,
  policies: EVERY,
  kept: 0,
  sends: false,
  handlersAct: false,
  tells: false,
  batches: false,
};

async function playAll(from: number, games: number, changes: Partial<Play>): Promise<void> {
  for (let seed = from; seed < from + games; seed++) await compare({ ...BASE, ...changes, seed });
}

for (const [i, overflow] of EVERY.entries()) {
  const from = 1_000 * (i + 1);

  test(`Bus with ${overflow} does what its model does`, () =>
    playAll(from, 50, { policies: [overflow], batches: true }));

  test(`Bus with ${overflow} tells of each gap where it is`, () =>
    playAll(from + 100, 50, { policies: [overflow], tells: true }));

  test(`Bus with ${overflow} tells of each gap where it is to those who read in batches`, () =>
    playAll(from + 200, 50, { policies: [overflow], tells: true, batches: true }));
}

test("Bus does what its model does when handlers publish, subscribe, close, read and throw", () =>
  playAll(5_000, 100, { handlersAct: true, batches: true }));

test("Bus with a history does what its model does", () =>
  playAll(6_000, 80, { kept: 5, handlersAct: true }));

test("Bus with a history does what its model does for those who read in batches", () =>
  playAll(6_100, 50, { kept: 5, batches: true }));

test("Bus does what its model does when senders wait", () =>
  playAll(7_000, 100, { policies: ["wait", "wait", ...EVERY], sends: true, batches: true }));

test("Bus tells of each gap where it is when senders wait", () =>
  playAll(8_000, 80, { policies: ["wait"], sends: true, tells: true }));

test("Bus does what its model does when everything happens at once", () =>
  playAll(9_000, 150, { sends: true, handlersAct: true, tells: true, kept: 7, batches: true }));
