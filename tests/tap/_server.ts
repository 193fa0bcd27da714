import { bunHost, denoHost, type Host, type HostServer } from "../../cli/mod.ts";

/** A server on this runtime's own HTTP, on a free port of this machine. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** The address, with no path. */
  readonly url: string;
}

/** The host of the runtime that runs this test. */
export function runtimeHost(): Host {
  return "Deno" in globalThis ? denoHost() : bunHost();
}

/** Starts a server. Leaving its scope ends every connection. */
export function serve(
  handler: (request: Request, peer: unknown) => Response | Promise<Response>,
): TestServer {
  const server: HostServer = runtimeHost().serve({ hostname: "127.0.0.1", port: 0, handler });
  return {
    port: server.port,
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(0),
  };
}
