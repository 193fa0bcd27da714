import { isSubject, refusal } from "../internal/mod.ts";
import { bytesCodec, type Codec, decodeText, encoded, encodeText } from "./codec.ts";
import { FrameTooLargeError } from "./errors.ts";
import type { RingFrame } from "./frame.ts";

/** What kind of frame an event is. */
export const EVENT_KIND = 1;
/** The bytes of the smallest event: the length of a topic of one letter, that letter, and a value of none. */
export const LEAST_EVENT_BYTES = 3;
const LENGTH_BYTES = 2;
const MAX_TOPIC_BYTES = 0xffff;
/** How many topics are remembered, a power of two, and how long each may be, in bytes. */
const KNOWN_TOPICS = 256;
const MAX_KNOWN_BYTES = 128;

/** Writes the topic and the value of events into payloads of frames, and reads them. */
export class Envelope<T> {
  readonly #codec: Codec<T>;
  readonly #payloadCapacity: number;
  #bytes: Uint8Array = new Uint8Array(0);
  // Topics come again: each is encoded, and decoded, once.
  readonly #written: Map<string, Uint8Array> = new Map();
  readonly #read: (readonly [bytes: Uint8Array, topic: string] | undefined)[] = [];

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
    const known = this.#written.get(topic);
    if (known !== undefined) return known;
    // Half a surrogate pair would come back as something else.
    if (!isSubject(topic) || !topic.isWellFormed()) {
      const requirement = "topic must be tokens with dots between them, without wildcards";
      throw new TypeError(refusal("publish to EventRing", requirement, topic));
    }
    // Kept for long, so not in a buffer that others share.
    const bytes = encodeText(topic).slice();
    if (bytes.length <= MAX_KNOWN_BYTES) {
      if (this.#written.size === KNOWN_TOPICS) this.#written.clear();
      this.#written.set(topic, bytes);
    }
    return bytes;
  }

  /** The topic of the event in a frame; undefined if there is none. */
  topicOf(frame: RingFrame): string | undefined {
    const { payload } = frame;
    if (frame.kind !== EVENT_KIND || payload.length < LEAST_EVENT_BYTES) return undefined;
    const end = LENGTH_BYTES + (payload[0]! | (payload[1]! << 8));
    if (end > payload.length) return undefined;
    if (end > LENGTH_BYTES + MAX_KNOWN_BYTES) return readTopic(payload.subarray(LENGTH_BYTES, end));
    let hash = end;
    for (let at = LENGTH_BYTES; at < end; at++) hash = Math.imul(hash ^ payload[at]!, 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (KNOWN_TOPICS - 1);
    const known = this.#read[place];
    if (known !== undefined && isSame(payload, known[0])) return known[1];
    const bytes = payload.slice(LENGTH_BYTES, end);
    const topic = readTopic(bytes);
    if (topic !== undefined) this.#read[place] = [bytes, topic];
    return topic;
  }

  /** The value of the event in a frame that has a topic. Throws what the codec throws. */
  valueOf(frame: RingFrame): T {
    return this.#codec.decode(bytesOf(frame));
  }
}

/** What remembers the topics of frames for those that have no ring of events; none before it is used. */
let reader: Envelope<Uint8Array> | undefined;

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
  reader ??= new Envelope(bytesCodec, 0);
  const topic = reader.topicOf(frame);
  return topic === undefined ? undefined : { topic, bytes: bytesOf(frame) };
}

/** The bytes of the value of the event in a frame that has a topic. */
function bytesOf({ payload }: RingFrame): Uint8Array {
  return payload.subarray(LENGTH_BYTES + (payload[0]! | (payload[1]! << 8)));
}

function readTopic(bytes: Uint8Array): string | undefined {
  try {
    const topic = decodeText(bytes);
    return isSubject(topic) ? topic : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the topic in a payload has these bytes. Its length is theirs, or another that is not. */
function isSame(payload: Uint8Array, bytes: Uint8Array): boolean {
  const { length } = bytes;
  if ((payload[0]! | (payload[1]! << 8)) !== length) return false;
  for (let at = 0; at < length; at++) {
    if (payload[LENGTH_BYTES + at] !== bytes[at]) return false;
  }
  return true;
}
