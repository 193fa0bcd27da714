import { Channel } from "../channel/mod.ts";
import { checkInteger, onAbort, reportUncaught } from "../internal/mod.ts";
import { copyText } from "./_cells.ts";
import { checkId, checkOptionalFunction } from "./_check.ts";
import { OldestFirst } from "./_oldest.ts";
import { sizeOfInput } from "./_size.ts";
import { readEvent } from "./_recorder.ts";
import type { SpanCache } from "./cache.ts";
import type { SpanEventInput, SpanInput } from "./record.ts";

/** Events that wait for one span, and about how many bytes they take. */
interface Waiting {
  readonly events: SpanEventInput[];
  bytes: number;
}

/** How many spans or events are taken off a channel at a time. */
const MAX_BATCH = 256;

/** An event of a span that was opened elsewhere. */
export interface SpanEventMessage {
  /** The id of the span: 16 hexadecimal digits. */
  readonly spanId: string;
  /** The event. */
  readonly event: SpanEventInput;
}

/** Options of the {@linkcode SpanDriver} constructor. */
export interface SpanDriverOptions {
  /**
   * For how many spans that have not come events may wait: a positive integer. When there is another one, those go that have waited longest, all
   * events of one span at once.
   *
   * @default {4_096}
   */
  readonly capacity?: number | undefined;

  /**
   * How many events may wait for one span: a positive integer. Others are dropped.
   *
   * @default {128}
   */
  readonly maxEvents?: number | undefined;

  /**
   * How many spans may wait to be taken in, and how many events: a positive integer. Others are dropped, and counted by the channel.
   *
   * @default {65_536}
   */
  readonly channelCapacity?: number | undefined;

  /**
   * How many bytes the spans that wait to be taken in may take, the events that do, and the events that wait for their spans: each of these, about.
   * A positive number. What does not fit is dropped as above.
   *
   * @default {16_777_216}
   */
  readonly maxBytes?: number | undefined;

  /**
   * Called with what was no span and no event, and why. What it throws goes to `reportError`.
   *
   * @param error What was wrong.
   * @param input What came.
   */
  readonly onRefuse?: ((error: unknown, input: unknown) => void) | undefined;
}

/** How a {@linkcode SpanDriver} is doing. */
export interface SpanDriverStats {
  /** How many spans were recorded. */
  readonly recorded: number;
  /** How many events came to their span, before or after it. */
  readonly attached: number;
  /** How many spans were held already, or did not matter enough. */
  readonly skipped: number;
  /** How many spans and events were none. */
  readonly refused: number;
  /** How many spans that have not come events wait for. */
  readonly parents: number;
  /** How many events wait for their span. */
  readonly parked: number;
  /** How many events were dropped: since their span did not come in time, or had too many. */
  readonly droppedEvents: number;
  /** How many spans the channel dropped, since it was full. */
  readonly droppedSpanMessages: number;
  /** How many events the channel dropped, since it was full. */
  readonly droppedEventMessages: number;
}

/**
 * Takes in spans and events that come from elsewhere, each on a channel of its own, in whatever order: an event that comes before its span waits for
 * it in a bounded side buffer, one that comes after it is added to it. Whoever sends never waits.
 *
 * A span of this kind comes whole when it ends. Its own events may be in it, or come one by one.
 *
 * Whatever happens, each event that was taken off the channel is attached, parked, dropped or refused.
 *
 * @example Events before their span
 * ```ts
 * import { SpanCache, SpanDriver } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * const driver = new SpanDriver(cache);
 * const id = "00f067aa0ba902b7";
 * driver.events.trySend({ spanId: id, event: { name: "cache miss", timeMs: Date.now() } });
 * driver.spans.trySend({ id, name: "query", startMs: Date.now(), durationMs: 3 });
 * driver.drain();
 * assertEquals(cache.get(id)?.events.map(({ name }) => name), ["cache miss"]);
 * ```
 */
export class SpanDriver implements Disposable, AsyncDisposable {
  /** Where spans are sent. */
  readonly spans: Channel<SpanInput>;
  /** Where events are sent. */
  readonly events: Channel<SpanEventMessage>;

  readonly #cache: SpanCache;
  readonly #capacity: number;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #onRefuse: ((error: unknown, input: unknown) => void) | undefined;
  // The order in which its keys came is the order in which they go. Ids of several processes have no order in time.
  readonly #side: OldestFirst<Waiting> = new OldestFirst();
  #parked = 0;
  #parkedBytes = 0;
  readonly #counts = { recorded: 0, attached: 0, skipped: 0, refused: 0, droppedEvents: 0 };

  /**
   * Creates a driver.
   *
   * @param cache Where spans are recorded.
   * @param options Its bounds.
   * @throws {RangeError} If a number is out of its range.
   * @throws {TypeError} If `onRefuse` is no function.
   */
  constructor(cache: SpanCache, options: SpanDriverOptions = {}) {
    const create = "create SpanDriver";
    const {
      capacity = 4_096,
      maxEvents = 128,
      channelCapacity = 65_536,
      maxBytes = 2 ** 24,
      onRefuse,
    } = options;
    checkInteger(create, "capacity", capacity, 1);
    checkInteger(create, "maxEvents", maxEvents, 1);
    checkInteger(create, "channelCapacity", channelCapacity, 1);
    checkInteger(create, "maxBytes", maxBytes, 1);
    checkOptionalFunction(create, "onRefuse", onRefuse);
    this.#cache = cache;
    this.#capacity = capacity;
    this.#maxEvents = maxEvents;
    this.#onRefuse = onRefuse;
    this.#maxBytes = maxBytes;
    const bounds = {
      capacity: channelCapacity,
      maxBytes,
      sizeOf: (input: unknown) => sizeOfInput(input),
      overflow: "drop-newest",
    } as const;
    this.spans = new Channel<SpanInput>(bounds);
    this.events = new Channel<SpanEventMessage>(bounds);
  }

