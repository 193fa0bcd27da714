/** One captured event. */
export interface TapEvent {
  /** Tells it from every other event of every tap: pass it as `since` to go on behind it. */
  readonly id: string;
  /**
   * Counts the events of the whole tap from 1, so that a reader can see how many lie between two of its own; only those that were written,
   * since nobody writes what nobody wants.
   */
  readonly seq: number;
  /** When it was offered, in milliseconds since 1970. */
  readonly time: number;
  /** The stage it was offered at. */
  readonly stage: string;
  /** The event as one line, without its end: a JSON value, or the text itself if `isText`. */
  readonly line: string;
  /** Whether the line is a text from a stage of text, rather than JSON. */
  readonly isText: boolean;
  /** What was told with the event, as a line of JSON. */
  readonly meta: string | undefined;
}

/** What an event holds in memory, at the most: strings take two bytes a code unit. */
export function byteSize({ line, meta }: TapEvent): number {
  return 2 * (line.length + (meta?.length ?? 0));
}
