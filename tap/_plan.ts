import { checkInteger, refusal } from "../internal/mod.ts";
import {
  type Bounds,
  checkDuration,
  checkList,
  checkSignal,
  checkStageText,
  checkText,
  MIN_EVENT_BYTES,
} from "./_check.ts";
import { Allowance } from "./_allowance.ts";
import { Counter } from "./_counter.ts";
import { parseKeys, parsePath } from "./_path.ts";
import { randomBytes } from "./_random.ts";
import { compileRules, copyRules, LineWriter, Redactor, rulesAt } from "./_redactor.ts";
import { byChance, byCount, byKey, Reservoir, type Sampler } from "./_sampler.ts";
import { fitsStage, isPattern, patternsOf } from "./_stage_match.ts";
import type { TapOpenOptions } from "./options.ts";
import type { RedactRule } from "./redact.ts";
import type { SessionSetup, Writers } from "./session.ts";
import { parseWhere, type Where } from "./where.ts";

/** What those who serve a session allow of it, beside what the tap does. */
export interface Access {
  /** What this reader does not get to see. */
  readonly redact?: readonly (string | RedactRule)[] | undefined;
  /** The stages that this reader may know of; all of them if it is not given. */
  readonly stages?: readonly string[] | undefined;
}

/** What a session is made of, as far as its options say it. */
export type Plan =
  & Pick<
    SessionSetup,
    | "query"
    | "limit"
    | "durationMs"
    | "maxBytes"
    | "maxEventBytes"
    | "where"
    | "sampler"
    | "reservoir"
    | "counter"
    | "intervalMs"
    | "showText"
    | "rate"
    | "writersAt"
  >
  & {
    readonly patterns: readonly string[];
    readonly backlog: number;
    readonly since: number | string | undefined;
  };

const OPEN = "open tap session";
const MAX_STAGES = 32;
// Each event that is wanted is gone through for each of them.
const MAX_FIELDS = 32;
const MAX_READER_RULES = 16;
const SALT_BYTES = 16;
const MAX_RATE = 1_000_000_000;

/**
 * Checks what a session is to be opened with, and makes what it needs of that. Has no effect.
 *
 * @throws {RangeError | TypeError} That names the option and the value.
 */
