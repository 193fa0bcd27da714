import { assertEquals, assertThrows } from "@std/assert";
import { SpanCache, type SpanFindOptions, type SpanLevel } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { clocked } from "./_clocked.ts";

/** A cache with one span after the other, each 10 ms after the one before, and `take` of each ms long. */
function filled(): SpanCache {
  const { cache, clock } = clocked();
  const spans: [name: string, take: number, level: SpanLevel, failed: boolean, user: unknown][] = [
    ["GET", 5, "info", false, 1],
    ["GET", 9, "warn", true, 2],
    ["POST", 1, "debug", false, "1"],
    ["query", 7, "trace", false, true],
    ["GET", 0, "error", true, undefined],
  ];
  for (const [name, take, level, failed, user] of spans) {
    const span = cache.start(name, { user: user as number }, { level });
    if (failed) span.fail("no");
    clock.pass(take);
    span.end();
    clock.pass(10 - take);
  }
  return cache;
}

/** The numbers of the spans that are found. */
function found(cache: SpanCache, options: SpanFindOptions): number[] {
  return cache.find(options).map(({ seq }) => seq);
}

/** What is asked for, and what is found. The spans end at 5, 19, 21, 37 and 40 ms. */
const QUERIES: readonly (readonly [what: string, options: SpanFindOptions, seqs: number[]])[] = [
  ["nothing", {}, [5, 4, 3, 2, 1]],
  ["a name", { name: "GET" }, [5, 2, 1]],
  ["some names", { name: ["POST", "query", "none"] }, [4, 3]],
  ["no names", { name: [] }, []],
  ["a name that is none", { name: "GE" }, []],
  ["a duration", { minMs: 7 }, [4, 2]],
  ["a duration of nothing", { minMs: 0 }, [5, 4, 3, 2, 1]],
  ["failure", { failed: true }, [5, 2]],
  ["no failure", { failed: false }, [4, 3, 1]],
  ["errors", { level: "error" }, [5]],
  ["a level", { level: "info" }, [5, 2, 1]],
  ["all levels", { level: "trace" }, [5, 4, 3, 2, 1]],
  ["an end at this time or later", { since: START_MS + 21 }, [5, 4, 3]],
  ["an end before this time", { until: START_MS + 21 }, [2, 1]],
  ["a span of time", { since: START_MS + 19, until: START_MS + 37 }, [3, 2]],
  ["a span of no time", { since: START_MS + 19, until: START_MS + 19 }, []],
  ["a number in a field", { fields: { user: 1 } }, [1]],
  ["a text in a field", { fields: { user: "1" } }, [3]],
  ["a truth value in a field", { fields: { user: true } }, [4]],
  ["a big integer in a field", { fields: { user: 2n } }, [2]],
  ["a value that no field has", { fields: { user: 3 } }, []],
  ["a field that there is not", { fields: { nobody: 1 } }, []],
  ["no fields", { fields: {} }, [5, 4, 3, 2, 1]],
  ["a predicate", { where: ({ durationMs }) => durationMs % 5 === 0 }, [5, 1]],
  ["all of it", {
    name: "GET",
    minMs: 1,
    failed: true,
    level: "warn",
    since: START_MS,
    until: START_MS + 100,
    fields: { user: 2 },
    where: ({ message }) => message === "no",
  }, [2]],
  ["a few", { limit: 2 }, [5, 4]],
  ["a few of a name", { limit: 2, name: "GET" }, [5, 2]],
  ["the slowest", { order: "slowest" }, [2, 4, 1, 3, 5]],
  ["the slowest of a name", { order: "slowest", name: "GET", limit: 2 }, [2, 1]],
  ["the slowest few that fit a predicate", {
    order: "slowest",
    limit: 1,
    where: ({ status }) => status === "unset",
  }, [4]],
];

for (const [what, options, seqs] of QUERIES) {
  test(`spans are found by ${what}`, () => {
    assertEquals(found(filled(), options), seqs);
  });
}

test("spans are found by their trace, and by nothing else that looks like one", () => {
  const cache = new SpanCache();
  const parent = cache.start("a");
  parent.start("b").end();
  parent.end();
  cache.start("c").end();
  const { traceId } = parent;
  assertEquals(cache.find({ traceId }).map(({ name }) => name), ["a", "b"]);
  for (const other of [traceId.toUpperCase(), traceId.slice(1), `${traceId}0`, parent.id, ""]) {
    if (other === traceId) continue;
    assertEquals(cache.find({ traceId: other }), [], other);
  }
});

