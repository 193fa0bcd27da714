import { checkFunction, checkInteger, later, type MessagePortLike } from "../internal/mod.ts";
import { type EventRing, FrameTooLargeError } from "../ring/mod.ts";
import { checkLength, MAX_LIST } from "./_check.ts";
import { jsonFields } from "./_json_fields.ts";
import { isThenable } from "./_thenable.ts";
import type { SpanCache } from "./cache.ts";
import type { SpanInput, SpanRecord } from "./record.ts";
import { type SpanSubscribeOptions, type SpanSubscription, subscriptions } from "./subscription.ts";

/** The topic under which an `EventRing` says how many spans were lost before those that follow. */
export const LOSS_TOPIC = "weir.spans.lost";

/** The topic under which spans go through an `EventRing`. */
export const SPAN_TOPIC = "weir.spans";

/** What goes through a port: some spans that have ended. */
export interface SpanFeedMessage {
  /** What tells it from other messages. */
  readonly type: "weir.spans";
  /** The spans. */
  readonly spans: readonly SpanInput[];
  /** How many spans the sender has lost before these, since its cache let them go too soon. */
  readonly lost: number;
}

/** Options of {@linkcode feedSpans}, {@linkcode feedPort} and {@linkcode feedRing}. */
export interface SpanFeedOptions extends SpanSubscribeOptions {
  /**
   * The most spans to send at once: a positive integer of at most 65,536.
   *
   * @default {256}
   */
  readonly maxBatch?: number | undefined;

  /**
   * How long spans may wait for others to be sent with, in milliseconds.
   *
   * @default {50}
   */
  readonly lingerMs?: number | undefined;
}

/** How a {@linkcode SpanFeed} is doing. */
export interface SpanFeedStats {
  /** How many spans were sent. */
  readonly sent: number;
  /** How many could not be sent. */
  readonly failed: number;
  /** How many were gone before they could be sent. */
  readonly lost: number;
}

/** Sends spans, and says how many were lost before them. Answers how many could be sent, or a promise which rejects if none could. */
type Send = (spans: readonly SpanRecord[], lost: number) => number | PromiseLike<unknown>;

/** Set by the static block of {@linkcode SpanFeed}. */
let create: (cache: SpanCache, send: Send, options: SpanFeedOptions) => SpanFeed;

/**
 * Sends the spans of a cache elsewhere as they end. It is made by {@linkcode feedSpans}, {@linkcode feedPort} or {@linkcode feedRing}.
 *
 * A worker should close it before it ends: that sends what there is at once.
 */
export class SpanFeed implements Disposable, AsyncDisposable {
  static {
    create = (cache, send, options) => new SpanFeed(cache, send, options);
  }

  readonly #subscription: SpanSubscription;
  readonly #send: Send;
  readonly #maxBatch: number;
  readonly #lingerMs: number;
  #sent = 0;
  #failed = 0;
  #told = 0;

  private constructor(cache: SpanCache, send: Send, options: SpanFeedOptions) {
    const { maxBatch = 256, lingerMs = 50 } = options;
    checkInteger("feed spans", "maxBatch", maxBatch, 1, MAX_LIST);
    checkLength("feed spans", "lingerMs", lingerMs);
    this.#send = send;
    this.#maxBatch = maxBatch;
    this.#lingerMs = lingerMs;
    this.#subscription = cache.subscribe(options);
    void this.#run();
  }

  /** Whether it sends no more. */
  get closed(): boolean {
    return this.#subscription.closed;
  }

