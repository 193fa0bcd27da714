/**
 * A link over a pair of byte streams: messages behind their length, in four bytes. The writer waits whenever the stream says so.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import { type Link, pingAsync } from "./link.ts";
import { Incoming, Outgoing } from "./messages.ts";

/** How many writes there are between two looks at the clock. */
const burst = 64;

/**
 * Makes one end of the link.
 *
 * @param input Where messages come from.
 * @param output Where they go to.
 * @param size How many bytes a message has.
 * @param batch How many messages of a flood are written at once.
 */
export function streamLink(input: Readable, output: Writable, size: number, batch: number): Link {
  const outgoing = new Outgoing(size, 1);
  const incoming = new Incoming();
  let onMessage: ((message: Uint8Array) => void) | undefined;
  let rest: Uint8Array = new Uint8Array();
  const listener = (chunk: Uint8Array): void => {
    let bytes = chunk;
    if (rest.length > 0) {
      bytes = new Uint8Array(rest.length + chunk.length);
      bytes.set(rest);
      bytes.set(chunk, rest.length);
    }
    let at = 0;
    while (onMessage !== undefined && bytes.length - at >= 4) {
      const length = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
        (bytes[at + 3]! << 24);
      if (bytes.length - at - 4 < length) break;
      onMessage(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    // What comes in parts is joined before it is read.
    rest = bytes.subarray(at);
  };
  input.on("data", listener);

  /** The stream may keep the bytes for a while, so each write has its own. */
  const frames = (count: number, isLast: boolean): Uint8Array => {
    const bytes = Buffer.allocUnsafe(count * (size + 4));
    for (let at = 0; at < bytes.length; at += size + 4) {
      bytes.writeInt32LE(size, at);
      bytes.set(isLast ? outgoing.last() : outgoing.next(), at + 4);
    }
    return bytes;
  };
  const send = (isLast: boolean): void => void output.write(frames(1, isLast));
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
      listener(new Uint8Array());
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
      return incoming.end(sent, 0);
    },
    async flood(ms) {
      await read((message) => incoming.take(message) >= 0);
      outgoing.begin();
      const end = performance.now() + ms;
      do {
        for (let index = 0; index < burst; index++) {
          if (!output.write(frames(batch, false))) {
            await new Promise((resolve) => output.once("drain", resolve));
          }
        }
      } while (performance.now() < end);
      send(true);
    },
    async ping(ms, pauseMs) {
      outgoing.begin();
      let arrived = (): void => {};
      onMessage = (message) => {
        incoming.take(message);
        arrived();
      };
      const times = await pingAsync(
        send,
        () => new Promise((resolve) => arrived = resolve),
        ms,
        pauseMs,
      );
      onMessage = undefined;
      return times;
    },
    async echo() {
      await read((message) => {
        const bytes = Buffer.allocUnsafe(size + 4);
        bytes.writeInt32LE(size, 0);
        bytes.set(message, 4);
        output.write(bytes);
        return incoming.take(message) > 0;
      });
    },
    close() {
      input.off("data", listener);
      input.destroy();
      output.destroy();
    },
  };
}
