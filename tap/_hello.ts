import { patternsOf } from "./_stage_match.ts";
import { rulesAt } from "./_redactor.ts";
import type { RedactRule } from "./redact.ts";
import type { TapHello } from "./records.ts";
import { control, type TapSession } from "./session.ts";
import { serving, type Tap } from "./tap.ts";

/** What a reader is told of its session at its beginning. */
export function makeHello<S extends string>(
  tap: Tap<S>,
  session: TapSession,
  granted: readonly (string | RedactRule)[],
  heartbeatMs: number,
): TapHello {
  const { query } = session;
  const { worker, instance, redact } = serving.bounds(tap);
  const { stage } = query;
  const rules = new Set(
    patternsOf(stage).flatMap((pattern) =>
      rulesAt([...redact, ...granted, ...(query.redact ?? [])], pattern)
    ),
  );
  const { where, sample, key, every, reservoir } = query;
  const sampling = reservoir !== undefined
    ? { reservoir, "interval_ms": query.intervalMs ?? 500 }
    : every !== undefined
    ? { every }
    : sample !== undefined
    ? { chance: sample, key }
    : undefined;
  // What is undefined is left out when it is written.
  return {
    session: session.id,
    instance,
    worker,
    stage: session.stage,
    stages: session.stages,
    started: session.openedAt,
    "duration_ms": query.durationMs ?? tap.maxDurationMs,
    limit: query.limit,
    "max_bytes": query.maxBytes,
    where: typeof where === "object" ? where.text : where,
    fields: query.fields,
    "count_by": query.countBy,
    sampling,
    rate: query.rate,
    redact: Array.from(rules, (rule) => typeof rule === "string" ? rule : rule.path),
    replayed: control.replayed(session),
    missed: session.missed ?? null,
    "heartbeat_ms": heartbeatMs,
  };
}
