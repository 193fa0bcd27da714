import { refusal } from "../internal/mod.ts";
import { MAX_COUNTER } from "./_counter.ts";
import { MAX_NODES } from "./spec.ts";

const COUNTER_BITS = 53n;
const COUNTER_MASK = (1n << COUNTER_BITS) - 1n;

// A BigInt made of two words costs a fraction of one that is computed.
const idWords = new Uint32Array(2);
const idWide = new BigUint64Array(idWords.buffer);
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * Makes the id of a frame: the node in the highest 11 bits, the counter in the 53 below. Ids of one node grow with its counter.
 *
 * @param node The node that published it; 0 where a ring is shared.
 * @param counter Its counter in its lane.
 * @throws {RangeError} If one of them is out of its range.
 *
 * @example Taking an id apart
 * ```ts
 * import { frameId, parseFrameId } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * const id = frameId(3, 2 ** 40 + 1);
 * assertEquals(parseFrameId(id), { node: 3, counter: 1_099_511_627_777 });
 * ```
 */
export function frameId(node: number, counter: number): bigint {
  if (!Number.isInteger(node) || node < 0 || node >= MAX_NODES) {
    throw new RangeError(refusal("make an id", `node must be from 0 to ${MAX_NODES - 1}`, node));
  }
  if (!Number.isSafeInteger(counter) || counter < 0) {
    throw new RangeError(
      refusal("make an id", `counter must be from 0 to ${MAX_COUNTER}`, counter),
    );
  }
  return idOf(node, counter);
}

/** {@linkcode frameId} for what is known to be in range. */
export function idOf(node: number, counter: number): bigint {
  if (!isLittleEndian) return (BigInt(node) << COUNTER_BITS) | BigInt(counter);
  idWords[0] = counter;
  idWords[1] = (counter / 2 ** 32) | (node << 21);
  return idWide[0]!;
}

/** What an id says. */
export interface FrameIdParts {
  /** The node that published the frame; 0 where a ring is shared. */
  node: number;
  /** The counter of the frame in its lane. */
  counter: number;
}

/**
 * Takes the id of a frame apart.
 *
 * @param id An id, or its text.
 * @returns The node that published it, and its counter in its lane.
 * @throws {RangeError} If it is not from 0 to 2^64 - 1.
 * @throws {SyntaxError} If it is a text of another form than `node:counter`.
 *
 * @example Reading an id that was written as text
 * ```ts
 * import { formatFrameId, frameId, parseFrameId } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatFrameId(frameId(3, 17)), "3:17");
 * assertEquals(parseFrameId("3:17"), { node: 3, counter: 17 });
 * ```
 */
export function parseFrameId(id: bigint | string): FrameIdParts {
  if (typeof id === "string") {
    const [, node, counter] = /^(\d{1,4}):(\d{1,16})$/.exec(id) ?? [];
    if (node === undefined) {
      throw new SyntaxError(refusal("read an id", 'it must look like "node:counter"', id));
    }
    return parseFrameId(frameId(Number(node), Number(counter)));
  }
  if (typeof id !== "bigint" || id < 0n || id >= 1n << 64n) {
    throw new RangeError(refusal("read an id", "it must be a bigint from 0 to 2^64 - 1", id));
  }
  return { node: Number(id >> COUNTER_BITS), counter: Number(id & COUNTER_MASK) };
}

/**
 * Writes the id of a frame as text: `node:counter`, in decimal.
 *
 * @param id An id.
 * @throws {RangeError} If it is not from 0 to 2^64 - 1.
 */
export function formatFrameId(id: bigint): string {
  const { node, counter } = parseFrameId(id);
  return `${node}:${counter}`;
}

/** What the ring's own files may do with a frame. */
interface FrameInternals {
  /** The lane that a frame was read from. */
  lane(frame: RingFrame): number;
  /** Makes a frame of bytes that nobody else writes. */
  create(
    lane: number,
    node: number,
    counter: number,
    kind: number,
    version: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
  ): RingFrame;
  /** Makes a frame another one, whose payload is the first `length` bytes that it has. */
  refill(
    frame: RingFrame,
    lane: number,
    node: number,
    counter: number,
    kind: number,
    version: number,
    length: number,
  ): void;
}

/** What the ring's own files may do with a frame. */
export let frames: FrameInternals;

/** One frame, copied out of a ring: nothing that is published later changes it. */
export class RingFrame {
  #lane: number;
  #node: number;
  #counter: number;
  #kind: number;
  #version: number;
  #buffer: ArrayBuffer;
  #offset: number;
  #length: number;
  #payload: Uint8Array<ArrayBuffer> | undefined = undefined;

  private constructor(
    lane: number,
    node: number,
    counter: number,
    kind: number,
    version: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
  ) {
    this.#lane = lane;
    this.#node = node;
    this.#counter = counter;
    this.#kind = kind;
    this.#version = version;
    this.#buffer = buffer;
    this.#offset = offset;
    this.#length = length;
  }

  /** Names the frame within its ring: see {@linkcode parseFrameId}. */
  get id(): bigint {
    return idOf(this.#lane, this.#counter);
  }

  /** Which node published it; 0 where a ring is shared and its writer did not say. */
  get node(): number {
    return this.#node;
  }

  /** Its counter in its lane: that of the first is 0. */
  get counter(): number {
    return this.#counter;
  }

  /** What kind of frame its publisher says it is, from 0 to 255. */
  get kind(): number {
    return this.#kind;
  }

  /** The publisher's own version, tick or time of it, from 0 to 2^53 - 1. */
  get version(): number {
    return this.#version;
  }

  /**
   * The bytes that were published.
   *
   * Small frames that were read one after another share a buffer of 16 KiB, which stays in memory as long as one of them: copy what is
   * kept for long.
   */
  get payload(): Uint8Array<ArrayBuffer> {
    return this.#payload ??= new Uint8Array(this.#buffer, this.#offset, this.#length);
  }

  /** How many bytes were published. */
  get byteLength(): number {
    return this.#length;
  }

  static {
    frames = {
      lane: (frame) => frame.#lane,
      create: (lane, node, counter, kind, version, buffer, offset, length) =>
        new RingFrame(lane, node, counter, kind, version, buffer, offset, length),
      refill(frame, lane, node, counter, kind, version, length) {
        frame.#lane = lane;
        frame.#node = node;
        frame.#counter = counter;
        frame.#kind = kind;
        frame.#version = version;
        if (frame.#length !== length) frame.#payload = undefined;
        frame.#length = length;
      },
    };
  }
}
