/**
 * Where everything in a ring is. All integers are little-endian; a *counter* is a 53-bit number in two overlapping words (`_counter.ts`).
 *
 * | offset | size | header, once a ring: what never changes, in a cache line of its own |
 * |---|---|---|
 * | 0 | 4 | magic, `WEIR`; written last |
 * | 4 | 4 | version of this format, 1 |
 * | 8 | 4 | capacity: slots a lane, a power of two |
 * | 12 | 4 | payload capacity: bytes a slot carries at most |
 * | 16 | 4 | slot stride: 32 + payload capacity, rounded up to 64 |
 * | 20 | 4 | topology: 0 per-node, 1 shared |
 * | 24 | 4 | nodes |
 * | 28 | 4 | lanes: as many as nodes per node, 1 shared |
 * | 32 | 8 | bytes of the whole ring, a 64-bit integer |
 * | 40 | 24 | zero |
 *
 * | offset | size | header: what changes |
 * |---|---|---|
 * | 64 | 8 | version sequence, a 64-bit integer |
 * | 72 | 4 | bell: changes whenever waiting readers are woken |
 * | 76 | 4 | bell wanted: not zero while a reader may be waiting |
 * | 80 | 4 | resets: how many times the ring was emptied |
 * | 84 | 44 | zero |
 *
 * | offset in a lane's header, from 128 + 64 x lane | size | |
 * |---|---|---|
 * | 0 | 8 | claimed: the counter up to which slots may be in the middle of being written |
 * | 8 | 8 | head: the counter of the next frame; per node, of the next that is not published yet |
 * | 16 | 8 | base: where the lane begins since it was emptied last, a 64-bit integer |
 * | 24 | 4 | owner: which writer has the lane, 0 for none; shared: always 0 |
 * | 28 | 4 | process id of the owner, 0 if unknown |
 * | 32 | 4 | lapped: frames that a writer could not finish before others had gone round |
 * | 36 | 28 | zero |
 *
 * | offset in a slot, lane after lane from 128 + 64 x lanes | size | |
 * |---|---|---|
 * | 0 | 4 | mark: 2c + 2 for the frame with counter c, modulo 2^32; shared: 2c + 1 while it is being written |
 * | 4 | 4 | turn: 1 + the bits of c from the 31st; 0 in a slot that was never written |
 * | 8 | 4 | length of the payload |
 * | 12 | 4 | kind in the lowest 8 bits, then 11 bits of the node, then zero |
 * | 16 | 8 | version, an integer below 2^53, low word first |
 * | 24 | 4 | checksum, shared only |
 * | 28 | 4 | zero |
 * | 32 | | payload, then anything |
 *
 * @module
 */
import { refusal } from "../internal/mod.ts";
import { RingFormatError } from "./errors.ts";
import {
  checkSpec,
  MAX_CAPACITY,
  MAX_NODES,
  MAX_PAYLOAD_CAPACITY,
  type RingGeometry,
  type RingSpec,
} from "./spec.ts";
import { storeCounter } from "./_counter.ts";

/** Bytes of the header. */
export const HEADER_BYTES = 128;
/** Bytes of the header of a lane. */
export const LANE_BYTES = 64;
/** Bytes before the payload of a slot. */
export const SLOT_HEADER_BYTES = 32;
/** `WEIR`, as it stands in memory. */
export const MAGIC = 0x52494557;
/** The version of the format. */
export const FORMAT_VERSION = 1;

// Words of the header, in 32-bit units.
export const BELL = 18;
export const BELL_WANTED = 19;
export const RESETS = 20;
/** In 64-bit units. */
export const VERSION_SEQUENCE_64 = 8;

// Words of a lane's header, in 32-bit units from its start.
export const CLAIMED = 0;
export const HEAD = 2;
/** In 64-bit units from the start of the lane's header. */
export const BASE_64 = 2;
export const OWNER = 6;
export const OWNER_PROCESS = 7;
export const LAPPED = 8;

