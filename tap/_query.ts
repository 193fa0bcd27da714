import { REDACT_MODES } from "./_redact_modes.ts";
import { refusal } from "../internal/mod.ts";
import { EVENT_ID } from "./_plan.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import type { TapOpenOptions } from "./options.ts";

const READ = "read query";

/** What a request asks for. */
export interface Query {
  /** What a session is to be opened with; the tap itself checks the stage, the counts and the paths. */
  readonly options: TapOpenOptions<string>;
  /** How the answer is to be written; undefined if the request says it by its headers. */
  readonly format: "ndjson" | "sse" | undefined;
  readonly framing: "weir" | "strict";
  readonly withMeta: boolean;
}

/**
 * Reads the query of a request.
 *
 * @throws {RangeError} That names the parameter and the value.
 */
export function readQuery(
  query: URLSearchParams,
  defaultStage: string,
  defaultDurationMs: number,
  maxDurationMs: number,
): Query {
  const texts = readTexts(query);
  const read = <T>(name: Name, reader: (name: string, text: string) => T): T | undefined => {
    const text = texts.get(name);
    return text === undefined ? undefined : reader(name, text);
  };
  const stages = read("stage", readList) ?? [defaultStage];
  const mode = read("redact_mode", oneOf(REDACT_MODES));
  const intervalMs = read("interval", readDuration);
  if (mode !== undefined && !texts.has("redact")) refuse("redact_mode", "needs redact", mode);
  if (intervalMs !== undefined && !texts.has("reservoir") && !texts.has("count_by")) {
    refuse("interval", "needs reservoir or count_by", texts.get("interval")!);
  }
  const format = read("format", oneOf(["ndjson", "sse"]));
  const framing = read("framing", oneOf(["weir", "strict"])) ?? "weir";
  if (framing === "strict" && format === "sse") refuse("framing", "needs format=ndjson", framing);
  const overflow = read("drop", oneOf(["newest", "oldest"]));
  const withMeta = read("meta", oneOf(["1", "0"])) === "1";
  if (withMeta && framing === "strict") refuse("meta", "must not be 1 in strict framing", "1");
  return {
    options: {
      // One stage is said as it was asked for.
      stage: stages.length === 1 ? stages[0]! : stages,
      limit: read("limit", readCount),
      durationMs: read("duration", readUpTo(maxDurationMs)) ?? defaultDurationMs,
      backlog: read("backlog", readCount),
      since: read("since", readSince),
      where: texts.get("where"),
      fields: read("fields", readList),
      redact: read("redact", readList)?.map((path) => mode === undefined ? path : { path, mode }),
      sample: read("sample", readNumber),
      every: read("every", readCount),
      reservoir: read("reservoir", readCount),
      countBy: texts.get("count_by"),
      intervalMs,
      key: texts.get("key"),
      rate: read("rate", readNumber),
      maxBytes: read("max_bytes", readCount),
      maxEventBytes: read("max_event_bytes", readCount),
      overflow: overflow === undefined ? undefined : `drop-${overflow}`,
    },
    format,
    framing,
    withMeta,
  };
}

const NAMES = [
  "stage",
  "duration",
  "limit",
  "backlog",
  "since",
  "where",
  "fields",
  "redact",
  "redact_mode",
  "sample",
  "every",
  "reservoir",
  "interval",
  "count_by",
  "key",
  "rate",
  "max_bytes",
  "max_event_bytes",
  "drop",
  "meta",
  "format",
  "framing",
  "ticket",
] as const;

type Name = typeof NAMES[number];

function readTexts(query: URLSearchParams): ReadonlyMap<Name, string> {
  const texts = new Map<Name, string>();
  for (const [name, text] of query) {
    if (!isName(name)) {
      throw new RangeError(refusal(READ, `a parameter must be one of ${NAMES.join(", ")}`, name));
    }
    if (texts.has(name)) refuse(name, "must be given once", text);
    texts.set(name, text);
  }
  return texts;
}

function isName(name: string): name is Name {
  return (NAMES as readonly string[]).includes(name);
}

function refuse(name: string, requirement: string, text: string): never {
  throw new RangeError(refusal(READ, `${name} ${requirement}`, text));
}

function readCount(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return refuse(name, "must be a non-negative integer", text);
}

function readNumber(name: string, text: string): number {
  if (/^(?:\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})$/.test(text)) return Number(text);
  return refuse(name, "must be a number such as 0.5", text);
}

function readDuration(name: string, text: string): number {
  try {
    return parseDuration(text);
  } catch {
    return refuse(name, 'must look like "30s" or "1m30s"', text);
  }
}

function readUpTo(maxMs: number): (name: string, text: string) => number {
  return (name, text) => {
    const ms = readDuration(name, text);
    return ms <= maxMs ? ms : refuse(name, `exceeds the maximum of ${formatDuration(maxMs)}`, text);
  };
}

function readSince(name: string, text: string): number | string {
  if (EVENT_ID.test(text)) return text;
  try {
    return parseDuration(text);
  } catch {
    return refuse(name, 'must look like "30s", or be the id of an event', text);
  }
}

/** Parts with commas between them, without blanks around them and without empty ones; a backslash keeps a comma, and itself, in a part. */
function readList(name: string, text: string): string[] {
  const parts = text.match(/(?:[^,\\]|\\[^]|\\$)+/g) ?? [];
  const list = parts.map((part) => part.replaceAll("\\,", ",").trim()).filter((part) =>
    part !== ""
  );
  return list.length > 0 ? list : refuse(name, "must name something", text);
}

function oneOf<const T extends string>(values: readonly T[]): (name: string, text: string) => T {
  return (name, text) =>
    values.find((value) => value === text) ??
      refuse(name, `must be one of ${values.join(", ")}`, text);
}
