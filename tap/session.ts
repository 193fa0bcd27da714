import { Channel, type ChannelWaitOptions } from "../channel/mod.ts";
import { every, later, onAbort } from "../internal/mod.ts";
import { Allowance } from "./_allowance.ts";
import type { Counter } from "./_counter.ts";
import { cutLine, isLonger, utf8Length } from "./_line.ts";
import type { Offered } from "./_offered.ts";
import { asking } from "./_path.ts";
import type { LineWriter } from "./_redactor.ts";
import type { Reservoir, Sampler } from "./_sampler.ts";
import { byteSize, type TapEvent } from "./event.ts";
import type { TapOpenOptions } from "./options.ts";
import type { Where } from "./where.ts";

/**
 * Why a session ended.
 *
 * - `"limit"`: it has captured as many events as it was opened for.
 * - `"duration"`: its time is over.
 * - `"bytes"`: it has captured as many bytes as it was opened for.
 * - `"client"`: its reader went away or closed it.
 * - `"input"`: there will be no more events.
 * - `"shutdown"`: the tap was closed.
 * - `"killed"`: the operator ended it.
 * - `"slow_reader"`: its reader took nothing for too long.
 * - `"costly"`: its `where` takes too much of the program's time.
 */
export type TapEndReason =
  | "limit"
  | "duration"
  | "bytes"
  | "client"
  | "input"
  | "shutdown"
  | "killed"
  | "slow_reader"
  | "costly";

/**
 * What a session has done: `seen` is the sum of what was not wanted (`seen - matched`), `sampledOut`, `rateLimited`, `dropped`, `captured`
 * and `held`, or, where it counts, `counted` in place of `captured`; and `captured` of what was read, `undelivered` and `size`.
 */
export interface TapSessionStats {
  /** Events that were offered at its stages while it was open, or kept from before. */
  readonly seen: number;
  /** Of what was seen, what its `where` wants. */
  readonly matched: number;
  /** Of what matched, what sampling has left out. */
  readonly sampledOut: number;
  /** Of what matched, what came faster than its `rate`. */
  readonly rateLimited: number;
  /** Of what matched, what was lost: the buffer was full, or the event could not be written or must not be shown. */
  readonly dropped: number;
  /** Of what was dropped, what could not be written or must not be shown; the others found no room. */
  readonly unshown: number;
  /** Of what matched, what it has counted by a path rather than taken. */
  readonly counted: number;
  /** Of what matched, what it got and has not dropped again for newer events; where it counts, the lines that say what was counted. */
  readonly captured: number;
  /** Of what matched, what waits for the interval of a reservoir to end. */
  readonly held: number;
  /** Captured events that nobody has read yet. */
  readonly size: number;
  /** Captured events that were given up, because the reader went away or did not read them in time. */
  readonly undelivered: number;
  /** Captured events that were too long: only their beginning was given out, or what was told with them was left out. */
  readonly truncated: number;
}

/** What writes events. */
export interface Writers {
  /** Hides and projects what only this session must not see. */
  readonly line: LineWriter | undefined;
  /** The same for what is told with events, which has no fields to choose from. */
  readonly meta: LineWriter | undefined;
}

/** What a session needs of its tap. */
export interface SessionSetup {
  readonly id: number;
  readonly query: TapOpenOptions<string>;
  readonly stages: readonly string[];
  readonly bufferEvents: number;
  readonly maxBufferBytes: number;
  readonly maxEventBytes: number;
  readonly maxBytes: number;
  readonly limit: number;
  readonly durationMs: number;
  readonly where: Where | undefined;
  readonly sampler: Sampler | undefined;
  readonly reservoir: Reservoir<TapEvent> | undefined;
  readonly counter: Counter | undefined;
  /** How long an interval of the reservoir or of the counter is. */
  readonly intervalMs: number;
  /** How texts are shown to what the reader asks for; undefined for as they are. */
  readonly showText: ((text: string) => string) | undefined;
  /** Lets through so many a second, and up to a second's worth at once. */
  readonly rate: Allowance | undefined;
  /** Makes what writes the events of a stage for this session. */
  readonly writersAt: (stage: string) => Writers;
  readonly now: () => number;
  /** How long it may look through the backlog, in milliseconds. */
  readonly replayMs: number;
  /** What the filters of all sessions may be at once, beside what each of them may be all the time. */
  readonly spareWork: Allowance;
  /** Makes an event that says what was counted. */
  readonly makeEvent: (stage: string, line: string) => TapEvent;
  readonly onCaptured: (count: number) => void;
  readonly onDropped: (count: number) => void;
  readonly onEnd: (session: TapSession) => void;
}

