import {
  ChannelClosedError,
  type ChannelReceiveResult,
  type ChannelWaitOptions,
} from "../channel/mod.ts";
import { checkInteger, later, onAbort } from "../internal/mod.ts";
import type { Bell } from "./_bell.ts";
import { NONE } from "./_commit_log.ts";
import type { RecordFilter } from "./_filter.ts";
import type { SpanStore } from "./_store.ts";
import type { SpanQuery } from "./options.ts";
import type { SpanRecord } from "./record.ts";

/** How often a reader looks again at once for what its own predicate has committed. If that always does, others get their turn. */
const MAX_ROUNDS = 16;

/** Options of {@linkcode SpanCache.subscribe}. */
export interface SpanSubscribeOptions extends SpanQuery {
  /**
   * The `seq` of the last span that was read before. Without it, only those are read that are committed from now on; with 0, all that are held
   * come first.
   */
  readonly after?: number | undefined;

  /** Closes the subscription when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** What a subscription needs of its cache. */
export interface SubscriptionHost {
  readonly store: SpanStore;
  readonly bell: Bell;
  /** The last commit there will be; undefined while the cache is not closed. */
  readonly lastSeq: number | undefined;
  /** What ends those that listen to a signal. */
  readonly readers: Set<() => void>;
}

/** What is beside the public face of a subscription. */
export interface SubscriptionInternals {
  create(
    host: SubscriptionHost,
    filter: RecordFilter,
    after: number,
    signal: AbortSignal | undefined,
  ): SpanSubscription;
  /** Waits until there may be so much to read, or nothing more. */
  wait(subscription: SpanSubscription, least: number, signal?: AbortSignal): Promise<void>;
}

/** Set by the static block of {@linkcode SpanSubscription}. */
export let subscriptions: SubscriptionInternals;

/**
 * The spans of a {@linkcode SpanCache} as they end, for one reader.
 *
 * It is a place in what the cache holds, and no queue of its own: a reader that is too slow finds that spans are gone, and how many, and the cache
 * knows nothing of one that does not wait. So it costs nothing to have many, or to forget one. Whatever happens,
 * `offered = delivered + filtered + lagged + size`.
 *
 * Leaving a loop over it closes it.
 *
 * @example Slow spans, as they end
 * ```ts
 * import { SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * const failed = cache.subscribe({ failed: true });
 * cache.start("good").end();
 * cache.start("bad").fail("no route").end();
 * assertEquals((await failed.receive()).message, "no route");
 * assertEquals([failed.delivered, failed.filtered, failed.lagged], [1, 1, 0]);
 * ```
 */
export class SpanSubscription implements AsyncIterable<SpanRecord>, Disposable, AsyncDisposable {
  static {
    subscriptions = {
      create: (host, filter, after, signal) => new SpanSubscription(host, filter, after, signal),
      wait: async (subscription, least, signal) => {
        while (subscription.size < least && !subscription.closed) {
          await subscription.#host.bell.wait(subscription.#cursor + least, signal);
        }
      },
    };
  }

  readonly #host: SubscriptionHost;
  readonly #filter: RecordFilter;
  readonly #first: number;
  #cursor: number;
  #lastSeq: number | undefined;
  #delivered = 0;
  #filtered = 0;
  #lagged = 0;
  #fault: { readonly error: unknown } | undefined;
  #stopListening: (() => void) | undefined;

  private constructor(
    host: SubscriptionHost,
    filter: RecordFilter,
    after: number,
    signal: AbortSignal | undefined,
  ) {
    this.#host = host;
    this.#filter = filter;
    this.#first = after;
    this.#cursor = after;
    if (signal === undefined || host.lastSeq !== undefined) return;
    if (signal.aborted) this.close();
    else this.#listen(signal);
  }

  /** The `seq` of the span up to which was read: what another subscription can go on from. */
  get cursor(): number {
    return this.#cursor;
  }

  /** How many spans have ended since it began. */
  get offered(): number {
    return this.#last - this.#first;
  }

  /** How many its reader has taken. */
  get delivered(): number {
    return this.#delivered;
  }

  /** How many it has passed over because they did not fit. */
  get filtered(): number {
    return this.#filtered;
  }

  /** How many were gone before they could be read, whether they would have fitted or not. */
  get lagged(): number {
    return this.#lagged;
  }

  /** How many it has not looked at yet. Some of them may be gone already. */
  get size(): number {
    return this.#last - this.#cursor;
  }

