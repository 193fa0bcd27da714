import { assertEquals } from "@std/assert";
import { type Span, SpanCache, type SpanRecord } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";

/** Everything that a handle can do to its span. */
const WRITES: readonly ((span: Span) => unknown)[] = [
  (span) => span.set("evil", 1),
  (span) => span.set({ evil: "text", user: "evil" }),
  (span) => span.event("evil", { evil: 1 }),
  (span) => span.fail("evil"),
  (span) => span.fail(new Error("evil")),
  (span) => span.succeed(),
  (span) => span.rename("evil"),
  (span) => span.link({ traceId: "e".repeat(32), spanId: "e".repeat(16) }),
  (span) => span.end(),
  (span) => span[Symbol.dispose](),
];

test("a span ends once: ending it again is counted and does nothing", () => {
  const { cache, clock } = clocked();
  const span = cache.start("a");
  clock.pass(3);
  span.end();
  const before = cache.page();
  clock.pass(3);
  span.end();
  span[Symbol.dispose]();
  assertEquals(cache.page(), before);
  const { closed, open, stale } = cache.stats();
  assertEquals([closed, open, stale, before[0]!.durationMs], [1, 0, 2, 3]);
});

test("what is written to a span that has ended is counted, each time, and changes nothing", () => {
  const cache = new SpanCache();
  const span = cache.start("a", { user: 7 });
  span.end();
  const before = cache.page();
  for (const [at, write] of WRITES.entries()) {
    write(span);
    assertEquals([cache.page(), cache.stats().stale], [before, at + 1]);
  }
  assertEquals([span.recording, span.id, span.traceId], [
    false,
    before[0]!.id,
    before[0]!.traceId,
  ]);
});

test("a span whose record has gone ends no more, and its id finds nothing", () => {
  const cache = new SpanCache({ capacity: 1 });
  const span = cache.start("a");
  span.end();
  cache.start("b").end();
  const before = cache.page();
  for (const write of WRITES) write(span);
  assertEquals([cache.page(), cache.get(span.id), cache.stats().stale], [
    before,
    undefined,
    WRITES.length,
  ]);
  assertEquals(cache.addEvent(span.id, { name: "evil", timeMs: 1 }), "unknown");
});

test("a handle never touches the span that has its place now, running or ended", () => {
  const cache = new SpanCache({ capacity: 1, maxOpen: 1, maxBytes: 4_096 });
  const handles: Span[] = [];
  for (let use = 0; use < 50; use++) {
    const own = cache.start(`n${use}`, { user: use });
    const name = `n${use}`;
    for (const old of handles) {
      for (const write of WRITES) write(old);
      assertEquals([old.recording, cache.get(old.id)?.name === name], [false, false]);
    }
    const [open] = cache.open();
    assertEquals([open!.name, open!.fields, open!.events, open!.status, open!.links], [
      name,
      { user: use },
      [],
      "unset",
      undefined,
    ]);
    own.end();
    for (const write of WRITES) write(own);
    const [record] = cache.page();
    assertEquals([record!.name, record!.fields, record!.events], [name, { user: use }, []]);
    handles.push(own);
  }
  // No two of them were ever called the same.
  assertEquals(new Set(handles.map(({ id }) => id)).size, handles.length);
});

test("an error that ends its own span when it is read fails no other one", () => {
  const cache = new SpanCache({ capacity: 1, maxOpen: 2, maxBytes: 4_096 });
  const span = cache.start("a");
  let other: Span | undefined;
  const error = new Error("x");
  Object.defineProperty(error, "message", {
    get() {
      if (other === undefined) {
        span.end();
        cache.clear();
        other = cache.start("other");
      }
      return "read";
    },
  });
  span.fail(error);
  other!.end();
  const [record] = cache.page();
  assertEquals([record!.name, record!.status, record!.events], ["other", "unset", []]);
});

test("what is left of a span is a parent all the same, by its id and its trace", () => {
  const cache = new SpanCache({ capacity: 1, maxOpen: 2, maxBytes: 4_096 });
  const parent = cache.start("parent");
  const { id, traceId } = parent;
  parent.end();
  for (let i = 0; i < 5; i++) cache.start("filler").end();
  const child = cache.start("child", {}, { parent });
  assertEquals(parent.run(() => cache.current?.id), id);
  child.end();
  const [record] = cache.page();
  assertEquals([record!.parentId, record!.traceId], [id, traceId]);
});

test("a span that ends after its parent has gone takes nothing from whoever has its place", () => {
  const { cache, clock } = clocked({ capacity: 1, maxOpen: 2, maxBytes: 4_096 });
  const parent = cache.start("parent");
  const child = parent.start("child");
  parent.end();
  cache.clear();
  const other = cache.start("other");
  clock.pass(10);
  child.end();
  other.end();
  const [record] = cache.page();
  assertEquals([record!.name, record!.durationMs, record!.selfMs], ["other", 10, 10]);
});

test("an abandoned span is like one that has ended: its handle can do nothing", () => {
  const cache = new SpanCache();
  const span = cache.start("a");
  assertEquals(cache.abandon(), 1);
  const before = cache.page();
  for (const write of WRITES) write(span);
  assertEquals([cache.page(), cache.stats().closed], [before, 1]);
});

test("a cleared span is gone, and its handle can do nothing", () => {
  const cache = new SpanCache();
  const span = cache.start("a");
  span.end();
  assertEquals(cache.clear(), 1);
  for (const write of WRITES) write(span);
  assertEquals([cache.page(), cache.size, cache.stats().events], [[], 0, 0]);
});

test("spans that were not recorded take all calls, are not stale, and are nowhere", () => {
  const cache = new SpanCache({ level: "info" });
  const left = cache.start("a", {}, { level: "debug" });
  cache.chance = 0;
  const unlucky = cache.start("a");
  cache.chance = 1;
  const full = new SpanCache({ maxOpen: 1 });
  full.start("only");
  for (const span of [left, unlucky, full.start("another")]) {
    for (const write of WRITES) write(span);
    assertEquals(span.recording, false);
  }
  assertEquals([cache.stats().stale, full.stats().stale, cache.page()], [0, 0, []]);
  assertEquals(full.stats().refused.full, 1);
});

test("handles of all ages, played at random, write to their own span or to none", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const cache = new SpanCache({
      capacity: random.pick([1, 2, 3]),
      maxOpen: random.pick([1, 2, 3]),
      maxBytes: 4_096,
      evict: random.pick(["oldest-opened", "oldest-closed"]),
    });
    const handles: Span[] = [];
    for (let step = 0; step < 200; step++) {
      if (random.below(3) === 0) {
        const span = cache.start("a");
        if (span.recording) handles.push(span);
      } else if (handles.length > 0) {
        const span = random.pick(handles);
        const mark = `mark ${span.id}`;
        const writes: ((span: Span) => unknown)[] = [
          (span) => span.set("mark", mark),
          (span) => span.event(mark),
          (span) => span.fail(mark),
          (span) => span.end(),
        ];
        random.pick(writes)(span);
      }
      for (const span of [...cache.page(), ...cache.open()]) {
        assertEquals(marksOf(span).filter((mark) => mark !== `mark ${span.id}`), [], `${seed}`);
      }
    }
  }
});

/** What has been written to a span. */
function marksOf({ fields, events, message }: Omit<SpanRecord, "seq">): unknown[] {
  return [...Object.values(fields), ...events.map(({ name }) => name), message]
    .filter((mark) => mark !== undefined);
}
