/**
 * Links between the main thread of a process and a worker.
 *
 * @module
 */
import { sharedStorage } from "../../ring/mod.ts";
import { npm, ringbufAddress } from "../peers.ts";
import type { Connect, Connection, Link } from "./link.ts";
import { type Port, portLink } from "./port_link.ts";
import { ringLink, type RingWay } from "./ring_link.ts";
import { ringbufLink, ringbufMemory, type RingbufWay } from "./ringbuf_link.ts";
import { wordBytes, wordLink } from "./word_link.ts";
import type { WorkerOrder, WorkerReport } from "./worker.ts";

/** Connects by a ring in a `SharedArrayBuffer`, of `capacity` frames each way. */
export function overSharedRing(way: RingWay, capacity: number): Connect {
  return async (size, jobs) => {
    const storage = sharedStorage({ capacity, payloadCapacity: size, nodes: 2 });
    const link = { over: "ring", buffer: storage.buffer, way } as const;
    return await connect({ link, size, jobs }, () => ringLink(storage, 0, way));
  };
}

/** Connects by two rings of ringbuf.js, which have room for `capacity` messages. */
export function overRingbuf(way: RingbufWay, capacity: number): Connect {
  return async (size, jobs) => {
    const [ringbuf, address] = [await npm.ringbuf(), await ringbufAddress()];
    const memory = ringbufMemory(ringbuf, size, capacity);
    return await connect(
      { link: { over: "ringbuf", address, memory, way }, size, jobs },
      () => ringbufLink(ringbuf, memory, 0, size, way),
    );
  };
}

/** Connects by two words, which carry no messages. */
export function overWords(): Connect {
  return async (size, jobs) => {
    const buffer = new SharedArrayBuffer(wordBytes);
    return await connect(
      { link: { over: "words", buffer }, size, jobs },
      () => wordLink(buffer, 0),
    );
  };
}

/** Connects by the worker's own `postMessage`. */
export function overPostMessage(): Connect {
  return async (size, jobs) =>
    await connect(
      { link: { over: "postMessage" }, size, jobs },
      (worker) => portLink(worker as Port, size),
    );
}

/** Connects by a `BroadcastChannel`. */
export function overBroadcastChannel(): Connect {
  return async (size, jobs) => {
    const name = `weir-bench-${crypto.randomUUID()}`;
    const channel = new BroadcastChannel(name);
    const link = portLink(channel, size, true);
    const close = (): void => {
      link.close();
      channel.close();
    };
    return await connect(
      { link: { over: "BroadcastChannel", name }, size, jobs },
      () => ({ ...link, close }),
    );
  };
}

async function connect(order: WorkerOrder, ours: (worker: Worker) => Link): Promise<Connection> {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  const { promise: failure, reject } = Promise.withResolvers<never>();
  const isReady = new Promise<void>((resolve) => {
    worker.addEventListener("message", ({ data }: MessageEvent<WorkerReport>) => {
      if (data.state === "ready") resolve();
      else if (data.state === "failed") reject(new Error(`The worker failed: ${data.reason}`));
    });
  });
  worker.addEventListener("error", ({ message }) => reject(new Error(message)));
  worker.postMessage(order);
  await Promise.race([isReady, failure]);
  // From here on, whoever uses the link watches this.
  failure.catch(() => {});
  const link = ours(worker);
  return {
    link,
    failure,
    close() {
      link.close();
      worker.terminate();
      return Promise.resolve();
    },
  };
}
