import { assert, assertEquals } from "@std/assert";
import { test } from "../_harness.ts";
import { thisRuntime } from "../_runtimes.ts";
import type { HostOptions } from "./_host_app.ts";
import { bundleForNode, nodePath } from "./_host_bundle.ts";
import { nodeTest } from "./_host_node.ts";
import { HostProcess, hostProgram, type LastState } from "./_host_process.ts";
import { isOpen, linesOf, offer, watch } from "./_host_scenarios.ts";
import { delivered, state } from "./_host_state.ts";
import type { HostReader } from "./_host_reader.ts";
import { until } from "./_wait.ts";

const OPTIONS: HostOptions = {
  maxSessions: 3,
  bufferEvents: 50,
  graceMs: 200,
  stopMs: 2_000,
  token: "0123456789abcdef-shutdown",
};

/** Opens one session that is read as lines, and one as a stream of events. */
async function watchTwice(host: HostProcess): Promise<[lines: HostReader, events: HostReader]> {
  const lines = watch(host);
  await isOpen(lines);
  const events = watch(host, "?format=sse");
  await isOpen(events);
  return [lines, events];
}

/** Checks that these two have all that was captured for them, and know why it is over. */
async function areComplete(
  [lines, events]: readonly [HostReader, HostReader],
  { ended: [first, second] }: LastState,
): Promise<void> {
  await until("the lines have ended", () => lines.hasEnded);
  const { events: got, summary } = linesOf(lines.body);
  assertEquals([summary.reason, summary.captured], ["shutdown", got.length]);
  assertEquals([delivered(first!), first!.undelivered], [got.length, 0]);
  await until("the stream of events has ended", () => events.hasEnded);
  const [, record] = /\nid: end\nevent: summary\ndata: (.*)\n\n$/.exec(events.body) ?? [];
  const told = JSON.parse(record!);
  assertEquals([told.reason, told.captured], ["shutdown", delivered(second!)]);
  assertEquals(events.body.match(/^id: .*-\d+$/gm)!.length, told.captured);
  await Promise.all([lines.destroy(), events.destroy()]);
}

/** Ends a server by a signal while its tap is read. */
async function whileRead(host: HostProcess): Promise<void> {
  const readers = await watchTwice(host);
  await offer(host, 20, 1_000);
  const { code, last } = await host.terminate();
  assertEquals([code, last.how, host.errors], [0, "sent", ""]);
  assertEquals(last.ended.map(({ reason }) => reason), ["shutdown", "shutdown"]);
  await areComplete(readers, last);
}

/** Ends a server by a signal while somebody takes nothing of its tap. */
async function whileStalled(host: HostProcess): Promise<void> {
  const readers = await watchTwice(host);
  const stalled = watch(host);
  await isOpen(stalled);
  stalled.pause();
  // Until so much waits for it that the rest is dropped.
  let isFull = false;
  for (let bursts = 0; !isFull; bursts++) {
    assert(bursts < 200, "a reader that takes nothing never loses anything");
    await offer(host, 40, 20_000);
    const { open } = await state("the others have read it", host, ({ open }) => {
      return open.every(({ size }, at) => at === 2 || size === 0);
    });
    isFull = open[2]!.dropped > 0;
  }
  const { code, last } = await host.terminate();
  assertEquals([code, host.errors], [0, ""]);
  assertEquals(last.ended.map(({ reason }) => reason), ["shutdown", "shutdown", "shutdown"]);
  await areComplete(readers, last);
  // What the third never took is given up, and counted.
  const { size, undelivered, captured } = last.ended[2]!;
  assertEquals([size, delivered(last.ended[2]!)], [0, captured - undelivered]);
  assert(undelivered > 0);
  await stalled.destroy();
}

const SCENARIOS = [
  [whileRead, "tells every reader why, and is not held up by them"],
  [whileStalled, "is not held up for longer than its grace by one that takes nothing"],
] as const;

for (const [scenario, what] of SCENARIOS) {
  test(`A server that a signal ends ${what}`, async () => {
    await using host = await HostProcess.start(thisRuntime.command, hostProgram, OPTIONS);
    await scenario(host);
  });

  nodeTest(`A server in Node that a signal ends ${what}`, async () => {
    using program = await bundleForNode(hostProgram);
    await using host = await HostProcess.start([nodePath!], program.file, OPTIONS);
    await scenario(host);
  });
}
