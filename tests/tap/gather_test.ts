import { assert, assertEquals } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { type Chunks, chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, parse, waitFor } from "./_streams.ts";
import { settle } from "./_wait.ts";

/** So many chunks come at once, one for each event, before the next ones wait. */
const QUICK = 8;

/** A reader that has got so many events, each at once, that the next ones wait for others. */
async function hurried(tap: Tap, query = ""): Promise<Chunks> {
  const chunks = chunksOf(await ask(tapHandler(tap), `?stage=raw&duration=1m${query}`));
  await chunks.next();
  for (let count = 0; count < QUICK; count++) {
    const chunk = waitFor(chunks);
    await settle();
    tap.offer("raw", `quick ${count}`);
    await settle();
    assertEquals(chunk.text, `quick ${count}\n`);
  }
  return chunks;
}

test("Events that come one by one, and fast, come together after two milliseconds", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = await hurried(tap);
  const chunk = waitFor(chunks);
  await settle();
  tap.offer("raw", "a");
  await settle();
  time.pass(1);
  tap.offer("raw", "b");
  await settle();
  assertEquals(chunk.text, undefined);
  time.pass(1);
  await settle();
  assertEquals(chunk.text, "a\nb\n");
  // It was worth it, so the next one waits too; and as that was not, the one behind it comes at once.
  const alone = waitFor(chunks);
  await settle();
  tap.offer("raw", "c");
  await settle();
  assertEquals(alone.text, undefined);
  time.pass(2);
  await settle();
  assertEquals(alone.text, "c\n");
  const prompt = waitFor(chunks);
  await settle();
  tap.offer("raw", "d");
  await settle();
  assertEquals(prompt.text, "d\n");
  await chunks.cancel();
  assertEquals(time.armed, 0);
});

test("Events do not wait for others until their buffer is full", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 6 });
  const chunks = await hurried(tap);
  const chunk = waitFor(chunks);
  await settle();
  // The first one is in nobody's way.
  for (let id = 0; id < 4; id++) {
    assertEquals(chunk.text, undefined);
    tap.offer("raw", `${id}`);
    await settle();
  }
  assertEquals(chunk.text, "0\n1\n2\n3\n");
  assertEquals(tap.sessions[0]!.dropped, 0);
  await chunks.cancel();
  assertEquals(time.armed, 0);
});

test("The end of a session, and a reader that goes, end the wait for more events", async () => {
  for (const end of ["close", "limit", "cancel"]) {
    using time = new FakeTime();
    const tap = new Tap();
    const chunks = await hurried(tap, end === "limit" ? `&limit=${QUICK + 1}` : "");
    const chunk = waitFor(chunks);
    await settle();
    const [session] = tap.sessions;
    tap.offer("raw", "last");
    await settle();
    if (end === "close") tap.close();
    if (end === "cancel") await chunks.cancel();
    await settle();
    if (end === "cancel") assertEquals(session!.stats().undelivered, 1);
    else {
      assertEquals(chunk.text, "last\n", end);
      const { summary } = parse(`{"weir_tap_hello":{}}\n${await chunks.next()}`);
      assertEquals([summary.captured, summary.undelivered], [QUICK + 1, 0]);
    }
    assertEquals(time.armed, 0, end);
  }
});

test("Nobody who asks for signs of life more often than that waits for events", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const handler = tapHandler(tap, { heartbeatMs: 10 });
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=1m"));
  await chunks.next();
  for (let count = 0; count < 3 * QUICK; count++) {
    const chunk = waitFor(chunks);
    await settle();
    tap.offer("raw", `${count}`);
    await settle();
    assertEquals(chunk.text, `${count}\n`);
  }
  await chunks.cancel();
  assert(time.armed === 0);
});
