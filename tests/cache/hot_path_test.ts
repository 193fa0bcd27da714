import { assertEquals } from "@std/assert";
import { type Fields, type Span, SpanCache, type SpanOptions } from "../../cache/mod.ts";
import { test } from "../_harness.ts";

const thrower = (): never => {
  throw new Error("a getter of a user");
};

/** Fields that TypeScript would not let through. */
function odd(fields: unknown): Fields {
  return fields as Fields;
}

const NO_FIELD = [{}, [], () => 1, Symbol("a"), new Date(0), new Map(), new Error("a")];

test("values of other types are left out and counted, wherever they come", () => {
  const cache = new SpanCache();
  const fields = odd({ ...NO_FIELD, kept: 1, none: undefined, empty: null });
  const span = cache.start("a", fields).set(fields).event("e", fields);
  for (const value of NO_FIELD) span.set("one", value as never);
  span.end();
  cache.record({ name: "b", startMs: 1, durationMs: 1, fields });
  const records = cache.page();
  assertEquals(records.map((record) => record.fields), [{ kept: 1 }, { kept: 1 }]);
  assertEquals(records[0]!.events.map((event) => event.fields), [{ kept: 1 }]);
  assertEquals(cache.stats().droppedFields, { type: 7 * 5, count: 0, keys: 0, room: 0 });
});

test("a value of another type leaves the field as it was", () => {
  const cache = new SpanCache();
  cache.start("a", { user: 7 }).set("user", {} as never).set("user", undefined).set("user", null)
    .end();
  assertEquals(cache.page()[0]!.fields, { user: 7 });
  assertEquals(cache.stats().droppedFields.type, 1);
});

test("values of other types take no place from fields", () => {
  const cache = new SpanCache({ maxFields: 2 });
  const fields = odd({ a: {}, b: 1, c: 2 });
  cache.start("a", fields).end();
  cache.start("a").set(fields).end();
  assertEquals(cache.page().map((span) => span.fields), [{ b: 1, c: 2 }, { b: 1, c: 2 }]);
});

test("a getter that throws is counted, and costs no other field", () => {
  const cache = new SpanCache();
  const fields = (): Fields => ({
    before: 1,
    get broken() {
      return thrower();
    },
    behind: 2,
  });
  cache.start("a", fields()).end();
  cache.start("a").set(fields()).event("e", fields()).end();
  const [first, second] = cache.page();
  assertEquals([first!.fields, second!.fields, second!.events[0]!.fields], [
    { before: 1, behind: 2 },
    { before: 1, behind: 2 },
    { before: 1, behind: 2 },
  ]);
  assertEquals(cache.stats().droppedFields.type, 3);
});

test("fields that cannot be looked at at all are counted, and nothing is thrown", () => {
  const cache = new SpanCache();
  const proxy = odd(new Proxy({ a: 1 }, { ownKeys: thrower, get: thrower }));
  cache.start("a", proxy).set(proxy).event("e", proxy).end();
  assertEquals([cache.page()[0]!.fields, cache.page()[0]!.events.length], [{}, 1]);
  assertEquals(cache.stats().droppedFields.type, 3);
});

test("what is no object has no fields, and symbols are no names", () => {
  const cache = new SpanCache();
  for (const fields of [null, 7, true, 7n, Symbol("a"), () => 1]) {
    cache.start("a", odd(fields)).set(odd(fields)).event("e", odd(fields)).end();
  }
  cache.start("a", odd({ [Symbol("hidden")]: 1, seen: 1 })).end();
  const fields = cache.page().map((span) => span.fields);
  assertEquals(fields, [{}, {}, {}, {}, {}, {}, { seen: 1 }]);
});

test("names that objects have of themselves are fields like others", () => {
  const cache = new SpanCache();
  const fields = JSON.parse('{"__proto__":1,"constructor":2,"toString":"3","hasOwnProperty":4}');
  cache.start("a", fields).set("valueOf", 5).event("__proto__", fields).end();
  const [record] = cache.page();
  assertEquals(Object.entries(record!.fields), [...Object.entries(fields), ["valueOf", 5]]);
  assertEquals(Object.getPrototypeOf(record!.fields), Object.prototype);
  assertEquals(record!.events[0]!.name, "__proto__");
  assertEquals(cache.find({ fields: JSON.parse('{"__proto__":1}') }).length, 1);
  assertEquals(cache.aggregate({ by: "__proto__" }).map(({ group }) => group), ["1"]);
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
});

test("a name of a field that is no text is counted as what it is, and nothing is thrown", () => {
  const cache = new SpanCache();
  const span = cache.start("a");
  const keys = [5, Symbol("s"), undefined, true, 7n, () => 1];
  for (const key of keys) span.set(key as never, 1);
  span.end();
  // A number may be taken for its text, as it is in an object; nothing else is a name.
  assertEquals(Object.keys(cache.page()[0]!.fields).filter((key) => key !== "5"), []);
  assertEquals(cache.stats().droppedFields.type >= keys.length - 1, true);
});

