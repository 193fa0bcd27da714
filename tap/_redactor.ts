import { REDACT_MODES } from "./_redact_modes.ts";
import { refusal } from "../internal/mod.ts";
import { Tokens } from "./_canonical.ts";
import { type DenyNames, denyNamesOf, MASK } from "./_deny_names.ts";
import { isIndex, parsePath, type PathStep } from "./_path.ts";
import { ARRIVED, PathMatcher, Projection } from "./_projection.ts";
import { fitsStage, isPattern } from "./_stage_match.ts";
import type { RedactMode, RedactRule } from "./redact.ts";

/** A rule that was read. */
export interface CompiledRule {
  /** Without `**` at the end, which may be no step, and then takes all there is. None for the whole event. */
  readonly steps: readonly PathStep[];
  readonly mode: RedactMode;
  readonly ignoreCase: boolean;
}

const MAX_RULES = 64;

/** Texts of fewer code points are masked as a whole, and so many of longer ones stay. */
const PARTIAL_LENGTH = 12;
const PARTIAL_REST = 4;

/** What JSON has: an object or an array, whose parts are found by key or index. */
type Holder = Record<string | number, unknown>;

/**
 * Reads rules of redaction.
 *
 * @throws {RangeError} If there are too many, or a path or mode is none; it names the rule.
 * @throws {TypeError} If something is of another kind.
 */
export function compileRules(
  action: string,
  rules: readonly (string | RedactRule)[],
  most: number = MAX_RULES,
): CompiledRule[] {
  if (!Array.isArray(rules)) {
    throw new TypeError(refusal(action, "redact must be a list of paths or rules", rules));
  }
  if (rules.length > most) {
    throw new RangeError(
      refusal(action, `redact must have at most ${most} rules`, rules.length),
    );
  }
  return rules.map((given: unknown, index) => compileRule(action, `redact[${index}]`, given));
}

/** Rules that stay what they are, whatever becomes of the ones that were given. */
export function copyRules(rules: readonly (string | RedactRule)[]): (string | RedactRule)[] {
  return rules.map((rule) =>
    typeof rule === "string" ? rule : { ...rule, ...rule.stages && { stages: [...rule.stages] } }
  );
}

