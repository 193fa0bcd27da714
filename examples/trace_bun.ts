/**
 * A server on `Bun.serve` that is traced by one line, and prints what its requests did: what was in what, also where the server asked itself, what
 * was slow, and what failed. For Deno see `trace_deno.ts`.
 *
 * Run it with `bun examples/trace_bun.ts`.
 *
 * @module
 */
import { SpanCache, traceHandler } from "../cache/mod.ts";
import { ask, orders, visit } from "./_trace_orders.ts";

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch: (request: Request) => Promise<Response>;
  }): { port: number; stop(): Promise<void> };
};

const cache = new SpanCache({ capacity: 10_000 });

async function handler(request: Request): Promise<Response> {
  const { origin, pathname } = new URL(request.url);
  // Otherwise they are called by the method alone, since paths may be many.
  if (["/orders", "/report"].includes(pathname)) cache.current?.rename(`GET ${pathname}`);
  if (pathname === "/orders") return new Response(await orders(cache));
  if (pathname === "/report") return new Response(await ask(cache, `${origin}/orders`));
  return new Response("no such order", { status: 500 });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: traceHandler(cache, handler), // The line.
});
await visit(cache, `http://127.0.0.1:${server.port}`);
await server.stop();
