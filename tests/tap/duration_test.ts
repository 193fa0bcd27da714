import { assertEquals, assertThrows } from "@std/assert";
import { formatDuration, parseDuration } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

test("parseDuration() reads each unit, fractions, sums and spaces", () => {
  const durations: readonly (readonly [string, number])[] = [
    ["0ms", 0],
    ["0s", 0],
    ["250ms", 250],
    ["30s", 30_000],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["1.5h", 5_400_000],
    ["0.5s", 500],
    ["1m30s", 90_000],
    ["1h1m1s1ms", 3_661_001],
    ["1m 30s", 90_000],
    ["1 m 30 s", 90_000],
    ["  30s\t", 30_000],
    ["10s10s", 20_000],
    ["90000ms", 90_000],
  ];
  for (const [text, ms] of durations) assertEquals(parseDuration(text), ms, text);
});

test("parseDuration() refuses everything else with a RangeError that shows it", () => {
  const texts = [
    "",
    " ",
    "30",
    "s",
    "-30s",
    "+30s",
    "30S",
    "30sec",
    "1d",
    "1.s",
    ".5s",
    "1,5s",
    "1e3s",
    "30s30",
    "1s-1s",
    "Infinity",
    "NaN",
    "0x10s",
    "٣s",
    "1234567890s",
    `${"1s".repeat(5_000)}x`,
  ];
  for (const text of texts) {
    assertThrows(
      () => parseDuration(text),
      RangeError,
      'Cannot read duration: it must look like "30s" or "1m30s", ' +
        `received ${JSON.stringify(text)}`,
    );
  }
});

test("formatDuration() writes the largest units that say it", () => {
  const durations: readonly (readonly [number, string])[] = [
    [0, "0ms"],
    [0.4, "0ms"],
    [0.6, "1ms"],
    [1, "1ms"],
    [999.6, "1s"],
    [1_000, "1s"],
    [1_001, "1s1ms"],
    [60_000, "1m"],
    [90_000, "1m30s"],
    [3_600_000, "1h"],
    [3_661_001, "1h1m1s1ms"],
    [2_147_483_647, "596h31m23s647ms"],
  ];
  for (const [ms, text] of durations) assertEquals(formatDuration(ms), text);
});

test("formatDuration() refuses what is no duration", () => {
  for (const ms of [-1, -90_000, NaN, Infinity, -Infinity]) {
    assertThrows(() => formatDuration(ms), RangeError, `received ${ms}`);
  }
});

test("parseDuration() reads what formatDuration() writes", () => {
  const random = new Random(1);
  for (let round = 0; round < 1_000; round++) {
    const ms = random.below(10 ** random.below(11));
    assertEquals(parseDuration(formatDuration(ms)), ms);
  }
});
