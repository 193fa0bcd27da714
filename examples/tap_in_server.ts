// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * A server that can be watched while it runs: its own requests, at an address of its own, for whoever is on this machine.
 *
 * Run it with `deno run --allow-net examples/tap_in_server.ts` or `bun examples/tap_in_server.ts`; it watches itself for three requests.
 *
 * @module
 */
import { Tap, tapClient, tapHandler } from "../tap/mod.ts";

declare const Bun: {
  serve(options: { port: number; fetch: typeof handler }): { port: number; stop(): Promise<void> };
};

const tap = new Tap({ stages: { request: "json" } });
const watch = tapHandler(tap);

async function handler(request: Request, peer: unknown): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/debug/tap") return await watch(request, peer);
  const response = new Response(pathname === "/" ? "hello\n" : "not found\n", {
    status: pathname === "/" ? 200 : 404,
  });
  // Nobody watching: the function is not even called.
  tap.offer("request", () => ({ method: request.method, pathname, status: response.status }));
  return response;
}

function serve(): { port: number; stop(): Promise<void> } {
  if (!("Deno" in globalThis)) return Bun.serve({ port: 0, fetch: handler });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

const server = serve();
const url = `http://127.0.0.1:${server.port}`;
const events = tapClient(`${url}/debug/tap`, { limit: 3 });
const watching = (async () => {
  for await (const event of events) console.log(event);
})();
while (tap.sessions.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));

for (const path of ["/", "/missing", "/"]) await (await fetch(`${url}${path}`)).body?.cancel();
await watching;
console.log(`${events.summary?.captured} watched, ${events.summary?.dropped} dropped`);
tap.close();
await server.stop();
