import { refusal } from "../internal/mod.ts";

/**
 * Who writes where in a ring.
 *
 * - `"per-node"`: a lane of its own for each node. One writer a lane, so writers never meet.
 * - `"shared"`: one lane for all. Writers take turns by compare-exchange, and readers see one order.
 */
export type RingTopology = "per-node" | "shared";

/** What a ring is made of. Whoever attaches to a ring has the same, or none at all. */
export interface RingSpec {
  /** How many frames each lane keeps: a power of two, at most 2^26. */
  readonly capacity: number;

  /** How many bytes a frame carries at most: an integer from 0 to 2^24. */
  readonly payloadCapacity: number;

  /**
   * Who writes where.
   *
   * @default {"per-node"}
   */
  readonly topology?: RingTopology | undefined;

  /**
   * How many writers there are at most, from 1 to 2048. Per node, each has a lane, and the memory for it is taken at once.
   *
   * @default {1}
   */
  readonly nodes?: number | undefined;

  /**
   * The counter of the first frame in each lane of a new ring, for a ring that goes on where another ended: an integer from 0 to 2^52,
   * divided by the number of lanes, so that their sum is exact. Not part of what a ring is: attaching ignores it.
   *
   * @default {0}
   */
  readonly firstCounter?: number | undefined;
}

/** What a ring turns out to be made of, and where its parts are. */
export interface RingGeometry {
  /** How many frames each lane keeps. */
  readonly capacity: number;
  /** How many bytes a frame carries at most. */
  readonly payloadCapacity: number;
  /** Who writes where. */
  readonly topology: RingTopology;
  /** How many nodes may write. */
  readonly nodes: number;
  /** How many lanes there are: as many as nodes, or one that is shared. */
  readonly lanes: number;
  /** How many bytes a slot takes, with what stands before the payload. */
  readonly slotStride: number;
  /** How many bytes the ring takes. */
  readonly byteLength: number;
}

/** The most frames that a lane keeps. */
export const MAX_CAPACITY: number = 2 ** 26;
/** The most bytes that a frame carries. */
export const MAX_PAYLOAD_CAPACITY: number = 2 ** 24;
/** The most nodes of a ring: their number has 11 bits of an id. */
export const MAX_NODES: number = 2 ** 11;

/** Refuses a specification that no ring can have. */
export function checkSpec(spec: RingSpec): void {
  const { capacity, payloadCapacity, topology = "per-node", nodes = 1, firstCounter = 0 } = spec;
  checkInteger("capacity", capacity, 1, MAX_CAPACITY, "be a power of two");
  if ((capacity & (capacity - 1)) !== 0) {
    throw new RangeError(refusal("create Ring", "capacity must be a power of two", capacity));
  }
  checkInteger("payloadCapacity", payloadCapacity, 0, MAX_PAYLOAD_CAPACITY);
  if (topology !== "per-node" && topology !== "shared") {
    throw new TypeError(
      refusal("create Ring", 'topology must be "per-node" or "shared"', topology),
    );
  }
  checkInteger("nodes", nodes, 1, MAX_NODES);
  // Half of what a number holds exactly is left for the ring to grow into, in all lanes together.
  const lanes = topology === "shared" ? 1 : nodes;
  checkInteger("firstCounter", firstCounter, 0, Math.floor(2 ** 52 / lanes));
}

function checkInteger(name: string, value: unknown, least: number, most: number, also = ""): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  const Refusal = typeof value === "number" ? RangeError : TypeError;
  const more = also === "" ? "" : ` and ${also}`;
  throw new Refusal(
    refusal("create Ring", `${name} must be an integer from ${least} to ${most}${more}`, value),
  );
}
