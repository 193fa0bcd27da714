import { isPlainLine, jsonLine } from "./_line.ts";
import type { LineWriter } from "./_redactor.ts";
import type { TapEvent } from "./event.ts";
import type { TapEventMeta, TapFormat } from "./options.ts";

/** What writing an event needs of its tap. */
export interface Desk {
  /** Gives what was written its number and its time. */
  makeEvent(content: Omit<TapEvent, "id" | "seq" | "time">): TapEvent;
  /** Called with an event that could not be written. */
  countUnwritable(): void;
}

/** What is to be known of a stage. */
export interface OfferedAt {
  readonly name: string;
  readonly format: TapFormat;
  readonly writer: LineWriter | undefined;
}

/**
 * An event on its way to those who want it. It is made, read and written at most once, for all of them, and only as far as somebody asks:
 * most are turned away by a filter before anything is written.
 */
export class Offered {
  readonly #desk: Desk;
  readonly #stage: OfferedAt;
  readonly #input: unknown;
  readonly #meta: TapEventMeta | undefined;
  #value: unknown;
  #hasValue = false;
  #parsed: unknown;
  #hasParsed = false;
  #event: TapEvent | undefined;
  #hasEvent = false;
  #hasFailed = false;

  constructor(
    desk: Desk,
    stage: OfferedAt,
    input: unknown,
    meta: TapEventMeta | undefined,
  ) {
    this.#desk = desk;
    this.#stage = stage;
    this.#input = input;
    this.#meta = meta;
  }

  /** An event that was written before, and kept. */
  static kept(desk: Desk, event: TapEvent, stage: OfferedAt): Offered {
    // What it was is there only as it was written, and is read again if somebody asks.
    const input = event.isText ? event.line : () => JSON.parse(event.line);
    const offered = new Offered(desk, stage, input, undefined);
    offered.#event = event;
    offered.#hasEvent = true;
    return offered;
  }

  /** What was offered; undefined if making it has failed. */
  get value(): unknown {
    if (this.#hasValue) return this.#value;
    this.#hasValue = true;
    const input = this.#input;
    try {
      const made: unknown = typeof input === "function" ? input() : input;
      // What it will be is not known now, and nobody else may care when it fails.
      if (made instanceof Promise) {
        made.catch(() => {});
        throw new TypeError("an event must not be a promise");
      }
      this.#value = made;
    } catch {
      // The program that is being watched must not fail because it is watched.
      this.#fail();
    }
    return this.#value;
  }

  /** Whether it cannot be made or written, as far as anybody has asked. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** What a path begins at: the event, or, for a text, what it says as JSON. */
  get root(): unknown {
    const { value } = this;
    if (typeof value !== "string" || this.#stage.format !== "text") return value;
    if (!this.#hasParsed) {
      this.#hasParsed = true;
      try {
        this.#parsed = JSON.parse(value);
      } catch {
        // A text that is not JSON has no paths.
      }
    }
    return this.#parsed;
  }

  /** What a filter that reads the whole text gets: it as it is shown, so that it cannot find what is not. */
  get shown(): unknown {
    if (typeof this.value !== "string") return this.value;
    const event = this.event();
    return event === undefined || event.isText ? event?.line : JSON.parse(event.line);
  }

  /** The event as it is written, once; undefined if it cannot be, or must not be shown. */
  event(): TapEvent | undefined {
    if (this.#hasEvent) return this.#event;
    this.#hasEvent = true;
    const { value } = this;
    if (this.#hasFailed) return undefined;
    try {
      const isText = isPlainLine(value, this.#stage.format);
      const written = isText ? value : jsonLine(value);
      const { writer } = this.#stage;
      const line = writer === undefined ? written : writer.write(written, isText);
      if (line !== undefined) {
        const meta = this.#meta === undefined ? undefined : jsonLine(this.#meta);
        this.#event = this.#desk.makeEvent({
          stage: this.#stage.name,
          line,
          isText,
          meta: meta === undefined || writer === undefined ? meta : writer.write(meta, false),
        });
      }
    } catch {
      // As above.
    }
    if (this.#event === undefined) this.#fail();
    return this.#event;
  }

  #fail(): void {
    if (!this.#hasFailed) this.#desk.countUnwritable();
    this.#hasFailed = true;
  }
}
