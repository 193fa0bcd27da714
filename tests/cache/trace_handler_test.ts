import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { SpanCache, traceHandler } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";
import { clocked } from "./_clocked.ts";
import { parentsOf } from "./_context_tree.ts";
import { ask, only } from "./_trace_handler.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const hello = (): Response => new Response("hello");

test("traceHandler() records a request with its method, its path and its status", async () => {
  const { cache, clock } = clocked();
  const answer = new Response("made", { status: 201 });
  const handler = traceHandler(cache, async () => {
    await undefined;
    clock.pass(5);
    return answer;
  });
  const response = await handler(ask("/users/7?secret=1#part", { method: "POST" }));
  assertStrictEquals(response, answer);
  const { name, kind, status, parentId, durationMs, fields } = only(cache);
  assertEquals([name, kind, status, parentId, durationMs], [
    "POST",
    "server",
    "unset",
    undefined,
    5,
  ]);
  assertEquals(fields, {
    "http.request.method": "POST",
    "url.path": "/users/7",
    "http.response.status_code": 201,
  });
});

test("traceHandler() finds the path of every URL", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, hello);
  for (
    const [url, path] of [
      ["http://localhost", "/"],
      ["http://localhost/", "/"],
      ["http://localhost?x=/y", "/"],
      ["http://localhost:8000/a/b?c=d/e", "/a/b"],
      ["http://localhost/a#b/c", "/a"],
      ["http://localhost/a%20b/%C3%A9", "/a%20b/%C3%A9"],
      ["http://[::1]:8000/a", "/a"],
      ["https://user:password@host/a:b//c", "/a:b//c"],
    ] as const
  ) {
    await handler(new Request(url));
    assertEquals(cache.find({ limit: 1 })[0]!.fields["url.path"], path, url);
  }
});

test("traceHandler() is around what its handler calls and waits for", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, async () => {
    assertEquals(cache.current?.recording, true);
    await undefined;
    cache.spanSync("query", () => {});
    cache.current?.rename("GET /users/:id").set("user", 7);
    return hello();
  });
  await Promise.all([handler(ask()), handler(ask())]);
  assertEquals(cache.current, undefined);
  assertEquals(parentsOf(cache), { query: "GET /users/:id", "GET /users/:id": undefined });
  assertEquals(cache.find({ name: "GET /users/:id" }).map(({ fields }) => fields["user"]), [7, 7]);
});

test("traceHandler() takes names and fields from its options", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, hello, {
    name: ({ method, url }) => `${method} ${new URL(url).pathname.split("/")[1]}`,
    fields: ({ headers }) => ({ agent: headers.get("user-agent"), "url.path": "hidden" }),
  });
  await handler(ask("/users/7", { headers: { "user-agent": "test" } }));
  await handler(ask("/users/7", { headers: { "user-agent": "" } }));
  const [second, first] = cache.find();
  assertEquals([first!.name, first!.fields["agent"]], ["GET users", "test"]);
  assertEquals([second!.fields["agent"], second!.fields["url.path"]], ["", "hidden"]);
});

test("traceHandler() hands everything on that the server gives beside the request", async () => {
  const { cache } = clocked();
  const info = { remoteAddr: { hostname: "127.0.0.1" } };
  const seen: unknown[] = [];
  // `Deno.serve` gives one thing more, `Bun.serve` its server, Hono takes two.
  const handler = traceHandler(cache, (request: Request, one: typeof info, two: number) => {
    seen.push(request, one, two);
    return hello();
  });
  const request = ask();
  await handler(request, info, 7);
  const untraced = traceHandler(cache, (...all: [Request, string]) => {
    seen.push(...all);
    return hello();
  }, { filter: () => false });
  await untraced(request, "server");
  const expected = [request, info, 7, request, "server"];
  assertEquals(seen.length, expected.length);
  for (const [at, value] of expected.entries()) assertStrictEquals(seen[at], value);
});

test("traceHandler() passes over what its filter leaves out", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, () => {
    cache.start("inner").end();
    return hello();
  }, { filter: ({ url }) => !url.endsWith("/health") });
  assertEquals(await (await handler(ask("/health"))).text(), "hello");
  assertEquals(parentsOf(cache), { inner: undefined });
  cache.clear();
  await handler(ask("/users"));
  assertEquals(parentsOf(cache), { inner: "GET", GET: undefined });
});

test("traceHandler() goes on with the trace of its caller, unless callers are not to be believed", async () => {
  const { cache } = clocked();
  const traceparent = `00-${TRACE}-${SPAN}-00`;
  const headers = { traceparent, tracestate: "a=1" };
  const contexts: unknown[] = [];
  const answer = (): Response => {
    contexts.push(cache.current?.context);
    return hello();
  };
  await traceHandler(cache, answer)(ask("/", { headers }));
  await traceHandler(cache, answer, { trustCaller: false })(ask("/", { headers }));
  await traceHandler(cache, answer)(ask("/", { headers: { traceparent: "00-junk-01" } }));
  const [believed, doubted, malformed] = cache.page();
  assertEquals([believed!.traceId, believed!.parentId], [TRACE, SPAN]);
  assertEquals(contexts[0], { traceId: TRACE, spanId: believed!.id, sampled: false, state: "a=1" });
  for (const [at, span] of [doubted!, malformed!].entries()) {
    assertEquals([span.traceId === TRACE, span.parentId], [false, undefined]);
    const own = { traceId: span.traceId, spanId: span.id, sampled: true };
    assertEquals(contexts[at + 1], own);
  }
});

