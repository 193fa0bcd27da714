import { printable } from "./_printable.ts";

/** How events are written. */
export type TapOutputFormat = "ndjson" | "pretty" | "logfmt";

/** For whom. */
export interface TapFormatOptions {
  /** Whether a terminal shows it, which must not be given control characters. */
  readonly isTerminal: boolean;
  /** Whether it may have colours. */
  readonly hasColours: boolean;
  /** Whether what is known of an event was asked for, too. */
  readonly withMeta: boolean;
}

/** Makes what writes the line of an event for its reader, without the line's end. */
export function tapFormatter(
  format: TapOutputFormat,
  options: TapFormatOptions,
): (line: string) => string {
  const { isTerminal, withMeta } = options;
  if (format === "ndjson") {
    return (line) => {
      const escaped = line.startsWith(CONTROL)
        ? `{"weir_tap_event":${JSON.stringify(line)}}`
        : line;
      return isTerminal ? printable(escaped) : escaped;
    };
  }
  const paint = options.hasColours ? paintColour : paintNothing;
  const write = format === "pretty"
    ? (line: string) => pretty(readEvent(line), withMeta, paint)
    : (line: string) => logfmt(withMeta ? readEvent(line) : { content: parse(line) });
  return (line) => {
    try {
      return write(line);
    } catch {
      // Nested deeper than a program can follow.
      return printable(line);
    }
  };
}

/** What is read from a capture as a record of the session, and not as an event. */
const CONTROL = '{"weir_tap_';

/** An event as it is shown. */
interface ShownEvent {
  readonly id?: string;
  readonly seq?: unknown;
  readonly time?: string;
  readonly stage?: string;
  readonly meta?: unknown;
  readonly content: unknown;
}

/** A text from a stage of text, which is no JSON. */
class Text {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A number as it was written, where JavaScript has no such number, or another way to write it. */
class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The last time that a date can have, in milliseconds. */
const LAST_DATE = 8.64e15;

function readEvent(line: string): ShownEvent {
  const value = parse(line);
  if (!isObject(value)) return { content: value };
  const { id, seq, time, stage, meta, event, text } = value;
  const isEnvelope = typeof id === "string" && typeof time === "number" && time <= LAST_DATE &&
    typeof stage === "string" && (event !== undefined || typeof text === "string");
  if (!isEnvelope) return { content: value };
  const content = typeof text === "string" ? new Text(text) : event;
  return { id, seq, time: new Date(time).toISOString(), stage, meta, content };
}

/** Reads a line; what is no JSON is a text. */
function parse(line: string): unknown {
  const keep = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    return typeof value === "number" && source !== undefined && `${value}` !== source
      ? new Written(source)
      : value;
  };
  try {
    return JSON.parse(line, keep);
  } catch (error) {
    // It may be JSON that is nested too deep.
    if (error instanceof SyntaxError) return new Text(line);
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Text) && !(value instanceof Written);
}

function isScalar(value: unknown): boolean {
  return !isObject(value) && !Array.isArray(value);
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

type Paint = (colour: keyof typeof COLOURS, text: string) => string;

const COLOURS = { time: 2, stage: 36, key: 34, note: 33 };

function paintColour(colour: keyof typeof COLOURS, text: string): string {
  return `\x1b[${COLOURS[colour]}m${printable(text)}\x1b[0m`;
}

function paintNothing(_colour: keyof typeof COLOURS, text: string): string {
  return printable(text);
}

/** An object with more is shown on lines of its own. */
const SMALL_KEYS = 12;
const SMALL_LENGTH = 120;

function pretty(shown: ShownEvent, withMeta: boolean, paint: Paint): string {
  const { id, time, stage, meta, content } = shown;
  const parts = [
    ...(time === undefined ? [] : [paint("time", time)]),
    ...(stage === undefined ? [] : [paint("stage", stage)]),
    ...(withMeta && id !== undefined ? [paint("time", id)] : []),
    ...(withMeta && isObject(meta) ? pairs(meta, paint) : []),
  ];
  const cut = isObject(content) ? content["weir_truncated"] : undefined;
  if (isObject(cut) && typeof cut.text === "string") {
    const note = `(${scalar(cut.bytes)} bytes, cut short)`;
    return [...parts, printable(cut.text), paint("note", note)].join(" ");
  }
  if (isObject(content) && !isEmpty(content) && isSmall(content)) {
    return [...parts, ...pairs(content, paint)].join(" ");
  }
  return [...parts, indented(content, "", paint)].join(" ");
}

function isSmall(content: Record<string, unknown>): boolean {
  const entries = Object.entries(content);
  if (entries.length > SMALL_KEYS || !entries.every(([, value]) => isScalar(value))) return false;
  return entries.map(([key, value]) => `${key}=${scalar(value)}`).join(" ").length <= SMALL_LENGTH;
}

function pairs(content: Record<string, unknown>, paint: Paint): string[] {
  return flat(content, "").map(([key, value]) => `${paint("key", key)}=${printable(value)}`);
}

function indented(value: unknown, before: string, paint: Paint): string {
  if (value instanceof Text) return printable(value.text);
  if (isScalar(value)) return printable(json(value));
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (isEmpty(value as object)) return `${open}${close}`;
  const inner = `${before}  `;
  const parts = Array.isArray(value)
    ? value.map((part) => `${inner}${indented(part, inner, paint)}`)
    : Object.entries(value as object).map(([key, part]) =>
      `${inner}${paint("key", JSON.stringify(key))}: ${indented(part, inner, paint)}`
    );
  return `${open}\n${parts.join(",\n")}\n${before}${close}`;
}

function logfmt({ id, seq, time, stage, meta, content }: ShownEvent): string {
  const more = isObject(meta) ? { meta } : {};
  const known = id === undefined ? [] : flat({ id, seq, time, stage, ...more }, "tap");
  const name = content instanceof Text ? "text" : "event";
  return [...known, ...flat(content, "", name)]
    .map(([key, value]) => printable(`${key}=${value}`)).join(" ");
}

/** The values that are not made of others, by their paths. */
function flat(value: unknown, path: string, nameless = "event"): [key: string, value: string][] {
  const key = path === "" ? nameless : path;
  if (isScalar(value)) return [[key, scalar(value)]];
  const entries = Object.entries(value as object);
  if (entries.length === 0 && path === "") return [];
  if (entries.length === 0) return [[key, Array.isArray(value) ? "[]" : "{}"]];
  return entries.flatMap(([name, part]) => {
    const step = name.replaceAll(NOT_A_KEY, "_") || "_";
    return flat(part, path === "" ? step : `${path}.${step}`);
  });
}

/** What would end a key, or begin a quotation. */
// deno-lint-ignore no-control-regex -- control characters end a key too.
const NOT_A_KEY = /[\s="\x00-\x1f\x7f-\x9f]/g;

/** A value behind its key. */
function scalar(value: unknown): string {
  const text = value instanceof Text ? value.text : typeof value === "string" ? value : json(value);
  return text === "" || /[\s="\\\p{Cc}]/u.test(text) ? JSON.stringify(text) : text;
}

function json(value: unknown): string {
  return value instanceof Written ? value.text : JSON.stringify(value);
}
