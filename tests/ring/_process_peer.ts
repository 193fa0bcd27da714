// deno-lint-ignore-file no-console -- what it prints is its answer.
/**
 * Publishes frames of 64 bytes in a lane of a mapped ring while it follows another lane, until that one has had as many; then says what came
 * of it: `PATH NODE OTHER COUNT`.
 *
 * @module
 */
import process from "node:process";
import { mappedStorage } from "../../ring/mapped.ts";
import { Ring } from "../../ring/mod.ts";
import { fill, isFilled } from "./_frames.ts";

const [path = "", ...numbers] = process.argv.slice(2);
const [node, other, count] = numbers.map(Number) as [number, number, number];
using storage = mappedStorage(path);
using ring = new Ring(storage, { node });

async function publish(): Promise<void> {
  const payload = new Uint8Array(64);
  for (let counter = 0; counter < count; counter++) {
    ring.publish(fill(payload, node, counter), { version: counter });
    // The follower of this process gets its turn as well.
    if (counter % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

async function follow(): Promise<{ delivered: number; lost: number; corrupt: number }> {
  let delivered = 0;
  let lost = 0;
  let corrupt = 0;
  let last = -1;
  for await (const poll of ring.follow({ from: "start", node: other })) {
    for (const frame of poll.frames) {
      const isRight = frame.counter > last && frame.version === frame.counter &&
        frame.byteLength === 64 && isFilled(frame.payload, other, frame.counter);
      last = frame.counter;
      if (!isRight) corrupt++;
    }
    delivered += poll.frames.length;
    lost += poll.lost.overwritten + poll.lost.unavailable;
    if (poll.to === count) break;
  }
  return { delivered, lost, corrupt };
}

const [, answer] = await Promise.all([publish(), follow()]);
console.log(JSON.stringify(answer));
