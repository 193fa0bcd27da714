// deno-lint-ignore-file no-console -- what it prints is its answer.
/**
 * Joins a fleet in mapped files, sets a key to its node, says which node it is, and stays until it is killed: `DIRECTORY CAPACITY`.
 *
 * @module
 */
import process from "node:process";
import { mappedHome } from "../../ring/mapped.ts";
import { Fleet } from "../../ring/mod.ts";

const [directory = "", capacity] = process.argv.slice(2);
const fleet = Fleet.join("siblings", {
  capacity: Number(capacity),
  home: mappedHome({ directory }),
});
fleet.latest<number>("state").set(`node/${fleet.node}`, process.pid);
console.log(`node ${fleet.node}`);
const parent = process.ppid;
// Nobody is left to kill it.
setInterval(() => process.ppid === parent || process.exit(1), 100);
