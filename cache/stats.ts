/** How a {@linkcode SpanCache} is doing. `closed + recorded = held + evicted + cleared`, and `opened = open + closed`, always. */
export interface SpanCacheStats {
  /** How many spans have ended that are held. */
  readonly held: number;
  /** How many of those are kept longer than the rest. */
  readonly reserved: number;
  /** How many run. */
  readonly open: number;
  /** How many have been started and recorded. */
  readonly opened: number;
  /** How many of those have ended. */
  readonly closed: number;
  /** How many have come from elsewhere. */
  readonly recorded: number;
  /** How many went to make room. */
  readonly evicted: number;
  /** How many were cleared. */
  readonly cleared: number;
  /** How many never ended, and were given up: they count as closed. */
  readonly abandoned: number;
  /** How many were not recorded, by the reason. */
  readonly refused: SpanRefusals;
  /** How many events were recorded. */
  readonly events: number;
  /** How many events were not, since their span had too many or there was no room. */
  readonly droppedEvents: number;
  /** How many fields were not recorded, by the reason. */
  readonly droppedFields: FieldDrops;
  /** How many texts were cut. */
  readonly cutTexts: number;
  /** How often something was done with the handle of a span that had ended, ending it again included. */
  readonly stale: number;
  /** How many came from elsewhere whose id was held already. */
  readonly duplicates: number;
  /** How many different names spans have. */
  readonly names: number;
  /** How many spans were of a name for which there was no room. */
  readonly otherNames: number;
  /** How many different names fields have. */
  readonly keys: number;
  /** How many bytes spans, fields and events take. */
  readonly bytes: number;
  /** How many they may take. */
  readonly maxBytes: number;
  /** How many readers wait for the next span. */
  readonly waiting: number;
}

/** How many spans were not recorded, by the reason. */
export interface SpanRefusals {
  /** They did not matter enough. */
  readonly level: number;
  /** Chance. */
  readonly chance: number;
  /** Too many were running. */
  readonly full: number;
  /** What they were in was not recorded. */
  readonly suppressed: number;
  /** They came from elsewhere, and were none. */
  readonly invalid: number;
}

/** How many fields were not recorded, by the reason. */
export interface FieldDrops {
  /** They had a value that is no text, number, boolean or bigint, or a getter that threw; links that are none as well. */
  readonly type: number;
  /** There were too many of them, or of the links. */
  readonly count: number;
  /** There were too many different names of fields. */
  readonly keys: number;
  /** There was no room, and nothing that could make room. */
  readonly room: number;
}
