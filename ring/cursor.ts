import { refusal } from "../internal/mod.ts";
import type { Stall } from "./_reading.ts";
import type { Ring } from "./ring.ts";

/** Which lanes of a ring a cursor reads. */
export interface RingCursorOptions {
  /** Reads the lane of this node only; without it, the cursor reads them all. */
  readonly node?: number | undefined;
}

/** What could not be delivered, in frames. */
export interface RingLoss {
  /** Frames that were overwritten, or emptied away by `reset`, before this reader came to them. */
  readonly overwritten: number;
  /** Frames that the ring should still have, and that were not whole: their writer died or was stopped, or something wrote over them. */
  readonly unavailable: number;
}

/** What a cursor is made of: the ring's own files move it. */
export interface CursorState {
  readonly ring: Ring;
  /** The first of its lanes, as the ring numbers them. */
  readonly firstLane: number;
  /** The counters to read next, one for each of its lanes. */
  readonly next: Float64Array;
  /** Which of its lanes to begin the next look with. */
  turn: number;
  stall: Stall | undefined;
  delivered: number;
  overwritten: number;
  unavailable: number;
}

/** What a cursor is made of; undefined of what is no cursor. For the ring's own files. */
export let stateOf: (cursor: RingCursor) => CursorState | undefined;

/**
 * Where one reader is in a ring. It belongs to the reader: the ring knows nothing of it, and any number of them cost nothing.
 *
 * A cursor reads all lanes of a ring, or that of one node. Its position is the sum of its counters, so that for each of its looks, and from
 * its beginning on, the distance it has gone is the number of frames it delivered and lost.
 *
 * @example Going on where another process stopped reading
 * ```ts
 * import { memoryStorage, Ring, RingCursor } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 8, payloadCapacity: 16 }));
 * const cursor = RingCursor.fromStart(ring);
 * ring.publish(new Uint8Array([1]));
 * ring.poll(cursor);
 * const saved = JSON.stringify(cursor.counters);
 *
 * ring.publish(new Uint8Array([2]));
 * const later = RingCursor.at(ring, JSON.parse(saved));
 * assertEquals(ring.poll(later).frames.map(({ payload }) => payload[0]), [2]);
 * ```
 */
export class RingCursor {
  readonly #state: CursorState;

  private constructor(ring: Ring, options: RingCursorOptions, starts: (lane: number) => number) {
    const { lanes } = ring.geometry;
    const { node } = options;
    if (node !== undefined && !(Number.isInteger(node) && node >= 0 && node < lanes)) {
      throw new RangeError(
        refusal("make a cursor", `node must be an integer from 0 to ${lanes - 1}`, node),
      );
    }
    const firstLane = node ?? 0;
    const next = Float64Array.from(
      { length: node === undefined ? lanes : 1 },
      (_, index) => starts(firstLane + index),
    );
    this.#state = {
      ring,
      firstLane,
      next,
      turn: 0,
      stall: undefined,
      delivered: 0,
      overwritten: 0,
      unavailable: 0,
    };
  }

  /**
   * Makes a cursor that reads what the ring has, and then what comes. What was overwritten already since the ring was made, or emptied,
   * counts as lost.
   *
   * @param ring The ring to read.
   * @param options Which lanes to read.
   * @throws {RangeError} If the ring has no such node.
   */
  static fromStart(ring: Ring, options: RingCursorOptions = {}): RingCursor {
    return new RingCursor(ring, options, (lane) => ring.lane(lane).base);
  }

  /**
   * Makes a cursor that reads what comes from now on.
   *
   * @param ring The ring to read.
   * @param options Which lanes to read.
   * @throws {RangeError} If the ring has no such node.
   */
  static atHead(ring: Ring, options: RingCursorOptions = {}): RingCursor {
    return new RingCursor(ring, options, (lane) => ring.lane(lane).head);
  }

  /**
   * Makes a cursor that reads from a counter on. One beyond the head goes back to it with the first look.
   *
   * @param ring The ring to read.
   * @param counter The counter to read first, or one for each lane that is read, as in {@linkcode RingCursor.counters}.
   * @param options Which lanes to read.
   * @throws {RangeError} If the ring has no such node, if there are more or fewer counters than lanes, or if one is not an integer from 0
   * to 2^53 - 1.
   */
  static at(
    ring: Ring,
    counter: number | readonly number[],
    options: RingCursorOptions = {},
  ): RingCursor {
    const counters = typeof counter === "number" ? [counter] : counter;
    for (const one of counters) {
      if (!Number.isSafeInteger(one) || one < 0) {
        throw new RangeError(
          refusal("make a cursor", "counter must be an integer from 0 to 2^53 - 1", one),
        );
      }
    }
    const lanes = options.node === undefined ? ring.geometry.lanes : 1;
    if (counters.length !== lanes) {
      throw new RangeError(
        refusal("make a cursor", `counters must be as many as lanes, ${lanes}`, counters.length),
      );
    }
    return new RingCursor(ring, options, (lane) => counters[lane - (options.node ?? 0)]!);
  }

  /** The ring that it reads. */
  get ring(): Ring {
    return this.#state.ring;
  }

  /** The node whose lane it reads; undefined if it reads them all. */
  get node(): number | undefined {
    const { next, ring, firstLane } = this.#state;
    return next.length === ring.geometry.lanes ? undefined : firstLane;
  }

  /** The sum of its counters. */
  get position(): number {
    return positionOf(this.#state);
  }

  /** The counter that it reads next in each of its lanes: what {@linkcode RingCursor.at} takes. */
  get counters(): number[] {
    return [...this.#state.next];
  }

  /** How many frames it has delivered. */
  get delivered(): number {
    return this.#state.delivered;
  }

  /** How many frames it has lost. */
  get lost(): RingLoss {
    const { overwritten, unavailable } = this.#state;
    return { overwritten, unavailable };
  }

  static {
    stateOf = (cursor) =>
      typeof cursor === "object" && cursor !== null && #state in cursor ? cursor.#state : undefined;
  }
}

/** The sum of a cursor's counters. */
export function positionOf({ next }: CursorState): number {
  let position = next[0]!;
  for (let index = 1; index < next.length; index++) position += next[index]!;
  return position;
}
