/**
 * A server on `Bun.serve` that can be watched while it runs, at `/debug/tap` and from this machine only. It watches itself for some orders; what
 * it prints of them is what whoever watches gets to see. For Deno see `tap_deno.ts`, for tokens `tap_hono.ts`.
 *
 * Run it with `bun examples/tap_bun.ts`; with a port, as in `bun examples/tap_bun.ts 8000`, it is there to be watched by you, until Ctrl-C.
 *
 * @module
 */
import { tapHandler } from "../tap/mod.ts";
import { end, live, makeTap, readPort, sell } from "./_tap_orders.ts";

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch: (request: Request, server: unknown) => Promise<Response>;
  }): { port: number; stop(): Promise<void> };
};

const tap = makeTap();
const watch = tapHandler(tap);

// The second argument knows who asks: without it the tap would have to take everybody for a stranger.
async function handler(request: Request, server: unknown): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith("/debug/tap")) return await watch(request, server);
  return await sell(tap, request);
}

const server = Bun.serve({ hostname: "127.0.0.1", port: readPort() ?? 0, fetch: handler });
await live(`http://127.0.0.1:${server.port}`);
await end(tap, () => server.stop());