function compileRule(action: string, name: string, given: unknown): CompiledRule {
  if (typeof given !== "string" && (typeof given !== "object" || given === null)) {
    throw new TypeError(refusal(action, `${name} must be a path or a rule`, given));
  }
  const rule = typeof given === "string" ? { path: given } : given as RedactRule;
  const { path, mode = "hash", ignoreCase = false, stages } = rule;
  const place = rule.path === given ? name : `${name}.path`;
  if (typeof path !== "string") {
    throw new TypeError(refusal(action, `${place} must be a text`, path));
  }
  if (!REDACT_MODES.includes(mode)) {
    throw new RangeError(
      refusal(action, `${name}.mode must be one of ${REDACT_MODES.join(", ")}`, mode),
    );
  }
  if (typeof ignoreCase !== "boolean") {
    throw new TypeError(refusal(action, `${name}.ignoreCase must be true or false`, ignoreCase));
  }
  const isList = Array.isArray(stages) && stages.length > 0 && stages.every(isText);
  if (stages !== undefined && !isList) {
    throw new TypeError(refusal(action, `${name}.stages must be a list of names`, stages));
  }
  const steps = parsePath(action, place, path);
  while (steps.at(-1) === "**") steps.pop();
  return { steps, mode, ignoreCase };
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

/** The rules that hold at a stage; where that is a pattern, all that may hold at a stage that fits. */
export function rulesAt(
  rules: readonly (string | RedactRule)[],
  stage: string,
): (string | RedactRule)[] {
  return rules.filter((rule) => {
    const stages = typeof rule === "string" ? undefined : rule.stages;
    return stages === undefined || isPattern(stage) ||
      stages.some((pattern) => fitsStage(pattern, stage));
  });
}

/** What must not be seen of events: by rules, and by the names of credentials. */
export class Redactor {
  /** The rules, in the order in which they are applied. */
  readonly rules: readonly CompiledRule[];
  /** The names, which come before the rules; undefined if there are none. */
  readonly names: DenyNames | undefined;
  readonly #hidden: readonly HiddenPath[];

  /** @throws {RangeError} If a name is none. */
  constructor(rules: readonly CompiledRule[], denyNames: readonly string[], action = "redact") {
    this.rules = rules;
    this.names = denyNames.length > 0 ? denyNamesOf(denyNames, action) : undefined;
    this.#hidden = rules.map((rule) => new HiddenPath(rule));
  }

  /** Whether there is nothing to hide. */
  get isEmpty(): boolean {
    return this.rules.length === 0 && this.names === undefined;
  }

  /**
   * Whether a filter that reads a path could tell something of what is hidden. True also for what looks like it: arrays are read with and
   * without their indices.
   */
  hides(keys: readonly string[]): boolean {
    if (this.names !== undefined && keys.some((key) => this.names!.hasKey(key))) return true;
    return this.#hidden.some((hidden) => hidden.isReadBy(keys));
  }
}

/** Where a rule changes values, with all indices of arrays left out, since they may or may not be said. */
class HiddenPath {
  readonly #steps: readonly PathStep[];
  /** What is before the first `**`: on the way there, what has no parts is hidden itself. */
  readonly #strict: readonly PathStep[];
  readonly #ignoreCase: boolean;

  constructor(rule: CompiledRule) {
    this.#ignoreCase = rule.ignoreCase;
    const steps = rule.steps.filter((step) => typeof step === "string" || !isIndex(step.key));
    const deep = steps.indexOf("**");
    this.#steps = steps;
    this.#strict = deep < 0 ? steps : steps.slice(0, deep);
  }

  isReadBy(keys: readonly string[]): boolean {
    const end = this.#steps.length;
    let places = withNext(this.#steps, new Set([0]));
    let strict = withNext(this.#strict, new Set([0]));
    for (const key of keys) {
      // What is within is hidden, too.
      if (places.has(end)) return true;
      if (isIndex(key)) continue;
      places = this.#take(this.#steps, places, key);
      strict = this.#take(this.#strict, strict, key);
    }
    return places.has(end) || strict.size > 0;
  }

  #take(steps: readonly PathStep[], places: ReadonlySet<number>, key: string): Set<number> {
    const next = new Set<number>();
    for (const place of places) {
      const step = steps[place];
      if (step === "**") next.add(place);
      if (step === "*" || typeof step === "object" && this.#isSame(step.key, key)) {
        next.add(place + 1);
      }
    }
    return withNext(steps, next);
  }

  #isSame(one: string, other: string): boolean {
    return one === other || this.#ignoreCase && one.toLowerCase() === other.toLowerCase();
  }
}

/** Adds what comes behind steps that may be none: `**`, and `*`, which may have been an index. */
function withNext(steps: readonly PathStep[], places: Set<number>): Set<number> {
  // A set that grows while it is walked gives out what was added, too.
  for (const place of places) if (typeof steps[place] === "string") places.add(place + 1);
  return places;
}

/** Rewrites lines such that they show only what may be seen. */
export class LineWriter {
  readonly #rules: readonly BoundRule[];
  readonly #names: DenyNames | undefined;
  readonly #projection: Projection | undefined;

  /**
   * @param redactor What must not be seen.
   * @param fields What is to be seen; all the rest if it is undefined.
   * @param salt What tokens are made with; needed if there is a rule that makes them.
   * @param others More rules, whose tokens are made with another salt.
   * @throws {TypeError} If there is none.
   */
  constructor(
    redactor: Redactor | undefined,
    fields: readonly PathStep[][] | undefined,
    salt: Uint8Array | undefined,
    others?: { readonly rules: readonly CompiledRule[]; readonly salt: Uint8Array },
  ) {
    const tokens = salt && new Tokens(salt);
    const otherTokens = others && new Tokens(others.salt);
    this.#rules = [
      ...redactor?.rules.map((rule) => new BoundRule(rule, tokens)) ?? [],
      ...others?.rules.map((rule) => new BoundRule(rule, otherTokens)) ?? [],
    ];
    this.#names = redactor?.names;
    this.#projection = fields && new Projection(fields);
  }

  /**
   * Writes one line anew.
   *
   * @param line What `JSON.stringify` wrote, or a text.
   * @param isText Whether it is a text, which may be JSON or not.
   * @returns The line to show; undefined if it must not be shown.
   * @throws What goes wrong; the line must not be shown then.
   */
  write(line: string, isText: boolean): string | undefined {
    if (isText) return this.#writeText(line);
    const names = this.#names;
    if (line.startsWith('"')) return this.#writeString(line);
    if (this.#rules.length === 0 && this.#projection === undefined && !names?.areIn(line)) {
      return line;
    }
    return this.#rewrite(JSON.parse(line));
  }

  /** An event that is a text and nothing else. */
  #writeString(line: string): string | undefined {
    const text: string = JSON.parse(line);
    const masked = this.#maskText(text);
    if (this.#rules.length > 0) return this.#rewrite(masked);
    return masked === text ? line : JSON.stringify(masked);
  }

  #writeText(line: string): string | undefined {
    const isCheap = this.#rules.length === 0 && this.#projection === undefined;
    if (isCheap && !this.#names?.mayBeIn(line)) return line;
    // A number or a text in quotes is a text that happens to be JSON: it has no keys, and what it says is to be read.
    const value = objectOf(line);
    // The same key may stand there twice, and only the last of them was read: so what was read is shown, not the line.
    if (value !== undefined) return this.#rewrite(value);
    return this.#rules.length > 0 ? undefined : this.#maskText(line);
  }

  #maskText(text: string): string {
    return this.#names?.maskText(text) ?? text;
  }

  #rewrite(value: unknown): string | undefined {
    // What is at the root may be replaced, too.
    const holder: Holder = { root: this.#names === undefined ? value : this.#names.mask(value) };
    for (const rule of this.#rules) {
      rule.apply(holder, "root");
      if (!("root" in holder)) return undefined;
    }
    const { root } = holder;
    return JSON.stringify(this.#projection === undefined ? root : this.#projection.of(root));
  }
}

