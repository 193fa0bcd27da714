/**
 * A server on `Deno.serve` that can be watched while it runs, at `/debug/tap` and from this machine only. It watches itself for some orders; what
 * it prints of them is what whoever watches gets to see. For Bun see `tap_bun.ts`, for tokens `tap_hono.ts`.
 *
 * Run it with `deno run --allow-net examples/tap_deno.ts`; with a port, as in `examples/tap_deno.ts 8000`, it is there to be watched by you, until
 * Ctrl-C.
 *
 * @module
 */
import { tapHandler } from "../tap/mod.ts";
import { end, live, makeTap, readPort, sell } from "./_tap_orders.ts";

const tap = makeTap();
const watch = tapHandler(tap);

// The second argument says who asks: without it the tap would have to take everybody for a stranger.
async function handler(request: Request, info: Deno.ServeHandlerInfo): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith("/debug/tap")) return await watch(request, info);
  return await sell(tap, request);
}

const server = Deno.serve(
  { hostname: "127.0.0.1", port: readPort() ?? 0, onListen: () => {} },
  handler,
);
await live(`http://127.0.0.1:${server.addr.port}`);
await end(tap, () => server.shutdown());
