import { assert, assertEquals, assertThrows } from "@std/assert";
import type { SpanCache, SpanSubscription } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { observe, settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { namesOf } from "./_origin_spans.ts";

// Cases of the original's host, by their names, without the network that the host is: streams, levels, chance.

function emit(cache: SpanCache, ...names: string[]): void {
  for (const name of names) cache.start(name).end();
}

/** What is there to be read. */
function drain(stream: SpanSubscription): string[] {
  const names: string[] = [];
  for (let next; (next = stream.tryReceive()).state === "ok";) names.push(next.value.name);
  return names;
}

test("start_stream_delivers_closed_spans", async () => {
  const { cache, clock } = clocked();
  emit(cache, "before");
  const stream = cache.subscribe();
  const first = stream.receive();
  const spans = ["a", "b", "c"].map((name) => cache.start(name));
  await settle();
  assertEquals(stream.size, 0);
  clock.pass(2);
  for (const span of spans) span.end();
  const received = [await first, await stream.receive(), await stream.receive()];
  assertEquals(received.map(({ name, durationMs }) => [name, durationMs]), [
    ["a", 2],
    ["b", 2],
    ["c", 2],
  ]);
  assertEquals([stream.offered, stream.delivered, stream.size], [3, 3, 0]);
});

// The original's test passes as long as one of the five is missing.
test("stop_stream_halts_delivery: what was there before can be read, and nothing that comes after", async () => {
  const { cache } = clocked();
  const stream = cache.subscribe();
  emit(cache, "a", "b");
  stream.close();
  emit(cache, "1", "2", "3", "4", "5");
  assertEquals(drain(stream), ["a", "b"]);
  assertEquals(stream.tryReceive(), { state: "closed" });
  assertEquals(await stream.receiveBatch(5), []);
  assertEquals([stream.offered, stream.size], [2, 0]);
  // The cache has them, and another reader finds them.
  assertEquals(drain(cache.subscribe({ after: stream.cursor })), ["1", "2", "3", "4", "5"]);
});

test("set_level_filters_below_threshold", () => {
  const { cache } = clocked();
  const [everything, important] = [cache.subscribe(), cache.subscribe({ level: "info" })];
  for (const level of ["debug", "info", "error", "trace"] as const) {
    cache.start(level, undefined, { level }).end();
  }
  assertEquals(drain(important), ["info", "error"]);
  assertEquals([important.delivered, important.filtered], [2, 2]);
  assertEquals(drain(everything).length, 4);
});

test("set_sampling_rate_zero_drops_all", () => {
  const { cache } = clocked({ chance: 0, random: () => 0 });
  const stream = cache.subscribe();
  for (let number = 0; number < 50; number++) {
    cache.spanSync("root", () => cache.start("child").end());
  }
  assertEquals([drain(stream), cache.size], [[], 0]);
  const { chance, suppressed } = cache.stats().refused;
  assertEquals([chance, suppressed], [50, 50]);
});

test("set_cache_level_keeps_stream_open", async () => {
  const { cache } = clocked();
  const stream = cache.subscribe();
  const next = observe(stream.receive());
  cache.level = "off";
  emit(cache, "nobody");
  await settle();
  assertEquals([next.state, stream.closed, cache.level], ["pending", false, "off"]);
  cache.level = "info";
  emit(cache, "somebody");
  await settle();
  assertEquals(next.value?.name, "somebody");
});

test("level_resets_to_off_when_last_console_disconnects: it does not, for the level is its owner's", () => {
  const { cache } = clocked({ level: "debug" });
  cache.chance = 0.5;
  const streams = [cache.subscribe(), cache.subscribe()];
  for (const stream of streams) stream.close();
  assertEquals([cache.level, cache.chance], ["debug", 0.5]);
});

test("sampling_passes_rate_one_short_circuits_true", () => {
  let rolls = 0;
  const { cache } = clocked({
    chance: 1,
    random: () => {
      rolls++;
      return 0.999_999;
    },
  });
  emit(cache, "a", "b");
  assertEquals([namesOf(cache), rolls], [["a", "b"], 0]);
});

test("sampling_passes_rate_zero_short_circuits_false: nothing passes, whatever the roll", () => {
  for (const roll of [0, 0.5, 0.999_999]) {
    const { cache } = clocked({ chance: 0, random: () => roll });
    emit(cache, "a");
    assertEquals([cache.size, cache.stats().refused.chance], [0, 1]);
  }
});

test("sampling_passes_is_deterministic_per_root_id: a trace is rolled for once, where it begins", () => {
  const decide = (): string[] => {
    const random = new Random(7);
    let rolls = 0;
    const { cache } = clocked({
      chance: 0.5,
      random: () => {
        rolls++;
        return random.next();
      },
    });
    for (let number = 0; number < 100; number++) {
      cache.spanSync(`root ${number}`, (root) => {
        cache.start("child").end();
        root.start("explicit child").end();
      });
    }
    assertEquals(rolls, 100);
    return namesOf(cache);
  };
  assertEquals(decide(), decide());
});

// The original's own looks at the direct parent alone, so that grandchildren may be without their root.
test("sampling_passes_children_inherit_parents_root_id_bucket: so do grandchildren, and what has an explicit parent", () => {
  const random = new Random(11);
  const { cache } = clocked({ chance: 0.5, random: () => random.next() });
  for (let number = 0; number < 200; number++) {
    cache.spanSync("root", (root) => {
      cache.spanSync("child", () => void cache.start("grandchild").end());
      root.start("explicit child").end();
    });
  }
  const roots = cache.find({ name: "root", limit: Infinity });
  assert(roots.length > 50 && roots.length < 150);
  assertEquals(cache.size, roots.length * 4);
  for (const { traceId } of roots) assertEquals(cache.trace(traceId).size, 4);
});

test("sampling_passes_partitions_population_near_target_rate", () => {
  const random = new Random(5_000);
  const { cache } = clocked({ chance: 0.3, random: () => random.next() });
  for (let number = 0; number < 5_000; number++) cache.start("root").end();
  const share = cache.stats().closed / 5_000;
  assert(Math.abs(share - 0.3) <= 0.03, `${share}`);
  assertEquals(cache.stats().closed + cache.stats().refused.chance, 5_000);
});

test("set_sampling_rate_rejects_out_of_range", () => {
  const { cache } = clocked({ chance: 0.25 });
  for (const chance of [1.5, -0.1, NaN]) {
    assertThrows(() => cache.chance = chance, RangeError, "chance must be a number from 0 to 1");
    assertThrows(() => clocked({ chance }), RangeError, "chance must be a number from 0 to 1");
  }
  assertEquals(cache.chance, 0.25);
});

test("stats_absorb_counts_open_spans_separately_from_received", () => {
  const { cache } = clocked();
  const spans = ["a", "b", "c"].map((name) => cache.start(name));
  spans[0]!.end();
  spans[2]!.end();
  const { opened, open, closed, held } = cache.stats();
  assertEquals([opened, open, closed, held], [3, 1, 2, 2]);
  const { count, open: running } = cache.aggregate().find(({ name }) => name === "b")!;
  assertEquals([count, running], [0, 1]);
});
