/** Lets every microtask run that is queued, and those that they queue, without a timer. */
export async function settle(): Promise<void> {
  for (let tick = 0; tick < 100; tick++) await undefined;
}

/** What is known of a promise so far. */
export interface Outcome<T> {
  state: "pending" | "fulfilled" | "rejected";
  value?: T;
  reason?: unknown;
}

/** Watches a promise; a rejection counts as handled. */
export function observe<T>(promise: PromiseLike<T>): Outcome<T> {
  const outcome: Outcome<T> = { state: "pending" };
  promise.then((value) => {
    outcome.state = "fulfilled";
    outcome.value = value;
  }, (reason) => {
    outcome.state = "rejected";
    outcome.reason = reason;
  });
  return outcome;
}

/** The reason with which a promise rejects, whatever it is; fulfilment is an error. */
export async function reasonOf(promise: PromiseLike<unknown>): Promise<unknown> {
  const outcome = observe(promise);
  await promise.then(() => {}, () => {});
  if (outcome.state !== "rejected") throw new Error("The promise was fulfilled");
  return outcome.reason;
}

/** An async iterable that is fed by hand, and remembers what was asked of it. */
export class Source<T> implements AsyncIterableIterator<T> {
  /** How often next() was called. */
  pulls = 0;
  /** How often return() was called. */
  returns = 0;
  #waiting: PromiseWithResolvers<IteratorResult<T>>[] = [];

  /** Answers the oldest next() that waits. */
  give(value: T): void {
    this.#waiting.shift()!.resolve({ value, done: false });
  }

  /** Ends the oldest next() that waits. */
  end(): void {
    this.#waiting.shift()!.resolve({ value: undefined, done: true });
  }

  /** Fails the oldest next() that waits. */
  fail(reason: unknown): void {
    this.#waiting.shift()!.reject(reason);
  }

  next(): Promise<IteratorResult<T>> {
    this.pulls++;
    const waiting = Promise.withResolvers<IteratorResult<T>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  return(): Promise<IteratorResult<T>> {
    this.returns++;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The result of next() at the end. */
export const END: IteratorReturnResult<undefined> = { value: undefined, done: true };
