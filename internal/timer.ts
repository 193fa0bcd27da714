/** The longest time that a timer of the platform takes; a longer one would be over at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `callback` once after `ms`, without keeping the process alive for it.
 *
 * @returns What stops it.
 */
export function later(ms: number, callback: () => void): () => void {
  let timer: unknown;
  const arm = (leftMs: number): void => {
    timer = leftMs > MAX_TIMER_MS
      ? setTimeout(() => arm(leftMs - MAX_TIMER_MS), MAX_TIMER_MS)
      : setTimeout(callback, leftMs);
    unref(timer);
  };
  arm(ms);
  return () => clearTimeout(timer as number);
}

/**
 * Calls `callback` every `ms`, without keeping the process alive for it.
 *
 * @returns What stops it.
 */
export function every(ms: number, callback: () => void): () => void {
  const timer: unknown = setInterval(callback, ms);
  unref(timer);
  return () => clearInterval(timer as number);
}

// Bun and Node answer an object that can do it; Deno a number, and a function for it; browsers need nothing.
function unref(timer: unknown): void {
  if (typeof timer === "object") (timer as { unref?(): void }).unref?.();
  else (globalThis as { Deno?: { unrefTimer?(id: unknown): void } }).Deno?.unrefTimer?.(timer);
}
