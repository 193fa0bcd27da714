import { assert, assertEquals, assertFalse, assertMatch, assertNotEquals } from "@std/assert";
import { isIndex, parsePath, type PathStep, someAt } from "../../tap/_path.ts";
import { compileRules, LineWriter, Redactor } from "../../tap/_redactor.ts";
import { CREDENTIAL_NAMES, type RedactMode, type RedactRule } from "../../tap/redact.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

const MASK = "[redacted]";
const SALT = new Uint8Array(16).fill(7);
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** Keys that are words, indices, and everything that a path has to write in another way. */
const KEYS = [
  "a",
  "b",
  "user",
  "0",
  "1",
  "x.y",
  'q"',
  "back\\slash",
  "*",
  "**",
  "",
  "é👩",
  "a/b~c",
  "[0]",
];
const FEW_KEYS = ["a", "b", "c", "0", "1"];

type Place = readonly (string | number)[];

/** A text that is nowhere by chance. */
function makeSecret(random: Random): string {
  return Array.from({ length: 12 }, () => LETTERS[random.below(26)]).join("").toUpperCase();
}

function makeValue(random: Random, depth: number, keys: readonly string[]): unknown {
  const kind = depth === 0 ? 9 : random.below(10);
  if (kind < 3) {
    return Array.from({ length: random.below(4) }, () => makeValue(random, depth - 1, keys));
  }
  if (kind < 8) return makeObject(random, depth, keys);
  return random.pick<unknown>([1, -2.5, "x", "", null, true, false, '\n"\\\u2028\ud800']);
}

function makeObject(random: Random, depth: number, keys: readonly string[]): object {
  const count = 1 + random.below(4);
  return Object.fromEntries(Array.from(
    { length: count },
    () => [random.pick(keys), makeValue(random, depth - 1, keys)],
  ));
}

/** All places in a value, those that have no parts with the others. */
function placesOf(value: unknown, place: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [place];
  const parts = Object.entries(value).flatMap(([key, part]) =>
    placesOf(part, [...place, Array.isArray(value) ? Number(key) : key])
  );
  return [place, ...parts];
}

function put(value: unknown, place: Place, part: unknown): void {
  const last = place.length - 1;
  let holder = value as Record<string | number, unknown>;
  for (const key of place.slice(0, last)) holder = holder[key] as typeof holder;
  holder[place[last]!] = part;
}

/** Writes a path that leads to a place, and perhaps to others. */
function writePath(random: Random, place: Place): string {
  const asPointer = random.below(4) === 0;
  if (asPointer) {
    return place.map((key) => `/${`${key}`.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  }
  let path = "";
  let from = 0;
  if (random.below(5) === 0) {
    path = "**";
    from = random.below(place.length);
  }
  for (let at = from; at < place.length; at++) {
    const key = place[at]!;
    const next = place[at + 1];
    // A key behind an array is looked for in its elements, unless it might be an index.
    const canSkip = typeof key === "number" && typeof next === "string" && !isIndex(next);
    if (canSkip && random.below(3) === 0) {
      path += wordStep(next, path);
      at++;
    } else if (random.below(8) === 0) path += random.pick([path === "" ? "*" : ".*", "[*]"]);
    else if (random.below(10) === 0 && path !== "") path += `.**${wordStep(key, "x")}`;
    else if (typeof key === "number" && random.below(2) === 0) path += `[${key}]`;
    else path += wordStep(key, path, random.below(3) === 0);
  }
  return path;
}

function wordStep(key: string | number, before: string, isQuoted = false): string {
  const text = `${key}`;
  if (isQuoted || text === "" || /^\*+$|^\//.test(text)) {
    return `["${text.replaceAll(/["\\]/g, "\\$&")}"]`;
  }
  return `${before === "" ? "" : "."}${text.replaceAll(/[.[\]\\]/g, "\\$&")}`;
}

