import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { Tap, type TapOpenOptions, type TapOptions } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";
import { countsIn, NO_STATS } from "./_sessions.ts";

type ErrorClass = typeof RangeError | typeof TypeError;
/** An option, what is wrong, what is thrown, and what the message says was required and received. */
type Refusal = readonly [option: string, value: unknown, ErrorClass, requirement: string];

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "object Array";
  return typeof value === "object" && value !== null ? "object Object" : String(value);
}

function errorOf(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    assertInstanceOf(error, Error);
    return error;
  }
  throw new Error("Nothing was thrown");
}

function integers(option: string, least: number, most?: number): Refusal[] {
  const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
  const wrong = [least - 1, 1.5 + least, NaN, 2 ** 53, "8", null, {}];
  if (most !== undefined) wrong.push(most + 1);
  return wrong.map((value) => [option, value, RangeError, `must be an integer ${range}`]);
}

function durations(option: string, most: number): Refusal[] {
  return [-1, NaN, Infinity, most + 1, "5", null].map((value) => [
    option,
    value,
    RangeError,
    `must be from 0 to ${most} ms`,
  ]);
}

const STAGES = "stage must be one of raw, decoded";
const A_PATH = 'such as "user.email"';

const OPEN_REFUSALS: readonly Refusal[] = [
  ["stage", undefined, RangeError, STAGES],
  ["stage", null, RangeError, STAGES],
  ["stage", 5, RangeError, STAGES],
  ["stage", [], RangeError, STAGES],
  ["stage", "bogus", RangeError, STAGES],
  ["stage", "Raw", RangeError, STAGES],
  ["stage", "raw,decoded", RangeError, STAGES],
  ["stage", "__proto__", RangeError, STAGES],
  ["stage", Array.from({ length: 33 }, () => "raw"), RangeError, "a list of at most 32"],
  ["stage", "", TypeError, "stage must be a text of 1 to 128 characters"],
  ...integers("limit", 0),
  ...integers("backlog", 0),
  ...integers("maxBytes", 1),
  ...integers("maxEventBytes", 128, 1_000),
  ...integers("every", 1),
  ...integers("reservoir", 1, 50),
  ...integers("intervalMs", 100, 3_600_000),
  ...durations("durationMs", 1_000),
  ["since", -1, RangeError, "since must be from 0"],
  ["since", NaN, RangeError, "since must be from 0"],
  ["since", Infinity, RangeError, "since must be from 0"],
  ["since", "", RangeError, "since must be milliseconds or the id of an event"],
  ["since", "30s", RangeError, "since must be milliseconds or the id of an event"],
  ["since", "0123456789-", RangeError, "since must be milliseconds or the id of an event"],
  ["since", "0123456789-1x", RangeError, "since must be milliseconds or the id of an event"],
  ["since", "012345678-1", RangeError, "since must be milliseconds or the id of an event"],
  ["since", "012345678G-1", RangeError, "since must be milliseconds or the id of an event"],
  ["since", null, RangeError, "since must be milliseconds or the id of an event"],
  ["where", 5, TypeError, "where must be an expression"],
  ["where", {}, TypeError, "where must be an expression"],
  ["where", null, TypeError, "where must be an expression"],
  ["fields", "user", TypeError, "fields must be a list of at most 32"],
  ["fields", Array.from({ length: 33 }, () => "a"), TypeError, "a list of at most 32"],
  ["sample", 0, RangeError, "sample must be above 0 and at most 1"],
  ["sample", -0.5, RangeError, "sample must be above 0 and at most 1"],
  ["sample", 1.01, RangeError, "sample must be above 0 and at most 1"],
  ["sample", NaN, RangeError, "sample must be above 0 and at most 1"],
  ["sample", "0.5", RangeError, "sample must be above 0 and at most 1"],
  ["rate", 0, RangeError, "rate must be above 0 events a second"],
  ["rate", -1, RangeError, "rate must be above 0 events a second"],
  ["rate", NaN, RangeError, "rate must be above 0 events a second"],
  ["rate", Infinity, RangeError, "rate must be above 0 events a second"],
  ["rate", "5", RangeError, "rate must be above 0 events a second"],
  ["key", "user", RangeError, "key needs sample"],
  ["countBy", "", RangeError, A_PATH],
  ["countBy", 5, RangeError, A_PATH],
  ["countBy", "a.*", RangeError, "countBy must be a path without wildcards"],
  ["countBy", "**.b", RangeError, "countBy must be a path without wildcards"],
  ["overflow", "wait", RangeError, "overflow must be drop-newest or drop-oldest"],
  ["overflow", "", RangeError, "overflow must be drop-newest or drop-oldest"],
  ["overflow", null, RangeError, "overflow must be drop-newest or drop-oldest"],
  ["subject", "", TypeError, "subject must be a text of 1 to 256 characters"],
  ["subject", 5, TypeError, "subject must be a text of 1 to 256 characters"],
];

