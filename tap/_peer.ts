/** What servers pass to a handler beside the request: Deno's address of the peer, Bun's server that knows it. */
export interface TapPeer {
  /** The peer's address, as `Deno.serve` says it. */
  readonly remoteAddr?: unknown;
  /** Asks for the peer's address, as Bun's server answers it. */
  requestIP?(request: Request): { readonly address: string } | null;
}

/**
 * Why a request must not be answered without authorization; undefined if it comes from this machine and means it.
 *
 * The address alone is not enough: a page from anywhere may have a name that resolves to this machine, and its requests come from here.
 */
export function strangerReason(request: Request, peer: unknown): string | undefined {
  const { hostname } = new URL(request.url);
  if (!isLoopback(hostname)) return `the host "${hostname}" is not this machine`;
  if (request.headers.get("sec-fetch-site") === "cross-site") {
    return "another site sent the request";
  }
  const address = addressOf(request, peer);
  if (address !== undefined && !isLoopback(address)) {
    return `the peer ${address} is not this machine`;
  }
  return undefined;
}

function addressOf(request: Request, peer: unknown): string | undefined {
  if (typeof peer !== "object" || peer === null) return undefined;
  const { remoteAddr, requestIP } = peer as TapPeer;
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
