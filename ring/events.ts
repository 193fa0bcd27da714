import { matchSubject, refusal } from "../internal/mod.ts";
import { Envelope, EVENT_KIND, LEAST_EVENT_BYTES } from "./_envelope.ts";
import { EventFollower } from "./_event_follower.ts";
import { type Codec, jsonCodec } from "./codec.ts";
import { RingCursor, type RingCursorOptions, type RingLoss } from "./cursor.ts";
import type { RingFollower } from "./follower.ts";
import type { RingFrame } from "./frame.ts";
import type { RingFollowOptions, RingPollOptions } from "./options.ts";
import { type Ring, rings } from "./ring.ts";

/**
 * One event, as it came out of a ring.
 *
 * @typeParam T Its value.
 */
export interface RingEvent<T> {
  /** Names the frame that it came in: see {@linkcode parseFrameId}. */
  readonly id: bigint;
  /** What it is about. */
  readonly topic: string;
  /** What was published. */
  readonly value: T;
  /** When it was published, in milliseconds, by the clock of its publisher. */
  readonly timestampMs: number;
  /** Which node published it. */
  readonly node: number;
  /** Its counter in its lane. */
  readonly counter: number;
}

/** What could not be delivered, in frames. */
export interface RingEventLoss extends RingLoss {
  /** Frames that are no events: of another kind, written otherwise, or with bytes that the codec refuses. */
  readonly undecodable: number;
}

/**
 * What {@linkcode EventRing.poll} has found: `to - from = events.length + lagged`, always.
 *
 * @typeParam T The values of the events.
 */
export interface EventRingPoll<T> {
  /** The events: those of one lane in the order of their counters, one lane after the other. */
  readonly events: readonly RingEvent<T>[];
  /** What was lost on the way to them. */
  readonly lost: RingEventLoss;
  /** How many frames that are together. */
  readonly lagged: number;
  /** The position of the cursor before. */
  readonly from: number;
  /** The position of the cursor after. */
  readonly to: number;
}

/**
 * What {@linkcode EventRing.pollTopic} has found: `to - from = events.length + filtered + lagged`, always.
 *
 * @typeParam T The values of the events.
 */
export interface EventRingTopicPoll<T> extends EventRingPoll<T> {
  /** How many events had topics that do not match; their values were not looked at. */
  readonly filtered: number;
}

/**
 * Options of the {@linkcode EventRing} constructor.
 *
 * @typeParam T The values of the events.
 */
export interface EventRingOptions<T> {
  /**
   * Turns values into bytes and back.
   *
   * @default {jsonCodec}
   */
  readonly codec?: Codec<T> | undefined;

  /**
   * The clock that events are stamped by, in milliseconds; fractions are cut off.
   *
   * @default {Date.now}
   */
  readonly now?: (() => number) | undefined;
}

/** Options of {@linkcode EventRing.follow}. `max` is how many frames it reads ahead at most. */
export interface EventRingFollowOptions extends RingFollowOptions {
  /** A pattern, as for {@linkcode matchSubject}: events with other topics are passed over. Without it, all come. */
  readonly topic?: string | undefined;

  /**
   * Called with what was lost since it was called last, before the events that come behind the gap. What it throws goes to `reportError`,
   * which ends the process unless somebody listens to its `error` events; the iteration goes on.
   */
  readonly onLag?: ((lost: RingEventLoss) => void) | undefined;
}

/**
 * Events with topics, over a {@linkcode Ring}: whoever shares the ring sees what all others publish.
 *
 * An event is a frame of kind 1, whose version is the time of the event in milliseconds:
 *
 * | offset in the payload | size | |
 * |---|---|---|
 * | 0 | 2 | length n of the topic in bytes, little-endian |
 * | 2 | n | topic, in UTF-8 |
 * | 2 + n | | value, as the codec writes it |
 *
 * Frames of other kinds are counted as lost, so events want a ring of their own.
 *
 * | operation | cost |
 * |---|---|
 * | `publish` | O(bytes) |
 * | `poll`, `pollTopic` | O(lanes + frames + bytes); values are decoded only where the topic matches |
 *
 * @typeParam T The values of the events. That all who publish agree on it is theirs to see to.
 *
 * @example Reading the events of some topics
 * ```ts
 * import { EventRing, memoryStorage, Ring } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 1024, payloadCapacity: 512 }));
 * const events = new EventRing<{ id: number }>(ring);
 * const cursor = events.cursorFromStart();
 * events.publish("orders.created", { id: 7 });
 * events.publish("users.created", { id: 1 });
 * events.publish("orders.paid", { id: 7 });
 *
 * const found = events.pollTopic(cursor, "orders.*");
 * assertEquals(found.events.map(({ topic }) => topic), ["orders.created", "orders.paid"]);
 * assertEquals([found.filtered, found.lagged], [1, 0]);
 * ```
 */
