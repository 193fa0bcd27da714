import { assert, assertEquals } from "@std/assert";
import { type RingTopology, sharedStorage } from "../../ring/mod.ts";
import process from "node:process";
import { test } from "../_harness.ts";
import type { PeerAnswer, PeerTask } from "./_worker_peer.ts";

const WORKERS = 10;
/** A million frames in all, or less where only the lines count that they reach. */
const EACH = process.env["WEIR_LIGHT"] === undefined ? 100_000 : 2_000;

for (const topology of ["per-node", "shared"] satisfies RingTopology[]) {
  test(`Ten workers account for a million frames of one ${topology} ring each`, async () => {
    const { buffer } = sharedStorage({
      capacity: 4096,
      payloadCapacity: 64,
      nodes: WORKERS,
      topology,
    });
    const all = WORKERS * EACH;
    const workers: Worker[] = [];
    try {
      for (let node = 0; node < WORKERS; node++) {
        const url = new URL("./_worker_peer.ts", import.meta.url);
        const worker = new Worker(url, { type: "module" });
        workers.push(worker);
        // One after the other: Deno checks the types of the program once then, and not for all of them at the same time.
        await answerOf(worker);
      }
      const answers = workers.map((worker, node) => {
        const answer = answerOf(worker);
        const task: PeerTask = { buffer: buffer as SharedArrayBuffer, node, own: EACH, all };
        worker.postMessage(task);
        return answer;
      });
      for (const answer of await Promise.all(answers)) {
        const { delivered, lost, corrupt } = answer as PeerAnswer;
        assertEquals(delivered + lost, all);
        assertEquals(corrupt, 0);
        assert(delivered > 0);
      }
    } finally {
      for (const worker of workers) worker.terminate();
    }
  });
}

function answerOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent) => resolve(data);
    worker.onerror = (event) => reject(event);
  });
}
