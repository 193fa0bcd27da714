import { checkInteger, onAbort, refusal } from "../internal/mod.ts";
import { MAX_TIMER_MS } from "./_max_timer.ts";

/** How a client tries again. */
export interface TapReconnectOptions {
  /**
   * How often in a row to try in vain before giving up: a non-negative integer, or `Infinity`. What comes over a connection begins
   * the count anew.
   *
   * @default {10}
   */
  readonly attempts?: number | undefined;
  /**
   * How long the first wait is, at the most, in milliseconds; each wait in a row may be twice as long.
   *
   * @default {500}
   */
  readonly baseMs?: number | undefined;
  /**
   * How long a wait is, at the most, in milliseconds, whatever the server asks for.
   *
   * @default {15_000}
   */
  readonly maxMs?: number | undefined;
}

/** A client that is to try again. */
export interface TapReconnect {
  /** Counts the attempts in a row from 1. */
  readonly attempt: number;
  /** How long it waits before, in milliseconds. */
  readonly delayMs: number;
  /** Why it has to. */
  readonly reason: Error;
}

const CONNECT = "reconnect to tap";

/** How long to wait before each attempt in a row: a random part of a time that doubles, so that many clients do not come back at once. */
export class Backoff {
  readonly #attempts: number;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempt = 0;

  /** @throws {RangeError} That names the option. */
  constructor(options: TapReconnectOptions, random: () => number) {
    const { attempts = 10, baseMs = 500, maxMs = 15_000 } = options;
    if (attempts !== Infinity) checkInteger(CONNECT, "attempts", attempts, 0);
    for (const [name, ms] of Object.entries({ baseMs, maxMs })) {
      if (typeof ms === "number" && ms >= 0 && ms <= MAX_TIMER_MS) continue;
      throw new RangeError(refusal(CONNECT, `${name} must be from 0 to ${MAX_TIMER_MS} ms`, ms));
    }
    this.#attempts = attempts;
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The next attempt; undefined if there were enough. */
  next(retryAfterMs: number | undefined): Omit<TapReconnect, "reason"> | undefined {
    if (this.#attempt >= this.#attempts) return undefined;
    // Beyond this the doubled time is longer than any that may be waited.
    const doublings = Math.min(this.#attempt, 31);
    const upTo = Math.min(this.#maxMs, this.#baseMs * 2 ** doublings);
    const asked = Math.min(this.#maxMs, retryAfterMs ?? 0);
    return { attempt: ++this.#attempt, delayMs: Math.max(asked, this.#random() * upTo) };
  }

  /** Begins anew. */
  reset(): void {
    this.#attempt = 0;
  }
}

/** Reads a `retry-after` header, seconds or a date; undefined if there is none that can be read. */
export function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/**
 * Waits. Unlike a timer of the inner modules this keeps the process alive: nothing else may be under way meanwhile.
 *
 * @throws Rejects with the reason of the signal when it aborts.
 */
export function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>;
    const stopListening = signal && onAbort(signal, (reason) => {
      clearTimeout(timer);
      reject(reason);
    });
    const arm = (leftMs: number): void => {
      timer = setTimeout(() => {
        if (leftMs > MAX_TIMER_MS) return arm(leftMs - MAX_TIMER_MS);
        stopListening?.();
        resolve();
      }, Math.min(leftMs, MAX_TIMER_MS));
    };
    arm(ms);
  });
}
