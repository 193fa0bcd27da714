import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Bus, BusClosedError, lateBind, subject } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";

type ErrorClass = new (message: string) => Error;

/** Options that TypeScript would not let through. */
type Wrong = Record<string, unknown>;

/** How every refusal reads: what could not be done, what is required, and what came instead. */
const REFUSAL = /^Cannot .+: .+, received .+/s;

function assertRefused(what: string, refused: () => unknown, Class: ErrorClass): void {
  const error = assertThrows(refused, Class, undefined, what);
  assertMatch(error.message, REFUSAL, what);
}

class Made {
  readonly type = "order";
}

const cyclic: Wrong = {};
cyclic.self = cyclic;
const nested = (depth: number): Wrong => depth === 1 ? { a: 1 } : { a: nested(depth - 1) };

/** Matches that are no matches. */
const MATCHES: [string, unknown, ErrorClass][] = [
  ["no object: null", null, TypeError],
  ["no object: a text", "order", TypeError],
  ["no object: a number", 7, TypeError],
  ["no object: a function", () => true, TypeError],
  ["a list", [{ type: "order" }], TypeError],
  ["a class instance", new Made(), TypeError],
  ["a map", new Map([["type", "order"]]), TypeError],
  ["a pattern", subject("a.*"), TypeError],
  ["a field of undefined", { type: undefined }, TypeError],
  ["a field of a function", { type: () => true }, TypeError],
  ["a field of a class instance", { type: new Made() }, TypeError],
  ["a field of a date", { at: new Date(0) }, TypeError],
  ["a field of an expression", { type: /order/ }, TypeError],
  ["a field of a set", { type: new Set(["order"]) }, TypeError],
  ["a list with undefined", { type: ["order", undefined] }, TypeError],
  ["a list with an object", { type: ["order", { a: 1 }] }, TypeError],
  ["a list with a list", { type: [["order"]] }, TypeError],
  ["a list with a hole", { type: Array(1) }, TypeError],
  ["an empty list", { type: [] }, RangeError],
  ["an empty object within", { data: {} }, RangeError],
  ["an empty object deep within", { data: { more: {} } }, RangeError],
  ["undefined deep within", { data: { more: undefined } }, TypeError],
  ["one that holds itself", cyclic, RangeError],
  ["one that is too deep", nested(100), RangeError],
];

for (const [what, match, Class] of MATCHES) {
  test(`a match is refused by all who take one, and nothing is half subscribed: ${what}`, async () => {
    const bus = new Bus<never>();
    const before = bus.stats();
    const never = match as never;
    assertRefused("subscribe", () => bus.subscribe({ match: never }), Class);
    assertRefused("on", () => bus.on(never, () => {}), Class);
    assertRefused("once", () => bus.once(never, () => {}), Class);
    const reason = await reasonOf(bus.next(never));
    assert(reason instanceof Class);
    assertMatch(reason.message, REFUSAL);
    assertEquals(bus.stats(), before);
    assertEquals(bus.publish({ type: "order" } as never), 0);
  });
}

test("a match of thirty-two objects within each other is not too deep", () => {
  const bus = new Bus();
  bus.subscribe({ match: nested(32) as never });
  assertEquals(bus.publish(nested(32)), 1);
});

test("a refusal of a match names the field", () => {
  const bus = new Bus();
  const match = { data: { kind: ["a", undefined] } } as never;
  assertThrows(() => bus.subscribe({ match }), TypeError, "match.data.kind");
});

/** Options of a subscription that are none. */
const OPTIONS: [string, unknown, ErrorClass][] = [
  ...[0, -1, 1.5, NaN, Infinity, "2", null, 2n, {}].map((value): [string, unknown, ErrorClass] => [
    "capacity",
    value,
    RangeError,
  ]),
  ["overflow", "block", TypeError],
  ["overflow", "fail", TypeError],
  ["overflow", "", TypeError],
  ["overflow", null, TypeError],
  ["overflow", "toString", TypeError],
  ["where", "yes", TypeError],
  ["where", null, TypeError],
  ["where", {}, TypeError],
  ["onLag", true, TypeError],
  ["onLag", null, TypeError],
  ["name", 7, TypeError],
  ["name", null, TypeError],
  ["name", Symbol("chart"), TypeError],
  ["replay", -1, RangeError],
  ["replay", 1.5, RangeError],
  ["replay", NaN, RangeError],
  ["replay", -Infinity, RangeError],
  ["replay", "1", RangeError],
  ["replay", true, RangeError],
  ["after", 7, TypeError],
  ["after", {}, TypeError],
  ["after", true, TypeError],
];

