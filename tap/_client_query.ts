import { REDACT_MODES } from "./_redact_modes.ts";
import { checkInteger, refusal } from "../internal/mod.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import type { RedactMode } from "./redact.ts";

/** What can be asked of a tap over HTTP; see the parameters of {@linkcode tapHandler}. What is left out is the server's to choose. */
export interface TapClientQuery {
  /** The stage to capture, or several, by name or by a pattern such as `http.*`. */
  readonly stage?: string | readonly string[] | undefined;
  /** After how many events to stop: a non-negative integer. */
  readonly limit?: number | undefined;
  /** For how long to watch, in milliseconds. */
  readonly durationMs?: number | undefined;
  /** How many of the kept events from before come first, at the most: a non-negative integer; all that are kept, or `limit`, without it. */
  readonly backlog?: number | undefined;
  /** From when on kept events come first: so many milliseconds ago, or behind the event with this id. */
  readonly since?: number | string | undefined;
  /** Which events: an expression such as `status >= 500`, see {@linkcode parseWhere}. */
  readonly where?: string | undefined;
  /** Which parts of an event, by their paths. */
  readonly fields?: readonly string[] | undefined;
  /** What is redacted beside what the server redacts, by paths. */
  readonly redact?: readonly string[] | undefined;
  /** What becomes of that; a token for each value, without it. */
  readonly redactMode?: RedactMode | undefined;
  /** Takes each event with this chance: above 0, up to 1. */
  readonly sample?: number | undefined;
  /** Takes every so many events: a positive integer. */
  readonly every?: number | undefined;
  /** Takes so many events of each interval: a positive integer. */
  readonly reservoir?: number | undefined;
  /** Counts the events by their values at a path, and tells the counts in place of the events, once an interval. */
  readonly countBy?: string | undefined;
  /** How long the interval of `reservoir` or `countBy` is, in milliseconds. */
  readonly intervalMs?: number | undefined;
  /** With `sample`: a path. Events of equal value there are all taken, or none of them. */
  readonly key?: string | undefined;
  /** How many events a second, at the most: above 0. */
  readonly rate?: number | undefined;
  /** After how many bytes of events to stop: a positive integer. */
  readonly maxBytes?: number | undefined;
  /** How many bytes of an event, before it is cut: a positive integer. */
  readonly maxEventBytes?: number | undefined;
  /** Which events are lost when they come faster than they are read: the newest, or the oldest of those that wait. */
  readonly drop?: "newest" | "oldest" | undefined;
  /** Whether each event comes in an envelope, `{"id":…,"seq":…,"time":…,"stage":…,"event":…}`. */
  readonly meta?: boolean | undefined;
}

const WATCH = "watch tap";
/** Servers read numbers without an exponent, and no more decimals. */
const MAX_DECIMALS = 12;

/** What a connection asks for other than the first one did. */
export interface Resumption {
  /** Where to go on; undefined begins as the first connection did. */
  readonly since: number | string | undefined;
  /** How many events are still wanted; undefined for no limit. */
  readonly limit: number | undefined;
  /** How much of the time is left, in milliseconds; undefined if that is for the server to say. */
  readonly durationMs: number | undefined;
}

/**
 * Reads where a tap is.
 *
 * @throws {TypeError} If it cannot be asked by HTTP, or holds what belongs in a header. The message does not repeat that.
 */
export function checkAddress(url: string | URL): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol !== "http:" && address?.protocol !== "https:") {
    throw new TypeError(
      refusal(WATCH, "url must be one of a web server", withoutSecrets(String(url))),
    );
  }
  if (address.username === "" && address.password === "") return address;
  throw new TypeError(`Cannot ${WATCH}: url must hold no user and no password, but token may`);
}

function withoutSecrets(text: string): string {
  return text.replace(/\/\/[^/]*@/, "//…@").replace(/\?.*/s, "?…");
}

/**
 * Writes a query into an address. What the address asks for stays, unless the query says otherwise.
 *
 * @throws {RangeError | TypeError} That names the option that cannot be used, and what it is.
 */
export function withQuery(address: URL, query: TapClientQuery): URL {
  const full = new URL(address);
  for (const [name, write] of Object.entries(writers()) as [keyof TapClientQuery, Writer][]) {
    const value = query[name];
    if (value !== undefined) full.searchParams.set(write.as ?? name, write.text(name, value));
  }
  return full;
}

