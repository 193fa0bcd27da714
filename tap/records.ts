/** The first record of every stream: that the session is open, and what it is. What was not asked for is not there. */
export interface TapHello {
  /** Counts the sessions of the tap from 1. */
  readonly session: number;
  /** Tells the tap from every other; ids of events begin with it. */
  readonly instance: string;
  /** What the process calls itself, where there are several. */
  readonly worker?: string | undefined;
  /** The stage, as it was asked for. */
  readonly stage: string;
  /** The stages that fit. */
  readonly stages: readonly string[];
  /** When the session was opened, in milliseconds since 1970. */
  readonly started: number;
  /** How long it may last, in milliseconds. */
  readonly "duration_ms": number;
  /** After how many events it ends. */
  readonly limit?: number | undefined;
  /** After how many bytes it ends. */
  readonly "max_bytes"?: number | undefined;
  /** Which events. */
  readonly where?: string | undefined;
  /** Which parts of an event. */
  readonly fields?: readonly string[] | undefined;
  /** The path by whose values events are counted. */
  readonly "count_by"?: string | undefined;
  /** How events are sampled. */
  readonly sampling?: TapSampling | undefined;
  /** How many events a second, at the most. */
  readonly rate?: number | undefined;
  /** The paths that are redacted, by the operator or for this session. */
  readonly redact: readonly string[];
  /** How many events from before come first. */
  readonly replayed: number;
  /** How many events came before the first that the session gets; null if nobody knows. */
  readonly missed: number | null;
  /** How long the stream is silent at the most, in milliseconds. */
  readonly "heartbeat_ms": number;
}

/** How the events of a session are sampled. */
export type TapSampling =
  | {
    /** Each with this chance. */
    readonly chance: number;
    /** All events with the same value at this path, or none of them. */
    readonly key?: string | undefined;
  }
  | {
    /** Each so many. */
    readonly every: number;
  }
  | {
    /** So many of each interval. */
    readonly reservoir: number;
    /** The interval, in milliseconds. */
    readonly "interval_ms": number;
  };

/** What a reader is told while its session runs. */
export type TapNotice =
  | {
    /** Events were lost. At the most once a second. */
    readonly kind: "drop";
    /** How many so far. */
    readonly dropped: number;
    /** How many of them since the last notice. */
    readonly new: number;
    /** How many of all of them could not be written, or must not be shown; for the others there was no room. */
    readonly unshown: number;
    /** How many came faster than the session's `rate`, so far. */
    readonly "rate_limited": number;
  }
  | {
    /** The events from before have come; what follows is new. */
    readonly kind: "live";
    /** How many there were. */
    readonly replayed: number;
  }
  | {
    /** Stages were added that the session has now too. */
    readonly kind: "match";
    /** Their names. */
    readonly stages: readonly string[];
  }
  | {
    /** No stage fits what was asked for, as yet. */
    readonly kind: "unmatched";
    /** What was asked for. */
    readonly patterns: readonly string[];
  };
