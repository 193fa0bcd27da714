import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { parentsOf } from "./_context_tree.ts";

test("span() gives back what its function answers, and ends with it", async () => {
  const { cache, clock } = clocked();
  assertEquals(cache.span("sync", () => (clock.pass(2), "answer")), "answer");
  const { promise, resolve } = Promise.withResolvers<string>();
  const answer = observe(cache.span("async", { id: 7 }, () => promise));
  await settle();
  assertEquals([answer.state, cache.stats().open], ["pending", 1]);
  clock.pass(3);
  resolve("later");
  await settle();
  assertEquals(answer.value, "later");
  const [later, sync] = cache.find();
  assertEquals([sync!.durationMs, later!.durationMs, later!.fields], [2, 3, { id: 7 }]);
});

for (const how of ["span", "spanSync"] as const) {
  test(`${how}() fails with what its function throws, which goes on to the caller`, async () => {
    const { cache } = clocked();
    const error = new RangeError("too far");
    const call = (name: string, callback: () => unknown): unknown => cache[how](name, callback);
    let thrown: unknown;
    try {
      call("outer", () =>
        call("inner", () => {
          throw error;
        }));
    } catch (caught) {
      thrown = caught;
    }
    assertStrictEquals(thrown, error);
    assertEquals(cache.current, undefined);
    assertStrictEquals(
      await reasonOf(call("async", async () => {
        await undefined;
        throw error;
      }) as Promise<unknown>),
      error,
    );
    for (const { status, message, events } of cache.page()) {
      assertEquals([status, message, events.length], ["error", "too far", 1]);
      assertEquals(events[0]!.fields["exception.type"], "RangeError");
    }
    assertEquals(cache.page().map(({ name }) => name), ["inner", "outer", "async"]);
    assertEquals(cache.stats().open, 0);
  });

  test(`${how}() fails with nothing and with what is no error just the same`, async () => {
    const { cache } = clocked();
    for (const thrown of [undefined, null, "why", 0]) {
      const call = () =>
        cache[how]("call", () => {
          throw thrown;
        });
      let caught: unknown = "nothing";
      try {
        call();
      } catch (error) {
        caught = error;
      }
      assertStrictEquals(caught, thrown);
      assertStrictEquals(await reasonOf(cache[how]("call", () => Promise.reject(thrown))), thrown);
    }
    assertEquals(cache.find({ failed: true }).length, 8);
    assertEquals(cache.find({ where: ({ message }) => message === "why" }).length, 2);
  });

  test(`${how}() refuses what is no function before it starts anything`, () => {
    const { cache } = clocked();
    assertThrows(
      () => cache[how]("call", undefined as unknown as () => void),
      TypeError,
      "callback must be a function",
    );
    assertEquals(cache.stats().opened, 0);
  });
}

test("span() waits for whatever has a then(), and gives on what it settles with", async () => {
  const { cache } = clocked();
  const reason = new Error("no");
  const good: PromiseLike<number> = {
    then: (resolve) => Promise.resolve(7).then(resolve),
  };
  const bad: PromiseLike<number> = {
    then: (_, reject) => Promise.reject(reason).catch(reject),
  };
  assertEquals(await cache.span("good", () => good), 7);
  assertStrictEquals(await reasonOf(cache.span("bad", () => bad)), reason);
  assertEquals(cache.page().map(({ name, status }) => [name, status]), [
    ["good", "unset"],
    ["bad", "error"],
  ]);
});

test("span() is around what an answer does that begins when it is waited for", async () => {
  const { cache } = clocked();
  // As queries of several databases do.
  const query: PromiseLike<string> = {
    then: (resolve) =>
      Promise.resolve(cache.span("query", async () => {
        await undefined;
        return "rows";
      })).then(resolve),
  };
  assertEquals(await cache.span("load", () => query), "rows");
  assertEquals(parentsOf(cache), { query: "load", load: undefined });
});

test("spanSync() of a promise ends with it, but is around its beginning only", async () => {
  const { cache, clock } = clocked();
  const answer = await cache.span("outer", () =>
    cache.spanSync("call", async () => {
      cache.start("before").end();
      await undefined;
      clock.pass(4);
      cache.start("behind").end();
      return "answer";
    }));
  assertEquals(answer, "answer");
  const { call, before, behind } = parentsOf(cache);
  assertEquals([call, before, behind], ["outer", "call", "outer"]);
  assertEquals(cache.find({ name: "call" })[0]!.durationMs, 4);
});
