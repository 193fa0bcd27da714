import { assert, assertEquals, assertMatch } from "@std/assert";
import { Tap, tapHandler, type TapOpenOptions } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, read, refusalOf } from "./_streams.ts";

/** A wrong query, the parameter that the answer names, and the value that it names. */
const WRONG: readonly (readonly [query: string, name: string, value: string])[] = [
  ["stage=bogus", "stage", '"bogus"'],
  ["stage=RAW", "stage", '"RAW"'],
  ["stage=", "stage", '""'],
  ["stage=,", "stage", '","'],
  ["stage=raw,bogus", "stage", '"bogus"'],
  ["stage=raw&stage=decoded", "stage", '"decoded"'],
  ["duration=abc", "duration", '"abc"'],
  ["duration=", "duration", '""'],
  ["duration=30", "duration", '"30"'],
  ["duration=-1s", "duration", '"-1s"'],
  ["duration=1s&duration=2s", "duration", '"2s"'],
  ["duration=5m1ms", "duration", '"5m1ms"'],
  ["duration=999999999h", "duration", '"999999999h"'],
  ["limit=", "limit", '""'],
  ["limit=-1", "limit", '"-1"'],
  ["limit=1.5", "limit", '"1.5"'],
  ["limit=1e3", "limit", '"1e3"'],
  ["limit=0x10", "limit", '"0x10"'],
  ["limit=Infinity", "limit", '"Infinity"'],
  ["limit=9999999999999999", "limit", '"9999999999999999"'],
  ["limit=1&limit=1", "limit", '"1"'],
  ["backlog=", "backlog", '""'],
  ["backlog=-1", "backlog", '"-1"'],
  ["backlog=all", "backlog", '"all"'],
  ["backlog=1&backlog=2", "backlog", '"2"'],
  ["since=", "since", '""'],
  ["since=yesterday", "since", '"yesterday"'],
  ["since=12", "since", '"12"'],
  ["since=0123456789-", "since", '"0123456789-"'],
  ["since=0123456789-1x", "since", '"0123456789-1x"'],
  ["where=", "where", '""'],
  ["where=a%20==", "where", '""'],
  ["where=a%20=%20)", "where", '")"'],
  ["fields=", "fields", '""'],
  ["fields=%20,,", "fields", '" ,,"'],
  ["fields=a..b", "fields", '"a..b"'],
  ["fields=a,b[", "fields", '"b["'],
  ["redact=", "redact", '""'],
  ["redact=a..b", "redact", '"a..b"'],
  ["redact=a&redact_mode=", "redact_mode", '""'],
  ["redact=a&redact_mode=MASK", "redact_mode", '"MASK"'],
  ["redact_mode=mask", "redact_mode", '"mask"'],
  ["sample=", "sample", '""'],
  ["sample=0", "sample", "0"],
  ["sample=1.1", "sample", "1.1"],
  ["sample=-0.5", "sample", '"-0.5"'],
  ["sample=1e-3", "sample", '"1e-3"'],
  ["sample=0,5", "sample", '"0,5"'],
  ["sample=NaN", "sample", '"NaN"'],
  ["every=0", "every", "0"],
  ["every=x", "every", '"x"'],
  ["reservoir=0", "reservoir", "0"],
  ["reservoir=8193", "reservoir", "8193"],
  ["reservoir=x", "reservoir", '"x"'],
  ["reservoir=1&interval=99ms", "interval", "99"],
  ["reservoir=1&interval=2h", "interval", "7200000"],
  ["reservoir=1&interval=x", "interval", '"x"'],
  ["interval=1s", "interval", '"1s"'],
  ["count_by=", "count_by", '""'],
  ["count_by=a..b", "count_by", '"a..b"'],
  ["count_by=a.*", "count_by", '"a.*"'],
  ["count_by=a&fields=b", "count_by", '"a"'],
  ["count_by=a&reservoir=1", "count_by", '"a"'],
  ["key=a", "key", '"a"'],
  ["sample=1&key=", "key", '""'],
  ["sample=1&key=a.*", "key", '"a.*"'],
  ["rate=0", "rate", "0"],
  ["rate=x", "rate", '"x"'],
  ["rate=-1", "rate", '"-1"'],
  ["max_bytes=0", "max_bytes", "0"],
  ["max_bytes=1k", "max_bytes", '"1k"'],
  ["max_event_bytes=0", "max_event_bytes", "0"],
  ["max_event_bytes=127", "max_event_bytes", "127"],
  ["max_event_bytes=262145", "max_event_bytes", "262145"],
  ["drop=", "drop", '""'],
  ["drop=oldest&drop=newest", "drop", '"newest"'],
  ["drop=drop-oldest", "drop", '"drop-oldest"'],
  ["meta=", "meta", '""'],
  ["meta=true", "meta", '"true"'],
  ["meta=1&framing=strict", "meta", '"1"'],
  ["format=", "format", '""'],
  ["format=json", "format", '"json"'],
  ["format=sse&framing=strict", "framing", '"strict"'],
  ["framing=loose", "framing", '"loose"'],
  ["foo=1", "parameter", '"foo"'],
  ["Stage=raw", "parameter", '"Stage"'],
  ["toString=1", "parameter", '"toString"'],
  ["=1", "parameter", '""'],
];

