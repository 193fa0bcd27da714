import { assertEquals } from "@std/assert";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";

/** Durations in milliseconds as clocks say them: with nanoseconds, which binary fractions of milliseconds are not. */
function durations(): number[] {
  const random = new Random(5);
  return Array.from({ length: 2_000 }, (_, i) => (i + 1 + random.below(2) * 7_919 * i) / 1e6);
}

test("Searching for spans that took as long as one of them finds that one", () => {
  const { cache } = clocked();
  durations().slice(0, 600).forEach((durationMs, i) => {
    cache.record({ name: `${i}`, startMs: START_MS, durationMs });
  });
  const lost = cache.page({ limit: Infinity }).filter(({ name, durationMs }) => {
    const found = cache.find({ name, minMs: durationMs });
    return found.length !== 1;
  });
  assertEquals(lost.map(({ durationMs }) => durationMs), []);
});

test("A span that took just as long as is slow is kept in the reserve", () => {
  const lost = durations().filter((slowMs) => {
    const { cache } = clocked({ capacity: 2, reserve: 1, slowMs, maxOpen: 2 });
    cache.record({ name: "slow", startMs: START_MS - 3, durationMs: slowMs });
    for (const at of [2, 1]) cache.record({ name: "fast", startMs: START_MS - at, durationMs: 0 });
    return cache.find({ name: "slow" }).length === 0;
  });
  assertEquals(lost, []);
});

test("Spans are found up to the end of one, and from there on, with none twice and none left out", () => {
  const { cache } = clocked();
  durations().slice(0, 200).forEach((durationMs, i) => {
    cache.record({ name: "span", startMs: START_MS + i / 3, durationMs });
  });
  const all = cache.find({ limit: Infinity });
  for (const { startMs, durationMs } of all) {
    const end = startMs + durationMs;
    const [before, after] = [{ until: end }, { since: end }].map((query) =>
      cache.find({ ...query, limit: Infinity }).map(({ seq }) => seq)
    );
    assertEquals([...before!, ...after!].sort((a, b) => b - a), all.map(({ seq }) => seq));
    assertEquals(after!.length > 0, true);
  }
});