for (const [name, value, Class] of OPTIONS) {
  test(`subscribe() refuses ${name}: ${String(value)} (${typeof value})`, () => {
    const bus = new Bus<never>({ history: 3 });
    const before = bus.stats();
    const error = assertThrows(() => bus.subscribe({ [name]: value } as Wrong), Class, name);
    assertMatch(error.message, REFUSAL);
    assertMatch(error.message, /^Cannot subscribe to Bus: /);
    assertEquals(bus.stats(), before);
    assertEquals(bus.publish(1 as never), 0);
  });
}

test("subscribe() refuses bounds in bytes that are none, and one without the other", () => {
  const size = (): number => 1;
  const wrong: [Wrong, ErrorClass][] = [
    [{ maxBytes: 0, sizeOf: size }, RangeError],
    [{ maxBytes: -1, sizeOf: size }, RangeError],
    [{ maxBytes: NaN, sizeOf: size }, RangeError],
    [{ maxBytes: 9 }, TypeError],
    [{ sizeOf: size }, TypeError],
    [{ maxBytes: 9, sizeOf: "length" }, TypeError],
    [{ maxBytes: 9, sizeOf: null }, TypeError],
  ];
  const bus = new Bus<never>();
  const before = bus.stats();
  for (const [at, [options, Class]] of wrong.entries()) {
    const error = assertThrows(() => bus.subscribe(options), Class, undefined, `case ${at}`);
    assertMatch(error.message, REFUSAL);
    // Who reads it has never made a channel.
    assertMatch(error.message, /^Cannot subscribe to Bus: /);
  }
  assertEquals(bus.stats(), before);
});

test("on(), once() and next() refuse handlers, predicates and names that are none", async () => {
  const bus = new Bus<never>();
  const before = bus.stats();
  for (const handler of [undefined, null, "handler", {}, 7]) {
    assertRefused("on", () => bus.on({} as never, handler as never), TypeError);
    assertRefused("once", () => bus.once({} as never, handler as never), TypeError);
  }
  for (const options of [{ where: null }, { where: 1 }, { name: 1 }, { name: null }] as Wrong[]) {
    assertRefused("on", () => bus.on({} as never, () => {}, options as never), TypeError);
    assertRefused("once", () => bus.once({} as never, () => {}, options as never), TypeError);
  }
  assert(await reasonOf(bus.next({} as never, { where: 1 as never })) instanceof TypeError);
  assertEquals(bus.stats(), before);
});

test("receiveBatch() refuses a max that is none, and takes nothing", async () => {
  const bus = new Bus<number>({ history: 3 });
  bus.publish(1);
  const queue = bus.subscribe({ replay: 1 });
  bus.publish(2);
  for (const max of [0, -1, 1.5, NaN, "2", undefined, null]) {
    const reason = await reasonOf(queue.receiveBatch(max as never));
    assert(reason instanceof RangeError);
    assertMatch(reason.message, REFUSAL);
  }
  assertEquals([queue.size, queue.delivered], [2, 0]);
});

test("a field that events do not have is refused by a bus that knows their fields", () => {
  const bus = new Bus<{ type: string; data?: unknown }>({ fields: ["type", "data"] });
  const before = bus.stats();
  for (const match of [{ typ: "order" }, { type: "order", id: 1 }, { "": 1 }, { toString: "x" }]) {
    const refused = (): unknown => bus.subscribe({ match: match as never });
    const error = assertThrows(refused, TypeError, "type, data");
    assertMatch(error.message, REFUSAL);
  }
  assertEquals(bus.stats(), before);
  bus.subscribe({ match: { type: "order", data: { any: "field" } } });
  // Without the list nobody knows, and it matches nothing.
  const free = new Bus<{ type: string }>();
  free.subscribe({ match: { typ: "order" } as never });
  assertEquals(free.publish({ type: "order" }), 0);
});

