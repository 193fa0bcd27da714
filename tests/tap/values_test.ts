import { assertEquals, assertFalse, assertMatch } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { countsIn, countsOf, linesOf, NO_STATS } from "./_sessions.ts";
import { UNTOUCHABLE } from "./_untouchable.ts";

const CYCLE: { self?: unknown } = {};
CYCLE.self = CYCLE;

/** Values that cannot be written. */
const UNWRITABLE: readonly unknown[] = [
  1n,
  { id: 1n },
  CYCLE,
  { toJSON: () => 1n },
  {
    toJSON() {
      throw new Error("no JSON");
    },
  },
  {
    get field(): never {
      throw new Error("no field");
    },
  },
  () => {
    throw new Error("no event");
  },
  () => {
    throw undefined;
  },
  class NeedsNew {},
];

test("Tap.offer() never throws, and counts what cannot be written as dropped", async () => {
  for (const backlog of [0, 4]) {
    for (const stage of ["raw", "decoded"] as const) {
      using tap = new Tap({ backlog });
      for (const value of UNWRITABLE) tap.offer(stage, value);
      const kept = backlog > 0 ? UNWRITABLE.length : 0;
      assertEquals(countsIn(tap.stats()), { ...NO_STATS, unwritable: kept });

      const session = tap.open({ stage })!;
      for (const value of UNWRITABLE) tap.offer(stage, value);
      const dropped = UNWRITABLE.length;
      assertEquals(countsOf(session), { captured: 0, dropped, size: 0 });
      // Nobody misses what nobody could have had.
      assertEquals(session.missed, 0);
      const unwritable = kept + UNWRITABLE.length;
      assertEquals(countsIn(tap.stats()), {
        ...NO_STATS,
        active: 1,
        opened: 1,
        dropped,
        unwritable,
      });
      tap.offer(stage, "still here");
      assertMatch((await linesOf(session))[0]!, /^"?still here"?$/);
    }
  }
});

test("Tap.offer() does not take a promise for an event, and lets none fail unseen", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded" })!;
  tap.offer("decoded", Promise.resolve(1));
  tap.offer("decoded", () => Promise.reject(new Error("no event")));
  await settle();
  assertEquals(countsOf(session), { captured: 0, dropped: 2, size: 0 });
  assertEquals(tap.stats().unwritable, 2);
});

test("Tap.offer() captures a value as it was, whatever happens to it afterwards", async () => {
  using tap = new Tap({ backlog: 1 });
  const session = tap.open({ stage: "decoded" })!;
  const value = { list: [1], nested: { name: "before" } };
  tap.offer("decoded", value);
  tap.offer("decoded", () => value);
  value.list.push(2);
  value.nested.name = "after";
  const before = '{"list":[1],"nested":{"name":"before"}}';
  assertEquals(await linesOf(session), [before, before]);
  assertEquals(await linesOf(tap.open({ stage: "decoded" })!), [before]);
});

test("Tap.offer() writes one visible line, whatever the value is", async () => {
  const cases: readonly (readonly [unknown, string, string])[] = [
    // value, at a stage of text, at a stage of JSON
    ["plain text", "plain text", '"plain text"'],
    ["  kept  \t", "  kept  \t", '"  kept  \\t"'],
    ['{"a":1}', '{"a":1}', '"{\\"a\\":1}"'],
    ["two\nlines", '"two\\nlines"', '"two\\nlines"'],
    ["bare\rreturn", '"bare\\rreturn"', '"bare\\rreturn"'],
    ["ends\n", '"ends\\n"', '"ends\\n"'],
    ["", '""', '""'],
    [" \t", '" \\t"', '" \\t"'],
    ["\u2028", '"\u2028"', '"\u2028"'],
    [{ a: "x\ny" }, '{"a":"x\\ny"}', '{"a":"x\\ny"}'],
    [[1, undefined], "[1,null]", "[1,null]"],
    [0, "0", "0"],
    [NaN, "null", "null"],
    [null, "null", "null"],
    [undefined, "null", "null"],
    [Symbol("s"), "null", "null"],
    [new Date(0), '"1970-01-01T00:00:00.000Z"', '"1970-01-01T00:00:00.000Z"'],
    [() => "made", "made", '"made"'],
    [() => "made\r\n", '"made\\r\\n"', '"made\\r\\n"'],
    [() => () => 1, "null", "null"],
  ];
  for (const [value, text, json] of cases) {
    using tap = new Tap();
    const sessions = [tap.open({ stage: "raw" })!, tap.open({ stage: "decoded" })!];
    tap.offer("raw", value);
    tap.offer("decoded", value);
    assertEquals(await Promise.all(sessions.map(linesOf)), [[text], [json]]);
    for (const line of [text, json]) assertFalse(/[\n\r]/.test(line));
  }
});

class Point {
  x = 1;
  #secret = 2;
  static kind = "point";
  get y(): number {
    return this.#secret;
  }
}

class Celsius {
  degrees = 21;
  toJSON(): unknown {
    return { celsius: this.degrees };
  }
}

