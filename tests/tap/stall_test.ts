import { assert, assertEquals, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, chunkNow, helloOf, parse, read, restOf, waitFor } from "./_streams.ts";
import { settle } from "./_wait.ts";

// What becomes of a session whose reader takes nothing.

test("A reader that takes nothing for stallMs loses its session and its place, while it is open", async () => {
  using time = new FakeTime();
  const tap = new Tap({ maxSessions: 1, bufferEvents: 3 });
  const handler = tapHandler(tap);
  const response = await ask(handler, "?stage=raw&duration=5m");
  const [session] = tap.sessions;
  for (const line of ["a", "b", "c", "d"]) tap.offer("raw", line);
  time.pass(29_999);
  assertEquals([session!.reason, session!.size], [undefined, 3]);
  time.pass(1);
  assertEquals([session!.reason, session!.size], ["slow_reader", 0]);
  assertEquals([tap.stats().active, time.armed], [0, 0]);
  await read(await ask(handler, "?limit=0"));
  // Should it come back, it is told.
  const { events, summary } = parse(`{"weir_tap_hello":{}}\n${await restOf(chunksOf(response))}`);
  const { captured, dropped, undelivered, reason, duration_ms } = summary;
  assertEquals(events.slice(1), []);
  assertEquals({ captured, dropped, undelivered, reason, duration_ms }, {
    captured: 0,
    dropped: 1,
    undelivered: 3,
    reason: "slow_reader",
    duration_ms: 30_000,
  });
});

test("A reader that takes something now and then keeps its session, however much it loses", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 2 });
  const handler = tapHandler(tap, { stallMs: 10_000 });
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=5m"));
  await helloOf(chunks);
  for (let turn = 0; turn < 20; turn++) {
    for (let i = 0; i < 9; i++) tap.offer("raw", "x");
    await settle();
    time.pass(9_000);
    assertMatch((await chunkNow(chunks))!, /x\nx\n$/);
  }
  // Of the first nine one more had a place, since the reader waited for it.
  assertEquals([tap.stats().active, tap.sessions[0]!.dropped], [1, 20 * 7 - 1]);
  await chunks.cancel();
});

for (const stallMs of [300, 1_000, 1_500, 30_000]) {
  test(`A reader has all of a stallMs of ${stallMs} behind what it has taken`, async () => {
    // Whenever between two ticks of the clock it takes something.
    for (const at of [1, 299, 499, 999, 1_001, 1_499]) {
      using time = new FakeTime();
      const tap = new Tap();
      const handler = tapHandler(tap, { stallMs });
      const chunks = chunksOf(await ask(handler, "?stage=raw&duration=5m"));
      await helloOf(chunks);
      const first = waitFor(chunks);
      await settle();
      const [session] = tap.sessions;
      time.pass(at);
      for (let i = 0; i < 600; i++) tap.offer("raw", "x");
      await settle();
      assert(first.hasCome);
      assertMatch((await chunkNow(chunks))!, /^x\n/);
      for (let i = 0; i < 600; i++) tap.offer("raw", "x");
      time.pass(stallMs - 1);
      assertEquals(session!.reason, undefined, `it took something after ${at} ms`);
      // It need not be exact; but it must not be much more.
      time.pass(1_000 + 2);
      assertEquals(session!.reason, "slow_reader", `it took something after ${at} ms`);
    }
  });
}

test("A reader is not slow that takes each sign of life from where it waits", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const handler = tapHandler(tap, { stallMs: 3_000, heartbeatMs: 1_000 });
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=5m"));
  await helloOf(chunks);
  // It waits, and gets one; the next comes while it is busy, and events behind that.
  const beat = waitFor(chunks);
  await settle();
  time.pass(1_000);
  await settle();
  assertEquals(beat.text, "\n");
  time.pass(1_000);
  tap.offer("raw", "x");
  await settle();
  time.pass(2_900);
  assertEquals(await chunkNow(chunks), "\n");
  time.pass(2_900);
  assertEquals(tap.stats().active, 1);
  assertEquals(await chunkNow(chunks), "x\n");
  await chunks.cancel();
});

