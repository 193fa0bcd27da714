import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotInstanceOf,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unimplemented,
  unreachable,
} from "@std/assert";
import { test } from "../_harness.ts";

// These tests pass with the stand-ins and with the real package alike, so they pin no wording but the caller's.

/** The assertion error of `fn`; written without the assertions under test. */
function refusal(fn: () => unknown): AssertionError {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    if (error instanceof AssertionError) return error;
    thrown = error;
  }
  throw new Error(`An AssertionError was expected, not ${String(thrown)}`);
}

async function lateRefusal(fn: () => Promise<unknown>): Promise<AssertionError> {
  const thrown = await fn().then(() => "nothing", (error: unknown) => error);
  if (thrown instanceof AssertionError) return thrown;
  throw new Error(`An AssertionError was expected, not ${String(thrown)}`);
}

function mentions(error: Error, text: string): void {
  if (!error.message.includes(text)) throw new Error(`"${text}" is not in: ${error.message}`);
}

type Pair = readonly [unknown, unknown];

function allEqual(...pairs: readonly Pair[]): void {
  for (const [i, [a, b]] of pairs.entries()) {
    if (!equal(a, b) || !equal(b, a)) throw new Error(`Pair ${i} counts as different`);
    assertEquals(a, b);
    refusal(() => assertNotEquals(a, b));
  }
}

function allDifferent(...pairs: readonly Pair[]): void {
  for (const [i, [a, b]] of pairs.entries()) {
    if (equal(a, b) || equal(b, a)) throw new Error(`Pair ${i} counts as equal`);
    assertNotEquals(a, b);
    refusal(() => assertEquals(a, b));
  }
}

class Point {
  readonly x: number;
  #secret: number;
  constructor(x: number, secret = 0) {
    this.x = x;
    this.#secret = secret;
  }
  hidden(): number {
    return this.#secret;
  }
}

class Gauge {
  #level: number;
  constructor(level: number) {
    this.#level = level;
  }
  get level(): number {
    return this.#level;
  }
}

class TeapotError extends Error {
  readonly code = 418;
}

test("AssertionError is an Error with its own name and the given cause", () => {
  const cause = new Error("deep");
  const error = new AssertionError("text", { cause });
  assertInstanceOf(error, Error);
  assertStrictEquals(error.name, "AssertionError");
  assertStrictEquals(error.message, "text");
  assertStrictEquals(error.cause, cause);
});

test("assert() passes on truthy values and narrows", () => {
  for (const value of [true, 1, -1, 1n, "a", " ", {}, [], Symbol.iterator]) assert(value);
  const text = ["a"].at(0);
  assert(text !== undefined);
  assertStrictEquals(text.length, 1);
});

test("assert() fails on falsy values with just the message given", () => {
  for (const value of [false, 0, -0, NaN, 0n, "", null, undefined]) {
    assertStrictEquals(refusal(() => assert(value)).message, "");
  }
  assertStrictEquals(refusal(() => assert(false, "why")).message, "why");
});

test("assertFalse() is the opposite of assert()", () => {
  for (const value of [false, 0, -0, NaN, 0n, "", null, undefined]) assertFalse(value);
  assertStrictEquals(refusal(() => assertFalse(1)).message, "");
  assertStrictEquals(refusal(() => assertFalse({}, "why")).message, "why");
});

test("fail(), unreachable() and unimplemented() always fail", () => {
  for (const stop of [fail, unreachable, unimplemented]) {
    refusal(() => stop());
    mentions(refusal(() => stop("why")), "why");
  }
});

test("assertEquals() and assertNotEquals() put the caller's message into theirs", () => {
  mentions(refusal(() => assertEquals(1, 2, "why")), "why");
  mentions(refusal(() => assertEquals({ a: [1] }, { a: [2] }, "why")), "why");
  mentions(refusal(() => assertEquals("one\ntwo", "one\nthree", "why")), "why");
  mentions(refusal(() => assertNotEquals(1, 1, "why")), "why");
});

test("equal() compares primitives by value, with NaN equal to itself and 0 to -0", () => {
  allEqual([1, 1], ["a", "a"], [NaN, NaN], [0, -0], [1n, 1n], [null, null], [undefined, undefined]);
  allEqual([Symbol.for("a"), Symbol.for("a")], [[-0], [0]], [{ a: NaN }, { a: NaN }]);
  allDifferent([1, 2], [1, "1"], [1, 1n], [0, false], ["", 0], [null, undefined], [null, {}]);
  allDifferent([Symbol("a"), Symbol("a")], [1, NaN], [undefined, {}], [1, [1]]);
});

