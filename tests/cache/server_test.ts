import { assert, assertEquals } from "@std/assert";
import {
  chromeTrace,
  otlpJson,
  type OtlpTraces,
  SpanCache,
  traceHandler,
} from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { serve, type TestServer } from "../tap/_server.ts";
import { until } from "../tap/_wait.ts";
import { shapeOf } from "./_context_tree.ts";
import { received } from "./_otlp_reader.ts";
import { CROWD, shapeOfRequest, Site } from "./_server_site.ts";
import { arrowsOf, eventsOf, inNanoseconds, slicesOf } from "./_trace_format.ts";

const REQUESTS = 1_000;

/** How many spans a shape has. */
function sizeOf(shape: string): number {
  return shape.split(/[ (]/).length;
}

test("A real server tells apart a thousand requests, a hundred of which run at a time, and every span in them", async () => {
  await using site = new Site();
  const { cache } = site;
  const held = site.ask("/held", "held");
  // What goes wrong elsewhere is told by itself.
  held.catch(() => {});
  await until("the held request waits", () => cache.stats().open === 2);
  const heldTrace = cache.open()[0]!.traceId;
  let next = 0;
  let spans = 0;
  let checksOfHeld = 0;
  const visit = async (): Promise<void> => {
    while (next < REQUESTS) {
      const id = `${next++}`;
      const traceId = await site.ask("/play", id);
      // It is whole as soon as there is an answer, while others run.
      const shape = shapeOfRequest(id);
      assertEquals(shapeOf(cache, traceId), shape);
      spans += sizeOf(shape);
      if (Number(id) % 50 !== 0) continue;
      assertEquals(shapeOf(cache, heldTrace), "held*(held.done held.waits*)");
      checksOfHeld++;
    }
  };
  await Promise.all(Array.from({ length: CROWD }, visit));
  assertEquals([site.faults, checksOfHeld], [[], REQUESTS / 50]);
  // Those that hold each other up, and the one that is held; some ask the server themselves.
  assert(site.most > CROWD, `${site.most} ran at a time`);

  site.release();
  assertEquals(await held, heldTrace);
  assertEquals(shapeOf(cache, heldTrace), "held(held.done held.waits)");
  const { open, opened, closed, evicted, refused, abandoned } = cache.stats();
  assertEquals([open, opened, closed], [0, spans + 3, spans + 3]);
  assertEquals([evicted, abandoned], [0, 0]);
  assertEquals(refused, { level: 0, chance: 0, full: 0, suppressed: 0, invalid: 0 });
  // Nothing has changed in what was there before.
  const roots = cache.find({ limit: Infinity, where: ({ parentId }) => parentId === undefined });
  assertEquals(roots.length, REQUESTS + 1);
  for (
    const { traceId, fields: { node } } of roots.filter(({ traceId }) => traceId !== heldTrace)
  ) {
    assertEquals(shapeOf(cache, traceId), shapeOfRequest(`${node}`));
  }
  await checkFiles(cache);
});

/** Checks what other tools get of a run: a trace by its format, and what a collector reads. */
async function checkFiles(cache: SpanCache): Promise<void> {
  const all = cache.page({ limit: Infinity });
  const ids = all.map(({ id }) => id).sort();
  const events = eventsOf(JSON.parse(JSON.stringify(chromeTrace(all))));
  const slices = slicesOf(events, inNanoseconds);
  assertEquals(slices.map(({ event }) => event.args!.id as string).sort(), ids);
  assert(arrowsOf(events).length > 0, "some stand beside their parents");

  const { resourceSpans } = await received(otlpJson(all)) as unknown as OtlpTraces;
  const read = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
  const parents = new Map(read.map(({ spanId, parentSpanId }) => [spanId, parentSpanId]));
  assertEquals([...parents.keys()].sort(), ids);
  for (const { id, parentId } of all) assertEquals(parents.get(id), parentId);
}

/** A server whose spans go on until everything is sent. */
function streaming(): { cache: SpanCache; server: TestServer } {
  const cache = new SpanCache();
  const handler = traceHandler(cache, (request: Request) => {
    if (new URL(request.url).pathname === "/text") return new Response("hello");
    // Without an end.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => timer = setTimeout(resolve, 1));
        controller.enqueue(new Uint8Array(100));
      },
      cancel: () => clearTimeout(timer),
    });
    return new Response(body);
  }, { untilSent: true });
  return { cache, server: serve(handler) };
}

test("A span that goes on until everything is sent ends on a real server, with a body, without one, and for HEAD", async () => {
  const { cache, server } = streaming();
  await using _server = server;
  assertEquals(await (await fetch(`${server.url}/text`)).text(), "hello");
  await until("the span has ended", () => cache.size === 1);
  for (const path of ["/text", "/stream"]) {
    cache.clear();
    const response = await fetch(`${server.url}${path}`, { method: "HEAD" });
    assertEquals([response.status, await response.text()], [200, ""]);
    await until(`the span of HEAD ${path} has ended`, () => cache.size === 1);
  }
  assertEquals(cache.stats().open, 0);
});

for (const how of ["is cancelled", "is aborted"]) {
  test(`A span that goes on until everything is sent ends on a real server when the request ${how}`, async () => {
    const { cache, server } = streaming();
    await using _server = server;
    const controller = new AbortController();
    const { signal } = controller;
    const response = await fetch(`${server.url}/stream`, { signal });
    const reader = response.body!.getReader();
    await reader.read();
    assertEquals([cache.size, cache.open()[0]?.fields["url.path"]], [0, "/stream"]);
    if (how === "is cancelled") await reader.cancel();
    else {
      controller.abort();
      await reader.read().catch(() => {});
    }
    await until("the span has ended", () => cache.size === 1);
    const [span] = cache.page();
    assertEquals(span!.events.map(({ name }) => name), ["canceled"]);
  });
}

test("traceHandler() gives its handler what the server of this runtime gives, traced or not", async () => {
  const peers: unknown[] = [];
  const cache = new SpanCache();
  type Peer = { remoteAddr?: { hostname: string }; requestIP?: unknown };
  const handler = traceHandler(cache, (_request: Request, peer: unknown) => {
    // Deno answers this while the request runs.
    const { remoteAddr, requestIP } = peer as Peer;
    peers.push(remoteAddr?.hostname ?? typeof requestIP);
    return new Response();
  });
  await using server = serve(handler);
  await (await fetch(server.url)).text();
  cache.level = "off";
  await (await fetch(server.url)).text();
  const expected = "Deno" in globalThis ? "127.0.0.1" : "function";
  assertEquals([peers, cache.size], [[expected, expected], 1]);
});