for (const name of new Set(WRONG.map(([, name]) => name))) {
  test(`tapHandler() refuses a wrong ${name} with 400 that names it and its value, and opens nothing`, async () => {
    const tap = new Tap();
    const handler = tapHandler(tap);
    const queries = WRONG.filter(([, named]) => named === name);
    for (const [query, , value] of queries) {
      // A parameter that is right does not help.
      for (const more of ["", name === "limit" ? "&drop=newest" : "&limit=1"]) {
        const { error } = await refusalOf(await ask(handler, `?${query}${more}`), 400);
        const wording = new RegExp(`^Cannot .*\\b${name}\\b.*, received ${RegExp.escape(value)}$`);
        assertMatch(error, wording, query);
      }
    }
    const { opened, refusedBy, active } = tap.stats();
    assertEquals([opened, refusedBy.invalid, active], [0, 2 * queries.length, 0]);
  });
}

test("tapHandler() refuses two ways of sampling at once, naming both", async () => {
  const handler = tapHandler(new Tap());
  for (const query of ["sample=1&every=2", "every=2&reservoir=3", "sample=1&reservoir=3"]) {
    const { error } = await refusalOf(await ask(handler, `?${query}`), 400);
    const [, one, other] = /^(\w+)=\d&(\w+)=/.exec(query)!;
    assertMatch(error, new RegExp(`, received "${one} and ${other}"$`));
  }
});

