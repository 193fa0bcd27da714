import {
  Fold,
  type FoldOptions,
  type Lease,
  leaseKind,
  Leases,
  type LeasesOptions,
} from "../../fold/mod.ts";
import type { FakeTime } from "../_fake_time.ts";

/** How long a lease holds here that is not renewed. */
export const TERM_MS = 9_000;

/** Two nodes that take leases over one fold. */
export function pair(options: Partial<LeasesOptions> = {}, bounds: FoldOptions = {}): {
  readonly fold: Fold<string, Lease, "state" | "holder">;
  readonly one: Leases;
  readonly other: Leases;
} {
  const fold = new Fold(leaseKind(), { sweepIntervalMs: 0, ...bounds });
  const leases = (node: string) => new Leases(fold, { node, termMs: TERM_MS, ...options });
  return { fold, one: leases("n1"), other: leases("n2") };
}

/** Lets time pass in which nothing runs, as in a process that stands still. */
export function freeze(time: FakeTime, ms: number, fold: { readonly now: number }): void {
  time.now += ms;
  // FakeTime goes back to when each timer was due. The clock of a fold does not, once it was read.
  void fold.now;
}
