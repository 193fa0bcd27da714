import { assert, assertEquals, assertThrows } from "@std/assert";
import { Bus, subject, type SubjectPattern, type UnknownMatch } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import {
  matches,
  randomFields,
  randomMatch,
  randomPattern,
  randomSubject,
  subjectMatches,
  SYMBOL,
} from "./_matching.ts";

/** Which of the events a match lets through: to a queue and to a handler, alone and among others. */
function matching(match: UnknownMatch, events: readonly unknown[]): unknown[] {
  const bus = new Bus<unknown>();
  const queue = bus.subscribe({ match, capacity: events.length + 1 });
  const handled: unknown[] = [];
  bus.on(match, (event) => handled.push(event));
  const counts = events.map((event) => bus.publish(event));
  const queued: unknown[] = [];
  for (let got; (got = queue.tryReceive()).state === "ok";) queued.push(got.value);
  assertEquals(handled.length, queued.length);
  assert(handled.every((event, i) => Object.is(event, queued[i])));
  assert(counts.every((count) => count === 0 || count === 2), `${counts}`);
  return queued;
}

/** The values of a field that a match of it lets through. */
function valuesFor(asked: UnknownMatch[string], values: readonly unknown[]): unknown[] {
  const events = values.map((field) => ({ field }));
  return matching({ field: asked }, events).map((event) => (event as { field: unknown }).field);
}

const ODD_VALUES = [
  ...["", "a", "0", "1", "null", "undefined", "NaN", "true", "a.b", "*", ">"],
  ...[0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 53],
  ...[0n, 1n, -1n, 2n ** 64n],
  ...[true, false, null, undefined],
  ...[Symbol("a"), Symbol.for("a"), Symbol.iterator],
  ...[{}, [], () => {}, new String("a"), new Number(1), new Date(0)],
];

test("a match of a value lets through what is the same key of a Map, and nothing else", () => {
  for (const asked of ODD_VALUES) {
    const isAllowed = asked === null ||
      !["object", "function", "undefined"].includes(typeof asked);
    if (!isAllowed) continue;
    const expected = ODD_VALUES.filter((value) => new Map([[asked, 1]]).has(value));
    const found = valuesFor(asked as string, ODD_VALUES);
    assertEquals(found.length, expected.length, String(asked));
    assert(found.every((value, i) => Object.is(value, expected[i])), String(asked));
    // The same in a list, and below another field.
    assertEquals(valuesFor([asked as string, SYMBOL], ODD_VALUES).length, expected.length);
    const nested = ODD_VALUES.map((inner) => ({ outer: { inner } }));
    assertEquals(matching({ outer: { inner: asked as string } }, nested).length, expected.length);
    const others = { other: subject("x.*"), field: asked as string };
    const events = ODD_VALUES.map((field) => ({ field, other: "x.y" }));
    assertEquals(matching(others, events).length, expected.length);
  }
});

test("a match tells the two zeros apart no more than a Map does, and NaN from nothing but itself", () => {
  assertEquals(valuesFor(0, [0, -0, 0n, "0", false, null]).length, 2);
  assertEquals(valuesFor(-0, [0, -0]).length, 2);
  assertEquals(valuesFor(NaN, [NaN, undefined, "NaN", 0 / 0]).length, 2);
  assertEquals(valuesFor([0, -0, NaN, NaN], [0, NaN]).length, 2);
});

test("a match of a list lets through each alternative once", () => {
  const asked = ["a", "b", "a", 1, null, subject("a"), subject("b")];
  assertEquals(valuesFor(asked, ["a", "b", "c", 1, "1", null, undefined]), ["a", "b", 1, null]);
  const many = Array.from({ length: 5_000 }, (_, n) => n);
  assertEquals(valuesFor(many, [0, 4_999, 5_000, -1, "7"]), [0, 4_999]);
});

test("a match of {} lets through everything, whatever it is", () => {
  const events = [null, undefined, 0, "", NaN, SYMBOL, 1n, false, {}, [], () => {}, EVENT_LIKE];
  assertEquals(matching({}, events).length, events.length);
  const bus = new Bus<unknown>();
  bus.on({}, () => {});
  bus.subscribe();
  assertEquals(events.map((event) => bus.publish(event)), events.map(() => 2));
});

const EVENT_LIKE = Object.freeze({ type: "frozen" });

