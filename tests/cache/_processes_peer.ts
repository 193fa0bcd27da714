// deno-lint-ignore-file no-console -- what it prints is its answer.
/**
 * Makes a span with some in it, in the trace of whoever started it, and feeds all of them into a mapped ring; then says how that went:
 * `PATH NODE STEPS TRACEPARENT PATIENCE`. Without patience, all end before the ring is written for the first time.
 *
 * @module
 */
import process from "node:process";
import { feedRing, parseTraceparent, SpanCache, type SpanInput } from "../../cache/mod.ts";
import { mappedStorage } from "../../ring/mapped.ts";
import { EventRing, Ring } from "../../ring/mod.ts";

const [path = "", node, steps, traceparent, patience] = process.argv.slice(2);
using storage = mappedStorage(path);
using ring = new Ring(storage, { node: Number(node) });
const cache = new SpanCache({ capacity: Number(steps) + 1 });
const feed = feedRing(cache, new EventRing<SpanInput>(ring), { lingerMs: 1, maxBatch: 64 });
await cache.span("process", { node: Number(node) }, async () => {
  for (let step = 0; step < Number(steps); step++) {
    cache.spanSync("step", { of: Number(node), step }, () => {});
    if (patience === "patient" && step % 50 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}, { parent: parseTraceparent(traceparent) ?? null });
feed.close();
console.log(JSON.stringify(feed.stats()));
