import type { Tap } from "./tap.ts";

/**
 * Writes what a tap has done as text that Prometheus reads.
 *
 * @typeParam S The names of the stages.
 * @param tap The tap.
 * @returns Lines of the text format, version 0.0.4.
 *
 * @example A line of the metrics
 * ```ts
 * import { Tap, tapMetrics } from "@weir/weir/tap";
 * import { assert } from "@std/assert";
 *
 * const tap = new Tap();
 * using _session = tap.open({ stage: "raw" });
 * assert(tapMetrics(tap).includes("\nweir_tap_active_sessions 1\n"));
 * ```
 */
export function tapMetrics<S extends string>(tap: Tap<S>): string {
  const stats = tap.stats();
  return [
    ...metric("active_sessions", "gauge", "Sessions that are open.", stats.active),
    ...metric(
      "ending_sessions",
      "gauge",
      "Sessions that have ended, and whose streams have not.",
      stats.ending,
    ),
    ...metric("enabled", "gauge", "Whether sessions can be opened.", tap.enabled ? 1 : 0),
    ...metric("sessions_total", "counter", "Sessions that were opened.", stats.opened),
    ...header("refused_total", "counter", "Sessions that were refused, by the reason."),
    ...Object.entries(stats.refusedBy).map(([reason, count]) =>
      `weir_tap_refused_total{reason="${reason}"} ${count}`
    ),
    ...metric("events_streamed_total", "counter", "Events that were streamed.", stats.streamed),
    ...metric("events_dropped_total", "counter", "Events that sessions lost.", stats.dropped),
    ...metric(
      "events_unwritable_total",
      "counter",
      "Events that could not be written, or must not be shown.",
      stats.unwritable,
    ),
    ...metric(
      "events_misdirected_total",
      "counter",
      "Events offered at no stage.",
      stats.misdirected,
    ),
    ...metric("bytes_total", "counter", "Bytes that were streamed.", stats.bytes),
    ...metric(
      "session_seconds_total",
      "counter",
      "For how long sessions have been open, all together.",
      stats.sessionMs / 1_000,
    ),
    "",
  ].join("\n");
}

function metric(name: string, type: string, help: string, value: number): string[] {
  return [...header(name, type, help), `weir_tap_${name} ${value}`];
}

function header(name: string, type: string, help: string): string[] {
  return [`# HELP weir_tap_${name} ${help}`, `# TYPE weir_tap_${name} ${type}`];
}
