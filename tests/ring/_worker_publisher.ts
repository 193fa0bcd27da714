/**
 * Publishes frames whose bytes are a function of their node and their version, as `_frames.ts` says; the version of the `n`th is `n`.
 *
 * @module
 */
import { attachStorage, Ring } from "../../ring/mod.ts";
import { Random } from "../_random.ts";
import { fill } from "./_frames.ts";
import { interleave, slowPayload } from "./_interleave.ts";

/** What the worker is told. */
export interface PublisherTask {
  readonly buffer: ArrayBufferLike;
  readonly node: number;
  /** The version of the first. */
  readonly first: number;
  /** How many frames it publishes; all that it can until it is ended, if infinite. */
  readonly count: number;
  /** In front of which place of a publish to stop for ever, once it has published as many as it should. */
  readonly stopAt?: number;
  /** A word that is 1 as soon as it has stopped. */
  readonly stopped?: Int32Array;
  readonly takeOver?: boolean;
}

/** What it answers once it has published all: whether it stopped in the middle of one more, had it been told so. */
export interface PublisherAnswer {
  readonly published: number;
}

declare const self: {
  onmessage: (event: { data: PublisherTask }) => void;
  postMessage(answer: PublisherAnswer): void;
};

self.onmessage = ({ data }) => void work(data);

async function work(data: PublisherTask): Promise<void> {
  const { buffer, node, first, count, stopAt, stopped, takeOver } = data;
  const ring = new Ring(attachStorage(buffer), { node, takeOver });
  const random = new Random(node + first);
  const { payloadCapacity } = ring.geometry;
  const whole = new Uint8Array(payloadCapacity);
  let version = first;
  const next = (): Uint8Array =>
    fill(whole.subarray(0, random.below(payloadCapacity + 1)), node, version);
  while (version < first + count) {
    ring.publish(next(), { version: version++ });
    // Deno does not end a worker that never turns to its event loop.
    if (count === Infinity && version % 100 === 0) await new Promise((turn) => setTimeout(turn, 0));
  }
  if (stopAt !== undefined) {
    const payload = slowPayload(next().slice());
    interleave(() => ring.publish(payload, { version }), stopAt, () => {
      Atomics.store(stopped!, 0, 1);
      Atomics.wait(stopped!, 0, 1);
    });
  }
  if (takeOver !== true) ring.close();
  self.postMessage({ published: version - first });
}
