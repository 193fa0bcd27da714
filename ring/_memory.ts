import { frames } from "./frame.ts";
import {
  BASE_64,
  CHECKSUM,
  HEAD,
  KIND,
  laneOffset,
  LENGTH,
  MARK,
  markOf,
  PAYLOAD,
  slotsOffset,
  TURN,
  turnOf,
  VERSION,
} from "./layout.ts";
import { checksumOf, checksumOfWords } from "./_checksum.ts";
import { loadCounter } from "./_counter.ts";
import type { Reading } from "./_reading.ts";
import type { Slab } from "./_slab.ts";
import { loadWide, loadWord } from "./_words.ts";
import type { RingStorage } from "./storage.ts";

/** From which size on, in bytes, the engines' own copying beats a loop over words. */
const LOOP_BYTES = 128;

/** The memory of one lane, and how frames are copied into it and out of it. */
export class LaneMemory {
  readonly words: Int32Array;
  readonly capacity: number;
  /** The index of the first word of the lane's header. */
  readonly header: number;
  readonly #lane: number;
  readonly #bytes: Uint8Array;
  readonly #wide: BigInt64Array;
  readonly #mask: number;
  readonly #payloadCapacity: number;
  readonly #slots: number;
  readonly #stride: number;
  readonly #hasChecksum: boolean;
  readonly #isReadOnly: boolean;
  readonly #slab: Slab;

  constructor({ buffer, geometry, readOnly }: RingStorage, lane: number, slab: Slab) {
    this.words = new Int32Array(buffer, 0, geometry.byteLength / 4);
    this.capacity = geometry.capacity;
    this.header = laneOffset(lane) / 4;
    this.#lane = lane;
    this.#slab = slab;
    this.#bytes = new Uint8Array(buffer, 0, geometry.byteLength);
    this.#wide = new BigInt64Array(buffer, 0, geometry.byteLength / 8);
    this.#mask = geometry.capacity - 1;
    this.#payloadCapacity = geometry.payloadCapacity;
    this.#slots = slotsOffset(geometry, lane) / 4;
    this.#stride = geometry.slotStride / 4;
    this.#isReadOnly = readOnly;
    this.#hasChecksum = geometry.topology === "shared";
  }

  /** The index of the first word of the slot for a counter. */
  slotOf(counter: number): number {
    return this.#slots + (counter & this.#mask) * this.#stride;
  }

  /** Reads a word that others write. */
  load(at: number): number {
    return loadWord(this.words, at, this.#isReadOnly);
  }

  /** Reads a counter that others write. */
  loadCounter(at: number): number {
    return loadCounter(this.words, at, this.#isReadOnly);
  }

  /** Where the lane begins since it was emptied last. */
  base(): number {
    return loadWide(this.#wide, this.header / 2 + BASE_64, this.#isReadOnly);
  }

  /** Makes the lane begin at a counter. */
  setBase(counter: number): void {
    const at = this.header / 2 + BASE_64;
    for (;;) {
      const base = Atomics.load(this.#wide, at);
      // Somebody else has emptied more, unless it is more than there ever was.
      if (base > BigInt(counter) && base <= BigInt(this.loadCounter(this.header + HEAD))) break;
      if (Atomics.compareExchange(this.#wide, at, base, BigInt(counter)) === base) break;
    }
    // Whoever finds a frame without its mark looks for the reason; so nobody has to look at the base before.
    for (let before = Math.max(0, counter - this.capacity); before < counter; before++) {
      const at = this.slotOf(before) + MARK;
      Atomics.compareExchange(this.words, at, markOf(before), markOf(before - this.capacity));
    }
  }

  /** Writes all of a frame but its mark. `kind` has the node as well, from the 8th bit on. */
  write(counter: number, payload: Uint8Array, kind: number, version: number): void {
    const words = this.words;
    const slot = this.slotOf(counter);
    words[slot + TURN] = turnOf(counter);
    words[slot + LENGTH] = payload.length;
    words[slot + KIND] = kind;
    words[slot + VERSION] = version;
    words[slot + VERSION + 1] = version / 2 ** 32;
    this.#bytes.set(payload, 4 * (slot + PAYLOAD));
    if (this.#hasChecksum) {
      // Of what was meant, not of what is there: somebody else may have written meanwhile.
      words[slot + CHECKSUM] = checksumOf(payload, counter, kind, version);
    }
  }

  /**
   * Copies the frame with a counter to the end of what `reading` has.
   *
   * @returns False if the slot has no such frame, whole. That it was whole all the time is for the caller to find out.
   */
  copy(counter: number, reading: Reading): boolean {
    const words = this.words;
    const slot = this.slotOf(counter);
    const length = words[slot + LENGTH]! >>> 0;
    const kind = words[slot + KIND]!;
    const high = words[slot + VERSION + 1]!;
    if (
      words[slot + MARK] !== markOf(counter) || words[slot + TURN] !== turnOf(counter) ||
      // Others write here: whatever is there must not lead further than it may.
      length > this.#payloadCapacity || kind >>> 19 !== 0 || high >>> 21 !== 0
    ) return false;
    const version = (words[slot + VERSION]! >>> 0) + high * 2 ** 32;
    const { pool } = reading;
    let target: Int32Array;
    let bytes: Uint8Array;
    let at = 0;
    if (pool === undefined) {
      at = this.#slab.take(length);
      target = this.#slab.words;
      bytes = this.#slab.bytes;
    } else {
      target = pool.words[reading.count]!;
      bytes = pool.bytes[reading.count]!;
    }
    if (length <= LOOP_BYTES) {
      const end = (length + 3) >> 2;
      const to = at >> 2;
      for (let word = 0; word < end; word++) target[to + word] = words[slot + PAYLOAD + word]!;
    } else {
      const from = 4 * (slot + PAYLOAD);
      bytes.set(this.#bytes.subarray(from, from + length), at);
    }
    if (
      this.#hasChecksum &&
      words[slot + CHECKSUM] !== checksumOfWords(target, at, length, counter, kind, version)
    ) return false;

    const node = kind >>> 8;
    if (pool !== undefined) {
      const frame = pool.frames[reading.count]!;
      frames.refill(frame, this.#lane, node, counter, kind & 0xff, version, length);
    } else {
      const { buffer } = this.#slab;
      const frame = frames.create(
        this.#lane,
        node,
        counter,
        kind & 0xff,
        version,
        buffer,
        at,
        length,
      );
      // An array that is grown from none takes room for many.
      if (reading.count === 0) reading.frames = [frame];
      else reading.frames.push(frame);
    }
    reading.count++;
    return true;
  }
}
