import type { Host } from "./host.ts";

// The parts of Bun that are used here; its own types would be a dependency.
interface BunFile {
  stream(): ReadableStream<Uint8Array>;
}
interface Bun {
  readonly argv: readonly string[];
  readonly stdin: BunFile;
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
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Stream & { readonly isTTY?: boolean };
  readonly stderr: Stream;
}
interface Stream {
  write(text: string, done?: (error?: unknown) => void): void;
  on(event: "error", listener: () => void): void;
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
  const listening = new Set<Stream>();
  const { Bun: bun, process } = globalThis as unknown as { Bun: Bun; process: Process };
  /** Keeps an error of a stream, which is told by other means, from ending the process. */
  function listen(stream: Stream): Stream {
    if (!listening.has(stream)) stream.on("error", () => {});
    listening.add(stream);
    return stream;
  }
  return {
    args: bun.argv.slice(2),
    get isTerminal() {
      return process.stdout.isTTY === true;
    },
    write(text) {
      // Not by Bun.write(), which repeats what it has written when a pipe is full (https://github.com/oven-sh/bun/pull/35953).
      return new Promise((resolve, reject) => {
        listen(process.stdout).write(text, (error) => {
          if (error === undefined || error === null) resolve(true);
          else if ((error as { code?: unknown }).code === "EPIPE") resolve(false);
          else reject(error);
        });
      });
    },
    log(line) {
      try {
        listen(process.stderr).write(`${line}\n`);
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
    async create(path, replace) {
      const { lstat, open, unlink } = await files();
      const stat = replace ? await lstat(path).catch(() => undefined) : undefined;
      // Not written over: a link would lead elsewhere, and whoever may read the old one could read the new one.
      const isOther = stat?.isFile() === false && !stat.isSymbolicLink();
      if (stat !== undefined && !isOther) await unlink(path);
      const file = await open(path, isOther ? "w" : "wx", 0o600);
      return {
        write: (text) => file.appendFile(text),
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
    env: (name) => process.env[name],
    exit: (code) => process.exit(code),
  };
}
