import type { TapSession, TapSessionStats } from "./session.ts";

/** What stands below the path of a handler. */
export interface Place {
  readonly name: "sessions" | "metrics" | "enabled";
  /** What stands behind it: the id of a session, or something that is none. */
  readonly id: string | undefined;
}

/** The place that a path means; undefined for the tap itself. */
export function placeOf(pathname: string, path: string | undefined): Place | undefined {
  const below = path === undefined ? pathname : pathname.slice(path.length);
  const [, name, rest = ""] = /\/(sessions|metrics|enabled)(\/.*)?$/.exec(below) ?? [];
  if (name === undefined) return undefined;
  return { name: name as Place["name"], id: rest.slice(1) || undefined };
}

/** What may stand behind the path of a handler. */
const BELOW = /^(?:\/?|\/(?:sessions|metrics|enabled)(?:\/.*)?)$/;

/** Whether a path is that of a handler, or of one of its places. */
export function isWithin(pathname: string, path: string): boolean {
  return pathname.startsWith(path) && BELOW.test(pathname.slice(path.length));
}

/** A session as administrators see it. */
export function describeSession(session: TapSession): Record<string, unknown> {
  const { id, subject, stage, stages, openedAt, durationMs, query } = session;
  const { where } = query;
  return {
    id,
    subject,
    stage,
    stages,
    where: typeof where === "object" ? where.text : where,
    opened: openedAt,
    "duration_ms": Math.round(durationMs),
    ...inWireCase(session.stats()),
  };
}

function inWireCase(stats: TapSessionStats): Record<string, number> {
  const { sampledOut, rateLimited, ...others } = stats;
  return { ...others, "sampled_out": sampledOut, "rate_limited": rateLimited };
}
