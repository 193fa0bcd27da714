import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Tap, type TapOptions } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, linesOf } from "./_sessions.ts";

/** Every option there is, by what is allowed. */
const ALL: Required<TapOptions<"raw">> = {
  stages: { raw: "text" },
  bufferEvents: 10,
  maxBytes: 1_000,
  maxEventBytes: 1_000,
  maxSessions: 2,
  maxSessionsPerSubject: 1,
  maxDurationMs: 1_000,
  redact: [],
  denyNames: [],
  backlog: 1,
  enabled: true,
  worker: "w",
  signal: new AbortController().signal,
  audit: () => {},
  onError: () => {},
  now: () => 0,
  random: () => 0,
};

test("Tap takes every option by its name, and none by a name like it", () => {
  for (const name of Object.keys(ALL)) {
    new Tap({ [name]: ALL[name as keyof typeof ALL] }).close();
    for (const wrong of [`${name}s`, name.toUpperCase(), `${name} `]) {
      const error = assertThrows(
        () => new Tap({ [wrong]: ALL[name as keyof typeof ALL] }),
        TypeError,
      );
      assertStringIncludes(error.message, "Cannot create Tap: options must be among stages, buff");
      assert(error.message.endsWith(`, received ${JSON.stringify(wrong)}`), error.message);
    }
  }
  // What a prototype has is no option of anybody's.
  new Tap(Object.create({ redacted: [] })).close();
  assertThrows(() => new Tap({ redacted: undefined } as never), TypeError, "options must be among");
});

test("A stage whose name would break a line is refused later, too, and a pattern is no way around", () => {
  using tap = new Tap<string>();
  for (const control of ["\n", "\r", "\t", "\u0000", "\u001b", "\u0085", "\u2028", "\u2029"]) {
    const name = `a${control}b`;
    for (const act of [() => tap.addStage(name, "json"), () => tap.open({ stage: `${name}*` })]) {
      assertThrows(act, RangeError, "must have no control characters");
    }
  }
  assertEquals([tap.stages.length, tap.sessions.length], [2, 0]);
  tap.addStage("größe 1😀", "json");
});

test("A clock that throws is replaced by the platform's, and offer does not throw", async () => {
  let isBroken = false;
  using tap = new Tap({
    backlog: 3,
    now: () => {
      if (isBroken) throw new Error("no time");
      return 1_000;
    },
  });
  const session = tap.open({ stage: "raw", rate: 1_000 })!;
  isBroken = true;
  tap.offer("raw", "1");
  const later = tap.open({ stage: "raw" })!;
  assert(Number.isFinite(session.durationMs) && Number.isFinite(tap.stats().sessionMs));
  assertEquals([await linesOf(session), await linesOf(later)], [["1"], ["1"]]);
  session.close();
  assertEquals(session.reason, "client");
});

test("A source of chance that throws is replaced by the platform's, and offer does not throw", () => {
  using tap = new Tap({
    random: () => {
      throw new Error("no luck");
    },
  });
  const sampled = tap.open({ stage: "raw", sample: 0.5 })!;
  const reservoir = tap.open({ stage: "raw", reservoir: 2 })!;
  for (let id = 0; id < 400; id++) tap.offer("raw", `${id}`);
  const { sampledOut } = sampled.stats();
  // Chance alone would do it once in a universe.
  assert(sampledOut > 50 && sampledOut < 350, `${sampledOut}`);
  assertStats(reservoir, { seen: 400, matched: 400, sampledOut: 398, held: 2 });
});
