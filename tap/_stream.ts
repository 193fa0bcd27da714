import { every, later } from "../internal/mod.ts";
import type { Framing } from "./_framing.ts";
import { fitsStage, patternsOf } from "./_stage_match.ts";
import type { TapHello } from "./records.ts";
import { control, type TapSession } from "./session.ts";
import type { TapSummary } from "./summary.ts";

/** What a stream needs to know, beside its session. */
export interface StreamSetup {
  readonly framing: Framing;
  readonly hello: TapHello;
  /** How long the stream may be silent. */
  readonly heartbeatMs: number;
  /** How long a reader may take nothing before its session is ended. */
  readonly stallMs: number;
  /** How long a reader may take nothing after the end of its session. */
  readonly graceMs: number;
  readonly onWritten: (events: number, bytes: number) => void;
  /** Called once, when nothing is to be written any more, or nobody reads it. */
  readonly onFinish: () => void;
}

/** How many events, and how many code units, go into one chunk at the most, beside what the last of them has more. */
const CHUNK_EVENTS = 512;
const CHUNK_UNITS = 262_144;

/**
 * When so many chunks in a row came so soon one after another, the next ones wait that long for so many events: a chunk costs a server, on some
 * runtimes, ten times what an event does. Where fewer than some come meanwhile, it was not worth the wait, and twice as many chunks must come
 * so soon before it is tried again.
 */
const GATHER_CHUNKS = 8;
const GATHER_MS = 2;
const GATHER_EVENTS = 64;
const GATHER_WORTH = 8;
const MAX_GATHER_CHUNKS = 4_096;

/** A reader that takes something has its grace anew, but not for ever: it holds a place. */
const MAX_GRACES = 6;

/** How often a reader is told what it loses, while it does. */
const NOTICE_MS = 1_000;

/** How often it is looked whether a reader has taken what stands in the queue, at the least. */
const LOOK_MS = 1_000;
const MIN_LOOK_MS = 50;

type Controller = ReadableStreamDefaultController<Uint8Array>;

/**
 * Writes a session as a stream: that it is open, its events, what it loses while it does, a sign of life in silence, and a summary.
 *
 * The session ends when the stream is cancelled. A reader that takes nothing for `stallMs` loses its session, and one that takes nothing
 * for `graceMs` after the end what is left, so that one that has stalled, or has gone without a word, holds no memory and no place.
 */
