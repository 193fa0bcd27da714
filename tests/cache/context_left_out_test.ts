import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Span, SpanCache } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { clocked } from "./_clocked.ts";
import { parentsOf, shapeOf } from "./_context_tree.ts";

const timer = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

/** Numbers for chance, one after the other. */
function numbers(...given: number[]): () => number {
  return () => given.shift()!;
}

test("Nothing is recorded in a trace that chance has left out, however much later", async () => {
  const cache = new SpanCache({ chance: 0.5, random: numbers(0.5, 0.4) });
  await cache.span("a", async (a) => {
    assertEquals([a.recording, a.traceparent, a.id, a.traceId], [false, undefined, "", ""]);
    await timer();
    assertEquals(cache.current?.recording, false);
    cache.span("b", () => cache.spanSync("c", () => a.start("d").end()));
    cache.bind(() => cache.start("e").end())();
    cache.chance = 1;
    cache.start("f").end();
    cache.chance = 0.5;
    // A trace of its own has a chance of its own.
    cache.start("g", {}, { parent: null }).end();
  });
  assertEquals(cache.page().map(({ name }) => name), ["g"]);
  assertEquals(cache.stats().refused, { level: 0, chance: 1, full: 0, suppressed: 5, invalid: 0 });
});

test("What is in a span that does not matter enough belongs to what is around that", async () => {
  const cache = new SpanCache({ level: "info" });
  const debug = { level: "debug" } as const;
  await cache.span("a", async (a) => {
    await cache.span("b", undefined, async (b) => {
      assertEquals([b.recording, b.traceparent], [false, a.traceparent]);
      assertStrictEquals(cache.current, a);
      await undefined;
      cache.start("c").end();
      cache.spanSync("d", undefined, (d) => d.start("e").end(), debug);
      b.run(() => cache.start("f").end());
    }, debug);
  });
  cache.span("g", undefined, () => {
    assertEquals(cache.current, undefined);
    cache.start("h").end();
  }, debug);
  const { c, e, f, h } = parentsOf(cache);
  assertEquals([c, e, f, h], ["a", "a", "a", undefined]);
  assertEquals(cache.stats().refused.level, 3);
});

test("What is in a span that does not matter enough belongs to the parent that span was given", () => {
  const cache = new SpanCache({ level: "info" });
  const debug = { level: "debug" } as const;
  const a = cache.start("a");
  const silent = a.start("silent", {}, debug);
  silent.start("b").end();
  silent.run(() => cache.start("c").end());
  cache.span("around", () => a.start("silent", {}, debug).start("d").end());
  assertEquals(silent.traceparent, a.traceparent);
  a.end();
  const { b, c, d } = parentsOf(cache);
  assertEquals([b, c, d], ["a", "a", "a"]);
});

test("What is in a span for which there was no room is not recorded either, and tells others of the one around", async () => {
  const cache = new SpanCache({ maxOpen: 2 });
  const first = cache.start("first");
  await cache.span("a", async (a) => {
    await cache.span("full", async (full) => {
      assertEquals([full.recording, full.traceparent], [false, a.traceparent]);
      first.end();
      // There is room again, for what is not in it.
      cache.start("in full").end();
      await undefined;
      assertStrictEquals(cache.current, full);
      full.start("in full").end();
      a.start("in a").end();
    });
    cache.start("in a").end();
    cache.start("root", {}, { parent: null }).end();
  });
  assertEquals(cache.page().map(({ name }) => name), ["first", "in a", "in a", "root", "a"]);
  assertEquals(cache.stats().refused, { level: 0, chance: 0, full: 1, suppressed: 2, invalid: 0 });
  using _a = cache.start("a");
  using _b = cache.start("b");
  const full = cache.start("full");
  assertEquals([full.id, full.traceparent, full.context], ["", undefined, undefined]);
});