  /** How it is doing. */
  stats(): SpanFeedStats {
    return { sent: this.#sent, failed: this.#failed, lost: this.#subscription.lagged };
  }

  /** Sends what there is now, without waiting for more. */
  flush(): void {
    // What is committed by sending is for the next time.
    const last = this.#subscription.cursor + this.#subscription.size;
    do {
      const batch: SpanRecord[] = [];
      while (batch.length < this.#maxBatch && this.#subscription.cursor < last) {
        const span = this.#take();
        if (span !== undefined) batch.push(span);
      }
      this.#sendBatch(batch);
    } while (this.#subscription.cursor < last);
  }

  /** Sends what there is, and ends. Closing it again does nothing. */
  close(): void {
    if (!this.#subscription.closed) this.#subscription.close();
    this.flush();
  }

  /** The same as {@linkcode SpanFeed.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The same as {@linkcode SpanFeed.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #run(): Promise<void> {
    for (;;) {
      // It takes nothing, so that a feed which is closed meanwhile has all of it to send.
      await subscriptions.wait(this.#subscription, 1);
      if (this.#subscription.size === 0) return;
      await this.#linger();
      this.flush();
    }
  }

  /** Waits for other spans to be sent along, up to a batch. */
  async #linger(): Promise<void> {
    const over = new AbortController();
    const stop = later(this.#lingerMs, () => over.abort());
    try {
      await subscriptions.wait(this.#subscription, this.#maxBatch, over.signal);
    } catch {
      // It has waited long enough.
    } finally {
      stop();
    }
  }

  /** Takes a span, if there is one now. What a predicate throws concerns one span. */
  #take(): SpanRecord | undefined {
    try {
      const next = this.#subscription.tryReceive();
      return next.state === "ok" ? next.value : undefined;
    } catch {
      this.#failed++;
      return undefined;
    }
  }

  #sendBatch(batch: readonly SpanRecord[]): void {
    const lost = this.#subscription.lagged - this.#told;
    if (batch.length === 0 && lost === 0) return;
    const fail = (count: number): void => {
      this.#sent -= count;
      this.#failed += count;
    };
    this.#sent += batch.length;
    try {
      const sent = this.#send(batch, lost);
      this.#told += lost;
      if (typeof sent === "number") fail(batch.length - sent);
      else Promise.resolve(sent).then(undefined, () => fail(batch.length));
    } catch {
      fail(batch.length);
    }
  }
}

/**
 * Sends the spans of a cache somewhere as they end, some at a time.
 *
 * @param cache The cache.
 * @param send Sends some. If it throws, or its promise rejects, they are counted as failed, and the next ones are sent.
 * @param options Which spans, and how many at a time.
 * @returns What it can be ended by.
 * @throws {TypeError} If `send` is no function, or a level is none.
 * @throws {RangeError} If a number is out of its range.
 */
export function feedSpans(
  cache: SpanCache,
  send: (spans: readonly SpanRecord[]) => unknown,
  options: SpanFeedOptions = {},
): SpanFeed {
  checkFunction("feed spans", "send", send);
  const sendAll: Send = (spans) => {
    const answer = spans.length === 0 ? undefined : send(spans);
    return isThenable(answer) ? answer : spans.length;
  };
  return create(cache, sendAll, options);
}

/**
 * Sends the spans of a cache through a port: from a worker to the thread that has the cache for all, for instance, which takes them in with
 * {@linkcode receivePort}.
 *
 * @param cache The cache.
 * @param port The port, or the global scope of a worker.
 * @param options Which spans, and how many at a time.
 * @returns What it can be ended by.
 * @throws {TypeError} If a level is none.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example One cache for two threads
 * ```ts
 * import { feedPort, receivePort, SpanCache, SpanDriver } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const { port1, port2 } = new MessageChannel();
 * const main = new SpanCache();
 * using driver = new SpanDriver(main);
 * using receiver = receivePort(driver, port1);
 *
 * // In a worker: feedPort(cache, self).
 * const cache = new SpanCache();
 * const feed = feedPort(cache, port2);
 * cache.start("resize").end();
 * feed.close();
 *
 * const span = await main.subscribe().receive();
 * assertEquals([span.name, receiver.lost], ["resize", 0]);
 * port1.close();
 * port2.close();
 * ```
 */
export function feedPort(
  cache: SpanCache,
  port: Pick<MessagePortLike, "postMessage">,
  options: SpanFeedOptions = {},
): SpanFeed {
  return create(cache, (spans, lost) => {
    const message: SpanFeedMessage = { type: SPAN_TOPIC, spans, lost };
    port.postMessage(message);
    return spans.length;
  }, options);
}

/**
 * Publishes the spans of a cache in an `EventRing`, from which another thread or process takes them in with {@linkcode receiveRing}. A span that is
 * too large for a frame goes without its events, and if that does not help, without its fields.
 *
 * @param cache The cache.
 * @param events The ring.
 * @param options Which spans, and how many at a time.
 * @returns What it can be ended by.
 * @throws {TypeError} If a level is none.
 * @throws {RangeError} If a number is out of its range.
 */
export function feedRing(
  cache: SpanCache,
  events: EventRing<SpanInput>,
  options: SpanFeedOptions = {},
): SpanFeed {
  return create(cache, (spans, lost) => {
    let sent = 0;
    if (lost > 0) publishLoss(events, lost);
    for (const span of spans) if (publish(events, jsonSpan(span))) sent++;
    return sent;
  }, options);
}

/** Says how many spans were lost, where only those who know the topic look. */
function publishLoss(events: EventRing<SpanInput>, lost: number): void {
  try {
    events.publish(LOSS_TOPIC, { lost } as unknown as SpanInput);
  } catch {
    // A ring with frames that small takes no span either.
  }
}

/** A span as the codec of a ring may write it. */
function jsonSpan(span: SpanRecord): SpanRecord {
  const events = span.events.map((event) => ({ ...event, fields: jsonFields(event.fields) }));
  return { ...span, fields: jsonFields(span.fields), events };
}

function publish(events: EventRing<SpanInput>, span: SpanRecord): boolean {
  const droppedEvents = (span.droppedEvents ?? 0) + span.events.length;
  const less: SpanInput = { ...span, events: [], droppedEvents };
  for (const form of [span, less, { ...less, fields: {}, links: [] }]) {
    try {
      events.publish(SPAN_TOPIC, form);
      return true;
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) return false;
    }
  }
  return false;
}
