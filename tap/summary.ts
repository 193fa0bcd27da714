import type { TapEndReason } from "./session.ts";

/** The last record of every stream: how the session went. */
export interface TapSummary {
  /** How many events were written to this stream. */
  readonly captured: number;
  /** How many events the session lost: the reader was too slow, or an event could not be written or must not be shown. */
  readonly dropped: number;
  /** How long the session was open, in milliseconds. */
  readonly "duration_ms": number;
  /** The stage, as it was asked for. */
  readonly stage: string;
  /** Why it ended. */
  readonly reason: TapEndReason;
  /** How many of those that are `dropped` could not be written, or must not be shown; for the others there was no room. */
  readonly unshown: number;
  /** How many events it had captured and could not deliver, because the reader did not read them in time. */
  readonly undelivered: number;
  /** How many events came before the first that this session got, of those that were asked for; null if nobody knows. */
  readonly missed: number | null;
  /** How many events were offered while it was open, or kept from before. */
  readonly seen: number;
  /** Of these, how many its `where` wants. */
  readonly matched: number;
  /** Of these, how many sampling has left out. */
  readonly "sampled_out": number;
  /** Of these, how many came faster than its `rate`. */
  readonly "rate_limited": number;
  /** Of how many events only the beginning was written. */
  readonly truncated: number;
  /** How many bytes were written before this record. */
  readonly bytes: number;
}

/** The one key of the record that is the summary. */
export const SUMMARY_KEY = "weir_tap_summary";

/** What all records that are no events begin with. */
export const CONTROL = '{"weir_tap_';
