/**
 * A link over a ring with two lanes: each end writes its own and reads the other.
 *
 * @module
 */
import { Ring, RingCursor, type RingFrame, type RingStorage } from "../../ring/mod.ts";
import { type Link, Patience, pingAsync, pingBusily } from "./link.ts";
import { type Flow, Incoming, Outgoing } from "./messages.ts";

/** How a ring is used. */
export interface RingWay {
  /** How it is read: in a loop that holds the thread, or by `follow`, which waits. */
  readonly read: "visit" | "poll" | "follow";
  /** How many frames are published at once; by `publish` if it is one. */
  readonly batch: number;
}

/** How many messages are sent between two looks at the clock. */
const burst = 256;

/** Makes one end of a link over a ring. */
export function ringLink(storage: RingStorage, node: 0 | 1, way: RingWay): Link {
  const ring = new Ring(storage, { node });
  const cursor = RingCursor.fromStart(ring, { node: 1 - node });
  const { payloadCapacity: size } = ring.geometry;
  const outgoing = new Outgoing(size, way.batch);
  const incoming = new Incoming();
  const patience = new Patience();
  let sent = 0;
  /** Takes a frame; true if it is the last of a flood. */
  const take = ({ payload }: RingFrame): boolean => {
    sent = incoming.take(payload);
    return sent > 0;
  };

  /** Calls `onFrame` with frames until it answers true; answers how many were lost meanwhile. */
  const readBusily = (onFrame: (frame: RingFrame) => boolean): number => {
    let isDone = false;
    let missed = 0;
    const visitor = (frame: RingFrame): void => {
      isDone = onFrame(frame);
    };
    while (!isDone) {
      const { lost, from, to } = way.read === "visit" ? ring.visit(cursor, visitor) : poll(visitor);
      missed += lost.overwritten + lost.unavailable;
      if (from === to) patience.miss();
      else {
        patience.found();
        incoming.started();
      }
    }
    return missed;
  };
  const poll = (visitor: (frame: RingFrame) => void): ReturnType<Ring["poll"]> => {
    const found = ring.poll(cursor);
    for (const frame of found.frames) visitor(frame);
    return found;
  };
  const readFollowing = async (onFrame: (frame: RingFrame) => boolean): Promise<number> => {
    let missed = 0;
    for await (const { frames, lost } of ring.follow({ from: cursor })) {
      incoming.started();
      missed += lost.overwritten + lost.unavailable;
      let isDone = false;
      for (const frame of frames) isDone = onFrame(frame);
      if (isDone) break;
    }
    return missed;
  };
  const read = way.read === "follow" ? readFollowing : readBusily;
  const send = (isLast: boolean): void => {
    ring.publish(isLast ? outgoing.last() : outgoing.next());
  };

  return {
    async drain(): Promise<Flow> {
      send(false);
      incoming.begin();
      const lost = await read(take);
      return incoming.end(sent, lost);
    },
    async flood(ms) {
      await read((frame) => {
        incoming.take(frame.payload);
        return true;
      });
      outgoing.begin();
      const end = performance.now() + ms;
      do {
        if (way.batch === 1) {
          for (let index = 0; index < burst; index++) ring.publish(outgoing.next());
        } else {
          for (let index = 0; index < burst; index += way.batch) {
            ring.publishBatch(outgoing.nextBatch());
          }
        }
      } while (performance.now() < end);
      send(true);
    },
    async ping(ms, pauseMs) {
      outgoing.begin();
      if (way.read !== "follow") {
        const visitor = ({ payload }: RingFrame): boolean => {
          incoming.take(payload);
          return true;
        };
        return pingBusily(send, () => readBusily(visitor), ms, pauseMs);
      }
      const follower = ring.follow({ from: cursor });
      try {
        return await pingAsync(
          send,
          async () => {
            const { value } = await follower.next();
            for (const { payload } of value!.frames) incoming.take(payload);
          },
          ms,
          pauseMs,
        );
      } finally {
        await follower.return!();
      }
    },
    async echo() {
      await read((frame) => {
        const isLast = take(frame);
        ring.publish(frame.payload);
        return isLast;
      });
    },
    close() {
      ring.close();
      storage.close();
    },
  };
}
