import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { traceHandler } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { parentsOf } from "./_context_tree.ts";
import { ask, only } from "./_trace_handler.ts";

/** A body that is fed by hand. */
function fed(): { body: ReadableStream<Uint8Array>; feed: ReadableStreamDefaultController } {
  let feed!: ReadableStreamDefaultController;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) });
  return { body, feed };
}

test("traceHandler() ends with the response, or with its body if untilSent is set", async () => {
  for (const untilSent of [false, true]) {
    const { cache, clock } = clocked();
    const { body, feed } = fed();
    const headers = { "content-type": "text/x-test" };
    const init = { status: 418, statusText: "Teapot", headers };
    const handler = traceHandler(cache, () => new Response(body, init), { untilSent });
    const response = await handler(ask());
    assertEquals([response.status, response.statusText], [418, "Teapot"]);
    assertEquals(response.headers.get("content-type"), "text/x-test");
    assertEquals(cache.stats().open, untilSent ? 1 : 0);
    const text = observe(response.text());
    for (const part of ["he", "llo"]) {
      feed.enqueue(new TextEncoder().encode(part));
      await settle();
      clock.pass(3);
    }
    assertEquals(cache.stats().open, untilSent ? 1 : 0);
    feed.close();
    await settle();
    assertEquals(text.value, "hello");
    const { durationMs, status, events } = only(cache);
    assertEquals([durationMs, status, events.length], [untilSent ? 6 : 0, "unset", 0]);
  }
});

test("traceHandler() with untilSent ends at once where there is no body", async () => {
  const { cache } = clocked();
  const response = new Response(null, { status: 204 });
  const handler = traceHandler(cache, () => response, { untilSent: true });
  assertStrictEquals(await handler(ask()), response);
  assertEquals(only(cache).status, "unset");
});

test("traceHandler() with untilSent ends when nobody reads the body any more, and says so to its source", async () => {
  const { cache } = clocked();
  const reasons: unknown[] = [];
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: (reason) => void reasons.push(reason),
  });
  const handler = traceHandler(cache, () => new Response(body), { untilSent: true });
  const reader = (await handler(ask())).body!.getReader();
  assertEquals((await reader.read()).value?.length, 1);
  assertEquals(cache.stats().open, 1);
  const reason = new Error("gone");
  await reader.cancel(reason);
  assertStrictEquals(reasons[0], reason);
  const { status, events } = only(cache);
  assertEquals([status, events.map(({ name }) => name)], ["unset", ["canceled"]]);
});

test("traceHandler() with untilSent fails with a body that does", async () => {
  const { cache } = clocked();
  const { body, feed } = fed();
  const handler = traceHandler(cache, () => new Response(body), { untilSent: true });
  const response = await handler(ask());
  feed.enqueue(new Uint8Array(1));
  const error = new Error("disk full");
  const reading = reasonOf(response.arrayBuffer());
  await settle();
  feed.error(error);
  assertStrictEquals(await reading, error);
  const { status, message } = only(cache);
  assertEquals([status, message], ["error", "disk full"]);
});

test("traceHandler() with untilSent reads no more of a body than is asked for", async () => {
  const { cache } = clocked();
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(1));
    },
  }, { highWaterMark: 0 });
  const handler = traceHandler(cache, () => new Response(body), { untilSent: true });
  const reader = (await handler(ask())).body!.getReader();
  await settle();
  assertEquals(pulls, 0);
  await reader.read();
  await settle();
  assertEquals(pulls, 1);
  await reader.cancel();
});

test("traceHandler() with untilSent fails with a response whose body somebody has taken", async () => {
  const { cache } = clocked();
  const response = new Response("hello");
  response.body!.getReader();
  const handler = traceHandler(cache, () => response, { untilSent: true });
  await assertRejects(() => handler(ask()), TypeError);
  assertEquals(only(cache).status, "error");
});

test("traceHandler() with untilSent is not around what reads the body, but its handler's stream is", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, () => {
    const render = cache.bind(() => cache.start("render").end());
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        render();
        controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body);
  }, { untilSent: true });
  await (await handler(ask())).text();
  assert(cache.current === undefined);
  assertEquals(parentsOf(cache), { render: "GET", GET: undefined });
});
