import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { ask, helloOf, restOf, waitFor } from "./_streams.ts";
import { settle } from "./_wait.ts";

test("tapHandler() writes its first record at once, so that its answer is sent", async () => {
  for (const query of ["", "?limit=1", "?limit=0", "?stage=nothing.*", "?format=sse"]) {
    const tap = new Tap();
    const chunks = chunksOf(await ask(tapHandler(tap), query));
    const first = waitFor(chunks);
    await settle();
    assertMatch(first.text!, /weir_tap_hello|event: hello/);
    await chunks.cancel();
  }
});

test("tapHandler() writes an empty line whenever its reader has waited for heartbeatMs", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const response = await ask(tapHandler(tap, { heartbeatMs: 100 }), "?stage=raw");
  assertEquals(time.referenced, 0);
  const chunks = chunksOf(response);
  assertEquals((await helloOf(chunks)).heartbeat_ms, 100);
  const beat = async (): Promise<string | undefined> => {
    const next = waitFor(chunks);
    await settle();
    time.pass(99);
    await settle();
    assertFalse(next.hasCome);
    time.pass(1);
    await settle();
    assert(next.hasCome);
    return next.text;
  };
  assertEquals([await beat(), await beat(), await beat()], ["\n", "\n", "\n"]);
  const next = chunks.next();
  tap.offer("raw", "event");
  assertEquals(await next, "event\n");
  assertEquals(await beat(), "\n");
  await chunks.cancel();
  assertEquals([time.armed, tap.stats().active], [0, 0]);
});

test("tapHandler() beats every five seconds by default", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = chunksOf(await ask(tapHandler(tap)));
  await helloOf(chunks);
  const next = waitFor(chunks);
  await settle();
  time.pass(4_999);
  await settle();
  assertFalse(next.hasCome);
  time.pass(1);
  await settle();
  assertEquals(next.text, "\n");
  await chunks.cancel();
});

for (const format of ["ndjson", "sse"]) {
  test(`A stream of ${format} is never silent for longer than heartbeatMs, whenever events come`, async () => {
    for (const heartbeatMs of [1, 7, 100, 101]) {
      using time = new FakeTime();
      const random = new Random(heartbeatMs);
      const tap = new Tap();
      const handler = tapHandler(tap, { heartbeatMs });
      const chunks = chunksOf(await ask(handler, `?format=${format}&duration=5m`));
      let last = 0;
      let longest = 0;
      const next = (): Promise<void> =>
        chunks.next().then((text) => {
          longest = Math.max(longest, time.now - last);
          last = time.now;
          return text === undefined ? undefined : next();
        });
      const end = next();
      // In small steps, since what comes in the middle of one is seen at its end.
      const stepMs = Math.min(1, heartbeatMs / 4);
      for (let step = 0; step < 3_000; step++) {
        time.pass(stepMs);
        if (random.below(2 * heartbeatMs / stepMs) === 0) tap.offer("decoded", step);
        await settle();
      }
      assert(longest > heartbeatMs / 2, `a beat every ${longest} ms`);
      assert(longest <= heartbeatMs, `silent for ${longest} of ${heartbeatMs} ms`);
      tap.close();
      await end;
      assertEquals(time.armed, 0);
    }
  });
}

test("A stream has no empty lines while events come", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = chunksOf(await ask(tapHandler(tap, { heartbeatMs: 100 })));
  await helloOf(chunks);
  for (let id = 0; id < 50; id++) {
    const next = waitFor(chunks);
    await settle();
    time.pass(45);
    tap.offer("decoded", id);
    await settle();
    assertEquals(next.text, `${id}\n`);
  }
  await chunks.cancel();
});

test("tapHandler() does not pile up signs of life for a reader that has stalled", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const handler = tapHandler(tap, { heartbeatMs: 100 });
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=5m"));
  await helloOf(chunks);
  // It waits for an event when it gets a sign, and takes nothing after that.
  const beat = waitFor(chunks);
  await settle();
  time.pass(100);
  await settle();
  assertEquals(beat.text, "\n");
  time.pass(300_000);
  await settle();
  assertMatch(await restOf(chunks), /^\n?{"weir_tap_summary":.*"reason":"slow_reader"/);
});

test("The bytes of a silent stream are counted too", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = chunksOf(await ask(tapHandler(tap, { heartbeatMs: 100 })));
  const first = (await chunks.next())!;
  const beat = waitFor(chunks);
  await settle();
  time.pass(100);
  await settle();
  assertEquals([beat.text, tap.stats().bytes], ["\n", first.length + 1]);
  await chunks.cancel();
});