/** Writes what is different when a connection was cut off. */
export function resumed(address: URL, { since, limit, durationMs }: Resumption): URL {
  const full = new URL(address);
  const { searchParams } = full;
  if (since !== undefined) {
    // All that was kept since then, and no other bound on it.
    searchParams.delete("backlog");
    searchParams.set("since", sinceText(since));
  }
  if (limit !== undefined) searchParams.set("limit", `${limit}`);
  if (durationMs !== undefined) searchParams.set("duration", formatDuration(Math.ceil(durationMs)));
  return full;
}

/** The limit that an address has, if it can be read. */
export function limitOf({ searchParams }: URL): number | undefined {
  const text = searchParams.get("limit");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** For how long an address asks, in milliseconds, if that can be read. */
export function durationOf({ searchParams }: URL): number | undefined {
  const text = searchParams.get("duration");
  try {
    return text === null ? undefined : parseDuration(text);
  } catch {
    return undefined;
  }
}

/** How one option is written; it is checked first. */
interface Writer {
  /** What the parameter is called, if not as the option. */
  readonly as?: string;
  text(name: string, value: unknown): string;
}

const writers = (): Readonly<Record<keyof TapClientQuery, Writer>> => ({
  stage: { text: (name, value) => Array.isArray(value) ? list(name, value) : word(name, value) },
  limit: { text: integer(0) },
  durationMs: { as: "duration", text: duration },
  backlog: { text: integer(0) },
  since: {
    text: (name, value) => typeof value === "number" ? duration(name, value) : word(name, value),
  },
  where: { text: word },
  fields: { text: list },
  redact: { text: list },
  redactMode: { as: "redact_mode", text: oneOf(REDACT_MODES) },
  sample: { text: (name, value) => decimal(name, value, 1) },
  every: { text: integer(1) },
  reservoir: { text: integer(1) },
  countBy: { as: "count_by", text: word },
  intervalMs: { as: "interval", text: duration },
  key: { text: word },
  rate: { text: (name, value) => decimal(name, value, 1e9) },
  maxBytes: { as: "max_bytes", text: integer(1) },
  maxEventBytes: { as: "max_event_bytes", text: integer(1) },
  drop: { text: oneOf(["newest", "oldest"]) },
  meta: {
    text(name, value) {
      if (typeof value === "boolean") return value ? "1" : "0";
      throw new TypeError(refusal(WATCH, `${name} must be true or false`, value));
    },
  },
});

function integer(least: number): (name: string, value: unknown) => string {
  return (name, value) => {
    checkInteger(WATCH, name, value as number, least);
    return `${value}`;
  };
}

function duration(name: string, value: unknown): string {
  if (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    return formatDuration(value);
  }
  throw new RangeError(refusal(WATCH, `${name} must be a non-negative number of ms`, value));
}

function sinceText(since: number | string): string {
  return typeof since === "number" ? formatDuration(Math.ceil(since)) : since;
}

function decimal(name: string, value: unknown, most: number): string {
  const text = typeof value === "number" && value > 0 && value <= most
    ? value.toFixed(MAX_DECIMALS).replace(/\.?0+$/, "")
    : "0";
  if (text !== "0") return text;
  const range = most === 1 ? "above 0, up to 1" : `above 0, up to ${most}`;
  throw new RangeError(refusal(WATCH, `${name} must be a number ${range}`, value));
}

function word(name: string, value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new TypeError(refusal(WATCH, `${name} must be a text that is not empty`, value));
}

function list(name: string, value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) {
    throw new TypeError(refusal(WATCH, `${name} must be a list that is not empty`, value));
  }
  // A comma separates; one that is part of a path has a backslash, as it may have in the path itself.
  return value.map((part) =>
    word(`each of ${name}`, part).replaceAll(/\\[^]|,/g, (found) => found === "," ? "\\," : found)
  ).join(",");
}

function oneOf(known: readonly string[]): (name: string, value: unknown) => string {
  return (name, value) => {
    if (known.includes(value as string)) return value as string;
    throw new RangeError(refusal(WATCH, `${name} must be one of ${known.join(", ")}`, value));
  };
}