/** Set by the static block of {@linkcode TapSession}: what only the tap and those who serve it may do. */
export let control: {
  create(setup: SessionSetup): TapSession;
  /** Gives of the kept events what it wants, `count` at the most; answers how many of them need not be missed. */
  replay(
    session: TapSession,
    kept: readonly TapEvent[],
    offeredAgain: (event: TapEvent) => Offered,
    count: number,
  ): number;
  /** What lies before the first event that it gets; undefined if nobody knows. */
  setMissed(session: TapSession, missed: number | undefined): void;
  /** Starts the clock; a session that is to capture nothing, or nothing more, ends at once. */
  begin(session: TapSession, endReason: TapEndReason | undefined): void;
  offer(session: TapSession, offered: Offered): void;
  addStage(session: TapSession, stage: string): void;
  end(session: TapSession, reason: TapEndReason): void;
  /** Gives up what was captured and not read. */
  discard(session: TapSession): void;
  /** Counts what was read and not delivered. */
  giveUp(session: TapSession, count: number): void;
  /** Takes the next event, if there is one. */
  take(session: TapSession): TapEvent | undefined;
  /** Fulfilled after some time, or once half of the buffer or so many events wait, or the session has ended. */
  gather(session: TapSession, ms: number, count: number): Promise<void>;
  /** How many of its events are from before it. */
  replayed(session: TapSession): number;
};

/** For how long a backlog is looked through, in milliseconds, and after how many events each time it is asked how long it took. */
export const REPLAY_MS = 100;
const REPLAY_LOOK = 32;

/**
 * How much work a filter may be, in the units of `_path.ts`: so much a millisecond, which is a tenth of the time or less with what it may have
 * of the spare work of the tap. It is looked at when as much has come together as is worth a look; a little of each event is free.
 */
const WORK_PER_MS = 1_500;
const WORK_KEPT = 25_000;
const WORK_LOOK = 20_000;
const WORK_FREE = 16;

/** In so many parts the events of a reservoir are given out. */
const RELEASES = 8;

