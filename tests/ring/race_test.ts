import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { Ring, RingCursor, type RingSpec, sharedStorage } from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { fill } from "./_frames.ts";
import { TOPOLOGIES } from "./_ring.ts";
import { Tally } from "./_tally.ts";
import { Thread } from "./_thread.ts";
import type { PublisherAnswer, PublisherTask } from "./_worker_publisher.ts";
import type { ReaderAnswer, ReaderTask } from "./_worker_reader.ts";

// Threads that really run at the same time. The capacities are small, so that readers are lapped all the time.

const PUBLISHER = new URL("./_worker_publisher.ts", import.meta.url);
const READER = new URL("./_worker_reader.ts", import.meta.url);
const WRITERS = 3;
const EACH = 50_000;

function publisher(task: PublisherTask): Thread<PublisherAnswer> {
  return new Thread(PUBLISHER, task);
}

/** Lets the event loop go round, so that what workers say comes through. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets the event loop go round until `condition` holds; fails after a minute. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain: ${what}`);
    await turn();
  }
}

for (const topology of TOPOLOGIES) {
  for (const payloadCapacity of [40, 400]) {
    test(`Three workers write a ${topology} ring of ${payloadCapacity} bytes a frame as fast as they can, and it adds up`, async () => {
      const spec: RingSpec = { capacity: 16, payloadCapacity, nodes: WRITERS, topology };
      using storage = sharedStorage(spec);
      using ring = new Ring(storage, { stallMs: 10_000 });
      const { buffer } = storage;
      using threads = new DisposableStack();
      const writers = Array.from(
        { length: WRITERS },
        (_, node) => threads.use(publisher({ buffer, node, first: 0, count: EACH })),
      );
      // So far behind that there is a loss.
      await until("they have begun", () => ring.head > 1_000);
      const cursor = RingCursor.fromStart(ring);
      const tally = new Tally();
      const all = WRITERS * EACH;
      await until("everything is read", () => {
        for (let looks = 0; looks < 50; looks++) {
          tally.addPoll(ring.poll(cursor, { max: 1 + looks }));
          tally.addProgress(ring.visit(cursor, (frame) => tally.addFrame(frame)));
        }
        return cursor.position === all;
      });
      for (const { answer } of writers) assertEquals((await answer).published, EACH);
      assertEquals(tally.wrong, undefined);
      assertEquals(tally.delivered + tally.lost, all);
      assertEquals([ring.head, cursor.delivered], [all, tally.delivered]);
      assert(tally.delivered > 0 && tally.lost > 0, `${tally.delivered}, ${tally.lost}`);
      if (topology === "per-node") assertEquals(cursor.lost.unavailable, 0);
    });
  }

  test(`Readers in workers of a ${topology} ring each account for everything`, async () => {
    using storage = sharedStorage({ capacity: 64, payloadCapacity: 100, nodes: 2, topology });
    const { buffer } = storage;
    const ways = ["poll", "visit", "follow"] as const;
    const all = 2 * EACH;
    using threads = new DisposableStack();
    const readers = ways.map((way) => {
      const task: ReaderTask = { buffer, way, until: all };
      return threads.use(new Thread<ReaderAnswer>(READER, task));
    });
    for (const node of [0, 1]) {
      threads.use(publisher({ buffer, node, first: 0, count: EACH }));
    }
    for (const { answer } of readers) {
      const { delivered, lost, wrong } = await answer;
      assertEquals([wrong, delivered + lost], [undefined, all]);
      assert(delivered > 0);
    }
  });

  test(`A worker that is ended while it publishes in a ${topology} ring leaves nothing torn`, async () => {
    for (let round = 0; round < 5; round++) {
      using storage = sharedStorage({ capacity: 8, payloadCapacity: 4_000, nodes: 2, topology });
      using ring = new Ring(storage, { node: 1, stallMs: 20 });
      const cursor = RingCursor.fromStart(ring);
      const tally = new Tally();
      {
        using writer = publisher({ buffer: storage.buffer, node: 0, first: 0, count: Infinity });
        await until("it publishes", () => {
          tally.addPoll(ring.poll(cursor));
          return ring.head > 200 + 77 * round;
        });
        writer.end();
      }
      // It may go on for a moment, and then it is gone; readers, and other writers, are not.
      let version = 0;
      const before = cursor.delivered;
      let own = 0;
      await until("what others publish is read", () => {
        ring.publish(fill(new Uint8Array(50), 1, version), { version });
        version++;
        const poll = ring.poll(cursor);
        tally.addPoll(poll);
        own += poll.frames.filter(({ node }) => node === 1).length;
        return own > 20;
      });
      assertEquals(tally.wrong, undefined);
      assert(cursor.delivered > before);
      assertEquals(tally.delivered + tally.lost, cursor.position);
    }
  });

  test(`A worker that is ended in the middle of a publish in a ${topology} ring has a successor`, async () => {
    for (let stopAt = 0; stopAt < 10; stopAt += 2) {
      using storage = sharedStorage({ capacity: 8, payloadCapacity: 400, nodes: 2, topology });
      const { buffer } = storage;
      const stopped = new Int32Array(new SharedArrayBuffer(4));
      using ring = new Ring(storage, { node: 0, takeOver: true, stallMs: 20 });
      const cursor = RingCursor.fromStart(ring);
      const tally = new Tally();
      let isThere = true;
      {
        using writer = publisher({ buffer, node: 0, first: 0, count: 5, stopAt, stopped });
        // It may have been told of a place that there is not.
        void writer.answer.then(() => isThere = false);
        await until("it has stopped", () => Atomics.load(stopped, 0) === 1 || !isThere);
        writer.end();
      }
      tally.addPoll(ring.poll(cursor));
      const version = 100;
      for (let count = 0; count < 3; count++) {
        ring.publish(fill(new Uint8Array(300), 0, version + count), { version: version + count });
      }
      {
        using next = publisher({ buffer, node: 0, first: 200, count: 1, takeOver: true });
        await next.answer;
      }
      await until("everything is read", () => {
        tally.addPoll(ring.poll(cursor));
        return cursor.position === ring.head;
      });
      assertEquals(tally.wrong, undefined);
      const { overwritten, unavailable } = cursor.lost;
      assertEquals(tally.delivered + overwritten + unavailable, ring.head);
      assert(unavailable <= (topology === "shared" ? 1 : 0), `${unavailable} at ${stopAt}`);
      assertEquals(overwritten, 0);
      assert(tally.delivered >= 5 + 3 + 1);
    }
  });
}

test("A worker that publishes wakes all who follow", async () => {
  using storage = sharedStorage({ capacity: 64, payloadCapacity: 40, nodes: 3 });
  using ring = new Ring(storage, { node: 2 });
  const { waitAsync } = Atomics;
  const woken: unknown[] = [];
  Object.assign(Atomics, {
    waitAsync(...args: Parameters<typeof waitAsync>): ReturnType<typeof waitAsync> {
      const result = waitAsync(...args);
      if (result.async) void result.value.then((why) => woken.push(why));
      return result;
    },
  });
  try {
    const followers = [ring.follow(), ring.follow({ node: 0 })];
    const tallies = followers.map(() => new Tally());
    for (let round = 0; round < 3; round++) {
      const next = followers.map((follower) => follower.next());
      using writer = publisher({
        buffer: storage.buffer,
        node: 0,
        first: round * 5,
        count: 5,
        takeOver: true,
      });
      const results = await Promise.all(next);
      await writer.answer;
      for (const [index, { value }] of results.entries()) {
        tallies[index]!.addPoll(value);
        // What is left of the five.
        tallies[index]!.addPoll(ring.poll(followers[index]!.cursor));
      }
    }
    for (const { delivered, lost, wrong } of tallies) {
      assertEquals([delivered, lost, wrong], [15, 0, undefined]);
    }
    // Who waits for a bell is not woken by the end of its time.
    assert(woken.includes("ok"), `${woken}`);
    for (const follower of followers) await follower.return!();
  } finally {
    Object.assign(Atomics, { waitAsync });
  }
});