test("No secret that a rule covers is anywhere in what is written, and what is written is one line", () => {
  const random = new Random(21);
  const modes: RedactMode[] = ["hash", "typed-hash", "mask", "remove", "type"];
  let checked = 0;
  for (let round = 0; round < 2_000; round++) {
    const value = makeObject(random, 5, KEYS);
    const secrets: string[] = [];
    const rules: RedactRule[] = [];
    for (let left = 1 + random.below(3); left > 0; left--) {
      const place = random.pick(placesOf(value));
      // Where something was put, or taken away, is no place to put more into.
      if (place.length === 0 || rules.length > 0 && place.length < 2) continue;
      const secret = makeSecret(random);
      put(value, place, random.pick<unknown>([secret, [secret], { [secret]: secret }]));
      secrets.push(secret);
      let path = writePath(random, place);
      const ignoreCase = random.below(4) === 0;
      if (ignoreCase) path = path.replaceAll(/user|a|b/g, (text) => text.toUpperCase());
      rules.push({ path, mode: random.pick(modes), ignoreCase });
    }
    if (rules.length === 0) continue;
    const redactor = new Redactor(compileRules("redact", rules), []);
    const writer = new LineWriter(redactor, undefined, SALT);
    const line = JSON.stringify(value);
    const shown = writer.write(line, false);
    const hint = `round ${round}: ${line} by ${JSON.stringify(rules)}`;
    assertEquals(writer.write(line, true), shown, hint);
    checked++;
    if (shown === undefined) continue;
    assertFalse(/[\n\r]/.test(shown), hint);
    // Neither as it stands there, nor as it is meant.
    const meant = JSON.stringify(JSON.parse(shown));
    assertEquals(meant, shown, hint);
    for (const secret of secrets) assertFalse(shown.includes(secret), hint);
  }
  assert(checked > 1_500);
});

interface Way {
  readonly steps: readonly PathStep[];
  readonly isDeep: boolean;
}

/** What masking leaves, said as plainly as it can be: a path is a list of the ways it may still go. */
function maskedNaively(value: unknown, ways: readonly Way[]): unknown {
  const all = [...ways];
  for (const { steps } of all) {
    if (steps[0] === "**") all.push({ steps: steps.slice(1), isDeep: true });
  }
  if (all.some(({ steps }) => steps.length === 0)) return MASK;
  if (value === null) return value;
  if (typeof value !== "object") return ways.some(({ isDeep }) => !isDeep) ? MASK : value;
  const isArray = Array.isArray(value);
  const parts = Object.entries(value).map(([key, part]): [string, unknown] => {
    const next = all.flatMap(({ steps, isDeep }): Way[] => {
      const [step, ...rest] = steps;
      if (step === "**") return [{ steps, isDeep: true }];
      if (step === "*" || step!.key === key) return [{ steps: rest, isDeep }];
      return isArray && !isIndex(step!.key) ? [{ steps, isDeep }] : [];
    });
    return [key, maskedNaively(part, next)];
  });
  return isArray ? parts.map(([, part]) => part) : Object.fromEntries(parts);
}

function makeSteps(random: Random): PathStep[] {
  return Array.from({ length: 1 + random.below(4) }, (): PathStep => {
    const kind = random.below(9);
    return kind === 0 ? "**" : kind === 1 ? "*" : { key: random.pick(FEW_KEYS) };
  });
}

function textOf(steps: readonly PathStep[]): string {
  return steps.map((step) => typeof step === "string" ? step : step.key).join(".");
}

test("Random rules mask of random events what a plain search finds, and leave the rest equal", () => {
  const random = new Random(22);
  let changed = 0;
  let same = 0;
  for (let round = 0; round < 5_000; round++) {
    const value = makeValue(random, 5, FEW_KEYS);
    const paths = Array.from({ length: 1 + random.below(3) }, () => makeSteps(random));
    const expected = paths.reduce<unknown>(
      (left, steps) => maskedNaively(left, [{ steps, isDeep: false }]),
      value,
    );
    const rules = paths.map((steps): RedactRule => ({ path: textOf(steps), mode: "mask" }));
    const writer = new LineWriter(new Redactor(compileRules("redact", rules), []), undefined, SALT);
    const line = JSON.stringify(value);
    const shown = writer.write(line, false);
    assertEquals(
      shown,
      JSON.stringify(expected),
      `round ${round}: ${line} by ${JSON.stringify(rules)}`,
    );
    if (shown === line) same++;
    else changed++;
  }
  assert(changed > 1_000 && same > 1_000, `${changed} ${same}`);
});

