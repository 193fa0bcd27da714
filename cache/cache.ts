import { checkFunction, checkInteger } from "../internal/mod.ts";
import {
  checkChance,
  checkLength,
  checkLimit,
  checkObject,
  checkOneOf,
  checkOptionalFunction,
  checkText,
} from "./_check.ts";
import { MAX_TEXT } from "./_cells.ts";
import { OPEN, STATE_MASK } from "./_columns.ts";
import { NONE } from "./_commit_log.ts";
import { filterOf, ofTrace, type SpanFilter } from "./_filter.ts";
import { groupsOf } from "./_groups.ts";
import { isId } from "./_hex.ts";
import { Reader } from "./_reader.ts";
import { findNewest, findSlowest } from "./_search.ts";
import { Recorder } from "./_recorder.ts";
import { SpanStore } from "./_store.ts";
import { isThenable } from "./_thenable.ts";
import { Tracer } from "./_tracer.ts";
import type { SpanAggregate, SpanAggregateOptions } from "./aggregate.ts";
import { checkLevel, levelNumber, LEVELS, type SpanLevel, type SpanLevelFilter } from "./level.ts";
import type {
  OpenSpanOptions,
  SpanCacheOptions,
  SpanFindOptions,
  SpanOptions,
  SpanPageOptions,
  SpanQuery,
} from "./options.ts";
import type { Fields, OpenSpanRecord, SpanEventInput, SpanInput, SpanRecord } from "./record.ts";
import type { Span } from "./span.ts";
import type { SpanCacheStats } from "./stats.ts";
import { type SpanSubscribeOptions, type SpanSubscription, subscriptions } from "./subscription.ts";
import { type TraceTree, treeOf } from "./trace_tree.ts";

/** What starts the spans of a cache. Set by its static block. */
export let tracerOf: (cache: SpanCache) => Tracer;

const MAX_SPANS = 2 ** 24;
const MIN_BYTES = 4_096;
/** What one buffer can be on every engine. */
const MAX_BYTES = 2 ** 31;

/**
 * The last spans of a running server: what it was doing, how long that took, and what happened in it, held in a few megabytes and asked at any time.
 *
 * - **Spans** are started with {@linkcode SpanCache.span}, which is a context for what it calls and waits for, or with {@linkcode SpanCache.start}.
 * - **Bounds**: spans that are held, spans that run, bytes, names, fields and events of a span, length of a text. What is lost is counted by its cause.
 * - **Reads** make plain objects of what is asked for. Nothing is made of the rest.
 * - **Recording** neither waits nor throws, whatever it is given, and keeps no object of a span that has ended.
 *
 * | operation | cost |
 * | --- | --- |
 * | start, event, end | O(fields, lengths of texts) |
 * | get | O(size of the span) |
 * | page, receive | O(spans read) |
 * | find, trace, open | O(spans held) |
 * | aggregate | O(names), and O(spans held) with `by` or `where`, or where the shortest or longest has gone |
 *
 * @example What was slow just now
 * ```ts
 * import { SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache({ capacity: 10_000 });
 * await cache.span("GET /users", { user: 7 }, async (span) => {
 *   await cache.span("query", async () => {});
 *   span.set("rows", 3);
 * });
 *
 * const [slowest] = cache.find({ order: "slowest", limit: 1 });
 * assertEquals(slowest?.name, "GET /users");
 * assertEquals(cache.trace(slowest!.traceId).roots[0]?.children.map(({ span }) => span.name), ["query"]);
 * ```
 */
export class SpanCache implements Disposable, AsyncDisposable {
  static {
    tracerOf = (cache) => cache.#tracer;
  }

  /** How many spans are held that have ended. */
  readonly capacity: number;

  readonly #store: SpanStore;
  readonly #tracer: Tracer;
  readonly #reader: Reader;
  readonly #recorder: Recorder;

