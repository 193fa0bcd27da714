import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import {
  announce,
  Fold,
  type FoldKind,
  FoldRegistry,
  Generations,
  keepFold,
  leaseKind,
  Leases,
  presenceKind,
  RingAuditSink,
} from "../../fold/mod.ts";
import { reasonOf } from "../_settle.ts";
import { ADA } from "./_envelopes.ts";
import { foldOf } from "./_hand_clock.ts";

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
  /** What has happened, which must be nothing. */
  readonly effects?: () => unknown;
}

const TEXTS = ["", undefined, null, 7, {}, ["n1"]];
/** What is no positive integer, but for undefined, which is the default. */
const COUNTS = [0, -1, 1.5, NaN, Infinity, 2 ** 53, "3", null, true, 3n, {}];
/** Numbers that are no time. */
const TIMES = [-1, NaN, Infinity, -Infinity];
/** What is no number at all, though some of it can be taken for one. */
const NO_NUMBERS = ["3", null, true, 3n, {}, []];
const FUNCTIONS = [null, "f", 1, {}, []];

const kind = presenceKind();
const store = { load: () => undefined, save: () => {} };
const send = (): void => {};
const sent: unknown[] = [];
const kept = foldOf(kind);

export const TAKERS: Readonly<Record<string, Taker>> = {
  "new Fold()": {
    action: "create Fold",
    take: (options) => new Fold(kind, options),
    wrong: [
      ["maxEntries", RangeError, COUNTS],
      ["maxEntriesPerNode", RangeError, COUNTS],
      ["maxRemembered", RangeError, COUNTS.slice(1)],
      ["minTtlMs", RangeError, TIMES],
      ["minTtlMs", RangeError, NO_NUMBERS],
      ["maxTtlMs", RangeError, TIMES],
      ["maxTtlMs", RangeError, NO_NUMBERS],
      ["rememberMs", RangeError, TIMES],
      ["rememberMs", RangeError, NO_NUMBERS],
      ["sweepIntervalMs", RangeError, TIMES],
      ["sweepIntervalMs", RangeError, NO_NUMBERS],
      ["onError", TypeError, FUNCTIONS],
    ],
  },
  "new Fold() with a kind": {
    action: "create Fold",
    take: (parts) => new Fold({ ...kind, ...parts } as FoldKind),
    wrong: [
      ["id", RangeError, [-1, 0x10000, 1.5, NaN, "5", null, undefined]],
      ["name", TypeError, TEXTS],
      ["defaultTtlMs", RangeError, [...TIMES, ...NO_NUMBERS, undefined]],
      ["key", TypeError, [...FUNCTIONS, undefined]],
      ["merge", TypeError, FUNCTIONS],
      ["parse", TypeError, FUNCTIONS],
      ["audit", TypeError, FUNCTIONS],
      ["codec", TypeError, [null, 1, {}, { encode: send }, { decode: send }, {
        encode: 1,
        decode: 2,
      }]],
      ["indexes", TypeError, [{ room: 1 }, { room: null }, { room: undefined }]],
    ],
  },
  "new FoldRegistry()": {
    action: "create FoldRegistry",
    take: (options) => new FoldRegistry(options),
    wrong: [
      ["maxBytes", RangeError, COUNTS],
      ["maxPending", RangeError, COUNTS],
      ["maxSkewMs", RangeError, [-1, NaN]],
      ["maxSkewMs", RangeError, NO_NUMBERS],
      ["maxAgeMs", RangeError, [-1, NaN]],
      ["maxAgeMs", RangeError, NO_NUMBERS],
      ["wallNow", TypeError, FUNCTIONS],
      ["publicKeyOf", TypeError, FUNCTIONS],
      ["onRefused", TypeError, FUNCTIONS],
    ],
  },
  "new Generations()": {
    action: "create Generations",
    take: (options) => new Generations(options),
    wrong: [["wallNow", TypeError, FUNCTIONS], ["onError", TypeError, FUNCTIONS]],
  },
  "Generations.open()": {
    action: "open Generations",
    take: (parts) => Generations.open({ ...store, ...parts } as typeof store),
    wrong: [
      ["load", TypeError, [...FUNCTIONS, undefined]],
      ["save", TypeError, [...FUNCTIONS, undefined]],
    ],
  },
  "announce()": {
    action: "announce presence",
    take: (options) =>
      announce(kind, ADA, { node: "n1", send: (said) => void sent.push(said), ...options }),
    wrong: [
      ["node", TypeError, TEXTS],
      ["send", TypeError, [...FUNCTIONS, undefined]],
      ["ttlMs", RangeError, [0, ...TIMES]],
      ["ttlMs", RangeError, NO_NUMBERS],
      ["everyMs", RangeError, [0, 30_000, 40_000, ...TIMES]],
      ["everyMs", RangeError, NO_NUMBERS],
      ["jitter", RangeError, [-0.1, 1.1, NaN]],
      ["jitter", RangeError, NO_NUMBERS],
      ["onError", TypeError, FUNCTIONS],
    ],
    effects: () => sent.length,
  },
  "new Leases()": {
    action: "create Leases",
    take: (options) => new Leases(foldOf(leaseKind()), { node: "n1", ...options }),
    wrong: [
      ["node", TypeError, TEXTS],
      ["termMs", RangeError, COUNTS],
      ["send", TypeError, FUNCTIONS],
      ["onError", TypeError, FUNCTIONS],
    ],
  },
  "keepFold()": {
    action: "keep Fold",
    take: (options) => keepFold(kept, store, options),
    wrong: [["delayMs", RangeError, TIMES], ["delayMs", RangeError, NO_NUMBERS], [
      "onError",
      TypeError,
      FUNCTIONS,
    ]],
  },
  "keepFold() with a store": {
    action: "keep Fold",
    take: (parts) => keepFold(kept, { ...store, ...parts } as typeof store),
    wrong: [["save", TypeError, [...FUNCTIONS, undefined]]],
  },
  "new RingAuditSink()": {
    action: "create RingAuditSink",
    take: ({ capacity }) => new RingAuditSink(capacity as number),
    wrong: [["capacity", RangeError, [...COUNTS.slice(1), undefined]]],
  },
};

/** How every refusal reads: what could not be done, what is required, and what came instead. */
const REFUSAL = /^Cannot .+: .+, received .*[^.]$/s;

/** Expects that something is refused, by what it throws or rejects with, and in the words of the house. */
export async function assertRefused(
  what: string,
  action: string,
  refused: () => unknown,
  Class: ErrorClass,
): Promise<void> {
  const error = await reasonOf((async () => {
    await refused();
    throw new Error(`${what} was not refused`);
  })());
  assertInstanceOf(error, Class, `${what}: ${error}`);
  assertMatch(error.message, REFUSAL, what);
  assertEquals(error.message.slice(0, 7 + action.length), `Cannot ${action}`, what);
}