test("a name of a span or event that is no text says what it was", () => {
  const cache = new SpanCache();
  for (const name of [5, null, undefined, Symbol("a"), {}, thrower]) {
    cache.start(name as never).event(name as never).rename(name as never).end();
  }
  const names = ["number", "object", "undefined", "symbol", "object", "function"]
    .map((type) => `(${type})`);
  assertEquals(cache.page().map((span) => span.name), names);
  assertEquals(cache.page().map((span) => span.events[0]!.name), names);
});

/** Options of spans that are none. */
const ODD_OPTIONS: Record<string, () => unknown> = {
  "null": () => null,
  "a number": () => 7,
  "a level that is none": () => ({ level: "loud" }),
  "a kind that is none": () => ({ kind: 9 }),
  "a parent that is a number": () => ({ parent: 7 }),
  "a parent that is an empty object": () => ({ parent: {} }),
  "a parent with ids that are none": () => ({
    parent: { traceId: "4bf9", spanId: "00", sampled: true },
  }),
  "a parent whose ids are zeros": () => ({
    parent: { traceId: "0".repeat(32), spanId: "0".repeat(16), sampled: true },
  }),
  "a parent with a getter that throws": () => ({
    parent: {
      get traceId() {
        return thrower();
      },
    },
  }),
  "a getter that throws": () => ({
    get level() {
      return thrower();
    },
  }),
  "links that are a number": () => ({ links: 7 }),
  "links that are none": () => ({ links: [null, undefined, 7, {}, { traceId: 1, spanId: 2 }] }),
};

for (const [what, make] of Object.entries(ODD_OPTIONS)) {
  test(`a span starts whatever its options are: ${what}`, () => {
    const cache = new SpanCache();
    const start = () => cache.start("a", { x: 1 }, make() as SpanOptions);
    const outcome = cache.span("around", () => start().end());
    assertEquals(outcome, undefined);
    const { open, opened } = cache.stats();
    assertEquals([open, opened], [0, 2]);
    assertEquals(cache.page().map(({ links }) => links), [undefined, undefined]);
  });
}

test("an event and a link take whatever they are given", () => {
  const cache = new SpanCache();
  const span = cache.start("a");
  span.event("e", {}, null as never).event("e", {}, 7 as never);
  span.event("e", {}, {
    get level() {
      return thrower();
    },
  });
  for (const link of [null, undefined, 7, "a", {}, { traceId: 1 }, [], thrower]) {
    span.link(link as never);
  }
  span.link({
    get traceId() {
      return thrower();
    },
    spanId: "a",
  });
  span.end();
  assertEquals([cache.page()[0]!.links, cache.page()[0]!.events.length], [undefined, 3]);
});

test("whatever is thrown says why a span failed, and nothing more is thrown", () => {
  const cache = new SpanCache();
  const broken = new Error("x");
  for (const key of ["name", "message", "stack"]) {
    Object.defineProperty(broken, key, { get: thrower });
  }
  const tagged = {
    get [Symbol.toStringTag]() {
      return thrower();
    },
  };
  const odd = new Error("y");
  Object.assign(odd, { stack: 7, message: { toString: thrower }, name: Symbol("n") });
  const thrown = [null, 7, 7n, Symbol("s"), {}, "text", thrower, Object.create(null)];
  for (const error of [...thrown, broken, tagged, odd, new Proxy({}, { get: thrower })]) {
    cache.start("a").fail(error).end();
  }
  const spans = cache.page();
  assertEquals(spans.map(({ status }) => status), spans.map(() => "error"));
  assertEquals(spans.map(({ message }) => typeof message), spans.map(() => "string"));
});

/** What a user may do where the cache asks the user, by what is left when all is over. */
function reentrant(cache: SpanCache, doWhat: () => void): Fields {
  let isFirst = true;
  return {
    before: 1,
    get during() {
      if (isFirst) {
        isFirst = false;
        doWhat();
      }
      return 2;
    },
    behind: "a text that is longer than one cell can hold",
    get size() {
      return cache.size;
    },
  };
}

/** Expects that all counts agree, and that nothing is left once all is ended and cleared. */
function assertSound(cache: SpanCache, capacity: number): void {
  const { closed, recorded, held, evicted, cleared, opened, open } = cache.stats();
  assertEquals([closed + recorded, opened], [held + evicted + cleared, open + closed]);
  assertEquals([held <= capacity, cache.page({ limit: Infinity }).length], [true, held]);
  assertEquals(cache.aggregate().every((row) => row.open >= 0 && row.count >= 0), true);
  assertEquals(cache.aggregate().reduce((sum, row) => sum + row.count, 0), held);
  cache.abandon();
  cache.clear();
  assertEquals([cache.stats().bytes, cache.aggregate()], [0, []]);
}

