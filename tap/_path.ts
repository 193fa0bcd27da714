import { refusal } from "../internal/mod.ts";

/** One step of a path: a key of an object, which is also an index of an array; any one step; or any number of steps, none included. */
export type PathStep = { readonly key: string } | "*" | "**";

/** How deep a path may go, and how long its text may be. */
const MAX_STEPS = 32;
const MAX_LENGTH = 512;

/**
 * Reads a path as people write it: `user.email`, `users[0].email`, `headers["x.y"]`, `a\.b`, `*` for any one step, `**` for any number of
 * them, or a JSON Pointer, `/user/e~1mail`, which has no wildcards.
 *
 * @throws {RangeError} That names the path.
 */
export function parsePath(action: string, name: string, text: string): PathStep[] {
  const refuse = (requirement: string): never => {
    throw new RangeError(refusal(action, `${name} ${requirement}`, text));
  };
  if (typeof text !== "string" || text === "") refuse('must be a path such as "user.email"');
  if (text.length > MAX_LENGTH) refuse(`must have at most ${MAX_LENGTH} characters`);
  const steps = text.startsWith("/") ? pointerSteps(text, refuse) : dottedSteps(text, refuse);
  if (steps.length > MAX_STEPS) refuse(`must have at most ${MAX_STEPS} steps`);
  return steps;
}

/**
 * Reads a path without wildcards.
 *
 * @throws {RangeError} That names the path.
 */
export function parseKeys(action: string, name: string, text: string): string[] {
  return parsePath(action, name, text).map((step) => {
    if (typeof step === "object") return step.key;
    throw new RangeError(refusal(action, `${name} must be a path without wildcards`, text));
  });
}

function pointerSteps(text: string, refuse: (requirement: string) => never): PathStep[] {
  return text.slice(1).split("/").map((part) => {
    if (/~(?![01])/.test(part)) refuse('must write "~" as "~0" and "/" as "~1" in a JSON Pointer');
    return { key: part.replaceAll("~1", "/").replaceAll("~0", "~") };
  });
}

/** A step is a word, in which a backslash takes what follows as it is, or stands in brackets; quotes make any text a key. */
const STEP = /(?:^|(?<!^)\.)((?:[^.[\]\\]|\\[^])+)|\[(?:(\d+|\*)|"((?:[^"\\]|\\[^])*)")\]/y;

function dottedSteps(text: string, refuse: (requirement: string) => never): PathStep[] {
  const steps: PathStep[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < text.length) {
    // Only a bracket may begin a path without a dot, and none may stand behind a dot.
    const [, word, index, quoted] = STEP.exec(text) ??
      refuse('must be a path such as "user.email", "users[0].email" or "a\\.b"');
    const plain = word ?? index;
    if (plain === "*" || plain === "**") steps.push(plain);
    else steps.push({ key: (plain ?? quoted!).replaceAll(/\\([^])/g, "$1") });
  }
  return steps;
}

/** An index of an array, as a step says it. */
const INDEX = /^(?:0|[1-9]\d{0,9})$/;

/** Whether a step can only mean an element of an array, where it meets one; any other means the same step of every element. */
export function isIndex(key: string): boolean {
  return INDEX.test(key);
}

const isOwnEnumerable = Object.prototype.propertyIsEnumerable;

/** How much work one question may be, of all that it asks: a part that is looked at is 1, and takes some 20 to 50 ns. */
const MAX_WORK = 100_000;

/**
 * The question that is under way. Whoever asks sets it, and sets it back in a `finally` by assignments alone: a call could fail there too, where
 * the stack ends, and leave it wrong for good.
 */
export const asking: {
  /** How many questions are under way, one within another; the first one sets `work` to 0. */
  nesting: number;
  /** How much work it was so far, of all of them together. */
  work: number;
  /** How texts are shown to those who ask, so that nobody finds out by asking what is not; undefined for as they are. */
  showText: ((text: string) => string) | undefined;
} = { nesting: 0, work: 0, showText: undefined };