test("A reader that waits is not slow, though there is nothing for it", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  // No sign of life comes in this time either.
  const handler = tapHandler(tap, { heartbeatMs: 1_000_000 });
  const chunks = chunksOf(await ask(handler, "?duration=5m"));
  await helloOf(chunks);
  const next = waitFor(chunks);
  await settle();
  time.pass(299_999);
  await settle();
  assertEquals([tap.stats().active, next.hasCome], [1, false]);
  time.pass(1);
  await settle();
  assertMatch(next.text!, /"reason":"duration"/);
});

test("A reader that takes nothing while its time runs out has the grace from there on, and no more", async () => {
  using time = new FakeTime();
  const tap = new Tap({ maxSessions: 1 });
  const handler = tapHandler(tap);
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=20s"));
  await helloOf(chunks);
  const [session] = tap.sessions;
  // What comes first is on its way to the reader already.
  tap.offer("raw", "a");
  await settle();
  tap.offer("raw", "b");
  time.pass(20_000);
  await settle();
  assertEquals([session!.reason, session!.size], ["duration", 1]);
  time.pass(9_999);
  assertEquals([session!.size, (await ask(handler)).status], [1, 409]);
  time.pass(1);
  assertEquals([session!.size, session!.reason, time.armed], [0, "duration", 0]);
  await read(await ask(handler, "?limit=0"));
  const { summary } = parse(`{"weir_tap_hello":{}}\n${await restOf(chunks)}`);
  assertEquals([summary.reason, summary.captured, summary.undelivered], ["duration", 1, 1]);
  assertEquals(summary.duration_ms, 20_000);
});

test("A reader that has stalled is never held past its time and the grace, wherever it stalls", async () => {
  for (const taken of [0, 1, 2]) {
    for (const offered of [0, 1, 2_000]) {
      using time = new FakeTime();
      const tap = new Tap({ maxSessions: 1 });
      const handler = tapHandler(tap, { stallMs: 1_000_000 });
      const chunks = chunksOf(await ask(handler, "?stage=raw&duration=10s"));
      for (let i = 0; i < offered; i++) tap.offer("raw", "x");
      for (let count = 0; count < taken; count++) waitFor(chunks);
      await settle();
      time.pass(10_000);
      await settle();
      time.pass(10_000);
      await settle();
      assertEquals([tap.stats().active, time.armed], [0, 0], `${taken} of ${offered}`);
      await read(await ask(handler, "?limit=0"));
    }
  }
});

test("tapHandler() gives up the queue of a reader that takes nothing after the end, and says so", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 3, backlog: 2 });
  for (const line of ["a", "b"]) tap.offer("raw", line);
  const query = "?stage=raw&duration=1s";
  const response = await ask(tapHandler(tap, { graceMs: 100 }), query);
  const [session] = tap.sessions;
  for (const line of ["c", "d", "e", "f"]) tap.offer("raw", line);
  time.pass(1_000);
  await settle();
  assertEquals([session!.reason, session!.size, tap.stats().active], ["duration", 5, 0]);
  time.pass(99);
  assertEquals(session!.size, 5);
  time.pass(1);
  assertEquals([session!.size, time.armed], [0, 0]);
  const { events, summary } = await read(response);
  assertEquals(events, []);
  const { captured, dropped, undelivered } = summary;
  assertEquals({ captured, dropped, undelivered }, { captured: 0, dropped: 1, undelivered: 5 });
});

test("tapHandler() gives a slow reader its time anew whenever it takes something after the end", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap, { graceMs: 100 }), "?stage=raw");
  const [session] = tap.sessions;
  for (let i = 0; i < 2_000; i++) tap.offer("raw", "x");
  tap.close();
  const chunks = chunksOf(response);
  for (const left of [1_488, 976, 464]) {
    await settle();
    time.pass(99);
    await chunks.next();
    assertEquals(session!.size, left);
  }
  await settle();
  time.pass(99);
  assertEquals(session!.size, 464);
  time.pass(1);
  assertEquals([session!.size, time.armed], [0, 0]);
  const { summary } = parse(`{"weir_tap_hello":{}}\n${(await chunks.next())!}`);
  assertEquals([summary.captured, summary.undelivered], [1_536, 464]);
  assertEquals(await chunks.next(), undefined);
});

