/**
 * The least that a link between threads can be: two words of shared memory, each in a cache line of its own. It carries numbers, not
 * messages, and is there to tell what the machine takes for it: on virtual machines that differs by times from one minute to the next.
 *
 * @module
 */
import { UnavailableError } from "../case.ts";
import { type Link, Patience, pingBusily } from "./link.ts";

/** How many bytes the link takes. */
export const wordBytes = 512;

/** Makes one end of the link. */
export function wordLink(buffer: SharedArrayBuffer, side: 0 | 1): Link {
  const words = new Int32Array(buffer);
  const [out, back] = side === 0 ? [0, 64] : [64, 0];
  const patience = new Patience();
  let next = 0;
  /** Waits for the next number, or for its negative, which is the last. */
  const receive = (): boolean => {
    next++;
    for (;;) {
      const word = Atomics.load(words, back);
      if (Math.abs(word) === next) return word < 0;
      patience.miss();
    }
  };
  const unavailable = (): never => {
    throw new UnavailableError("two words carry no messages");
  };
  return {
    drain: unavailable,
    flood: unavailable,
    ping(ms, pauseMs) {
      const send = (isLast: boolean): void => {
        Atomics.store(words, out, isLast ? -(next + 1) : next + 1);
      };
      return Promise.resolve(pingBusily(send, receive, ms, pauseMs));
    },
    echo() {
      for (let isLast = false; !isLast;) {
        isLast = receive();
        Atomics.store(words, out, next);
        patience.found();
      }
      return Promise.resolve();
    },
    close() {},
  };
}
