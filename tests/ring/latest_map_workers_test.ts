import { assert, assertEquals } from "@std/assert";
import {
  attachStorage,
  LatestMap,
  Ring,
  type RingTopology,
  sharedStorage,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import type { MapTask } from "./_map_peer.ts";

const WRITERS = 2;
const COUNT = 5_000;

for (const topology of ["per-node", "shared"] satisfies RingTopology[]) {
  test(`LatestMap never goes back while workers write to a ${topology} ring, and ends whole`, async () => {
    const { buffer } = sharedStorage({
      // So few that the reader is lapped all the time.
      capacity: 32,
      payloadCapacity: 64,
      nodes: WRITERS + 1,
      topology,
    });
    const workers = Array.from(
      { length: WRITERS },
      () => new Worker(new URL("./_map_peer.ts", import.meta.url), { type: "module" }),
    );
    using ring = new Ring(attachStorage(buffer), {
      node: WRITERS,
    });
    const map = new LatestMap<number>(ring);
    const keysOf = (node: number): string[] => ["a", "b", "c"].map((key) => `${node}/${key}`);
    const last = new Map<string, number>();
    let looks = 0;
    const look = (): void => {
      looks++;
      for (const [key, value] of map.entries()) {
        assert(value >= (last.get(key) ?? 0), `${key} went back from ${last.get(key)} to ${value}`);
        last.set(key, value);
      }
    };
    try {
      await Promise.all(workers.map(answerOf));
      let running = WRITERS;
      const answers = workers.map(async (worker, node) => {
        const answer = answerOf(worker);
        const task: MapTask = {
          buffer: buffer as SharedArrayBuffer,
          node,
          keys: keysOf(node),
          count: COUNT,
        };
        worker.postMessage(task);
        await answer;
        running--;
      });
      while (running > 0) {
        for (let times = 0; times < 20; times++) look();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await Promise.all(answers);
    } finally {
      for (const worker of workers) worker.terminate();
    }
    look();
    for (const [key, value] of map.entries()) assertEquals(value, COUNT, key);
    // The last that was set is in the ring, and nothing that was lost is newer.
    const late = new LatestMap<number>(ring);
    assert(late.size >= 3);
    for (const [key, value] of late.entries()) assertEquals(value, COUNT, key);
    assert(looks > 10);
    assert(map.losses > 0);
  });
}

function answerOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent) => resolve(data);
    worker.onerror = (event) => reject(event);
  });
}