/** What a filter that reads a path could tell of a value: all texts, numbers and so on there, also in lists, and that there is an object. */
function readable(value: unknown, keys: readonly string[]): unknown[] {
  const found: unknown[] = [];
  const add = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(add);
    else found.push(typeof part === "object" && part !== null ? "an object" : part);
  };
  someAt(value, keys, (part) => {
    add(part);
    return false;
  });
  return found;
}

test("hides() is true of every path where a filter could tell what a rule has changed", () => {
  const random = new Random(23);
  let told = 0;
  let open = 0;
  for (let round = 0; round < 8_000; round++) {
    const value = makeValue(random, 5, FEW_KEYS);
    const rules = Array.from({ length: 1 + random.below(2) }, (): RedactRule => ({
      path: textOf(makeSteps(random)),
      mode: random.pick(["mask", "remove", "typed-hash"]),
      ignoreCase: random.below(4) === 0,
    }));
    const redactor = new Redactor(compileRules("redact", rules), ["c"]);
    const line = JSON.stringify(value);
    const shown = new LineWriter(redactor, undefined, SALT).write(line, false);
    const after = shown === undefined ? undefined : JSON.parse(shown);
    for (const place of placesOf(value)) {
      // As a filter may write it: with all indices, or without some.
      const keys = place.filter((key) => typeof key === "string" || random.below(2) === 0).map(
        String,
      );
      if (keys.length === 0) continue;
      const isSame =
        JSON.stringify(readable(value, keys)) === JSON.stringify(readable(after, keys));
      if (!isSame) {
        told++;
        assert(
          redactor.hides(keys),
          `${line} by ${JSON.stringify(rules)} at ${JSON.stringify(keys)}`,
        );
      } else if (!redactor.hides(keys)) open++;
    }
  }
  // It is not true of everything.
  assert(told > 5_000 && open > 5_000, `${told} ${open}`);
});

test("Tokens are equal for equal values with one salt, and differ from those of every other", () => {
  const random = new Random(24);
  const rules = compileRules("redact", ["[0]", "[1]", { path: "[2]", mode: "typed-hash" }]);
  const seen = new Set<string>();
  for (let round = 0; round < 300; round++) {
    const value = makeValue(random, 3, KEYS);
    const line = JSON.stringify([value, value, value]);
    for (let salts = 0; salts < 2; salts++) {
      const salt = crypto.getRandomValues(new Uint8Array(16));
      const write = () =>
        JSON.parse(new LineWriter(new Redactor(rules, []), undefined, salt).write(line, false)!);
      const [first, second, typed] = write();
      assertEquals(write(), [first, second, typed]);
      assertEquals(first, second);
      assertMatch(first, /^rsigma:redacted:[0-9a-f]{16}$/);
      assertMatch(typed, /^weir:redacted:[0-9a-f]{16}$/);
      // A text has its quotes there.
      if (typeof value === "string") assertNotEquals(first.slice(-16), typed.slice(-16));
      seen.add(first).add(typed);
    }
  }
  assertEquals(seen.size, 300 * 2 * 2);
});

/** Names of credentials, as a line that is JSON may write them, or one that was JSON before it was broken. */
function makeName(random: Random): string {
  return Array.from(random.pick(CREDENTIAL_NAMES), (letter) => {
    const kind = random.below(12);
    const escape = (text: string) => `\\u${text.charCodeAt(0).toString(16).padStart(4, "0")}`;
    if (kind === 0) return escape(letter);
    if (kind === 1) return escape(letter.toUpperCase());
    if (kind === 2) return letter + random.pick(["-", "_", " ", "\\u002d", "\\u005F"]);
    return random.below(3) === 0 ? letter.toUpperCase() : letter;
  }).join("");
}

function makeNoise(random: Random): string {
  const pieces = [
    '"',
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    "=",
    ",",
    ";",
    "&",
    " ",
    "\t",
    "//",
    "@",
    "\\u0022",
    "\\n",
    "x",
    "token",
    "password=",
    '"secret":"',
    "Bearer ",
    "cookie:",
    "http://",
    "👩",
    "\ud800",
    "null",
    "12",
    "''",
    "[redacted]",
    "\\\\",
    '\\"',
    "<",
  ];
  return Array.from({ length: random.below(12) }, () => random.pick(pieces)).join("");
}