  /**
   * Creates a cache.
   *
   * @param options Its bounds, what is recorded, and its clocks.
   * @throws {TypeError} If an option is not of its type.
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(options: SpanCacheOptions = {}) {
    const create = "create SpanCache";
    const {
      capacity = 16_384,
      maxOpen = 4_096,
      maxBytes,
      maxNames = 1_024,
      maxFields = 128,
      maxEvents = 128,
      maxTextLength = 1_024,
      evict = "oldest-opened",
      reserve = 0,
      slowMs = Infinity,
      level = "trace",
      chance = 1,
      clock = { now: () => performance.now(), wallNow: () => Date.now() },
      random = Math.random,
    } = options;
    checkInteger(create, "capacity", capacity, 1, MAX_SPANS);
    checkInteger(create, "maxOpen", maxOpen, 1, MAX_SPANS);
    if (maxBytes !== undefined) checkInteger(create, "maxBytes", maxBytes, MIN_BYTES, MAX_BYTES);
    checkInteger(create, "maxNames", maxNames, 1, 65_536);
    checkInteger(create, "maxFields", maxFields, 0);
    checkInteger(create, "maxEvents", maxEvents, 0, 65_535);
    checkInteger(create, "maxTextLength", maxTextLength, 1, MAX_TEXT);
    checkInteger(create, "reserve", reserve, 0, capacity);
    checkOneOf(create, "evict", ["oldest-opened", "oldest-closed"], evict);
    checkLength(create, "slowMs", slowMs);
    checkObject(create, "clock", clock);
    checkFunction(create, "clock.now", clock.now);
    checkFunction(create, "clock.wallNow", clock.wallNow);
    checkFunction(create, "random", random);
    checkChance(create, chance);
    const levelIndex = checkLevel(create, level);

    this.capacity = capacity;
    this.#store = new SpanStore({
      capacity,
      maxOpen,
      maxBytes: maxBytes ?? Math.min(Math.max(256 * (capacity + maxOpen), MIN_BYTES), MAX_BYTES),
      maxNames,
      maxFields,
      maxEvents,
      maxTextLength,
      evict,
      reserve,
      slowMs,
    });
    const originMs = clock.wallNow() - clock.now();
    this.#tracer = new Tracer(this.#store, clock, random, levelIndex, chance);
    this.#reader = new Reader(this.#store, originMs);
    this.#recorder = new Recorder(this.#tracer, originMs, parkedFor(capacity));
  }

  /** How many spans are held that have ended. */
  get size(): number {
    return this.#store.held;
  }

  /** The `seq` of the span that was committed last; 0 before the first one. */
  get lastSeq(): number {
    return this.#store.log.last;
  }

  /** Whether it has been closed. */
  get closed(): boolean {
    return this.#tracer.lastSeq !== undefined;
  }

