import type { RingCursor, RingLoss } from "./cursor.ts";
import type { RingFrame } from "./frame.ts";
import type { RingTopology } from "./spec.ts";

/** Options of the {@linkcode Ring} constructor. */
export interface RingOptions {
  /**
   * Which node this is. Per node, the lane that it writes: without it, the first publish takes the first lane that is free. Where the
   * ring is shared, what its frames say, 0 without it.
   */
  readonly node?: number | undefined;

  /**
   * Takes the lane of `node` even if a writer has it: for where it is known that the writer is gone and could not give its lane back, as a
   * worker that was terminated. Lanes of processes need no such thing.
   *
   * @default {false}
   */
  readonly takeOver?: boolean | undefined;

  /**
   * How long, in milliseconds, a reader of a shared ring waits for a frame that was begun and is not finished, before it counts it as
   * unavailable and goes on: its writer may have died. From 0.
   *
   * @default {100}
   */
  readonly stallMs?: number | undefined;

  /**
   * The clock by which that is measured, in milliseconds.
   *
   * @default {performance.now}
   */
  readonly now?: (() => number) | undefined;
}

/** What a publisher says of a frame, beside its payload. */
export interface RingPublishOptions {
  /**
   * What kind of frame it is: an integer from 0 to 255, of the publisher's own choice.
   *
   * @default {0}
   */
  readonly kind?: number | undefined;

  /**
   * A version, tick or time of the publisher's own: an integer from 0 to 2^53 - 1.
   *
   * @default {0}
   */
  readonly version?: number | undefined;
}

/** Options of {@linkcode Ring.poll} and {@linkcode Ring.visit}. */
export interface RingPollOptions {
  /**
   * How many frames to take at most: a positive integer. Without it 1024, or fewer where frames carry more than 4 KiB: together they have at
   * most 4 MiB then.
   *
   * @default {1024}
   */
  readonly max?: number | undefined;
}

/** What {@linkcode Ring.visit} has done: `to - from = delivered + lost.overwritten + lost.unavailable`, always. */
export interface RingProgress {
  /** How many frames were delivered. */
  readonly delivered: number;
  /** How many were not, and why. */
  readonly lost: RingLoss;
  /** The position of the cursor before. */
  readonly from: number;
  /** The position of the cursor after. */
  readonly to: number;
}

/** What {@linkcode Ring.poll} has found: `to - from = frames.length + lost.overwritten + lost.unavailable`, always. */
export interface RingPoll extends Omit<RingProgress, "delivered"> {
  /** The frames: those of one lane in the order of their counters, one lane after the other. */
  readonly frames: readonly RingFrame[];
}

/** Options of {@linkcode Ring.follow}. */
export interface RingFollowOptions extends RingPollOptions {
  /**
   * Where to begin: with what the ring has, with what comes from now on, or where a cursor is, which then moves along.
   *
   * @default {"head"}
   */
  readonly from?: "start" | "head" | RingCursor | undefined;

  /** Reads the lane of this node only. Not together with a cursor. */
  readonly node?: number | undefined;

  /** Ends the iteration: a pending `next()`, or the one after, rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;

  /**
   * How long, in milliseconds, the reader sleeps at most between two looks where nothing can wake it: on mapped files without a way to
   * wait for other processes, or that can only be read. From 1.
   *
   * @default {20}
   */
  readonly maxSleepMs?: number | undefined;
}

/** What is known of one lane of a ring. */
export interface RingLaneStats {
  /** The counter of its next frame: how many there were, if it began with 0. */
  readonly head: number;
  /** Where it began: with the counter that the ring was made with, or that it was emptied at last. */
  readonly base: number;
  /** The counter of the oldest frame that it still has; the head if it has none. */
  readonly retainedFrom: number;
  /** Whether a writer has the lane. Never where a ring is shared. */
  readonly hasWriter: boolean;
  /** The process of the last writer that took the lane; undefined if it did not say. */
  readonly process: number | undefined;
  /** How many frames its writers could not finish before others had gone round, modulo 2^32. Only where a ring is shared. */
  readonly lapped: number;
}

/** What is known of a ring. */
export interface RingStats {
  /** Who writes where. */
  readonly topology: RingTopology;
  /** How many frames each lane keeps. */
  readonly capacity: number;
  /** How many bytes a frame carries at most. */
  readonly payloadCapacity: number;
  /** How many nodes may write. */
  readonly nodes: number;
  /** How many bytes the ring takes. */
  readonly byteLength: number;
  /** The sum of the heads of its lanes. */
  readonly head: number;
  /** The last number that {@linkcode Ring.nextVersion} gave, to anybody. */
  readonly lastVersion: number;
  /** The lanes. */
  readonly lanes: readonly RingLaneStats[];
}
