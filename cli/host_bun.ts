import type { Host } from "./host.ts";

// The parts of Bun that are used here; its own types would be a dependency.
interface BunFile {
  stream(): ReadableStream<Uint8Array>;
}
interface Bun {
  readonly argv: readonly string[];
  readonly stdin: BunFile;
  readonly stdout: BunFile;
  write(file: BunFile, text: string): Promise<number>;
  serve(options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    development: boolean;
    reusePort: boolean;
    fetch: (request: Request, server: unknown) => Response | Promise<Response>;
  }): { readonly port: number; stop(force: boolean): Promise<void> };
}
interface Process {
  on(signal: string, callback: () => void): void;
  off(signal: string, callback: () => void): void;
  exit(code: number): never;
  readonly stdout: { readonly isTTY?: boolean };
  readonly stderr: { write(text: string): void; on(event: "error", listener: () => void): void };
}

// Bun's own files cannot be held open; a path may come to mean another file between two reads.
function files(): Promise<typeof import("node:fs/promises")> {
  return import("node:fs/promises");
}

/**
 * The runtime as Bun offers it.
 *
 * @returns The host.
 */
export function bunHost(): Host {
  let listensToErrors = false;
  const { Bun: bun, process } = globalThis as unknown as { Bun: Bun; process: Process };
  return {
    args: bun.argv.slice(2),
    get isTerminal() {
      return process.stdout.isTTY === true;
    },
    async write(text) {
      try {
        await bun.write(bun.stdout, text);
        return true;
      } catch (error) {
        if ((error as { code?: unknown }).code === "EPIPE") return false;
        throw error;
      }
    },
    log(line) {
      if (!listensToErrors) process.stderr.on("error", () => {});
      listensToErrors = true;
      try {
        process.stderr.write(`${line}\n`);
      } catch {
        // Nobody reads it.
      }
    },
    stdin: () => bun.stdin.stream(),
    async open(path) {
      const file = await (await files()).open(path);
      return {
        async read(length) {
          const buffer = new Uint8Array(length);
          // Without a position it goes on where it was, which a pipe can do as well.
          const { bytesRead } = await file.read(buffer, 0, length, null);
          return buffer.subarray(0, bytesRead);
        },
        close: () => void file.close(),
      };
    },
    async stat(path) {
      const stat = await (await files()).stat(path);
      const id = stat.ino === 0 ? undefined : `${stat.dev}:${stat.ino}`;
      return { size: stat.size, id, isDirectory: stat.isDirectory() };
    },
    serve({ hostname, port, handler }) {
      const options = {
        hostname,
        port,
        // Bun ends connections that are silent for ten seconds, and a stream may well be.
        idleTimeout: 0,
        // In development, its page for an error shows the source around it; out of it, a port that is taken is shared unless told
        // otherwise.
        development: false,
        reusePort: false,
      };
      const server = bun.serve({ ...options, fetch: handler });
      return {
        port: server.port,
        async stop(graceMs) {
          const timer = setTimeout(() => void server.stop(true), graceMs);
          await server.stop(false);
          clearTimeout(timer);
        },
      };
    },
    onInterrupt(callback) {
      const signals = ["SIGINT", "SIGTERM"];
      for (const signal of signals) process.on(signal, callback);
      return () => {
        for (const signal of signals) process.off(signal, callback);
      };
    },
    exit: (code) => process.exit(code),
  };
}
