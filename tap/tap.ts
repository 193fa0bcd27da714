import { checkInteger, refusal, reportUncaught } from "../internal/mod.ts";
import { Backlog } from "./_backlog.ts";
import { type TapFormat, toLine } from "./_line.ts";
import { control, type TapEndReason, type TapEvent, type TapSession } from "./session.ts";

/** Set by the static block of {@linkcode Tap}: what only those who serve a session may do. */
export let serving: {
  /** Keeps the place of a session until the returned function is called. */
  hold<S extends string>(tap: Tap<S>, session: TapSession): () => void;
};

/** Longer than this a timer of the platform cannot wait: 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/**
 * Options of the {@linkcode Tap} constructor.
 *
 * @typeParam S The names of the stages.
 */
export interface TapOptions<S extends string> {
  /**
   * The points at which a program offers events, by name, and how events are written there: `"text"` keeps strings as they are,
   * `"json"` writes every value as JSON.
   *
   * @default {{ raw: "text", decoded: "json" }}
   */
  readonly stages?: Readonly<Record<S, TapFormat>> | undefined;
  /**
   * How many events wait for the reader of one session, at the most, beside the backlog that it begins with.
   *
   * @default {8192}
   */
  readonly bufferEvents?: number | undefined;
  /**
   * How many bytes the events that wait in one session hold together, at the most, counted as two a UTF-16 code unit. The same bound
   * holds for the backlog of one stage.
   *
   * @default {33_554_432}
   */
  readonly maxBytes?: number | undefined;
  /**
   * How many sessions may be open at once; 0 refuses all. A session that is served over HTTP counts until its stream has ended.
   *
   * @default {2}
   */
  readonly maxSessions?: number | undefined;
  /**
   * How long one session may last, in milliseconds, at the most 24.8 days.
   *
   * @default {300_000}
   */
  readonly maxDurationMs?: number | undefined;
  /**
   * How many events of each stage are kept for sessions that come later. With a backlog every event is written when it is offered,
   * whether somebody listens or not.
   *
   * @default {0}
   */
  readonly backlog?: number | undefined;
  /** Called with each session that is opened, such as for an audit log. */
  readonly onOpen?: ((session: TapSession) => void) | undefined;
  /** Called with each session that has ended. */
  readonly onEnd?: ((session: TapSession) => void) | undefined;
  /**
   * Called with what `onOpen` and `onEnd` throw. Without it that goes to `reportError`, which ends the process unless somebody listens
   * to its `error` events.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Options of {@linkcode Tap.open}.
 *
 * @typeParam S The names of the stages.
 */
export interface TapOpenOptions<S extends string> {
  /** The stage to capture. */
  readonly stage: S;
  /**
   * After how many events the session ends: a non-negative integer.
   *
   * @default {Infinity}
   */
  readonly limit?: number | undefined;
  /**
   * After how long the session ends, in milliseconds, from 0 up to the tap's `maxDurationMs`.
   *
   * @default {maxDurationMs}
   */
  readonly durationMs?: number | undefined;
  /**
   * How many of the kept events of the stage come first, the newest ones: a non-negative integer.
   *
   * @default {limit}
   */
  readonly backlog?: number | undefined;
}

/** What a tap has done since it was made. */
export interface TapStats {
  /** Sessions that are open. */
  readonly active: number;
  /** Sessions that were opened. */
  readonly opened: number;
  /** Sessions that were refused because the tap was full. */
  readonly refused: number;
  /** Events that sessions took into their buffers; an event counts once for every session. */
  readonly captured: number;
  /** Events that sessions lost. */
  readonly dropped: number;
  /** Events that could not be written: `JSON.stringify` or the function that was to make them threw, or made a promise. */
  readonly unwritable: number;
  /** Events offered at a stage that does not exist. */
  readonly misdirected: number;
}

interface Stage {
  readonly format: TapFormat;
  readonly backlog: Backlog;
  // Replaced, never changed, so that a session may open or end while an event is being offered.
  sessions: readonly TapSession[];
}

/**
 * Points in a program from which its live events can be watched, without the program waiting for anybody.
 *
 * The program offers its events at named stages. While nobody listens that costs one comparison; an event is written, once for all
 * sessions, only when somebody does. A session that is too slow loses events, and is told how many; a session that is forgotten
 * ends by itself.
 *
 * | operation | cost |
 * | --- | --- |
 * | offer, nobody listening | one comparison |
 * | offer | O(size of the event + sessions of the stage) |
 * | open | O(sessions + backlog) |
 *
 * @typeParam S The names of the stages.
 *
 * @example Watching a stage
 * ```ts
 * import { Tap } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const tap = new Tap({ stages: { received: "json" } });
 * using session = tap.open({ stage: "received" })!;
 * tap.offer("received", { id: 1 });
 * tap.offer("received", () => ({ id: 2 })); // Called only while somebody listens.
 * const events = await session.receiveBatch(10);
 * assertEquals(events.map((event) => event.line), ['{"id":1}', '{"id":2}']);
 * ```
 */
export class Tap<S extends string = "raw" | "decoded"> implements Disposable {
  static {
    serving = {
      hold: (tap, session) => {
        tap.#served.add(session);
        return () => void tap.#served.delete(session);
      },
    };
  }