test("tapHandler() refuses to filter, group or count by what is redacted, whoever redacts it", async () => {
  const tap = new Tap({ redact: ["user.email"] });
  const handler = tapHandler(tap, { authorize: () => ({ redact: ["user.phone"] }) });
  for (const path of ["user.email", "user.email.x", "user", "user.phone", "login.password"]) {
    const queries = [
      `where=${path} == x`,
      `where=exists ${path}`,
      `sample=1&key=${path}`,
      `count_by=${path}`,
    ];
    for (const query of queries) {
      const { error } = await refusalOf(await ask(handler, `?${query}`), 400);
      assertMatch(error, /\bmust not read what is redacted, received "/, query);
    }
  }
  // What the reader redacts is its own affair in a filter; a count would show it.
  await refusalOf(await ask(handler, "?redact=ip&count_by=ip"), 400);
  await read(await ask(handler, "?redact=ip&where=ip == x&limit=0"));
  await read(await ask(handler, "?where=user.id == 1&limit=0"));
});

test("tapHandler() takes the defaults where nothing is asked for", async () => {
  using _time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?");
  const { hello } = await readClosed(tap, response);
  assertEquals(hello, {
    session: 1,
    instance: tap.instance,
    stage: "decoded",
    stages: ["decoded"],
    started: 1_000_000,
    "duration_ms": 30_000,
    redact: [],
    replayed: 0,
    missed: 0,
    "heartbeat_ms": 5_000,
  });
});

/** Closes the tap, so that the answer ends, and reads it. */
function readClosed(tap: Tap, response: Response): ReturnType<typeof read> {
  tap.close();
  return read(response);
}

/** A query, and what the session is opened with for it. */
const RIGHT: readonly (readonly [string, Partial<TapOpenOptions<string>>])[] = [
  ["stage=raw", { stage: "raw" }],
  ["stage= raw ", { stage: "raw" }],
  ["stage=raw,decoded", { stage: ["raw", "decoded"] }],
  ["stage=,raw,", { stage: "raw" }],
  ["stage=r*", { stage: "r*" }],
  ["duration=1m 30s", { durationMs: 90_000 }],
  ["duration=250ms", { durationMs: 250 }],
  ["duration=5m", { durationMs: 300_000 }],
  ["limit=0", { limit: 0 }],
  ["limit=007", { limit: 7 }],
  ["limit=999999999999999", { limit: 999_999_999_999_999 }],
  ["backlog=0", { backlog: 0 }],
  ["since=1m", { since: 60_000 }],
  ["since=0123456789-12", { since: "0123456789-12" }],
  ['where=a == 1 and b ~ "x%26*"', { where: 'a == 1 and b ~ "x&*"' }],
  ["fields= a , b.c ,", { fields: ["a", "b.c"] }],
  ["fields=a\\,b,c", { fields: ["a,b", "c"] }],
  ["fields=a\\.b", { fields: ["a\\.b"] }],
  ["fields=a\\\\,b", { fields: ["a\\\\", "b"] }],
  ['fields=headers["x.y"]', { fields: ['headers["x.y"]'] }],
  ["redact=user.email, src_ip ,", { redact: ["user.email", "src_ip"] }],
  ["redact=a,b&redact_mode=mask", {
    redact: [{ path: "a", mode: "mask" }, { path: "b", mode: "mask" }],
  }],
  ["redact=a&redact_mode=typed-hash", { redact: [{ path: "a", mode: "typed-hash" }] }],
  ["sample=0.01", { sample: 0.01 }],
  ["sample=.5&key=user.id", { sample: 0.5, key: "user.id" }],
  ["sample=1", { sample: 1 }],
  ["every=10", { every: 10 }],
  ["reservoir=100", { reservoir: 100 }],
  ["reservoir=8192&interval=100ms", { reservoir: 8_192, intervalMs: 100 }],
  ["count_by=user.id&interval=1h", { countBy: "user.id", intervalMs: 3_600_000 }],
  ["rate=0.5", { rate: 0.5 }],
  ["max_bytes=1", { maxBytes: 1 }],
  ["max_event_bytes=128", { maxEventBytes: 128 }],
  ["drop=oldest", { overflow: "drop-oldest" }],
  ["drop=newest", { overflow: "drop-newest" }],
  ["meta=0", {}],
  ["meta=1", {}],
  ["format=ndjson&framing=weir", {}],
];

test("tapHandler() opens the session with what each parameter says", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  for (const [query, expected] of RIGHT) {
    const response = await ask(handler, `?${query.replaceAll("\\", "%5C")}`);
    assertEquals(response.status, 200, query);
    // A session that is to end at once is not among those that are open.
    const [session] = tap.sessions;
    if (expected.limit !== 0) {
      const { stage = "decoded", durationMs = 30_000, ...rest } = expected;
      const given = Object.entries(session!.query).filter(([, value]) => value !== undefined);
      assertEquals(Object.fromEntries(given), { stage, durationMs, ...rest } as never, query);
    }
    await response.body!.cancel();
  }
  assertEquals([tap.stats().opened, tap.stats().active], [RIGHT.length, 0]);
});

test("tapHandler() says in its first record what was asked for", async () => {
  using _time = new FakeTime();
  const tap = new Tap({ redact: ["a.b", { path: "c", mode: "mask" }], worker: "w1" });
  const handler = tapHandler(tap, { authorize: () => ({ redact: ["d"] }), heartbeatMs: 700 });
  const query = new URLSearchParams({
    stage: "raw,de*",
    duration: "90s",
    limit: "9",
    where: "e == 1",
    fields: "f,g",
    redact: "h",
    sample: "0.25",
    key: "i",
    rate: "5",
    "max_bytes": "1000",
  });
  const { hello } = await readClosed(tap, await ask(handler, `?${query}`));
  assertEquals(hello, {
    session: 1,
    instance: tap.instance,
    worker: "w1",
    stage: "raw,de*",
    stages: ["raw", "decoded"],
    started: 1_000_000,
    "duration_ms": 90_000,
    limit: 9,
    "max_bytes": 1_000,
    where: "e == 1",
    fields: ["f", "g"],
    sampling: { chance: 0.25, key: "i" },
    rate: 5,
    redact: ["a.b", "c", "d", "h"],
    replayed: 0,
    missed: 0,
    "heartbeat_ms": 700,
  });
});

