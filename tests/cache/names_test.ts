import { assertEquals } from "@std/assert";
import { SpanCache } from "../../cache/mod.ts";
import { test } from "../_harness.ts";

/** The names of the sums, and how many spans each has. */
function counts(cache: SpanCache): Record<string, number> {
  return Object.fromEntries(cache.aggregate().map(({ name, count }) => [name, count]));
}

test("a name for each request: sums keep to the bound, spans keep their names, and it is counted", () => {
  const cache = new SpanCache({ maxNames: 3 });
  for (let i = 0; i < 1_000; i++) cache.start(`GET /users/${i}`).end();
  const spans = cache.page({ limit: Infinity });
  assertEquals(spans.map(({ name }) => name), spans.map((_, at) => `GET /users/${at}`));
  assertEquals(counts(cache), {
    "(other)": 997,
    "GET /users/0": 1,
    "GET /users/1": 1,
    "GET /users/2": 1,
  });
  const { names, otherNames } = cache.stats();
  assertEquals([names, otherNames], [3, 997]);
});

test("spans of further names are found by their names, and told apart in no sum", () => {
  const cache = new SpanCache({ maxNames: 1 });
  for (const name of ["a", "b", "c", "b"]) cache.start(name, { name }).end();
  assertEquals(cache.find({ name: "b" }).map(({ fields }) => fields.name), ["b", "b"]);
  assertEquals(cache.find({ name: ["a", "c"] }).map(({ name }) => name), ["c", "a"]);
  assertEquals(counts(cache), { "(other)": 3, "a": 1 });
  const groups = cache.aggregate({ by: "name" }).map(({ name, group }) => `${name} ${group}`);
  assertEquals(groups.sort(), ["(other) b", "(other) c", "a a"]);
});

test("a name that nothing has any more makes room for another one", () => {
  const cache = new SpanCache({ capacity: 2, maxNames: 2 });
  for (const name of ["a", "b", "c", "d", "e"]) cache.start(name).end();
  // When one starts, the two before it are held.
  assertEquals(cache.stats().otherNames, 1);
  cache.clear();
  for (const name of ["x", "y"]) cache.start(name).end();
  assertEquals([counts(cache), cache.stats().otherNames], [{ x: 1, y: 1 }, 1]);
  assertEquals(cache.stats().names, 2);
});

test("a name that only a running span has keeps its place", () => {
  const cache = new SpanCache({ maxNames: 1 });
  const runs = cache.start("runs");
  cache.clear();
  cache.start("other").end();
  assertEquals([cache.open()[0]!.name, cache.stats().otherNames], ["runs", 1]);
  runs.end();
  cache.clear();
  cache.start("late").end();
  assertEquals(counts(cache), { late: 1 });
});

test("what a name meant before does not show in the sum of the one that has its place", () => {
  const cache = new SpanCache({ maxNames: 1 });
  for (let i = 0; i < 5; i++) cache.start("before").fail().end();
  cache.clear();
  cache.start("after").end();
  const [row] = cache.aggregate();
  assertEquals([row!.name, row!.count, row!.failed, row!.seen, row!.seenFailed], [
    "after",
    1,
    0,
    1,
    0,
  ]);
});

test("a span that is renamed counts where it is called, and leaves its old name", () => {
  const cache = new SpanCache({ maxNames: 2 });
  const span = cache.start("GET");
  for (let i = 0; i < 100; i++) span.rename(`GET /${i}`);
  assertEquals(cache.aggregate().map(({ name, open }) => [name, open]), [["GET /99", 1]]);
  span.end();
  assertEquals([counts(cache), cache.stats().otherNames], [{ "GET /99": 1 }, 0]);
  assertEquals(cache.page()[0]!.name, "GET /99");
});

test("a span that is renamed from a name without a place has no trace of it", () => {
  const cache = new SpanCache({ maxNames: 1, maxTextLength: 4 });
  const keeps = cache.start("keep");
  const span = cache.start("without a place");
  assertEquals([cache.open()[1]!.name, cache.open()[1]!.cut], ["with", ["name"]]);
  span.rename("keep").end();
  keeps.end();
  assertEquals(cache.page().map(({ name, cut }) => [name, cut]), [
    ["keep", undefined],
    ["keep", undefined],
  ]);
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
});

test("names that are longer than names can be are cut, said to be, and told apart by their beginning", () => {
  const cache = new SpanCache();
  const long = "n".repeat(300);
  cache.start(`${long}1`).end();
  cache.start(`${long}2`).end();
  for (const { name, cut } of cache.page()) {
    assertEquals([long.startsWith(name), cut], [true, ["name"]]);
  }
  assertEquals([cache.stats().cutTexts, cache.stats().names], [2, 1]);
});