/** The object or array that a text is; undefined if it is none. */
function objectOf(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

/** A rule with what it makes tokens with. */
class BoundRule {
  readonly #steps: readonly PathStep[];
  readonly #mode: RedactMode;
  readonly #ignoreCase: boolean;
  readonly #tokens: Tokens | undefined;
  /** What is from the first `**` on. */
  readonly #deep: PathMatcher | undefined;

  constructor(rule: CompiledRule, tokens: Tokens | undefined) {
    this.#steps = rule.steps;
    this.#mode = rule.mode;
    this.#ignoreCase = rule.ignoreCase;
    this.#tokens = tokens;
    if (tokens === undefined && (rule.mode === "hash" || rule.mode === "typed-hash")) {
      throw new TypeError(refusal("redact", `mode ${rule.mode} needs a salt`, tokens));
    }
    const deep = rule.steps.indexOf("**");
    this.#deep = deep < 0 ? undefined : new PathMatcher(rule.steps.slice(deep), rule.ignoreCase);
  }

  /** Redacts a part of an object or array, as far as the rule leads there. */
  apply(holder: Holder, key: string | number): void {
    this.#follow(holder, key, 0);
  }

  #follow(holder: Holder, key: string | number, at: number): void {
    const value = holder[key];
    if (at === this.#steps.length) return this.#hide(holder, key);
    if (value === null) return;
    // What has no parts stands where the rest of the path should be: it may be what was meant.
    if (typeof value !== "object") return this.#hide(holder, key);
    const step = this.#steps[at]!;
    if (step === "**") return this.#sweep(holder, key, this.#deep!.begin());
    if (Array.isArray(value)) this.#followArray(value, step, at);
    else this.#followObject(value as Holder, step, at);
  }

  #followArray(array: unknown[], step: "*" | { readonly key: string }, at: number): void {
    const holder = array as unknown as Holder;
    if (step !== "*" && isIndex(step.key)) {
      const index = Number(step.key);
      if (index < array.length) this.#follow(holder, index, at + 1);
      return;
    }
    const next = step === "*" ? at + 1 : at;
    for (let index = 0; index < array.length; index++) this.#follow(holder, index, next);
  }

  #followObject(object: Holder, step: "*" | { readonly key: string }, at: number): void {
    if (step !== "*" && !this.#ignoreCase) {
      if (Object.hasOwn(object, step.key)) this.#follow(object, step.key, at + 1);
      return;
    }
    const name = step === "*" ? undefined : step.key.toLowerCase();
    for (const key of Object.keys(object)) {
      if (name === undefined || key.toLowerCase() === name) this.#follow(object, key, at + 1);
    }
  }

  /** Goes everywhere, as `**` does. */
  #sweep(holder: Holder, key: string | number, places: number): void {
    if (places === ARRIVED) return this.#hide(holder, key);
    const value = holder[key];
    if (places === 0 || typeof value !== "object" || value === null) return;
    const deep = this.#deep!;
    const parts = value as Holder;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        this.#sweep(parts, index, deep.element(places, index));
      }
    } else {
      for (const part of Object.keys(parts)) this.#sweep(parts, part, deep.member(places, part));
    }
  }

  #hide(holder: Holder, key: string | number): void {
    if (this.#mode !== "remove") holder[key] = this.#instead(holder[key]);
    // Other elements keep their places.
    else if (Array.isArray(holder)) holder[key] = null;
    else delete holder[key];
  }

  #instead(value: unknown): unknown {
    // A token of it would look as if it stood for a value.
    if (value === MASK) return MASK;
    switch (this.#mode) {
      case "hash":
        return this.#tokens!.hash(value);
      case "typed-hash":
        return this.#tokens!.typedHash(value);
      case "type":
        return emptyOf(value);
      case "partial":
        return typeof value === "string" ? endOf(value) : MASK;
      default:
        return MASK;
    }
  }
}

function emptyOf(value: unknown): unknown {
  if (typeof value === "string") return "";
  if (typeof value === "number") return 0;
  if (typeof value === "boolean") return false;
  if (value === null) return null;
  return Array.isArray(value) ? [] : {};
}

function endOf(text: string): string {
  // Two units are one code point at the most, so that no more than these need be looked at.
  if (Array.from(text.slice(0, 2 * PARTIAL_LENGTH)).length < PARTIAL_LENGTH) return MASK;
  return `…${Array.from(text.slice(-2 * PARTIAL_REST)).slice(-PARTIAL_REST).join("")}`;
}