  /** Whether it takes no more. */
  get closed(): boolean {
    return this.spans.closed;
  }

  /**
   * Takes in all that is there now, events first.
   *
   * @returns How many spans and events that were.
   */
  drain(): number {
    let count = this.#drainEvents();
    for (let next; (next = this.spans.tryReceive()).state === "ok"; count++) {
      this.#takeSpan(next.value);
    }
    return count;
  }

  /**
   * Takes in what comes, until the driver is closed and everything is taken in.
   *
   * @param options What ends it earlier.
   * @returns A promise of the end.
   * @throws Rejects with the reason of the signal.
   */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    while (!isDone(this.spans) || !isDone(this.events)) {
      const wait = new AbortController();
      const stop = signal && onAbort(signal, () => wait.abort());
      const events = batchOf(this.events, wait.signal);
      const spans = batchOf(this.spans, wait.signal);
      await Promise.race([events, spans]);
      // Whichever waits still has nothing. What the other one has been given is here, and comes before what is in the channels.
      wait.abort();
      const [eventBatch, spanBatch] = await Promise.all([events, spans]);
      stop?.();
      for (const message of eventBatch) this.#takeEvent(message);
      this.#drainEvents();
      for (const span of spanBatch) this.#takeSpan(span);
      this.drain();
      signal?.throwIfAborted();
    }
  }

  /** How it is doing. */
  stats(): SpanDriverStats {
    return {
      ...this.#counts,
      parents: this.#side.size,
      parked: this.#parked,
      droppedSpanMessages: this.spans.dropped,
      droppedEventMessages: this.events.dropped,
    };
  }

  /** Ends both channels: what is in them can still be taken in. Closing it again does nothing. */
  close(): void {
    this.spans.close();
    this.events.close();
  }

  /** The same as {@linkcode SpanDriver.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The same as {@linkcode SpanDriver.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #drainEvents(): number {
    let count = 0;
    for (let next; (next = this.events.tryReceive()).state === "ok"; count++) {
      this.#takeEvent(next.value);
    }
    return count;
  }

  #takeSpan(span: SpanInput): void {
    try {
      if (this.#cache.record(span)) this.#counts.recorded++;
      else this.#counts.skipped++;
    } catch (error) {
      this.#refuse(error, span);
      return;
    }
    const waiting = span.id === undefined ? undefined : this.#side.get(span.id);
    if (waiting === undefined) return;
    this.#side.delete(span.id!);
    this.#forget(waiting);
    for (const event of waiting.events) {
      // A span that was left out, or has gone already, takes them with it.
      if (!this.#attach(span.id!, event)) this.#counts.droppedEvents++;
    }
  }

  #takeEvent(message: SpanEventMessage): void {
    let event: SpanEventInput;
    try {
      checkId("take event", "spanId", message?.spanId, 16);
      // A copy, since it may wait.
      event = readEvent("take event", message.event);
      if (this.#attach(message.spanId, event)) return;
    } catch (error) {
      this.#refuse(error, message);
      return;
    }
    const { spanId } = message;
    const before = this.#side.get(spanId);
    const bytes = sizeOfInput(event);
    if (before !== undefined && before.events.length >= this.#maxEvents) {
      this.#counts.droppedEvents++;
      return;
    }
    if (before === undefined && this.#side.size >= this.#capacity) this.#dropOldest();
    const waiting = before ?? { events: [], bytes: 0 };
    if (before === undefined) this.#side.set(copyText(spanId, 16), waiting);
    waiting.events.push(event);
    waiting.bytes += bytes;
    this.#parked++;
    this.#parkedBytes += bytes;
    while (this.#parkedBytes > this.#maxBytes) this.#dropOldest();
  }

  /** Whether there is a span that an event belongs to, with room for it or not. */
  #attach(spanId: string, event: SpanEventInput): boolean {
    const outcome = this.#cache.addEvent(spanId, event);
    if (outcome === "unknown") return false;
    if (outcome === "added") this.#counts.attached++;
    else this.#counts.droppedEvents++;
    return true;
  }

  #dropOldest(): void {
    const oldest = this.#side.takeOldest()!;
    this.#forget(oldest);
    this.#counts.droppedEvents += oldest.events.length;
  }

  /** Counts events no more that do not wait any more. */
  #forget({ events, bytes }: Waiting): void {
    this.#parked -= events.length;
    this.#parkedBytes -= bytes;
  }

  #refuse(error: unknown, input: unknown): void {
    this.#counts.refused++;
    try {
      this.#onRefuse?.(error, input);
    } catch (second) {
      reportUncaught(second);
    }
  }
}

/** Whether nothing comes any more. */
function isDone(channel: Pick<Channel<unknown>, "closed" | "size">): boolean {
  return channel.closed && channel.size === 0;
}

/** Waits for some of what comes: none once the wait is over. Nothing that was given out is lost by that. */
async function batchOf<T>(channel: Channel<T>, signal: AbortSignal): Promise<T[]> {
  if (isDone(channel)) {
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve([]), { once: true });
    });
  }
  try {
    return await channel.receiveBatch(MAX_BATCH, { signal });
  } catch {
    return [];
  }
}