test("equal() compares functions by identity", () => {
  const one = (): number => 1;
  allEqual([one, one], [{ one }, { one }]);
  allDifferent([one, (): number => 1], [one, {}], [Point, Gauge]);
});

test("equal() tells a missing property from an undefined one", () => {
  allEqual([{ a: undefined }, { a: undefined }], [{}, {}]);
  allDifferent([{ a: undefined }, {}], [{ a: undefined }, { b: undefined }], [{ a: 1 }, {
    a: 1,
    b: undefined,
  }]);
});

test("equal() ignores the order of keys and compares nested values", () => {
  allEqual([{ a: 1, b: { c: [1, { d: 2 }] } }, { b: { c: [1, { d: 2 }] }, a: 1 }]);
  allDifferent([{ b: { c: [1, { d: 2 }] } }, { b: { c: [1, { d: 3 }] } }], [{ a: 1 }, { b: 1 }]);
});

test("equal() counts symbol keys but not hidden properties of plain objects", () => {
  const key = Symbol("key");
  const hidden = (value: number): object => Object.defineProperty({}, "a", { value });
  allEqual([{ [key]: 1 }, { [key]: 1 }], [hidden(1), hidden(2)], [hidden(1), {}]);
  allDifferent([{ [key]: 1 }, { [key]: 2 }], [{ [key]: 1 }, {}], [{ [key]: undefined }, {}]);
});

test("equal() compares arrays by position and ignores holes at the end", () => {
  const holes = (length: number): unknown[] => new Array(length);
  allEqual([[1, [2]], [1, [2]]], [holes(3), []], [holes(3), holes(2)]);
  allDifferent([[1, 2], [2, 1]], [[1], [1, 1]], [[], {}], [[undefined], holes(1)], [["a"], {
    0: "a",
  }]);
});

test("equal() takes an object without a prototype for a plain one", () => {
  const bare = (value: number): object => Object.assign(Object.create(null), { a: value });
  allEqual([bare(1), { a: 1 }], [bare(1), bare(1)]);
  allDifferent([bare(1), { a: 2 }], [bare(1), new Point(1)]);
});

test("equal() tells instances of different classes apart", () => {
  class Other {
    readonly x: number = 1;
  }
  class Sub extends Point {}
  allEqual([new Point(1), new Point(1)]);
  allDifferent([new Point(1), new Point(2)], [new Point(1), { x: 1 }], [new Point(1), new Other()]);
  allDifferent([new Point(1), new Sub(1)], [new Error("a"), new TypeError("a")]);
});

test("equal() sees private state only through getters", () => {
  assertStrictEquals(new Point(1, 2).hidden(), 2);
  allEqual([new Point(1, 1), new Point(1, 2)], [new Gauge(1), new Gauge(1)]);
  allDifferent([new Gauge(1), new Gauge(2)]);
});

test("equal() counts inherited and hidden properties of class instances", () => {
  const heir = (value: number): object => Object.create(Object.freeze({ value }));
  const hiding = (value: number): Point =>
    Object.defineProperty(new Point(1), "hiding", { value, enumerable: false });
  allEqual([hiding(1), hiding(1)]);
  allDifferent([hiding(1), hiding(2)], [heir(1), heir(1)], [heir(1), heir(2)]);
});

test("equal() compares dates by time, an invalid one equal to another", () => {
  allEqual([new Date(0), new Date(0)], [new Date(NaN), new Date(NaN)], [[new Date(1)], [
    new Date(1),
  ]]);
  allDifferent([new Date(0), new Date(1)], [new Date(0), new Date(NaN)], [new Date(0), 0]);
});

test("equal() compares patterns and addresses by their text", () => {
  allEqual([/a/g, /a/g], [new URL("http://a/b"), new URL("http://a/b")]);
  allEqual([new URLSearchParams("a=1"), new URLSearchParams({ a: "1" })]);
  allDifferent([/a/g, /a/i], [/a/, /b/], [/a/, "/a/"], [new URL("http://a/"), "http://a/"]);
  allDifferent([new URL("http://a/"), new URL("http://b/")]);
  allDifferent([new URLSearchParams("a=1"), new URLSearchParams("a=2")]);
});