test("a match of a field lets through no event that has no fields, or not this one", () => {
  for (const asked of [null, 0, "", "undefined", NaN, false, subject(">"), subject("*")]) {
    const events = [null, undefined, 0, "text", NaN, SYMBOL, 1n, true, {}, [], () => {}];
    assertEquals(matching({ field: asked }, events), []);
    assertEquals(
      matching({ field: { inner: asked } }, [...events, { field: null }, { field: 0 }]),
      [],
    );
    assertEquals(matching({ field: [asked, "a"], other: asked }, events), []);
  }
});

test("a match reads fields of primitive events as JavaScript does", () => {
  assertEquals(matching({ length: 3 }, ["abc", "ab", [1, 2, 3], { length: 3 }, 3]), [
    "abc",
    [1, 2, 3],
    { length: 3 },
  ]);
  assertEquals(
    matching({ description: "d" }, [Symbol("d"), Symbol("e"), { description: "d" }]).length,
    2,
  );
});

test("a match reads getters, inherited ones too: those of real events, errors and classes", () => {
  assertEquals(
    matching({ type: "open" }, [new Event("open"), new Event("close"), { type: "open" }]).length,
    2,
  );
  const message = new MessageEvent("message", { data: { kind: "tick", at: 1 } });
  assertEquals(matching({ type: "message", data: { kind: "tick" } }, [message]), [message]);
  assertEquals(matching({ data: { kind: "tock" } }, [message]), []);
  const detail = new CustomEvent("order", { detail: { topic: "orders.eu.new" } });
  assertEquals(matching({ detail: { topic: subject("orders.*.new") } }, [detail]), [detail]);
  const error = new RangeError("too far", { cause: { code: 7 } });
  assertEquals(matching({ name: "RangeError", cause: { code: 7 } }, [error, new Error()]), [error]);
  class Parent {
    get kind(): string {
      return "of a class";
    }
  }
  class Child extends Parent {}
  assertEquals(matching({ kind: "of a class" }, [new Child(), new Parent(), {}]).length, 2);
  const url = new URL("https://example.com/a?b");
  assertEquals(matching({ hostname: subject("*.com") }, [url, new URL("https://a.org")]), [url]);
});

test("a match of odd names reads just those fields", () => {
  const own = JSON.parse('{"__proto__": "p", "constructor": "c", "a.b": 1, "": 2, "0": 3}');
  const other = { a: { b: 1 } };
  const asked: [string, unknown][] = [
    ["__proto__", "p"],
    ["constructor", "c"],
    ["a.b", 1],
    ["", 2],
    ["0", 3],
  ];
  for (const [field, value] of asked) {
    // A computed name is an own field, whatever it is.
    assertEquals(matching({ [field]: value as string }, [own, other, {}, []]), [own], field);
    assertEquals(
      matching({ outer: { [field]: value as string } }, [{ outer: own }, own]).length,
      1,
    );
  }
  assertEquals(matching({ a: { b: 1 } }, [own, other]), [other]);
  // Shapes with names that could be taken for one another.
  const bus = new Bus<unknown>();
  const seen: string[] = [];
  bus.on({ "a.b": 1 }, () => seen.push("a.b"));
  bus.on({ a: { b: 1 } }, () => seen.push("a, b"));
  bus.on({ 'a","b': 1 }, () => seen.push("quoted"));
  bus.on({ a: 1, b: 1 }, () => seen.push("a and b"));
  bus.publish({ "a.b": 1 });
  bus.publish({ a: { b: 1 } });
  bus.publish({ 'a","b': 1 });
  bus.publish({ a: 1, b: 1 });
  assertEquals(seen, ["a.b", "a, b", "quoted", "a and b"]);
});

test("a match of names of Object.prototype is not met by what every object has", () => {
  for (const field of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
    for (const asked of [null, "", "Object", subject(">")]) {
      assertEquals(matching({ [field]: asked }, [{}, [], 1, "text"]), []);
    }
  }
  // An object without a prototype has nothing of that.
  const bare = Object.assign(Object.create(null), { type: "bare" });
  assertEquals(matching({ type: "bare" }, [bare]), [bare]);
  assertEquals(matching(bare, [{ type: "bare" }]).length, 1);
});

test("a match does what it said when somebody subscribed, whatever becomes of its object", () => {
  const list = ["a"];
  const nested: Record<string, string> = { kind: "k" };
  const match: Record<string, UnknownMatch[string]> = { field: list, deep: nested };
  const bus = new Bus<unknown>();
  const queue = bus.subscribe({ match });
  list[0] = "b";
  nested.kind = "other";
  delete match.deep;
  match.third = 3;
  assertEquals(bus.publish({ field: "a", deep: { kind: "k" } }), 1);
  assertEquals(bus.publish({ field: "b", deep: { kind: "other" }, third: 3 }), 0);
  queue.close();
  assertEquals(bus.publish({ field: "a", deep: { kind: "k" } }), 0);
});

