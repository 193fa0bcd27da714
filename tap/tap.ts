import { later, onAbort, refusal, reportUncaught } from "../internal/mod.ts";
import { MAX_TIMER_MS } from "./_max_timer.ts";
import { Allowance } from "./_allowance.ts";
import { Backlog } from "./_backlog.ts";
import { type Bounds, checkDuration, checkStage, checkTapOptions } from "./_check.ts";
import { type Desk, Offered } from "./_offered.ts";
import { type Access, EVENT_ID, needsSalt, type Plan, planSession } from "./_plan.ts";
import { compileRules, LineWriter, Redactor, rulesAt } from "./_redactor.ts";
import { fitsStage, patternsOf } from "./_stage_match.ts";
import type { TapEvent } from "./event.ts";
import type {
  TapAuditRecord,
  TapEventMeta,
  TapFormat,
  TapOpenOptions,
  TapOptions,
  TapRefusalReason,
} from "./options.ts";
import { control, REPLAY_MS, type TapEndReason, type TapSession } from "./session.ts";
import type { TapStats } from "./stats.ts";

/** Set by the static block of {@linkcode Tap}: what only those who serve a session may do. */
export let serving: {
  /** Opens a session for somebody who may not have all of it; or says why not. */
  open<S extends string>(
    tap: Tap<S>,
    options: TapOpenOptions<S>,
    access: Access,
  ): TapSession | Extract<TapRefusalReason, "full" | "subject" | "disabled">;
  /** Keeps the place of a session until the returned function is called. */
  hold<S extends string>(tap: Tap<S>, session: TapSession): () => void;
  /** Counts a refusal, and tells the audit of it. */
  refuse<S extends string>(
    tap: Tap<S>,
    reason: TapRefusalReason,
    subject: string | undefined,
    message: string,
  ): void;
  /** Counts what was streamed. */
  addStreamed<S extends string>(tap: Tap<S>, events: number, bytes: number): void;
  /** What the tap was made with, of what a session is told. */
  bounds<S extends string>(tap: Tap<S>): Bounds;
};

interface Stage {
  readonly name: string;
  readonly format: TapFormat;
  /** Hides what no session and no backlog gets to see. */
  readonly writer: LineWriter | undefined;
  readonly backlog: Backlog | undefined;
  // Replaced, never changed, so that a session may open or end while an event is being offered.
  sessions: readonly TapSession[];
}

/**
 * Points in a program from which its live events can be watched, without the program waiting for anybody.
 *
 * The program offers its events at named stages. While nobody listens that costs one comparison; an event is written, once for all
 * sessions, only when somebody wants it. A session that is too slow loses events, and is told how many; a session that is forgotten
 * ends by itself. What is secret is redacted before anybody gets it, in every session.
 *
 * | operation | cost |
 * | --- | --- |
 * | offer, nobody listening | one comparison |
 * | offer | O(sessions of the stage + size of the event for each that wants it) |
 * | open | O(sessions + what it wants of the backlog), for 100 ms at the most |
 * | addStage, kill, close, stats | O(sessions) |
 *
 * @typeParam S The names of the stages.
 *
 * @example Watching a stage
 * ```ts
 * import { Tap } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const tap = new Tap({ stages: { received: "json" }, redact: ["user.email"] });
 * using session = tap.open({ stage: "received", where: "status >= 500" })!;
 * tap.offer("received", { status: 200 });
 * tap.offer("received", () => ({ status: 503, password: "x" })); // Called only while somebody listens.
 * const events = await session.receiveBatch(10);
 * assertEquals(events.map((event) => event.line), ['{"status":503,"password":"[redacted]"}']);
 * ```
 */
export class Tap<S extends string = "raw" | "decoded"> implements Disposable {
  static {
    serving = {
      open: (tap, options, access) => tap.#tryOpen(options, access),
      hold: (tap, session) => {
        tap.#served.add(session);
        return () => void tap.#served.delete(session);
      },
      refuse: (tap, reason, subject, message) => tap.#refuse(reason, subject, message),
      addStreamed: (tap, events, bytes) => {
        tap.#streamed += events;
        tap.#bytes += bytes;
      },
      bounds: (tap) => tap.#bounds,
    };
  }

