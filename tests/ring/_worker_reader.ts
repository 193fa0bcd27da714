/**
 * Reads a ring, one way or another, until it has come as far as it is told; then says what came of it.
 *
 * @module
 */
import { attachStorage, Ring, RingCursor } from "../../ring/mod.ts";
import { Tally } from "./_tally.ts";

/** What the worker is told. */
export interface ReaderTask {
  readonly buffer: ArrayBufferLike;
  readonly way: "poll" | "visit" | "follow";
  /** Where it ends: the sum of the heads once everything is published. */
  readonly until: number;
}

/** What it answers. */
export interface ReaderAnswer {
  readonly delivered: number;
  readonly lost: number;
  /** The first frame that was not what it should be, if there was one. */
  readonly wrong: string | undefined;
}

declare const self: {
  onmessage: (event: { data: ReaderTask }) => void;
  postMessage(answer: ReaderAnswer): void;
};

self.onmessage = ({ data }) => void read(data);

async function read({ buffer, way, until }: ReaderTask): Promise<void> {
  using ring = new Ring(attachStorage(buffer), { stallMs: 10_000 });
  const cursor = RingCursor.fromStart(ring);
  const tally = new Tally();
  if (way === "follow") {
    for await (const poll of ring.follow({ from: cursor })) {
      tally.addPoll(poll);
      if (cursor.position === until) break;
    }
  } else {
    while (cursor.position < until) {
      if (way === "poll") tally.addPoll(ring.poll(cursor, { max: 50 }));
      else tally.addProgress(ring.visit(cursor, (frame) => tally.addFrame(frame), { max: 50 }));
    }
  }
  const { delivered, lost, wrong } = tally;
  self.postMessage({ delivered, lost, wrong });
}