test("A hostile text that is no JSON is masked wherever a name and a value stand in it", () => {
  const random = new Random(25);
  const writer = new LineWriter(new Redactor([], CREDENTIAL_NAMES), undefined, undefined);
  let broken = 0;
  for (let round = 0; round < 20_000; round++) {
    const secret = makeSecret(random);
    const name = makeName(random);
    const piece = random.pick([
      `"${name}":"${secret}"`,
      `"x_${name}" : "a${secret}"`,
      `'${name}': 'b, ${secret}'`,
      `"${name}":["${secret}","${secret}"]`,
      `"${name}":{"a":"${secret}"}`,
      `"${name}":"a\\"b ${secret}"`,
      `${name}=${secret}`,
      `x-${name}: ${secret}`,
      ` Bearer ${secret}`,
      ` ${name} = Basic ${secret}`,
      ` Authorization: Digest a="b", c=${secret}`,
      `http://u:${secret}@h`,
    ]);
    // A quote that is escaped is another kind of quote, and then so is its end.
    const before = makeNoise(random).replace(/\\+$/, "");
    const line = before + piece + makeNoise(random);
    let isJson = true;
    try {
      JSON.parse(line);
    } catch {
      isJson = false;
    }
    if (isJson) continue;
    broken++;
    const shown = writer.write(line, true);
    assertFalse(shown!.includes(secret), `round ${round}: ${line} is shown as ${shown}`);
    assertFalse(/[\n\r]/.test(shown!), line);
  }
  assert(broken > 15_000);
});

/** Writes a value as JSON, with keys that come twice, and letters that are escaped. */
function writeHostile(random: Random, value: unknown, secret: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((part) => writeHostile(random, part, secret)).join(" , ")}]`;
  }
  const members = Object.entries(value).flatMap(([key, part]) => {
    const member = `${JSON.stringify(key)}: ${writeHostile(random, part, secret)}`;
    if (random.below(2) === 0) return [member];
    const hidden = `"${random.pick(["", "db_", "👩 "])}${makeName(random)}"`;
    const held = random.pick([`"${secret}"`, `["${secret}"]`, `{"a":"${secret}"}`]);
    return random.pick([
      [member, `${hidden} :${held}`],
      [`${hidden}:${held}`, member, `${hidden}:"${secret}"`],
      // Whatever the first of the two holds is gone when it is read.
      [`${JSON.stringify(key)}:{${hidden}:${held}}`, member],
    ]);
  });
  return `{${members.join(",")}}`;
}

test("A hostile text that is JSON says nothing of what names hold, however it is written", () => {
  const random = new Random(26);
  const writer = new LineWriter(new Redactor([], CREDENTIAL_NAMES), undefined, undefined);
  for (let round = 0; round < 5_000; round++) {
    const secret = makeSecret(random);
    const value = makeObject(random, 4, KEYS);
    const line = writeHostile(random, value, secret);
    JSON.parse(line);
    const shown = writer.write(line, true)!;
    assertFalse(shown.includes(secret), `${line} is shown as ${shown}`);
    assertEquals(
      JSON.parse(shown),
      JSON.parse(writer.write(JSON.stringify(JSON.parse(line)), false)!),
    );
    if (!line.includes(secret) && !line.includes("\\")) assertEquals(shown, line);
  }
});

test("Random bytes never make a writer show what it could not read, where paths are redacted", () => {
  const random = new Random(27);
  const decoder = new TextDecoder();
  const redactor = new Redactor(compileRules("redact", ["a.b", "**.c"]), CREDENTIAL_NAMES);
  const writers = [
    new LineWriter(redactor, undefined, SALT),
    new LineWriter(redactor, [parsePath("read", "path", "a")], SALT),
  ];
  for (let round = 0; round < 5_000; round++) {
    const bytes = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
    const line = decoder.decode(bytes).replaceAll(/[\n\r]/g, " ");
    const start = random.pick(["", "{", "[", '{"a":', '"']);
    // Chance makes no JSON but this.
    if (/^(?:\[\s*\]|\{\s*\})\s*$/.test(start + line)) continue;
    for (const writer of writers) assertEquals(writer.write(start + line, true), undefined, line);
  }
});