test("equal() compares errors by class, message, own fields and stack", () => {
  const [one, two] = [1, 2].map(() => new TeapotError("hot"));
  const [hot, cold] = ["hot", "cold"].map((text) => new TeapotError(text));
  allEqual([one, one], [one, two]);
  allDifferent([hot, cold], [one, new TeapotError("hot")]);
});

test("equal() compares typed arrays and buffers by their elements", () => {
  const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
  allEqual([bytes(1, 2), bytes(1, 2)], [bytes(1, 2).buffer, bytes(1, 2).buffer]);
  allEqual([new Float64Array([NaN, 0]), new Float64Array([NaN, -0])]);
  allEqual([bytes(0, 1, 2).subarray(1), bytes(1, 2)]);
  allEqual([new SharedArrayBuffer(2), new SharedArrayBuffer(2)]);
  allEqual([new BigInt64Array([1n]), new BigInt64Array([1n])]);
  allDifferent([bytes(1, 2), bytes(1, 3)], [bytes(1), bytes(1, 0)], [bytes(1), [1]]);
  allDifferent([bytes(1), new Int8Array([1])], [bytes(1).buffer, bytes(2).buffer]);
  allDifferent([new SharedArrayBuffer(1), new ArrayBuffer(1)], [
    new ArrayBuffer(1),
    new ArrayBuffer(2),
  ]);
});

test("equal() compares data views by what they show", () => {
  const view = (value: number, offset = 0): DataView =>
    new DataView(new Uint8Array([value, 0]).buffer, offset);
  allEqual([view(1), view(1)]);
  allDifferent([view(1), view(2)], [view(1), view(1, 1)]);
});

test("equal() compares sets in any order, with deep members", () => {
  allEqual([new Set([1, 2]), new Set([2, 1])], [new Set([{ a: 1 }, 2]), new Set([2, { a: 1 }])]);
  allEqual([new Set([NaN]), new Set([NaN])], [new Set(), new Set()]);
  allDifferent([new Set([1]), new Set([2])], [new Set([1]), new Set([1, 2])]);
  allDifferent([new Set([{ a: 1 }]), new Set([{ a: 2 }])], [new Set([1]), [1]]);
  allDifferent([new Set([1]), new Set(["1"])], [new Set([1]), new Set([{}])]);
});

test("equal() compares maps in any order, with deep keys and values", () => {
  const map = (...entries: [unknown, unknown][]): Map<unknown, unknown> => new Map(entries);
  allEqual([map(["a", 1], ["b", { c: 1 }]), map(["b", { c: 1 }], ["a", 1])]);
  allEqual([map([{ a: 1 }, [1]], [2, 2]), map([2, 2], [{ a: 1 }, [1]])], [map(), map()]);
  allDifferent([map(["a", 1]), map(["a", 2])], [map(["a", 1]), map(["b", 1])]);
  allDifferent([map(["a", undefined]), map(["b", undefined])], [map(), new Set()]);
  allDifferent([map([{ a: 1 }, 1]), map([{ a: 1 }, 2])], [map(["a", 1]), map()]);
  allDifferent([map([{ a: 1 }, 1]), map([{ a: 2 }, 1])], [map(["a", 1]), { a: 1 }]);
});

test("equal() counts extra properties of collections by number only", () => {
  const extra = (props: object): Set<number> => Object.assign(new Set([1]), props);
  allEqual([extra({ a: 1 }), extra({ a: 2 })]);
  allDifferent([extra({ a: 1 }), extra({})]);
});

test("equal() ends on cycles", () => {
  const loop = (value: number): object => {
    const self: Record<string, unknown> = { value };
    self["self"] = self;
    return self;
  };
  const ring = (value: number): unknown[] => {
    const self: unknown[] = [value];
    self.push(self);
    return self;
  };
  allEqual([loop(1), loop(1)], [ring(1), ring(1)]);
  allDifferent([loop(1), loop(2)], [ring(1), ring(2)]);
});

test("equal() refuses to compare two weak collections, and follows weak references", () => {
  const map = new WeakMap();
  assertEquals(map, map);
  assertThrows(() => equal(new WeakMap(), new WeakMap()), TypeError);
  assertThrows(() => equal({ a: new WeakSet() }, { a: new WeakSet() }), TypeError);
  assertThrows(() => assertEquals(new WeakSet(), new WeakSet()), TypeError);
  allDifferent([new WeakMap(), new WeakSet()], [new WeakMap(), {}]);
  const target = { a: 1 };
  allEqual([new WeakRef(target), new WeakRef(target)]);
});

