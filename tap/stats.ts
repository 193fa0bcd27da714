import type { TapRefusalReason } from "./options.ts";

/** What a tap has done since it was made. */
export interface TapStats {
  /** Sessions that are open. */
  readonly active: number;
  /** Sessions that have ended, and whose streams have not: they hold a place until then. */
  readonly ending: number;
  /** Sessions that were opened. */
  readonly opened: number;
  /** Sessions that were refused, for whatever reason. */
  readonly refused: number;
  /** The same, by the reason. */
  readonly refusedBy: Readonly<Record<TapRefusalReason, number>>;
  /** Events that sessions took into their buffers, and that did not have to go again for newer ones; an event counts once for every session. */
  readonly captured: number;
  /** Events that sessions lost. */
  readonly dropped: number;
  /** Events that could not be written, or must not be shown to anybody: something threw, or made a promise, or a text was to be masked by a path. */
  readonly unwritable: number;
  /** Events offered at a stage that does not exist, while anybody listened anywhere. */
  readonly misdirected: number;
  /** Events that were streamed over HTTP. */
  readonly streamed: number;
  /** Bytes that were streamed over HTTP. */
  readonly bytes: number;
  /** For how long sessions have been open, in milliseconds, all together. */
  readonly sessionMs: number;
}
