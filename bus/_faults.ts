import { reportUncaught } from "../internal/mod.ts";
import type { Owner } from "./_slots.ts";
import type { BusErrorContext, BusErrorSource, BusOptions } from "./options.ts";

/** What the code of users has thrown: counted, and reported to whoever wants to know. */
export class Faults<E> {
  /** How often it was. */
  count = 0;
  readonly #onError: BusOptions<E>["onError"];
  // Thrown while an event was being matched: to be reported once all queues have it, since who is told may publish.
  #deferred: Fault<E>[] = [];

  constructor(onError: BusOptions<E>["onError"]) {
    this.#onError = onError;
  }

  /** How many events are each other's cause, up to the one that is being matched. */
  depth = 0;

  /** How much waits to be reported. */
  get pending(): number {
    return this.#deferred.length;
  }

  /** Keeps an error for later. */
  defer(error: unknown, source: BusErrorSource, event: E, owner?: Owner): void {
    this.#deferred.push({ error, context: contextOf(source, event, owner), depth: this.depth });
  }

  /** Takes out what was kept. */
  take(): readonly Fault<E>[] {
    const deferred = this.#deferred;
    this.#deferred = [];
    return deferred;
  }

  /** Reports an error of somebody's code. */
  reportOf(owner: Owner, error: unknown, source: BusErrorSource, event?: E): void {
    this.report(error, contextOf(source, event, owner));
  }

  /** Reports an error. */
  report(error: unknown, context: BusErrorContext<E>): void {
    this.count++;
    try {
      if (this.#onError === undefined) reportUncaught(error);
      else this.#onError(error, context);
    } catch (second) {
      reportUncaught(second);
    }
  }
}

/** What was thrown while an event was being matched. */
interface Fault<E> {
  readonly error: unknown;
  readonly context: BusErrorContext<E>;
  readonly depth: number;
}

function contextOf<E>(
  source: BusErrorSource,
  event: E | undefined,
  owner: Owner | undefined,
): BusErrorContext<E> {
  // One that is only just subscribing has no number yet.
  return { source, event, id: owner?.id || undefined, name: owner?.name };
}