test("equal() knows no content of promises and boxed numbers", () => {
  allEqual([Promise.resolve(1), Promise.resolve(2)], [Object(1), Object(2)]);
  allDifferent([Object("a"), Object("b")], [Object(1), 1], [Promise.resolve(), {}]);
});

test("assertStrictEquals() compares like Object.is() and narrows", () => {
  const one = {};
  assertStrictEquals(one, one);
  assertStrictEquals(NaN, NaN);
  assertStrictEquals(-0, -0);
  refusal(() => assertStrictEquals(0, -0));
  refusal(() => assertStrictEquals(one, {}));
  refusal(() => assertStrictEquals<unknown>(1, "1"));
  mentions(refusal(() => assertStrictEquals([1], [1], "why")), "why");
  mentions(refusal(() => assertStrictEquals("a", "b", "why")), "why");
  const value: unknown = "text";
  assertStrictEquals(value, "text");
  const narrowed: "text" = value;
  assert(narrowed);
});

test("assertNotStrictEquals() is the opposite of assertStrictEquals()", () => {
  assertNotStrictEquals({}, {});
  assertNotStrictEquals(0, -0);
  assertNotStrictEquals<unknown>(1, "1");
  refusal(() => assertNotStrictEquals(NaN, NaN));
  mentions(refusal(() => assertNotStrictEquals("a", "a", "why")), "why");
});

test("assertExists() refuses only null and undefined, and narrows", () => {
  for (const value of [0, "", false, NaN, {}]) assertExists(value);
  refusal(() => assertExists(null));
  mentions(refusal(() => assertExists(undefined, "why")), "why");
  const found = ["a"].find((text) => text === "a");
  assertExists(found);
  assertStrictEquals(found.length, 1);
});

test("assertInstanceOf() follows instanceof and narrows", () => {
  abstract class Shape {
    readonly sides: number = 3;
  }
  class Triangle extends Shape {}
  const value: unknown = new Triangle();
  assertInstanceOf(value, Shape);
  assertStrictEquals(value.sides, 3);
  assertInstanceOf([], Array);
  assertInstanceOf(() => 1, Function);
  assertInstanceOf(new DOMException("a", "AbortError"), Error);
  refusal(() => assertInstanceOf({}, Triangle));
  refusal(() => assertInstanceOf(null, Object));
  refusal(() => assertInstanceOf(undefined, Object));
  refusal(() => assertInstanceOf("a", String));
  refusal(() => assertInstanceOf(Triangle, Triangle));
  refusal(() => assertInstanceOf(Object.create(null), Object));
  mentions(refusal(() => assertInstanceOf(new Error("a"), TypeError, "why")), "why");
});

test("assertNotInstanceOf() refuses instances", () => {
  assertNotInstanceOf({}, Date);
  assertNotInstanceOf(new Error("a"), TypeError);
  refusal(() => assertNotInstanceOf(new TypeError("a"), Error));
  const value: Date | string = [new Date(0), "text"].at(1)!;
  assertNotInstanceOf(value, Date);
  assertStrictEquals(value.length, 4);
});

test("assertMatch() and assertNotMatch() test the pattern", () => {
  assertMatch("channel", /^ch/);
  assertNotMatch("channel", /^x/);
  refusal(() => assertMatch("channel", /^x/));
  refusal(() => assertNotMatch("channel", /^ch/));
  mentions(refusal(() => assertMatch("a", /b/, "why")), "why");
  mentions(refusal(() => assertNotMatch("a", /a/, "why")), "why");
});

test("assertStringIncludes() looks for a part of the text", () => {
  assertStringIncludes("channel", "ann");
  assertStringIncludes("channel", "");
  refusal(() => assertStringIncludes("channel", "Ann"));
  mentions(refusal(() => assertStringIncludes("a", "b", "why")), "why");
});

