import process from "node:process";
import {
  bearer,
  Tap,
  tapHandler,
  type TapHandlerOptions,
  type TapOptions,
  tapPage,
} from "../../tap/mod.ts";
import { serve, type TestServer } from "./_server.ts";

/** The token that opens the tap. */
export const TOKEN = "0123456789abcdef-page";

/** A tap with a page to watch it, and one that keeps whatever its `EventSource` dispatches. */
export interface TapServer extends TestServer {
  readonly tap: Tap;
  /** What was asked of the tap, in order. */
  readonly asked: readonly Asked[];
}

/** A request for the tap. */
export interface Asked {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly lastId: string | null;
}

/** Waits to be told what to watch, and keeps what has come in `seen`. */
const PLAIN = `<!doctype html><title>plain</title><script>
  const seen = [];
  let source;
  const keep = ({ type, data, lastEventId }) => seen.push({ type, data, lastEventId });
  async function watch(query) {
    const headers = { authorization: "Bearer ${TOKEN}" };
    const response = await fetch("/tap", { method: "POST", headers });
    const { ticket } = await response.json();
    source = new EventSource("/tap?" + new URLSearchParams({ ...query, ticket }));
    for (const type of ["message", "hello", "drop", "notice", "summary"]) {
      source.addEventListener(type, keep);
    }
  }
</script>`;

/** Serves a tap. Its page stands at `/`, the plain one at `/plain`, and the tap at `/tap`. */
export function serveTap(
  options: TapOptions<"raw" | "decoded"> = {},
  handling: TapHandlerOptions = {},
): TapServer {
  const tap = new Tap(options);
  const answer = tapHandler(tap, { authorize: bearer(TOKEN), retryMs: 50, ...handling });
  const page = tapPage({ title: "Orders" });
  const asked: Asked[] = [];
  const server = serve((request, peer) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") return page(request);
    if (pathname === "/plain") {
      return new Response(PLAIN, { headers: { "content-type": "text/html" } });
    }
    // Such as an icon.
    if (pathname !== "/tap") return new Response(null, { status: 404 });
    const { method, headers } = request;
    asked.push({ method, query: searchParams, lastId: headers.get("last-event-id") });
    return answer(request, peer);
  });
  return { ...server, tap, asked };
}

// As a program it offers events that say whose they are, until it is killed.
if (import.meta.main) {
  const [, , name] = process.argv;
  const { tap, port, asked } = serveTap();
  let count = 0;
  setInterval(() => tap.offer("decoded", { from: name, count: ++count }), 20);
  let told = 0;
  setInterval(() => {
    for (; told < asked.length; told++) {
      process.stdout.write(`${asked[told]!.method} ${asked[told]!.query}\n`);
    }
  }, 20);
  process.stdout.write(`port ${port}\n`);
}
