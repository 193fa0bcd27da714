import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { SpanCache } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";
import { makePlay, Player, shapeOfPlay } from "./_context_play.ts";
import { inOrder, parentsOf, shapeOf } from "./_context_tree.ts";

const timer = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

test("span() is around what its function calls and waits for, and around nothing else", async () => {
  const { cache } = clocked();
  assertEquals(cache.current, undefined);
  await cache.span("a", async (a) => {
    assertStrictEquals(cache.current, a);
    cache.start("b").end();
    await cache.span("c", async (c) => {
      await undefined;
      assertStrictEquals(cache.current, c);
      cache.start("d").end();
      await timer();
      cache.start("e").end();
    });
    assertStrictEquals(cache.current, a);
    cache.start("f").end();
  });
  assertEquals(cache.current, undefined);
  cache.start("g").end();
  const { a, b, c, d, e, f, g } = parentsOf(cache);
  assertEquals([a, b, c, d, e, f, g], [undefined, "a", "a", "c", "c", "a", undefined]);
  assertEquals(new Set(cache.find().map(({ traceId }) => traceId)).size, 2);
});

test("span() is around timers, microtasks and promises that begin in it", async () => {
  const { cache } = clocked();
  const { setImmediate } = await import("node:timers");
  const { nextTick } = await import("node:process");
  const ways: Record<string, (then: () => void) => void> = {
    timeout: (then) => void setTimeout(then, 0),
    interval: (then) => {
      const stop = setInterval(() => {
        clearInterval(stop);
        then();
      }, 1);
    },
    immediate: (then) => void setImmediate(then),
    tick: (then) => nextTick(then),
    microtask: (then) => queueMicrotask(then),
    then: (then) => void Promise.resolve().then(then),
    rejected: (then) => void Promise.reject(new Error("no")).catch(then),
    finally: (then) => void Promise.resolve().finally(then),
  };
  await cache.span("root", () =>
    Promise.all(
      Object.entries(ways).map(([way, begin]) =>
        cache.span(way, (span) =>
          new Promise<void>((resolve) =>
            begin(() => {
              assertStrictEquals(cache.current, span, way);
              cache.start(`in ${way}`).end();
              resolve();
            })
          ))
      ),
    ));
  const parents = parentsOf(cache);
  for (const way of Object.keys(ways)) {
    assertEquals([parents[way], parents[`in ${way}`]], ["root", way]);
  }
});

test("span() tells apart what runs at the same time", async () => {
  const { cache } = clocked();
  const both = ["x", "y"].map((name) =>
    cache.span(name, () =>
      Promise.all(
        [1, 2, 3].map((part) =>
          cache.span(`${name}${part}`, async () => {
            for (let turn = 0; turn < part; turn++) await undefined;
            cache.start(`in ${name}${part}`).end();
          })
        ),
      ))
  );
  await Promise.all(both);
  const parents = parentsOf(cache);
  for (const name of ["x", "y"]) {
    for (const part of [1, 2, 3]) {
      assertEquals(parents[`${name}${part}`], name);
      assertEquals(parents[`in ${name}${part}`], `${name}${part}`);
    }
  }
});

test("A generator is in the span around each of its steps, whoever made it", async () => {
  const { cache } = clocked();
  function* plain(): Generator<string | undefined> {
    for (;;) yield cache.current?.id;
  }
  async function* waiting(): AsyncGenerator<string | undefined> {
    for (;;) {
      await undefined;
      yield cache.current?.id;
    }
  }
  using a = cache.start("a");
  using b = cache.start("b");
  const made = a.run(() => ({ sync: plain(), async: waiting() }));
  for (const span of [a, b, undefined, a]) {
    const step = <T>(next: () => T): T => span === undefined ? next() : span.run(next);
    assertEquals(step(() => made.sync.next()).value, span?.id);
    assertEquals((await step(() => made.async.next())).value, span?.id);
  }
});

test("Spans of many calls that run at the same time are where they were begun, whatever the calls do", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const cache = new SpanCache();
    const random = new Random(seed);
    const player = new Player(cache);
    const plays = Array.from({ length: 10 }, (_, at) => makePlay(random, `${at}`, 20));
    await Promise.all(plays.map((play) => player.play(play)));
    assertEquals(cache.stats().open, 0);
    const roots = cache.find({ limit: Infinity, where: ({ parentId }) => parentId === undefined });
    const shapes = roots.map(({ traceId }) => shapeOf(cache, traceId));
    assertEquals(inOrder(shapes), inOrder(plays.map(shapeOfPlay)), `seed ${seed}`);
  }
});

test("spanSync() and span() are in each other, whichever is outside", async () => {
  const { cache } = clocked();
  await cache.span("a", async () => {
    cache.spanSync("b", (b) => {
      assertStrictEquals(cache.current, b);
      cache.spanSync("c", () => cache.start("d").end());
      assertStrictEquals(cache.current, b);
    });
    await undefined;
    cache.start("e").end();
  });
  let inner: Promise<void> | undefined;
  cache.spanSync("f", (f) => {
    inner = cache.span("g", async (g) => {
      cache.spanSync("h", () => cache.start("i").end());
      assertStrictEquals(cache.current, g);
      await undefined;
      assertStrictEquals(cache.current, g);
      cache.start("j").end();
    });
    assertStrictEquals(cache.current, f);
  });
  assertEquals(cache.current, undefined);
  await inner;
  const { b, c, d, e, f, g, h, i, j } = parentsOf(cache);
  assertEquals([b, c, d, e], ["a", "b", "c", "a"]);
  assertEquals([f, g, h, i, j], [undefined, "f", "g", "h", "g"]);
});

