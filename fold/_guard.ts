/** Keeps code of the user from changing a fold that is in the middle of something. */
export class Guard {
  /** Whether such code is running. */
  isBusy = false;

  /** Runs code of the user. */
  run<T>(code: () => T): T {
    const wasBusy = this.isBusy;
    this.isBusy = true;
    try {
      return code();
    } finally {
      this.isBusy = wasBusy;
    }
  }

  /** Throws if such code is running. */
  check(action: string): void {
    if (!this.isBusy) return;
    const where = "from inside of a merge, an index, a predicate or an audit sink";
    throw new TypeError(`Cannot ${action} ${where}: the fold is in the middle of something`);
  }
}