const remote = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  sampled: true,
};
for (const [how, parent] of [["began here", null], ["came from elsewhere", remote]] as const) {
  test(`What goes on after its span has ended, and has gone, is in its trace: one that ${how}`, async () => {
    const cache = new SpanCache({ capacity: 2 });
    const go = Promise.withResolvers<void>();
    let parentContext: Span["context"];
    let work: Promise<void> | undefined;
    cache.span("request", undefined, (span) => {
      parentContext = span.context;
      work = (async () => {
        await go.promise;
        // Its parent has ended, and another one has its place.
        assertEquals(span.recording, false);
        await cache.span("background", async (background) => {
          assertEquals(background.traceId, span.traceId);
          await undefined;
          cache.start("in background").end();
        });
        assertStrictEquals(cache.current, span);
      })();
    }, { parent });
    for (let other = 0; other < 10; other++) cache.start("other").end();
    assertEquals(cache.get(parentContext!.spanId), undefined);
    go.resolve();
    await work;
    const [background, inside] = cache.find();
    const { traceId, spanId } = parentContext!;
    assertEquals([background!.name, inside!.name], ["background", "in background"]);
    assertEquals([background!.traceId, background!.parentId], [traceId, spanId]);
    assertEquals([inside!.traceId, inside!.parentId], [traceId, background!.id]);
    if (parent !== null) assertEquals(traceId, parent.traceId);
    const { roots, size } = cache.trace(traceId);
    assertEquals([size, roots.length, roots[0]!.isOrphan], [2, 1, true]);
    assertEquals(shapeOf(cache, traceId), "background(in background)");
  });
}

test("close() ends contexts and recording, and lets calls that run come to their end", async () => {
  const { cache } = clocked();
  const go = Promise.withResolvers<void>();
  const call = cache.span("a", async () => {
    await go.promise;
    assertEquals(cache.current, undefined);
    const inner = await cache.span("b", async (b) => (await undefined, b.recording));
    return [inner, cache.spanSync("c", (c) => c.recording)];
  });
  cache.close();
  go.resolve();
  assertEquals(await call, [false, false]);
  // What ran when it was closed is recorded.
  assertEquals(parentsOf(cache), { a: undefined });
  assertEquals(cache.stats().open, 0);
});

test("close() ends the context of the very call that closes", () => {
  const { cache } = clocked();
  assertEquals(cache.span("a", () => (cache.close(), cache.current)), undefined);
  const { cache: other } = clocked();
  assertEquals(other.spanSync("a", () => (other.close(), other.current)), undefined);
});

test("Neither run() nor what bind() has made is a context after close()", () => {
  const { cache } = clocked();
  const span = cache.start("a");
  const bound = span.run(() => cache.bind(() => cache.current));
  cache.close();
  assertEquals(bound(), undefined);
  assertEquals(span.run(() => cache.current), undefined);
});

test("Where the platform has no contexts, a span is around its call alone", async () => {
  const whole = Object.getOwnPropertyDescriptor(globalThis, "process")!;
  let cache: SpanCache;
  try {
    Object.defineProperty(globalThis, "process", { value: undefined, configurable: true });
    cache = new SpanCache();
  } finally {
    Object.defineProperty(globalThis, "process", whole);
  }
  await cache.span("a", async (a) => {
    cache.span("b", () => cache.spanSync("c", () => cache.start("d").end()));
    assertStrictEquals(cache.current, a);
    assertThrows(() =>
      cache.span("e", () => {
        throw new Error("no");
      })
    );
    assertStrictEquals(cache.current, a);
    await undefined;
    assertEquals(cache.current, undefined);
    a.start("f").end();
    a.run(() => cache.start("g").end());
    cache.start("h").end();
  });
  const { b, c, d, e, f, g, h } = parentsOf(cache);
  assertEquals([b, c, d, e, f, g, h], ["a", "b", "c", "a", "a", "a", undefined]);
  cache.close();
  assert(cache.closed);
});
