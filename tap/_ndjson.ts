import { every, later } from "../internal/mod.ts";
import { control, type TapEndReason, type TapSession } from "./session.ts";

/** The last record of every stream: how the session went. */
export interface TapSummary {
  /** How many events were written to this stream. */
  readonly captured: number;
  /** How many events the session lost, because the reader was too slow or an event could not be written. */
  readonly dropped: number;
  /** How many events it had captured and could not deliver, because the reader did not read them in time. */
  readonly undelivered: number;
  /** How many events of the stage came before the first one that this session got. */
  readonly missed: number;
  /** How long the session was open, in milliseconds. */
  readonly "duration_ms": number;
  /** The stage. */
  readonly stage: string;
  /** Why it ended. */
  readonly reason: TapEndReason;
}

/** The one key of the record that is the summary. */
export const SUMMARY_KEY = "weir_tap_summary";

/** How many events go into one chunk at the most. */
const CHUNK_EVENTS = 512;

/**
 * Writes a session as a stream of lines: its events, an empty line whenever the reader has waited for `heartbeatMs`, and the summary.
 *
 * The session ends when the stream is cancelled. When a reader takes nothing for `graceMs` after the end of the session, what is left is
 * given up and the stream ends, so that one that has stalled holds no memory.
 */
export function ndjsonStream(
  session: TapSession,
  heartbeatMs: number,
  graceMs: number,
  onFinish: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let written = 0;
  // While this is so the reader waits for a chunk, and there is none.
  let isWaiting = false;
  let isFirst = true;
  let isFinished = false;
  let stopHeartbeat = (): void => {};
  let stopGrace = (): void => {};

  const finish = (): void => {
    isFinished = true;
    stopHeartbeat();
    stopGrace();
    onFinish();
  };
  const writeSummary = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    control.discard(session);
    finish();
    const summary: TapSummary = {
      captured: written,
      dropped: session.dropped,
      undelivered: session.undelivered,
      missed: session.missed,
      "duration_ms": Math.round(session.durationMs),
      stage: session.stage,
      reason: session.reason!,
    };
    controller.enqueue(encoder.encode(`${JSON.stringify({ [SUMMARY_KEY]: summary })}\n`));
    controller.close();
  };

  // Runs from the end of the session, and anew whenever the reader takes something.
  const startGrace = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    stopGrace();
    if (!isFinished) stopGrace = later(graceMs, () => writeSummary(controller));
  };

  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      stopHeartbeat = every(heartbeatMs, () => {
        // One that the reader has not taken yet is enough.
        if (isWaiting && controller.desiredSize === 0) controller.enqueue(encoder.encode("\n"));
      });
      session.ended.then(() => startGrace(controller));
    },
    async pull(controller) {
      if (isFirst && session.size === 0 && session.reason === undefined) {
        // Some servers send nothing of an answer, not even its status, before the first chunk.
        isFirst = false;
        return controller.enqueue(encoder.encode("\n"));
      }
      isFirst = false;
      isWaiting = true;
      const events = await session.receiveBatch(CHUNK_EVENTS);
      isWaiting = false;
      if (isFinished) return;
      if (events.length === 0) return writeSummary(controller);
      if (session.reason !== undefined) startGrace(controller);
      written += events.length;
      controller.enqueue(encoder.encode(events.map(({ line }) => `${line}\n`).join("")));
    },
    cancel() {
      control.discard(session);
      session.close();
      finish();
    },
  }, { highWaterMark: 0 });
}
