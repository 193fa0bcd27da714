import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
  assertStrictEquals,
} from "@std/assert";
import { Fold, type FoldAnnouncement, Generations, type Presence } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { announcing, AWAY, KIND, SlowLine, wordsOf } from "./_announcing.ts";
import { ADA } from "./_envelopes.ts";

test("it is said at once, with all that belongs to it", async () => {
  using time = new FakeTime();
  time.now = 7;
  const { announcer, said } = announcing(ADA, { generations: new Generations() });
  const generation = 1_000_007;
  const payload = ADA;
  assertEquals(said, [{
    node: "n1",
    generation,
    payload,
    ttlMs: 30_000,
    announcedAtMs: 1_000_007,
  }]);
  assertStrictEquals(said[0]!.payload, payload);
  assertEquals([announcer.sent, announcer.failed, announcer.closed], [1, 0, false]);
  assertEquals(announcer.generation, generation);
  await announcer.close();
});

test("it is said again three times in its life, with a higher generation each time", async () => {
  using time = new FakeTime();
  const { announcer, said } = announcing();
  for (const [ms, times] of [[9_999, 1], [1, 2], [10_000, 3], [70_000, 10]] as const) {
    time.pass(ms);
    assertEquals(said.length, times);
  }
  const generations = said.map(({ generation }) => generation);
  assertEquals(generations, [...new Set(generations)].sort((a, b) => a - b));
  assertEquals(said.at(-1)!.announcedAtMs, 1_090_000);
  assertEquals([time.armed, time.referenced], [1, 0]);
  await announcer.close();
  assertEquals(time.armed, 0);
});

test("by chance it is said earlier, by a tenth at most and never later", async () => {
  using time = new FakeTime();
  const gaps: number[] = [];
  let last: number | undefined;
  const { announcer } = announcing(ADA, {
    jitter: undefined,
    send: () => {
      if (last !== undefined) gaps.push(time.now - last);
      last = time.now;
    },
    leave: false,
  });
  time.pass(1_000_000);
  assertGreaterOrEqual(gaps.length, 100);
  assertGreaterOrEqual(Math.min(...gaps), 9_000);
  assertLessOrEqual(Math.max(...gaps), 10_000);
  // They are not all the same, and go over most of what they may be.
  assertGreater(Math.max(...gaps) - Math.min(...gaps), 500);
  await announcer.close();
});

test("how often, how long and how much by chance can be said", async () => {
  using time = new FakeTime();
  const { announcer, said } = announcing(ADA, { ttlMs: 600, everyMs: 500 });
  time.pass(2_000);
  assertEquals(said.map(({ announcedAtMs }) => announcedAtMs! - 1_000_000), [
    0,
    500,
    1_000,
    1_500,
    2_000,
  ]);
  assertEquals(said[0]!.ttlMs, 600);
  await announcer.close();

  const { announcer: other, said: soon } = announcing(ADA, { ttlMs: 600, everyMs: 500, jitter: 1 });
  time.pass(10_000);
  const times = soon.map(({ announcedAtMs }) => announcedAtMs!);
  const gaps = times.slice(1).map((at, i) => at - times[i]!);
  assert(gaps.length > 20 && gaps.every((gap) => gap >= 1 && gap <= 500));
  assertLess(Math.min(...gaps), 250);
  await other.close();
});

test("a fold that hears it never sees it expire, and afterwards it is gone at once", async () => {
  using time = new FakeTime();
  using fold = new Fold(KIND);
  const ends: string[] = [];
  fold.setAuditSink({ record: ({ type }) => void (type === "replaced" || ends.push(type)) });
  const { announcer } = announcing(ADA, { jitter: 0.1, send: (said) => fold.apply(said) });
  for (let i = 0; i < 500; i++) {
    time.pass(999);
    assertEquals(fold.count(), 1);
  }
  await announcer.close();
  assertEquals([fold.size, ends], [0, ["created", "left"]]);
});

test("generations go on over a restart, of the program or of the announcer", async () => {
  using time = new FakeTime();
  using fold = new Fold(KIND);
  const results: unknown[] = [];
  const send = (said: FoldAnnouncement<Presence>): void => void results.push(fold.apply(said));
  for (let life = 0; life < 3; life++) {
    const { announcer } = announcing(ADA, { send, leave: false });
    time.pass(25_000);
    await announcer.close();
    time.pass(1);
  }
  const expected = ["inserted", ...Array(8).fill("replaced")].map((outcome) => ({ outcome }));
  assertEquals(results, expected);
});

test("an announcer that begins as soon as another one of its node has ended is heard", async () => {
  using time = new FakeTime();
  using fold = new Fold(KIND);
  const send = (said: FoldAnnouncement<Presence>) => fold.apply(said);
  for (let life = 0; life < 3; life++) {
    const { announcer } = announcing(ADA, { send });
    assertEquals(fold.count(), 1, `life ${life}`);
    await announcer.close();
    assertEquals(fold.count(), 0);
  }
  assertEquals(time.armed, 0);
});

test("generations that are given are used, and shared by all that have them", async () => {
  using _time = new FakeTime();
  const generations = new Generations({ wallNow: () => 5 });
  const one = announcing(ADA, { generations });
  const two = announcing(AWAY, { generations });
  one.announcer.update(AWAY);
  assertEquals([...one.said, ...two.said].map(({ generation }) => generation), [5, 7, 6]);
  await Promise.all([one.announcer.close(), two.announcer.close()]);
  assertEquals([one.announcer.generation, two.announcer.generation], [8, 9]);
});

