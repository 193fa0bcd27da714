import { parseDuration, tapClient, TapRefusedError, type TapSummary } from "../tap/mod.ts";
import { Output } from "./_output.ts";
import { printable } from "./_printable.ts";
import { type Flag, type Parsed, readInteger, UsageError } from "./args.ts";
import type { Host } from "./host.ts";

/** The flags of `weir tap`. */
export const tapFlags: Readonly<Record<string, Flag>> = {
  stage: { value: "STAGE", about: "what to watch: raw, decoded, or what the server has (decoded)" },
  duration: { value: "TIME", about: "for how long, up to 5m, such as 90s (30s)" },
  limit: { value: "N", about: "stop after N events; without --backlog, the newest come first" },
  backlog: { value: "N", about: "begin with the last N events from before (as --limit, or all)" },
};

/** The server could not be reached, or refused. */
const EXIT_REFUSED = 3;
/** The stream ended without a summary. */
const EXIT_CUT_OFF = 4;

/** Runs `weir tap` until the stream ends or it is interrupted. */
export async function tapCommand(parsed: Parsed, host: Host): Promise<number> {
  const { flags, rest } = parsed;
  if (rest.length > 1) throw new UsageError(`weir tap takes one URL, received "${rest[1]}" too`);
  const url = readUrl(rest[0] ?? "http://127.0.0.1:8707");
  const interrupted = new AbortController();
  const client = tapClient(url, {
    stage: flags.get("stage"),
    durationMs: readDuration(flags.get("duration")),
    limit: readInteger(parsed, "limit", 0),
    backlog: readInteger(parsed, "backlog", 0),
    signal: interrupted.signal,
  });
  const output = new Output(host);
  const stopListening = host.onInterrupt(() => interrupted.abort());
  let shown = 0;
  let failure: unknown;
  try {
    for await (const line of client) {
      await output.write(`${host.isTerminal ? printable(line) : line}\n`);
      if (output.ended !== undefined) break;
      shown++;
    }
  } catch (error) {
    failure = error;
  } finally {
    stopListening();
    await output.flush();
  }

  // Whoever read the output has gone, as head does, and has seen enough.
  if (output.ended === "unread") return 0;
  if (output.ended !== undefined) throw output.ended.error;
  if (client.summary !== undefined) {
    host.log(printable(describe(client.summary)));
    return 0;
  }
  if (interrupted.signal.aborted) {
    host.log(`tap: ${shown} shown, interrupted`);
    return 0;
  }
  if (failure instanceof TapRefusedError) {
    host.log(`weir: ${printable(failure.message)}`);
    return EXIT_REFUSED;
  }
  if (client.status === undefined) {
    host.log(`weir: Cannot reach ${url.origin}: ${(failure as Error).message}`);
    return EXIT_REFUSED;
  }
  host.log(`tap: ${shown} shown, then the stream was cut off; events may be missing`);
  return EXIT_CUT_OFF;
}

function describe(summary: TapSummary): string {
  const { captured, dropped, undelivered, missed, duration_ms, stage, reason } = summary;
  const more = [
    ...(undelivered > 0 ? [`, ${undelivered} undelivered`] : []),
    ...(missed > 0 ? [`, ${missed} missed before it began`] : []),
  ].join("");
  const hint = captured === 0 && stage === "decoded"
    ? "; lines that are not JSON: --stage raw"
    : "";
  return `tap: ${captured} shown, ${dropped} dropped${more} ` +
    `(${duration_ms} ms, stage ${stage}, ended by ${reason})${hint}`;
}

function readUrl(text: string): URL {
  // As curl does it, an address alone is that of a web server.
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UsageError(`URL must be one of a web server, received "${text}"`);
  }
  if (url.pathname === "/") url.pathname = "/tap";
  return url;
}

function readDuration(text: string | undefined): number | undefined {
  try {
    return text === undefined ? undefined : parseDuration(text);
  } catch {
    throw new UsageError(`flag "--duration" must look like 30s or 1m30s, received "${text}"`);
  }
}
