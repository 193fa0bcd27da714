import { test } from "../_harness.ts";
import { playReaders } from "./_games_readers.ts";

test("SpanSubscription does what its model does, however it is read", async () => {
  for (let seed = 1; seed <= 250; seed++) await playReaders(seed);
});
