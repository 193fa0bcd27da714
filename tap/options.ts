import type { RedactRule } from "./redact.ts";
import type { TapSession } from "./session.ts";
import type { Where } from "./where.ts";

/** How a stage's values are written: text lines as they are, or each value as JSON. */
export type TapFormat = "text" | "json";

/** Stages by a pattern: `*` stands for any letters, and the stages that are added later count too. */
export type TapStagePattern = `${string}*${string}`;

/** What may be told with an event, and stands beside it in the answers of those who ask for it. */
export type TapEventMeta = Readonly<Record<string, unknown>>;

/** What is kept of a stage, for sessions that come later. */
export interface TapBacklogOptions {
  /** How many events of each stage, at the most. */
  readonly events: number;
  /**
   * How many bytes of each stage, at the most, counted as two a UTF-16 code unit.
   *
   * @default {maxBytes}
   */
  readonly maxBytes?: number | undefined;
  /**
   * For how long, in milliseconds. What is older is not given out, and forgotten when the next event comes.
   *
   * @default {Infinity}
   */
  readonly maxAgeMs?: number | undefined;
}

/** What an audit is told: who opened a session, how it ended, and who was refused. */
export type TapAuditRecord =
  | {
    /** A session was opened, or has ended. */
    readonly type: "opened" | "ended";
    /** The session, which says who, what and how much. */
    readonly session: TapSession;
  }
  | {
    /** Somebody was refused. */
    readonly type: "refused";
    /** Why. */
    readonly reason: TapRefusalReason;
    /** Who asked, where that is known. */
    readonly subject: string | undefined;
    /** What was said to them, unless `authorize` has answered by itself. */
    readonly message: string;
  };

/**
 * Why somebody was refused a session.
 *
 * - `"full"`: as many sessions are open as may be.
 * - `"subject"`: as many sessions of this subject are open as may be.
 * - `"disabled"`: the tap is switched off.
 * - `"invalid"`: the request cannot be understood.
 * - `"unauthorized"`: nobody knows who asks.
 * - `"forbidden"`: who asks may not have this.
 */
export type TapRefusalReason =
  | "full"
  | "subject"
  | "disabled"
  | "invalid"
  | "unauthorized"
  | "forbidden";

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
   * How many bytes the events that wait in one session hold together, at the most, counted as two a UTF-16 code unit, beside the backlog that
   * it begins with.
   *
   * @default {33_554_432}
   */
  readonly maxBytes?: number | undefined;
  /**
   * How many bytes one event may have as UTF-8. Of one that has more, a session gets its beginning, marked as such:
   * `{"weir_truncated":{"bytes":…,"text":"…"}}`. The same holds for what is told with an event, which is left out then.
   *
   * @default {262_144}
   */
  readonly maxEventBytes?: number | undefined;
  /**
   * How many sessions may be open at once; 0 refuses all. A session that is served over HTTP counts until its stream has ended.
   *
   * @default {2}
   */
  readonly maxSessions?: number | undefined;
  /**
   * How many sessions one subject may have open at once.
   *
   * @default {maxSessions}
   */
  readonly maxSessionsPerSubject?: number | undefined;
  /**
   * How long one session may last, in milliseconds, at the most 24.8 days.
   *
   * @default {300_000}
   */
  readonly maxDurationMs?: number | undefined;
  /**
   * What no reader gets to see: paths, whose values every session gets as tokens, or rules that say what becomes of them. Readers can add
   * to it, and take nothing away; nor can they filter by it. At a stage of text, a line that is not JSON is dropped when there is a rule for
   * that stage: see {@linkcode RedactRule.stages}.
   *
   * @default {[]}
   */
  readonly redact?: readonly (string | RedactRule)[] | undefined;
  /**
   * Names of credentials. What a key ending with one of them holds is shown as `[redacted]`, wherever it stands; in text, what follows
   * such a name. `[]` for none.
   *
   * @default {CREDENTIAL_NAMES}
   */
  readonly denyNames?: readonly string[] | undefined;
  /**
   * What is kept of each stage for sessions that come later: a number of events, or more bounds. With a backlog every event is written
   * when it is offered, whether somebody listens or not. Credentials by their names, and what is masked, are masked in it already; what
   * is to be hashed is kept as it is, since each session has other tokens.
   *
   * @default {0}
   */
  readonly backlog?: number | TapBacklogOptions | undefined;
  /**
   * Whether sessions can be opened; see {@linkcode Tap.enable}.
   *
   * @default {true}
   */
  readonly enabled?: boolean | undefined;
  /** What this process calls itself, where there are several; every session is told. */
  readonly worker?: string | undefined;
  /** Closes the tap when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each session that is opened or has ended, and with each refusal. */
  readonly audit?: ((record: TapAuditRecord) => void) | undefined;
  /**
   * Called with what `audit` throws. Without it that goes to `reportError`, which ends the process unless somebody listens to its `error`
   * events.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * The time, in milliseconds, that never goes back.
   *
   * @default {performance.now}
   */
  readonly now?: (() => number) | undefined;
  /**
   * What chance is taken from: numbers from 0 up to 1.
   *
   * @default {Math.random}
   */
  readonly random?: (() => number) | undefined;
}