// Words of a slot, in 32-bit units from its start.
export const MARK = 0;
export const TURN = 1;
export const LENGTH = 2;
export const KIND = 3;
export const VERSION = 4;
export const CHECKSUM = 6;
export const PAYLOAD = 8;

/** What the fields of the header that never change are for a geometry, as words from the second on. */
function fieldsOf(geometry: RingGeometry): readonly (readonly [name: string, value: number])[] {
  return [
    ["format version", FORMAT_VERSION],
    ["capacity", geometry.capacity],
    ["payload capacity", geometry.payloadCapacity],
    ["slot stride", geometry.slotStride],
    ["topology", geometry.topology === "shared" ? 1 : 0],
    ["nodes", geometry.nodes],
    ["lanes", geometry.lanes],
    ["byte length", geometry.byteLength % 2 ** 32],
    ["byte length", Math.floor(geometry.byteLength / 2 ** 32)],
    ...Array.from({ length: 6 }, () => ["reserved word", 0] as const),
  ];
}

/**
 * Computes what a ring is made of and how much memory it takes.
 *
 * @param spec What the ring is to be made of.
 * @throws {RangeError} If a number of the specification is out of its range, or the ring would be larger than an `ArrayBuffer` can be.
 * @throws {TypeError} If a part of the specification is of another type.
 *
 * @example Asking how much memory a ring takes
 * ```ts
 * import { ringGeometry } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * const { slotStride, byteLength } = ringGeometry({ capacity: 1024, payloadCapacity: 64, nodes: 4 });
 * assertEquals(slotStride, 128);
 * assertEquals(byteLength, 128 + 4 * 64 + 4 * 1024 * 128);
 * ```
 */
export function ringGeometry(spec: RingSpec): RingGeometry {
  checkSpec(spec);
  const { capacity, payloadCapacity, topology = "per-node", nodes = 1 } = spec;
  const lanes = topology === "shared" ? 1 : nodes;
  const slotStride = Math.ceil((SLOT_HEADER_BYTES + payloadCapacity) / 64) * 64;
  const byteLength = HEADER_BYTES + lanes * (LANE_BYTES + capacity * slotStride);
  // The index of a word must be one that machines compute with.
  if (byteLength > 2 ** 32) {
    throw new RangeError(refusal("create Ring", "it must take at most 4 GiB", byteLength));
  }
  return { capacity, payloadCapacity, topology, nodes, lanes, slotStride, byteLength };
}

/** The offset, in bytes, of a lane's header. */
export function laneOffset(lane: number): number {
  return HEADER_BYTES + lane * LANE_BYTES;
}

/** The offset, in bytes, of the first slot of a lane. */
export function slotsOffset({ lanes, capacity, slotStride }: RingGeometry, lane: number): number {
  return HEADER_BYTES + lanes * LANE_BYTES + lane * capacity * slotStride;
}

/** Writes what a new ring begins with into zeroes; the magic last, so that nobody takes half a ring for one. */
export function writeHeaders(
  buffer: ArrayBufferLike,
  geometry: RingGeometry,
  firstCounter: number,
): void {
  const words = new Int32Array(buffer);
  fieldsOf(geometry).forEach(([, value], index) => {
    words[index + 1] = value;
  });
  if (firstCounter > 0) {
    for (let lane = 0; lane < geometry.lanes; lane++) {
      begin(words, new BigInt64Array(buffer), geometry, lane, firstCounter);
    }
  }
  Atomics.store(words, 0, MAGIC);
}