test("Tap.open() refuses what it cannot use, naming option and value, and opens nothing", () => {
  using time = new FakeTime();
  let audits = 0;
  using tap = new Tap({
    maxDurationMs: 1_000,
    maxEventBytes: 1_000,
    bufferEvents: 50,
    audit: () => void audits++,
  });
  for (const [option, value, errorClass, requirement] of OPEN_REFUSALS) {
    const counted = countedSignal();
    const options = { stage: "raw", signal: counted.signal, [option]: value } as TapOpenOptions<
      "raw"
    >;
    const error = errorOf(() => tap.open(options));
    const place = `${option}: ${shown(value)}`;
    assertInstanceOf(error, errorClass, place);
    assert(error.message.startsWith("Cannot open tap session: "), `${place}: ${error.message}`);
    assertStringIncludes(error.message, option, place);
    assertStringIncludes(error.message, requirement, place);
    assert(error.message.endsWith(`, received ${shown(value)}`), `${place}: ${error.message}`);
    assertEquals(counted.added, 0, place);
  }
  assertEquals(countsIn(tap.stats()), NO_STATS);
  assertEquals([tap.sessions.length, time.armed, audits], [0, 0, 0]);
  assertEquals(tap.open({ stage: "raw" })!.id, 1);
});

test("Tap.open() names the part of an option that is wrong", () => {
  using tap = new Tap();
  const refusals: readonly (readonly [Partial<TapOpenOptions<"raw">>, string])[] = [
    [{ stage: ["raw", "bogus" as "raw"] }, 'stage must be one of raw, decoded, received "bogus"'],
    [{ stage: ["raw", 5 as never] }, "stage must be a text of 1 to 128 characters, received 5"],
    [{ stage: "x".repeat(129) as "raw" }, "stage must be a text of 1 to 128 characters"],
    [{ fields: ["a", "b..c"] }, 'received "b..c"'],
    [{ fields: ["a", ""] }, "each of fields must be a text of 1 to 512 characters"],
    [{ fields: ["a", 5 as never] }, "each of fields must be a text of 1 to 512 characters"],
    [{ sample: 0.5, key: "a.*" }, 'key must be a path without wildcards, received "a.*"'],
    [{ sample: 0.5, key: "" }, `key must be a path ${A_PATH}`],
    [{ redact: ["a", "b..c"] }, "redact[1]"],
    [{ redact: Array(17).fill("a") }, "redact must have at most 16 rules, received 17"],
    [{ stage: "a\u2028*" as "raw" }, "stage must have no control characters"],
    [{ stage: ["raw", "\n"] as "raw"[] }, "stage must have no control characters"],
    [{ redact: [{ path: "a", mode: "hide" as never }] }, "redact[0].mode must be one of hash,"],
    [{ redact: [{ path: 5 as never }] }, "redact[0].path must be a text, received 5"],
    [{ redact: [null as never] }, "redact[0] must be a path or a rule, received null"],
    [
      { sample: 0.5, every: 2 },
      'sample, every and reservoir may be given, received "sample and ev',
    ],
    [{ every: 2, reservoir: 2 }, 'received "every and reservoir"'],
    [{ sample: 1, reservoir: 2 }, 'received "sample and reservoir"'],
    [{ countBy: "a", reservoir: 2 }, "countBy must not be given with reservoir, fields or rate"],
    [{ countBy: "a", fields: ["a"] }, "countBy must not be given with reservoir, fields or rate"],
    [
      { signal: {} as AbortSignal },
      "signal must be an AbortSignal, received object Object",
    ],
    [{ signal: null as never }, "signal must be an AbortSignal, received null"],
  ];
  for (const [options, part] of refusals) {
    const { message } = errorOf(() => tap.open({ stage: "raw", ...options }));
    assert(message.startsWith("Cannot open tap session: "), message);
    assertStringIncludes(message, part);
  }
  assertEquals(countsIn(tap.stats()), NO_STATS);
});