test("a match of several fields asks for all of them", () => {
  const match = { a: [1, 2], b: ["x", "y"], c: { d: true, e: { f: null } } };
  const good = { a: 2, b: "x", c: { d: true, e: { f: null, g: 1 } } };
  const bad = [
    { ...good, a: 3 },
    { ...good, b: "z" },
    { ...good, c: { ...good.c, d: false } },
    { ...good, c: { ...good.c, e: { f: undefined } } },
    { ...good, c: { ...good.c, e: null } },
    { ...good, c: undefined },
    { a: 2, b: "x" },
  ];
  assertEquals(matching(match, [...bad, good]), [good]);
});

test("a pattern is matched token by token, as text", () => {
  const subjects = [
    ...["", ".", "a", "a.", ".a", "a..b", "a.b", "a.b.", "a.b.c", "a.b.c.d", "b", "b.b"],
    ...["*", ">", "a.*", "a.>", "*.b", "a*", "a>", "a.b>", "A.b", "a.B", "a.b\n", "a.\n", " .b"],
    ...[
      "😀",
      "😀.b",
      "a.😀",
      "😀😀.b",
      "\ud83d.b",
      "a.\0",
      "__proto__.b",
      "a.__proto__",
      "ä.b",
      "a\u0308.b",
    ],
  ];
  const patterns = [
    ...[
      "*",
      ">",
      "a",
      "a.b",
      "a.*",
      "*.b",
      "*.*",
      "a.>",
      "*.>",
      "*.*.*",
      "a.*.c",
      "*.b.*",
      "a.b.>",
    ],
    ...[
      "a*",
      "a.b>",
      "*.😀",
      "😀.*",
      "😀.>",
      "__proto__.*",
      "*.__proto__",
      "a.**",
      "a.>>",
      "\ud83d.*",
    ],
  ];
  for (const pattern of patterns) {
    const expected = subjects.filter((text) => subjectMatches(pattern, text));
    assertEquals(valuesFor(subject(pattern), subjects), expected, pattern);
    // Next to a value that is a subject, in a list, and where another field is the one that is indexed.
    const withOthers = valuesFor([subject(pattern), "b", 7], subjects);
    assertEquals(withOthers, subjects.filter((text) => text === "b" || expected.includes(text)));
    const events = subjects.map((b) => ({ a: "x.y", b }));
    const second = matching({ a: subject("x.*"), b: subject(pattern) }, events);
    assertEquals(second, events.filter(({ b }) => expected.includes(b)), pattern);
  }
});

test("a pattern matches texts only", () => {
  const values = [1, 0n, null, undefined, true, SYMBOL, {}, ["a"], new String("a"), () => {}];
  assertEquals(valuesFor(subject("*"), values), []);
  assertEquals(valuesFor(subject(">"), values), []);
  assertEquals(valuesFor([subject(">"), 1, null], values), [1, null]);
});

test("a value that looks like a pattern is a value", () => {
  assertEquals(valuesFor("a.*", ["a.b", "a.*", "a.>"]), ["a.*"]);
  assertEquals(valuesFor(">", ["a", ">"]), [">"]);
  assertEquals(valuesFor(["*", subject("a.*")], ["b", "*", "a.b"]), ["*", "a.b"]);
});

test("patterns that are malformed are refused", () => {
  for (const pattern of ["", ".", "a.", ".a", "a..b", ">.a", "a.>.b", ">.>", "..", "*."]) {
    assertThrows(() => subject(pattern), TypeError, "Cannot match subjects");
  }
});

