// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * A bus whose events are watched in a browser, by `Bun.serve`: open the address that it prints. What is streamed, and how a browser comes back
 * after a cut, is in `_bus_to_browser.ts`; for Deno see `bus_to_browser_deno.ts`.
 *
 * Run it with `bun examples/bus_to_browser_bun.ts`. Argument: `--port PORT`. Ctrl-C ends it.
 *
 * @module
 */
import process from "node:process";
import { openShop, readPort } from "./_bus_to_browser.ts";

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch: (request: Request) => Response;
  }): { port: number; stop(): Promise<void> };
};

const shop = openShop();
// Bun ends what has been silent for ten seconds; streams of events say something every five.
const server = Bun.serve({ hostname: "127.0.0.1", port: readPort(), fetch: shop.handler });
console.log(`Open http://127.0.0.1:${server.port}/`);

process.once("SIGINT", async () => {
  // The streams end first: the server waits for its answers.
  shop.close();
  await server.stop();
  console.log(shop.summary());
});
