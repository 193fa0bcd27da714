import { attempt } from "./_attempt.ts";
import { isId } from "./_hex.ts";
import type { SpanHost } from "./_host.ts";
import { textOf } from "./_text.ts";
import { INFO, levelNumber, type SpanLevel } from "./level.ts";
import type { SpanOptions } from "./options.ts";
import type { Fields, FieldValue, SpanLink } from "./record.ts";
import { formatTraceparent, type TraceContext } from "./trace_context.ts";

/** The place of what was not recorded, since it does not matter enough: what is in it belongs to what is around it. */
export const SILENT = -1;
/** The place of what was not recorded, with all that is in it. */
export const SUPPRESSED = -2;

/**
 * What a handle knows of its trace: the number of that, or what another process said. One that was left out for its level alone knows what it was put
 * in, if that was said, which may be a span.
 */
export type SpanTrace = number | TraceContext | Span;

/** What is beside the public face of a span. */
export interface SpanInternals {
  /** Makes a handle. */
  create(host: SpanHost, slot: number, generation: number, trace: SpanTrace): Span;
  hostOf(span: Span): SpanHost;
  slotOf(span: Span): number;
  generationOf(span: Span): number;
  traceOf(span: Span): SpanTrace;
}

/** Set by the static block of {@linkcode Span}. */
export let spans: SpanInternals;

/** Options of {@linkcode Span.event}. */
export interface SpanEventOptions {
  /**
   * How much it matters. Events that matter less than the cache records are left out.
   *
   * @default {"info"}
   */
  readonly level?: SpanLevel | undefined;
}

/**
 * What is being done: a handle to a running span of a {@linkcode SpanCache}, which is made by `start` or `span` of the cache.
 *
 * It ends with `end()`, or with the block of a `using` declaration. Whatever is done with it after that is counted and does nothing, also when the
 * cache uses its place for another span; nothing here throws. One that is not recorded takes the same calls.
 *
 * It is no context by itself: what is called in `run` is in it, and what gets it as `parent`.
 *
 * @example A span with a field and an event
 * ```ts
 * import { SpanCache } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new SpanCache();
 * {
 *   using span = cache.start("load user", { id: 7 });
 *   span.event("cache miss");
 *   span.set("rows", 1);
 * }
 * const [record] = cache.page();
 * assertEquals(record?.fields, { id: 7, rows: 1 });
 * assertEquals(record?.events.map(({ name }) => name), ["cache miss"]);
 * ```
 */
export class Span implements Disposable {
  static {
    spans = {
      create: (host, slot, generation, trace) => new Span(host, slot, generation, trace),
      hostOf: (span) => span.#host,
      slotOf: (span) => span.#slot,
      generationOf: (span) => span.#generation,
      traceOf: (span) => span.#trace,
    };
  }

  readonly #host: SpanHost;
  readonly #slot: number;
  readonly #generation: number;
  readonly #trace: SpanTrace;

  private constructor(
    host: SpanHost,
    slot: number,
    generation: number,
    trace: SpanTrace,
  ) {
    this.#host = host;
    this.#slot = slot;
    this.#generation = generation;
    this.#trace = trace;
  }

  /** Whether it is recorded, and runs. */
  get recording(): boolean {
    return this.#slot >= 0 && this.#host.store.isOpen(this.#slot, this.#generation);
  }

  /** 16 hexadecimal digits; those of the span around it in another process, or an empty text, if it was not recorded. */
  get id(): string {
    return this.context?.spanId ?? "";
  }

  /** 32 hexadecimal digits; those of another process, or an empty text, if it was not recorded. */
  get traceId(): string {
    return this.context?.traceId ?? "";
  }

  /** What to tell another process or thread, so that what it does is in this span; undefined if there is nothing to tell. */
  get context(): TraceContext | undefined {
    return this.#host.contextOf(this.#slot, this.#generation, this.#trace);
  }

  /** The value of the header `traceparent` for what is asked of others in this span; undefined if there is nothing to tell. */
  get traceparent(): string | undefined {
    const context = this.context;
    return context && formatTraceparent(context);
  }