test("a function is asked what to say each time", async () => {
  using time = new FakeTime();
  let asked = 0;
  const { announcer, said } = announcing(() => ({ ...ADA, meta: ++asked }));
  time.pass(20_000);
  assertEquals(said.map(({ payload }) => payload.meta), [1, 2, 3]);
  // At the end it is what was said last that is over.
  await announcer.close();
  assertEquals([asked, said.at(-1)!.payload.meta, said.at(-1)!.leave], [3, 3, true]);
});

test("update() says something else at once, and from then on", async () => {
  using time = new FakeTime();
  const { announcer, said } = announcing();
  time.pass(4_000);
  announcer.update(AWAY);
  time.pass(9_999);
  assertEquals(wordsOf(said), ["here", "away"]);
  time.pass(1);
  announcer.update(() => ({ ...ADA, meta: time.now }));
  time.pass(10_000);
  assertEquals(wordsOf(said), ["here", "away", "away", "14000", "24000"]);
  assertEquals(time.armed, 1);
  await announcer.close();
});

test("while one is being said no other is, and what comes meanwhile is said once, as it is then", async () => {
  using time = new FakeTime();
  const line = new SlowLine();
  const { announcer } = announcing(ADA, { send: line.send });
  for (const meta of ["a", "b", "c"]) announcer.update({ ...ADA, meta });
  time.pass(29_000);
  assertEquals([wordsOf(line.said), announcer.sent], [["here"], 0]);
  await line.end();
  assertEquals([wordsOf(line.said), announcer.sent], [["here", "c"], 1]);
  await line.end();
  assertEquals([wordsOf(line.said), announcer.sent], [["here", "c"], 2]);
  // It goes on in time.
  time.pass(10_000);
  assertEquals(wordsOf(line.said), ["here", "c", "c"]);
  announcer.update({ ...ADA, meta: "d" });
  await line.end(new Error("lost"));
  assertEquals([wordsOf(line.said).at(-1), announcer.failed], ["d", 1]);
  await line.end();
  const closing = announcer.close();
  await line.end();
  await closing;
  assertEquals([line.most, announcer.sent, announcer.failed], [1, 4, 1]);
});

test("what cannot be said is counted and told, and said again in time", async () => {
  using time = new FakeTime();
  const errors: unknown[] = [];
  let fail: (() => unknown) | undefined;
  const said: unknown[] = [];
  const { announcer } = announcing(ADA, {
    send: (announcement) => fail === undefined ? void said.push(announcement) : fail(),
    onError: (error) => errors.push(error),
  });
  const thrown = new Error("thrown");
  fail = () => {
    throw thrown;
  };
  time.pass(10_000);
  const rejected = new Error("rejected");
  fail = () => Promise.reject(rejected);
  time.pass(10_000);
  await settle();
  assertEquals(errors, [thrown, rejected]);
  fail = undefined;
  time.pass(10_000);
  assertEquals([said.length, announcer.sent, announcer.failed], [2, 2, 2]);
  await announcer.close();
});

test("nobody need be told of what cannot be said", async () => {
  using time = new FakeTime();
  const { announcer } = announcing(ADA, { send: () => Promise.reject(new Error("no line")) });
  await settle();
  time.pass(10_000);
  await settle();
  assertEquals([announcer.sent, announcer.failed], [0, 2]);
  await announcer.close();
  assertEquals([announcer.failed, time.armed], [3, 0]);
});

test("what onError throws is reported as uncaught, and disturbs nobody", async () => {
  using time = new FakeTime();
  const { reportError } = globalThis;
  const reported: unknown[] = [];
  globalThis.reportError = (error) => void reported.push(error);
  try {
    const second = new Error("second");
    const { announcer } = announcing(ADA, {
      send() {
        throw new Error("first");
      },
      onError() {
        throw second;
      },
    });
    time.pass(10_000);
    await announcer.close();
    assertEquals([reported, announcer.failed], [[second, second, second], 3]);
  } finally {
    globalThis.reportError = reportError;
  }
});

test("a function that does not know what to say is asked again in time", async () => {
  using time = new FakeTime();
  const errors: unknown[] = [];
  let isKnown = false;
  const reason = new Error("unknown");
  const { announcer, said } = announcing(() => {
    if (!isKnown) throw reason;
    return ADA;
  }, { onError: (error) => errors.push(error) });
  assertEquals([said.length, errors, announcer.generation], [0, [reason], 0]);
  isKnown = true;
  time.pass(10_000);
  assertEquals([said.length, announcer.sent, announcer.failed], [1, 1, 1]);
  await announcer.close();
});

test("a life that no timer is long enough for is no reason to speak all the time", async () => {
  using time = new FakeTime();
  const { announcer, said } = announcing(ADA, { ttlMs: 2 ** 40, everyMs: 2 ** 33 });
  const { setTimeout } = globalThis;
  const delays: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    delays.push(ms);
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  time.pass(2 ** 33 - 1);
  assertEquals([said.length, time.armed], [1, 1]);
  time.pass(1);
  globalThis.setTimeout = setTimeout;
  assertEquals([said.length, time.armed], [2, 1]);
  assert(delays.every((ms) => ms < 2 ** 31), `${delays} ms`);
  await announcer.close();
});