test("a field is found by the value that it was given, whatever is read in its place", () => {
  const cache = new SpanCache();
  const values = [7n, 2n ** 60n, -0, NaN, Infinity, "", "text", false];
  for (const value of values) cache.start("a", { value }).end();
  for (const [at, value] of values.entries()) {
    assertEquals(found(cache, { fields: { value } }), [at + 1], String(value));
  }
});

test("the predicate is asked only about what fits the rest, and gets what is found", () => {
  const cache = filled();
  const asked: number[] = [];
  const spans = cache.find({
    name: "GET",
    failed: true,
    where: (span) => {
      asked.push(span.seq);
      return span.seq === 2;
    },
  });
  assertEquals([asked, spans], [[5, 2], cache.page().filter(({ seq }) => seq === 2)]);
});

test("what the predicate throws comes to the caller, and harms nothing", () => {
  const cache = filled();
  const error = new Error("mine");
  for (const order of ["newest", "slowest"] as const) {
    const caught = assertThrows(() =>
      cache.find({
        order,
        where: () => {
          throw error;
        },
      })
    );
    assertEquals(caught, error);
  }
  assertEquals(found(cache, {}), [5, 4, 3, 2, 1]);
});

test("spans of the same duration are found newest first", () => {
  const { cache, clock } = clocked();
  for (let i = 0; i < 4; i++) {
    const span = cache.start("a");
    clock.pass(3);
    span.end();
  }
  assertEquals(found(cache, { order: "slowest" }), [4, 3, 2, 1]);
});

for (const order of ["newest", "slowest"] as const) {
  test(`a predicate that lets spans go finds none that is gone: ${order}`, () => {
    const cache = new SpanCache({ capacity: 3, maxOpen: 3, maxBytes: 4_096 });
    for (const name of ["a", "b", "c"]) cache.start(name, { text: name.repeat(50) }).end();
    const spans = cache.find({
      order,
      where: () => {
        cache.clear();
        // What has the places of those that are gone now.
        for (let i = 0; i < 3; i++) cache.start("new", { secret: 1 });
        return true;
      },
    });
    assertEquals(spans.length, 1);
    const [{ name, fields }] = spans as [typeof spans[0] & object];
    assertEquals(fields, { text: name.repeat(50) });
  });

  test(`a predicate that is traced itself is asked once about each span: ${order}`, () => {
    for (const capacity of [3, 10]) {
      const cache = new SpanCache({ capacity, maxOpen: 4, maxBytes: 4_096 });
      for (let i = 0; i < 30; i++) cache.start("a").end();
      const last = cache.lastSeq;
      const asked: number[] = [];
      cache.find({
        order,
        where: ({ seq }) => {
          asked.push(seq);
          if (asked.length > 100) throw new Error("asked without an end");
          for (let i = 0; i < 2; i++) cache.start("check").end();
          return false;
        },
      });
      assertEquals(asked.filter((seq) => seq > last), []);
      assertEquals(new Set(asked).size, asked.length);
    }
  });
}

test("sums with a predicate that is traced itself come to an end", () => {
  const cache = new SpanCache({ capacity: 10, maxOpen: 4, maxBytes: 4_096 });
  for (let i = 0; i < 30; i++) cache.start("a").end();
  let asked = 0;
  const rows = cache.aggregate({
    where: () => {
      if (++asked > 100) throw new Error("asked without an end");
      return cache.spanSync("check", () => true);
    },
  });
  assertEquals([asked <= 10, rows.length <= 1], [true, true]);
});

test("a reader with a predicate that is traced itself comes to an end with what is there", () => {
  const cache = new SpanCache();
  for (let i = 0; i < 3; i++) cache.start("a").end();
  let asked = 0;
  const spans = cache.subscribe({
    after: 0,
    where: () => {
      if (++asked > 100) throw new Error("asked without an end");
      cache.start("check").end();
      return false;
    },
  });
  assertEquals(spans.tryReceive(), { state: "empty" });
  const { offered, delivered, filtered, lagged, size } = spans;
  assertEquals(offered, delivered + filtered + lagged + size);
});
