import { assertEquals, assertInstanceOf, assertMatch, assertStringIncludes } from "@std/assert";
import {
  feedSpans,
  recordMeasure,
  SpanCache,
  SpanDriver,
  type SpanInput,
  traceHandler,
} from "../../cache/mod.ts";
import { reasonOf } from "../_settle.ts";

type ErrorClass = new (message: string) => Error;

/** Options that TypeScript would not let through. */
type Wrong = Record<string, unknown>;

/** What takes options, in a way that is right but for one of them. */
export interface Taker {
  /** How its refusals begin. */
  readonly action: string;
  readonly take: (options: Wrong) => unknown;
  /** What each option cannot be. */
  readonly wrong: readonly (readonly [option: string, ErrorClass, values: readonly unknown[]])[];
}

/** What is no positive integer, but for undefined, which is the default. */
const COUNTS = [0, -1, 1.5, NaN, Infinity, 2 ** 53, "3", null, true, 3n, {}];
/** The same where 0 is one. */
const FROM_0 = COUNTS.slice(1);
/** What is neither a positive integer nor `Infinity`. */
const LIMITS = COUNTS.filter((value) => value !== Infinity);
/** Numbers that are no duration. */
const TIMES = [-1, NaN, -Infinity];
/** What is no number at all, though some of it can be taken for one. */
const NO_NUMBERS = ["3", "", null, true, 3n, {}, []];
const FUNCTIONS = [null, "f", 1, {}, []];
const LEVELS = ["", "INFO", "verbose", null, 3, {}];
const TEXTS = [undefined, null, 7, {}, ["n1"]];
const ZERO = "0".repeat(16);
const IDS = ["", "1", ZERO, "00F067AA0BA902B7", " 0f067aa0ba902b7", "00f067aa0ba902b7a", null, 7];
const TRACE_IDS = [
  "",
  ZERO + ZERO,
  "4BF92F3577B34DA6A3CE929D0E0E4736",
  "00f067aa0ba902b7",
  null,
  7,
];

/** The cache that all of them work on, which is to stay as it is. */
export const cache: SpanCache = new SpanCache();
cache.start("held", { a: 1 }).end();
cache.start("runs");
export const HELD: string = cache.page()[0]!.id;

/** A span that is one. */
export const RIGHT: SpanInput = { name: "resize", startMs: 1, durationMs: 2 };

/** What no query can have. */
const QUERY: Taker["wrong"] = [
  ["minMs", RangeError, [NaN, Infinity, ...NO_NUMBERS]],
  ["since", RangeError, [NaN, -Infinity, ...NO_NUMBERS]],
  ["until", RangeError, [NaN, Infinity, ...NO_NUMBERS]],
  ["level", TypeError, LEVELS],
  ["where", TypeError, FUNCTIONS],
];

