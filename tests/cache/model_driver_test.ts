import { assertEquals } from "@std/assert";
import { SpanDriver, type SpanInput } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { playDriver } from "./_games_driver.ts";

test("SpanDriver that is drained does what its model does, whatever comes in whatever order", () => {
  for (let seed = 1; seed <= 250; seed++) playDriver(seed);
});

test("SpanDriver that runs gives each span its events, in the order in which they were sent", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const { cache } = clocked();
    const driver = new SpanDriver(cache);
    const running = driver.run();
    const sent = new Map<string, string[]>();
    const ids = Array.from({ length: 12 }, (_, i) => `f0f0${`${i}`.padStart(12, "0")}`);
    const rest = ids.map((id): SpanInput => ({ name: id, id, startMs: START_MS, durationMs: 1 }));
    for (let i = 0; i < 200; i++) {
      const kind = random.below(10);
      if (kind === 0 && rest.length > 0) {
        driver.spans.trySend(rest.splice(random.below(rest.length), 1)[0]!);
      } else if (kind === 1) await settle();
      else if (kind === 2) await undefined;
      else {
        const spanId = random.pick(ids);
        sent.set(spanId, [...sent.get(spanId) ?? [], `event ${i}`]);
        driver.events.trySend({ spanId, event: { name: `event ${i}`, timeMs: START_MS } });
      }
    }
    driver.close();
    await running;
    let parked = 0;
    for (const id of ids) {
      const names = cache.get(id)?.events.map(({ name }) => name);
      if (names === undefined) parked += sent.get(id)?.length ?? 0;
      else assertEquals(names, sent.get(id) ?? []);
    }
    const stats = driver.stats();
    assertEquals([stats.parked, stats.recorded], [parked, 12 - rest.length]);
    const all = [...sent.values()].flat().length;
    assertEquals(stats.attached + stats.parked + stats.droppedEvents + stats.refused, all);
  }
});
