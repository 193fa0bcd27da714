// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * One cache for three threads: two workers record what they do in caches of their own, and send it to this thread as it ends, so that one trace
 * has all of it. The other half is in `_trace_worker.ts`.
 *
 * Run it with `deno run --allow-read examples/trace_workers.ts` or `bun examples/trace_workers.ts`.
 *
 * @module
 */
import { receivePort, SpanCache, SpanDriver } from "../cache/mod.ts";
import { print } from "./_trace_orders.ts";

const cache = new SpanCache({ capacity: 10_000 });
const driver = new SpanDriver(cache);

const { traceId, lost } = await cache.span("resize all", async (span) => {
  const jobs = ["sea.png", "sky.png"].map((picture) =>
    cache.span("job", { picture }, async ({ context }) => {
      const url = new URL("./_trace_worker.ts", import.meta.url);
      const worker = new Worker(url, { type: "module" });
      const receiver = receivePort(driver, worker);
      await new Promise((resolve) => {
        worker.addEventListener("message", ({ data }) => {
          // A worker is told once it listens, and is done once it has sent its spans.
          if (data === "ready") worker.postMessage({ picture, context });
          if (data === "done") resolve(undefined);
        });
      });
      worker.terminate();
      return receiver.lost;
    })
  );
  const lost = await Promise.all(jobs);
  return { traceId: span.traceId, lost: lost.reduce((sum, each) => sum + each) };
});

for (const node of cache.trace(traceId).roots) print(node, "");
console.log("The slowest:");
for (const { name, durationMs } of cache.find({ order: "slowest", limit: 3 })) {
  console.log(`  ${name}, ${durationMs.toFixed(1)} ms`);
}
console.log(`${cache.size} spans, ${lost} lost`);
