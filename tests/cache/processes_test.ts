import { assert, assertEquals } from "@std/assert";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  receiveRing,
  type Span,
  SpanCache,
  SpanDriver,
  type SpanFeedStats,
  type SpanInput,
  type SpanReceiver,
} from "../../cache/mod.ts";
import { mappedStorage } from "../../ring/mapped.ts";
import { EventRing, Ring } from "../../ring/mod.ts";
import { Child } from "../_child.ts";
import { bothRuntimes } from "../_runtimes.ts";
import { linuxTest as test } from "../ring/_linux.ts";
import { until } from "../tap/_wait.ts";

const peer = new URL("./_processes_peer.ts", import.meta.url);

interface Site {
  readonly main: SpanCache;
  readonly driver: SpanDriver;
  readonly receiver: SpanReceiver;
  /** The span in which the processes are asked. */
  readonly root: Span;
  /** Starts a process of each runtime, waits until they have ended, and answers how their feeds went. */
  run(steps: number, patience: "patient" | "hasty"): Promise<SpanFeedStats[]>;
}

/** Receives what processes feed into a ring in a file. */
async function withSite(capacity: number, body: (site: Site) => Promise<void>): Promise<void> {
  const path = join(tmpdir(), `weir-spans-${crypto.randomUUID()}`);
  try {
    using storage = mappedStorage(path, { capacity, payloadCapacity: 1_024, nodes: 3 });
    using ring = new Ring(storage, { node: 2 });
    const main = new SpanCache({ capacity: 20_000 });
    const driver = new SpanDriver(main);
    using receiver = receiveRing(driver, new EventRing<SpanInput>(ring));
    const root = main.start("root");
    await body({
      main,
      driver,
      receiver,
      root,
      async run(steps, patience) {
        const [one, other] = bothRuntimes;
        await using first = new Child(one, peer, path, 0, steps, root.traceparent!, patience);
        await using second = new Child(other, peer, path, 1, steps, root.traceparent!, patience);
        return [await first.answer<SpanFeedStats>(), await second.answer<SpanFeedStats>()];
      },
    });
    receiver.close();
    await receiver.finished;
  } finally {
    await rm(path, { force: true });
  }
}

test("The spans of a Deno and a Bun process come through a ring in a file into one trace", () =>
  withSite(8_192, async ({ main, driver, receiver, root, run }) => {
    const STEPS = 2_000;
    const all = 2 * (STEPS + 1);
    const each = { sent: STEPS + 1, failed: 0, lost: 0 };
    assertEquals(await run(STEPS, "patient"), [each, each]);
    await until("all have come", () => receiver.received + receiver.lost === all);
    assertEquals([receiver.lost, main.size, driver.stats().recorded], [0, all, all]);
    root.end();
    const { roots, size } = main.trace(root.traceId);
    assertEquals([roots.length, size, roots[0]!.span.id], [1, all + 1, root.id]);
    const processes = roots[0]!.children;
    assertEquals(processes.map(({ span }) => [span.name, span.fields["node"]]).sort(), [
      ["process", 0],
      ["process", 1],
    ]);
    for (const { span: { fields }, children } of processes) {
      assertEquals(children.length, STEPS);
      for (const { span: step } of children) assertEquals(step.fields["of"], fields["node"]);
      const numbers = new Set(children.map(({ span: step }) => step.fields["step"]));
      assertEquals(numbers.size, STEPS);
    }
  }));

test("What is overwritten in a ring in a file before it is read is counted, and the rest is right", () =>
  withSite(16, async ({ main, receiver, root, run }) => {
    const STEPS = 5_000;
    const all = 2 * (STEPS + 1);
    const each = { sent: STEPS + 1, failed: 0, lost: 0 };
    assertEquals(await run(STEPS, "hasty"), [each, each]);
    await until("all are accounted for", () => receiver.received + receiver.lost === all);
    assert(receiver.lost > 0, "nothing was lost");
    assertEquals(main.size, receiver.received);
    // The newest are there: that of each process, which ends last, among them.
    assertEquals(main.find({ name: "process" }).length, 2);
    for (const { traceId, fields } of main.page({ limit: Infinity })) {
      assertEquals(traceId, root.traceId);
      assert("of" in fields || "node" in fields);
    }
  }));
