import { Tap, tapHandler, tapMetrics } from "../../tap/mod.ts";
import { serve, type TestServer } from "./_server.ts";
import { type ServedOptions, splitOptions } from "./_streams.ts";

/** What a daemon is started with. */
export type DaemonOptions =
  & ServedOptions
  & {
    /** Whether its lines are JSON, or log lines, which are no events. */
    readonly lines?: "json" | "syslog";
  };

/**
 * A server as the origin's is, as far as its tests know it: events are posted to `/api/v1/events`, a line each, and the tap is at
 * `/api/v1/tap`. Leaving its scope ends every connection.
 */
export class Daemon implements AsyncDisposable {
  readonly tap: Tap;
  readonly #server: TestServer;

  constructor(options: DaemonOptions = {}) {
    const { lines, ...served } = options;
    const [ofTap, handling] = splitOptions(served);
    this.tap = new Tap(ofTap);
    const watch = tapHandler(this.tap, handling);
    this.#server = serve(async (request, peer) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/api/v1/tap")) return await watch(request, peer);
      if (pathname === "/metrics") return new Response(tapMetrics(this.tap));
      if (pathname !== "/api/v1/events") return new Response("", { status: 404 });
      for (const line of (await request.text()).split("\n")) this.#take(line, lines);
      return new Response("", { status: 202 });
    });
  }

  /** The port it listens on. */
  get port(): number {
    return this.#server.port;
  }

  /** The address of its tap. */
  get url(): string {
    return `${this.#server.url}/api/v1/tap`;
  }

  /** Asks for its tap. */
  watch(query = "", init?: RequestInit): Promise<Response> {
    return fetch(this.url + query, init);
  }

  /** Posts lines, and waits until they are taken. */
  async post(...lines: readonly string[]): Promise<void> {
    const body = lines.join("\n");
    const response = await fetch(`${this.#server.url}/api/v1/events`, { method: "POST", body });
    await response.text();
    if (response.status !== 202) throw new Error(`The events were not taken: ${response.status}`);
  }

  /** What it says of itself to Prometheus, by the names without what is before them. */
  async metrics(): Promise<Record<string, number>> {
    const text = await (await fetch(`${this.#server.url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return Object.fromEntries(lines.map((line) => {
      const [name, value] = line.replace("weir_tap_", "").split(" ");
      return [name, Number(value)];
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  #take(line: string, lines: DaemonOptions["lines"]): void {
    if (line.trim() === "") return;
    this.tap.offer("raw", line);
    if (lines === "syslog") return;
    try {
      const event = JSON.parse(line);
      this.tap.offer("decoded", event);
    } catch {
      // What is no event goes no further.
    }
  }
}