export function streamSession(
  session: TapSession,
  setup: StreamSetup,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { framing, heartbeatMs, stallMs, graceMs } = setup;
  const encoder = new TextEncoder();
  const seam = control.replayed(session);
  let written = 0;
  let bytes = 0;
  // What is written before the next events.
  let pending = framing.hello(setup.hello) + tellUnmatched(session, framing);
  // A notice is written at most once a second, when the reader takes something.
  let isNoticeDue = false;
  let hasToldLate = false;
  let toldDropped = 0;
  let toldStages = session.stages.length;
  let isFirst = true;
  let writtenAt = 0;
  let quickChunks = 0;
  let neededChunks = GATHER_CHUNKS;
  // While this is so the reader waits for a chunk, and there is none.
  let isWaiting = false;
  let isFinished = false;
  // Whether nothing was written since half of a heartbeat ago.
  let isSilent = false;
  const stops: (() => void)[] = [];
  let stopTimer = (): void => {};
  let dueAt = Infinity;
  let deadline = Infinity;
  let hasEnded = false;
  let endAt: number | undefined;
  // Below 0, how many chunks stood in the queue when it was looked at.
  let queued = 0;

  const finish = (): void => {
    if (isFinished) return;
    isFinished = true;
    for (const stop of stops) stop();
    stopTimer();
    setup.onFinish();
  };
  const enqueue = (controller: Controller, text: string, events = 0): void => {
    const chunk = encoder.encode(text);
    bytes += chunk.length;
    isSilent = false;
    setup.onWritten(events, chunk.length);
    controller.enqueue(chunk);
    watchReader(controller);
  };
  /** The reader's time runs from what was written last, or from the end of the session, until it asks for more. */
  const watchReader = (controller: Controller): void => {
    queued = controller.desiredSize ?? 0;
    if (isFinished) return;
    hasEnded = session.reason !== undefined;
    const now = performance.now();
    if (hasEnded) endAt ??= now + MAX_GRACES * graceMs;
    const waitMs = hasEnded ? Math.max(0, Math.min(graceMs, endAt! - now)) : stallMs;
    deadline = now + waitMs;
    // A timer for each chunk would cost more than the chunk: one that is due earlier looks again then.
    if (deadline >= dueAt) return;
    armTimer(controller, waitMs);
  };
  const armTimer = (controller: Controller, waitMs: number): void => {
    stopTimer();
    dueAt = performance.now() + waitMs;
    stopTimer = later(waitMs, () => {
      dueAt = Infinity;
      const leftMs = deadline - performance.now();
      if (leftMs > 0) {
        if (leftMs < Infinity) armTimer(controller, leftMs);
        return;
      }
      const isOfBefore = !hasEnded && session.reason !== undefined;
      const isOver = endAt !== undefined && performance.now() >= endAt;
      if (isOfBefore || !isOver && hasTaken(controller)) return watchReader(controller);
      // What has ended is given up; who waits has taken what there was.
      if (session.reason === undefined && isIdle(controller)) return;
      control.end(session, "slow_reader");
      end(controller);
    });
  };
  /** A reader that takes what stands in the queue says nothing of it: it asks for more only when it has it. */
  const hasTaken = (controller: Controller): boolean => (controller.desiredSize ?? 0) > queued;
  const countQuick = (count: number): void => {
    const now = performance.now();
    const isQuick = now - writtenAt < GATHER_MS;
    writtenAt = now;
    if (quickChunks < neededChunks) {
      quickChunks = isQuick ? quickChunks + 1 : 0;
    } else if (count >= GATHER_WORTH) {
      neededChunks = GATHER_CHUNKS;
    } else {
      quickChunks = 0;
      neededChunks = Math.min(MAX_GATHER_CHUNKS, 2 * neededChunks);
    }
  };
  const end = (controller: Controller): void => {
    if (isFinished) return;
    control.discard(session);
    enqueue(controller, pending + framing.summary(summarize(session, written, bytes)));
    finish();
    controller.close();
  };
  const isIdle = (controller: Controller): boolean => isWaiting && controller.desiredSize === 0;
  /** What there is to tell, with the counts of now. */
  const takeNotices = (): string => {
    let text = pending;
    pending = "";
    if (!isNoticeDue) return text;
    isNoticeDue = false;
    const { dropped, stages } = session;
    if (dropped > toldDropped) {
      const { unshown, rateLimited } = session.stats();
      text += framing.notice({
        kind: "drop",
        dropped,
        new: dropped - toldDropped,
        unshown,
        "rate_limited": rateLimited,
      });
      toldDropped = dropped;
      hasToldLate = true;
    }
    if (stages.length > toldStages) {
      text += framing.notice({ kind: "match", stages: stages.slice(toldStages) });
      toldStages = stages.length;
    }
    return text;
  };
  /** Tells what there is to tell if the reader waits; else it comes before the next events. */
  const tell = (controller: Controller): void => {
    if (!isIdle(controller)) return;
    const text = takeNotices();
    if (text !== "") enqueue(controller, text);
  };
  // Nobody is to wait longer for events than for a sign of life.
  const gathers = heartbeatMs > 10 * GATHER_MS;
  const lookMs = Math.max(MIN_LOOK_MS, Math.min(LOOK_MS, stallMs / 4));

  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      // Nobody may ever begin to read.
      watchReader(controller);
      stops.push(
        every(NOTICE_MS, () => {
          // One that was written late makes the next one wait.
          isNoticeDue = !hasToldLate;
          hasToldLate = false;
          tell(controller);
          hasToldLate = false;
        }),
        every(lookMs, () => {
          if (hasTaken(controller)) watchReader(controller);
        }),
        // Twice as often as one is due, so that no silence is longer whenever it begins.
        every(heartbeatMs / 2, () => {
          if (isSilent && isIdle(controller)) enqueue(controller, framing.heartbeat);
          else isSilent = true;
        }),
      );
      session.ended.then(() => watchReader(controller));
    },
    async pull(controller) {
      if (session.reason === undefined) deadline = Infinity;
      else watchReader(controller);
      const isEmpty = session.size === 0;
      // Some servers send nothing of an answer, not even its status, before the first chunk.
      if (isFirst && isEmpty && pending === "" && session.reason === undefined) {
        pending = framing.heartbeat;
      }
      isFirst = false;
      isWaiting = true;
      if (isEmpty) tell(controller);
      const [first] = await session.receiveBatch(1);
      isWaiting = false;
      if (gathers && quickChunks >= neededChunks) {
        await control.gather(session, GATHER_MS, GATHER_EVENTS - 1);
      }
      if (isFinished) return control.giveUp(session, first === undefined ? 0 : 1);
      if (first === undefined) return end(controller);
      let text = takeNotices();
      let count = 0;
      for (let event: typeof first | undefined = first; event !== undefined;) {
        text += framing.event(event);
        written++;
        // Where nothing comes behind it, there is no seam.
        const isSeam = written === seam && (session.reason === undefined || session.size > 0);
        if (isSeam) text += framing.notice({ kind: "live", replayed: seam });
        if (++count >= CHUNK_EVENTS || text.length > CHUNK_UNITS) break;
        event = control.take(session);
      }
      countQuick(count);
      enqueue(controller, text, count);
    },
    cancel() {
      session.close();
      control.discard(session);
      finish();
    },
  }, { highWaterMark: 0 });
}

/** What was asked for and is not there yet. */
function tellUnmatched(session: TapSession, framing: Framing): string {
  const { stage } = session.query;
  const asked = patternsOf(stage);
  const patterns = asked.filter((pattern) =>
    !session.stages.some((name) => fitsStage(pattern, name))
  );
  return patterns.length === 0 ? "" : framing.notice({ kind: "unmatched", patterns });
}

function summarize(session: TapSession, written: number, bytes: number): TapSummary {
  const stats = session.stats();
  return {
    captured: written,
    dropped: stats.dropped,
    "duration_ms": Math.round(session.durationMs),
    stage: session.stage,
    reason: session.reason!,
    unshown: stats.unshown,
    undelivered: stats.undelivered,
    missed: session.missed ?? null,
    seen: stats.seen,
    matched: stats.matched,
    "sampled_out": stats.sampledOut,
    "rate_limited": stats.rateLimited,
    truncated: stats.truncated,
    bytes,
  };
}
