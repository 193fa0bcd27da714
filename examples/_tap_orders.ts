// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * What `tap_deno.ts`, `tap_bun.ts` and `tap_hono.ts` have in common: a shop that takes orders and can be watched while it does, and somebody who
 * uses it and watches it.
 *
 * @module
 */
import process from "node:process";
import { Tap, tapClient, type TapHello } from "../tap/mod.ts";

/** A tap for a shop. What nobody is to see of its customers is said here, and no reader can change it. */
export function makeTap(): Tap<"orders"> {
  return new Tap({
    stages: { orders: "json" },
    redact: ["order.email", { path: "order.card", mode: "partial" }],
    // Who watches is nothing to hide.
    audit: (record) => {
      if (record.type === "refused") console.log(`refused: ${record.reason}`);
      else console.log(`${record.type}: a session of ${record.session.subject ?? "somebody here"}`);
    },
  });
}

/** The shop: `POST /orders` takes an order, and everything else is not found. */
export async function sell(tap: Tap<"orders">, request: Request): Promise<Response> {
  const { pathname: path } = new URL(request.url);
  const { method } = request;
  const isOrder = method === "POST" && path === "/orders";
  const order = isOrder ? await request.json().catch(() => null) : undefined;
  const status = !isOrder ? 404 : order?.count > 0 ? 201 : 400;
  // While nobody watches, the function is not even called.
  tap.offer("orders", () => {
    const { authorization } = Object.fromEntries(request.headers);
    return { method, path, status, authorization, order };
  });
  return Response.json({ status }, { status });
}

/** Watches a shop until it has refused two orders, and places some, of which it refuses two. */
export async function visit(url: string, token?: string): Promise<void> {
  let onHello!: (hello: TapHello) => void;
  const hello = new Promise<TapHello>((resolve) => onHello = resolve);
  const where = "status == 400";
  const events = tapClient(`${url}/debug/tap`, { where, limit: 2, token, onHello });
  const watching = (async () => {
    for await (const line of events) console.log(line);
  })();
  // What comes before its session is open, nobody sees; and it may be refused.
  await Promise.race([hello, watching]);
  for (const count of [2, 0, 6, -1]) {
    const order = { count, email: "ada@example.org", card: "4000 1234 5678 9010" };
    const headers = { authorization: "Basic YWRhOnNlY3JldA==" };
    const body = JSON.stringify(order);
    await (await fetch(`${url}/orders`, { method: "POST", headers, body })).body?.cancel();
  }
  await watching;
  const { summary } = events;
  console.log(`${summary?.captured} of ${summary?.seen} shown, ${summary?.dropped} dropped`);
}

/** The port that was given as an argument; undefined if there is none. */
export function readPort(): number | undefined {
  const [, , port] = process.argv;
  return port === undefined ? undefined : Number(port);
}

/** Lets a shop be watched until Ctrl-C, where a port was given; else visits it. */
export async function live(url: string, token?: string): Promise<void> {
  if (readPort() === undefined) return await visit(url, token);
  const header = token === undefined ? "" : ` -H 'authorization: Bearer ${token}'`;
  console.log(`Watch it:\n  curl -N${header} '${url}/debug/tap?duration=1m'`);
  console.log(`Be seen:\n  curl -d '{"count":1,"email":"you@example.org"}' ${url}/orders`);
  await new Promise<void>((resolve) => process.once("SIGINT", () => resolve()));
}

/** Ends a shop in good order. */
export async function end(tap: Tap<"orders">, stopServer: () => Promise<unknown>): Promise<void> {
  // First the streams, each with a summary: servers wait for their answers.
  tap.close();
  // One that somebody does not take would be waited for as long as its connection lasts.
  const timer = setTimeout(() => process.exit(0), 3_000);
  await stopServer();
  clearTimeout(timer);
}