export class EventRing<T = unknown> {
  readonly #ring: Ring;
  readonly #envelope: Envelope<T>;
  readonly #now: () => number;
  #lagged = 0;
  // The pattern that was polled for last, which is most often the next as well.
  #pattern: string | undefined;
  #matches: (topic: string) => boolean = () => true;

  /**
   * Makes a way to publish and read events.
   *
   * @param ring The ring that they are in. Closing it is its owner's.
   * @param options How values are written.
   * @throws {RangeError} If the frames of the ring are too small for any event.
   */
  constructor(ring: Ring, options: EventRingOptions<T> = {}) {
    const { codec = jsonCodec, now = Date.now } = options;
    const { payloadCapacity } = ring.geometry;
    if (payloadCapacity < LEAST_EVENT_BYTES) {
      const requirement = `frames must carry at least ${LEAST_EVENT_BYTES} bytes`;
      throw new RangeError(refusal("create EventRing", requirement, payloadCapacity));
    }
    this.#ring = ring;
    this.#envelope = new Envelope(codec, payloadCapacity);
    this.#now = now;
  }

  /** The ring that the events are in. */
  get ring(): Ring {
    return this.#ring;
  }

  /** How many frames all that was read by this object has lost so far. */
  get lagged(): number {
    return this.#lagged;
  }