test("traceHandler() begins a trace for each request, whatever is around the call", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, hello);
  await cache.span("around", () => handler(ask()));
  assertEquals(parentsOf(cache), { GET: undefined, around: undefined });
});

test("traceHandler() fails with what its handler throws or rejects with, which goes on to the server", async () => {
  const { cache } = clocked();
  const error = new RangeError("too far");
  const throws = traceHandler(cache, () => {
    throw error;
  });
  const rejects = traceHandler(cache, async () => {
    await undefined;
    throw error;
  });
  for (const handler of [throws, rejects]) {
    assertStrictEquals(await reasonOf(handler(ask())), error);
    const { status, message, events, fields } = only(cache);
    assertEquals([status, message, events[0]?.name], ["error", "too far", "exception"]);
    assertEquals("http.response.status_code" in fields, false);
    cache.clear();
  }
});

test("traceHandler() fails from status 500 on, and not below", async () => {
  const { cache } = clocked();
  for (const status of [200, 302, 404, 499, 500, 503, 599]) {
    const handler = traceHandler(cache, () => new Response(null, { status }));
    assertEquals((await handler(ask())).status, status);
    const span = only(cache);
    assertEquals(span.fields["http.response.status_code"], status);
    assertEquals(span.status, status >= 500 ? "error" : "unset", `${status}`);
    cache.clear();
  }
});

for (const untilSent of [false, true]) {
  test(`traceHandler() lets a handler answer nothing, as Bun has it for sockets, untilSent ${untilSent}`, async () => {
    const { cache } = clocked();
    const upgraded = traceHandler(cache, (() => undefined) as unknown as () => Response, {
      untilSent,
    });
    assertEquals(await upgraded(ask()), undefined as unknown as Response);
    const { status, fields } = only(cache);
    assertEquals([status, "http.response.status_code" in fields], ["unset", false]);
  });
}

test("traceHandler() does not trace, and still answers, while nothing is recorded", async () => {
  for (
    const make of [() => new SpanCache({ level: "off" }), () => new SpanCache({ level: "warn" })]
  ) {
    const cache = make();
    const handler = traceHandler(cache, hello);
    assertEquals(await (await handler(ask())).text(), "hello");
    assertEquals(cache.size, 0);
    // It can be changed while the server runs.
    cache.level = "info";
    await handler(ask());
    assertEquals(cache.size, 1);
    cache.close();
    assertEquals(await (await handler(ask())).text(), "hello");
    assertEquals(cache.size, 1);
  }
});

for (
  const [what, options] of [["chance", { chance: 0 }], ["its level", { level: "warn" }]] as const
) {
  test(`traceHandler() hands on what the caller said where a request is not recorded because of ${what}`, async () => {
    const cache = new SpanCache(options);
    let inside: string | undefined;
    const handler = traceHandler(cache, async () => {
      await undefined;
      inside = cache.current?.traceparent;
      return hello();
    });
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    await handler(ask("/", { headers: { traceparent } }));
    assertEquals(inside, traceparent);
  });
}

for (const option of ["name", "fields", "filter"] as const) {
  test(`traceHandler() leaves no span running where its option ${option} throws`, async () => {
    const { cache } = clocked();
    const handler = traceHandler(cache, hello, {
      [option]: () => {
        throw new Error("no");
      },
    });
    await handler(ask()).catch(() => {});
    assertEquals(cache.stats().open, 0);
  });
}

test("traceHandler() refuses what is no function", () => {
  const { cache } = clocked();
  const junk = "junk" as unknown as () => never;
  assertThrows(() => traceHandler(cache, junk), TypeError, "handler must be a function");
  for (const option of ["name", "fields", "filter"]) {
    assertThrows(
      () => traceHandler(cache, hello, { [option]: junk }),
      TypeError,
      `${option} must be a function`,
    );
  }
});

test("traceHandler() calls spans of methods that somebody has made up by one name", async () => {
  const { cache } = clocked();
  const handler = traceHandler(cache, hello);
  for (let i = 0; i < 50; i++) {
    // A request of Bun has no such method, and one of a browser neither.
    await handler({ method: `X${i}`, url: "http://host/", headers: new Headers() } as Request);
  }
  await handler(ask("/", { method: "QUERY" }));
  assertEquals(cache.aggregate().map(({ name, count }) => [name, count]).sort(), [
    ["HTTP", 50],
    ["QUERY", 1],
  ]);
  assertEquals(cache.page()[0]!.fields["http.request.method"], "X0");
});
