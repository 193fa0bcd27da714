import { readHeader, ringGeometry, writeHeaders } from "./layout.ts";
import { localBell, type RingBell, sharedBell } from "./_bell.ts";
import { ownerWords, type RingLanes } from "./_lanes.ts";
import { Closing } from "./_closing.ts";
import type { RingGeometry, RingSpec } from "./spec.ts";

/**
 * The memory of a ring, with what the protocol needs beside memory: who has which lane, and a bell to wake readers by.
 *
 * Storages come from {@linkcode memoryStorage}, {@linkcode sharedStorage}, {@linkcode attachStorage}, and `mappedStorage` of
 * `@weir/weir/ring/mapped`. Another one can be written for another kind of memory.
 */
export interface RingStorage extends Disposable {
  /** The bytes, as `ring/layout.ts` says. */
  readonly buffer: ArrayBufferLike;
  /** What the ring is made of, as its header said when this storage was made. */
  readonly geometry: RingGeometry;
  /** Whether the memory can only be read. */
  readonly readOnly: boolean;
  /** Who may write to which lane. */
  readonly lanes: RingLanes;
  /** Wakes readers that wait; undefined if nothing can, so that they have to look again and again. */
  readonly bell: RingBell | undefined;
  /** Whether the memory was given back. */
  readonly closed: boolean;
  /** Calls `callback` when the memory is given back; answers what undoes that. */
  onClose(callback: () => void): () => void;
  /** Gives the memory back: every ring on it is closed with it. Does nothing the second time. */
  close(): void;
}

/**
 * Makes a ring for one thread, in an `ArrayBuffer`.
 *
 * @param spec What the ring is made of.
 * @throws {RangeError} If a number of the specification is out of its range.
 * @throws {TypeError} If a part of the specification is of another type.
 *
 * @example Sharing a ring within one thread
 * ```ts
 * import { memoryStorage, Ring } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 1024, payloadCapacity: 64 }));
 * ring.publish(new TextEncoder().encode("hello"));
 * assertEquals(ring.head, 1);
 * ```
 */
export function memoryStorage(spec: RingSpec): RingStorage {
  return created(new ArrayBuffer(ringGeometry(spec).byteLength), spec);
}

/**
 * Makes a ring for the threads of one process, in a `SharedArrayBuffer`. Send its `buffer` to a worker, and call
 * {@linkcode attachStorage} there.
 *
 * @param spec What the ring is made of.
 * @throws {RangeError} If a number of the specification is out of its range.
 * @throws {TypeError} If a part of the specification is of another type.
 *
 * @example Making a ring that workers can attach to
 * ```ts
 * import { attachStorage, Ring, sharedStorage } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * const { buffer } = sharedStorage({ capacity: 1024, payloadCapacity: 64, nodes: 4 });
 * // In a worker, the buffer comes with a message.
 * using ring = new Ring(attachStorage(buffer), { node: 3 });
 * ring.publish(new Uint8Array([1, 2, 3]));
 * assertEquals(ring.stats().lanes[3]?.head, 1);
 * ```
 */
export function sharedStorage(spec: RingSpec): RingStorage {
  return created(new SharedArrayBuffer(ringGeometry(spec).byteLength), spec);
}

/**
 * Attaches to a ring that is there already, such as one whose `SharedArrayBuffer` came with a message.
 *
 * @param buffer The bytes of a ring.
 * @param spec What the ring must be made of; without it, whatever its header says.
 * @throws {RingFormatError} At the first field of the header that is not as it must be.
 * @throws {TypeError} If `buffer` is not a buffer.
 *
 * @example Attaching to another ring than was meant
 * ```ts
 * import { attachStorage, RingFormatError, sharedStorage } from "@weir/weir/ring";
 * import { assertThrows } from "@std/assert";
 *
 * const { buffer } = sharedStorage({ capacity: 1024, payloadCapacity: 64 });
 * assertThrows(
 *   () => attachStorage(buffer, { capacity: 512, payloadCapacity: 64 }),
 *   RingFormatError,
 *   "capacity must be 512, received 1024",
 * );
 * ```
 */
export function attachStorage(buffer: ArrayBufferLike, spec?: RingSpec): RingStorage {
  const isBuffer = buffer instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer);
  if (!isBuffer) {
    const type = buffer === null ? "null" : typeof buffer;
    throw new TypeError(
      `Cannot attach to a ring: it must be an ArrayBuffer or a SharedArrayBuffer, received ${type}`,
    );
  }
  return new BufferStorage(buffer, readHeader(buffer, buffer.byteLength, spec, "a ring"));
}

function created(buffer: ArrayBufferLike, spec: RingSpec): RingStorage {
  const geometry = ringGeometry(spec);
  writeHeaders(buffer, geometry, spec.firstCounter ?? 0);
  return new BufferStorage(buffer, geometry);
}

class BufferStorage implements RingStorage {
  readonly buffer: ArrayBufferLike;
  readonly geometry: RingGeometry;
  readonly readOnly = false;
  readonly lanes: RingLanes;
  readonly bell: RingBell;
  readonly #closing: Closing = new Closing();

  constructor(buffer: ArrayBufferLike, geometry: RingGeometry) {
    const words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    this.buffer = buffer;
    this.geometry = geometry;
    this.lanes = ownerWords(words);
    this.bell = buffer instanceof ArrayBuffer ? localBell(buffer) : sharedBell(words);
  }

  get closed(): boolean {
    return this.#closing.closed;
  }

  onClose(callback: () => void): () => void {
    return this.#closing.add(callback);
  }

  close(): void {
    this.#closing.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
