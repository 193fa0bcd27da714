import type { AddressInfo } from "node:net";

/** A handler as `Deno.serve` and `Bun.serve` take it. */
export type ServedHandler = (request: Request, peer?: unknown) => Promise<Response>;

/** A server that listens. */
export interface Served {
  readonly port: number;
  /**
   * Ends it in good order. Fulfilled once all its answers are sent, or `graceMs` is over: an answer that somebody does not take can be ended by
   * no means of a handler, and holds every server up for as long as its connection lasts.
   */
  stop(graceMs: number): Promise<"sent" | "late">;
}

// What is used of other runtimes; their types would be dependencies.
declare const Bun: {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly idleTimeout: number;
    readonly fetch: ServedHandler;
  }): { readonly port: number; stop(): Promise<void> };
};
interface NodeServer {
  address(): AddressInfo;
  close(callback: () => void): void;
  closeIdleConnections(): void;
}
interface NodeAdapter {
  serve(
    options: { readonly hostname: string; readonly port: number; readonly fetch: ServedHandler },
    listening: () => void,
  ): NodeServer;
}

const PLACE = { hostname: "127.0.0.1", port: 0 };

/** Serves by what the runtime has for that: `Deno.serve`, `Bun.serve`, or in Node `@hono/node-server`, which must be installed. */
export async function serveHere(handler: ServedHandler): Promise<Served> {
  if ("Deno" in globalThis) {
    const server = Deno.serve({ ...PLACE, onListen: () => {} }, handler);
    return { port: server.addr.port, stop: (graceMs) => within(graceMs, server.shutdown()) };
  }
  if ("Bun" in globalThis) {
    const server = Bun.serve({ ...PLACE, idleTimeout: 10, fetch: handler });
    return { port: server.port, stop: (graceMs) => within(graceMs, server.stop()) };
  }
  // In a variable, so that neither Deno's checker nor a bundler looks for it.
  const name = "@hono/node-server";
  const { serve }: NodeAdapter = await import(name);
  const server = await new Promise<NodeServer>((resolve) => {
    const made: NodeServer = serve({ ...PLACE, fetch: handler }, () => resolve(made));
  });
  return {
    port: server.address().port,
    async stop(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // It closes what is idle by then; an answer that ends later leaves a connection that is kept for seconds.
      const timer = setInterval(() => server.closeIdleConnections(), 50);
      const how = await within(graceMs, closed);
      clearInterval(timer);
      return how;
    },
  };
}

async function within(graceMs: number, stopped: Promise<void>): Promise<"sent" | "late"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const grace = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), graceMs);
  });
  const how = await Promise.race([stopped.then(() => "sent" as const), grace]);
  clearTimeout(timer);
  return how;
}
