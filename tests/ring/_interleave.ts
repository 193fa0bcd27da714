/** What the code of a ring calls that a test can get in front of: every atomic operation, and the copying of payloads. */
const PLACES: readonly (readonly [object: object, method: string])[] = [
  ...["load", "store", "add", "exchange", "compareExchange"].map((name) =>
    [Atomics, name] as const
  ),
  ...["set", "subarray"].map((name) =>
    [Object.getPrototypeOf(Uint8Array.prototype) as object, name] as const
  ),
];

/** Called at each place while there is something to come between. */
let pass: (() => void) | undefined;

/** What comes between, until it is disposed. */
export class Interleaving implements Disposable {
  /** Whether there was a place that was chosen. */
  reached = false;
  readonly #undo: readonly (() => boolean)[];

  /** Runs `step` in front of each place that `at` says, counted from 0. */
  constructor(at: number | ((place: number) => boolean), step: () => void) {
    const isHere = typeof at === "number" ? (place: number) => place === at : at;
    let place = 0;
    let isStepping = false;
    this.#undo = PLACES.map(([object, method]) => {
      const original = Reflect.get(object, method) as (...args: unknown[]) => unknown;
      Reflect.set(object, method, function (this: unknown, ...args: unknown[]): unknown {
        pass?.();
        return Reflect.apply(original, this, args);
      });
      return () => Reflect.set(object, method, original);
    });
    pass = () => {
      if (isStepping || !isHere(place++)) return;
      this.reached = isStepping = true;
      try {
        step();
      } finally {
        isStepping = false;
      }
    };
  }

  [Symbol.dispose](): void {
    pass = undefined;
    for (const restore of this.#undo) restore();
  }
}

/**
 * Runs `body`, and in front of those places of it where another thread could come between that `at` says, runs `step`. What `step` throws
 * ends `body` there, as if its thread had died.
 *
 * @returns What `body` answers, and whether it has such a place.
 */
export function interleave<T>(
  body: () => T,
  at: number | ((place: number) => boolean),
  step: () => void,
): { readonly result: T; readonly reached: boolean } {
  using interleaving = new Interleaving(at, step);
  const result = body();
  return { result, reached: interleaving.reached };
}

/** A payload whose length is a place as well: in the middle of its being written, which has no other. */
export function slowPayload(payload: Uint8Array): Uint8Array {
  const { length } = payload;
  return Object.defineProperty(payload, "length", {
    get() {
      pass?.();
      return length;
    },
  });
}

/** What ends a thread. */
class Death extends Error {}

/** Runs `body` until the `at`th place of it, where its thread dies; answers whether it has such a place. */
export function dieAt(body: () => unknown, at: number): boolean {
  try {
    return interleave(body, at, () => {
      throw new Death();
    }).reached;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  }
}

/** Calls `run` with each place in turn until it answers that there is no such place; answers how many there are. */
export function everywhere(run: (at: number) => boolean): number {
  for (let at = 0; at < 10_000; at++) {
    if (!run(at)) return at;
  }
  throw new Error("There is no end to the places");
}
