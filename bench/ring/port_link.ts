/**
 * A link over whatever has `postMessage`: a worker, the worker's own side of it, a `BroadcastChannel`. It queues without a bound; but
 * Deno's `BroadcastChannel` loses what its reader is too slow for, and tells nobody.
 *
 * @module
 */
import { type Link, pingAsync } from "./link.ts";
import { Incoming, Outgoing } from "./messages.ts";

/** What the ends of a worker and a `BroadcastChannel` have in common. */
export interface Port {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

const burst = 64;
/** How much a flood may pile up in the reader's queue, in bytes. */
const mostBytes = 2 ** 27;

/** Makes one end of the link, over a port that loses nothing unless it `isLossy`. */
export function portLink(port: Port, size: number, isLossy = false): Link {
  const outgoing = new Outgoing(size, 1);
  const incoming = new Incoming();
  const waiting: Uint8Array[] = [];
  let onMessage: ((message: Uint8Array) => void) | undefined;
  const listener = ({ data }: MessageEvent): void => {
    if (!(data instanceof Uint8Array)) return;
    if (onMessage === undefined) waiting.push(data);
    else onMessage(data);
  };
  port.addEventListener("message", listener);

  const send = (isLast: boolean): void => {
    port.postMessage(isLast ? outgoing.last() : outgoing.next());
  };
  /** Calls `take` with every message until it answers true. */
  const read = (take: (message: Uint8Array) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      onMessage = (message) => {
        try {
          incoming.started();
          if (!take(message)) return;
          onMessage = undefined;
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      for (const message of waiting.splice(0)) listener({ data: message } as MessageEvent);
    });

  return {
    async drain() {
      let sent = 0;
      incoming.begin();
      const reading = read((message) => {
        sent = incoming.take(message);
        return sent > 0;
      });
      send(false);
      await reading;
      return incoming.end(sent, isLossy ? undefined : 0);
    },
    async flood(ms) {
      await read((message) => incoming.take(message) >= 0);
      outgoing.begin();
      const end = performance.now() + ms;
      let room = mostBytes / size;
      do {
        for (let index = 0; index < burst; index++) send(false);
        room -= burst;
      } while (performance.now() < end && room > 0);
      send(true);
    },
    async ping(ms, pauseMs) {
      outgoing.begin();
      // Listening all the time, as one does.
      let arrived = (): void => {};
      onMessage = (message) => {
        incoming.take(message);
        arrived();
      };
      const times = await pingAsync(
        (isLast) => send(isLast),
        () => new Promise((resolve) => arrived = resolve),
        ms,
        pauseMs,
      );
      onMessage = undefined;
      return times;
    },
    async echo() {
      await read((message) => {
        port.postMessage(message);
        return incoming.take(message) > 0;
      });
    },
    close() {
      port.removeEventListener("message", listener);
    },
  };
}