test("assertArrayIncludes() finds each expected value, deeply, in any order", () => {
  assertArrayIncludes([1, 2, 3], [3, 1]);
  assertArrayIncludes([1], []);
  assertArrayIncludes([1], [1, 1]);
  assertArrayIncludes([NaN, 0], [-0, NaN]);
  assertArrayIncludes([{ a: 1 }, { b: [2] }], [{ b: [2] }]);
  assertArrayIncludes(new Uint8Array([1, 2]), new Uint8Array([2]));
  assertArrayIncludes(["a", "b"], { length: 1, 0: "b" });
  refusal(() => assertArrayIncludes([1, 2], [3]));
  refusal(() => assertArrayIncludes([1, 2], [1, 3]));
  refusal(() => assertArrayIncludes([], [undefined]));
  refusal(() => assertArrayIncludes([{ a: 1 }], [{ a: 2 }]));
  refusal(() => assertArrayIncludes<unknown>([1], ["1"]));
  mentions(refusal(() => assertArrayIncludes([1], [2], "why")), "why");
});

test("assertObjectMatch() looks at the expected keys only, at each level", () => {
  const key = Symbol("key");
  assertObjectMatch({ a: 1, b: 2 }, { a: 1 });
  assertObjectMatch({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } });
  assertObjectMatch({ a: [1, { b: 2, c: 3 }] }, { a: [1, { b: 2 }] });
  assertObjectMatch({ [key]: 1, a: 2 }, { [key]: 1 });
  assertObjectMatch({ a: undefined, b: 1 }, { a: undefined });
  assertObjectMatch({ a: 1 }, {});
  refusal(() => assertObjectMatch({ a: 1, b: 2 }, { a: 2 }));
  refusal(() => assertObjectMatch({ a: 1 }, { b: 1 }));
  refusal(() => assertObjectMatch({ a: 1 }, { a: 1, b: 1 }));
  refusal(() => assertObjectMatch({}, { a: undefined }));
  refusal(() => assertObjectMatch({ a: { b: 1, c: 2 } }, { a: { b: 2 } }));
  refusal(() => assertObjectMatch({ a: 1 }, { a: { b: 1 } }));
  mentions(refusal(() => assertObjectMatch({ a: 1 }, { a: 2 }, "why")), "why");
});

test("assertObjectMatch() takes instances and interfaces for plain objects", () => {
  interface Named {
    readonly name: string;
    readonly point: Point;
  }
  const named: Named = { name: "a", point: new Point(1) };
  assertObjectMatch(named, { name: "a", point: { x: 1 } });
  assertObjectMatch(new Point(1), { x: 1 });
  assertObjectMatch(new Error("text"), { message: "text" });
  refusal(() => assertObjectMatch(named, { point: { x: 2 } }));
});

test("assertObjectMatch() lets the actual array be longer, not shorter", () => {
  assertObjectMatch({ a: [1, 2, 3] }, { a: [1, 2] });
  assertObjectMatch({ a: [[1, 2], [3]] }, { a: [[1]] });
  assertObjectMatch({ a: [1, 2] }, { a: [] });
  refusal(() => assertObjectMatch({ a: [1] }, { a: [1, 2] }));
  refusal(() => assertObjectMatch({ a: [1, 2] }, { a: [2] }));
  refusal(() => assertObjectMatch({ a: [1] }, { a: { 0: 2 } }));
});

test("assertObjectMatch() takes what the expected collection names", () => {
  const map = new Map<string, unknown>([["a", { b: 1, c: 2 }], ["d", 3]]);
  assertObjectMatch({ map }, { map: new Map([["a", { b: 1 }]]) });
  assertObjectMatch({ set: new Set([1, 2]) }, { set: new Set([2]) });
  assertObjectMatch({ list: [map] }, { list: [new Map([["d", 3]])] });
  refusal(() => assertObjectMatch({ map }, { map: new Map([["a", { b: 2 }]]) }));
  refusal(() => assertObjectMatch({ map }, { map: new Map([["e", 1]]) }));
  refusal(() => assertObjectMatch({ set: new Set([1, 2]) }, { set: new Set([3]) }));
});

test("assertObjectMatch() compares dates and patterns whole", () => {
  assertObjectMatch({ at: new Date(0), re: /a/, b: 1 }, { at: new Date(0), re: /a/ });
  assertObjectMatch({ list: [new Date(0), /a/] }, { list: [new Date(0), /a/] });
  refusal(() => assertObjectMatch({ at: new Date(0) }, { at: new Date(1) }));
  refusal(() => assertObjectMatch({ re: /a/ }, { re: /b/ }));
});

