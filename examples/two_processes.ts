// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * Two processes and one ring in a mapped file: one publishes a burst that is ten times what the ring keeps, the other follows, and knows
 * exactly what it lost. Either may be Deno or Bun.
 *
 * Run it with `deno run -A examples/two_processes.ts` or `bun examples/two_processes.ts`. It starts the second process itself. Linux only.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { mappedStorage } from "../ring/mapped.ts";
import { EventRing, Ring } from "../ring/mod.ts";

const BURST = 10_000;
const spec = { capacity: 1_024, payloadCapacity: 128, nodes: 2 };
const [path] = process.argv.slice(2);
if (path === undefined) await publish(join(tmpdir(), `weir-example-${process.pid}`));
else await follow(path);

async function publish(path: string): Promise<void> {
  using storage = mappedStorage(path, spec);
  using ring = new Ring(storage, { node: 0 });
  const events = new EventRing<number>(ring);
  try {
    const runtime = "Deno" in globalThis ? ["run", "-A"] : [];
    const args = [...runtime, fileURLToPath(import.meta.url), path];
    const child = spawn(process.execPath, args, { stdio: "inherit" });
    const ended = new AbortController();
    child.on("close", (code) => ended.abort(new Error(`the other process ended with ${code}`)));

    // The other one says hello in its own lane, node 1, once it follows.
    const { signal } = ended;
    for await (const { topic } of events.follow({ from: "start", node: 1, signal })) {
      if (topic === "ready") break;
    }
    for (let value = 1; value <= BURST; value++) events.publish("value", value);
    events.publish("end", BURST);
    if (!signal.aborted) await new Promise((resolve) => child.on("close", resolve));
  } finally {
    rmSync(path);
  }
}

async function follow(path: string): Promise<void> {
  using storage = mappedStorage(path, spec);
  using ring = new Ring(storage, { node: 1 });
  const events = new EventRing<number>(ring);
  let received = 0;
  let lost = 0;
  const following = events.follow({
    node: 0,
    onLag: ({ overwritten, unavailable }) => lost += overwritten + unavailable,
  });
  events.publish("ready", 0);
  for await (const { topic } of following) {
    if (topic === "end") break;
    received++;
  }
  if (received + lost !== BURST) throw new Error("an event is missing");
  console.log(`${BURST} published = ${received} received + ${lost} lost`);
}
