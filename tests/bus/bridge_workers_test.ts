import { assertEquals, assertInstanceOf } from "@std/assert";
import { bridgePort, Bus } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { until } from "../tap/_wait.ts";
import { decode, type Report, type Task, type WorkerEvent } from "./_bridge_events.ts";

/** A worker that can be told what to do. Leaving its scope ends it. */
class Peer implements Disposable {
  readonly worker: Worker;
  #report: Report | undefined;
  #reports = 0;
  #problem: string | undefined;

  private constructor() {
    this.worker = new Worker(new URL("./_bridge_worker.ts", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }: MessageEvent) => {
      if (typeof data !== "object" || data === null || !("report" in data)) return;
      this.#report = data;
      this.#reports++;
    });
    this.worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.#problem = event.message;
    });
  }

  /** Starts one, and waits until it listens. */
  static async start(): Promise<Peer> {
    const peer = new Peer();
    await peer.#reportAfter(0);
    return peer;
  }

  /** Tells it something, and waits until it is done. */
  async tell(task: Task): Promise<Report> {
    const before = this.#reports;
    this.worker.postMessage(task);
    return await this.#reportAfter(before);
  }

  async #reportAfter(before: number): Promise<Report> {
    await until("the worker reports", () => {
      if (this.#problem !== undefined) throw new Error(`A worker failed: ${this.#problem}`);
      return this.#reports > before;
    });
    return this.#report!;
  }

  [Symbol.dispose](): void {
    this.worker.terminate();
  }
}

function recorded(): { bus: Bus<WorkerEvent>; seen: WorkerEvent[]; errors: unknown[] } {
  const seen: WorkerEvent[] = [];
  const errors: unknown[] = [];
  const bus = new Bus<WorkerEvent>({ onError: (error) => void errors.push(error) });
  bus.on({}, (event) => void seen.push(event));
  return { bus, seen, errors };
}

const order = (from: string, id: number): WorkerEvent => ({ type: "order", from, id });

test("bridgePort() makes one bus of two, in this thread and in a worker", async () => {
  using peer = await Peer.start();
  const { bus, seen, errors } = recorded();
  using bridge = bridgePort(bus, peer.worker, { decode });
  await peer.tell({ task: "scope", name: "worker" });

  const answer = bus.next({ type: "answer", from: "worker" });
  bus.publish({ type: "ask", from: "main", id: 21 });
  assertEquals((await answer).id, 42);

  await peer.tell({ task: "publish", count: 3 });
  for (const id of [1, 2, 3]) bus.publish(order("main", id));
  const { report, sent, received, failed } = await peer.tell({ task: "report" });
  const ask: WorkerEvent = { type: "ask", from: "main", id: 21 };
  const answered: WorkerEvent = { type: "answer", from: "worker", id: 42 };
  const all = [1, 2, 3];
  const [own, others] = [
    all.map((id) => order("worker", id)),
    all.map((id) => order("main", id)),
  ];
  assertEquals(seen, [ask, answered, ...own, ...others]);
  assertEquals(report, [ask, answered, ...own, ...others]);
  // What came in was not sent back.
  assertEquals([bridge.sent, bridge.received, bridge.failed], [4, 4, 0]);
  // The worker's bridge sees what it is told as well, which its decode passes over.
  assertEquals([sent, received, failed], [4, 4, 0]);
  assertEquals(errors, []);
});

test("bridgePort() to a worker carries many events, in order, none lost", async () => {
  using peer = await Peer.start();
  const { bus, seen } = recorded();
  using bridge = bridgePort(bus, peer.worker, { decode });
  await peer.tell({ task: "scope", name: "worker" });
  for (let id = 1; id <= 5_000; id++) bus.publish(order("main", id));
  const { report } = await peer.tell({ task: "report" });
  assertEquals(report.map(({ id }) => id), Array.from({ length: 5_000 }, (_, i) => i + 1));
  seen.length = 0;
  await peer.tell({ task: "publish", count: 5_000 });
  assertEquals(seen.map(({ id }) => id), Array.from({ length: 5_000 }, (_, i) => i + 1));
  assertEquals([bridge.sent, bridge.received, bridge.failed], [5_000, 5_000, 0]);
});

