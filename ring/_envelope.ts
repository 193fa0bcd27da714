import { bytesCodec, type Codec, decoder, encoded, encoder } from "./codec.ts";
import { FrameTooLargeError, refusal } from "./errors.ts";
import type { RingFrame } from "./frame.ts";
import { isSubject } from "./subject.ts";

/** What kind of frame an event is. */
export const EVENT_KIND = 1;
/** The bytes of the smallest event: the length of a topic of one letter, that letter, and a value of none. */
export const LEAST_EVENT_BYTES = 3;
const LENGTH_BYTES = 2;
const MAX_TOPIC_BYTES = 0xffff;

/** Writes the topic and the value of events into payloads of frames, and reads them. */
export class Envelope<T> {
  readonly #codec: Codec<T>;
  readonly #payloadCapacity: number;
  #bytes: Uint8Array = new Uint8Array(0);
  // Most events have the topic of the one before.
  #written = "";
  #writtenBytes: Uint8Array = new Uint8Array(0);
  #read = "";
  #readBytes: Uint8Array = new Uint8Array(0);

  constructor(codec: Codec<T>, payloadCapacity: number) {
    this.#codec = codec;
    this.#payloadCapacity = payloadCapacity;
  }

  /** Writes an event; the bytes are others with the next one. */
  write(topic: string, value: T): Uint8Array {
    const name = this.#bytesOf(topic);
    const payload = encoded(this.#codec, value);
    const start = LENGTH_BYTES + name.length;
    const length = start + payload.length;
    if (name.length > MAX_TOPIC_BYTES || length > this.#payloadCapacity) {
      const most = Math.min(this.#payloadCapacity - LENGTH_BYTES, MAX_TOPIC_BYTES);
      throw new FrameTooLargeError(
        `Cannot publish to EventRing: a frame must have at most ${this.#payloadCapacity} bytes, ` +
          `${LENGTH_BYTES} of them for the length of the topic, which may have ${most}, ` +
          `received a topic of ${name.length} bytes and a payload of ${payload.length}`,
        length,
        this.#payloadCapacity,
      );
    }
    if (this.#bytes.length < length) {
      this.#bytes = new Uint8Array(Math.min(this.#payloadCapacity, 2 * length));
    }
    const bytes = this.#bytes;
    bytes[0] = name.length;
    bytes[1] = name.length >> 8;
    bytes.set(name, LENGTH_BYTES);
    bytes.set(payload, start);
    return bytes.subarray(0, length);
  }

  #bytesOf(topic: string): Uint8Array {
    if (topic === this.#written && topic !== "") return this.#writtenBytes;
    // Half a surrogate pair would come back as something else.
    if (!isSubject(topic) || !topic.isWellFormed()) {
      const requirement = "topic must be tokens with dots between them, without wildcards";
      throw new TypeError(refusal("publish to EventRing", requirement, topic));
    }
    this.#writtenBytes = encoder.encode(topic);
    this.#written = topic;
    return this.#writtenBytes;
  }

  /** The topic of the event in a frame; undefined if there is none. */
  topicOf(frame: RingFrame): string | undefined {
    const { payload } = frame;
    if (frame.kind !== EVENT_KIND || payload.length < LEAST_EVENT_BYTES) return undefined;
    const length = payload[0]! | (payload[1]! << 8);
    if (LENGTH_BYTES + length > payload.length) return undefined;
    const known = this.#readBytes;
    if (length === known.length && length > 0) {
      let same = 0;
      while (same < length && payload[LENGTH_BYTES + same] === known[same]) same++;
      if (same === length) return this.#read;
    }
    return this.#readTopic(payload.slice(LENGTH_BYTES, LENGTH_BYTES + length));
  }

  #readTopic(bytes: Uint8Array): string | undefined {
    try {
      const topic = decoder.decode(bytes);
      if (!isSubject(topic)) return undefined;
      this.#readBytes = bytes;
      return this.#read = topic;
    } catch {
      return undefined;
    }
  }

  /** The value of the event in a frame that has a topic. Throws what the codec throws. */
  valueOf(frame: RingFrame): T {
    return this.#codec.decode(bytesOf(frame));
  }
}

/** An event as it stands in a frame. */
export interface EventFrame {
  /** What it is about. */
  readonly topic: string;
  /** The bytes of its value, whatever codec wrote them; they are those of the frame's payload. */
  readonly bytes: Uint8Array;
}

/**
 * Finds the event in a frame, without a word about its value: for those who look at a ring of others.
 *
 * @param frame Any frame.
 * @returns The event; undefined if the frame has none.
 *
 * @example Listing the topics in a ring
 * ```ts
 * import { EventRing, memoryStorage, readEventFrame, Ring, RingCursor } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 8, payloadCapacity: 64 }));
 * new EventRing(ring).publish("orders.created", { id: 7 });
 * ring.publish(new Uint8Array([1, 2, 3]));
 *
 * const { frames } = ring.poll(RingCursor.fromStart(ring));
 * assertEquals(frames.map((frame) => readEventFrame(frame)?.topic), ["orders.created", undefined]);
 * ```
 */
export function readEventFrame(frame: RingFrame): EventFrame | undefined {
  const topic = new Envelope(bytesCodec, 0).topicOf(frame);
  return topic === undefined ? undefined : { topic, bytes: bytesOf(frame) };
}

/** The bytes of the value of the event in a frame that has a topic. */
function bytesOf({ payload }: RingFrame): Uint8Array {
  return payload.subarray(LENGTH_BYTES + (payload[0]! | (payload[1]! << 8)));
}