const TINY = { capacity: 2, maxOpen: 4, maxBytes: 4_096 };

for (const what of ["start", "set", "event", "record", "addEvent"] as const) {
  test(`a getter of fields that uses the cache harms nothing: ${what}()`, () => {
    const cache = new SpanCache(TINY);
    const others: Span[] = [];
    const doings: ((span: Span | undefined) => void)[] = [
      () => void cache.clear(),
      () => void cache.abandon(),
      (span) => span?.set("inner", 1).event("inner", { x: 1 }),
      (span) => span?.end(),
      (span) => {
        span?.end();
        cache.abandon();
        cache.clear();
        others.push(cache.start("other", { own: "mine" }));
      },
      () => {
        for (let i = 0; i < 5; i++) cache.start("more", { text: "m".repeat(200) }).end();
      },
      () => {
        for (let i = 0; i < 3; i++) {
          cache.record({ name: "more", startMs: 1, durationMs: 1, fields: { text: "m" } });
        }
      },
      () => void cache.open(),
    ];
    for (const doing of doings) {
      const span = what === "start" || what === "record" ? undefined : cache.start("a", { x: 1 });
      const fields = reentrant(cache, () => doing(span));
      if (what === "start") cache.start("a", fields).set("later", 1).end();
      if (what === "set") span!.set(fields).end();
      if (what === "event") span!.event("e", fields).end();
      if (what === "record") cache.record({ name: "r", startMs: 1, durationMs: 1, fields });
      if (what === "addEvent") cache.addEvent(span!.id, { name: "e", timeMs: 1, fields });
      span?.end();
    }
    for (const other of others) other.end();
    const mine = cache.page({ limit: Infinity }).filter(({ name }) => name === "other");
    assertEquals(mine.map((span) => span.fields), mine.map(() => ({ own: "mine" })));
    assertEquals(mine.map((span) => span.status), mine.map(() => "unset"));
    assertSound(cache, TINY.capacity);
  });
}

test("a span that is being recorded does not run yet: it is not listed, nor given up", () => {
  const cache = new SpanCache(TINY);
  const first = cache.start("first");
  const second = cache.start("second");
  // The record gets the place of the first one, before that of the second one.
  first.end();
  cache.clear();
  const seen: string[][] = [];
  cache.record({
    name: "record",
    startMs: 1,
    durationMs: 1,
    fields: {
      get during() {
        seen.push(cache.open().map(({ name }) => name));
        return cache.abandon();
      },
    },
  });
  assertEquals([seen, second.recording], [[["second"]], false]);
  assertEquals(cache.page().map(({ name }) => name), ["second", "record"]);
  assertSound(cache, TINY.capacity);
});

test("spans that are recorded while one is recorded keep to the capacity, and all places may be taken", () => {
  const cache = new SpanCache({ ...TINY, capacity: 1, maxOpen: 1 });
  cache.start("runs");
  const record = (depth: number): void => {
    const fields = {
      get within() {
        if (depth > 0) record(depth - 1);
        return depth;
      },
    };
    cache.record({ name: "r", startMs: 1, durationMs: 1, fields });
  };
  record(3);
  assertEquals([cache.size, cache.stats().open], [1, 1]);
  assertSound(cache, 1);
});

test("fields that are set while fields are set are all there", () => {
  const cache = new SpanCache();
  const span = cache.start("a");
  span.set({
    get a() {
      span.set("b", 2);
      return 1;
    },
    c: 3,
  });
  span.end();
  assertEquals(cache.page()[0]!.fields, { a: 1, b: 2, c: 3 });
  assertSound(cache, cache.capacity);
});

test("a cache that is closed from within goes on reading", () => {
  const cache = new SpanCache();
  const span = cache.start("a", {
    get closes() {
      cache.close();
      return true;
    },
  });
  span.set("late", 1).end();
  assertEquals(cache.page()[0]!.fields, { closes: true, late: 1 });
  assertEquals([cache.start("b").recording, cache.closed], [false, true]);
});

test("a span that succeeds after all has no message of a failure", () => {
  const cache = new SpanCache();
  cache.start("a", { attempt: 1 }).fail("no route").set("attempt", 2).succeed().end();
  cache.start("b").fail("no route").succeed().fail("no answer").end();
  assertEquals(cache.page().map(({ status, message, fields }) => [status, message, fields]), [
    ["ok", undefined, { attempt: 2 }],
    ["error", "no answer", {}],
  ]);
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
});

test("what is no link is counted, and a span that is not recorded is none", () => {
  const cache = new SpanCache({ level: "info" });
  const span = cache.start("a");
  for (const junk of [null, 7, {}, { traceId: "x", spanId: "y" }] as never[]) span.link(junk);
  cache.chance = 0;
  span.link(cache.start("left out", {}, { parent: null }));
  span.end();
  assertEquals([cache.page()[0]!.links, cache.stats().droppedFields.type], [undefined, 4]);
});