test("assertObjectMatch() ends on cycles", () => {
  const loop = (value: number): Record<string, unknown> => {
    const self: Record<string, unknown> = { value };
    self["self"] = self;
    return self;
  };
  assertObjectMatch(loop(1), loop(1));
  assertObjectMatch(loop(1), { self: { self: { value: 1 } } });
  refusal(() => assertObjectMatch(loop(1), loop(2)));
});

test("assertObjectMatch() throws a TypeError on what is not an object", () => {
  const loose = assertObjectMatch as (actual: unknown, expected: unknown) => void;
  assertThrows(() => loose(null, { a: 1 }), TypeError);
  assertThrows(() => loose("text", { length: 4 }), TypeError);
  assertThrows(() => loose({ a: 1 }, null), TypeError);
});

test("assertGreater(), assertLess() and their relatives compare", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(1, 1);
  assertGreaterOrEqual(2n, 1n);
  assertLess("a", "b");
  assertLessOrEqual("a", "a");
  assertLess(new Date(0), new Date(1));
  refusal(() => assertGreater(1, 1));
  refusal(() => assertGreaterOrEqual(0, 1));
  refusal(() => assertLess(1, 1));
  refusal(() => assertLessOrEqual(2, 1));
  for (const compare of [assertGreater, assertGreaterOrEqual, assertLess, assertLessOrEqual]) {
    refusal(() => compare(NaN, 1));
    assertStrictEquals(refusal(() => compare(NaN, NaN, "why")).message, "why");
  }
});

test("assertAlmostEquals() allows a relative error of 1e-7 by default", () => {
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(1e10 + 999, 1e10);
  assertAlmostEquals(-1.00000001, -1);
  assertAlmostEquals(0, -0);
  assertAlmostEquals(NaN, NaN);
  assertAlmostEquals(Infinity, Infinity);
  refusal(() => assertAlmostEquals(1, 1.001));
  refusal(() => assertAlmostEquals(1e-12, 0));
  refusal(() => assertAlmostEquals(1, NaN));
  refusal(() => assertAlmostEquals(Infinity, -Infinity));
  refusal(() => assertAlmostEquals(1e300, Infinity));
});

test("assertAlmostEquals() allows the tolerance given, itself included", () => {
  assertAlmostEquals(1, 2, 1);
  assertAlmostEquals(1, 1, 0);
  refusal(() => assertAlmostEquals(1, 2, 0.5));
  mentions(refusal(() => assertAlmostEquals(1, 2, undefined, "why")), "why");
});

test("assertIsError() checks class and message and narrows", () => {
  const error: unknown = new TeapotError("short and stout");
  assertIsError(error);
  assertIsError(error, Error);
  assertIsError(error, TeapotError, "stout");
  assertIsError(error, TeapotError, /^short/);
  assertIsError(error, undefined, "short");
  assertIsError(error, TeapotError, "");
  assertStrictEquals(error.code, 418);
  refusal(() => assertIsError("text"));
  refusal(() => assertIsError(undefined, Error));
  refusal(() => assertIsError({ name: "Error", message: "text" }));
  refusal(() => assertIsError(error, TypeError));
  refusal(() => assertIsError(error, Error, "long"));
  refusal(() => assertIsError(error, Error, /long/));
  mentions(refusal(() => assertIsError(1, Error, "", "why")), "why");
  mentions(refusal(() => assertIsError(error, TypeError, "", "why")), "why");
  mentions(refusal(() => assertIsError(error, Error, "long", "why")), "why");
});

test("assertIsError() overlooks colours in the message", () => {
  const error = new Error("\x1b[31mred\x1b[39m text");
  assertIsError(error, Error, "red text");
  assertIsError(error, Error, "red \x1b[1mtext\x1b[22m");
  assertIsError(error, Error, /^red text$/);
});

test("assertThrows() returns whatever was thrown when no class is given", () => {
  const error = new Error("text");
  const thrower = (value: unknown) => (): void => {
    throw value;
  };
  for (const value of [error, "text", 0, null, undefined]) {
    assertStrictEquals(assertThrows(thrower(value)), value);
    assertStrictEquals(assertThrows(thrower(value), "why"), value);
  }
});