  /** Whether it gets no more spans; some may still be there to be read. */
  get closed(): boolean {
    return (this.#lastSeq ?? this.#host.lastSeq) !== undefined;
  }

  /**
   * Takes the next span, waiting until there is one.
   *
   * @param options Cancellation of the wait. A span that is there is received even if the signal has aborted.
   * @returns A promise of the span.
   * @throws {ChannelClosedError} Rejects with it once it is closed and everything is read.
   * @throws Rejects with the reason of a signal, or with what `where` throws.
   */
  async receive(options?: ChannelWaitOptions): Promise<SpanRecord> {
    const [span] = await this.receiveBatch(1, options);
    if (span !== undefined) return span;
    throw new ChannelClosedError("Cannot receive span: the subscription is closed");
  }

  /** Takes the next span if there is one. */
  tryReceive(): ChannelReceiveResult<SpanRecord> {
    const value = this.#pull();
    if (value !== undefined) return { state: "ok", value };
    return { state: this.closed ? "closed" : "empty" };
  }

  /**
   * Takes all spans that are there, up to `max`, waiting until there is at least one.
   *
   * @param max The most spans: a positive integer, or `Infinity`.
   * @param options Cancellation of the wait.
   * @returns A promise of one span or more; of an empty array once it is closed and everything is read.
   * @throws {RangeError} Rejects with it if `max` is neither.
   * @throws Rejects with the reason of a signal, or with what `where` throws.
   */
  async receiveBatch(max: number, options?: ChannelWaitOptions): Promise<SpanRecord[]> {
    if (max !== Infinity) checkInteger("receive spans", "max", max, 1);
    for (let round = 0;; round++) {
      const batch: SpanRecord[] = [];
      // What is committed meanwhile, by a predicate, is for the next time.
      const last = this.#last;
      try {
        for (let span; batch.length < max && (span = this.#pull(last)) !== undefined;) {
          batch.push(span);
        }
      } catch (error) {
        if (batch.length === 0) throw error;
        // What was taken before comes first.
        this.#fault = { error };
      }
      if (batch.length > 0) return batch;
      if (this.size > 0) {
        // Its own predicate has committed something meanwhile.
        if (round >= MAX_ROUNDS) await turn();
        continue;
      }
      if (this.closed) return batch;
      await this.#host.bell.wait(this.#cursor + 1, options?.signal);
    }
  }

  /** Ends it: what has been committed up to now can still be read. Closing it again does nothing. */
  close(): void {
    if (this.#lastSeq !== undefined) return;
    this.#lastSeq = this.#last;
    this.#stopListening?.();
    // Whoever waits on it finds out.
    this.#host.bell.ringAll();
  }

  /** Reads spans until it is closed. Leaving the loop closes it, also while it waits; what had been committed by then can still be read. */
  [Symbol.asyncIterator](): AsyncIterableIterator<SpanRecord> {
    let isDone = false;
    const iterator: AsyncIterableIterator<SpanRecord> = {
      next: async () => {
        const [value] = isDone ? [] : await this.receiveBatch(1);
        return value === undefined ? { value, done: true } : { value, done: false };
      },
      return: async (value) => {
        isDone = true;
        this.close();
        return { value: await value, done: true };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** The same as {@linkcode SpanSubscription.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The same as {@linkcode SpanSubscription.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #listen(signal: AbortSignal): void {
    const { readers } = this.#host;
    const close = (): void => this.close();
    const stop = onAbort(signal, close);
    readers.add(close);
    this.#stopListening = () => {
      stop();
      readers.delete(close);
    };
  }

  get #last(): number {
    return this.#lastSeq ?? this.#host.lastSeq ?? this.#host.store.log.last;
  }

  #pull(last: number = this.#last): SpanRecord | undefined {
    if (this.#fault !== undefined) {
      const { error } = this.#fault;
      this.#fault = undefined;
      throw error;
    }
    const { log, columns } = this.#host.store;
    for (;;) {
      if (this.#cursor >= last) return undefined;
      const slot = log.after(this.#cursor);
      const seq = slot === NONE ? Infinity : columns.seqs[slot]!;
      this.#lagged += Math.min(seq - 1, last) - this.#cursor;
      this.#cursor = Math.min(seq, last);
      if (seq > last) return undefined;
      // Counted first: a predicate may throw, or read here itself.
      this.#filtered++;
      const span = this.#filter(slot);
      if (span === undefined) continue;
      this.#filtered--;
      this.#delivered++;
      return span;
    }
  }
}

/** Lets others have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => void later(0, resolve));
}
