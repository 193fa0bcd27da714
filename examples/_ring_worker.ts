/**
 * A worker of `ring_workers.ts`: attaches to the ring that it is sent, and publishes in its own lane.
 *
 * @module
 */
import { attachStorage, EventRing, Ring } from "../ring/mod.ts";

declare const self: {
  onmessage: (
    event: { data: { buffer: SharedArrayBuffer; node: number; steps: number } },
  ) => void;
  postMessage(message: string): void;
};

self.onmessage = ({ data: { buffer, node, steps } }) => {
  using ring = new Ring(attachStorage(buffer), { node });
  const events = new EventRing<{ step: number }>(ring);
  for (let step = 1; step <= steps; step++) events.publish(`worker.${node}`, { step });
};
self.postMessage("ready");