test("Filters and lines see a value as JSON has it", async () => {
  // The value, its line, an expression that holds for it, and one that would if it were seen as it is.
  const cases: readonly (readonly [unknown, string, string, string])[] = [
    [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}', "at startswith 1970", "at.getTime"],
    [{ t: new Celsius() }, '{"t":{"celsius":21}}', "t.celsius == 21", "t.degrees == 21"],
    [new Celsius(), '{"celsius":21}', "celsius == 21", "degrees == 21"],
    [{ n: NaN, m: -Infinity }, '{"n":null,"m":null}', "n == null and m == null", "n != null"],
    [{ a: undefined, b: 1 }, '{"b":1}', "b == 1 and not exists a", "exists a"],
    [{ f: () => 1, s: Symbol("s") }, "{}", "not exists f and not exists s", "exists f"],
    [[undefined, () => 1, 5], "[null,null,5]", '["2"] == 5', "exists [3]"],
    [new Point(), '{"x":1}', "x == 1 and not exists y", "exists y or exists kind"],
    [Object.create({ inherited: 1 }), "{}", "not exists inherited", "exists inherited"],
    [Object.assign(Object.create(null), { x: 1 }), '{"x":1}', "x == 1", "exists toString"],
    [new Map([["a", 1]]), "{}", "not exists a", "exists size"],
    [{ e: new Error("boom") }, '{"e":{}}', "exists e", "exists e.message"],
    [{ list: [{ v: 1 }, { v: 2 }] }, '{"list":[{"v":1},{"v":2}]}', "list.v == 2", "list.length"],
    [{ "a.b": { "": 0 } }, '{"a.b":{"":0}}', '["a.b"][""] == 0', "exists a.b"],
    [new Uint8Array([7]), '{"0":7}', '["0"] == 7', "exists length"],
    [{ __proto__: null, x: -0 }, '{"x":0}', "x == 0", "x < 0"],
  ];
  for (const [value, line, holds, fails] of cases) {
    using tap = new Tap();
    const wanted = tap.open({ stage: "decoded", where: holds })!;
    const unwanted = tap.open({ stage: "decoded", where: fails })!;
    tap.offer("decoded", value);
    assertEquals(await linesOf(wanted), [line], holds);
    assertEquals(unwanted.stats().matched, 0, fails);
    // The same of a backlog, where it is there only as it was written.
    using later = new Tap({ backlog: 1 });
    later.offer("decoded", () => value);
    assertEquals(await linesOf(later.open({ stage: "decoded", where: holds })!), [line], holds);
    assertEquals(later.open({ stage: "decoded", where: fails })!.captured, 0, fails);
  }
});

test("Tap.offer() survives filters and keys that meet values which cannot be read", () => {
  const options = [
    { where: "a.b == 1" },
    { where: "not a.b == 1" },
    { sample: 0.5, key: "a.b" },
    { countBy: "a.b" },
    { reservoir: 2 },
    { where: '$ contains "x"' },
    { fields: ["a.b"] },
    { redact: ["a.b"] },
  ];
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const values = [...UNWRITABLE, UNTOUCHABLE, { a: UNTOUCHABLE }, { a: revoked.proxy }, {
    a: { b: 1n },
  }];
  for (const option of options) {
    using tap = new Tap();
    const session = tap.open({ stage: "decoded", ...option })!;
    for (const value of values) tap.offer("decoded", value);
    const { seen, matched, sampledOut, dropped, counted, captured, held } = session.stats();
    assertEquals(seen, values.length);
    assertEquals(matched, sampledOut + dropped + (option.countBy ? counted : captured) + held);
    assertEquals(option.countBy ? 0 : captured, 0, JSON.stringify(option));
  }
});

test("Tap.offer() does not throw what a condition made elsewhere throws", () => {
  using tap = new Tap();
  const matches = (): never => {
    throw new Error("no answer");
  };
  const session = tap.open({
    stage: "raw",
    where: { text: "", paths: [], readsText: false, matches },
  })!;
  tap.offer("raw", "x");
  assertEquals([session.stats().seen, session.captured], [1, 0]);
});

test("A condition that reads the text of an event reads the paths of others", async () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", where: '$ contains "x" or status == 500' })!;
  tap.offer("decoded", "text");
  tap.offer("decoded", "no");
  tap.offer("decoded", { status: 500 });
  tap.offer("decoded", { status: 200, body: "x" });
  assertEquals(await linesOf(session), ['"text"', '{"status":500}']);
});

test("What is told with an event stands beside it, as a line of its own", async () => {
  using tap = new Tap({ backlog: 9 });
  const session = tap.open({ stage: "decoded" })!;
  const meta: Record<string, unknown> = { trace: "t1", at: new Date(0), skip: undefined };
  tap.offer("decoded", 1, meta);
  meta["trace"] = "later";
  tap.offer("decoded", 2);
  tap.offer("decoded", 3, { bad: 1n });
  const metas = ['{"trace":"t1","at":"1970-01-01T00:00:00.000Z"}', undefined];
  assertEquals((await session.receiveBatch(9)).map((event) => event.meta), metas);
  assertEquals([session.dropped, tap.stats().unwritable], [1, 1]);
  const late = tap.open({ stage: "decoded" })!;
  assertEquals((await late.receiveBatch(9)).map((event) => event.meta), metas);
});
