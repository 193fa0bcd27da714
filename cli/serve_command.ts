import { type Flag, type Parsed, readInteger, UsageError } from "./args.ts";
import type { Host } from "./host.ts";
import { openInput } from "./input.ts";
import { describeCounts, serve } from "./serve.ts";

/** The flags of `weir serve`. */
export const serveFlags: Readonly<Record<string, Flag>> = {
  port: { value: "PORT", about: "where to listen on 127.0.0.1; 0 for any free port (8707)" },
  input: { value: "FILE", about: "read this file instead of standard input" },
  follow: { about: "go on with what is written to the file later, as tail -F does" },
  backlog: { value: "N", about: "keep the last N events of each stage for later taps (8192)" },
  "max-sessions": { value: "N", about: "how many may watch at once (2)" },
};

/** Runs `weir serve` until it is interrupted. */
export async function serveCommand(parsed: Parsed, host: Host): Promise<number> {
  const { flags, rest } = parsed;
  if (rest.length > 0) throw new UsageError(`weir serve takes no argument, received "${rest[0]}"`);
  const port = readInteger(parsed, "port", 0, 65_535);
  const backlog = readInteger(parsed, "backlog", 0);
  const maxSessions = readInteger(parsed, "max-sessions", 0);
  const path = flags.get("input");
  const follow = flags.has("follow");
  if (follow && path === undefined) {
    throw new UsageError('flag "--follow" needs "--input FILE"; standard input is always followed');
  }

  const input = path === undefined ? host.stdin() : await open(host, path, follow);
  const interrupted = new AbortController();
  const stopListening = host.onInterrupt(() => interrupted.abort());
  try {
    const counts = await serve({
      input,
      port,
      backlog,
      maxSessions,
      signal: interrupted.signal,
      onListen: (url) => {
        host.log(`weir: serving ${path ?? "standard input"} at ${url}`);
        host.log(`weir: watch it with: weir tap ${url} --stage raw`);
      },
    }, host);
    host.log(`weir: stopped: ${describeCounts(counts)}`);
    return 0;
  } finally {
    stopListening();
    // Serving that never began has not touched it.
    if (!input.locked) await input.cancel().catch(() => {});
  }
}

async function open(
  host: Host,
  path: string,
  follow: boolean,
): Promise<ReadableStream<Uint8Array>> {
  try {
    return await openInput(host, path, follow);
  } catch (cause) {
    throw new Error(`Cannot open input "${path}": ${(cause as Error).message}`, { cause });
  }
}
