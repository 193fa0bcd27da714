/** A real signal whose listeners are counted. */
export interface CountedSignal {
  readonly signal: AbortSignal;
  /** Aborts the signal. */
  abort(reason?: unknown): void;
  /** How often a listener was added. */
  readonly added: number;
  /** How many listeners are there now. */
  readonly listening: number;
}

/** Makes a signal that counts; `aborted` says that it has aborted before anybody can listen. */
export function countedSignal(aborted?: { reason: unknown }): CountedSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const listeners = new Set<unknown>();
  let added = 0;
  if (aborted !== undefined) controller.abort(aborted.reason);
  // The first listener of all, so that those that fire once are forgotten like the platform forgets them.
  const once = new Set<unknown>();
  add("abort", () => {
    for (const listener of once) listeners.delete(listener);
  });
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    const [, listener, options] = args;
    added++;
    listeners.add(listener);
    if (typeof options === "object" && options.once) once.add(listener);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.delete(args[1]);
    once.delete(args[1]);
    remove(...args);
  };
  return {
    signal,
    abort: (reason) => controller.abort(reason),
    get added() {
      return added;
    },
    get listening() {
      return listeners.size;
    },
  };
}