test("bridgePort() to a worker counts what cannot be cloned, and what is no event", async () => {
  using peer = await Peer.start();
  const { bus, errors } = recorded();
  using bridge = bridgePort(bus, peer.worker, { decode });
  await peer.tell({ task: "scope", name: "worker" });
  bus.publish({ ...order("main", 1), callback: () => {} } as WorkerEvent);
  for (const junk of [null, "junk", { id: 1 }]) peer.worker.postMessage(junk);
  bus.publish(order("main", 2));
  const { report, received, failed } = await peer.tell({ task: "report" });
  assertEquals(report, [order("main", 2)]);
  assertEquals([received, failed], [1, 3]);
  assertEquals([bridge.sent, bridge.failed], [1, 1]);
  assertInstanceOf(errors[0], DOMException);
  assertEquals(errors[0].name, "DataCloneError");
});

test("bridgePort() that has ended on either side carries nothing more", async () => {
  using peer = await Peer.start();
  const { bus, seen } = recorded();
  const bridge = bridgePort(bus, peer.worker, { decode });
  await peer.tell({ task: "scope", name: "worker" });
  bus.publish(order("main", 1));
  const { closed } = await peer.tell({ task: "close" });
  bus.publish(order("main", 2));
  await peer.tell({ task: "publish", count: 1 });
  const { report } = await peer.tell({ task: "report" });
  assertEquals([closed, report.map(({ from, id }) => [from, id])], [true, [["main", 1], [
    "worker",
    1,
  ]]]);
  assertEquals(seen.map(({ from }) => from), ["main", "main"]);
  bus.close();
  assertEquals([bridge.closed, bridge.sent, bridge.received], [true, 2, 0]);
});

test("bridgePort() to a worker that was terminated does not disturb the bus", async () => {
  const { bus, seen, errors } = recorded();
  const peer = await Peer.start();
  using bridge = bridgePort(bus, peer.worker, { decode });
  await peer.tell({ task: "scope", name: "worker" });
  peer.worker.terminate();
  bus.publish(order("main", 1));
  bus.publish(order("main", 2));
  // Platforms differ in whether they say that nobody gets it.
  assertEquals([seen.length, bridge.sent + bridge.failed], [2, 2]);
  assertEquals(errors.length, bridge.failed);
});

test("bridgePort() over a BroadcastChannel brings each event of this thread and two workers to each once", async () => {
  const name = `weir-test-${crypto.randomUUID()}`;
  using first = await Peer.start();
  using second = await Peer.start();
  const channel = new BroadcastChannel(name);
  const { bus, seen, errors } = recorded();
  const bridge = bridgePort(bus, channel, { decode });
  try {
    await first.tell({ task: "channel", name: "first", channel: name });
    await second.tell({ task: "channel", name: "second", channel: name });
    const COUNT = 20;
    for (let id = 1; id <= COUNT; id++) bus.publish(order("main", id));
    await first.tell({ task: "publish", count: COUNT });
    await second.tell({ task: "publish", count: COUNT });
    await until("all have come here", () => seen.length >= 3 * COUNT);
    for (const peer of [first, second]) {
      // The channel is another way than the one of the question, so that what is asked later may be answered earlier.
      for (let tries = 0; tries < 1_000; tries++) {
        if ((await peer.tell({ task: "report" })).report.length >= 3 * COUNT) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    // Whatever would come twice has its time.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const reports = [await first.tell({ task: "report" }), await second.tell({ task: "report" })];
    const ids = Array.from({ length: COUNT }, (_, i) => i + 1);
    for (const events of [seen, ...reports.map(({ report }) => report)]) {
      for (const from of ["main", "first", "second"]) {
        assertEquals(events.filter((event) => event.from === from).map(({ id }) => id), ids);
      }
    }
    assertEquals([bridge.sent, bridge.received, errors.length], [COUNT, 2 * COUNT, 0]);
    for (const { sent, received } of reports) assertEquals([sent, received], [COUNT, 2 * COUNT]);
    for (const peer of [first, second]) await peer.tell({ task: "close" });
  } finally {
    bridge.close();
    channel.close();
  }
});
