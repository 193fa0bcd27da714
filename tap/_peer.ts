/** What servers pass to a handler beside the request: Deno its knowledge of the peer, Bun the server that has it. */
interface Peer {
  /** The peer's address, as `Deno.serve` says it. */
  readonly remoteAddr?: unknown;
  /** Settles once the answer is delivered or cannot be, as `Deno.serve` says it. */
  readonly completed?: unknown;
  /** Asks for the peer's address, as Bun's server answers it. */
  requestIP?(request: Request): { readonly address: string } | null;
}

/**
 * Why a request must not be answered without authorization; undefined if it comes from this machine and means it.
 *
 * The address alone is not enough: a page from anywhere may have a name that resolves to this machine, a proxy on this machine sends on
 * the requests of strangers, and a browser on it those of pages. And whoever does not pass the address on may be listening anywhere.
 */
export function strangerReason(
  request: Request,
  peer: unknown,
  isAllowedPage: boolean,
): string | undefined {
  const address = addressOf(request, peer);
  if (address === undefined) return "the server does not pass on the address of the peer";
  if (!isLoopback(address)) return `the peer ${address} is not this machine`;
  const { hostname } = new URL(request.url);
  if (!isLoopback(hostname)) return `the host "${hostname}" is not this machine`;
  const proxied = PROXY_HEADERS.find((name) => request.headers.has(name));
  if (proxied !== undefined) return `a proxy has passed the request on, by its header "${proxied}"`;
  const site = request.headers.get("sec-fetch-site") ?? "none";
  if (!isAllowedPage && site !== "none" && site !== "same-origin") {
    return "a page of another site sent the request";
  }
  return undefined;
}

/** Whether a page sent the request whose origin is on a list. */
export function isAllowedOrigin(request: Request, origins: readonly string[]): boolean {
  const origin = request.headers.get("origin");
  return origin !== null && origins.includes(origin);
}

/**
 * Whether a page of another site sent the request, as browsers tell it. What it could do with a cookie that the browser adds is not what
 * its user wants.
 */
export function isFromElsewhere(request: Request): boolean {
  // No browser adds this by itself, unlike a cookie or a password.
  if (/^bearer /i.test(request.headers.get("authorization") ?? "")) return false;
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "cross-site" || site === "same-site";
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  // Behind a proxy that ends TLS the schemes differ, and the hosts do not.
  const host = request.headers.get("host") ?? new URL(request.url).host;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

const PROXY_HEADERS: readonly string[] = [
  "cf-connecting-ip",
  "fly-client-ip",
  "true-client-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-forwarded",
  "x-forwarded-port",
  "x-forwarded-server",
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
];

/**
 * Calls `callback` when the reader of the answer has gone, or has all of it. This is a second opinion: most servers also cancel the
 * body, but some have done only one of the two.
 *
 * @returns What stops listening.
 */
export function onGone(request: Request, peer: unknown, callback: () => void): () => void {
  // Deno aborts the signal of every request at its end, and writes a warning if anybody listened.
  if (isPeer(peer) && peer.completed instanceof Promise) {
    peer.completed.then(callback, callback);
    return () => {};
  }
  const { signal } = request;
  signal.addEventListener("abort", callback, { once: true });
  if (signal.aborted) callback();
  return () => signal.removeEventListener("abort", callback);
}

function isPeer(peer: unknown): peer is Peer {
  return typeof peer === "object" && peer !== null;
}

function addressOf(request: Request, peer: unknown): string | undefined {
  if (!isPeer(peer)) return undefined;
  const { remoteAddr, requestIP } = peer;
  if (typeof requestIP === "function") {
    return requestIP.call(peer, request)?.address;
  }
  const hostname = (remoteAddr as { hostname?: unknown } | undefined)?.hostname;
  return typeof hostname === "string" ? hostname : undefined;
}

function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").replace(/^::ffff:/i, "").replace(/\.$/, "");
  return name === "localhost" || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}
