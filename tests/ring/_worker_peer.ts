/**
 * Publishes frames of 64 bytes in a shared ring while it follows the whole of it, until all writers together have had as many as they are to;
 * then says what came of it.
 *
 * @module
 */
import { attachStorage, Ring } from "../../ring/mod.ts";
import { fill, isFilled } from "./_frames.ts";

/** What the worker is told. */
export interface PeerTask {
  readonly buffer: SharedArrayBuffer;
  readonly node: number;
  /** How many frames it publishes. */
  readonly own: number;
  /** How many frames all of them publish. */
  readonly all: number;
}

/** What it answers. */
export interface PeerAnswer {
  readonly delivered: number;
  readonly lost: number;
  readonly corrupt: number;
}

declare const self: {
  onmessage: (event: { data: PeerTask }) => void;
  postMessage(answer: PeerAnswer | "ready"): void;
};

self.onmessage = ({ data }) => void work(data);
self.postMessage("ready");

async function work({ buffer, node, own, all }: PeerTask): Promise<void> {
  using ring = new Ring(attachStorage(buffer), { node });
  const following = follow(ring, all);
  const payload = new Uint8Array(64);
  for (let counter = 0; counter < own; counter++) {
    ring.publish(fill(payload, node, counter), { version: counter });
    // The follower of this worker gets its turn as well.
    if (counter % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  self.postMessage(await following);
}

async function follow(ring: Ring, all: number): Promise<PeerAnswer> {
  let delivered = 0;
  let lost = 0;
  let corrupt = 0;
  const last = new Map<number, number>();
  for await (const poll of ring.follow({ from: "start" })) {
    for (const { node, version, payload } of poll.frames) {
      if (version <= (last.get(node) ?? -1) || !isFilled(payload, node, version)) corrupt++;
      last.set(node, version);
    }
    delivered += poll.frames.length;
    lost += poll.lost.overwritten + poll.lost.unavailable;
    if (poll.to === all) break;
  }
  return { delivered, lost, corrupt };
}
