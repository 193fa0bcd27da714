import type { BusOverflow } from "./options.ts";

/** How a {@linkcode Subscription} is doing: `offered = delivered + lagged + size`. */
export interface SubscriptionStats {
  /** Its number. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
  /** How many events wait for its reader. */
  readonly size: number;
  /** The most that have waited at once. */
  readonly highWater: number;
  /** How many may wait. */
  readonly capacity: number;
  /** What happens when more come. */
  readonly overflow: BusOverflow;
  /** How many events were for it. */
  readonly offered: number;
  /** How many of them its reader has taken. */
  readonly delivered: number;
  /** How many of them it has lost. */
  readonly lagged: number;
}

/** Who a {@linkcode Listener} is. */
export interface ListenerStats {
  /** Its number. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
}

/** What a {@linkcode Bus} has done since it was made. */
export interface BusStats {
  /** Events that were published. */
  readonly published: number;
  /** Events for subscribers; an event counts once for each that it was for. */
  readonly offered: number;
  /** Of these, how many readers have taken, and handlers were called with. */
  readonly delivered: number;
  /** Of these, how many were lost to a subscription. */
  readonly lagged: number;
  /** How often the code of a user has thrown. */
  readonly errors: number;
  /** Subscriptions that nobody had closed when nobody could read them any more. */
  readonly reaped: number;
  /** Who has a queue, the oldest first. */
  readonly subscriptions: readonly SubscriptionStats[];
  /** Whose handler is called, the oldest first. */
  readonly listeners: readonly ListenerStats[];
}

/** What is counted of all subscribers together, where it happens. */
export interface Totals {
  offered: number;
  delivered: number;
  lagged: number;
}
