import { parseDuration, type TapClientQuery } from "../tap/mod.ts";
import { type Flag, type Parsed, readInteger, UsageError } from "./args.ts";
import type { Host } from "./host.ts";

/** The flags that say what to ask for. */
export const requestFlags: Readonly<Record<string, Flag>> = {
  stage: { value: "STAGE", about: "what to watch: a,b, http.*, or decoded if there is such a one" },
  duration: { value: "TIME", about: "for how long, up to 5m, such as 90s (30s)" },
  limit: { value: "N", about: "stop after N events; without --backlog, the newest come first" },
  backlog: { value: "N", about: "begin with the last N events from before (as --limit, or all)" },
  since: {
    value: "TIME|ID",
    about: "begin with those of the last 30s, or behind the one of this id",
  },
  where: { value: "EXPR", about: "only these, such as 'status >= 500 and path ~ \"/api/*\"'" },
  fields: { value: "PATHS", about: "only these parts of an event, such as user.id,items.*.price" },
  redact: { value: "PATHS", about: "hide these, beside what the server hides" },
  "redact-mode": {
    value: "MODE",
    about: "how: hash, typed-hash, mask, remove, type, partial (hash)",
  },
  sample: { value: "CHANCE", about: "take each with this chance, such as 0.01" },
  key: { value: "PATH", about: "with --sample: all with the same value there, or none of them" },
  every: { value: "N", about: "take every Nth" },
  reservoir: { value: "N", about: "take N of each --interval, each as likely as any other" },
  "count-by": { value: "PATH", about: "count by the values there, instead of showing events" },
  interval: { value: "TIME", about: "of --reservoir (500ms) or --count-by (1s)" },
  rate: { value: "N", about: "at most N a second" },
};

/** The flags that say who asks. */
export const tokenFlags: Readonly<Record<string, Flag>> = {
  "token-file": { value: "FILE", about: "the token is in there; else WEIR_TAP_TOKEN has it" },
  "insecure-token": { about: "send the token to a host that is neither https nor this machine" },
};

/**
 * Reads what the flags ask for.
 *
 * @throws {UsageError} That names the flag.
 */
export function readRequest(parsed: Parsed): TapClientQuery {
  const { flags } = parsed;
  const needs = (name: string, ...needed: readonly string[]): void => {
    if (!flags.has(name) || needed.some((other) => flags.has(other))) return;
    throw new UsageError(
      `flag "--${name}" needs ${needed.map((other) => `"--${other}"`).join(" or ")}`,
    );
  };
  needs("redact-mode", "redact");
  needs("key", "sample");
  needs("interval", "reservoir", "count-by");
  return {
    stage: readList(flags.get("stage")),
    limit: readInteger(parsed, "limit", 0),
    durationMs: readDuration(parsed, "duration"),
    backlog: readInteger(parsed, "backlog", 0),
    since: readSince(flags.get("since")),
    where: flags.get("where"),
    fields: readList(flags.get("fields")),
    redact: readList(flags.get("redact")),
    redactMode: flags.get("redact-mode") as TapClientQuery["redactMode"],
    sample: readNumber(parsed, "sample", 1),
    every: readInteger(parsed, "every", 1),
    reservoir: readInteger(parsed, "reservoir", 1),
    countBy: flags.get("count-by"),
    intervalMs: readDuration(parsed, "interval"),
    key: flags.get("key"),
    rate: readNumber(parsed, "rate", 1e9),
  };
}

/**
 * Reads where the tap is.
 *
 * @throws {UsageError} If that is no web server, or holds what everybody sees who lists the processes of this machine.
 */
export function readUrl(text: string): URL {
  // As curl does it, an address alone is that of a web server.
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    const shown = text.replace(/[^/]*@/, "…@");
    throw new UsageError(`URL must be one of a web server, received "${shown}"`);
  }
  if (url.username !== "" || url.password !== "" || url.searchParams.has("token")) {
    throw new UsageError(
      "URL must hold no user, password or token: a token comes from WEIR_TAP_TOKEN or --token-file",
    );
  }
  if (url.pathname === "/") url.pathname = "/tap";
  return url;
}

/** More than this no token has, in bytes. */
const MAX_TOKEN_BYTES = 16_384;

/**
 * Reads the token, from the file of the flag or from the environment.
 *
 * @throws {UsageError} If it would go over a network for everybody to read.
 * @throws {Error} Rejects with it if there is none in the file.
 */
export async function readToken(parsed: Parsed, host: Host, url: URL): Promise<string | undefined> {
  const path = parsed.flags.get("token-file");
  const token = path === undefined
    ? host.env("WEIR_TAP_TOKEN")?.trim() || undefined
    : await readTokenFile(host, path);
  if (token === undefined) return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const place = path === undefined ? "WEIR_TAP_TOKEN" : `"${path}"`;
    throw new Error(`Cannot use token: ${place} must hold one line of visible ASCII characters`);
  }
  const isSafe = url.protocol === "https:" || isLoopback(url.hostname);
  if (isSafe || parsed.flags.has("insecure-token")) return token;
  throw new UsageError(
    `a token goes by https or to this machine only, received "${url.origin}"; ` +
      "--insecure-token sends it all the same",
  );
}

async function readTokenFile(host: Host, path: string): Promise<string> {
  try {
    const file = await host.open(path);
    let bytes = new Uint8Array();
    try {
      while (bytes.length <= MAX_TOKEN_BYTES) {
        const chunk = await file.read(MAX_TOKEN_BYTES);
        if (chunk.length === 0) break;
        bytes = new Uint8Array([...bytes, ...chunk]);
      }
    } finally {
      file.close();
    }
    if (bytes.length > MAX_TOKEN_BYTES) throw new Error("it is too long");
    const token = new TextDecoder().decode(bytes).trim();
    if (token === "") throw new Error("it is empty");
    return token;
  } catch (cause) {
    throw new Error(`Cannot read token file "${path}": ${(cause as Error).message}`, { cause });
  }
}

function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** Parts with commas between them; a comma behind a backslash belongs to a part. */
function readList(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const parts = text.match(/(?:[^,\\]|\\[^]|\\$)+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function readDuration({ flags }: Parsed, name: string): number | undefined {
  const text = flags.get(name);
  const ms = text === undefined ? undefined : durationOf(text);
  if (text === undefined || ms !== undefined) return ms;
  throw new UsageError(`flag "--${name}" must look like 30s or 1m30s, received "${text}"`);
}

function readSince(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  const since = /^[0-9a-z]+-\d+$/i.test(text) ? text : durationOf(text);
  if (since !== undefined) return since;
  throw new UsageError(
    `flag "--since" must look like 30s, or be the id of an event, received "${text}"`,
  );
}

function durationOf(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

function readNumber({ flags }: Parsed, name: string, most: number): number | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  const value = /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  if (value > 0 && value <= most) return value;
  const range = most === 1 ? "above 0, up to 1" : "above 0";
  throw new UsageError(`flag "--${name}" must be a number ${range}, received "${text}"`);
}