test("tapHandler() says in its first record how it samples and counts", async () => {
  for (
    const [query, sampling, countBy] of [
      ["sample=0.5", { chance: 0.5 }, undefined],
      ["every=3", { every: 3 }, undefined],
      ["reservoir=7", { reservoir: 7, interval_ms: 500 }, undefined],
      ["reservoir=7&interval=1s", { reservoir: 7, interval_ms: 1_000 }, undefined],
      ["count_by=a.b", undefined, "a.b"],
    ] as const
  ) {
    const tap = new Tap();
    const { hello } = await readClosed(tap, await ask(tapHandler(tap), `?${query}`));
    assertEquals([hello.sampling, hello.count_by], [sampling, countBy] as never, query);
  }
});

test("tapHandler() gives the newest of what is kept, as many as asked for, and says how many it leaves out", async () => {
  const tap = new Tap({ backlog: 5, maxSessions: 9 });
  for (const line of ["1", "2", "3"]) tap.offer("raw", line);
  const handler = tapHandler(tap);
  const response = await ask(handler, "?stage=raw&limit=3&backlog=2");
  tap.offer("raw", "4");
  const { hello, events, notices, summary } = await read(response);
  assertEquals([hello.replayed, hello.missed, summary.missed], [2, 1, 1]);
  assertEquals(events, ["2", "3", "4"]);
  assertEquals(notices, [{ kind: "live", replayed: 2 }]);
  const none = await ask(handler, "?stage=raw&backlog=0");
  assertEquals((await readClosed(tap, none)).hello.missed, 4);
});

test("tapHandler() since a time or an event gives what is kept from there on", async () => {
  using time = new FakeTime();
  const tap = new Tap({ backlog: 9, maxSessions: 9 });
  const handler = tapHandler(tap);
  for (let id = 1; id <= 5; id++) {
    tap.offer("decoded", id);
    time.pass(1_000);
  }
  const eventsOf = async (since: string): Promise<unknown> => {
    const response = await ask(handler, `?limit=9&since=${since}&duration=0s`);
    time.pass(0);
    const { events, hello } = await read(response);
    return [events, hello.missed];
  };
  assertEquals(await eventsOf("2s"), [["4", "5"], 3]);
  assertEquals(await eventsOf("1h"), [["1", "2", "3", "4", "5"], 0]);
  assertEquals(await eventsOf("0s"), [[], 5]);
  assertEquals(await eventsOf(`${tap.instance}-3`), [["4", "5"], 0]);
  assertEquals(await eventsOf(`${tap.instance}-5`), [[], 0]);
  // Nobody knows what came behind an event of another process; all that is kept may be of use.
  const other = tap.instance === "0123456789" ? "9876543210" : "0123456789";
  assertEquals(await eventsOf(`${other}-3`), [["1", "2", "3", "4", "5"], null]);
});

test("tapHandler() takes a path with a comma in it as one", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const response = await ask(handler, "?limit=1&fields=a%5C,b,c&redact=c");
  tap.offer("decoded", { "a,b": 1, a: 2, b: 3, c: "x" });
  const [event] = (await read(response)).events;
  assertMatch(event!, /^{"a,b":1,"c":"rsigma:redacted:[0-9a-f]{16}"}$/);
  assert(!event!.includes('"x"'));
});

test("tapHandler() that counts begins with nothing from before, unless it is asked to", async () => {
  const tap = new Tap({ backlog: 5 });
  for (const status of [200, 503]) tap.offer("decoded", { status });
  const handler = tapHandler(tap);
  for (
    const [query, replayed] of [["", 0], ["&backlog=0", 0], ["&backlog=5", 2], ["&since=1m", 2]]
  ) {
    const response = await ask(handler, `?count_by=status&limit=1${query}`);
    const { seen, matched } = tap.sessions[0]!.stats();
    assertEquals([seen, matched], [replayed, replayed], `${query}`);
    await response.body!.cancel();
  }
});