test("spanSync() is around nothing that happens between two steps of others", async () => {
  const { cache } = clocked();
  const work = (name: string): Promise<void> =>
    cache.span(name, async (span) => {
      for (let step = 0; step < 5; step++) {
        cache.spanSync(`${name}${step}`, () => {
          try {
            cache.spanSync(`throws ${name}${step}`, () => {
              throw new Error("no");
            });
          } catch {
            cache.start(`in ${name}${step}`).end();
          }
        });
        assertStrictEquals(cache.current, span);
        await undefined;
        assertStrictEquals(cache.current, span);
      }
    });
  await Promise.all(["x", "y", "z"].map(work));
  const parents = parentsOf(cache);
  for (const name of ["x", "y", "z"]) {
    for (let step = 0; step < 5; step++) {
      assertEquals(parents[`${name}${step}`], name);
      assertEquals(parents[`throws ${name}${step}`], `${name}${step}`);
      assertEquals(parents[`in ${name}${step}`], `${name}${step}`);
    }
  }
});

test("run() is around a call and what it waits for, and does not end its span", async () => {
  const { cache } = clocked();
  const span = cache.start("a");
  const error = new Error("no");
  assertEquals(span.run(() => cache.current === span && "answer"), "answer");
  assertStrictEquals(
    assertThrows(() =>
      span.run(() => {
        throw error;
      })
    ),
    error,
  );
  assertEquals(cache.current, undefined);
  await span.run(async () => {
    await undefined;
    cache.start("b").end();
  });
  assertEquals([span.recording, cache.stats().open], [true, 1]);
  span.end();
  assertEquals(parentsOf(cache), { a: undefined, b: "a" });
  // Thrown in it, which says nothing about it.
  assertEquals(cache.find({ name: "a" })[0]!.status, "unset");
});

test("A span is in the one that is given as its parent, or in none, whatever is around it", () => {
  const { cache } = clocked();
  const other = cache.start("other");
  const remote = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true };
  cache.span("around", () => {
    cache.start("in other", {}, { parent: other }).end();
    cache.start("in none", {}, { parent: null }).end();
    cache.start("in remote", {}, { parent: remote }).end();
    cache.start("in malformed", {}, { parent: { ...remote, spanId: "0".repeat(16) } }).end();
    cache.span("span in none", undefined, () => cache.start("inner").end(), { parent: null });
    cache.spanSync("sync in other", undefined, () => cache.start("sync").end(), { parent: other });
    other.start("started by other").end();
  });
  other.end();
  const parents = parentsOf(cache);
  assertEquals(parents["in other"], "other");
  assertEquals(parents["started by other"], "other");
  assertEquals([parents["in none"], parents["in malformed"]], [undefined, undefined]);
  assertEquals([parents["span in none"], parents["inner"]], [undefined, "span in none"]);
  assertEquals([parents["sync in other"], parents["sync"]], ["other", "sync in other"]);
  const [record] = cache.find({ name: "in remote" });
  assertEquals([record!.traceId, record!.parentId], [remote.traceId, remote.spanId]);
});

test("bind() keeps the span around it for a function that others call", async () => {
  const { cache } = clocked();
  const call = await cache.span("a", async () => {
    await undefined;
    return cache.bind((left: number, right: number) => {
      cache.start(`${left}${right}`).end();
      return left + right;
    });
  });
  const sync = cache.spanSync("b", () => cache.bind(() => cache.start("in b").end()));
  const none = cache.bind(() => cache.start("in none").end());
  assertEquals(call(1, 2), 3);
  await cache.span("c", async () => {
    assertEquals(call(3, 4), 7);
    cache.spanSync("d", () => {
      sync();
      none();
    });
    await timer();
    none();
    assertEquals(cache.current?.recording, true);
  });
  const parents = parentsOf(cache);
  assertEquals([parents["12"], parents["34"], parents["in b"]], ["a", "a", "b"]);
  for (const { parentId } of cache.find({ name: "in none" })) assertEquals(parentId, undefined);
  assertThrows(() => cache.bind(undefined as unknown as () => void), TypeError, "function");
});

test("Two caches have contexts of their own", async () => {
  const one = new SpanCache();
  const two = new SpanCache();
  await one.span("a", async (a) => {
    await two.span("b", async (b) => {
      await undefined;
      assertStrictEquals(one.current, a);
      assertStrictEquals(two.current, b);
      one.start("c").end();
      two.spanSync("d", () => one.spanSync("e", () => two.start("f").end()));
      two.close();
      assertStrictEquals(one.current, a);
      // In the trace of the other one, as if that was elsewhere.
      one.start("g", {}, { parent: b }).end();
    });
    await undefined;
    one.start("h").end();
  });
  const { c, e, h } = parentsOf(one);
  assertEquals([c, e, h], ["a", "a", "a"]);
  const { d, f } = parentsOf(two);
  assertEquals([d, f], ["b", "d"]);
  const [b] = two.find({ name: "b" });
  const [g] = one.find({ name: "g" });
  assertEquals([g!.traceId, g!.parentId], [b!.traceId, b!.id]);
});
