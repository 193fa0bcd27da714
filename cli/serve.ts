import { lines, Tap, type TapAuditRecord, tapHandler, type TapSession } from "../tap/mod.ts";
import { printable } from "./_printable.ts";
import type { Host, HostServer } from "./host.ts";

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /** The bytes of the lines to serve. It is cancelled when serving ends. */
  readonly input: ReadableStream<Uint8Array>;
  /**
   * The port to listen at, on loopback; 0 takes any that is free.
   *
   * @default {8707}
   */
  readonly port?: number | undefined;
  /**
   * How many events of each stage are kept for those who come later.
   *
   * @default {8192}
   */
  readonly backlog?: number | undefined;
  /**
   * How many may watch at once.
   *
   * @default {2}
   */
  readonly maxSessions?: number | undefined;
  /** Ends serving, in good order. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the address once the server listens, before the first line is read. */
  readonly onListen?: ((url: string) => void) | undefined;
}

/** What {@linkcode serve} has read. */
export interface ServeCounts {
  /** Lines that were not blank. */
  readonly read: number;
  /** Of these, lines that are not JSON, and so were offered at the stage `raw` only. */
  readonly unparsed: number;
  /** Of these, lines that were longer than 1 MiB, and so were cut. */
  readonly cut: number;
}

/** How long sessions have to read what is left when serving ends, in milliseconds. */
const GRACE_MS = 2_000;

/**
 * Serves the lines of an input to taps, at `/tap`: every line that is not blank at the stage `raw`, and what it says, if it is JSON, at
 * the stage `decoded`. The input is never kept waiting for a reader.
 *
 * When the input has ended, sessions end after they are read, and those who come later get the backlog; serving goes on until the
 * signal aborts.
 *
 * @param options What to serve, and where.
 * @param host The runtime.
 * @returns A promise of the counts, fulfilled once everything is closed.
 * @throws {Error} Rejects with it if the port cannot be listened at; nothing has been read then.
 * @throws Rejects with what the input fails with, after everything is closed.
 *
 * @example Serving two lines to a tap
 * ```ts
 * import { denoHost, serve } from "@weir/weir/cli";
 * import { tapClient } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const input = new Response('{"user":1}\nplain text\n').body!;
 * const stop = new AbortController();
 * let seen: Promise<string[]> | undefined;
 * const onListen = (url: string) => {
 *   seen = Array.fromAsync(tapClient(`${url}/tap`, { stage: "raw" }));
 *   seen.finally(() => stop.abort());
 * };
 * const counts = await serve({ input, port: 0, signal: stop.signal, onListen }, denoHost());
 * assertEquals(counts, { read: 2, unparsed: 1, cut: 0 });
 * assertEquals(await seen, ['{"user":1}', "plain text"]);
 * ```
 */
export async function serve(options: ServeOptions, host: Host): Promise<ServeCounts> {
  const { input, port = 8_707, backlog = 8_192, maxSessions, signal, onListen } = options;
  const counts = { read: 0, unparsed: 0, cut: 0 };
  const tap = new Tap({
    backlog,
    maxSessions,
    // A line is cut at 1 MiB, and has more as a JSON string.
    maxEventBytes: 8_388_608,
    audit: (record) => {
      const said = describeAudit(record);
      if (said !== undefined) host.log(`weir: ${printable(said)}`);
    },
  });
  const handleTap = tapHandler(tap, { path: "/tap" });
  const server = listen(host, port, (request, peer) => {
    // A Host that is none makes a URL that cannot be read, and the tap has an answer to it.
    if (!URL.canParse(request.url)) return handleTap(request, peer);
    const { hostname, pathname } = new URL(request.url);
    if (pathname === "/tap" || pathname.startsWith("/tap/")) return handleTap(request, peer);
    // Under another name this is a page that has been led here.
    if (pathname !== "/" || !["127.0.0.1", "localhost"].includes(hostname)) {
      return new Response("There is only / and /tap here.\n", { status: 404 });
    }
    return new Response(overview(url, tap, counts));
  });
  const url = `http://127.0.0.1:${server.port}`;

  const reader = input.getReader();
  const onAbort = (): void => {
    tap.close("shutdown");
    // A read that waits settles; what it would have brought is not wanted any more.
    reader.cancel(signal?.reason).catch(() => {});
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    onListen?.(url);
    if (signal?.aborted) onAbort();
    for await (const line of lines(chunks(reader), { onCut: () => counts.cut++ })) {
      // The last line may be a piece of one.
      if (signal?.aborted) break;
      offerLine(tap, line, counts);
    }
    tap.close("input");
    if (signal !== undefined && !signal.aborted) {
      host.log(`weir: the input has ended: ${describeCounts(counts)}`);
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return counts;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    tap.close("shutdown");
    await server.stop(GRACE_MS);
  }
}

/** Says what was read, for people. */
export function describeCounts({ read, unparsed, cut }: ServeCounts): string {
  return `${read} lines read, ${unparsed} not JSON${cut > 0 ? `, ${cut} cut` : ""}`;
}

function listen(
  host: Host,
  port: number,
  handler: (request: Request, peer: unknown) => Response | Promise<Response>,
): HostServer {
  try {
    return host.serve({ hostname: "127.0.0.1", port, handler });
  } catch (cause) {
    const why = (cause as Error).message;
    throw new Error(`Cannot listen at 127.0.0.1:${port}: ${why} (--port chooses another)`, {
      cause,
    });
  }
}

async function* chunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function offerLine(tap: Tap, line: string, counts: { read: number; unparsed: number }): void {
  if (line.trim() === "") return;
  counts.read++;
  tap.offer("raw", line);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    counts.unparsed++;
    return;
  }
  tap.offer("decoded", value);
}

/** What is told of who watches; refusals are told to those who asked. */
function describeAudit(record: TapAuditRecord): string | undefined {
  if (record.type === "refused") return undefined;
  const { id, stage } = record.session;
  return record.type === "opened"
    ? `session ${id} opened, stage ${stage}`
    : `session ${id} ended, ${tally(record.session)}`;
}

function tally({ captured, dropped, undelivered, missed, reason, stage }: TapSession): string {
  const unread = undelivered > 0 ? `, ${undelivered} undelivered` : "";
  const earlier = missed !== undefined && missed > 0 ? `, ${missed} missed before it` : "";
  return `stage ${stage}: ${captured} captured, ${dropped} dropped${unread}${earlier} (${reason})`;
}

function overview(url: string, tap: Tap, counts: ServeCounts): string {
  const { active, opened, refused, captured, dropped } = tap.stats();
  return [
    `weir serve: ${describeCounts(counts)}${tap.closed ? "; the input has ended" : ""}`,
    `sessions: ${active} open, ${opened} so far, ${refused} refused`,
    `events: ${captured} captured, ${dropped} dropped`,
    "",
    "Watch it:",
    `  weir tap ${url} --stage raw`,
    `  curl -N '${url}/tap?stage=decoded&duration=1m'`,
    "",
  ].join("\n");
}
