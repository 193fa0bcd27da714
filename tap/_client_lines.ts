import type { TapHello, TapNotice } from "./records.ts";
import { CONTROL, SUMMARY_KEY, type TapSummary } from "./summary.ts";

/** A summary as it came. A server that keeps to the original's framing says no more than the first four, and no reason. */
export type TapClientSummary =
  & Pick<TapSummary, "captured" | "dropped" | "duration_ms" | "stage">
  & Partial<TapSummary>;

/** What a line of a stream is. */
export type ClientRecord =
  | { readonly type: "hello"; readonly hello: TapHello }
  | { readonly type: "notice"; readonly notice: TapNotice }
  | { readonly type: "summary"; readonly summary: TapClientSummary }
  | { readonly type: "event"; readonly line: string };

/** The summary as the original names it. */
const STRICT_SUMMARY_KEY = "rsigma_tap_summary";

/**
 * Reads a line of a stream, or of a capture of one, that has control records between its events.
 *
 * What looks like a control record and is none is an event: none is lost because of its looks.
 */
export function readRecord(line: string): ClientRecord {
  if (!line.startsWith(CONTROL)) return { type: "event", line };
  const hello = readOf(line, "weir_tap_hello", isHello);
  if (hello !== undefined) return { type: "hello", hello };
  const notice = readOf(line, "weir_tap_notice", isNotice);
  if (notice !== undefined) return { type: "notice", notice };
  const summary = readOf(line, SUMMARY_KEY, isSummary);
  if (summary !== undefined) return { type: "summary", summary };
  const escaped = readOf(line, "weir_tap_event", isText);
  return { type: "event", line: escaped === undefined ? line : oneLineText(escaped) };
}

/** Reads the summary of either framing; undefined if a line is none. */
export function readSummary(line: string): TapClientSummary | undefined {
  return readOf(line, SUMMARY_KEY, isSummary) ?? readOf(line, STRICT_SUMMARY_KEY, isSummary);
}

/** What stands around an event whose id, time and stage were asked for. */
export interface Envelope {
  readonly id: string;
  /** When the event was offered, in milliseconds since 1970. */
  readonly time: number;
  /** The event as a stream without envelopes would have it. */
  readonly line: string;
  /** Whether it is a text, whatever it looks like. */
  readonly isText: boolean;
}

const HEAD =
  /^\{"id":"([^"\\]{1,128})","seq":\d{1,16},"time":(\d{1,16}(?:\.\d{1,16})?),"stage":"(?:[^"\\]|\\.){0,1024}",/;

/**
 * Takes an event out of its envelope; undefined if a line is none.
 *
 * The event is cut out rather than parsed and written again, which would change long numbers, and cost more.
 */
export function readEnvelope(line: string): Envelope | undefined {
  const [head, id, time] = HEAD.exec(line) ?? [];
  if (head === undefined || !line.endsWith("}")) return undefined;
  let at = head.length;
  if (line.startsWith('"meta":{', at)) {
    at = endOfObject(line, at + 7) + 1;
    if (at === 0 || line[at - 1] !== ",") return undefined;
  }
  const isText = line.startsWith('"text":"', at);
  if (!isText && !line.startsWith('"event":', at)) return undefined;
  const content = line.slice(at + (isText ? 7 : 8), -1);
  const text = isText ? parse(content) : content;
  if (typeof text !== "string" || text === "") return undefined;
  return {
    id: id!,
    time: Number(time),
    line: isText ? oneLineText(text) : text,
    isText,
  };
}

/** A text as one line. What would be several, which no tap sends, stays the JSON that it came as. */
function oneLineText(text: string): string {
  return /^[^\r\n]+$/.test(text) ? text : JSON.stringify(text);
}

/** Where an object of JSON that begins at `start` has ended; -1 if it has not. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (isInString) {
      if (character === "\\") at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return at + 1;
  }
  return -1;
}

/** The value of the one key of a record, if it is of the kind; undefined if the line is another. */
function readOf<T>(
  line: string,
  key: string,
  isOfKind: (value: unknown) => value is T,
): T | undefined {
  if (!line.startsWith(`{"${key}":`)) return undefined;
  const record = parse(line) as Record<string, unknown> | undefined;
  if (record === undefined || Object.keys(record).length !== 1) return undefined;
  const value = record[key];
  return isOfKind(value) ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isHello(value: unknown): value is TapHello {
  const { instance, stage, duration_ms, ...more } = fieldsOf(value);
  const isList = (name: string): boolean => more[name] === undefined || Array.isArray(more[name]);
  return typeof instance === "string" && typeof stage === "string" && isCount(duration_ms) &&
    ["stages", "redact", "fields"].every(isList) &&
    (more.sampling === undefined || typeof more.sampling === "object");
}

function isNotice(value: unknown): value is TapNotice {
  const { kind, dropped, stages, patterns } = fieldsOf(value);
  if (kind === "drop") return isCount(dropped);
  if (kind === "match") return Array.isArray(stages);
  if (kind === "unmatched") return Array.isArray(patterns);
  return typeof kind === "string";
}

const COUNTS = [
  "unshown",
  "undelivered",
  "seen",
  "matched",
  "sampled_out",
  "rate_limited",
  "truncated",
  "bytes",
] as const;

function isSummary(value: unknown): value is TapClientSummary {
  const fields = fieldsOf(value);
  const { captured, dropped, duration_ms, stage, reason, missed } = fields;
  return [captured, dropped, duration_ms].every(isCount) && typeof stage === "string" &&
    (reason === undefined || typeof reason === "string") &&
    (missed === undefined || missed === null || isCount(missed)) &&
    COUNTS.every((name) => fields[name] === undefined || isCount(fields[name]));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
