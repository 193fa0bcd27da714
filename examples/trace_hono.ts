/**
 * A Hono application that is traced by one line, on Deno or on Bun, and prints what its requests did: what was in what, also where it asked itself, what
 * was slow, and what failed.
 *
 * Run it with `deno run --allow-net examples/trace_hono.ts` or `bun examples/trace_hono.ts`; either fetches Hono.
 *
 * @module
 */
import { SpanCache, traceHandler } from "../cache/mod.ts";
import { ask, orders, visit } from "./_trace_orders.ts";

// Your own project has it in its manifest, and says `import { Hono } from "hono"`.
const { Hono }: typeof import("npm:hono@4.13.19") = "Deno" in globalThis
  ? await import("npm:hono@4.13.19")
  : await import("hono@4.13.19");
const { routePath }: typeof import("npm:hono@4.13.19/route") = "Deno" in globalThis
  ? await import("npm:hono@4.13.19/route")
  : await import("hono@4.13.19/route");

const cache = new SpanCache({ capacity: 10_000 });
const app = new Hono();

// Hono knows the route, which is a better name than a path: `GET /orders/:id`.
app.use(async (context, next) => {
  await next();
  cache.current?.rename(`${context.req.method} ${routePath(context, -1)}`);
});
app.get("/orders", async (context) => context.text(await orders(cache)));
app.get("/orders/:id", (context) => context.text("no such order", 500));
app.get("/report", async (context) => {
  const { origin } = new URL(context.req.url);
  return context.text(await ask(cache, `${origin}/orders`));
});

const handler = traceHandler(cache, app.fetch); // The line.

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch: (request: Request) => Promise<Response>;
  }): { port: number; stop(): Promise<void> };
};

function serve(): { port: number; stop(): Promise<void> } {
  const where = { hostname: "127.0.0.1", port: 0 };
  if (!("Deno" in globalThis)) return Bun.serve({ ...where, fetch: handler });
  const server = Deno.serve({ ...where, onListen: () => {} }, handler);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

const server = serve();
await visit(cache, `http://127.0.0.1:${server.port}`);
await server.stop();
