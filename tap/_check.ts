import { checkFunction, checkInteger, refusal } from "../internal/mod.ts";
import { MAX_TIMER_MS } from "./_max_timer.ts";
import { CREDENTIAL_NAMES, type RedactRule } from "./redact.ts";
import { randomHex } from "./_random.ts";
import { compileRules, copyRules } from "./_redactor.ts";
import { isPattern } from "./_stage_match.ts";
import type { TapFormat, TapOptions } from "./options.ts";

/** What a tap was made with, checked, with what stands for what was left out. */
export interface Bounds {
  readonly bufferEvents: number;
  readonly maxBytes: number;
  readonly maxEventBytes: number;
  readonly maxSessions: number;
  readonly maxSessionsPerSubject: number;
  readonly maxDurationMs: number;
  readonly backlog: Required<{ events: number; maxBytes: number; maxAgeMs: number }>;
  readonly redact: readonly (string | RedactRule)[];
  readonly denyNames: readonly string[];
  readonly worker: string | undefined;
  /** Tells this tap from every other, of this process and of others. */
  readonly instance: string;
  readonly now: () => number;
  readonly random: () => number;
}

const CREATE = "create Tap";
const INSTANCE_BYTES = 5;
const MAX_NAMES = 256;

/**
 * Checks the options of a tap.
 *
 * @throws {RangeError} If a bound is not a number it may be.
 * @throws {TypeError} If something is of another kind.
 */
export function checkTapOptions<S extends string>(options: TapOptions<S>): Bounds {
  checkNames(CREATE, options, TAP_OPTIONS);
  const {
    bufferEvents = 8_192,
    maxBytes = 33_554_432,
    maxEventBytes = 262_144,
    maxSessions = 2,
    maxSessionsPerSubject = maxSessions,
    maxDurationMs = 300_000,
    redact = [],
    denyNames = CREDENTIAL_NAMES,
    worker,
    now = () => performance.now(),
    random = Math.random,
  } = options;
  checkInteger(CREATE, "bufferEvents", bufferEvents, 1);
  checkInteger(CREATE, "maxBytes", maxBytes, 1);
  checkInteger(CREATE, "maxEventBytes", maxEventBytes, MIN_EVENT_BYTES);
  checkInteger(CREATE, "maxSessions", maxSessions, 0);
  checkInteger(CREATE, "maxSessionsPerSubject", maxSessionsPerSubject, 0);
  checkDuration(CREATE, "maxDurationMs", maxDurationMs, MAX_TIMER_MS);
  checkFunction(CREATE, "now", now);
  checkFunction(CREATE, "random", random);
  compileRules(CREATE, redact);
  checkSignal(CREATE, options.signal);
  if (options.audit !== undefined) checkFunction(CREATE, "audit", options.audit);
  if (options.onError !== undefined) checkFunction(CREATE, "onError", options.onError);
  if (worker !== undefined) checkText(CREATE, "worker", worker, MAX_WORKER_LENGTH);
  if (options.enabled !== undefined && typeof options.enabled !== "boolean") {
    throw new TypeError(refusal(CREATE, "enabled must be true or false", options.enabled));
  }
  const names = checkList(CREATE, "denyNames", denyNames, MAX_NAMES);
  return {
    bufferEvents,
    maxBytes,
    maxEventBytes,
    maxSessions,
    maxSessionsPerSubject,
    maxDurationMs,
    backlog: checkBacklog(options.backlog ?? 0, maxBytes),
    redact: copyRules(redact),
    denyNames: names,
    worker,
    instance: randomHex(INSTANCE_BYTES),
    now: guarded(now, () => performance.now()),
    random: guarded(random, Math.random),
  };
}

/** A function of the program that is not to throw in the middle of an offer: then the platform's answers for it. */
function guarded(own: () => number, platform: () => number): () => number {
  return () => {
    try {
      return own();
    } catch {
      return platform();
    }
  };
}

const TAP_OPTIONS: readonly (keyof TapOptions<string>)[] = [
  "stages",
  "bufferEvents",
  "maxBytes",
  "maxEventBytes",
  "maxSessions",
  "maxSessionsPerSubject",
  "maxDurationMs",
  "redact",
  "denyNames",
  "backlog",
  "enabled",
  "worker",
  "signal",
  "audit",
  "onError",
  "now",
  "random",
];

/**
 * Refuses options by other names: one that is written wrongly would leave open what it was to close.
 *
 * @throws {TypeError} That names it.
 */
export function checkNames(action: string, options: object, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(refusal(action, "options must be an object", options));
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    throw new TypeError(refusal(action, `options must be among ${names.join(", ")}`, name));
  }
}

/** What a mark of what was cut off takes, and a little more. */
export const MIN_EVENT_BYTES = 128;
const MAX_WORKER_LENGTH = 128;

/** @throws {RangeError} If a name cannot be told from a list or a pattern. */
export function checkStage(action: string, name: string, format: TapFormat): void {
  checkStageText(action, "the name of a stage", name);
  if (isPattern(name) || name.includes(",") || name.trim() !== name) {
    throw new RangeError(
      refusal(
        action,
        'the name of a stage must have no "*", no comma and no blank at its ends',
        name,
      ),
    );
  }
  if (format !== "text" && format !== "json") {
    throw new TypeError(
      refusal(action, `the format of stage "${name}" must be text or json`, format),
    );
  }
}

/** @throws {TypeError} If it is no text, or one that would break out of the line of a log. */
export function checkStageText(action: string, name: string, value: unknown): void {
  checkText(action, name, value, 128);
  if (!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value as string)) return;
  throw new RangeError(refusal(action, `${name} must have no control characters`, value));
}

/** @throws {RangeError} If it is no time that a timer can wait, up to `most`. */
export function checkDuration(action: string, name: string, value: number, most: number): void {
  if (typeof value === "number" && value >= 0 && value <= most) return;
  throw new RangeError(refusal(action, `${name} must be from 0 to ${most} ms`, value));
}

/** @throws {TypeError} If it is no text, or an empty or a long one. */
export function checkText(action: string, name: string, value: unknown, maxLength: number): void {
  if (typeof value === "string" && value !== "" && value.length <= maxLength) return;
  const shown = typeof value === "string" ? value.slice(0, maxLength) : value;
  throw new TypeError(
    refusal(action, `${name} must be a text of 1 to ${maxLength} characters`, shown),
  );
}

/** @throws {TypeError} If it is none. */
export function checkSignal(action: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new TypeError(refusal(action, "signal must be an AbortSignal", signal));
}

/** @throws {TypeError} If it is no list of texts. */
export function checkList(
  action: string,
  name: string,
  value: readonly string[],
  most: number,
): readonly string[] {
  if (!Array.isArray(value) || value.length > most) {
    throw new TypeError(refusal(action, `${name} must be a list of at most ${most}`, value));
  }
  for (const text of value) checkText(action, `each of ${name}`, text, 512);
  return [...value];
}

function checkBacklog(
  backlog: NonNullable<TapOptions<string>["backlog"]>,
  tapMaxBytes: number,
): Bounds["backlog"] {
  const isBounds = typeof backlog === "object" && backlog !== null;
  const { events, maxBytes = tapMaxBytes, maxAgeMs = Infinity } = isBounds
    ? backlog
    : { events: backlog };
  checkInteger(CREATE, isBounds ? "backlog.events" : "backlog", events, 0);
  checkInteger(CREATE, "backlog.maxBytes", maxBytes, 1);
  if (maxAgeMs !== Infinity) checkInteger(CREATE, "backlog.maxAgeMs", maxAgeMs, 1);
  return { events, maxBytes, maxAgeMs };
}