  /**
   * Makes a cursor that reads what is published from now on.
   *
   * @param options Which lanes to read.
   * @throws {RangeError} If the ring has no such node.
   * @throws {TypeError} If the ring is closed.
   */
  cursorAtHead(options?: RingCursorOptions): RingCursor {
    return RingCursor.atHead(this.#ring, options);
  }

  /**
   * Makes a cursor that reads what the ring has, and then what comes. What was overwritten already counts as lost.
   *
   * @param options Which lanes to read.
   * @throws {RangeError} If the ring has no such node.
   * @throws {TypeError} If the ring is closed.
   */
  cursorFromStart(options?: RingCursorOptions): RingCursor {
    return RingCursor.fromStart(this.#ring, options);
  }

  /**
   * Publishes one event. Never waits.
   *
   * @param topic What it is about: tokens with dots between them, none of them empty or a wildcard.
   * @param value What to publish.
   * @returns The id of its frame.
   * @throws {FrameTooLargeError} If the topic and the value do not fit in a frame, or the topic has more than 65535 bytes.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {TypeError} If the topic is none, the codec refuses the value, or the ring is closed or can only be read.
   */
  publish(topic: string, value: T): bigint {
    const version = Math.floor(this.#now());
    return this.#ring.publish(this.#envelope.write(topic, value), { kind: EVENT_KIND, version });
  }

  /**
   * Publishes events of one topic and one time, whose counters follow each other. Where a ring has a lane for each node, readers see all
   * of them at once.
   *
   * @param topic What they are about.
   * @param values What to publish; at most as many as the ring keeps.
   * @returns The id of the first frame; the others follow it by one each. Undefined if there are none.
   * @throws {FrameTooLargeError} If one of them does not fit in a frame; none is published then.
   * @throws {RingLaneError} If the lane that it would write to has another writer, or no lane is free.
   * @throws {RangeError} If there are more values than the ring keeps.
   * @throws {TypeError} If the topic is none, the codec refuses a value, or the ring is closed or can only be read.
   */
  publishBatch(topic: string, values: readonly T[]): bigint | undefined {
    const { capacity } = this.#ring.geometry;
    if (values.length > capacity) {
      const requirement = `a batch must have at most ${capacity} values`;
      throw new RangeError(refusal("publish to EventRing", requirement, values.length));
    }
    const version = Math.floor(this.#now());
    const payloads = values.map((value) => this.#envelope.write(topic, value).slice());
    return this.#ring.publishBatch(payloads, { kind: EVENT_KIND, version });
  }

  /**
   * Takes the events that came since a cursor's last look, and moves the cursor behind them.
   *
   * @param cursor Where the reader is.
   * @param options How many frames to take.
   * @returns The events, and what was lost on the way to them.
   * @throws {RangeError} If `max` is not a positive integer.
   * @throws {TypeError} If the cursor is that of another ring, or the ring is closed.
   */
  poll(cursor: RingCursor, options?: RingPollOptions): EventRingPoll<T> {
    const { events, lost, lagged, from, to } = this.#poll(cursor, options, undefined);
    return { events, lost, lagged, from, to };
  }

  /**
   * Takes the events whose topic matches. The cursor moves behind all others as well.
   *
   * @param cursor Where the reader is. Readers of different topics have a cursor each.
   * @param pattern What topics to take, as for {@linkcode matchSubject}.
   * @param options How many frames to take, with those that do not match.
   * @returns The events, and what was passed over and lost on the way to them.
   * @throws {RangeError} If `max` is not a positive integer.
   * @throws {TypeError} If the pattern is none, the cursor is that of another ring, or the ring is closed.
   */
  pollTopic(
    cursor: RingCursor,
    pattern: string,
    options?: RingPollOptions,
  ): EventRingTopicPoll<T> {
    if (pattern !== this.#pattern) {
      this.#matches = matchSubject(pattern);
      this.#pattern = pattern;
    }
    return this.#poll(cursor, options, this.#matches);
  }

  #poll(
    cursor: RingCursor,
    options: RingPollOptions | undefined,
    matches: ((topic: string) => boolean) | undefined,
  ): EventRingTopicPoll<T> {
    const events: RingEvent<T>[] = [];
    let filtered = 0;
    let undecodable = 0;
    const { lost: { overwritten, unavailable }, from, to } = this.#ring.visit(cursor, (frame) => {
      const event = this.#read(frame, matches);
      if (event === "filtered") filtered++;
      else if (event === undefined) undecodable++;
      else events.push(event);
    }, options);
    const lagged = overwritten + unavailable + undecodable;
    this.#lagged += lagged;
    return { events, lost: { overwritten, unavailable, undecodable }, lagged, filtered, from, to };
  }

  #read(
    frame: RingFrame,
    matches: ((topic: string) => boolean) | undefined,
  ): RingEvent<T> | "filtered" | undefined {
    const topic = this.#envelope.topicOf(frame);
    if (topic === undefined) return undefined;
    if (matches !== undefined && !matches(topic)) return "filtered";
    let value: T;
    try {
      value = this.#envelope.valueOf(frame);
    } catch {
      // Whatever the codec makes of bytes that anybody may have written, the others still come.
      return undefined;
    }
    const { id, version: timestampMs, node, counter } = frame;
    return { id, topic, value, timestampMs, node, counter };
  }

  /**
   * Iterates over single events as they come, each lane in its order. It waits as {@linkcode Ring.follow} does, and ends when the ring is
   * closed, or with its signal.
   *
   * A cursor that is passed as `from` is always behind the event that was handed out last, whatever has been read ahead: who leaves the
   * loop, and goes on with the cursor later, misses nothing that the ring still has then.
   *
   * @param options Where to begin, which topics to take, and when to stop.
   * @returns The iterator, with its cursor; leaving a loop over it ends it.
   * @throws {RangeError} If a number is out of its range, or the ring has no such node.
   * @throws {TypeError} If the pattern is none, the cursor is that of another ring, or the ring is closed.
   *
   * @example Reacting to events as they come
   * ```ts
   * import { EventRing, memoryStorage, Ring } from "@weir/weir/ring";
   * import { assertEquals } from "@std/assert";
   *
   * using ring = new Ring(memoryStorage({ capacity: 1024, payloadCapacity: 512 }));
   * const events = new EventRing<number>(ring);
   * setTimeout(() => events.publishBatch("jobs.done", [1, 2]), 5);
   *
   * const done: number[] = [];
   * for await (const { value } of events.follow({ topic: "jobs.done" })) {
   *   done.push(value);
   *   if (done.length === 2) break;
   * }
   * assertEquals(done, [1, 2]);
   * ```
   */
  follow(options: EventRingFollowOptions = {}): RingFollower<RingEvent<T>> {
    const { topic, onLag } = options;
    const matches = topic === undefined ? undefined : matchSubject(topic);
    return new EventFollower<T>(
      this.#ring,
      rings.cursorFrom(this.#ring, options),
      options,
      (frame) => this.#read(frame, matches),
      (lost) => {
        this.#lagged += lost.overwritten + lost.unavailable + lost.undecodable;
        onLag?.(lost);
      },
    );
  }

  /**
   * Empties the ring, for all who share it: see {@linkcode Ring.reset}.
   *
   * @throws {TypeError} If the ring is closed or can only be read.
   */
  reset(): void {
    this.#ring.reset();
  }
}
