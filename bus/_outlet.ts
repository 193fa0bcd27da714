import { meets } from "./_filter.ts";
import type { Placement } from "./_index.ts";
import type { BusErrorContext } from "./options.ts";
import type { Totals } from "./stats.ts";

/** What a subscriber needs of its bus. */
export interface Host<E> {
  readonly totals: Totals;
  /** The number of the event that was published last. */
  readonly lastSeq: number;
  /** The id of an event, by its number. */
  idOf(seq: number): string;
  /** Takes the subscriber out, so that no further event comes to it. */
  remove(outlet: Outlet<E>): void;
  /** Reports what the code of a user has thrown. */
  report(error: unknown, context: BusErrorContext<E>): void;
}

/** Which events a subscriber gets. */
export interface OutletSetup<E> {
  readonly name: string | undefined;
  readonly placement: Placement;
  readonly where: ((event: E) => boolean) | undefined;
  readonly origin: unknown;
  readonly host: Host<E>;
}

/** What both kinds of subscribers have in common: somewhere that events come out. */
export interface Outlet<E> extends OutletSetup<E> {
  /** 0 until it is added to the bus: those that are added later have larger numbers. */
  id: number;
  name: string;
  /** Whether every event that leads to its bucket is for it. */
  readonly isPlain: boolean;
  /** The number of the last publish that has found it, where one may find it twice. */
  found: number;
  /** Takes it out of the bus's hands for good: `reason`, if there is one, is what its reader is told. */
  close(...reason: [reason: unknown] | []): void;
}

/** Whether every event that leads to the bucket of an outlet is for it. */
export function isPlain<E>({ placement, where, origin }: OutletSetup<E>): boolean {
  return where === undefined && origin === undefined && !placement.isMultiple &&
    placement.others.length === 0;
}

/** Whether an event that leads to the bucket of an outlet is for it; throws what `where` throws. */
export function accepts<E>(
  outlet: Outlet<E>,
  event: E,
  origin: unknown,
  publishing: number,
): boolean {
  const { placement, where } = outlet;
  if (outlet.origin !== undefined && outlet.origin === origin) return false;
  if (placement.isMultiple) {
    if (outlet.found === publishing) return false;
    outlet.found = publishing;
  }
  return meets(placement.others, event) &&
    (where === undefined || where(event));
}
