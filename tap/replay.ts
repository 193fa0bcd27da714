import { checkFunction, refusal } from "../internal/mod.ts";
import { type ClientRecord, readEnvelope, readRecord, readSummary } from "./_client_lines.ts";
import { abortable, ReplayLines, type ReplaySource, type SourceLine } from "./_replay_source.ts";
import { wait } from "./_retry.ts";
import type { TapClientSummary } from "./_client_lines.ts";

export type { ReplaySource } from "./_replay_source.ts";

/** Options of {@linkcode replay}. */
export interface ReplayOptions {
  /**
   * How many times as fast as it was captured: 1 for as fast, 10 for ten times; above 0. It needs a capture with the times of its events.
   *
   * @default {Infinity}
   */
  readonly speed?: number | undefined;
  /**
   * How many bytes a line may have.
   *
   * @default {1_048_576}
   */
  readonly maxBytes?: number | undefined;
  /** Ends the replay, also while it waits for the handler. */
  readonly signal?: AbortSignal | undefined;
  /** Called behind each event that the handler has done with. What it throws ends the replay. */
  readonly onEvent?: ((info: ReplayInfo) => void) | undefined;
}

/** What is known of an event besides what it says. All but the first two only of a capture in which events have envelopes. */
export interface ReplayInfo {
  /** The line it stands on, from 1. */
  readonly line: number;
  /** The event as it stands there, without its envelope. */
  readonly text: string;
  /** Told it from every other event of every tap. */
  readonly id?: string | undefined;
  /** Counted the events of the tap. */
  readonly seq?: number | undefined;
  /** When it was offered, in milliseconds since 1970. */
  readonly time?: number | undefined;
  /** The stage it was offered at. */
  readonly stage?: string | undefined;
  /** What was told with it. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

/** What a replay has done. */
export interface ReplayResult {
  /** How many events the handler got. */
  readonly events: number;
  /** How many lines are none: blank ones, records of the session, and a last one that was cut off. */
  readonly skipped: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** How the capture went, where it says so. */
  readonly summary?: TapClientSummary | undefined;
}

/**
 * Gives the events of a capture to a handler again, one after another: what a running program saw becomes the input of a test.
 *
 * A capture is what `weir tap URL > FILE`, `curl` or {@linkcode tapClient} got: events one a line, with or without the records of the
 * session, with or without envelopes (`meta`). Of a capture by the original, too. The events are parsed; a line that is no JSON is
 * given as text. Holds one line at a time.
 *
 * Opening the file is for the caller: `(await Deno.open(path)).readable` or `Bun.file(path)`.
 *
 * @param file The capture: its text, its lines, its bytes, or a `Blob` or `Response` that has them. It is let go of in the end.
 * @param handler Called with each event, after it has done with the one before.
 * @param options How fast.
 * @returns A promise of what was done, fulfilled after the last event.
 * @throws {TypeError} Rejects with it if the capture or the handler is none.
 * @throws {RangeError} Rejects with it if `speed` cannot be, an event has no time to go by, or a line is too long.
 * @throws {Error} Rejects with it if the handler throws. The message names the line, `cause` is what was thrown.
 * @throws Rejects with the reason of the signal.
 *
 * @example Trying a rule on what was captured
 * ```ts
 * import { replay } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const capture = `{"status":200,"path":"/"}
 * {"status":503,"path":"/orders"}
 * {"weir_tap_summary":{"captured":2,"dropped":0,"duration_ms":9,"stage":"decoded"}}
 * `;
 * const failed: string[] = [];
 * const { events, summary } = await replay<{ status: number; path: string }>(capture, (event) => {
 *   if (event.status >= 500) failed.push(event.path);
 * });
 * assertEquals(failed, ["/orders"]);
 * assertEquals([events, summary?.dropped], [2, 0]);
 * ```
 *
 * @typeParam T What the events are taken for; nothing checks it.
 */
export async function replay<T = unknown>(
  file: ReplaySource,
  handler: (event: T, info: ReplayInfo) => unknown,
  options: ReplayOptions = {},
): Promise<ReplayResult> {
  const { speed = Infinity, maxBytes = 1_048_576, signal, onEvent } = options;
  checkFunction(REPLAY, "handler", handler);
  if (onEvent !== undefined) checkFunction(REPLAY, "onEvent", onEvent);
  if (!(typeof speed === "number" && speed > 0)) {
    throw new RangeError(refusal(REPLAY, "speed must be above 0", speed));
  }
  signal?.throwIfAborted();
  const source = new ReplayLines(file, maxBytes, signal);
  const start = performance.now();
  let events = 0;
  let skipped = 0;
  let summary: TapClientSummary | undefined;
  // When the first event was offered, and when it was given out.
  let first: { readonly time: number; readonly at: number } | undefined;

  const give = async (event: CapturedEvent): Promise<void> => {
    const { value, ...info } = event;
    if (speed !== Infinity) {
      const time = timeOf(info, speed);
      first ??= { time, at: performance.now() };
      const due = first.at + (time - first.time) / speed;
      const restMs = due - performance.now();
      if (restMs > 0) await wait(restMs, signal);
    }
    try {
      await abortable(handler(value as T, info), signal);
    } catch (cause) {
      signal?.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot replay line ${info.line}: ${why}`, { cause });
    }
    signal?.throwIfAborted();
    events++;
    onEvent?.(info);
  };

  try {
    // What looks like the summary of the original is one on the last line only.
    let held: SourceLine | undefined;
    for await (const line of source.read()) {
      if (line.text.trim() === "") {
        skipped++;
        continue;
      }
      if (held !== undefined) await give(read(held, held.text));
      held = undefined;
      const record = readRecord(line.text);
      if (record.type !== "event" || isTornRecord(line)) {
        if (record.type === "summary") summary = record.summary;
        skipped++;
      } else if (isPlain(record, line) && readSummary(line.text) !== undefined) held = line;
      else await give(read(line, record.line));
    }
    if (held !== undefined) {
      summary = readSummary(held.text);
      skipped++;
    }
  } finally {
    await source.close();
  }
  return { events, skipped, durationMs: performance.now() - start, summary };
}

const REPLAY = "replay capture";

/** An event, and what is known of it. */
interface CapturedEvent extends ReplayInfo {
  readonly value: unknown;
}

function read({ number, text }: SourceLine, line: string): CapturedEvent {
  const envelope = readEnvelope(text);
  if (envelope !== undefined) {
    try {
      const { id, seq, time, stage, meta, event, text: said } = JSON.parse(text);
      const value = envelope.isText ? said : event;
      return { line: number, text: envelope.line, id, seq, time, stage, meta, value };
    } catch {
      // It only looks like one.
    }
  }
  try {
    return { line: number, text: line, value: JSON.parse(line) };
  } catch {
    return { line: number, text: line, value: line };
  }
}

/** Whether an event stands in the capture as it is. */
function isPlain(record: ClientRecord & { type: "event" }, { text }: SourceLine): boolean {
  return record.line === text;
}

/** Whether a line is the beginning of some JSON, the rest of which was never written. */
function isTornRecord({ text, isTorn }: SourceLine): boolean {
  if (!isTorn || !text.startsWith("{")) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function timeOf({ line, time }: ReplayInfo, speed: number): number {
  if (typeof time === "number") return time;
  const requirement = "the event must have a time, which a capture with meta has";
  throw new RangeError(`Cannot replay line ${line} at speed ${speed}: ${requirement}`);
}