export const TAKERS: Readonly<Record<string, Taker>> = {
  "new SpanCache()": {
    action: "create SpanCache",
    take: (options) => new SpanCache(options),
    wrong: [
      ["capacity", RangeError, [...COUNTS, 2 ** 24 + 1]],
      ["maxOpen", RangeError, [...COUNTS, 2 ** 24 + 1]],
      ["maxBytes", RangeError, [...COUNTS, 4_095, 2 ** 40]],
      ["maxNames", RangeError, [...COUNTS, 65_537]],
      ["maxFields", RangeError, FROM_0],
      ["maxEvents", RangeError, [...FROM_0, 65_536]],
      ["maxTextLength", RangeError, [...COUNTS, 2 ** 24 + 1]],
      ["reserve", RangeError, [...FROM_0, 16_385]],
      ["evict", TypeError, ["", "newest", null, 1, {}]],
      ["slowMs", RangeError, [...TIMES, ...NO_NUMBERS]],
      ["level", TypeError, LEVELS],
      ["chance", RangeError, [-0.1, 1.1, NaN, Infinity, ...NO_NUMBERS]],
      ["random", TypeError, FUNCTIONS],
      ["clock", TypeError, [null, 1, {}, { now: Date.now }, { wallNow: Date.now }, {
        now: 1,
        wallNow: 2,
      }]],
    ],
  },
  "page()": {
    action: "page spans",
    take: (options) => cache.page(options),
    wrong: [["after", RangeError, FROM_0], ["limit", RangeError, LIMITS]],
  },
  "find()": {
    action: "find spans",
    take: (options) => cache.find(options),
    wrong: [
      ...QUERY,
      ["limit", RangeError, LIMITS],
      ["order", TypeError, ["", "oldest", null, 1]],
      ["name", TypeError, [null, 7, true, {}]],
    ],
  },
  "find(), the slowest": {
    action: "find spans",
    take: (options) => cache.find({ order: "slowest", ...options }),
    wrong: QUERY,
  },
  "subscribe()": {
    action: "subscribe to spans",
    take: (options) => cache.subscribe(options),
    wrong: [
      ...QUERY,
      ["after", RangeError, FROM_0],
    ],
  },
  "aggregate()": {
    action: "",
    take: (options) => cache.aggregate(options),
    wrong: [["where", TypeError, FUNCTIONS], ["by", TypeError, [null, 7, true, {}, ["a"]]]],
  },
  "open()": {
    action: "list open spans",
    take: (options) => cache.open(options),
    wrong: [["minMs", RangeError, [...TIMES, ...NO_NUMBERS]]],
  },
  "abandon()": {
    action: "abandon spans",
    take: (options) => cache.abandon(options),
    wrong: [["minMs", RangeError, [...TIMES, ...NO_NUMBERS]]],
  },
  "span()": {
    action: "call in span",
    take: ({ callback }) => cache.span("a", {}, callback as () => void),
    wrong: [["callback", TypeError, [...FUNCTIONS, undefined]]],
  },
  "spanSync()": {
    action: "call in span",
    take: ({ callback }) => cache.spanSync("a", {}, callback as () => void),
    wrong: [["callback", TypeError, [...FUNCTIONS, undefined]]],
  },
  "bind()": {
    action: "bind",
    take: ({ callback }) => cache.bind(callback as () => void),
    wrong: [["callback", TypeError, [...FUNCTIONS, undefined]]],
  },
  "record()": {
    action: "record span",
    take: (parts) => cache.record({ ...RIGHT, ...parts }),
    wrong: [
      ["name", TypeError, TEXTS],
      ["startMs", RangeError, [NaN, Infinity, undefined, ...NO_NUMBERS]],
      ["durationMs", RangeError, [Infinity, undefined, ...TIMES, ...NO_NUMBERS]],
      ["selfMs", RangeError, [Infinity, ...TIMES, ...NO_NUMBERS]],
      ["id", TypeError, IDS],
      ["traceId", TypeError, TRACE_IDS],
      ["parentId", TypeError, IDS],
      ["level", TypeError, [...LEVELS, "off"]],
      ["kind", TypeError, ["", "SERVER", null, 1]],
      ["status", TypeError, ["", "failed", null, 2]],
      ["message", TypeError, TEXTS.slice(1)],
      ["fields", TypeError, [null, 1, "a"]],
      ["events", TypeError, [null, 1, {}, "a"]],
      ["links", TypeError, [null, 1, {}, "a"]],
      ["droppedEvents", RangeError, [...TIMES, ...NO_NUMBERS]],
    ],
  },
  "record() with an event": {
    action: "record span",
    take: (parts) => {
      const events = [{ name: "e", timeMs: 1 }, { name: "e", timeMs: 1, ...parts }];
      return cache.record({ ...RIGHT, events });
    },
    wrong: [
      ["name", TypeError, TEXTS],
      ["timeMs", RangeError, [NaN, Infinity, undefined, ...NO_NUMBERS]],
      ["level", TypeError, [...LEVELS, "off"]],
      ["fields", TypeError, [null, 1, "a"]],
    ],
  },
  "record() with a link": {
    action: "record span",
    take: (parts) => {
      const link = { traceId: `${HELD}${HELD}`, spanId: HELD };
      return cache.record({ ...RIGHT, links: [link, { ...link, ...parts }] });
    },
    wrong: [
      ["traceId", TypeError, [...TRACE_IDS, undefined]],
      ["spanId", TypeError, [...IDS, undefined]],
    ],
  },
  "addEvent()": {
    action: "add event",
    take: (parts) => cache.addEvent(HELD, { name: "e", timeMs: 1, ...parts }),
    wrong: [
      ["name", TypeError, TEXTS],
      ["timeMs", RangeError, [NaN, Infinity, undefined, ...NO_NUMBERS]],
      ["level", TypeError, [...LEVELS, "off"]],
      ["fields", TypeError, [null, 1, "a"]],
    ],
  },
  "addEvent() with an id": {
    action: "add event",
    take: ({ spanId }) => cache.addEvent(spanId as string, { name: "e", timeMs: 1 }),
    wrong: [["spanId", TypeError, [...IDS, undefined]]],
  },
  "recordMeasure()": {
    action: "record span",
    take: (parts) => recordMeasure(cache, { name: "m", startTime: 1, duration: 1, ...parts }),
    wrong: [["name", TypeError, TEXTS]],
  },
  "new SpanDriver()": {
    action: "create SpanDriver",
    take: (options) => new SpanDriver(cache, options),
    wrong: [
      ["capacity", RangeError, COUNTS],
      ["maxEvents", RangeError, COUNTS],
      ["maxBytes", RangeError, COUNTS],
      ["channelCapacity", RangeError, COUNTS],
      ["onRefuse", TypeError, FUNCTIONS],
    ],
  },
  "feedSpans()": {
    action: "",
    take: (options) => feedSpans(cache, () => {}, options),
    wrong: [
      ["maxBatch", RangeError, COUNTS],
      ["lingerMs", RangeError, [...TIMES, ...NO_NUMBERS]],
      ["after", RangeError, FROM_0],
      ["level", TypeError, LEVELS],
      ["where", TypeError, FUNCTIONS],
    ],
  },
  "feedSpans() with a function": {
    action: "feed spans",
    take: ({ send }) => feedSpans(cache, send as () => void),
    wrong: [["send", TypeError, [...FUNCTIONS, undefined]]],
  },
  "traceHandler()": {
    action: "trace handler",
    take: (options) => traceHandler(cache, () => new Response(), options),
    wrong: [
      ["name", TypeError, FUNCTIONS],
      ["fields", TypeError, FUNCTIONS],
      ["filter", TypeError, FUNCTIONS],
    ],
  },
  "traceHandler() with a handler": {
    action: "trace handler",
    take: ({ handler }) => traceHandler(cache, handler as () => Response),
    wrong: [["handler", TypeError, [...FUNCTIONS, undefined]]],
  },
  "receiveBatch()": {
    action: "receive spans",
    take: ({ max }) => cache.subscribe({ after: 0 }).receiveBatch(max as number),
    wrong: [["max", RangeError, [...LIMITS, undefined]]],
  },
};

/** How every refusal reads: what could not be done, what is required, and what came instead. */
const REFUSAL = /^Cannot .+: .+, received .*[^.]$/s;

/** Expects that something is refused, by what it throws or rejects with, in the words of the house, and that nothing has come of it. */
export async function assertRefused(
  what: string,
  action: string,
  option: string,
  refused: () => unknown,
  Class: ErrorClass,
): Promise<void> {
  // That a span was none is counted, and is all that is left of it.
  const state = (): unknown => {
    const { refused, ...stats } = cache.stats();
    return [stats, { ...refused, invalid: 0 }, cache.page(), cache.level, cache.chance];
  };
  const before = state();
  const error = await reasonOf((async () => {
    await refused();
    throw new Error(`${what} was not refused`);
  })());
  assertInstanceOf(error, Class, `${what}: ${error}`);
  assertMatch(error.message, REFUSAL, what);
  assertEquals(error.message.slice(0, 7 + action.length), `Cannot ${action}`, what);
  assertStringIncludes(error.message, option, what);
  assertEquals(state(), before, what);
}
