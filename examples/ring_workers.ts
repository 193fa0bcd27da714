// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * One ring in a `SharedArrayBuffer`: two workers publish, each in its own lane, and this thread reads what both say, without a message
 * between them. The other half is in `_ring_worker.ts`.
 *
 * Run it with `deno run --allow-read examples/ring_workers.ts` or `bun examples/ring_workers.ts`.
 *
 * @module
 */
import { EventRing, Ring, sharedStorage } from "../ring/mod.ts";

const WORKERS = 2;
const STEPS = 3;

const storage = sharedStorage({ capacity: 1_024, payloadCapacity: 64, nodes: WORKERS });
using ring = new Ring(storage);
const events = new EventRing<{ step: number }>(ring);
// From now on, so before anybody writes.
const following = events.follow({ topic: "worker.*" });

const workers = Array.from({ length: WORKERS }, (_, node) => {
  const worker = new Worker(new URL("./_ring_worker.ts", import.meta.url), { type: "module" });
  // A worker is told once it listens.
  worker.onmessage = () => worker.postMessage({ buffer: storage.buffer, node, steps: STEPS });
  return worker;
});

const steps: number[][] = workers.map(() => []);
let received = 0;
for await (const { node, value } of following) {
  steps[node]!.push(value.step);
  if (++received === WORKERS * STEPS) break;
}
for (const worker of workers) worker.terminate();
steps.forEach((seen, node) => console.log(`worker ${node}: steps ${seen.join(" ")}`));
