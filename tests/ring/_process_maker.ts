// deno-lint-ignore-file no-console -- what it prints is its answer.
/**
 * Makes a ring, or attaches to it, takes any lane, waits until six processes have one, and says which it is: `PATH`.
 *
 * @module
 */
import process from "node:process";
import { mappedStorage } from "../../ring/mapped.ts";
import { Ring } from "../../ring/mod.ts";

const [path = ""] = process.argv.slice(2);
using storage = mappedStorage(path, { capacity: 1024, payloadCapacity: 1024, nodes: 6 });
using ring = new Ring(storage);
ring.publish(new Uint8Array(1));
while (!ring.stats().lanes.every(({ head }) => head === 1)) {
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(ring.node);
