/**
 * Sets keys of a map as fast as it can, each to greater and greater numbers, and then once more, to the last.
 *
 * @module
 */
import { attachStorage, LatestMap, Ring } from "../../ring/mod.ts";

/** What the worker is told. */
export interface MapTask {
  readonly buffer: SharedArrayBuffer;
  readonly node: number;
  readonly keys: readonly string[];
  /** How often it sets a key. */
  readonly count: number;
}

declare const self: {
  onmessage: (event: { data: MapTask }) => void;
  postMessage(answer: "ready" | "done"): void;
};

self.onmessage = ({ data: { buffer, node, keys, count } }) => {
  using ring = new Ring(attachStorage(buffer), { node });
  const map = new LatestMap<number>(ring);
  for (let value = 0; value < count; value++) {
    const key = keys[value % keys.length]!;
    if (value % 7 === 0) map.delete(key);
    map.set(key, value);
  }
  for (const key of keys) map.set(key, count);
  self.postMessage("done");
};
self.postMessage("ready");
