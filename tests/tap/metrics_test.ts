// deno-lint-ignore-file camelcase -- these are names of metrics.
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Tap, tapHandler, tapMetrics } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^{}]*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?))$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"$/;

/** Reads the text format of Prometheus, version 0.0.4, more strictly than servers do. */
function parse(text: string): Map<string, Family> {
  assert(text.endsWith("\n") && !text.includes("\r"), "every line has its end");
  const families: Map<string, Family> = new Map();
  let family: Family | undefined;
  let name = "";
  let help: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, about, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") {
      assertMatch(about!, NAME);
      assert(!families.has(about!), `${about} stands there twice`);
      [name, help, family] = [about!, rest!, undefined];
    } else if (kind === "TYPE") {
      assert(about === name && help !== undefined && family === undefined, line);
      assert(rest === "counter" || rest === "gauge", line);
      assert((rest === "counter") === name.endsWith("_total"), `${name} is named like the other`);
      family = { type: rest, help, samples: new Map() };
      families.set(name, family);
    } else {
      const [, of, labels = "", value] = SAMPLE.exec(line) ?? [];
      assert(of === name && family !== undefined, line);
      for (const label of labels === "" ? [] : labels.split(",")) assertMatch(label, LABEL);
      assert(!family.samples.has(labels), `${line} stands there twice`);
      const number = Number(value);
      assert(Number.isFinite(number) && number >= 0, line);
      family.samples.set(labels, number);
    }
  }
  for (const [of, { samples }] of families) assert(samples.size > 0, `${of} has no sample`);
  return families;
}

function valuesOf(tap: Tap): Record<string, number> {
  return Object.fromEntries(
    [...parse(tapMetrics(tap))].flatMap(([name, { samples }]) =>
      [...samples].map(([labels, value]) => [
        `${name.replace(/^weir_tap_/, "")}${labels === "" ? "" : ` ${labels}`}`,
        value,
      ])
    ),
  );
}

const ZERO = {
  "ending_sessions": 0,
  active_sessions: 0,
  enabled: 1,
  sessions_total: 0,
  'refused_total reason="full"': 0,
  'refused_total reason="subject"': 0,
  'refused_total reason="disabled"': 0,
  'refused_total reason="invalid"': 0,
  'refused_total reason="unauthorized"': 0,
  'refused_total reason="forbidden"': 0,
  events_streamed_total: 0,
  events_dropped_total: 0,
  events_unwritable_total: 0,
  events_misdirected_total: 0,
  bytes_total: 0,
  session_seconds_total: 0,
};

test("The metrics of a tap are there from the start, all of them 0", () => {
  using tap = new Tap();
  assertEquals(valuesOf(tap), ZERO);
  const families = parse(tapMetrics(tap));
  for (const [name, { help }] of families) {
    assertMatch(name, /^weir_tap_[a-z_]+$/);
    assertMatch(help, /^[A-Z].*\.$/);
  }
  assertEquals(
    [...families].filter(([, { type }]) => type === "gauge").map(([name]) => name),
    ["weir_tap_active_sessions", "weir_tap_ending_sessions", "weir_tap_enabled"],
  );
});

test("The metrics of a tap say what its stats say", () => {
  using time = new FakeTime();
  using tap = new Tap({ maxSessions: 2, maxSessionsPerSubject: 1, bufferEvents: 2 });
  tap.open({ stage: "raw", subject: "ada" });
  tap.open({ stage: "raw", subject: "ada" });
  const second = tap.open({ stage: "decoded" })!;
  tap.open({ stage: "raw" });
  for (let i = 0; i < 3; i++) tap.offer("raw", `${i}`);
  tap.offer("decoded", 1n);
  tap.offer("bogus" as "raw", "x");
  time.pass(1_500);
  second.close();
  time.pass(1_000);
  const expected = {
    ...ZERO,
    "active_sessions": 1,
    "sessions_total": 2,
    'refused_total reason="full"': 1,
    'refused_total reason="subject"': 1,
    "events_dropped_total": 2,
    "events_unwritable_total": 1,
    "events_misdirected_total": 1,
    // One was open for 2.5 s and still is, the other was for 1.5 s.
    "session_seconds_total": 4,
  };
  assertEquals(valuesOf(tap), expected);
  tap.disable();
  tap.open({ stage: "raw" });
  time.pass(9_000);
  assertEquals(valuesOf(tap), {
    ...expected,
    "active_sessions": 0,
    enabled: 0,
    'refused_total reason="disabled"': 1,
  });
});

test("The metrics of a tap count what was streamed of it", async () => {
  using tap = new Tap({ backlog: 9 });
  const session = tap.open({ stage: "raw" })!;
  for (const line of ["one", "two", "three"]) tap.offer("raw", line);
  await session.receiveBatch(9);
  assertEquals(valuesOf(tap)["events_streamed_total"], 0);
  const request = new Request("http://localhost/tap?stage=raw&framing=strict&limit=2");
  const peer = { remoteAddr: { hostname: "127.0.0.1" } };
  const body = await (await tapHandler(tap)(request, peer)).text();
  assertEquals(body.split("\n").slice(0, 2), ["two", "three"]);
  const { "events_streamed_total": events, "bytes_total": bytes } = valuesOf(tap);
  assertEquals([events, bytes], [2, body.length]);
});

test("Numbers of any size are written as Prometheus reads them", () => {
  const clock = { ms: 0 };
  using tap = new Tap({ now: () => clock.ms });
  tap.open({ stage: "raw" });
  for (const ms of [1e-7, 1, 1e9, 2 ** 60, 1e24]) {
    clock.ms = ms;
    assertEquals(valuesOf(tap)["session_seconds_total"], ms / 1_000);
  }
});

test("No counter of a tap ever goes back", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    using time = new FakeTime();
    using tap = new Tap({ bufferEvents: 4, maxBytes: 40, maxSessions: 3, backlog: 2 });
    let before = valuesOf(tap);
    for (let step = 0; step < 60; step++) {
      const action = random.below(8);
      if (action === 0) {
        const overflow = random.pick(["drop-newest", "drop-oldest"] as const);
        tap.open({ stage: "raw", overflow, limit: random.pick([Infinity, 5]) });
      } else if (action === 1 && tap.sessions.length > 0) random.pick(tap.sessions).close();
      else if (action === 2) time.pass(random.below(500));
      else tap.offer("raw", "x".repeat(1 + random.below(20)));
      const now = valuesOf(tap);
      for (const [name, value] of Object.entries(now)) {
        if (/_total/.test(name)) assert(value >= before[name]!, `seed ${seed}, ${name}`);
      }
      before = now;
    }
  }
});

test("The parser of this test refuses what is wrong", () => {
  const good = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n";
  assertEquals(parse(good).get("a_total")!.samples.get(""), 1);
  const wrong = [
    good.slice(0, -1),
    good + good,
    good.replace("counter", "gauge"),
    good.replace("a_total 1", "a_total 1 "),
    good.replace("a_total 1", "a_total NaN"),
    good.replace("a_total 1", "b_total 1"),
    good.replace("a_total 1", 'a_total{b="} 1'),
    good.replace("a_total 1\n", ""),
    good + "a_total 2\n",
    "a_total 1\n",
  ];
  for (const text of wrong) assertThrows(() => parse(text), Error);
});
