import { later } from "../internal/mod.ts";

/** Waits for a promise, but no longer than some milliseconds: then it rejects, and says what could not be done. */
export async function within<T>(action: string, ms: number, promise: PromiseLike<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const stop = later(ms, () => reject(new Error(`Cannot ${action}: it took more than ${ms} ms`)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop();
  }
}
