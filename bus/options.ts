import type { BusHistory } from "./history.ts";
import type { KnownFields, Match, Matched } from "./match.ts";

/**
 * What happens to an event for which a {@linkcode Subscription} has no room.
 *
 * - `"drop-newest"`: it is lost to the subscription, which keeps what it has.
 * - `"drop-oldest"`: the oldest that waits is lost, and the new one kept.
 * - `"wait"`: `send` waits until there is room; `publish`, which never waits, loses it to the subscription.
 * - `"disconnect"`: the subscription ends with a {@linkcode LaggedError} once what it has is read.
 */
export type BusOverflow = "drop-newest" | "drop-oldest" | "wait" | "disconnect";

/**
 * Where in a bus the code of a user has thrown.
 *
 * - `"where"`: a predicate; its subscriber did not get the event.
 * - `"handler"`: a handler, or the promise that it answered.
 * - `"onLag"`: what tells of lost events.
 * - `"sizeOf"`: what measures events; the event is lost to the subscription, which ends if it is to be disconnected then.
 * - `"bind"`: what teaches or fills in; the event goes on as it is.
 * - `"history"`: what keeps events; the event is not kept, and goes on.
 * - `"bridge"`: what turns foreign events into those of the bus, or the other way round.
 */
export type BusErrorSource =
  | "where"
  | "handler"
  | "onLag"
  | "sizeOf"
  | "bind"
  | "history"
  | "bridge";

/**
 * What is known of an error that a bus reports.
 *
 * @typeParam E The events.
 */
export interface BusErrorContext<E> {
  /** What has thrown. */
  readonly source: BusErrorSource;
  /** The event that it was about, if there is one. */
  readonly event?: E | undefined;
  /** The number of the subscriber whose code it is, if it is one's. */
  readonly id?: number | undefined;
  /** The name of that subscriber. */
  readonly name?: string | undefined;
}

/**
 * What completes events before they are matched; {@linkcode lateBind} makes one.
 *
 * @typeParam E The events.
 */
export interface BusBinding<E> {
  /**
   * Completes an event.
   *
   * @param event The event as it was published.
   * @param onUnusable To be called with what makes the event unusable, or what has thrown: the bus reports it.
   * @returns The event to publish.
   */
  apply(event: E, onUnusable: (error: unknown) => void): E;
}

/**
 * Options of the {@linkcode Bus} constructor.
 *
 * @typeParam E The events.
 */
export interface BusOptions<E> {
  /** Completes events before they are matched: see {@linkcode lateBind}. */
  readonly bind?: BusBinding<E> | undefined;

  /**
   * What to keep for those who subscribe later: the number of the last events that are kept in memory, or what keeps them. Without it there
   * is no replay.
   */
  readonly history?: number | BusHistory<E> | undefined;

  /**
   * The fields that events have. With it, to match any other is an error, where it would match nothing in silence; TypeScript knows them
   * without, but not those that come from a request.
   */
  readonly fields?:
    | readonly (unknown extends E ? string
      : E extends unknown ? Extract<keyof E, string>
      : never)[]
    | undefined;

  /**
   * How many events that handlers have published may wait for the handlers of the events before, and how many of them may be the effect
   * of one another.
   *
   * @default {1024}
   */
  readonly maxNested?: number | undefined;

  /**
   * Called with what the code of a user has thrown, and with what the promises of handlers reject with. Without it that goes to
   * `reportError`, which ends the process unless somebody listens to its `error` events.
   */
  readonly onError?: ((error: unknown, context: BusErrorContext<E>) => void) | undefined;
}

/** Options of {@linkcode Bus.publish}. */
export interface PublishOptions {
  /** Who publishes: subscribers with the same origin do not get the event, so that nobody hears an echo. Compared by identity. */
  readonly origin?: unknown;
}

/** Options of {@linkcode Bus.send}. */
export interface SendOptions extends PublishOptions {
  /**
   * Ends the wait: the promise rejects with the signal's reason, and the event is lost to those that still had no room. A signal that has
   * aborted before lets nothing be published.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Which of the events that match somebody gets, and for how long.
 *
 * @typeParam E The events that match.
 */
export interface ListenOptions<E> {
  /**
   * Any further test of an event. It is called for those that match, in the call that publishes, and must not publish. What it throws goes
   * to `onError`, and the event goes past.
   *
   * @param event The event.
   */
  readonly where?: ((event: E) => boolean) | undefined;

  /** What the subscriber is called in statistics and errors. */
  readonly name?: string | undefined;

  /** Who this is: what is published with the same origin does not come. Compared by identity. */
  readonly origin?: unknown;

  /** Ends it. One that has aborted before is an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of {@linkcode Bus.next}.
 *
 * @typeParam E The events that match.
 */
export interface NextOptions<E> {
  /**
   * Any further test of an event, as in {@linkcode ListenOptions}.
   *
   * @param event The event.
   */
  readonly where?: ((event: E) => boolean) | undefined;

  /** Ends the wait: the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of {@linkcode Bus.subscribe}.
 *
 * @typeParam E The events of the bus.
 * @typeParam M What is asked of them.
 */
export interface SubscribeOptions<E, M extends Match<E> = Match<E>>
  extends ListenOptions<Matched<E, M>> {
  /**
   * What is asked of the fields of an event. Those who ask for something else cost a publish nothing.
   *
   * @default {{}}
   */
  readonly match?: (M & KnownFields<E, M>) | undefined;

  /**
   * How many events wait for the reader at the most, beside those of the replay: a positive integer.
   *
   * @default {256}
   */
  readonly capacity?: number | undefined;

  /**
   * What happens to an event for which there is no room.
   *
   * @default {"drop-newest"}
   */
  readonly overflow?: BusOverflow | undefined;

  /**
   * A second bound: how many bytes the events that wait may have together, as measured by `sizeOf`. A positive number.
   *
   * @default {Infinity}
   */
  readonly maxBytes?: number | undefined;

  /**
   * Measures an event in bytes: a finite, non-negative number. Required with `maxBytes`, and allowed only with it.
   *
   * @param event The event.
   */
  readonly sizeOf?: ((event: Matched<E, M>) => number) | undefined;

  /**
   * Called with the number of events that were lost, just before the reader gets the first event behind the gap, or finds the end. With it
   * no batch reaches across a gap. What it throws goes to `onError`.
   *
   * @param lost How many events were lost since it was called last.
   */
  readonly onLag?: ((lost: number) => void) | undefined;

  /**
   * With how many of the events that the bus keeps the subscription begins: the last ones that match, before all that is published later.
   * They do not count in `capacity`. A non-negative integer, or `Infinity`.
   *
   * @default {0}
   */
  readonly replay?: number | undefined;

  /**
   * The id of the event to go on behind, from {@linkcode Subscription.lastEventId} or from the header `last-event-id` of a request. All kept
   * events behind it that match come first, however many; {@linkcode Subscription.missed} says how many are gone. An id that is not of this
   * bus, such as one from before a restart, is as good as none, and `replay` holds.
   */
  readonly after?: string | null | undefined;
}
