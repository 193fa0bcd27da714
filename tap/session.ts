import { later } from "../internal/mod.ts";
import { Channel, type ChannelWaitOptions } from "../channel/mod.ts";

/** One captured event. All sessions that capture it share the same object. */
export interface TapEvent {
  /** Counts the events of the whole tap from 1, so that a reader can see how many lie between two of its own. */
  readonly seq: number;
  /** When it was offered, in milliseconds since 1970. */
  readonly time: number;
  /** The stage it was offered at. */
  readonly stage: string;
  /** The event as one line, without its end: a JSON value, or the text itself at a stage of text. */
  readonly line: string;
}

/**
 * Why a session ended.
 *
 * - `"limit"`: it has captured as many events as it was opened for.
 * - `"duration"`: its time is over.
 * - `"client"`: its reader went away or closed it.
 * - `"input"`: there will be no more events.
 * - `"shutdown"`: the tap was closed.
 */
export type TapEndReason = "limit" | "duration" | "client" | "input" | "shutdown";

/** What a session needs of its tap. */
export interface SessionSetup {
  readonly id: number;
  readonly stage: string;
  readonly bufferEvents: number;
  readonly maxBytes: number;
  readonly limit: number;
  readonly durationMs: number;
  readonly missed: number;
  readonly replay: readonly TapEvent[];
  readonly onEnd: (session: TapSession) => void;
}

/** Set by the static block of {@linkcode TapSession}: what only the tap may do. */
export let control: {
  create(setup: SessionSetup): TapSession;
  /** Starts the clock; a session that is to capture nothing, or nothing more, ends at once. */
  begin(session: TapSession, endReason: TapEndReason | undefined): void;
  /** Hands over an event, or tells of one that could not be written; answers whether it was captured. */
  offer(session: TapSession, event: TapEvent | undefined): boolean;
  end(session: TapSession, reason: TapEndReason): void;
  /** Gives up what was captured and not read. */
  discard(session: TapSession): void;
};

/**
 * One reader of a tap: the events of one stage, from now on, in a bounded buffer of its own.
 *
 * The tap never waits for it. An event that finds the buffer full is dropped and counted; every event offered while the session was
 * open is either in `captured` or in `dropped`, and every event captured was read, can still be read, or is in `undelivered`.
 *
 * It is made by {@linkcode Tap.open}, and read by one reader: leaving its loop closes it.
 *
 * @example Reading three events of a running program
 * ```ts
 * import { Tap } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const tap = new Tap();
 * using session = tap.open({ stage: "decoded", limit: 3 })!;
 * for (let id = 0; id < 5; id++) tap.offer("decoded", { id });
 * const lines = (await Array.fromAsync(session)).map((event) => event.line);
 * assertEquals(lines, ['{"id":0}', '{"id":1}', '{"id":2}']);
 * assertEquals(session.reason, "limit");
 * ```
 */
export class TapSession implements AsyncIterable<TapEvent>, Disposable {
  static {
    control = {
      create: (setup) => new TapSession(setup),
      begin: (session, endReason) => session.#begin(endReason),
      offer: (session, event) => session.#offer(event),
      end: (session, reason) => session.#end(reason),
      discard: (session) => session.#discard(),
    };
  }

  /** Counts the sessions of a tap from 1. */
  readonly id: number;
  /** The stage it captures. */
  readonly stage: string;
  /** When it was opened, in milliseconds since 1970. */
  readonly openedAt: number = Date.now();
  /**
   * How many events were offered at the stage before the first that this session got. 0 where no backlog is kept: then nobody counts.
   */
  readonly missed: number;

  readonly #channel: Channel<TapEvent>;
  readonly #limit: number;
  readonly #onEnd: (session: TapSession) => void;
  readonly #maxDurationMs: number;
  readonly #start: number = performance.now();
  // Events from before the session; they stand in front of the buffer, so that a long backlog does not crowd out what is new.
  #replay: readonly TapEvent[];
  #replayed = 0;
  #captured: number;
  #dropped = 0;
  #undelivered = 0;
  #durationMs: number | undefined;
  #cancelDeadline: (() => void) | undefined;
  #ended: PromiseWithResolvers<TapEndReason> | undefined;
  #reason: TapEndReason | undefined;

