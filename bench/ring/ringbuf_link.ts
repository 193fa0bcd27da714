/**
 * A link over two rings of ringbuf.js, one each way, in one `SharedArrayBuffer` each. It loses nothing: who finds no room looks again. It
 * cannot wait either, so its user has to make that.
 *
 * @module
 */
import type { Ringbuf } from "../peers.ts";
import { type Link, Patience, pingAsync, pingBusily } from "./link.ts";
import { Incoming, Outgoing } from "./messages.ts";

/** How it waits: by looking all the time, or by `Atomics.waitAsync` on its write index. */
export type RingbufWay = "spin" | "waitAsync";

const burst = 256;

/** Allocates the memory of both rings, for `capacity` messages each. */
export function ringbufMemory(
  { RingBuffer }: Ringbuf,
  size: number,
  capacity: number,
): SharedArrayBuffer[] {
  return [0, 1].map(() => RingBuffer.getStorageForCapacity(capacity * size, Uint8Array));
}

/** Makes one end of the link: the one that writes the first of the rings, or the second. */
export function ringbufLink(
  { RingBuffer }: Ringbuf,
  memory: readonly SharedArrayBuffer[],
  side: 0 | 1,
  size: number,
  way: RingbufWay,
): Link {
  const out = new RingBuffer(memory[side]!, Uint8Array);
  const back = new RingBuffer(memory[1 - side]!, Uint8Array);
  const [outIndex, backIndex] = [memory[side]!, memory[1 - side]!].map((buffer) =>
    new Int32Array(buffer, 0, 1)
  );
  const outgoing = new Outgoing(size, 1);
  const incoming = new Incoming();
  const patience = new Patience();
  const target = new Uint8Array(size);

  const push = (message: Uint8Array): void => {
    while (out.availableWrite() < size) patience.miss();
    patience.found();
    out.push(message);
    if (way === "waitAsync") Atomics.notify(outIndex!, 0);
  };
  const send = (isLast: boolean): void => push(isLast ? outgoing.last() : outgoing.next());
  /** Takes one message, if there is one. */
  const pop = (): boolean => back.availableRead() >= size && back.pop(target) === size;
  const popBusily = (): void => {
    while (!pop()) patience.miss();
    patience.found();
  };
  const popWaiting = async (): Promise<void> => {
    for (;;) {
      const index = Atomics.load(backIndex!, 0);
      if (pop()) return;
      await Atomics.waitAsync(backIndex!, 0, index).value;
    }
  };
  /** Calls `onMessage` with every message until it answers true. */
  const read = async (onMessage: (message: Uint8Array) => boolean): Promise<void> => {
    for (;;) {
      if (!pop()) {
        if (way === "spin") popBusily();
        else await popWaiting();
      }
      incoming.started();
      if (onMessage(target)) return;
    }
  };

  return {
    async drain() {
      send(false);
      incoming.begin();
      let sent = 0;
      await read((message) => {
        sent = incoming.take(message);
        return sent > 0;
      });
      return incoming.end(sent, 0);
    },
    async flood(ms) {
      await read((message) => {
        incoming.take(message);
        return true;
      });
      outgoing.begin();
      const end = performance.now() + ms;
      do {
        for (let index = 0; index < burst; index++) send(false);
      } while (performance.now() < end);
      send(true);
    },
    async ping(ms, pauseMs) {
      outgoing.begin();
      if (way === "spin") {
        return pingBusily(
          send,
          () => {
            popBusily();
            incoming.take(target);
          },
          ms,
          pauseMs,
        );
      }
      return await pingAsync(
        send,
        async () => {
          await popWaiting();
          incoming.take(target);
        },
        ms,
        pauseMs,
      );
    },
    async echo() {
      await read((message) => {
        push(message);
        return incoming.take(message) > 0;
      });
    },
    close() {},
  };
}
