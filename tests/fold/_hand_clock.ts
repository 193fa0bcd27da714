import {
  Fold,
  type FoldClock,
  type FoldKey,
  type FoldKind,
  type FoldOptions,
} from "../../fold/mod.ts";

/** When it is at the beginning of a test, in milliseconds since 1970. */
export const START_MS = 1_700_000_000_000;

/** A clock that stands still until it is set. */
export class HandClock implements FoldClock {
  /** What entries expire by. */
  ms = 5_000;
  /** What snapshots and leases go by. */
  wallMs: number = START_MS;

  now(): number {
    return this.ms;
  }

  wallNow(): number {
    return this.wallMs;
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.ms += ms;
    this.wallMs += ms;
  }
}

/** A fold that has no timer, on a clock that stands still. */
export function foldOf<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  options: FoldOptions = {},
): Fold<K, P, I> {
  return new Fold(kind, { sweepIntervalMs: 0, clock: new HandClock(), ...options });
}