  readonly #stages: Map<string, Stage> = new Map();
  readonly #bufferEvents: number;
  readonly #maxBytes: number;
  readonly #maxSessions: number;
  readonly #maxDurationMs: number;
  readonly #keepsBacklog: boolean;
  readonly #onOpen: ((session: TapSession) => void) | undefined;
  readonly #onEnd: ((session: TapSession) => void) | undefined;
  readonly #onError: (error: unknown) => void;
  // Whether anything is to be done with an event: somebody listens, or a backlog is kept.
  #listening: boolean;
  #sessions: readonly TapSession[] = [];
  // Sessions that are being served, open or not: they have a place until their stream has ended.
  readonly #served: Set<TapSession> = new Set();
  #seq = 0;
  #opened = 0;
  #refused = 0;
  #captured = 0;
  #dropped = 0;
  #unwritable = 0;
  #misdirected = 0;
  #closeReason: TapEndReason | undefined;

  /**
   * Creates a tap.
   *
   * @param options The stages and the bounds.
   * @throws {RangeError} If a bound is not a number it may be, or there is no stage.
   * @throws {TypeError} If the format of a stage is neither `"text"` nor `"json"`.
   */
  constructor(options: TapOptions<S> = {}) {
    const {
      stages = { raw: "text", decoded: "json" },
      bufferEvents = 8_192,
      maxBytes = 33_554_432,
      maxSessions = 2,
      maxDurationMs = 300_000,
      backlog = 0,
    } = options;
    checkInteger(CREATE, "bufferEvents", bufferEvents, 1);
    checkInteger(CREATE, "maxBytes", maxBytes, 1);
    checkInteger(CREATE, "maxSessions", maxSessions, 0);
    checkInteger(CREATE, "backlog", backlog, 0);
    checkDuration(CREATE, "maxDurationMs", maxDurationMs, MAX_TIMER_MS);
    for (const [name, format] of Object.entries(stages)) {
      if (format !== "text" && format !== "json") {
        throw new TypeError(
          refusal(CREATE, `the format of stage "${name}" must be text or json`, format),
        );
      }
      this.#stages.set(name, { format, backlog: new Backlog(backlog, maxBytes), sessions: [] });
    }
    if (this.#stages.size === 0) throw new RangeError(refusal(CREATE, "it needs a stage", 0));
    this.#bufferEvents = bufferEvents;
    this.#maxBytes = maxBytes;
    this.#maxSessions = maxSessions;
    this.#maxDurationMs = maxDurationMs;
    this.#keepsBacklog = backlog > 0;
    this.#listening = this.#keepsBacklog;
    this.#onOpen = options.onOpen;
    this.#onEnd = options.onEnd;
    this.#onError = options.onError ?? reportUncaught;
  }

  /** The names of the stages. */
  get stages(): S[] {
    return [...this.#stages.keys()] as S[];
  }

  /** The sessions that are open, the oldest first. */
  get sessions(): readonly TapSession[] {
    return this.#sessions;
  }

  /** How long one session may last, in milliseconds. */
  get maxDurationMs(): number {
    return this.#maxDurationMs;
  }

  /** Whether the tap has been closed. */
  get closed(): boolean {
    return this.#closeReason !== undefined;
  }

  /**
   * Offers an event to everybody who listens at a stage. Never waits, and never throws: an event that cannot be written is counted.
   *
   * @param stage Where in the program this is; a stage that does not exist is counted.
   * @param value The event, or a function that makes it at once, called at most once and only if somebody listens. It is written before
   * this returns, so it may be changed afterwards.
   *
   * @example Offering what would be dear to make
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assertEquals } from "@std/assert";
   *
   * const tap = new Tap();
   * let calls = 0;
   * tap.offer("decoded", () => ({ calls: ++calls }));
   * assertEquals(calls, 0);
   * ```
   */
  offer(stage: S, value: unknown): void {
    if (this.#listening) this.#offer(stage, value);
  }

  /**
   * Opens a session.
   *
   * @param options What to capture, and for how long.
   * @returns The session, or undefined if as many are open as may be. After {@linkcode Tap.close} it holds the backlog and has ended.
   * @throws {RangeError} If the stage does not exist, or a number is not one it may be.
   *
   * @example Refusing the third
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assert, assertEquals } from "@std/assert";
   *
   * using tap = new Tap({ maxSessions: 1 });
   * assert(tap.open({ stage: "raw" }));
   * assertEquals(tap.open({ stage: "raw" }), undefined);
   * ```
   */
  open(options: TapOpenOptions<S>): TapSession | undefined {
    const {
      stage: name,
      limit = Infinity,
      durationMs = this.#maxDurationMs,
      backlog = limit,
    } = options;
    const stage = this.#stages.get(name);
    if (stage === undefined) {
      throw new RangeError(refusal(OPEN, `stage must be one of ${this.stages.join(", ")}`, name));
    }
    if (limit !== Infinity) checkInteger(OPEN, "limit", limit, 0);
    if (backlog !== Infinity) checkInteger(OPEN, "backlog", backlog, 0);
    checkDuration(OPEN, "durationMs", durationMs, this.#maxDurationMs);
    const ending = [...this.#served].filter(({ reason }) => reason !== undefined).length;
    if (this.#sessions.length + ending >= this.#maxSessions) {
      this.#refused++;
      return undefined;
    }

    const replay = stage.backlog.last(backlog);
    const session = control.create({
      id: ++this.#opened,
      stage: name,
      bufferEvents: this.#bufferEvents,
      maxBytes: this.#maxBytes,
      limit,
      durationMs,
      replay,
      missed: stage.backlog.offered - replay.length,
      onEnd: (ended) => this.#remove(stage, ended),
    });
    this.#captured += session.captured;
    this.#sessions = [...this.#sessions, session];
    stage.sessions = [...stage.sessions, session];
    this.#listening = true;
    this.#call(this.#onOpen, session);
    control.begin(session, this.#closeReason);
    return session;
  }

  /**
   * Ends the tap: there will be no more events. Every session ends, after its reader has read what it captured; a backlog stays
   * readable. Closing again does nothing.
   *
   * @param reason What the sessions say: `"input"` where there is no more, `"shutdown"` where the program ends.
   */
  close(reason: "input" | "shutdown" = "shutdown"): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#listening = false;
    for (const session of this.#sessions) control.end(session, reason);
  }

  /**
   * Says what the tap has done.
   *
   * @returns Counts since the tap was made, and how many sessions are open now.
   */
  stats(): TapStats {
    return {
      active: this.#sessions.length,
      opened: this.#opened,
      refused: this.#refused,
      captured: this.#captured,
      dropped: this.#dropped,
      unwritable: this.#unwritable,
      misdirected: this.#misdirected,
    };
  }

  /** Closes the tap. */
  [Symbol.dispose](): void {
    this.close();
  }

  #offer(name: string, value: unknown): void {
    const stage = this.#stages.get(name);
    if (stage === undefined) {
      this.#misdirected++;
      return;
    }
    if (stage.sessions.length === 0 && !this.#keepsBacklog) return;
    const event = this.#write(name, stage.format, value);
    stage.backlog.add(event);
    for (const session of stage.sessions) {
      // An event that the program offers while this one is being written may have ended a session.
      if (session.reason !== undefined) continue;
      if (control.offer(session, event)) this.#captured++;
      else this.#dropped++;
    }
  }

  #write(stage: string, format: TapFormat, value: unknown): TapEvent | undefined {
    try {
      const made = typeof value === "function" ? value() : value;
      // What it will be is not known now, and nobody else may care when it fails.
      if (made instanceof Promise) {
        made.catch(() => {});
        throw new TypeError("an event must not be a promise");
      }
      const line = toLine(made, format);
      return { seq: ++this.#seq, time: Date.now(), stage, line };
    } catch {
      // The program that is being watched must not fail because it is watched.
      this.#unwritable++;
      return undefined;
    }
  }

  #remove(stage: Stage, session: TapSession): void {
    const others = (list: readonly TapSession[]) => list.filter((other) => other !== session);
    this.#sessions = others(this.#sessions);
    stage.sessions = others(stage.sessions);
    this.#listening = this.#closeReason === undefined &&
      (this.#keepsBacklog || this.#sessions.length > 0);
    this.#call(this.#onEnd, session);
  }

  #call(callback: ((session: TapSession) => void) | undefined, session: TapSession): void {
    try {
      callback?.(session);
    } catch (error) {
      this.#onError(error);
    }
  }
}

const CREATE = "create Tap";
const OPEN = "open tap session";

function checkDuration(action: string, name: string, value: number, most: number): void {
  if (value >= 0 && value <= most) return;
  throw new RangeError(refusal(action, `${name} must be from 0 to ${most} ms`, value));
}