  private constructor(setup: SessionSetup) {
    this.id = setup.id;
    this.stage = setup.stage;
    this.missed = setup.missed;
    this.#limit = setup.limit;
    this.#onEnd = setup.onEnd;
    this.#replay = setup.replay.slice(0, setup.limit);
    this.#captured = this.#replay.length;
    this.#channel = new Channel({
      capacity: setup.bufferEvents,
      overflow: "drop-newest",
      maxBytes: setup.maxBytes,
      sizeOf: byteSize,
    });
    this.#maxDurationMs = setup.durationMs;
  }

  /** How many events the session has taken into its buffer. */
  get captured(): number {
    return this.#captured;
  }

  /** How many events the session has lost, because its buffer was full or an event could not be written. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How many captured events were given up because their reader went away, or did not read them in time. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /** How many captured events nobody has read yet. */
  get size(): number {
    return this.#replay.length - this.#replayed + this.#channel.size;
  }

  /** Why the session ended; undefined while it is open. */
  get reason(): TapEndReason | undefined {
    return this.#reason;
  }

  /** A promise fulfilled with the reason once the session has ended. */
  get ended(): Promise<TapEndReason> {
    if (this.#ended === undefined) {
      this.#ended = Promise.withResolvers();
      if (this.#reason !== undefined) this.#ended.resolve(this.#reason);
    }
    return this.#ended.promise;
  }

  /** For how long the session has been open, or was, in milliseconds. */
  get durationMs(): number {
    return this.#durationMs ?? performance.now() - this.#start;
  }

  /**
   * Takes the events that are there, up to `max`, waiting until there is at least one.
   *
   * @param max The most events to take: a positive integer.
   * @param options Cancellation of the wait.
   * @returns A promise of one event or more; of an empty array once the session has ended and everything is read.
   * @throws {RangeError} Rejects with it if `max` is not a positive integer.
   *
   * @example Reading what there is
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assertEquals } from "@std/assert";
   *
   * const tap = new Tap();
   * using session = tap.open({ stage: "raw" })!;
   * tap.offer("raw", "first");
   * tap.offer("raw", "second");
   * assertEquals((await session.receiveBatch(10)).map((event) => event.line), ["first", "second"]);
   * ```
   */
  receiveBatch(max: number, options?: ChannelWaitOptions): Promise<TapEvent[]> {
    const isUsable = Number.isInteger(max) && max > 0;
    if (!isUsable || this.#replayed === this.#replay.length) {
      return this.#channel.receiveBatch(max, options);
    }
    const batch = this.#replay.slice(this.#replayed, this.#replayed + max);
    this.#replayed += batch.length;
    if (this.#replayed === this.#replay.length) {
      this.#replay = [];
      this.#replayed = 0;
    }
    return Promise.resolve(batch);
  }

  /** Ends the session and frees its place in the tap; what it has captured can still be read. Closing again does nothing. */
  close(): void {
    this.#end("client");
  }

  /**
   * Reads the events until the session has ended and everything is read.
   *
   * @returns The iterator. Leaving it closes the session.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TapEvent> {
    const live = this.#channel[Symbol.asyncIterator]();
    let hasLeft = false;
    const iterator: AsyncIterableIterator<TapEvent> = {
      next: async () => {
        if (!hasLeft && this.#replayed < this.#replay.length) {
          return { value: (await this.receiveBatch(1))[0]!, done: false };
        }
        return live.next();
      },
      return: (value) => {
        hasLeft = true;
        this.close();
        return live.return!(value);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Closes the session. */
  [Symbol.dispose](): void {
    this.close();
  }

  #begin(endReason: TapEndReason | undefined): void {
    if (this.#captured >= this.#limit) this.#end("limit");
    else if (endReason !== undefined) this.#end(endReason);
    else if (this.#reason === undefined) {
      this.#cancelDeadline = later(this.#maxDurationMs, () => this.#end("duration"));
    }
  }

  /** Takes an event into the buffer, or counts it as lost; one that could not be written is undefined. */
  #offer(event: TapEvent | undefined): boolean {
    if (event === undefined || !this.#channel.trySend(event)) {
      this.#dropped++;
      return false;
    }
    this.#captured++;
    if (this.#captured >= this.#limit) this.#end("limit");
    return true;
  }

  #end(reason: TapEndReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#durationMs = performance.now() - this.#start;
    this.#cancelDeadline?.();
    this.#channel.close();
    this.#ended?.resolve(reason);
    this.#onEnd(this);
  }

  #discard(): void {
    this.#undelivered += this.size;
    this.#replay = [];
    this.#replayed = 0;
    while (this.#channel.tryReceive().state === "ok");
  }
}

/** What an event holds in memory, at the most: strings take two bytes a code unit. */
export function byteSize(event: TapEvent): number {
  return 2 * event.line.length;
}