  /**
   * Sets a field, or several. One that is there already gets the new value, in its place.
   *
   * @param key Its name, or an object of names and values.
   * @param value Its value; nothing is set for `undefined` and `null`.
   * @returns This span.
   */
  set(key: string | Fields, value?: FieldValue | null): this {
    if (!this.#isWritable()) return this;
    const { store } = this.#host;
    if (typeof key !== "object") store.setField(this.#slot, key, value);
    else store.setFields(this.#slot, this.#generation, key);
    return this;
  }

  /**
   * Says that something happened now.
   *
   * @param name What. There may be any number of different names.
   * @param fields What is known of it.
   * @param options How much it matters.
   * @returns This span.
   */
  event(name: string, fields?: Fields, options?: SpanEventOptions): this {
    const host = this.#host;
    const level = options === undefined ? INFO : levelOf(options);
    if (level > host.level || !this.#isWritable()) return this;
    host.store.addEvent(this.#slot, textOf(name), level, fields, host.now());
    return this;
  }

  /**
   * Says that it failed. It goes on running.
   *
   * An `Error` becomes an event `"exception"` with the fields that OpenTelemetry has for it, and its message that of the span; anything else
   * becomes the message.
   *
   * @param error Why, if that is known.
   * @returns This span.
   */
  fail(error?: unknown): this {
    // Reading an error may do anything.
    const fault = this.recording ? faultOf(error) : NO_FAULT;
    if (!this.#isWritable()) return this;
    const { store } = this.#host;
    store.fail(this.#slot, fault.message);
    if (fault.fields !== undefined) {
      store.addEvent(this.#slot, "exception", 1, fault.fields, this.#host.now());
    }
    return this;
  }

  /** Says that it did not fail, whatever was said before; a message of that is taken back. Returns this span. */
  succeed(): this {
    if (this.#isWritable()) this.#host.store.succeed(this.#slot);
    return this;
  }

  /**
   * Gives it another name, as when it turns out which route a request takes.
   *
   * @param name The name. There should not be many of them: those beyond the bound of the cache are summed up as one.
   * @returns This span.
   */
  rename(name: string): this {
    if (this.#isWritable()) this.#host.store.rename(this.#slot, textOf(name));
    return this;
  }

  /**
   * Says that another span has to do with it, which is neither around it nor in it.
   *
   * @param other That span.
   * @returns This span.
   */
  link(other: Span | SpanLink): this {
    if (!this.#isWritable()) return this;
    const link = linkOf(other instanceof Span ? other.context : other);
    // Reading it may have ended this span. What is left out of the trace has no ids; anything else is no link.
    if (!this.#isWritable()) return this;
    const { store } = this.#host;
    if (link !== undefined) store.addLink(this.#slot, link);
    else if (!(other instanceof Span)) store.fields.dropped.type++;
    return this;
  }

  /**
   * Starts a span in this one.
   *
   * @param name What is being done.
   * @param fields What is known of it.
   * @param options Its level and kind.
   * @returns Its handle.
   */
  start(name: string, fields?: Fields, options?: SpanOptions): Span {
    return this.#host.start(name, fields, { ...options, parent: this });
  }

  /**
   * Calls a function in this span: spans that are started in it, and in what it waits for, are children of this one.
   *
   * @typeParam T What the function answers.
   * @param callback The function. Its promise is not waited for: this span ends when it is told to.
   * @returns What it answers.
   * @throws What it throws.
   */
  run<T>(callback: () => T): T {
    return this.#host.run(this, callback);
  }

  /** Ends it. Only the first time does anything. */
  end(): void {
    const host = this.#host;
    if (this.#slot < 0) return;
    if (host.store.isOpen(this.#slot, this.#generation)) host.end(this.#slot);
    else host.store.counts.stale++;
  }

  /** The same as {@linkcode Span.end}. */
  [Symbol.dispose](): void {
    this.end();
  }

  #isWritable(): boolean {
    if (this.#slot < 0) return false;
    const { store } = this.#host;
    if (store.isOpen(this.#slot, this.#generation)) return true;
    store.counts.stale++;
    return false;
  }
}

interface Fault {
  readonly message: string | undefined;
  readonly fields: Fields | undefined;
}

const NO_FAULT: Fault = { message: undefined, fields: undefined };

/** The level that options say, whatever they are. */
function levelOf(options: SpanEventOptions): number {
  return attempt(() => levelNumber(options.level)) ?? INFO;
}

/** A link, if it is one. */
function linkOf(link: SpanLink | undefined): SpanLink | undefined {
  return attempt(() => {
    const { traceId, spanId } = link!;
    return isId(traceId, 32) && isId(spanId, 16) ? { traceId, spanId } : undefined;
  });
}

/** What to say of what was thrown. Errors of users may have getters that throw themselves. */
function faultOf(error: unknown): Fault {
  try {
    if (error === undefined) return NO_FAULT;
    if (!(error instanceof Error)) {
      const isPlain = typeof error !== "object" && typeof error !== "function";
      return {
        message: isPlain ? String(error) : Object.prototype.toString.call(error),
        fields: undefined,
      };
    }
    const { name, message, stack } = error;
    const fields = {
      "exception.type": name,
      "exception.message": message,
      "exception.stacktrace": stack,
    };
    return { message: textOf(message), fields };
  } catch {
    return { message: "unreadable error", fields: undefined };
  }
}