/** Makes a lane of a new ring begin at a counter. */
function begin(
  words: Int32Array,
  wide: BigInt64Array,
  geometry: RingGeometry,
  lane: number,
  counter: number,
): void {
  const header = laneOffset(lane) / 4;
  storeCounter(words, header + CLAIMED, counter);
  storeCounter(words, header + HEAD, counter);
  wide[header / 2 + BASE_64] = BigInt(counter);
  // As if the frames of the round before had been there: a mark is compared with others of about its time.
  const { capacity, slotStride } = geometry;
  for (let before = counter - capacity; before < counter; before++) {
    const slot = slotsOffset(geometry, lane) + (before & (capacity - 1)) * slotStride;
    words[slot / 4 + MARK] = markOf(before);
  }
}

/** What the mark of a slot is when it has the frame with a counter. */
export function markOf(counter: number): number {
  return ((counter << 1) + 2) | 0;
}

/** What the turn of a slot is when it has the frame with a counter. */
export function turnOf(counter: number): number {
  return counter < 2 ** 31 ? 1 : Math.floor(counter / 2 ** 31) + 1;
}

/**
 * Reads what a ring is made of from its header, trusting none of it.
 *
 * @param header At least the first {@linkcode HEADER_BYTES} bytes, if there are as many.
 * @param byteLength How many bytes there are in all.
 * @param spec What the ring must be made of, if that is known.
 * @param name What to call the bytes in an error.
 * @throws {RingFormatError} At the first field that is not as it must be.
 */
export function readHeader(
  header: ArrayBufferLike,
  byteLength: number,
  spec: RingSpec | undefined,
  name: string,
): RingGeometry {
  const fail = (field: string, requirement: string, received: unknown): never => {
    throw new RingFormatError(
      field,
      `Cannot attach to ${name}: ${field} must be ${requirement}, received ${received}`,
    );
  };
  if (byteLength < HEADER_BYTES || header.byteLength < HEADER_BYTES) {
    fail("size", `at least ${HEADER_BYTES} bytes`, byteLength);
  }
  const words = new Uint32Array(HEADER_BYTES / 4);
  words.set(new Uint32Array(header, 0, words.length));
  const magic = words[0]!;
  if (magic !== MAGIC) fail("magic", hex(MAGIC), hex(magic));
  const word = (index: number): number => words[index]!;
  if (word(1) !== FORMAT_VERSION) fail("format version", `${FORMAT_VERSION}`, word(1));

  const [capacity, payloadCapacity, topology, nodes] = [word(2), word(3), word(5), word(6)];
  if (capacity < 1 || capacity > MAX_CAPACITY || (capacity & (capacity - 1)) !== 0) {
    fail("capacity", `a power of two up to ${MAX_CAPACITY}`, capacity);
  }
  if (payloadCapacity > MAX_PAYLOAD_CAPACITY) {
    fail("payload capacity", `at most ${MAX_PAYLOAD_CAPACITY}`, payloadCapacity);
  }
  if (topology > 1) fail("topology", "0 or 1", topology);
  if (nodes < 1 || nodes > MAX_NODES) fail("nodes", `from 1 to ${MAX_NODES}`, nodes);
  // What a specification says already may not be contradicted by what else the header says.
  let geometry: RingGeometry;
  try {
    geometry = ringGeometry({
      capacity,
      payloadCapacity,
      topology: topology === 1 ? "shared" : "per-node",
      nodes,
    });
  } catch (error) {
    throw new RingFormatError("byte length", `Cannot attach to ${name}: ${described(error)}`, {
      cause: error,
    });
  }
  fieldsOf(geometry).forEach(([field, value], index) => {
    if (word(index + 1) !== value) fail(field, `${value}`, word(index + 1));
  });
  if (geometry.byteLength > byteLength) {
    fail("size", `at least the ${geometry.byteLength} bytes that its header says`, byteLength);
  }
  if (spec !== undefined) {
    const wanted = ringGeometry(spec);
    for (const field of ["capacity", "payloadCapacity", "topology", "nodes"] as const) {
      const [is, must] = [geometry[field], wanted[field]];
      if (is !== must) fail(field, JSON.stringify(must), JSON.stringify(is));
    }
  }
  return geometry;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

function described(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