  readonly #bounds: Bounds;
  readonly #idPrefix: string;
  readonly #stages: Map<string, Stage> = new Map();
  readonly #desk: Desk;
  readonly #audit: ((record: TapAuditRecord) => void) | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #stopListening: (() => void) | undefined;
  // Whether anything is to be done with an event: somebody listens, or a backlog is kept.
  #listening = false;
  #sessions: readonly TapSession[] = [];
  // Sessions that are being served, open or not: they have a place until their stream has ended.
  readonly #served: Set<TapSession> = new Set();
  #enabled: boolean;
  // The last event before the tap was switched on again: what else was offered up to then, nobody knows.
  #blindSeq = -1;
  #stopEnabled: (() => void) | undefined;
  // Sessions that the audit has not been told of yet.
  readonly #untold: Set<TapSession> = new Set();
  // What sessions may cost when they are opened, all together: one after another, they could cost all of the time.
  readonly #spareWork: Allowance;
  readonly #replayTime: Allowance;
  // How many offers, and tellings of the audit, are under way, one within another.
  #offering = 0;
  #telling = 0;
  #seq = 0;
  #opened = 0;
  readonly #refusedBy: Record<TapRefusalReason, number> = {
    full: 0,
    subject: 0,
    disabled: 0,
    invalid: 0,
    unauthorized: 0,
    forbidden: 0,
  };
  #captured = 0;
  #dropped = 0;
  #unwritable = 0;
  #misdirected = 0;
  #streamed = 0;
  #bytes = 0;
  #sessionMs = 0;
  #closeReason: TapEndReason | undefined;

  /**
   * Creates a tap.
   *
   * @param options The stages and the bounds.
   * @throws {RangeError} If a bound is not a number it may be, there is no stage, or a path cannot be read.
   * @throws {TypeError} If the format of a stage is neither `"text"` nor `"json"`, or an option is of another kind.
   */
  constructor(options: TapOptions<S> = {}) {
    const bounds = checkTapOptions(options);
    const { stages = { raw: "text", decoded: "json" }, signal } = options;
    if (typeof stages !== "object" || stages === null) {
      throw new TypeError(refusal(CREATE, "stages must be an object", stages));
    }
    this.#bounds = bounds;
    this.#idPrefix = `${bounds.instance}-`;
    this.#desk = {
      makeEvent: (content) => this.#makeEvent(content),
      countUnwritable: () => void this.#unwritable++,
    };
    const now = bounds.now();
    this.#spareWork = new Allowance(SPARE_WORK_PER_MS, SPARE_WORK, now);
    this.#replayTime = new Allowance(REPLAY_SHARE, (bounds.maxSessions + 1) * REPLAY_MS, now);
    this.#audit = options.audit;
    this.#onError = options.onError ?? reportUncaught;
    this.#enabled = options.enabled ?? true;
    for (const [name, format] of Object.entries(stages)) {
      checkStage(CREATE, name, format as TapFormat);
      this.#place(name, format as TapFormat);
    }
    if (this.#stages.size === 0) throw new RangeError(refusal(CREATE, "it needs a stage", 0));
    this.#stopListening = signal && onAbort(signal, () => this.close());
    if (signal?.aborted) this.close();
    this.#listen();
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
    return this.#bounds.maxDurationMs;
  }

  /** Tells this tap from every other; the ids of its events begin with it. */
  get instance(): string {
    return this.#bounds.instance;
  }

  /** Whether sessions can be opened, as far as {@linkcode Tap.enable} and {@linkcode Tap.disable} say it. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Whether the tap has been closed. */
  get closed(): boolean {
    return this.#closeReason !== undefined;
  }

  /**
   * Adds a stage. Sessions that were opened with a pattern that fits its name have it too, from now on.
   *
   * @param name Its name.
   * @param format How its events are written.
   * @throws {RangeError} If there is such a stage, or the name has a `*`, a comma, or a blank at its ends.
   * @throws {TypeError} If the format is neither `"text"` nor `"json"`.
   *
   * @example A component that comes later
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assertEquals } from "@std/assert";
   *
   * const tap = new Tap<string>({ stages: { "http.in": "json" } });
   * using session = tap.open({ stage: "*.in" })!;
   * tap.addStage("queue.in", "json");
   * tap.offer("queue.in", { job: 7 });
   * assertEquals((await session.receiveBatch(9)).map((event) => event.stage), ["queue.in"]);
   * assertEquals(session.stages, ["http.in", "queue.in"]);
   * ```
   */
  addStage(name: S, format: TapFormat): void {
    checkStage(ADD, name, format);
    if (this.#stages.has(name)) {
      throw new RangeError(refusal(ADD, "there must be no stage of this name", name));
    }
    const stage = this.#place(name, format);
    for (const session of this.#sessions) {
      const { stage: asked } = session.query;
      const patterns = patternsOf(asked);
      if (!patterns.some((pattern) => fitsStage(pattern, name))) continue;
      stage.sessions = [...stage.sessions, session];
      control.addStage(session, name);
    }
  }

  /**
   * Whether anybody would get an event of a stage, for programs that have to do something to have one.
   *
   * @param stage The stage.
   * @returns Whether a session is open there, or a backlog is kept.
   *
   * @example Work that only a reader is worth
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const tap = new Tap();
   * assertFalse(tap.isListening("raw"));
   * using _session = tap.open({ stage: "raw" });
   * assert(tap.isListening("raw"));
   * ```
   */
  isListening(stage: S): boolean {
    if (!this.#listening) return false;
    const found = this.#stages.get(stage);
    return found !== undefined && (found.backlog !== undefined || found.sessions.length > 0);
  }

  /**
   * Offers an event to everybody who listens at a stage. Never waits, and never throws: an event that cannot be written is counted.
   *
   * @param stage Where in the program this is; a stage that does not exist is counted, while anybody listens anywhere.
   * @param value The event, or a function that makes it at once, called at most once and only if somebody listens. It is written before
   * this returns, so it may be changed afterwards.
   * @param meta What else is known of it, such as the id of its trace, for those who ask for it. It is redacted like the event.
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
  offer(stage: S, value: unknown, meta?: TapEventMeta): void {
    // Engines leave out the making of a function that is given here, if the way out comes first.
    if (!this.#listening) return;
    this.#offer(stage, value, meta);
  }

  /**
   * Opens a session.
   *
   * @param options What to capture, and for how long.
   * @returns The session, or undefined if as many are open as may be, of all or of its subject, or the tap is switched off. After {@linkcode Tap.close} it holds the
   * backlog and has ended.
   * @throws {RangeError} If the stage does not exist, a number is not one it may be, an expression or a path cannot be read, or `where` or
   * `key` read what is redacted.
   * @throws {TypeError} If an option is of another kind.
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
    const session = this.#tryOpen(options, {});
    if (typeof session !== "string") return session;
    this.#refuse(session, options.subject, `Cannot ${OPEN}: ${REFUSALS[session]}`);
    return undefined;
  }

  /**
   * Ends one session, such as one that is in the way: its reader is told that it was `"killed"`.
   *
   * @param id The {@linkcode TapSession.id} of the session.
   * @returns Whether there was one that was open.
   *
   * @example Making room
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assert, assertEquals } from "@std/assert";
   *
   * using tap = new Tap();
   * const session = tap.open({ stage: "raw" })!;
   * assert(tap.kill(session.id));
   * assertEquals(session.reason, "killed");
   * ```
   */
  kill(id: number): boolean {
    const session = this.#sessions.find((open) => open.id === id);
    if (session !== undefined) control.end(session, "killed");
    return session !== undefined;
  }

  /**
   * Lets sessions be opened, for ever or for some time. What is not needed every day is better off.
   *
   * @param forMs For how many milliseconds; then it is as after {@linkcode Tap.disable}. At the most 24.8 days.
   * @throws {RangeError} If `forMs` is not a time that a timer can wait.
   *
   * @example Fifteen minutes
   * ```ts
   * import { Tap } from "@weir/weir/tap";
   * import { assert, assertEquals } from "@std/assert";
   *
   * using tap = new Tap({ enabled: false });
   * assertEquals(tap.open({ stage: "raw" }), undefined);
   * tap.enable(15 * 60_000);
   * assert(tap.open({ stage: "raw" }));
   * ```
   */
  enable(forMs?: number): void {
    if (forMs !== undefined) checkDuration("enable Tap", "forMs", forMs, MAX_TIMER_MS);
    if (this.closed) return;
    this.#stopEnabled?.();
    this.#stopEnabled = forMs === undefined ? undefined : later(forMs, () => this.disable());
    if (!this.#enabled) this.#blindSeq = this.#seq;
    this.#enabled = true;
    this.#listen();
  }

  /**
   * Ends every session, as `"killed"`, and lets none be opened until {@linkcode Tap.enable}. A backlog stays as it is, and gets nothing new.
   */
  disable(): void {
    this.#stopEnabled?.();
    this.#stopEnabled = undefined;
    this.#enabled = false;
    this.#listen();
    for (const session of this.#sessions) control.end(session, "killed");
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
    this.#stopListening?.();
    this.#stopEnabled?.();
    this.#listen();
    for (const session of this.#sessions) control.end(session, reason);
  }

  /**
   * Says what the tap has done.
   *
   * @returns Counts since the tap was made, and how many sessions are open now.
   */
  stats(): TapStats {
    const open = this.#sessions.reduce((sum, session) => sum + session.durationMs, 0);
    return {
      active: this.#sessions.length,
      ending: this.#ending().length,
      opened: this.#opened,
      refused: Object.values(this.#refusedBy).reduce((sum, count) => sum + count, 0),
      refusedBy: { ...this.#refusedBy },
      captured: this.#captured,
      dropped: this.#dropped,
      unwritable: this.#unwritable,
      misdirected: this.#misdirected,
      streamed: this.#streamed,
      bytes: this.#bytes,
      sessionMs: this.#sessionMs + open,
    };
  }

  /** Closes the tap. */
  [Symbol.dispose](): void {
    this.close();
  }

  #place(name: string, format: TapFormat): Stage {
    const { redact, denyNames } = this.#bounds;
    const { events, maxBytes, maxAgeMs } = this.#bounds.backlog;
    const backlog = events > 0 ? new Backlog(events, maxBytes, maxAgeMs) : undefined;
    const masked = rulesAt(redact, name).filter((rule) => !needsSalt(rule));
    const redactor = new Redactor(compileRules(CREATE, masked), denyNames, CREATE);
    const writer = redactor.isEmpty ? undefined : new LineWriter(redactor, undefined, undefined);
    const stage = { name, format, writer, backlog, sessions: [] };
    this.#stages.set(name, stage);
    return stage;
  }

  #listen(): void {
    this.#listening = this.#enabled && this.#closeReason === undefined &&
      (this.#bounds.backlog.events > 0 || this.#sessions.length > 0);
  }

  #offer(name: string, value: unknown, meta: TapEventMeta | undefined): void {
    const stage = this.#stages.get(name);
    if (stage === undefined) {
      this.#misdirected++;
      return;
    }
    const { sessions, backlog } = stage;
    if (sessions.length === 0 && backlog === undefined) return;
    // An event that offers another while it is read is read twice, and so on: that doubles at each level.
    if (this.#offering === MAX_OFFERING) {
      this.#unwritable++;
      return;
    }
    this.#offering++;
    try {
      const offered = new Offered(this.#desk, stage, value, meta);
      backlog?.add(offered.event());
      for (const session of sessions) {
        // An event that the program offers while this one is being written may have ended a session.
        if (session.reason === undefined) control.offer(session, offered);
      }
    } catch {
      // Such as where the stack ends: the program must not fail because it is watched.
      this.#unwritable++;
    } finally {
      this.#offering--;
    }
  }

  #makeEvent({ stage, line, isText, meta }: Omit<TapEvent, "id" | "seq" | "time">): TapEvent {
    const seq = ++this.#seq;
    return { id: this.#idPrefix + seq, seq, time: Date.now(), stage, line, isText, meta };
  }

  #tryOpen(
    options: TapOpenOptions<S>,
    access: Access,
  ): TapSession | "full" | "subject" | "disabled" {
    const plan = planSession(options, access, this.#bounds, access.stages ?? this.stages);
    const { maxSessions, maxSessionsPerSubject, bufferEvents, maxBytes, now } = this.#bounds;
    if (!this.#enabled) return "disabled";
    // An audit that opens a session for each that ends would never come to an end.
    if (this.#telling === MAX_TELLING) return "full";
    const places = [...this.#sessions, ...this.#ending()];
    if (places.length >= maxSessions) return "full";
    const { subject } = options;
    const own = places.filter((session) => session.subject === subject);
    if (subject !== undefined && own.length >= maxSessionsPerSubject) return "subject";

    const stages = [...this.#stages.values()].filter(({ name }) =>
      plan.patterns.some((pattern) => fitsStage(pattern, name))
    );
    const session = control.create({
      ...plan,
      id: this.#opened + 1,
      stages: stages.map(({ name }) => name),
      bufferEvents,
      maxBufferBytes: maxBytes,
      now,
      replayMs: this.#replayTime.left(now()) > 0 ? REPLAY_MS : 0,
      spareWork: this.#spareWork,
      makeEvent: (stage, line) => this.#makeEvent({ stage, line, isText: false, meta: undefined }),
      onCaptured: (count) => void (this.#captured += count),
      onDropped: (count) => void (this.#dropped += count),
      onEnd: (ended) => this.#remove(ended),
    });
    // It has its place before the program's own code is asked what it wants of the backlog, since that may open others.
    this.#opened++;
    this.#sessions = [...this.#sessions, session];
    this.#untold.add(session);
    const start = now();
    try {
      this.#replay(session, stages, plan);
    } catch (error) {
      // Else it would hold its place for ever.
      control.end(session, "killed");
      throw error;
    } finally {
      this.#untold.delete(session);
      this.#replayTime.spend(now() - start);
    }
    const hasEnded = session.reason !== undefined;
    if (!hasEnded) { for (const stage of stages) stage.sessions = [...stage.sessions, session]; }
    this.#listen();
    this.#tell({ type: "opened", session });
    if (hasEnded) this.#tell({ type: "ended", session });
    control.begin(session, this.#closeReason);
    return session;
  }

  /** Gives a session what is kept, and counts what lies before it. */
  #replay(session: TapSession, stages: readonly Stage[], { since, backlog }: Plan): void {
    let kept: TapEvent[] = [];
    let offered = 0;
    for (const stage of stages) {
      stage.backlog?.expire(Date.now());
      kept = kept.concat(stage.backlog?.kept() ?? []);
      offered += stage.backlog?.offered ?? 0;
    }
    if (stages.length > 1) kept.sort((a, b) => a.seq - b.seq);
    const [, instance, seq] = EVENT_ID.exec(`${since}`) ?? [];
    const after = Number(seq);
    if (typeof since === "number") {
      const from = Date.now() - since;
      kept = kept.filter(({ time }) => time >= from);
    } else if (seq !== undefined) {
      // The events of another process, or of this one before it was started anew, say nothing of these.
      if (instance === this.instance) kept = kept.filter((event) => event.seq > after);
    }
    const offeredAgain = (event: TapEvent): Offered =>
      Offered.kept(this.#desk, event, this.#stages.get(event.stage)!);
    const looked = control.replay(session, kept, offeredAgain, backlog);
    if (seq === undefined) return control.setMissed(session, offered - looked);
    // Nobody counts what is forgotten behind an event; but where nothing is, it is none.
    const isWhole = instance === this.instance && after <= this.#seq && after > this.#blindSeq &&
      stages.every(({ backlog }) => backlog?.reaches(after) === true) &&
      looked === kept.length;
    control.setMissed(session, isWhole ? 0 : undefined);
  }

  #ending(): TapSession[] {
    return [...this.#served].filter(({ reason }) => reason !== undefined);
  }

  #remove(session: TapSession): void {
    const others = (list: readonly TapSession[]) => list.filter((other) => other !== session);
    this.#sessions = others(this.#sessions);
    for (const stage of this.#stages.values()) stage.sessions = others(stage.sessions);
    this.#sessionMs += session.durationMs;
    this.#listen();
    if (!this.#untold.has(session)) this.#tell({ type: "ended", session });
  }

  #refuse(reason: TapRefusalReason, subject: string | undefined, message: string): void {
    this.#refusedBy[reason]++;
    this.#tell({ type: "refused", reason, subject, message });
  }

  #tell(record: TapAuditRecord): void {
    this.#telling++;
    try {
      this.#audit?.(record);
    } catch (error) {
      try {
        this.#onError(error);
      } catch (problem) {
        // It has come from an offer, maybe, and the program must not fail because it is watched.
        reportUncaught(problem);
      }
    } finally {
      this.#telling--;
    }
  }
}

/** How deep offers may be in offers, and sessions opened by the audit in each other. */
const MAX_OFFERING = 8;
const MAX_TELLING = 8;

/** What the filters of all sessions may be beside what each of them may be all the time, in units of work, a millisecond and at once. */
const SPARE_WORK_PER_MS = 500;
const SPARE_WORK = 2_000_000;

/** How much of the time may go into looking through the backlog for new sessions. */
const REPLAY_SHARE = 0.1;

const CREATE = "create Tap";
const ADD = "add stage to Tap";
const OPEN = "open tap session";

const REFUSALS = {
  full: "as many sessions are open as may be",
  subject: "as many sessions of this subject are open as may be",
  disabled: "the tap is switched off",
} as const;