test("Tap.open() says where an expression cannot be read", () => {
  using tap = new Tap();
  for (const where of ["", "a ==", "a == 1 2", "(a", "a matches '('"]) {
    const error = errorOf(() => tap.open({ stage: "raw", where }));
    assertInstanceOf(error, RangeError);
    assertStringIncludes(error.message, "where");
    assertStringIncludes(error.message, "column");
  }
  assertEquals(countsIn(tap.stats()), NO_STATS);
});

test("Tap.open() takes all that it may be given, at its bounds", () => {
  using time = new FakeTime();
  using tap = new Tap({ maxDurationMs: 1_000, bufferEvents: 50, maxSessions: 99 });
  const usable: readonly Partial<TapOpenOptions<"raw" | "decoded">>[] = [
    { limit: 0 },
    { limit: Infinity, backlog: Infinity, maxBytes: Infinity },
    { durationMs: 0 },
    { durationMs: 1_000 },
    { since: 0 },
    { since: 2 ** 40 },
    { since: "0123456789-1" },
    { maxBytes: 1, maxEventBytes: 128 },
    { maxEventBytes: 262_144 },
    { sample: 1 },
    { sample: 1e-9, key: "a.b" },
    { every: 1 },
    { reservoir: 1, intervalMs: 100 },
    { reservoir: 50, intervalMs: 3_600_000 },
    { countBy: "a" },
    { rate: 1e-3 },
    { overflow: "drop-oldest" },
    { subject: "x".repeat(256) },
    { fields: [] },
    { fields: Array(32).fill("a") },
    { redact: [] },
    { redact: Array(16).fill("a") },
    { stage: ["raw", "raw", "decoded"] },
    { stage: "nothing.fits.*" },
  ];
  for (const options of usable) assert(tap.open({ stage: "raw", ...options }) !== undefined);
  assertEquals(tap.stats().opened, usable.length);
  tap.close();
  assertEquals(time.armed, 0);
});

test("A session is what it was opened with, whatever becomes of the options", () => {
  using tap = new Tap({ bufferEvents: 1 });
  const options: { stage: "raw" | "decoded"; overflow?: "drop-oldest"; subject?: string } = {
    stage: "raw",
    subject: "ada",
  };
  const session = tap.open(options)!;
  Object.assign(options, { stage: "decoded", overflow: "drop-oldest", subject: "eve" });
  tap.offer("raw", "1");
  tap.offer("raw", "2");
  assertEquals([session.stage, session.subject, session.dropped], ["raw", "ada", 1]);
  assertEquals([session.query.stage, session.query.overflow], ["raw", undefined]);
});

const CREATE_REFUSALS: readonly Refusal[] = [
  ...integers("bufferEvents", 1),
  ...integers("maxBytes", 1),
  ...integers("maxEventBytes", 128),
  ...integers("maxSessions", 0),
  ...integers("maxSessionsPerSubject", 0),
  ...durations("maxDurationMs", 2_147_483_647),
  ["backlog", -1, RangeError, "backlog must be an integer of at least 0"],
  ["backlog", 1.5, RangeError, "backlog must be an integer of at least 0"],
  ["backlog", "5", RangeError, "backlog must be an integer of at least 0"],
  ["now", 5, TypeError, "now must be a function"],
  ["random", 5, TypeError, "random must be a function"],
  ["audit", 5, TypeError, "audit must be a function"],
  ["onError", 5, TypeError, "onError must be a function"],
  ["enabled", 1, TypeError, "enabled must be true or false"],
  ["enabled", null, TypeError, "enabled must be true or false"],
  ["worker", "", TypeError, "worker must be a text of 1 to 128 characters"],
  ["worker", 5, TypeError, "worker must be a text of 1 to 128 characters"],
  ["denyNames", "password", TypeError, "denyNames must be a list of at most 256"],
];

