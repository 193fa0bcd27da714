/**
 * A Hono application that can be watched while it runs, on Deno or on Bun, also from other machines: by whoever has a token. It watches itself for
 * some orders; what it prints of them is what whoever watches gets to see.
 *
 * Run it with `deno run --allow-net examples/tap_hono.ts` or `bun examples/tap_hono.ts`; either fetches Hono. With a port, as in
 * `bun examples/tap_hono.ts 8000`, it is there to be watched by you, until Ctrl-C.
 *
 * @module
 */
import { bearer, tapHandler } from "../tap/mod.ts";
import { end, live, makeTap, readPort, sell } from "./_tap_orders.ts";

// Your own project has it in its manifest, and says `import { Hono } from "hono"`.
const { Hono }: typeof import("npm:hono@4.13.19") = "Deno" in globalThis
  ? await import("npm:hono@4.13.19")
  : await import("hono@4.13.19");

// Yours come from the environment or a file, and last longer than the program.
const [tokenOfOps, tokenOfGuests] = [crypto.randomUUID(), crypto.randomUUID()];

const tap = makeTap();
const watch = tapHandler(tap, {
  authorize: bearer([
    { token: tokenOfOps, subject: "ops", admin: true },
    { token: tokenOfGuests, subject: "guests", redact: ["order"], maxDurationMs: 60_000 },
  ]),
});

const app = new Hono();
// What Hono calls `env` is what the server says beside a request: how the tap learns that a reader has gone.
app.all("/debug/tap/*", (context) => watch(context.req.raw, context.env));
app.all("*", (context) => sell(tap, context.req.raw));

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch: (request: Request, server: object) => Response | Promise<Response>;
  }): { port: number; stop(): Promise<void> };
};

function serve(): { port: number; stop(): Promise<void> } {
  const where = { hostname: "0.0.0.0", port: readPort() ?? 0 };
  if (!("Deno" in globalThis)) return Bun.serve({ ...where, fetch: app.fetch });
  const server = Deno.serve({ ...where, onListen: () => {} }, app.fetch);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

const server = serve();
await live(`http://127.0.0.1:${server.port}`, tokenOfGuests);
await end(tap, () => server.stop());
