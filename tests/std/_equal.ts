/**
 * What `assertEquals` and `assertObjectMatch` of the stand-in compare, with the quirks of the real package.
 *
 * @module
 */

/** For each object on the left, the object it was last held against: what makes cycles end. */
type Partners = Map<object, object>;

type Keyed = Record<PropertyKey, unknown>;

const AnyTypedArray = Object.getPrototypeOf(Uint8Array) as new () => Uint8Array;

const temporal = (globalThis as { Temporal?: Record<string, { prototype?: unknown }> }).Temporal ??
  {};

/** Prototypes whose instances hold their value in slots that only their text shows. */
const shownByText = new Set<unknown>(
  [
    Intl.Locale,
    RegExp,
    URL,
    URLSearchParams,
    ...Object.getOwnPropertyNames(temporal).map((name) => temporal[name]),
  ].map((constructor) => constructor?.prototype),
);

/**
 * Tells whether two values are deeply equal, by the rules of the real package.
 *
 * Unlike the platform's deep equality: 0 equals -0, an object without a prototype equals a plain one, the length of an array with
 * holes at its end is ignored, and instances of a class are compared by their getters as well as by their own properties.
 *
 * @throws {TypeError} When it has to compare two objects of `WeakMap` or of `WeakSet`.
 */
export function equal(a: unknown, b: unknown): boolean {
  return alike(a, b, new Map());
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function lineage(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function alike(a: unknown, b: unknown, partners: Partners): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (!isObject(a) || !isObject(b) || lineage(a) !== lineage(b)) return false;

  if (a instanceof AnyTypedArray) return sameElements(a, b as Uint8Array);
  if (a instanceof ArrayBuffer || a instanceof SharedArrayBuffer) {
    return sameElements(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  }
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare values: ${a.constructor.name} hides its content`);
  }
  if (a instanceof WeakRef) return alike(a.deref(), (b as WeakRef<object>).deref(), partners);

  if (partners.get(a) === b) return true;
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  partners.set(a, b);

  if (a instanceof Map || a instanceof Set) {
    return sameEntries(a, b as ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>, partners);
  }
  if (shownByText.has(lineage(a))) return String(a) === String(b);
  for (const key of keysOf(a, b)) {
    if (key in a !== key in b) return false;
    if (!alike((a as Keyed)[key], (b as Keyed)[key], partners)) return false;
  }
  return true;
}

function sameElements(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

type Collection = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>;

/** Looks up each entry of `a` in `b`, in any order; two entries may find the same one. */
function sameEntries(a: Collection, b: Collection, partners: Partners): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a.entries()) {
    if (!hasEntry(b, key, value, partners)) return false;
  }
  return true;
}

function hasEntry(within: Collection, key: unknown, value: unknown, partners: Partners): boolean {
  if (!isObject(key) && typeof key !== "function") {
    if (!within.has(key)) return false;
    return !("get" in within) || alike(value, within.get(key), partners);
  }
  for (const [otherKey, otherValue] of within.entries()) {
    if (alike(key, otherKey, partners) && alike(value, otherValue, partners)) return true;
  }
  return false;
}

/** The keys that count: enumerable own ones of plain objects and arrays, otherwise all, those of prototypes included. */
function keysOf(a: object, b: object): Set<PropertyKey> {
  const proto = lineage(a);
  if (proto === Object.prototype || proto === Array.prototype) {
    return new Set(Reflect.ownKeys({ ...a, ...b }));
  }
  const keys = new Set<PropertyKey>();
  for (const start of [a, b]) {
    let level: object | null = start;
    while (level !== null && level !== Object.prototype && level !== Array.prototype) {
      for (const key of Reflect.ownKeys(level)) keys.add(key);
      level = Object.getPrototypeOf(level);
    }
  }
  return keys;
}

/**
 * Copies of `subject` what `pattern` names, nested objects, arrays and collections included, as plain objects.
 *
 * Arrays are cut to the shorter of the two. A nested pair that was met before is taken over whole, which is what makes cycles end.
 *
 * @throws {TypeError} When one of the two is not an object.
 */
export function project(subject: object, pattern: object): unknown {
  return projectObject(subject, pattern, new WeakMap());
}

type Met = WeakMap<object, object>;

function projectObject(subject: object, pattern: object, met: Met): unknown {
  for (const side of [subject, pattern]) {
    if (!isObject(side) && typeof side !== "function") {
      throw new TypeError(`Cannot match objects: both must be objects, received ${String(side)}`);
    }
  }
  if (met.get(subject) === pattern) return subject;
  met.set(subject, pattern);

  const keys = Reflect.ownKeys(subject);
  const named = new Set(Reflect.ownKeys(pattern));
  const common = keys.filter((key) => named.has(key));
  // Nothing in common: the subject is kept as it is, so that the mismatch shows.
  const apart = common.length === 0 && named.size > 0;
  const result = {};
  for (const key of apart ? keys : common) {
    const own = (subject as Keyed)[key];
    const value = apart ? own : projectValue(own, (pattern as Keyed)[key], met);
    Object.defineProperty(result, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return result;
}

function projectValue(subject: unknown, pattern: unknown, met: Met): unknown {
  if (!isObject(subject) || !isObject(pattern)) return subject;
  if (subject instanceof RegExp || subject instanceof Date) return subject;
  if (Array.isArray(subject) && Array.isArray(pattern)) {
    return projectArray(subject, pattern, met);
  }
  if (subject instanceof Map && pattern instanceof Map) return projectMap(subject, pattern, met);
  if (subject instanceof Set && pattern instanceof Set) return subject.intersection(pattern);
  return projectObject(subject, pattern, met);
}

function projectArray(subject: unknown[], pattern: unknown[], met: Met): unknown[] {
  if (met.get(subject) === pattern) return subject;
  met.set(subject, pattern);
  const length = Math.min(subject.length, pattern.length);
  return Array.from({ length }, (_, i) => projectValue(subject[i], pattern[i], met));
}

function projectMap(
  subject: Map<unknown, unknown>,
  pattern: Map<unknown, unknown>,
  met: Met,
): Map<unknown, unknown> {
  const result = new Map<unknown, unknown>();
  for (const [key, value] of subject) {
    if (!pattern.has(key)) continue;
    const part = pattern.get(key);
    const nested = isObject(value) && isObject(part);
    result.set(key, nested ? projectObject(value, part, met) : value);
  }
  return result;
}