export function planSession(
  options: TapOpenOptions<string>,
  access: Access,
  bounds: Bounds,
  stages: readonly string[],
): Plan {
  const { limit = Infinity, durationMs = bounds.maxDurationMs, since } = options;
  // Whoever says where to begin wants what comes first from there on.
  const { backlog = since !== undefined ? Infinity : options.countBy !== undefined ? 0 : limit } =
    options;
  const { maxBytes = Infinity, overflow, subject, signal } = options;
  const { maxEventBytes = bounds.maxEventBytes } = options;
  const patterns = checkStages(options.stage, stages);
  if (limit !== Infinity) checkInteger(OPEN, "limit", limit, 0);
  if (backlog !== Infinity) checkInteger(OPEN, "backlog", backlog, 0);
  if (maxBytes !== Infinity) checkInteger(OPEN, "maxBytes", maxBytes, 1);
  checkInteger(OPEN, "maxEventBytes", maxEventBytes, MIN_EVENT_BYTES, bounds.maxEventBytes);
  checkDuration(OPEN, "durationMs", durationMs, bounds.maxDurationMs);
  checkSince(since);
  if (overflow !== undefined && overflow !== "drop-newest" && overflow !== "drop-oldest") {
    throw new RangeError(
      refusal(OPEN, "overflow must be drop-newest or drop-oldest", overflow),
    );
  }
  if (subject !== undefined) checkText(OPEN, "subject", subject, 256);
  checkSignal(OPEN, signal);

  compileRules(OPEN, options.redact ?? [], MAX_READER_RULES);
  compileRules(OPEN, access.redact ?? []);
  // Writers are made when a stage has its first event.
  const redact = copyRules(options.redact ?? []);
  const granted = copyRules(access.redact ?? []);
  // What holds at one of its stages only still says what it must not ask for.
  const mandatory = [
    ...new Set(patterns.flatMap((stage) => rulesAt([...bounds.redact, ...granted], stage))),
  ];
  // Each list has its bound; together they may be more. Here they only say what a filter must not read.
  const hidden = new Redactor(compileRules(OPEN, mandatory, Infinity), bounds.denyNames);
  const { names } = hidden;
  const where = readWhere(options.where, hidden, mandatory.length > 0);
  const sampling = readSampling(options, hidden, bounds);
  const counter = readCounter(options, [...mandatory, ...redact], bounds.denyNames);
  const paths = options.fields && checkList(OPEN, "fields", options.fields, MAX_FIELDS);
  const fields = paths?.map((path) => parsePath(OPEN, "a path of fields", path));
  const salt = randomBytes(SALT_BYTES);
  // With the salt of the operator's, a reader could make a token of any value that they see, and compare.
  const readerSalt = randomBytes(SALT_BYTES);
  const writersAt = (stage: string): Writers => {
    // The tap itself has done what needs no salt, once for all sessions.
    const rules = [...rulesAt(bounds.redact, stage).filter(needsSalt), ...rulesAt(granted, stage)];
    const redactor = rules.length > 0
      ? new Redactor(compileRules(OPEN, rules, Infinity), [])
      : undefined;
    const own = compileRules(OPEN, rulesAt(redact, stage), MAX_READER_RULES);
    const others = own.length > 0 ? { rules: own, salt: readerSalt } : undefined;
    const hides = redactor !== undefined || others !== undefined;
    return {
      line: hides || fields ? new LineWriter(redactor, fields, salt, others) : undefined,
      meta: hides ? new LineWriter(redactor, undefined, salt, others) : undefined,
    };
  };
  return {
    query: Object.freeze({
      ...options,
      stage: typeof options.stage === "string" ? options.stage : [...options.stage],
      fields: paths,
      redact: options.redact && redact,
    }),
    patterns,
    backlog,
    since,
    limit,
    durationMs,
    maxBytes,
    maxEventBytes,
    where,
    ...sampling,
    ...counter,
    showText: names && ((text) => names.maskText(text)),
    rate: readRate(options.rate, bounds.now),
    writersAt,
  };
}

/** Whether what a rule makes of a value is another in each session. */
export function needsSalt(rule: string | RedactRule): boolean {
  const mode = typeof rule === "string" ? undefined : rule.mode;
  return mode === undefined || mode === "hash" || mode === "typed-hash";
}

function checkStages(
  stage: TapOpenOptions<string>["stage"],
  known: readonly string[],
): readonly string[] {
  const patterns = patternsOf(stage);
  const requirement = `stage must be one of ${known.join(", ")}`;
  const isUsable = Array.isArray(patterns) && patterns.length > 0 && patterns.length <= MAX_STAGES;
  if (!isUsable) {
    throw new RangeError(
      refusal(OPEN, `${requirement}, or a list of at most ${MAX_STAGES}`, stage),
    );
  }
  for (const pattern of patterns) {
    checkStageText(OPEN, "stage", pattern);
    // A pattern may fit what is added later; a name that is not there is a mistake.
    if (isPattern(pattern) || known.some((name) => fitsStage(pattern, name))) continue;
    throw new RangeError(refusal(OPEN, requirement, pattern));
  }
  return [...new Set(patterns)];
}

function checkSince(since: number | string | undefined): void {
  if (since === undefined) return;
  if (typeof since === "number") {
    return checkDuration(OPEN, "since", since, Number.MAX_SAFE_INTEGER);
  }
  if (typeof since === "string" && EVENT_ID.test(since)) return;
  throw new RangeError(refusal(OPEN, "since must be milliseconds or the id of an event", since));
}

/** How an event is named: the tap, and its place there. */
export const EVENT_ID: RegExp = /^([0-9a-f]{10})-(\d{1,15})$/;

