/** When it is at the beginning of a test, in milliseconds since 1970. */
export const START_MS = 1_700_000_000_000;

/** A clock that stands still until it is set. */
export class HandClock {
  /** What lives and durations are measured by. */
  ms = 5_000;
  /** The time since 1970. */
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
