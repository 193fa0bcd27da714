/** One timer that is armed. */
interface Armed {
  at: number;
  readonly everyMs: number | undefined;
  readonly callback: () => void;
  isUnreferenced: boolean;
}

/** Replaces the platform's timers and clocks by some that stand still until they are told to go on, until it is disposed. */
export class FakeTime implements Disposable {
  /** Milliseconds that have passed. */
  now = 0;
  readonly #armed: Set<Armed> = new Set();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
  };
  readonly #dateNow = Date.now;
  // Bun has it on the object, Deno on the prototype.
  readonly #performanceNow = Object.getOwnPropertyDescriptor(performance, "now");

  constructor() {
    const arm = (callback: () => void, ms: number, everyMs?: number): unknown => {
      const armed: Armed = { at: this.now + ms, everyMs, callback, isUnreferenced: false };
      this.#armed.add(armed);
      return Object.assign(armed, {
        unref: () => {
          armed.isUnreferenced = true;
        },
      });
    };
    const disarm = (timer: unknown): void => {
      this.#armed.delete(timer as Armed);
    };
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, ms: number) => arm(callback, ms),
      setInterval: (callback: () => void, ms: number) => arm(callback, ms, ms),
      clearTimeout: disarm,
      clearInterval: disarm,
    });
    Date.now = () => 1_000_000 + this.now;
    Object.defineProperty(performance, "now", { value: () => this.now, configurable: true });
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#armed.size;
  }

  /** How many of the armed timers keep the process alive. */
  get referenced(): number {
    return [...this.#armed].filter((timer) => !timer.isUnreferenced).length;
  }

  /** Lets `ms` pass, calling what is due on the way. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.#armed].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.now = next.at;
      if (next.everyMs === undefined) this.#armed.delete(next);
      else next.at += next.everyMs;
      next.callback();
    }
    this.now = end;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
    Date.now = this.#dateNow;
    delete (performance as { now?: () => number }).now;
    if (this.#performanceNow) Object.defineProperty(performance, "now", this.#performanceNow);
  }
}