function readWhere(
  given: string | Where | undefined,
  hidden: Redactor,
  hasRules: boolean,
): Where | undefined {
  if (given === undefined) return undefined;
  const where = typeof given === "string" ? parseWhere(given) : given;
  if (typeof where?.matches !== "function" || !Array.isArray(where.paths)) {
    throw new TypeError(refusal(OPEN, "where must be an expression", given));
  }
  // Else what is hidden could be guessed, one question after another.
  for (const path of where.paths) checkVisible("where", path, hidden);
  if (where.readsText && hasRules) {
    throw new RangeError(
      refusal(OPEN, 'where must not read "$" where paths are redacted', where.text),
    );
  }
  return where;
}

function checkVisible(name: string, path: readonly string[], hidden: Redactor): void {
  if (!hidden.hides(path)) return;
  throw new RangeError(refusal(OPEN, `${name} must not read what is redacted`, path.join(".")));
}

function readSampling(
  options: TapOpenOptions<string>,
  hidden: Redactor,
  bounds: Bounds,
): Pick<Plan, "sampler" | "reservoir"> {
  const { sample, every, key, reservoir } = options;
  const ways = Object.entries({ sample, every, reservoir }).filter(([, way]) => way !== undefined);
  if (ways.length > 1) {
    const names = ways.map(([name]) => name).join(" and ");
    throw new RangeError(
      refusal(OPEN, "only one of sample, every and reservoir may be given", names),
    );
  }
  if (key !== undefined && sample === undefined) {
    throw new RangeError(refusal(OPEN, "key needs sample", key));
  }
  let sampler: Sampler | undefined;
  if (every !== undefined) {
    checkInteger(OPEN, "every", every, 1);
    sampler = byCount(every);
  }
  if (sample !== undefined) {
    if (!(typeof sample === "number" && sample > 0 && sample <= 1)) {
      throw new RangeError(refusal(OPEN, "sample must be above 0 and at most 1", sample));
    }
    const keys = key === undefined ? undefined : parseKeys(OPEN, "key", key);
    if (keys !== undefined) checkVisible("key", keys, hidden);
    sampler = keys ? byKey(keys, sample, bounds.random) : byChance(sample, bounds.random);
  }
  if (reservoir === undefined) return { sampler, reservoir: undefined };
  checkInteger(OPEN, "reservoir", reservoir, 1, bounds.bufferEvents);
  return { sampler, reservoir: new Reservoir(reservoir, bounds.random) };
}

/** What is counted, and how long an interval is, of the counts or of a reservoir. */
function readCounter(
  options: TapOpenOptions<string>,
  rules: readonly (string | RedactRule)[],
  denyNames: readonly string[],
): Pick<Plan, "counter" | "intervalMs"> {
  const { countBy, reservoir, fields, rate } = options;
  const { intervalMs = countBy === undefined ? 500 : 1_000 } = options;
  checkInteger(OPEN, "intervalMs", intervalMs, 100, 3_600_000);
  if (options.intervalMs !== undefined && countBy === undefined && reservoir === undefined) {
    throw new RangeError(refusal(OPEN, "intervalMs needs reservoir or countBy", intervalMs));
  }
  if (countBy === undefined) return { counter: undefined, intervalMs };
  if (reservoir !== undefined || fields !== undefined || rate !== undefined) {
    throw new RangeError(
      refusal(OPEN, "countBy must not be given with reservoir, fields or rate", countBy),
    );
  }
  const keys = parseKeys(OPEN, "countBy", countBy);
  checkVisible("countBy", keys, new Redactor(compileRules(OPEN, rules, Infinity), denyNames));
  return { counter: new Counter(keys), intervalMs };
}

function readRate(rate: number | undefined, now: () => number): Allowance | undefined {
  if (rate === undefined) return undefined;
  if (!(typeof rate === "number" && rate > 0 && rate <= MAX_RATE)) {
    throw new RangeError(refusal(OPEN, "rate must be above 0 events a second", rate));
  }
  return new Allowance(rate / 1_000, Math.max(1, rate), now());
}