test("a match that cannot be compared, or never be met, is refused before it has an effect", () => {
  const bus = new Bus<unknown>({ fields: ["type", "deep"] as never[] });
  const circular: Record<string, unknown> = {};
  circular.deep = circular;
  const deepest = { deep: {} as Record<string, unknown> };
  let inner = deepest.deep;
  for (let depth = 0; depth < 40; depth++) inner = inner.deep = {};
  inner.type = 1;
  const refused: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [null, TypeError, "match must be an object of fields"],
    ["text", TypeError, "match must be an object of fields"],
    [[], TypeError, "match must be an object of fields"],
    [new Map(), TypeError, "match must be an object of fields"],
    [subject("a.*"), TypeError, "match must be an object of fields"],
    [{ type: undefined }, TypeError, "match.type"],
    [{ type: () => true }, TypeError, "match.type"],
    [{ type: /a/ }, TypeError, "match.type"],
    [{ type: new Date() }, TypeError, "match.type"],
    [{ type: ["a", undefined] }, TypeError, "match.type"],
    [{ type: ["a", ["b"]] }, TypeError, "match.type"],
    [{ type: [{ deep: 1 }] }, TypeError, "match.type"],
    [{ deep: { type: new Set() } }, TypeError, "match.deep.type"],
    [{ type: [] }, RangeError, "match.type must list an alternative"],
    [{ deep: {} }, RangeError, "match.deep must ask for a field"],
    [{ deep: { type: { a: [] } } }, RangeError, "match.deep.type.a"],
    [{ other: 1 }, TypeError, '(type, deep), received "other"'],
    [circular, RangeError, "deep"],
    [deepest, RangeError, "deep"],
  ];
  for (const [match, kind, message] of refused) {
    assertThrows(() => bus.on(match as UnknownMatch, () => {}), kind, message);
    assertThrows(() => bus.once(match as UnknownMatch, () => {}), kind, message);
    assertThrows(() => bus.subscribe({ match: match as UnknownMatch }), kind, message);
  }
  assertEquals(bus.stats().listeners, []);
  assertEquals(bus.stats().subscriptions, []);
  assertEquals(bus.publish({ type: 1 }), 0);
});

test("patterns of one subscriber that overlap bring an event once", () => {
  const overlapping: UnknownMatch[string][] = [
    [subject("a.*"), subject("*.b"), subject("a.>"), subject(">"), "a.b"],
    [subject("a.b"), "a.b", subject("a.*")],
    [subject("a.*"), subject("a.*")],
  ];
  for (const topic of overlapping) {
    for (const where of [undefined, () => true]) {
      for (const history of [undefined, 5]) {
        const bus = new Bus<unknown>(history === undefined ? {} : { history });
        const seen: unknown[] = [];
        const queue = bus.subscribe({ match: { topic }, where });
        bus.on({ topic }, (event) => seen.push(event), { where });
        bus.on({ topic: subject("*.*") }, () => {});
        assertEquals(bus.publish({ topic: "a.b" }), 3);
        assertEquals(bus.publish({ topic: "a.b" }), 3);
        bus.once({ topic }, (event) => seen.push(event), { where });
        assertEquals(bus.publish({ topic: "a.b" }), 4);
        assertEquals([queue.offered, queue.size, seen.length], [3, 3, 4]);
        assertEquals(bus.stats().offered, 10);
      }
    }
  }
});

test("patterns that overlap bring an event once, in nested events as well", () => {
  const bus = new Bus<{ topic: string; n: number }>();
  const seen: number[] = [];
  const topic = [subject("a.*"), subject("*.b")];
  bus.on({ topic }, ({ n }) => {
    seen.push(n);
    if (n < 4) bus.publish({ topic: "a.b", n: n * 2 });
    if (n < 4) bus.publish({ topic: "a.c", n: n * 2 + 1 });
  });
  const queue = bus.subscribe({ match: { topic } });
  bus.publish({ topic: "a.b", n: 1 });
  assertEquals(seen, [1, 2, 3, 4, 5, 6, 7]);
  assertEquals(queue.size, 7);
});

test("lists in several fields match all combinations, beyond what is indexed", () => {
  // 3 * 40 * 40 are more than are indexed; 40 * 40 alone are, too.
  for (
    const [one, two, three] of [[3, 40, 40], [40, 40, 1], [1, 5_000, 2], [32, 32, 32], [2, 2, 2]]
  ) {
    const list = (length: number): number[] => Array.from({ length }, (_, n) => n);
    const match = { a: list(one!), b: list(two!), deep: { c: list(three!) } };
    const bus = new Bus<unknown>();
    const queue = bus.subscribe({ match, capacity: 10_000 });
    let expected = 0;
    for (const a of [0, one! - 1, one!]) {
      for (const b of [0, two! - 1, two!]) {
        for (const c of [0, three! - 1, three!]) {
          const isMatch = a < one! && b < two! && c < three!;
          const count = bus.publish({ a, b, deep: { c } });
          assertEquals(count, isMatch ? 1 : 0, `${[a, b, c]} of ${[one, two, three]}`);
          if (isMatch) expected++;
        }
      }
    }
    assertEquals(queue.offered, expected);
    queue.close();
    assertEquals(bus.publish({ a: 0, b: 0, deep: { c: 0 } }), 0);
  }
});