/**
 * Counts work: parts that are shared, or texts that are long, would make it as much as one likes.
 *
 * @throws {RangeError} If it is more than a question may be.
 */
export function spend(units: number): void {
  // What is read before anybody asks is nobody's work.
  if (asking.nesting === 0) return;
  asking.work += units;
  if (asking.work > MAX_WORK) throw new RangeError("Cannot read value: it has too many parts");
}

/** A value as JSON would have it; undefined where JSON has nothing. */
function jsonView(value: unknown, key: string): unknown {
  spend(1);
  let viewed = value;
  if ((typeof viewed === "object" && viewed !== null) || typeof viewed === "bigint") {
    const { toJSON } = viewed as { toJSON?: unknown };
    if (typeof toJSON === "function") viewed = toJSON.call(viewed, key);
    if (typeof viewed === "object" && viewed !== null) viewed = unboxed(viewed);
  }
  if (typeof viewed === "function" || typeof viewed === "symbol") return undefined;
  if (typeof viewed === "number" && !Number.isFinite(viewed)) return null;
  return viewed;
}

/** What is in an object that stands for a text, a number or a boolean. */
function unboxed(value: object): unknown {
  const isBox = value instanceof String || value instanceof Number || value instanceof Boolean;
  return isBox ? value.valueOf() : value;
}

/**
 * Whether `test` holds for a value at a path, as JSON would have the value: own enumerable properties only. Where a step meets an array and is
 * no index, it means that step of every element, so there may be many values, or none.
 *
 * @param value What the path begins at.
 * @param keys The path.
 * @param test Called with each value there is, which is never undefined.
 * @throws {RangeError} If more parts are to be looked at than anybody would write; and what reading the value throws.
 */
export function someAt(
  value: unknown,
  keys: readonly string[],
  test: (found: unknown) => boolean,
): boolean {
  const outer = asking.nesting;
  if (outer === 0) asking.work = 0;
  asking.nesting = outer + 1;
  try {
    return some(jsonView(value, ""), keys, 0, test);
  } finally {
    asking.nesting = outer;
  }
}

/**
 * The same for what has no parts, also where it is an element of an array that the path ends at. Objects are left out: what is in them may be
 * hidden.
 */
export function scalarsAt(
  value: unknown,
  keys: readonly string[],
  test: (found: string | number | boolean | null) => boolean,
): boolean {
  const testEach = (found: unknown): boolean => {
    if (Array.isArray(found)) {
      for (let index = 0; index < found.length; index++) {
        if (someAt(found[index], [], testEach)) return true;
      }
    }
    // A bigint has no JSON, so nobody gets to see it.
    const isScalar = found === null || (typeof found !== "object" && typeof found !== "bigint");
    return isScalar && test(found as string);
  };
  return someAt(value, keys, testEach);
}

function some(
  value: unknown,
  keys: readonly string[],
  at: number,
  test: (found: unknown) => boolean,
): boolean {
  if (at === keys.length) {
    const { showText } = asking;
    if (typeof value === "string" && showText !== undefined) return test(showText(value));
    return value !== undefined && test(value);
  }
  if (typeof value !== "object" || value === null) return false;
  const key = keys[at]!;
  if (Array.isArray(value)) {
    // What JSON has nothing for is null in an array.
    if (isIndex(key)) {
      const index = Number(key);
      if (index >= value.length) return false;
      return some(jsonView(value[index], key) ?? null, keys, at + 1, test);
    }
    for (let index = 0; index < value.length; index++) {
      if (some(jsonView(value[index], `${index}`) ?? null, keys, at, test)) return true;
    }
    return false;
  }
  if (!isOwnEnumerable.call(value, key)) return false;
  return some(jsonView((value as Record<string, unknown>)[key], key), keys, at + 1, test);
}