  /** Up to which level spans and events are recorded. Those that run are not concerned, but for events that they do not have yet. */
  get level(): SpanLevelFilter {
    return LEVELS[this.#tracer.level]!;
  }

  /** Sets it, at once for all spans that are started from now on. Throws a `TypeError` for what is no level. */
  set level(level: SpanLevelFilter) {
    const index = checkLevel("set level", level);
    if (!this.closed) this.#tracer.level = index;
  }

  /** Which share of the traces that begin here is recorded, from 0 to 1. What is in a trace is recorded if that is. */
  get chance(): number {
    return this.#tracer.chance;
  }

  /** Sets it for all traces that begin from now on. Throws a `RangeError` for what is no number from 0 to 1. */
  set chance(chance: number) {
    checkChance("set chance", chance);
    this.#tracer.chance = chance;
  }

  /**
   * Whether a span of a level would be recorded, chance aside: to ask before its fields are made, where that is dear.
   *
   * @param level The level; `"info"` without it.
   */
  enabled(level?: SpanLevel): boolean {
    return levelNumber(level) <= this.#tracer.level;
  }

  /**
   * Starts a span, which runs until its `end()`. It is in the span that is around this call, unless `parent` says otherwise, and around nothing:
   * see {@linkcode Span.run} and {@linkcode SpanCache.span} for that.
   *
   * @param name What is being done. Different names should be few: what differs each time belongs to the fields.
   * @param fields What is known of it.
   * @param options What it is in, its level, its kind and its links.
   * @returns Its handle, which takes the same calls if it is not recorded.
   */
  start(name: string, fields?: Fields, options?: SpanOptions): Span {
    return this.#tracer.start(name, fields, options);
  }

  /**
   * Calls a function in a new span, which ends when the function has returned, or its promise has settled. It fails with what the function throws.
   *
   * Spans that are started in the function, and in everything that it waits for, are in this one.
   *
   * @typeParam T What the function answers.
   * @param name What is being done.
   * @param callback The function, which gets the span.
   * @returns What it answers; a promise of that if it answers a promise.
   * @throws What it throws.
   */
  span<T>(name: string, callback: (span: Span) => T): T;
  /**
   * Calls a function in a new span that has fields.
   *
   * @typeParam T What the function answers.
   * @param name What is being done.
   * @param fields What is known of it.
   * @param callback The function, which gets the span.
   * @param options What the span is in, its level, its kind and its links.
   * @returns What it answers; a promise of that if it answers a promise.
   * @throws What it throws.
   */
  span<T>(
    name: string,
    fields: Fields | undefined,
    callback: (span: Span) => T,
    options?: SpanOptions,
  ): T;
  span<T>(
    name: string,
    fields: Fields | undefined | ((span: Span) => T),
    callback?: (span: Span) => T,
    options?: SpanOptions,
  ): T {
    return typeof fields === "function"
      ? this.#callIn("run", name, undefined, fields, options)
      : this.#callIn("run", name, fields, callback!, options);
  }

  /**
   * Calls a function in a new span, as {@linkcode SpanCache.span} does, but without the context of the platform, which is dear on Deno. It is for
   * functions that are done when they return: what they start and do not wait for is in the span around this call.
   *
   * @typeParam T What the function answers.
   * @param name What is being done.
   * @param callback The function, which gets the span.
   * @returns What it answers.
   * @throws What it throws.
   */
  spanSync<T>(name: string, callback: (span: Span) => T): T;
  /**
   * Calls a function in a new span that has fields, without the context of the platform.
   *
   * @typeParam T What the function answers.
   * @param name What is being done.
   * @param fields What is known of it.
   * @param callback The function, which gets the span.
   * @param options What the span is in, its level, its kind and its links.
   * @returns What it answers.
   * @throws What it throws.
   */
  spanSync<T>(
    name: string,
    fields: Fields | undefined,
    callback: (span: Span) => T,
    options?: SpanOptions,
  ): T;
  spanSync<T>(
    name: string,
    fields: Fields | undefined | ((span: Span) => T),
    callback?: (span: Span) => T,
    options?: SpanOptions,
  ): T {
    return typeof fields === "function"
      ? this.#callIn("runSync", name, undefined, fields, options)
      : this.#callIn("runSync", name, fields, callback!, options);
  }

  /** The span around this call; undefined if there is none. One that was not recorded is told by its `recording`. */
  get current(): Span | undefined {
    return this.#tracer.current;
  }

  /**
   * Keeps the span around this call for a function that is called later, by who knows whom: an emitter, a pool, a queue.
   *
   * @typeParam A What the function gets.
   * @typeParam R What the function answers.
   * @param callback The function.
   * @returns A function that calls it in that span, or in none if there is none now.
   */
  bind<A extends unknown[], R>(callback: (...args: A) => R): (...args: A) => R {
    checkFunction("bind", "callback", callback);
    const span = this.#tracer.current;
    const tracer = this.#tracer;
    return function (this: unknown, ...args) {
      return tracer.run(span, () => callback.apply(this, args));
    };
  }

  /**
   * Takes in a span that has ended elsewhere: in a worker, another process, another library.
   *
   * @param span The span. Its id makes it known again.
   * @returns Whether it was recorded; not if it is held already, does not matter enough, or the cache is closed.
   * @throws {TypeError} If something of it is not of its type, or an id is none. Nothing is recorded then.
   * @throws {RangeError} If a time is no finite number, or a duration is negative.
   *
   * @example A span that something else has measured
   * ```ts
   * import { SpanCache } from "@weir/weir/cache";
   * import { assertEquals } from "@std/assert";
   *
   * const cache = new SpanCache();
   * const span = { id: "00f067aa0ba902b7", name: "resize", startMs: Date.now(), durationMs: 12 };
   * assertEquals([cache.record(span), cache.record(span)], [true, false]);
   * assertEquals(cache.get("00f067aa0ba902b7")?.durationMs, 12);
   * ```
   */
  record(span: SpanInput): boolean {
    return this.#recorder.record(span);
  }

  /**
   * Adds an event to a span that is held or runs, whoever opened it. Readers that have read it already do not see it.
   *
   * @param spanId The id of the span.
   * @param event The event.
   * @returns `"added"`; `"dropped"` if the span has too many or it does not matter enough; `"unknown"` if there is no such span.
   * @throws {TypeError} If the id is none, or something of the event is not of its type.
   * @throws {RangeError} If its time is no finite number.
   */
  addEvent(spanId: string, event: SpanEventInput): "added" | "dropped" | "unknown" {
    return this.#recorder.addEvent(spanId, event);
  }

  /**
   * Finds a span that has ended.
   *
   * @param id Its id.
   * @returns The span; undefined if it is not held.
   */
  get(id: string): SpanRecord | undefined {
    const slot = isId(id, 16) ? this.#store.find(id) : NONE;
    return slot === NONE || this.#isOpen(slot) ? undefined : this.#reader.read(slot);
  }

  /**
   * Reads spans in the order in which they were committed, a page at a time. Nothing that is held between two pages is passed over.
   *
   * @param options Where to begin, and how many.
   * @returns The spans; the `seq` of the last one is where the next page begins.
   * @throws {RangeError} If a number is out of its range.
   */
  page(options: SpanPageOptions = {}): SpanRecord[] {
    const { after = 0, limit = 100 } = options;
    checkInteger("page spans", "after", after, 0);
    checkLimit("page spans", limit);
    const spans: SpanRecord[] = [];
    for (const slot of this.#store.endedSlots(after)) {
      spans.push(this.#reader.read(slot));
      if (spans.length >= limit) break;
    }
    return spans;
  }

  /**
   * Finds spans that have ended.
   *
   * @param options Which, in which order, and how many.
   * @returns The spans.
   * @throws {TypeError} If a level is none.
   * @throws {RangeError} If a number is out of its range.
   * @throws What `where` throws.
   */
  find(options: SpanFindOptions = {}): SpanRecord[] {
    const { order = "newest", limit = 100 } = options;
    checkLimit("find spans", limit);
    checkOneOf("find spans", "order", ["newest", "slowest"], order);
    const filter = this.#filterOf("find spans", options);
    return order === "newest"
      ? findNewest(this.#store, filter, limit)
      : findSlowest(this.#store, filter, limit, options.where === undefined ? limit : Infinity);
  }

  /**
   * All that is held of a trace, spans that run included, as a tree.
   *
   * @param traceId The id of the trace, or that of any span in it.
   * @returns The tree, which is empty if nothing is held of it.
   */
  trace(traceId: string): TraceTree {
    const known = isId(traceId, 16) ? this.#store.find(traceId) : NONE;
    const id = known === NONE ? traceId : this.#store.columns.traceIdOf(known);
    const fits = ofTrace(this.#store, id);
    const slots = [...this.#store.endedSlots(), ...this.#store.openSlots()].filter(fits);
    const { starts } = this.#store.columns;
    const now = this.#tracer.now();
    return treeOf(
      id,
      slots.sort((a, b) => starts[a]! - starts[b]!).map((slot) =>
        this.#isOpen(slot) ? this.#reader.readOpen(slot, now) : this.#reader.read(slot)
      ),
    );
  }

  /**
   * The spans that run, those first that have been running longest.
   *
   * @param options Which.
   * @returns The spans, with what is known of them so far.
   * @throws {RangeError} If `minMs` is negative or no number.
   */
  open(options: OpenSpanOptions = {}): OpenSpanRecord[] {
    const now = this.#tracer.now();
    return this.#openFor("list open spans", options, now)
      .map((slot) => this.#reader.readOpen(slot, now));
  }

  /**
   * Gives up spans that run, and are not going to end any more because somebody forgot them: they end now, marked as `abandoned`. Otherwise they
   * take the room of others up to `maxOpen`.
   *
   * @param options Which.
   * @returns How many.
   * @throws {RangeError} If `minMs` is negative or no number.
   */
  abandon(options: OpenSpanOptions = {}): number {
    const now = this.#tracer.now();
    const slots = this.#openFor("abandon spans", options, now);
    for (const slot of slots) this.#store.abandon(slot, now);
    this.#tracer.bell.ring(this.lastSeq);
    return slots.length;
  }

  /**
   * Reads spans as they end. The reader never slows down the cache: what is gone before it was read is counted.
   *
   * @param options Which, and where to begin.
   * @returns The reader.
   * @throws {TypeError} If a level is none.
   * @throws {RangeError} If a number is out of its range.
   */
  subscribe(options: SpanSubscribeOptions = {}): SpanSubscription {
    const { after = this.lastSeq, signal } = options;
    checkInteger("subscribe to spans", "after", after, 0);
    const { read } = this.#filterOf("subscribe to spans", options);
    const last = this.#tracer.lastSeq ?? this.lastSeq;
    return subscriptions.create(this.#tracer, read, Math.min(after, last), signal);
  }

  /**
   * Sums up the spans that are held, by their names. It is kept up to date as they come and go, so that asking costs little.
   *
   * @param options How to tell them apart, and which.
   * @returns One for each name, those first that took most time in all.
   * @throws {TypeError} If `by` is no text, or `where` no function.
   * @throws What `where` throws.
   *
   * @example Where time goes
   * ```ts
   * import { SpanCache } from "@weir/weir/cache";
   * import { assertEquals } from "@std/assert";
   *
   * const cache = new SpanCache();
   * for (const status of [200, 200, 500]) {
   *   cache.spanSync("request", { status }, (span) => status === 500 && span.fail());
   * }
   * const [requests] = cache.aggregate();
   * assertEquals([requests?.count, requests?.failed], [3, 1]);
   * assertEquals(cache.aggregate({ by: "status" }).map(({ group }) => group).sort(), ["200", "500"]);
   * ```
   */
  aggregate(options: SpanAggregateOptions = {}): SpanAggregate[] {
    const { by, where } = options;
    if (by !== undefined) checkText("sum up spans", "by", by);
    checkOptionalFunction("sum up spans", "where", where);
    const rows = by === undefined && where === undefined ? this.#summaries() : groupsOf(
      this.#store,
      where === undefined ? () => true : (slot) => where(this.#reader.read(slot)),
      by,
    );
    return rows.sort((a, b) => b.totalMs - a.totalMs);
  }

  /** How it is doing. */
  stats(): SpanCacheStats {
    const { held, reserved, open, counts, fields, names, bytes, maxBytes } = this.#store;
    return {
      held,
      reserved,
      open,
      ...counts,
      refused: { ...this.#tracer.refused },
      droppedFields: { ...fields.dropped },
      cutTexts: fields.cut,
      duplicates: this.#recorder.duplicates,
      names: names.size,
      otherNames: names.overflowed,
      keys: fields.keys,
      bytes,
      maxBytes,
      waiting: this.#tracer.bell.size,
    };
  }

  /**
   * Lets go of all spans that have ended. Those that run go on.
   *
   * @returns How many there were.
   */
  clear(): number {
    return this.#store.clear();
  }

  /**
   * Ends recording: spans that are started from now on are not recorded, subscriptions end when everything is read, and contexts are gone. What is
   * held can still be read. Closing it again does nothing.
   */
  close(): void {
    if (!this.closed) this.#tracer.close();
  }

  /** The same as {@linkcode SpanCache.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The same as {@linkcode SpanCache.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #filterOf(action: string, query: SpanQuery): SpanFilter {
    return filterOf(action, this.#store, this.#reader, query);
  }

  #isOpen(slot: number): boolean {
    return (this.#store.columns.flags[slot]! & STATE_MASK) === OPEN;
  }

  #callIn<T>(
    how: "run" | "runSync",
    name: string,
    fields: Fields | undefined,
    callback: (span: Span) => T,
    options: SpanOptions | undefined,
  ): T {
    checkFunction("call in span", "callback", callback);
    const span = this.#tracer.start(name, fields, options);
    try {
      return this.#tracer[how](span, () => endWith(span, callback(span)));
    } catch (error) {
      span.fail(error).end();
      throw error;
    }
  }

  #openFor(action: string, { minMs = 0 }: OpenSpanOptions, now: number): number[] {
    checkLength(action, "minMs", minMs);
    const { starts } = this.#store.columns;
    return [...this.#store.openSlots()]
      .filter((slot) => now - starts[slot]! >= minMs)
      .sort((a, b) => starts[a]! - starts[b]!);
  }

  #summaries(): SpanAggregate[] {
    const { summaries, names, columns } = this.#store;
    const inexact = new Set(summaries.filter(({ isExact }) => !isExact));
    if (inexact.size > 0) {
      for (const summary of inexact) summary.restart();
      for (const slot of this.#store.endedSlots()) {
        const summary = summaries[columns.names[slot]!]!;
        if (inexact.has(summary)) summary.include(columns.durations[slot]!);
      }
    }
    return summaries.flatMap((summary, index) =>
      summary.count > 0 || summary.open > 0 ? [summary.read(names.textOf(index))] : []
    );
  }
}

/** For how many spans that have not come the times of children are kept. */
function parkedFor(capacity: number): number {
  return Math.min(Math.max(1, capacity >>> 2), 4_096);
}

/** Ends a span when what was called in it is done. */
function endWith<T>(span: Span, result: T): T {
  if (!isThenable(result)) {
    span.end();
    return result;
  }
  const settled = Promise.resolve(result).then(
    (value) => {
      span.end();
      return value;
    },
    (error) => {
      span.fail(error).end();
      throw error;
    },
  );
  return settled as T;
}
