import { Channel, type ChannelOptions } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { NaiveChannel } from "./_naive.ts";
import { assertSamePlay, play } from "./_play.ts";

const SIZES = [1, 2, 3, 0, 5, 9];
const BOUNDS: ChannelOptions<number>[] = [
  {},
  // The last size can never fit.
  { maxBytes: 8, sizeOf: (value) => SIZES[value % SIZES.length]! },
];

for (const overflow of ["wait", "drop-newest", "drop-oldest", "fail"] as const) {
  for (const capacity of [0, 1, 2, 3]) {
    test(`Channel with ${overflow} and capacity ${capacity} does what its model does`, async () => {
      for (const [i, bounds] of BOUNDS.entries()) {
        for (let seed = 1; seed <= 6; seed++) {
          const options = { capacity, overflow, ...bounds };
          const game = { seed: seed * 1000 + capacity, rounds: 150, options };
          const what = `seed ${game.seed}, ${overflow}, capacity ${capacity}, bounds ${i}`;
          try {
            const expected = await play((options) => new NaiveChannel(options), game);
            assertSamePlay(await play((options) => new Channel(options), game), expected, what);
          } catch (error) {
            throw new Error(what, { cause: error });
          }
        }
      }
    });
  }
}
