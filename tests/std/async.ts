/**
 * Stand-in for the parts of `@std/async` 1.5.0 that the tests use, for networks that do not reach JSR.
 *
 * Also serves the subpaths `@std/async/delay`, `@std/async/deadline` and `@std/async/abortable`. `async_test.ts` passes with both.
 *
 * @module
 */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether the pending timer keeps the process alive. @default {true} */
  persistent?: boolean;
}

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** The longest wait, in milliseconds, that one platform timer can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Resolves after `ms` milliseconds; negative or `NaN` counts as 0, and `Infinity` never resolves. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>;
    let leftMs = ms > 0 ? Math.trunc(ms) : 0;
    const arm = (): void => {
      const sliceMs = Math.min(leftMs, LONGEST_TIMER_MS);
      leftMs -= sliceMs;
      timer = setTimeout(leftMs > 0 ? arm : finish, sliceMs);
      if (!persistent) timer.unref();
    };
    const finish = (): void => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    arm();
  });
}

/** Settles like `p`, or rejects with a `TimeoutError` once `ms` milliseconds have passed; `Infinity` sets no limit. */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const limits = ms < Number.MAX_SAFE_INTEGER ? [AbortSignal.timeout(ms)] : [];
  if (options.signal) limits.push(options.signal);
  return await abortable(p, AbortSignal.any(limits));
}

/** Settles like `p`, or rejects with the signal's reason if that aborts first. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/** Yields what `p` yields; once the signal aborts, the next pull closes `p` and rejects with the signal's reason. */
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return p instanceof Promise ? untilAborted(p, signal) : pullUntilAborted(p, signal);
}

/** A promise that only the signal settles, and the call that stops it listening. */
function abortion(signal: AbortSignal): { aborted: Promise<never>; forget: () => void } {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return { aborted, forget: () => signal.removeEventListener("abort", onAbort) };
}

async function untilAborted<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  const { aborted, forget } = abortion(signal);
  try {
    return await Promise.race([aborted, p]);
  } finally {
    forget();
  }
}

async function* pullUntilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  signal.throwIfAborted();
  const { aborted, forget } = abortion(signal);
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const step = await Promise.race([aborted, iterator.next()]);
      if (step.done) {
        ended = true;
        return (await iterator.return?.(step.value))?.value;
      }
      yield step.value;
    }
  } finally {
    forget();
    if (!ended) await iterator.return?.();
  }
}