/**
 * Options of {@linkcode Tap.open}.
 *
 * @typeParam S The names of the stages.
 */
export interface TapOpenOptions<S extends string> {
  /** The stage to capture, or several, by name or by a pattern such as `http.*`. */
  readonly stage: S | TapStagePattern | readonly (S | TapStagePattern)[];
  /**
   * After how many events the session ends: a non-negative integer. Those count that wait or were read, not those that went again for newer
   * ones.
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
   * How many of the kept events come first, the newest ones that the session wants: a non-negative integer.
   *
   * @default {since !== undefined ? Infinity : countBy !== undefined ? 0 : limit}
   */
  readonly backlog?: number | undefined;
  /** From when on kept events come: so many milliseconds ago, or behind the event with an {@linkcode TapEvent.id}. */
  readonly since?: number | string | undefined;
  /** Which events: an expression, see {@linkcode parseWhere}. It is refused if it reads what the tap redacts. */
  readonly where?: string | Where | undefined;
  /** Which parts of an event, by their paths; the others are left out. All of them without it. */
  readonly fields?: readonly string[] | undefined;
  /** What else is redacted for this session, beside what the tap redacts. */
  readonly redact?: readonly (string | RedactRule)[] | undefined;
  /** Takes each event with this chance: above 0, up to 1. */
  readonly sample?: number | undefined;
  /**
   * With `sample`: a path whose value decides. Events of equal value are all taken, or none of them, in every session and process; events
   * without a value are taken by chance.
   */
  readonly key?: string | undefined;
  /** Takes every so many events: the first, and then each `every`th. */
  readonly every?: number | undefined;
  /**
   * Takes so many events of each interval, each of them as likely as any other: an integer from 1 to the tap's `bufferEvents`. They come
   * spread over the next interval.
   */
  readonly reservoir?: number | undefined;
  /**
   * A path: in place of events the session gets, once an interval, how many there were of each value,
   * `{"counts":[{"value":"…","count":3}],"none":0,"other":0,"total":3}`. Up to 1,000 values are told apart; `other` is the rest of them,
   * and `none` the events without a value.
   */
  readonly countBy?: string | undefined;
  /**
   * How long an interval is, in milliseconds, from 100 to an hour.
   *
   * @default {reservoir ? 500 : 1_000}
   */
  readonly intervalMs?: number | undefined;
  /** How many events a second, at the most; up to a second's worth may come at once. Above 0. */
  readonly rate?: number | undefined;
  /** After how many bytes of events the session ends, as UTF-8 with their line ends. */
  readonly maxBytes?: number | undefined;
  /** How many bytes of an event, up to the tap's `maxEventBytes`. */
  readonly maxEventBytes?: number | undefined;
  /**
   * What happens when the reader is too slow.
   *
   * @default {"drop-newest"}
   */
  readonly overflow?: "drop-newest" | "drop-oldest" | undefined;
  /** Who reads, for the audit and for `maxSessionsPerSubject`. */
  readonly subject?: string | undefined;
  /** Ends the session when it aborts; `reason` is `"client"` then. */
  readonly signal?: AbortSignal | undefined;
}
