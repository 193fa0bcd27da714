/**
 * Joins a fleet whose rings are in memory that it is sent, and does what it is told: a member that is a worker.
 *
 * @module
 */
import { attachStorage, Fleet } from "../../ring/mod.ts";

/** The memory of the rings, by their names. */
export type PeerBuffers = Readonly<Record<string, SharedArrayBuffer>>;

declare const self: {
  onmessage: (event: { data: PeerBuffers }) => void;
  postMessage(answer: number | "ready"): void;
};

self.onmessage = ({ data }) => {
  // Never closed: the worker is terminated as it is.
  const fleet = Fleet.join("workers", {
    capacity: 2,
    home: (_, ring) => attachStorage(data[ring]!),
  });
  fleet.events<string>().publish("peer.joined", `node ${fleet.node}`);
  fleet.latest<number>("state").set(`node ${fleet.node}`, fleet.node);
  self.postMessage(fleet.node);
};
self.postMessage("ready");
