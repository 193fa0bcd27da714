/**
 * What both `bus_to_browser_deno.ts` and `bus_to_browser_bun.ts` serve: a shop that publishes what happens in it, and the answers to a browser
 * that watches.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Bus, eventStream } from "../bus/mod.ts";
import { page } from "./_bus_to_browser_page.ts";

/** What happens in the shop. */
export type ShopEvent =
  | { readonly type: "order"; readonly number: number; readonly text: string }
  | { readonly type: "payment"; readonly number: number; readonly text: string }
  | { readonly type: "visit"; readonly number: number; readonly text: string };

const TYPES = ["order", "payment", "visit"] as const;

/** Between two events, in milliseconds. */
const PAUSE_MS = 250;

/** How many events a visitor of the page can have published at once. */
const BURST = 10_000;

const ITEMS = ["a teapot", "two cups", "a kettle", "100 g of oolong", "a strainer"];

/** A shop, from its opening until it is closed. */
export interface Shop {
  readonly bus: Bus<ShopEvent>;
  /** Answers a browser. */
  handler(request: Request): Response;
  /** Says what has happened so far. */
  summary(): string;
  /** Ends the shop and all streams of its events. */
  close(): void;
}

/** Opens a shop. */
export function openShop(): Shop {
  // What a browser that was cut off can still be given when it comes back.
  const bus = new Bus<ShopEvent>({ history: 1_000 });
  let number = 0;

  const happen = (): void => {
    number++;
    const item = ITEMS[number % ITEMS.length]!;
    const type = TYPES[number % TYPES.length]!;
    const text = {
      order: `Somebody has ordered ${item}`,
      payment: `${(number * 37) % 90 + 10} € have come in`,
      visit: `Somebody is looking at ${item}`,
    }[type];
    bus.publish({ type, number, text });
  };

  const handler = (request: Request): Response => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "GET" && pathname === "/") {
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    if (request.method === "GET" && pathname === "/events") {
      const asked = searchParams.get("type");
      const type = TYPES.find((one) => one === asked);
      if (asked !== null && type === undefined) {
        return new Response(`There are no events of type ${asked}.\n`, { status: 400 });
      }
      // A browser that comes back says where it was.
      const after = request.headers.get("last-event-id") ?? searchParams.get("after");
      const subscription = bus.subscribe({
        match: type === undefined ? {} : { type },
        name: "browser",
        // Who is new begins with what has happened last.
        replay: 10,
        after,
      });
      return eventStream(subscription, { retryMs: 1_000 });
    }
    if (request.method === "POST" && pathname === "/burst") {
      // Far more than waits for a browser at the most: it is told how much it has lost.
      for (let i = 0; i < BURST; i++) happen();
      return new Response(null, { status: 204 });
    }
    return new Response("There is no such page.\n", { status: 404 });
  };

  const timer = setInterval(happen, PAUSE_MS);
  return {
    bus,
    handler,
    summary() {
      const { published, lagged } = bus.stats();
      return `${published} events, ${lagged} lost to browsers that were too slow`;
    },
    close() {
      clearInterval(timer);
      // With a reason the streams end as if they were cut off, and browsers come back; without, they are told that it is over.
      bus.close(new Error("The server ends"));
    },
  };
}

/** Reads `--port PORT` from the command line; 8000 without. */
export function readPort(): number {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8000" } } });
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    throw new RangeError(`--port must be from 0 to 65535, received "${values.port}"`);
  }
  return port;
}