for (const graceMs of [100, 10_000]) {
  test(`A session's stream ends 6 times a graceMs of ${graceMs} after its session, however slowly it is taken`, async () => {
    using time = new FakeTime();
    const tap = new Tap({ maxSessions: 1, bufferEvents: 100_000 });
    const handler = tapHandler(tap, { graceMs, stallMs: 1_000_000_000 });
    const chunks = chunksOf(await ask(handler, "?stage=raw&duration=20s"));
    const [session] = tap.sessions;
    for (let i = 0; i < 50_000; i++) tap.offer("raw", "x");
    time.pass(20_000);
    await settle();
    assertEquals(session!.reason, "duration");
    // Each time just before its grace is over.
    let taken = 0;
    for (let spent = 0; spent + graceMs - 1 < 6 * graceMs; spent += graceMs - 1) {
      time.pass(graceMs - 1);
      await settle();
      assert(session!.size > 0, `given up after ${spent} ms`);
      assertEquals((await ask(handler)).status, 409);
      await chunks.next();
      taken++;
      await settle();
    }
    assertEquals(taken, 6);
    const left = session!.size;
    assert(left > 40_000);
    // What it has left of the whole.
    time.pass(6 * graceMs - 6 * (graceMs - 1) - 1);
    assertEquals(session!.size, left);
    time.pass(1);
    assertEquals([session!.size, time.armed], [0, 0]);
    await read(await ask(handler, "?limit=0"));
    const { summary } = parse(`{"weir_tap_hello":{}}\n${await restOf(chunks)}`);
    const { captured, undelivered, reason, duration_ms } = summary;
    assertEquals([captured + undelivered, reason, duration_ms], [50_000, "duration", 20_000]);
    assertEquals(undelivered, left);
  });
}

test("A stream ends 6 graces after its session also while its reader takes a part every moment", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 1_000_000 });
  const chunks = chunksOf(await ask(tapHandler(tap, { graceMs: 100 }), "?stage=raw"));
  for (let i = 0; i < 200_000; i++) tap.offer("raw", "x");
  tap.close();
  const [session] = [tap.stats()];
  assertEquals(session!.ending, 1);
  for (let ms = 0; ms < 600; ms += 5) {
    assertEquals(tap.stats().ending, 1, `ended after ${ms} ms`);
    assert(await chunks.next() !== undefined);
    await settle();
    time.pass(5);
  }
  await settle();
  assertEquals([tap.stats().ending, time.armed], [0, 0]);
});

test("A reader has its grace anew with each part that it takes from where it waits", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const handler = tapHandler(tap, { graceMs: 3_000, heartbeatMs: 1_000 });
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=5m"));
  await helloOf(chunks);
  const [session] = tap.sessions;
  const beat = waitFor(chunks);
  await settle();
  time.pass(1_000);
  await settle();
  assertEquals(beat.text, "\n");
  // Another one, and an event, come while it is busy; a third waits in its session.
  time.pass(1_000);
  tap.offer("raw", "x");
  await settle();
  tap.offer("raw", "y");
  tap.close();
  await settle();
  time.pass(2_900);
  assertEquals(await chunkNow(chunks), "\n");
  time.pass(2_900);
  assertEquals(session!.size, 1);
  assertEquals(await chunkNow(chunks), "x\n");
  assertEquals(await chunkNow(chunks), "y\n");
  const { summary } = parse(`{"weir_tap_hello":{}}\n${await restOf(chunks)}`);
  assertEquals([summary.captured, summary.undelivered], [2, 0]);
});

test("tapHandler() without a grace gives up what is not read at the end", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap, { graceMs: 0 }), "?stage=raw");
  tap.offer("raw", "x");
  tap.close();
  await settle();
  time.pass(0);
  assertEquals(time.armed, 0);
  const { summary } = await read(response);
  assertEquals([summary.captured, summary.undelivered], [0, 1]);
});