test("subjects are found again after more of them than are remembered, as patterns come and go", () => {
  const bus = new Bus<{ topic: string }>();
  const count = (topic: string): number => bus.publish({ topic });
  const all = bus.subscribe({ match: { topic: subject("t.>") }, capacity: 1 });
  const topics = Array.from({ length: 3_000 }, (_, n) => `t.${n % 7}.${n}`);
  for (const topic of topics) count(topic);
  assertEquals(all.offered, 3_000);
  const hits = (): number => topics.reduce((sum, topic) => sum + count(topic), 0);
  all.close();
  assertEquals(hits(), 0);

  const seen: string[] = [];
  const one = bus.on({ topic: subject("t.*.7") }, () => seen.push("one"));
  assertEquals(count("t.0.7"), 1);
  assertEquals(count("t.0.8"), 0);
  // One that matches what was remembered as matching nothing.
  const two = bus.on({ topic: subject("t.0.*") }, () => seen.push("two"));
  assertEquals([count("t.0.7"), count("t.0.8")], [2, 1]);
  const exact = bus.on({ topic: ["t.0.8", subject("none.*")] }, () => seen.push("exact"));
  assertEquals([count("t.0.7"), count("t.0.8")], [2, 2]);
  two.close();
  assertEquals([count("t.0.7"), count("t.0.8")], [1, 1]);
  one.close();
  const again = bus.on({ topic: subject("t.*.7") }, () => seen.push("again"));
  assertEquals([count("t.0.7"), count("t.0.8"), count("none.a")], [1, 1, 1]);
  exact.close();
  again.close();
  assertEquals(hits() + count("none.a"), 0);
});

test("a subject index with and without patterns finds the same values", () => {
  const bus = new Bus<{ topic: unknown }>();
  const values = ["a", "a.b", 1, null, NaN, SYMBOL];
  // In one index, since each of them asks for a pattern of the same field, too.
  for (const value of values) {
    bus.subscribe({ match: { topic: [value as string, subject("never.*")] } });
  }
  const counts = (): number[] => [...values, "b", 2].map((topic) => bus.publish({ topic }));
  assertEquals(counts(), [1, 1, 1, 1, 1, 1, 0, 0]);
  assertEquals(bus.publish({ topic: "never.x" }), values.length);
});

test("random matches let through what an independent matcher lets through", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new Random(seed);
    const bus = new Bus<unknown>();
    const asked = Array.from({ length: 25 }, () => randomMatch(random));
    const queues = asked.map((match) => bus.subscribe({ match, capacity: 1_000 }));
    const seen = asked.map(() => 0);
    const listeners = asked.map((match, i) => bus.on(match, () => seen[i]!++));
    const expected = asked.map(() => 0);
    for (let turn = 0; turn < 60; turn++) {
      const event = randomFields(random);
      const hits = asked.map((match, i) => !queues[i]!.closed && matches(match, event));
      assertEquals(bus.publish(event), 2 * hits.filter(Boolean).length, `seed ${seed}`);
      for (const [i, isHit] of hits.entries()) if (isHit) expected[i]!++;
      const all = expected.join();
      assertEquals(queues.map(({ offered }) => offered).join(), all, `seed ${seed}, turn ${turn}`);
      assertEquals(seen.join(), all, `seed ${seed}, turn ${turn}`);
      if (turn % 5 === 4) {
        const i = random.below(asked.length);
        queues[i]!.close();
        listeners[i]!.close();
      }
    }
  }
});

test("random patterns and subjects: the index, a pattern alone and an independent matcher agree", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const bus = new Bus<{ topic: string }>();
    const patterns: (SubjectPattern | undefined)[] = [];
    const counts = new Map<number, number>();
    const listeners = Array.from({ length: 40 }, (_, i) => {
      const pattern = subject(randomPattern(random));
      patterns.push(pattern);
      return bus.on({ topic: pattern }, () => counts.set(i, (counts.get(i) ?? 0) + 1));
    });
    for (let turn = 0; turn < 120; turn++) {
      const topic = randomSubject(random);
      counts.clear();
      bus.publish({ topic });
      for (const [i, pattern] of patterns.entries()) {
        const isMatch = pattern !== undefined && subjectMatches(pattern.pattern, topic);
        const what = `seed ${seed}: "${topic}" for ${pattern?.pattern}`;
        assertEquals(counts.get(i) ?? 0, isMatch ? 1 : 0, what);
        if (pattern !== undefined) assertEquals(pattern.matches(topic), isMatch, what);
      }
      const leaver = random.below(patterns.length * 4);
      listeners[leaver]?.close();
      if (leaver < patterns.length) patterns[leaver] = undefined;
    }
  }
});
