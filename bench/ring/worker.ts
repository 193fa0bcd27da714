/**
 * The other end of a link between threads: is told by its first message which link it is and what to do, and says when it is ready.
 *
 * @module
 */
import { attachStorage } from "../../ring/mod.ts";
import { doJobs, type Job, type Link } from "./link.ts";
import { type Port, portLink } from "./port_link.ts";
import { ringLink, type RingWay } from "./ring_link.ts";
import { ringbufLink, type RingbufWay } from "./ringbuf_link.ts";
import { wordLink } from "./word_link.ts";

/** What the worker is told. */
export interface WorkerOrder {
  /** Which link. */
  readonly link:
    | { readonly over: "ring"; readonly buffer: ArrayBufferLike; readonly way: RingWay }
    | {
      readonly over: "ringbuf";
      readonly address: string;
      readonly memory: readonly SharedArrayBuffer[];
      readonly way: RingbufWay;
    }
    | { readonly over: "words"; readonly buffer: SharedArrayBuffer }
    | { readonly over: "postMessage" }
    | { readonly over: "BroadcastChannel"; readonly name: string };
  /** How many bytes a message has. */
  readonly size: number;
  /** What to do. */
  readonly jobs: readonly Job[];
}

/** What the worker says. */
export type WorkerReport = { readonly state: "ready" } | {
  readonly state: "failed";
  readonly reason: string;
};

const scope = globalThis as unknown as Port;

async function open({ link, size }: WorkerOrder): Promise<Link> {
  switch (link.over) {
    case "ring":
      return ringLink(attachStorage(link.buffer), 1, link.way);
    case "ringbuf":
      return ringbufLink(await import(link.address), link.memory, 1, size, link.way);
    case "words":
      return wordLink(link.buffer, 1);
    case "postMessage":
      return portLink(scope, size);
    case "BroadcastChannel":
      return portLink(new BroadcastChannel(link.name), size);
  }
}

function report(message: WorkerReport): void {
  scope.postMessage(message);
}

async function start({ data }: MessageEvent<WorkerOrder>): Promise<void> {
  scope.removeEventListener("message", start);
  try {
    const link = await open(data);
    report({ state: "ready" });
    await doJobs(link, data.jobs);
  } catch (error) {
    report({ state: "failed", reason: String(error) });
  }
}

// What nobody but a timer keeps awake must not end the worker.
setInterval(() => {}, 60_000);
scope.addEventListener("message", start);
