import { isSubject, refusal } from "../internal/mod.ts";
import { SubjectPattern } from "./subject_pattern.ts";

/** What is asked of one field: it holds if the field has one of the values, or is a text that one of the patterns matches. */
export interface Condition {
  /** The names that lead to the field, from the event on. */
  readonly path: readonly string[];
  readonly values: readonly unknown[];
  /** The values once more, if they are many. */
  readonly set: ReadonlySet<unknown> | undefined;
  /** Patterns with wildcards; those without are values. */
  readonly patterns: readonly SubjectPattern[];
}

/** More values than this are looked up, fewer are compared one by one: both take what is the same key of a `Map` for equal. */
const MANY = 8;

/** Deeper than this no match is meant; one that holds itself is found by it. */
const MAX_DEPTH = 32;

/** Reads a field of an event, which may be anything; undefined if it is not there. */
export function fieldOf(event: unknown, path: readonly string[]): unknown {
  let value = event;
  for (let at = 0; at < path.length; at++) {
    if (value === undefined || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[path[at]!];
  }
  return value;
}

/** Whether an event meets all of the conditions. */
export function meets(conditions: readonly Condition[], event: unknown): boolean {
  return conditions.every(({ path, values, set, patterns }) => {
    const value = fieldOf(event, path);
    return (set === undefined ? values.includes(value) : set.has(value)) ||
      (typeof value === "string" && patterns.some((pattern) => pattern.matches(value)));
  });
}

/**
 * Turns a match into conditions, all of which must hold.
 *
 * @throws {TypeError} If it asks for what cannot be compared, or for a field that events do not have.
 * @throws {RangeError} If it asks for nothing that could ever match.
 */
export function conditionsOf(
  match: unknown,
  fields: readonly string[] | undefined,
): readonly Condition[] {
  if (!isPlainObject(match)) {
    throw new TypeError(refusal(SUBSCRIBE, "match must be an object of fields", match));
  }
  const unknown = fields && Object.keys(match).find((field) => !fields.includes(field));
  if (unknown !== undefined) {
    const requirement = `match must ask for fields that events have (${fields!.join(", ")})`;
    throw new TypeError(refusal(SUBSCRIBE, requirement, unknown));
  }
  const conditions: Condition[] = [];
  collect(match, [], conditions);
  return conditions;
}

/** How refusals of a subscription begin. */
export const SUBSCRIBE = "subscribe to Bus";

function collect(
  match: Readonly<Record<string, unknown>>,
  parents: readonly string[],
  conditions: Condition[],
): void {
  for (const [field, asked] of Object.entries(match)) {
    const path = [...parents, field];
    const name = `match.${path.join(".")}`;
    if (isPlainObject(asked)) {
      if (path.length > MAX_DEPTH) {
        const requirement = `match must be at most ${MAX_DEPTH} objects deep`;
        throw new RangeError(refusal(SUBSCRIBE, requirement, path.length));
      }
      if (Object.keys(asked).length === 0) {
        throw new RangeError(refusal(SUBSCRIBE, `${name} must ask for a field`, asked));
      }
      collect(asked, path, conditions);
      continue;
    }
    if (Array.isArray(asked) && asked.length === 0) {
      const requirement = `${name} must list an alternative, received an empty list`;
      throw new RangeError(`Cannot ${SUBSCRIBE}: ${requirement}`);
    }
    const alternatives = Array.isArray(asked) ? asked : [asked];
    const set = alternatives.length > MANY ? new Set<unknown>() : undefined;
    const values: unknown[] = [];
    const add = (value: unknown): void => {
      if (set === undefined ? values.includes(value) : set.has(value)) return;
      set?.add(value);
      values.push(value);
    };
    const patterns = new Map<string, SubjectPattern>();
    for (const one of alternatives) {
      if (one instanceof SubjectPattern) {
        if (isSubject(one.pattern)) add(one.pattern);
        else patterns.set(one.pattern, one);
      } else if (isMatchValue(one)) add(one);
      else throw new TypeError(refusal(SUBSCRIBE, `${name} must be ${COMPARABLE}`, one));
    }
    conditions.push({ path, values, set, patterns: [...patterns.values()] });
  }
}

const COMPARABLE =
  "a value, a list of values, a subject pattern or an object of fields (other tests are for where)";

function isMatchValue(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function" &&
    value !== undefined);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
