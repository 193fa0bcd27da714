import { assertEquals } from "@std/assert";
import { SpanCache, SpanDriver } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { until } from "../tap/_wait.ts";
import { Peer } from "./_worker_peer.ts";

function collected(): { main: SpanCache; driver: SpanDriver } {
  const main = new SpanCache({ capacity: 40_000 });
  return { main, driver: new SpanDriver(main) };
}

test("What a worker has done is in the span of the thread that asked for it", async () => {
  const { main, driver } = collected();
  using peer = await Peer.start(driver);
  const { traceId, asked } = await main.span("request", async (span) => {
    await main.span("ask", undefined, async ({ context }) => {
      await peer.tell({ name: "work", steps: 3, parent: context! });
    }, { kind: "client" });
    return { traceId: span.traceId, asked: main.find({ name: "ask" })[0] };
  });
  const [root] = main.trace(traceId).roots;
  const [ask] = root!.children;
  const [work] = ask!.children;
  assertEquals([root!.span.name, ask!.span.id, work!.span.name], ["request", asked!.id, "work"]);
  const steps = work!.children.map(({ span }) => [span.fields["step"], span.events[0]?.name]);
  assertEquals(steps.sort(), [[0, "half"], [1, "half"], [2, "half"]]);
  assertEquals([peer.receiver.received, peer.receiver.lost], [4, 0]);
});

test("Workers that are fed into one cache at the same time lose nothing, and keep their spans apart", async () => {
  const WORKERS = 4;
  const STEPS = 2_000;
  const { main, driver } = collected();
  const peers: Peer[] = [];
  try {
    // One after the other: Deno checks the types of the program once then, and not for all of them at the same time.
    for (let worker = 0; worker < WORKERS; worker++) peers.push(await Peer.start(driver));
    const root = main.start("root");
    const reports = await Promise.all(
      peers.map((peer, worker) =>
        peer.tell({
          name: `worker ${worker}`,
          steps: STEPS,
          parent: root.context!,
          isPatient: true,
          capacity: STEPS + 1,
        })
      ),
    );
    root.end();
    const each = { sent: STEPS + 1, failed: 0, lost: 0 };
    assertEquals(reports, peers.map(() => each));
    for (const { receiver } of peers) {
      assertEquals([receiver.received, receiver.lost], [STEPS + 1, 0]);
    }
    const { roots, size } = main.trace(root.traceId);
    assertEquals([roots.length, size], [1, WORKERS * (STEPS + 1) + 1]);
    const workers = roots[0]!.children;
    assertEquals(
      workers.map(({ span }) => span.name).sort(),
      peers.map((_, worker) => `worker ${worker}`),
    );
    for (const { span: { name }, children } of workers) {
      assertEquals(children.length, STEPS);
      const numbers = children.map(({ span: { fields } }) =>
        fields["of"] === name && fields["step"]
      );
      assertEquals(new Set(numbers), new Set(Array.from({ length: STEPS }, (_, step) => step)));
    }
    const { recorded, refused, skipped, droppedSpanMessages } = driver.stats();
    assertEquals([recorded, refused, skipped, droppedSpanMessages], [
      WORKERS * (STEPS + 1),
      0,
      0,
      0,
    ]);
  } finally {
    for (const peer of peers) peer[Symbol.dispose]();
  }
});

test("close() of a feed in a worker sends at once what would have waited", async () => {
  const { main, driver } = collected();
  using peer = await Peer.start(driver);
  const lingerMs = 1e9;
  const waiting = await peer.tell({ name: "first", steps: 2, closes: false, lingerMs });
  assertEquals([waiting, main.size], [{ sent: 0, failed: 0, lost: 0 }, 0]);
  const closed = await peer.tell({ name: "second", steps: 1 });
  assertEquals([closed, main.size], [{ sent: 5, failed: 0, lost: 0 }, 5]);
  // What ends after that is not sent.
  assertEquals((await peer.tell({ name: "third", steps: 1 })).sent, 5);
  assertEquals(main.find({ name: ["first", "second", "third"] }).length, 2);
});

test("A feed in a worker sends by itself what nobody closes", async () => {
  const { main, driver } = collected();
  using peer = await Peer.start(driver);
  await peer.tell({ name: "work", steps: 200, closes: false, lingerMs: 1 });
  await until("all have come", () => main.size === 201);
  assertEquals([peer.receiver.received, peer.receiver.lost], [201, 0]);
});

test("What a worker has lost before it could send it is counted here", async () => {
  const { main, driver } = collected();
  using peer = await Peer.start(driver);
  const { sent, lost } = await peer.tell({ name: "work", steps: 1_000, capacity: 10 });
  assertEquals([sent, sent + lost], [10, 1_001]);
  const { receiver } = peer;
  assertEquals([main.size, receiver.received, receiver.lost], [10, sent, lost]);
});
