/**
 * Thrown when bytes that should be a ring are none, or are another one than was asked for.
 *
 * @example Catching bytes that are not a ring
 * ```ts
 * import { attachStorage, RingFormatError } from "@weir/weir/ring";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => attachStorage(new ArrayBuffer(4096)), RingFormatError, "magic");
 * ```
 */
export class RingFormatError extends Error {
  /** The field of the header, or the property of the bytes, that is not as it must be. */
  readonly field: string;

  /**
   * Creates the error.
   *
   * @param field What is not as it must be.
   * @param message What could not be done, and why.
   * @param options The cause, if there is one.
   */
  constructor(field: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RingFormatError";
    this.field = field;
  }
}

/**
 * Thrown when a writer asks for a lane that a live writer has, or when every lane has one.
 *
 * @example Finding a lane taken
 * ```ts
 * import { memoryStorage, Ring, RingLaneError } from "@weir/weir/ring";
 * import { assertThrows } from "@std/assert";
 *
 * const storage = memoryStorage({ capacity: 8, payloadCapacity: 64, nodes: 2 });
 * using first = new Ring(storage, { node: 1 });
 * first.publish(new Uint8Array(1));
 * using second = new Ring(storage, { node: 1 });
 * assertThrows(() => second.publish(new Uint8Array(1)), RingLaneError, "node 1");
 * ```
 */
export class RingLaneError extends Error {
  /** The node that was asked for; undefined if any would have done. */
  readonly node: number | undefined;

  /**
   * Creates the error.
   *
   * @param node The node that was asked for, if one was.
   * @param message What could not be done, and why.
   */
  constructor(node: number | undefined, message: string) {
    super(message);
    this.name = "RingLaneError";
    this.node = node;
  }
}

/**
 * Thrown by a publish whose payload is longer than a frame carries. Nothing has been published.
 *
 * @example Publishing too much
 * ```ts
 * import { FrameTooLargeError, memoryStorage, Ring } from "@weir/weir/ring";
 * import { assertThrows } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 8, payloadCapacity: 16 }));
 * assertThrows(() => ring.publish(new Uint8Array(17)), FrameTooLargeError, "17");
 * ```
 */
export class FrameTooLargeError extends RangeError {
  /** How many bytes there were. */
  readonly byteLength: number;
  /** How many bytes a frame carries at most. */
  readonly payloadCapacity: number;

  /**
   * Creates the error.
   *
   * @param message What could not be done, and why.
   * @param byteLength How many bytes there were.
   * @param payloadCapacity How many bytes a frame carries at most.
   */
  constructor(message: string, byteLength: number, payloadCapacity: number) {
    super(message);
    this.name = "FrameTooLargeError";
    this.byteLength = byteLength;
    this.payloadCapacity = payloadCapacity;
  }
}
