// deno-lint-ignore-file no-console -- what it prints is its answer.
/**
 * Publishes frames in a mapped ring without end, until it is killed: `PATH NODE`. Each says who wrote it, and which of its own it is.
 *
 * @module
 */
import process from "node:process";
import { mappedStorage } from "../../ring/mapped.ts";
import { Ring } from "../../ring/mod.ts";
import { fill } from "./_frames.ts";

const [path = "", node] = process.argv.slice(2);
using storage = mappedStorage(path);
using ring = new Ring(storage, { node: Number(node) });
const parent = process.ppid;
const { payloadCapacity } = ring.geometry;
const bytes = new Uint8Array(payloadCapacity);
// Long and short ones, alone and in batches: it is to be killed in the middle of all of them.
for (let own = 0;; own++) {
  const payload = (index: number): Uint8Array =>
    fill(bytes.slice(0, 1 + ((own + index) * 7919) % payloadCapacity), ring.node!, own);
  if (own % 3 === 0) ring.publishBatch([payload(0), payload(1), payload(2)], { version: own });
  else ring.publish(payload(0), { version: own });
  if (own === 100) console.log("writing");
  if (own % 1_000 !== 0) continue;
  // Others are to run as well, on machines with few processors.
  await new Promise((resolve) => setTimeout(resolve, 0));
  // Nobody is left to kill it.
  if (process.ppid !== parent) process.exit(1);
}
