/**
 * A small service whose requests can be watched while it runs: what `deno task start` starts.
 *
 * A notes service answers on loopback, a visitor uses it, and every request is a line of its access log, which `weir serve` offers to
 * taps. Run it with `deno run --allow-net examples/live_service.ts` or `bun examples/live_service.ts`, and use the service yourself:
 * your requests show up between the visitor's. Arguments: `--port PORT` for the tap.
 *
 * @module
 */
import { Channel } from "../channel/mod.ts";
import { detectHost, serve } from "../cli/mod.ts";

const host = detectHost();
const encoder = new TextEncoder();

/** How many notes there may be; the service is bounded like everything here. */
const MAX_NOTES = 20;

const MAX_NOTE_BYTES = 1_000;

/** Between two requests of the visitor, in milliseconds. */
const PAUSE_MS = 250;

const notes = new Map<number, string>();
let lastId = 0;

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/notes" && request.method === "GET") {
    return Response.json(Array.from(notes, ([id, text]) => ({ id, text })));
  }
  if (pathname === "/notes" && request.method === "POST") {
    // Whatever is sent, no more than this much of it is read.
    if (Number(request.headers.get("content-length") ?? Infinity) > MAX_NOTE_BYTES) {
      return Response.json({ error: `a note has ${MAX_NOTE_BYTES} bytes at most` }, {
        status: 413,
      });
    }
    const text = (await request.text()).trim();
    if (text === "") return Response.json({ error: "a note needs text" }, { status: 400 });
    if (notes.size >= MAX_NOTES) {
      return Response.json({ error: `there are ${MAX_NOTES} notes already` }, { status: 409 });
    }
    notes.set(++lastId, text);
    return Response.json({ id: lastId, text }, { status: 201 });
  }
  const id = Number(/^\/notes\/(\d+)$/.exec(pathname)?.[1]);
  if (notes.has(id) && request.method === "GET") {
    return Response.json({ id, text: notes.get(id) });
  }
  if (notes.has(id) && request.method === "DELETE") {
    notes.delete(id);
    return new Response(null, { status: 204 });
  }
  return Response.json({ error: `there is no ${pathname}` }, { status: 404 });
}

// The log never keeps the service waiting: when nobody takes its lines, the oldest go.
const log = new Channel<Uint8Array>({ capacity: 1_024, overflow: "drop-oldest" });

async function answerAndLog(request: Request): Promise<Response> {
  const start = performance.now();
  const response = await answer(request);
  const entry = {
    time: new Date().toISOString(),
    method: request.method,
    path: new URL(request.url).pathname,
    status: response.status,
    ms: Math.round((performance.now() - start) * 1_000) / 1_000,
    agent: request.headers.get("user-agent")?.split(/[ /]/)[0],
    notes: notes.size,
  };
  log.trySend(encoder.encode(`${JSON.stringify(entry)}\n`));
  return response;
}

/** Uses the service as a person would, mistakes included, until the signal aborts. */
async function visit(url: string, signal: AbortSignal): Promise<void> {
  async function ask(method: string, path: string, body: string | null = null): Promise<string> {
    const response = await fetch(`${url}${path}`, { method, body, signal });
    const answer = await response.text();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, PAUSE_MS);
      signal.addEventListener("abort", done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
    signal.throwIfAborted();
    return answer;
  }
  for (let visitNumber = 1;; visitNumber++) {
    await ask("GET", "/notes");
    const { id } = JSON.parse(await ask("POST", "/notes", `visit ${visitNumber}`));
    await ask("GET", `/notes/${id}`);
    await ask("POST", "/notes", " ");
    await ask("DELETE", `/notes/${id}`);
    await ask("GET", `/notes/${id}`);
  }
}

function readPort(): number | undefined {
  const [flag, text, ...more] = host.args;
  if (flag === undefined) return undefined;
  const port = Number(text);
  const isPort = /^\d+$/.test(text ?? "") && port <= 65_535;
  if (flag === "--port" && isPort && more.length === 0) return port;
  host.log(`live_service: arguments must be --port PORT, received "${host.args.join(" ")}"`);
  return host.exit(2);
}

async function run(): Promise<void> {
  const port = readPort();
  const stopping = new AbortController();
  const { signal } = stopping;
  const stopListening = host.onInterrupt(() => stopping.abort());
  const site = host.serve({ hostname: "127.0.0.1", port: 0, handler: answerAndLog });
  const siteUrl = `http://127.0.0.1:${site.port}`;
  let visiting: Promise<void> | undefined;

  const onListen = (url: string): void => {
    host.log(`\nA notes service is running at ${siteUrl}/notes, and somebody is using it.`);
    host.log(`Watch it live, in another terminal:\n\n  deno task weir tap ${url}\n`);
    host.log("Ctrl-C ends it.\n");
    visiting = visit(siteUrl, signal).catch((error) => {
      if (!signal.aborted) host.log(`live_service: the visitor gave up: ${error.message}`);
    });
  };
  try {
    const options = { input: log.toReadableStream(), signal, onListen };
    await serve({ ...options, port }, host).catch((error) => {
      // The usual port may be taken; only one that was asked for must be that one.
      if (visiting !== undefined || port !== undefined) throw error;
      return serve({ ...options, port: 0 }, host);
    });
  } catch (error) {
    host.log(`live_service: ${(error as Error).message}`);
    host.exit(1);
  } finally {
    stopping.abort();
    await visiting;
    await site.stop(1_000);
    stopListening();
  }
}

run().then(() => host.exit(0));
