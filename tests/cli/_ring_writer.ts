/**
 * Publishes events in a ring in a file: `PATH NODE`. It says which process it is, and goes on until its standard input ends or it is killed. A
 * line on standard input with a number publishes as many events, numbered on; each line is answered with how many there are by then.
 *
 * @module
 */
import process from "node:process";
import { mappedStorage } from "../../ring/mapped.ts";
import { EventRing, Ring } from "../../ring/mod.ts";

const [path = "", node] = process.argv.slice(2);
using storage = mappedStorage(path);
using ring = new Ring(storage, { node: Number(node) });
const events = new EventRing<number>(ring);
let published = 0;
process.stdout.write(`writer ${process.pid}\n`);
let rest = "";
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    for (let count = Number(line); count > 0; count--) {
      events.publish(`count.node${node}`, published++);
    }
    process.stdout.write(`published ${published}\n`);
  }
}
