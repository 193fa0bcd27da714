import { isIndex, type PathStep } from "./_path.ts";

/** In place of a set of places: the last step was taken. */
export const ARRIVED: number = 2 ** 32;

interface Step {
  readonly key: string | undefined;
  /** The key as an index of an array; undefined if it is none. */
  readonly index: number | undefined;
  readonly isDeep: boolean;
}

/**
 * Follows a path with wildcards down a JSON value, in all ways at once, so that each part of the value is visited once.
 *
 * Where it is, is a set of places in the path, one bit for each step that may come next; 0 where it leads nowhere.
 */
export class PathMatcher {
  readonly #steps: readonly Step[];
  readonly #ignoreCase: boolean;

  /** At most 32 steps. */
  constructor(path: readonly PathStep[], ignoreCase: boolean) {
    this.#ignoreCase = ignoreCase;
    this.#steps = path.map((step) => {
      if (typeof step === "string") {
        return { key: undefined, index: undefined, isDeep: step === "**" };
      }
      const { key } = step;
      return {
        key: ignoreCase ? key.toLowerCase() : key,
        index: isIndex(key) ? Number(key) : undefined,
        isDeep: false,
      };
    });
  }

  /** Where it begins. */
  begin(): number {
    return this.#add(0, 0);
  }

  /** Where a member of an object is. */
  member(places: number, key: string): number {
    const name = this.#ignoreCase ? key.toLowerCase() : key;
    let next = 0;
    for (let place = 0; place < this.#steps.length && next !== ARRIVED; place++) {
      if ((places & 1 << place) === 0) continue;
      const step = this.#steps[place]!;
      if (step.isDeep) next = this.#add(next, place);
      else if (step.key === undefined || step.key === name) next = this.#add(next, place + 1);
    }
    return next;
  }

  /** Where an element of an array is. A step that is no index means that step of every element. */
  element(places: number, index: number): number {
    let next = 0;
    for (let place = 0; place < this.#steps.length && next !== ARRIVED; place++) {
      if ((places & 1 << place) === 0) continue;
      const step = this.#steps[place]!;
      if (step.isDeep || step.key !== undefined && step.index === undefined) {
        next = this.#add(next, place);
      } else if (step.key === undefined || step.index === index) next = this.#add(next, place + 1);
    }
    return next;
  }

  /** Any number of steps may also be none. */
  #add(places: number, place: number): number {
    for (let added = places;; place++) {
      if (place === this.#steps.length) return ARRIVED;
      added |= 1 << place;
      if (!this.#steps[place]!.isDeep) return added;
    }
  }
}

/**
 * Keeps of a JSON value only what some paths lead to, in its own order. Objects and arrays on the way keep only what is kept of them:
 * members and elements of which nothing is kept are left out.
 */
export class Projection {
  readonly #matchers: readonly PathMatcher[];

  constructor(paths: readonly (readonly PathStep[])[]) {
    this.#matchers = paths.map((path) => new PathMatcher(path, false));
  }

  /**
   * Answers what is kept; the value itself if it has no parts. The value is not changed, but shared.
   *
   * @param value What `JSON.parse` gave.
   */
  of(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    const places = this.#matchers.map((matcher) => matcher.begin());
    if (places.includes(ARRIVED)) return value;
    return this.#keep(value, places) ?? (Array.isArray(value) ? [] : {});
  }

  /** What is kept of an object or array; undefined if nothing is. */
  #keep(value: object, places: readonly number[]): unknown {
    if (Array.isArray(value)) {
      const kept: unknown[] = [];
      for (let index = 0; index < value.length; index++) {
        const part = this.#part(
          value[index],
          places.map((at, i) => at && this.#matchers[i]!.element(at, index)),
        );
        if (part !== undefined) kept.push(part);
      }
      return kept.length > 0 ? kept : undefined;
    }
    // Without a prototype, so that every key is a key.
    const kept: Record<string, unknown> = Object.create(null);
    let isEmpty = true;
    for (const key of Object.keys(value)) {
      const part = this.#part(
        (value as Record<string, unknown>)[key],
        places.map((at, i) => at && this.#matchers[i]!.member(at, key)),
      );
      if (part === undefined) continue;
      kept[key] = part;
      isEmpty = false;
    }
    return isEmpty ? undefined : kept;
  }

  #part(value: unknown, places: readonly number[]): unknown {
    if (places.includes(ARRIVED)) return value;
    if (typeof value !== "object" || value === null) return undefined;
    return places.some((at) => at !== 0) ? this.#keep(value, places) : undefined;
  }
}
