import { checkOneOf } from "./_check.ts";

/** How much a span or an event matters: from `"error"`, the most, to `"trace"`, the least. */
export type SpanLevel = "error" | "warn" | "info" | "debug" | "trace";

/** Up to which level spans are recorded: `"off"` for none at all. */
export type SpanLevelFilter = SpanLevel | "off";

/** All filters, by their numbers. */
export const LEVELS: readonly SpanLevelFilter[] = [
  "off",
  "error",
  "warn",
  "info",
  "debug",
  "trace",
];

/** The number of `"info"`, which everything has that says nothing else. */
export const INFO = 3;

/** The number of a level that may be none, or no level; that of `"info"` then. */
export function levelNumber(level: SpanLevel | undefined): number {
  const number = level === undefined ? INFO : LEVELS.indexOf(level);
  return number > 0 ? number : INFO;
}

/** The number of a filter. Throws if it is none. */
export function checkLevel(action: string, level: SpanLevelFilter): number {
  checkOneOf(action, "level", LEVELS, level);
  return LEVELS.indexOf(level);
}

/** What a span is in a conversation between services, as OpenTelemetry has it. */
export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** All kinds, by their numbers. */
export const KINDS: readonly SpanKind[] = ["internal", "server", "client", "producer", "consumer"];

/** The number of a kind that may be none, or no kind; that of `"internal"` then. */
export function kindNumber(kind: SpanKind | undefined): number {
  return kind === undefined ? 0 : Math.max(0, KINDS.indexOf(kind));
}

/** How a span has ended: `"error"` if it failed, `"ok"` if it was said that it did not, and `"unset"` otherwise. */
export type SpanStatus = "unset" | "ok" | "error";

/** All of them, by their numbers. */
export const STATUSES: readonly SpanStatus[] = ["unset", "ok", "error"];
