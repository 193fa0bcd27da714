import { checkInteger } from "../internal/mod.ts";
import type { FoldAnnouncement } from "./announcement.ts";
import type { FoldDelta } from "./change.ts";
import type { FoldEntry } from "./entry.ts";
import type { FoldKey } from "./kind.ts";

/**
 * What has become of an entry, or of an announcement.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export type FoldTransition<K extends FoldKey = FoldKey, P = unknown> =
  | FoldDelta<K, P>
  | FoldRejectedTransition<K, P>;

/**
 * An announcement was rejected.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldRejectedTransition<K extends FoldKey = FoldKey, P = unknown> {
  /** What it is. */
  readonly type: "rejected";
  /** The key. */
  readonly key: K;
  /** What is there, if anything is. */
  readonly existing: FoldEntry<K, P> | undefined;
  /** What was rejected. */
  readonly incoming: FoldAnnouncement<P>;
  /** Why. */
  readonly reason: string;
}

/** What a sink is told. */
export interface FoldAuditEvent {
  /** What happened: the type of a {@linkcode FoldTransition}, or a word of the kind's own. */
  readonly type: string;
  /** The key, as a text. */
  readonly key: string;
  /** Whom it was of. */
  readonly node?: string | undefined;
  /** Anything else worth knowing. */
  readonly detail?: string | undefined;
}

/** Where a fold writes what has happened. */
export interface FoldAuditSink {
  /**
   * Told of each event, at once and after it has happened. It must not change the fold: that throws. What it throws is counted and reported,
   * and disturbs nobody.
   */
  record(event: FoldAuditEvent): void;
}

/** What is told of a transition where the kind does not say. */
export function auditEventOf(transition: FoldTransition): FoldAuditEvent {
  const { type } = transition;
  const { node, generation } = type === "rejected" ? transition.incoming : transition.entry;
  let detail = `generation ${generation}`;
  if (type === "rejected") detail = `${transition.reason}, ${detail}`;
  else if (type === "replaced") {
    const { previous } = transition;
    detail = `generation ${previous.generation} to ${generation}`;
    if (previous.node !== node) detail += `, from ${previous.node}`;
  } else if (type !== "created") detail = transition.reason;
  return { type, key: String(transition.key), node, detail };
}

/**
 * Keeps the newest audit events in memory, and counts those that it had to forget.
 *
 * @example The last two events
 * ```ts
 * import { Fold, presenceKind, RingAuditSink } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const audit = new RingAuditSink(2);
 * using fold = new Fold(presenceKind(), { audit });
 * for (const user of ["ada", "bob", "cleo"]) {
 *   fold.apply({ node: user, generation: 1, payload: { room: "lobby", user } });
 * }
 * assertEquals(audit.events().map(({ type, node }) => [type, node]), [["created", "bob"], ["created", "cleo"]]);
 * assertEquals(audit.dropped, 1);
 * ```
 */
export class RingAuditSink implements FoldAuditSink {
  /** How many events there is room for. */
  readonly capacity: number;
  readonly #events: FoldAuditEvent[] = [];
  #recorded = 0;

  /**
   * Creates a sink.
   *
   * @param capacity How many events to keep: a non-negative integer. With 0 it only counts.
   * @throws {RangeError} If it is none.
   */
  constructor(capacity: number) {
    checkInteger("create RingAuditSink", "capacity", capacity, 0);
    this.capacity = capacity;
  }

  /** How many events were forgotten to make room. */
  get dropped(): number {
    return this.#recorded - this.#events.length;
  }

  /** Keeps an event. Costs O(1). */
  record(event: FoldAuditEvent): void {
    if (this.capacity > 0) this.#events[this.#recorded % this.capacity] = event;
    this.#recorded++;
  }

  /** The events that are kept, oldest first. */
  events(): FoldAuditEvent[] {
    const oldest = this.dropped === 0 || this.capacity === 0 ? 0 : this.#recorded % this.capacity;
    return [...this.#events.slice(oldest), ...this.#events.slice(0, oldest)];
  }
}