test("subject() refuses patterns that are malformed", () => {
  const wrong = ["", ".", "a.", ".a", "a..b", ">.a", "a.>.b", ">.>", "a.>.*"];
  for (const pattern of wrong) assertRefused(pattern, () => subject(pattern), TypeError);
  for (const pattern of [undefined, null, 7, {}, ["a"], Symbol("a")]) {
    assertRefused(String(pattern), () => subject(pattern as never), TypeError);
  }
  for (const pattern of ["a", "*", ">", "a.*", "*.*.>", "a*", ">a", "a>.b"]) subject(pattern);
});

/** Options of a bus that are none. */
const BUSES: [string, unknown, ErrorClass][] = [
  ...[0, -1, 1.5, NaN, Infinity, "3", null].map((value): [string, unknown, ErrorClass] => [
    "maxNested",
    value,
    RangeError,
  ]),
  ...[0, -1, 1.5, NaN, Infinity, "3", null, true].map((value): [string, unknown, ErrorClass] => [
    "history",
    value,
    RangeError,
  ]),
  ["history", {}, TypeError],
  ["history", { add: () => 1 }, TypeError],
  ["history", { read: () => ({ records: [], missed: 0 }) }, TypeError],
  ["history", { add: 1, read: 2 }, TypeError],
  ["history", [], TypeError],
  ["bind", null, TypeError],
  ["bind", {}, TypeError],
  ["bind", { apply: "x" }, TypeError],
  ["bind", 7, TypeError],
  // Every function has an apply(), which does something else.
  ["bind", (event: unknown) => event, TypeError],
  ["fields", "type", TypeError],
  ["fields", null, TypeError],
  ["fields", {}, TypeError],
  ["onError", null, TypeError],
  ["onError", "log", TypeError],
];

for (const [at, [name, value, Class]] of BUSES.entries()) {
  test(`new Bus() refuses ${name}: ${typeof value} (${at})`, () => {
    const error = assertThrows(() => new Bus({ [name]: value } as Wrong), Class, name);
    assertMatch(error.message, REFUSAL);
    assertMatch(error.message, /^Cannot create Bus: /);
  });
}

test("lateBind() refuses a capacity that is none, and functions that are none", () => {
  const right = { capacity: 1, teach: () => undefined, lacks: () => undefined, fill: () => 1 };
  lateBind(right);
  for (const capacity of [0, -1, 1.5, NaN, Infinity, "1", undefined, null]) {
    assertRefused(
      "capacity",
      () => lateBind({ ...right, capacity: capacity as never }),
      RangeError,
    );
  }
  for (const name of ["teach", "lacks", "fill"]) {
    for (const value of [undefined, null, "x", {}]) {
      assertRefused(name, () => lateBind({ ...right, [name]: value }), TypeError);
    }
  }
});

test("a closed bus refuses everything, by one error that says so", async () => {
  const bus = new Bus<number>();
  bus.subscribe();
  bus.close("why");
  const before = bus.stats();
  const attempts: [string, () => unknown][] = [
    ["Cannot publish to Bus: bus is closed", () => bus.publish(1)],
    ["Cannot publish to Bus: bus is closed", () => bus.publish(1, { origin: bus })],
    ["Cannot publish to Bus: bus is closed", () => bus.send(1)],
    ["Cannot subscribe to Bus: bus is closed", () => bus.subscribe()],
    ["Cannot subscribe to Bus: bus is closed", () => bus.on({}, () => {})],
    ["Cannot subscribe to Bus: bus is closed", () => bus.once({}, () => {})],
    ["Cannot subscribe to Bus: bus is closed", () => bus.next({})],
  ];
  for (const [message, attempt] of attempts) {
    const error = await reasonOf((async () => await attempt())());
    assert(error instanceof BusClosedError);
    assertEquals([error.name, error.message], ["BusClosedError", message]);
  }
  assertEquals(bus.stats(), before);
  assertEquals(bus.unsubscribe(1), false);
});

test("unsubscribe() of what is no number of anybody does nothing", () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe();
  for (const id of [0, -1, queue.id + 1, NaN, 1.5, "1", undefined, null, {}]) {
    assertEquals(bus.unsubscribe(id as number), false);
  }
  assertEquals(bus.publish(1), 1);
});
