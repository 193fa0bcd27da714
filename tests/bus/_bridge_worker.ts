/**
 * A worker with a bus of its own that is bridged to whoever started it, or to a broadcast channel: it answers every question, and says what it
 * has seen when it is asked.
 *
 * @module
 */
import { bridgePort, Bus, type MessagePortLike } from "../../bus/mod.ts";
import { decode, type Report, type Task, type WorkerEvent } from "./_bridge_events.ts";

declare const self: MessagePortLike;

const seen: WorkerEvent[] = [];
const bus = new Bus<WorkerEvent>({ onError: () => {} });
bus.on({}, (event) => void seen.push(event));
let bridge: ReturnType<typeof bridgePort> | undefined;
let channel: BroadcastChannel | undefined;
let name = "";

const report = (): void => {
  const { sent = 0, received = 0, failed = 0, closed = false } = bridge ?? {};
  self.postMessage({ report: seen, sent, received, failed, closed } satisfies Report);
};

self.addEventListener("message", ({ data }) => {
  if (typeof data !== "object" || data === null || !("task" in data)) return;
  const task: Task = data;
  if (task.task === "scope") {
    name = task.name;
    bridge = bridgePort(bus, self, { decode });
    bus.on({ type: "ask" }, ({ id }) => bus.publish({ type: "answer", from: name, id: id * 2 }));
  } else if (task.task === "channel") {
    name = task.name;
    channel = new BroadcastChannel(task.channel);
    bridge = bridgePort(bus, channel, { decode });
  } else if (task.task === "publish") {
    for (let id = 1; id <= task.count; id++) bus.publish({ type: "order", from: name, id });
  } else if (task.task === "close") {
    bridge?.close();
    channel?.close();
  }
  report();
});
// Whoever sends before somebody listens loses it.
report();