test("a span may be called as the sum of all others is, or as what the cache keeps for itself", () => {
  const cache = new SpanCache({ maxNames: 2 });
  for (const name of ["(other)", "", "more"]) cache.start(name, { [name]: name }).end();
  assertEquals(cache.page().map(({ name, fields }) => [name, fields]), [
    ["(other)", { "(other)": "(other)" }],
    ["", { "": "" }],
    ["more", {}],
  ]);
  assertEquals(cache.aggregate().reduce((sum, { count }) => sum + count, 0), 3);
  const names = cache.aggregate().map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
});

test("a field may be called as what a span has of itself", () => {
  const cache = new SpanCache({ maxNames: 3 });
  const fields = { name: "field", message: "field", id: 1 };
  cache.start("span", fields).fail("span").end();
  const [record] = cache.page();
  assertEquals([record!.name, record!.message, record!.fields], ["span", "span", fields]);
});

test("a key for each request: the fields of further keys are left out and counted", () => {
  const cache = new SpanCache({ maxNames: 3 });
  for (let i = 0; i < 100; i++) cache.start("a", { [`user-${i}`]: i, [`role-${i}`]: 1 }).end();
  const kept = cache.page({ limit: Infinity }).flatMap(({ fields }) => Object.keys(fields));
  assertEquals(kept, ["user-0", "role-0", "user-1"]);
  const { keys, droppedFields } = cache.stats();
  assertEquals([keys, droppedFields], [3, { type: 0, count: 0, keys: 197, room: 0 }]);
});

test("a key that nothing has any more makes room for another one, events included", () => {
  const cache = new SpanCache({ maxNames: 2 });
  cache.start("a", { one: 1 }).event("e", { two: 2 }).end();
  cache.start("b", { three: 3 }).end();
  assertEquals(cache.stats().droppedFields.keys, 1);
  cache.clear();
  cache.start("c", { three: 3 }).event("e", { four: 4 }).end();
  const [record] = cache.page();
  assertEquals([record!.fields, record!.events[0]!.fields], [{ three: 3 }, { four: 4 }]);
  assertEquals([cache.stats().keys, cache.stats().droppedFields.keys], [2, 1]);
});

test("a key that is set again and again is one key, and is given back once", () => {
  const cache = new SpanCache({ maxNames: 1 });
  const span = cache.start("a");
  for (let i = 0; i < 50; i++) span.set("k", i % 2 === 0 ? i : "text");
  span.end();
  cache.clear();
  cache.start("b", { other: 1 }).end();
  assertEquals([cache.page()[0]!.fields, cache.stats().droppedFields.keys], [{ other: 1 }, 0]);
});

test("keys that are longer than names can be do not hide each other unnoticed", () => {
  const cache = new SpanCache();
  const long = "k".repeat(300);
  cache.start("a", { [`${long}1`]: 1, [`${long}2`]: 2 }).end();
  const [record] = cache.page();
  const { cutTexts, droppedFields } = cache.stats();
  const shown = Object.keys(record!.fields).length;
  const lost = droppedFields.type + droppedFields.count + droppedFields.keys + droppedFields.room;
  assertEquals([shown + lost, cutTexts > 0 || lost === 2], [2, true]);
});

test("events may have any number of names, which take no place of others", () => {
  const cache = new SpanCache({ maxNames: 1, maxEvents: 500 });
  const span = cache.start("a");
  for (let i = 0; i < 500; i++) span.event(`event ${i}`);
  span.end();
  const [record] = cache.page();
  assertEquals(record!.events.map(({ name }) => name), record!.events.map((_, i) => `event ${i}`));
  assertEquals([cache.stats().names, cache.stats().keys], [1, 0]);
});

test("a place that is free is found wherever it is among many names", () => {
  const cache = new SpanCache({ maxNames: 100, capacity: 100, evict: "oldest-closed" });
  const spans = Array.from({ length: 100 }, (_, i) => cache.start(`name ${i}`));
  spans[70]!.end();
  for (const [i, span] of spans.entries()) if (i !== 70) span.end();
  // The only span of that name goes.
  cache.start("name 0").end();
  cache.start("new").end();
  const names = new Set(cache.aggregate().map(({ name }) => name));
  assertEquals([names.has("new"), names.has("name 70"), names.has("(other)")], [
    true,
    false,
    false,
  ]);
  // And now there is none.
  cache.start("one more");
  assertEquals([cache.stats().names, cache.stats().otherNames], [100, 1]);
});

test("a key that is too long is not taken for one that it begins with", () => {
  const cache = new SpanCache();
  const [key, longer] = ["k".repeat(256), "k".repeat(300)];
  cache.start("a", { [key]: 1 }).set(longer, 2).end();
  assertEquals(cache.page()[0]!.fields, { [key]: 1 });
  assertEquals(cache.stats().droppedFields.keys, 1);
  assertEquals(cache.find({ fields: { [longer]: 1 } }), []);
});