/**
 * One reader of a tap: the events of one stage or more, from now on, in a bounded buffer of its own.
 *
 * The tap never waits for it. An event that finds the buffer full is dropped and counted, and so is everything else that becomes of an
 * event: see {@linkcode TapSessionStats}.
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
      replay: (session, kept, offeredAgain, count) => session.#takeKept(kept, offeredAgain, count),
      setMissed: (session, missed) => void (session.#missed = missed),
      begin: (session, endReason) => session.#begin(endReason),
      offer: (session, offered) => session.#offer(offered),
      addStage: (session, stage) => void (session.#stages = [...session.#stages, stage]),
      end: (session, reason) => session.#end(reason),
      discard: (session) => session.#discard(),
      giveUp: (session, count) => void (session.#undelivered += count),
      take: (session) => session.#take(),
      gather: (session, ms, count) => session.#gather(ms, count),
      replayed: (session) => session.#replayCount,
    };
  }

  /** Counts the sessions of a tap from 1. */
  readonly id: number;
  /** What it was opened with. */
  readonly query: TapOpenOptions<string>;
  /** When it was opened, in milliseconds since 1970. */
  readonly openedAt: number = Date.now();

  readonly #setup: SessionSetup;
  readonly #channel: Channel<TapEvent>;
  readonly #start: number;
  #stages: readonly string[];
  // Events from before the session; they stand in front of the buffer, so that a long backlog does not crowd out what is new.
  #replay: readonly TapEvent[] = [];
  #replayed = 0;
  #replayCount = 0;
  #missed: number | undefined = 0;
  // What a reservoir has chosen from the interval before, and how many parts of it are still to come.
  #chosen: TapEvent[] = [];
  #releases = RELEASES;
  #seen = 0;
  #matched = 0;
  #sampledOut = 0;
  #rateLimited = 0;
  #counted = 0;
  #captured = 0;
  #dropped = 0;
  #unshown = 0;
  #undelivered = 0;
  #truncated = 0;
  // Events of which only the beginning is there, as long as somebody has them.
  readonly #cut: WeakSet<TapEvent> = new WeakSet();
  #bytes = 0;
  #durationMs: number | undefined;
  readonly #writers: Map<string, Writers> = new Map();
  // What its filter has cost since it was looked at last, and what it may cost.
  #work = 0;
  readonly #allowance: Allowance;
  #isCostly = false;
  #hasBegun = false;
  // How many events somebody waits for, and what ends that wait.
  #gatherCount = Infinity;
  #endGathering: (() => void) | undefined;
  readonly #stops: (() => void)[] = [];
  #ended: Promise<TapEndReason> | undefined;
  #resolveEnded: ((reason: TapEndReason) => void) | undefined;
  #reason: TapEndReason | undefined;

  private constructor(setup: SessionSetup) {
    this.id = setup.id;
    this.query = setup.query;
    this.#setup = setup;
    this.#stages = setup.stages;
    this.#start = setup.now();
    this.#allowance = new Allowance(WORK_PER_MS, WORK_KEPT, this.#start, 0);
    this.#channel = new Channel<TapEvent>({
      capacity: setup.bufferEvents,
      // A line of counts stands for many events, so none goes for another.
      overflow: setup.counter ? "drop-newest" : setup.query.overflow ?? "drop-newest",
      maxBytes: setup.maxBufferBytes,
      sizeOf: byteSize,
    });
  }

  /** The stage it captures, as it was asked for; several have commas between them. */
  get stage(): string {
    const { stage } = this.query;
    return typeof stage === "string" ? stage : stage.join(",");
  }

  /** The stages it captures, in the order in which they were found. */
  get stages(): readonly string[] {
    return this.#stages;
  }

  /** Who reads, as it was opened. */
  get subject(): string | undefined {
    return this.query.subject;
  }

  /** How many events the session has taken into its buffer, and not dropped again for newer ones. */
  get captured(): number {
    return this.#captured;
  }

  /** How many events the session has lost, because its buffer was full, or an event could not be written or must not be shown. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How many captured events were given up because their reader went away, or did not read them in time. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /**
   * How many events were offered at its stages before the first that it got, or since the event that it was to go on behind; undefined if
   * nobody knows, as after a restart. 0 where no backlog is kept: then nobody counts.
   */
  get missed(): number | undefined {
    return this.#missed;
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
    return this.#ended ??= new Promise((resolve) => {
      if (this.#reason === undefined) this.#resolveEnded = resolve;
      else resolve(this.#reason);
    });
  }

  /** For how long the session has been open, or was, in milliseconds. */
  get durationMs(): number {
    return this.#durationMs ?? this.#setup.now() - this.#start;
  }

  /**
   * Says what the session has done.
   *
   * @returns The counts so far.
   */
  stats(): TapSessionStats {
    return {
      seen: this.#seen,
      matched: this.#matched,
      sampledOut: this.#sampledOut,
      rateLimited: this.#rateLimited,
      dropped: this.#dropped,
      unshown: this.#unshown,
      counted: this.#counted,
      captured: this.#captured,
      held: (this.#setup.reservoir?.size ?? 0) + this.#chosen.length,
      size: this.size,
      undelivered: this.#undelivered,
      truncated: this.#truncated,
    };
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
    return Promise.resolve(this.#takeReplayed(max));
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
    const { limit, durationMs, reservoir, counter, intervalMs, query } = this.#setup;
    if (this.#reason !== undefined) return;
    this.#hasBegun = true;
    if (this.#isCostly) return this.#end("costly");
    if (this.#captured >= limit) return this.#end("limit");
    if (this.#bytes > this.#setup.maxBytes) return this.#end("bytes");
    if (endReason !== undefined) return this.#end(endReason);
    if (query.signal?.aborted) return this.#end("client");
    this.#stops.push(later(durationMs, () => this.#end("duration")));
    if (query.signal) this.#stops.push(onAbort(query.signal, () => this.#end("client")));
    if (reservoir) this.#stops.push(every(intervalMs / RELEASES, () => this.#release()));
    if (counter) this.#stops.push(every(intervalMs, () => this.#tellCounts(counter)));
  }

  /** Whether an event gets as far as being written. */
  #wants(offered: Offered): boolean {
    const { where, sampler } = this.#setup;
    this.#seen++;
    const before = asking.showText;
    asking.showText = this.#setup.showText;
    try {
      if (where !== undefined && !this.#matches(offered, where)) return false;
      this.#matched++;
      if (sampler === undefined || sampler(offered)) return true;
      this.#sampledOut++;
      return false;
    } finally {
      asking.showText = before;
    }
  }

  #matches(offered: Offered, where: Where): boolean {
    const outer = asking.nesting;
    if (outer === 0) asking.work = 0;
    asking.nesting = outer + 1;
    try {
      const value = where.readsText ? offered.shown : offered.root;
      // What cannot be made is lost, whatever it would have been.
      return offered.hasFailed || where.matches(value);
    } catch {
      // An expression never throws, but what a program gives in place of one may.
      return false;
    } finally {
      asking.nesting = outer;
      // What any simple filter is, is free, however many events there are.
      this.#work += Math.max(0, asking.work - WORK_FREE);
      if (this.#work > WORK_LOOK) this.#payWork();
    }
  }

  /** Ends a session whose filter is more work than the program can afford. */
  #payWork(): void {
    const { now, spareWork } = this.#setup;
    this.#allowance.spend(this.#work);
    this.#work = 0;
    const missing = -this.#allowance.left(now());
    if (missing <= 0) return;
    // One session after another would else begin with as much as it needs.
    const lent = spareWork.take(missing, now());
    this.#allowance.spend(-lent);
    if (lent === missing) return;
    this.#isCostly = true;
    if (this.#hasBegun) this.#end("costly");
  }

  /**
   * Takes what it wants of what is kept: the newest `count`, or, where it is said where to begin, what comes first from there on. Answers how
   * many of them need not be missed.
   */
  #takeKept(
    kept: readonly TapEvent[],
    offeredAgain: (event: TapEvent) => Offered,
    count: number,
  ): number {
    const { maxBytes, counter, limit, now, query, replayMs } = this.#setup;
    const isForward = query.since !== undefined && count === Infinity;
    // A limit is one of lines, where it counts.
    const most = isForward && counter === undefined ? limit : count;
    const replay: TapEvent[] = [];
    const start = now();
    let looked = 0;
    let isOut = false;
    // From the newest on, nobody knows before how many of them it wants.
    while (looked < kept.length && replay.length + this.#counted < most && !isOut) {
      // The program waits for this.
      if (looked % REPLAY_LOOK === REPLAY_LOOK - 1) isOut = now() - start > replayMs;
      const offered = offeredAgain(kept[isForward ? looked : kept.length - 1 - looked]!);
      looked++;
      if (!this.#wants(offered)) {
        isOut ||= this.#isCostly;
        continue;
      }
      if (counter !== undefined) {
        this.#tally(offered, counter);
        continue;
      }
      const event = this.#write(offered);
      if (event === undefined) continue;
      this.#bytes += maxBytes === Infinity ? 0 : utf8Length(event.line) + 1;
      if (this.#bytes > maxBytes) {
        this.#count(0, 1);
        break;
      }
      replay.push(event);
    }
    if (!isForward) replay.reverse();
    // Behind its limit there is nothing any more that it could see.
    const beyond = Math.max(0, replay.length - limit);
    this.#seen -= beyond;
    this.#matched -= beyond;
    this.#replay = replay.slice(0, limit);
    this.#replayCount = this.#replay.length;
    this.#truncated += this.#replay.filter((event) => this.#cut.has(event)).length;
    this.#count(this.#replayCount, 0);
    // What is behind the bounds that it has set itself it does not miss.
    return isForward && !isOut ? kept.length : looked;
  }

  #offer(offered: Offered): void {
    // One that is to capture nothing is told of before it ends.
    if (this.#captured >= this.#setup.limit) return;
    if (!this.#wants(offered)) return;
    if (this.#reason !== undefined) return this.#forget();
    const { reservoir, counter, rate, now, bufferEvents, query } = this.#setup;
    if (counter !== undefined) return this.#tally(offered, counter);
    if (reservoir !== undefined) return this.#hold(offered, reservoir);
    if (rate !== undefined && !rate.takeOne(now())) {
      this.#rateLimited++;
      return;
    }
    // What finds no room need not be written.
    if (query.overflow !== "drop-oldest" && this.#channel.size >= bufferEvents) {
      return this.#count(0, 1);
    }
    const event = this.#write(offered);
    if (this.#reason !== undefined) return this.#forget();
    if (event !== undefined) this.#admit(event);
  }

  /** What is offered while an event is being written may end the session, which that event comes too late for then. */
  #forget(): void {
    this.#seen--;
    this.#matched--;
  }

  #tally(offered: Offered, counter: Counter): void {
    const { root } = offered;
    if (this.#reason !== undefined) return this.#forget();
    if (offered.hasFailed) {
      this.#unshown++;
      return this.#count(0, 1);
    }
    const before = asking.showText;
    asking.showText = this.#setup.showText;
    let values: readonly string[];
    try {
      values = counter.read(root);
    } finally {
      asking.showText = before;
    }
    if (this.#reason !== undefined) return this.#forget();
    this.#counted++;
    counter.add(values);
  }

  /** Says what was counted; where there is no room it is said with what comes next, or lost if nothing does. */
  #tellCounts(counter: Counter): void {
    const { total } = counter;
    const { bufferEvents, limit, maxEventBytes, makeEvent } = this.#setup;
    if (total === 0) return;
    const hasRoom = this.#channel.size < bufferEvents && this.#captured < limit;
    if (!hasRoom && this.#reason === undefined) return;
    const event = makeEvent(this.stage, counter.takeLine(maxEventBytes));
    if (hasRoom) this.#admit(event, total);
    else this.#lose(total, total);
  }

  #hold(offered: Offered, reservoir: Reservoir<TapEvent>): void {
    if (!reservoir.choose()) {
      this.#sampledOut++;
      return;
    }
    const event = this.#write(offered);
    if (this.#reason !== undefined) return this.#forget();
    if (event !== undefined && reservoir.put(event) !== undefined) this.#sampledOut++;
  }

  /** Gives out a part of what was chosen; at the end of an interval, all that is left, and chooses anew. */
  #release(): void {
    const { rate, now, reservoir } = this.#setup;
    const count = this.#releases <= 1
      ? this.#chosen.length
      : Math.ceil(this.#chosen.length / this.#releases);
    for (let released = 0; released < count; released++) {
      // What is left when the session ends meanwhile is dealt with there.
      const event = this.#reason === undefined ? this.#chosen.shift() : undefined;
      if (event === undefined) return;
      if (rate !== undefined && !rate.takeOne(now())) this.#rateLimited++;
      else this.#admit(event);
    }
    if (--this.#releases > 0) return;
    this.#releases = RELEASES;
    this.#chosen = reservoir!.takeAll();
  }

  /** The event as this session is to see it; undefined, and counted, if it must not. */
  #write(offered: Offered): TapEvent | undefined {
    const event = offered.event();
    try {
      const { maxEventBytes } = this.#setup;
      const writers = event && this.#writersAt(event.stage);
      let line = event && writers?.line
        ? writers.line.write(event.line, event.isText)
        : event?.line;
      if (event !== undefined && line !== undefined) {
        let { isText, meta } = event;
        let isCut = false;
        if (writers?.meta && meta !== undefined) meta = writers.meta.write(meta, false);
        // Half of what is told with an event tells nothing.
        if (meta !== undefined && isLonger(meta, maxEventBytes)) {
          meta = undefined;
          isCut = true;
        }
        if (isLonger(line, maxEventBytes)) {
          line = cutLine(line, maxEventBytes);
          isText = false;
          isCut = true;
        }
        if (line === event.line && meta === event.meta) return event;
        const written = { ...event, line, isText, meta };
        if (isCut) this.#cut.add(written);
        return written;
      }
    } catch {
      // What cannot be hidden is not shown.
    }
    // One that has ended the session comes too late for it.
    if (this.#reason !== undefined) return undefined;
    this.#unshown++;
    this.#count(0, 1);
    return undefined;
  }

  #writersAt(stage: string): Writers {
    let writers = this.#writers.get(stage);
    if (writers === undefined) this.#writers.set(stage, writers = this.#setup.writersAt(stage));
    return writers;
  }

  /** Takes an event into the buffer, or counts what is lost for it: so many events as it stands for, if it is a line of counts. */
  #admit(event: TapEvent, counts = 0): void {
    const { maxBytes, limit } = this.#setup;
    const bytes = maxBytes === Infinity ? 0 : utf8Length(event.line) + 1;
    if (this.#bytes + bytes > maxBytes) {
      this.#lose(counts || 1, counts);
      return this.#end("bytes");
    }
    const before = this.#channel.dropped;
    const isTaken = this.#channel.trySend(event);
    if (isTaken) this.#bytes += bytes;
    const lost = this.#channel.dropped - before;
    if (isTaken) this.#count(1 - lost, lost);
    else this.#lose(counts || 1, counts);
    if (isTaken && this.#cut.has(event)) this.#truncated++;
    if (this.#captured >= limit) this.#end("limit");
    else if (this.#channel.size >= this.#gatherCount) this.#endGathering?.();
  }

  /** Counts events as lost, which were counted by a path before. */
  #lose(count: number, counted: number): void {
    this.#counted -= counted;
    this.#count(0, count);
  }

  #count(captured: number, dropped: number): void {
    this.#captured += captured;
    this.#dropped += dropped;
    if (captured !== 0) this.#setup.onCaptured(captured);
    if (dropped !== 0) this.#setup.onDropped(dropped);
  }

  #end(reason: TapEndReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#durationMs = this.#setup.now() - this.#start;
    for (const stop of this.#stops) stop();
    this.#flush();
    this.#channel.close();
    this.#endGathering?.();
    this.#resolveEnded?.(reason);
    this.#setup.onEnd(this);
  }

  /** What a reservoir holds at the end is what it would have given out, as far as there is room and the limit allows. */
  #flush(): void {
    const { reservoir, counter, limit } = this.#setup;
    if (counter !== undefined) this.#tellCounts(counter);
    if (reservoir === undefined) return;
    for (const event of [...this.#chosen.splice(0), ...reservoir.takeAll()]) {
      if (this.#captured >= limit) this.#count(0, 1);
      else this.#admit(event);
    }
  }

  #takeReplayed(max: number): TapEvent[] {
    const batch = this.#replay.slice(this.#replayed, this.#replayed + max);
    this.#replayed += batch.length;
    if (this.#replayed === this.#replay.length) {
      this.#replay = [];
      this.#replayed = 0;
    }
    return batch;
  }

  #take(): TapEvent | undefined {
    if (this.#replayed < this.#replay.length) return this.#takeReplayed(1)[0];
    const result = this.#channel.tryReceive();
    return result.state === "ok" ? result.value : undefined;
  }

  #gather(ms: number, count: number): Promise<void> {
    const enough = Math.min(count, Math.ceil(this.#setup.bufferEvents / 2));
    if (this.#reason !== undefined || this.size >= enough) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        stopWaiting();
        this.#gatherCount = Infinity;
        this.#endGathering = undefined;
        resolve();
      };
      const stopWaiting = later(ms, end);
      this.#gatherCount = enough;
      this.#endGathering = end;
    });
  }

  #discard(): void {
    this.#undelivered += this.size;
    this.#replay = [];
    this.#replayed = 0;
    while (this.#channel.tryReceive().state === "ok");
  }
}
