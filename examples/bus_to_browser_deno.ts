// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * A bus whose events are watched in a browser, by `Deno.serve`: open the address that it prints. What is streamed, and how a browser comes back
 * after a cut, is in `_bus_to_browser.ts`; for Bun see `bus_to_browser_bun.ts`.
 *
 * Run it with `deno run --allow-net examples/bus_to_browser_deno.ts`. Argument: `--port PORT`. Ctrl-C ends it.
 *
 * @module
 */
import { openShop, readPort } from "./_bus_to_browser.ts";

const shop = openShop();
const server = Deno.serve({
  hostname: "127.0.0.1",
  port: readPort(),
  onListen: ({ port }) => console.log(`Open http://127.0.0.1:${port}/`),
}, shop.handler);

const stop = async (): Promise<void> => {
  Deno.removeSignalListener("SIGINT", stop);
  // The streams end first: the server waits for its answers.
  shop.close();
  await server.shutdown();
  console.log(shop.summary());
};
Deno.addSignalListener("SIGINT", stop);
