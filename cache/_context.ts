/** The part that is used of the `AsyncLocalStorage` of `node:async_hooks`. */
export interface ContextStorage<T> {
  getStore(): T | undefined;
  run<R>(value: T, callback: () => R): R;
  disable(): void;
}

interface AsyncHooks {
  readonly AsyncLocalStorage: new <T>() => ContextStorage<T>;
}

interface ProcessLike {
  getBuiltinModule?(name: "node:async_hooks"): AsyncHooks | undefined;
}

/**
 * What keeps a value for a call and all that it waits for. Where the platform has nothing of that kind, as in browsers, the value is kept for the
 * call alone.
 *
 * It is not imported, since that would keep browsers from loading what else there is.
 */
export function createStorage<T>(): ContextStorage<T> {
  const { process } = globalThis as { readonly process?: ProcessLike };
  const hooks = process?.getBuiltinModule?.("node:async_hooks");
  return hooks === undefined ? new CallStorage() : new hooks.AsyncLocalStorage();
}

class CallStorage<T> implements ContextStorage<T> {
  #value: T | undefined;

  getStore(): T | undefined {
    return this.#value;
  }

  run<R>(value: T, callback: () => R): R {
    const before = this.#value;
    this.#value = value;
    try {
      return callback();
    } finally {
      this.#value = before;
    }
  }

  disable(): void {
    this.#value = undefined;
  }
}
