import { refusal } from "../internal/mod.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import type { TapOpenOptions } from "./tap.ts";

const READ = "read query";

/**
 * Reads the query of a request into what a session is opened with. The tap itself checks the stage and the counts.
 *
 * @throws {RangeError} That names the parameter and the value.
 */
export function readQuery(
  query: URLSearchParams,
  defaultStage: string,
  defaultDurationMs: number,
  maxDurationMs: number,
): TapOpenOptions<string> {
  const readers: Record<string, (text: string) => unknown> = {
    stage: (text) => text,
    limit: (text) => readCount("limit", text),
    duration: (text) => readDuration("duration", text, maxDurationMs),
    backlog: (text) => readCount("backlog", text),
  };
  const values: Record<string, unknown> = {};
  for (const [name, text] of query) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) {
      throw new RangeError(
        refusal(READ, `a parameter must be one of ${Object.keys(readers).join(", ")}`, name),
      );
    }
    if (Object.hasOwn(values, name)) {
      throw new RangeError(refusal(READ, `${name} must be given once`, text));
    }
    values[name] = read(text);
  }
  return {
    stage: (values.stage as string | undefined) ?? defaultStage,
    limit: values.limit as number | undefined,
    durationMs: (values.duration as number | undefined) ?? defaultDurationMs,
    backlog: values.backlog as number | undefined,
  };
}

function readCount(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RangeError(refusal(READ, `${name} must be a non-negative integer`, text));
}

function readDuration(name: string, text: string, maxMs: number): number {
  let ms;
  try {
    ms = parseDuration(text);
  } catch {
    throw new RangeError(refusal(READ, `${name} must look like "30s" or "1m30s"`, text));
  }
  if (ms <= maxMs) return ms;
  throw new RangeError(
    refusal(READ, `${name} exceeds the maximum of ${formatDuration(maxMs)}`, text),
  );
}
