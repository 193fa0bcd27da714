/**
 * Calls `callback` once after `ms`, without keeping the process alive for it.
 *
 * @returns What stops it.
 */
export function later(ms: number, callback: () => void): () => void {
  const timer: unknown = setTimeout(callback, ms);
  unref(timer);
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
