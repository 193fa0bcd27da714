import {
  formatDuration,
  type TapClientSummary,
  type TapHello,
  type TapNotice,
  type TapReconnect,
  type TapSampling,
} from "../tap/mod.ts";

/** Says what is watched. */
export function describeHello(hello: TapHello, url: URL): string {
  const { stage, duration_ms, worker, limit, where, fields, count_by, sampling, rate } = hello;
  const { redact, replayed, missed } = hello;
  const of = worker === undefined ? placeOf(url) : `${placeOf(url)} (worker ${worker})`;
  return [
    `watching ${stage} of ${of} for ${formatDuration(duration_ms)}`,
    ...(limit === undefined ? [] : [`at most ${limit}`]),
    ...(where === undefined ? [] : [`where ${where}`]),
    ...(count_by === undefined ? [] : [`counted by ${count_by}`]),
    ...(sampling === undefined ? [] : [describeSampling(sampling)]),
    ...(rate === undefined ? [] : [`at most ${rate} a second`]),
    ...(fields === undefined ? [] : [`only ${fields.join(" ")}`]),
    ...(Array.isArray(redact) && redact.length > 0 ? [`redacted: ${redact.join(" ")}`] : []),
    ...(replayed > 0 ? [`${replayed} from before`] : []),
    ...(missed === null ? ["nobody knows what came before"] : []),
    ...(missed !== null && missed > 0 ? [`${missed} missed before`] : []),
  ].join(", ");
}

/** Says that the watching goes on, and what is missing for good. */
export function describeReturn({ missed, replayed }: TapHello): string {
  const lost = missed === null
    ? "nobody knows what was missed"
    : `${missed} missed, ${replayed} made up for`;
  return `watching again, ${lost}`;
}

/** Says why it does not go on just now. */
export function describeReconnect({ attempt, delayMs, reason }: TapReconnect): string {
  const seconds = (delayMs / 1_000).toFixed(1);
  return `${reason.message}; attempt ${attempt} in ${seconds} s`;
}

/** Says what the server tells in between. */
export function describeNotice(notice: TapNotice): string {
  switch (notice.kind) {
    case "drop": {
      const { rate_limited: limited } = notice;
      const beyond = limited > 0 ? `; ${limited} beyond the rate` : "";
      return `${notice.dropped} dropped so far, ${notice.new} of them since last told${beyond}`;
    }
    case "live":
      return `${notice.replayed} from before, what follows is new`;
    case "match":
      return `stages now too: ${notice.stages.join(", ")}`;
    case "unmatched":
      return `no stage fits as yet: ${notice.patterns.join(", ")}`;
    default:
      // From a newer server.
      return JSON.stringify(notice);
  }
}

/** Says how it went. */
export function describeSummary(summary: TapClientSummary, shown: number, lost: number): string {
  const { duration_ms, stage, reason, undelivered, missed, seen, matched, truncated } = summary;
  const { sampled_out: sampledOut, rate_limited: rateLimited, unshown } = summary;
  const counts = [
    `${shown} shown`,
    unshown === undefined || unshown === 0
      ? `${lost} dropped`
      : `${lost} dropped (${unshown} could not be shown)`,
    ...some(undelivered, "undelivered"),
    ...some(seen === undefined || matched === undefined ? 0 : seen - matched, "did not match"),
    ...some(sampledOut, "sampled out"),
    ...some(rateLimited, "beyond the rate"),
    ...some(truncated, "cut short"),
    ...some(missed ?? 0, "missed before it began"),
  ].join(", ");
  const how = reason === undefined ? "" : `, ended by ${reason}`;
  return `${counts} (${duration_ms} ms, stage ${stage}${how})${hint(summary)}`;
}

/** Where a tap is, without what is asked of it: that is known, and may hold a ticket. */
export function placeOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

/** Says why there may be nothing. */
function hint({ captured, stage, seen, matched, missed }: TapClientSummary): string {
  if (captured > 0) return "";
  if (seen !== undefined && seen > 0 && matched === 0) return "; --where fits none that came";
  if (seen !== 0 || (missed ?? 0) > 0) return "";
  const raw = stage === "decoded" ? "; lines that are not JSON: --stage raw" : "";
  return `; nothing came at this stage${raw}`;
}

function some(count: number | undefined, what: string): string[] {
  return count === undefined || count === 0 ? [] : [`${count} ${what}`];
}

function describeSampling(sampling: TapSampling): string {
  if ("every" in sampling) return `1 of every ${sampling.every}`;
  if ("reservoir" in sampling) {
    return `${sampling.reservoir} of each ${formatDuration(sampling.interval_ms)}`;
  }
  const { chance, key } = sampling;
  return key === undefined ? `each by a chance of ${chance}` : `${chance} of all ${key}`;
}
