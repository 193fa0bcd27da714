import { assert, assertEquals } from "@std/assert";
import { test } from "../_harness.ts";
import { clocked } from "./_clocked.ts";
import { namesOf } from "./_origin_spans.ts";

// Cases of the original as long as it held spans, by their names, and of its pool, as far as there is one here.

test("eviction_removes_closed_spans", () => {
  const { cache } = clocked({ capacity: 2 });
  const spans = ["a", "b", "c"].map((name) => cache.start(name));
  for (const span of spans) span.end();
  assertEquals(spans.map(({ id }) => cache.get(id)?.name), [undefined, "b", "c"]);
  assertEquals(namesOf(cache), ["b", "c"]);
  const { held, closed, evicted } = cache.stats();
  assertEquals([held, closed, evicted], [2, 3, 1]);
});

test("eviction_removes_closed_spans: those that were opened first, whichever ended first, and none that run", () => {
  const { cache } = clocked({ capacity: 2 });
  const running = cache.start("running");
  const [old, middle, young] = ["old", "middle", "young"].map((name) => cache.start(name));
  for (const span of [young, middle, old]) span!.end();
  // What ends is held, and takes the place of the oldest of those that were there.
  assertEquals(namesOf(cache), ["young", "old"]);
  assert(running.recording);
  running.end();
  assertEquals(namesOf(cache), ["young", "running"]);
});

test("eviction_removes_closed_spans: or those that ended first, if that is asked for", () => {
  const { cache } = clocked({ capacity: 2, evict: "oldest-closed" });
  const spans = ["old", "middle", "young"].map((name) => cache.start(name));
  for (const span of spans.reverse()) span.end();
  assertEquals(namesOf(cache), ["middle", "old"]);
});

test("pagination", () => {
  const { cache } = clocked();
  for (let number = 1; number <= 5; number++) cache.start(`${number}`).end();
  const first = cache.page({ after: 0, limit: 3 });
  assertEquals(first.map(({ name }) => name), ["1", "2", "3"]);
  const second = cache.page({ after: first.at(-1)!.seq, limit: 3 });
  assertEquals(second.map(({ name }) => name), ["4", "5"]);
  assertEquals(cache.page({ after: second.at(-1)!.seq, limit: 3 }), []);
});

// Why the original gave up pages: its own went by ids, that is by when spans were opened.
test("pagination: a span that ends late is on a later page, however early it was opened", () => {
  const { cache } = clocked();
  const early = cache.start("early");
  cache.start("a").end();
  cache.start("b").end();
  const first = cache.page({ limit: 2 });
  early.end();
  const second = cache.page({ after: first.at(-1)!.seq, limit: 2 });
  assertEquals([first, second].map((page) => page.map(({ name }) => name)), [["a", "b"], [
    "early",
  ]]);
});

test("clear drops closed spans and keeps open ones", () => {
  const { cache } = clocked();
  const open = cache.start("open", { n: 1 });
  const closed = cache.start("closed");
  closed.end();
  assertEquals(cache.clear(), 1);
  assertEquals([cache.size, cache.get(closed.id), cache.aggregate()[0]?.name], [
    0,
    undefined,
    "open",
  ]);
  assertEquals(cache.open().map(({ name }) => name), ["open"]);

  open.set("n", 2).end();
  assertEquals(cache.get(open.id)?.fields, { n: 2 });
  // Pages go on from where they were.
  assertEquals(cache.page({ after: 1 }).map(({ seq, name }) => [seq, name]), [[2, "open"]]);
  const { opened, held, cleared } = cache.stats();
  assertEquals([opened, held, cleared], [2, 1, 1]);
});

test("get_span answers nothing for spans that run", () => {
  const { cache } = clocked();
  const span = cache.start("a");
  assertEquals(cache.get(span.id), undefined);
  span.end();
  assertEquals(cache.get(span.id)?.name, "a");
});

test("set_filter_matches_root_and_inherits_to_children: a family is found by its root", () => {
  const { cache } = clocked();
  for (const user of ["ada", "bob"]) {
    cache.spanSync("request", { user }, () => {
      cache.spanSync("load", () => void cache.start("query").end());
    });
  }
  const [root] = cache.find({
    where: ({ parentId, fields }) => parentId === undefined && String(fields.user).includes("ad"),
  });
  const family = cache.find({ traceId: root!.traceId, limit: Infinity });
  assertEquals(family.map(({ name }) => name), ["request", "load", "query"]);
  assertEquals(cache.find({ fields: { user: "ada" } }).length, 1);
  assertEquals(cache.size, 6);
});

test("pool_starts_empty_and_grows: bytes are used while something is held, and no longer", () => {
  const { cache } = clocked();
  assertEquals(cache.stats().bytes, 0);
  const write = (): number => {
    const text = "a text that does not fit into one cell, nor into two of them".repeat(3);
    cache.start("a", { text }).event("b", { n: 1, text }).fail(new Error("no")).end();
    return cache.stats().bytes;
  };
  const bytes = write();
  assert(bytes > 0);
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
  assertEquals(write(), bytes);
});

test("acquire_then_drop_returns_to_shard: what is used again shows nothing of what it was", () => {
  const { cache } = clocked({ capacity: 1, maxOpen: 1, maxBytes: 4_096 });
  const other = { traceId: "1".repeat(32), spanId: "2".repeat(16) };
  for (let round = 0; round < 500; round++) {
    cache.start("full", { secret: `text ${round}`.repeat(9) }, { level: "warn", kind: "server" })
      .event("event", { secret: 1 }).link(other).fail("why").end();
  }
  const plain = cache.start("plain");
  plain.end();
  const { seq: _, startMs: __, ...record } = cache.get(plain.id)!;
  assertEquals(record, {
    id: plain.id,
    traceId: plain.traceId,
    name: "plain",
    level: "info",
    kind: "internal",
    status: "unset",
    durationMs: 0,
    selfMs: 0,
    fields: {},
    events: [],
  });
  const { droppedEvents, droppedFields } = cache.stats();
  assertEquals([droppedEvents, droppedFields.room], [0, 0]);
});