test("Tap refuses options that are none, naming option and value, and listens to nothing", () => {
  for (const [option, value, errorClass, requirement] of CREATE_REFUSALS) {
    const counted = countedSignal();
    const error = errorOf(() =>
      new Tap({ signal: counted.signal, [option]: value } as TapOptions<"raw">)
    );
    const place = `${option}: ${shown(value)}`;
    assertInstanceOf(error, errorClass, `${place}: ${error.message}`);
    assert(error.message.startsWith("Cannot create Tap: "), `${place}: ${error.message}`);
    assertStringIncludes(error.message, requirement, place);
    assert(error.message.endsWith(`, received ${shown(value)}`), `${place}: ${error.message}`);
    assertEquals(counted.added, 0, place);
  }
});

test("Tap names the part of an option that is wrong", () => {
  const refusals: readonly (readonly [TapOptions<string>, string])[] = [
    [{ stages: {} }, "it needs a stage, received 0"],
    [{ stages: { a: "xml" as "json" } }, 'format of stage "a" must be text or json, received "xm'],
    [{ stages: { "": "json" } }, "the name of a stage must be a text of 1 to 128 characters"],
    [{ stages: { "a*": "json" } }, 'must have no "*", no comma and no blank at its ends'],
    [{ stages: { "a,b": "json" } }, 'must have no "*", no comma and no blank at its ends'],
    [{ stages: { " a": "json" } }, 'must have no "*", no comma and no blank at its ends'],
    ...["a\nb", "a\u0000b", "a\u007fb", "a\u0085b", "a\u2028b", "\u2029"].map((name) =>
      [{ stages: { [name]: "json" } }, "must have no control characters"] as const
    ),
    [{ stages: null as never }, "stages must be an object, received null"],
    [{ stages: 5 as never }, "stages must be an object, received 5"],
    [5 as never, "options must be an object, received 5"],
    [{ backlog: { events: -1 } }, "backlog.events must be an integer of at least 0, received -1"],
    [{ backlog: {} as never }, "backlog.events must be an integer of at least 0, received undef"],
    [{ backlog: { events: 1, maxBytes: 0 } }, "backlog.maxBytes must be an integer of at least 1"],
    [{ backlog: { events: 1, maxAgeMs: 0 } }, "backlog.maxAgeMs must be an integer of at least 1"],
    [{ denyNames: ["ok", ""] }, "each of denyNames must be a text of 1 to 512 characters"],
    [{ redact: Array.from({ length: 65 }, () => "a") }, "redact must have at most 64 rules, re"],
  ];
  for (const [options, part] of refusals) {
    const { message } = errorOf(() => new Tap(options));
    assertStringIncludes(message, part);
    assert(message.startsWith("Cannot create Tap: "), message);
  }
});

test("What is to be redacted must be a list, of which the one that is wrong is named", () => {
  // A text is a list of its letters to JavaScript; as paths they would hide nothing of what was meant.
  for (const redact of [5, "email", {}] as unknown as string[][]) {
    const calls: readonly (readonly [string, () => unknown])[] = [
      ["create Tap", () => new Tap({ redact })],
      ["open tap session", () => new Tap().open({ stage: "raw", redact })],
    ];
    for (const [action, call] of calls) {
      const error = errorOf(call);
      assertInstanceOf(error, TypeError);
      assertEquals(
        error.message,
        `Cannot ${action}: redact must be a list of paths or rules, received ${shown(redact)}`,
      );
    }
  }
  const refusals: readonly (readonly [() => unknown, string])[] = [
    [() => new Tap({ redact: ["ok", null as never] }), "redact[1] must be a path or a rule"],
    [() => new Tap({ redact: ["ok", { path: "a..b", mode: "mask" }] }), "redact[1].path must be"],
    [
      () => new Tap({ redact: ["one", "two"] }).open({ stage: "raw", redact: ["ok", "a..b"] }),
      "redact[1] must be",
    ],
  ];
  for (const [call, part] of refusals) assertStringIncludes(errorOf(call).message, part);
});

test("Tap refuses a signal and names that are none as it refuses all else", () => {
  const refusals: readonly (readonly [TapOptions<string>, string])[] = [
    [{ signal: {} as AbortSignal }, "signal must be an AbortSignal"],
    [{ denyNames: ["ok", "- _"] }, "a deny name must have letters"],
  ];
  for (const [options, part] of refusals) {
    const { message } = errorOf(() => new Tap(options));
    assert(message.startsWith(`Cannot create Tap: ${part}`), message);
  }
});