test("assertThrows() with a class returns the typed error", () => {
  const error = new TeapotError("short and stout");
  const boil = (): never => {
    throw error;
  };
  const thrown = assertThrows(boil, TeapotError);
  assertStrictEquals(thrown.code, 418);
  assertStrictEquals(thrown, error);
  assertStrictEquals<Error>(assertThrows(boil, Error, "stout"), error);
  assertStrictEquals<Error>(assertThrows(boil, Error, "", "why"), error);
  const abort = new DOMException("gone", "AbortError");
  const leave = (): never => {
    throw abort;
  };
  assertStrictEquals(assertThrows(leave, DOMException, "gone").name, "AbortError");
});

test("assertThrows() fails when nothing or the wrong thing is thrown", () => {
  const calm = (): void => {};
  const boil = (): never => {
    throw new TeapotError("short and stout");
  };
  const shout = (): never => {
    throw "text";
  };
  refusal(() => assertThrows(calm));
  refusal(() => assertThrows(calm, Error));
  refusal(() => assertThrows(() => Promise.reject(new Error("unheard")).catch(calm)));
  refusal(() => assertThrows(boil, TypeError));
  refusal(() => assertThrows(boil, TeapotError, "long"));
  refusal(() => assertThrows(shout, Error));
  mentions(refusal(() => assertThrows(calm, "why")), "why");
  mentions(refusal(() => assertThrows(calm, Error, "text", "why")), "why");
  mentions(refusal(() => assertThrows(boil, TypeError, "", "why")), "why");
  mentions(refusal(() => assertThrows(boil, TeapotError, "long", "why")), "why");
  mentions(refusal(() => assertThrows(shout, Error, "", "why")), "why");
});

test("assertRejects() returns whatever was rejected when no class is given", async () => {
  for (const value of [new Error("text"), "text", 0, null, undefined]) {
    assertStrictEquals(await assertRejects(() => Promise.reject(value)), value);
    assertStrictEquals(await assertRejects(() => Promise.reject(value), "why"), value);
  }
});

test("assertRejects() with a class returns the typed error", async () => {
  const error = new TeapotError("short and stout");
  const boil = (): Promise<never> => Promise.reject(error);
  const thrown = await assertRejects(boil, TeapotError);
  assertStrictEquals(thrown.code, 418);
  assertStrictEquals(thrown, error);
  assertStrictEquals<Error>(await assertRejects(boil, Error, "stout"), error);
  assertStrictEquals<Error>(await assertRejects(boil, Error, "", "why"), error);
});

test("assertRejects() accepts any thenable object", async () => {
  const error = new Error("text");
  const thenable: PromiseLike<never> = {
    then: (_resolve, reject) => Promise.reject(error).then(null, reject),
  };
  assertStrictEquals(await assertRejects(() => thenable), error);
});

test("assertRejects() fails when nothing or the wrong thing is rejected", async () => {
  const calm = (): Promise<void> => Promise.resolve();
  const boil = (): Promise<never> => Promise.reject(new TeapotError("short and stout"));
  const shout = (): Promise<never> => Promise.reject("text");
  await lateRefusal(() => assertRejects(calm));
  await lateRefusal(() => assertRejects(calm, Error));
  await lateRefusal(() => assertRejects(boil, TypeError));
  await lateRefusal(() => assertRejects(boil, TeapotError, "long"));
  await lateRefusal(() => assertRejects(shout, Error));
  mentions(await lateRefusal(() => assertRejects(calm, "why")), "why");
  mentions(await lateRefusal(() => assertRejects(calm, Error, "text", "why")), "why");
  mentions(await lateRefusal(() => assertRejects(boil, TypeError, "", "why")), "why");
  mentions(await lateRefusal(() => assertRejects(boil, TeapotError, "long", "why")), "why");
  mentions(await lateRefusal(() => assertRejects(shout, Error, "", "why")), "why");
});

test("assertRejects() fails, as a rejection, when the function throws or returns no promise", async () => {
  const thrower = (): Promise<never> => {
    throw new TypeError("text");
  };
  const sync = (() => 1) as unknown as () => Promise<never>;
  await lateRefusal(() => assertRejects(thrower));
  await lateRefusal(() => assertRejects(thrower, TypeError, "text"));
  await lateRefusal(() => assertRejects(sync));
  mentions(await lateRefusal(() => assertRejects(thrower, "why")), "why");
  mentions(await lateRefusal(() => assertRejects(thrower, TypeError, "", "why")), "why");
  mentions(await lateRefusal(() => assertRejects(sync, "why")), "why");
});
